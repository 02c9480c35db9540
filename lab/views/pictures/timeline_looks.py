"""How the timeline looks: bars, markers and letters, and what its legend says of them."""

from __future__ import annotations

from typing import Any, Final

from lab import visual_language
from lab.analysis.itineraries import Hop, Itinerary
from lab.analysis.stages import ATTEMPT, OPENING, SPOOL
from lab.views.pictures import plot_style
from lab.views.pictures.lanes import Lane

BAR: Final = 0.5
"""The height of a bar, in lanes."""


def _waiting(phase: str) -> dict[str, Any]:
    look = visual_language.PHASES[phase]
    own = plot_style.colour(look.colour)
    return {"facecolor": "white", "edgecolor": own, "hatch": look.hatch, "lw": 0.8}


BARS: Final[dict[str, dict[str, Any]]] = {
    "in the spool": _waiting("spool"),
    "opening the channel": {
        "facecolor": plot_style.colour("opening"), "edgecolor": plot_style.colour("ink"), "lw": 0.6
    },
    "attempt that failed": {
        "facecolor": "white", "edgecolor": plot_style.colour("refusal"), "hatch": "xxxx", "lw": 0.9
    },
    "a fault": {
        "facecolor": plot_style.colour("fault"), "edgecolor": plot_style.colour("ink"), "lw": 0.8
    },
}  # fmt: skip
STAGES: Final = {
    SPOOL: "in the spool",
    ATTEMPT: "attempt that failed",
    OPENING: "opening the channel",
}
"""The bar of each stage of a hop."""

_RETURN: Final[dict[str, Any]] = {
    "facecolor": plot_style.tint("returned", 0.25),
    "edgecolor": plot_style.colour("returned"),
    "hatch": "\\\\\\",
    "lw": 1.1,
}
WAITING: Final[dict[str, Any]] = {"color": plot_style.colour("retry"), "lw": 1.0, "ls": (0, (4, 3))}
"""The line of mail that waits for the next attempt."""

_SIGNS: Final = {
    "deliver": "delivered", "twice": "twice", "lost": "lost", "terminal": "terminal",
    "return": "returned", "refuse": "refused", "expired": "expired", "round": "round",
    "reject": "rejected", "abandon": "abandoned", "queued": "open",
}  # fmt: skip
"""The sign of each kind of end, in the order of the legend."""

ENDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    **{
        kind: (visual_language.ENDS[sign].words, plot_style.sign_look(visual_language.ENDS[sign]))
        for kind, sign in _SIGNS.items()
    },
    "fault": (
        visual_language.FAULTS["moment"].words,
        plot_style.sign_look(visual_language.FAULTS["moment"]),
    ),
    "defer": (
        "put off, to be retried",
        {"marker": "|", "mec": plot_style.colour("retry"), "mew": 2.4, "ms": 13},
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
