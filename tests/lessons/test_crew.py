"""Submissions are marked several at a time, whatever happens to one of them."""

from __future__ import annotations

import _thread
import threading
from functools import partial
from typing import Any

import pytest

from lab.lessons import crew
from lab.lessons.crew import LOST, Crew, Job, Marked, Worker
from lab.lessons.marking import JudgeFault, Marks
from lab.runtime.workers import DIED, DONE, FAILED, TaskResult, WorkersError


def note(_: Worker, submission: Any, marks: Marks) -> None:
    """Stands in for marking: an exception is raised, anything else is what was wrong."""
    if isinstance(submission, Exception):
        raise submission
    marks.problems.append(submission)


def marked_by(crew: Crew, submissions: list[Any], work: crew.Work = note) -> dict[int, Marked]:
    """What marking each gave, by its number."""
    found: dict[int, Marked] = {}
    jobs = [Job("", each, partial(found.__setitem__, n)) for n, each in enumerate(submissions)]
    crew.run_all(work, jobs)
    return found


class Elsewhere:
    """Workers whose results are known before."""

    size = 1

    def __init__(self, status: str, value: Any) -> None:
        self._status, self._value = status, value
        self._tasks: list[Any] = []
        self.is_closed = False

    def submit(self, task: Any, function: Any, argument: Any) -> None:
        value = function(argument) if self._status == DONE else self._value
        self._tasks.append(TaskResult(task, self._status, value))

    def result(self, _: float) -> TaskResult | None:
        return self._tasks.pop()

    def close(self) -> None:
        self.is_closed = True


def test_an_exception_is_the_problem_of_one_submission() -> None:
    submissions = ["a", JudgeFault("the judge has stopped"), KeyError("b\nc"), "d"]
    found = marked_by(Crew(2), submissions)
    problems = [found[number].marks.problems for number in range(4)]
    assert problems == [["a"], ["the judge has stopped"], [r"KeyError: 'b\nc'"], ["d"]]
    assert not any(each.is_interrupted for each in found.values())


def test_a_judge_that_ends_is_begun_again_before_a_submission_suffers() -> None:
    """What killed it may be the system, short of memory, and not the submission."""
    tries: list[str] = []

    def fails_twice(_: Worker, submission: Any, marks: Marks) -> None:
        tries.append(submission)
        marks.problems.append(f"try {len(tries)}")
        if submission == "b" or len(tries) < 3:
            raise JudgeFault("the judge has stopped")

    found = marked_by(Crew(1), ["a", "b"], fails_twice)
    assert (found[0].marks.problems, found[0].is_whole) == (["try 3"], True)
    assert found[1].marks.problems[-1] == "the judge has stopped"
    assert not found[1].is_whole
    assert tries == ["a"] * 3 + ["b"] * 3


def test_those_with_the_same_judge_come_one_after_the_other() -> None:
    came: list[str] = []
    jobs = [Job(each[0], each, lambda _: None) for each in ("x1", "y1", "x2", "y2")]
    Crew(1).run_all(lambda _worker, submission, _marks: came.append(submission), jobs)
    assert came == ["x1", "x2", "y1", "y2"]


def test_an_interrupt_ends_what_is_under_way_and_begins_nothing_more() -> None:
    begun = threading.Event()

    def waits(worker: Worker, submission: Any, marks: Marks) -> None:
        begun.set()
        while not worker.is_interrupted:
            threading.Event().wait(0.01)
        with worker.box("none", None):
            note(worker, submission, marks)

    def interrupt() -> None:
        begun.wait(60)
        _thread.interrupt_main()

    other = threading.Thread(target=interrupt)
    other.start()
    found: dict[int, Marked] = {}
    jobs = [Job("", "", partial(found.__setitem__, number)) for number in range(3)]
    with pytest.raises(KeyboardInterrupt):
        Crew(1).run_all(waits, jobs)
    other.join()
    assert list(found) == [0]
    assert found[0].is_interrupted
    assert found[0].marks.problems == ["interrupted"]


@pytest.mark.parametrize(("status", "problem"), [(DONE, "a"), (DIED, LOST)])
def test_a_process_that_dies_is_the_problem_of_one_submission(
    status: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Elsewhere(status, None)
    monkeypatch.setattr(crew, "start_workers", lambda *_: pool)
    assert marked_by(Crew(1, "tcp://x:1"), ["a"])[0].marks.problems == [problem]
    assert pool.is_closed


def test_workers_without_the_lab_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = Elsewhere(FAILED, ModuleNotFoundError("No module named 'lab'"))
    monkeypatch.setattr(crew, "start_workers", lambda *_: lacking)
    with pytest.raises(WorkersError, match="install the same smtp-lab there"):
        marked_by(Crew(1, "tcp://x:1"), ["a"])
