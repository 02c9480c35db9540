"""The table of attributes in the guide on maps, made from the names that the code uses.

Write it again: ``python -m tests.helpers.map_attributes``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from lab.topology.declarations import settings_of
from lab.topology.maps.attributes import OF_EDGES
from lab.topology.specs import LinkSpec

GUIDE: Final = Path(__file__).resolve().parents[2] / "lab" / "help" / "maps.md"
REGION: Final = re.compile(r"(?<=<!-- attributes -->\n).*?(?=<!-- /attributes -->)", re.S)


def completed(guide: str) -> str:
    """Return the text of the guide with the table."""
    return REGION.sub(lambda _: _table(), guide, count=1)


def _table() -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    keys = {setting.key for setting in settings_of(LinkSpec)}
    for name, use in OF_EDGES.items():
        if use.key not in keys:
            continue
        unit = use.unit
        if use.unit_in and unit:
            unit = f"in the unit of its own attribute (such as `{use.unit_in[0]}`), or in {unit}"
        elif unit:
            unit = f"in {unit}"
        rows.setdefault((use.key, unit), []).append(f"`{name}`")
    lines = ["| key | attributes of edges | a number without a unit |", "| --- | --- | --- |"]
    lines += [f"| `{key}` | {', '.join(names)} | {unit} |" for (key, unit), names in rows.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    GUIDE.write_text(completed(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
    print("written: lab/help/maps.md")
