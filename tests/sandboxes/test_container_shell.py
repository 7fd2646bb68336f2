"""The session's shell in a real container."""

from __future__ import annotations

import threading

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, SandboxError
from honk.core.operator import SandboxCeiling
from honk.sandboxes.docker import DockerSandbox, DockerSandboxes
from tests.base import IMAGE

pytestmark = pytest.mark.docker


@pytest.fixture
def shell(box: DockerSandbox):
    box.shell.restart()
    return box.shell


def test_output_and_status_come_back_as_they_are(shell):
    result = shell.run(
        "printf 'a\\r50%%\\r100%%\\033[1mb'; echo err >&2; exit_code() { return 7; }; exit_code", timeout=10
    )
    assert result.output == "a\r50%\r100%\x1b[1mberr\n"
    assert result.exit_code == 7
    assert not result.note and not result.timed_out and not result.dropped


def test_output_and_errors_keep_their_order(shell):
    result = shell.run("for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done", timeout=10)
    assert result.output.split() == [f"{c}{i}" for i in range(1, 6) for c in "oe"]


def test_folder_and_environment_persist(shell):
    assert shell.run("pwd", timeout=10).output == "/workspace/repo\n"
    shell.run("cd src; export COLOUR=green; f() { echo from f; }", timeout=10)
    assert shell.run('echo "$PWD $COLOUR"; f', timeout=10).output == "/workspace/repo/src green\nfrom f\n"


def test_many_lines_and_here_documents(shell):
    result = shell.run("cat <<'EOF'\none 'two' \"three\" $four\nEOF\nif true\nthen echo yes\nfi", timeout=10)
    assert result.output == "one 'two' \"three\" $four\nyes\n"


def test_exit_restarts_the_shell_with_a_note(shell):
    shell.run("cd src; X=1", timeout=10)
    result = shell.run("echo bye; exit 3", timeout=10)
    assert (result.output, result.exit_code) == ("bye\n", 3)
    assert "new shell was started in /workspace/repo/src" in result.note
    assert shell.run('echo "$PWD/$X"', timeout=10).output == "/workspace/repo/src/\n"


@pytest.mark.parametrize(
    "wreck", ["echo 'unclosed", 'echo "unclosed', "if", "}", "$(", "case x in", "cat <<EOF", ")", "\\"]
)
def test_a_syntax_error_cannot_wreck_the_shell(shell, wreck):
    shell.run("KEPT=yes", timeout=10)
    shell.run(wreck, timeout=10)
    assert shell.run("echo $KEPT", timeout=10).output == "yes\n"


@pytest.mark.parametrize(
    "habit",
    [
        "set -e; false",
        "set -x",
        "set -v",
        "set -u; set -o pipefail",
        "exec >/dev/null 2>&1",
        "exec </dev/null",
        "exec true",
    ],
)
def test_settings_of_a_command_cannot_break_the_next(shell, habit):
    shell.run(habit, timeout=10)
    assert "alive" in shell.run("echo alive", timeout=10).output.splitlines()


def test_tracing_hides_the_marks(shell):
    shell.run("set -x", timeout=10)
    assert shell.run("echo a", timeout=10).output.splitlines() == [
        "+ builtin eval 'echo a'",
        "++ echo a",
        "a",
    ]


def test_input_of_commands_is_empty(shell):
    assert shell.run("cat; read -r line; echo end:$?", timeout=10).output == "end:1\n"


def test_background_processes_that_hold_the_output_do_not_block(shell):
    result = shell.run("sleep 300 & setsid sleep 301 & echo started", timeout=10)
    assert result.output == "started\n" and not result.timed_out


def test_the_deadline_kills_everything_and_restarts(shell):
    shell.run("cd src; export LOST=1", timeout=10)
    result = shell.run(
        "setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.1; done' & "
        "nohup sleep 4242 >/dev/null 2>&1 & echo before; sleep 4243",
        timeout=1,
    )
    assert result.timed_out and result.exit_code is None
    assert result.output == "before\n"
    assert "killed after 1 seconds" in result.note and "environment is lost" in result.note
    left = shell.run('pwd; echo "[$LOST]"; cat /proc/[0-9]*/cmdline | tr "\\0" " "', timeout=10).output
    assert left.startswith("/workspace/repo/src\n[]\n")
    assert "424" not in left and "trap" not in left


def test_the_deadline_comes_for_a_command_that_ignores_signals_and_floods(shell):
    result = shell.run("trap '' TERM INT HUP; while :; do yes; done", timeout=1)
    assert result.timed_out and result.dropped > 0


@pytest.mark.full
def test_a_fork_bomb_leaves_all_its_room_to_the_next_command(shell):
    assert shell.run(":(){ :|:& };:; while :; do :; done", timeout=2).timed_out
    left = shell.run("set -- /proc/[0-9]*; echo $#", timeout=60).output  # without a process of its own
    assert int(left) < 20


