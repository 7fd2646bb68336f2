"""Evidence as people use it: written out, checked offline, repeated on another machine, in real Docker."""

from __future__ import annotations

import base64
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from honk.core.evidence import PAYLOAD_TYPE
from honk.evidence import envelope, keys
from honk.testing.scripted import Call, ScriptedModel, Turn
from tests.e2e.hub import Hub
from tests.e2e.installed import Installed, Installer, make_repo
from tests.world import APPROVE, FILES, FINISH, GREET, bash, git

pytestmark = pytest.mark.docker

STRICT = FILES | {"check.sh": "sh greet.sh | grep -qxE 'hello|bye'\n"}


def forged(honk: Installed, text: str, file: Path, **head: str) -> Path:
    """Evidence that honk itself signed, which tells of another commit than it did."""
    statement: dict[str, Any] = json.loads(base64.b64decode(json.loads(text)["payload"]))
    statement["subject"][0]["digest"] |= head
    key = keys.own(Path(honk.env["HONK_HOME"]) / "evidence-key.pem")
    file.write_bytes(envelope.sign(json.dumps(statement).encode(), PAYLOAD_TYPE, key))
    return file


def commit(origin: Path, base: str, path: str, text: str) -> str:
    """A commit on ``base`` in which ``path`` holds ``text``, on a branch of its own."""
    work = origin.parent / "other"
    git(origin.parent, "clone", "-q", str(origin), str(work))
    git(work, "checkout", "-q", "-b", "other", base)
    (work / path).write_text(text)
    git(work, "commit", "-qam", "Other")
    git(work, "push", "-q", str(origin), "other")
    return git(work, "rev-parse", "HEAD").strip()


def command_of(body: str) -> list[str]:
    """The one command that a description gives for repeating the checks."""
    found = re.search(r"```sh\n(honk reproduce .*)\n```", body)
    assert found is not None
    return shlex.split(found[1])[1:]


