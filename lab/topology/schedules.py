"""Changes of links that a file lists: columns at, link, key and value; a fault for each change.

A change holds until the next one of the same key of the same link, or for good. ``link`` names two
hosts, as ``A - B`` or ``A B``, and the link's name after them if there are several; or it is the
name of a link that no other has. ``key`` is latency, jitter, bandwidth or loss, with ``back.``
before it for the other direction, or state, whose values are up and down. Without a value, the
link's own holds again. With a period, the changes begin anew so often.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from lab.quantities import as_toml, parse_bandwidth, parse_duration
from lab.topology.csv_files import RowFault, plain_number, read_cell, rows
from lab.topology.specs import FaultSpec, HostSpec, LinkSpec
from lab.topology.suggestions import did_you_mean, join_some
from lab.topology.values import chance, not_negative, positive

COLUMNS: Final = ("at", "link", "key", "value")

Find = Callable[[str], HostSpec | None]
"""Returns the host of a name, in any spelling."""


class _Change(NamedTuple):
    """A row: when, and the value, or None where the link's own holds again."""

    at: float
    value: float | None


class _Aim(NamedTuple):
    """What a row changes: a link, its key without ``back.``, and the direction."""

    link: LinkSpec
    key: str
    direction: str


def changes_of(
    path: Path, links: Iterable[LinkSpec], find: Find, every: float | None
) -> list[FaultSpec]:
    """Return the faults of a file of changes. Raises :class:`RowFault`."""
    finder = _Links(links, find)
    changes: dict[_Aim, list[_Change]] = {}
    for line, row in rows(path, COLUMNS):
        at = read_cell(path, line, row, "at", lambda text: _time(text, every))
        of_cell = read_cell(path, line, row, "link", finder.find)
        key, is_back = read_cell(path, line, row, "key", _key)
        value = read_cell(path, line, row, "value", VALUES[key])
        for link in of_cell:
            direction = _direction(link, key, is_back=is_back)
            changes.setdefault(_Aim(link, key, direction), []).append(_Change(at, value))
    if not changes:
        raise RowFault(f"{path.name} has no changes; write a row such as 10 s,A - B,latency,2 s")
    faults = []
    for aim, listed in changes.items():
        listed.sort(key=lambda change: change.at)
        name = aim.link.name if finder.has_parallel(aim.link) else None
        faults += list(_faults(aim, listed, name, every))
    return faults


def _faults(
    aim: _Aim, changes: list[_Change], name: str | None, every: float | None
) -> Iterable[FaultSpec]:
    ends = (aim.link.a, aim.link.b)
    wrapped = None if every is None else every + changes[0].at
    times = [*(change.at for change in changes[1:]), wrapped]
    kind = "link-down" if aim.key == "state" else aim.key
    for change, until in zip(changes, times, strict=True):
        lasts = None if until is None else until - change.at
        if change.value is not None and lasts != 0:
            yield FaultSpec(
                kind, at=change.at, duration=lasts, link=ends, every=every, name=name,
                value=None if kind == "link-down" else change.value, direction=aim.direction,
            )  # fmt: skip


def _direction(link: LinkSpec, key: str, *, is_back: bool) -> str:
    """Return the direction that a row changes: both, unless the link has the key for each."""
    if is_back:
        return "back"
    return "both" if getattr(link.back, key, None) is None else "there"


def _time(text: str, every: float | None) -> float:
    at = not_negative(parse_duration(plain_number(text)), text)
    if every is not None and at >= every:
        raise ValueError(f"{as_toml(text)} is not within the {every:g} s after which it repeats")
    return at


def _key(text: str) -> tuple[str, bool]:
    """Return a key, and whether it is of the direction back."""
    key = text.lower().removeprefix("back.")
    is_back = key != text.lower()
    if key not in VALUES or (is_back and key == "state"):
        known = [*VALUES, *(f"back.{each}" for each in VALUES if each != "state")]
        meant = did_you_mean(text, known, f"; there are {join_some(known)}")
        raise ValueError(f"{as_toml(text)} is not a key that changes{meant}")
    return key, is_back


def _or_own(parse: Callable[[Any], float]) -> Callable[[str], float | None]:
    return lambda text: parse(plain_number(text)) if text else None


def _duration(value: object) -> float:
    return not_negative(parse_duration(value), value)


def _bandwidth(value: object) -> float:
    return positive(parse_bandwidth(value), value)


def _state(text: str) -> float | None:
    if text.lower() not in ("up", "down", ""):
        raise ValueError(f"{as_toml(text)} is not a state; write up or down")
    return 0.0 if text.lower() == "down" else None


VALUES: Final[Mapping[str, Callable[[str], float | None]]] = {
    "latency": _or_own(_duration),
    "jitter": _or_own(_duration),
    "bandwidth": _or_own(_bandwidth),
    "loss": _or_own(chance),
    "state": _state,
}
"""The keys that change, and what reads the value of each."""


class _Links:
    """Finds links by their ends or names."""

    def __init__(self, links: Iterable[LinkSpec], find: Find) -> None:
        self._find = find
        self._by_ends: dict[frozenset[str], list[LinkSpec]] = {}
        self._by_name: dict[str, list[LinkSpec]] = {}
        for link in links:
            self._by_ends.setdefault(frozenset((link.a, link.b)), []).append(link)
            if link.name:
                self._by_name.setdefault(link.name, []).append(link)

    def has_parallel(self, link: LinkSpec) -> bool:
        """Whether other links join the same two."""
        return len(self._by_ends[frozenset((link.a, link.b))]) > 1

    def find(self, text: str) -> list[LinkSpec]:
        """Return the links that a text names; raises ValueError in a sentence."""
        if len(self._by_name.get(text, ())) == 1:
            return self._by_name[text]
        words = _words(text)
        if not 2 <= len(words) <= 3:
            raise ValueError(f'{as_toml(text)} is not a link; write its ends, as in "A - B"')
        ends = [self._host(name) for name in words[:2]]
        links = self._by_ends.get(frozenset(ends), [])
        if len(words) == 3:
            links = [link for link in links if link.name == words[2]]
        if not links:
            raise ValueError(f"no link joins {ends[0]} and {ends[1]} (in {as_toml(text)})")
        return links

    def _host(self, name: str) -> str:
        host = self._find(name)
        if host is None:
            known = {end for ends in self._by_ends for end in ends}
            meant = did_you_mean(name, known, f"; there are {join_some(sorted(known), 5)}")
            raise ValueError(f"there is no host {as_toml(name)}{meant}")
        return host.name


def _words(text: str) -> list[str]:
    """Return the two ends and perhaps a name; ends of several words are parted by " - "."""
    parts = re.split(r"\s+-{1,2}\s+|\s*[|>]\s*|\s*,\s*", text.strip())
    return parts if len(parts) > 1 else text.split()
