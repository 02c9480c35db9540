"""What tables and pictures need of an exploration, a storm and a sweep.

The classes that provide it are in the room above, `lab.experiments`, which draws with this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from lab.topology.model import Topology


class Point(Protocol):
    """A point at which a run was broken: ``at`` is its time in seconds."""

    @property
    def number(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def at(self) -> float: ...
    @property
    def in_window(self) -> bool: ...


class Outcome(Protocol):
    """What became of the mail in a run that was broken at a point."""

    @property
    def counts(self) -> dict[str, int]: ...


class Explored(Protocol):
    """The points that were tried, and the outcome of each."""

    @property
    def points(self) -> Sequence[Point]: ...
    @property
    def possible(self) -> int: ...
    @property
    def outcomes(self) -> Sequence[Outcome]: ...
    @property
    def topology(self) -> Topology: ...
    @property
    def windows(self) -> Sequence[tuple[float, float]]: ...
    @property
    def doubled(self) -> Sequence[Point]: ...

    def tried(self) -> Iterable[tuple[Point, Outcome]]:
        """Return each point that was tried, with its outcome."""

    def total(self, name: str, kind: str | None = None) -> int:
        """Return the sum of a count over the points, or over those of a kind."""


class Storm(Protocol):
    """The runs of a storm so far."""

    @property
    def seed(self) -> int: ...
    @property
    def careless(self) -> bool: ...
    @property
    def runs(self) -> Sequence[object]: ...
    @property
    def broken(self) -> Sequence[object]: ...

    def total(self, name: str) -> int:
        """Return the sum of a count over the runs."""


class Measure(Protocol):
    """A column of a sweep: its name, and the unit of its values."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...


class Experiment(Protocol):
    """The experiment of a sweep: ``axes`` are the columns that tell its combinations apart."""

    @property
    def title(self) -> str: ...
    @property
    def axes(self) -> list[str]: ...
    @property
    def seeds(self) -> Sequence[int]: ...
    @property
    def measures(self) -> Sequence[Measure]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...


class Sweep(Protocol):
    """The runs of an experiment: a row for each that is finished."""

    @property
    def experiment(self) -> Experiment: ...
    @property
    def columns(self) -> list[str]: ...

    def rows(self) -> Iterable[dict[str, Any]]:
        """Return a row for each finished run, in the order of the experiment."""
