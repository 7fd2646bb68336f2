"""honk as a process against GitHub: API and git over HTTPS with a private CA, in real Docker."""

from __future__ import annotations

import pytest

from honk.testing.scripted import Call, Turn
from tests.e2e.hub import Hub
from tests.e2e.installed import Installer
from tests.world import FINISH, GREET, git

pytestmark = pytest.mark.docker


def finish(title: str, description: str) -> Turn:
    return Turn(calls=(Call("finish", {"title": title, "description": description}),))


def test_a_repository_named_from_nowhere_gets_one_draft_pull_request(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    main = repo.head("main")
    done = honk.honk("say hello", "--repo", "acme/app", "--json")
    assert done.code == 0, done.err
    pull = hub.the_pull(repo)
    assert (pull.title, pull.base, pull.draft, pull.state) == ("Say hello", "main", True, "open")
    assert "It greets now." in pull.body
    assert pull.head_sha == done.result.head_sha
    assert git(repo.path, "show", f"{pull.head_ref}:greet.sh") == "echo hello\n"
    assert repo.head("main") == main
    assert honk.leftovers() == []
