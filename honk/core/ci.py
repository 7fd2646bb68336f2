"""The CI job that honk runs in, as its service describes it in the environment.

Names and meanings are the services' own: GitHub Actions ("Default environment variables"),
GitLab CI ("Predefined CI/CD variables"), Jenkins ("Using environment variables").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from honk.core.base import Frozen
from honk.core.order import Origin

# Events of GitHub that a person starts; with others the actor is whoever last had to do with it.
_STARTED_BY_A_PERSON = frozenset({"workflow_dispatch", "issues", "issue_comment"})
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})")


class CiJob(Frozen):
    """``place`` is the project or job, ``url`` its page; ``person`` is ``Name <email>`` of whoever
    started it, or empty. ``output`` and ``summary`` are GitHub's files for a step's outputs and
    the job's summary. ``own_token``: the credential is the workflow's own GITHUB_TOKEN (None: not
    known, the kind of token allows it).
    """

    service: Literal["github", "gitlab", "jenkins"]
    place: str = ""
    url: str = ""
    person: str = ""
    output: Path | None = None
    summary: Path | None = None
    own_token: bool | None = None

    @property
    def origin(self) -> Origin:
        return Origin(kind="ci", place=self.place, url=self.url)


def ci_job(environ: Mapping[str, str]) -> CiJob | None:
    """The job that ``environ`` belongs to, or None outside of these services."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    if environ.get("GITLAB_CI") == "true":
        return CiJob(
            service="gitlab",
            place=environ.get("CI_PROJECT_PATH", ""),
            url=environ.get("CI_JOB_URL", ""),
            person=_gitlab_person(environ),
        )
    if environ.get("JENKINS_URL"):
        return CiJob(service="jenkins", place=environ.get("JOB_NAME", ""), url=environ.get("BUILD_URL", ""))
    return None


def _github(environ: Mapping[str, str]) -> CiJob:
    repo, run = environ.get("GITHUB_REPOSITORY", ""), environ.get("GITHUB_RUN_ID", "")
    page = f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repo}/actions/runs/{run}"
    output, summary = environ.get("GITHUB_OUTPUT"), environ.get("GITHUB_STEP_SUMMARY")
    known = {"true": True, "false": False}.get(environ.get("HONK_WORKFLOW_TOKEN", ""))
    installation = environ.get("GITHUB_TOKEN", "").startswith("ghs_")
    app = bool(environ.get("HONK_GITHUB_APP_ID") and environ.get("HONK_GITHUB_PRIVATE_KEY"))
    return CiJob(
        service="github",
        place=repo,
        url=page if repo and run else "",
        person=_github_person(environ),
        output=Path(output) if output else None,
        summary=Path(summary) if summary else None,
        own_token=known if installation and not app else False,
    )


def _github_person(environ: Mapping[str, str]) -> str:
    """Name and address as GitHub attributes commits by: ``ID+LOGIN@users.noreply.github.com``."""
    login, number = environ.get("GITHUB_ACTOR", ""), environ.get("GITHUB_ACTOR_ID", "")
    by_a_person = environ.get("GITHUB_EVENT_NAME") in _STARTED_BY_A_PERSON
    if not by_a_person or not _LOGIN.fullmatch(login) or not number.isdigit():  # bots have brackets
        return ""
    return f"{login} <{number}+{login}@users.noreply.github.com>"


def _gitlab_person(environ: Mapping[str, str]) -> str:
    name, email = environ.get("GITLAB_USER_NAME", ""), environ.get("GITLAB_USER_EMAIL", "")
    started = environ.get("CI_PIPELINE_SOURCE") == "web"
    plain = not set("<>\r\n") & set(name + email)
    return f"{name} <{email}>" if started and name and email and plain else ""
