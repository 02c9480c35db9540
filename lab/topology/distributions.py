"""Distributions of delays, sizes and gaps, and models of loss, as a topology gives them.

In a file each is a table in place of a number: ``jitter = { distribution = "normal", mean = "20
ms", sd = "5 ms" }``. Seconds, bytes and bits per second, as everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple

from lab.hosts.checked import checked
from lab.hosts.setting import setting
from lab.quantities import as_toml
from lab.runtime.draws import LARGEST, Draws, inverse, mean
from lab.topology.suggestions import did_you_mean, join_some

MOST_VALUES: Final = 100_000
"""The most values of one distribution that come from a file."""


class Shape(NamedTuple):
    """A kind of distribution: what it is, what it requires, and what it requires one of."""

    help: str
    requires: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()


SHAPES: Final = {
    "fixed": Shape("always `value`", ("value",)),
    "uniform": Shape("any number from `min` (or 0) to `max`, all equally likely", ("max",)),
    "normal": Shape("around `mean`, with standard deviation `sd`", ("mean", "sd")),
    "exponential": Shape("many small, few large, with that `mean`", ("mean",)),
    "lognormal": Shape(
        "half of them below `median`; the logarithm's standard deviation is `sigma`",
        ("median", "sigma"),
    ),
    "weibull": Shape("of that `shape`, with a `scale` or a `mean`", ("shape",), ("scale", "mean")),
    "pareto": Shape(
        "a heavy tail of that `shape`, from `scale` on, or with a `mean`",
        ("shape",),
        ("scale", "mean"),
    ),
    "file": Shape(
        "one of the numbers of `file` (one on each line, with or without a unit), or of `values`, "
        "all equally likely",
        (),
        ("file", "values"),
    ),
}
"""The kinds of distribution."""

PURE: Final = ("shape", "sigma")
"""The parameters that are numbers without a unit."""

LEAST_SHAPE: Final = 0.1
_STEPS: Final = 10_000


def _parameter(help: str, example: str) -> Any:
    return field(default=None, metadata=setting("real", help, default_text="none", example=example))


@checked
@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of numbers: seconds of delay, bytes of mail, or gaps between arrivals.

    A number below ``min`` becomes ``min``, and one above ``max`` becomes ``max``. Raises ValueError
    for parameters that do not fit together.
    """

    distribution: str = field(
        metadata=setting(
            "choice",
            "How the numbers are distributed.",
            words={name: shape.help for name, shape in SHAPES.items()},
            example='"normal"',
        )
    )
    value: float | None = _parameter("The number itself.", '"5 ms"')
    mean: float | None = _parameter("The mean, before `min` and `max` are applied.", '"20 ms"')
    sd: float | None = _parameter("The standard deviation.", '"5 ms"')
    median: float | None = _parameter("The median.", '"2 kB"')
    sigma: float | None = _parameter("The standard deviation of the logarithm.", "1.2")
    shape: float | None = _parameter("The shape: the smaller, the heavier the tail.", "0.7")
    scale: float | None = _parameter(
        "The scale; of a pareto distribution, the least number.", '"10 ms"'
    )
    min: float | None = field(
        default=None,
        metadata=setting(
            "real",
            "The least number.",
            default_text="0; of a file, its least number",
            example='"0 s"',
        ),
    )
    max: float | None = _parameter("The greatest number.", '"1 s"')
    file: str = field(
        default="",
        metadata=setting(
            "text",
            "A file of numbers, by its path from the folder of the topology file.",
            example='"delays.csv"',
        ),
    )
    values: tuple[float, ...] = field(
        default=(),
        metadata=setting("reals", "The numbers, in place of a file.", example='["1 ms", "4 ms"]'),
    )

    def __post_init__(self) -> None:
        """Check that the parameters fit together."""
        why = _problem(self)
        if why:
            raise ValueError(why)

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters that are given, by name."""
        names = [each.name for each in fields(self) if each.metadata.get("kind") == "real"]
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def average(self) -> float:
        """The mean of what is drawn; infinite for a tail that has none.

        With ``min`` or ``max`` it is that of ten thousand numbers at equal steps.
        """
        exact = mean(self.distribution, self.parameters, self.values)
        is_cut = self.min is not None or self.max is not None or self.distribution == "normal"
        if not is_cut or self.distribution == "uniform":
            return exact
        drawn = draws_of(self)
        return math.fsum(drawn.at((n + 0.5) / _STEPS) for n in range(_STEPS)) / _STEPS

    @property
    def least(self) -> float:
        """The least number that is drawn."""
        if self.min is not None:
            return self.min
        return min(self.values, default=0.0) if self.distribution == "file" else 0.0


def draws_of(distribution: Distribution, most: float = LARGEST) -> Draws:
    """Return what draws the numbers of a distribution, none of them greater than ``most``."""
    inverted = inverse(distribution.distribution, distribution.parameters, distribution.values)
    largest = most if distribution.max is None else min(distribution.max, most)
    return Draws(inverted, distribution.least, largest)


def _problem(of: Distribution) -> str | None:
    """Return what is wrong with the parameters of a distribution, in a sentence."""
    shape = SHAPES[of.distribution]
    parameters = {*of.parameters, *(name for name in ("file", "values") if getattr(of, name))}
    for name in shape.requires:
        if name not in parameters:
            return f"{of.distribution} requires {name}; write {_example(of.distribution)}"
    if shape.one_of and len(parameters & {*shape.one_of}) != 1:
        either = " or ".join(shape.one_of)
        return f"{of.distribution} requires {either}; write {_example(of.distribution)}"
    known = {*shape.requires, *shape.one_of, "min", "max"}
    not_taken = next(
        (name for name in (*of.parameters, "file", "values") if name in parameters - known), ""
    )
    if not_taken:
        takes = join_some([*shape.requires, *shape.one_of, "min", "max"])
        return f"{of.distribution} does not take {not_taken}; it takes {takes}"
    return _problem_of_range(of)


def _problem_of_range(of: Distribution) -> str | None:
    for name in ("sd", "sigma", "median", "scale"):
        value = getattr(of, name)
        if value is not None and value < 0:
            return f"{name} is {as_toml(value)}, which is negative; use 0 or more"
    if of.mean is not None and of.mean < 0 and of.distribution != "normal":
        return f"mean is {as_toml(of.mean)}, which is negative; use 0 or more"
    if of.shape is not None:
        least = 1.0 if of.distribution == "pareto" and of.mean is not None else LEAST_SHAPE
        if of.shape < LEAST_SHAPE or of.shape <= least == 1.0:
            bound = "more than 1, or there is no mean" if least == 1.0 else f"{least:g} or more"
            return f"shape is {as_toml(of.shape)}; use {bound}"
    least_number = of.min if of.min is not None else 0.0
    if of.max is not None and of.max < least_number:
        return f"max is {as_toml(of.max)}, less than min; use {as_toml(least_number)} or more"
    if len(of.values) > MOST_VALUES:
        return f"there are {len(of.values):,} values; use at most {MOST_VALUES:,}"
    return None


_EXAMPLES: Final = {
    "fixed": "value = 5", "uniform": "max = 5", "normal": "mean = 20, sd = 5",
    "exponential": "mean = 5", "lognormal": "median = 5, sigma = 1.2",
    "weibull": "shape = 0.7, mean = 5", "pareto": "shape = 1.5, mean = 5",
    "file": 'file = "numbers.csv"',
}  # fmt: skip


def _example(name: str) -> str:
    return f'{{ distribution = "{name}", {_EXAMPLES[name]} }}'


@checked
@dataclass(frozen=True, slots=True)
class BurstLoss:
    """Loss in bursts, by the model of Gilbert and Elliott, separately for each direction of a link.

    A direction is good or bad. After each segment, a good one turns bad with the chance ``p``, and
    a bad one good with the chance ``r``. A segment is lost with the chance ``good`` or ``bad``. In
    the long run it is bad for a share of p / (p + r), in bursts of 1 / r segments on average
    (Gilbert, Bell System Technical Journal 39, 1960; Elliott, 42, 1963).
    """

    p: float = field(
        metadata=setting("chance", "Chance that a good direction turns bad.", example="0.01")
    )
    r: float = field(
        metadata=setting("chance", "Chance that a bad direction turns good.", example="0.3")
    )
    good: float = field(
        default=0.0,
        metadata=setting("chance", "Chance that a good one loses a segment.", example="0.0"),
    )
    bad: float = field(
        default=1.0,
        metadata=setting("chance", "Chance that a bad one loses a segment.", example="0.5"),
    )
    model: str = field(
        default="gilbert-elliott",
        metadata=setting(
            "choice", "The model.", words={"gilbert-elliott": "two states"}, required=True
        ),
    )

    @property
    def mean(self) -> float:
        """The share of segments that is lost in the long run."""
        changes = self.p + self.r
        share = self.p / changes if changes else 0.0
        return share * self.bad + (1 - share) * self.good


def read_table(
    cls: type[Any], value: Mapping[str, Any], read: Callable[[str, Any], Any], first: str
) -> Any:
    """Return the dataclass of a table of a file; ``read`` reads the value of a key.

    ``first`` is the key that says which kind it is. Raises ValueError in a sentence.
    """
    known = {each.name: each for each in fields(cls)}
    for key in value:
        if key not in known:
            meant = did_you_mean(str(key), known, f"; there are {join_some(known, 20)}")
            raise ValueError(f"unknown key {as_toml(str(key))}{meant}")
    words = known[first].metadata["words"]
    word = value.get(first)
    if word is None:
        raise ValueError(f"{first} is missing; write {first} = {as_toml(next(iter(words)))}")
    if word not in words:
        meant = did_you_mean(str(word), words)
        raise ValueError(f"{first} {as_toml(word)} is not one of {join_some(words)}{meant}")
    made = {}
    for key, each in value.items():
        try:
            made[key] = each if key == first else read(key, each)
        except ValueError as why:
            raise ValueError(f"{key}: {why}") from None
    for key, each in known.items():
        if key not in made and each.metadata["kind"] == "chance" and key in ("p", "r"):
            raise ValueError(f"{key} is missing; write {key} = {each.metadata['example']}")
    return cls(**made)
