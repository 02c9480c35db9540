"""How the timeline looks: bars, markers and letters, and what its legend says of them."""

from __future__ import annotations

from typing import Any, Final

from lab.analysis.itineraries import Hop, Itinerary
from lab.analysis.stages import ATTEMPT, OPENING, SPOOL
from lab.views.pictures import plot_style
from lab.views.pictures.lanes import Lane

BAR: Final = 0.5
"""The height of a bar, in lanes."""

BARS: Final[dict[str, dict[str, Any]]] = {
    "in the spool": {"facecolor": "#F4F4F4", "edgecolor": "#9A9A9A", "hatch": "////", "lw": 0.6},
    "opening the channel": {
        "facecolor": "white",
        "edgecolor": plot_style.BLACK,
        "hatch": "....",
        "lw": 0.9,
    },
    "attempt that failed": {
        "facecolor": "white",
        "edgecolor": plot_style.VERMILION,
        "hatch": "xxxx",
        "lw": 0.9,
    },
    "a fault": {"facecolor": "#7A6A55", "edgecolor": "black", "lw": 0.8},
}
STAGES: Final = {
    SPOOL: "in the spool",
    ATTEMPT: "attempt that failed",
    OPENING: "opening the channel",
}
"""The bar of each stage of a hop."""

_RETURN: Final[dict[str, Any]] = {
    "facecolor": "#F9D9C3",
    "edgecolor": plot_style.VERMILION,
    "hatch": "\\\\\\",
    "lw": 1.1,
}
WAITING: Final[dict[str, Any]] = {"color": plot_style.GREY, "lw": 1.0, "ls": (0, (4, 3))}
"""The line of mail that waits for the next attempt."""

ENDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "deliver": ("delivered", {"marker": "o", "mfc": plot_style.GREEN, "mec": "black", "ms": 9}),
    "terminal": (
        "shown on the terminal",
        {"marker": "^", "mfc": plot_style.SKY, "mec": "black", "ms": 9},
    ),
    "return": (
        "returned to the originator",
        {"marker": "o", "mfc": "white", "mec": plot_style.VERMILION, "mew": 2.2, "ms": 9},
    ),
    "refuse": (
        "refused for good",
        {"marker": "X", "mfc": plot_style.VERMILION, "mec": "black", "ms": 9},
    ),
    "expired": ("given up", {"marker": "v", "mfc": plot_style.YELLOW, "mec": "black", "ms": 9}),
    "round": (
        "takes another route from here",
        {"marker": "P", "mfc": "white", "mec": plot_style.BLUE, "mew": 1.4, "ms": 8},
    ),
    "fault": ("a momentary fault", {"marker": "d", "mfc": "black", "mec": "black", "ms": 8}),
    "reject": ("rejected at hand-over", {"marker": "s", "mfc": "black", "mec": "black", "ms": 8}),
    "abandon": (
        "notification abandoned",
        {"marker": "D", "mfc": plot_style.YELLOW, "mec": "black", "ms": 8},
    ),
    "defer": (
        "put off, to be retried",
        {"marker": "|", "mec": plot_style.VERMILION, "mew": 2.4, "ms": 13},
    ),
    "queued": (
        "still in the spool",
        {"marker": ">", "mfc": "white", "mec": plot_style.GREY, "mew": 1.6, "ms": 8},
    ),
}
"""The name in the legend and the marker of each kind of end."""

ON_THE_WAY: Final = "on the way: hop "
"""Before the number of a hop, the name of its bar."""


def rank(name: str) -> tuple[int, str]:
    """Return what sorts the entries of the legend."""
    order = [
        "in the spool",
        "opening the channel",
        "hop",
        "return",
        "attempt",
        "waiting",
        *(text for text, _ in ENDS.values()),
    ]
    kind = (
        "hop"
        if name.startswith("on the way")
        else "return"
        if name.startswith("a notification")
        else name
    )
    return next((n for n, beginning in enumerate(order) if kind.startswith(beginning)), 99), name


def look_of(itinerary: Itinerary, hop: Hop) -> tuple[str, dict[str, Any]]:
    """Return the name in the legend, and the look, of the bar of mail that crosses a channel."""
    if itinerary.about is not None:
        return "a notification on its way back", dict(_RETURN)
    number = (hop.ordinal - 1) % len(plot_style.HOPS) + 1
    return f"{ON_THE_WAY}{number}", {
        "facecolor": plot_style.HOPS[number - 1],
        "edgecolor": "black",
        "lw": 0.9,
    }


def lettering(look: dict[str, Any], size: float) -> dict[str, Any]:
    """Return how the name of a host is written in a bar of that look."""
    dark = look["facecolor"] in (plot_style.BLUE, plot_style.GREEN)
    return {
        "color": "white" if dark else "black",
        "fontsize": size,
        "ha": "center",
        "va": "center_baseline",
        "zorder": 4,
        "clip_on": True,
    }


def colour_of(lane: Lane) -> str:
    """Return the colour of the label of a lane."""
    return {"return": plot_style.VERMILION, "fork": plot_style.GREY}.get(lane.kind, "black")
