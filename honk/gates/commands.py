"""Test commands in configuration files: when the new one finds less than the old one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from honk.gates.selecting import is_share, selects
from honk.gates.testruns import MAY, NO_SCRIPTS, RUNS, Scripts, best, kind

Found = tuple[Literal["block", "flag"], str]

_KEYS = re.compile(
    r"(?:^|/)scripts/(?:[\w:.-]*(?:test|lint|check|type|tsc|verify|ci|validate|coverage)[\w:.-]*)$"
    r"|(?:^|/)(?:addopts|commands|commands_pre|test_command|entry|args)$|/tasks/[\w-]*(?:test|lint"
    r"|check)[\w-]*(?:/cmds?)?$"
    r"|(?:^|/)tool/(?:poe|pdm|hatch)[\w/.-]*(?:test|lint|check|cov)[\w-]*(?:/cmd)?$",
    re.I,
)
RUNNERS = re.compile(
    r"\b(?:pytest|py\.test|unittest|tox|nox|nose2|jest|vitest|mocha|ava|jasmine|karma|cypress"
    r"|playwright|node\s+--test|bun\s+test|tap"
    r"|go\s+(?:test|vet)|cargo\s+(?:test|nextest|clippy|check)|mvnw?|gradlew?|dotnet\s+(?:test|build)"
    r"|rspec|rake|minitest|phpunit|pest|paratest"
    r"|ctest|ninja|meson|bazel|bats|ruff|flake8|pylint|mypy|pyright|eslint|tsc|biome|prettier|stylelint"
    r"|rubocop|phpstan|psalm|clippy|golangci-lint"
    r"|staticcheck|shellcheck|cppcheck|black|isort|make|npm|yarn|pnpm|turbo|nx|tests?"
    r"|run-[sp]|npm-run-all|concurrently)\b|\./\S+"
)
_SWALLOWS = re.compile(
    r"\|\|\s*(?:(?:(?:/usr)?/bin/)?true\b|:|exit\s+0|echo\b|printf\b|\(?exit 0)|;\s*(?:true|exit\s+0)\s*$"
    r"|\|\|\s*[({]\s*(?:echo|printf|true|:)(?![\w-])[^)}]{0,500}|\bset\s+\+e\b|&\s*$"
    r"|(?<!\|)\|\s*(?:tee|cat|head|tail|[ef]?grep|sed|awk|sort|uniq|wc|tr|cut|less|more)\b"
)
_COPIES = re.compile(r"(?:tee|cat|head|tail)$")
_PIPEFAIL = re.compile(r"-[a-zA-Z]{0,10}o\s+pipefail\b")
_FAILS = re.compile(r"\bexit\s+(?!0)\S|\b(?:return|false|kill)\b|\b\w{1,40}=")
_SAYS = re.compile(r"(?:echo|printf|true|:|/bin/true|date)(?![\w/.-])")
_ERREXIT = re.compile(r"\bset\s+-[a-zA-Z]{0,10}e|\bset\s+-o\s+errexit")
_LONGEST = 500  # characters of a line that are looked at before and after a place
_IF = re.compile(r"\bif\s+(?!!)([^\n;]{1,300});?\s{0,20}\bthen\b")
_OF_NO_CHECK = re.compile(  # what may fail: it cleans up, or looks whether something is there
    r"(?:docker|podman)(?:[ -]compose)?\s+(?:-\S+\s+\S+\s+)*(?:stop|rm|kill|down|pull|logs|network|volume)\b"
    r"|(?:rm|kill|pkill|killall|mkdir|rmdir|umount|dropdb|createdb|command|which|type|kubectl|cat|tail|git)\s"
    r"|(?:test\s+-|\[)|make\s+\S*clean\b"
)
_GROUP_ENDS = re.compile(r"(?:done|fi|esac|[)}])$")
_ALL_OF = re.compile(r"(?:npx\s+|pnpm\s+(?:exec\s+)?)?(?:run-[sp]|npm-run-all2?|concurrently)\b")
_SCRIPT_OF = re.compile(r"(?:npm|pnpm|yarn|bun)\s+(?:run\s+)?(?:-\S+\s+)*([\w:.-]+)$")
_LESS = re.compile(
    r"--passWithNoTests|--pass-with-no-tests|--no-verify\b|--exit-zero\b|--deselect\b"
    r"|--ignore(?:-glob)?[= ]|--exclude[= ]|--testPathIgnorePatterns"
    r"|(?:^|\s)-k[ =\"']|(?:^|\s)-m\s*[\"']?not\b|--skip[= ]|-DskipTests|-Dmaven\.test\.skip"
    r"|-DtestFailureIgnore|-fae\b|-x\s+test\b|--no-cov\b"
    r"|-skip[= ]|--quiet-deprecations|--no-error-on-unmatched|--suppress-tests|\bctest\b[^\n]*\s-E\s"
    r"|--exclude-regex|--label-exclude|--exclude-task|-short\b|--bail=0|--allow-warnings"
    r"|-A\s+(?:warnings|clippy)"
    r"|--cap-lints|--no-strict|--keep-going\b|--filter[= ]|--exclude-group|--invert|-t\s+[\"']"
    r"|--testNamePattern\b|--test-name-pattern\b|\s-run[= ](?![^\n]*-bench)"
    r"|\b(?:vitest|jest|playwright|mocha|phpunit)\b[^\n&;|]*--retr(?:y|ies)[= ][1-9]"
    r"|--grep[= ]|--only-changed|--onlyChanged|-p\s+no:|--reruns"
)
_TOOL = re.compile(
    r"\b(pytest|py\.test|jest|vitest|mocha|ava|cargo\s+test|cargo\s+nextest|go\s+test|rspec|phpunit|pest|bats"
    r"|node\s+(?:-\S+\s+)*--test)(?=\s|$)([^\n&;|>]*)"
)
_FLAGS = re.compile(  # options that take no value after a space; of any other the next word is its value
    r"-(?:[qvxslf]+|r[A-Za-z]|race|cover|short|json)|--(?:verbose|quiet|ci|coverage|silent|runInBand|recursive|color"
    r"|colors|no-cov|release|all|workspace|all-features|all-targets|locked|offline|frozen|exitfirst|testdox|parallel"
    r"|lib|bins|doc|tests|examples|no-fail-fast)$"
)
_LISTS_ONLY = re.compile(
    r"(?<=\s)--(?:version|help|collect-only|co|setup-plan|listTests|list-tests|no-run)(?=\s|$)"
)
_OF_CARGO = re.compile(r"(?<=\s)(?:--(?:lib|bins?|doc|tests?|examples?|package)|-p)\b")
_NOTHING = re.compile(
    r"^(?:true|:|exit\s+0|echo\b[^&|;]*|node\s+-e\s+[\"']?(?:0|process\.exit\(0?\))?;?[\"']?)$"
)
_STRICTER = re.compile(
    r"--cov-fail-under[= ]\d+|--fail-under[= ]\d+|--strict[\w-]*|-D\s*warnings|--deny\s+\S+|-race\b"
    r"|-W\s*error|-Werror|--error-on-warnings|--forbid-only"
    r"|--check\b|--max-warnings[= ]\d+|--fail-on\S*|--typecheck|set\s+-[a-z]*e[a-z]*"
)
_VALUE = re.compile(r"(--[\w-]{0,40}(?:fail-under|max-warnings|reruns)[= ])(\d+)")


def is_test_command(key: str) -> bool:
    """Whether the key of a configuration file is a command line, or options, of a verifier."""
    return bool(_KEYS.search(key))


def weaker_command(
    old: Sequence[str], new: Sequence[str], key: str = "", scripts: Scripts = NO_SCRIPTS
) -> Iterator[Found]:
    """Why the command lines ``new`` of a key find less than ``old``; nothing if they do not. ``scripts``
    are those that they may call by name."""
    before, after = _text(old, key), _text(new, key)
    if not "".join(old).strip():
        return
    if not "".join(new).strip():
        yield "block", f"{_short(' '.join(old))} is gone"
        return
    for had, has in ((_swallowed(before, before), _swallowed(after, before)), (_less(before), _less(after))):
        for option, line in has.items():
            if option not in had:
                yield "block", f"{option} in: {_short(line)}"
                return
    yield from _selected(before, after, key)
    options = key.endswith("addopts")
    yield from (("block", why) for why in _values("\n".join(old), "\n".join(new)))
    had_runner, has_runner = RUNNERS.search(_unquoted(before)), RUNNERS.search(_unquoted(after))
    if had_runner and not has_runner:
        yield "block", f"runs nothing any more: {_short(after)}"
    elif best(before) == RUNS and (runs := best(after, scripts)) <= MAY:
        # What a script does that is called now, nobody can tell from here.
        yield ("flag" if runs == MAY else "block"), f"runs no tests any more: {_short(after)}"
    elif not options and _ignored(new) and not _ignored(old):
        yield "block", f"its failure is ignored: {_short(after)}"
    else:
        fewer = _runs_less(_parts(before), _parts(after), fewer_lines=len(new) < len(old) and not options)
        yield from (("block", why) for why in fewer)


def _text(lines: Sequence[str], key: str) -> str:
    """The command lines; of a list of options with the command that they are for."""
    return f"pytest {' '.join(lines)}" if key.endswith("addopts") else "\n".join(lines)


def _selected(before: str, after: str, key: str) -> Iterator[Found]:
    """Options by which not all tests run. Where some were selected before, it may be the same ones by other
    words; what has a name of its own may be there for them."""
    had, has = selects(before), selects(after)
    named = set(re.split(r"\W+", key.rpartition("/")[2]))
    for option, value in has.items():
        if had.get(option) == value:
            continue
        doubtful = had or is_share(option) or named.intersection(re.split(r"\W+", value) if value else ())
        yield ("flag" if doubtful else "block"), f"runs a part of the tests: {option} {value}"
        return


def _less(text: str) -> dict[str, str]:
    """The options by which a runner finds less, each with its line."""
    return {match[0].strip(): line_at(text, match.start()) for match in _LESS.finditer(text)}


def _swallowed(text: str, before: str) -> dict[str, str]:
    """What hides that a check failed, each with its line. What only cleans up may fail, unless a check of
    the text ``before`` stands there."""
    text = text.replace("\\\n", " ")
    found: dict[str, str] = {}
    fails_in_pipes = _PIPEFAIL.search(text) is not None
    for match in _SWALLOWS.finditer(text):
        line = line_at(text, match.start())
        begin = max(text.rfind("\n", 0, match.start()) + 1, match.start() - _LONGEST)
        chain = [part.strip() for part in text[begin : match.start()].rpartition(";")[2].split("&&")]
        if match[0].startswith("|") and not match[0].startswith("||"):
            hides = not fails_in_pipes and (
                _COPIES.search(match[0]) is not None or any(kind(part) == RUNS for part in chain)
            )
        else:
            hides = not match[0].startswith("||") or any(_is_check(part, before) for part in chain)
        if hides and not _FAILS.search(match[0]):
            found.setdefault(match[0].strip(), line)
    return found | _lost(text)


def _lost(text: str) -> dict[str, str]:
    """Where what a shell does after the tests gives the result in their place, each with its line."""
    if _ERREXIT.search(text):
        return {}
    found: dict[str, str] = {}
    for line in text.split("\n"):
        parts = [part for part in map(str.strip, line.split(";")) if part]
        last = len(parts)
        while last and _SAYS.match(parts[last - 1]):
            last -= 1
        if 0 < last < len(parts) and best(parts[last - 1]) == RUNS and not _FAILS.search(parts[last - 1]):
            found.setdefault(f"; {parts[last]}", line)
    for match in _IF.finditer(text):
        if kind(match[1]) == RUNS and not _FAILS.search(text[match.end() : match.end() + 1_000]):
            found["if"] = line_at(text, match.start())
            break
    return found


def _is_check(part: str, before: str) -> bool:
    if _GROUP_ENDS.search(part) or part in map(str.strip, re.split(r"&&|;|\n", before)):
        return True
    return RUNNERS.search(part) is not None and not _OF_NO_CHECK.match(part)


def split_off(old: Sequence[str], new: Sequence[str], others: Sequence[str]) -> bool:
    """Whether all that a command line does not run any more is run, word for word, by one of the ``others``
    of its file, and something of it is left."""
    left = _parts("\n".join(new))
    gone = [part for part in _parts("\n".join(old)) if part not in left]
    known = {part for other in others for part in _parts(other)}
    return bool(gone) and bool(left) and known.issuperset(gone)


def _runs_less(old: Sequence[str], new: Sequence[str], fewer_lines: bool) -> Iterator[str]:
    gone = [part for part in old if part not in new]
    fresh = [part for part in new if part not in old]
    if all_of := next((part for part in fresh if _ALL_OF.match(part)), ""):
        named = [name.removeprefix("npm:") for name in re.findall(r"[\w:*.-]+", all_of)]
        runs_tests = kind(all_of) == RUNS  # by scripts that had no name before
        missing = [
            part
            for part in gone
            if not _is_named(part, named)
            and not (runs_tests and kind(part) == RUNS and not _SCRIPT_OF.search(part))
        ]
        yield from (f"no longer runs: {_short(part)}" for part in missing[:1])
        return
    changed = zip(gone, fresh, strict=False)
    narrow = next((now for was, now in changed if _is_narrowed(was, now) or _names_less(was, now)), "")
    if narrow and len(gone) == len(fresh):
        yield f"runs fewer tests: {_short(narrow)}"
    elif gone and (not fresh or (len(gone) > len(fresh) and fewer_lines)):
        yield f"no longer runs: {_short(gone[0])}"


def _is_named(part: str, names: Sequence[str]) -> bool:
    script = _SCRIPT_OF.search(part)
    return script is not None and any(fnmatchcase(script[1], name) for name in names)


def _is_narrowed(old: str, new: str) -> bool:
    """Whether the same command gets fewer paths, or some below those that it had."""
    before, after = ([w for w in part.split() if not w.startswith("-")] for part in (old, new))
    paths, now = before[1:], after[1:]
    if not paths or not now or before[0] != after[0] or paths == now:
        return False
    below = [any(w == p or w.startswith(p.rstrip("/") + "/") for p in paths) for w in now]
    return all(below) and "/" in "".join(now)


def _names_less(old: str, new: str) -> bool:
    """Whether the same runner names what it runs, and did not before, or only tells what there is."""
    was, now = _TOOL.search(old), _TOOL.search(new)
    if was is None or now is None or was[1].split() != now[1].split():
        return False
    kinds = (_LISTS_ONLY, _OF_CARGO) if was[1].startswith("cargo") else (_LISTS_ONLY,)
    if any(kind.search(now[2]) and not kind.search(was[2]) for kind in kinds):
        return True
    before, after = _targets(was[2]), _targets(now[2])
    if before or not after:
        return False
    return was[1].startswith("cargo") or any(_is_part(target) for target in after)


def _targets(arguments: str) -> list[str]:
    """The paths and names among the arguments of a runner, but for those that stand for all."""
    found, is_value = [], False
    for word in arguments.split():
        if word == "--":
            break
        if not is_value and not word.startswith(("-", "{", "$", '"$', "%")):
            found.append(word.strip("\"'"))
        is_value = word.startswith("-") and "=" not in word and _FLAGS.match(word) is None
    return [word for word in found if word not in (".", "./", "./...", "run")]


def _is_part(target: str) -> bool:
    """Whether a path is more than a folder at the top, which holds all tests in many repositories."""
    path = target.removeprefix("./").rstrip("/")
    return "*" not in path and ("/" in path or re.search(r"\.\w+$", path) is not None)


def does_nothing(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether a command that ran something that verifies only says that all is well now."""
    after = [part for line in new for part in re.split(r"&&|;", line)]
    return (
        bool(RUNNERS.search("\n".join(old))) and bool(after) and all(_NOTHING.match(p.strip()) for p in after)
    )


