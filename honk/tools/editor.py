"""``str_replace_based_edit_tool`` as published with ``text_editor_20250728``.

Files are bytes. Text is decoded with surrogateescape, so that bytes which are not UTF-8
survive an edit elsewhere in the file; line endings are kept, and new lines get those of
the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Literal

from honk.core.base import Frozen
from honk.core.errors import ToolError
from honk.tools.apply_patch import find
from honk.tools.tool import Answer, ToolContext

VIEW_CHARACTERS = 60_000
"""A view shows at most so much: about a tenth of a model's context window."""
LINE_CHARACTERS = 2_000
FOLDER_ENTRIES = 500
_AROUND = 3  # lines shown before and after an edit
_BINARY_PROBE = 8_000  # bytes in which git looks for NUL


class EditorArguments(Frozen):
    command: Literal["view", "str_replace", "create", "insert"]
    path: str
    view_range: tuple[int, ...] | None = None
    old_str: str | None = None
    new_str: str | None = None
    file_text: str | None = None
    insert_line: int | None = None
    insert_text: str | None = None


def run_editor(arguments: EditorArguments, context: ToolContext) -> Answer:
    commands = {"view": _view, "str_replace": _str_replace, "create": _create, "insert": _insert}
    return Answer(commands[arguments.command](arguments, context))


def _need(value: str | None, name: str, command: str) -> str:
    if value is None:
        raise ToolError(f"The field `{name}` is missing.", f"{command} needs it.")
    return value


# ---- view -----------------------------------------------------------------------------


def _view(arguments: EditorArguments, context: ToolContext) -> str:
    path = arguments.path
    try:
        data = context.files.read(path)
    except ToolError as unreadable:
        try:
            entries = context.files.listing(path, 2)
        except ToolError:
            raise unreadable from None
        if arguments.view_range:
            raise ToolError(f"{path} is a folder, which has no lines.", "Leave out `view_range`.") from None
        return _folder(path, entries)
    if b"\0" in data[:_BINARY_PROBE]:
        return f"{path} is a binary file of {len(data)} bytes; it is not shown."
    lines = _lines(_decode(data))
    first, last = _range(arguments.view_range, len(lines))
    if not lines:
        return f"{path} is empty."
    shown = _numbered(lines[first - 1 : last], first)
    if first + len(shown) - 1 < last:
        shown.append(f"[cut at line {first + len(shown) - 1} of {len(lines)}; go on with view_range]")
    return "\n".join(shown)


def _folder(path: str, entries: Sequence[str]) -> str:
    shown = [f"{path.rstrip('/')}/", *entries[:FOLDER_ENTRIES]]
    if len(entries) > FOLDER_ENTRIES:
        shown.append(f"[{len(entries) - FOLDER_ENTRIES} more entries; view a folder below]")
    return "\n".join(shown)


def _range(view_range: tuple[int, ...] | None, count: int) -> tuple[int, int]:
    if view_range is None:
        return 1, count
    if len(view_range) != 2:
        raise ToolError("`view_range` takes two numbers, the first and the last line.")
    first, last = view_range
    if not 1 <= first <= max(count, 1):
        raise ToolError(f"`view_range` starts at line {first}, but the file has {count} lines, from 1.")
    if last != -1 and last < first:
        raise ToolError(f"`view_range` ends at {last}, before its start.", "Use -1 for the end of the file.")
    return first, count if last == -1 else min(last, count)


def _numbered(lines: Sequence[str], first: int) -> list[str]:
    """Lines as ``cat -n`` prints them, as many as the limit allows, at least one."""
    shown: list[str] = []
    size = 0
    for number, line in enumerate(lines, first):
        more = len(line) - LINE_CHARACTERS
        text = f"{number:6}\t{line[:LINE_CHARACTERS]}" + (f" [{more} more characters]" if more > 0 else "")
        size += len(text) + 1
        if size > VIEW_CHARACTERS and shown:
            break
        shown.append(text)
    return shown


# ---- edits ----------------------------------------------------------------------------


def _create(arguments: EditorArguments, context: ToolContext) -> str:
    text = _need(arguments.file_text, "file_text", "create")
    if _exists(arguments.path, context):
        raise ToolError(
            f"{arguments.path} exists already and was not changed.",
            "Edit it with str_replace or insert; to write it anew, remove it first in the shell.",
        )
    context.files.write(arguments.path, _encode(text))
    return f"Created {arguments.path}."


def _exists(path: str, context: ToolContext) -> bool:
    try:
        context.files.read(path)
    except ToolError:
        return False
    return True


