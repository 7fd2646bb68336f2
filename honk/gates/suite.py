"""What the comparison of tests needs of a whole change: its test files, configuration and lost names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from honk.gates.content import LINK, MAX_BYTES, Content, is_binary
from honk.gates.dependencies import is_lock
from honk.gates.lowered import configures
from honk.gates.members import has_list
from honk.gates.paths import is_test
from honk.gates.syntax import language_of
from honk.gates.weakened import TestFile

_MAX_TOTAL = 30_000_000
"""Bytes of test files that one change may have compared."""

_INLINE = re.compile(
    rb"#\[(?:\w+::)*(?:test|rstest|test_case)\b|@Test\b|\[(?:Fact|Theory|Test|TestMethod)\b|import\.meta\.vitest"
)
_DATA = re.compile(
    r"\.(?:md|rst|txt|json|ya?ml|toml|xml|html|css|csv|sql|snap|svg|lock|png|golden|out"
    r"|(?:cs|fs|vb)proj|props|targets|sln|cfg|ini|mod|sum)$"
)
_DEFINED = re.compile(
    r"\b(?:def|class|function|func|fn|fun|const|let|var|val|interface|struct|enum|trait|module|object"
    r"|record|type|macro_rules!)"
    r"\s+(?:\([^)]*\)\s*)?(?:self\.)?([A-Za-z_]\w{2,})"
    r"|(?:self|this)\.([A-Za-z_]\w{2,})\s*(?::[^=]+)?=(?!=)"
    r"|^[ \t]*(?:(?:public|private|protected|internal|static|final|virtual|async|override"
    r"|inline)\s+)+[\w<>\[\],.*&]+\s+([A-Za-z_]\w{2,})\s*\("
    r"|^[ \t]*(?:[\w<>*&:]+\s+)+\**([A-Za-z_]\w{2,})\s*\([^;]*\)\s*(?:const\s*)?\{",
)
_WORD = re.compile(r"\w+")
_COPIED = re.compile(r"(?:^|/)(?:_?vendor(?:ed)?|third_party|node_modules|Pods)/")
_COPIES = re.compile(r"(?:^|/)(?:modules|vendor)\.txt$|(?:^|/)go\.mod$|(?:^|/)vendor\.json$")
_LONGEST = 500  # characters of a line in which a definition is looked for


def copied(paths: Sequence[str]) -> frozenset[str]:
    """Paths of other people's code that a change brings up to date: its tests come and go with it. What
    says which version it has must have changed, too."""
    if not any(_COPIES.search(path) or is_lock(path) for path in paths):
        return frozenset()
    return frozenset(path for path in paths if _COPIED.search(path))


def _without_links(content: Content) -> Content:
    """What a link leads to is no text of its path: one in the place of a file leaves it empty."""
    old = None if content.file.old_mode == LINK else content.old
    new = (None if old is None else b"") if content.file.new_mode == LINK else content.new
    return replace(content, old=old, new=new)


class Suite:
    """Collects while the files of a change pass by, so that not all are in memory at once."""

    def __init__(self, to_remove: frozenset[str]) -> None:
        self.tests: list[TestFile] = []
        self.left_out: list[str] = []  # test files for which there is no room
        self.configs: list[Content] = []
        self.lists: list[Content] = []
        self._bytes = 0
        self._asked = to_remove
        self._gone: set[str] = set()
        self._present: set[str] = set()

    def take(self, content: Content) -> None:
        path = content.file.path
        is_link = LINK in (content.file.old_mode, content.file.new_mode)
        if is_link:
            content = _without_links(content)
        sides = [side for side in (content.old, content.new) if side is not None and not is_binary(side)]
        if not sides:
            return
        if configures(content) and content.size <= MAX_BYTES:
            self.configs.append(content)
        if content.size <= MAX_BYTES and has_list(content):
            self.lists.append(content)
        inline = language_of(path) is not None and any(_INLINE.search(side) for side in sides)
        tests = is_test(path, *sides)
        if (tests and not _DATA.search(path)) or inline:
            self._add_test(content)
        if not is_link and not tests and not _DATA.search(path):
            self._add_names(content)

    def _add_test(self, content: Content) -> None:
        size = len(content.old or b"") + len(content.new or b"")
        if self._bytes + size > _MAX_TOTAL:
            self.left_out.append(content.file.path)
            return
        self._bytes += size
        self.tests.append(TestFile(content.file.path, content.old, content.new))

    def _add_names(self, content: Content) -> None:
        """Names that the file no longer defines, if it got shorter: a rename is no removal. Where
        the request speaks of removing something, also the words of it that the code loses."""
        if content.new is not None and len(content.new) <= MAX_BYTES:
            self._present.update(_WORD.findall(content.new.decode("utf-8", "replace")))
        self._gone |= {word for line in content.removed for word in _WORD.findall(line)} & self._asked
        if content.file.status not in ("M", "D") or len(content.removed) <= len(content.added):
            return
        for line in content.removed:
            self._gone.update(
                name for match in _DEFINED.finditer(line[:_LONGEST]) for name in match.groups() if name
            )
        if content.file.status == "D":
            self._gone.add(content.file.path.rpartition("/")[2].partition(".")[0])

    def gone(self) -> frozenset[str]:
        """Names that the change removes from the code that is no test."""
        return frozenset(self._gone - self._present - {"test", "tests", "main", "index", "init", "__init__"})
