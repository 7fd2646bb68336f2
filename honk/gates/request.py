"""What the requester's words ask for, so that a gate leaves it to the judge instead of refusing it.

Words are all that a gate understands. What they may ask for is flagged, never passed in silence;
what they cannot explain, as a test that is emptied, they do not soften.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_REMOVAL = re.compile(
    r"\b(?:remov|delet|drop|retir|get(?:ting)? rid|rip out|no longer|any ?more|unused|take\s+(?:\w+\s+)?out)",
    re.I,
)
_NAME = re.compile(r"\w{4,}")  # a word of a request that may be one of the code's names
_PLAIN = re.compile(
    r"from|with|that|this|tests?|when|where|code|functions?|methods?|class(?:es)?|files?|return|import|export"
    r"|remov\w*|delet\w*|drop\w*|longer|anywhere|more|anymore|unused|take|nobody",
    re.I,
)
_TESTS = (
    r"(?:\w*tests?\w*|\w*specs?|suites?|assert\w*|mocks?|mocking|fixtures?|snapshots?|examples?|matchers?"
    r"|unittest|pytest|jest|vitest|mocha|chai|enzyme|j?unit\s?\d*|assertj|hamcrest|mockito|kotest|nunit"
    r"|xunit|mstest|rspec|minitest|phpunit|pest|gtest|googletest|catch2|rstest|testify|expectations?"
    r"|testing library|cypress|playwright|selenium)"
)
_NEAR = r"(?:[^.;]|\.(?=\S)){0,80}?"  # within a sentence, in which files may be named
_REWRITES = re.compile(
    r"\b(?:convert|migrat|port|rewrit|rework|refactor|replac|switch|mov|split|merg|fold|combin|shar"
    r"|simplif|moderni|restructur|deduplicat|consolidat|us(?:e|ing)|parametri|turn|avoid|do not|reduc"
    r"|renam|reorgani|clean|tidy)\w*\b" + _NEAR + r"\b" + _TESTS + r"\b",
    re.I,
)
_LOOSER = re.compile(
    r"\b(?:relax|loosen|toleran|epsilon|approximate|(?:less|too) (?:strict|tight|exact|precise)|brittle"
    r"|compar\w+\s+(?:\w+\s+){0,3}exactly|should not depend"
    r"|not depend on|regardless of|order does not matter|any order)",
    re.I,
)
_SKIPS = re.compile(
    r"\b(?:skip|disabl|quarantin|xfail|ignor|mut)\w*\b" + _NEAR + r"\b" + _TESTS + r"\b"
    r"|\b" + _TESTS + r"\b" + _NEAR + r"\b(?:skipp?|disabl|quarantin|xfail|ignor)(?:e|ed|ing)?\b",
    re.I,
)
_VERSIONS = re.compile(  # of a platform that is no longer supported
    r"\b(?:drop|remov|end|retir|stop|requir|no longer)\w*\b" + _NEAR + r"\b[a-z][\w+.]*\s*v?\d+(?:\.\d+)*\b",
    re.I,
)
_NEGATION = (
    r"(?:(?<![\w-])(?:not|never|no|none|nothing|without|cannot|neither|nor|avoid|refrain|instead of"
    r"|rather than)(?![\w-])|n['\u2019]t\b)"
)
_VERB = (
    r"\b(?:remov|delet|drop|skip|disabl|quarantin|xfail|ignor|mut(?:e|ing)|lower|relax|loosen|weaken|chang|modif"
    r"|touch|edit|alter|adapt|rewrit|updat|renam|mov(?:e|ing)\b|exempt|exclud|suppress|silenc|reduc|raised|raising"
    r"|increas|decreas|comment\w* out|turn\w* off|switch\w* off|leav\w* out)\w*"
)
_SENTENCE = r"(?:[^.;!\n]|\.(?=\S))"  # a character of one; a dot within a name does not end it
_FORBIDS = re.compile(
    rf"{_NEGATION}(?:(?!\bbut\b){_SENTENCE}){{0,120}}?{_VERB}(?:(?!\bbut\b){_SENTENCE}){{0,300}}"
    rf"|\b(?:skipp|delet|remov|disabl|ignor|lower|chang|edit|weaken)ing\b{_SENTENCE}{{0,120}}?\b(?:is|are)\s+(?:not\b"
    rf"|forbidden|prohibited|unacceptable){_SENTENCE}{{0,300}}",
    re.I,
)
_KEEPS = re.compile(  # of a clause, which is dropped as a whole
    r"\b(?:keep|leav|stay|remain|retain)\w*\b.{0,120}?\b(?:as\s+(?:\w+\s+)?(?:is|are|now|before)\b|unchanged"
    r"|untouched|intact|alone\b)",
    re.I | re.S,
)
_CLAUSE = re.compile(r"([,;!\n]|\.(?=\s|$)|\b(?:and|but)\b)")
_EXEMPTS = re.compile(
    r"\b(?:relax|lower|loosen|allow|ignor|exempt|exclud|skip|disabl|permit|suppress|silenc|tolerat|rais"
    r"|increas|reduc|drop|set\b|limit|leave out|leav\w* \w+ out|(?:turn|switch)\w*\s+(?:\w+\s+)?off"
    r"|may (?:stay|be|remain)|downgrade|warn)",
    re.I,
)
_COMMON = re.compile(
    r"the|and|for|not|all|any|off|set|its|our|app|src|lib|test|tests|new|add|fix|file|files|rule|rules|error"
    r"|errors|warning|warnings|with|that|from|only|this|when|tool|check|checks|code|ignore|exclude|skip"
    r"|disable|lint|strict|true|false|level|enable|linters?"
    r"|py|[cm]?[jt]sx?|go|rs|rb|php|java|kt|cs|cpp|hpp|json|toml|ya?ml|ini|cfg|xml",  # every path ends so
    re.I,
)


@dataclass(frozen=True)
class Asked:
    """What the words of a request speak of.

    ``removal``: what is to be removed. ``rewrites``: the tests themselves are to get another form.
    ``looser``: comparisons are to be less exact. ``skips``: tests are to be left out. ``exempts``:
    names, rules and numbers of a request to make the rules of a verifier laxer. ``tests_to_remove``:
    words of a request to remove tests. ``versions``: that an old version is no longer supported.
    """

    removal: frozenset[str] = frozenset()
    rewrites: bool = False
    looser: bool = False
    skips: bool = False
    exempts: frozenset[str] = frozenset()
    tests_to_remove: frozenset[str] = frozenset()
    versions: bool = False


NOTHING = Asked()


def asked(request: str) -> Asked:
    """What ``request`` speaks of, as far as its words tell. What it forbids, it does not ask for."""
    request = wanted(request)
    said = frozenset(
        word for word in re.findall(r"[\w-]{2,}", request.lower()) if not _COMMON.fullmatch(word)
    )
    parts = frozenset(part for word in said for part in re.split(r"[-_]", word) if len(part) > 3)
    removal = _to_remove(request)
    deletes = removal and re.search(_REMOVAL.pattern + _NEAR + r"\b" + _TESTS + r"\b", request, re.I)
    return Asked(
        removal=removal,
        tests_to_remove=_split(removal) if deletes else frozenset(),
        rewrites=_REWRITES.search(request) is not None,
        looser=_LOOSER.search(request) is not None,
        skips=_SKIPS.search(request) is not None,
        versions=_VERSIONS.search(request) is not None,
        exempts=said | parts if _EXEMPTS.search(request) else frozenset(),
    )


def wanted(request: str) -> str:
    """The words of a request without what is not to be done."""
    clauses = _CLAUSE.split(_FORBIDS.sub(" ", request))
    return "".join(clause for clause in clauses if not _KEEPS.search(clause))


def _split(names: frozenset[str]) -> frozenset[str]:
    return frozenset(part.lower() for name in names for part in name.split("_") if len(part) > 3)


def _to_remove(request: str) -> frozenset[str]:
    """The words of a request to remove something that may name what is to go; none if it asks for
    something else."""
    if not _REMOVAL.search(request):
        return frozenset()
    return frozenset(word for word in _NAME.findall(request) if not _PLAIN.fullmatch(word))
