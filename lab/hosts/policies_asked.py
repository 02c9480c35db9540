"""Asks policies that may be a user's, and holds their answers against what they may be."""

from __future__ import annotations

from typing import Any, Final

from lab.hosts.checked import LONGEST
from lab.hosts.policies import Behaviour, Retry
from lab.protocol import Reply
from lab.protocol.replies import MAIL_DATA
from lab.protocol.verdicts import why_not_permitted
from lab.runtime.arguments import shown
from lab.runtime.plugins import Plugin, PluginFailed, ask, called

_EXAMPLE: Final = 'reply(450, "Try again later")'


def delay_of(retry: Retry, failures: int, host: str, peer: str, reason: str) -> float:
    """Return the seconds until the next try; raises PluginFailed for anything else."""
    return _seconds(retry, "delay()", ask(retry, retry.delay, failures, host, peer, reason))


def give_up_of(retry: Retry) -> float:
    """Return the age at which mail is given up; raises PluginFailed for anything else."""
    age = retry.give_up
    return age if age == 0 else _seconds(retry, "give_up", age)


def _seconds(plugin: Plugin, name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number <= LONGEST:
        raise PluginFailed(
            f"{name} of {called(plugin)} is {shown(value)}; it must be a number of seconds, more "
            f"than 0 and at most {LONGEST:,}"
        )
    return number


def permitted(behaviour: Behaviour, method: str, row: str, verdict: Any) -> Reply | None:
    """Return the reply that a behaviour gave, or None for the host's own.

    Raises PluginFailed for what is not a reply, or not one that section 4.3 permits to ``row``.
    """
    if verdict is None:
        return None
    why = f"it must return a Reply such as {_EXAMPLE}, or None for the host's own"
    if isinstance(verdict, Reply):
        why = why_not_permitted(row, verdict)
        if row == MAIL_DATA and not why and verdict.code < 400:
            why = "only the host itself can take mail: return None for that, or a refusal"
        if not why:
            return verdict
    text = str(verdict) if isinstance(verdict, Reply) else shown(verdict)
    raise PluginFailed(f"{called(behaviour)} returned {text} from {method}(): {why}")
