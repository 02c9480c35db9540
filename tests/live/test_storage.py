"""The stable storage of one host: what it holds after each commit, and what it refuses to read."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from inspect import isdatadescriptor
from pathlib import Path

import pytest

from lab.hosts.spool import Queue, QueuedMail
from lab.live.changes import Changes, Delivery
from lab.live.spool_rows import DamagedSpool
from lab.live.storage import Storage, left_in
from lab.protocol import parse_path

BOB = parse_path("<bob@B.ARPA>")
BEN = parse_path("<ben@B.ARPA>")


def mail(number: int, octets: bytes = b"text\r\n") -> QueuedMail:
    return QueuedMail(number, "MAIL", BOB, BOB, [("1", BOB), ("2", BEN)], octets)


def write(
    storage: Storage,
    mails: dict[QueuedMail, Queue | None] | None = None,
    *deliveries: Delivery,
) -> None:
    changes = Changes()
    changes.mails.update(mails or {})
    changes.deliveries += deliveries
    storage.write(changes)


def held(path: Path) -> list[tuple[int, str, list[str], bytes]]:
    """What another run finds in a file: message, next host, recipients, mail data."""
    storage = Storage(path)
    found = [
        (entry.message, host, [number for number, _ in entry.addressees], entry.mail_data)
        for host, _, entry in storage.recover()
    ]
    storage.close()
    return found


def test_a_commit_is_numbered_and_outlives_the_process(tmp_path: Path) -> None:
    """What was not committed when SIGKILL came has no number, and is not there."""
    path = tmp_path / "a.sqlite"
    program = (
        "import os, sys; from pathlib import Path\n"
        "from lab.live.changes import Changes, Delivery\nfrom lab.live.storage import Storage\n"
        "storage = Storage(Path(sys.argv[1]))\n"
        "for number in range(4):\n"
        "    changes = Changes(); changes.deliveries.append(Delivery('ann', number, b'x'))\n"
        "    if number == 3: os.kill(os.getpid(), 9)\n"
        "    storage.write(changes)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=120)
    assert left_in(path) == (3, 0)
    again = Storage(path)
    assert again.batch == 3
    assert again.drops() == [("ann", b"x")] * 3
    again.close()


def test_everything_that_is_known_of_queued_mail_is_there_again(tmp_path: Path) -> None:
    """Each attribute, with a value of its own; but for the place, which the queue gives anew."""
    path = tmp_path / "a.sqlite"
    stored = mail(1)
    values = {
        "verb": "SAML", "failures": 3, "not_before": 4.5, "expires": 6.5, "relaying": True,
        "takes_251": True, "last_chance": True, "avoided": frozenset({"C.ARPA"}),
        "followed": frozenset({"d@d"}), "redirects": 2, "written": {"2": (BOB, True)},
        "return_path": parse_path("<@R.ARPA:ann@A.ARPA>"), "reverse_path": parse_path("<x@A.ARPA>"),
    }  # fmt: skip
    for name, value in values.items():
        setattr(stored, name, value)
    storage = Storage(path)
    write(storage, {stored: Queue("B.ARPA", "net")})
    storage.close()
    storage = Storage(path)
    [(_, _, found)] = storage.recover()
    storage.close()
    names = set(values) | {"message", "addressees", "mail_data"}
    attributes = {name for name, each in vars(QueuedMail).items() if isdatadescriptor(each)}
    assert names == attributes - {"place", "ids"}, "give the new attribute a value"
    for name in names:
        assert getattr(found, name) == getattr(stored, name), name


def test_mail_that_moves_is_held_once_in_its_new_queue(tmp_path: Path) -> None:
    """Another next host, another time, other recipients: always one row, and the bytes once."""
    path = tmp_path / "a.sqlite"
    storage = Storage(path)
    first, second = Queue("B.ARPA", "net"), Queue("C.ARPA", "net")
    one = mail(1)
    write(storage, {one: first})
    write(storage, {one: second})
    part = one.part_for([("2", BEN)])
    write(storage, {one: None, part: second})
    storage.close()
    assert held(path) == [(1, "C.ARPA", ["2"], b"text\r\n")]
    file = sqlite3.connect(path)
    assert file.execute("select count(*) from mails").fetchall() == [(1,)]
    file.close()


def test_the_bytes_of_a_message_go_with_its_last_copy(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    storage = Storage(path)
    octets = b"y" * 100_000
    copies = {mail(1, octets): Queue(f"{name}.ARPA", "net") for name in "BCD"}
    write(storage, dict(copies))
    for number, copy in enumerate(copies, 1):
        write(storage, {copy: None})
        left = 1 if number < 3 else 0
        file = storage.counts()
        assert file == (left, 3 - number)
    storage.close()
    assert held(path) == []


def test_a_step_writes_as_much_whatever_the_queue_holds(tmp_path: Path) -> None:
    """Mail that comes, is tried later, and goes: the log grows as much at 3,000 as at 3."""

    def grown(storage: Storage, path: Path, queue: Queue) -> int:
        before = Path(f"{path}-wal").stat().st_size
        one = mail(9)
        write(storage, {one: queue})
        later = one.part_for(one.addressees)
        write(storage, {one: None, later: queue})
        write(storage, {later: None})
        return Path(f"{path}-wal").stat().st_size - before

    sizes = []
    for queued in (3, 3000):
        path = tmp_path / f"{queued}.sqlite"
        storage, queue = Storage(path), Queue("B.ARPA", "net")
        write(storage, {mail(number, b"%d" % number): queue for number in range(queued)})
        storage.checkpoint()
        sizes.append(grown(storage, path, queue))
        storage.close()
    assert sizes[1] <= 2 * sizes[0]


def test_a_write_that_fails_changes_nothing_and_its_number_is_not_given_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.sqlite"
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from lab.live.changes import Changes, Delivery\n"
        "from lab.live.storage import Storage, StorageFailed\n"
        "storage = Storage(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "for size in (1000, 1_000_000, 1000):\n"
        "    changes = Changes(); changes.deliveries.append(Delivery('ann', 1, b'x' * size))\n"
        "    try: storage.write(changes); print('stored', storage.batch)\n"
        "    except StorageFailed as failure: print('failed', failure)\n"
        "storage.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60
    )
    lines = done.stdout.splitlines()
    assert (lines[0], lines[1][:6], lines[2]) == ("stored 1", "failed", "stored 3"), done.stderr
    storage = Storage(path)
    assert storage.drops() == [("ann", b"x" * 1000)] * 2
    storage.close()


def test_what_is_withdrawn_is_not_in_the_mail_drop(tmp_path: Path) -> None:
    """As when the disk did not confirm a commit whose mail then got no 250."""
    storage, one, changes = Storage(tmp_path / "a.sqlite"), mail(1), Changes()
    changes.mails[one] = Queue("B.ARPA", "net")
    changes.deliveries += [Delivery("ann", 1, b"x"), Delivery("ben", 1, b"y")]
    write(storage, {}, Delivery("cy", 2, b"z"))
    storage.write(changes)
    storage.write(changes.undone())
    assert storage.drops() == [("cy", b"z")]
    assert storage.counts() == (0, 0)
    storage.close()


def flip_octet(file: sqlite3.Connection) -> None:
    file.execute("update mails set octets = 'tExt'")


def lose_octets(file: sqlite3.Connection) -> None:
    file.execute("delete from mails")


def cut_text(file: sqlite3.Connection) -> None:
    file.execute("update copies set about = substr(about, 1, 20)")


@pytest.mark.parametrize("damage", [flip_octet, lose_octets, cut_text])
def test_a_damaged_row_is_not_sent(
    damage: Callable[[sqlite3.Connection], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.sqlite"
    storage = Storage(path)
    write(storage, {mail(1): Queue("B.ARPA", "net")})
    storage.close()
    file = sqlite3.connect(path)
    damage(file)
    file.commit()
    file.close()
    storage = Storage(path)
    assert list(storage.recover()) == []
    assert len(storage.unreadable) == 1
    assert "message 1 for B.ARPA is damaged" in storage.unreadable[0]
    storage.close()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    Storage(path).close()
    file = sqlite3.connect(path)
    file.execute("pragma user_version = 9")
    file.close()
    with pytest.raises(DamagedSpool, match="version 9"):
        Storage(path)
