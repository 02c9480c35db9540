"""Experiment files: what a sweep runs, checked in one pass.

An experiment is a topology, the values that are tried (``[grid]``: every combination; ``[[case]]``:
settings that go together, by name), the seeds of each, and the measures that are kept.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, ValidationError

from lab.experiments.sweep.measures import Measure, measures_of
from lab.experiments.sweep.relays import RELAYS, RelaysFault, parse_relays, place_relays
from lab.quantities import as_toml, parse_duration, single_line
from lab.topology.model import Topology, TopologyError, from_dict, load
from lab.topology.positions import lines_of
from lab.topology.problems import bounded, did_you_mean, dotted, join_some
from lab.topology.schema import Table, keys

Place = tuple[str | int, ...]

MOST_RUNS: Final = 1_000_000
"""Runs of one sweep; more is a slip of the grid."""

MOST_TRIED: Final = 64
"""Combinations of values that are checked before the first run; of more, some with every value."""


class SweepError(Exception):
    """A sweep that cannot be made or cannot go on; ``problems`` has a sentence for each reason."""

    def __init__(self, *problems: str) -> None:
        self.problems = [single_line(problem) for problem in problems]
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


def _seeds(value: object) -> object:
    wrong = ValueError(
        f'{as_toml(value)} tells no seeds; write how many, as in 10, a list, or a range, "0..9"'
    )
    if isinstance(value, bool) or not isinstance(value, (int, str, list, range, tuple)):
        raise wrong
    if isinstance(value, int):
        if not 1 <= value <= MOST_RUNS:
            raise ValueError(f"{value} seeds; write 1 or more, and at most {MOST_RUNS:,}")
        return list(range(value))
    if isinstance(value, str):
        first, dots, last = value.partition("..")
        if not dots or not (first.strip().isdecimal() and last.strip().isdecimal()):
            raise wrong
        found = range(int(first), int(last) + 1)
        if not 0 < len(found) <= MOST_RUNS:
            raise ValueError(f"{as_toml(value)} has no seed, or too many; write the least first")
        return list(found)
    if not value:
        raise ValueError("there are no seeds; write how many, as in 10")
    if any(isinstance(one, bool) or not isinstance(one, int) for one in value):
        raise ValueError("a seed is a whole number; write a list such as [1, 2, 3]")
    if len(set(value)) < len(value):
        raise ValueError("a seed stands there twice; the same seed gives the same run")
    return list(value)


def _not_negative(value: float) -> float:
    if value < 0:
        raise ValueError("it is before the run begins; write 0 or more")
    return value


Until = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_not_negative)]


class CaseTable(Table):
    """``[[case]]``: settings that go together, under a name."""

    name: Annotated[str, Field(min_length=1)]
    set: dict[str, Any] = Field(default={})


class SweepTable(Table):
    """The whole experiment file."""

    title: str = ""
    topology: Annotated[str, Field(min_length=1)]
    seeds: Annotated[list[StrictInt], BeforeValidator(_seeds)] = Field(default=[0])
    until: (
        Annotated[float, BeforeValidator(parse_duration), AfterValidator(_not_negative)] | None
    ) = None
    measures: Annotated[list[str], Field(min_length=1)]
    set: dict[str, Any] = Field(default={})
    grid: dict[str, Any] = Field(default={})
    case: list[CaseTable] = Field(default=[])
    labels: dict[str, str] = Field(default={})


EXAMPLES: Final = {
    "topology": 'topology = "campus.toml"',
    "measures": 'measures = ["delivered", "delivery_seconds.p95"]',
    "name": 'name = "slow lines"',
    "title": 'title = "How soon to try again"',
    "grid": '[grid] and below it a line a key, as in retry.first = ["5 min", "1 h"]',
    "set": '[set] and below it a line a key, as in retry.first = "5 min"',
    "labels": '[labels] and below it "retry.first" = "first retry after"',
    "case": "[[case]] and its keys below it",
}


@dataclass(frozen=True, slots=True)
class GridPoint:
    """One combination of values: what its columns show, and what it sets in the topology."""

    values: dict[str, Any]
    sets: dict[str, Any]


@dataclass(slots=True)
class Experiment:
    """An experiment that was found sound.

    ``tables`` and ``graphs`` are the topology file's content and that of the maps it names; a run
    needs nothing else, so that it may be made on a machine that has none of the files. ``labels``
    say what plots write for a key or a measure.
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

    @property
    def axes(self) -> list[str]:
        """The columns that tell runs apart beside the seed, as the file orders them."""
        return [*(["case"] if self.cases else []), *self.grid]

    def points(self) -> Iterator[GridPoint]:
        """The combinations, the last key's values changing first."""
        cases: list[tuple[str | None, dict[str, Any]]] = [*self.cases] or [(None, {})]
        for (name, chosen), values in itertools.product(
            cases, itertools.product(*self.grid.values())
        ):
            tried = dict(zip(self.grid, values, strict=True))
            shown_as = tried if name is None else {"case": name, **tried}
            yield GridPoint(shown_as, {**self.fixed, **chosen, **tried})

    def __len__(self) -> int:
        """How many runs there are."""
        points = max(1, len(self.cases))
        for values in self.grid.values():
            points *= len(values)
        return points * len(self.seeds)

    def content(self) -> str:
        """A digest of the topology and its maps, in hexadecimal."""
        told = json.dumps(self.tables, sort_keys=True, default=str).encode()
        hashed = hashlib.sha256(told)
        for name in sorted(self.graphs):
            hashed.update(name.encode() + b"\0" + self.graphs[name])
        return hashed.hexdigest()


