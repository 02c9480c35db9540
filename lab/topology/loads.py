"""What a file leaves open about traffic: numbers in files, matrices, and the rate that follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lab.quantities import as_toml, parse_duration, parse_size
from lab.topology.csv_files import RowFault, numbers
from lab.topology.demands import per_second, read_matrix
from lab.topology.distributions import MOST_VALUES, Distribution
from lab.topology.hosts import Hosts
from lab.topology.maps.map import GraphFault
from lab.topology.problems import Place, join_some
from lab.topology.traffic_specs import TrafficSpec

_TABLES: Final = (".csv", ".tsv", ".txt")
"""The endings of files of rows; any other is a graph with demands."""


class Matrices:
    """Completes traffic with what files and the graph say.

    ``of_graph`` are the demands of the graph, by sender and receiver; ``read_graph`` returns those
    of another graph file. Files are found from ``folder``.
    """

    def __init__(
        self,
        hosts: Hosts,
        folder: Path,
        of_graph: Mapping[tuple[str, str], float],
        read_graph: Callable[[Path], Mapping[tuple[str, str], float]],
    ) -> None:
        self._hosts = hosts
        self._folder = folder
        self._of_graph = of_graph
        self._read_graph = read_graph
        self._titles = {spec.title: spec.name for spec in hosts.specs.values() if spec.title}

    def completed(self, traffic: TrafficSpec, place: Place) -> TrafficSpec:
        """Return traffic that needs no file: with its demands, its count and its rate."""
        problem = self._hosts.diagnostics.problem
        traffic = replace(
            traffic,
            size=self._filled(traffic.size, (*place, "size"), parse_size),
            arrivals=self._filled(traffic.arrivals, (*place, "arrivals"), parse_duration),
        )
        if traffic.until is not None and traffic.until <= traffic.start:
            problem((*place, "until"), "it ends before it begins; write a later time")
        has_demands = bool(traffic.matrix or traffic.demands)
        if traffic.matrix and traffic.demands:
            problem((*place, "matrix"), "matrix and demands cannot be given together; write one")
        demands = self._demands(traffic, place)
        if traffic.rate is None:
            traffic = replace(traffic, rate=self._rate(traffic, demands, place))
        if traffic.count is None and traffic.until is None:
            if has_demands:
                traffic = replace(traffic, count=len(demands))
            else:
                text = 'count is missing; write count = 100, or until = "8 h"'
                self._hosts.diagnostics.missing((*place, "count"), text)
        return replace(traffic, demands=tuple(demands), matrix="")

    def _filled(self, value: Any, place: Place, parse: Any) -> Any:
        if not isinstance(value, Distribution) or not value.file:
            return value
        try:
            values = numbers(self._folder / value.file, parse, MOST_VALUES)
            if min(values) < 0 or not any(values):
                raise RowFault(f"{value.file} has a negative number, or nothing but 0")
        except RowFault as why:
            self._hosts.diagnostics.problem(place, str(why))
            values = (1.0,)
        return replace(value, file="", values=values)

    def _rate(self, traffic: TrafficSpec, demands: list[Any], place: Place) -> float:
        """Return the rate that demands, or gaps with a scale, say."""
        if demands:
            size = traffic.size
            each = size.average if isinstance(size, Distribution) else float(size)
            total = sum(value for *_, value in demands)
            text = (
                f"{len(demands)} demands, {total:g}{'' if traffic.unit[0] == '/' else ' '}"
                f"{traffic.unit} in all; rate sets another sum"
            )
            self._hosts.diagnostics.note(place, text)
            return per_second(traffic.unit, total, each)
        elif isinstance(traffic.arrivals, Distribution):
            return 1 / traffic.arrivals.average
        if not (traffic.matrix or traffic.demands):
            text = 'rate is missing; write rate = "2 /min"'
            self._hosts.diagnostics.missing((*place, "rate"), text)
        return 1.0

    def _demands(self, traffic: TrafficSpec, place: Place) -> list[tuple[str, str, float]]:
        if traffic.matrix == "graph":
            return self._from_graph((*place, "matrix"))
        if traffic.matrix:
            return self._from_file(traffic.matrix, traffic.unit, (*place, "matrix"))
        demands = []
        for number, (a, b, value) in enumerate(traffic.demands):
            where = (*place, "demands", number)
            hosts = [self._hosts.existing(name, where, speaks=True) for name in (a, b)]
            if hosts[0] is not None and hosts[1] is not None:
                demands.append((hosts[0].name, hosts[1].name, value))
        return self._with_users(demands, (*place, "demands"))

    def _from_graph(self, place: Place) -> list[tuple[str, str, float]]:
        if not self._of_graph:
            text = (
                "the graph has no demands; write the name of a CSV file with the columns from, to "
                "and value"
            )
            self._hosts.diagnostics.problem(place, text)
        demands = [
            (a, b, value) for (a, b), value in self._of_graph.items() if value > 0 and a != b
        ]
        return self._with_users(demands, place)

    def _from_file(self, name: str, unit: str, place: Place) -> list[tuple[str, str, float]]:
        path = self._folder / name
        try:
            if path.suffix.lower() in _TABLES:
                demands, left_out, unused = read_matrix(path, self._host, unit)
            else:
                demands, left_out, unused = self._of_other_graph(path), 0, []
        except (RowFault, GraphFault) as why:
            self._hosts.diagnostics.problem(place, str(why))
            return []
        if unused:
            text = f"{path.name}: columns that were not used: {join_some(unused)}"
            self._hosts.diagnostics.note(place, text)
        if left_out:
            text = f"{left_out} demands of a host to itself were left out"
            self._hosts.diagnostics.note(place, text)
        return self._with_users(demands, place)

    def _of_other_graph(self, path: Path) -> list[tuple[str, str, float]]:
        """Return the demands of a file of another format, such as SNDlib's."""
        demands = []
        for (a, b), value in self._read_graph(path).items():
            hosts = self._host(a), self._host(b)
            if hosts[0] is None or hosts[1] is None:
                name = a if hosts[0] is None else b
                raise RowFault(f"{path.name}: there is no host {as_toml(name)} for its demands")
            if value > 0 and a != b:
                demands.append((hosts[0], hosts[1], value))
        if not demands:
            raise RowFault(
                f"{path.name} has no demands; write CSV with the columns from, to, value"
            )
        return demands

    def _host(self, name: str) -> str | None:
        host = self._hosts.find(name)
        return self._titles.get(name) if host is None else host.name

    def _with_users(
        self, demands: list[tuple[str, str, float]], place: Place
    ) -> list[tuple[str, str, float]]:
        """Return the demands between hosts that have users; a problem if there are none."""
        specs = self._hosts.specs
        kept = [each for each in demands if specs[each[0]].users and specs[each[1]].users]
        if demands and not kept:
            text = "no demand is between hosts that have users; write users = [...] at them"
            self._hosts.diagnostics.problem(place, text)
        elif len(kept) < len(demands):
            lacking = next(name for a, b, _ in demands for name in (a, b) if not specs[name].users)
            text = (
                f"{len(demands) - len(kept)} of {len(demands)} demands were left out: "
                f"{as_toml(lacking)}, for one, has no users"
            )
            self._hosts.diagnostics.note(place, text)
        return kept
