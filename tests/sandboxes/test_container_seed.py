"""How a repository gets into the sandbox, byte for byte."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError
from tests.base import IMAGE

pytestmark = pytest.mark.docker


def output(sandbox, command):
    result = sandbox.shell.run(command, timeout=120)
    assert result.exit_code == 0, result.output
    return result.output


def test_head_is_on_a_branch_and_the_tree_is_clean(opened):
    with opened() as sandbox:
        assert output(sandbox, "git status --short --branch") == "## honk\n"
        assert output(sandbox, "git log --format=%s; git fsck") == "a commit\n"
        assert "in work" in output(sandbox, "echo x > y; git add y; git commit -m 'in work'")


def test_attributes_convert_nothing(sandboxes, repository):
    files = {
        "crlf.txt": b"one\r\ntwo\r\n",
        "lf.bat": b"one\ntwo\n",
        "utf16.txt": "words\n".encode("utf-16"),
        "id.c": b"/* $Id$ */\n",
        "pointer.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }
    repository.write(files)
    repository.git("add", "-A")
    attributes = b"*.txt text\n*.bat text eol=crlf\nutf16.txt working-tree-encoding=UTF-16\n"
    attributes += b"*.c ident\n*.bin filter=lfs\n"
    head = repository.commit({".gitattributes": attributes})
    stored = {name: repository.git("cat-file", "blob", f"{head}:{name}") for name in files}
    with sandboxes.open(repository.spec(head), Cancel()) as sandbox:
        assert {name: sandbox.files.read(name) for name in files} == stored
        assert output(sandbox, "git status --short") == ""


def test_links_modes_and_odd_names(sandboxes, repository):
    repository.write({"tool": b"#!/bin/sh\n", "new\nline": b"1", "ä ö": b"2", "-x": b"3", "d/e": b"4"})
    (repository.path / "tool").chmod(0o755)
    (repository.path / "link").symlink_to("/etc/passwd")
    (repository.path / "dangling").symlink_to("nowhere")
    with open(bytes(repository.path) + b"/raw\xff", "wb") as file:
        file.write(b"5")
    head = repository.commit()
    with sandboxes.open(repository.spec(head), Cancel()) as sandbox:
        assert output(sandbox, "git status --short; stat -c %a tool; readlink link") == "755\n/etc/passwd\n"
        assert sandbox.files.read("raw\udcff") == b"5"
        assert not sandbox.tree.scan()


def test_a_checkout_beside_head_shows_as_uncommitted_edits(sandboxes, repository):
    base = repository.commit({"kept": b"k", "changed": b"1", "removed": b"r"})
    (repository.path / "removed").unlink()
    checkpoint = repository.commit({"changed": b"2", "added": b"a"})
    spec = repository.spec(
        base, packs=(repository.pack(base), repository.pack(checkpoint, base)), checkout=checkpoint
    )
    with sandboxes.open(spec, Cancel()) as sandbox:
        assert output(sandbox, "git status --short").splitlines() == [" M changed", " D removed", "?? added"]
        assert output(sandbox, "git rev-parse HEAD").strip() == base
        assert not sandbox.tree.scan()


def test_shallow_history(sandboxes, repository):
    commits = [repository.commit({"n": str(n).encode()}) for n in range(4)]
    shallow = repository.path.parent / "shallow"
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--depth=2", f"file://{repository.path}", str(shallow)], check=True
    )
    bare = replace(repository, path=shallow)
    pack = bare.git("pack-objects", "--stdout", "--all", "--revs", "-q", data=b"")
    spec = repository.spec(commits[-1], packs=(pack,), shallow=(commits[-2],))
    with sandboxes.open(spec, Cancel()) as sandbox:
        assert output(sandbox, "git log --format=%H").split() == commits[:1:-1]


def test_sha256_repositories(sandboxes, repository):
    subprocess.run(["rm", "-rf", str(repository.path)], check=True)
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(repository.path)], check=True)
    head = repository.commit({"a": b"1"})
    assert len(head) == 64
    with sandboxes.open(repository.spec(head), Cancel()) as sandbox:
        assert output(sandbox, "git rev-parse HEAD; git status --short").strip() == head


def test_submodules_leave_an_empty_folder(sandboxes, repository):
    repository.commit({"a": b"1"})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/sub")
    repository.git("commit", "-q", "-m", "a submodule")
    head = repository.git("rev-parse", "HEAD").decode().strip()
    with sandboxes.open(repository.spec(head), Cancel()) as sandbox:
        assert output(sandbox, "git status --short; ls -A vendor/sub; cd vendor/sub && pwd").endswith("sub\n")


def test_a_history_with_an_old_defect(sandboxes, repository):
    """A tree with a zero-padded mode, as some importers wrote it: fsck's zeroPaddedFilemode."""
    blob = repository.git("hash-object", "-w", "--stdin", data=b"old\n").strip().decode()
    raw = b"0100644 file\0" + bytes.fromhex(blob)
    words = ("hash-object", "-w", "--literally", "--stdin", "-t", "tree")
    tree = repository.git(*words, data=raw).strip().decode()
    head = repository.git("commit-tree", tree, "-m", "defect").strip().decode()
    with sandboxes.open(repository.spec(head), Cancel()) as sandbox:
        assert sandbox.files.read("file") == b"old\n"


