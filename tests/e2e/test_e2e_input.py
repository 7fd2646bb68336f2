"""What people can get wrong, each with its one message and its exit code, before anything costs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.events import BaseResolved, RegistryAsked, RunResumed
from tests.e2e.installed import Done, Installed, Installer, make_repo
from tests.world import FILES, FINISH, GREET, git

REQUEST = "say hello"


def config(honk: Installed, text: str) -> None:
    folder = honk.root / "config" / "honk"
    folder.mkdir(parents=True)
    (folder / "honk.toml").write_text(text)


def clone(origin: Path) -> Path:
    """A person's clone of ``origin``."""
    work = origin.parent / "clone"
    git(origin.parent, "clone", "-q", str(origin), str(work))
    return work


def commit(work: Path, **files: str) -> None:
    for name, text in files.items():
        (work / name).write_text(text)
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "More")


def says(done: Done, code: int, *words: str) -> None:
    """One message, no traceback, nothing on stdout."""
    assert done.code == code, done.err
    assert done.out == ""
    for word in words:
        assert word in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("request_text", ["", " \n\t "])
def test_an_empty_request_is_wrong_usage(install: Installer, request_text: str) -> None:
    honk = install()
    origin = make_repo(honk.root / "o")
    says(honk.honk(request_text, "--repo", str(origin)), 2, "The change request is empty")
    says(honk.honk("-", "--repo", str(origin), stdin=request_text), 2, "The change request is empty")


def test_a_request_that_is_no_text_is_wrong_usage(install: Installer) -> None:
    honk = install()
    origin = make_repo(honk.root / "o")
    words = "The request's text cannot be used"
    says(honk.honk("caf\udce9 thing", "--repo", str(origin)), 2, words)
    says(honk.honk("-", "--repo", str(origin), stdin="caf\udce9 thing"), 2, words)
    says(honk.honk(REQUEST, "--repo", str(origin), "--verify", "caf\udce9"), 2, "The request's verify cannot")


@pytest.mark.full
def test_a_request_of_many_pages_is_one_line_on_the_terminal(install: Installer) -> None:
    honk = install([GREET, FINISH])
    words = "Say hello,\nplease. " * 6_000
    done = honk.honk("-", "--repo", str(make_repo(honk.root / "o")), "--dry-run", stdin=words)
    assert done.code == 0, done.err
    assert len(done.err) < 3_000
    assert words.strip() in json.dumps(honk.service.journal[0].body).replace("\\n", "\n")


OPTIONS = {
    "garbage for --timeout": (["--timeout", "soon"], "'soon' is no duration", "45m"),
    "no time at all": (["--timeout", "0s"], "more than nothing"),
    "more history than git can count": (["--depth", "9" * 23], "--depth"),
    "a check that is no command": (["--verify", " "], "request's verify", "empty"),
    "no dollars": (["--max-cost", "0"], "--max-cost must be more than 0"),
    "a word that --untested does not know": (["--untested", "maybe"], "refuse or draft"),
    "a model without a provider": (["-m", "gpt-5"], "'gpt-5' is no model", "openai:NAME"),
    "a model of unknown price": (["-m", "anthropic:nobody"], "price of anthropic:nobody", "honk.toml"),
    "a provider without a key": (["-m", "openai:gpt-5.5"], "no key for OpenAI", "OPENAI_API_KEY"),
    "a session that is not there": (["-m", "replay:none.jsonl"], "none.jsonl cannot be read"),
    "a recording that cannot be written": (["--record", "no/dir/x"], "no/dir/x cannot be written"),
    "a settings file that is not there": (["--config", "none.toml"], "no settings file none.toml"),
}


SAMPLED = ("garbage for --timeout", "a check that is no command", "a provider without a key", "no dollars")


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in SAMPLED else pytest.mark.full) for case in OPTIONS],
)
def test_a_wrong_option_is_named(install: Installer, case: str) -> None:
    honk = install()
    options, *words = OPTIONS[case]
    done = honk.honk(REQUEST, "--repo", str(make_repo(honk.root / "o")), *options)
    says(done, 2, *words)
    assert not honk.service.journal


def test_without_any_key_the_variables_are_named(install: Installer) -> None:
    honk = install()
    del honk.env["ANTHROPIC_API_KEY"]
    says(honk.honk(REQUEST, "--repo", str(make_repo(honk.root / "o"))), 2, "Set ANTHROPIC_API_KEY or")


