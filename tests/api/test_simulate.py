"""One run through four doors: Python, the command line, a sweep, and live."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.live_hosts import eventually
from helpers.places import ROOT, TOPOLOGIES
from helpers.processes import cpu_seconds

import lab
from lab.cli import cli
from lab.trace.digests import digest
from lab.trace.levels import LEVELS

CASE = TOPOLOGIES / "rfc821/scenario-03.toml"
FAR = ["link.0.latency=2 s", "traffic.0.rate=100 /s"]
"""What makes it worth while to share a run of two hosts out."""


def by_python(folder: Path, level: str) -> lab.Run:
    return lab.simulate(CASE, trace=level)


def by_python_on_disk(folder: Path, level: str) -> lab.Run:
    return lab.simulate(CASE, trace=level, store=folder / "store")


def by_command(folder: Path, level: str) -> lab.Run:
    arguments = ["run", str(CASE), "--trace", level, "--out", str(folder), "--quiet"]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    return kept(folder)


def by_sweep(folder: Path, level: str) -> lab.Run:
    """A sweep looks at whole runs, and keeps none of them."""
    runs: list[lab.Run] = []
    measure = {"count": lambda run: runs.append(run) or len(runs)}
    table = lab.sweep(topology=str(CASE), measures=measure, seeds=1, workers=0)
    assert table["digest"].tolist() == [runs[0].digest]
    return runs[0]


def live(folder: Path, level: str) -> lab.Run:
    command = ["live", str(CASE), "--trace", level, "--out", str(folder), "--speed", "20"]
    done = subprocess.run([sys.executable, "-m", "lab", *command], timeout=60, cwd=ROOT)
    assert done.returncode == 0
    return kept(folder)


def kept(folder: Path) -> lab.Run:
    """The run of which these are the artefacts, with the summary that was written."""
    run = lab.Run(lab.load(CASE), lab.open_trace(folder))
    run.__dict__["summary"] = json.loads((folder / "summary.json").read_text())
    return run


SIMULATED = [by_python, by_python_on_disk, by_command, by_sweep]


@pytest.mark.parametrize("level", ["wire", "session", "none"])
@pytest.mark.parametrize("door", [*SIMULATED, live])
def test_every_door_makes_the_same_run(
    door: Callable[[Path, str], lab.Run], level: str, tmp_path: Path
) -> None:
    """The digest and the whole summary; of a live run, whose times are the wall's, the outcomes."""
    expected = lab.simulate(CASE)
    found = door(tmp_path, level)
    assert found.trace.level == (level if door is not by_sweep else "wire")
    assert {event.kind for event in found.trace} <= LEVELS[level] or door is by_sweep
    assert found.ending == expected.ending == "settled"
    if door is live:
        outcomes = [
            [
                (recipient["recipient"], recipient["outcome"], recipient["hops"])
                for recipient in run.summary["recipients"]
            ]
            for run in (found, expected)
        ]
        assert outcomes[0] == outcomes[1]
        return
    assert found.digest == expected.digest
    assert json.loads(json.dumps(found.summary, default=list)) == json.loads(
        json.dumps(expected.summary, default=list)
    )


# -- interruptions ----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests were started with it ignored (``pytest &``)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    """In processes that work for another, which tells them when to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lab.simulate(CASE, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.fixture
def long(tmp_path: Path) -> Path:
    path = tmp_path / "long.toml"
    path.write_text(
        '[[host]]\nname = "A.ARPA"\nusers = ["ann"]\n'
        '[[host]]\nname = "B.ARPA"\nusers = ["joe"]\n'
        '[[link]]\nbetween = ["A.ARPA", "B.ARPA"]\n'
        '[[traffic]]\ncount = 1000000\nrate = "20 /s"\n'
    )
    return path


def interrupt(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def python_interrupted(path: Path, out: Path, sets: Any = (), **options: Any) -> lab.Run:
    with pytest.raises(
        lab.Interrupted, match=r"^interrupted at [\d:.]+( s)? of simulated"
    ) as stopped:
        lab.simulate(lab.load(path, sets), progress=interrupt, **options)
    return stopped.value.run


def python_on_disk_interrupted(path: Path, out: Path) -> lab.Run:
    run = python_interrupted(path, out, store=out)
    return lab.Run(run.topology, lab.open_trace(out)) if run.trace.folder else run


def several_interrupted(path: Path, out: Path) -> lab.Run:
    return python_interrupted(path, out, FAR, processes=2)


def command_interrupted(path: Path, out: Path, *command: str) -> lab.Run:
    arguments = [*(command or ("run",)), str(path), "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-m", "lab", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        if command:
            assert running.stdout is not None
            assert running.stdout.readline().startswith("A.ARPA")  # all hosts listen
            time.sleep(3)
        else:
            assert eventually(out.exists)
            begun = cpu_seconds(running)
            assert eventually(lambda: cpu_seconds(running) > begun + 0.2)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=240)
    assert running.returncode == 130, told
    told = "\n".join(line for line in told.splitlines() if "lab: note: " not in line)
    assert told.startswith("lab: interrupted at "), told
    return lab.Run(lab.load(path), lab.open_trace(out))


def live_interrupted(path: Path, out: Path) -> lab.Run:
    return command_interrupted(path, out, "live")


@pytest.mark.parametrize(
    "door",
    [
        python_interrupted,
        python_on_disk_interrupted,
        several_interrupted,
        command_interrupted,
        live_interrupted,
    ],
)
def test_an_interruption_leaves_a_run_that_is_whole_until_then(
    door: Callable[[Path, Path], lab.Run], long: Path, tmp_path: Path
) -> None:
    """Its last event says so, its digest is that of its events, and no mail is lost."""
    before = signal.getsignal(signal.SIGINT)
    run = door(long, tmp_path / "out")
    assert run.ending == "interrupted"
    assert not run.is_settled
    assert run.digest == digest(run.trace.rows)
    assert run.summary["delivered"] > 0
    assert run.summary["delivered"] + run.summary["queued"] == run.summary["submitted"]
    assert run.breaches == []
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interrupt_stops_a_run_at_once(long: Path) -> None:
    """Without waiting for the end of the event; what was recorded can be read."""
    with pytest.raises(lab.Interrupted) as stopped:
        lab.simulate(long, progress=lambda _: (interrupt(), interrupt()))
    assert stopped.value.run.ending == "interrupted"


def test_an_interrupted_sweep_keeps_the_runs_that_are_done(long: Path, tmp_path: Path) -> None:
    """The run that goes on is left out, and no half of it is taken for a result."""

    def submitted(run: lab.Run) -> int:
        if run.summary["submitted"] == 7:
            interrupt()
        return run.summary["submitted"]

    experiment: dict[str, Any] = {
        "topology": str(long), "measures": [submitted], "seeds": 1,
        "grid": {"traffic.0.count": [5, 7, 9]},
    }  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        lab.sweep(experiment, out=tmp_path, workers=0)
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["measures"]["submitted"] for line in lines] == [5]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_that_ends_too_early_leaves_what_came_until_then(long: Path) -> None:

    def kill(_: int) -> None:
        active_children()[0].kill()

    with pytest.raises(lab.RunFailed, match=r"^the process of part \d ended") as stopped:
        lab.simulate(
            lab.load(long, FAR), processes=2, progress=lambda _: active_children()[0].kill()
        )
    run = stopped.value.run
    assert run.summary["delivered"] + run.summary["queued"] == run.summary["submitted"] > 0
