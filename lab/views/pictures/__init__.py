"""Pictures of a trace, drawn with matplotlib."""

from __future__ import annotations

from typing import Final

ENDINGS: Final = (".png", ".svg", ".pdf")
"""How the names of picture files end."""

LONGEST_FILM: Final = 3600
"""Seconds of an animation, at most."""
