"""A scripted model service that times its client. Standard library only, a process of its own.

Answer k asks for one trivial command through the shell tool that the client offers, the last
answer ends the session. One JSON line for each request goes to standard output at the end:
times of the system-wide monotonic clock, sizes, and the gap, which is the time from the last
byte of an answer to the first byte of the request that follows it.

It speaks as much of the Messages, Responses and Chat Completions APIs as the clients of these
benchmarks need; Responses only far enough to end a session at once.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

SENTINEL = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"  # mini-swe-agent ends on a command that prints this
Json = dict[str, Any]


@dataclass
class Asked:
    """One request. Times in seconds; ``main`` if it belongs to the session's loop."""

    arrived: float
    path: str
    size: int
    main: bool = False
    sent: float = 0.0
    session: int = 0  # sessions of several clients are told apart by their connections


@dataclass
class Script:
    """``command`` has ``{k}`` where the step's number goes."""

    steps: int
    command: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: list[Asked] = field(default_factory=list)


def tools_of(body: Json) -> dict[str, Json]:
    """Name to schema of the tools on offer."""
    found = {}
    for tool in body.get("tools") or []:
        inner = tool.get("function") if isinstance(tool.get("function"), dict) else tool
        schema = inner.get("input_schema") or inner.get("parameters") or {}
        found[inner.get("name") or tool.get("type") or ""] = schema
    return found


def turn(script: Script, body: Json, raw: bytes, step: int) -> tuple[bool, str, Json | str]:
    """Whether the request is of the session's loop, and a tool with its input, or "" and words."""
    tools = tools_of(body)
    shell = next((name for name in tools if name.lower() in ("bash", "shell")), None)
    if shell is None:
        return False, "", "ok"
    if step < script.steps:
        given = {"command": script.command.replace("{k}", str(step))}
        if "description" in (tools[shell].get("required") or ()):
            given["description"] = "a step"
        return True, shell, given
    if "finish" in tools:
        return True, "finish", {"status": "no_change" if "echo" in script.command else "done", "title": "t"}
    if SENTINEL.encode() in raw:
        return True, shell, {"command": f"echo {SENTINEL}"}
    return True, "", "done"


def messages(name: str, given: Json | str, number: int, stream: bool) -> tuple[str, bytes]:
    """An answer of the Messages API."""
    stop = "tool_use" if name else "end_turn"
    block: Json = {"type": "text", "text": given}
    delta: Json = {"type": "text_delta", "text": given}
    empty: Json = {"type": "text", "text": ""}
    if name:
        empty = {"type": "tool_use", "id": f"toolu_{number:06d}", "name": name, "input": {}}
        block = {**empty, "input": given}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(given)}
    usage = {"input_tokens": 100, "output_tokens": 20}
    message = {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": "scripted",
        "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    if not stream:
        return "application/json", json.dumps({**message, "content": [block], "stop_reason": stop}).encode()
    events: list[Json] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 20},
        },
        {"type": "message_stop"},
    ]
    return "text/event-stream", b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in events
    )


