"""An installation and an agenda that do what a test lists, and keep what happened."""

from __future__ import annotations

from collections.abc import Sequence

from lab.protocol import (
    Agenda,
    Answer,
    Installation,
    Outgoing,
    Path,
    Reply,
    Transaction,
    parse_path,
    reply,
)


class FakeInstallation(Installation):
    """An installation that accepts everything, except where it is given replies.

    ``replies`` maps a row of section 4.3 ("RCPT", "CONNECT" for the greeting, "data" for the mail
    data), or for RCPT the name of a user, to codes or replies. They are given one after another;
    the last one is repeated. ``stored`` has the transactions whose mail data was accepted.
    """

    def __init__(self, domain: str = "BETA.ARPA", **replies: Sequence[int | Reply]) -> None:
        self.domain = domain
        self.replies: dict[str, list[int | Reply]] = {k: list(v) for k, v in replies.items()}
        self.stored: list[Transaction] = []

    def next_reply(self, row: str, code: int = 250, text: str = "OK") -> Reply:
        """Return the next reply to a command; by default one of this code and text."""
        replies = self.replies.get(row)
        if not replies:
            return reply(code, text)
        chosen = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(chosen, Reply):
            return chosen
        if chosen in (251, 551):
            return reply(chosen, "User not local; <Jones@OTHER.ARPA>")
        return reply(chosen, "no" if chosen >= 400 else text)

    def greeting(self) -> Reply:
        """Return the next reply for "CONNECT", by default 220."""
        return self.next_reply("CONNECT", 220, f"{self.domain} ready")

    def hello(self, domain: str) -> Reply:
        """Return the next reply to HELO, by default 250."""
        return self.next_reply("HELO", text=self.domain)

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        """Return the next reply to MAIL, SEND, SOML or SAML, by default 250."""
        return self.next_reply(verb)

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Return the next reply for the user, or else to RCPT, by default 250."""
        user = forward_path.local
        return self.next_reply(user if user in self.replies else "RCPT")

    def accept(self, transaction: Transaction) -> Reply:
        """Return the next reply for "data", by default 250; keep what is accepted."""
        verdict = self.next_reply("data")
        if verdict.code < 300:
            self.stored.append(transaction)
        return verdict

    def verify(self, string: str) -> Reply:
        """Return the next reply to VRFY, by default 250."""
        return self.next_reply("VRFY")

    def expand(self, string: str) -> Reply:
        """Return the next reply to EXPN, by default 250."""
        return self.next_reply("EXPN")

    def help(self, string: str) -> Reply:
        """Return the next reply to HELP, by default 214."""
        return self.next_reply("HELP", 214)

    def turn(self) -> Reply:
        """Return the next reply to TURN, by default 502."""
        return self.next_reply("TURN", 502)

    def goodbye(self) -> Reply:
        """Return the next reply to QUIT, by default 221."""
        return self.next_reply("QUIT", 221, f"{self.domain} closing")


class FakeAgenda(Agenda):
    """An agenda of a list of mail. ``finished`` has the transactions that are settled, in order,
    ``refusals`` the replies that ended a session.
    """

    def __init__(self, *mail: Outgoing) -> None:
        self.mail = list(mail)
        self.finished: list[Outgoing] = []
        self.refusals: list[Answer] = []

    def next(self) -> Outgoing | None:
        """Return the first of the mail that is left."""
        return self.mail.pop(0) if self.mail else None

    def settled(self, outgoing: Outgoing) -> None:
        """Keep a finished transaction."""
        self.finished.append(outgoing)

    def refused(self, answer: Answer) -> None:
        """Keep the reply that ended the session."""
        self.refusals.append(answer)


def mail_to(
    *to: str, data: bytes = b"Hi\r\n", sender: str = "Smith@ALPHA.ARPA", verb: str = "MAIL"
) -> Outgoing:
    """Return mail for recipients: paths without brackets, or names of users at BETA.ARPA."""
    paths = [parse_path(f"<{name}>" if "@" in name else f"<{name}@BETA.ARPA>") for name in to]
    return Outgoing(parse_path(f"<{sender}>", null=True), paths, data, verb)
