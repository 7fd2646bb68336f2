"""Names that tools and scratch files have, and honest files as well."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates, strongest

BASE = {
    "src/lib/file.ts": b"export const file = 1\n",
    "src/server.go": b"package src\n",
    "src/components/Table.tsx": b"export {}\n",
    "app/total.py": b"def total(): ...\n",
    "assets/logo.png": b"\x89PNG\0",
}
TABLE = "src/components/TestResults"
MODULE = b"export const a = 1\n"

CHANGES: list[tuple[dict[str, bytes], str]] = [
    ({f"{TABLE}/index.tsx": b"export {}\n", f"{TABLE}/sample.json": b"{}\n"}, "pass"),
    ({"tests/Unit/TestResults/run.trx": b"<TestRun/>\n"}, "block"),
    ({"TestResults/run.trx": b"<TestRun/>\n", "TestResults/a.js": b"a()\n"}, "block"),
    ({"TestResults/0a1b/coverage.cobertura.xml": b"<coverage/>\n"}, "block"),
    ({"assets/cube.obj": b"v 0 0 0\nv 1 0 0\nf 1 2 3\n"}, "pass"),
    ({"src/sum.obj": b"\x64\x86\x02\0\0\0\0"}, "block"),
    ({"src/lib/temp-file.ts": MODULE}, "flag"),
    ({"src/lib/temp-dir.ts": MODULE}, "flag"),
    ({"src/util/try-catch.ts": MODULE}, "flag"),
    ({"src/tmp_storage.go": b"package src\n\nfunc Keep() {}\n"}, "flag"),
    ({"src/debug_handler.go": b"package src\n\nfunc handle() {}\n"}, "flag"),
    ({"app/debug_toolbar.py": b"class Toolbar:\n    pass\n"}, "flag"),
    ({"src/playground_view.ts": MODULE}, "flag"),
    ({"app/debug_total.py": b"def show():\n    print(total())\n"}, "block"),
    ({"app/debug_sums.py": b"from app.total import total\nprint(total([1]))\n"}, "block"),
    ({"src/debug_run.go": b"package main\n\nfunc main() {}\n"}, "block"),
    ({"lib/temp-file.rb": b"def a\nend\n"}, "block"),
    ({"app/repro_total.py": b"def show():\n    pass\n"}, "block"),
    ({"src/lib/temp-file.txt": b"export\n"}, "block"),
    ({"debug_total.py": b"def show():\n    pass\n"}, "block"),
]  # fmt: skip


@pytest.mark.parametrize(("added", "wanted"), CHANGES)
def test_a_name_alone_makes_no_junk(gates: Gates, added: dict[str, bytes], wanted: str) -> None:
    assert strongest(gates(BASE, {**BASE, **added}, request="Make it work"), "junk") == wanted
