"""The guides: Markdown files that ship inside the package, for a terminal and for the site."""

from __future__ import annotations

from pathlib import Path
from typing import Final

GUIDES: Final = Path(__file__).resolve().parents[1] / "help"
"""The folder of the guides: ``TOPIC.md`` is the guide that ``lab help TOPIC`` shows."""


def topics() -> list[str]:
    """Return the names of the guides: the tour, then the others in alphabetical order."""
    return sorted(
        (path.stem for path in GUIDES.glob("*.md")), key=lambda name: (name != "tour", name)
    )


def guide(topic: str) -> str:
    """Return a guide as Markdown."""
    return (GUIDES / f"{topic}.md").read_text(encoding="utf-8")


def summary(text: str) -> str:
    """Return what a guide is about: its first paragraph after the title."""
    return " ".join(text.split("\n\n")[1].split())