def test_evidence_is_verified_and_repeated_and_a_lie_is_found_out(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o", STRICT)
    done = honk.honk("say hello", "--repo", str(origin), "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    run_id, head = done.result.run_id, done.result.head_sha
    assert head is not None and done.result.base_sha is not None
    evidence = honk.honk("evidence", run_id)
    file = honk.root / "evidence.json"
    file.write_text(evidence.out)
    proven = honk.honk("verify-evidence", str(file), "--repo", str(origin))
    assert proven.code == 0 and head in proven.out, proven.err
    calls = len(honk.service.journal)
    command = command_of(honk.honk("show", run_id).out)
    assert command == ["reproduce", run_id]
    same = honk.honk(*command)
    assert same.code == 0, same.err
    assert same.out == "same       greeting: passed before, passed after (sh check.sh)\n"

    bad = commit(origin, done.result.base_sha, "greet.sh", "echo hallo\n")
    tree = git(origin, "rev-parse", f"{bad}^{{tree}}").strip()
    lie = forged(honk, evidence.out, honk.root / "lie.json", gitCommit=bad, gitTree=tree)
    assert honk.honk("verify-evidence", str(lie), "--repo", str(origin)).code == 0  # who has the key may lie
    found = honk.honk("reproduce", str(lie))
    assert found.code == 20, found.err
    assert found.out.startswith(
        "DIFFERENT  greeting: the evidence says passed before, passed after; here passed before, failed after"
    )
    assert "`sh check.sh` failed without any output." in found.err
    assert len(honk.service.journal) == calls  # no model was asked
    assert honk.leftovers() == []


@pytest.mark.full
def test_the_command_of_a_pull_request_works_on_another_machine(install: Installer, hub: Hub) -> None:
    """Another HONK_HOME has only what GitHub has: description and commits."""
    tests = "from calc import add, sub\n\n\ndef test_add():\n    assert add(1, 2) == 3\n\n\n"
    tests += "def test_sub():\n    assert sub(3, 2) == 1\n"
    wrong = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a + b\n"
    repo = hub.repo({"calc.py": wrong, "tests/test_calc.py": tests, "conftest.py": ""})
    honk = install([bash("echo '# more' >> calc.py"), FINISH])
    hub.sign_in(honk)
    done = honk.honk("say more", "--repo", "acme/app", "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    public = honk.root / "public.pem"
    public.write_text(honk.honk("evidence", "--public-key").out)
    pull = hub.the_pull(repo)
    command = command_of(pull.body)
    assert command == ["reproduce", "--repo", "acme/app", pull.head_ref]

    other = install()
    hub.sign_in(other)
    same = other.honk(*command)
    assert same.code == 0, same.err
    assert re.fullmatch(r"same       pytest: failed before, failed after \(.*\)\n", same.out)
    by_number = other.honk("reproduce", f"acme/app#{pull.number}")
    assert (by_number.code, by_number.out) == (0, same.out), by_number.err
    assert other.honk("verify-evidence", "-", "--key", str(public), stdin=pull.body).code == 0
    assert other.honk("verify-evidence", "-", stdin=pull.body).code == 2  # whose key?

    fixed = commit(
        repo.path,
        "main",
        "calc.py",
        wrong.replace("    return a + b\n\n\ndef sub", "    return 4\n\n\ndef sub"),
    )
    lie = forged(
        honk, honk.honk("evidence", done.result.run_id).out, other.root / "lie.json", gitCommit=fixed
    )
    found = other.honk("reproduce", str(lie))
    assert found.code == 20, found.err
    assert "new failures only here: tests.test_calc::test_add" in found.out
    pull.body = "A person wrote this anew."
    lost = other.honk(*command)
    assert lost.code == 2 and "no signed statement" in lost.err
    assert other.honk("reproduce", "acme/app#99").code == 2
    assert other.honk("reproduce", "--repo", "acme/app", "honk/none-0000000000").code == 2
    assert other.leftovers() == []


@pytest.mark.full
def test_setup_after_a_changed_manifest_and_a_named_command_are_repeated_too(
    install: Installer,
) -> None:
    files = FILES | {
        "requirements.txt": "",
        ".honk.yml": "setup:\n  - touch /tmp/was-set-up\nverify:\n  greeting: sh check.sh\n",
    }
    edit = bash("sed -i s/bye/hello/ greet.sh; echo '# none' > requirements.txt")
    honk = install([edit, FINISH])
    origin = make_repo(honk.root / "o", files)
    done = honk.honk("say hello", "--repo", str(origin), "--verify", "grep -q hello greet.sh", "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert [row.name for row in done.result.verification] == ["setup 1", "grep -q hello greet.sh"]
    same = honk.honk("reproduce", done.result.run_id)
    assert same.code == 0, same.err
    assert [line.split(":")[0] for line in same.out.splitlines()] == [
        "same       setup 1",
        "same       grep -q hello greet.sh",
    ]


@pytest.mark.full
def test_a_follow_up_that_merges_the_base_is_repeated_from_the_base(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo(STRICT)
    hub.sign_in(honk)
    assert honk.honk("say hello", "--repo", "acme/app").code == 0
    pull = hub.the_pull(repo)
    work = hub.root / "ada"
    git(hub.root, "clone", "-q", str(repo.path), str(work))
    (work / "more.txt").write_text("more\n")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "The base goes on")
    (repo.path / "hooks" / "update").unlink()
    git(work, "push", "-q", "origin", "main")
    base = git(work, "rev-parse", "HEAD").strip()
    first = pull.body
    model = honk.stack.enter_context(ScriptedModel([bash("cp more.txt most.txt"), FINISH], [APPROVE]))
    honk.env["ANTHROPIC_BASE_URL"] = model.url
    done = honk.honk("followup", "acme/app#1", "copy it", "--update", "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert pull.head_sha == done.result.head_sha

    other = install()
    hub.sign_in(other)
    public = honk.root / "public.pem"
    public.write_text(honk.honk("evidence", "--public-key").out)
    proven = other.honk(
        "verify-evidence", "-", "--key", str(public), "--repo", str(repo.path), stdin=pull.body
    )
    assert proven.code == 0 and f"main {base}" in proven.out, proven.err
    same = other.honk(*command_of(pull.body))
    assert same.code == 0 and "The pull request is at" not in same.err, same.err
    assert same.out == "same       greeting: passed before, passed after (sh check.sh)\n"
    pull.body = first
    old = other.honk(*command_of(pull.body))
    assert old.code == 0 and f"The pull request is at {done.result.head_sha}" in old.err, old.err


@pytest.mark.full
def test_without_checks_there_is_nothing_to_repeat(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o", {"greet.sh": "echo bye\n"})
    done = honk.honk("say hello", "--repo", str(origin), "--untested", "draft", "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert "No check ran on this commit" in honk.honk("show", done.result.run_id).out
    assert done.result.pull_request is not None
    for source in (done.result.run_id, done.result.pull_request.url):
        none = honk.honk("reproduce", source)
        assert none.code == 2 and "nothing to repeat" in none.err


# ---- ends that are no errors ------------------------------------------------------------


def told(status: str, reason: str) -> Turn:
    return Turn(calls=(Call("finish", {"status": status, "reason": reason}),))


@pytest.mark.full
@pytest.mark.parametrize(
    ("request_text", "status", "reason", "code", "outcome"),
    [
        ("say bye", "no_change", "greet.sh says bye already.", 10, "no_change"),
        ("only if it uses acme-log 1.x: say hello", "precondition_failed", "Nothing does.", 11, "skipped"),
    ],
)  # fmt: skip
def test_an_end_without_a_change_has_its_reason_and_is_no_error(
    install: Installer, request_text: str, status: str, reason: str, code: int, outcome: str
) -> None:
    """Nothing is pushed, nothing is stated, and nothing on standard error calls it an error."""
    honk = install([bash("cat greet.sh"), told(status, reason)])
    origin = make_repo(honk.root / "o")
    done = honk.honk(request_text, "--repo", str(origin), "--json")
    assert (done.code, done.result.outcome, done.result.reason) == (code, outcome, reason), done.err
    assert done.result.pull_request is None and done.result.patch is None
    assert "rror" not in done.err
    shown = honk.honk("show", done.result.run_id)
    assert shown.code == 0 and f"reason    {reason}" in shown.out and f"({outcome})" in shown.out
    assert git(origin, "for-each-ref", "refs/heads/honk/") == ""
    none = honk.honk("evidence", done.result.run_id)
    assert none.code == 2 and "has no evidence" in none.err
    assert honk.leftovers() == []
