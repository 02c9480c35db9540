"""However a live run ends, what it has done is there and nothing else is; and it may be long."""

from __future__ import annotations

import json
import marshal
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.live_hosts import eventually
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.streaming import StreamingAnalysis
from lab.live.network import LiveNetwork
from lab.live.recorder import CHUNK, MOST, Backlog, Recorder
from lab.live.running import run_live
from lab.live.settings import Settings
from lab.live.wallclock import WallClock
from lab.simulation.numbering import FIRST_LIVE_NUMBER, NUMBERS_OF_A_LIFE, RunNumbering
from lab.trace.jsonl import is_journal
from lab.trace.retention import Retention
from lab.trace.rows import Row
from lab.trace.trace import Trace


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interrupt_leaves_trace_and_summary(
    second: signal.Signals, tmp_path: Path
) -> None:
    """While the pictures are drawn: no more of them, and what tells of the run is whole."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "lab", "live", str(TOPOLOGIES / "campus.toml")]
    with subprocess.Popen(
        [*command, "--speed", "20", "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for _ in range(5):
            process.stdout.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        # the first artefact is whole: from here on it writes the others
        assert eventually(
            lambda: (out / "trace.jsonl").exists() and not is_journal(out / "trace.jsonl")
        )
        process.send_signal(second)
        _, complaint = process.communicate(timeout=120)
    # Python ends itself by the signal where that met what it had compiled at run time
    assert process.returncode in (130, -signal.SIGINT), complaint
    assert "Traceback" not in complaint
    summary = json.loads((out / "summary.json").read_text())
    trace = lab.Trace.read_jsonl(out / "trace.jsonl")
    assert trace[-1].kind == "end"
    assert summary["submitted"] == lab.Run(lab.load(command[-1]), trace).summary["submitted"]


def test_interrupted_artefacts_are_those_of_lab_run_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``lab run`` leaves its artefacts by the same way."""
    import click

    from lab.api import artefacts
    from lab.cli.files import write_artefacts

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(artefacts, "_write_view", interrupted)
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(click.exceptions.Exit) as ended:
            write_artefacts(lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml"), str(tmp_path))
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.value.exit_code == 130
    assert "wrote to" in capsys.readouterr().err
    assert {"summary.json", "trace.jsonl"} == {path.name for path in tmp_path.iterdir()}


# -- long runs


def test_a_long_run_keeps_few_rows_and_accounts_for_all(tmp_path: Path) -> None:
    """Rows that come late and mixed reach the analysis in the order of time, whole."""
    trace = Trace()
    trace.record((0.0, "start", "", None, None, None, {}))
    analysis = StreamingAnalysis(Trace(), Retention("none"))
    took: list[Row] = []
    analysis.retention.keep = took.extend  # type: ignore[method-assign]
    records = Recorder(trace, trace.record, RunNumbering(), analysis, tmp_path)
    token, most, count = FIRST_LIVE_NUMBER + 3 * NUMBERS_OF_A_LIFE, 0, 4 * MOST
    for begin in range(0, count, 1000):
        numbers = [n ^ 1 for n in range(begin, begin + 1000)]  # each pair the wrong way round
        records.take(
            [
                (n / 1000, "command", "A", "B", token + n % 7, None, 0.0, b"NOOP\r\n")
                for n in numbers
            ]
        )
        # 1,000 rows a second
        records.put_away(WallClock(time.monotonic() - begin / 1000))
        most = max(most, len(trace.rows))
    assert records.waiting > 2 * MOST
    assert most < MOST + 5000
    while records.work():
        assert len(analysis.trace.rows) == 0
    records.sort()
    records.finish()
    assert len(trace.rows) == 0
    times = [row[0] for row in took]
    assert times == sorted(times)
    assert [round(t * 1000) for t in times[1:]] == list(range(count))
    assert {row[4] for row in took[1:]} == set(range(1, 8))
    assert CHUNK < MOST


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files")
def test_rows_stay_in_memory_while_the_disk_is_full(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk; afterwards all rows are there, in order."""
    import resource

    rows = [(float(n), "command", "A", "B", 1, None, 0.0, b"x" * 90) for n in range(3 * CHUNK)]
    backlog = Backlog(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(marshal.dumps(rows[:CHUNK])) * 3 // 2, hard))
    try:
        assert backlog.put(rows) == CHUNK
        assert backlog.put(rows[CHUNK:]) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert backlog.put(rows[CHUNK:]) == 2 * CHUNK
    assert [row for _ in range(3) for row in backlog.get()] == rows
    assert backlog.count == 0
    backlog.close()


def test_few_events_of_much_mail_do_not_stay_in_memory(tmp_path: Path) -> None:
    """A trace goes to its folder by its bytes, too."""
    analysis = StreamingAnalysis(Trace(), Retention("wire", tmp_path / "trace.parquet"))
    analysis.trace.record((0.0, "start", "", None, None, None, {}))
    for number in range(40):
        analysis.trace.record((1.0, "deliver", "A", None, None, 1, "1", "ann", bytes(8 << 20)))
        analysis.take()
        held = analysis.retention.rows_in_memory
        assert held <= 17, number
    trace = analysis.close()
    assert len(trace) == 41
    assert trace[40]["octets"] == bytes(8 << 20)


# -- what fails


def test_storage_that_is_none_is_told(tmp_path: Path) -> None:
    """One sentence, and no process left."""
    (tmp_path / "USC-ISIE.ARPA.sqlite").write_text("no storage of ours, but somebody's text\n" * 50)
    scenario = str(TOPOLOGIES / "rfc821/scenario-03.toml")
    command = [sys.executable, "-m", "lab", "live", scenario, "--spool", str(tmp_path), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    file = tmp_path / "USC-ISIE.ARPA.sqlite"
    wrong = f"USC-ISIE.ARPA: {file} cannot be used as stable storage: file is not a database"
    assert done.stderr == f"lab: {scenario}: {wrong}\n"


def test_a_run_in_which_something_fails_goes_on_and_says_so() -> None:
    """Whatever it is: here it is what shows how far the run is."""
    described = lab.load(TOPOLOGIES / "campus.toml")
    failed = []

    def fail(network: LiveNetwork) -> None:
        if network.trace.last > 1 and not failed:
            failed.append(network)
            raise OSError("the disk is full")

    trace, reason = run_live(described, 0, Settings(speed=20), progress=fail)
    assert reason == "settled"
    summary = lab.Run(described, trace).summary
    assert (summary["submitted"] > 0, summary["lost"]) == (True, 0)
    assert [(one["name"], one["count"]) for one in summary["failures"]] == [("network", 1)]
    assert "OSError: the disk is full" in summary["failures"][0]["reason"]