def test_a_removed_folder_is_replaced_by_the_repository(shell):
    shell.run("mkdir -p /tmp/gone && cd /tmp/gone", timeout=10)
    shell.run("rm -rf /tmp/gone; exit", timeout=10)
    assert shell.run("pwd", timeout=10).output == "/workspace/repo\n"


def test_long_output_keeps_head_and_tail_and_counts_the_middle(shell):
    result = shell.run("seq 1 100000", timeout=30)
    whole = "".join(f"{i}\n" for i in range(1, 100001))
    assert result.output.startswith("1\n2\n3\n") and result.output.endswith("99999\n100000\n")
    head, _, tail = result.output.partition(f"\n[… {result.dropped:,} bytes left out …]\n")
    assert len(head) + len(tail) + result.dropped == len(whole)
    assert len(result.output) < 31_000


def test_bytes_that_are_no_text_survive_as_replacements(shell):
    assert shell.run("printf 'a\\000b\\377c\\036d'", timeout=10).output == "a\0b\ufffdc\x1ed"


def test_a_mark_can_not_be_told_from_the_nonce_of_another_shell(shell):
    result = shell.run("printf '\\036%032d 0 /\\036%032d\\n' 1 1", timeout=10)
    assert result.output == f"\x1e{1:032} 0 /\x1e{1:032}\n"


def test_a_flood_is_bounded_in_memory(shell):
    import tracemalloc

    tracemalloc.start()
    result = shell.run("timeout 2 yes", timeout=30)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.exit_code == 124 and result.dropped > 1_000_000
    assert peak < 20 << 20


def test_a_large_command_arrives_whole(shell):
    text = "x" * 200_000
    assert shell.run(f"printf %s '{text}' | wc -c", timeout=30).output.strip() == "200000"


def test_killing_everything_does_not_end_the_container(shell):
    result = shell.run("kill -9 -1", timeout=10)
    assert (result.exit_code is None and "killed" in result.note) or result.exit_code == 0
    shell.run("kill -9 $$", timeout=10)
    assert shell.run("echo back", timeout=10).output == "back\n"


def test_a_fork_bomb_ends_at_the_deadline(shell):
    result = shell.run("b() { b | b & }; b; sleep 60", timeout=3)
    assert result.timed_out or result.exit_code != 0
    assert shell.run("echo next", timeout=20).output.endswith("next\n")


def test_a_fresh_shell_is_apart_from_the_session(box, shell):
    shell.run("cd src; X=1", timeout=10)
    result = box.run('echo "$PWD:$X"; exit 5', timeout=10)
    assert (result.output, result.exit_code, result.note) == ("/workspace/repo:\n", 5, "")
    assert shell.run('echo "$PWD:$X"', timeout=10).output == "/workspace/repo/src:1\n"


def test_a_fresh_shell_keeps_more_output(box):
    result = box.run("seq 1 200000", timeout=30)
    assert result.dropped == 0 and result.output.endswith("200000\n")


def test_a_time_out_of_a_fresh_shell_leaves_a_usable_session(box, shell):
    assert box.run("sleep 60", timeout=0.5).timed_out
    assert "new shell was started" in shell.run("true", timeout=10).note
    assert shell.run("echo on", timeout=10).output == "on\n"


def test_a_container_that_dies_is_an_error_at_once(opened, client):
    with (
        opened() as sandbox,
        pytest.raises(SandboxError, match=r"sandbox is gone.*ended with code 137"),
    ):
        killer = threading.Timer(0.3, lambda: client.api.kill(sandbox.container_id))
        killer.start()
        sandbox.shell.run("sleep 60", timeout=50)
        killer.join()


def test_cancelling_wakes_a_running_command(sandboxes, repository):
    cancel = Cancel()
    head = repository.commit({"a": b"1"})
    timer = threading.Timer(0.3, lambda: cancel.set("enough"))
    with pytest.raises(Cancelled, match="enough"), sandboxes.open(repository.spec(head), cancel) as sandbox:
        timer.start()
        sandbox.shell.run("sleep 60", timeout=50)
    timer.join()


def test_a_sandbox_whose_memory_is_full_recovers_with_an_empty_tmp(client, scope, repository):
    tight = DockerSandboxes(client, SandboxCeiling(memory=64 << 20), IMAGE, scope)
    with tight.open(repository.spec(repository.commit()), Cancel()) as sandbox:
        full = sandbox.shell.run("while head -c 100M /dev/zero >> /tmp/f; do :; done; sleep 60", timeout=3)
        assert full.exit_code != 0
        again = sandbox.shell.run("ls /tmp; echo on", timeout=10)
        assert again.output == "on\n" and "/tmp is empty" in full.note + again.note


def test_an_image_without_bash_is_named(opened, client, scope):
    base = client.api.create_container(IMAGE, ["rm", "/bin/bash"], labels={"honk.scope": scope})
    client.api.start(base)
    client.api.wait(base)
    image = client.api.commit(base)["Id"]
    client.api.remove_container(base)
    try:
        with pytest.raises(SandboxError, match=r"no bash.*Add the package bash"), opened(image=image):
            pass
    finally:
        client.api.remove_image(image)
