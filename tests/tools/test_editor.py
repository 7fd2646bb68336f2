"""The editor on real files: what it does to their bytes, and what it tells the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from honk.core.messages import Dialect, ToolCall, ToolResult
from honk.tools.tool import ToolContext, run_tool
from honk.tools.toolset import toolset


class Editor:
    """Calls the tool as a model does, on files below ``folder``."""

    def __init__(self, folder: Path, context: ToolContext) -> None:
        self.folder = folder
        self._context = context

    def __call__(self, command: str, path: str = "f", **arguments: object) -> ToolResult:
        call = ToolCall(
            id="1",
            name="str_replace_based_edit_tool",
            arguments=json.dumps({"command": command, "path": path, **arguments}),
        )
        return run_tool(toolset(Dialect.ANTHROPIC), call, self._context)

    def put(self, data: bytes, path: str = "f") -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(data)

    def bytes(self, path: str = "f") -> bytes:
        return (self.folder / path).read_bytes()


@pytest.fixture
def edit(tmp_path: Path, context: ToolContext) -> Editor:
    return Editor(tmp_path / "repo", context)


def lines(result: ToolResult) -> list[str]:
    assert not result.error, result.text
    return result.text.split("\n")


# ---- view


def test_view_numbers_lines(edit: Editor) -> None:
    edit.put(b"a\n\nc")
    assert lines(edit("view")) == ["     1\ta", "     2\t", "     3\tc"]


@pytest.mark.parametrize(
    ("view_range", "numbers"),
    [([2, 3], [2, 3]), ([3, -1], [3, 4]), ([4, 99], [4]), ([1, 1], [1])],
)
def test_view_range(edit: Editor, view_range: list[int], numbers: list[int]) -> None:
    edit.put(b"a\nb\nc\nd\n")
    assert [int(line.split("\t")[0]) for line in lines(edit("view", view_range=view_range))] == numbers


@pytest.mark.parametrize("view_range", [[0, 1], [5, 6], [3, 2], [1], [1, 2, 3], [-1, -1], ["a", 2]])
def test_view_range_that_makes_no_sense_is_an_error(edit: Editor, view_range: list[object]) -> None:
    edit.put(b"a\nb\nc\nd\n")
    result = edit("view", view_range=view_range)
    assert result.error and "view_range" in result.text


def test_view_of_a_folder_goes_two_levels_deep_without_hidden_entries(edit: Editor) -> None:
    for path in ["a.txt", "d/b.txt", "d/e/c.txt", ".hidden", ".git/config", "d/.x"]:
        edit.put(b"", path)
    assert lines(edit("view", ".")) == ["./", "a.txt", "d/", "d/b.txt", "d/e/"]
    assert edit("view", ".", view_range=[1, 2]).error


def test_view_of_a_missing_path_is_an_error(edit: Editor) -> None:
    result = edit("view", "missing.py")
    assert result.error and "missing.py" in result.text


def test_view_says_what_it_cannot_show(edit: Editor) -> None:
    edit.put(b"\x89PNG\0\1")
    assert "binary" in edit("view").text
    edit.put(b"")
    assert "empty" in edit("view").text


def test_view_of_a_long_file_is_cut_and_says_where_to_go_on(edit: Editor) -> None:
    edit.put(b"0123456789" * 10 * 1000 + b"\n" + b"x\n" * 100_000)
    result = edit("view")
    assert len(result.text) < 62_000
    last = int(result.text.split("\n")[-2].split("\t")[0])
    assert f"line {last}" in result.text.split("\n")[-1]
    assert lines(edit("view", view_range=[last + 1, last + 2]))[0].strip().startswith(str(last + 1))


def test_undecodable_bytes_are_shown_as_replacement_characters(edit: Editor) -> None:
    edit.put(b"caf\xe9\n")
    assert edit("view").text == "     1\tcaf\ufffd"


# ---- create


def test_create_makes_folders_and_writes_the_text_as_it_is(edit: Editor) -> None:
    assert not edit("create", "new/dir/f.txt", file_text="a\r\nb").error
    assert edit.bytes("new/dir/f.txt") == b"a\r\nb"
    assert not edit("create", "empty", file_text="").error
    assert edit.bytes("empty") == b""


def test_create_does_not_replace_a_file_or_a_folder(edit: Editor) -> None:
    edit.put(b"old")
    edit.put(b"", "d/x")
    assert edit("create", file_text="new").error
    assert edit.bytes() == b"old"
    assert edit("create", "d", file_text="new").error


def test_create_without_text_names_the_field(edit: Editor) -> None:
    result = edit("create", "n")
    assert result.error and "file_text" in result.text and not (edit.folder / "n").exists()


# ---- str_replace


def test_str_replace_changes_the_one_place_and_shows_it(edit: Editor) -> None:
    edit.put(b"1\n2\n3\n4\nold\n6\n7\n8\n9\n")
    result = edit("str_replace", old_str="old", new_str="new\nlines")
    assert edit.bytes() == b"1\n2\n3\n4\nnew\nlines\n6\n7\n8\n9\n"
    assert "     5\tnew" in result.text and "     1\t" not in result.text


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\nb\n", "b\n", "", b"a\n"),
        (b"a\nb\n", "a\n", None, b"b\n"),
        (b"a b c", "b", "$1 \\1 \\g<0>", b"a $1 \\1 \\g<0> c"),
        (b"f(x).*\n", "f(x).*", "g", b"g\n"),
        (b"\tx\n", "\tx", "    x", b"    x\n"),
        (b"a\nb", "b", "c", b"a\nc"),
        (b"a\nb", "a\nb", "a\nc\n", b"a\nc\n"),
        ("ä\n".encode(), "ä", "ö", "ö\n".encode()),
        (b"caf\xe9 old\n", "old", "new", b"caf\xe9 new\n"),
        (b"\xef\xbb\xbfold\n", "old", "new", b"\xef\xbb\xbfnew\n"),
        (b"\xff\xfeo\0", "\ufffd", "x", None),
    ],
)
def test_str_replace_touches_no_other_byte(
    edit: Editor, before: bytes, old: str, new: str | None, after: bytes | None
) -> None:
    edit.put(before)
    arguments = {"old_str": old} if new is None else {"old_str": old, "new_str": new}
    assert edit("str_replace", **arguments).error == (after is None)
    assert edit.bytes() == (before if after is None else after)


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\r\nb\r\nc\r\n", "b", "x\ny", b"a\r\nx\r\ny\r\nc\r\n"),
        (b"a\r\nb\r\nc\r\n", "a\nb\n", "a\nx\nb\n", b"a\r\nx\r\nb\r\nc\r\n"),
        (b"a\r\nb\r\nc\r\n", "a\r\nb", "q", b"q\r\nc\r\n"),
        (b"a\r\nb\nc\r\nd\n", "a\nb\nc\nd", "a\nb\nX\nd", b"a\r\nb\nX\r\nd\n"),
        (b"a\nb\r\nc\n", "a\nb\nc", "a\nb\nc\nd", b"a\nb\r\nc\nd\n"),
        (b"a\r\nb\r\nc", "b\nc", "b", b"a\r\nb"),
        (b"a\r\nb\r\nc\r\n", "b\n", "", b"a\r\nc\r\n"),
        (b"a\r\nb\r\nc\r\n", "a\nb\nc", "a\nc", b"a\r\nc\r\n"),
        (b"a\r\n", "a", "a\nb", b"a\r\nb\r\n"),
    ],
)
def test_str_replace_keeps_line_ends(edit: Editor, before: bytes, old: str, new: str, after: bytes) -> None:
    edit.put(before)
    result = edit("str_replace", old_str=old, new_str=new)
    assert not result.error, result.text
    assert edit.bytes() == after


PIECES = st.text("ab \n", max_size=6)


@settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=300,
)
@given(before=PIECES, old=st.text("ab \n", min_size=1, max_size=4), new=PIECES, after=PIECES)
def test_str_replace_means_the_same_whatever_the_line_ends(
    edit: Editor, before: str, old: str, new: str, after: str
) -> None:
    text = before + old + after
    results = {}
    for newline in ("\n", "\r\n"):
        edit.put(text.replace("\n", newline).encode())
        failed = edit("str_replace", old_str=old, new_str=new).error
        results[newline] = failed, edit.bytes()
    ambiguous = text.count(old) > 1 or old == new
    expected = text if ambiguous else before + new + after
    assert results["\n"] == (ambiguous, expected.encode())
    if "\n" in text:  # else the file has no line ends of its own yet
        assert results["\r\n"] == (ambiguous, expected.replace("\n", "\r\n").encode())


def test_several_matches_change_nothing_and_name_their_lines(edit: Editor) -> None:
    edit.put(b"x\ny\nx\n  x\n")
    result = edit("str_replace", old_str="x", new_str="z")
    assert result.error and "1, 3, 4" in result.text
    assert edit.bytes() == b"x\ny\nx\n  x\n"


def test_several_matches_of_many_lines_name_where_each_starts(edit: Editor) -> None:
    edit.put(b"a\nb\n\na\nb\n")
    assert "1, 4" in edit("str_replace", old_str="a\nb", new_str="").text


def test_no_match_changes_nothing_and_points_to_the_nearly_same_lines(edit: Editor) -> None:
    edit.put(b"def f():\n\treturn 1\n")
    result = edit("str_replace", old_str="def f():\n    return 1", new_str="x")
    assert result.error and "1 to 2" in result.text and "white space" in result.text
    assert "does not occur" in edit("str_replace", old_str="nothing like it", new_str="x").text
    assert edit.bytes() == b"def f():\n\treturn 1\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"new_str": "x"}, "old_str"),
        ({"old_str": "", "new_str": "x"}, "old_str"),
        ({"old_str": "a", "new_str": "a"}, "same"),
    ],
)
def test_str_replace_that_cannot_be_meant_is_an_error(
    edit: Editor, arguments: dict[str, str], named: str
) -> None:
    edit.put(b"a\n")
    result = edit("str_replace", **arguments)
    assert result.error and named in result.text
    assert edit.bytes() == b"a\n"


def test_str_replace_in_a_folder_or_a_missing_file_is_an_error(edit: Editor) -> None:
    edit.put(b"", "d/x")
    assert edit("str_replace", "d", old_str="a", new_str="b").error
    assert edit("str_replace", "missing", old_str="a", new_str="b").error


# ---- insert


@pytest.mark.parametrize(
    ("before", "line", "text", "after"),
    [
        (b"a\nb\n", 0, "x", b"x\na\nb\n"),
        (b"a\nb\n", 1, "x\n", b"a\nx\nb\n"),
        (b"a\nb\n", 2, "x\ny", b"a\nb\nx\ny\n"),
        (b"a\nb", 2, "x", b"a\nb\nx"),
        (b"a\nb", 1, "x", b"a\nx\nb"),
        (b"", 0, "x", b"x\n"),
        (b"a\r\nb\r\n", 1, "x\ny\n", b"a\r\nx\r\ny\r\nb\r\n"),
        (b"a\r\nb", 2, "x", b"a\r\nb\r\nx"),
        (b"a\nb\n", 1, "\n", b"a\n\nb\n"),
        (b"a\n\xff\n", 1, "x", b"a\nx\n\xff\n"),
    ],
)
def test_insert_after_a_line(edit: Editor, before: bytes, line: int, text: str, after: bytes) -> None:
    edit.put(before)
    result = edit("insert", insert_line=line, insert_text=text)
    assert not result.error, result.text
    assert edit.bytes() == after


def test_insert_takes_the_older_name_of_its_text(edit: Editor) -> None:
    edit.put(b"a\n")
    assert not edit("insert", insert_line=1, new_str="b").error
    assert edit.bytes() == b"a\nb\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"insert_line": 3, "insert_text": "x"}, "insert_line"),
        ({"insert_line": -1, "insert_text": "x"}, "insert_line"),
        ({"insert_text": "x"}, "insert_line"),
        ({"insert_line": 1}, "insert_text"),
        ({"insert_line": "one", "insert_text": "x"}, "insert_line"),
    ],
)
def test_insert_that_cannot_be_meant_names_the_field(
    edit: Editor, arguments: dict[str, object], named: str
) -> None:
    edit.put(b"a\nb\n")
    result = edit("insert", **arguments)
    assert result.error and named in result.text
    assert edit.bytes() == b"a\nb\n"
