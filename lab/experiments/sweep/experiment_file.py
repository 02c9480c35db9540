"""Experiment files: what a sweep runs, checked in one pass.

An experiment is a topology, the values that are tried (``[grid]``: every combination; ``[[case]]``:
settings that go together, by name), the seeds of each, and the measures that are kept.
"""

from __future__ import annotations

import copy
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
)

from lab.experiments.sweep.experiment import Experiment, GridPoint, covering_points, topology_of
from lab.experiments.sweep.measures import Measure, measures_of
from lab.experiments.sweep.relays import RelaysFault
from lab.quantities import as_toml, parse_duration, single_line
from lab.topology.load import unreadable
from lab.topology.model import Topology, TopologyError, load
from lab.topology.positions import Place, lines_of
from lab.topology.problems import bounded, did_you_mean, dotted, join_some

MOST_RUNS: Final = 1_000_000
"""The most runs of a sweep; more is probably a mistake in the grid."""


class SweepError(Exception):
    """A sweep that cannot be made or cannot go on; ``problems`` has a sentence for each reason."""

    def __init__(self, *problems: str) -> None:
        self.problems = [single_line(problem) for problem in problems]
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


def _seeds(value: object) -> object:
    wrong = ValueError(
        f"{as_toml(value)} does not give seeds; write how many (10), a list ([1, 2]) or a range "
        '("0..9")'
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
        seeds = range(int(first), int(last) + 1)
        if not 0 < len(seeds) <= MOST_RUNS:
            raise ValueError(
                f"{as_toml(value)} has no seed, or too many; write the smallest seed first"
            )
        return list(seeds)
    if not value:
        raise ValueError("there are no seeds; write how many, as in 10")
    if any(isinstance(seed, bool) or not isinstance(seed, int) for seed in value):
        raise ValueError("a seed is a whole number; write a list such as [1, 2, 3]")
    if len(set(value)) < len(value):
        raise ValueError("a seed is listed twice; the same seed gives the same run")
    return list(value)


def _not_negative(value: float) -> float:
    if value < 0:
        raise ValueError("it is negative; write 0 or more")
    return value


Until = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_not_negative)]


