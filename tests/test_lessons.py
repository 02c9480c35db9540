"""Checks of answers, and finding the files that a lesson uses."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from lab import lessons


@pytest.mark.parametrize("hole", [..., [...], ["HELO", ...], {"code": ...}, (1, (2, ...))])
def test_an_untouched_hole_is_not_yet(hole: object) -> None:
    result = lessons.check("one", hole, 1)
    assert result.state == "not yet"
    assert "Not yet" in repr(result)
    assert not result


def test_a_value_is_compared() -> None:
    assert lessons.check("one", 250, 250)
    wrong = lessons.check("one", 354, 250, hint="It begins with a 2.")
    assert wrong.state == "failed"
    assert repr(wrong) == "✗ one: Not so: you have 354. It begins with a 2."


def test_a_function_judges_with_a_truth_or_a_sentence() -> None:
    assert lessons.check("one", 4, lambda n: n > 3)
    assert lessons.check("one", 3, lambda n: n > 3).state == "failed"
    assert "too small" in lessons.check("one", 3, lambda n: n > 3 or "too small").message


def test_a_judge_that_stumbles_fails_the_check_and_says_how() -> None:
    result = lessons.check("one", "three", lambda n: n > 3)
    assert result.state == "failed"
    assert "TypeError" in result.message


def test_the_last_try_counts() -> None:
    lessons.check("again", 1, 2)
    lessons.check("again", 2, 2)
    assert lessons.results["again"].state == "passed"


@pytest.mark.parametrize("folder", [".", "notebooks", ".."])
def test_a_topology_is_found_wherever_a_lesson_runs(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(lessons.__file__).resolve().parents[1]
    monkeypatch.chdir(root / folder)
    assert lessons.topology("rfc821/scenario-03.toml").is_file()


def test_a_topology_that_is_nowhere_is_an_error_in_one_sentence() -> None:
    with pytest.raises(FileNotFoundError, match=r"topologies/none\.toml is neither in"):
        lessons.topology("none.toml")


def test_a_topology_is_made_from_a_text() -> None:
    topology = lessons.from_text('[[host]]\nname = "ONE.ARPA"\nusers = ["joe"]\n')
    assert list(topology.hosts) == ["ONE.ARPA"]


def test_a_text_that_is_no_topology_is_an_error_that_names_no_file_of_ours() -> None:
    with pytest.raises(lab.TopologyError, match="the text, line 1, column 4") as raised:
        lessons.from_text("no topology")
    assert "network.toml" not in str(raised.value)
