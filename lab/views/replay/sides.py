"""What the replay page shows of both sides of each session: their states, and the diagram."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from lab.analysis.session_states import SessionHistory, session_histories
from lab.analysis.side_words import EMPTY, side_words
from lab.protocol.dialogue import SideState
from lab.protocol.states import TRANSITIONS, State
from lab.trace.trace import Trace

MOST_FILMED: Final = 60_000
"""Events up to which a page shows the states and buffers of both sides of each session."""

_SIDE: Final = ("state", "reverse-path", "forward-path", "mail data", "row of the table")
"""What the page shows of each side of a session; its state alone, and what its last command did
to the buffers, follow.
"""


def states_of(trace: Trace, number_of: Callable[[str | None], int]) -> dict[str, Any]:
    """Return the states of both sides of each session, from the event on that changed them.

    ``sides`` are the texts of a side as the page shows it; a snapshot is the event, the numbers
    of the sender's and the receiver's texts, and their hosts, which ``number_of`` numbers. Nothing
    of a trace of more than :data:`MOST_FILMED` events.
    """
    if len(trace.rows) > MOST_FILMED:
        return {}
    sides = Sides(number_of)
    sessions = {
        number: sides.snapshots(history) for number, history in session_histories(trace).items()
    }
    return {
        "rows": list(_SIDE), "sides": sides.texts(), "sessions": sessions,
        "states": [state.value for state in State], "arrows": _arrows(),
    }  # fmt: skip


class Sides:
    """The sides of sessions, each by the number of its texts."""

    def __init__(self, number_of: Callable[[str | None], int]) -> None:
        self._number_of = number_of
        self._numbers: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def texts(self, first: int = 0) -> list[list[str]]:
        """Return the texts of each side from a number on."""
        return [list(side) for side in islice(self._numbers, first, None)]

    def snapshots(self, history: SessionHistory) -> list[list[int]]:
        """Return a session after each of its events; see :func:`states_of`."""
        numbered = []
        for n, snapshot in zip(history.seqs, history.snapshots, strict=True):
            both = [
                self._numbers.setdefault(_side(side), len(self._numbers))
                for side in (snapshot.sender, snapshot.receiver)
            ]
            hosts = (snapshot.sender_host, snapshot.receiver_host)
            numbered.append([n, *both, *map(self._number_of, hosts)])
        return numbered


def _side(side: SideState) -> tuple[str, ...]:
    """Return a side of a session as the page shows it: a text for each of :data:`_SIDE`."""
    words = side_words(side)
    paths = " ".join(words.forward_paths) or EMPTY
    shown = (words.state, words.reverse_path, paths, words.mail_data, words.row)
    return (*shown, side.state.value, words.buffers)


def _arrows() -> list[list[str]]:
    """Return the arrows between states: from, to, and the commands that lead there."""
    commands: dict[tuple[str, str], list[str]] = defaultdict(list)
    for state, row in TRANSITIONS.items():
        for command, transition in row.items():
            if transition.next is not state:
                commands[state.value, transition.next.value].append(command)
    return [[*ends, " ".join(names)] for ends, names in commands.items()]
