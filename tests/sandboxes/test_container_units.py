"""The parts of the container sandbox that need no engine."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.core.operator import SandboxCeiling
from honk.resources import folder
from honk.sandboxes import profile
from honk.sandboxes.shell import Clipper, _Reader
from honk.sandboxes.stream import Stream

NONCE = b"0123456789abcdef"
GIB = 1 << 30


def frame(kind: int, payload: bytes) -> bytes:
    return bytes([kind, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def arriving(data: bytes, cuts: list[int]) -> tuple[Stream, socket.socket]:
    """A stream whose peer sent ``data`` in pieces that end at ``cuts``."""
    ours, theirs = socket.socketpair()
    at = 0
    for cut in sorted({c % (len(data) + 1) for c in cuts} | {len(data)}):
        theirs.sendall(data[at:cut])
        at = cut
    return Stream(ours), theirs


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=300)), max_size=8),
    st.lists(st.integers(0)),
)
def test_frames_are_found_however_they_arrive(frames, cuts):
    stream, peer = arriving(b"".join(frame(*f) for f in frames), cuts)
    assert [stream.receive(1.0) for _ in frames] == frames
    with pytest.raises(TimeoutError):
        stream.receive(0.0)
    peer.close()
    assert stream.receive(1.0) == (0, b"")
    stream.close()


@given(st.binary(max_size=200), st.lists(st.integers(1, 60), max_size=20))
def test_a_mark_is_found_wherever_the_frames_are_cut(output, sizes):
    text = output + b"\x1e" + NONCE + b" 7 /a b\n\x1e" + NONCE + b"\n"
    pieces, at = [], 0
    for size in [*sizes, len(text)]:
        if piece := text[at : at + size]:
            pieces.append(frame(1, piece))
        at += size
    stream, peer = arriving(b"".join(pieces), [])
    clip = Clipper(10_000)
    mark = _Reader(stream, NONCE, clip).until_mark(time.monotonic() + 5)
    assert mark is not None and (mark.status, mark.folder, mark.ended) == (7, "/a b\n", False)
    assert clip.result() == (output.decode(errors="replace"), 0)
    peer.close()
    stream.close()


def test_a_forged_mark_without_an_end_does_not_pile_up_in_memory():
    forged, flood = b"\x1e" + NONCE + b" 0 /", 4 << 20
    ours, theirs = socket.socketpair()
    stream, clip = Stream(ours), Clipper(100)

    def send() -> None:
        with theirs:
            theirs.sendall(frame(1, forged) + frame(1, b"y" * 4096) * (flood // 4096))

    sender = threading.Thread(target=send)
    sender.start()
    reader = _Reader(stream, NONCE, clip)
    assert reader.until_mark(time.monotonic() + 60) is None
    sender.join()
    assert clip.seen == len(forged) + flood
    assert len(reader._held) <= 1 << 20
    stream.close()


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(2, 60))
def test_head_and_tail_are_kept_and_the_rest_is_counted(pieces, budget):
    clip = Clipper(budget)
    for piece in pieces:
        clip.add(piece)
    whole = b"".join(pieces)
    text, dropped = clip.result()
    half = budget // 2
    if len(whole) <= 2 * half:
        assert (text, dropped) == (whole.decode(errors="replace"), 0)
    else:
        assert dropped == len(whole) - 2 * half
        assert f"[… {dropped:,} bytes left out …]" in text


def test_a_character_cut_in_two_leaves_no_debris():
    clip = Clipper(10)
    clip.add("ääääääääää".encode())
    assert clip.result() == ("ää\n[… 10 bytes left out …]\nää", 10)


def test_sizes_come_from_the_ceiling_and_else_from_the_host():
    small = profile.sizes(SandboxCeiling(), host_memory=4 * GIB, host_cpus=2)
    assert (small.memory, small.cpus, small.tmp, small.pids) == (2 * GIB, 2, 2 * GIB, 4096)
    assert profile.sizes(SandboxCeiling(), 64 * GIB, 16).memory == 8 * GIB
    set_ = profile.sizes(SandboxCeiling(memory=GIB, cpus=99, tmp_size=5), 64 * GIB, 16)
    assert (set_.memory, set_.cpus, set_.tmp) == (GIB, 16, 5)


def test_the_profile_allows_by_name_and_refuses_the_rest():
    found = json.loads((folder("sandbox") / "seccomp.json").read_text())
    assert found["defaultAction"] == "SCMP_ACT_ERRNO"
    free = {n for rule in found["syscalls"] if not rule.get("args") for n in rule["names"]}
    forbidden = {
        "mount",
        "umount2",
        "unshare",
        "setns",
        "ptrace",
        "bpf",
        "keyctl",
        "io_uring_setup",
        "socket",
        "clone",
    }
    assert not free & forbidden
    assert all(not arch["subArchitectures"] for arch in found["archMap"])


def test_lines_that_speak_of_a_failure_survive_a_hundred_megabytes_of_noise() -> None:
    clip = Clipper(64_000, telling=16_000)
    noise = b"compiling module number 12345 of many, please wait\n" * 20_000  # a megabyte
    bar = b"".join(b"\r\x1b[32m%3d%%\x1b[0m done" % n for n in range(100)) + b"\n"
    for piece in range(100):
        clip.add(noise)
        clip.add(bar)
        if piece == 50:
            clip.add(b"--- FAIL: TestTotal (0.00s)\n    total_test.go:12: got 4, want 3\nFAIL\n")
    text, dropped = clip.result()
    assert "--- FAIL: TestTotal" in text and "total_test.go:12: got 4, want 3" in text
    assert clip.seen > 100_000_000 and dropped > 0.99 * clip.seen
    assert len(text) < 64_000 + 16_000 + 4_000


def test_a_flood_of_failures_stays_within_its_budget() -> None:
    clip = Clipper(10_000, telling=5_000)
    for _ in range(100):
        clip.add(b"a.c:1: error: no semicolon\n" * 1_000)
    text, _ = clip.result()
    assert len(text) < 10_000 + 5_000 + 4_000
