"""The judge in an installed honk with real containers: vetoed, overruled, counted; and advice."""

from __future__ import annotations

import json

import pytest

from honk.core.events import Overruled
from honk.testing.scripted import Turn
from tests.e2e.installed import Installer, make_repo
from tests.world import FILES, FINISH, GREET, bash

pytestmark = [pytest.mark.docker, pytest.mark.full]

STRAY = {"path": "notes.txt", "hunk": "", "why": "Nobody asked for notes."}
REFUSE = Turn(json.dumps({"verdict": "refuse", "out_of_scope": [STRAY]}))
MORE = bash("echo x > notes.txt")


def test_a_repository_s_judge_vetoes_and_a_person_overrules_it(install: Installer) -> None:
    honk = install([GREET, MORE, *[FINISH] * 4], judge=[REFUSE] * 4)
    files = {**FILES, ".honk.yml": FILES[".honk.yml"] + "judge: blocking\n"}
    origin = make_repo(honk.root / "o", files)
    vetoed = honk.honk("say hello", "--repo", str(origin), "--judge", "off", "--json")
    assert (vetoed.code, vetoed.result.outcome) == (21, "vetoed"), vetoed.err
    assert vetoed.result.judge is not None and vetoed.result.judge.out_of_scope[0].path == "notes.txt"
    run_id, asked = vetoed.result.run_id, len(honk.service.journal)
    hint = honk.honk("resume", run_id)
    assert (hint.code, "overrules the judge" in hint.err) == (2, True)

    done = honk.honk("approve", run_id, "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert done.result.head_sha == vetoed.result.head_sha
    assert len(honk.service.journal) == asked
    [event] = [r.event for r in honk.log(run_id) if isinstance(r.event, Overruled)]
    assert event.commit == done.result.head_sha
    shown = honk.honk("show", run_id)
    assert "judge     refuses\n" in shown.out and "overruled by " in shown.out
    assert "Out of scope: notes.txt: Nobody asked for notes." in shown.out
    [row] = json.loads(honk.honk("runs", "--stats", "--json").out)
    assert (row["runs"], row["refused"], row["vetoes"], row["runs_with_veto"]) == (1, 3, 3, 1)
    assert (row["overruled"], row["recovered"], row["vetoed"]) == (1, 0, 0)
    assert "0 ended vetoed, 1 overruled by a person" in honk.honk("runs", "--stats").out


def test_advice_is_published_with_the_change(install: Installer) -> None:
    honk = install([GREET, MORE, FINISH], judge=[REFUSE])
    origin = make_repo(honk.root / "o", FILES)
    wrong = honk.honk("say hello", "--repo", str(origin), "--judge-mode", "loud")
    assert (wrong.code, "--judge-mode takes advisory or blocking" in wrong.err) == (2, True)
    done = honk.honk("say hello", "--repo", str(origin), "--judge-mode", "advisory", "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert done.result.judge is not None
    assert (done.result.judge.verdict, done.result.judge.mode) == ("refuse", "advisory")
    shown = honk.honk("show", done.result.run_id)
    assert "judge     refuses (advisory)\n" in shown.out
    assert "it is advisory, so that this stops nothing" in shown.out
