"""The signals that end honk in order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_stop(handle: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Call ``handle`` in the main thread on SIGINT, SIGTERM and SIGHUP (a terminal or an SSH session
    that closes), none of which then ends the process by itself. A SIGHUP that was ignored when honk
    started (nohup(1)) stays so: somebody wants honk to outlive the terminal."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, lambda got, _: handle(signal.Signals(got))) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
