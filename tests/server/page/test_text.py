"""Text on its way into a page: terminal colours, hidden characters, two columns, Markdown."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.core.events import Recorded
from honk.core.state import fold
from honk.git import objects
from honk.git.command import Git
from honk.server.markdown import markdown
from honk.server.panel import panel
from honk.server.render import fragment
from honk.server.sidebyside import Row, file_diffs
from honk.server.terminal import clip, shown, terminal
from honk.server.timeline import entries
from tests.server.page.samples import EVERYTHING
from tests.world import git


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("\x1b[31mred\x1b[0m plain", '<span class="t-f1">red</span> plain'),
        ("\x1b[1;92;44mx\x1b[22;39;49my", '<span class="t-bold t-f10 t-b4">x</span>y'),
        ("\x1b[38;5;196mx", '<span class="t-f9">x</span>'),
        ("\x1b[38;2;0;0;255my\x1b[0mz", '<span class="t-f12">y</span>z'),
        ("\x1b[48;5;4mz", '<span class="t-b4">z</span>'),
        ("\x1b[8mhidden\x1b[28m", "hidden"),  # concealed text is shown
        ("10%\r50%\r\ndone", "10%\n50%\ndone"),  # and so is overwritten text
        ("a\x1b[2K\x1b[1;1H\x1b[?25lb", "ab"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ended\nnext", "\nnext"),
        ("\x1b[31", "[U+001B][31"),
        ("\x1b[38;5mx", "x"),
        ("\x1b[99999999999999999999mx", "x"),
        ("<b>\x1b[4m&\x1b[0m", '&lt;b&gt;<span class="t-underline">&amp;</span>'),
        ("a\bb\u202ec", "a[U+0008]b[U+202E]c"),
    ],
)  # fmt: skip
def test_terminal_output_keeps_its_colours_and_nothing_else(text: str, html: str) -> None:
    assert terminal(text) == html


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[tuple[str, tuple[str, ...]]] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


PIECES = st.sampled_from(
    [
        "\x1b[",
        "\x1b]8;;",
        "\x07",
        "m",
        ";",
        "31",
        "38;5;",
        "2;",
        "<b onx=1>",
        "&amp;",
        '"',
        "\r",
        "\x9b",
        "\x1b\\",
        "é",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_no_terminal_output_makes_other_html(text: str) -> None:
    seen = _Seen()
    seen.feed(str(terminal(text)))
    seen.close()
    assert seen.tags <= {("span", ("class",))}
    assert shown(seen.text) == seen.text


def test_long_output_is_shown_at_both_ends() -> None:
    clipped = clip("\n".join(map(str, range(100))) + "x" * 5000, 10)
    assert clipped.head == "0\n1\n2\n3\n4" and clipped.left_out == "90 more lines"
    assert clipped.tail.startswith("95\n96") and clipped.tail.endswith("… (3,002 more characters)")


BEFORE = {
    'sp ace "q".txt': b"a\r\nb\x0cc\nx\xc2\x85y\n-- foo\n++ bar\nlast",
    "bin": b"\0\1",
    "gone": b"k\n",
    "ü.txt": "z\u2028z\rq\n".encode(),
    "same": b"1\n2\n3\n4\n5\n",
}
AFTER = {
    'sp ace "q".txt': b"a\r\nb\x0cd\nx\xc2\x85z\n++ bar\n--- q\n+++ w\nlast\n",
    "bin": b"\0\2",
    "ü.txt": "z\u2028y\rq\n".encode(),
    "empty": b"",
    "same": b"1\n2\n3\nfour\n5\n",
}


def test_two_columns_say_what_git_says(tmp_path: Path) -> None:
    """The columns of real patches hold the two files, line by line, whatever their names and bytes."""
    git(tmp_path, "init", "-q")
    commits = []
    for files in (BEFORE, AFTER):
        for old in tmp_path.iterdir():
            if old.is_file():
                old.unlink()
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", "x")
        commits.append(git(tmp_path, "rev-parse", "HEAD").strip())
    change = objects.diff(Git(tmp_path / ".git"), *commits)
    diffs = {diff.file.path: diff for diff in file_diffs(change)}
    assert set(diffs) == {*BEFORE, *AFTER}
    for name, diff in diffs.items():
        if name in ("bin", "empty"):
            assert diff.rows == ()
            continue
        for side, files in (("old", BEFORE), ("new", AFTER)):
            lines = files.get(name, b"").decode().split("\n")
            lines = lines[:-1] if lines[-1] == "" else lines
            assert _lines(diff.rows, side) == list(enumerate(lines, 1)), name
    assert diffs["bin"].note == "binary content"
    short = file_diffs(change, limit=6)
    assert {d.file.path: d.more > 0 for d in short}['sp ace "q".txt'] is True
    edits = [row for row in diffs["same"].rows if row.kind == "edit"]
    assert len(edits) == 1


def _lines(rows: tuple[Row, ...], side: str) -> list[tuple[int, str]]:
    halves = [getattr(row, side) for row in rows]
    return [(half.number, half.start + half.changed + half.end) for half in halves if half is not None]


def test_markdown_is_words_and_structure_only() -> None:
    html = markdown(
        "# Title\n\n**bold** `code` <b onclick=x>raw</b> ![pixel](https://evil.example/p.png)\n\n"
        "[good](https://example.com/a) [bad](javascript:alert(1)) [data](data:text/html,x) [local](/logout)"
        "\n\n| a | b |\n| --- | --- |\n| 1 | <script>2</script> |\n\n```html\n<script>3</script>\n```\n\n"
        "<details>\n"
    )
    seen = _Seen()
    seen.feed(str(html))
    names = {tag for tag, _ in seen.tags}
    assert names == {"h3", "p", "strong", "code", "a", "table", "thead", "tbody", "tr", "th", "td", "pre"}
    assert html.count("<a ") == 1
    assert '<a href="https://example.com/a" rel="nofollow noopener noreferrer">good</a>' in html
    assert "pixel" in html and "evil" not in html
    assert (
        "<b onclick=x>raw</b>" in seen.text and "<script>2</script>" in seen.text and "<details>" in seen.text
    )


def test_no_attack_gets_through_markdown() -> None:
    seen = _Seen()
    seen.feed(str(markdown(EVERYTHING)))
    assert {tag for tag, _ in seen.tags} <= {"h3", "p", "a", "code", "pre", "em"}
    assert {a for _, attributes in seen.tags for a in attributes} <= {"href", "rel", "class"}


@pytest.mark.parametrize("log", sorted((Path(__file__).parents[2] / "fixtures" / "logs").glob("*.jsonl")))
def test_the_logs_of_every_release_can_be_drawn(log: Path) -> None:
    recorded = [Recorded.model_validate_json(line) for line in log.read_text().splitlines()]
    state = fold(recorded)
    html = fragment(
        "update",
        run_id="0a1b2c3d4e",
        entries=entries(recorded),
        panel=panel("0a1b2c3d4e", "waiting", state),
        runner=True,
        oob=True,
    )
    assert state.request.text in html.replace("&#39;", "'").replace("&#34;", '"')
    assert html.count('<article class="entry') > 5
