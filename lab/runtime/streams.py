"""Streams of random numbers: one for each purpose, and for each thing that it is about.

Everything that the lab draws comes from a stream of this module. A stream is keyed by the seed of
the run, by what it is for, and by the names of what it is for: the ends of a link, the name of a
traffic entry. It is never keyed by a place in a file. So a link, host or traffic entry that is
added, removed or moved leaves the draws of all others as they were, and runs with other values
and the same seed draw the same numbers.

A part that has no name of its own has its number among those like it instead: the second link
between the same two hosts, the third traffic entry with the same `from` and `to`.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random


def generator(seed: int, purpose: str, *names: str) -> Random:
    """Return the random generator for one purpose of a run, and for what these names mean.

    It draws the same on every machine and Python version as long as only its ``random()`` is
    called. Names are told apart whatever characters are in them.
    """
    whose = "".join([f"/{len(name)}:{name}" for name in names])
    return Random(f"{seed}/{purpose}{whose}")


class Stream:
    """Random numbers for one purpose of a run.

    The generator is made at the first draw: it takes 2.5 kB, and most links never draw.

    >>> Stream(0, "jitter", "A", "B").random() == Stream(0, "jitter", "A", "B").random()
    True
    """

    __slots__ = ("_generator", "names", "purpose", "seed")

    def __init__(self, seed: int, purpose: str, *names: str) -> None:
        self.seed = seed
        self.purpose = purpose
        self.names = names
        self._generator: Random | None = None

    def random(self) -> float:
        """Draw a number that is at least 0 and less than 1."""
        drawn = self._generator
        if drawn is None:
            drawn = self._generator = generator(self.seed, self.purpose, *self.names)
        return drawn.random()

    def index(self, size: int) -> int:
        """Draw a whole number that is at least 0 and less than ``size``."""
        # not randrange: how it draws has changed between versions of Python
        return int(self.random() * size)


def ordinals(keys: Iterable[tuple[str, ...]]) -> list[str]:
    """Return for each key how many equal ones came before it, as a name for a stream.

    >>> ordinals([("A", "B"), ("B", "C"), ("A", "B")])
    ['0', '0', '1']
    """
    seen: dict[tuple[str, ...], int] = {}
    numbers = []
    for key in keys:
        number = seen[key] = seen.get(key, -1) + 1
        numbers.append(str(number))
    return numbers
