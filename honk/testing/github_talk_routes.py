"""Routes of the fake GitHub for what is said there; see honk/testing/github_talk.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from honk.testing.github_asked import Asked, Refused, Reply, demand
from honk.testing.github_bodies import Bodies
from honk.testing.github_talk import CheckRun, Kind, Said, TalkBodies

if TYPE_CHECKING:
    from honk.testing.github_state import Repo


class TalkRoutes:
    def __init__(self, bodies: Bodies) -> None:
        self._bodies = TalkBodies(bodies)
        self._web = bodies.web
        self.table: list[tuple[str, str, Callable[[Asked], Reply]]] = [
            ("GET", r"/issues/(?P<number>\d+)/comments", lambda asked: self._list(asked, "comment")),
            ("GET", r"/pulls/(?P<number>\d+)/reviews", lambda asked: self._list(asked, "review")),
            ("GET", r"/pulls/(?P<number>\d+)/comments", lambda asked: self._list(asked, "line")),
            ("POST", r"/issues/(?P<number>\d+)/comments", self._comment),
            ("PATCH", r"/issues/comments/(?P<id>\d+)", self._edit),
            ("POST", r"/(issues|pulls)/comments/(?P<id>\d+)/reactions", self._react),
            ("POST", r"/issues/(?P<number>\d+)/reactions", self._react_to_issue),
            ("GET", r"/commits/(?P<sha>[0-9a-f]+)/check-runs", self._checks),
            ("POST", "/check-runs", self._report),
            ("PATCH", r"/check-runs/(?P<id>\d+)", self._report_again),
            ("GET", r"/commits/(?P<sha>[0-9a-f]+)/status", self._status),
            ("GET", r"/actions/jobs/(?P<id>\d+)", self._job),
            ("GET", r"/actions/jobs/(?P<id>\d+)/logs", self._log),
            ("GET", r"/collaborators/(?P<login>[^/]+)/permission", self._permission),
        ]

    def _list(self, asked: Asked, kind: Kind) -> Reply:
        found = asked.repo.talk.of(kind, int(asked.words["number"]))
        size, page = (int(asked.query.get(k, [d])[0]) for k, d in (("per_page", "30"), ("page", "1")))
        shown = found[size * (page - 1) : size * page]
        return Reply(200, [self._bodies.said(asked.repo, said) for said in shown])

    def _comment(self, asked: Asked) -> Reply:
        demand(asked, "issues")
        said = asked.repo.talk.say(int(asked.words["number"]), asked.token.login, asked.body["body"])
        return Reply(201, self._bodies.said(asked.repo, said))

    def _said(self, asked: Asked) -> Said:
        number = int(asked.words["id"])
        for said in asked.repo.talk.said:
            if said.id == number:
                return said
        raise Refused(404, "Not Found")

    def _edit(self, asked: Asked) -> Reply:
        demand(asked, "issues")
        said = self._said(asked)
        said.body = asked.body["body"]
        return Reply(200, self._bodies.said(asked.repo, said))

    def _react(self, asked: Asked) -> Reply:
        demand(asked, "issues" if "/issues/" in asked.path else "pull_requests")
        self._said(asked).reactions.append((asked.token.login, asked.body["content"]))
        return Reply(201, self._bodies.reaction(asked.token.login, asked.body["content"]))

    def _react_to_issue(self, asked: Asked) -> Reply:
        demand(asked, "issues")
        reaction = (int(asked.words["number"]), asked.token.login, asked.body["content"])
        asked.repo.talk.reactions.append(reaction)
        return Reply(201, self._bodies.reaction(*reaction[1:]))

    def _checks(self, asked: Asked) -> Reply:
        demand(asked, "checks", level="read")
        found = [check for check in asked.repo.talk.checks if check.sha == asked.words["sha"]]
        runs = [self._bodies.check(asked.repo, check) for check in found]
        return Reply(200, {"total_count": len(runs), "check_runs": runs})

    def _report(self, asked: Asked) -> Reply:
        self._of_an_app(asked)
        body = asked.body
        check = asked.repo.talk.check(body["head_sha"], body["name"], None, app=self._slug(asked))
        return self._reported(asked, check, 201)

    def _report_again(self, asked: Asked) -> Reply:
        self._of_an_app(asked)
        for check in asked.repo.talk.checks:
            if check.id == int(asked.words["id"]) and check.app == self._slug(asked):
                return self._reported(asked, check, 200)
        raise Refused(404, "Not Found")

    def _of_an_app(self, asked: Asked) -> None:
        if not asked.token.login.endswith("[bot]"):
            raise Refused(403, "You must authenticate via a GitHub App.")
        demand(asked, "checks", role=False)

    def _slug(self, asked: Asked) -> str:
        return asked.token.login.removesuffix("[bot]")

    def _reported(self, asked: Asked, check: CheckRun, code: int) -> Reply:
        output = asked.body.get("output", {})
        check.conclusion = asked.body.get("conclusion")
        check.key = asked.body.get("external_id", check.key)
        check.title, check.summary = output.get("title", check.title), output.get("summary", check.summary)
        return Reply(code, self._bodies.check(asked.repo, check))

    def _status(self, asked: Asked) -> Reply:
        demand(asked, "statuses", level="read")
        sha = asked.words["sha"]
        found = [status for status in asked.repo.talk.statuses if status.sha == sha]
        return Reply(200, self._bodies.status(asked.repo, sha, found))

    def _check(self, repo: Repo, number: int) -> CheckRun:
        for check in repo.talk.checks:
            if check.id == number and check.app == "github-actions":
                return check
        raise Refused(404, "Not Found")

    def _job(self, asked: Asked) -> Reply:
        demand(asked, "actions", level="read")
        return Reply(200, self._bodies.job(asked.repo, self._check(asked.repo, int(asked.words["id"]))))

    def _log(self, asked: Asked) -> Reply:
        demand(asked, "actions", level="read")
        check = self._check(asked.repo, int(asked.words["id"]))
        return Reply(302, "", {"Location": f"{self._web}/_logs/{asked.repo.id}/{check.id}"})

    def _permission(self, asked: Asked) -> Reply:
        login = asked.words["login"]
        return Reply(200, self._bodies.permission(login, asked.repo.roles.get(login, "read")))
