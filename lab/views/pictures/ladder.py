"""The ladder, a message sequence chart: hosts as lines, time downward, arrows between them.

Each command and reply is an arrow from where it left to where it arrived; all mail data is one
arrow. There is a band behind each session. Losses, cuts and waits are marked where they happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lab.analysis.ladder_rows import FAILURES, LadderRow, first_ladder_rows, ladder_rows
from lab.analysis.shown_names import ShownNames
from lab.analysis.telling import most_telling
from lab.quantities import clock_time
from lab.trace.trace import Trace, check_trace
from lab.views import visual_language
from lab.views.pictures import plot_style
from lab.views.pictures.fonts import pictured_names
from lab.views.pictures.judged import judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW: Final = 0.235
"""Inches from a row to the next."""
_COLUMN: Final = 3.8
"""Inches from a host's line to the next, where there are few."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 1.05, 1.25, 1.05, 0.55
_MOST_ROWS: Final = 110
_MOST_HOSTS: Final = 10
_SEEN: Final = 0.05
"""The share of the whole time that a wait must have to be labelled, if time is to scale."""
_MOST_READ: Final = 400
"""The most rows that a picture shows; the others are counted."""
_CROSSED: Final = 0.04
"""Where the crosses of a lost channel are, as a share of the way from either host."""
_SIZE: Final = 8.5
"""Points of the labels."""

_ARROWS: Final[dict[str, dict[str, Any]]] = {
    kind: plot_style.stroke_look(kind) for kind in visual_language.CROSSINGS
}
_SIGNS: Final = {
    "deliver": visual_language.ENDS["delivered"], "defer": visual_language.ENDS["open"],
    "notify": visual_language.ENDS["returned"], "reject": visual_language.ENDS["rejected"],
    "abandon": visual_language.ENDS["abandoned"],
}  # fmt: skip
"""The signs of what happens at one host; others are faults."""
_BOX: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.8}
_BANDS: Final = (plot_style.tint("command", 0.09), plot_style.tint("mail", 0.12))
_WORDS: Final = {
    "command": plot_style.colour("text-command"), "reply": plot_style.colour("text-good"),
    "piece": plot_style.colour("text-good"), "error": plot_style.colour("text-bad"),
    "data": plot_style.colour("ink"), "unreachable": plot_style.colour("text-bad"),
}  # fmt: skip
"""The colours of labels."""
_NAMES: Final = {kind: stroke.words for kind, stroke in visual_language.CROSSINGS.items()}


@judged("ladder")
def ladder(
    trace: Trace,
    ax: Axes | None = None,
    *,
    message: int | None = None,
    session: int | None = None,
    between: tuple[str, str] | None = None,
    to_scale: bool = False,
) -> Axes:
    """Draw the dialogues of a trace as a message sequence chart; return its Axes.

    ``message`` (with its notifications), ``session`` or ``between`` two hosts picks some. Otherwise
    all are drawn if there is room for them, or else the message that matters most: one that was
    lost, came twice, was refused or put off, or took longest. Of very many rows those around the
    first failure are shown. Time goes downward, row by row; ``to_scale``: in seconds. Raises
    ValueError in a sentence if the trace has no such thing.
    """
    check_trace(trace)
    why = ""
    chosen, undrawn = first_ladder_rows(
        trace, _MOST_READ, message=message, session=session, between=between
    )
    is_free = message is None and session is None and between is None
    if is_free and (undrawn or not _has_room(chosen)):
        message, why = most_telling(trace)
    if message is not None and (undrawn or is_free):
        chosen = ladder_rows(trace, message=message)
        undrawn = 0
    shown = pictured_names(trace.meta)
    with plot_style.styled(ax):
        picture = _Drawing(chosen, undrawn, ax, to_scale, shown)
        title = _title(trace, message, session, between, shown)
        return picture.draw(f"{title}, {why}" if why else title)


