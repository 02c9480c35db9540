"""What is found wrong or odd in a topology file while it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.topology.problems import MOST_PROBLEMS, Place, Problem, did_you_mean


@dataclass
class Diagnostics:
    """Problems and notes, with what it takes to find more of them.

    ``numbers``: for the tables of each key, their places in the file, where some were left out.
    ``damaged``: hosts whose users are not known whole.
    """

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    numbers: Mapping[str, list[int]] = field(default_factory=dict)
    damaged: frozenset[int] = frozenset()
    suggestions: int = 0

    def place(self, key: str, number: int, *inner: str | int) -> Place:
        """Return where a value of the ``number``-th table of that key stands in the file."""
        return (key, self.numbers[key][number] if key in self.numbers else number, *inner)

    def problem(self, place: Place, text: str) -> None:
        """Record that something is wrong there."""
        self.problems.append(Problem(place, text))

    def note(self, place: Place, text: str) -> None:
        """Record that something is odd there, and no problem."""
        self.notes.append(Problem(place, text))

    def suggest(self, word: str, known: Iterable[str], otherwise: str = "") -> str:
        """Return the end of a sentence: the known word that is meant, or ``otherwise``.

        See :func:`lab.topology.problems.did_you_mean`.
        """
        # looking through ten thousand names takes a while, and nobody reads that far
        self.suggestions += 1
        if self.suggestions > 2 * MOST_PROBLEMS:
            return otherwise
        return did_you_mean(word, known, otherwise)
