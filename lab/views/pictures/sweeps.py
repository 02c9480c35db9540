"""The results of a sweep: tables in files, a table to read, and a plot of each measure."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import (
    parse_bandwidth,
    parse_duration,
    parse_rate,
    parse_size,
)
from lab.runtime import extras
from lab.runtime.escaping import csv_cell
from lab.views.pictures import plot_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import RenderableType

    from lab.views.pictures.results import Sweep

MOST_LINES: Final = 8
"""Lines of one plot; more could not be told apart."""

MOST_SHOWN: Final = 60
"""Rows of the table shown in a terminal; the files have all."""

_T: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t at 97.5 % for 1 to 30 degrees of freedom."""

_LOOKS: Final = tuple(
    zip(
        (plot_style.BLUE, plot_style.VERMILION, plot_style.GREEN, plot_style.BLACK,
        plot_style.PURPLE, plot_style.ORANGE,
         plot_style.SKY, plot_style.GREY),
        ("-", (0, (5, 2)), (0, (1.2, 1.2)), (0, (5, 1.6, 1.2, 1.6)), (0, (9, 3)), "-", "--", ":"),
        "osD^vPX*",
        strict=True,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a measure over seeds, with half of its 95 % interval (Student's t).

    ``half`` is None if there is only one run; ``count`` is how many runs had a value.
    """

    mean: float
    half: float | None
    count: int


def mean_of(values: Iterable[Any]) -> Mean | None:
    """Return the mean of those values that are numbers; None if there are none.

    >>> mean_of([1, 3, None])
    Mean(mean=2.0, half=12.706, count=2)
    """
    numbers = [
        float(value) for value in values if isinstance(value, (int, float)) and value == value
    ]
    if not numbers:
        return None
    if len(numbers) == 1:
        return Mean(numbers[0], None, 1)
    degrees = len(numbers) - 1
    t = _T[degrees - 1] if degrees <= len(_T) else NormalDist().inv_cdf(0.975) + 2.37 / degrees
    return Mean(
        fmean(numbers), round(t * stdev(numbers) / math.sqrt(len(numbers)), 9), len(numbers)
    )


# -- files ----------------------------------------------------------------------


def leave(swept: Sweep, out: Path) -> list[Path]:
    """Write the table as Parquet and CSV and a plot of each measure; return the files' paths.

    Without pyarrow there is no Parquet, and without matplotlib no plot. Each file is moved to its
    place when it is complete.
    """
    rows = list(swept.rows())
    paths = [
        _placed(out / "sweep.csv", lambda path: _write_csv(swept.columns, rows, path)),
    ]
    if extras.is_installed("pyarrow"):
        path = out / "sweep.parquet"
        paths.append(_placed(path, lambda path: _write_parquet(swept, rows, path)))
    for measure in swept.experiment.measures if extras.is_installed("matplotlib") else ():
        if mean_of(row[measure.name] for row in rows) is not None:
            name = "".join(
                sign if sign.isalnum() or sign in "._-" else "-" for sign in measure.name
            )
            paths.append(_placed(out / f"{name}.png", _drawer(swept, rows, measure.name)))
    return paths


def _drawer(swept: Sweep, rows: list[dict[str, Any]], measure: str) -> Callable[[Path], None]:
    def draw(path: Path) -> None:
        with plot_style.off_screen(), plot_style.styled():
            figure: Any = plot(rows, measure, **about(swept)).figure
            figure.savefig(path, format="png", metadata={"Software": None})

    return draw


def about(swept: Sweep) -> dict[str, Any]:
    """Return what a plot needs of a sweep besides its rows."""
    return {
        "axes": swept.experiment.axes,
        "units": {measure.name: measure.unit for measure in swept.experiment.measures},
        "labels": swept.experiment.labels,
        "title": swept.experiment.title,
    }


def _placed(path: Path, write: Callable[[Path], None]) -> Path:
    beside = path.with_name(f".{path.name}.part")
    try:
        write(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def _cell(value: Any) -> Any:
    """Return a value as a column can hold it: a list or table as JSON."""
    return json.dumps(value, default=str) if isinstance(value, (list, dict)) else value


def _write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([csv_cell(name) for name in columns])
        for row in rows:
            writer.writerow([csv_cell(_cell(row[name])) for name in columns])


def _write_parquet(swept: Sweep, rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {}
    for name in swept.columns:
        cells = [_cell(row[name]) for row in rows]
        kinds = {type(cell) for cell in cells if cell is not None}
        if kinds == {int, float}:
            cells = [None if cell is None else float(cell) for cell in cells]
        elif len(kinds) > 1:
            cells = [None if cell is None else str(cell) for cell in cells]
        text = name in ("digest", "error") or (not kinds and name in swept.experiment.axes)
        empty = pyarrow.string() if text else pyarrow.float64()
        columns[name] = pyarrow.array(cells, None if kinds else empty)
    table = pyarrow.table(columns)
    described = {"title": swept.experiment.title, "axes": json.dumps(swept.experiment.axes)}
    pyarrow.parquet.write_table(table.replace_schema_metadata(described), path)


# -- a table to read ----------------------------------------------------------------------


def sweep_table(swept: Sweep) -> RenderableType:
    """Return a table of the mean of each measure, with its 95 % interval over the seeds."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    axes = swept.experiment.axes
    measures = swept.experiment.measures
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for name in axes:
        table.add_column(name)
    table.add_column("runs", justify="right")
    for measure in measures:
        table.add_column(measure.name, justify="right")
    groups = grouped(swept.rows(), axes)
    for rows in list(groups.values())[:MOST_SHOWN]:
        cells = [
            _written(mean_of(row[measure.name] for row in rows), measure.unit)
            for measure in measures
        ]
        good = sum(row["error"] is None for row in rows)
        count = str(good) if good == len(rows) else f"{good} of {len(rows)}"
        table.add_row(*(str(_cell(rows[0][name])) for name in axes), count, *cells)
    lines = []
    if len(groups) > MOST_SHOWN:
        lines.append(Text(f"... and {len(groups) - MOST_SHOWN} more combinations", style="dim"))
    if len(swept.experiment.seeds) > 1:
        lines.append(Text("mean over the seeds ± half of its 95 % interval", style="dim"))
    return Group(table, *lines)


def grouped(
    rows: Iterable[Mapping[str, Any]], axes: Sequence[str]
) -> dict[tuple[str, ...], list[Mapping[str, Any]]]:
    """Return rows grouped by the values of some columns, in the order of first appearance."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = tuple(json.dumps(row[name], sort_keys=True, default=str) for name in axes)
        groups.setdefault(key, []).append(row)
    return groups


def _written(mean: Mean | None, unit: str) -> str:
    if mean is None:
        return "-"
    scale, sign = (100.0, " %") if unit == "share" else (1.0, f" {unit}" if unit else "")
    half = "" if mean.half is None else f" ± {_figure(mean.half * scale)}"
    return f"{_figure(mean.mean * scale)}{half}{sign}"


def _figure(number: float) -> str:
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}" if abs(number) >= 0.01 or not number else f"{number:.2g}"


# -- plots ----------------------------------------------------------------------


def plot(
    rows: Sequence[Mapping[str, Any]],
    measure: str,
    ax: Axes | None = None,
    *,
    axes: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    title: str = "",
) -> Axes:
    """Draw a measure over the first of the ``axes``, with its 95 % interval as a band.

    There is a line for each combination of the other keys. If the values of the first key are
    quantities, the line joins them; if they are names, points stand side by side.
    """
    labels = labels or {}
    unit = (units or {}).get(measure, "")
    first, other_axes = (axes[0], list(axes[1:])) if axes else ("", [])
    with plot_style.styled(ax):
        scale = _Scale([row[first] for row in rows] if first else [""])
        lines = grouped(rows, other_axes)
        shown = list(lines.items())[:MOST_LINES]
        ax = ax if ax is not None else _axes(len(shown) if other_axes else 0, scale)
        for number, (_, group) in enumerate(shown):
            name = ", ".join(f"{_cell(group[0][key])}" for key in other_axes)
            _draw(ax, scale, group, first, measure, number, len(shown), name)
        scale.finish(ax, labels.get(first, first))
        _finish(ax, unit, labels.get(measure) or measure)
        runs = len({row["seed"] for row in rows})
        heading = f"{title}" if title else measure
        ax.set_title(plot_style.shorten(heading, 90), pad=22)
        band = f"mean of {runs} seeds, 95 % interval" if runs > 1 else "one seed"
        if len(lines) > len(shown):
            band += f"; {len(lines) - len(shown)} more combinations are in the table only"
        ax.text(
            0, 1.025, band, transform=ax.transAxes, va="bottom", fontsize=9, color=plot_style.GREY
        )
        if other_axes:
            heading = plot_style.shorten(", ".join(labels.get(key, key) for key in other_axes), 30)
            ax.legend(title=heading, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0,
                      handlelength=3.2, alignment="left")  # fmt: skip
    return ax


def _axes(lines: int, scale: _Scale) -> Axes:
    ax = plot_style.new_axes(9, 4.6)
    bottom = 0.27 if scale.slanted else 0.13
    ax.set_position((0.1, bottom, 0.66 if lines else 0.87, 0.84 - bottom))
    return ax


def _draw(
    ax: Axes, scale: _Scale, rows: Sequence[Mapping[str, Any]], first: str, measure: str,
    number: int, lines: int, name: str,
) -> None:  # fmt: skip
    colour, dashes, marker = _LOOKS[number % len(_LOOKS)]
    points = [
        (scale.place(group[0][first] if first else ""), mean)
        for group in grouped(rows, [first] if first else []).values()
        if (mean := mean_of(row[measure] for row in group)) is not None
    ]
    points.sort(key=lambda pair: pair[0])
    places = [place for place, _ in points]
    means = [mean.mean for _, mean in points]
    halves = [mean.half or 0.0 for _, mean in points]
    if scale.is_quantity:
        ax.fill_between(
            places, [m - h for m, h in zip(means, halves, strict=True)],
            [m + h for m, h in zip(means, halves, strict=True)],
            color=colour, alpha=0.16, lw=0, zorder=2,
        )  # fmt: skip
        ax.plot(places, means, color=colour, ls=dashes, marker=marker, ms=5, lw=1.8,
                label=name, zorder=3)  # fmt: skip
        return
    shift = (number - (lines - 1) / 2) * min(0.16, 0.7 / lines)
    ax.errorbar([place + shift for place in places], means, yerr=halves, color=colour,
                marker=marker, ms=6, ls="", elinewidth=2, capsize=4, label=name,
                zorder=3)  # fmt: skip


def _finish(ax: Axes, unit: str, label: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = ax.get_ylim()
    heights: list[Any] = [line.get_ydata() for line in ax.lines]
    least = min((min(group) for group in heights if len(group)), default=0)
    if least >= 0 and low < 0.6 * high:
        low = 0
    ax.set_ylim(max(low, 0) if least >= 0 else low, high)
    ax.grid(axis="y")
    if unit == "share":
        if high > 1:
            ax.set_ylim(top=1.02)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.6g} %"))
    elif unit == "s":
        size, name = plot_style.time_unit(high)
        ax.yaxis.set_major_locator(_Multiples(size))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y / size:.6g}"))
        label = f"{label} ({name})"
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=7))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.6g}"))
        label = f"{label} (bytes)" if unit == "B" else label
    ax.set_ylabel(plot_style.shorten(label, 60))


def _Multiples(size: float) -> Any:
    """Return a locator of ticks at round numbers of a unit of time."""
    from matplotlib.ticker import MaxNLocator

    class Multiples(MaxNLocator):
        def tick_values(self, vmin: float, vmax: float) -> Any:
            ticks: Any = super().tick_values(vmin / size, vmax / size)
            return ticks * size

    return Multiples(nbins=7)


class _Scale:
    """The places of the values of the first key on the x axis."""

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = list({json.dumps(v, sort_keys=True, default=str): v for v in values}.values())
        self._names = [plot_style.shorten(str(_cell(value)), 26) for value in self.values]
        numbers = self._numbers()
        self.is_quantity = numbers is not None and len(self.values) > 1
        self.is_logarithmic = False
        self._places: list[float] = [float(n) for n in range(len(self.values))]
        if numbers is not None and self.is_quantity:
            if min(numbers) > 0 and max(numbers) >= 20 * min(numbers):
                self.is_logarithmic = True
            if self._apart(numbers):
                self._places = numbers
            else:  # too close together to label each at its place
                self.is_logarithmic = False
                order = sorted(numbers)
                self._places = [float(order.index(number)) for number in numbers]
        longest = max((len(name) for name in self._names), default=0)
        self.slanted = longest * len(self._names) > 75

    def _numbers(self) -> list[float] | None:
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in self.values):
            return [float(value) for value in self.values]
        for parse in (parse_duration, parse_size, parse_bandwidth, parse_rate):
            try:
                return [float(parse(value)) for value in self.values]
            except ValueError:
                continue
        return None

    def _apart(self, numbers: Sequence[float]) -> bool:
        at = sorted(math.log(n) if self.is_logarithmic else n for n in numbers)
        gap = min(b - a for a, b in pairwise(at))
        return gap >= 0.05 * (at[-1] - at[0])

    def place(self, value: Any) -> float:
        """Return the place of a value."""
        spelled = json.dumps(value, sort_keys=True, default=str)
        spellings = [json.dumps(each, sort_keys=True, default=str) for each in self.values]
        return self._places[spellings.index(spelled)]

    def finish(self, ax: Axes, label: str) -> None:
        """Label the axis with the values."""
        from matplotlib.ticker import NullFormatter, NullLocator

        if self.is_logarithmic:
            ax.set_xscale("log")
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_minor_formatter(NullFormatter())
        turned: dict[str, Any] = {"rotation": 25, "ha": "right"} if self.slanted else {}
        ax.set_xticks(self._places, self._names, **turned)
        if not self.is_quantity:
            ax.set_xlim(-0.6, len(self.values) - 0.4)
        if len(label) > 0:
            ax.set_xlabel(label + (" (logarithmic)" if self.is_logarithmic else ""))
