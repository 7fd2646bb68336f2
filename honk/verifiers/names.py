"""Names of tests as reports and logs have them, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARKS = (" > ", " › ")  # between suites
_GO = re.compile(r"(?:Test|Fuzz|Example)\w*/")
# A text in quotes, and a character that is escaped outside of them.
_QUOTED = re.compile(
    r"\\.|(?<!\w)(?:"
    r"'([^'\\\n]*(?:\\.[^'\\\n]*)*)'"
    r'|"([^"\\\n]*(?:\\.[^"\\\n]*)*)"'
    r"|`([^`\\\n]*(?:\\.[^`\\\n]*)*)`)"
)


def split(name: str) -> tuple[str, str]:
    """Group (file, class, suite) and the test's own name."""
    head = name.partition("[")[0]
    for mark in ("::", *_MARKS, "#"):
        if mark in name:
            group, _, own = head.rpartition(mark)
            return group, own + name[len(head) :]
    return "", name


def plain(name: str) -> str:
    """The test's own name without its parameters."""
    return re.split(r"[\[({]| with data set ", split(name)[1], maxsplit=1)[0].strip()


def around(name: str) -> tuple[str, str]:
    """All that stands before a test's title (file and suites, or the test of Go that it is part of),
    and the title, as the source may have it in quotes."""
    group, own = split(name)
    head = own.partition("[")[0]
    if _GO.match(head):
        before, _, title = head.rpartition("/")
        return f"{group}::{before}", title + own[len(head) :]
    at = -1 if " with data set " in own else max(head.rfind(mark) for mark in _MARKS)
    return (f"{group}::{own[:at]}", own[at + 3 :]) if at >= 0 else (group, own)


def short(name: str) -> tuple[str, str]:
    """Class, module or suite without what is around it, and the test's title without parameters."""
    before, title = around(name)
    return re.split(r"::|[.$]", before)[-1], re.split(r"[\[({]", title, maxsplit=1)[0].strip()


def quoted(text: str) -> Iterator[str]:
    """All texts in quotes that stand on one line of ``text`` each, as :func:`titles` has them."""
    for match in _QUOTED.finditer(text):
        if title := match[1] or match[2] or match[3]:
            yield _key(re.sub(r"\\(.)", r"\1", title) if "\\" in title else title)


def titles(name: str) -> Iterator[str]:
    """What a line of source may call the test in quotes, without a number that tells equals apart.
    RSpec puts the titles of groups before it; a single last word would be too little."""
    title = re.split(r"(?: \(\d+\)|#\d+)$", around(name)[1])[0]
    words = title.split()
    if re.search(r"[^\W\d]", title):
        yield _key(title)
    if split(name)[0].endswith(".rb"):
        yield from (_key(" ".join(words[at:])) for at in range(1, len(words) - 1))


def suites(name: str) -> list[str]:
    """The titles of the suites that a test stands in, as :func:`titles` has its own."""
    group, own = split(name)
    inside = around(name)[0].removeprefix(f"{group}::") if around(name)[1] != own else ""
    return [_key(suite) for suite in re.split(" [>›] ", inside) if suite]


def parents(name: str) -> list[str]:
    """The tests of Go that a subtest is part of."""
    group, own = split(name)
    ends = [at for at, letter in enumerate(own) if letter == "/"] if _GO.match(own) else []
    return [f"{group}::{own[:at]}" if group else own[:at] for at in ends]


def _key(title: str) -> str:
    """Go puts an underscore for each space."""
    return "_".join(title.split())
