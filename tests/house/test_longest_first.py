"""The order in which several processes get the files of the tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from helpers.longest_first import LONGEST, sort
from helpers.places import TESTS


def test_the_longest_files_come_first_and_the_rest_stays_as_it_was() -> None:
    names = ["a.py", LONGEST[3], "c.py", LONGEST[0], "b.py"]
    items: list[Any] = [SimpleNamespace(path=TESTS / name) for name in names]
    sort(items)
    sorted_names = [item.path.relative_to(TESTS).as_posix() for item in items]
    assert sorted_names == [LONGEST[0], LONGEST[3], "a.py", "c.py", "b.py"]


def test_files_that_take_long_are_there() -> None:
    assert [name for name in LONGEST if not (TESTS / name).is_file()] == []
