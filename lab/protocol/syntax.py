"""Commands, paths, mailboxes and domains: the grammar of section 4.1.2, parsed and formatted.

Each production is a comment above the expression that implements it. A :class:`Path` keeps its
local part as it was written (quotes, backslashes, case), so parsing and formatting are inverse.

Where the RFC contradicts itself:

- ``<name>`` needs three characters, yet 3.7's own example is Fred.Cambridge.UK, and other
  examples have names of one and two.
- ``<path>`` has no null, but 3.6 needs ``<>`` as the reverse-path of a notification: ``null=True``.
- ``<string>`` has no space, but "the character string arguments of VRFY and EXPN cannot be further
  restricted" (3.3).

A host reads commands by one of three grammars: "strict" is the productions to the letter;
"standard" also what the RFC's own text and examples need; "tolerant" also what senders often get
wrong. The table in the guide rfc-choices lists the differences. The result is the same in all
three: the path, without spaces and in its brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final, NamedTuple

from lab.protocol.names import HostName, host_name
from lab.protocol.replies import COMMAND_REPLIES
from lab.protocol.sizes import MAX_COMMAND_LINE
from lab.protocol.states import COMMANDS

# <special> ::= "<" | ">" | "(" | ")" | "[" | "]" | "\" | "." | "," | ";" | ":" | "@" """ | controls
# <c> ::= any one of the 128 ASCII characters, but not any <special> or <SP>
_C = r"[!#-'*+\-/-9=?A-Z^-~]"
# <x> ::= any one of the 128 ASCII characters (no exceptions)
_X = r"[\x00-\x7f]"
# <q> ::= any one of the 128 ASCII characters except <CR>, <LF>, quote ("), or backslash (\)
_Q = r"[\x00-\x09\x0b\x0c\x0e-!#-\[\]-\x7f]"
# <string> ::= <char> | <char> <string>      <char> ::= <c> | "\" <x>
_STRING = rf"(?:{_C}|\\{_X})+"
# <dot-string> ::= <string> | <string> "." <dot-string>
_DOT_STRING = rf"{_STRING}(?:\.{_STRING})*"
# <quoted-string> ::= """ <qtext> """   <qtext> ::= "\" <x> | "\" <x> <qtext> | <q> | <q> <qtext>
_QUOTED = rf'"(?:\\{_X}|{_Q})+"'
# <local-part> ::= <dot-string> | <quoted-string>
_LOCAL = rf"(?:{_DOT_STRING}|{_QUOTED})"
# <name> ::= <a> <ldh-str> <let-dig>
_NAME = r"[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_NAME_STRICT = r"[A-Za-z][A-Za-z0-9-]+[A-Za-z0-9]"
# <snum> ::= one, two, or three digits representing a decimal integer value 0 through 255
_SNUM = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
# <dotnum> ::= <snum> "." <snum> "." <snum> "." <snum>
_DOTNUM = rf"{_SNUM}(?:\.{_SNUM}){{3}}"


def _domain(name: str) -> str:
    # <element> ::= <name> | "#" <number> | "[" <dotnum> "]"
    element = rf"(?:{name}|#[0-9]+|\[{_DOTNUM}\])"
    # <domain> ::= <element> | <element> "." <domain>
    return rf"{element}(?:\.{element})*"


def _path(name: str) -> re.Pattern[str]:
    domain = _domain(name)
    # <a-d-l> ::= <at-domain> | <at-domain> "," <a-d-l>      <at-domain> ::= "@" <domain>
    a_d_l = rf"@{domain}(?:,@{domain})*"
    # <path> ::= "<" [ <a-d-l> ":" ] <mailbox> ">"      <mailbox> ::= <local-part> "@" <domain>
    return re.compile(rf"<(?:({a_d_l}):)?({_LOCAL})@({domain})>")


