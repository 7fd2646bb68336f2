"""The Workspace port: files read and written inside a real container."""

from __future__ import annotations

import os

import pytest

from honk.core.errors import ToolError
from honk.sandboxes.workspace import MAX_FILE

pytestmark = pytest.mark.docker


@pytest.fixture
def files(box):
    box.shell.run("cd /workspace/repo && git reset -q --hard; git clean -ffdxq; rm -f pipe", timeout=10)
    return box.files


@pytest.mark.parametrize("data", [b"", b"\0\xff\r\n\x1e\n", bytes(range(256)) * 5000, b"no newline", b"\n\n"])
def test_bytes_come_back_as_written(files, data):
    files.write("deep/er/file.bin", data)
    assert files.read("/workspace/repo/deep/er/file.bin") == data


@pytest.mark.parametrize(
    "name", ["a b", "it's", '"q"', "-rf", "new\nline", "$(id)", "ä\udcff", "*", "back\\slash"]
)
def test_odd_names(files, name):
    files.write(name, b"x")
    assert files.read(name) == b"x"
    assert name in files.listing(".", 1)
    files.remove(name)
    with pytest.raises(ToolError, match="no such file"):
        files.read(name)


def test_fifty_megabytes(files):
    data = os.urandom(1 << 20) * 50
    files.write("/tmp/large", data)
    assert files.read("/tmp/large") == data
    files.remove("/tmp/large")


def test_too_large_to_read_or_write(box, files):
    with pytest.raises(ToolError, match="larger than 50 MB"):
        files.write("large", bytes(MAX_FILE + 1))
    box.shell.run("truncate -s 3G sparse", timeout=10)
    with pytest.raises(ToolError, match="larger than 50 MB"):
        files.read("sparse")


def test_an_existing_file_keeps_its_mode_and_a_link_its_target(box, files):
    box.shell.run("echo old > tool; chmod 750 tool; ln -s tool link", timeout=10)
    files.write("link", b"new")
    assert box.shell.run("stat -c '%a %F' tool link; cat tool", timeout=10).output == (
        "750 regular file\n777 symbolic link\nnew"
    )


@pytest.mark.parametrize(
    ("operation", "path", "said"),
    [
        ("read", "absent", "no such file"),
        ("read", "src", "is a folder"),
        ("read", "README/below", "not a folder"),
        ("read", "/dev/zero", "not a regular file"),
        ("read", "/etc/shadow", "permission denied"),
        ("remove", "absent", "no such file"),
        ("remove", "src", "is a folder"),
        ("write", "src", "is a folder"),
        ("write", "README/below", "not a folder"),
        ("write", "/etc/new", "permission denied|read-only"),
        ("write", "/proc/version", "permission denied|read-only"),
        ("write", "x" * 300, "too long"),
        ("read", "", "empty"),
        ("read", "a\0b", "NUL"),
    ],
)
def test_reasons_for_the_model(files, operation, path, said):
    with pytest.raises(ToolError, match=said):
        files.write(path, b"x") if operation == "write" else getattr(files, operation)(path)


def test_unreadable_files_and_folders(box, files):
    box.shell.run("mkdir closed; echo a > closed/f; echo b > locked; chmod 0 closed locked", timeout=10)
    for path in ("closed/f", "locked"):
        with pytest.raises(ToolError, match="permission denied"):
            files.read(path)
    with pytest.raises(ToolError, match="permission denied"):
        files.write("locked", b"")
    box.shell.run("chmod 700 closed locked", timeout=10)


def test_a_pipe_is_refused_and_does_not_hang(box, files):
    box.shell.run("mkfifo pipe", timeout=10)
    with pytest.raises(ToolError, match="not a regular file"):
        files.read("pipe")


def test_a_link_to_passwd_is_the_container_s_own(box, files):
    box.shell.run("ln -s /etc/passwd link", timeout=10)
    assert files.read("link").decode() == box.shell.run("cat /etc/passwd", timeout=10).output


def test_removing_a_link_leaves_its_target(box, files):
    box.shell.run("ln -s src link", timeout=10)
    files.remove("link")
    assert files.read("src/main.py") == b"print(1)\n"


def test_listing_is_sorted_marks_folders_and_leaves_hidden_ones_out(box, files):
    box.shell.run("mkdir -p b/c/d .hid; touch b/c/d/e .x b/.y b/z", timeout=10)
    assert files.listing(".", 1) == ["README", "b/", "src/"]
    assert files.listing("/workspace/repo/b", 2) == ["c/", "c/d/", "z"]
    with pytest.raises(ToolError, match="not a folder"):
        files.listing("README", 1)
    with pytest.raises(ToolError, match="no such file"):
        files.listing("absent", 1)


def test_file_access_survives_its_shell_being_killed(box, files):
    files.write("kept", b"1")
    box.shell.run("kill -9 -1", timeout=10)
    assert files.read("kept") == b"1"


def test_a_full_disk_leaves_the_old_content(box, files):
    files.write("precious", b"old")
    box.shell.run("head -c 1G /dev/zero > /tmp/fill", timeout=60)
    with pytest.raises(ToolError):
        files.write("precious", bytes(1 << 20))
    box.shell.run("rm -f /tmp/fill", timeout=10)
    assert files.read("precious") == b"old"
