"""The summary of a run, made from its account, and written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import IO, Final

from lab.analysis.account import Account
from lab.analysis.shown_names import shown_names
from lab.analysis.summary import (
    PeerBreachSummary,
    Summary,
)
from lab.trace.rows import (
    END_REASON,
    KIND,
)
from lab.trace.trace import Trace


def write_summary(
    summary: Summary,
    file: IO[str],
    indent: int | None = None,
    additions: Mapping[str, object] | None = None,
) -> None:
    """Write a summary as one JSON object, its recipients one by one, with ``additions`` as keys."""
    recipients = summary["recipients"]
    whole: dict[str, object] = {**summary, **(additions or {})}
    if isinstance(recipients, list):
        json.dump(whole, file, indent=indent)
        return
    head, tail = json.dumps(whole | {"recipients": []}, indent=indent).split('"recipients": []')
    file.write(f'{head}"recipients": [')
    for number, recipient in enumerate(recipients):
        file.write(f"{',' * (number > 0)}\n {json.dumps(recipient)}")
    file.write(f"]{tail}")


def summarise(
    trace: Trace,
    account: Account | None = None,
    peer_breaches: Sequence[PeerBreachSummary] = (),
    peer_breach_count: int = 0,
) -> Summary:
    """The summary of a trace: title, seed, digest, counts, delivery times, recipients.

    ``account`` is that of the same trace, where it has been taken already; ``peer_breaches`` are
    the first of the rules that others broke.
    """
    meta = trace.meta
    account = account if account is not None else Account(trace.rows)
    return {
        "title": meta.get("title", ""),
        "seed": meta.get("seed", 0),
        "digest": trace.digest(),
        **account.summary(),
        # hosts that reply 250 before they store mail: what they lose is not an error of the lab
        "careless": [host["name"] for host in meta.get("hosts", ()) if host.get("careless")],
        "labels": dict(shown_names(meta)),
        "peer_breaches": list(peer_breaches),
        "peer_breach_count": peer_breach_count,
        "failures": list(account.failures.values()),
        "restarts": account.restarts,
        "ending": ending_of(trace),
        "cut_off": _CUT_OFF.get(ending_of(trace), ""),
    }


def ending_of(trace: Trace) -> str:
    """Return why a run ended: "settled", "until", ...; "" for a trace without an end."""
    last = trace.rows[-1] if len(trace.rows) else ("",) * (END_REASON + 1)
    return str(last[END_REASON]) if last[KIND] == "end" else ""


_CUT_OFF: Final = {
    "max-events": "the run was cut off, because it had as many events as it was allowed",
    "max-seconds": "the run was cut off, because it had taken as long as it was allowed",
    "interrupted": "the run was interrupted",
    "failed": "the run was given up, because a process of it or code of a user failed",
}
"""What the summary says of a run that ended before its time."""