def _str_replace(arguments: EditorArguments, context: ToolContext) -> str:
    path = arguments.path
    old = _need(arguments.old_str, "old_str", "str_replace")
    new = arguments.new_str or ""
    if not old:
        raise ToolError("`old_str` is empty.", "Give the text to replace, or use insert.")
    if old == new:
        raise ToolError("`old_str` and `new_str` are the same; nothing to do.")
    text = _decode(context.files.read(path))
    found = _occurrences(text, old)
    if len(found) != 1:
        raise _not_unique(text, old, path, [text.count("\n", 0, m.start()) + 1 for m in found])
    start, end = found[0].span()
    fitted = new if "\r\n" in old else _fit(found[0][0], old, new, _newline(text))
    edited = text[:start] + fitted + text[end:]
    context.files.write(path, _encode(edited))
    return _report(path, edited, text.count("\n", 0, start), fitted.count("\n") + 1)


def _occurrences(text: str, old: str) -> list[re.Match[str]]:
    """Where ``old`` occurs; its line ends match those of the file, whichever they are."""
    if "\r\n" in old:
        return list(re.finditer(re.escape(old), text))
    return list(re.finditer("\r?\n".join(map(re.escape, old.split("\n"))), text))


def _fit(have: str, old: str, new: str, newline: str) -> str:
    """``new`` in the place of ``have`` (which is ``old`` with the file's line ends).

    Lines that ``old`` and ``new`` share at both ends stay as the file has them; the others
    get ``newline``.
    """
    was, now, kept = old.split("\n"), new.split("\n"), re.split("(?<=\n)", have)
    head = _shared(was, now)
    tail = _shared(was[head:][::-1], now[head:][::-1])
    parts = [*kept[:head], *now[head : len(now) - tail], *kept[len(kept) - tail :]]
    ended = [part if part.endswith("\n") else part.removesuffix("\r") + newline for part in parts[:-1]]
    last = parts[-1].rstrip("\r\n") if parts[-1].endswith("\n") else parts[-1]
    return "".join([*ended, last])


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items both start with."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _not_unique(text: str, old: str, path: str, lines: list[int]) -> ToolError:
    if lines:
        numbers = ", ".join(map(str, lines[:20])) + (" and more" if len(lines) > 20 else "")
        return ToolError(
            f"`old_str` occurs {len(lines)} times in {path}, at lines {numbers}; nothing was changed.",
            "Add surrounding lines until it is unique.",
        )
    pattern = old.strip("\r\n").split("\n")
    near = find(pattern, _lines(text), 0, False)
    if near is None:
        return ToolError(f"`old_str` does not occur in {path}; nothing was changed.", "View the file first.")
    return ToolError(
        f"`old_str` does not occur exactly in {path}; nothing was changed. Lines {near + 1} to "
        f"{near + len(pattern)} differ from it only in white space or punctuation.",
        "View them and copy them exactly.",
    )


def _insert(arguments: EditorArguments, context: ToolContext) -> str:
    inserted = arguments.new_str if arguments.insert_text is None else arguments.insert_text
    inserted = _need(inserted, "insert_text", "insert")
    if arguments.insert_line is None:
        raise ToolError("The field `insert_line` is missing.", "insert needs it; 0 is the top.")
    text = _decode(context.files.read(arguments.path))
    lines = re.findall("[^\n]*\n|[^\n]+", text)
    at = arguments.insert_line
    if not 0 <= at <= len(lines):
        raise ToolError(f"`insert_line` is {at}, but the file has {len(lines)} lines.", "Use 0 for the top.")
    newline = _newline(text)
    new = [line.removesuffix("\r") + newline for line in inserted.removesuffix("\n").split("\n")]
    if at == len(lines) and lines and not lines[-1].endswith("\n"):  # the end stays without a line end
        lines[-1] += newline
        new[-1] = new[-1].removesuffix(newline)
    edited = "".join([*lines[:at], *new, *lines[at:]])
    context.files.write(arguments.path, _encode(edited))
    return _report(arguments.path, edited, at, len(new))


def _report(path: str, text: str, index: int, count: int) -> str:
    """Says that the edit is done and shows it: ``count`` lines from ``index`` on, and some around."""
    first = max(index - _AROUND, 0)
    shown = _numbered(_lines(text)[first : index + count + _AROUND], first + 1)
    return "\n".join([f"Edited {path}. It now reads:", *shown])


# ---- text -----------------------------------------------------------------------------


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _lines(text: str) -> list[str]:
    """Lines as people count them, without their ends."""
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def _newline(text: str) -> str:
    """The line end of the file: that of its first line."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
