"""The services of one run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from honk.agent.calls import Caller
from honk.agent.judge import Judge
from honk.agent.session import Toolbox
from honk.core.cancel import Cancel
from honk.core.messages import TextDelta, ToolCall, ToolResult
from honk.core.ports import Mirror as MirrorPort
from honk.core.reviews import Forge
from honk.core.sandbox import OpenSandbox, Sandbox, SandboxSpec
from honk.core.types import Base, Finding, RepoRef, Request
from honk.forges.context import issue_reference
from honk.forges.text import BODY_LIMIT, sanitise, sanitise_title, units
from honk.git.refs import branch_name
from honk.planning import Prepare, make_plan
from honk.runs.services import Services, Wording
from honk.settings import Settings
from honk.tools.specs import FINISH, PROPOSE_PLAN, VERIFY
from honk.tools.tool import ToolContext, answered, run_tool
from honk.tools.toolset import toolset
from honk.verifiers.commands import check, feedback, needs_setup
from honk.verifiers.compare import compare, settle, weakened
from honk.wiring.evidence import signer
from honk.wiring.followups import followups
from honk.wiring.models import OpenModel, context_window, open_model, pricing
from honk.wiring.repositories import open_forge, open_mirror, open_submodules
from honk.wiring.sandboxes import Engine
from honk.wiring.stores import Stores

if TYPE_CHECKING:
    from honk.git.mirror import Mirror
    from honk.git.submodules import Brought
    from honk.tools.servers import ServerTool

Notice = Callable[[str], None]

SHORTEST_SECRET = 6  # characters, as for the gate that looks for known values


@dataclass(frozen=True)
class Prepared:
    """What :func:`services` gives: ``repo`` as its forge names it today; ``replayed`` says that
    the session is a recorded one."""

    services: Services
    repo: RepoRef
    replayed: bool


@contextmanager
def services(
    settings: Settings,
    stores: Stores,
    request: Request,
    *,
    cancel: Cancel,
    on_delta: Callable[[TextDelta], None],
    notice: Notice,
    record: Path | None = None,
    resumed: str | None = None,
) -> Iterator[Prepared]:
    """All that a run needs, on Docker. ``resumed`` is the id of a run that goes on.

    Raises UserError for what is wrong before anything begins: an unknown model or price, a
    missing credential, a repository that cannot be used.
    """
    mask = masking(settings.secrets())
    with ExitStack() as stack:
        opened = stack.enter_context(open_model(request.model, settings, notice=notice, record=record))
        judge = opened
        if request.judge is not None and request.judge != request.model:
            judge = stack.enter_context(
                open_model(request.judge, settings, notice=notice, record=record, judge=True)
            )
        repo, publisher, mirror, bring = _repository(request, settings, stores, cancel, notice, stack)
        served = stack.enter_context(_servers(settings, repo, cancel))
        engine = Engine(settings, notice, mask)
        stack.callback(engine.close)
        assembled = assemble(
            settings,
            stores,
            request,
            model=opened,
            judge=judge,
            mirror=mirror,
            publisher=publisher,
            prepare=lambda plan, cancelled: engine.prepare(plan, mirror, cancelled),
            bring=bring,
            setup_asked=engine.asked,
            sweep=lambda: engine.sweep(stores.leases, resumed),
            open_sandbox=partial(_open_sandbox, engine, opened),
            cancel=cancel,
            on_delta=on_delta,
            served=served,
        )
        yield Prepared(assembled, repo, opened.replayed)


@contextmanager
def _open_sandbox(engine: Engine, model: OpenModel, spec: SandboxSpec, cancel: Cancel) -> Iterator[Sandbox]:
    """An OpenSandbox; while the engine starts the containers, this process imports the model's SDK.

    Not earlier: beside other work of Python's the two threads would only take the interpreter
    from each other, which costs both of them a fifth more.
    """
    threading.Thread(target=model.warm, name="import-sdk", daemon=True).start()
    with engine.open_sandbox(spec, cancel) as box:
        yield box


def clear_sandboxes(settings: Settings, stores: Stores, run_id: str) -> None:
    """Remove what the dead process of a run left on the engine. Raises SandboxError."""
    engine = Engine(settings.model_copy(update={"no_install": True}), lambda text: None)
    try:
        engine.sweep(stores.leases, run_id)
    finally:
        engine.close()


def _servers(
    settings: Settings, repo: RepoRef, cancel: Cancel
) -> AbstractContextManager[tuple[ServerTool, ...]]:
    """The operator's MCP servers whose tools a run on ``repo`` may call."""
    servers = [s for s in settings.mcp if any(fnmatchcase(repo.name, glob) for glob in s.repositories)]
    if not servers:
        return nullcontext(())
    from honk.tools.servers import open_servers

    return open_servers(servers, cancel)


