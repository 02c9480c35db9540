"""What of a host's changes waits to be written, and what for the disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts.spool import Queue, QueuedMail
from lab.live.commits import NO_ROOM, NOT_STORED, Acceptance, Commits
from lab.live.storage import Storage
from lab.protocol import parse_path

BOB = parse_path("<bob@B.ARPA>")
QUEUE = Queue("B.ARPA", "arpanet")


@pytest.fixture
def commits(tmp_path: Path) -> Iterator[Commits]:
    storage = Storage(tmp_path / "one.sqlite")
    yield Commits(storage)
    storage.close()


def mail() -> QueuedMail:
    return QueuedMail(1, "MAIL", BOB, BOB, [("1", BOB)], b"Hi\r\n")


def handed_over(commits: Commits) -> Acceptance:
    """Mail that a peer has handed over, and that waits to be stored."""
    commits.current = acceptance = Acceptance()
    assert not commits.keep(QUEUE, mail())
    commits.current = None
    commits.staged.append(acceptance)
    return acceptance


def test_mail_of_a_user_is_the_hosts_own_until_the_disk_has_it(commits: Commits) -> None:
    """That of a peer is not: it is in no queue before."""
    handed_over(commits)
    assert not commits.has_own_mail
    assert not commits.has_own_changes
    assert commits.keep(QUEUE, mail())
    assert commits.has_own_changes
    for step in (commits.write, commits.begin_sync):
        assert commits.has_own_mail
        step()
    assert commits.has_own_mail
    assert not commits.has_own_changes
    commits.end_sync(None)
    assert not commits.has_own_mail


def test_where_the_disk_is_not_waited_for_written_mail_is_stored(commits: Commits) -> None:
    commits.keep(QUEUE, mail())
    commits.write()
    commits.take_written()
    assert not commits.has_own_mail


def test_if_the_disk_fails_what_was_written_meanwhile_is_refused_too(commits: Commits) -> None:
    """It is after the other in the log, of which a part may be lost."""
    first = handed_over(commits)
    commits.write()
    commits.begin_sync()
    second = handed_over(commits)
    commits.write()
    assert commits.end_sync(OSError("input/output error")) == []
    assert commits.take_failed() == [(first, NOT_STORED), (second, NOT_STORED)]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_has_no_room_when_it_is_waited_for_is_full(
    commits: Commits, number: int
) -> None:
    """Some keep no room for what is written: insufficient storage (452), and no local error."""
    acceptance = handed_over(commits)
    commits.write()
    commits.begin_sync()
    assert commits.end_sync(OSError(number, "no room")) == []
    assert commits.take_failed() == [(acceptance, NO_ROOM)]


def test_what_is_committed_once_a_sync_has_begun_waits_for_the_next(commits: Commits) -> None:
    """Even if the thread that waits for the disk has not begun."""
    storage = commits.storage
    commits.keep(QUEUE, mail())
    commits.write()
    first = storage.begin_sync()
    assert not storage.is_unsynced
    commits.keep(QUEUE, mail())
    commits.write()
    storage.sync(first)
    assert storage.is_unsynced
    assert storage.begin_sync() == first + 1
