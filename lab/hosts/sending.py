"""The mail of one queue, as the agenda of a session's sender-SMTP."""

from __future__ import annotations

from typing import Final

from lab.hosts.destination import Destination
from lab.hosts.failed import FailedRecipient
from lab.hosts.host import Host
from lab.hosts.spool import Addressee, Queue, QueuedMail
from lab.protocol import Answer, HostName, Outgoing, Path, Transaction
from lab.protocol.sizes import MIN_RECIPIENTS
from lab.protocol.syntax import path_in

_NO_ANSWER: Answer = (451, "the transmission channel was lost")


MOST_REDIRECTS: Final = 10
"""How often a message is sent to the path in a 251 or 551; RFC 821 has no limit.

Hosts that refer to each other in a loop are noticed by their paths. Hosts that make up a new path
each time are not, and would never end. Nobody has moved more often than this.
"""


class QueueSender:
    """The agenda of a sender-SMTP: takes mail from a queue, and acts on its outcome.

    The driver sets ``now`` before each call. ``message`` is that of the transaction in progress.
    """

    __slots__ = ("_outgoing", "_turn", "host", "message", "now", "queue", "session")

    def __init__(
        self, host: Host, queue: Queue, session: int | None = None, *, turn: bool = False
    ) -> None:
        self._turn = turn
        self.host = host
        self.queue = queue
        self.session = session
        self.now = 0.0
        self.message: int | None = None
        self._outgoing: Outgoing | None = None

    def identify(self, _: Transaction) -> tuple[int, list[str]]:
        """Return the message on its way, and the ids of the recipients that were accepted."""
        outgoing = self._outgoing
        assert outgoing is not None, "mail data without a transaction"
        mail: QueuedMail = outgoing.tag
        addressees = enumerate(mail.addressees)
        return mail.message, [
            recipient for number, (recipient, _) in addressees if outgoing.taken(number)
        ]

    @property
    def asked(self) -> int | None:
        """The number, from 0, of the recipient that the next reply to RCPT is about.

        None without a transaction.
        """
        return len(self._outgoing.answers) if self._outgoing is not None else None

    def ids(self, numbers: list[int]) -> list[str]:
        """Return the ids of recipients of the mail in progress, by their numbers from 0."""
        assert self._outgoing is not None, "recipients without mail"
        mail: QueuedMail = self._outgoing.tag
        return [mail.addressees[number][0] for number in numbers]

    @property
    def size(self) -> int:
        """The bytes of the mail data of the transaction in progress."""
        return len(self._outgoing.mail_data) if self._outgoing is not None else 0

    # -- the agenda -----------------------------------------------------------------------------

    def meets(self, greeted_as: str, welcomed_as: str) -> bool:
        """Return whether to send mail to the host that has answered: names are exchanged "to ensure
        that the hosts are communicating with the hosts they think they are" (section 3.5).
        """
        called = self.queue.host
        if greeted_as == called == welcomed_as:
            return True
        wrong = self._other_name(greeted_as, welcomed_as)
        if not wrong:
            return True
        host = self.host
        host.record((self.now, "misnamed", host.name, called, self.session, None, wrong))
        return host.settings.wrong_name != "refuse"

    def _other_name(self, greeted_as: str, welcomed_as: str) -> str:
        """Return a name that the host which answered gave and that is not of the host called; "" if
        there is none.
        """
        known = self.host.routes.resolve
        if known(HostName(greeted_as)) != self.queue.host:
            return greeted_as
        # RFC 821 puts the name into this reply only in its examples; "250 OK" has none
        host_welcoming = known(HostName(welcomed_as))
        is_name = host_welcoming is not None or "." in welcomed_as.rstrip(".")
        return welcomed_as if is_name and host_welcoming != self.queue.host else ""

    def next(self) -> Outgoing | None:
        """Return the next mail, at most 100 recipients of it at a time (section 4.5.3)."""
        queue = self.queue
        mail = queue.ready(self.now)
        if mail is None:
            if self.now >= queue.not_before:  # else another session to the host has just failed
                queue.failures = 0
            self.message = self._outgoing = None
            return None
        queue.sending += 1
        addressees = mail.addressees
        if len(addressees) > MIN_RECIPIENTS:
            remaining = mail.part_for(addressees[MIN_RECIPIENTS:])
            mail.addressees = addressees = addressees[:MIN_RECIPIENTS]
            queue.take()
            queue.add_at(mail.place, remaining)
            self._keep(mail)
            self._keep(remaining)
        else:
            queue.take()
        self.message = mail.message
        environment, official = queue.environment, self.host.destinations.official
        paths = [official(path, environment) for _, path in addressees]
        settings = self.host.settings
        if settings.names:  # the queue may not be the one that the mail was first put into
            mail.reverse_path = self.host.reverse_path(mail, environment)
        redirects = settings.on_251 == "redirect" and not mail.takes_251
        redirects = redirects and not settings.unsophisticated
        self._outgoing = outgoing = Outgoing(
            mail.reverse_path, paths, mail.mail_data, mail.verb, redirects=redirects, tag=mail
        )
        return outgoing

    def turns(self) -> bool:
        """Return whether to ask the other side for its mail: once in a session that is for that."""
        turn, self._turn = self._turn or self.queue.polled, False
        self.queue.polled = False
        return turn

    def settled(self, outgoing: Outgoing) -> None:
        """Record the recipients that were accepted; defer, redirect or return the others."""
        mail: QueuedMail = outgoing.tag
        self.message = self._outgoing = None
        self.queue.sending -= 1
        self.host.port.forget(self.host.name, mail)  # what is left of it is kept below
        answer = outgoing.answer
        if not outgoing.channel_lost:
            self.queue.failures = 0
        if self.host.settings.on_251 == "learn" and not self.host.settings.unsophisticated:
            self._learn(outgoing)
        done = answer is not None and 200 <= answer[0] < 300 and not outgoing.failed_at
        if done and len(outgoing.answers) == 1:
            self._record("transfer", mail, mail.ids)
            return
        transferred, again, groups = self._by_answer(mail, outgoing, done=done)
        if transferred:
            self._record("transfer", mail, tuple(transferred))
        # a forwarded recipient (251) takes room in the receiver's buffer, redirected or not
        progress = outgoing.any_taken or outgoing.any_251
        for (why, at_rcpt), addressees in groups.items():
            if outgoing.channel_lost and not at_rcpt:
                self._hold_back(mail, why, addressees)
                continue
            failed_at = "RCPT" if at_rcpt else outgoing.failed_at
            if mail.verb != "MAIL" and self._mail_instead(mail, why[0], failed_at, addressees):
                continue
            if at_rcpt and self._try_otherwise(mail, why, addressees, progress):
                continue
            if at_rcpt and len(self.host.forwards_learned) and why[0] >= 550:
                addressees = self._send_to_original(mail, addressees)
            if addressees:
                self._not_sent(mail, why, addressees)
        if again:
            self._put_first(mail.part_for(again))

    def _by_answer(
        self, mail: QueuedMail, outgoing: Outgoing, *, done: bool
    ) -> tuple[list[str], list[Addressee], dict[tuple[Answer, bool], list[Addressee]]]:
        """Return the ids of recipients that the other side has taken over, those to be sent again
        at once, and the others by the answer that decides, and whether that was to their RCPT.
        """
        transferred: list[str] = []
        again: list[Addressee] = []
        groups: dict[tuple[Answer, bool], list[Addressee]] = {}
        for number, addressee in enumerate(mail.addressees):
            if outgoing.taken(number) and done:
                transferred.append(addressee[0])
                continue
            if outgoing.taken(number) and outgoing.answer is None:
                # accepted next to a 251 that is redirected: nothing was sent, and nobody has failed
                again.append(addressee)
                continue
            own = outgoing.answers[number] if number < len(outgoing.answers) else None
            at_rcpt = own is not None and not outgoing.taken(number)
            decisive = (own if at_rcpt else outgoing.answer) or _NO_ANSWER
            groups.setdefault((decisive, at_rcpt), []).append(addressee)
        return transferred, again, groups

    def _hold_back(self, mail: QueuedMail, answer: Answer, addressees: list[Addressee]) -> None:
        """Put mail back into the queue, and hold that back: the host has failed, not the mail.

        It goes to the end of the queue, because it may be what makes the host fail.
        """
        self._put_last(mail.part_for(addressees))
        text = f"{answer[0]} {answer[1]}"
        how = "did not take it"
        self.host.defer_all(self.now, self.queue, text, self.session, how=how)

    def refused(self, answer: Answer) -> None:
        """Handle a failed session: the queue waits or, after a 5xx, all its mail is returned.

        While another session to the same host goes on, that one sends the mail: the host takes no
        more channels for now.
        """
        text = f"{answer[0]} {answer[1]}"
        queue = self.queue
        if queue.sessions > 1:
            self.host.spooling.stay_alone(self.now, queue, text)
            return
        if answer[0] < 500:
            self.host.defer_all(self.now, queue, text, self.session)
            return
        for mail in queue.clear():
            self.host.port.forget(self.host.name, mail)
            self._refuse(mail, text, mail.addressees)

    def abort(self) -> None:
        """Put the mail in progress back into the queue, because the host has crashed."""
        if self._outgoing is not None:
            self.queue.sending -= 1
            self.queue.add_first(self._outgoing.tag)
            self.message = self._outgoing = None

    def _put_first(self, mail: QueuedMail) -> None:
        """Have mail sent next."""
        self.queue.add_first(mail)
        self._keep(mail)

    def _put_last(self, mail: QueuedMail) -> None:
        """Have mail sent after all that is in the queue."""
        self.queue.add(mail)
        self._keep(mail)

    def _keep(self, mail: QueuedMail) -> None:
        self.host.port.keep(self.host.name, self.queue, mail)

    # -- what follows ---------------------------------------------------------------------------

    def _record(self, kind: str, mail: QueuedMail, *columns: object) -> None:
        host, queue = self.host, self.queue
        host.record((self.now, kind, host.name, queue.host, self.session, mail.message, *columns))

    def _try_otherwise(
        self, mail: QueuedMail, answer: Answer, addressees: list[Addressee], progress: bool
    ) -> bool:
        """Send mail on at once if a reply to RCPT allows it; return whether it does.

        ``progress``: some recipient took room in the receiver's buffer.
        """
        code = answer[0]
        if self.host.settings.unsophisticated:
            return False  # appendix E: only the first digit counts
        if code in (452, 552) and progress:
            # Scenario 10: the buffer for recipients is full, and the others go in another
            # transaction at once. 452 is how later standards say it.
            self._put_first(mail.part_for(addressees))
            return True
        if code in (251, 551) and self._redirect(mail, answer, addressees):
            return True
        if code == 251 and not mail.takes_251:
            # mail cannot be sent to that path: the receiver-SMTP is left to forward it
            later = mail.part_for(addressees)
            later.takes_251 = True
            self._put_first(later)
            return True
        return False

    def _mail_instead(
        self, mail: QueuedMail, code: int, failed_at: str, addressees: list[Addressee]
    ) -> bool:
        """Send mail with MAIL at once if it cannot be sent to terminals, and the settings say so;
        return whether it is (section 3.4, scenario 5).

        That is so if the receiver does not have SEND, SOML or SAML, or if SEND finds nobody at the
        terminal. With the two others the receiver itself turns to the mailbox.
        """
        if self.host.settings.on_send_refused != "mail":
            return False
        at_nobody = mail.verb == "SEND" and failed_at == "RCPT" and code == 450
        if not (at_nobody or (failed_at == mail.verb and code >= 500)):
            return False
        part = mail.part_for(addressees)
        part.verb = "MAIL"
        self._put_first(part)
        return True

    def _not_sent(self, mail: QueuedMail, answer: Answer, addressees: list[Addressee]) -> None:
        code, text = answer
        if code >= 500:
            self._refuse(mail, f"{code} {text}", addressees)
        else:
            self._defer(mail, f"{code} {text}", addressees)

    def _learn(self, outgoing: Outgoing) -> None:
        """Remember the paths that a 251 gives "to use in the future" (section 3.2)."""
        mail: QueuedMail = outgoing.tag
        sent = zip(mail.addressees, outgoing.forward_paths, outgoing.answers, strict=False)
        for (_, written), path, (code, text) in sent:
            new = path_in(text) if code == 251 else None
            if new is not None and not _is_same_mailbox(path, new):
                self.host.learn(written, new)

    def _send_to_original(self, mail: QueuedMail, addressees: list[Addressee]) -> list[Addressee]:
        """Send mail that was refused at a learned path to the original path.

        Returns the other recipients that were refused.
        """
        unlearned: list[Addressee] = []
        for recipient, path in addressees:
            old = self.host.forwards_learned.forget(path)
            if old is None:
                unlearned.append((recipient, path))
                continue
            self._record("forward", mail, recipient, path.bare, old.bare, "redirect")
            recipients = [(recipient, self.host.destinations.of(old))]
            part = mail.redirected([(recipient, path)], frozenset([path.key]))
            self._send_on(part, recipients)
        return unlearned

    def _send_on(self, mail: QueuedMail, recipients: list[tuple[str, Destination]]) -> None:
        self.host.dispatch(
            self.now, mail.message, mail.verb, mail.return_path, recipients, mail.mail_data,
            relaying=mail.relaying, earlier=mail,
        )  # fmt: skip

    def _redirect(self, mail: QueuedMail, answer: Answer, addressees: list[Addressee]) -> bool:
        """Send to the path in a 251 or 551, if the settings say so (section 3.2)."""
        host = self.host
        if answer[0] == 551 and host.settings.on_551 != "redirect":
            return False
        new = path_in(answer[1])
        if new is None or host.destinations.of(new).refusal is not None:
            return False
        environment = self.queue.environment
        olds = [host.destinations.official(old, environment) for _, old in addressees]
        ends = _why_not_followed(mail, new, olds)
        if ends:
            if answer[0] == 551:
                self._end_redirects(mail, answer, addressees, ends)
            return answer[0] == 551  # a receiver-SMTP that says 251 is left to forward the mail
        recipients = []
        for recipient, old in addressees:
            self._record("forward", mail, recipient, old.bare, new.bare, "redirect")
            recipients.append((recipient, host.destinations.of(new)))
        followed = frozenset([new.key, *[old.key for old in olds]])
        self._send_on(mail.redirected(addressees, followed), recipients)
        return True

    def _end_redirects(
        self, mail: QueuedMail, answer: Answer, addressees: list[Addressee], why: str
    ) -> None:
        """Return mail that is not sent to the path in a 551, and say why not."""
        peer = self.queue.host
        text = f"{peer} said {answer[0]} {answer[1]}, but {why}"
        self._record("refuse", mail, tuple([recipient for recipient, _ in addressees]), text)
        self._notify_sender(mail, mail.failed(addressees, "", text))

    def _refuse(self, mail: QueuedMail, text: str, addressees: list[Addressee]) -> None:
        self._record("refuse", mail, tuple([recipient for recipient, _ in addressees]), text)
        self._notify_sender(mail, mail.failed(addressees, self.queue.host, text))

    def _notify_sender(self, mail: QueuedMail, failed: list[FailedRecipient]) -> None:
        path, octets = mail.return_path, mail.mail_data
        self.host.notify_sender(self.now, mail.message, path, failed, octets)

    def _defer(self, mail: QueuedMail, text: str, addressees: list[Addressee]) -> None:
        later = mail.part_for(addressees)
        if self.now >= mail.expires:
            self.host.expire(self.now, self.queue, later, text, "did not take it")
            return
        later.failures = mail.failures + 1
        delay = self.host.spooling.delay(later.failures, self.queue.host, text)
        later.not_before = min(self.now + delay, mail.expires)
        self._put_last(later)
        self._record("defer", mail, later.ids, text, later.not_before)


def _why_not_followed(mail: QueuedMail, new: Path, olds: list[Path]) -> str:
    """Return why mail is not sent to a path that a reply gave; "" if it is."""
    if new.key in mail.followed or any(_is_same_mailbox(old, new) for old in olds):
        return "the mail has been sent there before: it is in a loop"
    if mail.redirects >= MOST_REDIRECTS:
        return f"the mail has been redirected {mail.redirects} times, which is the limit"
    return ""


def _is_same_mailbox(old: Path, new: Path) -> bool:
    return not old.route and old.mailbox_key == new.mailbox_key
