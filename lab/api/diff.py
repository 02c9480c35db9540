"""Two runs compared from Python: ``lab.diff`` takes runs, traces, topologies, or paths of them."""

from __future__ import annotations

import base64
import io
import os
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.analysis.differences import Differences, differences
from lab.analysis.divergence import Divergence
from lab.api.run import Run
from lab.api.simulate import load, make_run
from lab.runtime import arguments
from lab.runtime.gc_pause import gc_pause
from lab.topology.model import Topology
from lab.trace.rows import END_REASON, KIND, T
from lab.trace.trace import Trace, open_trace
from lab.views.pictures import ENDINGS

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from rich.console import RenderableType

    from lab.trace.meta import Meta

Source = Run | Trace | Topology | str | os.PathLike[str]
"""What may be compared."""

_SOURCE: Final = "a run, a trace, a topology, or the path of a trace or of a topology file"

_PAGES: Final = (".html", ".htm")

_KINDS: Final = ("slopes", "map")


class Diff:
    """Two runs, A and B, compared: what ``lab diff`` prints.

    ``a`` and ``b`` are their traces, and ``names`` are what they are called. ``same`` says whether
    nothing differs, and ``first`` is where they part. Times are in seconds.
    """

    def __init__(self, a: Trace, b: Trace, names: tuple[str, str] = ("A", "B")) -> None:
        self.a: Trace = arguments.instance("a", a, Trace, "a lab.Trace, such as run.trace")
        self.b: Trace = arguments.instance("b", b, Trace, "a lab.Trace, such as run.trace")
        self.names = _checked_names(names)
        with gc_pause():
            self._differences: Differences = differences(a, b)

    def __repr__(self) -> str:
        from lab.analysis.difference_sentences import verdict

        return f"<Diff: {verdict(self._differences)}>"

    def _repr_html_(self) -> str:
        from lab.views.text.differences import difference_html

        return difference_html(self._differences, self._described()) + self._slopes_html()

    def _slopes_html(self) -> str:
        """Return the slope chart as an image within HTML; "" if there is nobody to draw."""
        from lab.analysis.difference_sentences import verdict
        from lab.views.pictures.plot_style import off_screen

        if not self._differences.pairs:
            return ""
        file = io.BytesIO()
        with off_screen():
            figure = self.plot("slopes").get_figure(root=True)
        figure.savefig(file, format="png", dpi=72)  # type: ignore[union-attr]
        coded = base64.b64encode(file.getvalue()).decode("ascii")
        text = escape(
            f"Slope chart: how long recipients took. {verdict(self._differences)}", quote=True
        )
        return f'<img src="data:image/png;base64,{coded}" alt="{text}" style="max-width: 100%">'

    def table(self, rows: int = 10) -> RenderableType:
        """Return the comparison as something that rich prints, with a number of the recipients."""
        from lab.views.text.differences import difference_table

        rows = arguments.whole_number("rows", rows, 0, example=20)
        return difference_table(self._differences, self._described(), rows=rows)

    @property
    def same(self) -> bool:
        """Whether the same happened in both runs; times do not count if one of them is live."""
        return self._differences.same

    @property
    def first(self) -> Divergence | None:
        """Where the runs part; None if they do not."""
        return self._differences.first

    @property
    def notes(self) -> list[str]:
        """What a reader of the comparison should know, and what the runs were made from."""
        return [*self._differences.notes, *self._differences.made_from, *self._differences.unlike]

    @cached_property
    def recipients(self) -> pandas.DataFrame:
        """The recipients that fared otherwise, the largest change first.

        ``message_a`` and ``message_b`` are the numbers of its message in each run; ``outcome_a``,
        ``settled_at_a`` (s), ``seconds_a`` (s, from submission to the outcome) and ``copies_a``
        what became of it in A, and those with ``_b`` in B. ``change`` is how many seconds later it
        was settled in B, where the outcome is the same; less than 0 is sooner. ``spool``,
        ``retry``, ``opening``, ``line``, ``sending`` and ``dialogue`` are how many seconds more its
        mail spent in that phase in B, of those that are in both runs (``lab.diff`` of traces that
        were recorded with ``--trace wire``).
        """
        return self._pairs(otherwise=True)

    @cached_property
    def all_recipients(self) -> pandas.DataFrame:
        """All recipients of both runs, with the columns of ``recipients``."""
        return self._pairs(otherwise=False)

    @cached_property
    def links(self) -> pandas.DataFrame:
        """The load of each direction of each link: in A, in B, and by how much it changed.

        ``unit`` is "busy seconds" if all links that were used have a bandwidth, or else "bytes"; it
        is "sessions" if a run was recorded without what crossed the wire.
        """
        from lab.analysis.tables import loads_compared

        return loads_compared(self._differences.loads)

    def lines(self, rows: int = 10) -> list[str]:
        """Return the comparison as lines of text, with a number of the recipients."""
        from lab.views.text.differences import difference_lines

        rows = arguments.whole_number("rows", rows, 0, example=20)
        return difference_lines(self._differences, self._described(), rows)

    def plot(self, kind: str = "slopes", ax: Axes | None = None) -> Axes:
        """Draw the comparison; return its matplotlib Axes.

        "slopes" has a line for each recipient from its time in A to that in B, and names those that
        moved most. "map" has the links, coloured by how much more or less they carried in B.
        """
        kind = arguments.one_of("kind", kind, _KINDS)
        if kind == "slopes":
            from lab.views.pictures.slopes import slope_chart

            return slope_chart(self._differences, self.names, ax)
        from lab.views.pictures.load_changes import load_changes

        return load_changes(self._differences, self._meta, ax)

    def page(self) -> str:
        """Return a page with the whole comparison, as self-contained HTML without scripts."""
        from lab.views.diff_page import diff_page

        return diff_page(self._differences, self._described(), self._meta)

    def save(self, path: str | os.PathLike[str], kind: str = "slopes") -> None:
        """Write the page (.html) or a picture (.png, .svg, .pdf) to a file, by its ending.

        ``kind`` says which picture, as in :meth:`plot`. Raises ValueError for another ending, and
        OSError for a file that cannot be written.
        """
        from lab.views.diff_page import write_diff_page

        kind = arguments.one_of("kind", kind, _KINDS)
        if arguments.ending("path", path, (*_PAGES, *ENDINGS), "the path of a file") in _PAGES:
            write_diff_page(self._differences, self._described(), self._meta, path)
            return
        from lab.views.pictures.plot_style import missing_glyphs_ignored, off_screen

        with off_screen(), missing_glyphs_ignored():
            self.plot(kind).get_figure(root=True).savefig(path)  # type: ignore[union-attr]

    @property
    def _meta(self) -> Meta:
        """What the map shows: the topology of B."""
        return self.b.meta or self.a.meta

    def as_dict(self) -> dict[str, object]:
        """Return the comparison as plain JSON, as ``lab diff --json`` prints it."""
        return self._differences.as_dict()

    def _described(self) -> tuple[str, str]:
        a, b = map(_described, self.names, (self.a, self.b))
        return a, b

    def _pairs(self, *, otherwise: bool) -> pandas.DataFrame:
        from lab.analysis.tables import recipients_compared

        pairs = self._differences.movers() if otherwise else self._differences.pairs
        return recipients_compared(self._differences, pairs)


