"""The tables of keys in the topology guide. Write them again: ``python -m tests.helpers.keys``."""

from __future__ import annotations

import re
from pathlib import Path

from lab.topology.reference import reference

GUIDE = Path(__file__).resolve().parents[2] / "lab" / "help" / "topology.md"
REGION = re.compile(r"(?<=<!-- keys -->\n).*(?=<!-- /keys -->)", re.S)


def tables() -> str:
    """Return the tables of the reference page, a level below the guide's own headings."""
    _, heading, body = reference().partition("## The file\n")
    return "\n" + re.sub(r"^##", "###", heading + body, flags=re.M) + "\n"


def completed(guide: str) -> str:
    """Return the guide with its tables as the declarations have them now."""
    return REGION.sub(lambda _: tables(), guide)


if __name__ == "__main__":
    GUIDE.write_text(completed(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
    print("written: lab/help/topology.md")
