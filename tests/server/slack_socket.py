"""Slack's end of Socket Mode: a WebSocket server that hands envelopes to the connected app."""

from __future__ import annotations

import json
import queue
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from websockets.sync.server import Server, ServerConnection, serve


@dataclass
class Socket:
    """``acknowledged`` are the ids of envelopes that the app has answered, ``connections`` counts
    how often one connected."""

    url: str = ""
    acknowledged: queue.Queue[str] = field(default_factory=queue.Queue)
    connections: int = 0
    connected: threading.Event = field(default_factory=threading.Event)
    current: ServerConnection | None = None

    def handle(self, connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "hello", "num_connections": 1}))
        self.current = connection
        self.connections += 1
        self.connected.set()
        for message in connection:
            self.acknowledged.put(json.loads(message)["envelope_id"])

    def send(self, body: bytes, *, retry: int | None = None) -> str:
        """Send what would be an HTTP request's ``body``; the id of its envelope."""
        assert self.current is not None
        envelope: dict[str, Any] = {"envelope_id": str(uuid.uuid4()), "accepts_response_payload": True}
        if body.startswith(b"{"):
            envelope |= {"type": "events_api", "payload": json.loads(body)}
        else:
            fields = {name: values[0] for name, values in parse_qs(body.decode(), True).items()}
            if "payload" in fields:
                envelope |= {"type": "interactive", "payload": json.loads(fields["payload"])}
            else:
                envelope |= {"type": "slash_commands", "payload": fields}
        if retry is not None:
            envelope |= {"retry_attempt": retry, "retry_reason": "timeout"}
        self.current.send(json.dumps(envelope))
        return str(envelope["envelope_id"])


@contextmanager
def listening() -> Iterator[Socket]:
    made = Socket()
    server: Server
    with serve(made.handle, "127.0.0.1", 0) as server:
        made.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/link?ticket=x"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
