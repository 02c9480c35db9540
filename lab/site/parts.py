"""The parts of the site, without what is needed to make them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final, NamedTuple


class Part(NamedTuple):
    """A part of the site: its name, its page to begin with, its words, and what it is about."""

    name: str
    page: str
    words: str
    about: str


PLAY: Final = "lab.site.browser"
"""The module of the lab in the browser: ``write_play(folder, report)`` makes the folder play/.

It raises NotMade if it cannot; the site is made without it then, unless it was asked for by name.
"""


class NotMade(Exception):
    """Raised if a part cannot be made here; the text says what, why, and what would help."""


_EVERY: Final = (
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


def parts() -> list[Part]:
    """Return the parts beside the home page, in the order of the navigation."""
    has_play = find_spec(PLAY) is not None
    return [part for part in _EVERY if part.name != "play" or has_play]
