"""The web application on a socket."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from honk.core.errors import UserError


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket; bound here, so that what is wrong is said as everything else is.

    Raises UserError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"honk cannot listen on {host} port {port}: {error}.", "Give another --port or --host."
        ) from error


def address(opened: socket.socket) -> str:
    """The URL of what listens there."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def listen(app: FastAPI, opened: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM. uvicorn raises that signal once more when it is done: the
    caller must have a handler, or the process dies before it has cleared up."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5, server_header=False)
    uvicorn.Server(config).run(sockets=[opened])
