"""An experiment: its topology, the values and seeds of its runs, and the topology of each run."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from lab.experiments.sweep.measures import Measure
from lab.experiments.sweep.relays import RELAYS, parse_relays, place_relays
from lab.topology.model import Topology, from_dict

MOST_TRIED: Final = 64
"""The most combinations of values that are all checked before the first run."""


@dataclass(frozen=True, slots=True)
class GridPoint:
    """A combination of values: those in the columns of the table, and those set in the topology."""

    values: dict[str, Any]
    sets: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """A run to be made: its row in the table, its values, its seed, and the key of its content."""

    number: int
    point: GridPoint
    seed: int
    key: str


@dataclass(slots=True)
class Experiment:
    """An experiment that has been checked.

    ``tables`` and ``graphs`` are the contents of the topology file and of the maps that it names.
    A run requires nothing else, so it may be made on a machine without these files. ``labels`` are
    the texts that plots show for a key or a measure. ``max_events`` and ``max_seconds`` cut off
    each run that goes on for too long.
    """

    title: str
    tables: dict[str, Any]
    seeds: list[int]
    measures: list[Measure]
    fixed: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, list[Any]] = field(default_factory=dict)
    cases: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    until: float | None = None
    graphs: dict[str, bytes] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    max_events: int | None = None
    max_seconds: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether runs may be cut off."""
        return self.max_events is not None or self.max_seconds is not None

    @property
    def axes(self) -> list[str]:
        """The columns that, with the seed, identify a run, in the order of the file."""
        return [*(["case"] if self.cases else []), *self.grid]

    def points(self) -> Iterator[GridPoint]:
        """Yield the combinations; the values of the last key change first."""
        cases: list[tuple[str | None, dict[str, Any]]] = [*self.cases] or [(None, {})]
        for (name, chosen), values in itertools.product(
            cases, itertools.product(*self.grid.values())
        ):
            tried = dict(zip(self.grid, values, strict=True))
            shown_as = tried if name is None else {"case": name, **tried}
            yield GridPoint(shown_as, {**self.fixed, **chosen, **tried})

    def __len__(self) -> int:
        """Return the number of runs."""
        points = max(1, len(self.cases))
        for values in self.grid.values():
            points *= len(values)
        return points * len(self.seeds)

    def content(self) -> str:
        """Return a digest of the topology and its maps, in hexadecimal."""
        text = json.dumps(self.tables, sort_keys=True, default=str).encode()
        hashed = hashlib.sha256(text)
        for name in sorted(self.graphs):
            hashed.update(name.encode() + b"\0" + self.graphs[name])
        return hashed.hexdigest()


def covering_points(made: Experiment) -> list[GridPoint]:
    """Return all combinations; if there are too many, enough to have every value in one."""
    points = max(1, len(made) // len(made.seeds))
    if points <= MOST_TRIED:
        return list(made.points())
    longest = max([len(made.cases), *(len(values) for values in made.grid.values())])
    cases: list[tuple[str | None, dict[str, Any]]] = [*made.cases] or [(None, {})]
    covering = []
    for number in range(longest):
        name, chosen = cases[number % len(cases)]
        tried = {key: values[number % len(values)] for key, values in made.grid.items()}
        case = {} if name is None else {"case": name}
        covering.append(GridPoint({**case, **tried}, {**made.fixed, **chosen, **tried}))
    return covering


def topology_of(
    tables: Mapping[str, Any], graphs: Mapping[str, bytes], sets: Mapping[str, Any], seed: int
) -> Topology:
    """Return the topology of one run; raises TopologyError or :class:`RelaysFault`."""
    relays: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    for key, value in sets.items():
        (relays if key in RELAYS else overrides)[key] = value
    placing = parse_relays(relays)
    graph = overrides.get("graph", tables.get("graph"))
    if isinstance(graph, str) and graph in graphs:
        overrides["graph"] = str(_unpacked(graph, graphs[graph]))
    topology = from_dict(tables, sets=overrides, seed=seed)
    return topology if placing is None else place_relays(topology, placing, seed)


def _unpacked(name: str, octets: bytes) -> Path:
    """Write a map to a file on this machine; its suffix names the format."""
    digest = hashlib.sha256(octets).hexdigest()[:24]
    path = Path(_folder().name) / f"{digest}{Path(name).suffix}"
    if not path.exists():
        path.write_bytes(octets)
    return path


@cache
def _folder() -> TemporaryDirectory[str]:
    """Return a temporary directory that is deleted when this process ends."""
    return TemporaryDirectory(prefix="smtp-lab-")
