"""The reply to HELP (section 4.1.1): each command, its form, and where to read about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lab.protocol import COMMANDS, Reply, reply
from lab.protocol.syntax import in_capitals

_FORMS: Final = {
    "HELO": "HELO <domain>: say who you are; begins a session (3.5)",
    "MAIL": "MAIL FROM:<reverse-path>: begin a transaction to mailboxes (3.1)",
    "RCPT": "RCPT TO:<forward-path>: name a recipient; as often as needed (3.1)",
    "DATA": "DATA: then the mail data, ended by a line with only a period (3.1)",
    "RSET": "RSET: abort the transaction and clear the buffers (4.1.1)",
    "SEND": "SEND FROM:<reverse-path>: begin a transaction to terminals (3.4)",
    "SOML": "SOML FROM:<reverse-path>: to the terminal or else the mailbox (3.4)",
    "SAML": "SAML FROM:<reverse-path>: to the terminal and the mailbox (3.4)",
    "VRFY": "VRFY <string>: is this a user here? (3.3)",
    "EXPN": "EXPN <string>: who is on this mailing list? (3.3)",
    "HELP": "HELP [<string>]: this, or about one command (4.1.1)",
    "NOOP": "NOOP: do nothing but reply OK (4.1.1)",
    "QUIT": "QUIT: close the transmission channel (3.5)",
    "TURN": "TURN: change roles (3.8)",
}


def help_reply(
    host: str,
    string: str,
    status: Callable[[], str],
    implemented: Sequence[str] = COMMANDS,
) -> Reply:
    """Return the reply to HELP: 214 with the commands that are ``implemented``, or with one.

    HELP STATUS draws 211 with the host's ``status``; a string that is not a command, and a command
    that the host does not have, draw 504.
    """
    word = in_capitals(string.strip())
    if word == "STATUS":
        return Reply(211, status())
    if not word:
        half = len(implemented) // 2
        return reply(
            214,
            f"{host} speaks SMTP (RFC 821). Commands:",
            "  " + " ".join(implemented[:half]),
            "  " + " ".join(implemented[half:]),
            "HELP <command> explains one; HELP STATUS reports the state of this host.",
        )
    if word in _FORMS and word not in implemented:
        return reply(504, f"{word} is not implemented here; HELP alone lists the commands")
    if word in _FORMS:
        return reply(214, _FORMS[word])
    printable = "".join(sign for sign in word[:40] if sign.isprintable())
    return reply(504, f"No help about {printable}; HELP alone lists the commands")
