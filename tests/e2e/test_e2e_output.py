"""Standard output and standard error that are closed, full, or read no longer."""

from __future__ import annotations

import json
import sys

import pytest

from honk.core.events import RunEnded, RunRequested
from honk.core.types import Outcome, RepoRef, Request
from honk.testing.scripted import Hang
from honk.wiring import open_stores
from tests.e2e.installed import Done, Installed, Installer, make_repo, until
from tests.server.conftest import record
from tests.world import FINISH, GREET

RUN = "0123456789"
WORDS = "hello … 🦢"
PATCH = f"--- a/greet.sh\n+++ b/greet.sh\n@@ -1 +1 @@\n-bye\n+{WORDS}\n"

FULL, CLOSED = "/dev/full", "&-"
UNREAD = """
import os, sys
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-m", "honk", *sys.argv[2:]])
"""


def unread(stream: int) -> tuple[str, ...]:
    """honk with a pipe for this stream whose reader has gone."""
    return (sys.executable, "-c", UNREAD, str(stream))


def to(stream: int, where: str) -> tuple[str, ...]:
    """honk with this stream redirected as a shell does."""
    return ("sh", "-c", f'exec "$0" -m honk "$@" {stream}>{where}', sys.executable)


def buffered(install: Installer, *turns: Hang) -> Installed:
    """Output is buffered as it is for people, so that some of it fails only at the end."""
    honk = install([GREET, *turns, FINISH])
    del honk.env["PYTHONUNBUFFERED"]
    return honk


# ---- runs -------------------------------------------------------------------------------


@pytest.mark.docker
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(unread(2), id="unread"),
        pytest.param(to(2, FULL), id="full", marks=pytest.mark.full),
        pytest.param(to(2, CLOSED), id="closed", marks=pytest.mark.full),
    ],
)
def test_a_run_that_cannot_tell_of_itself_goes_on_to_its_own_end(
    install: Installer, program: tuple[str, ...]
) -> None:
    honk = buffered(install)
    arguments = ("run", "say hello", "--repo", str(make_repo(honk.root / "o")), "--base", "nope")
    assert honk.start(*arguments, program=program).end() == Done(2, "", "")
    ended = honk.log()[-1].event
    assert isinstance(ended, RunEnded) and "has no branch nope" in ended.reason


@pytest.mark.docker
@pytest.mark.full
def test_the_exit_code_of_a_run_is_its_own_where_its_result_cannot_be_written(install: Installer) -> None:
    honk = buffered(install)
    arguments = ("run", "say hello", "--repo", str(make_repo(honk.root / "o")), "--base", "nope", "--json")
    full = honk.start(*arguments, program=to(1, FULL)).end()
    assert full.code == 2 and "honk: Standard output cannot be written: No space left" in full.err
    gone = honk.start(*arguments, program=unread(1)).end()
    assert gone.code == 2 and "Standard output" not in gone.err
    assert "Traceback" not in full.err + gone.err


@pytest.mark.docker
@pytest.mark.full
def test_a_reader_that_leaves_a_run_costs_it_nothing(install: Installer) -> None:
    honk = buffered(install, Hang())
    origin = make_repo(honk.root / "o")
    script = '{ "$0" -m honk "$@" 2>&1; echo $? > code; } | grep -m1 "sandbox started"'
    piped = honk.start("say hello", "--repo", str(origin), program=("sh", "-c", script, sys.executable))
    assert honk.service.hanging.wait(100)
    honk.honk("cancel", honk.run_id())
    assert "sandbox started" in piped.end().out
    code = honk.root / "code"
    assert until(lambda: code.read_text() if code.exists() else None) == "130\n"
    assert "+echo hello" in honk.honk("diff", honk.run_id()).out
    assert honk.leftovers() == []


# ---- views ------------------------------------------------------------------------------


@pytest.fixture
def viewed(install: Installer) -> Installed:
    """honk with one run in its log that ended with a patch."""
    honk = buffered(install)
    repo = RepoRef(forge="local", name="/srv/o", url="file:///srv/o")
    asked = Request(text=f"say {WORDS}", repo=repo, model="anthropic:claude-sonnet-5-5")
    with open_stores(honk.settings) as stores:
        patch = stores.artifacts.put(PATCH.encode())
        ended = RunEnded(outcome=Outcome.UNVERIFIED, reason="No.", patch=patch, seconds=1)
        record(stores, RUN, RunRequested(honk="0", request=asked), ended)
    return honk


VIEWS = [("show", RUN), ("show", RUN, "--json"), ("runs",), ("logs", RUN), ("diff", RUN)]


@pytest.mark.parametrize(
    "view", [("--help",), *(pytest.param(view, marks=pytest.mark.full) for view in VIEWS)], ids=" ".join
)
def test_a_view_that_cannot_be_written_ends_as_other_tools_do(
    viewed: Installed, view: tuple[str, ...]
) -> None:
    assert viewed.start(*view, program=unread(1)).end() == Done(141, "", "")
    assert viewed.start(*view, program=to(1, CLOSED)).end() == Done(0, "", "")
    full = viewed.start(*view, program=to(1, FULL)).end()
    assert full.code == 40
    assert full.err.splitlines() == [
        "honk: Standard output cannot be written: No space left on device.",
        "      Write it elsewhere.",
    ]


@pytest.mark.full
def test_characters_that_the_encoding_lacks_are_replaced(viewed: Installed) -> None:
    viewed.env["PYTHONIOENCODING"] = "ascii"
    shown = viewed.honk("show", RUN)
    assert (shown.code, "request   say hello ? ?" in shown.out) == (0, True), shown.err
    assert json.loads(viewed.honk("show", RUN, "--json").out)["outcome"] == "unverified"
    assert viewed.honk("diff", RUN).out == PATCH, "a patch is applied byte for byte"
