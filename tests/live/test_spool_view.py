"""What the hosts of a run have stored can be read beside them, while they write."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.hosts.spool import Queue, QueuedMail
from lab.live.changes import Changes, Delivery
from lab.live.spool_view import Listed, SpoolView
from lab.live.storage import Storage
from lab.live.watch import Envelope, Envelopes
from lab.protocol import parse_path

TWO = "TWO.ARPA"


def delivered(
    storage: Storage, user: str, number: int, text: bytes = b"Subject: x\r\n\r\nHi\r\n"
) -> None:
    changes = Changes()
    changes.deliveries.append(Delivery(user, number, text))
    storage.write(changes)


def queued(storage: Storage, host: str, number: int) -> QueuedMail:
    mail = QueuedMail(
        number, "MAIL", parse_path("<ann@ONE.ARPA>"), parse_path("<ann@ONE.ARPA>"),
        [("1", parse_path(f"<bob@{host}>"))], b"Subject: waits\r\n\r\nHi\r\n",
    )  # fmt: skip
    changes = Changes()
    changes.mails[mail] = Queue(host, "arpanet")
    storage.write(changes)
    return mail


@pytest.fixture
def view(tmp_path: Path) -> SpoolView:
    return SpoolView(tmp_path, ["ONE.ARPA", TWO])


def test_mail_is_seen_as_it_is_stored_newest_first(tmp_path: Path, view: SpoolView) -> None:
    """While the host keeps its file open, and goes on writing."""
    storage = Storage(tmp_path / f"{TWO}.sqlite", durable=False)
    assert view.mailboxes(TWO) == {}
    delivered(storage, "bob", 7)
    assert view.mailboxes(TWO) == {"bob": 1}
    delivered(storage, "bob", 8)
    delivered(storage, "eve", 9)
    assert view.mailboxes(TWO) == {"bob": 2, "eve": 1}
    assert [mail.message for mail in view.in_mailboxes()] == [9, 8, 7]
    assert [mail.message for mail in view.in_mailboxes(TWO, "bob")] == [8, 7]
    assert [mail.message for mail in view.in_mailboxes(most=1)] == [9]
    before = view.in_mailboxes()[0].stored_at
    assert [mail.message for mail in view.in_mailboxes(before=before)] == [8, 7]
    storage.close()


def test_what_waits_is_seen_until_it_is_sent(tmp_path: Path, view: SpoolView) -> None:
    storage = Storage(tmp_path / "ONE.ARPA.sqlite", durable=False)
    mail = queued(storage, TWO, 3)
    assert view.queues("ONE.ARPA") == {TWO: 1}
    (waits,) = view.in_queues()
    assert (waits.next_host, waits.reverse_path, waits.recipients) == (
        TWO, "ann@ONE.ARPA", ("bob@TWO.ARPA",),
    )  # fmt: skip
    whole = view.message("ONE.ARPA", waits.number, is_queued=True)
    assert whole is not None
    assert whole.octets == b"Subject: waits\r\n\r\nHi\r\n"
    changes = Changes()
    changes.mails[mail] = None
    storage.write(changes)
    assert view.queues("ONE.ARPA") == {}
    assert view.message("ONE.ARPA", waits.number, is_queued=True) is None
    storage.close()


def test_a_list_has_the_first_bytes_of_a_message_and_a_message_has_all(
    tmp_path: Path, view: SpoolView
) -> None:
    storage = Storage(tmp_path / f"{TWO}.sqlite", durable=False)
    delivered(storage, "bob", 1, b"x" * 100_000)
    (mail,) = view.in_mailboxes()
    assert (mail.size, len(mail.octets)) == (100_000, 4096)
    whole = view.message(TWO, mail.number)
    assert whole is not None
    assert whole.octets == b"x" * 100_000
    storage.close()


def test_the_view_outlives_a_host_that_is_started_again(tmp_path: Path, view: SpoolView) -> None:
    place = tmp_path / f"{TWO}.sqlite"
    for number in (1, 2, 3):
        storage = Storage(place, durable=False)
        delivered(storage, "bob", number)
        assert [mail.message for mail in view.in_mailboxes()] == [*range(number, 0, -1)]
        storage.close()
    view.close()
    assert len(view.in_mailboxes()) == 3


def test_a_host_that_is_not_there_has_nothing(tmp_path: Path, view: SpoolView) -> None:
    """It has not made its file yet, or is none of the topology; no name leads out of the folder."""
    Storage(tmp_path.parent / "other.sqlite", durable=False).close()
    for host in ("ONE.ARPA", "NONE.ARPA", "../other", ""):
        assert view.message(host, 1) is None
        assert view.queues(host) == view.mailboxes(host) == {}
        assert view.in_mailboxes(host) == view.in_queues(host) == []


def listed(message: int | None, at: float) -> Listed:
    return Listed(TWO, 1, "bob", "", message, "", (), at, 2, b"Hi")


def test_envelopes_are_those_of_this_run_and_of_the_newest_mail() -> None:
    """Numbers begin anew in each run, so mail of an earlier one has none of them."""
    envelopes = Envelopes()
    for number in range(1, 15_001):
        envelopes.add(number + (1 << 44), Envelope(number, "ann@ONE.ARPA", ("bob@TWO.ARPA",)))
    late = 1e12
    assert envelopes.of(listed(15_000, late)) == envelopes.of(listed(15_000 + (1 << 44), late))
    assert envelopes.of(listed(15_000, late)) == (15_000, "ann@ONE.ARPA", ("bob@TWO.ARPA",))
    assert envelopes.of(listed(15_000, 1.0)) is None
    assert envelopes.of(listed(1, late)) is None
    assert envelopes.of(listed(None, late)) is None
