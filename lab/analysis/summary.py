"""The types of the summary of a run, as ``lab run --json`` prints it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict


class RecipientSummary(TypedDict):
    """What became of one recipient of a message; times are simulated seconds.

    ``outcome`` is "delivered", "returned", "rejected", "queued", "undeliverable_notifications",
    "discarded" or "lost", reached at ``settled_at``. ``reason`` is why its own host rejected it.
    """

    message: int
    recipient: str
    outcome: str
    submitted_at: float
    settled_at: float | None
    hops: int
    reason: NotRequired[str]


class DeliverySeconds(TypedDict):
    """Seconds from submission to delivery; all 0 if nothing was delivered."""

    min: float
    median: float
    p95: float
    max: float


class Counts(TypedDict):
    """How many recipients reached each outcome, and what that took.

    ``submitted`` is the sum of the outcomes. ``not_handed_in`` are others, whose user waited to
    the end for a host that was down, ``hops`` the sessions that delivered mail crossed.
    """

    simulated_seconds: float
    submitted: int
    delivered: int
    returned: int
    rejected: int
    queued: int
    undeliverable_notifications: int
    discarded: int
    lost: int
    not_handed_in: int
    duplicates: int
    sessions: int
    hops: int
    delivery_seconds: DeliverySeconds


class Outcomes(Counts):
    """The counts, and what became of each recipient, in the order of their messages.

    ``rejections`` has the reasons for which hosts rejected recipients of their own users, the most
    frequent ones first, and how many for each; "..." stands for the name of the host.
    """

    rejections: dict[str, int]
    recipients: Sequence[RecipientSummary]


class PeerBreachSummary(TypedDict):
    """A rule of RFC 821 that somebody else broke, at ``t`` seconds of a run.

    ``host`` is an external or a scripted host, or the address of a program that called in,
    ``octets`` what it sent (a character for each byte), and ``sentence`` says what is wrong.
    """

    rule: str
    t: float
    host: str
    session: int | None
    octets: str
    sentence: str


class FailureSummary(TypedDict):
    """What failed at a host of a live run, while the run went on; times in seconds of the run.

    ``name`` is "session" (one was ended), "storage" (mail was refused with 452 or 451), "host"
    (something else in its process), "process" (that ended, and was started again), "down" (it
    cannot be started again), "trace" (something of what it did is not recorded) or "network" (in
    the process that has the links).
    ``count`` is how often, ``reason`` a sentence about the first time.
    """

    host: str
    name: str
    count: int
    reason: str
    first: float
    last: float


class Summary(Outcomes):
    """The summary of a run: what it was a run of, the counts, and each recipient.

    ``careless`` names the hosts that reply 250 before the mail is stored. ``labels`` has what
    people see in place of the names of hosts, by name, where that is something else.
    ``peer_breaches`` are the first rules that others broke, and ``peer_breach_count`` is how often
    they did.
    ``failures`` are those of a live run, one for each host and kind, and ``restarts`` is how often
    the process of a host was started again after it had ended by itself.
    ``ending`` is why the run ended: "settled" if nothing was left to do, else "until",
    "max-events", "max-seconds", "interrupted" or "failed". ``cut_off`` says in a sentence why it
    ended before its time, and is empty if it did not; mail that was on its way is ``queued``.
    """

    title: str
    seed: int
    digest: str
    careless: list[str]
    labels: dict[str, str]
    peer_breaches: list[PeerBreachSummary]
    peer_breach_count: int
    failures: list[FailureSummary]
    restarts: dict[str, int]
    ending: str
    cut_off: str
