"""The directory of a host: its users, lists and forwards, and the replies to VRFY and EXPN.

User names keep their case, and are looked up with it first. A name that differs only in case from
exactly one user's is that user's too: a host may decide whether "smith" is "Smith" (section 2). A
name that differs only in case from several users' is ambiguous: 553 (3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from lab.hosts.checked import checked
from lab.hosts.setting import setting
from lab.protocol import Path, Reply, quote, reply
from lab.protocol.replies import MAX_REPLY_LINE

AMBIGUOUS: Final = reply(553, "User ambiguous")


@checked
@dataclass(frozen=True, slots=True)
class User:
    """A user with a mailbox at a host."""

    name: str = field(
        metadata=setting("text", "The name in front of the @.", "4.1.2", example='"Jones"')
    )
    full_name: str = field(
        default="",
        metadata=setting("text", "What VRFY and EXPN show.", "3.3", example='"William Jones"'),
    )
    active: bool = field(
        default=False, metadata=setting("flag", "At a terminal, for SEND, SOML and SAML.", "3.4")
    )
    accepts: bool = field(
        default=True, metadata=setting("flag", "Accepts messages at the terminal.", "3.4")
    )
    mailbox: str = field(
        default="open",
        metadata=setting(
            "choice",
            "State of the mailbox.",
            "4.3",
            words={
                "open": "takes mail",
                "busy": "450 at RCPT",
                "broken": "451 at RCPT: a local error",
                "full": "452 at RCPT",
                "full-after-data": "552 after the mail data",
            },
        ),
    )


@checked
@dataclass(frozen=True, slots=True)
class Member:
    """A member of a mailing list: a path, and a full name if it is known."""

    path: Path
    full_name: str = ""

    def __str__(self) -> str:
        return f"{self.full_name} {self.path}" if self.full_name else str(self.path)


@checked
@dataclass(frozen=True, slots=True)
class MailingList:
    """A name that stands for its members (section 3.3); EXPN does not show a private list."""

    name: str = field(
        metadata=setting("text", "The name in front of the @.", "3.3", example='"Example-People"')
    )
    members: Sequence[Member] = field(
        default=(),
        metadata=setting(
            "members",
            "Addresses, each with a full name in front of it if you like: `Fred <Fred@BBN.ARPA>`.",
            "3.3",
            required=True,
            example='["ABC@MIT-MC.ARPA"]',
        ),
    )
    private: bool = field(
        default=False,
        metadata=setting("flag", "Reply 550 to EXPN, and name no member in a notification.", "3.3"),
    )


@checked
@dataclass(frozen=True, slots=True)
class Forward:
    """A user whose mailbox is at another host (section 3.2)."""

    user: str = field(metadata=setting("text", "The user who has moved.", "3.2", example='"fred"'))
    to: Path = field(
        metadata=setting("path", "The new address.", "3.2", example='"Jones@BBN-VAX.ARPA"')
    )
    mode: str = field(
        default="forward",
        metadata=setting(
            "choice",
            "What happens to mail for the user.",
            "3.2",
            words={
                "forward": "accept it and send it to the new address (251)",
                "refer": "refuse it and reply with the new address (551)",
            },
        ),
    )

    def reply_with(self, path: Path) -> Reply:
        """Return the reply to RCPT for this user: 251 or 551 with the new path in it.

        If the path cannot be written in a reply, mail is accepted (250), or refused (550).
        """
        to = path.text
        is_told = _in_reply(path) == to and len(to) <= _MOST_TOLD
        if self.mode == "forward":
            text = f"User not local; will forward to {to}"
            return reply(251, text) if is_told else reply(250, "User not local; will forward")
        if is_told:
            return reply(551, f"User not local; please try {to}")
        return reply(550, "User not local, and the new path cannot be written in a reply")


_MOST_TOLD: Final = MAX_REPLY_LINE - len("251 User not local; will forward to \r\n")


def _as_it_is(path: Path) -> Path:
    return path


Entry = User | MailingList | Forward


class Directory:
    """The users, lists and forwards of a host, by name."""

    __slots__ = ("_entries", "_in_any_case", "domain")

    def __init__(
        self,
        domain: str,
        users: Sequence[User] = (),
        lists: Sequence[MailingList] = (),
        forwards: Sequence[Forward] = (),
    ) -> None:
        self.domain = domain
        self._entries: dict[str, Entry] = {user.name: user for user in users}
        self._entries.update((mailing_list.name, mailing_list) for mailing_list in lists)
        self._entries.update((forward.user, forward) for forward in forwards)
        self._in_any_case: dict[str, list[Entry]] = {}
        for name, entry in self._entries.items():
            self._in_any_case.setdefault(_any_case(name), []).append(entry)

    def find(self, name: str) -> Entry | None:
        """Return the user, list or forward of a name; None if there is none."""
        entry = self._entries.get(name)
        if entry is not None:
            return entry
        alike = self._alike(name)
        return alike[0] if len(alike) == 1 else None

    def is_ambiguous(self, name: str) -> bool:
        """Return whether a name matches no entry as written, but several in another case."""
        return name not in self._entries and len(self._alike(name)) > 1

    def _alike(self, name: str) -> Sequence[Entry]:
        """Return the entries whose names differ from a name only in case."""
        return self._in_any_case.get(_any_case(name), ())

    @property
    def users(self) -> list[User]:
        """The users, in the order in which they were given."""
        return [entry for entry in self._entries.values() if isinstance(entry, User)]

    @property
    def sends_on(self) -> bool:
        """Whether mail for this host may be sent on to others, by a list or a forward."""
        return any(
            isinstance(entry, MailingList) or (isinstance(entry, Forward) and entry.mode != "refer")
            for entry in self._entries.values()
        )

    @property
    def lists(self) -> int:
        """How many mailing lists there are."""
        return sum(isinstance(entry, MailingList) for entry in self._entries.values())

    def verify(
        self,
        string: str,
        domain: str = "",
        official: Callable[[Path], Path] = _as_it_is,
        *,
        is_mailbox: bool = False,
    ) -> Reply:
        """Return the reply to VRFY (section 3.3) for a user name, or part of a full name.

        ``domain`` is the host's name in the environment of the session, if it has another there;
        ``official`` returns a path with the names that are official there (section 3.7).
        ``is_mailbox``: the string was written as a mailbox, so it means that user and nobody else.
        """
        if self.is_ambiguous(string):
            return AMBIGUOUS
        entry = self.find(string)
        if isinstance(entry, MailingList):
            return reply(550, "That is a mailing list, not a user")
        if isinstance(entry, Forward):
            verdict = entry.reply_with(official(entry.to))
            if verdict.code != 250:
                return verdict
            return reply(250, self.line_of(User(entry.user), domain))
        # "where there are two Smith's", one of them may have it as the name of the mailbox
        matches = [entry] if entry else []
        if not is_mailbox:
            matches += [user for user in self.users if user is not entry and _matches(user, string)]
        if len(matches) > 1:
            return AMBIGUOUS
        if not matches:
            return reply(550, "String does not match anything.")
        return reply(250, self.line_of(matches[0], domain))

    def expand(self, string: str, official: Callable[[Path], Path] = _as_it_is) -> Reply:
        """Return the reply to EXPN (section 3.3): one mailbox a line.

        An ambiguous name draws 550: 3.3 says that it "must" be 553, which 4.3 does not permit here.
        """
        if self.is_ambiguous(string):
            return reply(550, "User ambiguous")
        entry = self.find(string)
        if isinstance(entry, MailingList):
            if entry.private or not entry.members:
                return reply(550, "Access Denied to You.")
            members = [Member(official(each.path), each.full_name) for each in entry.members]
            return reply(250, *map(_member_line, members))
        if entry is not None:
            return reply(550, "That is a user name, not a mailing list")
        return reply(550, "String does not match anything.")

    def line_of_list(self, mailing_list: MailingList, domain: str = "") -> str:
        """Return a list as a line of a reply to VRFY: its mailbox."""
        return _member_line(Member(Path((), quote(mailing_list.name), domain or self.domain)))

    def line_of(self, user: User, domain: str = "") -> str:
        """Return a user as a line of a reply: the full name, if it is known, and the mailbox."""
        path = Path((), quote(user.name), domain or self.domain)
        return _member_line(Member(path, user.full_name))


def _in_reply(path: Path) -> str:
    """Return a path for the text of a reply.

    A path with CR or LF cannot be in a reply, and without them it would be another path.
    """
    if "\r" in path.text or "\n" in path.text:
        return "a path that holds the end of a line"
    return path.text


def _member_line(member: Member) -> str:
    """Return a member as a line of a reply: full name and path, or only the path if too long."""
    path = _in_reply(member.path)
    line = f"{member.full_name} {path}" if member.full_name else path
    return line if len(line) <= MAX_REPLY_LINE - len("250-\r\n") else path


def _any_case(name: str) -> str:
    """Return a user name, or a word of one, in a form for comparison in any case (section 2)."""
    return name.lower()


def _matches(user: User, string: str) -> bool:
    words = _any_case(string).split()
    name = _any_case(user.name)
    known = {*f"{_any_case(user.full_name)} {name}".replace(".", " ").split(), name}
    return bool(words) and all(word.rstrip(".") in known for word in words)
