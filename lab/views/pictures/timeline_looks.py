"""How the timeline looks: bars, markers and letters, and what its legend says of them."""

from __future__ import annotations

from typing import Any, Final

from lab.analysis.stages import ATTEMPT, OPENING, SPOOL, WAIT
from lab.views import visual_language
from lab.views.pictures import plot_style
from lab.views.pictures.lanes import Lane

BAR: Final = 0.5
"""The height of a bar, in lanes."""


def _phase(name: str) -> dict[str, Any]:
    look = visual_language.PHASES[name]
    own = plot_style.colour(look.colour)
    if look.waits:
        return {"facecolor": "white", "edgecolor": own, "hatch": look.hatch, "lw": 0.8}
    return {"facecolor": own, "edgecolor": plot_style.colour("ink"), "lw": 0.0}


NAMES: Final = {name: look.words for name, look in visual_language.PHASES.items()}
"""What the legend calls each phase."""

ATTEMPTED: Final = "attempt that failed"
A_FAULT: Final = "a fault"
RETURNING: Final = "a notification on its way back"

BARS: Final[dict[str, dict[str, Any]]] = {
    **{NAMES[name]: _phase(name) for name in visual_language.PHASES},
    ATTEMPTED: {
        "facecolor": "white", "edgecolor": plot_style.colour("refusal"), "hatch": "xxxx", "lw": 0.9
    },
    RETURNING: {
        "facecolor": plot_style.tint("returned", 0.25), "edgecolor": plot_style.colour("returned"),
        "hatch": "\\\\\\", "lw": 1.1,
    },
    A_FAULT: {
        "facecolor": plot_style.colour("fault"), "edgecolor": plot_style.colour("ink"), "lw": 0.8
    },
}  # fmt: skip
STAGES: Final = {
    SPOOL: NAMES["spool"], ATTEMPT: ATTEMPTED, WAIT: NAMES["retry"], OPENING: NAMES["opening"],
}  # fmt: skip
"""The bar of each stage of a hop."""

LOW: Final = {NAMES["spool"]: 0.62, NAMES["retry"]: 0.4, A_FAULT: 0.62}
"""The height of bars in which nothing moves, as a share of :data:`BAR`."""

CROSSING_LOOK: Final[dict[str, Any]] = {
    "facecolor": plot_style.colour("dialogue"), "edgecolor": plot_style.colour("ink"), "lw": 0.9,
}  # fmt: skip
"""The bar of mail that crosses a channel, under the phases of its transaction."""

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


def rank(name: str) -> tuple[int, str]:
    """Return what sorts the entries of the legend."""
    order = [*BARS, *(text for text, _ in ENDS.values())]
    return order.index(name) if name in order else 99, name


def colour_of(lane: Lane) -> str:
    """Return the colour of the label of a lane."""
    return {"return": plot_style.VERMILION, "fork": plot_style.GREY}.get(lane.kind, "black")
