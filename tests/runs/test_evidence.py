"""What the pull request and its signed statement say, cell by cell, and how the statement is checked."""

from __future__ import annotations

import base64
import copy
import json
import os
import re
import shlex
import stat
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from honk import settings as settings_module
from honk.cli.evidence import evidence_command, verify_command
from honk.core.errors import UserError
from honk.core.types import Outcome
from honk.evidence import envelope, keys
from honk.forges.text import sanitise, units
from honk.runs.run import Run
from honk.testing.scripted import Call, Turn
from tests.world import FILES, GREET, World, Worlds, bash, git

# ---- the description --------------------------------------------------------------------


Checked = tuple[World, dict[str, Any], Path]
"""A world whose run was published, the envelope of its evidence, and a file to put one into."""


class Page(HTMLParser):
    """What GitHub's own Markdown parser makes of a description: its tables, and all its text."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: list[str] = []
        self.words = self.code = ""  # outside of code, and in it
        self._open = 0
        self._cell = False
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self._open += tag == "code"
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._open -= tag == "code"
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.code += data
        else:
            self.words += data
        if self._cell:
            self.tables[-1][-1][-1] += data


def described(world: World) -> tuple[str, Page]:
    [record] = world.pull_requests()
    return record.body, Page(record.body)


def test_the_table_has_each_check_before_and_after(worlds: Worlds) -> None:
    """A test that fails before and after, one that is mended, and one that is skipped."""
    told = "echo 'ok 1 - a'; echo 'not ok 2 - b'; cat more; exit 1"
    files = {
        "greet.sh": "echo bye\n",
        "more": "ok 3 - c\nnot ok 4 - d\nok 5 - e # SKIP\n",
        "tap.sh": f"echo TAP version 13; {told}\n",
        ".honk.yml": "verify:\n  greeting: test -e greet.sh\n  'tap | *all*': sh tap.sh\n",
    }
    mend = bash("sed -i 's/not ok 4/ok 4/' more; sed -i s/bye/hello/ greet.sh; chmod +x tap.sh")
    done = Turn(calls=(Call("finish", {"title": "Say hello", "description": "It greets now."}),))
    world = worlds([mend, done], files=files)
    run = world.run(image="some/image", requester="Ada <ada@example.com>")
    assert run.state.ended is not None and run.state.ended.outcome is Outcome.PUBLISHED, run.state.ended
    body, page = described(world)
    checks, facts = page.tables
    assert checks[0] == ["check", "command", "before", "after", "new failures", "flaky", "skipped", "seconds"]
    assert checks[1][:7] == ["greeting", "test -e greet.sh", "passed", "passed", "0", "0", "–"]
    assert checks[2][:7] == ["tap | *all*", "sh tap.sh", "failed", "failed", "0", "0", "1"]
    assert all(float(row[7]) >= 0 for row in checks[1:])
    assert "\n`tap | *all*`, failing before and after: b.\n" in body and "mended: d" in body
    assert "It greets now." in body and "## Request\n\nsay hello" in body
    assert "\n- mode, `tap.sh`: " in body
    state = run.state
    assert state.base is not None and state.frozen is not None and state.attested is not None
    named = dict(facts[1:])
    assert named["base"] == f"{state.base.base.sha} (main)"
    assert named["verified commit"] == state.frozen.change.head
    assert named["image"] == world.image
    assert named["model"] == f"anthropic:claude-sonnet-5-5, 2 turns, ${state.cost_usd:.4f}"
    assert named["run"] == run.id
    assert named["signed statement"] == state.attested.artifact
    assert f"honk reproduce {run.id}" in body
    assert "The judge accepted the change" in body
    assert "without network but for honk's package proxy" in body  # setup and tox ask it there, too
    assert "Opened by honk for Ada." in body


def test_the_command_names_the_settings_that_the_run_was_given(worlds: Worlds, tmp_path: Path) -> None:
    """Setup asked the registries that they name: without them the pasted command would fail there."""
    file = tmp_path / "a b" / "honk.toml"
    file.parent.mkdir()
    file.write_text('labels = ["x"]\n')
    world = worlds([GREET, Turn(calls=(Call("finish", {}),))])
    named = settings_module.load(Path(os.path.relpath(file)), environ=world.settings.environment)
    world.settings = named
    run = world.run(judge=None)
    body, _ = described(world)
    found = re.search(r"```sh\nhonk (reproduce .*)\n```", body)
    assert found is not None
    assert shlex.split(found[1]) == ["reproduce", "--config", str(file), run.id]


def test_without_flags_and_judge_the_description_says_so(worlds: Worlds) -> None:
    world = worlds([GREET, Turn(calls=(Call("finish", {}),))])
    world.run(judge=None)
    body, _ = described(world)
    assert "The gates flagged nothing." in body
    assert "No judge was asked." in body and "{" not in body


def test_no_value_in_the_description_is_markup(worlds: Worlds) -> None:
    evil = "![x](https://evil.example/a.png) @org/team <img src=x> fixes #7"
    files = {
        "greet.sh": "echo bye\n",
        ".honk.yml": json.dumps({"verify": {f"{evil} | x": f"true '{evil}' `|`"}}),
    }
    done = Turn(calls=(Call("finish", {"title": evil, "description": evil}),))
    world = worlds([GREET, bash(f"ln -s '{evil.replace('/', '_')}' l"), done], files=files)
    run = world.run(text=f"say hello {evil}", requester=f"{evil} <a@example.com>")
    assert run.state.ended is not None and run.state.ended.outcome is Outcome.PUBLISHED, run.state.ended
    _, page = described(world)
    assert not {"img", "a"} & set(page.tags)
    assert len(page.tables[0][1]) == 8
    assert "@org" in page.code and "@org" not in page.words
    assert "#7" in page.code and "#7" not in page.words


@pytest.mark.parametrize(
    "form", ["```json\n{}\n```", "~~~\nso:\n{}\n~~~", "so:\n\n    {}", "so:\n{}", "{}", "`{}`"]
)
def test_words_bring_no_statement_of_their_own(form: str) -> None:
    """One of another pull request, signed by the same key, would come before the description's own."""
    line = envelope.sign(b"{}", "application/json", Ed25519PrivateKey.generate()).decode()
    assert envelope.find(f"Words.\n```json\n{line}\n```\n").payload_type == "application/json"
    with pytest.raises(UserError, match="no signed statement"):
        envelope.find(sanitise(form.replace("{}", line)))


