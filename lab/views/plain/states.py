"""The states of sessions without matplotlib: what may follow what, and how often it did."""

from __future__ import annotations

from collections import Counter
from typing import Final

from lab.analysis.session_states import session_histories, transitions_of, transitions_taken
from lab.protocol.replies import MAIL_DATA
from lab.protocol.states import TRANSITIONS, State
from lab.trace.trace import Trace
from lab.views.plain.drawing import Drawing, fitted

_WIDTH: Final = 1060.0
_STEP: Final = 212.0
_BOX: Final = 84.0
_TOP: Final = 86.0
_LINE: Final = 17.0


def states(trace: Trace, *, session: int | None = None) -> Drawing:
    """Draw the states of a receiver-SMTP from left to right, and below each where commands lead.

    Each command has the number of times that it was taken, in all sessions or in one.
    """
    taken = _taken(trace, session)
    lines = {state: _lines(state, taken) for state, row in TRANSITIONS.items() if row}
    deepest = max(len(state_lines) for state_lines in lines.values())
    title = str(trace.meta.get("title") or "What may follow what")
    drawing = Drawing(_WIDTH, _TOP + 70 + _LINE * deepest, title)
    drawing.text(20, 28, fitted(title, _WIDTH - 40, 17), size=17, is_bold=True)
    for number, (state, state_lines) in enumerate(lines.items()):
        x = 20 + number * _STEP
        drawing.box(x, _TOP - 22, _BOX, 30, "panel", "ink")
        drawing.text(x + _BOX / 2, _TOP - 3, state.value, anchor="middle", is_bold=True)
        if number < len(lines) - 1:
            drawing.arrow((x + _BOX + 4, _TOP - 7), (x + _STEP - 4, _TOP - 7), "line", 1.4)
        for row, (words, was_taken) in enumerate(state_lines):
            ink = "text-command" if was_taken else "quiet"
            y = _TOP + 36 + _LINE * row
            drawing.text(x, y, words, size=11, ink=ink, is_bold=was_taken)
    return drawing


def _taken(trace: Trace, session: int | None) -> Counter[tuple[State, str]]:
    if session is None:
        return transitions_taken(trace)
    histories = session_histories(trace, session)
    if session not in histories:
        raise ValueError(f"there is no session {session}")
    history = histories[session]
    rows = [trace.rows[at] for at in history.seqs]
    return Counter(transitions_of(rows, history.snapshots))


def _lines(state: State, taken: Counter[tuple[State, str]]) -> list[tuple[str, bool]]:
    """Return what leads where from a state, and whether any session took it."""
    lines = []
    for verb, transition in TRANSITIONS[state].items():
        times = taken[state, verb]
        words = "the mail data" if verb == MAIL_DATA else verb
        count = f" ×{times:,}" if times else ""
        to = "stays" if transition.next is state else f"→ {transition.next.value}"
        lines.append((f"{words}{count}  {to}", bool(times)))
    return lines