def _repository(
    request: Request, settings: Settings, stores: Stores, cancel: Cancel, notice: Notice, stack: ExitStack
) -> tuple[RepoRef, Forge, Mirror, Callable[[Base], Brought]]:
    repo, depth = request.repo, request.depth
    publisher: Forge
    if repo.forge == "local":
        from honk.forges.local import LocalForge

        forge, publisher = None, LocalForge(stores.pulls)
    else:
        forge = publisher = open_forge(settings, cancel=cancel, notice=notice)
        stack.callback(forge.close)
        repo = forge.resolve(repo)  # a renamed repository is found before git runs
    mirror = stack.enter_context(open_mirror(settings, repo, forge, depth=depth, cancel=cancel))
    bring = stack.enter_context(open_submodules(settings, mirror, repo, forge, cancel))
    return repo, publisher, mirror, bring


def assemble(
    settings: Settings,
    stores: Stores,
    request: Request,
    *,
    model: OpenModel,
    judge: OpenModel,
    mirror: MirrorPort,
    publisher: Forge,
    prepare: Prepare,
    bring: Callable[[Base], Brought],
    setup_asked: Callable[[], tuple[str, ...]],
    sweep: Callable[[], None],
    open_sandbox: OpenSandbox,
    cancel: Cancel,
    on_delta: Callable[[TextDelta], None],
    served: tuple[ServerTool, ...] = (),
) -> Services:
    """Put ready adapters together. Raises UserError if a price is unknown."""
    hidden = settings.secrets()
    # A repository may want a judge where the request wants none: then it is the run's own model.
    judges = model.priced if request.judge is None else judge.judge_priced
    return Services(
        mirror=mirror,
        publisher=publisher,
        model=Caller(model.model, pricing(model.priced, settings), on_delta, cancel),
        window=context_window(model.priced, settings),
        judge=Judge(Caller(judge.model, pricing(judges, settings), on_delta, cancel)),
        followups=followups(stores, request, publisher),
        plan=lambda asked_for, base, trusted: make_plan(
            asked_for, base, mirror, settings, prepare, bring, trusted
        ),
        setup_asked=setup_asked,
        sweep=sweep,
        open_sandbox=open_sandbox,
        toolbox=partial(_toolbox, model, masking(hidden), served, request.plan),
        check=check,
        compare=compare,
        settle=settle,
        weakened=weakened,
        feedback=feedback,
        needs_setup=needs_setup,
        wording=_wording(request, hidden),
        config=settings.file,
        sign=signer(settings),
        branch=branch_name,
        artifacts=stores.artifacts,
        inbox=stores.inbox,
        baselines=stores.baselines,
        cancel=cancel,
    )


def _wording(request: Request, hidden: tuple[str, ...]) -> Wording:
    def scan(text: str) -> tuple[Finding, ...]:
        from honk.gates import scan_text

        return scan_text(text, hidden)

    def issue(text: str) -> int | None:
        return issue_reference(text, request.repo)

    return Wording(
        title=sanitise_title,
        body=sanitise,
        scan=scan,
        issue=issue,
        mask=masking(hidden),
        units=units,
        body_limit=BODY_LIMIT,
    )


def _toolbox(
    model: OpenModel,
    mask: Callable[[str], str],
    served: tuple[ServerTool, ...],
    plan: bool,
    box: Sandbox,
    verify: Callable[[], str],
    seconds: Callable[[], float],
) -> Toolbox:
    tools = toolset(model.model.dialect)
    elsewhere = {tool.spec.name: tool for tool in served}

    def run(call: ToolCall) -> ToolResult:
        if call.name == VERIFY.name:
            return ToolResult(call_id=call.id, name=call.name, text=mask(verify()))
        if (other := elsewhere.get(call.name)) is not None:
            result = answered(call, lambda: other.run(call))
        else:
            context = ToolContext(shell=box.shell, files=box.files, command_seconds=seconds())
            result = run_tool(tools, call, context)
        outputs = tuple(o.model_copy(update={"text": mask(o.text)}) for o in result.outputs)
        return result.model_copy(update={"text": mask(result.text), "outputs": outputs})

    specs = (*(tool.spec for tool in tools), *(tool.spec for tool in served), VERIFY, FINISH)
    if plan:  # also once it is approved: the tools of a run never change, or its cached prefix would
        specs = (*specs, PROPOSE_PLAN)
    return Toolbox(specs=specs, run=run)


def masking(hidden: tuple[str, ...]) -> Callable[[str], str]:
    """A function that takes known secret values out of a text; very short ones would garble it."""
    hidden = tuple(sorted((s for s in hidden if len(s) >= SHORTEST_SECRET), key=len, reverse=True))

    def mask(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "[secret]")
        return text

    return mask
