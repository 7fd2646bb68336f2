"""Tar streams as a hijacked sandbox might send them. None may become part of a commit."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator

import pytest

from honk.core.errors import HandOverError
from honk.git.commits import Committer
from honk.git.mirror import Mirror
from honk.git.tar import Caps
from honk.testing.gitrepos import Repo, link, member, tar_of

Take = Callable[[Iterable[bytes]], str]
BASE = ("app.py", b"print('v1')\n")


@pytest.fixture
def take(origin: Repo, mirror_of: Callable[..., Mirror]) -> Take:
    """Hand a stream over on a base with app.py, an ignored build folder and some weird names."""
    origin.commit(
        {"app.py": BASE[1], ".gitignore": "build/\n*.log\n", "pkg/mod.py": "m\n", "back\\slash": "w\n"}
    )
    mirror = mirror_of(
        origin,
        committer=Committer(
            caps=Caps(entries=2000, stream=64 << 20, names=1 << 20, file=1 << 20, new=2 << 20)
        ),
    )
    base = mirror.fetch(None)

    def hand_over(stream: Iterable[bytes]) -> str:
        return mirror.commit(stream, base=base.sha, message="hostile")

    return hand_over


def ordinary() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [
        member("./", kind=tarfile.DIRTYPE),
        member(f"./{BASE[0]}", BASE[1]),
        member("./pkg/mod.py", b"m\n"),
    ]


DEVICE = {"devmajor": 1, "devminor": 3}
HOSTILE = {
    "traversal": ([member("../evil", b"x")], "not a plain relative path"),
    "traversal inside": ([member("pkg/../../evil", b"x")], "not a plain relative path"),
    "dot inside": ([member("pkg/./x", b"x")], "not a plain relative path"),
    "double slash": ([member("pkg//x", b"x")], "not a plain relative path"),
    "absolute": ([member("/etc/passwd", b"x")], "absolute"),
    "dot and absolute": ([member(".//etc/passwd/../x", b"x")], "not a plain relative path"),
    "git folder in capitals": ([member(".GIT/config", b"x")], r"\.GIT is a name of git's own"),
    "git short name": ([member("git~1/config", b"x")], "git~1 is a name"),
    "git short name in capitals": ([member("GIT~1", b"x")], "is a name of git's own"),
    "git zero width": ([member(".g\u200cit/config", b"x")], "is a name of git's own"),
    "git byte order mark": ([member(".git\ufeff/config", b"x")], "is a name of git's own"),
    "git dot": ([member(".git./config", b"x")], "is a name of git's own"),
    "git space": ([member(".git /config", b"x")], "is a name of git's own"),
    "git stream": ([member(".git::$INDEX_ALLOCATION/config", b"x")], "is a name of git's own"),
    "git full width": ([member("．ｇｉｔ/config", b"x")], "is a name of git's own"),
    "nested git": ([member("pkg/.git/config", b"x"), member("pkg/.git/HEAD", b"x")], r"pkg/\.git is a name"),
    "nested gitfile": ([member("pkg/.git", b"gitdir: /host\n")], "is a name of git's own"),
    "gitlink by symlink": ([link("pkg/.git", "/host/.git")], "is a name of git's own"),
    "backslash": ([member("pkg\\evil", b"x")], "backslash"),
    "paths beyond memory": (
        [member("d" * 90 + "/" + "d/" * 90 + "x" * 800 + str(n), b"") for n in range(1100)],
        "paths of the tree take more than 1 MiB",
    ),
    "newline": ([member("a\nb", b"x")], r"a\\nb contains a control character"),
    "escape": ([member("a\x1b[2Jb", b"x")], r"a\\x1b\[2Jb contains a control"),
    "right to left": ([member("a\u202egpj.py", b"x")], r"a\\u202egpj\.py contains"),
    "zero width": ([member("a\u200bb", b"x")], "invisible"),
    "tag character": ([member("a\U000e0041b", b"x")], "invisible"),
    "not UTF-8": ([member("caf\udce9", b"x")], "not UTF-8"),
    "long name": ([member("a" * 256, b"x")], "longer than 255"),
    "long path": ([member("/".join(["a" * 50] * 90), b"x")], "longer than 4096"),
    "deep path": ([member("/".join(["a"] * 200), b"x")], "folders deep"),
    "pipe": ([member("pipe", kind=tarfile.FIFOTYPE)], "pipe is no file, folder or symbolic link"),
    "character device": ([member("null", kind=tarfile.CHRTYPE, **DEVICE)], "is no file"),
    "block device": ([member("sda", kind=tarfile.BLKTYPE, **DEVICE)], "is no file"),
    "unknown type": ([member("odd", kind=b"Z")], "is no file"),
    "tracked file became a pipe": ([member("pkg/mod.py", kind=tarfile.FIFOTYPE)], "pkg/mod.py"),
    "absolute link": ([link("x", "/etc/passwd")], "absolute path /etc/passwd"),
    "link outside": ([link("x", "../host")], "leaves the repository"),
    "deeper link outside": ([link("pkg/x", "../../host")], "leaves the repository"),
    "link by detour": ([link("x", "pkg/../../host")], "leaves the repository"),
    "link through a link": ([link("pkg/up", ".."), link("x", "pkg/up/..")], "leaves the repository"),
    "link into git": ([link("x", ".git/config")], "is a name of git's own"),
    "link with newline": ([link("x", "a\nb")], "control character"),
    "link named gitmodules": ([link(".gitmodules", "app.py")], "must be a file"),
    "link named gitattributes": ([link("pkg/.GitAttributes", "app.py")], "must be a file"),
    "empty link": ([link("x", "")], "empty"),
    "hard link outside": ([link("x", "/etc/shadow", tarfile.LNKTYPE)], "hard link to /etc/shadow"),
    "hard link upwards": ([link("x", "../host", tarfile.LNKTYPE)], "hard link to ../host"),
    "hard link to a link": ([link("l", "app.py"), link("x", "l", tarfile.LNKTYPE)], "hard link to l"),
    "twice": ([member("x", b"1"), member("x", b"2")], "appears twice"),
    "twice in two spellings": ([member("x", b"1"), member("./x", b"2")], "appears twice"),
    "folder and file": ([member("x", kind=tarfile.DIRTYPE), member("x", b"2")], "appears twice"),
    "file below a file": ([member("x", b"1"), member("x/y", b"2")], "file and a folder at once"),
    "file below a tracked file": ([member("app.py/y", b"2")], "file and a folder at once"),
    "file below a link": ([link("x", "pkg"), member("x/y", b"2")], "file and a folder at once"),
    "case": ([member("APP.py", b"x")], "only in case"),
    "case of a folder": ([member("PKG/other.py", b"x")], "PKG differs from pkg only in case"),
    "case of two new ones": ([member("New", b"x"), member("nEw", b"y")], "only in case"),
    "Unicode form": ([member("caf\u00e9", b"x"), member("cafe\u0301", b"y")], "Unicode form"),
    "full width": ([member("ａｐｐ.py", b"x")], "Unicode form"),
    "weird name of the base, changed": ([member("back\\slash", b"changed")], "backslash"),
    "large file": ([member("big.bin", b"\0" * (2 << 20))], "big.bin is 2 MiB large; at most 1 MiB"),
    "a large change": (
        [member(f"big{n}", os.urandom(1 << 20)) for n in range(3)],
        "more than 2 MiB of new files",
    ),
    "many entries": ([member(f"{n}") for n in range(2500)], "more than 2000 entries"),
    "sparse": ([member("s", kind=tarfile.GNUTYPE_SPARSE)], "sparse"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_tree_is_refused_by_name(take: Take, case: str) -> None:
    members, words = HOSTILE[case]
    names = {info.name.removeprefix("./") for info, _ in members}
    rest = [m for m in ordinary() if m[0].name.removeprefix("./") not in names]
    with pytest.raises(HandOverError, match=words):
        take([tar_of(*rest, *members)])


def pax(name: str, data: bytes, **headers: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, data, pax_headers=headers)


PAX = {
    "path": (pax("harmless", b"x", path="../evil"), "not a plain relative path"),
    "path with NUL": (pax("harmless", b"x", path="a\0b"), "NUL|could not be read"),
    "link path": (
        member("x", kind=tarfile.SYMTYPE, linkname="app.py", pax_headers={"linkpath": "/etc/x"}),
        "absolute",
    ),
    "size": (pax("x", b"x", size="99999999999"), "could not be read|MiB"),
    "negative size": (pax("x", b"x", size="-512"), "could not be read"),
    "size is no number": (pax("x", b"x", size="many"), "could not be read|ends"),
    "sparse": (
        pax("x", b"1\n0\n1\n" + b"\0" * 506, **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
        "no file|read",
    ),
    "huge header": (pax("x", b"x", comment="c" * 100_000), "oversized extension header"),
}


@pytest.mark.parametrize("case", PAX)
def test_tricks_with_extended_headers_are_refused(take: Take, case: str) -> None:
    crafted, words = PAX[case]
    with pytest.raises(HandOverError, match=words):
        take([tar_of(*ordinary(), crafted)])


def test_a_global_header_is_refused(take: Take) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", pax_headers={"path": "../evil"}) as archive:
        archive.addfile(member("x")[0])
    with pytest.raises(HandOverError, match="global or sparse"):
        take([out.getvalue()])


def test_a_long_chain_of_extension_headers_is_refused(take: Take) -> None:
    block = tarfile.TarInfo("././@LongLink")
    block.type, block.size = tarfile.GNUTYPE_LONGNAME, 10
    chain = (block.tobuf() + b"a" * 10 + b"\0" * 502) * 5000
    with pytest.raises(HandOverError, match="could not be read"):
        take([chain])


def endless() -> Iterator[bytes]:
    yield tar_of(*ordinary())[:-1024].rstrip(b"\0") + b"\0" * 512
    yield from itertools.repeat(member("endless", b"")[0].tobuf() * 16)


BROKEN: dict[str, Callable[[], Iterable[bytes]]] = {
    "nothing": lambda: [],
    "empty chunks": lambda: [b"", b""],
    "text": lambda: [b"cat: /workspace: Permission denied\n"],
    "random": lambda: [os.urandom(100_000)],
    "only zeros": lambda: [b"\0" * 10240],
    "gzip": lambda: [gzip.compress(tar_of(*ordinary()))],
    "gzip bomb": lambda: [gzip.compress(b"\0" * (64 << 20))],
    "cut in a header": lambda: [tar_of(*ordinary())[:700]],
    "cut in a file": lambda: [tar_of(member("x", b"x" * 5000))[:1000]],
    "cut between files": lambda: [tar_of(*ordinary())[:2048]],
    "without an end": lambda: [tar_of(*ordinary()).rstrip(b"\0").ljust(2560, b"\0")],
    "damaged header": lambda: [tar_of(member("a", b"1"), member("b", b"2")).replace(b"b\0", b"c\0", 1)],
    "data after the end": lambda: [tar_of(*ordinary()), tar_of(member("late", b"x"))],
    "endless members": endless,
    "endless zeros": lambda: itertools.chain([tar_of(*ordinary())], itertools.repeat(b"\0" * 65536)),
    "endless file": lambda: itertools.chain(
        [member("big", size=1 << 40)[0].tobuf()], itertools.repeat(b"x" * 65536)
    ),
    "endless ignored file": lambda: itertools.chain(
        [member("x.log", size=1 << 40)[0].tobuf()], itertools.repeat(b"x" * 65536)
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_or_endless_stream_never_becomes_a_commit(take: Take, case: str) -> None:
    with pytest.raises(HandOverError):
        take(BROKEN[case]())


def test_a_stream_that_stalls_is_given_up_at_its_deadline(
    origin: Repo, mirror_of: Callable[..., Mirror]
) -> None:
    origin.commit()
    mirror = mirror_of(origin, committer=Committer(caps=Caps(seconds=0.0)))
    base = mirror.fetch(None)
    with pytest.raises(HandOverError, match="took longer"):
        mirror.commit([tar_of(*ordinary())], base=base.sha, message="late")


def test_all_refusals_are_told_at_once(take: Take) -> None:
    stream = tar_of(*ordinary(), link("x", "/etc"), member("p", kind=tarfile.FIFOTYPE), member("a\nb"))
    with pytest.raises(HandOverError) as caught:
        take([stream])
    assert "x is a symbolic link" in caught.value.message
    assert "p is no file" in caught.value.message
    assert "a\\nb" in caught.value.message
