"""The text of `.honk.yml` that `honk init` proposes."""

from __future__ import annotations

import json

from honk.verifiers.tree import Detection

_HEAD = """\
# How honk works on this repository. Read from the base branch only; every field is optional.
# `honk schema config` prints the format.
"""
_NO_COMMAND = """\
# Nothing was found that verifies a change: name at least one command.
# verify:
#   tests: "./run-tests"
"""


def propose(detection: Detection) -> str:
    """Valid YAML with what was detected, and the reasons as comments."""
    parts = [_HEAD, "".join(f"# {_comment(reason)}\n" for reason in detection.reasons)]
    if detection.setup:
        lines = "".join(f"  - {_quoted(line)}\n" for line in detection.setup)
        parts.append(f"# Run once, online, before a model works; the result is cached.\nsetup:\n{lines}")
    else:
        parts.append("# Commands to run once, online, before a model works.\n# setup:\n#   - ...\n")
    if detection.commands:
        named = (c for c in detection.commands if not c.replaces)  # that is for where nobody has named any
        lines = "".join(f"  {_quoted(c.name)}: {_quoted(c.command)}\n" for c in named)
        parts.append(f"# All of these must pass before there is a pull request.\nverify:\n{lines}")
    else:
        hint = '#   tests: "./run-tests"\n'
        parts.append(
            f"# Nothing was found that verifies a change: name at least one command.\n# verify:\n{hint}"
        )
    parts.append('# Paths that a change must not touch.\n# protect:\n#   - "migrations/**"\n')
    return "\n".join(part for part in parts if part)


def _quoted(text: str) -> str:
    """A JSON string, which is a YAML string, too, once no control character is left bare."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in quoted)


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
