"""Markdown to HTML: headings with anchors, code in colours, tables that scroll, links that hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

Resolve = Callable[[str], str | None]
"""Where the target of a link lies on the site; None if it does not, and the link becomes text."""

_FORMATTER: Final = HtmlFormatter(nowrap=True)


class Heading(NamedTuple):
    """A heading of a page: its level, the anchor that leads to it, and its words."""

    level: int
    anchor: str
    words: str


class Rendered(NamedTuple):
    """A text as HTML: its title (the first heading of level 1), its body, and other headings."""

    title: str
    body: str
    headings: tuple[Heading, ...]


def code(text: str, language: str) -> str:
    """Return code as a block of HTML, in colours where the language is known."""
    try:
        lines = highlight(text, get_lexer_by_name(language or "text"), _FORMATTER)
    except ClassNotFound:
        lines = escape(text)
    return f'<pre class="code" tabindex="0"><code>{lines}</code></pre>\n'


def _fence(text: str, info: str) -> str:
    """Return a block of code; "python exercise" is one in which the reader is to write."""
    language, _, mark = info.strip().partition(" ")
    block = code(text, language)
    if mark != "exercise":
        return block
    return f'<div class="exercise"><p>Your answer goes here</p>\n{block}</div>\n'


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule(
        "fence", lambda _, tokens, n, *__: _fence(tokens[n].content, tokens[n].info)
    )
    parser.add_render_rule("code_block", lambda _, tokens, n, *__: code(tokens[n].content, ""))
    parser.add_render_rule(
        "table_open",
        lambda *_: '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>\n',
    )
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return parser


def rendered(text: str, resolve: Resolve, level: int = 0) -> Rendered:
    """Return Markdown as HTML.

    ``level`` is added to the level of each heading. The heading of level 1 becomes the title
    and is left out of the body.
    """
    parser = _parser()
    tokens = parser.parse(re.sub(r"<!--.*?-->\n?", "", text, flags=re.S))
    title, headings, used = "", [], set[str]()
    for n, token in enumerate(tokens):
        if token.children:
            token.children = _linked(token.children, resolve)
        if token.type == "th_open" and not tokens[n + 1].content:  # it is the heading of nothing
            token.tag = tokens[n + 2].tag = "td"
        if token.type == "heading_open":
            words = _words(tokens[n + 1])
            anchor = _free(slug(words), used)
            token.attrSet("id", anchor)
            headings.append(Heading(int(token.tag[1]), anchor, words))
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        title = headings.pop(0).words
        tokens = tokens[3:]
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + level)}"
    return Rendered(title, parser.renderer.render(tokens, parser.options, {}), tuple(headings))


def slug(words: str) -> str:
    """Return the anchor of a heading, as other renderers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", words.casefold()).strip().replace(" ", "-") or "section"


def _free(anchor: str, used: set[str]) -> str:
    number, free = 1, anchor
    while free in used:
        free = f"{anchor}-{number}"
        number += 1
    used.add(free)
    return free


def _words(inline: Token) -> str:
    children = inline.children or ()
    return "".join(each.content for each in children if each.type in ("text", "code_inline"))


def _linked(tokens: list[Token], resolve: Resolve) -> list[Token]:
    """Return the tokens of a paragraph with links as the site has them."""
    kept: list[Token] = []
    open_links: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            target = resolve(str(token.attrGet("href") or ""))
            open_links.append(target is not None)
            if target is None:
                continue
            token.attrSet("href", target)
        elif token.type == "link_close" and not open_links.pop():
            continue
        kept.append(token)
    return kept
