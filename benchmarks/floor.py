"""The least that a harness can do: one HTTP connection, one bash in a container, no log.

A limit to compare with, not a product. Needs the docker command line to start the container;
the steps go over `docker exec -i`, whose process only copies bytes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True)
    parser.add_argument("--image", required=True)
    options = parser.parse_args()
    run = ["docker", "run", "-d", "--rm", "--init", "--network=none", options.image, "sleep", "3600"]
    container = subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
    shell = subprocess.Popen(
        ["docker", "exec", "-i", container, "bash", "--noprofile", "--norc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        converse(options.base, shell)
    finally:
        shell.kill()
        subprocess.run(["docker", "rm", "-f", container], capture_output=True)


def command(shell: subprocess.Popen[bytes], line: str, number: int) -> str:
    assert shell.stdin is not None and shell.stdout is not None
    mark = f"--mark-{number}"
    shell.stdin.write(f"{{ {line}\n}} 2>&1 </dev/null; printf '%s\\n' {mark}\n".encode())
    shell.stdin.flush()
    output = ""
    while (said := shell.stdout.readline().decode()) != f"{mark}\n":
        output += said
    return output


def converse(base: str, shell: subprocess.Popen[bytes]) -> None:
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tool = {"name": "bash", "description": "run", "input_schema": {"type": "object"}}
    messages: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    body = {"model": "x", "max_tokens": 1000, "tools": [tool], "messages": messages}
    number = 0
    while True:
        connection.request("POST", "/v1/messages", json.dumps(body), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        messages.append({"role": "assistant", "content": answer["content"]})
        calls = [block for block in answer["content"] if block["type"] == "tool_use"]
        if not calls:
            return
        results = []
        for call in calls:
            number += 1
            text = command(shell, call["input"]["command"], number)
            results.append({"type": "tool_result", "tool_use_id": call["id"], "content": text})
        messages.append({"role": "user", "content": results})


if __name__ == "__main__":
    main()
