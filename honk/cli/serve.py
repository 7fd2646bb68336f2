"""`honk serve | worker | mcp | token`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from honk import settings as settings_module
from honk import wiring
from honk.cli.signals import on_stop
from honk.core.errors import UserError
from honk.settings import Settings

ADMIN = "admin"
TOKEN_FILE = "admin-token"

YIELDS = 10
"""How nice a worker is (nice(2)): on a machine that it shares with the server, whoever asks something
is answered first. Where it is alone that costs nothing."""


def _needs_extra() -> UserError:
    return UserError("The service's packages are not installed.", "Run `pip install 'honk[server]'`.")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _log(settings: Settings) -> Callable[[str], None]:
    """Where the service notes what happens. As JSON, what its packages log is in the same form."""
    if settings.server.log == "text":
        return _say
    from honk.telemetry.logs import structured

    logging.basicConfig(level=logging.WARNING, handlers=[structured(sys.stderr)], force=True)
    own = logging.getLogger("honk.service")
    own.setLevel(logging.INFO)
    return own.info


def serve_command(host: str | None, port: int | None, workers: int | None, config: Path | None) -> int:
    """Run the web service and, unless ``workers`` is 0, a worker in the same process."""
    settings = _settings(config, host, port, workers)
    try:
        from honk.wiring.server import serve
    except ImportError as error:
        raise _needs_extra() from error

    with wiring.open_stores(settings) as stores, _signals():
        note = _log(settings)
        if not any(info.role == "admin" for info in stores.tokens.all()):
            _first_token(settings, stores, note)
        serve(settings, stores, work=workers != 0, note=note)
    return 0


def _settings(config: Path | None, host: str | None, port: int | None, workers: int | None) -> Settings:
    settings = settings_module.load(config)
    given = {"host": host, "port": port, "workers": workers or None}
    changes = {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update={"server": settings.server.model_copy(update=changes)})


def _first_token(settings: Settings, stores: wiring.Stores, note: Callable[[str], None]) -> None:
    """A service without any token would be closed to everyone: make one, readable by its owner."""
    token = stores.tokens.create(ADMIN, "admin")
    file = settings.home / TOKEN_FILE
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(token + "\n")
    note(f"The admin token is in {file}.")


def worker_command(workers: int | None, config: Path | None) -> int:
    """Work on queued runs until a signal comes; unfinished ones go back to the queue."""
    settings = _settings(config, None, None, workers)
    try:
        from honk.wiring.server import open_worker
    except ImportError as error:
        raise _needs_extra() from error

    with wiring.open_stores(settings) as stores, ExitStack() as stack:
        stop = stack.enter_context(_signals())
        note = _log(settings)
        os.nice(YIELDS)
        stack.enter_context(open_worker(settings, stores, note))
        note(f"Working on up to {settings.server.workers} runs at once.")
        stop.wait()
        note("Stopping; unfinished runs go back to the queue.")
    return 0


def mcp_command(workers: int | None, config: Path | None) -> int:
    """Tools for other agents on standard input and output, until it ends."""
    settings = _settings(config, None, None, workers)
    try:
        from honk.wiring.mcp import serve_stdio
    except ImportError as error:
        raise _needs_extra() from error

    with wiring.open_stores(settings) as stores, _signals() as stop:
        serve_stdio(settings, stores, work=workers != 0, stop=stop, note=_log(settings))
    return 0


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set; none then ends the process by itself."""
    stop = threading.Event()

    def end(number: signal.Signals) -> None:
        if number is signal.SIGHUP:  # of which the web server does not know
            signal.raise_signal(signal.SIGTERM)
        stop.set()

    with on_stop(end):
        yield stop


def token_command(name: str, role: str, *, revoke: bool, config: Path | None) -> int:
    from honk.stores.service import ROLES

    chosen = next((known for known in ROLES if known == role), None)
    if chosen is None:
        raise UserError(f"There is no role {role!r}.", f"There are {', '.join(ROLES)}.")
    with wiring.open_stores(settings_module.load(config)) as stores:
        if not revoke:
            print(stores.tokens.create(name, chosen))
        elif not stores.tokens.revoke(name):
            raise UserError(f"There is no token {name}.", "Its name was given when it was made.")
    return 0
