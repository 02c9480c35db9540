"""Workers of every kind give the same results, whatever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.places import ROOT
from helpers.work_elsewhere import dies, dies_once, doubled, lacks_a_module, raises

import lab
from lab.cli import cli
from lab.experiments.storm.storm import Storm, run_storm
from lab.lessons import course, grading
from lab.runtime.executor import LocalWorkers, ThreadWorkers, results, start_workers
from lab.runtime.workers import DONE, FAILED, WorkersError

SCENARIO = str(ROOT / "topologies" / "rfc821" / "scenario-03.toml")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Dask scheduler with two workers, each a process."""
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
    ) as made:
        yield made


def pids(address: str) -> list[int]:
    """The processes of the workers of a scheduler."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        return list(client.run(os.getpid).values())


# -- on this machine


def test_one_process_and_two_give_the_same_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.runtime.executor.ALONE", 0.0)
    assert list(results(doubled, range(40), 1)) == list(results(doubled, range(40), 2))


def test_what_a_process_had_that_died_is_done_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("lab.runtime.executor.ALONE", -1.0)
    done = list(results(partial(dies_once, str(tmp_path)), range(8), 2))
    assert (tmp_path / "died").exists()
    assert done == [2 * number for number in range(8)]


def test_what_kills_its_process_each_time_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.runtime.executor.ALONE", -1.0)
    monkeypatch.setattr("lab.runtime.executor.TRIES", 2)
    with pytest.raises(WorkersError, match="died each time at the same work"):
        list(results(dies, range(3), 2))


def test_an_exception_in_another_process_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.runtime.executor.ALONE", -1.0)
    with pytest.raises(ValueError, match="not 0"):
        list(results(raises, range(3), 2))
    with pytest.raises(WorkersError, match="install the same smtp-lab there"):
        list(results(lacks_a_module, range(3), 2))


def test_a_function_without_a_module_is_sent_by_its_content() -> None:
    pool = LocalWorkers(1)
    pool.submit("a lambda", lambda number: number + 1, 1)
    pool.submit("no way to send", doubled, threading.Lock())
    found = {result.task: result for result in (pool.result(60), pool.result(60)) if result}
    pool.close()
    assert found["a lambda"][1:] == (DONE, 2)
    assert found["no way to send"].status == FAILED


def test_threads_are_workers_too() -> None:
    """Each ends in its own way, and what they have not begun is cancelled."""
    ended: list[int] = []
    begin = threading.Event()
    pool = ThreadWorkers(1, lambda: ended.append(threading.get_ident()))
    pool.submit(0, lambda _: begin.wait(60), None)
    pool.submit(1, raises, 7)
    begin.set()
    first, second = pool.result(60), pool.result(60)
    assert first is not None
    assert second is not None
    assert (first.task, first.status, second.status) == (0, DONE, FAILED)
    assert pool.result(0.01) is None
    pool.close()
    assert len(ended) == 1
    assert ended[0] != threading.get_ident()


# -- over a scheduler


def test_an_exploration_over_a_scheduler_is_the_same(cluster: Any) -> None:
    """``lab explore --scheduler`` prints what it prints without."""
    run = partial(CliRunner().invoke, cli)
    words = ["explore", SCENARIO, "--limit", "6", "--json"]
    alone = run([*words, "--processes", "1"])
    there = run([*words, "--scheduler", cluster.scheduler_address])
    assert there.exit_code == 0, there.output
    assert json.loads(there.stdout) == json.loads(alone.stdout)
    assert json.loads(there.stdout)["points"] == 6


def test_a_lesson_is_graded_over_a_scheduler(cluster: Any, tmp_path: Path) -> None:
    """In a box on the machine of the worker, with a judge there."""
    notebook = course.read(ROOT / "notebooks" / "01-first-mail.ipynb")
    for cell in notebook["cells"]:
        if cell["id"] == "predict":
            cell["source"] = ["prediction = 2"]
    handed_in = tmp_path / "ann.ipynb"
    handed_in.write_text(json.dumps(notebook))
    grades = grading.grade_all([handed_in], 600, scheduler=cluster.scheduler_address)
    assert grades[0].problem == ""
    assert grades[0].states["Predict"] == "passed"
    assert "not reached" not in grades[0].states.values()


def test_python_gives_a_scheduler_too(cluster: Any) -> None:
    address = cluster.scheduler_address
    assert lab.storm(1, scheduler=address).runs == lab.storm(1).runs
    there = lab.explore(SCENARIO, limit=1, scheduler=address)
    assert there.outcomes == lab.explore(SCENARIO, limit=1).outcomes


def test_a_worker_that_is_killed_changes_nothing_in_a_storm(cluster: Any) -> None:
    """What it had is done again by another."""
    alone, there = Storm(3, False), Storm(3, False)
    address = cluster.scheduler_address
    for _ in run_storm(alone, 12, 1):
        pass
    victim = pids(address)[0]
    for done, _ in enumerate(run_storm(there, 12, scheduler=address)):
        if done == 1:
            os.kill(victim, signal.SIGKILL)
    assert there.runs == alone.runs
    while victim in pids(address):
        time.sleep(0.1)


@pytest.mark.parametrize("command", [("explore", SCENARIO, "--limit", "1"), ("storm",)])
def test_a_scheduler_that_cannot_be_reached_is_a_sentence(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.runtime.dask_workers.CONNECT", "100ms")
    done = CliRunner().invoke(cli, [*command, "--scheduler", "tcp://127.0.0.1:1"])
    assert done.exit_code == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_scheduler_without_workers_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("lab.runtime.dask_workers.FIRST_WORKER", 0.2)
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=0, processes=False, dashboard_address="127.0.0.1:0"
        ) as empty,
        pytest.raises(WorkersError, match="start some with dask worker "),
    ):
        start_workers(0, empty.scheduler_address)


def test_the_end_of_a_scheduler_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the results until then."""
    from distributed import LocalCluster

    monkeypatch.setattr("lab.runtime.dask_workers.CONNECT", "1s")
    gone = LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    )
    made = results(doubled, range(20_000), scheduler=gone.scheduler_address)
    assert next(made) == 0
    gone.close()
    with pytest.raises(WorkersError, match=r"the Dask scheduler .* is gone"):
        list(made)


@pytest.mark.parametrize(
    ("command", "module", "figure"),
    [
        (("explore", SCENARIO, "--limit", "3"), "explore", "points"),
        (("storm", "--runs", "3"), "storm.storm", "runs"),
    ],
)
def test_figures_until_the_workers_are_lost_are_printed(
    command: tuple[str, ...], module: str, figure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of the one run that was made; the exit status is 2."""

    def lost(work: Any, items: Any, *_: Any) -> Iterator[Any]:
        yield work(items[0])
        raise WorkersError("the workers are gone")

    monkeypatch.setattr(f"lab.experiments.{module}.results", lost)
    ended = CliRunner().invoke(cli, [*command, "--json"])
    assert ended.exit_code == 2
    assert ended.stderr.endswith(
        "lab: the workers are gone; the figures are those of the runs until then\n"
    )
    assert json.loads(ended.stdout)[figure] == 1


def test_a_wrong_address_is_a_sentence() -> None:
    with pytest.raises(WorkersError, match="'nowhere' is not an address"):
        start_workers(0, "nowhere")
