"""Figures of a run, from its trace: delivery times, queues and relays.

Delivery times are seconds from submission to delivery, for each recipient whose mail was delivered.
Sweeps, pictures, tables and lessons take them from here.
"""

from __future__ import annotations

from collections import Counter

from lab.analysis.account import Account
from lab.analysis.spools import queue_lengths
from lab.quantities import count_noun
from lab.trace.rows import HOST, KIND, MESSAGE, OCTETS, RECIPIENT, RECIPIENTS
from lab.trace.trace import Trace


def delivery_times(account: Account) -> dict[tuple[int, str], float]:
    """Return the delivery times of an account by message and the recipient's id."""
    return {
        (recipient.message, recipient.id): recipient.delivery_time
        for recipient in account.everyone()
        if recipient.delivery_time is not None
    }


def delivered_at(account: Account) -> list[tuple[float, float]]:
    """Return for each delivery time when its mail was submitted, and the delivery time."""
    return [
        (recipient.submitted_at, recipient.delivery_time)
        for recipient in account.everyone()
        if recipient.delivery_time is not None
    ]


def outcome_counts(trace: Trace) -> Counter[str]:
    """Return how many recipients have each outcome, those that have none yet included."""
    account = Account(trace.rows)
    account.counts()
    return Counter(recipient.outcome for recipient in account.everyone())


def grouped_delivery_times(trace: Trace, by: str = "hops") -> dict[str, list[float]]:
    """Return the delivery times, sorted, by hops ("2 hops") or by route ("A → B").

    A route is the host where mail was handed in and the one where it was delivered. Raises
    ValueError for another ``by``.
    """
    if by not in ("hops", "route"):
        raise ValueError(f'delivery times are by "hops" or by "route", not by {by!r}')
    account = Account()
    origins: dict[int, str] = {}
    destinations: dict[tuple[int, str], str] = {}
    for row in trace.rows:
        account.take(row)
        if row[KIND] == "submit":
            origins[row[MESSAGE]] = row[HOST]
        elif row[KIND] in ("deliver", "terminal"):
            destinations.setdefault((row[MESSAGE], row[RECIPIENT]), row[HOST])
    groups: dict[str, list[float]] = {}
    for recipient in account.everyone():
        if recipient.delivery_time is None:
            continue
        name = count_noun(recipient.hops, "hop")
        if by == "route":
            ends = destinations.get((recipient.message, recipient.id), "?")
            name = f"{origins.get(recipient.message, '?')} → {ends}"
        groups.setdefault(name, []).append(recipient.delivery_time)
    order = _hops_of if by == "hops" else None
    return {name: sorted(groups[name]) for name in sorted(groups, key=order)}


def _hops_of(name: str) -> int:
    return int(name.split()[0].replace(",", ""))


def longest_queue(trace: Trace) -> int:
    """Return the largest number of messages in one host's spool at one time."""
    lines = queue_lengths(trace).values()
    return max((length for line in lines for _, length in line), default=0)


def busiest_relay_share(trace: Trace) -> float | None:
    """Return the share of all relayed mail that the busiest relay passed on; None without any."""
    accepted: set[tuple[str, int]] = set()
    relayed: Counter[str] = Counter()
    for row in trace.rows:
        if row[KIND] == "accept":
            accepted.add((row[HOST], row[MESSAGE]))
        elif row[KIND] == "transfer" and (row[HOST], row[MESSAGE]) in accepted:
            relayed[row[HOST]] += len(row[RECIPIENTS] or ()) or 1
    return max(relayed.values()) / relayed.total() if relayed else None


def wire_bytes(trace: Trace) -> int:
    """Return how many bytes of commands, replies and mail data crossed the wire."""
    return sum(len(row[OCTETS]) for row in trace.of(("command", "reply", "data")))