_DOMAINS: Final = {strict: re.compile(_domain((_NAME, _NAME_STRICT)[strict])) for strict in (0, 1)}
_PATHS: Final = {strict: _path((_NAME, _NAME_STRICT)[strict]) for strict in (0, 1)}
_AT_DOMAIN: Final = re.compile("@([^,]+)")
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]+")
_STRING_STRICT: Final = re.compile(_STRING)
_PLAIN_LOCAL: Final = re.compile(_DOT_STRING)


def remembering(parse: Any, text: Any, **options: bool) -> Any:
    """Return ``parse(text)``, from its cache unless the text is long.

    A cache of texts of any length would let a peer fill the memory.
    """
    return (parse if len(text) <= MAX_COMMAND_LINE else parse.__wrapped__)(text, **options)


class SyntaxFault(ValueError):
    """A text that does not follow the grammar of section 4.1.2; the message says why."""


class Mailbox(NamedTuple):
    """An address: a user at a domain (section 4.1.2)."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A mailbox with the source route to it: a reverse-path or a forward-path (section 4.1.2).

    ``route`` holds the hosts of the ``<a-d-l>``, first to come first; ``local`` is the local part,
    ``domain`` the host; all as they were written. ``text`` is the path in its angle brackets. A
    reverse-path without a domain is the null one, ``<>`` (section 3.6).

    Two paths are equal if they are written alike. To find out whether they lead to the same place,
    compare ``host`` and ``route_hosts``, the :class:`~lab.protocol.names.HostName` of each, or
    :attr:`mailbox_key`.
    """

    route: tuple[str, ...]
    local: str
    domain: str
    text: str = field(init=False, repr=False)
    host: HostName = field(init=False, repr=False)
    route_hosts: tuple[HostName, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        route = ",".join(["@" + host for host in self.route]) if self.route else ""
        mailbox = f"{self.local}@{self.domain}" if self.domain else ""
        # a frozen dataclass has no other way to set what is derived; paths are made all the time
        put = object.__setattr__
        put(self, "text", f"<{route}{':' if route else ''}{mailbox}>")
        put(self, "host", host_name(self.domain))
        hosts = tuple([host_name(host) for host in self.route]) if route else ()
        put(self, "route_hosts", hosts)

    # the text is all of the path; comparing it is fast, and paths are the keys of many tables
    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Path) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    @property
    def bare(self) -> str:
        """The path without its angle brackets."""
        return self.text[1:-1]

    @property
    def is_null(self) -> bool:
        """Whether this is the null reverse-path of a notification (section 3.6)."""
        return not self.domain

    @property
    def mailbox(self) -> Mailbox:
        """The destination mailbox, without the route."""
        return Mailbox(self.local, self.domain)

    @property
    def user(self) -> str:
        """The user name that the local part stands for, without quotes and backslashes."""
        return unquote(self.local)

    @property
    def first(self) -> str:
        """The host that the path names first, as written: of the route, or else of the mailbox."""
        return self.route[0] if self.route else self.domain

    @property
    def first_host(self) -> HostName:
        """The host that the path names first: of the route, or else of the mailbox."""
        return self.route_hosts[0] if self.route_hosts else self.host

    @property
    def hosts(self) -> tuple[HostName, ...]:
        """The hosts that the mail is to pass, in order: those of the route, then the mailbox's."""
        return (*self.route_hosts, self.host)

    @property
    def mailbox_key(self) -> tuple[str, HostName]:
        """The user and the host of the mailbox: equal for all spellings of one mailbox."""
        return self.user, self.host

    @property
    def key(self) -> str:
        """A text of the whole path that is the same for all spellings of it."""
        return f"{','.join([host.key for host in self.hosts])} {self.user}"


NULL_PATH: Final = Path((), "", "")
"""The null reverse-path, ``<>``, of notifications (section 3.6)."""