def test_packs_that_lack_the_commit_are_an_error(sandboxes, repository):
    head = repository.commit({"a": b"1"})
    with (
        pytest.raises(SandboxError, match="could not be put into the sandbox"),
        sandboxes.open(repository.spec(head, checkout="1" * 40), Cancel()),
    ):
        pass
    with (
        pytest.raises(SandboxError, match="could not be put into the sandbox"),
        sandboxes.open(repository.spec(head, packs=(b"no pack",) * 3), Cancel()),
    ):
        pass


@pytest.fixture
def prepared(client, scope):
    """Makes images that already have content under /workspace; yields a builder."""
    images = []

    def build(script: str) -> str:
        container = client.api.create_container(IMAGE, ["sh", "-ec", script], labels={"honk.scope": scope})[
            "Id"
        ]
        client.api.start(container)
        assert client.api.wait(container)["StatusCode"] == 0
        images.append(client.api.commit(container)["Id"])
        client.api.remove_container(container)
        return images[-1]

    yield build
    for image in images:
        client.api.remove_image(image)


OWNED = "chown -R 10001:10001 /workspace"


@pytest.mark.parametrize(
    "owner", [OWNED, "chown -R 0:0 /workspace"], ids=["owned by the sandbox", "owned by root"]
)
def test_a_prepared_image_brings_ignored_files_and_loses_the_rest(sandboxes, repository, prepared, owner):
    head = repository.commit(
        {".gitignore": b"node_modules/\n", "package.json": b"{}", "same": b"same\n", "dir/f": b"1"}
    )
    image = prepared(
        "mkdir -p /workspace/repo/node_modules/m /workspace/home/.cache; cd /workspace/repo; git init -q;"
        "echo '[core] fsmonitor = touch /workspace/home/hooked' >> .git/config;"
        "echo x > node_modules/m/i; echo y > stale; echo '{old}' > package.json; echo same > same;"
        f"echo d > dir; echo c > ../home/.cache/c; {owner}"
    )
    with sandboxes.open(repository.spec(head, image=image), Cancel()) as sandbox:
        assert output(sandbox, "git status --short --ignored") == "!! node_modules/\n"
        assert output(sandbox, "cat package.json dir/f node_modules/m/i ~/.cache/c") == "{}1x\nc\n"
        assert output(sandbox, "ls ~; find /workspace ! -user 10001; git config core.fsmonitor; :") == ""
        assert not sandbox.tree.scan()
        output(sandbox, "echo z > node_modules/m/i && touch ~/mine /workspace/mine")


def test_the_image_s_own_environment_is_kept(sandboxes, repository, client, scope):
    head = repository.commit({"a": b"1"})
    container = client.api.create_container(IMAGE, "true", labels={"honk.scope": scope})["Id"]
    conf = {"Env": ["PATH=/opt/tool/bin:/usr/bin:/bin", "JAVA_HOME=/opt/java"], "Entrypoint": ["/bin/false"]}
    image = client.api.commit(container, conf=conf)["Id"]
    client.api.remove_container(container)
    try:
        with sandboxes.open(repository.spec(head, image=image), Cancel()) as sandbox:
            found = output(sandbox, 'echo "$PATH $JAVA_HOME $HOME"')
            assert found.startswith("/opt/tool/bin:/usr/bin:/bin") and "/opt/java /workspace/home" in found
    finally:
        client.api.remove_image(image)


@pytest.mark.full
def test_fifty_thousand_files(sandboxes, repository):
    repository.write({f"d{n % 250}/f{n}": b"%d\n" % n for n in range(50_000)})
    head = repository.commit()
    with sandboxes.open(repository.spec(head), Cancel()) as sandbox:
        assert output(sandbox, "git status --short; git ls-files | wc -l").strip() == "50000"
        assert not sandbox.tree.scan()
        output(sandbox, "echo x > d7/f7")
        assert sandbox.tree.scan().changed == (b"d7/f7",)
        with sandbox.tree.export() as stream:
            assert sum(map(len, stream)) > 50_000 * 1024
