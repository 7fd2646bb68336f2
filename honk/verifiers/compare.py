"""What a change is to blame for: a check on the change beside the same check on the base.

Pure functions. Names of tests decide where both runs have them; otherwise exit codes do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from honk.core.types import Change, Check, Comparison, Finding, Results, VerifyCommand
from honk.verifiers.names import around, parents, plain, quoted, split, suites, titles

SHOWN = 50  # names of one kind that a comparison keeps
PATCH = 4 << 20  # characters of a diff that are searched for names
_NOTHING = Results()


@dataclass(frozen=True)
class Side:
    """All lines that a diff adds, or all that it removes."""

    text: str = ""
    words: frozenset[str] = frozenset()
    quoted: Mapping[str, int] = field(default_factory=dict)  # how often, see `names.quoted`

    def has(self, name: str) -> bool:
        """Whether ``name``, a word or a title, stands in one of the lines."""
        return name in self.words or (not name.isidentifier() and bool(name) and name in self.text)


@dataclass(frozen=True)
class Edits:
    """What of a diff can explain that a test has another name now, or none.

    ``gone``: paths of deleted files as reports name them (see :func:`_dotted`).
    """

    added: Side = Side()
    removed: Side = Side()
    gone: tuple[str, ...] = ()


def _edits(change: Change | None) -> Edits:
    if change is None:
        return Edits()
    lines = change.patch[:PATCH].split("\n")

    def side(mark: str) -> Side:
        text = "\n".join(line for line in lines if line.startswith(mark))
        return Side(text, frozenset(re.findall(r"\w+", text)), Counter(quoted(text)))

    return Edits(side("+"), side("-"), tuple(_dotted(f.path) for f in change.files if f.status == "D"))


def compare(command: VerifyCommand, before: Check | None, after: Check, change: Change | None) -> Comparison:
    """Whether ``after`` speaks against ``change``, and what differs. None: it is not known yet.

    A command that the requester named must pass whatever the base did.
    """
    if before is None:
        return Comparison(blocks=not after.passed, flaky=after.tests.flaky if after.tests else ())
    made = _edits(change)
    old, new = before.tests or _NOTHING, after.tests or _NOTHING
    moved = _moved(old, new, made)
    # What was flaky on the base may always fail now: only further runs of the change excuse it. In
    # the session, where nobody has the diff, nothing runs again, and it is no more than advice.
    spared = [name for name in new.failed if change is None and name in old.flaky]
    unstable = {*spared, *new.flaky}
    failed = [name for name in new.failed if name not in unstable]
    stood, passed, passing = {*old.failed, *moved.failed}, set(old.passed), set(new.passed)
    found = Comparison(
        before="passed" if before.passed else "failed",
        new_failures=tuple(name for name in failed if name not in stood),
        standing=tuple(name for name in failed if name in stood),
        mended=tuple(name for name in old.failed if name in passing or _healed(name, after, new)),
        flaky=tuple(dict.fromkeys((*new.flaky, *spared))),
        missing=_gone(old, new, moved),
        skipped=tuple(name for name in new.skipped if name in passed),
        unknown=not before.passed and not after.passed and not (_told(after) and (failed or unstable)),
        blocks=False,
    )
    # Without the diff nobody can say that it does not explain them.
    unexplained = _unexplained(found.missing, made) if change is not None else []
    told = change is not None and not made.gone  # deleted files would explain any loss
    reason = _blame(command, before, after, found, unexplained, told)
    lists = ("new_failures", "standing", "mended", "flaky", "missing", "skipped")
    shown: dict[str, object] = {name: getattr(found, name)[:SHOWN] for name in lists}
    said = reason or _excuse(before, after, found)
    return found.model_copy(update={**shown, "blocks": bool(reason), "reason": said})


def settle(runs: Sequence[Check]) -> Check:
    """Several runs of one check on the same commit as one result: what flipped is flaky, not failed.

    That a run says nothing of a test is no flip: it may have stopped before, or crashed. Where no
    run passes, the result is that of one that flips alone do not explain, if there is one.
    """
    first = runs[0]
    passed = next((run for run in runs if run.passed), None)
    ever = dict.fromkeys(name for run in runs if run.tests for name in run.tests.failed)
    cleared: set[str] = set().union(*(_cleared(run, ever) for run in runs))
    flaky = [name for name in ever if name in cleared]
    if passed is not None and not ever and not first.passed:
        flaky = [first.name]  # nobody named the tests: the check itself flipped
    shown = passed or next((run for run in runs if not _told(run)), first)
    tests = shown.tests or (first.tests if passed else None) or (_NOTHING if ever or flaky else None)
    if tests is not None:
        failed = tuple(name for name in ever if name not in cleared)
        tests = tests.model_copy(update={"failed": failed, "flaky": tuple(flaky)[:SHOWN]})
    return shown.model_copy(update={"tests": tests, "seconds": first.seconds})


def _told(check: Check) -> bool:
    """Whether a check that failed came to its end, and says that tests failed."""
    return not check.killed and check.tests is not None and check.tests.counts.failed > 0


def _cleared(run: Check, names: Iterable[str]) -> set[str]:
    """Those of ``names`` that passed in ``run``: it says so, or the whole check passes without a word.

    A test that is missing from a run that names all of its own did not run; a file or class that
    could not be loaded in another run is there with its tests.
    """
    tests = run.tests or _NOTHING
    passed, others = set(tests.passed), {*tests.failed, *tests.skipped}

    def there(name: str) -> bool:
        within = (f"{name}::", f"{name}.", f"{name} > ")
        return not tests.complete or any(other.startswith(within) for other in passed)

    left = [name for name in names if name not in others]
    return {name for name in left if name in passed or (run.passed and there(name))}


def weakened(checks: Iterable[Check]) -> tuple[Finding, ...]:
    """What the gate against weakened tests has to look at: tests that no longer run."""
    found = []
    for check in checks:
        if check.compared is None:
            continue
        for names, what in (
            (check.compared.missing, "passed on the base and did not run"),
            (check.compared.skipped, "passed on the base and now skipped"),
        ):
            if names:
                told = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
                detail = f"{check.name}: {len(names)} test{'s'[: len(names) > 1]} {what}: {told}"
                found.append(Finding(gate="weakened-tests", result="flag", path="", detail=detail))
    return tuple(found)


# ---- blame ------------------------------------------------------------------------------


def _blame(
    command: VerifyCommand,
    before: Check,
    after: Check,
    found: Comparison,
    unexplained: Sequence[str],
    told: bool,
) -> str:
    """Why the change may not be published, or an empty text."""
    if command.source == "flag":
        return "" if after.passed else "It must pass, whatever the base did."
    if after.no_tests and not _skips(before, after):
        return "No test ran."
    if found.new_failures:
        if before.tests and set(found.new_failures) <= set(before.tests.flaky):
            return f"{_some(found.new_failures)} passed once on the base, and never with the change."
        return f"{_some(found.new_failures)} failed only with the change."
    if after.passed:
        return _fewer(before, after, unexplained, told)
    if before.passed:
        failed = set(after.tests.failed) if after.tests else set()
        flipped = found.flaky and failed <= set(found.flaky) and _told(after)
        return "" if flipped else "It passes on the base."
    if after.killed and not before.killed:
        return "It ended on the base, and did not end with the change."
    if before.tests and before.tests.counts.ran and not (after.tests and after.tests.counts.ran):
        return "It ran tests on the base, and none with the change."
    if unexplained:
        return f"{_some(unexplained)} passed on the base and did not run with the change."
    return "" if after.killed else _fewer(before, after, unexplained, told)


def _skips(before: Check, after: Check) -> bool:
    """Whether all tests are skipped now as they were on the base, for want of a service, say."""
    return before.no_tests and after.tests is not None and after.tests.counts.skipped > 0


def _fewer(before: Check, after: Check, unexplained: Sequence[str], told: bool) -> str:
    """A check that passes, or fails as before, because it hardly runs any more. ``told``: the diff
    deletes no file. Where both runs name all of their tests, the names say what is gone."""
    if before.tests is None or not before.tests.counts.ran:
        return ""
    if after.tests is None or not after.tests.counts.ran:
        return f"It ran {before.tests.counts.ran} tests on the base, and none with the change."
    old, new = before.tests.counts.ran, after.tests.counts.ran
    named = before.tests.complete and after.tests.complete
    if 2 * new < old and (unexplained or (told and not named)):
        return f"It ran {old} tests on the base, and only {new} with the change."
    return ""


def _excuse(before: Check, after: Check, found: Comparison) -> str:
    if after.passed:
        return ""
    if before.passed:
        return "What failed passed when it ran again."
    if after.no_tests:
        return "No test ran on the base either: all are skipped."
    if found.unknown:
        return (
            "It fails on the base, too. It does not name what fails: whether anything new does is not known."
        )
    return "It fails on the base, too, and nothing new fails."


def _healed(name: str, after: Check, new: Results) -> bool:
    """A test that failed is mended if all pass now, though nobody names those that pass."""
    return after.passed and not new.complete and name not in new.skipped


def _some(names: Sequence[str]) -> str:
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more" if rest > 0 else "")


# ---- names that changed -----------------------------------------------------------------


@dataclass(frozen=True)
class _Moved:
    """``passed``: tests of the base that have another name now; ``failed``: new names of tests
    that failed on the base under another one."""

    passed: frozenset[str]
    failed: frozenset[str]


def _moved(old: Results, new: Results, made: Edits) -> _Moved:
    """Match names that are gone with names that came, one to one."""
    present = {*new.passed, *new.failed, *new.skipped, *new.flaky}
    known = {*old.passed, *old.failed, *old.skipped, *old.flaky}
    came = [name for name in present if name not in known]
    renamed = _pairs([n for n in old.passed if n not in present], came, made) if new.complete else {}
    left = [name for name in new.failed if name not in known and name not in renamed.values()]
    failed = _pairs([n for n in old.failed if n not in present], left, made)
    return _Moved(frozenset(renamed), frozenset(failed.values()))


def _pairs(gone: list[str], came: list[str], made: Edits) -> dict[str, str]:
    """Gone name to its new one: the same test elsewhere, other parameters, or renamed in the diff."""
    pairs: dict[str, str] = {}
    left = dict.fromkeys(sorted(came))

    def match(names: Iterable[str], others: Iterable[str], key: Callable[[str], object]) -> None:
        waiting: dict[object, list[str]] = {}
        for other in others:
            waiting.setdefault(key(other), []).append(other)
        for name in names:
            if name not in pairs and (found := waiting.get(key(name))):
                pairs[name] = found.pop(0)
                del left[pairs[name]]

    match(gone, list(left), lambda name: split(name)[1])  # in another file or class
    match(gone, list(left), lambda name: (split(name)[0], plain(name)))  # other parameters
    lost = [n for n in gone if _less(n, made.removed, made.added) or _only(n, made.removed, made.added)]
    given = [n for n in left if _less(n, made.added, made.removed) or made.added.has(plain(n))]
    match(lost, given, lambda name: around(name)[0])
    touched = [n for n in gone if _named(n, made.removed)]
    match(touched, [n for n in left if _named(n, made.added)], lambda n: (split(n)[0], around(n)[1]))
    return pairs


def _only(name: str, one: Side, other: Side) -> bool:
    return one.has(plain(name)) and not other.has(plain(name))


def _less(name: str, one: Side, other: Side) -> bool:
    """Whether the title stands more often in quotes in the lines of ``one``: a line that is merely
    changed, or put elsewhere, takes no test away."""
    return any(one.quoted.get(title, 0) > other.quoted.get(title, 0) for title in titles(name))


def _named(name: str, side: Side) -> bool:
    """Whether the test or a suite around it stands in quotes: it may be in another suite of its file."""
    outer = suites(name)
    return bool(outer) and any(title in side.quoted for title in (*outer, *titles(name)))


def _gone(old: Results, new: Results, moved: _Moved) -> tuple[str, ...]:
    """Tests that passed on the base and did not run now, where both runs name all of theirs."""
    if not (old.complete and new.complete):
        return ()
    present = {*new.passed, *new.failed, *new.skipped, *new.flaky}
    return tuple(name for name in old.passed if name not in present and name not in moved.passed)


def _unexplained(missing: Sequence[str], made: Edits) -> list[str]:
    """Those that the diff does not take away: with a test of Go that is missing, too, go its subtests."""
    taken = {name for name in missing if _explained(name, made)}
    return [name for name in missing if name not in taken and taken.isdisjoint(parents(name))]


def _explained(name: str, made: Edits) -> bool:
    """Whether the diff takes the test away: its line, or its whole file."""
    if made.removed.has(plain(name)) or _less(name, made.removed, made.added):
        return True
    group = _dotted(split(name)[0])
    return any(group == path or group.startswith(f"{path}.") for path in made.gone)


def _dotted(path: str) -> str:
    """``a/test_b.py`` as the classes of reports name it: ``a.test_b``."""
    return re.sub(r"\.(?:py|js|ts|rb|php|java|kt|rs|go)$", "", path).replace("/", ".")