class _Table(BaseModel):
    """A table of the file: other keys are errors, and values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CaseTable(_Table):
    """``[[case]]``: settings that go together, under a name."""

    name: Annotated[str, Field(min_length=1)]
    set: dict[str, Any] = Field(default={})


class SweepTable(_Table):
    """The whole experiment file."""

    title: str = ""
    topology: Annotated[str, Field(min_length=1)]
    seeds: Annotated[list[StrictInt], BeforeValidator(_seeds)] = Field(default=[0])
    until: Until | None = None
    max_events: Annotated[StrictInt, Field(ge=1)] | None = None
    max_seconds: Until | None = None
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
    "grid": '[grid] and, below it, a line for each key, as in retry.first = ["5 min", "1 h"]',
    "set": '[set] and, below it, a line for each key, as in retry.first = "5 min"',
    "labels": '[labels] and, below it, "retry.first" = "first retry after"',
    "case": "[[case]] and, below it, its keys",
}


def load_experiment(
    path: str | os.PathLike[str], overrides: Mapping[str, Any] | None = None
) -> Experiment:
    """Read the experiment of a file; raises :class:`SweepError` with all of its problems.

    ``overrides`` has values in place of those of the file, by key.
    """
    path, overrides = Path(path), dict(overrides or {})
    if isinstance(overrides.get("topology"), (str, os.PathLike)):
        # relative to the current directory, not to the file
        overrides["topology"] = os.path.abspath(overrides["topology"])
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = tomllib.loads(text)
    except OSError as why:
        raise SweepError(
            unreadable(path, why, "an experiment file", {"measures", "grid", "case"})
        ) from None
    except UnicodeDecodeError:
        raise SweepError(f"{path} is not UTF-8 text; an experiment file is TOML") from None
    except (ValueError, RecursionError) as why:
        raise SweepError(f"{path} is not TOML ({why}); a line is key = value or [table]") from None
    if {"host", "generate", "graph", "mail"} & raw.keys() and "topology" not in raw:
        raise SweepError(
            f"{path} is a topology file; run it with lab run, or write an experiment file "
            f'with topology = "{path.name}"'
        )
    # the labels may name what is now overridden
    if overrides.keys() & {"measures", "grid", "case"}:
        raw.pop("labels", None)
    return _Reader(str(path), lines_of(text), path.parent).experiment(raw | overrides)


def make_experiment(**keys: Any) -> Experiment:
    """Return the experiment that keywords describe, named as the keys of a file.

    ``topology`` may also be a Topology or its tables, and ``measures`` may have functions of a run.
    """
    return _Reader("", {}, Path()).experiment(keys)


class _Reader:
    """Reads an experiment, and collects the problems with it."""

    def __init__(self, name: str, lines: Mapping[Place, int], folder: Path) -> None:
        self.name, self.lines, self.folder = name, lines, folder
        self.problems: list[tuple[Place, str]] = []

    def wrong(self, place: Place, text: str) -> None:
        self.problems.append((place, text))

    def where(self, place: Place) -> str:
        line = next(
            (self.lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self.lines),
            0,
        )
        parts = (self.name, f"line {line}" if line else "", dotted(place))
        return ", ".join(part for part in parts if part)

    def raise_problems(self) -> None:
        if self.problems:
            once = dict.fromkeys(
                f"{self.where(place)}: {text}" if self.where(place) else text
                for place, text in self.problems
            )
            raise SweepError(*bounded(list(once)))

    def experiment(self, raw: Mapping[str, Any]) -> Experiment:
        shape = {key: value for key, value in raw.items() if value is not None}
        topology = shape.get("topology")
        measures = shape.get("measures")
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
        source = self._topology(topology)
        self.raise_problems()
        assert source is not None
        made = Experiment(
            table.title, source, table.seeds, kept, fixed, grid, cases, table.until,
            labels=table.labels, max_events=table.max_events, max_seconds=table.max_seconds,
        )  # fmt: skip
        made.title = made.title or str(source.get("title") or "")
        if len(made) > MOST_RUNS:
            self.wrong(("grid",), f"{len(made):,} runs; write values for {MOST_RUNS:,} at most")
        self.raise_problems()
        self._graphs(made)
        self._try(made)
        self.raise_problems()
        return made

    def _checked(self, shape: Mapping[str, Any]) -> SweepTable:
        valid: dict[str, Any] = copy.copy(dict(shape))
        defaults = {"topology": "missing", "measures": ["delivered"]}
        while True:
            try:
                return SweepTable.model_validate(valid)
            except ValidationError as error:
                for detail in error.errors(include_url=False):
                    place = detail["loc"]
                    self.wrong(place, _sentence(detail, place))
                    valid.pop(str(place[0]), None)
                    if place[0] in defaults:
                        valid[str(place[0])] = defaults[str(place[0])]

    def _measures(self, items: Any) -> list[Measure]:
        measures, problems = measures_of(items)
        for number, text in problems:
            self.wrong(("measures", number) if number is not None else ("measures",), text)
        return measures

    def _grid(self, table: Mapping[str, Any]) -> dict[str, list[Any]]:
        grid = {}
        for key, values in flat(table).items():
            place = ("grid", *key.split("."))
            if isinstance(values, (range, tuple)) or type(values).__name__ == "ndarray":
                values = [v.item() if hasattr(v, "item") else v for v in values]
            if not isinstance(values, list):
                example = f"{key} = [{_spelled(values)}]"
                self.wrong(
                    place,
                    f"{as_toml(values)} is not a list; write the values to try, as in {example}",
                )
            elif not values:
                self.wrong(place, "there are no values; write one or more, or leave the key out")
            else:
                texts = {json.dumps(value, sort_keys=True, default=str) for value in values}
                if len(texts) < len(values):
                    self.wrong(place, "a value is listed twice; list each once")
                grid[key] = values
        return grid

    def _cases(self, tables: Sequence[CaseTable]) -> list[tuple[str, dict[str, Any]]]:
        names = [case.name for case in tables]
        for number, name in enumerate(names):
            if name in names[:number]:
                self.wrong(("case", number, "name"), f"there are two cases named {as_toml(name)}")
        return [(case.name, flat(case.set)) for case in tables]

    def _clashes(
        self, fixed: Mapping[str, Any], cases: Sequence[tuple[str, dict[str, Any]]],
        grid: Mapping[str, Any],
    ) -> None:  # fmt: skip
        for key in grid.keys() & fixed.keys():
            self.wrong(("set", *key.split(".")), "the grid has this key too; remove one of them")
        for number, (_, chosen) in enumerate(cases):
            for key in grid.keys() & chosen.keys():
                self.wrong(("case", number, "set"), f"the grid has {key} too; remove one of them")
        for key in {"seed", "case", "run", "digest", "error"} & grid.keys():
            self.wrong(("grid", key), f"{key} is a column of the table, not a key of a topology")

    def _labels(
        self, labels: Mapping[str, str], grid: Mapping[str, Any], kept: Sequence[Measure]
    ) -> None:
        known = [*grid, *(measure.name for measure in kept), "case", "seed"]
        for key in labels:
            if key not in known:
                meant = did_you_mean(key, known, f"; there are {join_some(known)}")
                self.wrong(("labels", key), f"there is no such key or measure{meant}")

    def _topology(self, source: Any) -> dict[str, Any] | None:
        """Return the tables of the topology, after checking them without the grid."""
        if isinstance(source, Topology):
            return tomllib.loads(source.to_toml())
        if isinstance(source, Mapping):
            return dict(source)
        if not isinstance(source, (str, os.PathLike)) or not os.fspath(source):
            return None
        path = self.folder / os.fspath(source)
        try:
            load(path)
        except TopologyError as error:
            for problem in error.problems:
                self.wrong(("topology",), problem)
            return None
        self.folder = path.parent
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))

    def _graphs(self, made: Experiment) -> None:
        """Read the maps that the topology or a value of the experiment names."""
        named_by = [made.tables, made.fixed, *(chosen for _, chosen in made.cases)]
        names = [settings.get("graph") for settings in named_by] + made.grid.get("graph", [])
        for name in dict.fromkeys(name for name in names if isinstance(name, str) and name):
            try:
                made.graphs[name] = (self.folder / name).read_bytes()
            except OSError as why:
                self.wrong(("topology",), f"{self.folder / name}: {why.strerror or why}")

    def _try(self, made: Experiment) -> None:
        """Load the topology with the values, and report the problems at the values."""
        for point in covering_points(made):
            try:
                topology_of(made.tables, made.graphs, point.sets, made.seeds[0])
            except TopologyError as error:
                for problem in error.problems:
                    self._blame(made, point, problem)
            except RelaysFault as why:
                self._blame(made, point, f"--set {why.key}: {why}")

    def _blame(self, made: Experiment, point: GridPoint, problem: str) -> None:
        """Report a problem of the topology at the value that caused it."""
        text = problem.removeprefix("--set ") if problem.startswith("--set ") else ""
        key = next(
            (
                key
                for key in sorted(point.sets, key=len, reverse=True)
                if text.startswith((f"{key}:", f"{key},", f"{key}="))
            ),
            None,
        )
        if key is None:
            values = ", ".join(f"{key} = {_spelled(value)}" for key, value in point.values.items())
            self.wrong(("topology",), f"with {values}: {problem}" if values else problem)
            return
        text = text[len(key) :].lstrip(":, ")
        if key in made.grid:
            self.wrong(("grid", *key.split(".")), f"{_spelled(point.values[key])}: {text}")
        elif key in made.fixed:
            self.wrong(("set", *key.split(".")), text)
        else:
            number = [name for name, _ in made.cases].index(point.values["case"])
            self.wrong(("case", number, "set", *key.split(".")), text)


def flat(tables: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Flatten nested tables to dotted keys.

    ``[grid] retry.first = [...]`` and ``"retry.first" = [...]`` give the same.

    >>> flat({"retry": {"first": [1, 2]}, "link.0.loss": [0.1]})
    {'retry.first': [1, 2], 'link.0.loss': [0.1]}
    """
    flattened: dict[str, Any] = {}
    for key, value in tables.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            flattened |= flat(value, f"{name}.")
        else:
            flattened[name] = value
    return flattened


def _spelled(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else as_toml(value)


_KINDS: Final = {
    "string_type": "text", "list_type": "list", "dict_type": "table", "model_type": "table",
    "model_attributes_type": "table", "int_type": "whole number",
}  # fmt: skip


def _sentence(detail: Any, place: Place) -> str:
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    match detail["type"]:
        case "extra_forbidden":
            known = (CaseTable if place[0] == "case" else SweepTable).model_fields
            return "unknown key" + did_you_mean(
                str(place[-1]), known, f"; there are {join_some(known)}"
            )
        case "missing":
            return f"{key} is missing; write {EXAMPLES.get(key, key + ' = ...')}"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "too_short" | "string_too_short":
            return f"it is empty; write {EXAMPLES.get(key, key + ' = ...')}"
    kind = _KINDS.get(detail["type"], "valid value")
    return f"{as_toml(detail['input'])} is not a {kind}; write {EXAMPLES.get(key, key + ' = ...')}"
