"""Replace lists by their members, and forwards by their targets (sections 3.2 and 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.hosts.destination import Destination, Destinations
from lab.hosts.directory import Entry, Forward, MailingList
from lab.hosts.plan import MailPlan
from lab.hosts.received import visits, was_sent
from lab.hosts.verdicts import COMES_BACK, IN_A_CIRCLE, NO_SUCH_USER
from lab.protocol import HostName, Path

MOST_REMEMBERED: Final = 4096
"""The most messages of which a host remembers the lists that they went to."""

Recipient = tuple[str, Destination]
"""The id of a recipient in the trace, and the destination of their mail."""


class Expansion:
    """Expands the lists and forwards of one host, and remembers which lists mail has gone to.

    ``lists_expanded`` has, for each message, the lists to whose members it went. No header field of
    1982 identifies a message, so its number in the trace is used. ``remembers`` is the number of
    messages for which this is kept; with 0 the host forgets at once.
    """

    __slots__ = ("destinations", "lists_expanded", "name", "remembers")

    def __init__(self, name: str, destinations: Destinations) -> None:
        self.name = name
        self.destinations = destinations
        self.lists_expanded: dict[int, frozenset[str]] = {}
        self.remembers = MOST_REMEMBERED

    def expand(
        self, plan: MailPlan, message: int, recipients: Sequence[Recipient]
    ) -> Sequence[Recipient]:
        """Return the recipients, with lists replaced by members and forwards by their targets.

        What is to be recorded goes into the steps of the plan. ``message`` is 0 for mail that has
        no number yet. :meth:`remember` is for when the mail has gone.

        Lists of several hosts that contain each other would multiply mail without end. So a list
        is not expanded again when the mail that went out from it comes back. A host that was
        restarted does not remember; there, mail that has passed it more than twice for each of its
        lists is returned.
        """
        for _, destination in recipients:
            if destination.needs_expansion:
                return self._expand_all(plan, message, recipients)
        return recipients

    def _expand_all(
        self, plan: MailPlan, message: int, recipients: Sequence[Recipient]
    ) -> Sequence[Recipient]:
        mail_data = plan.mail_data
        own_names = self.destinations.own_names
        lists = self.destinations.directory.lists
        comes_round = lists > 0 and visits(mail_data, own_names) > 2 * lists + 1
        expanded = set(self.lists_expanded.get(message, ()))
        # mail that was sent may come back; mail that has never left cannot
        done = frozenset(expanded) if was_sent(mail_data, own_names) else frozenset[str]()
        after: list[Recipient] = []
        for recipient, destination in recipients:
            entry = destination.entry
            if comes_round and isinstance(entry, MailingList) and entry.name not in done:
                after.append((recipient, Destination(destination.path, refusal=COMES_BACK)))
                continue
            expansion = _RecipientExpansion(self, plan, set(done))
            after += expansion.expand(recipient, destination)
            expanded |= expansion.lists
        plan.lists = frozenset(expanded)
        return after

    def remember(self, message: int, lists: frozenset[str]) -> None:
        """Remember the lists to whose members a message has gone."""
        kept = self.lists_expanded
        if message not in kept:
            if not self.remembers:
                return
            if len(kept) >= self.remembers:
                del kept[next(iter(kept))]
        kept[message] = lists


class _RecipientExpansion:
    """The expansion of one recipient; each list, forward and member is used once.

    ``lists``, ``forwards`` and ``members`` are those met so far. A member is a user and a host.
    """

    __slots__ = ("expansion", "forwards", "lists", "members", "own_name", "plan")

    def __init__(self, expansion: Expansion, plan: MailPlan, lists: set[str]) -> None:
        self.expansion = expansion
        self.plan = plan
        self.lists = lists
        self.forwards: set[str] = set()
        self.members: set[tuple[str, HostName]] = set()
        self.own_name = HostName(expansion.name)

    def expand(self, recipient: str, destination: Destination) -> Sequence[Recipient]:
        """Return the recipients that a recipient expands to."""
        entry = destination.entry
        if isinstance(entry, Forward):
            return self._expand_forward(recipient, destination, entry)
        if isinstance(entry, MailingList):
            return self._expand_list(recipient, destination, entry)
        return ((recipient, destination),)

    def _expand_forward(
        self, recipient: str, destination: Destination, forward: Forward
    ) -> Sequence[Recipient]:
        onward = self.expansion.destinations.of(forward.to)
        if forward.user in self.forwards:
            return ((recipient, Destination(destination.path, refusal=IN_A_CIRCLE)),)
        self.forwards.add(forward.user)
        self.plan.written.setdefault(recipient, (destination.path, False))
        paths = destination.path.bare, forward.to.bare
        self.plan.steps.append(("forward", recipient, *paths, "forward"))
        return self.expand(recipient, onward)

    def _expand_list(
        self, recipient: str, destination: Destination, mailing_list: MailingList
    ) -> Sequence[Recipient]:
        if mailing_list.name in self.lists:
            # its members have the mail, or it is on its way to them
            self.plan.steps.append(("expand", recipient, mailing_list.name, ()))
            self.plan.is_handled = True
            return ()
        members = self._members(mailing_list, is_private=mailing_list.private)
        if not members:
            return ((recipient, Destination(destination.path, refusal=NO_SUCH_USER)),)
        ids = tuple(
            [(f"{recipient}.{number}", path.bare) for number, (path, _) in enumerate(members, 1)]
        )
        self.plan.steps.append(("expand", recipient, mailing_list.name, ids))
        after: list[Recipient] = []
        written, was_private = self.plan.written.get(recipient, (destination.path, False))
        for (member, _), (path, is_private) in zip(ids, members, strict=True):
            self.plan.written[member] = (written, was_private or is_private)
            after += self.expand(member, self.expansion.destinations.of(path))
        return after

    def _members(self, mailing_list: MailingList, *, is_private: bool) -> list[tuple[Path, bool]]:
        """Return the paths of a list's members, also of inner lists at this host, each once; and
        whether it is private that they are members.
        """
        self.lists.add(mailing_list.name)
        destinations = self.expansion.destinations
        members: list[tuple[Path, bool]] = []
        for member in mailing_list.members:
            path = member.path
            inner = self._final_entry(destinations.entry_of(path))
            if isinstance(inner, MailingList) and inner.name in self.lists:
                continue
            if isinstance(inner, MailingList) and destinations.of(path).hop is None:
                members += self._members(inner, is_private=is_private or inner.private)
                continue
            key = self._member_key(path)
            if key not in self.members:
                self.members.add(key)
                members.append((path, is_private))
        return members

    def _final_entry(self, entry: Entry | None) -> Entry | None:
        """Return the entry at this host that an entry leads to, through any forwards."""
        passed = set()
        while isinstance(entry, Forward) and entry.user not in passed:
            passed.add(entry.user)
            entry = self.expansion.destinations.of(entry.to).entry
        return entry

    def _member_key(self, path: Path) -> tuple[str, HostName]:
        """Return a key of a member after the forwards of this host, equal for the same person."""
        passed = set()
        entry = self.expansion.destinations.entry_of(path)
        while isinstance(entry, Forward) and entry.user not in passed:
            passed.add(entry.user)
            path = entry.to
            entry = self.expansion.destinations.entry_of(path)
        if entry is None:
            return path.mailbox_key
        return entry.user if isinstance(entry, Forward) else entry.name, self.own_name
