"""The session's sandbox: opened when needed, restored from the log, checkpointed after turns."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from types import TracebackType

from honk.core.errors import Cancelled, Exhausted, HandOverError, HonkError, InfrastructureError
from honk.core.events import Checkpointed, RegistryAsked, SandboxStarted
from honk.core.sandbox import Sandbox, SandboxSpec
from honk.runs.run import Run
from honk.runs.services import Plan, Services, Verifying

EMPTY_TAR = bytes(1024)  # two zero blocks end a tar archive (POSIX.1, pax)


class Workshop:
    """A context manager around the one sandbox of a run's session."""

    def __init__(self, run: Run, services: Services, plan: Plan) -> None:
        self._run = run
        self._services = services
        self._plan = plan
        self._stack = ExitStack()
        self._box: Sandbox | None = None
        self._frozen = False
        self._changed: set[bytes] = set()
        self._deleted: set[bytes] = set()

    def __enter__(self) -> Workshop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, Cancelled | Exhausted | InfrastructureError):
                self._rescue()
        finally:
            self._stack.close()

    def _rescue(self) -> None:
        """A turn was interrupted: keep what it changed so far, if the companion still answers."""
        with suppress(HonkError):
            self.save()

    @property
    def box(self) -> Sandbox | None:
        """The sandbox if it is open."""
        return self._box

    def open(self) -> Sandbox:
        """The sandbox, running: started from the last checkpoint, or thawed after a freeze."""
        if self._box is None:
            image = image_of(self._run, self._services, self._plan)
            spec = self._spec(image)
            self._box = self._stack.enter_context(self._services.open_sandbox(spec, self._services.cancel))
            self._run.record(SandboxStarted(image=image))
        elif self._frozen:
            self._box.thaw()
            self._frozen = False
        return self._box

    def _spec(self, image: str) -> SandboxSpec:
        state, mirror = self._run.state, self._services.mirror
        base = base_sha(self._run)
        pack, shallow = mirror.seed(base, history(self._run))
        packs: tuple[bytes, ...] = (pack,)
        checkout = base
        if state.checkpoint is not None:
            packs = (pack, self._services.artifacts.get(state.checkpoint.artifact))
            checkout = state.checkpoint.commit
        return SandboxSpec(
            run_id=self._run.id,
            role="work",
            image=image,
            packs=packs,
            shallow=shallow,
            head=base,
            checkout=checkout,
            submodules=self._plan.submodules.seed(),
        )

    def save(self) -> None:
        """Checkpoint the changed files, if any, and log what the package proxy was asked."""
        box = self._box
        if box is None or self._frozen:
            return
        if asked := box.asked():
            self._run.record(RegistryAsked(requests=asked))
        if self._run.state.planning:
            return  # what is changed before the plan is approved is thrown away
        try:
            changes = box.tree.scan()
        except HandOverError:
            return  # too deep or too large to be read: the freeze tells the model
        if not changes:
            return
        self._changed = (self._changed | set(changes.changed)) - set(changes.deleted)
        self._deleted = (self._deleted | set(changes.deleted)) - set(changes.changed)
        try:
            commit = self._commit_changed(box)
        except HandOverError:
            return  # kept for the next turn; if it stays, the freeze tells the model why
        self._changed.clear()
        self._deleted.clear()
        base = base_sha(self._run)
        previous = self._run.state.checkpoint
        if commit == (previous.commit if previous else base):
            return  # only files that the ignore rules cover
        artifact = self._services.artifacts.put(self._services.mirror.pack(commit, base))
        self._run.record(Checkpointed(artifact=artifact, commit=commit))

    def _commit_changed(self, box: Sandbox) -> str:
        previous = self._run.state.checkpoint
        base = base_sha(self._run)
        with box.tree.export(sorted(self._changed)) as stream:
            return self._services.mirror.commit(
                stream,
                base=base,
                message="honk checkpoint",
                previous=previous.commit if previous else base,
                deleted=sorted(self._deleted),
            )

    def freeze(self, message: str, parents: tuple[str, ...] = ()) -> str:
        """Kill what the model may have started and hand the tree over as a commit on the base.

        After a crash there is no sandbox, and the checkpoint made before the session
        ended is the tree. Raises HandOverError.
        """
        base, mirror = base_sha(self._run), self._services.mirror
        if self._box is None:
            checkpoint = self._run.state.checkpoint
            if checkpoint is None:
                return base
            mirror.unpack(self._services.artifacts.get(checkpoint.artifact))
            return mirror.commit(
                (EMPTY_TAR,), base=base, message=message, previous=checkpoint.commit, parents=parents
            )
        self._box.freeze()
        self._frozen = True
        if asked := self._box.asked():
            self._run.record(RegistryAsked(requests=asked))
        with self._box.tree.export() as stream:
            return mirror.commit(stream, base=base, message=message, parents=parents)


def image_of(run: Run, services: Verifying, plan: Plan) -> str:
    """Id of the sandbox's image; what its setup asked of registries goes to the log."""
    try:
        return plan.image(services.cancel)
    finally:
        if asked := services.setup_asked():
            run.record(RegistryAsked(requests=asked))


def history(run: Run) -> int:
    """Commits of history for a sandbox; a merge needs its parents there."""
    return max(run.state.request.depth, 2 if run.state.followed else 1)


def base_sha(run: Run) -> str:
    """The commit that the run changes. Raises ValueError before it is resolved."""
    if run.state.base is None:
        raise ValueError("the base of this run is not resolved yet")
    return run.state.base.base.sha


def rules_sha(run: Run) -> str:
    """The commit whose rules hold and whose failures are forgiven: of a follow-up, the base branch's.

    A pull request must not become the measure of itself, least of all one with failing checks.
    """
    return run.state.followed.trusted if run.state.followed is not None else base_sha(run)
