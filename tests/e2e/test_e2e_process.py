"""honk as a process: what it prints, how it is stopped, and how a stopped run goes on."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from honk.core.types import Outcome
from honk.sandboxes.profile import REPO
from honk.testing.scripted import Hang
from tests.e2e.installed import Done, Installed, Installer, docker_client, make_repo, until
from tests.world import APPROVE, FILES, FINISH, GREET, bash, git

pytestmark = pytest.mark.docker

REQUEST = "say hello"
WAIT = bash("touch begun; exec sleep 600")


def patched(honk: Installed, run_id: str) -> Done:
    """What `honk diff` prints; it must hold the turns' work."""
    done = honk.honk("diff", run_id)
    assert done.code == 0
    assert "+echo hello" in done.out, done.err
    return done


def begun(honk: Installed) -> None:
    """Wait until the command that does not end has made its file."""
    container = until(honk.container)
    with docker_client() as client:
        inside = client.containers.get(container)
        until(lambda: inside.exec_run(["test", "-e", f"{REPO}/begun"]).exit_code == 0 or None)


def validated(honk: Installed, name: str, values: list[object]) -> None:
    schema = json.loads(honk.honk("schema", name).out)
    Draft202012Validator.check_schema(schema)
    for value in values:
        Draft202012Validator(schema).validate(value)


