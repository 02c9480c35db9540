"""The state diagrams of section 4.4 and the states of a session, from the protocol's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.session_states import session_histories, transitions_of, transitions_taken
from lab.protocol.replies import COMMAND_REPLIES, MAIL_DATA, Outcome
from lab.protocol.states import DIAGRAMS, TRANSITIONS, Diagram, State
from lab.trace.rows import KIND, SESSION
from lab.trace.trace import Trace, check_trace
from lab.views.pictures import plot_style
from lab.views.pictures.judged import judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLACES: Final = {
    State.OPENED: (0.9, 7.2), State.READY: (3.5, 7.2), State.MAIL: (6.1, 7.2),
    State.RCPT: (8.7, 7.2), State.DATA: (11.3, 7.2), State.CLOSED: (6.1, 3.9),
}  # fmt: skip
_ARCS: Final[dict[tuple[State, State], float]] = {
    (State.READY, State.OPENED): 0.45,
    (State.MAIL, State.READY): 0.45,
    (State.RCPT, State.MAIL): 0.45,
    (State.RCPT, State.READY): 0.46,
    (State.DATA, State.READY): 0.52,
}
"""How much an arrow that leads back bends; arrows that lead on are straight."""

_WORDS: Final = {MAIL_DATA: "the mail data"}
_NODE: Final = 0.42


@judged("states")
def states(
    trace: Trace | None = None,
    ax: Axes | None = None,
    *,
    session: int | None = None,
    seq: int | None = None,
    command: str | None = None,
) -> Axes:
    """Draw the states of a session and the two diagrams of section 4.4; return their Axes.

    With a trace, each arrow shows how often it was taken. With a ``session``, the counts are those
    of that session up to event ``seq`` (default: its end), and the state of the receiver-SMTP at
    that event is marked, with its last command. ``command`` picks the row of 4.3 whose codes are
    shown. Raises ValueError for a session that is not in the trace.
    """
    taken: Counter[tuple[State, str]] = Counter()
    now: State | None = None
    if trace is not None:
        check_trace(trace)
        taken, now, last = _taken(trace, session, seq)
        command = command or last
    with plot_style.styled(ax):
        ax = ax if ax is not None else _axes()
        ax.set_xlim(0, 12.2)
        ax.set_ylim(0.0, 10.3)
        ax.set_axis_off()
        ax.set_xticks([])
        ax.set_yticks([])
        _session(ax, taken, now, trace is not None)
        _diagrams(ax, command)
        name = str(trace.meta.get("title") or "") if trace is not None else ""
        of = f"session {session}" if session is not None else "what may follow what"
        ax.set_title(plot_style.shorten(f"{name}: {of}" if name else of.capitalize(), 80))
    return ax


def _axes() -> Axes:
    ax = plot_style.new_axes(11, 8.4)
    ax.set_position((0.02, 0.02, 0.96, 0.91))
    return ax


def _taken(
    trace: Trace, session: int | None, seq: int | None
) -> tuple[Counter[tuple[State, str]], State | None, str | None]:
    if session is None:
        return transitions_taken(trace, seq), None, None
    histories = session_histories(trace, session)
    if session not in histories:
        last = max((row[SESSION] for row in trace.rows if row[KIND] == "open"), default=0)
        raise ValueError(f"there is no session {session}; they are 1 to {last}")
    history, last = histories[session], len(trace) if seq is None else seq
    snapshots = [
        snapshot for at, snapshot in zip(history.seqs, history.snapshots, strict=True) if at <= last
    ]
    rows = [trace.rows[at] for at in history.seqs[: len(snapshots)]]
    commands = [
        snapshot.receiver.command
        for snapshot in snapshots
        if snapshot.receiver.command in COMMAND_REPLIES
    ]
    now = snapshots[-1].receiver.state if snapshots else None
    return Counter(transitions_of(rows, snapshots)), now, commands[-1] if commands else None


# -- the session --------------------------------------------------------------------------------


def _session(ax: Axes, taken: Counter[tuple[State, str]], now: State | None, counted: bool) -> None:
    groups: dict[tuple[State, State], list[str]] = {}
    for state, row in TRANSITIONS.items():
        for verb, transition in row.items():
            groups.setdefault((state, transition.next), []).append(verb)
    for (state, after), verbs in groups.items():
        words = [_with_count(verb, taken[state, verb], counted) for verb in verbs]
        if state is after:
            _loop(ax, state, words)
        elif after is State.CLOSED:
            _quit(ax, state, words)
        else:
            _arc(ax, state, after, words, any(taken[state, verb] for verb in verbs))
    for state, (x, y) in _PLACES.items():
        _node(ax, x, y, state.value, state is now)


def _with_count(verb: str, times: int, counted: bool) -> str:
    word = _WORDS.get(verb, verb)
    return f"{word} ×{times:,}" if counted and times else word


def _node(ax: Axes, x: float, y: float, text: str, marked: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    width = 0.62
    ax.add_patch(
        FancyBboxPatch(
            (x - width, y - _NODE / 1.5), 2 * width, _NODE * 1.33, zorder=4,
            boxstyle="round,pad=0.02,rounding_size=0.25",
            facecolor=plot_style.YELLOW if marked else "white", edgecolor="black",
            lw=2.6 if marked else 1.2, gid=f"state {text}" + (" now" if marked else ""),
        )
    )  # fmt: skip
    ax.text(x, y, text, ha="center", va="center", fontsize=10.5, zorder=5, gid="node",
            fontweight="bold" if marked else "normal")  # fmt: skip


def _arc(ax: Axes, state: State, after: State, words: list[str], taken: bool) -> None:
    from matplotlib.patches import FancyArrowPatch

    bend = _ARCS.get((state, after), 0.0)
    (x, y), (to, down) = _PLACES[state], _PLACES[after]
    sign = 1 if to > x else -1
    # arrows that lead back start and end above, and are half as high as their bend
    begin = (x + sign * 0.2, y + 0.3) if bend else (x + sign * 0.66, y)
    end = (to - sign * 0.2, down + 0.3) if bend else (to - sign * 0.66, down)
    height = 0.42 + bend * abs(end[0] - begin[0]) * 0.575 if bend else -0.12
    ax.add_patch(
        FancyArrowPatch(
            begin, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>", mutation_scale=13,
            color=plot_style.BLUE if taken else "black", lw=2.0 if taken else 1.1, zorder=3,
            shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
    ax.text(
        (x + to) / 2, y + height, _wrapped(words, 6 if bend else 2), ha="center",
        va="bottom" if bend else "top", fontsize=8.5, zorder=5, gid="arrow words",
        color=plot_style.BLUE if taken else "black",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2} if bend else None,
    )  # fmt: skip


def _loop(ax: Axes, state: State, words: list[str]) -> None:
    """Write the commands that do not change a state below it."""
    x, y = _PLACES[state]
    ax.text(x, y - 0.42, "↻ " + _wrapped(words, 2), ha="center", va="top", fontsize=7.5,
            color=plot_style.GREY, zorder=5, gid="loop words")  # fmt: skip


def _quit(ax: Axes, state: State, words: list[str]) -> None:
    from matplotlib.patches import FancyArrowPatch

    (x, y), (to, down) = _PLACES[state], _PLACES[State.CLOSED]
    place = to + (x - to) * 0.1
    ax.add_patch(
        FancyArrowPatch(
            (x, y - 1.62), (place, down + 0.3), arrowstyle="-|>", mutation_scale=11,
            color=plot_style.GREY, lw=0.9, ls=(0, (5, 2)), zorder=2, shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
    ax.text(x, y - 1.6, " ".join(words), ha="center", va="bottom", fontsize=8,
    color=plot_style.GREY,
            zorder=5, gid="quit words")  # fmt: skip


def _wrapped(words: list[str], a_line: int) -> str:
    lines = [" ".join(words[n : n + a_line]) for n in range(0, len(words), a_line)]
    return "\n".join(lines)


# -- the two diagrams of section 4.4 -------------------------------------------------------------

_Points = dict[str, tuple[float, float]]
_COMMAND_POINTS: Final[_Points] = {
    "B": (0.65, 1.7), "W": (2.0, 1.7), "E": (3.35, 2.75), "S": (3.35, 1.7), "F": (3.35, 0.65),
}  # fmt: skip
_DATA_POINTS: Final[_Points] = {
    "B": (6.5, 2.75), "W": (7.9, 2.75), "data": (6.5, 0.65), "W data": (7.9, 0.65),
    "E": (9.8, 2.75), "S": (9.8, 1.7), "F": (9.8, 0.65),
}  # fmt: skip
"""The places of the nodes, as in the figures of the RFC."""
_LETTERS: Final = {"data": "", "W data": "W"}
_ENDS: Final = {"E": "error", "S": "success", "F": "failure"}


def _diagrams(ax: Axes, command: str | None) -> None:
    """Draw both; the codes of the row of ``command`` stand at the ends that they lead to."""
    of_data = command in ("DATA", MAIL_DATA)
    _diagram(ax, DIAGRAMS[0], _COMMAND_POINTS, None if of_data else command)
    _diagram(ax, DIAGRAMS[1], _DATA_POINTS, command if of_data else None)


def _diagram(ax: Axes, diagram: Diagram, points: _Points, command: str | None) -> None:
    title = "DATA and the mail data" if "data" in points else "each command but DATA"
    left = points["B"][0] - 0.35
    ax.text(left, 3.2, f"4.4: {title}", fontsize=10, fontweight="bold", ha="left", va="bottom")
    for node, place in points.items():
        _circle(ax, *place, _LETTERS.get(node, node))
    for arrow in diagram.arrows:
        label = command if arrow.label == "cmd" and command in diagram.commands else arrow.label
        _arrow(ax, points[arrow.start], points[arrow.end], label or arrow.label)
    waiting = "W data" if command == MAIL_DATA else "W"
    for node, name in _ENDS.items():
        x, y = points[node]
        digits = {digit for digit, end in diagram.ends(waiting).items() if end == node}
        text = _with_codes(name, COMMAND_REPLIES.get(command or "", {}), digits)
        ax.text(x + 0.28, y, text, fontsize=8, va="center", ha="left", gid="end words")


def _with_codes(name: str, row: Mapping[int, Outcome], digits: set[int]) -> str:
    """Return the name of an end, and the codes of a row of 4.3 that lead there.

    Section 4.3 calls some of the codes that lead to failure errors; they are told apart.
    """
    codes = {code: means for code, means in row.items() if code // 100 in digits}
    plain = [str(code) for code, means in codes.items() if means is not Outcome.E]
    errors = [str(code) for code, means in codes.items() if means is Outcome.E]
    text = name + (": " + _wrapped(plain, 5).replace("\n", "\n   ") if plain else "")
    return text + (f"\nin 4.3 error: {' '.join(errors)}" if errors else "")


def _circle(ax: Axes, x: float, y: float, letter: str) -> None:
    ax.plot([x], [y], "o", ms=22, mfc="white", mec="black", mew=1.2, zorder=4)
    ax.text(x, y, letter, ha="center", va="center", fontsize=10, zorder=5, gid="node")


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    style: Any = {"arrowstyle": "-|>", "color": "black", "lw": 1.1, "shrinkA": 11, "shrinkB": 11}
    ax.annotate("", end, start, arrowprops=style, zorder=3, gid=f"arrow {label}")
    # near the start: in the diagram of DATA the arrows cross in the middle
    share = 0.5 if start[1] == end[1] else 0.3
    x, y = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
    words: Any = {"ha": "center", "fontsize": 8, "gid": "arrow words", "zorder": 5}
    if start[1] == end[1]:
        ax.text(x, y + 0.1, label, va="bottom", **words)
    else:
        words["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        ax.text(x, y, label, va="center", **words)
