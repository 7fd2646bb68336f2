"""The tests of a file as data: their names, assertions, skips and rows of test data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from honk.gates import conditions
from honk.gates.collect import Check, Collector, words
from honk.gates.skips import FILE_SKIPS, HIDDEN_TAGS, SKIPS, is_conditional
from honk.gates.syntax import CALLS, Tree, language_of, parse
from honk.gates.vacuous import assigned, file_mocks, is_vacuous, mocks

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True)
class Skip:
    """A marker that keeps a test from running. ``certain``: here and in CI, not only elsewhere.
    ``around``: it decides whether the test exists, and says nothing of a helper."""

    marker: str
    certain: bool
    around: bool = False


@dataclass(frozen=True)
class Case:
    """One test, or (``test`` false) other code of a test file that asserts something.

    ``checks`` are those that can fail: not swallowed, not behind a return, not always true.
    ``waits`` are calls that wait for a condition. ``mocked``: the file replaces what a check calls.
    """

    path: str
    name: str
    test: bool
    text: str
    checks: tuple[Check, ...]
    skips: tuple[Skip, ...]
    rows: tuple[str, ...]
    waits: tuple[Check, ...] = ()
    mocked: bool = False

    @cached_property
    def words(self) -> frozenset[str]:
        return words(self.text)


_FUNCTIONS = frozenset(
    {"function_definition", "function_declaration", "function_item", "method_declaration", "method"}
    | {"method_definition", "local_function_statement"}
)
_TEST_CALLS = CALLS | {"member_call_expression"}
_CLASSES = frozenset(
    {"class_definition", "class_declaration", "class", "mod_item", "object_declaration", "class_specifier"}
)
_TEST_CALL = re.compile(
    r"^(?:[a-z]+\.)?[fx]?(?:it|test|specify|example|fact|scenario)"
    r"(?!\.(?:describe|before|after|use\b|step|extend|setTimeout))(?:\.\w+)*\s*(?:\(|\{|\s|`|do\b)"
)
_KOTEST = re.compile(  # "adds" { … } of a StringSpec, test("adds") { … } and the like of the others
    r"^(?:x?(?:test|it|should|then|Then|expect|scenario|feature)\s*\(\s*)?\"(?:[^\"\\\n]|\\.)*\"\s*\)?"
    r"(?:\s*\.config\([^)]*\))?\s*\{"
)
_GROUP_CALL = re.compile(
    r"^(?:(?:RSpec|test)\.)?[fx]?(?:describe|context|suite|feature|shared_\w+)(?:\.\w+)*\s*(?:\(|\s)"
)
_MACRO = re.compile(
    r"^(?:static\s+|void\s+)?((?:TYPED_)?TEST(?:_F|_P|_CASE\w*|_METHOD)?|SCENARIO|TEMPLATE_TEST_CASE"
    r"|BOOST_\w+_TEST_CASE"
    r"|SECTION|TEST_CASE_FIXTURE)\s*\(([^)]*)\)"
)
_ANNOTATED = re.compile(
    r"@(?:\w+\.)*(?:Parameterized|Repeated)?Test(?:Factory|Template)?\b|@Property\b"
    r"|\[\s*(?:Fact|Theory|Test|TestCase|TestCaseSource|TestMethod|DataTestMethod)\b"
    r"|#\[(?:\w+::)*(?:test|rstest|bench|test_case|quickcheck|wasm_bindgen_test)\b|#\[\s*(?:Test"
    r"|DataProvider)\b"
)
# A method that no runner of its language calls, whatever else marks it as a test.
_HIDDEN = {
    "php": re.compile(r"\b(?:private|protected)\s"),
    **dict.fromkeys(("java", "kotlin", "csharp"), re.compile(r"\bprivate\s")),
}
# What a whole test must end with: Rust's attribute, JUnit 4's parameter, Pest's chain.
_WHOLE_TEST = re.compile(r"should_panic\b[^\]]*|@Test\s*\(\s*expected[^)]*\)|\}\)->throws\([^)]*\)")
_MOCKS = ("javascript", "python")  # languages in which a file may replace what all of its tests call
_CONDITIONAL = re.compile(r"(?:if|unless|elif|preproc_if|preproc_elif|binary|ternary)(?:_|def|$)")
_NAMED = {
    "python": re.compile(r"^test"),
    "go": re.compile(r"^(?:Test|Example|Fuzz)"),
    "ruby": re.compile(r"^test_"),
    "php": re.compile(r"^test"),
    "cpp": re.compile(r"^(?:main|test)"),
}


def cases_of(path: str, code: bytes) -> tuple[Case, ...] | None:
    """The tests of a file in their order; None if there is no grammar for it or it cannot be parsed."""
    language = language_of(path)
    tree = parse(language, code) if language is not None else None
    if tree is None:
        return None
    return tuple(_Reader(tree, path).read())


class _Reader:
    def __init__(self, tree: Tree, path: str) -> None:
        self._tree = tree
        self._path = path
        source = tree.code.decode("utf-8", "replace") if tree.language in _MOCKS else ""
        self._mocked = file_mocks(source)
        self._taken: set[int] = set()  # ids of the nodes that are cases
        self._blank: list[tuple[int, int]] = []  # bytes whose marks belong to a case or a group

    def read(self) -> Iterator[Case]:
        yield from list(self._visit(self._tree.root, (), ()))
        yield self._rest()

    def _visit(self, node: Node, names: tuple[str, ...], skips: tuple[Skip, ...]) -> Iterator[Case]:
        for child in node.named_children:
            unit = self._unit(child)
            group = self._group(child) if unit is None else None
            if unit is not None:
                yield self._case(child, unit, names, (*skips, *_behind(self._tree, node, child)))
            elif group is None:
                yield from self._visit(child, names, (*skips, *_behind(self._tree, node, child)))
            else:
                start, end = self._head(child)
                self._blank.append((start, end))
                marks = (*skips, *_behind(self._tree, node, child), *self._skips(start, end, child))
                yield from self._visit(child, (*names, group), marks)

    def _head(self, node: Node) -> tuple[int, int]:
        """The bytes of a group that say what it is: marks, name and title."""
        start = min((n.start_byte for n in self._decorators(node)), default=node.start_byte)
        for child in node.named_children:
            if child.type.endswith(("body", "declaration_list", "block", "body_statement")):
                return start, child.start_byte
        return start, node.start_byte + len(self._tree.code[node.start_byte : node.end_byte].split(b"\n")[0])

    def _unit(self, node: Node) -> tuple[str, bool] | None:
        """Name of the test or function that ``node`` is, and whether it is a test."""
        language = self._tree.language
        if node.type in _FUNCTIONS:
            return self._function(node)
        if node.type in _TEST_CALLS and language in ("javascript", "ruby", "php"):
            return (self._title(node), True) if _TEST_CALL.match(self._tree.text(node)) else None
        if node.type == "call_expression" and language == "kotlin" and _KOTEST.match(self._tree.text(node)):
            return self._title(node), True
        if node.type == "variable_declarator":
            value = node.child_by_field_name("value")
            if value is not None and value.type in ("arrow_function", "function_expression"):
                return self._tree.text(node).split("=")[0].strip(), False
        if language == "cpp" and node.type == "compound_statement":
            before = node.prev_named_sibling
            if before is not None and (match := _MACRO.match(self._tree.text(before))):
                return f"{match[1]} {match[2]}", True
        return None

    def _function(self, node: Node) -> tuple[str, bool]:
        language = self._tree.language
        header = self._tree.text(node)[:400]
        if language == "cpp" and (match := _MACRO.match(header)):
            return match[2].replace("DISABLED_", ""), True
        name = node.child_by_field_name("name") or node.child_by_field_name("declarator")
        text = self._tree.text(name).partition("(")[0].strip() if name is not None else ""
        named = _NAMED.get(language)
        before = "".join(self._tree.text(n) for n in self._decorators(node))
        named_test = bool(named and named.match(text)) and self._is_collected(node)
        test = named_test or bool(_ANNOTATED.search(before + header.partition("{")[0]))
        hidden = _HIDDEN.get(language)
        return text, test and not (
            hidden and hidden.search(header.partition("(" if language == "php" else "{")[0])
        )

    def _is_collected(self, node: Node) -> bool:
        """False for a method of a class in which pytest looks for no tests: it is called otherwise, or has an
        ``__init__``, and neither derives from another nor is derived from."""
        holder = node.parent.parent if node.parent is not None else None
        if holder is not None and holder.type == "block":  # the function is decorated
            holder = holder.parent
        if holder is None or holder.type != "class_definition" or self._tree.language != "python":
            return True
        name = holder.child_by_field_name("name")
        title = self._tree.text(name) if name is not None else ""
        if holder.child_by_field_name("superclasses") is not None:
            return True
        if title.startswith("Test"):
            return "def __init__(" not in self._tree.plain(holder)
        derived = rf"class\s+\w+\([^)]*\b{re.escape(title)}\b"
        return re.search(derived, self._tree.code.decode("utf-8", "replace")) is not None

    def _title(self, node: Node) -> str:
        match = re.search(r"[\"'`]((?:[^\"'`\\]|\\.)*)[\"'`]", self._tree.text(node))
        return match[1] if match else self._tree.text(node)[:60]

    def _group(self, node: Node) -> str | None:
        if node.type in _CLASSES:
            name = node.child_by_field_name("name")
            return self._tree.text(name) if name is not None else ""
        if node.type in CALLS and _GROUP_CALL.match(text := self._tree.text(node)):
            return text.split("\n")[0][:80]
        return None

    def _decorators(self, node: Node) -> list[Node]:
        """Attributes that stand before ``node``: Python's decorators, Rust's attribute items."""
        parent = node.parent
        if parent is not None and parent.type == "decorated_definition":
            return [child for child in parent.named_children if child.type == "decorator"]
        found, sibling = [], node.prev_named_sibling
        while sibling is not None and sibling.type == "attribute_item":
            found.append(sibling)
            sibling = sibling.prev_named_sibling
        return found[::-1]

    def _case(
        self, node: Node, unit: tuple[str, bool], names: tuple[str, ...], skips: tuple[Skip, ...]
    ) -> Case:
        whole = [*self._decorators(node), node]
        if node.type == "compound_statement" and node.prev_named_sibling is not None:
            whole.insert(0, node.prev_named_sibling)
        self._taken |= {part.id for part in whole}
        self._blank += [(part.start_byte, part.end_byte) for part in whole]
        found = Collector(self._tree, self._taken - {part.id for part in whole})
        for part in whole:
            found.run(part)
        text = "\n".join(self._tree.text(part) for part in whole)
        own = [skip for part in whole for skip in self._skips(part.start_byte, part.end_byte, part)]
        if self._tree.language == "cpp" and (tag := HIDDEN_TAGS.search(text.split("\n")[0])):
            own.append(Skip(tag[0], True))
        for match in _WHOLE_TEST.finditer(text):
            found.checks.append(Check(match[0], match[0]))
        name = ".".join((*names, unit[0]))
        mocked = mocks(text)
        values = assigned(text)
        checks = tuple(
            check
            for check in found.checks
            if not is_vacuous(check.text, values) and not (mocked and mocked.search(check.text))
        )
        runs_others = unit[0] == "main" or re.search(r"\bsuite\.Run\(", text)
        test = unit[1] and (bool(checks) or not runs_others)
        replaced = self._mocked is not None and any(self._mocked.search(check.text) for check in checks)
        marks = tuple(skip for skip in (*skips, *own) if test or not skip.around)
        rows, waits = tuple(found.rows), tuple(found.waits)
        return Case(self._path, name, test, text, checks, marks, rows, waits, replaced)

    def _rest(self) -> Case:
        """What stands outside of every test and function: marks of the whole file, a script's asserts."""
        found = Collector(self._tree, self._taken)
        found.run(self._tree.root, data=True)
        text = self._outside(self._tree.masked)
        skips = [Skip(m[0], not is_conditional(m[0], self._line(text, m))) for m in SKIPS.finditer(text)]
        source = self._tree.code.decode("utf-8", "replace")
        skips += [Skip(m[0].strip(), True) for m in FILE_SKIPS.finditer(source[:4000])]
        skips += _under(self._tree.language, source, whole=True)
        checks = tuple(check for check in found.checks if not is_vacuous(check.text))
        rows, plain = tuple(found.rows), self._outside(self._tree.code)
        return Case(self._path, "", bool(checks), plain, checks, tuple(skips), rows)

    def _outside(self, code: bytes) -> str:
        left = bytearray(code)
        for start, end in self._blank:
            left[start:end] = b" " * (end - start)
        return re.sub(r"(?<![ \t])[ \t]*\n\s*", "\n", left.decode("utf-8", "replace"))

    @staticmethod
    def _line(text: str, match: re.Match[str]) -> str:
        line = text[match.start() :].partition("\n")[0]
        return line if re.search(r"skipif|skipIf|skipUnless", line) else ""

    def _skips(self, start: int, end: int, top: Node) -> Iterator[Skip]:
        plain = self._tree.masked[start:end].decode("utf-8", "replace")
        for match in SKIPS.finditer(plain):
            lead = len(match[0]) - len(match[0].lstrip())
            at = start + len(plain[: match.start() + lead].encode())
            marker = self._tree.code[at : at + 200].decode("utf-8", "replace").partition("\n")[0][:120]
            yield Skip(marker, not is_conditional(marker, self._condition(at, top)))
        text = self._tree.code[start:end].decode("utf-8", "replace")
        for skip in _under(self._tree.language, text):
            yield Skip(skip.marker, skip.certain, around=True)

    def _condition(self, at: int, top: Node) -> str:
        """The condition of the innermost ``if`` around a place, up to the test itself."""
        node = self._tree.root.descendant_for_byte_range(at, at + 1)
        while node is not None and (node.start_byte, node.end_byte) != (top.start_byte, top.end_byte):
            if re.match(r"^(?:if|unless|when)(?:_|$)", node.type) and node.is_named:
                return self._tree.text(node)[:200].partition("\n")[0]
            node = node.parent
        return ""


