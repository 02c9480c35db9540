"""A spool that a run cannot go on with gets one sentence before anything starts."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.hosts.spool import Queue, QueuedMail
from lab.live.changes import Changes, Delivery
from lab.live.running import run_live
from lab.live.settings import Settings
from lab.live.spool_folder import SpoolProblem, check_folder, locked, read_folder
from lab.live.storage import Storage
from lab.protocol import parse_path
from lab.topology.model import from_dict

TOPOLOGY = from_dict({
    "host": [{"name": "A.ARPA", "users": ["ann"]}, {"name": "B.ARPA", "users": ["bob"]}],
    "link": [{"between": ["A.ARPA", "B.ARPA"]}],
})  # fmt: skip

FILE = "A.ARPA.sqlite"
MAILS = 8


def commit(storage: Storage, number: int) -> None:
    """Store a message that waits, and one in a mail drop."""
    ann, changes = parse_path("<ann@A.ARPA>"), Changes()
    octets = b"X-Number: %d\r\n\r\n" % number + b"y" * 2000
    mail = QueuedMail(number, "MAIL", ann, ann, [("1", parse_path("<bob@B.ARPA>"))], octets)
    changes.mails[mail] = Queue("B.ARPA", "arpanet")
    changes.deliveries.append(Delivery("ann", number, b"Hello %d\r\n" % number))
    storage.write(changes)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spool that was left in order."""
    folder = tmp_path_factory.mktemp("closed")
    storage = Storage(folder / FILE, durable=False)
    for number in range(MAILS):
        commit(storage, number)
    storage.close()
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spool whose host was killed: all that was stored is in the log of SQLite's."""
    folder, made = tmp_path_factory.mktemp("killed"), tmp_path_factory.mktemp("made")
    storage = Storage(made / FILE, durable=False)
    for number in range(MAILS):
        commit(storage, number)
    for path in made.iterdir():
        shutil.copy(path, folder)
    storage.close()
    return folder


def damaged(spool: Path, tmp_path: Path, damage: Callable[[Path], object]) -> Path:
    """A copy of a spool that something has happened to."""
    folder = tmp_path / "spool"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(spool, folder)
    damage(folder)
    return folder


def refusal(folder: Path) -> str:
    """The sentence with which a run refuses a spool; "" if it goes on with all of the mail."""
    try:
        with locked(folder):
            check_folder(folder, TOPOLOGY)
    except SpoolProblem as problem:
        text = str(problem)
        assert text.count("\n") == 0
        assert folder.name in text
        return text
    [found] = read_folder(folder)
    assert (len(found.waiting), len(found.drops)) == (MAILS, MAILS)
    return ""


@pytest.mark.parametrize("name", [FILE, f"{FILE}-wal"])
def test_a_file_that_is_cut_off_anywhere_is_refused(
    name: str, closed: Path, killed: Path, tmp_path: Path
) -> None:
    """Also where SQLite would take the log to end there. Of the last bytes none may matter."""
    spool = closed if name == FILE else killed
    size = (spool / name).stat().st_size
    for length in range(0, size, 512 if name == FILE else 3584):
        folder = damaged(spool, tmp_path, lambda folder, n=length: os.truncate(folder / name, n))
        assert "damaged" in (why := refusal(folder)) or "malformed" in why, length


@pytest.mark.parametrize("name", [FILE, f"{FILE}-wal"])
def test_a_file_with_other_bits_is_refused_or_has_all_mail(
    name: str, closed: Path, killed: Path, tmp_path: Path
) -> None:
    spool, refused = closed if name == FILE else killed, 0
    for seed in range(60):
        draw = random.Random(seed)
        octets = bytearray((spool / name).read_bytes())
        for _ in range(draw.choice([1, 1, 2, 8, 64])):
            octets[draw.randrange(len(octets))] ^= 1 << draw.randrange(8)
        folder = damaged(
            spool, tmp_path, lambda folder, new=octets: (folder / name).write_bytes(new)
        )
        refused += bool(refusal(folder))
    assert refused >= 20


