"""Reply timeouts: when a sender-SMTP has waited too long for a reply, and closes the channel.

The seconds that it waits are a setting of its host (:mod:`lab.hosts.timeouts`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lab.hosts.timeouts import Timeouts
from lab.network.clock import Clock
from lab.network.events import Sequencer, Timer
from lab.protocol import SenderSMTP
from lab.simulation.any_session import AnySession
from lab.simulation.session import Session


class ReplyTimeouts:
    """Watches the sessions of a run, and ends those whose sender-SMTP has waited too long.

    One timer looks at all sessions, and again when the first of them could have waited too long: a
    session that goes on as it should costs nothing. ``sessions`` are those that are open or
    opening; their hosts take their turns by ``ranks``. ``shortest`` is the shortest timeout of any
    host, in seconds. ``next_order`` gives the order numbers of the timer.
    """

    __slots__ = ("_clock", "_next_order", "_ranks", "_sessions", "_shortest", "is_watching")

    def __init__(
        self,
        clock: Clock,
        next_order: Sequencer,
        sessions: Mapping[int, AnySession],
        ranks: Mapping[str, int],
        shortest: float,
    ) -> None:
        self._clock = clock
        self._next_order = next_order
        self._sessions = sessions
        self._ranks = ranks
        self._shortest = shortest
        self.is_watching = False

    def watch(self) -> None:
        """Begin to watch, as there is a session; call it only if ``is_watching`` is False."""
        self.is_watching = True
        self._look_at(self._clock.now + self._shortest)

    def _look_at(self, at: float) -> None:
        Timer(self._clock, at, self._look, None, self._next_order())

    def _look(self, _: Any) -> None:
        now: float = self._clock.now
        overdue = [session for session in self._watched() if reply_deadline(session) <= now]
        for session in sorted(overdue, key=lambda session: self._ranks[session.sender_host]):
            _time_out(session)
        first = min(map(reply_deadline, self._watched()), default=math.inf)
        self.is_watching = first < math.inf
        if self.is_watching:
            # a session that waits for something else by then may have a shorter timeout
            self._look_at(min(first, now + self._shortest))

    def _watched(self) -> list[Session]:
        return [session for session in self._sessions.values() if isinstance(session, Session)]


def reply_deadline(session: Session) -> float:
    """Return the time at which a sender-SMTP will have waited too long; a script waits for ever."""
    queue_sender, sender = session.queue_sender, session.sender
    if queue_sender is None or not isinstance(sender, SenderSMTP):
        return math.inf
    timeouts = _timeouts(session)
    if session.number is None:
        return session.connection.started + timeouts.opening
    return queue_sender.now + timeouts.limit(sender.awaiting, queue_sender.size)


def _time_out(session: Session) -> None:
    queue_sender, sender, timeouts = session.queue_sender, session.sender, _timeouts(session)
    if session.number is None:
        session.cut(timeouts.not_opened)
    elif queue_sender is not None and isinstance(sender, SenderSMTP):
        session.time_out(timeouts.missing(sender.awaiting, queue_sender.size))


def _timeouts(session: Session) -> Timeouts:
    return session.host.settings.timeouts