def test_a_mistyped_command_starts_no_run(install: Installer) -> None:
    honk = install()
    says(honk.honk("resum", cwd=make_repo(honk.root / "o")), 2, "no command resum", "`honk resume`")
    says(honk.honk("refactor", cwd=honk.root / "o"), 2, "no command refactor", "honk run refactor")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modell = 'x'\n", ("Setting modell", "did you mean model?", "honk.toml")),
        ("[limits]\nmax_turns = 'many'\n", ("limits.max_turns", "honk.toml")),
        ("model = \n", ("not valid TOML", "line 1")),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    install: Installer, text: str, words: tuple[str, ...]
) -> None:
    honk = install()
    config(honk, text)
    says(honk.honk("runs"), 2, *words)


def test_a_variable_that_cannot_be_used_is_named(install: Installer) -> None:
    honk = install()
    honk.env["HONK_MAX_TURNS"] = "many"
    says(honk.honk("runs"), 2, "limits.max_turns", "Mend HONK_MAX_TURNS")


def test_a_damaged_database_is_named(install: Installer) -> None:
    honk = install()
    home = Path(honk.env["HONK_HOME"])
    home.mkdir()
    (home / "honk.sqlite").write_bytes(b"not a database" * 100)
    says(honk.honk(REQUEST, "--repo", str(make_repo(honk.root / "o"))), 40, "honk.sqlite", "move it away")


def test_a_home_that_is_a_file_is_named(install: Installer) -> None:
    honk = install()
    Path(honk.env["HONK_HOME"]).write_text("x")
    says(honk.honk("runs"), 40, "cannot be created", "HONK_HOME")


def test_no_engine_is_named_before_the_model_is_asked(install: Installer) -> None:
    honk = install()
    honk.env |= {"DOCKER_HOST": "tcp://127.0.0.1:1", "HONK_NO_INSTALL": "1"}
    done = honk.honk(REQUEST, "--repo", str(make_repo(honk.root / "o")), "--json")
    assert (done.code, done.result.outcome) == (40, "failed"), done.err
    assert "No container engine answers at tcp://127.0.0.1:1" in done.result.reason
    assert "Start it there, or unset DOCKER_HOST" in done.result.reason
    assert not honk.service.journal


# ---- repositories -----------------------------------------------------------------------


def no_repository(origin: Path) -> Path:
    return origin.parents[1]


def no_folder(origin: Path) -> Path:
    return origin / "nowhere"


def empty(origin: Path) -> Path:
    folder = origin.parent / "empty"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def detached(origin: Path) -> Path:
    work = clone(origin)
    git(work, "remote", "remove", "origin")
    git(work, "checkout", "-q", "--detach")
    return work


def unreachable(origin: Path) -> Path:
    work = clone(origin)
    shutil.rmtree(origin)
    return work


REPOSITORIES: dict[Callable[[Path], Path], str] = {
    no_repository: "is not in a git repository",
    no_folder: "There is no folder",
    empty: "has no branch with a commit yet",
    detached: "does not point to a branch that exists. Give one with --base: main.",
    unreachable: "Check the path of the origin",
}


@pytest.mark.parametrize("make", REPOSITORIES, ids=lambda make: make.__name__)
@pytest.mark.docker
def test_a_repository_that_cannot_be_used_is_named(install: Installer, make: Callable[[Path], Path]) -> None:
    honk = install()
    done = honk.honk(REQUEST, "--repo", str(make(make_repo(honk.root / "o"))))
    says(done, 2, REPOSITORIES[make])
    assert done.err.count(REPOSITORIES[make]) == 1, "said twice"
    assert not honk.service.journal


@pytest.mark.docker
def test_a_missing_base_branch_is_named_with_those_that_exist(install: Installer) -> None:
    honk = install()
    done = honk.honk(REQUEST, "--repo", str(make_repo(honk.root / "o")), "--base", "nope")
    says(done, 2, "has no branch nope. It has: main.")


def test_a_forge_that_is_not_known_is_named(install: Installer) -> None:
    honk = install()
    says(honk.honk(REQUEST, "--repo", "https://git.example.org/a/b"), 2, "no forge at git.example.org")


@pytest.mark.docker
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("verify: [", ("not valid YAML in line 1",)),
        ("verfy: {a: b}\n", ("verfy: there is no such field (did you mean verify?)",)),
        ("limits: {max_turns: 0}\n", ("limits.max_turns", "greater than 0")),
    ],
)
def test_a_wrong_repository_config_is_a_failed_run_with_the_exit_code_of_usage(
    install: Installer, text: str, words: tuple[str, ...]
) -> None:
    honk = install()
    origin = make_repo(honk.root / "o", {**FILES, ".honk.yml": text})
    done = honk.honk(REQUEST, "--repo", str(origin), "--json")
    assert done.code == 2
    assert done.result.outcome == "failed"
    for word in words:
        assert word in done.result.reason
    assert not honk.service.journal


