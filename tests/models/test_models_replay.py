"""A recorded session plays again, call by call, through the same adapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import ModelError, UserError
from honk.core.messages import Completion
from honk.models.recording import Header, Recorder, Wire, read_session
from honk.models.replay import ReplayModel
from honk.models.retry import Patience, with_retries
from honk.testing.scripted import Call, Failure, ScriptedModel, Turn

WIRES: list[Wire] = ["anthropic", "responses", "chat"]
LINE = '{"body": "", "purpose": "work", "status": 200, "turn": 0}'
HEAD = '{"format": 1, "model": "anthropic:claude-opus-5", "wire": "anthropic"}'
SCRIPT = [
    Turn("Looking… \u2028", calls=(Call("bash", {"command": "ls"}), Call("verify")), thinking="Hm. " * 30),
    Turn("Again.", calls=(Call("edit", {"path": "a", "old": "x", "new": "y"}),)),
    Turn("Done."),
]


def session(wire: Wire, file: Path, client: Callable[..., Any], key: str = "sk-very-secret") -> Any:
    """Record three turns and one answer of a judge; the client and what it got."""
    with ScriptedModel([Failure(529), *SCRIPT], [Turn("I approve.")]) as service:
        recorder = Recorder(file, Header(wire, f"x:{wire}"))
        one = client(wire, service.url, "some-model", key, recorder)
        model = with_retries(one.model, notify=lambda _: None, patience=Patience(first=0.001))
        got: list[Completion] = []
        for turn in range(3):
            got.append(one.ask(turn, model=model))
            one.answer(got[-1])
        verdict = model.complete(one.request(0, "judge"), on_delta=lambda _: None, cancel=Cancel())
        return one, got, verdict


@pytest.mark.parametrize("wire", WIRES)
def test_a_replay_gives_what_was_recorded(wire: Wire, tmp_path: Path, client: Callable[..., Any]) -> None:
    file = tmp_path / "session.jsonl"
    one, got, verdict = session(wire, file, client)
    with ReplayModel(file) as replay:
        assert (replay.name, replay.replayed) == (f"x:{wire}", True)
        assert replay.dialect is one.model.dialect
        one.deltas.clear()
        for turn in (2, 0, 1, 1):  # by purpose and turn, not in order
            assert one.ask(turn, model=replay) == got[turn]
        assert "".join(d.text for d in one.deltas if not d.thinking).endswith("Again.")
        judged = replay.complete(one.request(0, "judge"), on_delta=lambda _: None, cancel=Cancel())
        assert judged == verdict


@pytest.mark.parametrize("wire", WIRES)
def test_a_recording_has_sorted_keys_and_no_credential(
    wire: Wire, tmp_path: Path, client: Callable[..., Any]
) -> None:
    file = tmp_path / "session.jsonl"
    session(wire, file, client)
    text = file.read_text()
    assert "secret" not in text
    lines = [json.loads(line) for line in text.split("\n") if line]
    assert [list(line) for line in lines] == [["format", "model", "wire"]] + [
        ["body", "purpose", "status", "turn"]
    ] * 5
    assert [(c["purpose"], c["turn"], c["status"]) for c in lines[1:]] == [
        ("work", 0, 529),
        ("work", 0, 200),
        ("work", 1, 200),
        ("work", 2, 200),
        ("judge", 0, 200),
    ]
    assert all("data: " in c["body"] for c in lines[2:])


def test_a_resumed_run_goes_on_with_its_recording(tmp_path: Path, client: Callable[..., Any]) -> None:
    file = tmp_path / "session.jsonl"
    with ScriptedModel(SCRIPT) as service:
        messages: Any = None
        for turn in range(3):  # each time as a new process would
            recorder = Recorder(file, Header("anthropic", "anthropic:m"))
            one = client("anthropic", service.url, "m", "key", recorder)
            one.messages = messages or one.messages
            one.answer(one.ask(turn))
            messages = one.messages
    assert sorted(read_session(file).answers) == [("work", 0), ("work", 1), ("work", 2)]
    with pytest.raises(UserError, match="another model"):
        Recorder(file, Header("anthropic", "anthropic:other"))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("judging", WIRES)
def test_a_judge_of_another_model_is_recorded_and_replayed_through_its_own_adapter(
    wire: Wire, judging: Wire, tmp_path: Path, client: Callable[..., Any]
) -> None:
    file, copy = tmp_path / "session.jsonl", tmp_path / "copy.jsonl"
    with ScriptedModel(SCRIPT, [Turn("Verdict. " * 9, thinking="Hm.")]) as service:
        working = client(wire, service.url, "m", "key", Recorder(file, Header(wire, "x:m")))
        other = Recorder(file, Header(judging, "y:other"), judge=True)
        judge = client(judging, service.url, "other", "key", other)
        turn = working.ask()
        verdict = judge.model.complete(judge.request(0, "judge"), on_delta=lambda _: None, cancel=Cancel())
        working.answer(turn)
        second = working.ask(1)

    def record(wire: Wire, model: str, *, judge: bool = False) -> Recorder:
        return Recorder(copy, Header(wire, model), judge=judge)

    with ReplayModel(file, record) as replay:
        assert (replay.name, replay.judge) == ("x:m", "y:other")
        for purpose, number, was in (("work", 0, turn), ("judge", 0, verdict), ("work", 1, second)):
            asked = working.request(number, purpose)
            assert replay.complete(asked, on_delta=lambda _: None, cancel=Cancel()) == was
    assert copy.read_text() == file.read_text()  # what is played can be recorded


def test_a_recording_of_one_model_says_that_it_judged_itself(
    tmp_path: Path, client: Callable[..., Any]
) -> None:
    file = tmp_path / "session.jsonl"
    session("chat", file, client)
    with ReplayModel(file) as replay:
        assert replay.judge == replay.name == "x:chat"


def test_a_recorded_failure_fails_again(tmp_path: Path, client: Callable[..., Any]) -> None:
    file = tmp_path / "session.jsonl"
    with ScriptedModel([Failure(401)]) as service:
        one = client("chat", service.url, "m", "key", Recorder(file, Header("chat", "openai:m")))
        with pytest.raises(ModelError):
            one.ask()
    with ReplayModel(file) as replay, pytest.raises(ModelError) as caught:
        one.ask(model=replay)
    assert caught.value.status == 401


def test_a_turn_that_was_not_recorded_is_named(tmp_path: Path, client: Callable[..., Any]) -> None:
    file = tmp_path / "session.jsonl"
    one, _, _ = session("anthropic", file, client)
    with ReplayModel(file) as replay, pytest.raises(ModelError, match="no work turn 3") as caught:
        one.ask(3, model=replay)
    assert not caught.value.retryable


def test_a_session_without_a_judge_says_how_to_play_it(tmp_path: Path, client: Callable[..., Any]) -> None:
    file = tmp_path / "session.jsonl"
    with ScriptedModel(SCRIPT) as service:
        one = client("chat", service.url, "m", "key", Recorder(file, Header("chat", "openai:m")))
        one.ask()
    with ReplayModel(file) as replay, pytest.raises(ModelError) as caught:
        replay.complete(one.request(0, "judge"), on_delta=lambda _: None, cancel=Cancel())
    assert "--judge off" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1 is not JSON"),
        ("hello", "line 1 is not JSON"),
        ("[]", "line 1 must be an object with format, model, wire"),
        (HEAD.replace("1", "2", 1), "line 1 has format 2, this honk plays format 1"),
        (HEAD.replace('"wire": "anthropic"', '"wire": "telex"'), "line 1 has an unknown wire 'telex'"),
        (f"{HEAD}\n{LINE}\n{{}}", "line 3 must be an object with body, purpose, status, turn"),
        (f"{HEAD}\n{LINE[:-9]}", "line 2 is not JSON"),
        (f"{HEAD}\n" + LINE.replace("200", '"200"'), "line 2 has a status that is not a number"),
        (f"{HEAD}\n" + LINE.replace("work", "play"), "line 2 has an unknown purpose 'play'"),
        (f"{HEAD}\n" + LINE.replace("0}", '0, "wire": "chat"}'), "line 2 must be an object with body"),
        (
            f"{HEAD}\n" + LINE.replace("0}", '0, "wire": "telex", "model": "openai:m"}'),
            "line 2 has an unknown wire 'telex'",
        ),
        (f"{HEAD}\n" + LINE.replace("0}", '0, "wire": "chat", "model": 1}'), "line 2 has a model that is"),
    ],
)
def test_a_file_that_is_no_session_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"
    file.write_text(text)
    with pytest.raises(UserError, match="is not a recorded session") as caught:
        ReplayModel(file)
    assert said in caught.value.message


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        ReplayModel(tmp_path / "missing.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        ReplayModel(tmp_path / "binary")
    with pytest.raises(UserError, match="cannot be written"):
        Recorder(tmp_path / "no" / "folder.jsonl", Header("chat", "openai:m"))


def test_a_recording_into_a_folder_is_refused_as_that(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written: it is a folder"):
        Recorder(tmp_path, Header("anthropic", "anthropic:m"))
