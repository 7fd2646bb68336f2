"""Who holds a lease, so that a dead process on this machine is recognised at once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
from pathlib import Path


def this_process() -> str:
    """The calling process as the owner of a lease: ``host.machine:pid:start``."""
    return f"{_machine()}:{os.getpid()}:{_start(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether ``owner`` certainly runs no more. False for other machines and foreign texts."""
    machine, _, process = owner.partition(":")
    pid, _, start = process.partition(":")
    return machine == _machine() and pid.isdigit() and bool(start) and _start(int(pid)) != start


def _machine() -> str:
    """Host name, and a digest of what makes process ids comparable: the boot and the pid namespace."""
    seen = ""
    with contextlib.suppress(OSError):  # not Linux: the host name alone
        seen = Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/pid")
    return f"{socket.gethostname()}.{hashlib.sha256(seen.encode()).hexdigest()[:8]}"


def _start(pid: int) -> str:
    """When the process started, in the system's own words; empty if it is gone (or a zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
        return told.stdout.strip().replace(":", ".")
    fields = stat.rpartition(")")[2].split()  # proc(5): the name in brackets may hold anything
    return "" if fields[0] in "ZX" else fields[19]
