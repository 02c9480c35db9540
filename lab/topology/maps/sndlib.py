"""SNDlib's native format: sections of nodes, links and demands in parentheses."""

from __future__ import annotations

import re
from typing import Any, Final

from lab.topology.maps.map import GraphFault, Map, number_or_text

_TOKEN: Final = re.compile(r"[()]|[^\s()]+")
_UNIT: Final = re.compile(r"^\s*unit\s*=\s*(\S+)", re.M)


def read_sndlib(text: str) -> Map:
    """Return the map of a file in SNDlib's native format."""
    made = Map("SNDlib")
    if unit := _UNIT.search(text):
        made.attributes["capacity_unit"] = unit[1]
    uncommented = re.sub(r"^\s*[#?].*", "", text, flags=re.M)
    for name, entries in _sections(uncommented):
        take = {"NODES": _node, "LINKS": _link, "DEMANDS": _demand}.get(name.upper())
        for number, entry in enumerate(entries if take else (), 1):
            try:
                assert take is not None
                take(made, entry)
            except (IndexError, TypeError, ValueError):
                shown = " ".join(each for each in entry if isinstance(each, str))[:60]
                raise GraphFault(
                    f"entry {number} of {name}, {shown!r}, is not understood"
                ) from None
    if not made.nodes:
        raise GraphFault("it has no NODES ( ... )")
    return made


def _sections(text: str) -> list[tuple[str, list[list[Any]]]]:
    """Return the sections of a text, and of each its entries: words, and lists in parentheses."""
    sections: list[tuple[str, list[list[Any]]]] = []
    name = ""
    # a section is NAME ( entries ); an entry ends with its line
    for match in re.finditer(r"^[ \t]*([A-Z_]+)[ \t]*\((.*?)^[ \t]*\)", text, re.S | re.M):
        name, body = match[1], match[2]
        sections.append((name, [_entry(line) for line in body.splitlines() if line.strip()]))
    return sections


def _entry(line: str) -> list[Any]:
    entry: list[Any] = []
    inner: list[Any] | None = None
    for token in _TOKEN.findall(line):
        if token == "(":
            inner = []
            entry.append(inner)
        elif token == ")":
            inner = None
        else:
            (entry if inner is None else inner).append(token)
    return entry


def _node(made: Map, entry: list[Any]) -> None:
    place = entry[1] if len(entry) > 1 else []
    made.add_node(entry[0], {"pos": list(map(float, place))} if len(place) == 2 else {})


def _link(made: Map, entry: list[Any]) -> None:
    name, (a, b), *numbers = entry
    scalars = [each for each in numbers if isinstance(each, str)]
    modules = next((each for each in numbers if isinstance(each, list)), [])
    capacity = number_or_text(scalars[0]) if scalars else 0
    if capacity == 0 and modules:
        capacity = number_or_text(modules[0])
    attributes = {"id": name, "capacity": capacity}
    for place, key in ((2, "routingCost"), (3, "setupCost")):
        if len(scalars) > place:
            attributes[key] = number_or_text(scalars[place])
    made.add_edge(a, b, attributes)


def _demand(made: Map, entry: list[Any]) -> None:
    _, (a, b), _, value, *_ = entry
    made.demands.append((a, b, float(value)))
