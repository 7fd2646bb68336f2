"""The JSON that GitHub answers with, from the fake's state.

Held to GitHub's own OpenAPI description by ``tests/forges``: every field that it requires is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from honk.testing.github_state import Installation, Pull, Repo, Token

Json = Mapping[str, object]

DOCS = "https://docs.github.com/rest"
_AT = "2026-01-02T03:04:05Z"

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}

_REPO_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


class Bodies:
    """``api`` is the base of API addresses, ``web`` that of pages, ``git`` that of clone URLs."""

    def __init__(self, api: str, web: str, git: str) -> None:
        self.api = api
        self.web = web
        self.git = git

    def user(self, login: str) -> Json:
        url = f"{self.api}/users/{login}"
        return {
            "login": login,
            "id": _number(login),
            "node_id": f"U_{login}",
            "avatar_url": f"{self.web}/avatars/{login}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web}/{login}",
            "type": "Bot" if login.endswith("[bot]") else "User",
            "site_admin": False,
            **{name: url + tail for name, tail in _USER_LINKS.items()},
        }

    def repo(self, repo: Repo, token: Token | None = None) -> Json:
        url = f"{self.api}/repos/{repo.full_name}"
        body: dict[str, object] = {
            "id": repo.id,
            "node_id": f"R_{repo.id}",
            "name": repo.name,
            "full_name": repo.full_name,
            "owner": self.user(repo.owner),
            "private": repo.private,
            "html_url": f"{self.web}/{repo.full_name}",
            "description": None,
            "fork": repo.parent is not None,
            "url": url,
            "git_url": f"git://{self.git.partition('://')[2]}/{repo.full_name}.git",
            "ssh_url": f"git@localhost:{repo.full_name}.git",
            "clone_url": f"{self.git}/{repo.full_name}.git",
            "svn_url": f"{self.web}/{repo.full_name}",
            "homepage": None,
            "language": None,
            "license": None,
            "mirror_url": None,
            "default_branch": repo.default_branch,
            "archived": repo.archived,
            "disabled": repo.disabled,
            "size": 1,
            "created_at": _AT,
            "updated_at": _AT,
            "pushed_at": _AT,
            **{name: url + tail for name, tail in _REPO_LINKS.items()},
            **dict.fromkeys(("has_issues", "has_projects", "has_wiki", "has_downloads"), True),
            **dict.fromkeys(("has_pages", "has_discussions"), False),
            **dict.fromkeys(("forks", "forks_count", "open_issues", "open_issues_count"), 0),
            **dict.fromkeys(("stargazers_count", "watchers", "watchers_count"), 0),
        }
        if token and not token.login.endswith("[bot]"):
            role = repo.roles.get(token.login, "read")
            body["permissions"] = {
                "admin": role == "admin",
                "push": role in ("write", "admin"),
                "pull": True,
            }
        elif token:
            body["permissions"] = {"admin": False, "push": False, "pull": False}
        return body

    def full_repo(self, repo: Repo, token: Token) -> Json:
        body = {**self.repo(repo, token), "network_count": 0, "subscribers_count": 0}
        if repo.parent:
            body["parent"] = body["source"] = self.repo(repo.parent)
        return body

    def label(self, repo: Repo, name: str) -> Json:
        return {
            "id": _number(name),
            "node_id": f"LA_{_number(name)}",
            "url": f"{self.api}/repos/{repo.full_name}/labels/{name}",
            "name": name,
            "description": "",
            "color": "ededed",
            "default": False,
        }

    def pull(self, repo: Repo, pull: Pull) -> Json:
        """As it stands in lists and in the answer to a request for reviews."""
        base = f"{self.api}/repos/{repo.full_name}"
        url = f"{base}/pulls/{pull.number}"
        page = f"{self.web}/{repo.full_name}/pull/{pull.number}"
        issue = f"{base}/issues/{pull.number}"
        at = pull.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        closed = pull.closed_at.strftime("%Y-%m-%dT%H:%M:%SZ") if pull.closed_at else None
        links = {
            "self": url,
            "html": page,
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{base}/pulls/comments{{/number}}",
            "commits": f"{url}/commits",
            "statuses": f"{base}/statuses/{pull.head_sha}",
        }
        return {
            "id": 1000 * repo.id + pull.number,
            "node_id": f"PR_{repo.id}_{pull.number}",
            "number": pull.number,
            "title": pull.title,
            "body": pull.body,
            "state": pull.state,
            "draft": pull.draft,
            "locked": False,
            "user": self.user(pull.author),
            "url": url,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": issue,
            "comments_url": links["comments"],
            "commits_url": links["commits"],
            "review_comment_url": links["review_comment"],
            "review_comments_url": links["review_comments"],
            "statuses_url": links["statuses"],
            "_links": {name: {"href": href} for name, href in links.items()},
            "labels": [self.label(repo, name) for name in pull.labels],
            "requested_reviewers": [self.user(login) for login in pull.reviewers],
            "requested_teams": [self.team(repo, slug) for slug in pull.teams],
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "auto_merge": None,
            "author_association": "CONTRIBUTOR",
            "merge_commit_sha": pull.merge_sha,
            "created_at": at,
            "updated_at": closed or at,
            "closed_at": closed if pull.state == "closed" else None,
            "merged_at": closed if pull.merged else None,
            "base": self.branch(repo, pull.base, repo.head(pull.base) or "0" * 40),
            "head": self.branch(pull.head_repo, pull.head_ref, pull.head_sha),
        }

    def full_pull(self, repo: Repo, pull: Pull) -> Json:
        counts = ("additions", "changed_files", "comments", "commits", "deletions", "review_comments")
        return {
            **self.pull(repo, pull),
            **dict.fromkeys(counts, 0),
            "mergeable": None,
            "mergeable_state": "unknown",
            "merged": pull.merged,
            "merged_by": self.user(repo.owner) if pull.merged else None,
            "maintainer_can_modify": pull.maintainer_can_modify,
            "rebaseable": None,
        }

    def branch(self, repo: Repo, ref: str, sha: str) -> Json:
        return {
            "label": f"{repo.owner}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": self.user(repo.owner),
            "repo": self.repo(repo),
        }

    def team(self, repo: Repo, slug: str) -> Json:
        url = f"{self.api}/organizations/{_number(repo.owner)}/team/{_number(slug)}"
        return {
            "id": _number(slug),
            "node_id": f"T_{slug}",
            "name": slug,
            "slug": slug,
            "description": None,
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "url": url,
            "html_url": f"{self.web}/orgs/{repo.owner}/teams/{slug}",
            "members_url": f"{url}/members{{/member}}",
            "repositories_url": f"{url}/repos",
            "parent": None,
            "type": "organization",
            "organization_id": _number(repo.owner),
        }

    def ref(self, repo: Repo, ref: str, sha: str) -> Json:
        url = f"{self.api}/repos/{repo.full_name}/git"
        return {
            "ref": ref,
            "node_id": f"REF_{repo.id}_{ref}",
            "url": f"{url}/{ref}",
            "object": {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"},
        }

    def installation(self, installation: Installation) -> Json:
        url = f"{self.api}/app/installations/{installation.id}"
        page = f"{self.web}/organizations/{installation.account}"
        return {
            "id": installation.id,
            "account": self.user(installation.account),
            "app_id": _number(installation.app_id),
            "app_slug": "honk",
            "target_id": _number(installation.account),
            "target_type": "Organization",
            "permissions": installation.permissions,
            "events": [],
            "repository_selection": "selected",
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{page}/settings/installations/{installation.id}",
            "single_file_name": None,
            "created_at": _AT,
            "updated_at": _AT,
            "suspended_by": None,
            "suspended_at": None,
        }

    def installation_token(self, secret: str, token: Token) -> Json:
        expires = (token.expires or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "token": secret,
            "expires_at": expires,
            "permissions": token.grants or {},
            "repository_selection": "all" if token.repos is None else "selected",
        }


def error(message: str, status: int, *, errors: list[dict[str, str]] | None = None) -> Json:
    """The body of a refusal."""
    body: dict[str, object] = {"message": message, "documentation_url": DOCS, "status": str(status)}
    return {**body, "errors": errors} if errors is not None else body


def _number(text: str) -> int:
    """A stable id."""
    return int(text) if text.isdigit() else int.from_bytes(text.encode()[-4:], "big") % 900_000 + 100_000
