"""The scripted service itself: as a process, without streaming, with keys and faults."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from honk.core.errors import UserError
from honk.testing.scripted import Call, ScriptedModel, Turn
from honk.testing.turns import read_script

WIRES = ["anthropic", "responses", "chat"]
PATHS = {"anthropic": "/v1/messages", "responses": "/v1/responses", "chat": "/v1/chat/completions"}


def post(url: str, body: dict[str, Any], key: str = "k") -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"x-api-key": key})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


@contextmanager
def process(script: Path, *more: str) -> Iterator[str]:
    command = [sys.executable, "-m", "honk.testing.scripted", str(script), "--port", "0", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        finally:
            running.terminate()


def test_it_serves_a_script_as_a_process(tmp_path: Path, client: Callable[..., Any]) -> None:
    script = tmp_path / "script.json"
    call = {"name": "bash", "arguments": {"command": "ls"}}
    turns = [{"kind": "failure", "status": 529}, {"kind": "turn", "text": "Hi.", "calls": [call]}]
    script.write_text(json.dumps({"turns": turns, "judge": [{"kind": "turn", "text": "Yes."}]}))
    with process(script, "--key", "right") as url:
        for wire in WIRES:
            with pytest.raises(Exception, match="401"):
                client(wire, url, key="wrong").ask()
        with pytest.raises(Exception, match="529"):
            client("anthropic", url, key="right").ask()
        for wire in WIRES:
            completion = client(wire, url, key="right").ask()
            assert completion.message.text == "Hi."
            assert len(completion.message.calls) == 1


@pytest.mark.parametrize("wire", WIRES)
def test_it_answers_without_streaming_as_with(wire: str, client: Callable[..., Any], playback: Any) -> None:
    turn = Turn("Hello. " * 20, calls=(Call("bash", {"command": "ls"}), Call("verify")), thinking="Hm.")
    with ScriptedModel([turn]) as service:
        one = client(wire, service.url)
        streamed = one.ask()
        body = {k: v for k, v in service.journal[0].body.items() if k not in ("stream", "stream_options")}
        whole = post(service.url + PATHS[wire], body)
    playback.headers = {"Content-Type": "application/json"}
    playback.body = json.dumps(whole).encode()
    plain = client(wire, playback.url).ask()
    assert plain.usage == streamed.usage
    assert plain.stop is streamed.stop
    assert plain.message.text == streamed.message.text
    for one_call, other in zip(plain.message.calls, streamed.message.calls, strict=True):
        assert json.loads(one_call.arguments) == json.loads(other.arguments)


def test_the_judge_is_answered_in_order_and_turns_by_history() -> None:
    with ScriptedModel([Turn("one"), Turn("two")], [Turn("no"), Turn("yes")]) as service:
        url = service.url + PATHS["chat"]
        ask = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
        turn = {"role": "assistant", "content": "one"}
        assert post(url, ask)["choices"][0]["message"]["content"] == "no"
        assert post(url, ask)["choices"][0]["message"]["content"] == "yes"
        tools = {**ask, "tools": [{"type": "function", "function": {"name": "verify"}}]}
        again = {**tools, "messages": [*ask["messages"], turn]}  # type: ignore[misc]
        assert post(url, again)["choices"][0]["message"]["content"] == "two"
        assert post(url, tools)["choices"][0]["message"]["content"] == "one"
        with pytest.raises(urllib.error.HTTPError, match="400") as caught:
            post(url, ask)
        caught.value.close()
        assert [s.judge for s in service.journal] == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "Invalid JSON"), ('{"turns": [{"kind": "song"}]}', "turns"), ('{"turn": []}', "turn")],
)
def test_a_bad_script_is_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(UserError, match=said):
        read_script(tmp_path / "s.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_script(tmp_path / "none.json")
