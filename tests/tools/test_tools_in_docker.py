"""The tools inside the real sandbox: what only a container can show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from honk import settings as settings_module
from honk.core.cancel import Cancel
from honk.core.messages import Dialect, ToolCall
from honk.core.sandbox import SandboxSpec
from honk.core.types import RepoRef
from honk.tools.tool import ToolContext, run_tool
from honk.tools.toolset import toolset
from honk.wiring import open_mirror
from honk.wiring.sandboxes import Engine
from tests.world import FILES, make_origin

pytestmark = pytest.mark.docker


@pytest.fixture
def context(tmp_path: Path) -> Iterator[ToolContext]:
    settings = settings_module.load(environ={"HONK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)})
    origin = make_origin(tmp_path, FILES)
    engine, cancel = Engine(settings, print), Cancel()
    repo = RepoRef(forge="local", name=str(origin), url=origin.as_uri())
    with open_mirror(settings, repo) as mirror:
        base = mirror.fetch(None)
        pack, shallow = mirror.seed(base.sha, 50)
        spec = SandboxSpec("tools", "work", engine.companion(cancel), (pack,), shallow, base.sha, base.sha)
        with engine.open_sandbox(spec, cancel) as box:
            yield ToolContext(shell=box.shell, files=box.files, command_seconds=60)
    engine.close()


def bash(context: ToolContext, command: str) -> str:
    call = ToolCall(id="c", name="bash", arguments=json.dumps({"command": command}))
    return run_tool(toolset(Dialect.ANTHROPIC), call, context).text


def test_apply_patch_is_found_wherever_a_command_calls_it(context: ToolContext) -> None:
    patch = "*** Begin Patch\\n*** Update File: greet.sh\\n@@\\n-echo bye\\n+echo hello\\n*** End Patch\\n"
    assert "greet.sh" in bash(context, f"printf '{patch}' > /tmp/p && cat /tmp/p | apply_patch && ls")
    assert context.files.read("greet.sh") == b"echo hello\n"


def test_a_symbolic_link_shows_the_container_and_not_the_host(context: ToolContext) -> None:
    bash(context, "ln -s /etc/hostname link")
    call = ToolCall(
        id="c", name="str_replace_based_edit_tool", arguments='{"command": "view", "path": "link"}'
    )
    text = run_tool(toolset(Dialect.ANTHROPIC), call, context).text
    assert "sandbox" in text
    assert Path("/etc/hostname").read_text().strip() not in text


PATCHES = (
    "*** Begin Patch\n*** Update File: greet.sh\n@@\n-echo bye\n+echo hello\n"
    "*** Add File: new/deep.txt\n+one\n+\n*** Delete File: AGENTS.md\n*** End Patch",
    "*** Begin Patch\n*** Update File: greet.sh\n*** Move to: hello.sh\n"
    "@@\n echo hello\n+true\n*** End Patch",
    "*** Begin Patch\n*** Update File: hello.sh\n@@\n-not there\n+x\n*** End Patch",
    "no patch",
)


def test_apply_patch_answers_the_same_alone_and_amid_other_commands(context: ToolContext) -> None:
    """Alone, the call is carried out by honk; in a pipe, by the program on PATH."""
    bash(context, "cp -r ../repo /tmp/other")
    for number, patch in enumerate(PATCHES):
        alone = bash(context, f"apply_patch <<'E'\n{patch}\nE")
        context.files.write(f"/tmp/{number}", patch.encode())
        amid = bash(context, f"(cd /tmp/other && cat /tmp/{number} | apply_patch); code=$?; (exit $code)")
        assert amid == alone, patch
        assert bash(context, "diff -r --exclude=.git . /tmp/other; echo same").split() == ["same"]
