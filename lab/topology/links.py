"""Build the environments and links of a file, and check that the ends exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from lab.hosts.checked import of_valid
from lab.quantities import parse_duration
from lab.topology.csv_files import RowFault, numbers
from lab.topology.diagnostics import Diagnostics
from lab.topology.distances import great_circle, latency
from lab.topology.distributions import MOST_VALUES, Distribution
from lab.topology.hosts import Hosts, check_environment
from lab.topology.link_specs import LIGHT_IN_FIBRE, LinkBack
from lab.topology.problems import Place
from lab.topology.specs import Environment, HostSpec, LinkSpec


def build_environments(tables: Any, diagnostics: Diagnostics) -> dict[str, Environment]:
    """Return the environments by name, in the order of the file.

    Without any, there is one: "arpanet" over tcp.
    """
    environments: dict[str, Environment] = {}
    for number, table in enumerate(tables.environment):
        if table.name.lower() in {name.lower() for name in environments}:
            place = diagnostics.place("environment", number, "name")
            text = f"there is an environment {table.name} already; write another name"
            diagnostics.problem(place, text)
        else:
            environments[table.name] = Environment(**table.values())
    return environments or {"arpanet": Environment("arpanet", "tcp")}


def build_links(
    tables: Any, environments: Mapping[str, Environment], hosts: Hosts, folder: Path
) -> tuple[LinkSpec, ...]:
    """Return all links of the file or of its graph.

    Files that they name are read, by their paths from ``folder``.
    """
    defaults = _defaults(tables.defaults.link, environments, hosts.diagnostics)
    first: dict[Any, int] = {}
    links = []
    reader = _Reader(folder, hosts.diagnostics)
    for number, table in enumerate(tables.link):
        link = _link(table, number, defaults, environments, hosts, reader)
        if link is None:
            continue
        if link.ends in first:
            _is_there_twice(link, number, first[link.ends], hosts.diagnostics)
        else:
            first[link.ends] = number
            links.append(link)
    return tuple(links)


class _Reader:
    """Reads the files that distributions name, each once."""

    def __init__(self, folder: Path, diagnostics: Diagnostics) -> None:
        self._folder = folder
        self._diagnostics = diagnostics
        self._known: dict[str, tuple[float, ...]] = {}

    def filled(self, value: Any, place: Place) -> Any:
        """Return a distribution with the numbers of its file; anything else unchanged."""
        if not isinstance(value, Distribution) or not value.file:
            return value
        try:
            if value.file not in self._known:
                path = self._folder / value.file
                self._known[value.file] = numbers(path, parse_duration, MOST_VALUES)
        except RowFault as why:
            self._diagnostics.problem(place, str(why))
            self._known[value.file] = (0.0,)
        return replace(value, file="", values=self._known[value.file])


def _defaults(
    table: Any, environments: Mapping[str, Environment], diagnostics: Diagnostics
) -> dict[str, Any]:
    """Return [defaults.link], without an environment that does not exist."""
    values = table.values()
    known = {key: values[key] for key in table.fields_given}
    name = known.get("environment")
    if name is not None and name not in environments:
        place = ("defaults", "link", "environment")
        check_environment(name, place, environments, diagnostics)
        del known["environment"]
    return known


def _is_there_twice(link: LinkSpec, number: int, first: int, diagnostics: Diagnostics) -> None:
    earlier = f"link[{diagnostics.place('link', first)[1]}]"
    diagnostics.problem(
        diagnostics.place("link", number, "between"),
        f"{link.a} and {link.b} are joined in {link.environment} by {earlier} already; write one "
        "link, or another environment, or tell them apart by a name",
    )


def _link(
    table: Any,
    number: int,
    defaults: Mapping[str, Any],
    environments: Mapping[str, Environment],
    hosts: Hosts,
    reader: _Reader,
) -> LinkSpec | None:
    diagnostics = hosts.diagnostics
    values = table.values()
    values |= {key: value for key, value in defaults.items() if key not in table.fields_given}
    ends = values["a"]
    values["environment"] = values["environment"] or next(iter(environments))
    place = diagnostics.place("link", number, "environment")
    check_environment(values["environment"], place, environments, diagnostics)
    a, b = [
        hosts.existing(name, diagnostics.place("link", number, "between", i))
        for i, name in enumerate(ends)
    ]
    if a is None or b is None:
        return None
    if a is b:
        text = f"a link joins {a.name} to itself; write the names of two hosts"
        diagnostics.problem(diagnostics.place("link", number, "between"), text)
        return None
    if values.get("bandwidth") == inf:
        values["bandwidth"] = None
    where = diagnostics.place("link", number)
    values["jitter"] = reader.filled(values.get("jitter", 0.0), (*where, "jitter"))
    back = values.get("back", LinkBack())
    if "distance" in (values.get("latency"), back.latency):
        seconds = _from_distance(values, a, b, where, diagnostics)
        values |= {"latency": seconds} if values.get("latency") == "distance" else {}
        back = replace(back, latency=seconds) if back.latency == "distance" else back
    # after that, for a LinkBack that is made checks that its latency is a number
    back = replace(back, jitter=reader.filled(back.jitter, (*where, "back", "jitter")))
    return of_valid(LinkSpec, values | {"a": a.name, "b": b.name, "back": back})


def _from_distance(
    values: Mapping[str, Any], a: HostSpec, b: HostSpec, place: Place, diagnostics: Diagnostics
) -> float:
    """Return the latency of a link of this length, or between the positions of two hosts."""
    km = values.get("dist")
    if km is None:
        lacking = next((host.name for host in (a, b) if host.position is None), None)
        if lacking is not None:
            text = (
                f"the distance is not known: {lacking} has no position; write position = "
                '[longitude, latitude] there, or dist = "120 km" here'
            )
            diagnostics.problem((*place, "latency"), text)
            return 0.0
        assert a.position is not None
        assert b.position is not None
        try:
            km = great_circle(a.position, b.position)
        except ValueError as why:
            text = f'the distance is not known: {why}; write dist = "120 km"'
            diagnostics.problem((*place, "latency"), text)
            return 0.0
    return latency(km, values.get("speed", LIGHT_IN_FIBRE))
