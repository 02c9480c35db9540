"""What a reply must hold besides its code: a name, a path; and which codes a command permits.

A receiver-SMTP holds the verdicts of its installation against sections 4.2.2 and 4.3 before it
sends them. What a peer sends is never held against them.
"""

from __future__ import annotations

from typing import Final

from lab.protocol.names import HostName
from lab.protocol.replies import COMMAND_REPLIES, Reply, first_word, reply
from lab.protocol.syntax import SyntaxFault, parse_domain, path_in

NAMED: Final = frozenset((220, 221, 421))
"""The replies whose text begins with the host's official name, ``<domain>`` (section 4.2.2)."""

TELLING: Final = frozenset((251, 551))
"""The replies whose text has a path, ``<forward-path>`` (section 4.2.2)."""

PLAIN: Final = {row: frozenset(codes) - NAMED - TELLING for row, codes in COMMAND_REPLIES.items()}
"""The codes that section 4.3 permits to each command, without those that need a name or a path."""

_USUAL: Final = {
    "greeting": 'reply(220, "YOUR-HOST.ARPA Service ready")',
    "hello": 'reply(250, "YOUR-HOST.ARPA")',
    "begin": 'reply(250, "OK"), or reply(452) to refuse',
    "goodbye": 'reply(221, "YOUR-HOST.ARPA Service closing transmission channel")',
    "accept": 'reply(250, "OK") when the mail is stored, reply(451) if it cannot be, or LATER',
    "help": 'reply(214, "Commands: ..."), or reply(502)',
    "verify": 'reply(250, "Fred Smith <Smith@YOUR-HOST.ARPA>"), or reply(550)',
    "expand": 'reply(250, "<Smith@YOUR-HOST.ARPA>", ...), or reply(550)',
    "turn": 'reply(250, "OK"), or reply(502)',
}
"""What each method of an installation usually returns, for those who write one."""


def why_not_permitted(row: str, verdict: Reply) -> str:
    """Return why a verdict may not be the reply to a row of section 4.3; "" if it may.

    421 "may be a reply to any command" (section 4.2.2).
    """
    permitted = COMMAND_REPLIES[row]
    if verdict.code not in permitted and verdict.code != 421:
        codes = ", ".join(map(str, sorted({*permitted, 421})))
        return f"section 4.3 permits {codes} as the reply to {row}"
    if verdict.code in TELLING and path_in(verdict.text) is None:
        return f'its text must hold a path: reply({verdict.code}, "User not local; <user@host>")'
    return ""


def returned_by(installation: object, method: str) -> str:
    """Return the beginning of a sentence about what a method of an installation returned."""
    name = type(installation).__name__
    return f"{name}.{method}() returned" if method != "answer" else "answer() was given"


def why_not_a_reply(method: str, returned: object) -> str:
    """Return what an installation's method returned in place of a reply, and what is usual."""
    in_words = "nothing (None)" if returned is None else repr(returned)[:80]
    usual = _USUAL.get(method, 'reply(250, "OK"), or reply(550) to refuse')
    return f"{in_words}; it must return a Reply: {usual}"


def with_domain(verdict: Reply, domain: str) -> Reply:
    """Return a 220, 221 or 421 that begins with the name of the host, and any other as it is."""
    if verdict.code not in NAMED or not domain:
        return verdict
    text = verdict.lines[0]
    if text.startswith(domain) and text[len(domain) : len(domain) + 1] in ("", " "):
        return verdict
    if HostName(first_word(text)) == HostName(domain):
        return verdict
    return reply(verdict.code, f"{domain} {text}".rstrip(), *verdict.lines[1:])


def with_path(verdict: Reply, path: str) -> Reply:
    """Return a 251 or 551 that has a path in its text, and any other as it is. ``path`` is put in
    the place of ``<forward-path>``, or else at the end, if there is none.
    """
    if verdict.code not in TELLING or path_in(verdict.text) is not None:
        return verdict
    first, *further = verdict.lines
    place = "<forward-path>"
    text = first.replace(place, path) if place in first else f"{first} {path}"
    return reply(verdict.code, text, *further)


def domain_in(greeting: Reply) -> str:
    """Return the name with which a greeting begins; "" if its first word is not one."""
    try:
        return parse_domain(first_word(greeting.lines[0]))
    except SyntaxFault:
        return ""
