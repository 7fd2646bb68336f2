"""Checks that cannot fail, whatever the code under test does."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VACUOUS = re.compile(
    r"^assert\s+\((?:[^()]|\([^()]*\))*,\s*f?[\"'][^\"']*[\"']\s*,?\s*\)$|"  # Python: a tuple is true
    r"^assert\s*\(?\s*(?:True|true|1|not False|\"[^\"]*\")\s*\)?$"
    r"|(?:\bor\s+(?:True|1)|\|\|\s*(?:true|1))\b"
    r"|\bnot\s*\(.*\band\s+False\s*\)|!\(.*&&\s*false\s*\)"
    r"|(?:assertTrue|assert_true|assert!?|isTrue|Assert\.True|Assert\.IsTrue|ok|True|EXPECT_TRUE"
    r"|ASSERT_TRUE|REQUIRE|CHECK)"
    r"\(\s*(?:t\s*,\s*)?true\s*[,)]"
    r"|assertTrue\(\s*True\s*[,)]|expect\(\s*(true|false|1|0|null)\s*\)\.(?:to\.)?(?:toBe|toEqual|equal"
    r"|be|eq)\w*\(\s*\1\s*\)"
    r"|expectNotToPerformAssertions|doesNotPerformAssertions|addToAssertionCount|\bAssert\.Pass\("
    r"|expect\(true\)\.to\s+(?:eq|be)\W+true|expect\(\s*true\s*\)\.toBeTruthy",
)
_EQUALS = re.compile(
    r"(?:assert_?(?:Equals?|Same|eq!?)|Assert\.(?:Equal|AreEqual|Same|AreSame)|(?:EXPECT|ASSERT)_EQ"
    r"|assert(?:_equal)?\.(?:\w*[Ee]quals?|Same)|assert_equal|expect)\s*(?=\()"
)
_MATCHER = re.compile(
    r"\s*\.\s*(?:to\.)?(?:toBe|to(?:Strict)?Equal|equal|eql?|to\s+(?:eq|eql|equal|be))\s*(?=\()"
)
_ASSIGNED = re.compile(
    r"^[ \t]*(?:(?:const|let|var|val|final|auto|my|[A-Z]\w*|int|long|double|string)[ \t]+)?\$?(\w+)"
    r"[ \t]*:?=[ \t]*(?![=>])(\S.*?);?[ \t]*$",
    re.M,
)


_STRINGS = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")
_BUILT = re.compile(r"new\s|&?[A-Z]\w*\s*[({]")  # two objects of the same parts may not be equal


def assigned(text: str) -> Mapping[str, str]:
    """The variables of a test that are set once, and to what."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for match in _ASSIGNED.finditer(text):
        if match[1] in found:
            twice.add(match[1])
        found[match[1]] = match[2]
    once = {name: value for name, value in found.items() if name not in twice}
    return {name: once.get(value, value) for name, value in once.items()}


def is_vacuous(text: str, values: Mapping[str, str] | None = None) -> bool:
    """Whether the check passes whatever the code does: it is true by itself, or compares a thing with
    itself. ``text`` is the source, ``values`` are those of the test's variables."""
    if _VACUOUS.search(text) or _is_true_anyway(_condition(text)):
        return True
    known = {name: value for name, value in (values or {}).items() if not _BUILT.match(value)}
    compared = ["".join(known.get(side.strip(" $"), side).split()) for side in sides(text)]
    if len(compared) != 2:
        return False
    one, other = compared
    return one == other != "" or any(
        len(parts := ["".join(part.split()) for part in operands(side)]) > 1 and value in parts[1:]
        for side, value in zip(sides(text), (other, one), strict=True)
    )


_CONDITION = re.compile(r"^assert\s*(?!\w)|^assert(?:\.ok)?\s*(?=\()")
_COMPARES = re.compile(r"[=!<>]=|[<>]|\b(?:is|in|not)\b")
_NEVER_EMPTY = re.compile(r"(?:str|repr|ascii|format|id|iter|type|String|JSON\.stringify)\s*(?=\()")
_KEEPS_TRUTH = re.compile(r"(?:bool|list|tuple|Boolean)\s*(?=\(\s*[\[({])|(?=\()")
_CONSTANT = re.compile(
    r"(?:True|true|not\s+(?:None|False|0|\[\]|\(\)|\{\}|\"\"|'')|!(?:false|null|0|undefined)|[1-9]\d*)$|lambda\b"
)
_OR = re.compile(r"\bor\b|\|\|")
_EITHER = re.compile(r"\b(?:or|and)\b|\|\||&&")


def _condition(text: str) -> str:
    """What an ``assert`` asks for, without its message; nothing of another check."""
    match = _CONDITION.match(text)
    if match is None:
        return ""
    rest = text[match.end() :].strip().rstrip(";")
    parts, end = arguments(rest, 0) if rest.startswith("(") else ([], 0)
    if parts and end == len(rest):  # a call, or parentheses
        return rest if len(parts) > 1 and text.startswith("assert ") else parts[0].strip()
    found, _ = arguments(f"({rest})", 0)
    return found[0].strip() if found else ""


def _is_true_anyway(condition: str) -> bool:
    """Whether a condition holds since what stands around a comparison is never empty, or since another
    thing, which always holds, would do."""
    if not condition:
        return False
    alternatives = operands(condition, _OR)
    if any(_CONSTANT.match(part) or _is_text(part) for part in alternatives):
        return True
    if (match := _NEVER_EMPTY.match(condition)) and _is_all(condition, match.end()):
        return _COMPARES.search(condition) is not None
    if condition[0] in "[{" and _is_all(condition, 0):
        return _COMPARES.search(condition) is not None and not re.search(r"\bfor\b|\.\.\.|\*", condition)
    if (match := _KEEPS_TRUTH.match(condition)) and _is_all(condition, match.end()):
        inner, _ = arguments(condition, match.end())
        return len(inner) > 1 or (bool(inner) and _is_true_anyway(inner[0].strip()))
    return False


