"""What a file changes of the hosts and links of its graph.

A ``[[host]]`` or ``[[link]]`` beside ``graph`` or ``[generate]`` that names what the graph has
replaces the keys that it gives; one that names something else is added. A name may be a label or,
for many at once, a glob.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.quantities import as_toml
from lab.topology.diagnostics import Diagnostics
from lab.topology.globs import is_glob
from lab.topology.positions import Place
from lab.topology.selection import Ambiguous, HostTables, LinkTables
from lab.topology.turning import turned


@dataclass
class Changed:
    """Hosts and links of a graph, with what a file changes.

    ``written`` has the place in the file of each value that came from there, by its place in these
    tables.
    """

    hosts: list[Any]
    links: list[Any]
    written: dict[Place, Place] = field(default_factory=dict)

    def line(self, key: str, number: int, *inner: str) -> Place:
        """Return a place for a problem of a table of the file that none of these tables is."""
        self.written[key, -1 - number] = (key, number)
        return (key, -1 - number, *inner)


def change(
    hosts: Sequence[Any],
    links: Sequence[Any],
    raw: Mapping[str, Any],
    environment: str,
    diagnostics: Diagnostics,
) -> Changed:
    """Return the hosts and links of a graph with the changes of a file, whose tables are ``raw``.

    ``environment`` is that of links that name none.
    """
    own_hosts, own_links = raw.get("host"), raw.get("link")
    changed = Changed(list(hosts), list(links))
    names = HostTables(changed.hosts)
    for number, own in enumerate(_tables("host", own_hosts, diagnostics)):
        _change_host(changed, own, number, names, diagnostics)
    own_links = _tables("link", own_links, diagnostics)
    if len(changed.hosts) > len(names.names):
        _note_alone(changed, len(names.names), own_links, names, diagnostics)
        names = HostTables(changed.hosts)
    known = LinkTables(changed.links, names)
    for number, own in enumerate(own_links):
        _change_link(changed, own, number, known, environment, raw, diagnostics)
    return changed


def _tables(key: str, value: Any, diagnostics: Diagnostics) -> list[Any]:
    if isinstance(value, list):
        return value
    if value is not None:
        text = f"there may be several of these; write [[{key}]] and its keys below it"
        diagnostics.problem((key,), text)
    return []


def _change_host(
    changed: Changed, own: Any, number: int, names: HostTables, diagnostics: Diagnostics
) -> None:
    name = own.get("name") if isinstance(own, dict) else None
    if not isinstance(name, str):
        _add(changed, "host", own, number)
        return
    try:
        places = names.find(name)
    except Ambiguous as why:
        diagnostics.problem(changed.line("host", number, "name"), str(why))
        return
    if not places and is_glob(name):
        text = f"no host of the graph is like {as_toml(name)}{names.hint(name)}"
        diagnostics.problem(changed.line("host", number, "name"), text)
    elif not places:
        _add(changed, "host", own, number)
    for place in places:
        table = changed.hosts[place]
        if own.keys() & {"users", "user"}:
            table = {key: value for key, value in table.items() if key not in ("users", "user")}
        changed.hosts[place] = _merged(changed, "host", place, table, own, number, ("name",))


def _add(changed: Changed, key: str, own: Any, number: int) -> None:
    tables = changed.hosts if key == "host" else changed.links
    changed.written[key, len(tables)] = (key, number)
    tables.append(own)


def _merged(
    changed: Changed,
    key: str,
    place: int,
    table: dict[str, Any],
    own: dict[str, Any],
    number: int,
    names: tuple[str, ...],
) -> dict[str, Any]:
    """Return a table with the keys of the file's, but for those that only name it.

    Tables within a table are merged key by key.
    """
    merged = dict(table)
    for inner, value in own.items():
        if inner not in names:
            before = merged.get(inner)
            both = isinstance(before, dict) and isinstance(value, dict)
            merged[inner] = copy.deepcopy({**before, **value} if both else value)  # type: ignore[dict-item]
            changed.written[key, place, inner] = (key, number, inner)
    return merged


def _note_alone(
    changed: Changed, first: int, links: list[Any], names: HostTables, diagnostics: Diagnostics
) -> None:
    """Note hosts that were added and have no link: perhaps a host of the graph is meant."""
    ends = {
        end
        for link in links
        if isinstance(link, dict) and isinstance(link.get("between"), list)
        for end in link["between"]
        if isinstance(end, str)
    }
    joined = HostTables([{"name": end} for end in sorted(ends)])
    for number, host in enumerate(changed.hosts[first:], first):
        name = host.get("name") if isinstance(host, dict) else None
        if isinstance(name, str) and joined.exact(name) is None:
            hint = names.hint(name, "; write a [[link]] for it, or a name that the graph has")
            text = f"{as_toml(name)} is not in the graph, and no link joins it{hint}"
            diagnostics.note(("host", number), text)


def _change_link(
    changed: Changed,
    own: Any,
    number: int,
    known: LinkTables,
    environment: str,
    raw: Mapping[str, Any],
    diagnostics: Diagnostics,
) -> None:
    between = own.get("between") if isinstance(own, dict) else None
    if not isinstance(between, list) or [type(end) for end in between] != [str, str]:
        _add(changed, "link", own, number)
        return
    a, b = between
    try:
        places = known.between(a, b)
    except Ambiguous as why:
        diagnostics.problem(changed.line("link", number, "between"), str(why))
        return
    places = _told_apart(changed, places, own, environment, is_glob(a) or is_glob(b))
    if not places and (is_glob(a) or is_glob(b)):
        lacking = next((end for end in (a, b) if not known.hosts.find(end)), None)
        hint = "" if lacking is None else known.hosts.hint(lacking)
        text = f"no link of the graph joins hosts like {as_toml(a)} and {as_toml(b)}{hint}"
        diagnostics.problem(changed.line("link", number, "between"), text)
    elif not places:
        _add(changed, "link", own, number)
    for place in places:
        is_turned = "back" in own and known.is_turned(place, a, b)
        table = turned(changed.links[place], raw) if is_turned else changed.links[place]
        if isinstance(table.get("back"), dict):  # what is said of both directions holds for both
            back = {key: value for key, value in table["back"].items() if key not in own}
            table = {**table, "back": back}
        table = _merged(changed, "link", place, table, own, number, ("between",))
        if is_turned:
            table = _turned_back(changed, place, table, number, raw)
            if table["between"][0] != changed.links[place]["between"][0]:
                known.turn(place)
        changed.links[place] = table


def _turned_back(
    changed: Changed, place: int, table: dict[str, Any], number: int, raw: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a link as the graph has it, with the ends in its order, if that says the same."""
    again = turned(table, raw)
    back = table.get("back")
    if not isinstance(back, dict) or back.keys() != again["back"].keys():
        return table
    for key in back:
        changed.written["link", place, key] = ("link", number, "back", key)
    return again


def _told_apart(
    changed: Changed, places: list[int], own: dict[str, Any], environment: str, is_many: bool
) -> list[int]:
    """Return those of several links that a table means: by its name and its environment.

    Where none of them has that name or environment, the table is another link, unless it is for
    ``is_many`` links: then it gives them that environment.
    """
    if "name" in own:
        places = [each for each in places if changed.links[each].get("name") == own["name"]]
    if "environment" in own:
        same = [
            each
            for each in places
            if changed.links[each].get("environment", environment) == own["environment"]
        ]
        return same if same or not is_many else places
    return places