def test_every_view_of_a_run_says_the_same(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o")
    done = honk.honk(REQUEST, "--repo", str(origin), "--json")
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1, "one object, nothing else"
    result = done.result
    assert result.outcome is Outcome.PUBLISHED
    assert str(result.branch) in git(origin, "branch", "--list", "honk/*")
    assert git(origin, "rev-parse", str(result.branch)).strip() == result.head_sha
    assert honk.leftovers() == []

    prefix = result.run_id[:4]
    assert honk.honk("show", prefix, "--json").out == done.out
    shown = honk.honk("show", prefix).out
    for words in (f"run       {result.run_id} (published)", "check     greeting: passed", "It greets now."):
        assert words in shown
    listed = json.loads(honk.honk("runs", "--json").out)
    assert [(row["run_id"], row["status"]) for row in listed] == [(result.run_id, "published")]
    assert result.run_id in honk.honk("runs").out
    assert "+echo hello" in honk.honk("diff", prefix).out
    log = honk.honk("logs", prefix, "--json").out.splitlines()
    validated(honk, "run", [json.loads(done.out)])
    validated(honk, "events", [json.loads(line) for line in log])


def test_ctrl_c_while_the_model_streams_keeps_the_work_and_resume_finishes_it(install: Installer) -> None:
    honk = install([GREET, Hang(), FINISH])
    origin = make_repo(honk.root / "o")
    started = honk.start(REQUEST, "--repo", str(origin), "--json")
    assert honk.service.hanging.wait(100)
    started.signal(signal.SIGINT)
    done = started.end()
    assert (done.code, done.result.outcome) == (130, "cancelled")
    assert "SIGINT" in done.result.reason
    assert honk.leftovers() == []
    patched(honk, done.result.run_id)

    again = honk.honk("resume", done.result.run_id, "--json")
    assert (again.code, again.result.outcome) == (0, "published"), again.err
    asked = [seen for seen in honk.service.journal if not seen.judge]
    assert len(asked) == 3, "the finished call is not made again"
    assert git(origin, "show", f"{again.result.branch}:greet.sh") == "echo hello\n"


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_command_runs_ends_the_run_in_order(
    install: Installer, number: signal.Signals
) -> None:
    honk = install([bash("sed -i 's/bye/hello/' greet.sh; touch begun; sleep 600")])
    started = honk.start(REQUEST, "--repo", str(make_repo(honk.root / "o")), "--json")
    begun(honk)
    started.signal(number)
    done = started.end()
    assert (done.code, done.result.outcome) == (130, "cancelled")
    assert number.name in done.result.reason
    assert honk.leftovers() == []
    patched(honk, done.result.run_id)


@pytest.mark.full
def test_a_run_under_nohup_outlives_a_hangup(install: Installer) -> None:
    honk = install([GREET, Hang(), FINISH])
    origin = make_repo(honk.root / "o")
    program = ("nohup", sys.executable, "-m", "honk")
    started = honk.start(REQUEST, "--repo", str(origin), "--json", program=program)
    assert honk.service.hanging.wait(100)
    started.signal(signal.SIGHUP)
    started.signal(signal.SIGTERM)  # that the run hears this one shows that it lived on
    done = started.end()
    assert (done.code, done.result.outcome, done.result.reason) == (130, "cancelled", "Stopped by SIGTERM.")


@pytest.mark.full
def test_a_second_ctrl_c_ends_honk_at_once_and_cancel_clears_up(install: Installer) -> None:
    honk = install([GREET, WAIT])
    started = honk.start(REQUEST, "--repo", str(make_repo(honk.root / "o")))
    run_id = until(lambda: honk.turns(2))
    started.signal(signal.SIGINT)
    until(lambda: True if started.process.poll() is not None else started.signal(signal.SIGINT))
    done = started.end()
    assert done.code in (130, -signal.SIGINT)
    assert "Traceback" not in done.err
    honk.honk("cancel", run_id)
    assert honk.leftovers() == []
    patched(honk, run_id)


def test_cancel_from_another_process_ends_a_live_run_that_logs_follow(install: Installer) -> None:
    honk = install([GREET, WAIT])
    started = honk.start(REQUEST, "--repo", str(make_repo(honk.root / "o")), "--json")
    run_id = until(lambda: honk.turns(2))
    follow = honk.start("logs", "-f", run_id)
    assert "(running)" in honk.honk("show", run_id[:5]).out
    not_ended = honk.honk("show", run_id, "--json")
    assert (not_ended.code, not_ended.out) == (2, "")
    patched(honk, run_id)  # of a running one
    refused = honk.honk("resume", run_id)
    assert (refused.code, refused.out) == (2, "")
    assert f"Run {run_id} is being worked on" in refused.err and f"honk logs -f {run_id}" in refused.err
    begun(honk)
    assert honk.honk("cancel", run_id[:6]).code == 0
    done = started.end()
    assert (done.code, done.result.outcome) == (130, "cancelled")
    assert honk.leftovers() == []
    followed = follow.end()
    assert followed.code == 0
    assert followed.out.rstrip().endswith("cancelled: Cancelled by `honk cancel`.")
    assert "begun" in patched(honk, run_id).out, "what the interrupted turn did"
    twice = honk.honk("cancel", run_id)
    assert (twice.code, twice.err.count("has ended: cancelled")) == (2, 1)


def sockets(run_id: str) -> list[Path]:
    """Folders with the socket of a package proxy of the run."""
    return list(Path(tempfile.gettempdir()).glob(f"honk-{run_id}-*"))


@pytest.mark.full
def test_a_killed_honk_is_interrupted_and_cancel_ends_the_run_and_clears_up(install: Installer) -> None:
    honk = install([GREET, WAIT])
    started = honk.start(REQUEST, "--repo", str(make_repo(honk.root / "o")))
    run_id = until(lambda: honk.turns(2))
    started.process.kill()
    started.process.wait()
    assert honk.leftovers() != [] and sockets(run_id) != []
    assert "interrupted" in honk.honk("runs").out
    before = patched(honk, run_id)
    follow = honk.honk("logs", "-f", run_id)
    assert "honk resume" in follow.err
    done = honk.honk("cancel", run_id)
    assert done.code == 0, done.err
    assert honk.leftovers() == [] and sockets(run_id) == []
    assert "(cancelled)" in honk.honk("show", run_id).out
    assert patched(honk, run_id) == before


# ---- resume after kill -9 ---------------------------------------------------------------


def killed(honk: Installed, *arguments: str, after: int = 0) -> str:
    """Start a run, kill it once its model replied ``after`` times (or streams), give its id."""
    started = honk.start(REQUEST, *arguments)
    run_id = until(lambda: honk.turns(after)) if after else ""
    if not after:
        assert honk.service.hanging.wait(100)
    started.process.kill()
    started.process.wait()
    return run_id or honk.run_id()


def finished(honk: Installed, run_id: str, origin: object, calls: int) -> None:
    """Resuming gives exactly one pull request, asks for no finished turn again, leaves nothing."""
    done = honk.honk("resume", run_id, "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert done.result.pull_request is not None
    assert done.result.pull_request.number == 1
    assert len([seen for seen in honk.service.journal if not seen.judge]) == calls
    assert honk.leftovers() == []


def test_resume_after_kill_9_during_a_tool_command(install: Installer) -> None:
    honk = install([GREET, bash("sleep 5; echo more > more.txt"), FINISH])
    origin = make_repo(honk.root / "o")
    run_id = killed(honk, "--repo", str(origin), after=2)
    finished(honk, run_id, origin, calls=3)
    assert git(origin, "show", f"honk/say-hello-{run_id}:more.txt") == "more\n"


@pytest.mark.full
def test_resume_after_kill_9_before_a_model_reply(install: Installer) -> None:
    honk = install([GREET, Hang(), FINISH])
    origin = make_repo(honk.root / "o")
    run_id = killed(honk, "--repo", str(origin))
    finished(honk, run_id, origin, calls=3)


@pytest.mark.full
def test_resume_after_kill_9_during_verify(install: Installer) -> None:
    honk = install([GREET, FINISH])
    config = "verify:\n  greeting: sleep 4 && sh check.sh\n"
    origin = make_repo(honk.root / "o", {**FILES, ".honk.yml": config})
    started = honk.start(REQUEST, "--repo", str(origin))
    until(lambda: honk.container("verify"))
    started.process.kill()
    started.process.wait()
    finished(honk, honk.run_id(), origin, calls=2)


@pytest.mark.full
def test_resume_after_kill_9_while_the_judge_thinks(install: Installer) -> None:

    honk = install([GREET, FINISH], [Hang(), APPROVE])
    origin = make_repo(honk.root / "o")
    run_id = killed(honk, "--repo", str(origin))
    finished(honk, run_id, origin, calls=2)


@pytest.mark.full
def test_resume_after_kill_9_between_push_and_pull_request(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o")
    hook = origin / "hooks" / "post-receive"
    hook.write_text(f"#!/bin/sh\n[ -e {honk.root}/pushed ] && exit\n: > {honk.root}/pushed\nsleep 600\n")
    hook.chmod(0o755)
    started = honk.start(REQUEST, "--repo", str(origin))
    until(lambda: (honk.root / "pushed").exists() or None)
    started.process.kill()
    started.process.wait()
    assert len(git(origin, "branch", "--list", "honk/*").split()) == 1
    finished(honk, honk.run_id(), origin, calls=2)
    assert len(git(origin, "branch", "--list", "honk/*").split()) == 1


@pytest.mark.full
def test_a_container_killed_from_outside_fails_the_run_and_resume_works(install: Installer) -> None:

    honk = install([GREET, bash("sleep 15"), FINISH])
    origin = make_repo(honk.root / "o")
    started = honk.start(REQUEST, "--repo", str(origin), "--json")
    until(lambda: honk.turns(2))
    container = honk.container()
    assert container is not None
    with docker_client() as client:
        client.containers.get(container).kill()
    done = started.end()
    assert (done.code, done.result.outcome) == (40, "failed")
    assert "Traceback" not in done.err
    patched(honk, done.result.run_id)
    finished(honk, done.result.run_id, origin, calls=3)


# ---- init -------------------------------------------------------------------------------


def test_init_writes_a_config_that_the_next_run_uses(install: Installer) -> None:
    honk = install([GREET, FINISH])
    makefile = "test:\n\tsh check.sh\n"
    origin = make_repo(
        honk.root / "o", {"greet.sh": "echo bye\n", "check.sh": FILES["check.sh"], "Makefile": makefile}
    )
    work = honk.root / "work"
    git(honk.root, "clone", "-q", str(origin), str(work))
    done = honk.honk("init", cwd=work)
    assert done.code == 0, done.err
    config = yaml.safe_load((work / ".honk.yml").read_text())
    assert "make test" in config["verify"].values()
    validated(honk, "config", [config])
    again = honk.honk("init", cwd=work)
    assert again.code == 2
    assert "--force" in again.err
    git(work, "add", ".honk.yml")
    git(work, "commit", "-q", "-m", "Configure honk")
    git(work, "push", "-q")
    run = honk.honk(REQUEST, "--json", cwd=work)
    assert (run.code, run.result.outcome) == (0, "published"), run.err
    assert [check.command for check in run.result.verification] == list(config["verify"].values())


def test_settings_that_honk_takes_fit_their_schema(install: Installer) -> None:
    honk = install()
    text = (
        'model = "openai:gpt-5.5"\n[limits]\nmax_turns = 7\n[[registries]]\nkind = "npm"\nurl = "/srv/npm"\n'
    )
    (honk.root / "honk.toml").write_text(text)
    assert honk.honk("runs", "--config", "honk.toml").code == 0
    schema = json.loads(honk.honk("schema", "settings").out)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(tomllib.loads(text))
    assert honk.honk("schema", "nonsense").code == 2
