"""The Tree port: what the companion sees of a tree that may be hostile."""

from __future__ import annotations

import io
import tarfile

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import HandOverError, SandboxError

pytestmark = pytest.mark.docker


@pytest.fixture
def tree(box):
    box.shell.restart()
    box.shell.run("chmod -R u+rwX . ; git reset -q --hard; git clean -ffdxq; rm -rf pipe sock", timeout=30)
    box.tree.scan()
    return box.tree


def members(tree, paths=None):
    with tree.export(paths) as stream:
        data = b"".join(stream)
    with tarfile.open(
        fileobj=io.BytesIO(data), mode="r|", encoding="utf-8", errors="surrogateescape"
    ) as archive:
        return {
            member.name: (
                member.type,
                member.mode,
                member.linkname,
                archive.extractfile(member).read() if member.isreg() else b"",
            )
            for member in archive
        }


def run(box, script):
    result = box.shell.run(script, timeout=60)
    assert result.exit_code == 0, result.output


def test_the_first_scan_compares_with_the_seed(opened):
    with opened() as sandbox:
        assert not sandbox.tree.scan()
        run(sandbox, "echo more >> README; echo new > new")
        assert set(sandbox.tree.scan().changed) == {b"README", b"new"}


def test_scans_name_what_changed_since_the_last(box, tree):
    run(box, "echo x > a; mkdir d; echo y > d/b; ln -s a l; chmod +x README")
    found = tree.scan()
    assert set(found.changed) == {b"a", b"d/b", b"l", b"README"} and not found.deleted
    assert not tree.scan()
    run(box, "rm a; mv d e; ln -sf README l; git add -A")
    found = tree.scan()
    assert set(found.changed) == {b"e/b", b"l"} and set(found.deleted) == {b"a", b"d/b"}


def test_a_change_that_hides_behind_its_old_time_and_size_is_seen(box, tree):
    run(box, "printf aaaa > f; touch -d '2020-01-01' f")
    tree.scan()
    run(box, "printf bbbb > f; touch -d '2020-01-01' f")
    assert tree.scan().changed == (b"f",)


def test_a_folder_that_becomes_a_file(box, tree):
    run(box, "rm -rf src && echo file > src")
    found = tree.scan()
    assert found.changed == (b"src",) and found.deleted == (b"src/main.py",)


def test_only_the_top_level_git_folder_is_left_out(box, tree):
    run(box, "mkdir -p sub/.git && echo evil > sub/.git/config; git commit -q --allow-empty -m x")
    assert tree.scan().changed == (b"sub/.git/config",)
    names = set(members(tree))
    assert "sub/.git/config" in names and not any(n == ".git" or n.startswith(".git/") for n in names)


def test_export_holds_files_links_modes_and_content(box, tree):
    run(box, "printf 'a\\0b' > bin; chmod 755 bin; ln -s /etc/passwd link; ln bin hard; mkdir empty")
    run(box, "truncate -s 5000 zeros")
    found = members(tree)
    assert found["bin"] == (tarfile.REGTYPE, 0o755, "", b"a\0b")
    assert found["hard"] == (tarfile.REGTYPE, 0o755, "", b"a\0b")
    assert found["link"][::2] == (tarfile.SYMTYPE, "/etc/passwd")
    assert found["empty"][0] == tarfile.DIRTYPE
    assert found["zeros"][3] == bytes(5000)


def test_odd_and_long_names_survive(box, tree):
    long = "/".join(["n" * 90] * 4)
    run(box, f"mkdir -p {'/'.join(['n' * 90] * 3)}; echo long > {long}; ln -s {'t' * 200} l")
    run(box, "echo 1 > $'new\\nline'; echo 2 > $'raw\\xff'; echo 3 > ä; echo 4 > ' -x'")
    run(box, "echo 5 > $'esc\\e[1m'; echo 6 > 'back\\slash'")
    names = {b"new\nline", b"raw\xff", "ä".encode(), b" -x", b"esc\x1b[1m", b"back\\slash"}
    names |= {long.encode(), b"l"}
    assert set(tree.scan().changed) == names
    found = members(tree)
    assert {n.decode("utf-8", "surrogateescape") for n in names} <= set(found)
    assert found["raw\udcff"][3] == b"2\n" and found["l"][2] == "t" * 200
    assert set(members(tree, [b"raw\xff", long.encode()])) == {"raw\udcff", long}


def test_some_paths_only_and_what_is_gone_left_out(box, tree):
    run(box, "echo x > a; ln -s /etc etc")
    found = members(tree, [b"a", b"absent", b"src/main.py", b"etc/passwd", b"../home"])
    assert set(found) == {"a", "src/main.py"}


def test_pipes_and_sockets_neither_hang_nor_vanish(box, tree):
    run(box, "mkfifo pipe; python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('sock')\"")
    assert set(tree.scan().changed) == {b"pipe", b"sock"}
    found = members(tree)
    assert found["pipe"][0] == found["sock"][0] == tarfile.FIFOTYPE


def test_closed_folders_and_files_are_read(box, tree):
    run(box, "mkdir shut; echo in > shut/f; echo out > g; chmod 0 g shut/f shut")
    assert set(tree.scan().changed) == {b"shut/f", b"g"}
    assert members(tree)["shut/f"][3] == b"in\n"
    run(box, "chmod 700 shut; chmod 600 g shut/f")


