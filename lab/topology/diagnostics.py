"""The problems and notes that are collected while a topology file is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.topology.problems import MOST_PROBLEMS, Place, Problem, did_you_mean


@dataclass
class Diagnostics:
    """The problems and notes so far.

    ``numbers`` has, for each list of tables of which some were left out, the numbers of the others
    in the file. ``damaged`` has the numbers of hosts of which some users are not known.
    """

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    numbers: Mapping[str, list[int]] = field(default_factory=dict)
    damaged: frozenset[int] = frozenset()
    suggestions: int = 0

    def place(self, key: str, number: int, *inner: str | int) -> Place:
        """Return the place in the file of a value in the ``number``-th table of that key."""
        return (key, self.numbers[key][number] if key in self.numbers else number, *inner)

    def problem(self, place: Place, text: str) -> None:
        """Record a problem."""
        self.problems.append(Problem(place, text))

    def note(self, place: Place, text: str) -> None:
        """Record a note about something that is odd but allowed."""
        self.notes.append(Problem(place, text))

    def missing(self, place: Place, text: str) -> None:
        """Record that a value is missing, unless there was one that could not be used."""
        if all(problem.place != place for problem in self.problems):
            self.problem(place, text)

    def suggest(self, word: str, known: Iterable[str], otherwise: str = "") -> str:
        """Return the end of a sentence: a known word that may be meant, or ``otherwise``.

        See :func:`lab.topology.problems.did_you_mean`.
        """
        # searching ten thousand names takes a while, and nobody reads so many problems
        self.suggestions += 1
        if self.suggestions > 2 * MOST_PROBLEMS:
            return otherwise
        return did_you_mean(word, known, otherwise)
