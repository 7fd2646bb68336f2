"""What a person sees: plain lines in a pipe, a living view on a terminal, and nothing that steers it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from honk.testing.scripted import Call, Hang, Turn
from tests.e2e.installed import Installed, Installer, make_repo
from tests.world import FILES, FINISH, GREET, bash

pytestmark = pytest.mark.docker

EVIL = "\x1b]0;pwned\x07\x1b[2J\x1b[31mevil\u202egnp\r"


QUESTION = b"Go ahead?"


def on_terminal(honk: Installed, *arguments: str, answers: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run honk with a terminal for all its streams; its exit code and all that came.

    ``answers`` are typed in, one at each question.
    """
    waiting = list(answers)
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
            if waiting and seen.count(QUESTION) > len(answers) - len(waiting):
                os.write(leader, waiting.pop(0).encode())
    except OSError:  # Linux says so when the last process has closed its side
        pass
    finally:
        os.close(leader)
        honk.stack.callback(process.kill)
    return process.wait(60), seen.decode("utf-8", "replace")


@pytest.mark.full
def test_a_terminal_that_closes_ends_the_run_in_order(install: Installer) -> None:
    honk = install([GREET, Hang()])
    origin = make_repo(honk.root / "o")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "honk", "say hello", "--repo", str(origin)],
        cwd=honk.root, env={**honk.env, "TERM": "xterm"}, preexec_fn=lambda: os.login_tty(follower),
    )  # fmt: skip
    honk.stack.callback(process.kill)
    os.close(follower)
    assert honk.service.hanging.wait(100)
    os.close(leader)  # the kernel sends SIGHUP, and whatever is written from now on fails
    assert process.wait(60) == 130
    shown = honk.honk("show", honk.run_id()).out
    assert "(cancelled)" in shown and "Stopped by SIGHUP." in shown
    assert "+echo hello" in honk.honk("diff", honk.run_id()).out
    assert honk.leftovers() == []


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
        [Turn('{"verdict": "refuse", "reasons": ["bad \\u001b]0;pwned\\u0007"]}')],
    )
    config = 'verify:\n  "greet\\e[2Jing": sh check.sh\n'
    origin = make_repo(honk.root / "o", {**FILES, ".honk.yml": config})
    return honk, [f"say hello {EVIL}", "--repo", str(origin), "--judge-mode", "advisory"]


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


def planning(install: Installer) -> tuple[Installed, list[str]]:
    """A run that plans, and plans again for words, before it works."""
    plans = [Turn(calls=(Call("propose_plan", {"plan": text}),)) for text in (f"1. Greet {EVIL}", "2. Hello")]
    honk = install([*plans, GREET, FINISH])
    return honk, ["run", "say hello", "--plan", "--repo", str(make_repo(honk.root / "o"))]


@pytest.mark.full
def test_a_person_at_the_terminal_amends_and_approves_a_plan(install: Installer) -> None:
    honk, arguments = planning(install)
    code, seen = on_terminal(honk, *arguments, answers=("not so loud\n", "\n", "y\n"))
    assert code == 0, seen
    harmless(seen)
    assert seen.index("1. Greet") < seen.index("not so loud") < seen.index("2. Hello")
    assert "the plan is approved by" in seen and "published: Pull request opened." in seen
    kinds = [recorded.event.kind for recorded in honk.log()]
    assert (kinds.count("planned"), kinds.count("plan_approved"), kinds.count("run_ended")) == (2, 1, 3)
    declined, arguments = planning(install)
    code, seen = on_terminal(declined, *arguments, answers=("n\n",))
    assert code == 130, seen
    assert declined.honk("show", declined.run_id()).out.count("The plan was declined.") == 1
    assert honk.leftovers() == declined.leftovers() == []


@pytest.mark.full
def test_without_a_terminal_the_plan_waits_and_the_next_command_is_named(install: Installer) -> None:
    honk, arguments = planning(install)
    waiting = honk.honk(*arguments)
    run_id = honk.run_id()
    assert waiting.code == 12, waiting.err
    harmless(waiting.err)
    assert "  1. Greet" in waiting.err
    assert f"The plan waits:\n  honk approve {run_id}\n" in waiting.err
    assert honk.leftovers() == []
    assert f"{run_id}  planned" in honk.honk("runs").out
    shown = honk.honk("show", run_id)
    assert "reason    The plan waits for a person's approval." in shown.out and "1. Greet" in shown.out
    again = honk.honk("resume", run_id, "--json")
    assert (again.code, again.result.plan, again.result.turns) == (12, f"1. Greet {EVIL}", 1)
    amended = honk.honk("say", run_id, "not so loud")
    assert amended.code == 12 and "  2. Hello" in amended.err, amended.err
    done = honk.honk("approve", run_id, "--json")
    assert (done.code, done.result.outcome, done.result.plan) == (0, "published", "2. Hello"), done.err
    assert honk.leftovers() == []