def _is_text(part: str) -> bool:
    return len(part) > 2 and _STRINGS.fullmatch(part.removeprefix("f")) is not None


def _is_all(text: str, start: int) -> bool:
    return start < len(text) and arguments(text, start)[1] == len(text)


def operands(text: str, between: re.Pattern[str] = _EITHER) -> list[str]:
    """What stands between the words ``or`` and ``and`` of a condition, outside of brackets and strings."""
    plain = _STRINGS.sub(lambda match: " " * len(match[0]), text)
    depth, begin, found = 0, 0, []
    ends = {match.start(): match.end() for match in between.finditer(plain)}
    for at, character in enumerate(plain):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and at in ends:
            found.append(text[begin:at].strip())
            begin = ends[at]
    return [*found, text[begin:].strip()]


def alternative(before: str, now: str) -> str:
    """What would do as well now where the condition ``before`` alone counted; nothing if none."""
    was, parts = "".join(_condition(before).split()), operands(_bare(_condition(now)), _OR)
    if len(parts) < 2 or not was or len(operands(_bare(_condition(before)), _OR)) >= len(parts):
        return ""
    others = [part for part in parts if "".join(_bare(part).split()) != was]
    return others[0] if others and len(others) < len(parts) else ""


def _bare(text: str) -> str:
    """Without parentheses around all of it."""
    while text.startswith("(") and _is_all(text, 0) and len(inner := arguments(text, 0)[0]) == 1:
        text = inner[0].strip()
    return text


def sides(text: str) -> list[str]:
    """The two things that a check compares for equality; nothing if it does something else."""
    if text.startswith("assert "):
        found, _ = arguments(f"({text.removeprefix('assert')})", 0)  # without its message
        compared = found[0].split("==") if found else []
        return compared if len(compared) == 2 else []
    match = _EQUALS.search(text)
    if match is None:
        return []
    first, end = arguments(text, match.end())
    if match[0].startswith("expect"):
        matcher = _MATCHER.match(text, end)
        return [*first[:1], *arguments(text, matcher.end())[0][:1]] if matcher else []
    return [side for side in first if side.strip() not in ("t", "tb")][:2]


def arguments(text: str, start: int) -> tuple[list[str], int]:
    """What stands between the commas of the parenthesis at ``start``, and where it ends. A bracket
    within a string is taken for one: what is then found to be equal was written twice all the same."""
    parts: list[str] = []
    depth, begin = 0, start + 1
    for at in range(start, len(text)):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if depth == 0:
                return [*parts, text[begin:at]], at + 1
        elif text[at] == "," and depth == 1:
            parts.append(text[begin:at])
            begin = at + 1
    return [], len(text)


_REPLACED = re.compile(
    r"\bpatch\.object\(\s*(?:\w+\.)*(?P<owner>\w+)\s*,\s*[\"'](?P<name>\w+)[\"']\s*,\s*return_value"
    r"|\bpatch\(\s*[\"'](?:\w+\.)*?(?P<module>\w+)\.(?P<function>\w+)[\"']\s*,\s*return_value"
    r"|\bmonkeypatch\.setattr\(\s*(?:\w+\.)*(?P<target>\w+)\s*,\s*[\"'](?P<attribute>\w+)[\"']\s*,\s*lambda"
    r"|\bspyOn\(\s*(?P<object>\w+)\s*,\s*[\"'](?P<method>\w+)[\"']\s*\)\.mock(?:Return|Resolved)Value"
)
_SUBJECT = re.compile(r"^(\w+)\s*=\s*(?:\w+\.)*(?:Magic|Async)?Mock\(\s*(?:\w+\s*=|\[)", re.M)
_MODULE = re.compile(
    r"\b(?:jest|vi)\.mock\(\s*[\"']([^\"']+)[\"']\s*,(?![^;]*\b(?:requireActual|importActual)\b)"
)


def mocks(text: str) -> re.Pattern[str] | None:
    """Calls of what a test replaces by a fixed answer: to assert that answer says nothing."""
    pairs = [[group for group in match.groups() if group] for match in _REPLACED.finditer(text)]
    called = [rf"\b{owner}\.{name}\(|(?<![\w.]){name}\(" for owner, name in pairs]
    return re.compile("|".join(called)) if called else None


def file_mocks(source: str) -> re.Pattern[str] | None:
    """The same of what a file replaces for all of its tests: modules, or in fixtures that run by
    themselves."""
    fixtures = mocks(source) if "autouse" in source else None
    called = [fixtures.pattern] if fixtures else []
    called += [rf"(?<![\w.]){name}\(" for name in _SUBJECT.findall(source)]
    for module in _MODULE.findall(source):
        loads = rf"(?:from\s+|=\s*(?:await\s+)?(?:require|import)\()[\"']{re.escape(module)}[\"']"
        lists = re.findall(rf"\{{([^}}]*)\}}\s*{loads}", source)
        names = {name for names in lists for name in re.findall(r"(\w+)\s*(?=[,}]|$)", names)}
        called += [rf"(?<![\w.]){name}\(" for name in sorted(names)]
    return re.compile("|".join(called)) if called else None
