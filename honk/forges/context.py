"""What a repository and a request say about pull requests: template, code owners, issue.

Everything is read from the base commit, never from the tree that the model wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from honk.core.types import RepoRef

# GitHub looks in these folders, in this order, and ignores case in the template's name:
# "Creating a pull request template for your repository" and "About code owners", GitHub Docs.
_TEMPLATE_FOLDERS = (".github/", "", "docs/")
_TEMPLATE = re.compile(r"pull_request_template(\.(md|markdown|txt))?", re.IGNORECASE)
_TEMPLATE_FOLDER = re.compile(r"pull_request_template/[^/]+\.(md|markdown|txt)", re.IGNORECASE)
_CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_CODEOWNERS_LIMIT = 3 << 20  # bytes; GitHub ignores a larger file


def find_template(paths: Iterable[str]) -> str | None:
    """The path of the repository's pull request template, or None.

    A folder of templates counts only when it holds exactly one: GitHub itself lets the
    author choose among several by a query parameter, and there is nobody to choose here.
    """
    paths = sorted(paths)
    for folder in _TEMPLATE_FOLDERS:
        names = {path: path[len(folder) :] for path in paths if path.lower().startswith(folder)}
        for path, name in names.items():
            if _TEMPLATE.fullmatch(name):
                return path
    for folder in _TEMPLATE_FOLDERS:
        found = [
            path
            for path in paths
            if path.lower().startswith(folder) and _TEMPLATE_FOLDER.fullmatch(path[len(folder) :])
        ]
        if len(found) == 1:
            return found[0]
    return None


def codeowners(paths: Iterable[str]) -> str | None:
    """The path of the CODEOWNERS file that GitHub would use, or None."""
    present = set(paths)
    return next((path for path in _CODEOWNERS if path in present), None)


def owners(text: str, changed: Iterable[str]) -> tuple[str, ...]:
    """Owners of the changed paths: logins, or ``org/team``, each once, in order of appearance.

    The last matching line decides for each path; e-mail addresses are left out, since a
    review can only be requested from a login. Lines that cannot be read are skipped, as
    GitHub does; a file over 3 MB counts as empty.
    """
    from codeowners import CodeOwners

    if len(text.encode(errors="replace")) > _CODEOWNERS_LIMIT:
        return ()
    rules = CodeOwners("\n".join(filter(_readable, map(_without_remark, text.splitlines()))))
    found = [name for path in changed for kind, name in rules.of(path) if kind in ("USERNAME", "TEAM")]
    return tuple(dict.fromkeys(name.removeprefix("@") for name in found))


def _without_remark(line: str) -> str:
    return re.sub(r"(^|\s)#.*", "", line)


def _readable(line: str) -> bool:
    """GitHub's syntax has no negation, no character ranges and no sections."""
    return not re.match(r"\s*!", line) and not re.search(r"(?<!\\)[\[\]]", line)


def issue_reference(text: str, repo: RepoRef) -> int | None:
    """The number of the issue that the request names as ``#12``, ``owner/name#12`` or by its URL.

    None if it names no issue of ``repo``, or several: only one that is certain may be closed
    by the pull request.
    """
    if repo.forge != "github":
        return None
    host = re.escape(urlsplit(repo.url).netloc)
    name = re.escape(repo.name)
    patterns = (
        rf"https?://{host}/{name}/issues/(\d+)\b",
        rf"(?<![\w./-]){name}#(\d+)\b",
        r"(?<![\w/&#.-])#(\d+)\b(?![\w-])",
    )
    numbers = {int(n) for pattern in patterns for n in re.findall(pattern, text, re.IGNORECASE)}
    numbers.discard(0)
    return numbers.pop() if len(numbers) == 1 else None