def unquote(local: str) -> str:
    """Return the user name that a local part stands for, without quotes and backslashes.

    A backslash "is used to indicate that the next character is to be used literally" (4.1.2).
    """
    if local.startswith('"'):
        local = local[1:-1]
    return re.sub(r"\\(.)", r"\1", local, flags=re.DOTALL) if "\\" in local else local


def quote(user: str) -> str:
    """Return the local part for a user name: as it is where the grammar allows, else quoted.

    Raises :class:`SyntaxFault` for an empty name and for one with a character beyond ASCII.
    """
    if not user or not user.isascii():
        raise SyntaxFault(f"a user name must be one or more ASCII characters, not {user!r}")
    if "\\" not in user and _PLAIN_LOCAL.fullmatch(user):
        return user
    return '"' + re.sub(r'(["\\\r\n])', r"\\\1", user) + '"'


@lru_cache(maxsize=16384)
def parse_path(text: str, *, null: bool = False, strict: bool = False) -> Path:
    """Return the :class:`Path` of a text in angle brackets (section 4.1.2).

    ``null`` allows ``<>``; ``strict`` requires names of three characters. Raises
    :class:`SyntaxFault`.
    """
    if null and text == "<>":
        return NULL_PATH
    match = _PATHS[strict].fullmatch(text)
    if match is None:
        raise SyntaxFault(_why_no_path(text))
    route, local, domain = match.groups()
    return Path(tuple(_AT_DOMAIN.findall(route)) if route else (), local, domain)


def path_in(text: str) -> Path | None:
    """Return the first path in angle brackets that a text holds, such as that of a 251 or 551
    reply; None if there is none.

    It is read by the grammar: a ``>`` within quotes does not end it. Only the beginning of a long
    text is read, the first 4,096 characters.
    """
    text = text[:_MOST_OF_A_REPLY]
    start = text.find("<")
    while start >= 0:
        match = _PATHS[0].match(text, start)
        if match is not None:
            path: Path = remembering(parse_path, match.group())
            return path
        start = text.find("<", start + 1)
    return None


_MOST_OF_A_REPLY: Final = 4096


def _why_no_path(text: str) -> str:
    if not (text.startswith("<") and text.endswith(">")):
        return "a path must be in angle brackets, <user@domain>"
    if "@" not in text:
        return "a path must have a mailbox, <user@domain>"
    if not text.isascii():
        return "a path must be ASCII"
    return "not a path of RFC 821: expected <user@domain> or <@ONE,@TWO:user@domain>"


@lru_cache(maxsize=16384)
def parse_domain(text: str, *, strict: bool = False) -> str:
    """Return the text if it is a ``<domain>`` of section 4.1.2; else raise :class:`SyntaxFault`.

    ``strict`` requires names of three characters.
    """
    if not _DOMAINS[strict].fullmatch(text):
        raise SyntaxFault(
            "not a domain of RFC 821: names of letters, digits and hyphens that begin with a "
            "letter and do not end with a hyphen, #number, or [dotted number], joined by periods"
        )
    return text


def in_capitals(word: str) -> str:
    """Return a command code or keyword in capitals: they may be written in either case (2).

    Only letters of ASCII have another case: beyond it, a capital may be no byte, or two letters.
    """
    return word.upper() if word.isascii() else word.translate(_CAPITALS)


_CAPITALS: Final = str.maketrans(ascii_lowercase, ascii_uppercase)


def verb_of(line: bytes) -> str:
    """Return the command code that a line begins with, in capitals: its first four characters."""
    return _code_in_capitals(line[:4])


@lru_cache(maxsize=1024)  # nearly all lines begin with one of a few codes
def _code_in_capitals(code: bytes) -> str:
    return in_capitals(code.decode("latin-1"))


@dataclass(frozen=True, slots=True)
class Command:
    """A command line as the receiver-SMTP reads it (section 4.1.2).

    ``verb`` is the command code in capitals, "" if there is none. ``path`` or ``text`` is its
    argument. ``fault`` is 0, or the reply code for a line that is wrong (500, 501); ``text`` then
    says why.
    """

    verb: str
    path: Path = NULL_PATH
    text: str = ""
    fault: int = 0


