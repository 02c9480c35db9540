"""Why a transmission channel was closed, or never opened: the reasons in rows of the trace.

If the channel was closed in order, the reason is :data:`QUIT`, :data:`CLOSED` or
:data:`END_OF_INPUT`. If it was lost, the reason is "cut: " and why; if a fault hung up at a place
in the session, "cut: after " and that place.
"""

from __future__ import annotations

from typing import Final

QUIT: Final = "quit"
"""The sender-SMTP closed it after its QUIT had succeeded, as a rule with 221."""

CLOSED: Final = "closed"
"""The sender-SMTP closed it after another reply, such as 421."""

END_OF_INPUT: Final = "end of input"
"""A caller from outside closed it."""

NO_PATH: Final = "no path of links of one environment joins them"
"""Why no channel between two hosts can ever open."""

_CUT: Final = "cut"
_AFTER: Final = "after "


def cut(why: str) -> str:
    """Return the reason for the close of a channel that was lost."""
    return f"{_CUT}: {why}"


def closed_by_sender(has_quit: bool) -> str:
    """Return why the sender-SMTP has closed a channel: QUIT has succeeded, or something else."""
    return QUIT if has_quit else CLOSED


def hung_up(host: str) -> str:
    """Return why a channel was lost that a host closed too early."""
    return f"{host} hung up"


def turned_alone(host: str, peer: str) -> str:
    """Return why a channel was lost on which only one host has changed roles."""
    return f"{host} has changed roles, and {peer} has not"


def unreachable(host: str, why: str = "") -> str:
    """Return why mail for a host waits to which no channel could be opened."""
    return f"{host} cannot be reached" + (f": {why}" if why else "")


def is_cut(reason: str) -> bool:
    """Whether the channel was lost, and not closed in order."""
    return reason.startswith(_CUT)


def cut_cause(reason: str) -> str:
    """Return why a channel was lost, in words; "" if it was closed in order."""
    return reason.removeprefix(_CUT).lstrip(": ") if is_cut(reason) else ""


def hung_up_after(place: str) -> str:
    """Return why a channel was lost that a fault cut at a place, such as "DATA" or "1 kB"."""
    return f"{_AFTER}{place}"


def is_hang_up(cause: str) -> bool:
    """Whether a cause, or what a row of kind ``fault`` says, names a place of a hang-up."""
    return cause.startswith(_AFTER)
