"""Override values of a topology file: ``--set mail.0.size="2 kB"``.

A dotted path leads to the value. A number selects an item of a list; so does a name, if the tables
of the list have names: ``host.MIT-AI.ARPA.relay``. The value is read as TOML or, if it is not TOML,
as a text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from lab.protocol import HostName
from lab.quantities import as_toml
from lab.topology.problems import MANY, Place, did_you_mean, dotted, join_some
from lab.topology.schema import FileTable
from lab.topology.specs import Sets
from lab.topology.traffic import CONTENTS

_INDEX: Final = re.compile(r"(?<=[\w\]])\[(\w+)\]")


class OverrideFault(ValueError):
    """Raised for an override that leads nowhere; the message says what would be right."""


def override(raw: dict[str, Any], sets: Sets) -> tuple[dict[Place, str], list[str]]:
    """Put overrides into the tables of a file; return the place that each of them set.

    Overrides that lead nowhere are left out; the second result has a sentence for each of them.
    """
    places: dict[Place, str] = {}
    faults = []
    for path, value, spelled in _pairs(sets):
        try:
            if value is None:
                raise OverrideFault('it has no value; write KEY=VALUE, as in "mail.0.size=2 kB"')
            places[_put(raw, path, value)] = f"--set {path}"
        except OverrideFault as why:
            faults.append(f"--set {spelled}: {why}")
    return places, faults


def split(sets: Sets) -> tuple[Sets, Sets]:
    """Return the overrides of hosts and links, which a graph may draw, after all the others."""
    if isinstance(sets, Mapping):
        drawn = {path: sets[path] for path in sets if _may_be_drawn(path)}
        return {path: sets[path] for path in sets if path not in drawn}, drawn
    texts = [sets] if isinstance(sets, str) else list(sets)
    return [each for each in texts if not _may_be_drawn(each)], list(filter(_may_be_drawn, texts))


def _may_be_drawn(text: str) -> bool:
    first, dot, _ = _INDEX.sub(r".\1", text.partition("=")[0].strip()).partition(".")
    return bool(dot) and first in ("host", "link")


def _pairs(sets: Sets) -> Iterable[tuple[str, Any, str]]:
    if isinstance(sets, Mapping):
        for path, value in sets.items():
            yield path, read(value) if isinstance(value, str) else value, path
        return
    for text in [sets] if isinstance(sets, str) else sets:
        path, equals, value = text.partition("=")
        spelled = text if len(text) < 80 else path
        yield path.strip(), read(value.strip()) if equals else None, spelled


def read(text: str) -> Any:
    """Return a text as a TOML value, or the text itself if it is not one."""
    try:
        tables = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return tables["value"] if tables.keys() == {"value"} else text


def _put(raw: dict[str, Any], path: str, value: Any) -> Place:
    """Set the value that a path leads to; return its place."""
    # "mail[0]" is "mail.0"; the brackets of a host such as [10.0.0.1] are part of its name
    steps = _INDEX.sub(r".\1", path).split(".")
    if not all(steps):
        raise OverrideFault('the path has an empty part; write one such as "mail.0.size"')
    place: Place = ()
    container: Any = raw
    key: str | int
    while True:
        if isinstance(container, list):
            key, taken = _pick(container, steps, place)
        elif isinstance(container, dict):
            key, taken = _key(container, steps)
        else:
            raise OverrideFault(
                f"{dotted(place)} is {as_toml(container)}, which has no {steps[0]} in it; "
                f"write {dotted(place)}=VALUE"
            )
        place, steps = (*place, key), steps[taken:]
        if not steps:
            container[key] = value
            _remove_other_content(container, place)
            return place
        if isinstance(container, dict) and key not in container:
            container[key] = _new(place)
        container = container[key]


def _remove_other_content(table: Any, place: Place) -> None:
    """Remove the other keys for the content of a mail when one of them is set."""
    if place[0] == "mail" and len(place) == 3 and place[2] in CONTENTS:
        for other in CONTENTS:
            if other != place[2]:
                table.pop(other, None)


def _key(container: dict[str, Any], steps: list[str]) -> tuple[str, int]:
    """Return the longest key of a table that the steps begin with; keys may have periods."""
    for taken in range(len(steps), 1, -1):
        if ".".join(steps[:taken]) in container:
            return ".".join(steps[:taken]), taken
    return steps[0], 1


def _new(place: Place) -> dict[str, Any]:
    """Return an empty table that the file does not have, such as [retry]."""
    if len(place) == 1 and place[0] in MANY:
        defaults = f", or set defaults.{place[0]}.KEY" if place[0] in ("host", "link") else ""
        raise OverrideFault(f"the file has no [[{place[0]}]]; write one into it{defaults}")
    known = FileTable.keys
    if len(place) == 1 and place[0] not in known:
        meant = did_you_mean(str(place[0]), known, f"; there are {join_some(known, 20)}")
        raise OverrideFault(f"there is no key {place[0]}{meant}")
    return {}


def _pick(container: list[Any], steps: list[str], place: Place) -> tuple[int, int]:
    """Return the item of a list that the steps begin with, and how many steps name it."""
    key: Callable[[str], Any] = HostName if place == ("host",) else str.lower
    names = {
        key(table["name"]): (number, table["name"])
        for number, table in reversed(list(enumerate(container)))
        if isinstance(table, dict) and isinstance(table.get("name"), str)
    }
    for taken in range(len(steps), 0, -1):
        item = names.get(key(".".join(steps[:taken])))
        if item is not None:
            return item[0], taken
    if steps[0].isdecimal() and steps[0].isascii() and len(steps[0]) < 10:
        if int(steps[0]) < len(container):
            return int(steps[0]), 1
        there_are = f"its numbers are 0 to {len(container) - 1}" if container else "it is empty"
        raise OverrideFault(f"{dotted(place)} has no number {steps[0]}; {there_are}")
    wanted = ".".join(steps[:-1] or steps)
    otherwise = "; write a number, counted from 0" + (" or a name" if names else "")
    meant = did_you_mean(wanted, (name for _, name in names.values()), otherwise)
    raise OverrideFault(f"{dotted(place)} has nothing named {as_toml(wanted)}{meant}")
