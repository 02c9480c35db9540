"""Override values of a topology file: ``--set mail.0.size="2 kB"``.

A dotted path leads to the value. A number selects an item of a list; so does a name, if the tables
of the list have names: ``host.MIT-AI.ARPA.relay``. A host is also found by its label, a link by its
ends (``link.Denver-Chicago.latency``), and several by a glob (``host.den*.relay``). The value is
read as TOML or, if it is not TOML, as a text.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from lab.quantities import as_toml
from lab.topology.globs import is_glob
from lab.topology.problems import MANY, Place, did_you_mean, dotted, join_some
from lab.topology.schema import FileTable
from lab.topology.selection import Ambiguous, HostTables, LinkTables
from lab.topology.specs import Sets
from lab.topology.traffic import CONTENTS
from lab.topology.turning import turned

_INDEX: Final = re.compile(r"(?<=[\w\]])\[(\w+)\]")


class OverrideFault(ValueError):
    """Raised for an override that leads nowhere; the message says what would be right."""


def override(raw: dict[str, Any], sets: Sets) -> tuple[dict[Place, str], list[str]]:
    """Put overrides into the tables of a file; return the places that they set, with their paths.

    Overrides that lead nowhere are left out; the second result has a sentence for each of them.
    """
    places: dict[Place, str] = {}
    faults = []
    for path, value, spelled in _pairs(sets):
        try:
            if value is None:
                raise OverrideFault('it has no value; write KEY=VALUE, as in "mail.0.size=2 kB"')
            for place in _put(raw, path, value):
                places[place] = f"--set {path}"
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


def _steps(path: str) -> list[str]:
    # "mail[0]" is "mail.0"; the brackets of a host such as [10.0.0.1] are part of its name
    return _INDEX.sub(r".\1", path).split(".")


def _put(raw: dict[str, Any], path: str, value: Any) -> list[Place]:
    """Set the values that a path leads to; return their places."""
    steps = _steps(path)
    if not all(steps):
        raise OverrideFault('the path has an empty part; write one such as "mail.0.size"')
    return list(_set(raw, steps, (), value, raw))


def _set(
    container: Any, steps: list[str], place: Place, value: Any, raw: dict[str, Any]
) -> Iterator[Place]:
    """Set what the steps lead to from a table or list; yield the places."""
    keys: Sequence[Any]
    if isinstance(container, list):
        keys, taken = _pick(container, steps, place, raw)
    elif isinstance(container, dict):
        first, taken = _key(container, steps)
        keys = [first]
    else:
        raise OverrideFault(
            f"{dotted(place)} is {as_toml(container)}, which has no {steps[0]} in it; "
            f"write {dotted(place)}=VALUE"
        )
    for key in keys:
        here = (*place, key)
        if not steps[taken:]:
            container[key] = copy.deepcopy(value)
            _remove_other_content(container, here)
            yield here
            continue
        if isinstance(container, dict) and key not in container:
            container[key] = _new(here)
        yield from _set(container[key], steps[taken:], here, value, raw)


def _remove_other_content(table: Any, place: Place) -> None:
    """Remove the other keys for the content of a mail when one of them is set."""
    if place[0] == "mail" and len(place) == 3 and place[2] in CONTENTS:
        for key in CONTENTS:
            if key != place[2]:
                table.pop(key, None)


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


def _pick(
    container: list[Any], steps: list[str], place: Place, raw: dict[str, Any]
) -> tuple[list[int], int]:
    """Return the items of a list that the steps begin with, and how many steps name them."""
    if place in (("host",), ("link",)):
        return _pick_by_name(container, steps, place, raw)
    names = {
        table["name"].lower(): (number, table["name"])
        for number, table in reversed(list(enumerate(container)))
        if isinstance(table, dict) and isinstance(table.get("name"), str)
    }
    for taken in range(len(steps), 0, -1):
        item = names.get(".".join(steps[:taken]).lower())
        if item is not None:
            return [item[0]], taken
    if _is_number(steps[0]):
        return [_number(container, steps[0], place)], 1
    wanted = ".".join(steps[:-1] or steps)
    otherwise = "; write a number, counted from 0" + (" or a name" if names else "")
    meant = did_you_mean(wanted, (name for _, name in names.values()), otherwise)
    raise OverrideFault(f"{dotted(place)} has nothing named {as_toml(wanted)}{meant}")


def _pick_by_name(
    container: list[Any], steps: list[str], place: Place, raw: dict[str, Any]
) -> tuple[list[int], int]:
    """Return the hosts or links that the steps begin with, by name, label, number or glob."""
    hosts = HostTables(container if place == ("host",) else _listed(raw, "host"))
    among = hosts if place == ("host",) else LinkTables(container, hosts)
    texts = [".".join(steps[:taken]) for taken in range(len(steps), 0, -1)]
    texts.sort(key=is_glob)  # a name goes before a glob, and a longer one before a shorter
    try:
        for text in texts:
            if places := among.find(text):
                taken = text.count(".") + 1
                if isinstance(among, LinkTables):
                    _turn(container, among.turned(text), steps[taken : taken + 1], raw)
                return places, taken
    except Ambiguous as why:
        raise OverrideFault(str(why)) from None
    if _is_number(steps[0]):
        return [_number(container, steps[0], place)], 1
    wanted = ".".join(steps[:-1] or steps)
    hint = among.hint(wanted, "; write a name, or a number, counted from 0")
    raise OverrideFault(f"{dotted(place)} has nothing named {as_toml(wanted)}{hint}")


def _turn(container: list[Any], numbers: list[int], key: list[str], raw: dict[str, Any]) -> None:
    """Turn links that are named by their ends in the other order, where ``key`` has a direction."""
    for number in numbers:
        back = container[number].get("back")
        if key == ["back"] or (key and isinstance(back, dict) and key[0] in back):
            container[number] = turned(container[number], raw)


def _listed(raw: dict[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else []


def _is_number(step: str) -> bool:
    return step.isdecimal() and step.isascii() and len(step) < 10


def _number(container: list[Any], step: str, place: Place) -> int:
    if int(step) < len(container):
        return int(step)
    there_are = f"its numbers are 0 to {len(container) - 1}" if container else "it is empty"
    raise OverrideFault(f"{dotted(place)} has no number {step}; {there_are}")
