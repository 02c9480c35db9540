"""Why a message took its time: the phases of its recipients as text, as a table and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

from lab.analysis.phases import PHASES, Phase, Phases, RecipientPhases
from lab.analysis.shown_names import NAMES, ShownNames, shown_names
from lab.analysis.tables import phases_frame
from lab.quantities import clock_time, time_taken
from lab.trace.trace import Trace

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Why:
    """Where the time of each recipient of a message went, phase by phase, and why.

    ``recipients`` have their ``phases`` in order, without gap or overlap from submission to
    settlement. Printed, it is a text; in a notebook, a table; :meth:`table` is a DataFrame.
    """

    message: int
    recipients: tuple[RecipientPhases, ...]
    _shown: ShownNames = field(default_factory=ShownNames, compare=False, repr=False)
    """The names of hosts as people see them."""

    def as_dict(self) -> dict[str, object]:
        """Return the same as plain data, as ``lab why --json`` prints it."""
        return {"message": self.message, "recipients": [_recipient(r) for r in self.recipients]}

    def table(self) -> pandas.DataFrame:
        """Return a row for each phase: :func:`lab.analysis.tables.phases` lists the columns."""
        return phases_frame(self.recipients)

    def lines(self) -> list[str]:
        """Return the text, line by line."""
        text: list[str] = []
        for recipient in self.recipients:
            text += [*([""] if text else []), heading(recipient, self._shown)]
            text += [f"  {line}" for line in _lines(recipient.phases, self._shown)]
        return text

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return "\n".join(_html(recipient, self._shown) for recipient in self.recipients)


def why(trace: Trace, message: int) -> Why:
    """Return where the time of each recipient of a message went, and why.

    Raises ValueError if there is no such message, and for a trace that was recorded without what
    crossed the wire.
    """
    return Why(message, tuple(Phases(trace).of(message)), shown_names(trace.meta))


def slowest(trace: Trace) -> Why:
    """Return the same of the message that took longest; ValueError if there is no message."""
    everyone = list(Phases(trace).everyone())
    if not everyone:
        raise ValueError("there is no message in this run")
    longest = max(everyone, key=lambda recipient: sum(phase.seconds for phase in recipient.phases))
    alike = [recipient for recipient in everyone if recipient.message == longest.message]
    return Why(longest.message, tuple(alike), shown_names(trace.meta))


def heading(recipient: RecipientPhases, shown: ShownNames = NAMES) -> str:
    """Return who a recipient is, what became of it, and what took longest.

    ``shown`` are the names of hosts as people see them.
    """
    who = f"message {recipient.message} to {shown.path(recipient.recipient)}: {recipient.outcome}"
    who = who.replace("_", " ")
    took = sum(phase.seconds for phase in recipient.phases)
    if not recipient.phases:
        return f"{who} at once, at {clock_time(recipient.submitted_at)}"
    shares = dict.fromkeys(PHASES, 0.0)
    for phase in recipient.phases:
        shares[phase.phase] += phase.seconds
    worst = max(shares, key=lambda name: shares[name])
    after = "after" if recipient.settled_at is not None else "for"
    share = f"{100 * shares[worst] / took:.0f} % of it {_WORDS[worst]}"
    return f"{who} {after} {time_taken(took)}, {share}"


_WORDS: Final = {
    "spool": "in spools", "retry": "waiting for retries", "opening": "opening channels",
    "line": "waiting for lines", "sending": "sending", "dialogue": "in round trips",
}  # fmt: skip
"""What a recipient's time went on, in a sentence."""


def _lines(phases: tuple[Phase, ...], shown: ShownNames) -> list[str]:
    table = [
        (clock_time(p.begin), time_taken(p.seconds), p.phase, _where(p, shown), p.because)
        for p in phases
    ]
    widest = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    at, takes, name, where, _ = widest or [0] * 5
    return [
        "  ".join([
            begin.rjust(at), took.rjust(takes), phase.ljust(name), place.ljust(where), because,
        ])
        for begin, took, phase, place, because in table
    ]  # fmt: skip


def _where(phase: Phase, shown: ShownNames) -> str:
    return f"{shown[phase.host]} -> {shown[phase.peer]}" if phase.peer else shown[phase.host]


def _recipient(recipient: RecipientPhases) -> dict[str, object]:
    return {
        "recipient": recipient.recipient,
        "outcome": recipient.outcome,
        "submitted_at": recipient.submitted_at,
        "settled_at": recipient.settled_at,
        "phases": [_phase(phase) for phase in recipient.phases],
    }


def _phase(phase: Phase) -> dict[str, object]:
    name, host, peer, begin, end, because, message = phase
    return {
        "phase": name, "host": host, "peer": peer, "begin": begin, "end": end,
        "because": because, "message": message,
    }  # fmt: skip


def _html(recipient: RecipientPhases, shown: ShownNames) -> str:
    """Return a recipient and its phases as an HTML table, with a heading."""
    names = ("begins at", "takes", "phase", "where", "because")
    head = "".join(f'<th scope="col" style="text-align:left">{name}</th>' for name in names)
    rows = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:left">{escape(text)}</td>' for text in cells)
        + "</tr>"
        for cells in (
            (clock_time(p.begin), time_taken(p.seconds), p.phase, _where(p, shown), p.because)
            for p in recipient.phases
        )
    )
    caption = f'<caption style="text-align:left">{escape(heading(recipient, shown))}</caption>'
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
