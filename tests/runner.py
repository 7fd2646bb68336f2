"""A small runner of GitHub Actions: the steps of a composite action, as the real one runs them.

It knows what action.yml uses: `if` and `env` with expressions of inputs, steps' outputs and the
github context, `shell: bash` (which GitHub starts as below), the files for outputs and the
summary, and the runner's obedience to workflow commands in the log.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_COMMAND = re.compile(r"::([\w-]+)(?: ([^:]*))?::(.*)")


@dataclass
class Ran:
    """``commands`` are the workflow commands that the runner would have obeyed, as (name, text)."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str
    commands: list[tuple[str, str]]


@dataclass
class Runner:
    """``env`` is the job's environment, ``github`` the context of that name."""

    action: Path
    temp: Path
    env: Mapping[str, str]
    github: Mapping[str, str]
    steps: dict[str, dict[str, str]] = field(default_factory=dict)

    def run(self, **inputs: str) -> Ran:
        """Run the action; inputs are given with underscores for hyphens."""
        text: dict[str, Any] = yaml.safe_load((self.action / "action.yml").read_text())
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert set(given) <= set(text["inputs"]), "GitHub warns of an input that is not declared"
        self._inputs = {
            name: given.get(name, self._text(str(declared.get("default", ""))))
            for name, declared in text["inputs"].items()
        }
        summary = self.temp / "summary.md"
        summary.touch()
        code, log = 0, ""
        for step in text["runs"]["steps"]:
            assert step["shell"] == "bash"
            if code == 0 and self._truth(step.get("if", "true")):
                code, said = self._step(step, summary)
                log += said
        outputs = {name: self._text(declared["value"]) for name, declared in text["outputs"].items()}
        return Ran(code, log, outputs, summary.read_text(), obeyed(log))

    def _step(self, step: Mapping[str, Any], summary: Path) -> tuple[int, str]:
        script = self.temp / "step.sh"
        script.write_text(step["run"])
        output = self.temp / f"output-{len(self.steps)}"
        output.touch()
        env = {
            **self.env,
            **{f"GITHUB_{name.upper()}": value for name, value in self.github.items() if name != "token"},
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            **{name: self._text(value) for name, value in step.get("env", {}).items()},
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(
            command, cwd=self.temp, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400
        )
        self.steps[step.get("id", f"step{len(self.steps)}")] = read_outputs(output.read_text())
        return done.returncode, done.stdout.decode()

    def _text(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._value(found[1]), text)

    def _value(self, expression: str) -> str:
        if "==" in expression or "!=" in expression:
            return str(self._truth(expression)).lower()
        if expression.startswith("'"):
            return expression.strip("'")
        match expression.split("."):
            case ["inputs", name]:
                return self._inputs[name]
            case ["github", name]:
                return self.github[name]
            case ["steps", name, "outputs", output]:
                return self.steps.get(name, {}).get(output, "")
        raise AssertionError(f"this runner does not know {expression}")

    def _truth(self, expression: str) -> bool:
        if expression == "true":
            return True
        left, operator, right = re.split(r"\s*(==|!=)\s*", expression)
        same = self._value(left).lower() == self._value(right).lower()  # GitHub ignores case
        return same if operator == "==" else not same


def read_outputs(text: str) -> dict[str, str]:
    """What GITHUB_OUTPUT says, in both forms."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        if heredoc := re.fullmatch(r"([\w-]+)<<(.+)", line):
            value = []
            for inner in lines:
                if inner == heredoc[2]:
                    break
                value.append(inner)
            found[heredoc[1]] = "\n".join(value)
        else:
            name, equals, value_ = line.partition("=")
            assert equals, f"the runner would refuse {line!r}"
            found[name] = value_
    return found


def obeyed(log: str) -> list[tuple[str, str]]:
    """The workflow commands of a log that are in force: none while they are stopped."""
    found, stopped = [], ""
    for line in log.splitlines():
        match = _COMMAND.match(line.lstrip())
        if stopped:
            stopped = "" if line.strip() == f"::{stopped}::" else stopped
        elif match and match[1] == "stop-commands":
            stopped = match[3]
        elif match:
            found.append((match[1], match[3]))
    return found


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """A job's environment: little of this process's own."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "DOCKER_HOST", "PIP_CERT", "PIP_CONFIG_FILE", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in kept if name in os.environ} | dict(extra)
