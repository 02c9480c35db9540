"""Move mail into and out of a host's spool: when it is tried, and by which next host."""

from __future__ import annotations

from lab.hosts.paths import fits_path_limits
from lab.hosts.policies import Retry
from lab.hosts.policies_asked import delay_of, give_up_of
from lab.hosts.port import HostPort
from lab.hosts.routing import Neighbour, RoutingTable
from lab.hosts.spool import Queue, QueuedMail, Spool


class Spooling:
    """The spool of one host, and when its queues are tried.

    ``holds`` are the next hosts that are not called: mail for them waits until they call and TURN.
    ``give_up`` is the age in seconds at which mail is given up.
    """

    __slots__ = ("give_up", "holds", "hop_limit", "name", "port", "retry", "routes", "spool")

    def __init__(
        self,
        name: str,
        holds: frozenset[str],
        routes: RoutingTable,
        retry: Retry,
        port: HostPort,
        hop_limit: int,
        channels: int,
    ) -> None:
        self.name = name
        self.hop_limit = hop_limit
        self.holds = holds
        self.routes = routes
        self.retry = retry
        self.give_up = give_up_of(retry)
        self.port = port
        self.spool = Spool(channels)

    def enqueue(self, now: float, hop: Neighbour, mail: QueuedMail) -> None:
        """Put mail into the queue for a next host; it is as old as it was in another queue."""
        mail.expires = mail.expires or now + self.give_up
        queue = self.spool.queue(hop.name, hop.environment)
        size = len(mail.mail_data)
        self.port.record((now, "queue", self.name, hop.name, None, mail.message, mail.ids, size))
        if self.port.keep(self.name, queue, mail):
            self.admit(now, queue, mail)

    def admit(self, now: float, queue: Queue, mail: QueuedMail) -> None:
        """Have mail tried from now on."""
        queue.add(mail)
        self.schedule_retry(now, queue)

    def schedule_retry(self, now: float, queue: Queue) -> None:
        """Ask to be woken for the next try of a queue, unless it is under way or scheduled."""
        if queue.host in self.holds or (queue.sessions and not queue.wants_session(now)):
            return
        wake_at = queue.wake_at
        if wake_at is not None and wake_at <= max(queue.not_before, now):
            return  # no mail can be tried before that
        at = queue.next_try()
        if at is None:
            return
        at = max(at, now)
        if wake_at is None or wake_at > at:
            queue.wake_at = at
            self.port.wake(self.name, queue, at)

    def defer_all(
        self,
        now: float,
        queue: Queue,
        reason: str,
        session: int | None,
        *,
        cut_off: bool,
    ) -> list[QueuedMail]:
        """Keep all mail for a next host that cannot be reached; return the mail that is too old.

        Mail for which another route is known goes there instead. ``cut_off``: the next host runs,
        but the route to it is down.
        """
        is_held = queue.channels > 1 and now < queue.not_before  # by another session's failure
        queue.failures += not is_held
        entries = queue.clear()
        expired = [mail for mail in entries if now >= mail.expires]
        kept = [mail for mail in entries if now < mail.expires]
        kept = [mail for mail in kept if not self._detour(now, queue, mail, cut_off=cut_off)]
        for mail in kept:
            queue.add_at(mail.place, mail)
        if kept and not is_held:
            latest = min([mail.expires for mail in kept])
            queue.not_before = min(now + self.delay(queue.failures, queue.host, reason), latest)
        for mail in kept:
            if is_held and mail.place <= queue.held:
                continue  # recorded when the other session failed
            row = (now, "defer", self.name, queue.host, session, mail.message)
            self.port.record((*row, mail.ids, reason, queue.not_before))
        queue.hold()
        return expired

    def stay_alone(self, now: float, queue: Queue, reason: str) -> None:
        """Open no more channels to a next host for a while: it has refused one beside others."""
        queue.alone_until = now + self.delay(queue.failures + 1, queue.host, reason)

    def delay(self, failures: int, peer: str, reason: str) -> float:
        """Return the seconds from a failure to the next try, as the retry policy has it."""
        return delay_of(self.retry, failures, self.name, peer, reason)

    def _detour(self, now: float, queue: Queue, mail: QueuedMail, *, cut_off: bool) -> bool:
        """Send mail over another next host, if there is one for all of its recipients."""
        hop = self._other_hop(queue, mail, cut_off=cut_off)
        if hop is None:
            return False
        mail.avoided |= {queue.host}
        mail.not_before = 0.0
        self.enqueue(now, hop, mail)  # moves it in what the driver keeps, too
        return True

    def _other_hop(self, queue: Queue, mail: QueuedMail, *, cut_off: bool) -> Neighbour | None:
        """Return the one other next host over which all recipients of mail can be reached.

        If the next host is named by a source route, or is the destination, and does not run, mail
        waits for it. If only the route to it is ``cut_off``, other hosts may have one.
        """
        visited = self.routes.known(mail.return_path.route_hosts) if mail.relaying else frozenset()
        hops = set()
        for _, path in mail.addressees:
            target = self.routes.resolve(path.first_host)
            hosts = None
            if target is not None and (target != queue.host or cut_off):
                around = mail.avoided | visited - {target}
                hosts = self.routes.detour(self.name, target, queue.host, around)
            if hosts is None or not self._may_pass(mail, hosts):
                if mail.avoided:
                    mail.avoided = frozenset()
                    self.port.keep(self.name, queue, mail)
                return None
            hops.add(self.routes.neighbours_of(self.name)[hosts[0]])
        return hops.pop() if len(hops) == 1 else None

    def _may_pass(self, mail: QueuedMail, hosts: list[str]) -> bool:
        """Return whether mail may pass these hosts, all of which may have this host's limit."""
        return fits_path_limits(mail.return_path, (self.name, *hosts), self.hop_limit)

    def last_tries_over(self, now: float, queue: Queue) -> list[QueuedMail]:
        """Return the mail of a queue that had its last try, when the host runs again.

        Mail that has become too old meanwhile has one more try.
        """
        queue.wake_at = None
        entries = queue.entries
        expired = [mail for mail in entries if now >= mail.expires and mail.last_chance]
        for mail in entries:
            is_last = now >= mail.expires
            if mail.last_chance is not is_last:
                mail.last_chance = is_last
                self.port.keep(self.name, queue, mail)
        if queue.sessions:
            return []
        if expired:
            for mail in queue.clear():
                if mail not in expired:
                    queue.add_at(mail.place, mail)
        return expired
