"""Conditions under which a test exists at all: an ``if`` around it, the preprocessor's ``#if``, Go's build
tags, Rust's ``cfg``, RSpec's ``if:``.

A condition is worth a number between NEVER and ALWAYS. What holds on Linux is next to ALWAYS and what holds
on another platform next to NEVER, so that either may be negated; what is not known stands between. As in
fuzzy logic ``and`` is the smaller, ``or`` the larger, and ``not`` the difference to ALWAYS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from honk.gates.vacuous import arguments

NEVER, ELSEWHERE, UNKNOWN, HERE, ALWAYS = 0.0, 1.0, 1.5, 2.0, 3.0

_ATOM = (
    r"[^\s()&|!]+(?:\([^()]*\)[^\s()&|!]*)*"
    r"(?:\s*(?:[!=]==?|[<>]=?|=|\bis\s+not\b|\bis\b|\bnot\s+in\b|\bin\b)\s*[^\s()&|]+(?:\([^()]*\))?)?"
)
_TOKEN = re.compile(rf"\s*(&&|\|\||\b(?:and|or|not)\b|!(?!=)|\(|\)|{_ATOM})")
_FALSE = re.compile(r"(?:false|0|none|null|nil|undefined|(?:typing\.)?TYPE_CHECKING|\"\"|'')$", re.I)
_TRUE = re.compile(r"(?:true|1|test)$", re.I)
_ENVIRONMENT = re.compile(r"getenv|environ|process\.env|\bENV\b", re.I)
_CI = re.compile(r"(?:^|\W)CI\b")
_DEFAULT = re.compile(r"\(\s*[\"'][^\"']*[\"']\s*,")
_DIFFERS = re.compile(r"!=|\bis\s+not\b|\bnot\s+in\b")
_UNSET = re.compile(r"\b(?:None|null|nil|undefined)\b|\"\"|''")
_LINUX = re.compile(
    r"\b(?:linux|unix|posix|__linux__|__unix__|cgo|gc|amd64|x86_64|go1(?![.\d])|go1\.[12]?\d|debug_assertions)\b",
    re.I,
)
_OTHER = re.compile(
    r"\b(?:win(?:dows|32|64)?|_WIN\d+|_MSC_VER|darwin|mac(?:os)?|__APPLE__|nt|\w*bsd|android|ios|js|wasm\w*|plan9"
    r"|solaris|aix|arm|arm64|386|s390x|ppc64le|riscv64|race|win_platform\?|msys|cygwin)(?!\w)",
    re.I,
)
_COMPARES = re.compile(r"\s*(?:[!=]==?|=|\bis\b)\s*")
_JOINS = ((("||", "or"), max), (("&&", "and"), min))  # the loosest first


def worth(condition: str, unknown: float = UNKNOWN) -> float:
    """How far the condition holds. ``unknown``: what a name counts for of which nothing is known."""
    tokens = [match[1] for match in _TOKEN.finditer(condition)]
    try:
        value, _ = _joined(tokens, 0, unknown)
    except (IndexError, RecursionError):
        return UNKNOWN
    return value


def _joined(tokens: list[str], at: int, unknown: float, level: int = 0) -> tuple[float, int]:
    if level == len(_JOINS):
        return _single(tokens, at, unknown)
    words, choose = _JOINS[level]
    value, at = _joined(tokens, at, unknown, level + 1)
    while at < len(tokens) and tokens[at] in words:
        other, at = _joined(tokens, at + 1, unknown, level + 1)
        value = choose(value, other)
    return value, at


def _single(tokens: list[str], at: int, unknown: float) -> tuple[float, int]:
    token = tokens[at]
    if token in ("!", "not"):
        value, at = _single(tokens, at + 1, unknown)
        return ALWAYS - value, at
    if token == "(":
        value, at = _joined(tokens, at + 1, unknown)
        return value, at + 1
    return _atom(token.rstrip(":;{"), unknown), at + 1


def _atom(text: str, unknown: float) -> float:
    if _FALSE.match(text):
        return NEVER
    if _TRUE.match(text):
        return ALWAYS
    if _ENVIRONMENT.search(text):
        return _variable(text)
    differs = _DIFFERS.search(text) is not None
    if _LINUX.search(text):
        value = HERE
    elif _OTHER.search(text):
        value = ELSEWHERE
    else:
        return unknown if not _COMPARES.search(text) else UNKNOWN
    return ALWAYS - value if differs else value


def _variable(text: str) -> float:
    """Of a variable of the environment, which nobody sets but a CI its ``CI``."""
    if _DEFAULT.search(text):
        return UNKNOWN
    value = ALWAYS if _CI.search(text) else NEVER
    return ALWAYS - value if bool(_DIFFERS.search(text)) != bool(_UNSET.search(text)) else value


_GO = re.compile(r"^//\s*(?:go:build|(\+build))\s+(.+)$", re.M)
_CFG = re.compile(r"#(!?)\[\s*cfg(_attr)?\s*(?=\()")
_BY_TAG = re.compile(r"^\w[^\n]*?,\s*(if|unless):\s*([^,\n]+?)\s*(?:,|\bdo\b|\{|\n)")


def of_go(source: str) -> Iterator[tuple[str, float]]:
    """The build tags of a Go file; one of its own is not set unless somebody asks for it."""
    for match in _GO.finditer(source[:4000]):
        tags = re.sub(r"\s+", "||", match[2].strip()).replace(",", "&&") if match[1] else match[2]
        yield match[0].strip(), worth(tags, NEVER)


def of_rust(text: str, whole: bool = False) -> Iterator[tuple[str, float]]:
    """The ``cfg`` attributes in ``text``; ``whole``: those of the whole file, ``#![cfg(…)]``."""
    for match in _CFG.finditer(text):
        given, end = arguments(text, match.end())
        if bool(match[1]) != whole or not given:
            continue
        marker, value = text[match.start() : end] + "]", worth(_infix(given[0]))
        if match[2] is None:
            yield marker, value
        elif any(part.strip().startswith("ignore") for part in given[1:]):
            yield marker, ALWAYS - value


def _infix(cfg: str) -> str:
    """``all(a, not(b))`` as ``(a && !(b))``."""
    cfg = cfg.strip()
    match = re.match(r"(all|any|not)\s*(?=\()", cfg)
    if match is None:
        return re.sub(r"\s*=\s*", "=", cfg)
    inner = [_infix(part) for part in arguments(cfg, match.end())[0] if part.strip()]
    if match[1] == "not":
        return f"!({' || '.join(inner)})"
    empty = "true" if match[1] == "all" else "false"
    return f"({(' && ' if match[1] == 'all' else ' || ').join(inner) or empty})"


def of_rspec(text: str) -> Iterator[tuple[str, float]]:
    """The condition that an example or group of RSpec has as metadata."""
    if match := _BY_TAG.match(text[:1000]):
        value = worth(match[2])
        yield f"{match[1]}: {match[2]}", ALWAYS - value if match[1] == "unless" else value
