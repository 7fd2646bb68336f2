"""`honk init | doctor | schema`."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from honk import settings as settings_module
from honk.core.errors import HonkError, UserError
from honk.settings import Settings
from honk.wiring import checks


def init_command(path: Path, *, force: bool) -> int:
    """Write .honk.yml from what the committed files say, and tell what was found."""
    proposal = checks.propose(path)
    target = proposal.folder / ".honk.yml"
    if target.exists() and not force:
        raise UserError(f"{target} exists already.", "Give --force to replace it.")
    target.write_text(proposal.text)
    for reason in proposal.reasons or ("nothing that honk knows how to verify",):
        print(f"found: {reason}", file=sys.stderr)
    print(f"Wrote {target}. It counts once it is committed on the base branch.", file=sys.stderr)
    return 0


@dataclass(frozen=True)
class Finding:
    """One line of `honk doctor`. ``mend`` says what to do if it is not good."""

    name: str
    good: bool
    detail: str
    mend: str = ""


def _check(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except HonkError as error:
        return Finding(name, False, error.message, error.hint)


def doctor_command(repo: str | None, *, json: bool, config: Path | None) -> int:
    settings = settings_module.load(config)
    findings = [_check(name, look) for name, look in _checks(settings, repo)]
    if json:
        print(jsonlib.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            print(f"{'ok ' if finding.good else 'BAD'} {finding.name}: {finding.detail}")
            if not finding.good and finding.mend:
                print(f"    {finding.mend}")
    return 0 if all(finding.good for finding in findings) else 40


def _checks(settings: Settings, repo: str | None) -> list[tuple[str, Callable[[], str]]]:
    looks = [
        ("home", lambda: checks.check_home(settings)),
        ("database", lambda: checks.check_database(settings)),
        ("git", checks.check_git),
        ("engine", lambda: checks.check_engine(settings)),
        ("image", lambda: checks.check_image(settings)),
        ("model", lambda: checks.check_model(settings)),
        ("registries", lambda: checks.check_registries(settings)),
    ]
    if settings.mcp:
        looks.append(("mcp", lambda: checks.check_mcp(settings)))
    if settings.evidence_key is not None:
        looks.append(("evidence", lambda: checks.check_evidence(settings)))
    if settings.slack.bot_token is not None:
        looks.append(("slack", lambda: checks.check_slack(settings)))
    if settings.github.configured or repo is not None:
        looks.append(("repository", lambda: checks.check_repository(settings, repo)))
        looks.append(("workflows", lambda: checks.check_workflows(settings, repo)))
    return looks


def schema_command(name: str) -> int:
    from honk.core.events import Recorded
    from honk.core.repoconfig import RepoConfig
    from honk.core.types import RunResult

    types: dict[str, type] = {
        "run": RunResult,
        "config": RepoConfig,
        "events": Recorded,
        "settings": Settings,
    }
    if name not in types:
        raise UserError(f"There is no format {name!r}.", f"There are: {', '.join(types)}.")
    mode = "serialization" if name in ("run", "events") else "validation"
    schema = TypeAdapter(types[name]).json_schema(mode=mode)  # type: ignore[arg-type]
    if name == "settings":  # as honk.toml has them: nothing must be there, and some come from the system
        schema.pop("required", None)
        for field in ("user_home", "file", "environment"):
            del schema["properties"][field]
    print(jsonlib.dumps(schema, indent=2))
    return 0
