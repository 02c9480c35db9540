"""A disk that the hosts' files share with the trace: mail that got a 250 keeps its room."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.live_hosts import eventually, served
from helpers.small_topologies import TWO_HOSTS

from lab.analysis.streaming import StreamingAnalysis
from lab.hosts.spool import Queue, QueuedMail
from lab.live.changes import Changes
from lab.live.journal import Journal
from lab.live.recorder import Backlog, Recorder
from lab.live.spare_room import SpareRoom
from lab.live.spool_folder import read_folder
from lab.live.storage import Storage, StorageFailed
from lab.protocol.syntax import parse_path
from lab.simulation.numbering import RunNumbering
from lab.trace.retention import Retention
from lab.trace.rows import Row
from lab.trace.trace import Trace, open_trace

Mount = Callable[[str], Path]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Mount]:
    """Make a disk of a size, such as "2m"."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
        if os.name == "nt" or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a tmpfs may not be mounted here")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_mail_from_outside_leaves_room_for_mail_that_is_owed(
    small_disk: Mount, tmp_path: Path
) -> None:
    """A disk that it fills draws 452, and all that got a 250 is delivered without more room."""
    topology = tmp_path / "two.toml"
    topology.write_text("[retry]\nfirst = '0.5 s'\nfactor = 1\n" + TWO_HOSTS)
    spool = small_disk("4m") / "spool"
    text = ("y" * 70 + "\r\n") * 500
    options = ["--spool", str(spool), "--set", "host.ONE.ARPA.relay=true", "--trace", "none"]
    codes: list[int] = []
    with served(topology, *options) as (process, ports):

        def is_full() -> bool:
            with smtplib.SMTP("127.0.0.1", ports["ONE.ARPA"], timeout=60) as program:
                program.helo("me.x")
                program.mail("me@me.x")
                program.rcpt("bob@TWO.ARPA")
                codes.append(program.data(text)[0])
            return codes.count(452) > 3

        assert eventually(is_full, 120)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) in (0, 1)
    assert set(codes) == {250, 452}
    one, two = read_folder(spool)
    assert (len(one.waiting), len(two.drops)) == (0, codes.count(250))


def mail(number: int, size: int) -> QueuedMail:
    path = parse_path("<bob@B.ARPA>")
    return QueuedMail(number, "MAIL", path, path, [("1", path)], bytes(size))


def changes(*gone: QueuedMail, new: QueuedMail | None = None) -> Changes:
    """Mail that is not in the spool any more, and mail that comes into it."""
    made = Changes()
    made.mails = dict.fromkeys(gone)
    if new is not None:
        made.mails[new] = Queue("B.ARPA", "arpanet")
    return made


def test_the_log_does_not_take_the_room_that_it_needs_to_be_emptied(small_disk: Mount) -> None:
    """SQLite empties it when it is long, for which there must be room in the file."""
    storage = Storage(small_disk("3m") / "A.sqlite", durable=False)
    last = mail(0, 100_000)
    storage.write(changes(new=last))
    for number in range(1, 100):
        last, before = mail(number, 100_000), last
        storage.write(changes(before, new=last))
    assert storage.counts() == (1, 1)
    storage.close()


def test_the_file_gives_back_the_room_of_mail_that_has_gone(small_disk: Mount) -> None:
    """What no longer fits draws an error, and the file of the next host has the room."""
    place = small_disk("5m")
    first, second = (Storage(place / name, durable=False) for name in ("A.sqlite", "B.sqlite"))
    mails: list[QueuedMail] = []

    def fill() -> None:
        for number in range(100):
            new = mail(number, 100_000)
            first.write(changes(new=new))
            mails.append(new)

    with pytest.raises(StorageFailed, match="left of the disk") as failed:
        fill()
    assert failed.value.is_full
    assert len(mails) > 15
    with pytest.raises(StorageFailed):
        second.write(changes(new=mail(0, 1_000_000)))
    for each in mails:
        first.write(changes(each))
    for number in range(len(mails) // 2):
        second.write(changes(new=mail(number, 100_000)))
    first.close()
    second.close()


def test_a_spool_on_a_full_disk_can_be_read(small_disk: Mount) -> None:
    """SQLite makes no file beside it for that."""
    place = small_disk("2m")
    storage = Storage(place / "A.sqlite", durable=False)
    storage.write(changes(new=mail(1, 10_000)))
    storage.close()
    with suppress(OSError), open(place / "ballast", "wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    [spool] = read_folder(place)
    assert (len(spool.waiting), spool.problems) == (1, [])


class NoRoom(SpareRoom):
    """A disk on which there is nothing left but what is kept for mail."""

    full = True

    @property
    def free(self) -> int:
        return 0 if self.full else 1 << 40


def rows(count: int) -> list[Row]:
    """Rows of a trace, the first that of its beginning."""
    first: Row = (0.0, "start", "", None, None, None, {"hosts": []})
    return [first, *((float(n), "start", "", None, None, None, {}) for n in range(1, count))]


def test_the_trace_so_far_has_a_gap_where_there_was_no_room(tmp_path: Path) -> None:
    """And a file on another disk has none."""
    room = NoRoom(tmp_path, 100)
    events = rows(6)
    journal, other = (
        Journal(tmp_path / name, "wire", room) for name in ("trace.jsonl", "other.jsonl")
    )
    for begin in (0, 2, 4):
        room.full = begin == 2
        journal.write(events[begin : begin + 2])
    journal.close()
    other.close()
    assert open_trace(tmp_path / "trace.jsonl").missing == [(2, 3)]


def test_rows_stay_in_memory_and_the_analysis_rests_while_there_is_no_room(
    tmp_path: Path,
) -> None:
    """At the end of the run, when no mail needs the room any more, all are written."""
    room = NoRoom(tmp_path, 100)
    backlog = Backlog(tmp_path, room)
    assert backlog.put(rows(3)) == 0
    room.full = False
    assert backlog.put(rows(3)) == 3
    backlog.close()
    analysis = StreamingAnalysis(Trace(), Retention("wire", tmp_path / "trace.parquet"))
    records = Recorder(
        Trace(rows(1)), lambda row: None, RunNumbering(), analysis, tmp_path, None, room
    )
    records._backlog.put(rows(3))
    room.full = True
    assert not records.work()
    assert records.waiting == 3
    records.work(is_over=True)
    assert records.waiting == 0
    records.finish()


def test_room_is_half_of_what_is_free_at_first(tmp_path: Path) -> None:
    """At most 256 MiB."""
    room = SpareRoom(tmp_path)
    assert room.kept == min(256 << 20, room.free // 2) or room.kept < 256 << 20
    assert room.is_shared_by(tmp_path)
    assert not room.has(1 << 60)
    assert SpareRoom(tmp_path, 400).has_for_mail(0, 0)
    assert not SpareRoom(tmp_path, 400).has_for_mail(0, 1 << 60)