def _checked_names(names: tuple[str, str]) -> tuple[str, str]:
    expected = 'two texts, such as ("before", "after")'
    texts = list(arguments.many("names", names, expected))
    if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"names must be {expected}, not {arguments.shown(names)}")
    return texts[0], texts[1]


def diff(
    a: Source,
    b: Source,
    seed: int | None = None,
    until: float | None = None,
    names: tuple[str, str] | None = None,
) -> Diff:
    """Return the comparison of two runs, A and B.

    Each may be a run, a trace, a topology, or a path: of a trace, of a directory that ``lab run
    --out`` left, or of a topology file. A topology is run with the seed and until the time of the
    other run, unless ``seed`` or ``until`` (simulated seconds) say otherwise. ``names`` are what
    the comparison calls them, by default their paths or titles.

    Raises :class:`lab.TopologyError` for a topology file with problems, OSError for a file that
    cannot be read, and ValueError for one that is not a trace.
    """
    seed = None if seed is None else arguments.whole_number("seed", seed)
    until = arguments.seconds("until", until)
    opened = [_opened("a", a, seed), _opened("b", b, seed)]
    traces = _traces(opened[0], opened[1], seed, until)
    if names is None:
        names = _name(a, traces[0]), _name(b, traces[1])
    return Diff(*traces, names=names)


def _opened(name: str, source: object, seed: int | None) -> Trace | Topology | Path:
    """Return a trace, a topology, or the path of a topology file."""
    if isinstance(source, Run):
        return source.trace
    if isinstance(source, (Trace, Topology)):
        return source
    path = Path(arguments.path(name, source, _SOURCE))
    return open_trace(path) if holds_trace(path) else path


def holds_trace(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is that of a trace or of a run's directory, and not of a topology."""
    path = Path(path)
    if path.is_dir() or path.suffix in (".jsonl", ".parquet"):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(1) == b"{"
    except OSError:
        return False  # the reader of topologies says what is wrong


def _traces(
    a: Trace | Topology | Path, b: Trace | Topology | Path, seed: int | None, until: float | None
) -> tuple[Trace, Trace]:
    known = next((run for run in (a, b) if isinstance(run, Trace)), None)
    if known is not None:
        seed = int(known.meta.get("seed", 0)) if seed is None else seed
        until = _end(known) if until is None else until
    seed = seed or 0

    def made(source: Trace | Topology | Path) -> Trace:
        if isinstance(source, Trace):
            return source
        topology = source if isinstance(source, Topology) else load(source, seed=seed)
        return make_run(topology.ready().with_seed(seed), seed, until).trace

    return made(a), made(b)


def _end(trace: Trace) -> float | None:
    """Return the time until which a run was made; None if it was made to its end."""
    last = trace.rows[-1] if trace.rows else None
    is_cut = last is not None and last[KIND] == "end" and last[END_REASON] == "until"
    return float(last[T]) if last is not None and is_cut else None


def _name(source: object, trace: Trace) -> str:
    is_path = isinstance(source, (str, os.PathLike))
    return str(source) if is_path else str(trace.meta.get("title") or "untitled")


def _described(name: str, trace: Trace) -> str:
    how = "live" if trace.meta.get("live") else f"seed {trace.meta.get('seed', 0)}"
    return f"{name} ({how})"