_KEYWORDS: Final = {
    "MAIL": "FROM:",
    "SEND": "FROM:",
    "SOML": "FROM:",
    "SAML": "FROM:",
    "RCPT": "TO:",
}
_BARE: Final = frozenset(("DATA", "RSET", "NOOP", "QUIT", "TURN"))


GRAMMARS: Final = ("strict", "standard", "tolerant")
"""The grammars by which a host may read commands, as the first lines of this module say."""

_PATH_WORD: Final = re.compile(
    r"((?:MAIL|SEND|SOML|SAML) +FROM:|RCPT +TO:) *([^ <].*)?", re.I | re.S
)
_ELEMENT_TOLERANT: Final = r"[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?"
_HELO_TOLERANT: Final = re.compile(rf"{_ELEMENT_TOLERANT}(?:\.{_ELEMENT_TOLERANT})*", re.ASCII)


@lru_cache(maxsize=16384)
def parse_command(line: bytes, grammar: str = "standard") -> Command:
    """Return the :class:`Command` of a line without its CRLF; it never raises.

    ``grammar`` is one of :data:`GRAMMARS`.
    """
    text = line.decode("latin-1")
    if grammar == "tolerant":
        text = _tidied(text)
    verb, space, argument = in_capitals(text[:4]), text[4:5], text[5:]
    # "Command codes are four alphabetic characters" (4.1.2): a longer word is another word
    if verb not in COMMANDS or (space.isascii() and space.isalpha()):
        return Command("", text="Syntax error, command unrecognized", fault=500)
    try:
        if space not in ("", " "):
            raise SyntaxFault(f"{verb} must be followed by a space")
        return _with_argument(verb, space, argument.lstrip(" "), grammar)
    except SyntaxFault as why:
        # NOOP, QUIT and TURN list no 501 in section 4.3: a fault in them draws 500
        fault = 501 if 501 in COMMAND_REPLIES[verb] else 500
        return Command(verb, text=f"Syntax error: {why}", fault=fault)


def _tidied(text: str) -> str:
    """A line as the standard grammar has it, without what a tolerant host ignores."""
    text = text.rstrip(" \t")
    if in_capitals(text[:5]) == "NOOP ":
        return text[:4]
    match = _PATH_WORD.match(text)
    if match is None:
        return text
    word, bare = match.groups()
    # a path that has brackets, or one of them, is left as it is
    return word + (f"<{bare}>" if bare else text[len(word) :].lstrip(" "))


def _with_argument(verb: str, space: str, argument: str, grammar: str) -> Command:
    if verb in _BARE:
        if space:
            raise SyntaxFault(f"{verb} takes no argument")
        return Command(verb)
    strict = grammar == "strict"
    keyword = _KEYWORDS.get(verb)
    if keyword:
        if in_capitals(argument[: len(keyword)]) != keyword:
            raise SyntaxFault(f"{verb} requires {keyword}<path>")
        null = verb != "RCPT"
        path = remembering(parse_path, argument[len(keyword) :], null=null, strict=strict)
        return Command(verb, path, argument)
    if verb == "HELO":
        if grammar == "tolerant" and _HELO_TOLERANT.fullmatch(argument):
            return Command(verb, text=argument)
        return Command(verb, text=remembering(parse_domain, argument, strict=strict))
    is_string = _STRING_STRICT.fullmatch(argument) or (
        not strict and _PRINTABLE.fullmatch(argument)
    )
    if argument and not is_string:
        raise SyntaxFault(
            f"the argument of {verb} is not a <string>" if strict
            else f"the argument of {verb} must be printable ASCII"
        )  # fmt: skip
    if not argument and verb != "HELP":
        raise SyntaxFault(f"{verb} requires a string")
    return Command(verb, text=argument)