def _under(language: str, text: str, whole: bool = False) -> Iterator[Skip]:
    """The conditions that stand before a test or group, or, with ``whole``, that a file has."""
    found: Iterable[tuple[str, float]] = ()
    if language == "go" and whole:
        found = conditions.of_go(text)
    elif language == "rust" and (whole or text.startswith("#")):  # not those in a function
        found = conditions.of_rust(text[:4000], whole)
    elif language == "ruby" and not whole:
        found = conditions.of_rspec(text)
    for marker, value in found:
        if value < conditions.HERE:
            yield Skip(marker, value == conditions.NEVER)


def _behind(tree: Tree, node: Node, child: Node) -> Iterator[Skip]:
    """The condition of ``node`` under which ``child`` exists, if it is not one that holds here."""
    if not _CONDITIONAL.match(node.type):
        return
    condition = node.child_by_field_name("condition")
    if node.type == "preproc_ifdef":
        condition = node.child_by_field_name("name")
    elif node.type == "binary_expression" and "&&" in [part.type for part in node.children]:
        condition = node.child_by_field_name("left")
    if condition is None or child == condition:
        return
    marker = tree.text(node).partition("\n")[0][:120]
    value = conditions.worth(tree.text(condition)[:500])
    opposite = marker.startswith(("#ifndef", "unless")) or node.type == "unless_modifier"
    if opposite != (child == node.child_by_field_name("alternative")):
        value = conditions.ALWAYS - value
    guard = marker.startswith("#ifndef") and value == conditions.UNKNOWN  # of a header, mostly
    if value < conditions.HERE and not guard:
        yield Skip(marker, value == conditions.NEVER, around=True)
