"""Python's simple repository pages, read and written.

Formats: PEP 503 (HTML), PEP 691 (JSON), PEP 592 (yanked), PEP 658 and 714 (core metadata).
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from honk.sandboxes.proxy.sources import Page, RegistryError, is_plain

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
ACCEPT = f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.1"

_HASH = re.compile(r"\b(md5|sha1|sha224|sha256|sha384|sha512)=([0-9a-fA-F]+)")


@dataclass(frozen=True)
class File:
    """One file of a project. ``yanked`` is the reason (perhaps empty), None if it is not.

    ``metadata``: hashes of the separate metadata file, None where there is no such file.
    """

    name: str
    url: str
    hashes: dict[str, str] = field(default_factory=dict)
    requires_python: str | None = None
    yanked: str | None = None
    metadata: dict[str, str] | None = None
    size: int | None = None
    uploaded: str | None = None


def normalise(name: str) -> str:
    """A project's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(page: Page) -> tuple[File, ...]:
    """The files that a project page names. Raises RegistryError if it is no such page."""
    kind = page.content_type.partition(";")[0].strip().lower()
    if kind in (JSON_TYPE, "application/json"):
        found = _parse_json(page)
    elif kind in (HTML_TYPE, "text/html", "application/xhtml+xml"):
        found = _parse_html(page)
    else:
        raise RegistryError(f"The registry answered with {kind or 'no type'} where an index page belongs.")
    unique: dict[str, File] = {}
    for file in found:
        if is_plain(file.name) and urlsplit(file.url).scheme in ("http", "https", "file"):
            unique.setdefault(file.name, file)
    return tuple(unique.values())


def _parse_json(page: Page) -> list[File]:
    try:
        data = json.loads(page.data)
        return [_file_of(entry, page.url) for entry in data["files"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RegistryError("The registry's index page is not valid JSON of PEP 691.") from error


def _file_of(entry: dict[str, Any], base: str) -> File:
    yanked = entry.get("yanked", False)
    metadata = entry.get("core-metadata", entry.get("dist-info-metadata", False))
    size = entry.get("size")
    return File(
        name=str(entry["filename"]),
        url=urljoin(base, str(entry["url"])),
        hashes=_strings(entry.get("hashes")),
        requires_python=_text(entry.get("requires-python")),
        yanked=None if yanked is False else (yanked if isinstance(yanked, str) else ""),
        metadata=None if metadata in (False, None) else _strings(metadata),
        size=size if isinstance(size, int) else None,
        uploaded=_text(entry.get("upload-time")),
    )


def _strings(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


class _Links(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.files: list[File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {k: v or "" for k, v in attrs}
        if tag == "base" and "href" in values:
            self.base = urljoin(self.base, values["href"])
        if tag != "a" or "href" not in values:
            return
        try:
            url = urljoin(self.base, values["href"].strip())
            name = unquote(urlsplit(url).path.rpartition("/")[2])
        except ValueError:  # an address that is none, such as an unclosed IPv6 bracket
            return
        metadata = values.get("data-core-metadata", values.get("data-dist-info-metadata"))
        self.files.append(
            File(
                name=name,
                url=url.partition("#")[0],
                hashes=dict(_HASH.findall(url.partition("#")[2])),
                requires_python=values.get("data-requires-python"),
                yanked=values.get("data-yanked"),
                metadata=None if metadata in (None, "false") else dict(_HASH.findall(str(metadata))),
            )
        )


def _parse_html(page: Page) -> list[File]:
    links = _Links(page.url)
    try:
        links.feed(page.data.decode("utf-8", "replace"))
        links.close()
    except (AssertionError, ValueError, RecursionError) as error:
        raise RegistryError("The registry's index page is not valid HTML.") from error
    return links.files


def metadata_url(file: File) -> str:
    """Where PEP 658 puts the metadata of ``file``: beside it, the query kept."""
    parts = urlsplit(file.url)
    return parts._replace(path=parts.path + ".metadata", fragment="").geturl()


def wants_json(accept: str) -> bool:
    """Whether a client prefers PEP 691 JSON; without a word it gets HTML, which all understand."""
    weights: dict[str, float] = {}
    for item in accept.split(","):
        kind, *params = (part.strip().lower() for part in item.split(";"))
        weight = next((p[2:] for p in params if p.startswith("q=")), "1")
        weights[kind.replace("latest", "v1")] = (
            float(weight) if re.fullmatch(r"[01](\.\d*)?", weight) else 0.0
        )
    best_html = max(weights.get(HTML_TYPE, 0.0), weights.get("text/html", 0.0), weights.get("*/*", 0.0))
    return weights.get(JSON_TYPE, 0.0) > 0 and weights[JSON_TYPE] >= best_html


def render_json(project: str, files: tuple[File, ...]) -> bytes:
    """A PEP 691 page whose files lie behind the proxy."""
    entries = []
    for file in files:
        entry: dict[str, object] = {"filename": file.name, "url": _link(project, file), "hashes": file.hashes}
        entry["requires-python"] = file.requires_python
        entry["yanked"] = False if file.yanked is None else file.yanked or True
        if file.metadata is not None:
            entry["core-metadata"] = file.metadata or True
        if file.size is not None:
            entry["size"] = file.size
        if file.uploaded is not None:
            entry["upload-time"] = file.uploaded
        entries.append(entry)
    page = {"meta": {"api-version": "1.0"}, "name": project, "files": entries}
    return json.dumps(page, separators=(",", ":")).encode()


def render_html(project: str, files: tuple[File, ...]) -> bytes:
    """A PEP 503 page whose files lie behind the proxy."""
    lines = ["<!DOCTYPE html>", "<html><body>"]
    for file in files:
        attributes = {"href": _link(project, file) + _fragment(file.hashes)}
        if file.requires_python is not None:
            attributes["data-requires-python"] = file.requires_python
        if file.yanked is not None:
            attributes["data-yanked"] = file.yanked
        if file.metadata is not None:
            attributes["data-core-metadata"] = _fragment(file.metadata)[1:] or "true"
        text = " ".join(f'{k}="{html.escape(v)}"' for k, v in attributes.items())
        lines.append(f"<a {text}>{html.escape(file.name)}</a><br>")
    lines.append("</body></html>")
    return "\n".join(lines).encode()


def _link(project: str, file: File) -> str:
    return f"/pypi/files/{quote(project)}/{quote(file.name)}"


def _fragment(hashes: dict[str, str]) -> str:
    """HTML has room for one hash; pip wants the strongest that everyone publishes."""
    for name in ("sha256", "sha512", *hashes):
        if name in hashes:
            return f"#{name}={hashes[name]}"
    return ""
