"""What the base commit and the operator say about a run: checks, image, guidance, rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.judgement import strictest
from honk.core.limits import Limits
from honk.core.ports import Source
from honk.core.repoconfig import RepoConfig
from honk.core.types import Base, Change, Finding, Request
from honk.forges.context import codeowners, find_template, owners
from honk.git.submodules import Brought, Present
from honk.runs.services import Guidance, Plan, Submodules
from honk.settings import Settings, parse_repo_config
from honk.verifiers.commands import needs_setup, resolve
from honk.verifiers.detection import Detection, affected, detect

CONFIG_FILE = ".honk.yml"
# To the engine, names in Docker's own registry are the local ones without it.
_PREPARED = re.compile(r"(?:(?:index\.)?docker\.io/)?(?:library/)?honk-(?:setup|dockerfile)\b")
GUIDANCE_LIMIT = 8_000
"""Characters of one guidance file that the model is shown."""


@dataclass(frozen=True)
class ImagePlan:
    """What the sandbox's image is made from. ``declared`` setup commands must succeed;
    detected ones are tried, and the run goes on with a notice if they fail."""

    image: str | None
    dockerfile: str | None
    toolchains: frozenset[str]
    setup: tuple[str, ...]
    declared: bool
    key: str  # repository, branch, and what of the base commit setup uses (with its submodules)
    base: Base
    depth: int
    submodules: tuple[Present, ...]


Prepare = Callable[[ImagePlan, Cancel], str]


def read_config(files: Mapping[str, str], source: Source) -> RepoConfig:
    """``.honk.yml`` of a commit; the defaults if it has none. Raises UserError."""
    blob = files.get(CONFIG_FILE)
    if blob is None:
        return RepoConfig()
    try:
        return parse_repo_config(source.read(blob).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{CONFIG_FILE} is not UTF-8 text.", "Mend it on the base branch.") from error


def make_plan(
    request: Request,
    base: Base,
    source: Source,
    settings: Settings,
    prepare: Prepare,
    bring: Callable[[Base], Brought],
    trusted: str | None = None,
) -> Plan:
    """Derive the plan of a run from its base commit; the same commit gives the same plan.

    ``bring`` fetches the submodules of the base. ``trusted`` is the commit whose rules hold
    where that is not the base itself: a follow-up builds upon a branch that a model wrote to.
    """
    rules = base.model_copy(update={"sha": trusted or base.sha})
    files = source.files(rules.sha)
    config = read_config(files, source)
    named = request.image or config.image or config.dockerfile
    detection = detect(files, source.read, stock=not named)
    brought = bring(base)
    of_image = brought if rules == base else bring(rules)
    image = _image_plan(request, rules, files, config, detection, of_image)

    commands = resolve(request.verify, config, detection)

    def gates(change: Change, allowed: tuple[str, ...]) -> tuple[Finding, ...]:
        from honk.gates import GatePolicy, combined, inspect  # first needed when there is a change

        policy = GatePolicy(
            protect=(*settings.protect, *config.protect),
            allow=(*request.allow, *allowed),
            secrets=settings.secrets(),
            modes=combined(settings.gates, config.gates),
            request=request.text,
        )
        return inspect(change, source, policy)

    return Plan(
        commands=commands,
        affected=partial(affected, commands),
        setup=image.setup,
        setup_declared=image.declared,
        submodules=_submodules(brought),
        guidance=_guidance(files, source, config),
        template=_template(files, source, config),
        title=config.pull_request.title,
        labels=(*settings.labels, *config.pull_request.labels),
        reviewers=_reviewers(files, source, config),
        notices=(*_notices(files, source, brought), *(() if commands else detection.reasons)),
        limits=config.limits or Limits(),
        judge=strictest("off" if request.judge is None else request.judge_mode, config.judge or "off"),
        image=cache(partial(prepare, image)),
        inspect=gates,
    )


def _image_plan(
    request: Request,
    base: Base,
    files: Mapping[str, str],
    config: RepoConfig,
    detection: Detection,
    brought: Brought,
) -> ImagePlan:
    if config.image and _PREPARED.match(config.image):
        raise UserError(
            f".honk.yml names {config.image}, an image that honk prepared for some repository.",
            "Name the image that it was made from.",
        )
    setup = config.setup or detection.setup
    used = sorted(f"{path}:{blob}" for path, blob in files.items() if needs_setup(path, setup))
    modules = [f"{module.path}:{module.commit}" for module in brought.present]
    own = request.image or config.image or config.dockerfile
    return ImagePlan(
        image=request.image or config.image,
        dockerfile=None if request.image else config.dockerfile,
        toolchains=frozenset() if own else detection.toolchains,
        setup=setup,
        declared=bool(config.setup),
        # Setup sees the whole commit. Whoever controls another repository or branch must not
        # prepare, or see, this one's image because its manifests are the same.
        key="\n".join([base.repo.url, base.branch, *used, *modules]),
        base=base,
        depth=request.depth,
        submodules=brought.present,
    )


def _text(source: Source, blob: str) -> str:
    return source.read(blob).decode("utf-8", "replace")


def _guidance(files: Mapping[str, str], source: Source, config: RepoConfig) -> tuple[Guidance, ...]:
    found, seen = [], set()
    for path in config.guidance:
        blob = files.get(path)
        if blob is None or blob in seen:  # CLAUDE.md is often a copy of AGENTS.md
            continue
        seen.add(blob)
        found.append(Guidance(path=path, text=_text(source, blob)[:GUIDANCE_LIMIT]))
    return tuple(found)


def _template(files: Mapping[str, str], source: Source, config: RepoConfig) -> str | None:
    if config.pull_request.template is not None:
        return config.pull_request.template
    path = find_template(files)
    return None if path is None else _text(source, files[path])


def _reviewers(
    files: Mapping[str, str], source: Source, config: RepoConfig
) -> Callable[[Change], tuple[str, ...]]:
    def reviewers(change: Change) -> tuple[str, ...]:
        path = codeowners(files)
        found = owners(_text(source, files[path]), [f.path for f in change.files]) if path else ()
        return tuple(dict.fromkeys((*config.pull_request.reviewers, *found)))

    return reviewers


def _submodules(brought: Brought) -> Submodules:
    return Submodules(
        present=tuple(module.path for module in brought.present),
        absent=tuple(brought.absent),
        seed=lambda: tuple(module.seed() for module in brought.present),
    )


def _notices(files: Mapping[str, str], source: Source, brought: Brought) -> tuple[str, ...]:
    notices = []
    if (blob := files.get(".gitattributes")) and "filter=lfs" in _text(source, blob):
        notices.append("Files kept in Git LFS stay pointers in the sandbox and cannot be changed.")
    if brought.present:
        paths = _some([module.path for module in brought.present])
        notices.append(f"Submodules in the sandbox, read-only: {paths}.")
    if brought.absent:
        reasons = _some([f"{path} ({why})" for path, why in brought.absent.items()])
        notices.append(f"Submodules not in the sandbox: {reasons}.")
    return tuple(notices)


def _some(words: Sequence[str], limit: int = 10) -> str:
    """The first of many ``words``, as a list within a sentence."""
    rest = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {rest} more" if rest > 0 else "")
