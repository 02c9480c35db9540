"""Numbers of sessions and messages: who gives them out, and how they become those of the run.

One process counts from 1. Where several processes take part, each counts for itself, host by host,
and its numbers are so large that they say whose they are; :class:`RunNumbers` gives them numbers
from 1 where the rows come together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable
from typing import Final

COUNT_BITS: Final = 36
"""Bits of a partition's number that count the sessions or messages of one host."""

RANK_SHIFT: Final = COUNT_BITS + 8
"""Bits of a partition's number below the rank of the host. Between them and the count lies the
partition in which the message is accounted for.
"""

MAX_PARTITIONS: Final = 1 << (RANK_SHIFT - COUNT_BITS)

LIFE_BITS: Final = 30
"""Bits of a live host's number that count what its process has numbered since it started."""

NUMBERS_OF_A_LIFE: Final = 1 << LIFE_BITS
"""How many numbers a live host has from its start until it is killed."""

FIRST_LIVE_NUMBER: Final = 1 << 44
"""Numbers from here on were given out by a live host's process; those below are the run's."""


class Numbering(ABC):
    """Gives out the numbers of sessions and messages; ``messages`` is how many of those so far."""

    def __init__(self) -> None:
        self.messages = 0

    @abstractmethod
    def next_session(self, host: str) -> int:
        """Return the number of a session that a host opens."""

    @abstractmethod
    def next_message(self, host: str, about: int | None = None) -> int:
        """Return the number of a message that first appears at a host.

        ``about``: the message that a notification reports on.
        """


class RunNumbering(Numbering):
    """The numbers of a whole run: sessions from 1, and messages from 1, whatever the host."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions = 0

    def next_session(self, host: str = "") -> int:
        """Return the number of a session, from 1."""
        self.sessions += 1
        return self.sessions

    def next_message(self, host: str = "", about: int | None = None) -> int:
        """Return the number of a message, from 1."""
        self.messages += 1
        return self.messages


class PartitionNumbering(Numbering):
    """The numbers of one partition of a run, host by host.

    They do not depend on how the hosts are shared out, save for the partition in which a message
    is accounted for: its owner, which stands between the host's rank and the count.
    """

    def __init__(self, hosts: Iterable[str], partition: int) -> None:
        super().__init__()
        ranks = ((name, rank << RANK_SHIFT) for rank, name in enumerate(hosts))
        self._last = {name: [first, first, first] for name, first in ranks}
        self._partition = partition

    def _next(self, host: str, kind: int) -> int:
        last = self._last[host]
        last[kind] += 1
        return last[kind]

    def next_session(self, host: str) -> int:
        """Return the number of a session that a host opens."""
        return self._next(host, 0)

    def next_message(self, host: str, about: int | None = None) -> int:
        """Return the number of a message; a notification has the owner of what it reports on."""
        self.messages += 1
        owner = self._partition if about is None else owner_of(about)
        return self._next(host, 1) | owner << COUNT_BITS

    def next_key(self, host: str) -> int:
        """Return the key of a session that a host would open; few of them come to a number."""
        return self._next(host, 2)


class LiveHostNumbering(Numbering):
    """The numbers of one live host from its start until it is killed, after ``life`` restarts.

    ``rank`` is the host's place among those of the topology.
    """

    def __init__(self, rank: int, life: int) -> None:
        super().__init__()
        self._last = FIRST_LIVE_NUMBER * (rank + 1) + NUMBERS_OF_A_LIFE * life

    def _next(self) -> int:
        self._last += 1
        return self._last

    def next_session(self, host: str = "") -> int:
        """Return the number of a session that a mail program from outside opens."""
        return self._next()

    def next_message(self, host: str = "", about: int | None = None) -> int:
        """Return the number of a message that this host is the first to know."""
        self.messages += 1
        return self._next()


def owner_of(message: int) -> int:
    """Return the partition in which a message that a partition has numbered is accounted for."""
    return message >> COUNT_BITS & MAX_PARTITIONS - 1


def count_of(number: int) -> int:
    """Return which of its host's sessions or messages has a partition's number, from 1."""
    return number & (1 << COUNT_BITS) - 1


class RunNumbers:
    """The numbers in the whole run of what processes have numbered themselves: 8 bytes each.

    A number's lowest ``count_bits`` count; from bit ``owner_shift`` on it says whose it is.
    ``following`` gives the next number of the run. ``count`` is how many are known.
    """

    def __init__(self, owner_shift: int, count_bits: int, following: Callable[[], int]) -> None:
        self._shift = owner_shift
        self._mask = (1 << count_bits) - 1
        self._following = following
        self._of: dict[int, array[int]] = {}
        self.count = 0

    def known(self, own: int) -> int:
        """Return the number of what has appeared already."""
        return self._of[own >> self._shift][own & self._mask]

    def number(self, own: int) -> int:
        """Return the number of what appears, for the first time or again."""
        numbers = self._of.get(own >> self._shift)
        place = own & self._mask
        if numbers is not None and place < len(numbers) and numbers[place]:
            return numbers[place]
        number = self._following()
        self.put(own, number)
        return number

    def put(self, own: int, number: int) -> None:
        """Let this be the number of what a process has numbered."""
        numbers = self._of.setdefault(own >> self._shift, array("q"))
        place = own & self._mask
        if place >= len(numbers):
            numbers.extend([0] * (place + 1 - len(numbers)))
        numbers[place] = number
        self.count += 1
