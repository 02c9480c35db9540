"""How alike a simulated and a live run of one topology are: outcomes, mail, bytes and times.

Two things are set aside, and no others. One is dates: those of time stamp lines and of Date
fields. The other is the choice of session: which mail goes in which session between two hosts, and
which of their sessions comes first (:func:`unlike_parts` is that rule). Of a session with an
external host, only what the lab's host says counts. Times are measured, and never a difference.

Messages have numbers of their own in each run; :mod:`lab.analysis.pairing` says which are the same.
"""

from __future__ import annotations

import math
import operator
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from lab.analysis.account import Account
from lab.analysis.pairing import Pair, match_messages, pair_recipients
from lab.analysis.quantiles import median, percentile
from lab.analysis.recipients import Recipient
from lab.analysis.session_parts import (
    COUNTED,
    Part,
    PartedSession,
    first_difference,
    parted_sessions,
)
from lab.analysis.shown_names import NAMES, ShownNames
from lab.trace.rows import (
    DELIVER_OCTETS,
    DELIVER_USER,
    DIALOGUE,
    HOST,
    KIND,
    MESSAGE,
    OCTETS,
    OWN,
    RECIPIENT,
)
from lab.trace.trace import Trace

_BEFORE: Final = 24
"""Octets of a text that are shown before the first that differs."""

_SHOWN: Final = 72
"""Octets of a text that are shown in all."""

Difference = dict[str, Any]
"""A difference, as plain JSON.

``what`` is "submission", "outcome", "copies" or "mailbox" (how often, and where, it is
delivered), "mail" (in a mailbox), "octets" (of a session) or "part" (of a session: there is none
like it in the other run). ``simulated`` and ``live`` are the two values or
texts, None on the side that has none. Those about a recipient have ``recipient`` and ``message``,
its number in each run. Those about a session have ``session``, its number in each run, ``hosts``
(the one that called first), ``part``, ``side`` (the host that spoke) and ``octet``: the place in
all that it said in the session, from 0, in each run.
"""


def likeness(simulated: Trace, live: Trace) -> dict[str, Any]:
    """Return how alike two runs of the same topology are.

    ``same`` says whether they differ in nothing but times; ``differences`` are all others, as
    :data:`Difference`. ``recipients``: how many were delivered to in both; ``submitted``
    (recipients), ``sessions`` and ``octets`` (of commands, replies and mail data): those of each
    run; ``same_outcome``: the share of all recipients of either run with the same outcome;
    ``same_octets``: the share of the parts of sessions that have an equal one in the other run.
    ``median_difference`` and ``p95_difference``: of the delivery times, in seconds, live less
    simulated, the latter without its sign; ``correlation``: Pearson's, of the delivery times (None
    for fewer than three).
    """
    ours, theirs = runs = _Run(simulated), _Run(live)
    matched = match_messages(simulated.rows, live.rows)
    pairs = list(pair_recipients(ours.recipients, theirs.recipients, matched))
    parts = [part for run in runs for session in run.sessions for part in session.parts]
    unlike = list(unlike_parts(ours.sessions, theirs.sessions, matched, _external(live)))
    differences = [
        *_submissions(*runs, matched), *_outcomes(pairs), *_mail(*runs, pairs, _external(live)),
        *_octets(*runs, unlike, _external(live)),
    ]  # fmt: skip
    unlike_count = sum(part is not None for pair in unlike for part in pair)
    same = sum(_outcome(a) == _outcome(b) for a, b in pairs)
    return {
        "same": not differences,
        **_times(pairs),
        "submitted": _both([len(run.recipients) for run in runs]),
        "same_outcome": same / len(pairs) if pairs else 1.0,
        "sessions": _both([len(run.sessions) for run in runs]),
        "octets": _both([run.octets for run in runs]),
        "same_octets": 1.0 - unlike_count / len(parts) if parts else 1.0,
        "differences": differences,
    }


