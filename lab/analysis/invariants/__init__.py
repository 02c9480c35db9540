"""The invariants: rules that every run must keep, whatever fails in it, checked on its trace.

Those about mail (:mod:`lab.analysis.invariants.mail`) follow it from host to host; the one about
replies (:mod:`lab.analysis.invariants.replies`) takes each session by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.analysis.account import Account
from lab.analysis.invariants.breach import Breach
from lab.analysis.invariants.checks import Invariants, together
from lab.analysis.invariants.mail import MailRules
from lab.analysis.invariants.peers import PeerBreach, Peers
from lab.analysis.invariants.replies import Replies
from lab.trace.rows import Row

__all__ = [
    "Breach",
    "Invariants",
    "MailRules",
    "PeerBreach",
    "Peers",
    "Replies",
    "breaches",
    "together",
]


def breaches(rows: Iterable[Row], account: Account | None = None) -> list[Breach]:
    """Return the rules that a run broke, in order of time; ``account`` is that of the same rows."""
    rules = Invariants()
    rules.take_all(rows)
    return rules.breaches(account if account is not None else Account(rows))