def test_a_sparse_file_of_6_gigabytes_can_be_cut_off(box, tree):
    run(box, "ulimit -f unlimited 2>/dev/null; truncate -s 3G one; truncate -s 3G two")
    with tree.export() as stream:
        seen = 0
        for piece in stream:
            seen += len(piece)
            if seen > 10 << 20:
                break
    assert seen < 12 << 20
    assert "README" in members(tree, [b"README"])  # the next request works


def test_an_export_that_nobody_reads_does_not_disturb_the_next_scan(box, tree):
    with tree.export() as stream:
        next(stream)
    run(box, "echo x > later")
    assert tree.scan().changed == (b"later",)


def test_a_tree_nested_beyond_all_bounds_is_refused(box, tree):
    run(box, "python3 -c \"import os\nfor _ in range(2500): os.mkdir('d'); os.chdir('d')\"")
    with pytest.raises(HandOverError, match="nested deeper"):
        tree.scan()
    with pytest.raises(HandOverError, match="nested deeper"):
        members(tree)
    run(box, "rm -rf d")
    assert not tree.scan()


def test_paths_that_would_fill_the_memory_of_the_host_are_refused(box, tree):
    deep = "for _ in range(100): os.mkdir('d' * 250); os.chdir('d' * 250)\n"
    run(box, f"python3 -c \"import os\n{deep}for n in range(11_000): open(str(n), 'w').close()\"")
    with pytest.raises(HandOverError, match="paths of all files take more"):
        tree.scan()
    run(box, "rm -rf d*")
    assert not tree.scan()


def test_a_deep_but_possible_path_is_read(box, tree):
    make = "for _ in range(1500): os.mkdir('d'); os.chdir('d')\nopen('f','w').write('x')"
    run(box, f'python3 -c "import os\n{make}"')
    path = b"d/" * 1500 + b"f"
    assert tree.scan().changed == (path,)
    assert members(tree, [path])[path.decode()][3] == b"x"
    run(box, "rm -rf d")


RACER = """
import os, random, shutil
while True:
    name = f"r{random.randrange(20)}"
    actions = [
        lambda: open(name, "w").write("x" * random.randrange(99999)),
        lambda: os.mkdir(name),
        lambda: os.symlink("/etc/passwd", name),
        lambda: os.mkfifo(name),
        lambda: shutil.rmtree(name),
        lambda: os.unlink(name),
    ]
    try:
        random.choice(actions)()
    except OSError:
        pass
"""


def test_reading_while_the_tree_changes(box, tree):
    run(box, f"python3 - <<'E' >/dev/null 2>&1 &\n{RACER}\nE")
    for _ in range(30):
        changed = tree.scan().changed
        found = members(tree, changed)
        assert not any(b"root:" in data for _, _, _, data in found.values())
        assert members(tree)["README"][3] == b"hello\n"


def test_frozen_means_killed_before_it_is_read(opened):
    with opened() as sandbox:
        run(sandbox, "setsid nohup sh -c 'while :; do echo x >> grow; done' >/dev/null 2>&1 & sleep 0.2")
        sandbox.freeze()
        first = members(sandbox.tree)["grow"]
        assert first[3] and members(sandbox.tree)["grow"] == first
        sandbox.thaw()
        assert sandbox.shell.run("wc -c < grow", timeout=10).output.strip() == str(len(first[3]))
        assert sandbox.files.read("README") == b"hello\n"
        assert not sandbox.tree.scan().deleted


def test_a_frozen_sandbox_refuses_its_shell(opened):
    with opened() as sandbox:
        sandbox.freeze()
        with pytest.raises(SandboxError, match="frozen"):
            sandbox.shell.run("true", timeout=5)
        with pytest.raises(SandboxError, match="frozen"):
            sandbox.files.read("README")
        sandbox.freeze()


def test_a_reset_leaves_the_commit_and_what_the_ignore_rules_cover(sandboxes, repository):
    files = {"README": b"hello\n", ".gitignore": b"build/\n", "sub/kept": b"1\n"}
    spec = repository.spec(repository.commit(files))
    with sandboxes.open(spec, Cancel()) as sandbox:
        run(
            sandbox,
            "mkdir build locked && echo made > build/out && echo x > locked/file && chmod 500 locked sub;"
            " echo other > README; echo left > over; git config core.fsmonitor 'touch /tmp/pwned';"
            " echo '*' > .git/info/exclude; chmod 500 .git/info; echo cached > ~/cache;"
            " setsid nohup sh -c 'while :; do echo x >> grow; done' >/dev/null 2>&1 &",
        )
        sandbox.reset()
        assert not sandbox.tree.scan()
        said = sandbox.run(
            "git status --porcelain --ignored; git config core.fsmonitor; ls -A . locked;"
            " cat README build/out ~/cache; pgrep -u 10001 sleep",
            timeout=10,
        )
        words = said.output.split()
    assert words[:2] == ["!!", "build/"]
    assert set(words) & {"over", "grow", "locked", "touch", "other"} <= {"locked"}
    assert words[-3:] == ["hello", "made", "cached"]


def test_a_reset_survives_a_repository_that_is_gone_or_a_link(opened):
    with opened() as sandbox:
        for trick in ("rm -rf /workspace/repo", "mv /workspace/repo /tmp/r; ln -s /tmp /workspace/repo"):
            sandbox.run(f"cd /; {trick}", timeout=10)
            sandbox.reset()
            assert sandbox.files.read("README") == b"hello\n"
            assert sandbox.run("git status --porcelain; ls -A", timeout=10).output.split() == [
                ".git",
                "README",
            ]
