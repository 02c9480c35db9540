"""The guides as pages, with a list of them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from lab.runtime import guides
from lab.site.markdown import Resolve, rendered
from lab.site.pages import Site, html, linker


class Listed(NamedTuple):
    """A guide in a list: its page, its title and what it is about (as HTML)."""

    page: str
    name: str
    title: str
    about: str


def listed() -> list[Listed]:
    """Return the guides in the order of the list."""
    entries = []
    for topic in guides.topics():
        text = guides.guide(topic)
        about = rendered(guides.summary(text), lambda _: None).body
        about = html(about.strip().removeprefix("<p>").removesuffix("</p>"))
        entries.append(
            Listed(f"guides/{topic}.html", topic, rendered(text, lambda _: None).title, about)
        )
    return entries


def write_guides(site: Site) -> Iterator[str]:
    """Write the guides and their list; yield the path of each page."""
    every = listed()
    siblings = [(each.page, each.name) for each in every]
    site.page("guides/index.html", "Guides", "guides.html", guides=every)
    yield "guides/index.html"
    for each in every:
        made = rendered(guides.guide(each.name), resolver(each.page))
        site.page(
            each.page, made.title, "text.html", siblings=siblings, group="Guides",
            start="guides/index.html", body=html(made.body), headings=made.headings,
        )  # fmt: skip
        yield each.page


def resolver(page: str) -> Resolve:
    """Return what says where a link of a guide leads on the site."""
    link = linker(page)
    known = set(guides.topics())

    def resolve(target: str) -> str | None:
        path, mark, anchor = target.partition("#")
        if not path:
            return target
        stem, ending = posixpath.splitext(path)
        if ending == ".md" and stem in known:
            return link(f"guides/{stem}.html") + mark + anchor
        return None

    return resolve