def load_experiment(
    path: str | os.PathLike[str], given: Mapping[str, Any] | None = None
) -> Experiment:
    """The experiment of a file; raises :class:`SweepError` with every problem of it.

    ``given`` takes the place of keys of the file.
    """
    path, given = Path(path), dict(given or {})
    if isinstance(given.get("topology"), (str, os.PathLike)):
        given["topology"] = os.path.abspath(given["topology"])  # from here, not from the file
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = tomllib.loads(text)
    except FileNotFoundError:
        close = did_you_mean(path.name, (p.name for p in path.parent.glob("*.toml")))
        raise SweepError(
            f"{path}: there is no such file{close or '; write the path of an experiment file'}"
        ) from None
    except OSError as why:
        raise SweepError(
            f"{path} cannot be read ({(why.strerror or str(why)).lower()}); "
            "write the path of an experiment file"
        ) from None
    except UnicodeDecodeError:
        raise SweepError(f"{path}: no UTF-8 text; an experiment file is TOML") from None
    except (ValueError, RecursionError) as why:
        raise SweepError(f"{path}: no TOML ({why}); a line is key = value or [table]") from None
    if {"host", "generate", "graph", "mail"} & raw.keys() and "topology" not in raw:
        raise SweepError(
            f"{path} is a topology, no experiment; run it by lab run, or write an experiment file "
            f'with topology = "{path.name}"'
        )
    if given.keys() & {"measures", "grid", "case"}:  # what the labels name may be out of it now
        raw.pop("labels", None)
    return _Reader(str(path), lines_of(text), path.parent).experiment(raw | given)


def make_experiment(**given: Any) -> Experiment:
    """The experiment that keywords describe: those of the file, and ``topology`` may be a Topology
    or its tables, ``measures`` may hold functions of a run.
    """  # fmt: skip
    return _Reader("", {}, Path()).experiment(given)


