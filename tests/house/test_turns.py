"""Tests that take turns: none is left out for ever, and each day some run."""

from __future__ import annotations

import pytest
from helpers import turns


class Item:
    """As much of a test of pytest's as is asked for."""

    def __init__(self, nodeid: str, *marks: pytest.MarkDecorator) -> None:
        self.nodeid = nodeid
        self.marks = {mark.name: mark.mark for mark in marks}
        self.is_skipped = False

    def get_closest_marker(self, name: str) -> object:
        return self.marks.get(name)

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        assert turns.EVERY in mark.kwargs["reason"]
        self.is_skipped = True


def running(names: str, of: int, day: int) -> str:
    items = [Item(name, pytest.mark.turns("group", of)) for name in names]
    turns.skip_others(items, day)  # type: ignore[arg-type]
    return "".join(item.nodeid for item in items if not item.is_skipped)


@pytest.mark.parametrize(("names", "of"), [("abc", 3), ("abcd", 2), ("ab", 2), ("abcde", 3)])
def test_each_has_its_day_and_each_day_has_some(
    names: str, of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(turns.EVERY, raising=False)
    days = [running(names, of, day) for day in range(of)]
    assert sorted("".join(days)) == sorted(names)
    assert all(days)


def test_all_run_where_it_is_asked_for_and_so_does_one_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(turns.EVERY, raising=False)
    assert [running("a", 3, day) for day in range(3)] == ["a", "a", "a"]
    monkeypatch.setenv(turns.EVERY, "1")
    assert running("abc", 3, 1) == "abc"


def running_by_file(day: int) -> list[str]:
    """Two tests of the first file take turns on its days; those of the others have none."""
    of_files, of_two = pytest.mark.turns_of_files("files", 2), pytest.mark.turns("tests", 2)
    items = [Item(name, of_files, of_two) for name in ("a.py::one", "a.py::two")]
    items += [Item(name, of_files) for name in ("b.py::three", "b.py::four")]
    turns.skip_others(items, day)  # type: ignore[arg-type]
    return [item.nodeid for item in items if not item.is_skipped]


def test_tests_of_one_file_have_their_day_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that take turns within it all have a day: it is the file's days that count."""
    monkeypatch.delenv(turns.EVERY, raising=False)
    assert [running_by_file(day) for day in range(4)] == [
        ["a.py::one"], ["b.py::three", "b.py::four"],
        ["a.py::two"], ["b.py::three", "b.py::four"],
    ]  # fmt: skip