def _both(values: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(("simulated", "live"), values, strict=True))


class _Run:
    """What is compared of one run."""

    def __init__(self, trace: Trace) -> None:
        self.rows = trace.rows
        account = Account(trace.rows)
        account.counts()  # which tells mail that is lost from mail that waits
        self.recipients = {(each.message, each.id): each for each in account.everyone()}
        self.sessions = parted_sessions(trace.rows)
        self.octets = sum(len(row[OCTETS]) for row in trace.of(DIALOGUE))
        self.mail: dict[tuple[int, str], list[tuple[str, str, bytes]]] = defaultdict(list)
        for row in trace.of(("deliver", "terminal")):
            delivered = row[HOST], row[DELIVER_USER], row[DELIVER_OCTETS]
            self.mail[row[MESSAGE], row[RECIPIENT]].append(delivered)


def _external(live: Trace) -> frozenset[str]:
    """Return the hosts whose own software speaks in a live run."""
    return frozenset(host["name"] for host in live.meta.get("hosts", ()) if host.get("external"))


# -- messages and their recipients ------------------------------------------------------------


def _outcome(recipient: Recipient | None) -> str | None:
    return None if recipient is None else recipient.outcome


def _about(ours: Recipient | None, theirs: Recipient | None) -> Difference:
    recipient = ours or theirs
    assert recipient is not None
    numbers = _both(each and each.message for each in (ours, theirs))
    return {"message": numbers, "recipient": recipient.address}


def _submissions(ours: _Run, theirs: _Run, matched: dict[int, int]) -> Iterator[Difference]:
    """Yield the messages that were submitted in one of the runs only."""
    matched_live = set(matched.values())
    for run, side, known in ((ours, "simulated", matched_live), (theirs, "live", matched.keys())):
        for row in run.rows:
            if row[KIND] == "submit" and row[MESSAGE] not in known:
                texts = {"simulated": None, "live": None, side: ", ".join(row[OWN + 1])}
                numbers = {"simulated": None, "live": None, side: row[MESSAGE]}
                yield {"what": "submission", "message": numbers, "hosts": [row[HOST]], **texts}


def _outcomes(pairs: Iterable[Pair]) -> Iterator[Difference]:
    for ours, theirs in pairs:
        outcomes = _both(map(_outcome, (ours, theirs)))
        if outcomes["simulated"] != outcomes["live"]:
            yield {"what": "outcome", **_about(ours, theirs), **outcomes}


def _mail(
    ours: _Run, theirs: _Run, pairs: Iterable[Pair], external: frozenset[str]
) -> Iterator[Difference]:
    """Yield where the mail in the mailboxes of a recipient differs, or how often it is there."""
    for a, b in pairs:
        if a is None or b is None:
            continue
        pair = [sorted(run.mail[each.message, each.id]) for run, each in ((ours, a), (theirs, b))]
        if any(host in external for mail in pair for host, _, _ in mail):
            continue
        copies = _both(map(len, pair))
        if copies["simulated"] != copies["live"]:
            yield {"what": "copies", **_about(a, b), **copies}
        for (host, user, mail), (other_host, other_user, other_mail) in zip(*pair, strict=False):
            if (host, user) != (other_host, other_user):
                texts = _both([f"{user} at {host}", f"{other_user} at {other_host}"])
                yield {"what": "mailbox", **_about(a, b), **texts}
            elif places := first_difference(mail, other_mail):
                texts = _excerpts((mail, other_mail), places)
                yield {"what": "mail", **_about(a, b), "octet": _both(places), **texts}


def _times(pairs: Iterable[Pair]) -> dict[str, Any]:
    """Return the figures about delivery times, of the recipients delivered to in both runs."""
    times = [
        (a.delivery_time, b.delivery_time)
        for a, b in pairs
        if a is not None and b is not None and None not in (a.delivery_time, b.delivery_time)
    ]
    times_of: dict[str, Any] = {"recipients": len(times)}
    return times_of | _differences_of([(x, y) for x, y in times if x is not None and y is not None])