def sql(*statements: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = sqlite3.connect(folder / FILE)
        for statement in statements:
            file.execute(statement)
        file.commit()
        file.close()

    return change


def about(value: object) -> Callable[[Path], None]:
    """Have a row about queued mail say something else, with a checksum that fits."""
    text = json.dumps(value)
    return sql(f"update copies set about = '{text}', checksum = {zlib.crc32(text.encode())}")


def in_its_place(make: Callable[[Path], object], name: str = FILE) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return change


def other_tables(path: Path) -> None:
    path.with_name(f"{FILE}-last").unlink()
    file = sqlite3.connect(path)
    file.execute("create table letters (text)")
    file.close()


PATH = "<ann@A.ARPA>"
ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (in_its_place(Path.mkdir), "is a folder"),
    "a link to itself": (in_its_place(lambda path: path.symlink_to(FILE)), "symbolic links"),
    "a pipe": (in_its_place(os.mkfifo), "is not a file"),
    "a text": (in_its_place(lambda path: path.write_text("Hi\n" * 99)), "not a database"),
    "nothing": (in_its_place(Path.touch), "8 commits are missing"),
    "another file of SQLite's": (in_its_place(other_tables), "is not a spool"),
    "a folder as lock": (in_its_place(Path.mkdir, "lock"), "cannot be written"),
    "a link to itself as lock": (
        in_its_place(lambda path: path.symlink_to("lock"), "lock"), "cannot be written"
    ),
    "a folder as log": (in_its_place(Path.mkdir, f"{FILE}-wal"), "unable to open"),
    "another version": (sql("pragma user_version = 9"), "has format 9"),
    "no tables": (sql("drop table batches"), "no such table: batches"),
    "no number of commits": (sql("delete from batches"), "the number of commits is gone"),
    "a text as mail": (sql("update drops set octets = 'Hi' where id = 3"), "message 3 of ann is"),
    "a text as date": (sql("update mails set stored_at = 'x' where id = 3"), "date cannot be read"),
    "a date too late": (sql("update drops set stored_at = 1e300 where id = 3"), "ann is damaged"),
    "mail about nothing": (about([]), "cannot be read"),
    "mail about a number": (about(7), "cannot be read"),
    "mail about others": (
        about([1, "MAIL", PATH, PATH, [["1", PATH]], "x", None, {}, 1, 1, 1, 5, 6]),
        "cannot be read",
    ),
    "a host that is not there": (
        lambda folder: (folder / FILE).rename(folder / "Z.ARPA.sqlite"), "not a host"
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage_name", ODD)
def test_what_is_not_a_spool_gets_a_sentence(
    damage_name: str, closed: Path, tmp_path: Path
) -> None:
    damage, words = ODD[damage_name]
    assert words in refusal(damaged(closed, tmp_path, damage))


def test_a_run_says_so_before_anything_starts(closed: Path, tmp_path: Path) -> None:
    folder = damaged(closed, tmp_path, lambda folder: os.truncate(folder / FILE, 20_000))
    started: list[object] = []
    with pytest.raises(OSError, match=FILE):
        run_live(TOPOLOGY, 0, Settings(folder), started=started.append)
    assert started == []


READ_ONLY = """
import os
from pathlib import Path
from lab.live.spool_folder import SpoolProblem, check_folder, locked
from lab.topology.model import from_dict
topology = from_dict({"host": [{"name": "A.ARPA"}, {"name": "B.ARPA"}],
                      "link": [{"between": ["A.ARPA", "B.ARPA"]}]})
os.setgid(65534), os.setuid(65534)
try:
    with locked(Path("spool")):
        check_folder(Path("spool"), topology)
except SpoolProblem as problem:
    print(problem)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="requires root, to become a user who may not write")
@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "words"),
    [(0o555, 0o666, "cannot be written"), (0o777, 0o444, "may not be read and written")],
)
def test_a_spool_that_may_not_be_written_gets_a_sentence(
    folder_mode: int, file_mode: int, words: str, closed: Path, tmp_path: Path
) -> None:
    folder = damaged(closed, tmp_path, lambda folder: None)
    for place in (tmp_path, *tmp_path.parents):
        if place.owner() == "root" and place.is_relative_to("/tmp/pytest-of-root"):
            place.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(file_mode)
    (folder / "lock").unlink(missing_ok=True)
    folder.chmod(folder_mode)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY], cwd=tmp_path, capture_output=True, text=True
    )
    assert words in done.stdout, done.stderr


def test_what_can_be_read_of_a_damaged_spool_is_listed(closed: Path, tmp_path: Path) -> None:
    """So that it can be exported: one page with mail is not what it was."""
    octets = bytearray((closed / FILE).read_bytes())
    place = octets.index(b"X-Number: 3")
    octets[place : place + 100] = b"\xff" * 100
    folder = damaged(closed, tmp_path, lambda folder: (folder / FILE).write_bytes(octets))
    [found] = read_folder(folder)
    assert len(found.problems) == 1
    assert len(found.waiting) == MAILS - 1
    assert len(found.drops) == MAILS
