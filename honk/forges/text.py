"""Words of a model, made safe for a pull request.

The text is parsed as Markdown and written anew from the parsed tree, so that only what is
listed here can come out: paragraphs, headings, lists, quotes, tables, emphasis and code.
Images, links and raw HTML leave nothing but their plain words; whatever GitHub would turn
into a link, a mention or a closing reference stands in a code span, where it is inert.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from honk.core.plain import unskipped

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

BODY_LIMIT = 65_536  # characters of a pull request's description (GitHub: "body is too long")
TITLE_LIMIT = 120
_CUT = "\n\n(The rest was cut off: the text is too long for a pull request.)"

# Marks that show nothing, beyond Unicode's own categories of such characters.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<[/!?]?[a-zA-Z][^<>]*>", re.DOTALL)
# A word that GitHub may link, notify or act on: URLs, mail addresses, mentions, issue references.
_ACTIVE = re.compile(r"@|://|www\.|#\d|GH-\d|mailto:|xmpp:", re.IGNORECASE)
_EDGES = "([{<\"'*_~,.;:!?>)]}"
_SPECIAL = re.compile(r"[\\`*_\[\]$|~]")
_LINE_START = re.compile(r"^[ \t]*(?:([-+=:>]|#{1,6}(?=\s|$))|(\d{1,9})([.)])(?=\s|$)|)", re.MULTILINE)
_STATEMENT = re.compile(r'^(?=\{"payload)', re.MULTILINE)  # as evidence/envelope.py looks for one
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z0-9+#_.-]{0,29}")
_RENDERED = frozenset({"mermaid", "geojson", "topojson", "stl", "math", "suggestion"})  # GitHub draws these


def visible(text: str) -> str:
    """``text`` without control, bidirectional, zero-width and other characters that do not show."""
    text = re.sub("\r\n?|[\u0085\u2028\u2029]", "\n", text)
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)
    return _BLANK.sub("", "".join(kept))


def units(text: str) -> int:
    """Length in UTF-16 units: the larger of the two ways in which a forge may count characters."""
    return len(text) + sum(ord(c) > 0xFFFF for c in text)


def fit(text: str, limit: int = BODY_LIMIT) -> str:
    """``text``, or as many of its leading lines as fit into ``limit`` UTF-16 units, saying so.

    An open code fence is closed, so that the remark does not end up in it.
    """
    if units(text) <= limit:
        return text
    room = limit - units(_CUT) - 64  # the closing fence
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        room -= units(line) + 1
        if room < 0:
            break
        kept.append(line)
        if mark := re.match(r" {0,3}(`{3,32}|~{3,32})", line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
    return "\n".join(kept) + (f"\n{fence}" if fence else "") + _CUT


def sanitise_title(text: str, limit: int = TITLE_LIMIT) -> str:
    """One line of plain words, at most ``limit`` characters; may be empty."""
    line = " ".join(_untag(visible(text)).split()).replace("`", "")
    line = re.sub(r"!?\[([^\[\]]*)\](?:\([^()\s]*\)|\[[^\[\]]*\])", r"\1", line)
    line = " ".join(_inert(word, plain=str) for word in unskipped(line).split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1].rstrip()
    if cut.count("`") % 2:
        cut = cut[: cut.rindex("`")].rstrip()
    return f"{cut}…"


def sanitise(text: str, limit: int = 20_000) -> str:
    """Model-written Markdown, made safe; at most ``limit`` UTF-16 units."""
    text = unskipped(visible(text)[:limit])
    while units(out := _render(text)) > limit:
        text = text[: len(text) * 3 // 4]
    return out


def _render(text: str) -> str:
    from markdown_it.tree import SyntaxTreeNode

    return _blocks(SyntaxTreeNode(_parser().parse(text)).children)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable("table")


def _blocks(nodes: list[SyntaxTreeNode], tight: bool = False) -> str:
    return ("\n" if tight else "\n\n").join(filter(None, map(_block, nodes)))


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "heading":
            return f"{'#' * int(node.tag[1])} {_words(node).replace(chr(10), ' ')}"
        case "fence" | "code_block":
            return _fence(node.content, node.info.strip() if node.type == "fence" else "")
        case "blockquote":
            return "\n".join(f"> {line}".rstrip() for line in _blocks(node.children).split("\n"))
        case "bullet_list" | "ordered_list":
            return _list(node)
        case "table":
            return _table(node)
        case "hr":
            return "---"
        case "html_block":
            return _line_starts("\n".join(map(_plain, _untag(node.content).strip().splitlines())))
        case _:
            return _words(node)


def _fence(code: str, info: str) -> str:
    code = code.rstrip("\n")
    code = _STATEMENT.sub(" ", code)  # only honk's own stands at the start of a line
    longest = max((len(run) for run in re.findall("`{3,}", code)), default=2)
    mark = "`" * (longest + 1)
    language = _LANGUAGE.fullmatch(info)
    shown = info if language and info.lower() not in _RENDERED else ""
    return f"{mark}{shown}\n{code}\n{mark}"


def _list(node: SyntaxTreeNode) -> str:
    number = int(node.attrs.get("start", 1))
    ordered = node.type == "ordered_list"
    loose = any(
        child.type == "paragraph" and not child.hidden for item in node.children for child in item.children
    )
    items = []
    for offset, item in enumerate(node.children):
        mark = f"{number + offset}." if ordered else "-"
        indent = " " * (len(mark) + 1)
        lines = _blocks(item.children, tight=not loose).split("\n")
        items.append(
            "\n".join([f"{mark} {lines[0]}".rstrip(), *(f"{indent}{x}".rstrip() for x in lines[1:])])
        )
    return ("\n\n" if loose else "\n").join(items)


def _table(node: SyntaxTreeNode) -> str:
    rows = [
        [re.sub(r"(?<!\\)\|", r"\\|", _words(cell)) for cell in row.children]
        for part in node.children
        for row in part.children
    ]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _words(node: SyntaxTreeNode) -> str:
    """The inline content of a block, as text for the start of a line."""
    return _line_starts(
        "".join(_inlines(inline.children) for inline in node.children if inline.type == "inline")
    )


def _inlines(nodes: Iterable[SyntaxTreeNode]) -> str:
    out = plain = ""
    for piece in _pieces(nodes):
        if isinstance(piece, str):
            plain += piece
        elif words := _inline(piece):  # what leaves nothing lets the words around it meet
            out = _append(_append(out, _plain(plain)), words)
            plain = ""
    return _append(out, _plain(plain))


def _pieces(nodes: Iterable[SyntaxTreeNode]) -> Iterator[str | SyntaxTreeNode]:
    """The nodes, plain words of links, images and text as strings."""
    for node in nodes:
        match node.type:
            case "text":
                yield node.content
            case "html_inline" | "image":
                yield _untag(node.content)
            case "link":
                yield from _pieces(node.children)
            case _:
                yield node


def _append(left: str, right: str) -> str:
    """Two code spans side by side must not become one run of backticks."""
    return f"{left} {right}" if left.endswith("`") and right.startswith("`") else left + right


def _inline(node: SyntaxTreeNode) -> str:
    match node.type:
        case "code_inline":
            return _span(node.content)
        case "softbreak" | "hardbreak":
            return "\n"
        case _:
            inner = _inlines(node.children).strip()
            mark = "*" if node.type == "em" else "**"
            return f"{mark}{inner}{mark}" if inner else ""


def _untag(text: str) -> str:
    """``text`` without HTML; a bare capitalised word in angle brackets is a type parameter."""
    return _TAG.sub(lambda m: m[0] if re.fullmatch(r"<[A-Z]\w*>", m[0]) else "", text)


def _plain(text: str) -> str:
    """Text outside of code (entities are decoded by now), on one line."""
    text = re.sub(r"\s", " ", visible(text))
    return re.sub(r"\S+", lambda m: _inert(m[0], plain=_escape), text)


def _inert(word: str, plain: Callable[[str], str]) -> str:
    """An active word in a code span, its outer punctuation aside; any other as ``plain`` gives it."""
    core = word.strip(_EDGES)
    if not core or not _ACTIVE.search(word):
        return plain(word)
    start = word.index(core)
    return f"{plain(word[:start])}{_span(core)}{plain(word[start + len(core) :])}"


def _escape(text: str) -> str:
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def _span(code: str) -> str:
    code = " ".join(code.split())
    if not code:
        return ""
    runs = set(re.findall("`+", code))
    mark = next("`" * n for n in range(1, len(code) + 2) if "`" * n not in runs)
    pad = " " if code[0] == "`" or code[-1] == "`" else ""
    return f"{mark}{pad}{code}{pad}{mark}"


def _line_starts(text: str) -> str:
    """``text`` without indentation, and with nothing at a line's start that Markdown takes for structure."""
    return _LINE_START.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}" if m[2] else "", text)
