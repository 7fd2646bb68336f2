"""A world in which the whole pipeline runs hundreds of times: everything is real but Docker.

The model is a scripted service behind the real SDK over HTTP, git and the local forge are
real, the log is SQLite on disk; only the container is a folder of this machine.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from honk import settings as settings_module
from honk.core.cancel import Cancel
from honk.core.events import Recorded, RunRequested
from honk.core.limits import Limits
from honk.core.ports import EventStore
from honk.core.pulls import PullRequestRecord
from honk.core.reviews import Forge
from honk.core.sandbox import OpenSandbox
from honk.core.types import RepoRef, Request
from honk.forges.local import LocalForge
from honk.runs import run as runs
from honk.runs.pipeline import execute
from honk.runs.run import Run
from honk.settings import Settings
from honk.testing.sandbox import open_folder_sandbox
from honk.testing.scripted import Call, ScriptedModel, Step, Turn
from honk.wiring import Stores, assemble, open_mirror, open_model, open_stores, open_submodules
from honk.wiring.followups import link

APPROVE = Turn('{"verdict": "approve", "reasons": []}')
FINISH = Turn(calls=(Call("finish", {"title": "Say hello", "description": "It greets now."}),))


def bash(command: str) -> Turn:
    """A turn with one shell command."""
    return Turn(calls=(Call("bash", {"command": command}),))


GREET = bash("sed -i 's/bye/hello/' greet.sh")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_origin(folder: Path, files: dict[str, str]) -> Path:
    """A bare origin with one commit of ``files``."""
    work = folder / "work"
    work.mkdir(parents=True)
    git(work, "init", "-q")
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "First")
    origin = folder / "origin.git"
    git(folder, "clone", "-q", "--bare", str(work), str(origin))
    return origin


FILES = {
    "greet.sh": "echo bye\n",
    # Content with the base as it is, too: what it says then is the change's fault.
    "check.sh": 'sh greet.sh | grep -qxE "hello|bye" || { echo "greet.sh: expected hello"; exit 1; }\n',
    "AGENTS.md": "Keep it short.\n",
    ".honk.yml": "verify:\n  greeting: sh check.sh\n",
}


@dataclass
class World:
    """One origin, one HONK_HOME, one scripted model."""

    root: Path
    service: ScriptedModel
    settings: Settings
    stores: Stores
    origin: Path
    cancel: Cancel = field(default_factory=Cancel)
    run_id: str = "r0000000001"
    open_sandbox: OpenSandbox = open_folder_sandbox
    image: str = "sha256:folder"
    record: Path | None = None
    forge: Forge | None = None  # other than the local one

    @property
    def repo(self) -> RepoRef:
        return RepoRef(forge="local", name=str(self.origin), url=self.origin.as_uri())

    def request(self, **fields: object) -> Request:
        model = "anthropic:claude-sonnet-5-5"
        given = {"text": "say hello", "repo": self.repo, "model": model, "judge": model}
        return Request.model_validate({**given, **fields})

    def run(self, *, store: EventStore | None = None, limits: Limits | None = None, **fields: object) -> Run:
        """Start the run, or resume it if its log has begun; returns it when it ended (or raised)."""
        events = store or self.stores.events
        recorded = self.stores.events.read(self.run_id)
        fence = self.stores.leases.claim(self.run_id, "test")
        try:
            run = Run(self.run_id, events, fence, recorded)
            if recorded:
                runs.resume(run, limits or run.state.limits)
            else:
                request = self.request(**({"limits": limits} if limits else {}), **fields)
                link(self.stores, request, self.run_id)
                run.record(RunRequested(honk="0", request=request))
            for word in self.stores.inbox.look(self.run_id):
                run.hear(word)  # what was said while nobody worked on the run
            self._execute(run)
            return run
        finally:
            self.stores.leases.release(self.run_id, fence)

    def _execute(self, run: Run) -> None:
        request = run.state.request
        with ExitStack() as stack:
            opened = stack.enter_context(
                open_model(request.model, self.settings, notice=print, record=self.record)
            )
            mirror = stack.enter_context(open_mirror(self.settings, request.repo, cancel=self.cancel))
            bring = stack.enter_context(
                open_submodules(self.settings, mirror, request.repo, None, self.cancel)
            )
            services = assemble(
                self.settings,
                self.stores,
                request,
                model=opened,
                judge=opened,
                mirror=mirror,
                publisher=self.forge or LocalForge(self.stores.pulls),
                prepare=lambda plan, cancel: self.image,
                bring=bring,
                setup_asked=lambda: (),
                sweep=lambda: None,
                open_sandbox=self.open_sandbox,
                cancel=self.cancel,
                on_delta=lambda delta: None,
            )
            execute(run, services)

    def log(self) -> list[Recorded]:
        return self.stores.events.read(self.run_id)

    def pull_requests(self) -> list[PullRequestRecord]:
        branches = git(self.origin, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk/").split()
        found = [self.stores.pulls.of_branch(str(self.origin), "main", b) for b in branches]
        assert all(found), "a branch without a pull request"
        return [record for records in found for record in records]

    def branches(self) -> list[str]:
        return git(self.origin, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk/").split()

    def work_requests(self) -> list[object]:
        return [seen.body for seen in self.service.journal if not seen.judge]


class Worlds:
    """Makes worlds; each has its own folder."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root = root
        self._stack = stack
        self._count = 0

    def __call__(
        self,
        turns: Sequence[Step],
        judge: Sequence[Step] = (APPROVE,),
        files: dict[str, str] | None = None,
        compact: Sequence[Step] = (),
    ) -> World:
        self._count += 1
        root = self._root / str(self._count)
        origin = make_origin(root, FILES if files is None else files)
        service = self._stack.enter_context(ScriptedModel(turns, judge, compact))
        environ = {
            "HONK_HOME": str(root / "home"),
            "ANTHROPIC_API_KEY": "key-of-the-test",
            "ANTHROPIC_BASE_URL": service.url,
            "OPENAI_API_KEY": "key-of-the-test",
            "OPENAI_BASE_URL": f"{service.url}/v1",
            "HOME": str(root),
        }
        settings = settings_module.load(environ=environ)
        stores = self._stack.enter_context(open_stores(settings))
        return World(root=root, service=service, settings=settings, stores=stores, origin=origin)

    def rescript(self, world: World, turns: Sequence[Step], judge: Sequence[Step]) -> None:
        """Another model for the runs of ``world`` that begin from now on."""
        world.service = self._stack.enter_context(ScriptedModel(turns, judge))
        world.settings = world.settings.model_copy(update={"anthropic_base_url": world.service.url})
