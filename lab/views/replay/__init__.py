"""The replay page: one file that plays a run in a browser, with no network and no server.

The player is plain JavaScript in a few files that are joined, with no build step. A notebook's
widget uses the same one (:func:`player_js`, :func:`player_css` and :func:`packed`).
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from lab.trace.trace import Trace
from lab.views import visual_language
from lab.views.replay.data import LONGEST_REPLAY, beginning, pack, packed, replay_data
from lab.views.replay.growing import GrowingPage

__all__ = [
    "LONGEST_REPLAY",
    "GrowingPage",
    "Replay",
    "beginning",
    "growing_page",
    "pack",
    "packed",
    "player_css",
    "player_js",
    "replay_data",
    "replay_page",
    "write_replay",
]

_HERE: Final = Path(__file__).parent
_PARTS: Final = (
    "vendor/d3", "inflate", "data", "words", "query", "conditions", "canvas", "marks", "map_places",
    "map_network", "cuts", "map", "ladder", "timeline", "panels", "messages", "follow", "skeleton",
    "address", "heading", "finding", "changes", "keys", "controls", "player", "notebook",
)  # fmt: skip
"""The files of the player, in the order in which they are joined."""


@cache
def player_js() -> str:
    """Return the player as one JavaScript module: ``mount``, and a default export for anywidget."""
    return "\n".join(_read(f"{part}.js") for part in _PARTS)


@cache
def player_css() -> str:
    """Return the style sheet of the player, light and dark; its rules are for ``.lab-replay``."""
    return visual_language.style_sheet(".lab-replay") + _read("player.css")


def replay_page(trace: Trace, plays: bool = False) -> str:
    """Return the page that plays a trace (its :func:`beginning`), as self-contained HTML.

    With ``plays`` it begins to play by itself, unless the reader asked for little motion.
    """
    return _page(replay_data(trace), player_js(), " data-plays" if plays else "")


def growing_page(data: Mapping[str, object]) -> str:
    """Return the page of a run that goes on, from the :meth:`~GrowingPage.beginning` of its data.

    It asks the server it comes from for what happens: ``events?of=workbench``, ``hindsight``,
    ``about``, and ``change`` and ``speed`` where a viewer acts.
    """
    script = player_js() + _read("growing.js") + _read("live.js")
    return _page(data, script, " data-live", "; connect-src 'self'")


def _page(data: Mapping[str, object], player: str, attributes: str, connect: str = "") -> str:
    script = player + _read("page.js")
    sha = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "title": html.escape(str(data["title"] or "A run")),
        "hash": f"sha256-{sha}",  # the browser runs this script and no other
        "style": player_css(),
        "dark": visual_language.COLOURS["paper"].dark,
        "pale": visual_language.COLOURS["ink"].dark,
        "data": pack(data),
        "attributes": attributes,
        "connect": connect,
        "script": script,
    }
    # in one pass, so that no part is searched for the places of others
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _read("page.html"))


def write_replay(trace: Trace, path: str | Path) -> None:
    """Write the page that plays a trace to a file, which is replaced when the page is complete."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(replay_page(trace), encoding="utf-8")
    beside.replace(path)


@dataclass(frozen=True)
class Replay:
    """A run to be played: shown at the end of a notebook's cell, or saved as a page."""

    trace: Trace
    height: int = 720

    @cached_property
    def page(self) -> str:
        """The page as HTML."""
        return replay_page(self.trace)

    def save(self, path: str | Path) -> None:
        """Write the page to a file whose name ends with .html."""
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"path must end with .html or .htm, not {str(path)!r}")
        write_replay(self.trace, path)

    def _repr_html_(self) -> str:
        # in a frame, so that the page and the notebook cannot affect each other
        return (
            f'<iframe title="Replay" sandbox="allow-scripts" srcdoc="{html.escape(self.page)}" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
