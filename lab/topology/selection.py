"""Which hosts and links of a file are meant by a name, a label or a glob.

The hosts and links are tables that need not be valid yet. Names are found in any case; a label is
what people see in place of a name; ``den*`` means every host whose name or label begins so. A link
is named by its two ends in either order, as ``Denver-Chicago``, or by its ``name``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from lab.protocol import HostName
from lab.quantities import as_toml
from lab.topology.globs import is_glob, matches
from lab.topology.problems import did_you_mean, join_some
from lab.trace.labels import label_key

_DASHES: Final = "-\u2013\u2014"


class Ambiguous(ValueError):
    """Raised for a label that several hosts have; the message says which."""


class HostTables:
    """The hosts of a file, found by their names and labels."""

    def __init__(self, tables: Sequence[Any]) -> None:
        self.names: list[str] = []
        self.labels: list[str] = []
        self._by_name: dict[HostName, int] = {}
        self._by_label: dict[str, list[int]] = defaultdict(list)
        for number, table in enumerate(tables):
            name, label = _text(table, "name"), _text(table, "label")
            self.names.append(name)
            self.labels.append(label)
            for each in (name, *_names_elsewhere(table)):
                if each:
                    self._by_name.setdefault(HostName(each), number)
            if label:
                self._by_label[label_key(label)].append(number)

    def exact(self, name: str) -> int | None:
        """Return the number of the host of a name or label; None if there is none.

        Raises :class:`Ambiguous` for a label of several hosts.
        """
        number = self._by_name.get(HostName(name))
        if number is not None:
            return number
        numbers = self.labelled(name)
        if len(numbers) > 1:
            names = join_some((self.names[number] for number in numbers), 5)
            raise Ambiguous(f"{len(numbers)} hosts have the label {name}; write a name: {names}")
        return numbers[0] if numbers else None

    def labelled(self, label: str) -> Sequence[int]:
        """Return the numbers of the hosts that have a label."""
        return self._by_label.get(label_key(label), ())

    def matching(self, glob: str) -> list[int]:
        """Return the numbers of the hosts whose name or label a glob matches, in order."""
        return [
            number
            for number, (name, label) in enumerate(zip(self.names, self.labels, strict=True))
            if (name or label) and matches(name, glob, label)
        ]

    def find(self, name: str) -> list[int]:
        """Return the numbers of the hosts that a name, a label or a glob means.

        Raises :class:`Ambiguous`.
        """
        number = self.exact(name)
        if number is not None:
            return [number]
        return self.matching(name) if is_glob(name) else []

    def hint(self, name: str, otherwise: str = "") -> str:
        """Return the end of a sentence: a similar name or label, or ``otherwise``."""
        return did_you_mean(name, filter(None, (*self.names, *self.labels)), otherwise)


class LinkTables:
    """The links of a file, found by their ends or names."""

    def __init__(self, tables: Sequence[Any], hosts: HostTables) -> None:
        self.hosts = hosts
        self.names = [_text(table, "name") for table in tables]
        self.ends = [self._ends(table) for table in tables]
        self._between: dict[frozenset[int], list[int]] = defaultdict(list)
        for number, pair in enumerate(self.ends):
            if pair is not None:
                self._between[frozenset(pair)].append(number)

    def _ends(self, table: Any) -> tuple[int, int] | None:
        between = table.get("between") if isinstance(table, dict) else None
        if not isinstance(between, list) or len(between) != 2:
            return None
        try:
            a, b = [self.hosts.exact(end) if isinstance(end, str) else None for end in between]
        except Ambiguous:
            return None
        return None if a is None or b is None else (a, b)

    def between(self, a: str, b: str) -> list[int]:
        """Return the numbers of the links between hosts that two names, labels or globs mean.

        Raises :class:`Ambiguous`.
        """
        if not is_glob(a) and not is_glob(b):
            ends = self.hosts.exact(a), self.hosts.exact(b)
            return list(self._between.get(frozenset(end for end in ends if end is not None), ()))
        of_a, of_b = set(self.hosts.find(a)), set(self.hosts.find(b))
        return [
            number
            for number, pair in enumerate(self.ends)
            if pair is not None and any(x in of_a and y in of_b for x, y in (pair, pair[::-1]))
        ]

    def is_turned(self, number: int, a: str, b: str) -> bool:
        """Whether two names, labels or globs mean the ends of a link in the other order."""
        pair = self.ends[number]
        if pair is None or pair[0] == pair[1]:
            return False
        of_a, of_b = self.hosts.find(a), self.hosts.find(b)
        straight = pair[0] in of_a and pair[1] in of_b
        return not straight and pair[1] in of_a and pair[0] in of_b

    def turn(self, number: int) -> None:
        """Note that a link has its ends in the other order from now on."""
        pair = self.ends[number]
        self.ends[number] = None if pair is None else pair[::-1]

    def turned(self, text: str) -> list[int]:
        """Return the numbers of the links whose ends a text names in the other order."""
        key = label_key(text)
        if not text or text == "*" or any(label_key(name) == key for name in self.names):
            return []
        joined = ((a, b, self.between(a, b)) for a, b in pairs(text))
        a, b, numbers = next((each for each in joined if each[2]), ("", "", []))
        return [number for number in numbers if self.is_turned(number, a, b)]

    def find(self, text: str) -> list[int]:
        """Return the numbers of the links that a name, or two ends with a dash between, mean.

        ``*`` alone means all links. Raises :class:`Ambiguous`.
        """
        if text == "*":
            return list(range(len(self.names)))
        key = label_key(text)
        named = [number for number, name in enumerate(self.names) if label_key(name) == key]
        if named and text:
            return named
        return next((numbers for a, b in pairs(text) if (numbers := self.between(a, b))), [])

    def hint(self, text: str, otherwise: str = "") -> str:
        """Return the end of a sentence about a link that is not there."""
        for a, b in pairs(text):
            unknown = [end for end in (a, b) if not self.hosts.find(end)]
            if not unknown:
                return f": no link joins {a} and {b}"
            if len(unknown) == 1 and (hint := self.hosts.hint(unknown[0])):
                return f": there is no host {as_toml(unknown[0])}{hint}"
        known = (self.spelled(number) for number in range(len(self.ends)))
        return did_you_mean(text, filter(None, (*known, *self.names)), otherwise)

    def spelled(self, number: int) -> str:
        """Return a link as "A-B"; empty if its ends are not known."""
        pair = self.ends[number]
        return "-".join(self.hosts.names[end] for end in pair) if pair is not None else ""


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to read a text as two ends with a dash between."""
    for at, char in enumerate(text):
        if char in _DASHES:
            a, b = text[:at].rstrip(_DASHES + " "), text[at + 1 :].lstrip(_DASHES + " ")
            if a.strip() and b.strip():
                yield a.strip(), b.strip()


def _text(table: Any, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""


def _names_elsewhere(table: Any) -> Iterable[str]:
    """Return the names of a host in other environments."""
    names = table.get("names") if isinstance(table, dict) else None
    values = names.values() if isinstance(names, dict) else ()
    return [name for name in values if isinstance(name, str)]
