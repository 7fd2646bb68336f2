from __future__ import annotations

from pathlib import Path

import pytest

from honk.core.errors import GitError
from honk.git.command import Git, stop
from honk.testing.gitrepos import Repo


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_secret_is_in_the_environment_of_its_process_only(
    origin: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key-of-the-operator")
    git = Git(origin.path / ".git")
    process = git.start("cat-file", "--batch", config={"http.extraHeader": "secret-header"})
    try:
        proc = Path("/proc") / str(process.pid)
        arguments, environment = (proc / "cmdline").read_bytes(), (proc / "environ").read_bytes()
    finally:
        stop(process)
    assert b"secret-header" not in arguments
    assert b"secret-header" in environment
    assert b"key-of-the-operator" not in environment
    names = {pair.partition(b"=")[0] for pair in environment.split(b"\0") if pair}
    others = {n for n in names if not n.startswith(b"GIT_")}
    assert others == {b"PATH", b"HOME", b"LANGUAGE", b"LC_ALL", b"TZ"}


def test_a_git_that_does_not_end_is_killed_with_its_children(origin: Repo) -> None:
    origin.git("config", "alias.wait", "!sleep 60")
    git = Git(origin.path / ".git")
    with pytest.raises(GitError, match="did not end within"):
        git.attempt("wait", timeout=0.2)