def chat(name: str, given: Json | str, number: int, stream: bool) -> tuple[str, bytes]:
    """An answer of Chat Completions."""
    message: Json = {"role": "assistant", "content": given}
    if name:
        function = {"name": name, "arguments": json.dumps(given)}
        call = {"index": 0, "id": f"call_{number:06d}", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    stop = "tool_calls" if name else "stop"
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    whole = {"id": f"c{number}", "created": 1, "model": "scripted"}
    if not stream:
        choice = {"index": 0, "message": message, "finish_reason": stop}
        answer = {**whole, "object": "chat.completion", "choices": [choice], "usage": usage}
        return "application/json", json.dumps(answer).encode()
    whole["object"] = "chat.completion.chunk"
    chunks: list[Json] = [
        {**whole, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**whole, "choices": [{"index": 0, "delta": {}, "finish_reason": stop}]},
        {**whole, "choices": [], "usage": usage},
    ]
    parts = [b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks]
    return "text/event-stream", b"".join((*parts, b"data: [DONE]\n\n"))


def responses(name: str, given: Json | str, number: int, stream: bool) -> tuple[str, bytes]:
    """An answer of the Responses API: a function call, or words."""
    item: Json = {
        "type": "message", "id": f"m{number}", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": str(given), "annotations": []}],
    }  # fmt: skip
    if name:
        item = {"type": "function_call", "id": f"f{number}", "call_id": f"call_{number}", "name": name,
                "arguments": json.dumps(given), "status": "completed"}  # fmt: skip
    usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    response = {
        "id": f"r{number}", "object": "response", "created_at": 1, "model": "scripted", "status": "completed",
        "output": [item], "parallel_tool_calls": False, "tool_choice": "auto", "tools": [], "usage": usage,
    }  # fmt: skip
    if not stream:
        return "application/json", json.dumps(response).encode()
    events: list[Json] = [
        {"type": "response.created", "response": {**response, "output": [], "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]
    return "text/event-stream", b"".join(
        b"event: %s\ndata: %s\n\n"
        % (event["type"].encode(), json.dumps({**event, "sequence_number": place}).encode())
        for place, event in enumerate(events)
    )


DIALECTS = {"/messages": messages, "/chat/completions": chat, "/responses": responses}


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket, script: Script) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.script = script
        self.buffer = bytearray()
        self.arrived = 0.0

    def more(self) -> None:
        data = self.connection.recv(1 << 18)
        if not data:
            raise EOFError
        if not self.buffer:
            self.arrived = time.monotonic()
        self.buffer += data

    def take(self, end: int) -> bytes:
        while len(self.buffer) < end:
            self.more()
        data = bytes(self.buffer[:end])
        del self.buffer[:end]
        return data

    def line(self, mark: bytes) -> bytes:
        while (end := self.buffer.find(mark)) < 0:
            self.more()
        return self.take(end + len(mark))

    def serve(self) -> None:
        try:
            while True:
                self.exchange()
        except (EOFError, OSError):
            self.connection.close()

    def exchange(self) -> None:
        head = self.line(b"\r\n\r\n").decode("latin-1").split("\r\n")
        arrived = self.arrived
        method, path, _ = head[0].split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        raw = self.body(headers)
        asked = Asked(arrived=arrived, path=path.partition("?")[0], size=len(raw))
        status, kind, data = self.answer(method, asked, raw)
        start = f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
        asked.sent = time.monotonic()  # before the last write: what the kernel takes counts too
        self.connection.sendall(start.encode() + data)

    def body(self, headers: dict[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return self.take(int(headers.get("content-length") or 0))
        data = b""
        while size := int(self.line(b"\r\n"), 16):
            data += self.take(size)
            self.line(b"\r\n")
        self.line(b"\r\n")
        return data

    def answer(self, method: str, asked: Asked, raw: bytes) -> tuple[int, str, bytes]:
        dialect = next((make for end, make in DIALECTS.items() if asked.path.endswith(end)), None)
        body = json.loads(raw) if raw else {}
        if method != "POST" or dialect is None:
            return 404, "application/json", b'{"error":{"type":"not_found_error","message":"none"}}'
        if not body:  # honk asks so whether the service speaks Responses
            return 400, "application/json", b'{"error":{"type":"invalid_request_error","message":"empty"}}'
        # The step is what the client's own history says: several clients may ask at once.
        spoken = body.get("messages") or body.get("input") or []
        step = sum(m.get("role") == "assistant" for m in spoken if isinstance(m, dict))
        asked.main, name, given = turn(self.script, body, raw, step)
        with self.script.lock:
            self.script.asked.append(asked)
            number = len(self.script.asked)
        kind, data = dialect(name, given, number, bool(body.get("stream")))
        return 200, kind, data


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--command", default="echo step-{k}")
    options = parser.parse_args()
    script = Script(options.steps, options.command)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            client = Client(listener.accept()[0], script)
            threading.Thread(target=client.serve, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()  # until whoever started this closes it
    with script.lock:
        for asked in script.asked:
            print(json.dumps(asdict(asked)))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
