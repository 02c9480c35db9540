"""SIGKILL of ``lab live`` itself: what it promised can be read, and nothing else stays behind."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from helpers.live_hosts import eventually
from helpers.places import TOPOLOGIES

import lab
from lab.live.journal import Journal, move_aside
from lab.live.run_folder import left_by_killed, left_in_spool, run_folder, runs_folder
from lab.live.spool_folder import SpoolProblem, read_folder
from lab.trace.jsonl import is_journal

RELAYED = str(TOPOLOGIES / "rfc821" / "scenario-03.toml")
LAB = [sys.executable, "-m", "lab"]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of runs are in a place of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path / "state" / "smtp-lab"


def folder_of_fork_server(pid: int) -> Path:
    """Where the fork server of a process listens."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
            found = re.search(r"SMTP_LAB_FORK_SERVER=([^\0]+)", (place / "environ").read_text())
            if parent == str(pid) and found:
                return Path(found[1])
    raise AssertionError("there is no fork server")


@contextmanager
def killed_after_mail(*options: str, whole_group: bool = False) -> Iterator[str]:
    """Run a network, hand it a message, kill it when it said 250; yield what it printed."""
    command = [*LAB, "live", RELAYED, "--serve", "--until", "5 min", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ports = dict(process.stdout.readline().split() for _ in range(3))
        note = process.stderr.readline() if "--spool" not in options else ""
        port = int(ports["BBN-VAX.ARPA"].rpartition(":")[2])
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.sendmail("me@laptop.example", ["Jones@BBN-VAX.ARPA"], "Subject: Keep\n\nme.\n")
        folder = folder_of_fork_server(process.pid) if Path("/proc/self/environ").exists() else None
        assert folder is None or folder.is_dir()
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        # a fork server that is killed with everything else cannot remove its folder
        assert whole_group or folder is None or eventually(lambda: not folder.exists())
        # the hosts have the pipes: these end with the last of them
        process.stdout.read()
        yield note + process.stderr.read()


def stored(folder: Path) -> list[bytes]:
    """The mail in all mailboxes, when no process has the folder any more."""

    def found() -> list[bytes]:
        try:
            return [drop.octets for host in read_folder(folder) for drop in host.drops]
        except SpoolProblem:
            return []

    eventually(found)
    return found()


def notes_of(*command: str) -> str:
    """What a run says on stderr. Mail of an earlier one may break its [expect]."""
    done = subprocess.run([*LAB, *command], capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    return done.stderr


@pytest.mark.parametrize("whole_group", [False, True], ids=["network", "everything"])
def test_acknowledged_mail_can_be_read_where_the_start_said(
    whole_group: bool, tmp_path: Path
) -> None:
    """Without --spool too; and the trace so far. The next run says so, once."""
    with killed_after_mail(whole_group=whole_group) as said:
        where = re.search(r"mail is stored in (\S+), and the trace so far in (\S+);", said)
        assert where, said
        folder = Path(where[1])
        assert any(b"Subject: Keep" in mail for mail in stored(folder))
        trace = lab.open_trace(where[2])
    assert [event.kind for event in trace][:1] == ["start"]
    times = [event.t for event in trace]
    assert times == sorted(times)
    lab.open_trace(folder)  # beside the mail
    assert not [place for place in tmp_path.iterdir() if place.name.startswith("smtp-lab")]
    first = notes_of("live", RELAYED, "--speed", "100")
    assert re.search(rf"a run that was killed left .* delivered ones?: lab spool {folder}", first)
    second = notes_of("live", RELAYED, "--speed", "100")
    assert "killed" not in second
    assert any(b"Subject: Keep" in mail for mail in stored(folder))


def test_a_killed_run_leaves_its_trace_in_out_and_its_mail_in_the_spool(tmp_path: Path) -> None:
    """The next run tells what the spool holds, and gives the unfinished trace another name."""
    out, spool = str(tmp_path / "out"), str(tmp_path / "spool")
    with killed_after_mail("--out", out, "--spool", spool):
        assert any(b"Subject: Keep" in mail for mail in stored(Path(spool)))
        assert is_journal(tmp_path / "out" / "trace.jsonl")
        assert lab.open_trace(out)[0].kind == "start"
    said = notes_of("live", RELAYED, "--speed", "100", "--out", out, "--spool", spool)
    assert re.search(rf"{spool} holds \d+ waiting messages? and [1-9]\d* delivered ones?", said)
    aside = tmp_path / "out" / "trace-killed-1.jsonl"
    assert f"the trace of a run that was killed is now {aside}" in said
    assert lab.open_trace(aside)[0].kind == "start"
    assert not is_journal(tmp_path / "out" / "trace.jsonl")
    assert lab.open_trace(out)[-1].kind == "end"
    assert not (tmp_path / "spool" / "trace.jsonl").exists()


def test_a_run_that_ends_leaves_nothing(state: Path) -> None:
    """Neither mail nor trace nor folder."""
    notes_of("live", RELAYED, "--speed", "100")
    assert list(state.iterdir()) == []


def test_folders_of_runs_that_go_on_and_of_others_are_left_alone(state: Path) -> None:
    """A lock says that a run goes on; without one it is not the folder of a run."""
    strange, link = runs_folder() / "live-strange", runs_folder() / "live-link"
    strange.mkdir()
    elsewhere = state.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    link.symlink_to(elsewhere)
    with run_folder() as place:
        program = "from lab.live.run_folder import left_by_killed; print(left_by_killed())"
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True
        )
        assert done.stdout == "[]\n"
        assert place.is_dir()
        assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()
    assert strange.is_dir()
    assert (elsewhere / "lock").exists()


def test_a_killed_run_without_mail_is_removed_and_a_damaged_one_kept() -> None:
    """What cannot be read may be mail."""
    empty, damaged = runs_folder() / "live-empty", runs_folder() / "live-damaged"
    for place in (empty, damaged):
        place.mkdir()
        (place / "lock").touch()
    (damaged / "A.sqlite").write_bytes(b"not a database" * 100)
    found = left_by_killed()
    assert [left.folder for left in found] == [damaged]
    assert "lab spool" in str(found[0])
    assert not empty.exists()
    assert left_by_killed() == []


def test_where_the_home_is_not_writable_the_temporary_folder_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must be this user's own."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert runs_folder() == tmp_path / f"smtp-lab-{os.getuid()}"
    runs_folder().rmdir()
    (tmp_path / f"smtp-lab-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="somebody else"):
        runs_folder()


def test_a_spool_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """Nothing is said of it."""
    assert left_in_spool(tmp_path / "none") == ""


def test_a_journal_on_a_full_disk_has_gaps_and_no_half_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before and after can be read."""
    path = tmp_path / "trace.jsonl"
    journal = Journal(path, "wire")
    rows = list(lab.simulate(RELAYED).trace.rows)
    journal.write(rows[:10])
    really = os.write

    def nearly_full(file: int, octets: bytes) -> int:
        if file > 2 and len(octets) > 100:
            return really(file, bytes(octets[:100]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", nearly_full)
    journal.write(rows[10:12])
    monkeypatch.setattr("os.write", really)
    journal.write(rows[12:20])
    journal.close()
    trace = lab.open_trace(path)
    assert list(trace.rows) == [*rows[:10], *rows[12:20]]
    assert trace.missing == [(10, 11)]
    first, second = move_aside(path), move_aside(path)
    assert first is not None
    assert first.name == "trace-killed-1.jsonl"
    assert second is None


def test_a_full_disk_leaves_no_half_of_a_large_mail_in_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line is written in pieces; if one of them cannot be written, the mail is missing."""
    path = tmp_path / "trace.jsonl"
    journal = Journal(path, "wire")
    rows = list(lab.simulate(RELAYED).trace.rows)
    journal.write(rows[:10])
    really, writes = os.write, []

    def full_for_a_while(file: int, octets: bytes) -> int:
        writes.append(len(octets))
        if len(writes) == 3:
            raise OSError(28, "No space left on device")
        return really(file, octets)

    monkeypatch.setattr("os.write", full_for_a_while)
    large = (rows[19][0], "deliver", "A", None, None, 1, "1", "ann", b"x" * (5 << 20))
    journal.write([large, *rows[10:12]])
    monkeypatch.setattr("os.write", really)
    journal.write([*rows[12:20], large])
    journal.close()
    trace = lab.open_trace(path)
    assert list(trace.rows) == [*rows[:20], large]
    assert trace.missing == [(10, 10)]