def long_world(worlds: Worlds, checks: int, template: int, words: int) -> tuple[World, str]:
    names = "".join(f"  check {n:03}: sh all.sh {n} {'x' * 300}\n" for n in range(checks))
    failing = "".join(f"echo 'not ok {n} - {'test' * 27} {n}'\n" for n in range(12))
    files = {
        "greet.sh": "echo bye\n",
        "all.sh": f"echo TAP version 13\necho 'ok 99 - fine'\n{failing}exit 1\n",
        ".honk.yml": f"verify:\n{names}",
        ".github/pull_request_template.md": "## Why\n" + "w" * template,
    }
    done = Turn(calls=(Call("finish", {"title": "T", "description": "ab " * (words // 3)}),))
    world = worlds([GREET, done], files=files)
    run = world.run(judge=None)
    assert run.state.ended is not None and run.state.ended.outcome is Outcome.PUBLISHED, run.state.ended
    body, _ = described(world)
    assert units(body) <= 65_536
    return world, body


@pytest.mark.full
def test_what_gives_way_to_the_forges_limit_in_which_order(worlds: Worlds) -> None:
    """The unused template, names of tests, the model's words; never the table. The signed statement,
    which comes before these, is in pull requests of GitHub only."""
    _, body = long_world(worlds, checks=1, template=60_000, words=300)
    assert "## Why" in body
    _, body = long_world(worlds, checks=1, template=70_000, words=300)
    assert "## Why" not in body and body.count("testtest") >= 10
    _, body = long_world(worlds, checks=45, template=100, words=300)
    assert "and 10 more" in body and "(Cut" not in body
    _, body = long_world(worlds, checks=100, template=100, words=19_000)
    assert "(Cut" in body and "honk reproduce" in body
    assert len(Page(body).tables[0]) == 101


# ---- the statement ----------------------------------------------------------------------


def envelope_of(world: World, run: Run) -> dict[str, Any]:
    assert run.state.attested is not None
    found: dict[str, Any] = json.loads(world.stores.artifacts.get(run.state.attested.artifact))
    return found


def statement_of(world: World, run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(envelope_of(world, run)["payload"]))
    return found


def published(worlds: Worlds) -> tuple[World, Run]:
    world = worlds([GREET, bash("chmod +x greet.sh"), Turn(calls=(Call("finish", {}),))])
    run = world.run(text="say hello\nto all", allow=("docs/**",))
    assert run.state.ended is not None and run.state.ended.outcome is Outcome.PUBLISHED
    return world, run


def test_the_statement_says_what_the_description_says(worlds: Worlds) -> None:
    world, run = published(worlds)
    said = statement_of(world, run)
    [record] = world.pull_requests()
    base = git(world.origin, "rev-parse", "main").strip()
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "urn:honk:evidence:v1"
    [subject] = said["subject"]
    tree = git(world.origin, "rev-parse", f"{record.head_sha}^{{tree}}").strip()
    assert subject["digest"] == {"gitCommit": record.head_sha, "gitTree": tree}
    predicate = said["predicate"]
    assert predicate["result"] == "PASSED" and predicate["passedTests"] == ["greeting"]
    by_name = {resource["name"]: resource["digest"] for resource in predicate["configuration"]}
    assert by_name["base"]["gitCommit"] == base
    assert by_name["image"] == {"sha256": world.image.removeprefix("sha256:")}
    [check] = predicate["checks"]
    assert (check["name"], check["command"], check["before"], check["after"]) == (
        "greeting", "sh check.sh", "passed", "passed",
    )  # fmt: skip
    [gate] = predicate["gates"]
    assert gate["name"] == "mode" and gate["detail"].startswith("greet.sh: ")
    assert predicate["judge"]["verdict"] == "approve"
    assert predicate["task"] == "say hello\nto all"
    assert predicate["externalParameters"]["allow"] == ["docs/**"]
    assert predicate["externalParameters"]["model"] == "anthropic:claude-sonnet-5-5"
    assert predicate["replayed"] is False and predicate["turns"] == 3
    assert predicate["costUsd"] == round(run.state.cost_usd, 6) > 0
    assert predicate["metadata"]["invocationId"] == run.id


def test_a_dry_run_has_its_evidence_and_a_refused_change_has_none(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds([GREET, Turn(calls=(Call("finish", {}),))])
    assert statement_of(world, world.run(dry_run=True))["predicate"]["result"] == "PASSED"
    world = worlds([bash("sed -i s/bye/hallo/ greet.sh"), *[Turn(calls=(Call("finish", {}),))] * 4])
    run = world.run()
    assert run.state.attested is None
    monkeypatch.setenv("HONK_HOME", str(world.settings.home))
    with pytest.raises(UserError, match="has no evidence"):
        evidence_command(run.id, public_key=False, config=None, remote="")


def test_a_secret_in_a_name_of_a_test_is_not_published_in_the_statement(worlds: Worlds) -> None:
    """The description shows ten names; the statement has them all."""
    token = "ghp_" + "a1B2" * 9
    lines = "".join(f"echo 'not ok {n} - test {n}'\n" for n in range(20)) + f"echo 'not ok 99 - {token}'\n"
    files = FILES | {
        "all.sh": f"echo TAP version 13\necho 'ok 100 - fine'\n{lines}exit 1\n",
        ".honk.yml": "verify:\n  all: sh all.sh\n",
    }
    world = worlds([GREET, Turn(calls=(Call("finish", {}),))], files=files)
    run = world.run()
    assert run.state.ended is not None and run.state.ended.outcome is Outcome.REFUSED, run.state.ended
    assert token not in run.state.ended.reason
    assert world.branches() == []


# ---- envelope and key -------------------------------------------------------------------


def test_what_is_signed_is_encoded_as_the_specification_shows() -> None:
    """The example of DSSE's protocol.md."""
    assert (
        envelope.pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_another_implementation_accepts_the_envelope_and_honk_accepts_its(tmp_path: Path) -> None:
    key = keys.own(tmp_path / "key.pem")
    made = envelope.sign(b"hello world", "http://example.com/HelloWorld", key)
    public = key.public_key()
    theirs = OtherEnvelope.from_dict(json.loads(made))
    assert theirs.payload == b"hello world"
    assert theirs.verify([SSlibKey.from_crypto(public, keyid=keys.key_id(public))], 1)
    other = CryptoSigner(key)
    signed = OtherEnvelope(b"hello \xc3\xa4", "x", {})
    signed.sign(other)
    assert envelope.verified(envelope.find(json.dumps(signed.to_dict())), public) == b"hello \xc3\xa4"


def test_honks_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "home" / "key.pem"
    first = keys.own(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["key.pem"]
    assert keys.key_id(keys.own(file).public_key()) == keys.key_id(first.public_key())


def test_a_key_that_openssl_made_is_taken_and_one_that_is_not_there_is_said_at_once(
    worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = worlds([GREET, Turn(calls=(Call("finish", {}),))])
    plain = world.settings
    world.settings = plain.model_copy(update={"evidence_key": tmp_path / "none.pem"})
    with pytest.raises(UserError, match="There is no key"):
        world.run()
    assert world.service.journal == []
    given, public = tmp_path / "given.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(given)], check=True)
    world.settings = plain.model_copy(update={"evidence_key": given})
    world.run_id = "r0000000002"
    run = world.run()
    assert not (plain.home / "evidence-key.pem").exists()
    monkeypatch.setenv("HONK_HOME", str(plain.home))
    monkeypatch.setenv("HONK_EVIDENCE_KEY", str(given))
    assert evidence_command("", public_key=True, config=None, remote="") == 0
    public.write_text(capsys.readouterr().out)
    expected = subprocess.run(
        ["openssl", "pkey", "-in", str(given), "-pubout"], capture_output=True, check=True
    )
    assert public.read_text() == expected.stdout.decode()
    monkeypatch.delenv("HONK_EVIDENCE_KEY")
    file = tmp_path / "evidence.json"
    file.write_text(json.dumps(envelope_of(world, run)))
    assert verify_command(str(file), key=public, repo=world.origin, config=None) == 0


# ---- verify-evidence --------------------------------------------------------------------


@pytest.fixture
def checked(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[World, dict[str, Any], Path]:
    """A world whose run was published, its envelope, and a file to put one into."""
    world, run = published(worlds)
    monkeypatch.setenv("HONK_HOME", str(world.settings.home))
    return world, envelope_of(world, run), tmp_path / "file"


def test_evidence_is_verified_offline_alone_and_in_a_description(
    checked: Checked, capsys: pytest.CaptureFixture[str]
) -> None:
    world, found, file = checked
    [record] = world.pull_requests()
    description = f"Words.\r\n\r\n```json\r\n{json.dumps(found, separators=(',', ':'))}\r\n```\r\n"
    for text in (json.dumps(found), json.dumps(found, indent=2), description):
        file.write_text(text, newline="")
        assert verify_command(str(file), key=None, repo=world.origin, config=None) == 0
    said = capsys.readouterr().out
    assert f"run       {world.run_id}" in said and "request   say hello to all" in said
    assert "check     greeting: passed before, passed after (sh check.sh)" in said
    assert record.head_sha in said and "head descends from base" in said


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in _leaves(value[key], (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for n, item in enumerate(value) for leaf in _leaves(item, (*path, n))]
    return [path]


def test_a_change_of_any_field_is_noticed(checked: Checked) -> None:
    _, found, file = checked
    statement = json.loads(base64.b64decode(found["payload"]))
    paths = _leaves(statement)
    assert len(paths) > 40
    for path in paths:
        forged = copy.deepcopy(statement)
        place = forged
        for part in path[:-1]:
            place = place[part]
        old = place[path[-1]]
        place[path[-1]] = not old if isinstance(old, bool) else f"{old}x" if isinstance(old, str) else [1]
        payload = base64.b64encode(json.dumps(forged).encode()).decode()
        file.write_text(json.dumps(found | {"payload": payload}))
        assert verify_command(str(file), key=None, repo=None, config=None) == 20, path


def test_type_signature_and_key_are_part_of_it(checked: Checked, tmp_path: Path) -> None:
    _, found, file = checked
    other = Ed25519PrivateKey.generate()
    resigned = json.loads(envelope.sign(base64.b64decode(found["payload"]), found["payloadType"], other))
    ours = found["signatures"][0]
    forgeries = (
        found | {"payloadType": "application/json"},
        found | {"signatures": [ours | {"sig": base64.b64encode(bytes(64)).decode()}]},
        resigned,
        resigned | {"signatures": [resigned["signatures"][0] | {"keyid": ours["keyid"]}]},
    )
    for forged in forgeries:
        file.write_text(json.dumps(forged))
        assert verify_command(str(file), key=None, repo=None, config=None) == 20
    file.write_text(json.dumps(found | {"signatures": [*resigned["signatures"], ours | {"keyid": ""}]}))
    assert verify_command(str(file), key=None, repo=None, config=None) == 0  # whichever of them it is
    public = tmp_path / "other.pem"
    public.write_text(keys.public_pem(other.public_key()))
    file.write_text(json.dumps(resigned))
    assert verify_command(str(file), key=public, repo=None, config=None) == 0


def test_what_is_no_evidence_is_said(checked: Checked) -> None:
    world, found, file = checked
    key = keys.own(world.settings.home / "evidence-key.pem")
    statement = json.loads(base64.b64decode(found["payload"]))
    kind, foreign = found["payloadType"], json.dumps(statement | {"predicateType": "x"}).encode()
    for text, said in (
        ("nothing", "no signed statement"),
        (json.dumps(found | {"payload": "*"}), "damaged"),
        (envelope.sign(b"{}", "text/plain", key).decode(), "no in-toto statement"),
        (
            envelope.sign(foreign, kind, key).decode(),
            "predicateType",
        ),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=said):
            verify_command(str(file), key=None, repo=None, config=None)
    private = world.settings.home / "evidence-key.pem"
    file.write_text(json.dumps(found))
    with pytest.raises(UserError, match="no public Ed25519 key"):
        verify_command(str(file), key=private, repo=None, config=None)
    later = statement | {"more": 1, "predicate": statement["predicate"] | {"energyKwh": 2}}
    file.write_text(envelope.sign(json.dumps(later).encode(), kind, key).decode())
    assert verify_command(str(file), key=None, repo=None, config=None) == 0


def test_a_repository_that_says_otherwise_is_told(
    checked: Checked, worlds: Worlds, capsys: pytest.CaptureFixture[str]
) -> None:
    world, found, file = checked
    key = keys.own(world.settings.home / "evidence-key.pem")
    statement = json.loads(base64.b64decode(found["payload"]))

    def say(change: dict[str, str], of: str) -> str:
        forged = copy.deepcopy(statement)
        place = forged["subject"][0] if of == "head" else forged["predicate"]["configuration"][0]
        place["digest"] |= change
        file.write_text(envelope.sign(json.dumps(forged).encode(), found["payloadType"], key).decode())
        assert verify_command(str(file), key=None, repo=world.origin, config=None) == 22
        return capsys.readouterr().err

    assert "The head commit " + "0" * 40 + " is not there" in say({"gitCommit": "0" * 40}, "head")
    assert "has another tree" in say({"gitTree": "0" * 40}, "head")
    assert "The base commit --all is not there" in say({"gitCommit": "--all"}, "base")
    tree = git(world.origin, "rev-parse", "main^{tree}").strip()
    stray = git(world.origin, "commit-tree", tree, "-m", "Stray").strip()
    assert "does not descend" in say({"gitCommit": stray, "gitTree": tree}, "base")
    file.write_text(json.dumps(found))
    other = worlds([]).origin
    assert verify_command(str(file), key=None, repo=other, config=None) == 22