def _differences_of(times: Sequence[tuple[float, float]]) -> dict[str, Any]:
    differences: dict[str, Any] = {}
    if times:
        longer = [theirs - ours for ours, theirs in times]
        differences["median_difference"] = median(sorted(longer))
        differences["p95_difference"] = percentile(sorted(map(abs, longer)), 95)
    differences["correlation"] = _correlation([x for x, _ in times], [y for _, y in times])
    return differences


def _correlation(xs: list[float], ys: list[float]) -> float | None:
    """Return Pearson's correlation; None if it is undefined: too few values, or all the same."""
    if len(xs) < 3:
        return None
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    across, up = [value - x for value in xs], [value - y for value in ys]
    spread = math.hypot(*across) * math.hypot(*up)
    return sum(map(operator.mul, across, up)) / spread if spread else None


# -- what crossed -----------------------------------------------------------------------------

UnlikeParts = tuple[Part | None, Part | None]


def unlike_parts(
    simulated: Iterable[PartedSession],
    live: Iterable[PartedSession],
    matched: dict[int, int],
    set_aside: frozenset[str] = frozenset(),
) -> Iterator[UnlikeParts]:
    """Yield the parts of sessions that have no equal in the other run, in pairs where possible.

    This is what "the same bytes" means. Between two hosts, each transaction of one run must have
    an equal one in the other, in whatever session and order; each opening and ending that there
    is in one must be there in the other, however often. A session without a transaction must have
    an equal one; one in which nothing was said counts for nothing. Equal is what :meth:`Part.key`
    says: each side's octets, without dates and without hosts that are ``set_aside``.
    """
    ours, theirs = _by_ends(simulated), _by_ends(live)
    for ends in dict.fromkeys([*ours, *theirs]):
        left = _unequal(ours.get(ends, []), theirs.get(ends, []), set_aside)
        yield from _paired(*left, matched)


def _by_ends(sessions: Iterable[PartedSession]) -> dict[tuple[str, str], list[Part]]:
    parts: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for session in sessions:
        parts[session.ends] += [part for part in session.parts if part.octets]
    return parts


def _unequal(
    ours: list[Part], theirs: list[Part], set_aside: frozenset[str]
) -> tuple[list[Part], list[Part]]:
    keys = [[part.key(set_aside) for part in parts] for parts in (ours, theirs)]
    a, b = map(Counter, keys)
    left: tuple[list[Part], list[Part]] = [], []
    for parts, own, keys_of_other, unmatched, counts in zip(
        (ours, theirs), keys, (b, a), left, (Counter(b), Counter(a)), strict=True
    ):
        for part, key in zip(parts, own, strict=True):
            counts[key] -= 1
            if counts[key] < 0 and (part.kind in COUNTED or key not in keys_of_other):
                unmatched.append(part)
    return left


def _paired(ours: list[Part], theirs: list[Part], matched: dict[int, int]) -> Iterator[UnlikeParts]:
    """Yield parts of one kind and message in pairs, in their order; the rest with None."""
    waiting: dict[tuple[str, int | None], list[Part]] = defaultdict(list)
    for part in theirs:
        waiting[part.kind, None if part.message is None else matched.get(part.message)].append(part)
    for part in ours:
        partners = waiting[part.kind, part.message]
        yield part, partners.pop(0) if partners else None
    for parts in waiting.values():
        for part in parts:
            yield None, part


