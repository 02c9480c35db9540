"""The visual language: colours, shapes, hatches and signs that mean the same wherever they appear.

Pictures, the film, the replay page, the widget, the page of two runs and the terminal read them
from here, and nowhere else says how a phase, a reply or a lost message looks. It is plain data.

Colours are those of Okabe and Ito, darkened until they stand out from white paper. Nothing is told
by colour alone: phases in which mail waits are hatched and those in which it moves are solid, and
each of the ends of a message has a shape of its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Colour(NamedTuple):
    """A colour for light pages and pictures, and the one in its place for dark pages."""

    light: str
    dark: str


SURFACES: Final = {
    "paper": Colour("#f4f4f2", "#121417"),
    "panel": Colour("#ffffff", "#1c1f24"),
    "faint": Colour("#ececec", "#2b3037"),
}
"""What everything is drawn on: the page, its panels, and bands in them."""

TEXTS: Final = {
    "ink": Colour("#1a1a1a", "#ececec"),
    "quiet": Colour("#5c5c5c", "#a8adb4"),
    "text-good": Colour("#00704f", "#2fc79a"),
    "text-bad": Colour("#a34700", "#ff9d57"),
    "text-worst": Colour("#a3123a", "#ff8aa3"),
    "text-command": Colour("#0067a1", "#7cc5ee"),
}
"""Colours of words; each has a contrast of at least 4.5 to all surfaces."""

RULES: Final = {
    "line": Colour("#8a8a8a", "#7f868f"),
    "edge": Colour("#d6d6d6", "#3a4048"),
}
"""Lines: ``line`` for links and axes, ``edge`` for frames and grids, which say nothing."""

MARKS: Final = {
    "command": Colour("#0072b2", "#56b4e9"),
    "reply": Colour("#00845f", "#2fc79a"),
    "refusal": Colour("#d55e00", "#ff8a3d"),
    "mail": Colour("#b27a00", "#e69f00"),
    "session": Colour("#3a8dbf", "#9fd4f3"),
    "router": Colour("#6b6b6b", "#959ca5"),
    "spool": Colour("#b27a00", "#e69f00"),
    "retry": Colour("#d55e00", "#ff8a3d"),
    "opening": Colour("#4d4d4d", "#c4cad1"),
    "queue": Colour("#b0588f", "#e39bc8"),
    "sending": Colour("#009e73", "#2fc79a"),
    "dialogue": Colour("#0072b2", "#56b4e9"),
    "drop": Colour("#3a8dbf", "#56b4e9"),
    "select": Colour("#b0588f", "#e39bc8"),
    "delivered": Colour("#009e73", "#2fc79a"),
    "returned": Colour("#d55e00", "#ff8a3d"),
    "lost": Colour("#a3123a", "#ff6b8a"),
    "twice": Colour("#8f3f74", "#e39bc8"),
    "down": Colour("#d55e00", "#ff8a3d"),
    "fault": Colour("#7a6a55", "#c9b38f"),
    "run-a": Colour("#0072b2", "#56b4e9"),
    "run-b": Colour("#b34700", "#ff9d57"),
}
"""Colours of marks and lines; each has a contrast of at least 3 to the page and its panels."""

FILLS: Final = {
    "host": Colour("#ffffff", "#1c1f24"),
    "relay": Colour("#f0e442", "#b8ad1e"),
    "envelope": Colour("#f0e442", "#f0e442"),
    "given-up": Colour("#f0e442", "#b8ad1e"),
    "fault-shade": Colour("#f2ece4", "#322c24"),
}
"""Colours within an edge of ``ink``, or behind marks; the edge or the mark is what stands out."""

SERIES: Final = (
    Colour("#0072b2", "#56b4e9"),
    Colour("#d55e00", "#ff8a3d"),
    Colour("#009e73", "#2fc79a"),
    Colour("#b0588f", "#cc79a7"),
    Colour("#b27a00", "#e69f00"),
    Colour("#3a8dbf", "#9fd4f3"),
    Colour("#000000", "#ececec"),
    Colour("#8c6d1f", "#c9a95a"),
)
"""Colours of things that only have to be told apart: hosts, recipients, sums; c0 to c7 on pages."""


class PhaseLook(NamedTuple):
    """How a phase of a message looks: its words, colour (of MARKS), and hatch if the mail waits.

    ``turn`` is the angle of the hatch in degrees, ``hatch`` is the one of matplotlib, ``glyph`` is
    what a terminal shows.
    """

    words: str
    colour: str
    waits: bool
    turn: int
    hatch: str
    glyph: str


PHASES: Final = {
    "spool": PhaseLook("in a spool", "spool", True, 45, "////", "░"),
    "retry": PhaseLook("waits for a retry", "retry", True, -45, "\\\\\\\\", "▒"),
    "opening": PhaseLook("opens a channel", "opening", False, 0, "", "▂"),
    "line": PhaseLook("waits for a line", "queue", True, 90, "||||", "▓"),
    "sending": PhaseLook("sends mail data", "sending", False, 0, "", "█"),
    "dialogue": PhaseLook("commands and replies", "dialogue", False, 0, "", "▄"),
}
"""The phases, as :data:`lab.analysis.phases.PHASES` has them."""


class Stroke(NamedTuple):
    """How a line looks: what it stands for, its colour (of MARKS), width, and dashes in widths."""

    words: str
    colour: str
    width: float
    dashes: tuple[float, ...]


CROSSINGS: Final = {
    "command": Stroke("command", "command", 1.2, ()),
    "reply": Stroke("reply", "reply", 1.2, (5, 2)),
    "piece": Stroke("piece of a reply", "reply", 0.8, (2, 2)),
    "error": Stroke("reply that refuses", "refusal", 1.6, (5, 1.5)),
    "data": Stroke("mail data", "mail", 2.8, ()),
    "unreachable": Stroke("no channel opens", "refusal", 1.2, (1, 2)),
}
"""What goes from one host to another, as :mod:`lab.analysis.ladder_rows` calls it."""


class Sign(NamedTuple):
    """A sign that stands for one thing: what it means, and how it is drawn.

    ``colour`` is one of MARKS or FILLS. ``points`` are the corners of its outline, from -6 to 6, y
    downward; without any it is a circle. ``marker`` is the one of matplotlib, "" for the outline.
    ``is_full``: it is filled with its colour and has an edge of ``ink``; otherwise its edge has the
    colour. ``glyph`` is what a terminal shows.
    """

    words: str
    colour: str
    is_full: bool
    points: tuple[tuple[float, float], ...]
    marker: str
    glyph: str


_CROSS: Final = (
    (-6, -3), (-3, -6), (0, -3), (3, -6), (6, -3), (3, 0),
    (6, 3), (3, 6), (0, 3), (-3, 6), (-6, 3), (-3, 0),
)  # fmt: skip
_SQUARE: Final = ((-5, -5), (5, -5), (5, 5), (-5, 5))
_DIAMOND: Final = ((0, -6), (5, 0), (0, 6), (-5, 0))
_TWO_DIAMONDS: Final = (
    (-6, 0), (-3, -5), (0, -0.6), (3, -5), (6, 0), (3, 5), (0, 0.6), (-3, 5),
)  # fmt: skip
_DOWN: Final = ((-6, -5), (6, -5), (0, 6))
_UP: Final = ((-6, 5), (6, 5), (0, -6))
_RIGHT: Final = ((-5, -6), (6, 0), (-5, 6))
_PLUS: Final = (
    (-2, -6), (2, -6), (2, -2), (6, -2), (6, 2), (2, 2),
    (2, 6), (-2, 6), (-2, 2), (-6, 2), (-6, -2), (-2, -2),
)  # fmt: skip

ENDS: Final = {
    "delivered": Sign("delivered", "delivered", True, (), "o", "●"),
    "returned": Sign("returned to the originator", "returned", False, _SQUARE, "s", "□"),
    "lost": Sign("LOST", "lost", True, _CROSS, "X", "✖"),
    "twice": Sign("TWICE", "twice", True, _TWO_DIAMONDS, "", "◆"),
    "terminal": Sign("shown on the terminal", "drop", True, _UP, "^", "▲"),
    "rejected": Sign("rejected at hand-over", "ink", True, _SQUARE, "s", "■"),
    "refused": Sign("refused for good", "refusal", False, _CROSS, "X", "x"),
    "expired": Sign("given up", "given-up", True, _DOWN, "v", "▼"),
    "abandoned": Sign("notification abandoned", "given-up", True, _DIAMOND, "D", "◇"),
    "open": Sign("no outcome yet", "router", False, _RIGHT, ">", "▷"),
    "round": Sign("takes another route from here", "command", False, _PLUS, "P", "+"),
}
"""What becomes of a message; the first four look like nothing else, at any size."""

FAULTS: Final = {
    "down": Sign("down", "down", True, _CROSS, "X", "✖"),
    "disturbed": Sign("disturbed", "down", False, _DIAMOND, "d", "◇"),
    "moment": Sign("a momentary fault", "ink", True, _DIAMOND, "d", "◆"),
}
"""Faults: where nothing gets through, any other that lasts, and one that is over at once."""

FAULT_KINDS: Final = {
    "link-down": "↯", "partition": "║", "host-down": "▽", "crash": "✖", "loss": "∿",
    "latency": "~", "jitter": "≋", "bandwidth": "≈", "busy": "◔", "storage-full": "▣",
    "refuse": "⊘", "hang-up": "✂", "one-way": "→", "clock-skew": "◷", "change-reply": "≠",
    "change-command": "⇄",
}  # fmt: skip
"""A glyph for each kind of fault, beside its name."""

CUT: Final = Sign("cut on the way: tail and head", "refusal", False, _CROSS, "x", "✖")
"""Bytes that were on their way when their channel was lost have one at either end."""

HOSTS: Final = {
    "host": Sign("host", "host", True, (), "o", "o"),
    "relay": Sign("host that relays", "relay", True, _SQUARE, "s", "□"),
    "router": Sign("router, no SMTP", "router", True, _DIAMOND, "D", "◇"),
}

BROKEN: Final = Sign("a rule is broken", "lost", True, _UP, "^", "⚠")
"""A broken rule or a failed ``[expect]``; its words stand in every picture of the run."""

TERMINAL: Final = {
    "command": "bright_blue", "reply": "green", "refusal": "red", "mail": "yellow",
    "session": "cyan", "spool": "yellow", "line": "bright_black", "select": "magenta",
    "delivered": "green", "returned": "bright_red", "lost": "red", "twice": "magenta",
    "rejected": "magenta", "open": "cyan", "down": "red", "quiet": "bright_black",
}  # fmt: skip
"""What a terminal has for these colours: names of its sixteen, whose looks its reader has chosen.

