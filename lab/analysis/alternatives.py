"""The text alternative of each kind of picture: what it shows, in sentences, from the trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from lab.analysis.account import Account
from lab.analysis.channels import traffic
from lab.analysis.faults import FaultInterval, fault_intervals, place_shown
from lab.analysis.link_use import link_use
from lab.analysis.map_layout import kind_of
from lab.analysis.measures import outcome_counts
from lab.analysis.quantiles import median
from lab.analysis.recipients import Recipient
from lab.analysis.shown_names import ShownNames, shown_names
from lab.analysis.spools import queue_lengths
from lab.analysis.wrongs import wrongs
from lab.quantities import clock_time, count_noun, time_taken
from lab.trace.levels import includes
from lab.trace.meta import Meta
from lab.trace.trace import Trace

_NAMED: Final = 6
"""Things of a kind that are named; the others are counted."""

_SUBJECTS: Final = {
    "timeline": "Timeline: what became of each message, and when",
    "ladder": "Ladder: commands and replies between hosts, in order of time",
    "queues": "Queues: how many messages lay in each spool over time",
    "latency": "Latency: how long recipients waited for their mail",
    "map": "Map: hosts, links and the ways that mail took",
    "states": "States: how often each arrow of the transition table was taken",
    "utilisation": "Utilisation: how busy each direction of each link was over time",
    "film": "Film: mail, commands and replies on their way over the map",
}


def alternative(trace: Trace, kind: str) -> str:
    """Return what a picture of a run shows, in a few sentences for those who cannot see it."""
    sentences = [f"{_SUBJECTS.get(kind, kind)}.", *_of_the_run(trace), *_own(trace, kind)]
    return " ".join(sentences)


def map_alternative(meta: Meta) -> str:
    """Return what a map shows of a network in which nothing was run."""
    title = str(meta.get("title") or "")
    parts = [f"{_SUBJECTS['map']}.", *([f"{title}."] if title else []), _network(meta)]
    return " ".join(parts)


def _of_the_run(trace: Trace) -> Iterator[str]:
    title = str(trace.meta.get("title") or "")
    if title:
        yield f"{title}."
    wrong = wrongs(trace)
    yield from (f"{sentence.removesuffix('.')}." for sentence in wrong.sentences())
    if includes(trace.level, "delivery"):
        yield _outcomes(trace)
    if wrong.twice:
        numbers = ", ".join(str(number) for number, _ in wrong.twice[:_NAMED])
        yield f"Delivered TWICE: message {numbers}."
    yield from _faults(fault_intervals(trace), shown_names(trace.meta))


def _outcomes(trace: Trace) -> str:
    by_outcome = Counter(dict(wrongs(trace).outcomes)) or outcome_counts(trace)
    many = count_noun(by_outcome.total(), "recipient")
    named = [f"{count:,} {_OUTCOMES.get(name, name)}" for name, count in by_outcome.most_common()]
    return f"{many} in {clock_time(trace.last)}: {', '.join(named) or 'no mail'}."


_OUTCOMES: Final = {
    "queued": "still waiting", "lost": "LOST",
    "undeliverable_notifications": "whose notification could not be delivered",
}  # fmt: skip


def _faults(faults: list[FaultInterval], shown: ShownNames) -> Iterator[str]:
    if not faults:
        return
    named = [
        f"{fault.kind} at {place_shown(fault, shown)} "
        + (f"from {clock_time(fault.begin)}" if fault.lasts else f"at {clock_time(fault.begin)}")
        + (f" to {clock_time(fault.end)}" if fault.lasts and fault.end < 1e18 else "")
        for fault in faults[:_NAMED]
    ]
    left = len(faults) - len(named)
    yield f"Faults: {'; '.join(named)}{f'; and {left:,} more' if left else ''}."


def _own(trace: Trace, kind: str) -> Iterator[str]:
    return _OWN[kind](trace) if kind in _OWN else iter(())


def _timeline(trace: Trace) -> Iterator[str]:
    shown = shown_names(trace.meta)
    account = Account(trace.rows)
    account.counts()
    for recipient in islice(account.everyone(), _NAMED):
        yield f"Message {recipient.message} to {shown.path(recipient.address)}: {_fate(recipient)}."


def _fate(recipient: Recipient) -> str:
    outcome = _OUTCOMES.get(recipient.outcome, recipient.outcome)
    if recipient.deliveries > 1:
        outcome += " TWICE"
    seconds = recipient.seconds
    return outcome if seconds is None else f"{outcome} after {time_taken(seconds)}"


def _queues(trace: Trace) -> Iterator[str]:
    shown = shown_names(trace.meta)
    most = {host: max(n for _, n in line) for host, line in queue_lengths(trace).items()}
    ranked = sorted(most, key=lambda host: (-most[host], host))
    named = [f"{shown[host]} {most[host]:,}" for host in ranked[:_NAMED]]
    yield f"Longest queues: {', '.join(named)}." if named else "No mail ever waited."


def _latency(trace: Trace) -> Iterator[str]:
    times = sorted(
        time
        for recipient in Account(trace.rows).everyone()
        if (time := recipient.delivery_time) is not None
    )
    if times:
        yield (
            f"Of those delivered, the median waited {time_taken(median(times))}, "
            f"the last {time_taken(times[-1])}."
        )


def _map(trace: Trace) -> Iterator[str]:
    shown = shown_names(trace.meta)
    yield _network(trace.meta)
    carried, planned = traffic(trace)
    ranked = sorted(carried.items(), key=lambda link: (-link[1], link[0]))[:_NAMED]
    if ranked:
        noun = "recipient" if planned else "session"
        named = (f"{shown[a]} to {shown[b]}, {count_noun(n, noun)}" for (a, b), n in ranked)
        yield f"Busiest: {'; '.join(named)}."


def _network(meta: Meta) -> str:
    kinds = Counter(kind_of(host) for host in meta.get("hosts", ()))
    counted = [count_noun(count, kind) for kind, count in sorted(kinds.items())]
    links = count_noun(len(meta.get("links", ())), "link")
    return f"{', '.join(counted) or 'no hosts'}; {links}."


def _ladder(trace: Trace) -> Iterator[str]:
    opened, failed = trace.count({"open"}), trace.count({"unreachable"})
    no_channel = f"; {count_noun(failed, 'attempt')} found no channel" if failed else ""
    yield f"{count_noun(opened, 'session')}{no_channel}."


def _utilisation(trace: Trace) -> Iterator[str]:
    shown = shown_names(trace.meta)
    shares = [(link["utilisation"], link["host"], link["peer"]) for link in link_use(trace)]
    ranked = sorted((share, host, peer) for share, host, peer in shares if share is not None)
    named = [
        f"{shown[host]} to {shown[peer]} {100 * share:.3g} %"
        for share, host, peer in reversed(ranked[-_NAMED:])
    ]
    yield f"Busiest: {', '.join(named)}." if named else "No link has a bandwidth."


_OWN: Final[dict[str, Callable[[Trace], Iterator[str]]]] = {
    "timeline": _timeline, "queues": _queues, "latency": _latency, "map": _map, "film": _map,
    "ladder": _ladder, "utilisation": _utilisation,
}  # fmt: skip
