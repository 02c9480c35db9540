"""Tests that take turns: of some that are alike and take long, one in so many runs each day.

``@pytest.mark.turns("lessons in a browser", 3)`` stands at each of them. Tests that share what
takes long to make have their day together, file by file: ``turns_of_files("browsers", 4)``. With
SMTP_LAB_EVERY_TURN=1 all run, and so does one that is asked for by itself.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime

import pytest

EVERY = "SMTP_LAB_EVERY_TURN"
_OF_TESTS, _OF_FILES = "turns", "turns_of_files"


def skip_others(items: list[pytest.Item], day: int | None = None) -> None:
    """Mark those to be skipped whose turn is another day (by number; None: today)."""
    if EVERY in os.environ:
        return
    day = datetime.now(UTC).toordinal() if day is None else day
    for (_, of), group in _groups(items, _OF_FILES).items():
        files = sorted({_file(item) for item in group})
        _skip({item: files.index(_file(item)) + day for item in group}, of)
    for (_, of), group in _groups(items, _OF_TESTS).items():
        group.sort(key=lambda item: item.nodeid)
        _skip({item: number + day // _each(item) for number, item in enumerate(group)}, of)


def _groups(items: list[pytest.Item], name: str) -> dict[tuple[str, int], list[pytest.Item]]:
    """The tests that bear a mark, by the name of their group and how many take turns."""
    groups: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if (mark := item.get_closest_marker(name)) is not None:
            groups[mark.args[0], mark.args[1]].append(item)
    return groups


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _each(item: pytest.Item) -> int:
    """In how many days its file has one: a test within it counts these days alone."""
    mark = item.get_closest_marker(_OF_FILES)
    return 1 if mark is None else int(mark.args[1])


def _skip(numbers: dict[pytest.Item, int], of: int) -> None:
    """Skip those whose number is not a multiple, unless all have the same one."""
    for item, number in numbers.items():
        if len(set(numbers.values())) > 1 and number % of:
            reason = f"its turn is another day; {EVERY}=1 runs all"
            item.add_marker(pytest.mark.skip(reason=reason))