The stepper and the tables of a run read them. A sign, a letter or a word says the same.
"""

COLOURS: Final = {**SURFACES, **TEXTS, **RULES, **MARKS, **FILLS}
"""Every colour that has a name."""


def css_variables(is_dark: bool) -> str:
    """Return all colours as custom properties of a style sheet: ``--ink: #1a1a1a; ...``."""
    named = {**COLOURS, **{f"c{n}": colour for n, colour in enumerate(SERIES)}}
    return " ".join(
        f"--{name}: {colour.dark if is_dark else colour.light};" for name, colour in named.items()
    )


def style_sheet(selector: str) -> str:
    """Return the rules that set all colours for a part of a page, and follow its theme.

    The part may have ``data-theme``, "light" or "dark"; without it, the reader's own choice counts.
    """
    light, dark = (f"color-scheme: {name}; {css_variables(name == 'dark')}" for name in _THEMES)
    return (
        f"{selector} {{ {light} }}\n"
        "@media (prefers-color-scheme: dark) {\n"
        f'  {selector}:not([data-theme="light"]) {{ {dark} }}\n}}\n'
        f'{selector}[data-theme="dark"] {{ {dark} }}\n'
    )


_THEMES: Final = ("light", "dark")


def outline(sign: Sign, size: float = 6.0) -> str:
    """Return the outline of a sign as the ``d`` of an SVG path, from -size to size."""
    if not sign.points:
        r = size * 0.85
        return f"M{-r:g} 0a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0Z"
    scaled = (f"{x * size / 6:g} {y * size / 6:g}" for x, y in sign.points)
    return f"M{'L'.join(scaled)}Z"


def as_data() -> dict[str, object]:
    """Return what a page needs to draw the same signs: JSON's kinds of value only."""
    return {
        "phases": {name: look._asdict() for name, look in PHASES.items()},
        "crossings": {name: {**stroke._asdict(), "dashes": list(stroke.dashes)}
                      for name, stroke in CROSSINGS.items()},
        "ends": {name: _drawn(sign) for name, sign in ENDS.items()},
        "faults": {name: _drawn(sign) for name, sign in FAULTS.items()},
        "fault_kinds": dict(FAULT_KINDS),
        "hosts": {name: _drawn(sign) for name, sign in HOSTS.items()},
        "broken": _drawn(BROKEN),
        "cut": _drawn(CUT),
    }  # fmt: skip


def _drawn(sign: Sign) -> dict[str, object]:
    return {
        "words": sign.words, "colour": sign.colour, "full": sign.is_full,
        "outline": outline(sign), "glyph": sign.glyph,
    }  # fmt: skip