class _Reader:
    """Reads one experiment and gathers what is wrong with it."""

    def __init__(self, name: str, lines: Mapping[Place, int], folder: Path) -> None:
        self.name, self.lines, self.folder = name, lines, folder
        self.problems: list[tuple[Place, str]] = []

    def wrong(self, place: Place, text: str) -> None:
        self.problems.append((place, text))

    def where(self, place: Place) -> str:
        line = next(
            (self.lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self.lines), 0
        )
        parts = (self.name, f"line {line}" if line else "", dotted(place))
        return ", ".join(part for part in parts if part)

    def give_up_if_wrong(self) -> None:
        if self.problems:
            once = dict.fromkeys(
                f"{self.where(place)}: {text}" if self.where(place) else text
                for place, text in self.problems
            )
            raise SweepError(*bounded(list(once)))

    def experiment(self, raw: Mapping[str, Any]) -> Experiment:
        given = {key: value for key, value in raw.items() if value is not None}
        topology = given.get("topology")
        measures = given.get("measures")
        shape: dict[str, Any] = dict(given)
        if not isinstance(topology, str) and isinstance(topology, (Topology, Mapping, os.PathLike)):
            shape["topology"] = "given"
        own = callable(measures) or isinstance(measures, (str, tuple, Mapping))
        if (own and not self.name) or (isinstance(measures, list) and any(map(callable, measures))):
            shape["measures"] = ["delivered"]
        table = self._checked(shape)
        kept = self._measures(
            table.measures
            if "measures" in shape and not own and shape["measures"] is measures
            else measures
        )
        fixed = flat(table.set)
        cases = self._cases(table.case)
        grid = self._grid(table.grid)
        self._clashes(fixed, cases, grid)
        self._labels(table.labels, grid, kept)
        source = self._topology(topology, fixed)
        self.give_up_if_wrong()
        assert source is not None
        made = Experiment(
            table.title, source, table.seeds, kept, fixed, grid, cases, table.until,
            labels=table.labels,
        )  # fmt: skip
        made.title = made.title or str(source.get("title") or "")
        if len(made) > MOST_RUNS:
            self.wrong(("grid",), f"{len(made):,} runs; write values for {MOST_RUNS:,} at most")
        self.give_up_if_wrong()
        self._graphs(made)
        self._try(made)
        self.give_up_if_wrong()
        return made

    def _checked(self, shape: Mapping[str, Any]) -> SweepTable:
        sound: dict[str, Any] = copy.copy(dict(shape))
        defaults = {"topology": "missing", "measures": ["delivered"]}
        while True:
            try:
                return SweepTable.model_validate(sound)
            except ValidationError as error:
                for detail in error.errors(include_url=False):
                    place = detail["loc"]
                    self.wrong(place, _sentence(detail, place))
                    sound.pop(str(place[0]), None)
                    if place[0] in defaults:
                        sound[str(place[0])] = defaults[str(place[0])]

    def _measures(self, given: Any) -> list[Measure]:
        found, faults = measures_of(given)
        for number, text in faults:
            self.wrong(("measures", number) if number is not None else ("measures",), text)
        return found

    def _grid(self, given: Mapping[str, Any]) -> dict[str, list[Any]]:
        grid = {}
        for key, values in flat(given).items():
            place = ("grid", *key.split("."))
            if isinstance(values, (range, tuple)) or type(values).__name__ == "ndarray":
                values = [one.item() if hasattr(one, "item") else one for one in values]
            if not isinstance(values, list):
                self.wrong(place, f"{as_toml(values)} is no list; write the values to try, as in "
                           f"{key} = [{_spelled(values)}]")  # fmt: skip
            elif not values:
                self.wrong(place, "there are no values; write one or more, or leave the key out")
            else:
                told = [json.dumps(one, sort_keys=True, default=str) for one in values]
                if len(set(told)) < len(told):
                    self.wrong(place, "a value stands there twice; write each once")
                grid[key] = values
        return grid

    def _cases(self, given: Sequence[CaseTable]) -> list[tuple[str, dict[str, Any]]]:
        names = [case.name for case in given]
        for number, name in enumerate(names):
            if name in names[:number]:
                self.wrong(("case", number, "name"), f"there are two cases named {as_toml(name)}")
        return [(case.name, flat(case.set)) for case in given]

    def _clashes(
        self, fixed: Mapping[str, Any], cases: Sequence[tuple[str, dict[str, Any]]],
        grid: Mapping[str, Any],
    ) -> None:  # fmt: skip
        for key in grid.keys() & fixed.keys():
            self.wrong(("set", *key.split(".")), "the grid has this key too; leave one of them out")
        for number, (_, chosen) in enumerate(cases):
            for key in grid.keys() & chosen.keys():
                self.wrong(
                    ("case", number, "set"), f"the grid has {key} too; leave one of them out"
                )
        for key in {"seed", "case", "run", "digest", "error"} & grid.keys():
            self.wrong(("grid", key), f"{key} is a column of the table; a topology has no such key")

    def _labels(
        self, labels: Mapping[str, str], grid: Mapping[str, Any], kept: Sequence[Measure]
    ) -> None:
        known = [*grid, *(one.name for one in kept), "case", "seed"]
        for key in labels:
            if key not in known:
                meant = did_you_mean(key, known, f"; there are {join_some(known)}")
                self.wrong(("labels", key), f"there is no such key or measure{meant}")

    def _topology(self, given: Any, fixed: Mapping[str, Any]) -> dict[str, Any] | None:
        """The tables of the topology, found sound as far as they go without the grid."""
        if isinstance(given, Topology):
            return tomllib.loads(given.to_toml())
        if isinstance(given, Mapping):
            return dict(given)
        if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
            return None
        path = self.folder / os.fspath(given)
        try:
            load(path)
        except TopologyError as error:
            for problem in error.problems:
                self.wrong(("topology",), problem)
            return None
        self.folder = path.parent
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))

    def _graphs(self, made: Experiment) -> None:
        """Take in the maps that the topology or a value of the experiment names."""
        named_by = [made.tables, made.fixed, *(chosen for _, chosen in made.cases)]
        names = [one.get("graph") for one in named_by] + made.grid.get("graph", [])
        for name in dict.fromkeys(one for one in names if isinstance(one, str) and one):
            try:
                made.graphs[name] = (self.folder / name).read_bytes()
            except OSError as why:
                self.wrong(("topology",), f"{self.folder / name}: {why.strerror or why}")

    def _try(self, made: Experiment) -> None:
        """Load the topology with the values, to hear what it has against them."""
        for point in _covering(made):
            try:
                topology_of(made.tables, made.graphs, point.sets, made.seeds[0])
            except TopologyError as error:
                for problem in error.problems:
                    self._blame(made, point, problem)
            except RelaysFault as why:
                self._blame(made, point, f"--set {why.key}: {why}")

    def _blame(self, made: Experiment, point: GridPoint, problem: str) -> None:
        """Say at the value that brought it what the topology has against it."""
        told = problem.removeprefix("--set ") if problem.startswith("--set ") else ""
        key = next(
            (
                key
                for key in sorted(point.sets, key=len, reverse=True)
                if told.startswith((f"{key}:", f"{key},", f"{key}="))
            ),
            None,
        )
        if key is None:
            about = ", ".join(f"{key} = {_spelled(value)}" for key, value in point.values.items())
            self.wrong(("topology",), f"with {about}: {problem}" if about else problem)
            return
        text = told[len(key) :].lstrip(":, ")
        if key in made.grid:
            self.wrong(("grid", *key.split(".")), f"{_spelled(point.values[key])}: {text}")
        elif key in made.fixed:
            self.wrong(("set", *key.split(".")), text)
        else:
            number = [name for name, _ in made.cases].index(point.values["case"])
            self.wrong(("case", number, "set", *key.split(".")), text)


