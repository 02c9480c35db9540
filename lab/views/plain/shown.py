"""A drawing as a notebook shows it where matplotlib is not installed."""

from __future__ import annotations

import base64
import sys
from html import escape
from pathlib import Path

from lab.runtime.escaping import visible
from lab.views.plain.drawing import Drawing


class Shown:
    """A drawing that a notebook has shown, in place of matplotlib's Axes.

    ``svg`` is its text, and ``alternative`` says in sentences what it shows.
    """

    def __init__(self, drawing: Drawing, alternative: str) -> None:
        self.svg = drawing.svg()
        self.alternative = alternative

    def save(self, path: str | Path) -> None:
        """Write the drawing as SVG into a file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def __repr__(self) -> str:
        return f"<{visible(self.alternative.partition('.')[0])}>"


def show(drawing: Drawing, alternative: str) -> Shown:
    """Show a drawing in a notebook's cell, as pyplot shows figures; return what was shown."""
    shown = Shown(drawing, alternative)
    notebook = sys.modules.get("IPython")
    if notebook is not None and notebook.get_ipython() is not None:
        from IPython.display import display

        data = {"text/html": image(shown.svg, alternative), "text/plain": repr(shown)}
        display(data, raw=True)  # type: ignore[no-untyped-call]
    return shown


def image(svg: str, alternative: str) -> str:
    """Return a drawing as HTML: an image that has its text alternative."""
    coded = base64.b64encode(svg.encode()).decode("ascii")
    words = escape(visible(alternative), quote=True)
    source = f"data:image/svg+xml;base64,{coded}"
    return f'<img src="{source}" alt="{words}" style="max-width: 100%">'
