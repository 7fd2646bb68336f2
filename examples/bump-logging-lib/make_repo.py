"""Make the demo's origin: a bare repository of ``service/`` with three commits.

Dates and identities are fixed, so the same files give the same commit ids.
As a script: ``python make_repo.py PATH`` prints the id of the newest commit.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SERVICE = Path(__file__).resolve().parent / "service"

# Message, author, seconds since 1970 (UTC), and the paths that come with the commit.
COMMITS: tuple[tuple[str, str, int, tuple[str, ...]], ...] = (
    (
        "Orders and the stock they take",
        "Ada Example <ada@example.com>",
        1_767_607_200,
        (
            ".gitignore",
            "README.md",
            "requirements.txt",
            "orders/__init__.py",
            "orders/model.py",
            "orders/stock.py",
            "tests/conftest.py",
            "tests/test_stock.py",
        ),
    ),
    (
        "Charge customers, and ask a silent bank again",
        "Grace Example <grace@example.com>",
        1_767_780_000,
        ("orders/payments.py", "tests/test_payments.py"),
    ),
    (
        "One order from arrival to shipment",
        "Ada Example <ada@example.com>",
        1_768_212_000,
        (
            ".honk.yml",
            "AGENTS.md",
            "orders/__main__.py",
            "orders/service.py",
            "orders/shipping.py",
            "tests/test_service.py",
        ),
    ),
)


def create(path: Path) -> str:
    """Make the bare repository at ``path`` (which must not exist) and return the head's id."""
    if path.exists():
        raise FileExistsError(f"{path} is there already.")
    _git("init", "--quiet", "--bare", "--object-format=sha1", "--initial-branch=main", str(path))
    _git("--git-dir", str(path), "fast-import", "--quiet", stdin=b"".join(map(_commit, COMMITS)))
    return _git("--git-dir", str(path), "rev-parse", "refs/heads/main").strip()


def _commit(commit: tuple[str, str, int, tuple[str, ...]]) -> bytes:
    """One commit as git-fast-import(1) reads it; each continues the branch."""
    message, author, seconds, paths = commit
    head = f"commit refs/heads/main\nauthor {author} {seconds} +0000\ncommitter {author} {seconds} +0000\n"
    parts = [head.encode(), _data(message.encode() + b"\n")]
    for path in paths:
        parts += [f"M 100644 inline {path}\n".encode(), _data((SERVICE / path).read_bytes())]
    return b"".join(parts)


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


def _git(*arguments: str, stdin: bytes = b"") -> str:
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"}
    done = subprocess.run(["git", *arguments], input=stdin, env=environ, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


if __name__ == "__main__":
    print(create(Path(sys.argv[1])))