@pytest.mark.docker
def test_a_repository_without_a_check_is_skipped_before_any_cost(install: Installer) -> None:
    honk = install()
    origin = make_repo(honk.root / "o", {"notes.txt": "x\n"})
    done = honk.honk(REQUEST, "--repo", str(origin), "--json")
    assert (done.code, done.result.outcome) == (11, "skipped")
    assert "--verify" in done.result.reason
    assert not honk.service.journal


@pytest.mark.full
@pytest.mark.docker
def test_what_is_not_included_is_said_and_stays_out(install: Installer) -> None:
    honk = install([GREET, FINISH])
    work = clone(make_repo(honk.root / "o"))
    (work / ".honk.yml").write_text("verify:\n  other: 'false'\n")
    commit(work, unpushed="x\n")
    (work / "greet.sh").write_text("echo dirty\n")
    done = honk.honk(REQUEST, cwd=work)
    assert done.code == 0, done.err
    assert "Not included: 1 uncommitted file (greet.sh)." in done.err
    assert "Not included: 1 commit of main that origin does not have." in done.err
    assert (work / "greet.sh").read_text() == "echo dirty\n"
    assert git(work, "status", "--porcelain") == " M greet.sh\n"


@pytest.mark.docker
def test_an_uncommitted_config_is_said_to_be_not_in_force(install: Installer) -> None:
    honk = install()
    work = clone(make_repo(honk.root / "o", {"notes.txt": "x\n"}))
    (work / ".honk.yml").write_text("verify:\n  ok: 'true'\n")
    done = honk.honk(REQUEST, cwd=work)
    assert done.code == 11
    assert "Not in force: .honk.yml" in done.err


def bare(origin: Path) -> Path:
    return origin


def shallow(origin: Path) -> Path:
    work = clone(origin)
    commit(work, more="x\n")
    git(work, "push", "-q")
    copy = origin.parent / "shallow"
    git(origin.parent, "clone", "-q", "--depth", "1", origin.as_uri(), str(copy))
    git(copy, "remote", "remove", "origin")
    return copy


def worktree(origin: Path) -> Path:
    work = clone(origin)
    git(work, "remote", "remove", "origin")
    git(work, "worktree", "add", "-q", "-b", "topic", str(origin.parent / "tree"))
    return origin.parent / "tree"


@pytest.mark.docker
@pytest.mark.full
@pytest.mark.parametrize("make", [bare, shallow, worktree], ids=lambda make: make.__name__)
def test_unusual_local_repositories_get_their_branch(
    install: Installer, make: Callable[[Path], Path]
) -> None:
    honk = install([GREET, FINISH])
    target = make(make_repo(honk.root / "o"))
    done = honk.honk(REQUEST, "--repo", str(target), "--json")
    assert done.code == 0, done.err
    assert git(target, "show", f"{done.result.branch}:greet.sh") == "echo hello\n"


@pytest.mark.parametrize("age", ["soon", "5m", "0d", "-1d"])
def test_an_age_that_is_none_prunes_nothing(install: Installer, age: str) -> None:
    honk = install()
    says(honk.honk("prune", f"--older-than={age}"), 2, "30d" if age == "5m" else "Write it like")


@pytest.mark.full
def test_prune_and_doctor_tell_how_much_there_is(install: Installer) -> None:
    honk = install()
    home = Path(honk.env["HONK_HOME"])
    left = home / "mirrors" / "new-killed"
    left.mkdir(parents=True)
    (left / "pack").write_bytes(b"x" * (3 << 20))
    os.utime(left, (0, 0))
    [line] = [row for row in honk.honk("doctor").out.splitlines() if " home: " in row]
    assert ", 3." in line
    told = honk.honk("prune", "--dry-run")
    assert (told.code, told.out) == (0, "would remove partial mirrors/new-killed (3.0 MiB)\n")
    assert left.exists()
    done = honk.honk("prune", "--json")
    assert (done.code, json.loads(done.out)["bytes"]) == (0, 3 << 20)
    assert not left.exists()
    again = honk.honk("prune")
    assert (again.code, again.out, again.err) == (0, "", "0.0 MiB freed.\n")


