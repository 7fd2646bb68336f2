"""What a test asserts, and the rows of data that it runs over, read from its syntax tree."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from honk.gates.assertions import is_check
from honk.gates.skips import is_conditional
from honk.gates.syntax import CALLS, Tree

if TYPE_CHECKING:
    from tree_sitter import Node

_WORD = re.compile(r"[^\W_]\w*|_\w+|\d+(?:\.\d+)?")


def words(text: str) -> frozenset[str]:
    """Names, numbers and words of ``text`` in small letters: what it is about, in any framework."""
    return frozenset(_WORD.findall(text.lower()))


@dataclass(frozen=True)
class Check:
    """One assertion. ``text`` is its source, ``plain`` the same with strings blanked. ``guarded``: it
    runs only under a condition, or unless the test returned before."""

    text: str
    plain: str
    guarded: bool = False

    @cached_property
    def words(self) -> frozenset[str]:
        return words(_INDEX.sub("", self.text))

    @cached_property
    def key(self) -> str:
        """The same for the same assertion in another layout."""
        squeezed = re.sub(r"\s+|\bawait\b", "", self.text).replace("'", '"')
        return re.sub(r",(?=[)\]}])|;$", "", squeezed)


_CHECKS = frozenset(
    {"call_expression", "call", "assert_statement", "method_invocation", "invocation_expression"}
    | {"macro_invocation", "function_call_expression", "member_call_expression", "scoped_call_expression"}
    | {"infix_expression", "binary"}
)
_ARGUMENTS = frozenset(
    {"arguments", "argument_list", "value_arguments", "token_tree", "do_block", "block", "annotated_lambda"}
)
_INFIX = {"infix_expression": ("kotlin",), "binary": ("ruby",)}  # a shouldBe b; a.should == b
_INDEX = re.compile(r"\[\d+\]")
_HANDLER = 300  # characters at the end of a promise in which its handler is looked for
_DROPPERS = CALLS | {"await_expression"}
_BLOCKS = ("block", "body_statement", "statement_list", "compound_statement")
_TRIES = ("try_statement", "try_expression", "begin", "body_statement")
_RETURNS = ("return_statement", "return_expression", "return", "jump_expression")
_HANDLERS = ("except_clause", "catch_clause", "catch_block", "rescue", "catch_declaration")
_SWALLOWING = re.compile(
    r"with\s+(?:(?:contextlib\.)?suppress\(.*(?:AssertionError|Exception)"
    r"|(?:pytest\.raises|self\.assertRaises)\(\s*(?:\([\w\s,.]*)?\b(?:(?:Base)?Exception"
    r"|AssertionError)\s*[,)])"
)
_NO_ROUNDS = re.compile(r"for\s+\(?.{1,40}?\s(?:in|of)\s+(?:\[\s*\]|\(\s*\)|\{\s*\}|range\(0\))\s*[:)]")
_GUARDS = re.compile(r"^(?:if|unless)(?:_|$)")
_PROMISES = {  # what waits for a result only if it is waited for itself
    "javascript": re.compile(r"\.(?:rejects|resolves)\b"),
    "csharp": re.compile(r"^Assert\.\w+Async\b"),
}
_BROAD = re.compile(
    r"\b(?:Base)?Exception\b|AssertionError|AssertionFailed|Minitest::Assertion|ExpectationNotMet"
    r"|Throwable|\bError\b|\.\.\."
)
_BARE = re.compile(r"^(?:except|catch|rescue)\s*:?\s*$")
_WAITS = re.compile(  # with a condition, and not for some time
    r"^(?:await\s+)?[\w.:$]*(?:wait_?(?:for|until|till)|until|eventually|poll|retry)\w*!?\s*[({][^\n]*"
    r"(?:=>|->|\blambda\b|\bfunc\b|\{|\|\||==|\[)",
    re.I,
)
_FAILS = re.compile(r"raise|throw|fail|assert|expect|panic|reject|done\(", re.I)
# What a handler does that says nothing: it keeps the failure, or finds that there is one.
_KEEPS = re.compile(r"\b(\w{1,80})(?:\.(?:append|add|push)\([^\n]*|[ \t]*(?:<<|\+=|\+\+)[^\n]*)", re.I)
_PRESENT = re.compile(
    r"expect\(\s*\w+\s*\)\.(?:toBeDefined|toBeTruthy|not\.toBe(?:Null|Undefined))\(\s*\)"
    r"|expect\(\s*\w+\s*\)\.toBeInstanceOf\(\s*Error\s*\)|[Aa]ssert(?:\.|Is)?Not(?:Null|None)\(\s*\w+\s*\)"
    r"|\bassert\s+\w+(?:\s+is\s+not\s+None)?[ \t]*$",
    re.M,
)


class Collector:
    """Walks through one test. Only what runs and can fail the test is collected: nothing that is
    swallowed, or behind a ``return``. ``taken`` are ids of nodes that are tests of their own."""

    def __init__(self, tree: Tree, taken: Set[int]) -> None:
        self._tree = tree
        self._taken = taken
        self.checks: list[Check] = []
        self.rows: list[str] = []
        self.waits: list[Check] = []
        self._plain = ""  # of all that runs

    def run(self, top: Node, data: bool = False) -> None:
        """``data``: what stands in ``top`` itself may be data of the tests in it."""
        source = self._tree.text(top)
        self._plain = self._tree.plain(top)
        stack: list[tuple[Node, bool, bool]] = [(top, False, False)]
        while stack:
            node, table, guarded = stack.pop()
            if node is not top and (
                node.id in self._taken or (not data and _is_uncalled(node, self._tree, source))
            ):
                continue
            if self._record(node, guarded):
                continue
            table = table or _opens_table(node, self._tree) or (data and node.type in _ASSIGNMENTS)
            if _is_row(node, table, self._tree):
                self.rows.append(re.sub(r"\s+|,(?=\s*[)\]}])", "", self._tree.text(node)))
                continue
            guarded = guarded or (node is not top and _GUARDS.match(node.type) is not None)
            inside: list[tuple[Node, bool, bool]] = []
            for child in self._alive(node):
                inside.append((child, table, guarded))
                guarded = guarded or (node.type.endswith(_BLOCKS) and _may_return(child))
            stack += reversed(inside)

    def _record(self, node: Node, guarded: bool) -> bool:
        """Note ``node`` if it asserts something; what is inside it then belongs to it."""
        language = self._tree.language
        if node.type == "if_statement" and language == "go":
            return self._go_if(node, guarded)
        if node.type not in _CHECKS or (node.type in _INFIX and language not in _INFIX[node.type]):
            return False
        plain = self._tree.plain(node)
        if _WAITS.match(plain):
            self.waits.append(Check(self._tree.text(node), plain))
        if node.type != "assert_statement" and not is_check(language, plain, self._chain(node)):
            return False
        if self._is_unawaited(node, plain):
            return True
        self.checks.append(Check(self._tree.text(node), plain, guarded))
        return True

    def _is_unawaited(self, node: Node, plain: str) -> bool:
        """Whether the check is a promise that nobody waits for: the test ends before it can fail."""
        parent = node.parent
        pattern = _PROMISES.get(self._tree.language)
        return bool(
            pattern and pattern.search(plain) and parent is not None and parent.type == "expression_statement"
        )

    def _chain(self, node: Node) -> str:
        """What stands before the arguments of a call."""
        arguments = [c for c in node.named_children if c.type in _ARGUMENTS]
        end = arguments[-1].start_byte if arguments else node.end_byte
        return self._tree.masked[node.start_byte : end].decode("utf-8", "replace")

    def _go_if(self, node: Node, guarded: bool) -> bool:
        body = node.child_by_field_name("consequence")
        if body is None or not re.search(r"\b(?:t|b|tb|f)\.(?:Error|Fatal|Fail)", self._tree.plain(body)):
            return False
        if re.search(r"\b(?:if|for|switch)\b", self._tree.plain(body)):
            return False
        head = slice(node.start_byte, body.start_byte)
        self.checks.append(
            Check(
                self._tree.code[head].decode("utf-8", "replace"),
                self._tree.masked[head].decode("utf-8", "replace"),
                guarded,
            )
        )
        alternative = node.child_by_field_name("alternative")
        if alternative is not None:
            self.run(alternative)
        return True

    def _alive(self, node: Node) -> list[Node]:
        """Children that run and may fail the test."""
        children = node.named_children
        if node.type in _TRIES and self._swallows(node):
            return [c for c in children if c.type in ("finally_clause", "else_clause", "finally_block")]
        if node.type == "with_statement" and _SWALLOWING.match(self._tree.text(node)):
            inside = re.search(r"^\s+(?:assert\b|self\.assert)", self._tree.plain(node), re.M)
            return [child for child in children if child.type == "with_clause" and inside is None]
        if node.type.startswith("for") and _NO_ROUNDS.match(self._tree.text(node)):
            return []
        if node.type == "if_statement" and re.match(r"if\s*\(?\s*(?:False|false|0)\b", self._tree.text(node)):
            return [c for c in children if c.type in ("else_clause", "elif_clause")]
        if node.type == "rescue_modifier" or (node.type in _DROPPERS and self._drops(node)):
            return []
        if node.type == "preproc_if" and re.match(r"#\s*if\s+0\b", self._tree.text(node)):
            return [c for c in children if c.type.startswith("preproc_el")]
        if node.type.endswith(_BLOCKS):
            for number, child in enumerate(children):
                if _returns(child) or self._leaves(child):
                    return children[: number + 1]
        return children

    def _leaves(self, node: Node) -> bool:
        """Whether ``node`` is an ``if`` that returns here and in CI, so that what follows never runs."""
        body = node.child_by_field_name("consequence") if node.type == "if_statement" else None
        if body is None or not any(_returns(child) for child in (body, *body.named_children)):
            return False
        return not is_conditional("return", self._tree.text(node).partition("\n")[0])

    def _drops(self, node: Node) -> bool:
        """Whether ``node`` is a call that drops whatever went wrong in it: a promise's empty ``catch``,
        Kotlin's ``runCatching``, Rust's ``catch_unwind``, of which nobody looks at the result."""
        plain = self._tree.plain(node)
        if self._tree.language == "javascript":
            handler = re.search(r"\.catch\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*$", plain[-_HANDLER:])
            return handler is not None and not _FAILS.search(handler[1])
        alone = node.parent is not None and node.parent.type in (
            *_BLOCKS,
            "expression_statement",
            "let_declaration",
        )
        return (
            alone and re.match(r"(?:runCatching\b|(?:std::)?(?:panic::)?catch_unwind\()", plain) is not None
        )

    def _swallows(self, node: Node) -> bool:
        """Whether a handler of the ``try`` takes a failed assertion and says nothing."""
        return any(child.type in _HANDLERS and self._is_silent(child) for child in node.named_children)

    def _is_silent(self, handler: Node) -> bool:
        plain = self._tree.plain(handler)
        head = plain.partition("{")[0].partition(":\n")[0]
        rest = plain[len(head) :] + plain.partition("\n")[2]
        if self._tree.language != "javascript" and not _BROAD.search(head) and not _BARE.match(head.strip()):
            return False
        kept = _KEEPS.search(rest)
        if kept and re.search(rf"(?:assert|expect|fail)\w*[^\n]*\b{kept[1]}\b", self._plain, re.I):
            return False  # all failures are looked at in the end
        return not _FAILS.search(_PRESENT.sub("", _KEEPS.sub("", rest)))


def _may_return(node: Node) -> bool:
    """Whether ``node`` is an ``if`` that ends the test."""
    if _GUARDS.match(node.type) is None:
        return False
    level = node.named_children
    for _ in range(3):  # a block, and in it a list of statements
        if any(map(_returns, level)):
            return True
        level = [inner for child in level if child.type.endswith(_BLOCKS) for inner in child.named_children]
    return False


def _is_uncalled(node: Node, tree: Tree, text: str) -> bool:
    """Whether ``node`` is a function in a test that nothing in the test names."""
    parent = node.parent
    if node.type in ("function_declaration", "function_definition"):
        if parent is not None and parent.type == "decorated_definition":
            return False
    elif node.type != "variable_declarator" or not re.search(r"=>|\bfunction\b", tree.plain(node)):
        return False
    name = node.child_by_field_name("name")
    title = tree.text(name) if name is not None else ""
    return title.isidentifier() and len(re.findall(rf"\b{title}\b", text)) == 1


def _returns(node: Node) -> bool:
    inner = node.named_children
    if node.type == "expression_statement" and inner:
        node = inner[0]
    return node.type in _RETURNS


_ASSIGNMENTS = ("assignment", "variable_declarator", "const_item", "static_item")
_LISTS = frozenset(
    {
        "list",
        "tuple",
        "array",
        "literal_value",
        "array_expression",
        "initializer_list",
        "array_creation_expression",
    }
)


_ROW_MARKS = re.compile(r"^(?:#\[\s*)?(?:InlineData|TestCase|DataRow|TestWith\w*|case)\s*\(")


def _is_row(node: Node, table: bool, tree: Tree) -> bool:
    """An entry of a table of test data: a list within a list, ``pytest.param``, ``[InlineData(…)]``."""
    if node.type in ("attribute", "attribute_item"):
        return bool(_ROW_MARKS.match(tree.text(node)))
    parent = node.parent
    while parent is not None and parent.type in (
        "literal_element",
        "keyed_element",
        "array_element_initializer",
    ):
        parent = parent.parent
    if not table or parent is None or parent.type not in _LISTS:
        return False
    return (
        node.type in _LISTS or node.type in ("call", "object", "dictionary") or _is_value(node, parent, tree)
    )


def _is_value(node: Node, values: Node, tree: Tree) -> bool:
    """A single value that a test is run with, as in ``test.each([1, 2])``."""
    if node.type not in ("string", "number", "integer", "float") or values.parent is None:
        return False
    call = values.parent.parent
    return values.parent.type in ("for_statement", "for_in_statement") or (
        call is not None and bool(re.match(r"^(?:\w+\.)*(?:each|parametrize)\s*\(", tree.text(call)))
    )


def _opens_table(node: Node, tree: Tree) -> bool:
    """Whether what is inside ``node`` may be data that the test runs over."""
    if node.type in ("decorator", "for_in_statement", "range_clause"):
        return True
    if node.type == "for_statement":
        return tree.language == "python"
    if node.type == "composite_literal":
        return bool(re.match(r"^(?:\[\]|map\[)", tree.text(node)))
    return node.type in CALLS and bool(re.match(r"^\w+(?:\.\w+)*\.each\b|^\[", tree.text(node)))
