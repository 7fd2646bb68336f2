"""Build the wheels in ``registry/`` from ``acme-log/``; the same sources give the same bytes.

A wheel is a zip file (binary distribution format of packaging.python.org's specifications);
entries are stored, not compressed, since compressed bytes differ between versions of zlib.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LICENSE = HERE.parent.parent / "LICENSE"
VERSIONS = {"v1": "1.4.2", "v2": "2.0.0"}

METADATA = """\
Metadata-Version: 2.4
Name: acme-log
Version: {version}
Summary: Structured logging for Acme's services
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.9
"""
WHEEL = "Wheel-Version: 1.0\nGenerator: build_wheels.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build(folder: Path) -> list[Path]:
    """Write both wheels into ``folder`` and return their paths."""
    return [_build(HERE / "acme-log" / name, version, folder) for name, version in VERSIONS.items()]


def _build(source: Path, version: str, folder: Path) -> Path:
    info = f"acme_log-{version}.dist-info"
    package = sorted(p for p in (source / "acme_log").iterdir() if p.suffix in (".py", ".md"))
    files = {f"acme_log/{path.name}": path.read_bytes() for path in package}
    files[f"{info}/METADATA"] = METADATA.format(version=version).encode()
    files[f"{info}/WHEEL"] = WHEEL.encode()
    files[f"{info}/licenses/LICENSE"] = LICENSE.read_bytes()
    record = "".join(f"{name},{_hash(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = folder / f"acme_log-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, data)
    return wheel


def _hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


if __name__ == "__main__":
    for path in build(HERE / "registry"):
        print(path)
