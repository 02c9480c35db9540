"""What a page holds of each recipient: its end, its phases, and the way that its message took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from lab.analysis.account import Account
from lab.analysis.invariants import breaches
from lab.analysis.itineraries import Hop, itineraries
from lab.analysis.phases import PHASES, Phases, RecipientPhases
from lab.analysis.recipients import OUTCOMES, Recipient
from lab.analysis.shown_names import ShownNames
from lab.analysis.summarising import ending_of
from lab.analysis.verdict import verdict_of
from lab.protocol.states import MAIL_COMMANDS
from lab.protocol.syntax import path_in, verb_of
from lab.quantities import count_noun, hours_minutes_seconds
from lab.trace.levels import includes
from lab.trace.rows import (
    HOST,
    MESSAGE,
    NOTIFY_ABOUT,
    NOTIFY_PATH,
    OCTETS,
    PEER,
    SUBMIT_REVERSE_PATH,
)
from lab.trace.trace import Trace

_ALWAYS: Final = ("delivered", "returned", "lost")
"""Outcomes that a verdict counts even where there are none."""

MOST_BREACHES: Final = 20

MOST_PHASED: Final = 1_000_000
"""Events of a run up to which a page knows the phases of its recipients to their ends. Of a longer
one it knows them as far as it plays, and has no sentence about the time.
"""

Number = Callable[[str], int]
"""Returns the number of a host, or of a text."""


class Messages:
    """The recipients of a trace, as the page has them; ``host`` and ``text`` number names.

    Where the page plays the beginning of a run, ``trace`` is that, and ``whole`` is all of the run.
    The verdict counts all recipients. The table has those of messages that the page plays; what
    became of them is read from the whole run too.
    """

    def __init__(
        self, trace: Trace, shown: ShownNames, host: Number, text: Number, whole: Trace
    ) -> None:
        self._trace, self._shown, self._host, self._text = trace, shown, host, text
        self._whole = whole
        self._account = Account(whole.rows)
        self._account.counts()
        self._everyone = list(self._account.everyone())
        self._senders = {
            row[MESSAGE]: shown.path(row[SUBMIT_REVERSE_PATH]) for row in trace.of(("submit",))
        }
        self._recipients = [
            recipient for recipient in self._everyone if recipient.message in self._senders
        ]
        known = whole if len(whole) <= MOST_PHASED else trace
        self._phases = Phases(known) if includes(whole.level, "wire") else None
        self._of: dict[tuple[int, str], RecipientPhases] = (
            {}
            if self._phases is None
            else {
                (recipient.message, recipient.id): recipient
                for recipient in self._phases.everyone()
            }
        )

    def data(self) -> dict[str, Any]:
        """Return the recipients in columns; times are microseconds.

        ``took`` is from submission to the end, -1 for who has none by the end of the run, which is
        at ``until``. ``phases`` are numbers one after the other: phase, host, peer, cause and
        length, from submission on without a gap.
        """
        everyone = self._recipients
        outcomes = [
            "twice" if recipient.deliveries > 1 else recipient.outcome for recipient in everyone
        ]
        kinds = list(dict.fromkeys(outcomes))
        return {
            "outcomes": kinds,
            "phases": list(PHASES),
            "message": [recipient.message for recipient in everyone],
            "from": [self._text(self._senders[recipient.message]) for recipient in everyone],
            "to": [self._text(self._shown.path(recipient.address)) for recipient in everyone],
            "outcome": [kinds.index(outcome) for outcome in outcomes],
            "at": [_micro(recipient.submitted_at) for recipient in everyone],
            "took": [_took(recipient) for recipient in everyone],
            "spent": [self._spent(recipient) for recipient in everyone],
            "until": _micro(self._whole.last),
        }

    def _spent(self, recipient: Recipient) -> list[int]:
        phases = self._of.get((recipient.message, recipient.id))
        numbers: list[int] = []
        for phase in () if phases is None else phases.phases:
            numbers += (
                PHASES.index(phase.phase), self._host(phase.host), self._host(phase.peer),
                self._text(phase.because), _micro(phase.end) - _micro(phase.begin),
            )  # fmt: skip
        return numbers

    def verdict(self) -> dict[str, Any]:
        """Return how many came to which end, a sentence about the time, and broken rules.

        Each end is its name, how many, and words; a broken rule is when, the message, and words.
        ``shows`` says which part of the run the page plays, "" if it is all of it.
        """
        ends: dict[str, int] = dict.fromkeys(_ALWAYS, 0)
        for recipient in self._everyone:
            ends[recipient.outcome] = ends.get(recipient.outcome, 0) + 1
        twice = sum(recipient.deliveries > 1 for recipient in self._everyone)
        order = [name for name in (*OUTCOMES, *ends) if name in ends]
        counts = [*((name, ends[name]) for name in dict.fromkeys(order)), ("twice", twice)]
        phases = self._phases if len(self._whole) <= MOST_PHASED else None
        about = "" if phases is None else verdict_of(self._of.values(), phases)
        return {
            "who": count_noun(len(self._everyone), "recipient"),
            "ends": [[name, n, f"{n:,} {_WORDS.get(name, name)}"] for name, n in counts],
            "words": about,
            "breaches": self._breaches(),
            "shows": self._shows(),
        }

    def _shows(self) -> str:
        trace, whole = self._trace, self._whole
        if len(trace) == len(whole):
            return ""
        shown, everything = map(hours_minutes_seconds, (trace.last, whole.last))
        return (
            f"This page plays the first {len(trace):,} of {len(whole):,} events, to {shown} of "
            f"{everything}, and lists the {count_noun(len(self._recipients), 'recipient')} of mail "
            "that was submitted until then. The verdict, and what became of each, are of the whole "
            "run."
        )

    def _breaches(self) -> list[list[Any]]:
        if not ending_of(self._whole):  # of a part of a run the rules say nothing
            return []
        broken = breaches(self._whole.rows, self._account)[:MOST_BREACHES]
        return [
            [_micro(breach.t), -1 if breach.message is None else breach.message, str(breach)]
            for breach in broken
        ]

    # -- the way of a message ---------------------------------------------------------------------

    def ways(self) -> dict[int, list[list[Any]]]:
        """Return the hops of each message, in the order in which they were queued.

        A hop is its host and peer; when it was queued, when it crossed (-1: not yet) and when it
        ended, in microseconds; what became of it; and the reverse-path and the forward-paths that
        the sender-SMTP gave, each in its parts.
        """
        paths = _paths_given(self._trace.of(("command",)))
        hops_of = {}
        for itinerary in itineraries(self._trace):
            hops = [self._hop(hop, paths) for hop in itinerary.hops]
            if hops:
                hops_of[itinerary.number] = hops
        return hops_of

    def _hop(self, hop: Hop, paths: Mapping[tuple[int, str, str], _Given]) -> list[Any]:
        reverse, forward = paths.get((hop.message, hop.host, hop.peer), ("", ()))
        return [
            self._host(hop.host), self._host(hop.peer), _micro(hop.queued),
            -1 if hop.sending is None else _micro(hop.sending),
            -1 if hop.ended is None else _micro(hop.ended),
            hop.outcome, self._chips(reverse), [self._chips(path) for path in forward],
        ]  # fmt: skip

    def _chips(self, path: str) -> list[int]:
        """Return a path in parts: the hosts of its route, and the mailbox."""
        parsed = path_in(path)
        parts = (path,) if parsed is None else (*parsed.route, str(replace(parsed, route=())))
        return [self._text(self._shown.path(part.strip("<>")) or "<>") for part in parts]

    def about(self) -> dict[int, list[int]]:
        """Return of each notification the message it is about, and the text of its recipient."""
        return {
            row[MESSAGE]: [row[NOTIFY_ABOUT], self._text(self._shown.path(row[NOTIFY_PATH]))]
            for row in self._trace.of(("notify",))
        }


_WORDS: Final = {
    "lost": "LOST", "twice": "TWICE", "undeliverable_notifications": "undeliverable notifications",
}  # fmt: skip

_Given = tuple[str, Sequence[str]]
"""A reverse-path, and forward-paths."""


def _paths_given(commands: Iterable[Any]) -> dict[tuple[int, str, str], _Given]:
    """Return the paths of the last transaction of each message between two hosts."""
    paths_of: dict[tuple[int, str, str], tuple[str, list[str]]] = defaultdict(lambda: ("", []))
    for row in commands:
        if row[MESSAGE] is None:
            continue
        verb = verb_of(row[OCTETS])
        key = row[MESSAGE], row[PEER], row[HOST]
        if verb in MAIL_COMMANDS:
            paths_of[key] = _path(row[OCTETS]), []
        elif verb == "RCPT":
            paths_of[key][1].append(_path(row[OCTETS]))
    return dict(paths_of)


def _path(octets: bytes) -> str:
    """Return the path of a MAIL or a RCPT, with its brackets."""
    return octets.decode("latin-1").partition(":")[2].strip()


def _took(recipient: Recipient) -> int:
    ended = recipient.ended_at
    return -1 if ended is None else _micro(ended) - _micro(recipient.submitted_at)


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)
