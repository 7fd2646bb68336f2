"""Who asked is one line of a commit's message, whatever that person calls himself."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from honk.core.plain import person
from honk.prompts import render


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("runner", "runner"),
        ("Ada Lovelace <ada@example.com>", "Ada Lovelace <ada@example.com>"),
        ("Åsa Öberg", "Åsa Öberg"),
        (
            "renovate[bot] <29+renovate[bot]@users.noreply.github.com>",
            "renovate[bot] <29+renovate[bot]@users.noreply.github.com>",
        ),
        ("<ada@example.com>", "<ada@example.com>"),
        ("ada@example.com", "ada@example.com"),
        ("A <a@b>\nSigned-off-by: Z <z@z>\n[skip ci]", "A a@b Signed-off-by: Z z@z (skip ci)"),
        ("A\r\nB\u2028C\x85D <a@b>", "A B C D <a@b>"),
        ("Boss <boss@corp.example> <a@b>", "Boss boss@corp.example <a@b>"),
        ("[skip <ci] <a@b>", "(skip ci) <a@b>"),
        ("[sk\x00ip ci] <[no-ci]@b>", "(skip ci) <(no-ci)@b>"),
        ("@acme/all fixes #12, GH-3, https://x.example/1", "acme/all fixes 12, 3, https x.example/1"),
        ("x" * 300 + " <a@b>", "x" * 100 + " <a@b>"),
        ("Ada <" + "a" * 300 + "@b>", "Ada"),
    ],
)
def test_a_person_is_one_harmless_line(given: str, kept: str) -> None:
    assert person(given) == kept


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=80) | st.text("<>@#[]*-:\n\r skipcNO_CI", max_size=40))
@example("A <a@b>\nSigned-off-by: Z <z@z>")
@example("\n")
def test_of_whoever_asks_git_sees_one_trailer_at_most(words: str) -> None:
    who = person(words)
    assert person(who) == who
    message = render("commit.txt", title="Say hello", description="", run_id="0a1b", requester=who)
    read = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message.encode(), capture_output=True, check=True
    )
    trailers = read.stdout.decode().splitlines()
    assert trailers == ["Honk-Run: 0a1b", *([f"Co-authored-by: {who}"] if who else [])]