def fewer_by_default(options: Sequence[str]) -> str:
    """The first option of a new list of default options that makes the runner find less."""
    match = _LESS.search("\n".join(options))
    return match[0].strip() if match else next(iter(selects(_text(options, "addopts"))), "")


def _parts(text: str) -> list[str]:
    """The single commands of a script that run something."""
    parts = (part.strip() for part in re.split(r"&&|;|\n", _unquoted(text)))
    return [part for part in parts if RUNNERS.search(part)]


def _unquoted(text: str) -> str:
    """Without what is only printed."""
    return re.sub(r"^[ \t]*@?(?:echo|printf|true|:|exit)\b[^\n&;|]*", "", text, flags=re.M)


def _ignored(lines: Sequence[str]) -> bool:
    return any(re.match(r"\s*@?-\s*\w", line) for line in lines)


def _values(before: str, after: str) -> Iterator[str]:
    """Options that make a command strict: gone, or with a laxer number."""
    had, has = (
        dict((m[1].strip("= "), int(m[2])) for m in _VALUE.finditer(text)) for text in (before, after)
    )
    for option, number in had.items():
        laxer = has.get(option, -1) < number if "under" in option else has.get(option, number + 1) > number
        if laxer:
            yield f"{option} {number} became {has.get(option, 'nothing')}"
            return
    lost = _strict(before) - _strict(after)
    stays = RUNNERS.search(before), RUNNERS.search(after)
    if lost and stays[0] and stays[1] and stays[0][0] == stays[1][0]:
        yield f"{min(lost)} is gone from: {_short(before)}"


def _strict(text: str) -> set[str]:
    """The options that make a command strict, without their values."""
    found = (m[0] for m in _STRICTER.finditer(text))
    return {"set -e" if option.startswith("set") else re.split(r"[= ]\d", option)[0] for option in found}


def line_at(text: str, at: int) -> str:
    """The line that has the character at ``at``, without the spaces that are for its layout."""
    start = max(text.rfind("\n", 0, at) + 1, at - _LONGEST)
    return " ".join(text[start : at + _LONGEST].partition("\n")[0].split())


def _short(text: str) -> str:
    return " ".join(text.split())[:100]
