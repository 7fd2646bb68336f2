"""The endpoint as a sandbox has it: a read-only bind mount in a container without network."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest

from honk.core.operator import Registry
from tests.base import IMAGE

ASK = """
import os, socket
s = socket.socket(socket.AF_UNIX)
s.connect("/proxy/proxy.sock")
s.sendall(b"GET /pypi/simple/acme-log/ HTTP/1.1\\r\\nHost: 127.0.0.1:7411\\r\\nConnection: close\\r\\n\\r\\n")
data = b""
while part := s.recv(65536):
    data += part
print(os.getuid(), data.decode())
try:
    os.unlink("/proxy/proxy.sock")
except OSError as error:
    print("unlink", type(error).__name__)
"""


@pytest.mark.docker
def test_an_unprivileged_user_in_a_container_without_network_reaches_the_proxy(
    serve, wheel, tmp_path: Path
) -> None:
    wheel(tmp_path, "acme-log", "1.0")
    way = serve([Registry(kind="pypi", url=str(tmp_path))])
    client = docker.from_env()
    try:
        output = client.containers.run(
            IMAGE,
            ["python3", "-c", ASK],
            user="10001:10001",
            network_mode="none",
            cap_drop=["ALL"],
            read_only=True,
            remove=True,
            labels={"honk.test": "proxy"},
            volumes={str(way.endpoint.directory): {"bind": "/proxy", "mode": "ro"}},
        ).decode()
    finally:
        client.close()
    assert output.startswith("10001 HTTP/1.1 200 OK")
    assert "acme_log-1.0-py3-none-any.whl" in output
    assert output.splitlines()[-1].startswith("unlink ")
    assert way.asked() == ("GET pypi /simple/acme-log/ 200",)
