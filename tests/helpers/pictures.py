"""The picture at the top of README.md. Draw it again: ``python -m tests.helpers.pictures``."""

from __future__ import annotations

import io
import re
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

import lab

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / ".github" / "ladder.svg"


def drawn_now() -> str:
    """Return the ladder of the first scenario with a relay as SVG, the same at every call."""
    stable = {"svg.fonttype": "none", "svg.hashsalt": "lab"}
    anonymous = {"Date": None, "Creator": None}
    with mpl.rc_context(stable):
        axes = lab.simulate(ROOT / "topologies/rfc821/scenario-03.toml").plot("ladder")
        figure = axes.figure
        assert isinstance(figure, Figure)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", bbox_inches="tight", metadata=anonymous)
    return svg.getvalue()


def texts(svg: str) -> list[str]:
    """Return every text of an SVG, in the order in which it is drawn."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


if __name__ == "__main__":
    SHIPPED.write_text(drawn_now(), encoding="utf-8")
    print(f"drawn: {SHIPPED.relative_to(ROOT)}")
