"""Shell and apply_patch as models call them, over a real shell and real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from honk.core.errors import SandboxError
from honk.core.messages import CommandOutput, Dialect, ToolCall, ToolKind, ToolResult
from honk.core.types import CommandResult, Finish
from honk.tools.patching import program
from honk.tools.specs import FINISH, VERIFY
from honk.tools.tool import ToolContext, run_tool
from honk.tools.toolset import toolset

PATCH = "*** Begin Patch\n*** Update File: f\n@@\n-old\n+new $HOME `x`\n*** End Patch"


def call(context: ToolContext, name: str, arguments: object, dialect: Dialect = Dialect.OPENAI) -> ToolResult:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return run_tool(toolset(dialect), ToolCall(id="7", name=name, arguments=text), context)


def bash(context: ToolContext, command: str) -> ToolResult:
    return call(context, "bash", {"command": command}, Dialect.ANTHROPIC)


@pytest.fixture
def repo(tmp_path: Path, context: ToolContext) -> Path:
    (tmp_path / "repo" / "f").write_bytes(b"old\n")
    return tmp_path / "repo"


# ---- bash


def test_bash_gives_output_and_the_exit_code_when_it_is_not_zero(context: ToolContext) -> None:
    assert bash(context, "echo out; echo err >&2").text == "out\nerr"
    assert bash(context, "echo out; false").text == "out\n[exit code 1]"
    assert bash(context, "(exit 3)").text == "[exit code 3]"
    assert bash(context, "true").text == "[no output]"
    assert not bash(context, "false").error


def test_bash_keeps_folder_and_environment_until_it_is_restarted(context: ToolContext, repo: Path) -> None:
    bash(context, "mkdir d && cd d && export X=1")
    assert bash(context, "echo $PWD $X").text == f"{repo}/d 1"
    restarted = call(context, "bash", {"restart": True}, Dialect.ANTHROPIC)
    assert "restarted" in restarted.text and not restarted.error
    assert bash(context, "echo $PWD $X").text == str(repo)


def test_bash_takes_many_lines_and_any_quotes(context: ToolContext) -> None:
    assert bash(context, "cat <<'E'\n'\"$x\nE\nfor i in 1 2; do\n  echo $i\ndone").text == "'\"$x\n1\n2"


def test_a_command_that_runs_too_long_is_killed_and_said_so(context: ToolContext) -> None:
    result = bash(replace(context, command_seconds=0.3), "echo begun; sleep 60")
    assert result.error and result.text.startswith("begun\n[killed") and "restarted" in result.text
    assert bash(context, "echo alive").text == "alive"


def test_a_command_that_ends_the_shell_is_said_so(context: ToolContext) -> None:
    result = bash(context, "exit 3")
    assert result.error and "restarted" in result.text
    assert bash(context, "echo alive").text == "alive"


def test_bytes_dropped_in_the_middle_are_counted(context: ToolContext) -> None:
    result = bash(context, "head -c 100000 /dev/zero | tr '\\0' x")
    assert "[70000 bytes of output were left out in the middle]" in result.text


def test_binary_output_is_printable(context: ToolContext) -> None:
    assert bash(context, r"printf 'a\xff\n'").text == "a\ufffd"


def test_bash_without_a_command_is_an_error(context: ToolContext) -> None:
    assert "command" in call(context, "bash", {}, Dialect.ANTHROPIC).text
    assert call(context, "bash", "", Dialect.ANTHROPIC).error


# ---- OpenAI's shell


def test_shell_runs_commands_one_after_the_other_and_reports_each(context: ToolContext) -> None:
    result = call(
        context, "shell", {"commands": ["cd /; X=1", "echo $PWD $X; exit_code() { return 4; }; exit_code"]}
    )
    assert result.outputs == (
        CommandOutput(text="", exit_code=0),
        CommandOutput(text="/ 1", exit_code=4),
    )
    assert result.text.startswith("$ cd /; X=1\n[no output]\n$ echo")
    assert result.text.endswith("/ 1\n[exit code 4]")


def test_a_models_own_timeout_lowers_the_limit_and_cannot_raise_it(context: ToolContext) -> None:
    lowered = call(context, "shell", {"commands": ["sleep 60", "echo next"], "timeout_ms": 300})
    assert [o.exit_code for o in lowered.outputs] == [None, 0]
    short = replace(context, command_seconds=0.3)
    raised = call(short, "shell", {"commands": ["sleep 60"], "timeout_ms": 3_600_000})
    assert [o.exit_code for o in raised.outputs] == [None] and raised.error


def test_max_output_length_cuts_the_middle_of_each_output(context: ToolContext) -> None:
    result = call(context, "shell", {"commands": ["printf abcdefghij", "printf ab"], "max_output_length": 4})
    assert [o.text for o in result.outputs] == [
        "abij\n[6 bytes of output were left out in the middle]",
        "ab",
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"commands": []}, "commands"),
        ({"commands": "ls"}, "commands"),
        ({"command": "ls"}, "commands"),
        ({"commands": ["ls"], "timeout_ms": -1}, "timeout_ms"),
        ({"commands": ["ls"], "cwd": "/"}, "cwd"),
        ("{not json", "JSON"),
        ("[1]", "JSON"),
        ('"ls"', "JSON"),
        ('{"commands": ["\\ud800"]}', "JSON"),
        ("null", "JSON"),
    ],
)
def test_wrong_arguments_name_the_field_and_what_the_tool_takes(
    context: ToolContext, arguments: object, named: str
) -> None:
    result = call(context, "shell", arguments)
    assert result.error and named in result.text and "commands" in result.text
    assert result.call_id == "7" and result.outputs == ()


def test_an_unknown_tool_is_an_error_that_names_the_known_ones(context: ToolContext) -> None:
    result = call(context, "container.exec", {})
    assert result.error and "apply_patch, shell" in result.text


def test_a_dead_sandbox_is_no_mistake_of_the_model(context: ToolContext) -> None:
    class Gone:
        def run(self, command: str, *, timeout: float) -> CommandResult:
            raise SandboxError("The container is gone.")

        def restart(self) -> None:
            raise SandboxError("The container is gone.")

    with pytest.raises(SandboxError):
        bash(replace(context, shell=Gone()), "ls")


# ---- apply_patch


def test_native_operations(context: ToolContext, repo: Path) -> None:
    def operate(**operation: object) -> ToolResult:
        return call(context, "apply_patch", operation)

    assert not operate(type="create_file", path="d/ n.txt", diff="+a\n+\n+b\n").error
    assert (repo / "d/ n.txt").read_bytes() == b"a\n\nb\n"
    assert not operate(type="create_file", path="empty", diff="").error
    assert (repo / "empty").read_bytes() == b""
    updated = operate(type="update_file", path="d/ n.txt", diff="@@\n a\n \n-b\n+c\n")
    assert not updated.error and updated.text == "M d/ n.txt"
    assert (repo / "d/ n.txt").read_bytes() == b"a\n\nc\n"
    assert not operate(type="delete_file", path="d/ n.txt").error
    assert not (repo / "d/ n.txt").exists()


def test_a_native_update_takes_several_anchors_and_keeps_undecodable_bytes(
    context: ToolContext, repo: Path
) -> None:
    (repo / "g").write_bytes(b"class A:\n  def f():\n    x\nclass B:\n  def f():\n    x # caf\xe9\n    x\n")
    diff = "@@ class B:\n@@   def f():\n-    x\n+    y\n*** End of File\n"
    result = call(context, "apply_patch", {"type": "update_file", "path": "g", "diff": diff})
    assert not result.error, result.text
    expected = b"class A:\n  def f():\n    x\nclass B:\n  def f():\n    x # caf\xe9\n    y\n"
    assert (repo / "g").read_bytes() == expected


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        ({"type": "update_file", "path": "f", "diff": "@@\n-missing\n+x"}, "missing"),
        ({"type": "update_file", "path": "f", "diff": "no sign"}, "no sign"),
        ({"type": "update_file", "path": "f"}, "diff"),
        ({"type": "update_file", "path": "none", "diff": "@@\n+x"}, "none"),
        ({"type": "create_file", "path": "n", "diff": "no plus"}, "no plus"),
        ({"type": "create_file", "path": "n", "diff": "+a\n*** Delete File: f"}, "other files"),
        ({"type": "delete_file", "path": "none"}, "none"),
        ({"type": "rename_file", "path": "f"}, "type"),
    ],
)
def test_a_native_operation_that_fails_says_why_and_changes_nothing(
    context: ToolContext, repo: Path, operation: dict[str, str], named: str
) -> None:
    result = call(context, "apply_patch", operation)
    assert result.error and named in result.text
    assert [p.name for p in repo.iterdir()] == ["f"] and (repo / "f").read_bytes() == b"old\n"


@pytest.mark.parametrize(
    "command",
    [
        f"apply_patch <<'EOF'\n{PATCH}\nEOF",
        f"apply_patch <<EOF\n{PATCH}\nEOF\n",
        f'applypatch << "PATCH"\n{PATCH}\nPATCH',
        f"apply_patch '{PATCH}'",
        f"cd {{repo}} && apply_patch <<'EOF'\n{PATCH}\nEOF",
        f"cd '{{repo}}/sub/..' && apply_patch '{PATCH}'\n",
        f"cd sub/../. && apply_patch <<'EOF'\n{PATCH}\nEOF",
    ],
)
def test_apply_patch_called_from_the_shell_needs_no_program_in_the_image(
    context: ToolContext, repo: Path, command: str
) -> None:
    (repo / "sub").mkdir()
    result = bash(context, command.replace("{repo}", str(repo)))
    assert result.text == "Success. Updated the following files:\nM f"
    assert (repo / "f").read_bytes() == b"new $HOME `x`\n"


def test_apply_patch_in_the_shell_works_in_the_shells_own_folder(context: ToolContext, repo: Path) -> None:
    (repo / "sub").mkdir()
    (repo / "sub/f").write_bytes(b"old\n")
    bash(context, "cd sub")
    assert not bash(context, f"apply_patch <<'EOF'\n{PATCH}\nEOF").error
    assert (repo / "f").read_bytes() == b"old\n"
    assert (repo / "sub/f").read_bytes() == b"new $HOME `x`\n"
    assert bash(context, f"cd .. && apply_patch <<'EOF'\n{PATCH}\nEOF").text.startswith("Success")
    assert bash(context, "pwd").text == str(repo)


def test_a_patch_that_fails_in_the_shell_has_an_exit_code(context: ToolContext, repo: Path) -> None:
    failed = call(context, "shell", {"commands": [f"apply_patch '{PATCH.replace('-old', '-older')}'"]})
    assert failed.outputs[0].exit_code == 1 and "older" in failed.text and not failed.error
    nowhere = bash(context, f"cd nowhere && apply_patch '{PATCH}'")
    assert "[exit code 1]" in nowhere.text
    assert (repo / "f").read_bytes() == b"old\n"


@pytest.mark.parametrize(
    "command",
    [
        f"apply_patch <<'EOF'\n{PATCH}\nEOF\necho EOF",
        f"apply_patch <<'A'\n{PATCH}\nA\ncat <<'A'\nA",
        f'apply_patch "{PATCH}" more',
        "apply_patch --help",
        "echo apply_patch <<'EOF'\nx\nEOF",
        f"cd /; apply_patch '{PATCH}'",
        f"false && apply_patch '{PATCH}'",
        f"cd / && make && apply_patch '{PATCH}'",
    ],
)
def test_anything_else_goes_to_the_shell_as_it_is(context: ToolContext, repo: Path, command: str) -> None:
    heard: list[str] = []

    class Listening:
        def run(self, command: str, *, timeout: float) -> CommandResult:
            heard.append(command)
            return CommandResult(output="", exit_code=0, seconds=0)

        def restart(self) -> None:
            raise AssertionError

    bash(replace(context, shell=Listening()), command)
    assert heard[-1] == command  # before it, the shell is only asked whether it has an apply_patch
    assert [word for word in heard[:-1] if not word.startswith("command -v apply_patch")] == []


def test_a_python_program_on_the_path_does_the_same_inside_longer_commands(
    context: ToolContext, repo: Path, tmp_path: Path
) -> None:
    executable = tmp_path / "bin" / "apply_patch"
    executable.parent.mkdir()
    executable.write_bytes(program())
    executable.chmod(0o755)
    (repo / "f").write_bytes(b"caf\xe9\nold\n")
    result = bash(
        context, f"PATH={executable.parent}:$PATH; apply_patch <<'EOF' && cat f | wc -l\n{PATCH}\nEOF"
    )
    assert result.text.split("\n")[-2:] == ["M f", "2"]
    assert (repo / "f").read_bytes() == b"caf\xe9\nnew $HOME `x`\n"


def test_the_apply_patch_module_needs_nothing_but_an_old_standard_library() -> None:
    import ast

    source = (Path(__file__).parents[2] / "honk/tools/apply_patch.py").read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert {str(name).split(".")[0] for name in imported} <= {*sys.stdlib_module_names}
    environment = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-I", "-S", "-c", source.replace('"__main__"', '"none"')]
    assert subprocess.run(command, env=environment, check=False).returncode == 0


# ---- what the model is told


def test_each_dialect_gets_the_tools_it_was_trained_on() -> None:
    kinds = {d: {t.spec.name: t.spec.kind for t in toolset(d)} for d in Dialect}
    editor = "str_replace_based_edit_tool"
    assert kinds == {
        Dialect.ANTHROPIC: {"bash": ToolKind.SHELL, editor: ToolKind.EDITOR},
        Dialect.OPENAI: {"shell": ToolKind.SHELL, "apply_patch": ToolKind.APPLY_PATCH},
        Dialect.GENERIC: {"bash": ToolKind.FUNCTION, editor: ToolKind.FUNCTION},
    }


def test_schemas_name_exactly_the_fields_that_the_tools_take() -> None:
    for tool in (t for d in Dialect for t in toolset(d)):
        schema = json.loads(tool.spec.parameters)
        assert set(schema["properties"]) == set(tool.arguments.model_fields)
        required = {name for name, field in tool.arguments.model_fields.items() if field.is_required()}
        assert set(schema["required"]) == required
    assert json.loads(VERIFY.parameters)["properties"] == {}
    assert set(json.loads(FINISH.parameters)["properties"]) == set(Finish.model_fields)


@pytest.mark.parametrize("header", ["Delete File: gone", "Update File: gone\n@@\n-a\n+b"])
def test_a_file_that_is_not_there_is_told_alike_alone_and_on_the_path(
    context: ToolContext, repo: Path, tmp_path: Path, header: str
) -> None:
    patch = f"*** Begin Patch\n*** {header}\n*** End Patch"
    executable = tmp_path / "bin/apply_patch"
    executable.parent.mkdir()
    executable.write_bytes(program())
    executable.chmod(0o755)
    alone = bash(context, f"apply_patch <<'EOF'\n{patch}\nEOF")
    on_path = bash(context, f"PATH={executable.parent}:$PATH; apply_patch <<'EOF' || true\n{patch}\nEOF")
    command = [sys.executable, "-m", "honk.tools.apply_patch"]
    module = subprocess.run(command, cwd=repo, input=patch, capture_output=True, text=True, check=False)
    assert "gone" in module.stderr and module.returncode == 1
    assert on_path.text == module.stderr.strip()
    assert alone.text == f"{module.stderr.strip()}\n[exit code 1]"
