"""What a person sees: plain lines in a pipe, a living view on a terminal, and nothing that steers it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from honk.testing.scripted import Call, Turn
from tests.e2e.installed import Installed, Installer, make_repo
from tests.world import FILES, bash

pytestmark = pytest.mark.docker

EVIL = "\x1b]0;pwned\x07\x1b[2J\x1b[31mevil\u202egnp\r"


def on_terminal(honk: Installed, *arguments: str) -> tuple[int, str]:
    """Run honk with a terminal for all its streams; its exit code and all that came."""
    leader, follower = pty.openpty()
    env = {**honk.env, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, "-m", "honk", *arguments],
        cwd=honk.root, env=env, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    seen = b""
    try:
        while data := os.read(leader, 65536):
            seen += data
    except OSError:  # Linux says so when the last process has closed its side
        pass
    finally:
        os.close(leader)
        honk.stack.callback(process.kill)
    return process.wait(60), seen.decode("utf-8", "replace")


def evil_honk(install: Installer) -> tuple[Installed, list[str]]:
    """A run in which request, model, tools, checks and file names all try to steer the terminal."""
    quoted = EVIL.replace("\x1b", r"\033").replace("\x07", r"\007").replace("\r", r"\r").replace("\u202e", "")
    edit = f"sed -i 's/bye/hello/' greet.sh; printf '{quoted}\\n' | tee evil.txt >&2; false"
    honk = install(
        [
            Turn(f"I think {EVIL}.", calls=bash(edit).calls),
            Turn(calls=(Call("edit", {"path": f"no{EVIL}.txt", "old": "a", "new": "b"}),)),
            Turn(calls=(Call("finish", {"title": f"Say {EVIL}", "description": f"Now {EVIL}"}),)),
        ],
        [Turn('{"verdict": "approve", "reasons": ["fine \\u001b]0;pwned\\u0007"]}')],
    )
    config = 'verify:\n  "greet\\e[2Jing": sh check.sh\n'
    origin = make_repo(honk.root / "o", {**FILES, ".honk.yml": config})
    return honk, [f"say hello {EVIL}", "--repo", str(origin)]


def harmless(text: str) -> None:
    assert "\x1b]" not in text, "a title or a link"
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert "\u202e" not in text


def test_a_terminal_gets_a_living_view_that_nothing_can_steer(install: Installer) -> None:
    honk, arguments = evil_honk(install)
    code, seen = on_terminal(honk, *arguments)
    assert code == 0, seen
    harmless(seen)
    assert "\x1b[31m" not in seen.replace("\x1b[1;31m", "")
    for words in ("working", "turn 3 of 100", "$0.00 of $5", "verifying", "published: Pull request opened."):
        assert words in seen
    assert seen.rstrip().splitlines()[-1].strip().startswith("git -C "), "the view is gone at the end"
    run_id = honk.run_id()
    for command in ("show", "logs", "diff"):
        code, seen = on_terminal(honk, command, run_id)
        assert code == 0
        harmless(seen)
        assert "hello" in seen


@pytest.mark.full
def test_no_color_is_honoured(install: Installer) -> None:
    honk, arguments = evil_honk(install)
    honk.env["NO_COLOR"] = "1"
    code, seen = on_terminal(honk, *arguments)
    assert code == 0, seen
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;[\d;]+)m", seen)


def test_a_pipe_gets_plain_lines(install: Installer) -> None:
    honk, arguments = evil_honk(install)
    done = honk.honk(*arguments)
    assert done.code == 0, done.err
    assert done.out == ""
    assert "\x1b" not in done.err
    assert "> finish: Say evil" in done.err
    assert "  [exit code 1]" in done.err
    logs = honk.honk("logs", honk.run_id()).out
    harmless(logs)
    assert "  | evil" in logs
    assert "  | [exit code 1]" in logs
    harmless(honk.honk("show", honk.run_id()).out)
