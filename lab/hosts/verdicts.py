"""The replies of a host whose text is fixed, and what it replies to RCPT for a user (4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.hosts.directory import User
from lab.protocol import Reply, reply

OK: Final = reply(250, "OK")
NO_SUCH_USER: Final = reply(550, "No such user here")
NOT_ACTIVE: Final = reply(450, "User not active now")
WILL_MAIL: Final = reply(250, "User not active now, so will do mail.")
BUSY: Final = reply(450, "Mailbox busy")
FULL: Final = reply(452, "Mailbox full")
NO_SPACE: Final = reply(452, "Insufficient system storage")
COMES_BACK: Final = reply(
    554, "Transaction failed: the mail has come back to a list that sent it out"
)
IN_A_CIRCLE: Final = reply(550, "The user's mail is forwarded in a circle")
NO_RELAY: Final = reply(550, "This host does not relay")
LINE_TOO_LONG: Final = reply(554, "A text line is too long to be sent on")
SEEMS_TO_END: Final = reply(
    554, "A period alone between bare CR or LF would end the mail at the next host"
)
FULL_AFTER_DATA: Final = reply(552, "Mailbox full")
NOT_IMPLEMENTED: Final = reply(502, "Command not implemented")
BROKEN: Final = reply(451, "Local error in processing")
_FAILED: Final = "Transaction failed"
MAILBOXES: Final = {"busy": BUSY, "broken": BROKEN, "full": FULL}
"""The reply to RCPT by the state of a user's mailbox, where that accepts nothing."""

_AFTER_DATA: Final = {450: 451, 550: 554, 551: 554, 553: 554}
"""The code after the mail data for each that 4.3 permits after RCPT only."""


def in_a_loop(received: int, most: int) -> Reply:
    """Return the reply to mail with more Received fields than a host's ``hop_limit``."""
    return reply(
        554,
        f"{_FAILED}: the mail has {received} Received fields, and more than {most} mean a loop",
    )


def failure_of(refusals: Sequence[Reply]) -> Reply:
    """Return the reply to mail data that no recipient can be given: 552, 554, 451 or 452 (4.3).

    ``refusals`` say why, one or more for each recipient. If any is temporary, so is the reply: the
    sender-SMTP tries again, and then learns about the others.
    """
    for_now = [refusal for refusal in refusals if refusal.code < 500]
    decisive = list(dict.fromkeys([str(refusal) for refusal in for_now or refusals]))
    codes = {_AFTER_DATA.get(refusal.code, refusal.code) for refusal in for_now or refusals}
    code = codes.pop() if len(codes) == 1 else (451 if for_now else 554)
    if decisive == [str(refusals[0])] and code == refusals[0].code:
        return refusals[0]
    texts = "; ".join([why[len("550 ") :] for why in decisive])
    return reply(code, texts if texts.startswith(_FAILED) else f"{_FAILED}: {texts}")


def user_verdict(verb: str, user: User) -> Reply:
    """Return the reply to RCPT for a user of this host, by the transaction's verb (section 3.4)."""
    at_terminal = user.active and user.accepts
    if verb == "SEND":
        return OK if at_terminal else NOT_ACTIVE
    if verb == "SOML" and at_terminal:
        return OK
    refusal = MAILBOXES.get(user.mailbox)
    if refusal is not None:
        return refusal
    return OK if verb == "MAIL" or at_terminal else WILL_MAIL


def closing(name: str, why: str = "Service not available") -> Reply:
    """Return the 421 that "may be a reply to any command if the service knows it must shut down"
    (4.2.1).
    """
    return reply(421, f"{name} {why}, closing transmission channel")