def _has_room(rows: list[LadderRow]) -> bool:
    """Return whether a picture can show all the rows, with all their hosts."""
    hosts = {host for row in rows if row.kind != "fault" for host in (row.host, row.peer) if host}
    return len(rows) <= _MOST_ROWS and len(hosts) <= _MOST_HOSTS


def _title(
    trace: Trace,
    message: int | None,
    session: int | None,
    between: tuple[str, str] | None,
    shown: ShownNames,
) -> str:
    of = str(trace.meta.get("title") or "")
    if message is not None:
        subject = f"message {message}"
    elif session is not None:
        subject = f"session {session}"
    elif between is not None:
        subject = " and ".join(shown[host] for host in between)
    else:
        subject = ""
    return ": ".join(part for part in (of, subject) if part) or "Ladder"


class _Drawing:
    """One picture of the rows of a ladder."""

    def __init__(
        self,
        chosen: list[LadderRow],
        undrawn: int,
        ax: Axes | None,
        to_scale: bool,
        shown_names: ShownNames,
    ) -> None:
        self.to_scale, self.shown_names = to_scale, shown_names
        self.own = ax is None
        if not to_scale:
            chosen = [row for row in chosen if row.kind != "close"]
        self.count = sum(row.kind != "wait" for row in chosen) + undrawn
        shown, self.before = _window(chosen, _MOST_ROWS)
        self.hosts = _in_order(shown)
        self.place = {host: number for number, host in enumerate(self.hosts)}
        # a fault at a host that is not shown would be a time with nothing beside it
        shown = [row for row in shown if row.kind != "fault" or row.host in self.place]
        self.ax = ax if ax is not None else self._axes(len(shown))
        self.width, self.height = self._inches()
        if ax is not None:
            shown, before = _window(shown, max(1, int(self.height / _ROW) - 1))
            self.before += before
        self.shown = shown
        self.rows: list[tuple[float, float]] = []
        self.keys: dict[str, Any] = {}

    def _axes(self, rows: int) -> Axes:
        columns = max(len(self.hosts), 2)
        wide = min(_COLUMN, max(1.7, 14.0 / columns))
        width = _LEFT + _RIGHT + wide * (columns - 1)
        height = _TOP + _BOTTOM + _ROW * (max(rows, 8) + 1)
        ax = plot_style.new_axes(width, height)
        ax.set_position((
            _LEFT / width, _BOTTOM / height,
            1 - (_LEFT + _RIGHT) / width, 1 - (_TOP + _BOTTOM) / height,
        ))  # fmt: skip
        return ax

    def _inches(self) -> tuple[float, float]:
        box = self.ax.get_window_extent()
        dots = self.ax.figure.dpi
        return box.width / dots, box.height / dots

    # -- drawing --------------------------------------------------------------------------------

    def draw(self, title: str) -> Axes:
        ax = self.ax
        self._scale()
        ax.set_xlim(0 if len(self.hosts) > 1 else -0.5, max(len(self.hosts) - 1, 0.5))
        for spine in ax.spines.values():
            spine.set_visible(False)
        self._hosts()
        self._sessions()
        for row, (begin, end) in zip(self.shown, self.rows, strict=True):
            if row.kind != "wait" or not self.to_scale or end - begin > _SEEN * self._span():
                self._row(row, begin, end)
        self._times()
        rows = self._legend()
        ax.set_title(plot_style.fitted_title(ax, title), pad=25 + 14 * rows)
        if not self.shown:
            ax.text(0.5, 0.5, "no dialogue", transform=ax.transAxes, ha="center")
        return ax

    def _scale(self) -> None:
        """Find where each row begins and ends: evenly apart, or in seconds."""
        ax = self.ax
        if not self.to_scale:
            self.rows = [(n - 0.1, n + 0.14) for n in range(len(self.shown))]
            ax.set_ylim(max(len(self.shown), 1) - 0.2, -0.8)
            return
        self.rows = [(row.t if row.sent is None else row.sent, row.t) for row in self.shown]
        first = min((begin for begin, _ in self.rows), default=0.0)
        last = max((end for _, end in self.rows), default=1.0)
        margin = (last - first) * 0.02 or 0.5
        ax.set_ylim(last + margin, first - margin)

    def _span(self) -> float:
        low, high = sorted(self.ax.get_ylim())
        return high - low

    def _hosts(self) -> None:
        ax = self.ax
        # the outermost names have half their width on either side of their lines
        aside = 2 * 72 * min(_LEFT, _RIGHT)
        widest = min(self._column_width() * 72 - 8, aside - 6) if len(self.hosts) > 1 else 300.0
        for host, x in self.place.items():
            ax.axvline(x, color="black", lw=1.0, zorder=2, clip_on=False)
            ax.text(
                x, 1.0, plot_style.fitted(self.shown_names[host], widest, 9.5, "bold"),
                transform=ax.get_xaxis_transform(),
                ha="center", va="bottom", fontsize=9.5, fontweight="bold", gid=f"host {host}",
            )  # fmt: skip
        ax.set_xticks([])

    def _sessions(self) -> None:
        """Draw a band behind each session, from its first row to its last."""
        from matplotlib.patches import Rectangle

        spans: dict[int, tuple[float, float, set[str]]] = {}
        for row, (begin, end) in zip(self.shown, self.rows, strict=True):
            if row.session is None or row.peer not in self.place or row.host not in self.place:
                continue
            low, high, ends = spans.get(row.session, (begin, end, set()))
            spans[row.session] = (min(low, begin), max(high, end), ends | {row.host, row.peer})
        half = 0.3 if not self.to_scale else 0.0
        for number, (low, high, ends) in spans.items():
            places = sorted(self.place[host] for host in ends)
            band = Rectangle(
                (places[0], low - half), places[-1] - places[0], high - low + 2 * half,
                facecolor=_BANDS[number % 2], lw=0, zorder=0, gid=f"session {number}",
            )  # fmt: skip
            self.ax.add_patch(band)

    def _row(self, row: LadderRow, begin: float, end: float) -> None:
        if row.kind == "close":
            return
        if row.kind in _ARROWS and row.peer in self.place and row.host in self.place:
            self._arrow(row, begin, end)
        elif row.stretch is not None and row.peer in self.place and row.host in self.place:
            self._stopped(row, row.stretch, begin, end)
        elif row.kind == "wait":
            self._wait(row, (begin + end) / 2)
        elif row.kind == "open" and row.peer in self.place:
            self._across(row, (begin + end) / 2, plot_style.GREY, "-")
        elif row.kind in ("cut", "loss") and row.peer in self.place:
            self._across(row, (begin + end) / 2, plot_style.colour("text-bad"), (0, (1.2, 1.6)))
        elif row.host in self.place:
            self._note(row, (begin + end) / 2)

    def _arrow(self, row: LadderRow, begin: float, end: float) -> None:
        x, to = self.place[row.host], self.place[str(row.peer)]
        look = _ARROWS[row.kind]
        fails = row.kind == "unreachable"
        target = x + (to - x) * 0.94 if fails else to
        arrow = self.ax.annotate(
            "", (target, end), (x, begin), zorder=3, annotation_clip=False, gid=f"arrow {row.seq}",
            arrowprops={
                "arrowstyle": "-" if fails else "-|>", "shrinkA": 0, "shrinkB": 0,
                "mutation_scale": 9, "color": look["color"], "lw": look["lw"], "ls": look["ls"],
            },
        )  # fmt: skip
        arrow.set_gid(f"arrow {row.seq}")
        if fails:
            self._cross(target, end)
        self.keys.setdefault(_NAMES[row.kind], look)
        self._label(row, (x + to) / 2, (begin + end) / 2, abs(to - x), _WORDS[row.kind])

    def _stopped(
        self, row: LadderRow, stretch: tuple[float, float], begin: float, end: float
    ) -> None:
        """Draw bytes where they were when their channel was lost: crosses at tail and head."""
        x, to = self.place[row.host], self.place[str(row.peer)]
        tail, head = (x + (to - x) * share for share in stretch)
        look = {**_ARROWS[row.stops], "ls": (0, (3, 1.5))}
        self.ax.plot([tail, head], [begin, end], zorder=3, gid=f"stopped {row.seq}", **look)
        for place, y in ((tail, begin), (head, end)):
            self._cross(place, y)
        sign = visual_language.CUT
        self.keys.setdefault(sign.words, {**look, "marker": sign.marker})
        self._label(row, (x + to) / 2, (begin + end) / 2, abs(to - x), _WORDS["error"])

    def _label(self, row: LadderRow, x: float, y: float, columns: float, colour: str) -> None:
        room = columns * self._column_width() * 72 - 26
        if row.kind in ("cut", "loss"):
            room = (1 - 2 * _CROSSED) * (room + 26) - 26  # between the two crosses
        weight = "bold" if row.kind == "error" else "normal"
        text = plot_style.fitted(row.text, room, _SIZE, weight)
        on_the_line = self.to_scale or row.kind in ("open", "cut", "loss")
        self.ax.text(
            x, y if on_the_line else y - 0.08, text, fontsize=_SIZE, color=colour,
            ha="center", va="center" if on_the_line else "bottom", fontweight=weight,
            zorder=4 if on_the_line else 2.5, gid=f"label {row.seq}", clip_on=False, bbox=_BOX,
        )  # fmt: skip

    def _column_width(self) -> float:
        return self.width / max(len(self.hosts) - 1, 1)

    def _across(self, row: LadderRow, y: float, colour: str, dashes: Any) -> None:
        """Draw what happened to the channel itself: a line from host to host."""
        x, to = sorted((self.place.get(row.host, 0), self.place[str(row.peer)]))
        self.ax.plot([x, to], [y, y], color=colour, lw=1.0, ls=dashes, zorder=2)
        self._label(row, (x + to) / 2, y, to - x, colour)
        if row.kind in ("cut", "loss"):
            self._cross(x + (to - x) * _CROSSED, y)
            self._cross(to - (to - x) * _CROSSED, y)

    def _cross(self, x: float, y: float) -> None:
        self.ax.plot(
            [x], [y], "x", color=plot_style.VERMILION, ms=7, mew=1.8, zorder=5, clip_on=False
        )

    def _note(self, row: LadderRow, y: float) -> None:
        """Write what happens at one host beside its line."""
        x = self.place[row.host]
        colour = plot_style.colour(
            {"deliver": "text-good", "defer": "quiet"}.get(row.kind, "text-bad")
        )
        look = plot_style.sign_look(_SIGNS.get(row.kind, visual_language.FAULTS["moment"]), 6)
        self.ax.plot([x], [y], zorder=5, clip_on=False, ls="", **{**look, "mew": 0.8})
        last = x == len(self.hosts) - 1 and x > 0
        room = (self._column_width() if len(self.hosts) > 1 else self.width / 2) * 72 - 16
        self.ax.annotate(
            plot_style.fitted(row.text, room, _SIZE), (x, y), (-8 if last else 8, 0),
            textcoords="offset points",
            ha="right" if last else "left", va="center", fontsize=_SIZE, color=colour, zorder=4,
            gid=f"label {row.seq}", annotation_clip=False,
            bbox=_BOX,
        )  # fmt: skip

    def _wait(self, row: LadderRow, y: float) -> None:
        ax = self.ax
        if not self.to_scale:
            ax.axhspan(y - 0.42, y + 0.42, facecolor=plot_style.PALE, lw=0, zorder=1)
        ax.text(
            0.5, y, row.text, transform=ax.get_yaxis_transform(), ha="center", va="center",
            fontsize=_SIZE, color=plot_style.GREY, style="italic", zorder=4, gid=f"wait {row.seq}",
            bbox=_BOX if self.to_scale else {**_BOX, "facecolor": plot_style.PALE, "alpha": 1.0},
        )  # fmt: skip

    # -- words -----------------------------------------------------------------------------------

    def _times(self) -> None:
        """Write the time of each row at the left; to scale, label the axis in seconds."""
        ax = self.ax
        if self.to_scale:
            ax.set_ylabel("simulated time (seconds)")
            self._thin_labels()
            return
        ticks = [n for n, row in enumerate(self.shown) if row.kind not in ("wait", "close")]
        ax.set_yticks(ticks, [clock_time(self.shown[n].t) for n in ticks])
        ax.tick_params(axis="y", length=0, pad=8, labelsize=8, labelcolor=plot_style.GREY)
        hidden = self.count - sum(row.kind != "wait" for row in self.shown)
        if hidden > 0:
            before = f"{self.before:,} of them before; " if self.before else ""
            unlisted = (
                f"... and {hidden:,} more rows; {before}pick a message, a session or two hosts"
            )
            ax.text(0.0, -0.02 if not self.own else -0.28 / self.height, unlisted,
                    transform=ax.transAxes, ha="left", va="top", fontsize=9, color=plot_style.GREY,
                    gid="more")  # fmt: skip

    def _thin_labels(self) -> None:
        """Leave out labels that would lie on others, if time is to scale."""
        self.ax.figure.canvas.draw()
        kept: list[Any] = []
        for text in self.ax.texts:
            if not (text.get_gid() or "").startswith(("label", "wait")):
                continue
            box = text.get_window_extent()
            if any(box.overlaps(kept_box) for kept_box in kept):
                text.set_visible(False)
            else:
                kept.append(box)

    def _legend(self) -> int:
        """Draw the legend above the hosts, in as many rows as it needs; return how many."""
        from matplotlib.lines import Line2D

        if not self.keys:
            return 1
        handles = [
            Line2D([0, 1], [0, 0], **look, mec=plot_style.VERMILION, mew=1.8)
            for look in self.keys.values()
        ]
        room = (self.width + (_RIGHT if self.own else 0)) * 72
        wide = sum(plot_style.text_width(name, 8.5) + 42 for name in self.keys)
        rows = min(len(handles), -int(-wide // room))
        self.ax.legend(
            handles, list(self.keys), loc="lower left", ncols=-(-len(handles) // rows),
            bbox_to_anchor=(0, 1 + 0.26 / self.height), borderaxespad=0, handlelength=2.4,
            fontsize=8.5, columnspacing=1.4,
        )  # fmt: skip
        return rows


def _window(chosen: list[LadderRow], rows: int) -> tuple[list[LadderRow], int]:
    """Return as many rows as there is room for, with as many hosts as fit beside each other.

    They are the first ones, or those around the first failure, if it comes later. Also returns how
    many rows come before them.
    """
    failure = next((n for n, row in enumerate(chosen) if row.kind in FAILURES), 0)
    first = 0 if failure < rows * 0.8 else failure - rows // 2
    shown = _beginning(chosen[first:], rows)
    if first == 0 and failure >= len(shown) and failure < len(chosen) and failure:
        first = max(0, failure - rows // 2)  # more hosts than there is room for come before it
        shown = _beginning(chosen[first:], rows)
        while failure >= first + len(shown) and first < failure:
            first += max(1, (failure - first) // 2)
            shown = _beginning(chosen[first:], rows)
    return shown, sum(row.kind != "wait" for row in chosen[:first])


def _beginning(chosen: list[LadderRow], rows: int) -> list[LadderRow]:
    """Return the first rows, with as many hosts as fit beside each other."""
    hosts: set[str] = set()
    shown = []
    for row in chosen[:rows]:
        if row.kind != "fault":
            hosts |= {host for host in (row.host, row.peer) if host}
        if len(hosts) > _MOST_HOSTS:
            break
        shown.append(row)
    while shown and shown[-1].kind == "wait":
        shown.pop()
    return shown


def _in_order(shown: list[LadderRow]) -> list[str]:
    """Return the hosts that have a part in some rows, along the way of the mail if there is any."""
    ways = [end for row in shown if row.kind == "data" for end in (row.host, row.peer)]
    ends = [end for row in shown if row.kind != "fault" for end in (row.host, row.peer)]
    ends = [*ways, *ends]
    return list(dict.fromkeys(host for host in ends if host))