def _octets(
    ours: _Run, theirs: _Run, unlike: Iterable[UnlikeParts], external: frozenset[str]
) -> Iterator[Difference]:
    ends = [{session.number: session.ends for session in run.sessions} for run in (ours, theirs)]
    for pair in unlike:
        numbers = [part and part.session for part in pair]
        present = pair[0] or pair[1]
        assert present is not None
        hosts = ends[0 if pair[0] is not None else 1][present.session]
        about = {"session": _both(numbers), "hosts": list(hosts), "part": present.kind}
        if pair[0] is None or pair[1] is None:
            yield {"what": "part", **about, **_both(part and _begin(part) for part in pair)}
            continue
        for side in hosts:
            if side not in external:
                yield from _of_side(side, pair[0], pair[1], about)


def _of_side(side: str, ours: Part, theirs: Part, about: Difference) -> Iterator[Difference]:
    texts = tuple(bytes(part.octets.get(side, b"")) for part in (ours, theirs))
    if places := first_difference(*texts):
        begins = [part.begins.get(side, 0) for part in (ours, theirs)]
        at = [begin + place for begin, place in zip(begins, places, strict=True)]
        yield {
            "what": "octets", **about, "side": side, "octet": _both(at), **_excerpts(texts, places),
        }  # fmt: skip


def _begin(part: Part) -> str:
    """Return the beginning of what is said in a part, by the side that speaks first."""
    octets = next(iter(part.octets.values()), bytearray())
    return _shown(bytes(octets[:_SHOWN]))


def _excerpts(texts: Sequence[bytes], places: Sequence[int]) -> dict[str, str]:
    """Return what is around a place in each text."""
    begins = [max(0, place - _BEFORE) for place in places]
    return _both(
        _shown(text[begin : begin + _SHOWN]) for text, begin in zip(texts, begins, strict=True)
    )


def _shown(octets: bytes) -> str:
    """Return octets as text, with all that is not printable ASCII escaped as Python does."""
    return octets.decode("latin-1").encode("unicode_escape").decode()


def sentence(difference: Difference, shown: ShownNames = NAMES) -> str:
    """Return a difference as a sentence; ``shown`` are the names of hosts as people see them."""
    simulated, live = difference["simulated"], difference["live"]
    kind = difference["what"]
    if kind == "submission":
        host, side = difference["hosts"][0], "simulated" if live is None else "live"
        to = shown.path(simulated or live)
        texts = f"to {to} is submitted at {shown[host]} {side} only"
        return f"message {_numbers(difference['message'])} {texts}"
    if kind in ("octets", "part"):
        return _of_session(difference, shown)
    about = f"message {_numbers(difference['message'])} to {shown.path(difference['recipient'])}"
    if kind == "mail":
        return f"{about}: the mail delivered differs {_where(difference)}"
    noun = {"outcome": "outcome", "copies": "mail delivered, copies", "mailbox": "delivered to"}
    values = [value if value is not None else "not there" for value in (simulated, live)]
    if kind == "mailbox":
        values = [shown.words(value) for value in values]
    return f"{about}: {noun[kind]}: simulated {values[0]}, live {values[1]}"


def _of_session(difference: Difference, shown: ShownNames) -> str:
    hosts = " -> ".join(shown[host] for host in difference["hosts"])
    about = f"session {_numbers(difference['session'])} {hosts}, {difference['part']}"
    simulated, live = difference["simulated"], difference["live"]
    if difference["what"] == "part":
        side, text = ("live", live) if simulated is None else ("simulated", simulated)
        return f'{about}: {side} only; it begins "{text}"'
    return f"{about}: what {shown[difference['side']]} says differs {_where(difference)}"


def _where(difference: Difference) -> str:
    place = _numbers(difference["octet"])
    simulated, live = difference["simulated"], difference["live"]
    return f'at octet {place}: simulated "{simulated}", live "{live}"'


def _numbers(numbers: dict[str, int | None]) -> str:
    """Return a number that is the same in both runs, or both."""
    ours, theirs = numbers["simulated"], numbers["live"]
    if ours is None or theirs is None or ours == theirs:
        return str(theirs if ours is None else ours)
    return f"{ours} (live {theirs})"
