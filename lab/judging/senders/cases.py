"""Cases of senders: what the receiver says, and what must become of the mail.

``mail`` says what must come of it: "taken" (the receiver has it, and the sender knows), "failed"
(the sender must not say that it was sent), "any" (either, but never a success without a 250).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ROWS: Final = ("CONNECT", "HELO", "MAIL", "RCPT", "DATA", "data", "QUIT")
"""The rows of section 4.3 at which a receiver may be odd, in the order of a session."""
WORDS: Final = {
    "CONNECT": "the opening", "HELO": "HELO", "MAIL": "MAIL", "RCPT": "RCPT", "DATA": "DATA",
    "data": "the mail data", "QUIT": "QUIT",
}  # fmt: skip
NAMES: Final = {row: {"CONNECT": "opening", "data": "text"}.get(row, row.lower()) for row in ROWS}
"""The rows in names of cases."""
USUAL: Final = {
    "CONNECT": "220 BETA.ARPA Service ready\r\n", "HELO": "250 BETA.ARPA\r\n",
    "MAIL": "250 OK\r\n", "RCPT": "250 OK\r\n", "DATA": "354 Start mail input\r\n",
    "data": "250 OK\r\n", "QUIT": "221 BETA.ARPA Service closing transmission channel\r\n",
    "EHLO": "500 Syntax error, command unrecognized\r\n", "RSET": "250 OK\r\n",
    "NOOP": "250 OK\r\n",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Odd:
    """How the receiver is odd. ``octets``: its reply at a row (None: the usual one).

    ``then``: "cut" or "half-close" after it, or "silence". ``is_bytewise``: sent byte by byte.
    ``pause``: seconds before it is sent.
    """

    row: str = ""
    octets: str | None = None
    then: str = ""
    is_bytewise: bool = False
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class SenderCase:
    """A case of a sender. ``text`` is the mail between its header and its last line."""

    name: str
    rule: str
    stage: int
    title: str
    odd: Odd = Odd()
    text: str = "Hello\r\n"
    mail: str = "taken"
    hint: str = ""
    because: str = ""


def _plain() -> list[SenderCase]:
    return [
        SenderCase("send", "3.1-1", 10, "a mail is sent: HELO MAIL RCPT DATA QUIT"),
        SenderCase("send-helo", "4.1.1-22", 10, "HELO is the first command",
                   because="EHLO came with RFC 1425; when it is refused, HELO must follow",
                   hint="After the 220, send HELO and the name of your host."),
        SenderCase("send-quit", "4.1.1-27", 10, "a session ends with QUIT and its 221",
                   because="some clients of today hang up", hint="Send QUIT, and read the 221."),
        SenderCase("send-waits-for-greeting", "4.3-7", 10, "it waits for the greeting",
                   Odd("CONNECT", pause=0.4), hint="Read the 220 before you send anything."),
        *[SenderCase(f"send-waits-{NAMES[row]}", "4.2-1", 10,
                     f"it waits for the reply to {WORDS[row]}", Odd(row, pause=0.3),
                     hint="Send a command, read its reply, then send the next.")
          for row in ROWS[1:6]],
    ]  # fmt: skip


_DOTS: Final = "Put a period before each line of the text that begins with one."
_TEXTS: Final = [
    ("empty", "4.1.1-8", "no text at all", "", ""),
    ("dot-line", "4.5.2-1", "a line that is a period", ".\r\nmore\r\n", _DOTS),
    ("dot-word", "4.5.2-1", "a line that begins with a period", ".word\r\n", _DOTS),
    ("two-dots", "4.5.2-1", "a line of two periods", "..\r\n", _DOTS),
    ("dots", "4.5.2-1", "many lines with periods", ".\r\n..\r\n...\r\na.\r\n.b\r\n" * 5, _DOTS),
    ("dot-first", "4.5.2-1", "a period after an empty line", "\r\n.\r\n\r\n.x\r\n", _DOTS),
    ("blank", "4.5.2-4", "empty lines", "\r\n\r\n\r\nx\r\n\r\n", ""),
    ("spaces", "4.5.2-4", "spaces and tabs at the ends of lines", "a  \r\n\t\r\n b\t\r\n", ""),
    ("from", "4.5.2-4", "a line that begins with From", "From here\r\n>From there\r\n", ""),
    ("commands", "3.1-6", "lines that look like commands", "QUIT\r\nRSET\r\nDATA\r\n", ""),
    ("long-line", "4.5.3-6", "a line of 998 characters", "y" * 996 + "\r\n", ""),
    ("many-lines", "4.5.3-8", "2000 lines", "a line\r\n" * 2000, ""),
    ("large", "4.5.3-8", "100 kB", ("z" * 70 + "\r\n") * 1400, ""),
]  # fmt: skip


def _texts() -> list[SenderCase]:
    return [
        SenderCase(f"text-{name}", rule, 10, title, text=text, hint=hint)
        for name, rule, title, text, hint in _TEXTS
    ]


_GIVE_UP: Final = (
    "After a 4yz or 5yz say that the mail was not sent: exit with another status than 0."
)
_DIGIT: Final = "Only the first digit decides: 2 is done, 3 go on, 4 later, 5 never."


def _refusals() -> list[SenderCase]:
    """A refusal at each step: the mail has not been sent, and the sender knows."""
    codes = {
        "421": ("4.3-4", "421 ends the session"), "451": ("E-3", "4yz: try again later"),
        "550": ("E-3", "5yz: never"), "459": ("4.3-6", "an unknown 4yz is a 4yz"),
        "599": ("4.3-6", "an unknown 5yz is a 5yz"), "150": ("E-4", "1yz is not a reply of SMTP"),
    }  # fmt: skip
    return [
        SenderCase(f"{NAMES[row]}-{code}", rule, 10,
                   f"{code} to {WORDS[row]}: {title}",
                   Odd(row, f"{code} BETA.ARPA no\r\n", "cut" if code == "421" else ""),
                   mail="any" if code == "150" else "failed",
                   hint=_GIVE_UP)
        for row in ROWS[:6] for code, (rule, title) in codes.items()
    ]  # fmt: skip


def _odd_forms() -> list[SenderCase]:
    """Replies in odd forms, which mean what their first digit says."""
    cases = []
    for row in ROWS:
        usual = USUAL[row]
        code, words = usual[:3], NAMES[row]
        cases += [
            SenderCase(f"{words}-several-lines", "E-2", 10, f"{WORDS[row]}: a reply of three lines",
                       Odd(row, f"{code}-BETA.ARPA one\r\n{code}-250 two\r\n{usual}"),
                       hint="A hyphen after the code: more lines follow. A space: the last one."),
            SenderCase(f"{words}-in-pieces", "2-1", 10, f"{WORDS[row]}: a reply byte by byte",
                       Odd(row, is_bytewise=True), hint="Read up to CRLF, however it comes."),
            SenderCase(f"{words}-no-text", "4.2-2", 10, f"{WORDS[row]}: a reply without text",
                       Odd(row, f"{code} \r\n"), hint="The text is for people."),
        ]  # fmt: skip
    cases += [
        SenderCase("rcpt-251", "4.3-5", 10, "251 to RCPT is a success",
                   Odd("RCPT", "251 User not local; will forward to <Jones@C.ARPA>\r\n"),
                   hint=_DIGIT),
        SenderCase("rcpt-551", "4.3-5", 10, "551 to RCPT is a failure",
                   Odd("RCPT", "551 User not local; please try <Jones@C.ARPA>\r\n"),
                   mail="failed", hint=_GIVE_UP),
        SenderCase("rcpt-552", "4.3-5", 10, "552 to RCPT is a failure",
                   Odd("RCPT", "552 Too much mail data\r\n"), mail="failed", hint=_GIVE_UP),
        SenderCase("data-250", "4.3-5", 10, "250 to DATA asks for nothing",
                   Odd("DATA", "250 OK\r\n"), mail="any",
                   hint="Only a 3yz asks for mail data."),
        SenderCase("data-359", "4.3-6", 10, "any 3yz to DATA asks for the text",
                   Odd("DATA", "359 go\r\n"), hint=_DIGIT,
                   because="many clients look for 354 only"),
        SenderCase("mail-259", "4.3-6", 10, "any 2yz to MAIL is a success",
                   Odd("MAIL", "259 fine\r\n"), hint=_DIGIT,
                   because="many clients look for 250 only"),
        SenderCase("rcpt-259", "4.3-6", 10, "any 2yz to RCPT is a success",
                   Odd("RCPT", "259 fine\r\n"), hint=_DIGIT,
                   because="many clients look for 250 only"),
        SenderCase("quit-550", "4.1.1-12", 10, "after the 250, a refused QUIT changes nothing",
                   Odd("QUIT", "500 what\r\n"), hint="The mail was taken with its 250."),
    ]  # fmt: skip
    return cases


def _losses() -> list[SenderCase]:
    """The channel is lost, or the receiver says nothing, or what is not a reply."""
    cases = []
    for row in ROWS:
        words = NAMES[row]
        mail = "taken" if row == "QUIT" else "failed"
        rule = "4.1.1-12" if row == "QUIT" else "4.1.1-20"
        why = "The channel was lost: the mail may not have arrived. Try again later."
        cases += [
            SenderCase(f"{words}-cut", rule, 10, f"the channel is lost instead of a reply to "
                       f"{WORDS[row]}", Odd(row, "", "cut"), mail=mail, hint=why),
            SenderCase(f"{words}-half", rule, 10, f"the channel is lost within the reply to "
                       f"{WORDS[row]}", Odd(row, USUAL[row][:2], "cut"), mail=mail, hint=why),
            SenderCase(f"{words}-half-close", rule, 10, f"the receiver ends its side before the "
                       f"reply to {WORDS[row]}", Odd(row, "", "half-close"), mail=mail, hint=why),
            SenderCase(f"{words}-silence", rule, 10, f"no reply to {WORDS[row]} for a while, then "
                       "the channel is lost", Odd(row, "", "silence"), mail=mail, hint=why),
            SenderCase(f"{words}-garbage", "4.2-3", 10, f"what is not a reply to {WORDS[row]}",
                       Odd(row, "\x00\x7fhello\x1b[2J\r\n", "cut"), mail=mail,
                       hint="What does not begin with three digits is not a reply."),
        ]  # fmt: skip
    for row in ROWS[:5]:
        words = NAMES[row]
        cases.append(
            SenderCase(f"{words}-doubled", "4.2-1", 10, f"two replies to {WORDS[row]}",
                       Odd(row, USUAL[row] * 2), mail="any",
                       hint="A reply that nothing has asked for: which one is whose?"))  # fmt: skip
    cases.append(
        SenderCase("early-all", "4.2-1", 10, "all replies at once, before anything was asked",
                   Odd("CONNECT", "".join(USUAL[row] for row in ROWS), "silence"), mail="failed",
                   because="few clients notice replies that come too early",
                   hint="What has arrived before you ask breaks the channel."))  # fmt: skip
    return cases


CASES: Final[list[SenderCase]] = [
    *_plain(), *_texts(), *_refusals(), *_odd_forms(), *_losses(),
]  # fmt: skip