def test_prune_without_an_engine_leaves_images_alone_and_says_so(install: Installer) -> None:
    honk = install()
    lock = Path(honk.env["HONK_HOME"]) / "locks" / "honk-setup-0123.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    os.utime(lock, (0, 0))
    honk.env["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    done = honk.honk("prune")
    assert (done.code, done.out) == (0, "")
    assert "Images are left alone: " in done.err
    assert lock.exists()


@pytest.mark.docker
@pytest.mark.full
def test_the_limits_of_the_repository_lower_those_of_the_request(install: Installer) -> None:
    honk = install([GREET, GREET, GREET, FINISH])
    files = {**FILES, ".honk.yml": FILES[".honk.yml"] + "limits: {max_turns: 2, max_cost_usd: 50}\n"}
    origin = make_repo(honk.root / "o", files)
    done = honk.honk(REQUEST, "--repo", str(origin), "--max-cost", "3", "--json")
    assert (done.code, done.result.outcome) == (30, "exhausted")
    assert "2 turns" in done.result.reason
    assert done.result.patch is not None
    assert json.loads(done.out)["turns"] == 2
    resolved = next(r.event for r in honk.log() if isinstance(r.event, BaseResolved))
    assert resolved.limits is not None
    assert resolved.limits.max_cost_usd == 3
    # Whoever has seen that limit and names a higher one decides; what is not named stays.
    again = honk.honk("resume", done.result.run_id, "--max-turns", "10", "--json")
    assert (again.code, again.result.outcome) == (0, "published"), again.err
    resumed = next(r.event for r in honk.log() if isinstance(r.event, RunResumed))
    assert (resumed.limits.max_turns, resumed.limits.max_cost_usd) == (10, 3)


@pytest.mark.docker
@pytest.mark.full
def test_a_verifier_that_never_ends_is_stopped_at_the_repositorys_limit(install: Installer) -> None:
    honk = install([GREET, FINISH])
    text = "verify:\n  endless: sleep 3600\nlimits: {verify_seconds: 2, max_attempts: 1}\n"
    origin = make_repo(honk.root / "o", {**FILES, ".honk.yml": text})
    done = honk.honk(REQUEST, "--repo", str(origin), "--json")
    assert (done.code, done.result.outcome) == (20, "unverified")
    assert done.result.patch is not None
    assert honk.leftovers() == []


@pytest.mark.docker
@pytest.mark.full
def test_two_honks_work_side_by_side_in_one_repository(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o")
    both = [honk.start(REQUEST, "--repo", str(origin), "--json", "--judge", "off") for _ in range(2)]
    done = [started.end() for started in both]
    assert [d.code for d in done] == [0, 0], [d.err for d in done]
    branches = {str(d.result.branch) for d in done}
    assert branches == set(
        git(origin, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk").split()
    )
    assert {d.result.pull_request.number for d in done if d.result.pull_request} == {1, 2}


@pytest.mark.docker
def test_an_image_that_nobody_has_is_named(install: Installer) -> None:
    honk = install()
    origin = make_repo(honk.root / "o")
    done = honk.honk(REQUEST, "--repo", str(origin), "--image", "127.0.0.1:1/no/such:image")
    says(done, 2, "no image 127.0.0.1:1/no/such:image", "docker login")


@pytest.mark.docker
@pytest.mark.full
def test_a_request_may_come_from_stdin(install: Installer) -> None:
    honk = install([GREET, FINISH])
    done = honk.honk("-", "--repo", str(make_repo(honk.root / "o")), stdin="say hello\nto all\n")
    assert done.code == 0, done.err
    assert "say hello\nto all" in str(honk.service.journal[0].body["messages"][0]["content"][0]["text"])


@pytest.mark.full
def test_a_setup_that_failed_for_its_registry_says_so(install: Installer) -> None:
    honk = install()
    config(
        honk, 'host_registries = false\n[[registries]]\nkind = "pypi"\nurl = "http://127.0.0.1:9/simple/"\n'
    )
    text = FILES[".honk.yml"] + "setup:\n  - pip install honk-nowhere==1\n"
    done = honk.honk(REQUEST, "--repo", str(make_repo(honk.root / "o", {**FILES, ".honk.yml": text})))
    says(done, 2, "No matching distribution", "A registry did not answer", "/simple/honk-nowhere/ 502")
    assert "Mend `setup:`" not in done.err
    found = [line for r in honk.log() if isinstance(r.event, RegistryAsked) for line in r.event.requests]
    assert any("/simple/honk-nowhere/" in line for line in found)  # setup's requests are in the log, too
