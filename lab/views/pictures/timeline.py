"""The timeline: a lane for each message, a bar for each hop, and what became of the mail.

Up to about forty lanes are drawn in full. For more, :mod:`lab.views.pictures.many_messages` draws
thin lanes or, for many thousands of messages, how many waited, moved and settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.channels import opening_times
from lab.analysis.faults import FaultInterval
from lab.analysis.itineraries import Hop, Itinerary, itineraries
from lab.analysis.phases import Phases
from lab.analysis.session_times import DIALOGUE, LINE, SENDING
from lab.analysis.short_names import short_names
from lab.analysis.shown_names import ShownNames
from lab.analysis.stages import (
    CROSSING,
    WAIT,
    busy,
    end_of_hop,
    kind_of_end,
    stages,
)
from lab.analysis.wrongs import Wrongs, wrongs
from lab.quantities import count_noun, duration, time_taken
from lab.trace.levels import includes
from lab.trace.rows import T
from lab.trace.trace import Trace, check_trace
from lab.views.pictures import plot_style
from lab.views.pictures.fault_rows import fault_rows
from lab.views.pictures.fonts import pictured_names
from lab.views.pictures.judged import judged
from lab.views.pictures.lanes import LaneLayout, label, layout_lanes
from lab.views.pictures.timeline_looks import (
    A_FAULT,
    BAR,
    BARS,
    CROSSING_LOOK,
    ENDS,
    LOW,
    NAMES,
    RETURNING,
    STAGES,
    colour_of,
    rank,
)
from lab.views.pictures.timescale import Timescale, timescale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

ROWS: Final = 48
"""Lanes drawn in full; with more, a lane is too low for its label."""

_CROSSING: Final = (LINE, SENDING, DIALOGUE)
"""The phases of a transaction."""

_PAPER: Final = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
"""Behind words that lie over bars."""


@dataclass(slots=True)
class _Mark:
    """A marker in a lane: its kind, where it is, how far down, and how many ends it stands for."""

    kind: str
    x: float
    level: int
    t: float
    down: float
    count: int = 1


_LEAST: Final = 4.0
"""Pixels: the width of the narrowest bar."""


@judged("timeline")
def timeline(trace: Trace, ax: Axes | None = None) -> Axes:
    """Draw the timeline of a trace and return its Axes; x is simulated time in seconds.

    The labels of the axis may be in another unit. Without ``ax``, a figure is made that is as high
    as its lanes need.
    """
    check_trace(trace)
    messages = itineraries(trace)
    end = max((row[T] for row in trace.rows[-1:]), default=0.0)
    layout = layout_lanes(messages) if len(messages) <= 4 * ROWS else LaneLayout()
    with plot_style.styled(ax):
        if messages and not (0 < len(layout.lanes) <= ROWS):
            from lab.views.pictures.many_messages import many_messages

            return many_messages(trace, messages, ax, fault_rows(trace, pictured_names(trace.meta)))
        shown = pictured_names(trace.meta)
        picture = _Picture(messages, layout, end, ax, fault_rows(trace, shown), shown)
        picture.openings = opening_times(trace)
        picture.wrongs = wrongs(trace)
        if includes(trace.level, "wire"):
            picture.phases = Phases(trace)
        picture.draw(str(trace.meta.get("title") or "Timeline"))
        return picture.ax


class _Picture:
    """A timeline in full: its Axes, its scale, and what the legend has to explain."""

    def __init__(
        self,
        messages: list[Itinerary],
        layout: LaneLayout,
        end: float,
        ax: Axes | None,
        faults: dict[str, list[FaultInterval]],
        shown: ShownNames,
    ) -> None:
        self.messages, self.layout, self.end, self.own = messages, layout, end, ax is None
        self.faults, self.shown = faults, shown
        peers = (hop.peer for itinerary in messages for hop in itinerary.hops)
        self.short = short_names(peers, shown)
        self.openings: list[float] = []
        self.wrongs = Wrongs()
        self.phases: Phases | None = None
        rows = max(len(layout.lanes), 1) + len(faults)
        self.pitch = 0.62 if rows <= 9 else 0.44 if rows <= 18 else 0.27
        self.lines = 2 if rows <= 18 else 1
        self.ax = ax if ax is not None else plot_style.new_axes(12, self._height(rows))
        self.aligned = False
        self.scale = self._scale()
        if not faults and _specks(messages, self.scale):
            # (with faults, which have their times in the run, one clock for all is needed)
            self.aligned = True
            self.scale = self._scale()
        self.keys: dict[str, Any] = {}
        self.widened = False
        self.taken: dict[int, list[_Mark]] = {}
        self.above: dict[int, float] = {}

    def _height(self, rows: int) -> float:
        return min(max(3.4, rows * self.pitch + 2.1), 16.0)

    def draw(self, title: str) -> None:
        """Draw everything on the Axes, the legend last."""
        rows = max(len(self.layout.lanes), 1) + len(self.faults)
        self._labels()
        self.ax.set_ylim(rows - 0.4, -0.95 if self.scale.folds else -0.6)
        self.pixels = self._fit()
        for row, faults in enumerate(self.faults.values(), rows - len(self.faults)):
            self._fault(faults, row)
        for itinerary in self.messages:
            for hop in itinerary.hops:
                self._hop(itinerary, hop)
            self._connect(itinerary)
            self._ends(itinerary)
        self._counts()
        since = "time since submission" if self.aligned else "simulated time"
        self.scale.apply(self.ax, since)
        if self.widened:
            self._mention_least()
        self._legend()
        if not self.messages:
            self.ax.text(
                0.5, 0.5, "no mail was handed over", transform=self.ax.transAxes, ha="center"
            )
        self.ax.set_title(plot_style.fitted_title(self.ax, title))

    # -- scale and place -------------------------------------------------------------------------

    def _scale(self) -> Timescale:
        spans = [
            (begin - at, end - at)
            for itinerary in self.messages
            for at in [self._since(itinerary)]
            for begin, end in busy(itinerary)
        ] or [(0.0, self.end)]
        last = max(end for _, end in spans)
        if any(hop.outcome == "queued" for itinerary in self.messages for hop in itinerary.hops):
            last = max(last, self.end if not self.aligned else last)
        return timescale(spans, min(0.0, *(begin for begin, _ in spans)), last)

    def _since(self, itinerary: Itinerary) -> float:
        """Return the time that is 0 in a message's lane."""
        while itinerary.about is not None:
            itinerary = itinerary.about
        return itinerary.t if self.aligned else 0.0

    def _fit(self) -> float:
        """Return the width of the Axes in pixels, with room for labels on a figure of its own."""
        if self.own:
            texts = [line for text in self._texts for line in text.split("\n")]
            # on screen letters begin at whole pixels, and take up to a thirtieth more
            self.left = (
                max((plot_style.text_width(text, 9) for text in texts), default=0) * 1.03 + 16
            )
            self._place(90)
        return max(float(self.ax.get_window_extent().width), 1.0)

    def _place(self, bottom: float) -> None:
        width, height = (inches * 72 for inches in self.ax.figure.get_size_inches())  # type: ignore[union-attr]
        box = (self.left / width, bottom / height, 1 - (self.left + 20) / width)
        self.ax.set_position((*box, 1 - (bottom + 36) / height))

    def _labels(self) -> None:
        width = 34 if self.lines == 2 else 52
        self._texts = [
            label(lane, lines=self.lines, width=width, shown=self.shown)
            for lane in self.layout.lanes
        ]
        self._texts += [plot_style.shorten(name, width) for name in self.faults]
        first = max(len(self.layout.lanes), 1)
        rows = [*range(len(self.layout.lanes)), *range(first, first + len(self.faults))]
        self.ax.set_yticks(rows, self._texts)
        self.ax.tick_params(axis="y", length=0, pad=6)
        for text in self.ax.get_yticklabels()[len(self.layout.lanes) :]:
            text.set_color(plot_style.GREY)
        if self.faults:
            self.ax.axhline(first - 0.5, color=plot_style.GREY, lw=0.8, zorder=0)
        for lane, text in zip(self.layout.lanes, self.ax.get_yticklabels(), strict=False):
            text.set_color(colour_of(lane))
            if lane.kind == "message" and lane.row:
                self.ax.axhline(lane.row - 0.5, color=plot_style.EDGE, lw=0.8, zorder=0)

    # -- faults ----------------------------------------------------------------------------------

    def _fault(self, faults: list[FaultInterval], row: int) -> None:
        """Draw a bar in a row of its own for as long as it lasts, and a shade over all lanes."""
        last = self.scale.times[-1]
        for fault in faults:
            if fault.begin >= last:
                continue
            if fault.lasts:
                end = min(fault.end, last)
                self._bar(A_FAULT, fault.begin, end, row)
                self.ax.axvspan(
                    fault.begin, end, color=plot_style.colour("fault-shade"), lw=0, zorder=-1
                )
            else:
                self._end("fault", fault.begin, row)
                self.ax.axvline(fault.begin, color=plot_style.tint("fault", 0.5), lw=1, zorder=-1)

    # -- bars ------------------------------------------------------------------------------------

    def _hop(self, itinerary: Itinerary, hop: Hop) -> None:
        row, at = self.layout.rows[id(hop)], self._since(itinerary)
        attempts = iter(hop.attempts)
        for kind, begin, end in stages(hop, self.end):
            if kind == CROSSING:
                self._crossing(itinerary, hop, begin - at, end - at)
                continue
            if kind == WAIT and next(attempts).retry_at is not None:
                self._end("defer", begin - at, row)
            self._bar(STAGES[kind], begin - at, end - at, row)
        over = end_of_hop(hop, self.end)
        if over is not None and not self._is_lost(itinerary, over.kind):
            self._end(over.kind, over.t - at, row)

    def _crossing(self, itinerary: Itinerary, hop: Hop, begin: float, end: float) -> None:
        """Draw a transaction: a bar, and in it when commands, waits and mail data crossed."""
        row, at = self.layout.rows[id(hop)], self._since(itinerary)
        is_notice = itinerary.about is not None
        look = BARS[RETURNING] if is_notice else CROSSING_LOOK
        patch = self._rectangle(begin, self._at_least(begin, end), row, 1.0, look, 3.0)
        patch.set_gid(f"hop {hop.message} {hop.host} {hop.peer} {','.join(hop.recipients)}")
        if is_notice:
            self.keys.setdefault(RETURNING, patch)
        for phase, since, until in [] if is_notice else self._parts(hop):
            name = NAMES[phase]
            part = self._rectangle(since - at, until - at, row, 0.84, {**BARS[name], "lw": 0}, 3.1)
            self.keys.setdefault(name, part)
        self._name(hop, begin, end, row)

    def _parts(self, hop: Hop) -> list[tuple[str, float, float]]:
        """Return what went on while mail crossed: commands and replies, waits, mail data."""
        begin, end = hop.sending, hop.ended
        if begin is None or end is None or self.phases is None:
            return []
        return [
            (phase.phase, max(phase.begin, begin), min(phase.end, end))
            for phase in self.phases.of_hop(hop)
            if phase.phase in _CROSSING and phase.begin < end and phase.end > begin
        ]

    def _bar(self, name: str, begin: float, end: float, row: int) -> None:
        if end - begin > 1e-9:
            drawn = self._at_least(begin, end)
            patch = self._rectangle(begin, drawn, row, LOW.get(name, 1.0), BARS[name], 2.0)
            self.keys.setdefault(name, patch)

    def _rectangle(
        self, begin: float, end: float, row: int, share: float, look: dict[str, Any], zorder: float
    ) -> Rectangle:
        from matplotlib.patches import Rectangle

        height = BAR * share
        patch = Rectangle((begin, row - height / 2), end - begin, height, zorder=zorder, **look)
        self.ax.add_patch(patch)
        return patch

    def _at_least(self, begin: float, end: float) -> float:
        """Return the end of a bar as drawn: far enough from its beginning to be seen."""
        least = self.scale.place(begin) + _LEAST / self.pixels
        if self.scale.place(end) >= least:
            return end
        self.widened = True
        return float(self.scale.time(least))

    def _name(self, hop: Hop, begin: float, end: float, row: int) -> None:
        """Write the receiving host's name in its bar, or its first part, or nothing."""
        left, right = float(self.scale.place(begin)), float(self.scale.place(end))
        right -= 8 / self.pixels  # a marker may sit on the bar's end
        dots = self.ax.figure.dpi / 72
        size = 8.5 if self.lines == 2 else 7.5
        for name in (self.shown[hop.peer], self.short[hop.peer]):
            if plot_style.text_width(name, size) * dots + 8 <= (right - left) * self.pixels:
                middle = float(self.scale.time((left + right) / 2))
                self.ax.text(
                    middle, row, name, fontsize=size, ha="center", va="center_baseline", zorder=4,
                    clip_on=True, bbox=_PAPER, gid="host",
                )  # fmt: skip
                return
        if self.pitch > 0.5:
            self._name_above(self.short[hop.peer], left * self.pixels, begin, row)

    def _name_above(self, name: str, pixel: float, begin: float, row: int) -> None:
        """Write the name above a bar that is too narrow for it, if the place is free."""
        if pixel < self.above.get(row, -1.0):
            return
        name = plot_style.shorten(name, 24)
        width = plot_style.text_width(name, 8) * self.ax.figure.dpi / 72
        if pixel + width > 1.015 * self.pixels:
            return
        self.above[row] = pixel + width + 6
        text = self.ax.text(begin, row - BAR / 2 - 0.03, name, fontsize=8, va="bottom", zorder=4)
        text.set_gid("host")

    # -- marks -----------------------------------------------------------------------------------

    def _connect(self, itinerary: Itinerary) -> None:
        """Draw thin lines down to copies on other routes and to notifications."""
        for lane in self.layout.lanes:
            if lane.itinerary is not itinerary:
                continue
            if lane.kind == "fork" and lane.first is not None:
                above = self.layout.row(itinerary, lane.first.parent)
                self._down(
                    lane.first.queued - self._since(itinerary), above, lane.row, plot_style.GREY
                )
            elif lane.kind == "return" and itinerary.about is not None:
                above = self.layout.row(itinerary.about, itinerary.cause)
                self._down(
                    itinerary.t - self._since(itinerary), above, lane.row, plot_style.VERMILION
                )

    def _down(self, t: float, above: int, below: int, colour: str) -> None:
        self.ax.plot([t, t], [above, below], color=colour, lw=1.0, ls=":", zorder=1)

    def _ends(self, itinerary: Itinerary) -> None:
        """Draw what became of a message: each end, and that it was lost, or came twice."""
        deliveries = [end for end in itinerary.ends if kind_of_end(itinerary, end) == "deliver"]
        came_twice = deliveries[-1:] if self.wrongs.came_twice(itinerary.number) else []
        since = self._since(itinerary)
        for ending in itinerary.ends:
            kind = "twice" if ending in came_twice else kind_of_end(itinerary, ending)
            self._end(kind, ending.t - since, self.layout.row(itinerary, ending.hop))
        lost_at = self.wrongs.lost_at(itinerary.number)
        if lost_at is not None:
            last = max(itinerary.hops, key=lambda hop: hop.ended or hop.queued, default=None)
            self._end("lost", lost_at - since, self.layout.row(itinerary, last))

    def _is_lost(self, itinerary: Itinerary, kind: str) -> bool:
        return kind == "queued" and self.wrongs.lost_at(itinerary.number) is not None

    def _end(self, kind: str, t: float, row: int) -> None:
        """Draw a marker where its time is; above or below another one, and like ones once."""
        from matplotlib.transforms import ScaledTranslation

        name, look = ENDS[kind]
        pixel = float(self.scale.place(t)) * self.pixels
        taken = self.taken.setdefault(row, [])
        alike = next(
            (sign for sign in taken if sign.kind == kind and abs(sign.x - pixel) < 3), None
        )
        if alike is not None:
            alike.count += 1
            return
        levels = {sign.level for sign in taken if abs(sign.x - pixel) < 12 and kind != "defer"}
        level = next(n for n in (0, 1, -1, 2, -2, 3) if n not in levels or n == 3)
        step = min(11.0, self._row_pixels() / 3)
        self.taken[row].append(_Mark(kind, pixel, level if kind != "defer" else 9, t, level * step))
        dots = self.ax.figure.dpi
        offset = self.ax.transData + ScaledTranslation(
            0, -level * step / dots, self.ax.figure.dpi_scale_trans
        )
        (line,) = self.ax.plot([t], [row], ls="", zorder=5, transform=offset, **look)
        line.set_clip_on(False)
        line.set_gid(f"end {kind}")
        self.keys.setdefault(name, line)

    def _row_pixels(self) -> float:
        low, high = sorted(self.ax.get_ylim())
        return float(self.ax.get_window_extent().height) / max(high - low, 1.0)

    def _counts(self) -> None:
        """Write how many ends of one kind a mark stands for, and what must not be overlooked."""
        for row, marks in self.taken.items():
            for mark in marks:
                words = {"lost": "LOST", "twice": "TWICE"}.get(mark.kind, "")
                words += f" ×{mark.count}" if mark.count > 1 and mark.kind != "defer" else ""
                aside = -9 if mark.x > self.pixels - 40 else 9
                if words:
                    self.ax.annotate(
                        words.strip(), (mark.t, row), (aside, -mark.down),
                        textcoords="offset pixels", ha="right" if aside < 0 else "left",
                        va="center", fontsize=8, fontweight="bold", zorder=6,
                        color=plot_style.colour("text-worst" if mark.kind == "lost" else "ink"),
                        bbox=_PAPER, annotation_clip=False, gid="end words",
                    )  # fmt: skip

    # -- words -----------------------------------------------------------------------------------

    def _mention_least(self) -> None:
        if self.scale.folds:
            words = "the narrowest bars are drawn wider than they are"
        else:
            least = duration(float(self.scale.time(_LEAST / self.pixels)) - self.scale.times[0])
            words = f"bars shorter than {least} are drawn {least} wide"
        self.ax.set_xlabel(f"{self.ax.get_xlabel()}; {words}")

    def _explained(self, name: str) -> str:
        """Return a name of the legend; of openings also how many there were and what they took."""
        if name != NAMES["opening"] or not self.openings:
            return name
        times = count_noun(len(self.openings), "time")
        return f"{name} ({times}, {time_taken(sum(self.openings))})"

    def _legend(self) -> None:
        from matplotlib.transforms import ScaledTranslation

        below = self.ax.transAxes + ScaledTranslation(0, -40 / 72, self.ax.figure.dpi_scale_trans)
        names = sorted(self.keys, key=rank)
        words = [self._explained(name) for name in names]
        room = (self.pixels + (20 if self.own else 0)) * 72 / self.ax.figure.dpi
        columns = plot_style.legend_columns(words, room, 4, handle=2.4)
        if self.own:
            self._place(52 + 15 * -(-len(names) // columns))
        self.ax.legend(
            [self.keys[name] for name in names],
            words,
            loc="upper left",
            bbox_to_anchor=(0, 0),
            bbox_transform=below,
            ncols=columns,
            borderaxespad=0,
            handlelength=2.4,
            columnspacing=1.6,
        )


def _specks(messages: list[Itinerary], scale: Timescale) -> bool:
    """Return whether the usual message would be too small to see on one clock for all.

    Then each lane begins at its own submission.
    """
    sizes = sorted(
        float(scale.place(itinerary.last) - scale.place(itinerary.t)) for itinerary in messages
    )
    return len(sizes) >= 4 and sizes[len(sizes) // 2] < 0.04
