"""Syntax trees of test files, through tree-sitter's grammar wheels, one for each language.

Grammars are imported when a file of their language is first looked at. A file that is too
large, too deep or not parsable gives no tree, and the text rules have to do.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from honk.gates.content import MAX_BYTES

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_MAX_NODES = 300_000
_MAX_DEPTH = 250
_MAX_SECONDS = 3.0  # of parsing one side of a file; ordinary code takes a hundredth of that
_PIECE = 1 << 16
_BROKEN_SHARE = 0.2  # of a file's bytes in error nodes, beyond which its tree says little

_GRAMMARS = {
    "python": ("tree_sitter_python", "language"),
    "javascript": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "java": ("tree_sitter_java", "language"),
    "kotlin": ("tree_sitter_kotlin", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "cpp": ("tree_sitter_cpp", "language"),
}
_SUFFIXES = {
    "py": "python",
    **dict.fromkeys(("js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts"), "javascript"),
    "go": "go",
    "rs": "rust",
    "java": "java",
    "kt": "kotlin",
    "kts": "kotlin",
    "cs": "csharp",
    "rb": "ruby",
    "php": "php",
    **dict.fromkeys(("c", "cc", "cpp", "cxx", "h", "hh", "hpp"), "cpp"),
}
CALLS = frozenset({"call_expression", "call", "function_call_expression"})
"""Types of nodes that call a function by its name, over all grammars."""
_TEXTS = ("string_content", "string_fragment", "string_literal_content", "interpreted_string_literal_content")


def language_of(path: str) -> str | None:
    """The language of a file by its suffix, if there is a grammar for it."""
    return _SUFFIXES.get(path.rpartition(".")[2].lower())


@dataclass(frozen=True)
class Tree:
    """``code`` is the source, ``masked`` the same with comments and the insides of strings blanked.

    Both have the same length in bytes, so a node's range fits either.
    """

    language: str
    root: Node
    code: bytes
    masked: bytes

    def text(self, node: Node) -> str:
        return self.code[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def plain(self, node: Node) -> str:
        return self.masked[node.start_byte : node.end_byte].decode("utf-8", "replace")


@cache
def _parser(language: str) -> Parser:
    from tree_sitter import Language, Parser

    module, function = _GRAMMARS[language]
    return Parser(Language(getattr(importlib.import_module(module), function)()))


def parse(language: str, code: bytes) -> Tree | None:
    """The tree of ``code``, or None if it is no use."""
    if len(code) > MAX_BYTES:
        return None
    root = _root(_parser(language), code)
    if root is None:
        return None
    masked, broken = bytearray(code), 0
    for count, (node, depth) in enumerate(_walk(root)):
        if depth > _MAX_DEPTH or count > _MAX_NODES:
            return None
        if node.type == "ERROR":
            broken += node.end_byte - node.start_byte
        if node.type in _TEXTS or "comment" in node.type:
            masked[node.start_byte : node.end_byte] = bytes(
                b if b == 10 else 32 for b in code[node.start_byte : node.end_byte]
            )
    if broken > _BROKEN_SHARE * len(code):
        return None
    return Tree(language, root, code, bytes(masked))


def _root(parser: Parser, code: bytes) -> Node | None:
    """None where the grammar does not get to an end: it recovers from errors, which on text that
    is no such code can take minutes."""
    end = time.monotonic() + _MAX_SECONDS

    def too_long(at: int, error: bool) -> bool:
        return time.monotonic() > end

    try:
        tree = parser.parse(lambda at, point: code[at : at + _PIECE], progress_callback=too_long)
    except ValueError:
        parser.reset()
        return None
    return tree.root_node


def _walk(root: Node) -> Iterator[tuple[Node, int]]:
    cursor, depth = root.walk(), 0
    while True:
        node = cursor.node
        if node is not None:
            yield node, depth
        if cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            depth -= 1
