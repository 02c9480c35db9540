"""The parts of the site, without what is needed to make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

Report = Callable[[str], None]
"""A function that is called with a few words about what is being made."""


class Part(NamedTuple):
    """A part of the site: its name, its page to begin with, its words, and what it is about."""

    name: str
    page: str
    words: str
    about: str


class NotMade(Exception):
    """Raised if a part cannot be made here; the text says what, why, and what would help."""


PARTS: Final = (
    Part("guides", "guides/index.html", "Guides", "how to do each thing, with examples that run"),
    Part(
        "gallery",
        "gallery/index.html",
        "Gallery",
        "each network that ships: its map, its run, its file",
    ),
    Part(
        "course",
        "course/index.html",
        "Course",
        "lessons to read, from a first mail to a network of one's own",
    ),
    Part(
        "reference",
        "reference/index.html",
        "Reference",
        "every public name for Python, with its types",
    ),
    Part("play", "play/index.html", "In the browser", "the lab itself, with nothing to install"),
)
"""The parts beside the home page, in the order of the navigation."""
