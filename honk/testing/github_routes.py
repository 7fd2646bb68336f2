"""What the fake GitHub does with each request: permissions first, then validation, then state."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from honk.testing.github_asked import Asked, Refused, Reply, demand, not_accessible
from honk.testing.github_bodies import DOCS, error
from honk.testing.github_state import Installation, Pull, Repo, Token
from honk.testing.github_talk_routes import TalkRoutes

if TYPE_CHECKING:
    from honk.testing.github import FakeGitHub

BODY_LIMIT = 65_536
_LABEL_LIMIT = 50
_TITLE_LIMIT = 256


def _invalid(resource: str, *, message: str = "", name: str = "", code: str = "custom") -> Refused:
    item = {"resource": resource, "code": code}
    item |= {"field": name} if name else {}
    item |= {"message": message} if message else {}
    return Refused(422, "Validation Failed", [item])


class Routes:
    def __init__(self, fake: FakeGitHub) -> None:
        self._fake = fake
        self._bodies = fake.bodies
        self._table: list[tuple[str, str, Callable[[Asked], Reply]]] = [
            ("GET", "", self._read),
            ("GET", "/pulls", self._list),
            ("POST", "/pulls", self._open),
            ("GET", r"/pulls/(?P<number>\d+)", self._pull),
            ("PATCH", r"/pulls/(?P<number>\d+)", self._edit),
            ("POST", r"/pulls/(?P<number>\d+)/requested_reviewers", self._review),
            ("POST", r"/issues/(?P<number>\d+)/labels", self._label),
            ("POST", "/forks", self._fork),
            ("GET", r"/git/ref/(?P<ref>.+)", self._ref),
            ("POST", "/git/refs", self._new_ref),
            ("GET", "/actions/permissions/workflow", self._workflow_permissions),
            *TalkRoutes(fake.bodies).table,
        ]

    def handle(
        self, method: str, path: str, query: Mapping[str, list[str]], authorization: str, body: Any
    ) -> Reply:
        if path.startswith("/app/") or path.endswith("/installation"):
            return self._as_app(method, path, authorization, body)
        token, scopes = self._token(authorization)
        found = self._route(method, path, query, body, token)
        headers = {"X-OAuth-Scopes": ", ".join(scopes)} if scopes is not None else {}
        return Reply(found.status, found.body, {**headers, **found.headers})

    def _token(self, authorization: str) -> tuple[Token, tuple[str, ...] | None]:
        token = self._fake.tokens.get(authorization.partition(" ")[2])
        if token is None or (token.expires and token.expires < datetime.now(UTC)):
            raise Refused(401, "Bad credentials")
        return token, token.scopes

    def _route(
        self, method: str, path: str, query: Mapping[str, list[str]], body: Any, token: Token
    ) -> Reply:
        repo, tail, moved = self._locate(path)
        if repo is None or not token.may_see(repo):
            raise Refused(404, "Not Found")
        if moved:
            return self._moved(method, repo, tail)
        if token.sso and repo.organisation:
            url = f"{self._bodies.web}/orgs/{repo.owner}/sso?authorization_request=abc"
            text = "Resource protected by organization SAML enforcement."
            return Reply(403, error(text, 403), {"X-GitHub-SSO": f"required; url={url}"})
        if repo.archived and method != "GET":
            raise Refused(403, "Repository was archived so is read-only.")
        for verb, pattern, action in self._table:
            match = re.fullmatch(pattern, tail)
            if verb == method and match:
                return action(Asked(repo, token, tail, query, body or {}, match.groupdict()))
        raise Refused(404, "Not Found")

    def _locate(self, path: str) -> tuple[Repo | None, str, bool]:
        """Repository, the rest of the path, and whether the name is a former one."""
        if match := re.fullmatch(r"/repositories/(\d+)(/.*)?", path):
            return self._fake.repos.get(int(match[1])), match[2] or "", False
        match = re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?", path)
        if not match:
            return None, "", False
        name, tail = match[1].lower(), match[2] or ""
        for repo in self._fake.repos.values():
            if repo.full_name.lower() == name:
                return repo, tail, False
        return self._fake.repos.get(self._fake.moved.get(name, 0)), tail, True

    def _moved(self, method: str, repo: Repo, tail: str) -> Reply:
        url = f"{self._bodies.api}/repositories/{repo.id}{tail}"
        body = {"message": "Moved Permanently", "url": url, "documentation_url": DOCS}
        return Reply(301 if method == "GET" else 307, body, {"Location": url})

    # ---- repositories -----------------------------------------------------------------

    def _read(self, asked: Asked) -> Reply:
        return Reply(200, self._bodies.full_repo(asked.repo, asked.token))

    def _fork(self, asked: Asked) -> Reply:
        if asked.token.login.endswith("[bot]") or asked.token.grants is not None:
            raise not_accessible(asked.token)
        fork = self._fake.fork_of(asked.repo, asked.token.login)
        return Reply(202, self._bodies.full_repo(fork, asked.token))

    def _ref(self, asked: Asked) -> Reply:
        ref = asked.words["ref"]
        if asked.repo.polls:
            asked.repo.polls -= 1
            raise Refused(409, "Git Repository is empty.")
        sha = asked.repo.head(ref.removeprefix("heads/"))
        if sha is None:
            raise Refused(404, "Not Found")
        return Reply(200, self._bodies.ref(asked.repo, f"refs/{ref}", sha))

    def _new_ref(self, asked: Asked) -> Reply:
        demand(asked, "contents")
        raise Refused(422, "Object does not exist")  # the fake makes no refs: git does

    def _workflow_permissions(self, asked: Asked) -> Reply:
        """For administrators; a fine-grained token needs administration: read."""
        token, repo = asked.token, asked.repo
        if repo.roles.get(token.login) != "admin" or (
            token.grants is not None and token.grants.get("administration") not in ("read", "write")
        ):
            raise (
                not_accessible(token)
                if token.grants is not None
                else Refused(403, "Must have admin rights to Repository.")
            )
        body = {
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": repo.workflows_may_open,
        }
        return Reply(200, body)

    # ---- pull requests ----------------------------------------------------------------

    def _list(self, asked: Asked) -> Reply:
        def wanted(name: str, value: str) -> bool:
            return asked.query.get(name, [value])[0] == value

        pulls = [
            pull
            for pull in asked.repo.pulls
            if asked.query.get("state", ["open"])[0] in ("all", pull.state)
            and wanted("head", f"{pull.head_repo.owner}:{pull.head_ref}")
            and wanted("base", pull.base)
        ]
        updated = asked.query.get("sort") == ["updated"]
        pulls.sort(
            key=lambda pull: ((pull.closed_at or pull.at) if updated else pull.at, pull.number),
            reverse=asked.query.get("direction", ["desc"])[0] == "desc",
        )
        size, page = (int(asked.query.get(k, [d])[0]) for k, d in (("per_page", "30"), ("page", "1")))
        shown = pulls[size * (page - 1) : size * page]
        body = [self._bodies.pull(asked.repo, pull) for pull in shown]
        return Reply(200, body, self._links(asked, page, -(-len(pulls) // size)))

    def _links(self, asked: Asked, page: int, last: int) -> dict[str, str]:
        if last <= 1:
            return {}
        rest = "&".join(f"{k}={v[0]}" for k, v in asked.query.items() if k != "page")
        url = f"{self._bodies.api}/repositories/{asked.repo.id}/pulls?{rest}&page="
        before = [(page - 1, "prev")] if page > 1 else []
        after = [(page + 1, "next"), (last, "last")] if page < last else []
        first = [(1, "first")] if page > 1 else []
        return {"Link": ", ".join(f'<{url}{n}>; rel="{rel}"' for n, rel in before + after + first)}

    def _open(self, asked: Asked) -> Reply:
        demand(asked, "pull_requests", role=False)
        repo, body = asked.repo, asked.body
        if asked.token.workflow and not repo.workflows_may_open:
            raise Refused(403, "GitHub Actions is not permitted to create or approve pull requests.")
        owner, _, branch = str(body["head"]).rpartition(":")
        head_repo = repo if not owner or owner == repo.owner else self._fork_for(repo, owner)
        if head_repo is None or not head_repo.head(branch):
            raise _invalid("PullRequest", name="head", code="invalid")
        if not repo.head(body["base"]):
            raise _invalid("PullRequest", name="base", code="invalid")
        if not repo.ahead(body["base"], branch, head_repo):
            text = f"No commits between {repo.owner}:{body['base']} and {head_repo.owner}:{branch}"
            raise _invalid("PullRequest", message=text)
        same = [
            p for p in repo.pulls if (p.head_repo, p.head_ref, p.base) == (head_repo, branch, body["base"])
        ]
        if any(pull.state == "open" for pull in same):
            text = f"A pull request already exists for {head_repo.owner}:{branch}."
            raise _invalid("PullRequest", message=text)
        if body.get("draft") and not repo.drafts:
            raise Refused(422, "Draft pull requests are not supported in this repository.")
        _check_body(body)
        pull = Pull(
            number=len(repo.pulls) + 1,
            title=body["title"],
            body=body.get("body") or "",
            base=body["base"],
            head_repo=head_repo,
            head_ref=branch,
            author=asked.token.login,
            draft=bool(body.get("draft")),
            maintainer_can_modify=bool(body.get("maintainer_can_modify")),
        )
        repo.pulls.append(pull)
        return Reply(201, self._bodies.full_pull(repo, pull))

    def _fork_for(self, repo: Repo, owner: str) -> Repo | None:
        return next((r for r in self._fake.repos.values() if r.parent is repo and r.owner == owner), None)

    def _pull(self, asked: Asked) -> Reply:
        return Reply(200, self._bodies.full_pull(asked.repo, _pull(asked)))

    def _edit(self, asked: Asked) -> Reply:
        pull = _pull(asked)
        if pull.author != asked.token.login:
            demand(asked, "pull_requests")
        _check_body(asked.body)
        pull.title = asked.body.get("title", pull.title)
        pull.body = asked.body.get("body", pull.body)
        return Reply(200, self._bodies.full_pull(asked.repo, pull))

    def _label(self, asked: Asked) -> Reply:
        demand(asked, "pull_requests")
        pull = _pull(asked)
        names = asked.body if isinstance(asked.body, list) else asked.body.get("labels", [])
        if any(len(name) > _LABEL_LIMIT for name in names):
            raise _invalid("Label", message="name is too long (maximum is 50 characters)", name="name")
        asked.repo.labels.update(names)
        pull.labels += [name for name in names if name not in pull.labels]
        return Reply(200, [self._bodies.label(asked.repo, name) for name in pull.labels])

    def _review(self, asked: Asked) -> Reply:
        demand(asked, "pull_requests")
        pull, repo = _pull(asked), asked.repo
        logins = asked.body.get("reviewers", [])
        slugs = asked.body.get("team_reviewers", [])
        if pull.author in logins:
            raise Refused(422, "Review cannot be requested from pull request author.")
        if not set(logins) <= set(repo.roles) or not set(slugs) <= repo.teams:
            raise Refused(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or teams"
                f" you specified is not a collaborator of the {repo.full_name} repository.",
            )
        pull.reviewers += [login for login in logins if login not in pull.reviewers]
        pull.teams += [slug for slug in slugs if slug not in pull.teams]
        return Reply(201, self._bodies.pull(repo, pull))

    # ---- GitHub Apps ------------------------------------------------------------------

    def _as_app(self, method: str, path: str, authorization: str, body: Any) -> Reply:
        app = self._verified(authorization)
        if match := re.fullmatch(r"/app/installations/(\d+)/access_tokens", path):
            installation = self._fake.installations.get(int(match[1]))
            if method != "POST" or installation is None or installation.app_id != app:
                raise Refused(404, "Not Found")
            return self._mint(installation, body or {})
        repo, tail, moved = self._locate(path)
        if repo is not None and moved:
            return self._moved(method, repo, tail)
        for installation in self._fake.installations.values():
            if installation.app_id == app and repo and repo.id in installation.repos:
                return Reply(200, self._bodies.installation(installation))
        raise Refused(404, "Not Found")

    def _verified(self, authorization: str) -> str:
        """The id of the App whose key signed the JSON web token."""
        import jwt

        text = authorization.partition(" ")[2]
        for installation in self._fake.installations.values():
            try:
                claims = jwt.decode(
                    text, installation.key, algorithms=["RS256"], options={"verify_iat": True}
                )
            except jwt.PyJWTError:
                continue
            if str(claims["iss"]) == installation.app_id and claims["exp"] - claims["iat"] <= 660:
                return installation.app_id
        raise Refused(401, "A JSON web token could not be decoded")

    def _mint(self, installation: Installation, body: Mapping[str, Any]) -> Reply:
        repos = [self._fake.repos[number] for number in installation.repos]
        if names := body.get("repositories"):
            by_name = {repo.name: repo for repo in repos}
            if not set(names) <= set(by_name):
                raise Refused(
                    422, "There is at least one repository that does not exist or is not accessible."
                )
            repos = [by_name[name] for name in names]
        wanted = body.get("permissions") or installation.permissions
        if any(installation.permissions.get(k) not in (v, "write") for k, v in wanted.items()):
            raise Refused(422, "The permissions requested are not granted to this installation.")
        grants = {"metadata": "read", **wanted}
        secret, token = self._fake.new_installation_token(
            installation, frozenset(repo.id for repo in repos), grants
        )
        return Reply(201, self._bodies.installation_token(secret, token))


def _pull(asked: Asked) -> Pull:
    number = int(asked.words["number"])
    if number > len(asked.repo.pulls):
        raise Refused(404, "Not Found")
    return asked.repo.pulls[number - 1]


def _check_body(body: Mapping[str, Any]) -> None:
    if len(body.get("title") or "") > _TITLE_LIMIT:
        raise _invalid("Issue", message="title is too long (maximum is 256 characters)", name="title")
    if len(body.get("body") or "") > BODY_LIMIT:
        text = f"body is too long (maximum is {BODY_LIMIT} characters)"
        raise _invalid("Issue", message=text, name="body")