def _covering(made: Experiment) -> list[GridPoint]:
    """All combinations, or of many so many that every value is in one."""
    points = max(1, len(made) // len(made.seeds))
    if points <= MOST_TRIED:
        return list(made.points())
    longest = max([len(made.cases), *(len(values) for values in made.grid.values())])
    cases: list[tuple[str | None, dict[str, Any]]] = [*made.cases] or [(None, {})]
    found = []
    for number in range(longest):
        name, chosen = cases[number % len(cases)]
        tried = {key: values[number % len(values)] for key, values in made.grid.items()}
        named_so = {} if name is None else {"case": name}
        found.append(GridPoint({**named_so, **tried}, {**made.fixed, **chosen, **tried}))
    return found


def topology_of(
    tables: Mapping[str, Any], graphs: Mapping[str, bytes], sets: Mapping[str, Any], seed: int
) -> Topology:
    """The topology of one run; raises TopologyError or :class:`RelaysFault`."""
    relays: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for key, value in sets.items():
        (relays if key in RELAYS else given)[key] = value
    wanted = parse_relays(relays)
    graph = given.get("graph", tables.get("graph"))
    if isinstance(graph, str) and graph in graphs:
        given["graph"] = str(_unpacked(graph, graphs[graph]))
    topology = from_dict(tables, sets=given, seed=seed)
    return topology if wanted is None else place_relays(topology, wanted, seed)


def _unpacked(name: str, octets: bytes) -> Path:
    """A file with that content on this machine, with the ending by which maps are told apart."""
    digest = hashlib.sha256(octets).hexdigest()[:24]
    path = Path(_folder().name) / f"{digest}{Path(name).suffix}"
    if not path.exists():
        path.write_bytes(octets)
    return path


@cache
def _folder() -> TemporaryDirectory[str]:
    """A directory of this process alone, gone with it."""
    return TemporaryDirectory(prefix="smtp-lab-")


def flat(tables: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Tables in tables as dotted keys: ``[grid] retry.first = [...]`` and ``"retry.first"`` alike.

    >>> flat({"retry": {"first": [1, 2]}, "link.0.loss": [0.1]})
    {'retry.first': [1, 2], 'link.0.loss': [0.1]}
    """
    found: dict[str, Any] = {}
    for key, value in tables.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def _spelled(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else as_toml(value)


_KINDS: Final = {
    "string_type": "text", "list_type": "list", "dict_type": "table", "model_type": "table",
    "model_attributes_type": "table", "int_type": "whole number",
}  # fmt: skip


def _sentence(detail: Any, place: Place) -> str:
    key = next((one for one in reversed(place) if isinstance(one, str)), "")
    match detail["type"]:
        case "extra_forbidden":
            known = keys(CaseTable if place[0] == "case" else SweepTable)
            return "unknown key" + did_you_mean(
                str(place[-1]), known, f"; there are {join_some(known)}"
            )
        case "missing":
            return f"{key} is missing; write {EXAMPLES.get(key, key + ' = ...')}"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "too_short" | "string_too_short":
            return f"there is nothing in it; write {EXAMPLES.get(key, key + ' = ...')}"
    kind = _KINDS.get(detail["type"], "value that fits")
    return f"{as_toml(detail['input'])} is no {kind}; write {EXAMPLES.get(key, key + ' = ...')}"
