"""A session over a driver that does nothing by itself, and what a session asks of its driver."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.fake_driver import FakeDriver, host
from helpers.host_by_hand import path
from helpers.wires import route

from lab.hosts.sending import QueueSender
from lab.network.events import WATCHES, sequencer
from lab.protocol import SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.simulation.reply_timeouts import ReplyTimeouts, reply_deadline
from lab.simulation.session import Session


def mail_session(driver: FakeDriver, **settings: Any) -> Session:
    """A session in which A has a message for bob at B."""
    a, b = host("A.ARPA", "ann"), host("B.ARPA", "bob", **settings)
    a.submit(0.0, 1, path("ann@A.ARPA"), [path("bob@B.ARPA")], b"Hello\r\n", "MAIL")
    queue = a.spool.queue("B.ARPA", "net")
    queue.sessions = 1
    queue_sender = QueueSender(a, queue)
    sender = SenderSMTP("A.ARPA", queue_sender)
    return Session(driver, a, b, route(), sender, queue_sender)


def test_a_message_crosses() -> None:
    driver = FakeDriver()
    session = mail_session(driver)
    assert [*driver.sessions.values()] == [session]
    session.open()
    driver.env.run_out()
    assert driver.crossed() == [
        "0.3 open",
        "0.4 220 B.ARPA Simple Mail Transfer Service Ready",
        "0.5 HELO A.ARPA",
        "0.6 250 B.ARPA",
        "0.7 MAIL FROM:<ann@A.ARPA>",
        "0.8 250 OK",
        "0.9 RCPT TO:<bob@B.ARPA>",
        "1.0 250 OK",
        "1.1 DATA",
        "1.2 354 Start mail input; end with <CRLF>.<CRLF>",
        "1.3 Hello",
        "1.4 250 OK",
        "1.5 QUIT",
        "1.6 221 B.ARPA Service closing transmission channel",
        "1.6 close (quit)",
    ]
    assert {row[4] for row in driver.rows} == {7}
    assert driver.sessions == {}
    assert session.peer.open_sessions == 0


def test_a_script_is_mail_from_outside() -> None:
    driver = FakeDriver()
    lines = ["HELO X", "MAIL FROM:<x@X>", "RCPT TO:<bob@B.ARPA>", "DATA", "Hi", ".", "QUIT"]
    session = Session(
        driver, host("A.ARPA"), host("B.ARPA", "bob"), route(), ScriptedSender(lines), None
    )
    session.open()
    driver.env.run_out()
    assert driver.crossed()[-2:] == [
        "1.6 221 B.ARPA Service closing transmission channel", "1.6 close (quit)",
    ]  # fmt: skip
    accepted = next(row for row in session.peer.port.rows if row[1] == "accept")  # type: ignore[attr-defined]
    assert accepted[5] == 900
    assert reply_deadline(session) == float("inf"), "a script waits for ever"


@pytest.mark.parametrize("at", [0.2, 0.45, 1.25])
def test_both_ends_find_out_that_it_is_cut(at: float) -> None:
    """While it opens, between two commands, and within mail data."""
    driver = FakeDriver()
    session = mail_session(driver)
    session.open()
    driver.env.run_to(at)
    session.cut("the cable is gone")
    driver.env.run_out()
    name = "unreachable (the cable is gone)" if at < 0.3 else "close (cut: the cable is gone)"
    assert driver.crossed()[-1] == f"{at:.1f} {name}"
    assert session.peer.open_sessions == 0
    queue = session.host.spool.queue("B.ARPA", "net")
    assert len(queue.entries) == 1
    assert not queue.sessions
    session.cut("again")
    assert driver.crossed()[-1] == f"{at:.1f} {name}", "nothing is left to cut"


def test_a_host_that_crashed_settles_nothing() -> None:
    """Its mail is in the spool as it was: it is not deferred, and no attempt has failed."""
    driver = FakeDriver()
    session = mail_session(driver)
    session.open()
    driver.env.run_to(0.95)
    session.cut("A.ARPA crashed", crashed="A.ARPA")
    rows = session.host.port.rows  # type: ignore[attr-defined]
    assert "defer" not in {row[1] for row in rows}
    (entry,) = session.host.spool.queue("B.ARPA", "net").entries
    assert entry.failures == 0


def test_a_receiver_that_stores_slowly_is_waited_for_until_the_timeout() -> None:
    driver = FakeDriver()
    session = mail_session(driver, store=10_000.0)
    ranks = {"A.ARPA": 0, "B.ARPA": 1}
    timeouts = ReplyTimeouts(
        driver.env, sequencer(WATCHES), driver.sessions, ranks, session.host.settings.timeouts.least
    )
    timeouts.watch()
    session.open()
    driver.env.run_to(2.0)
    # sent at 1.2 s; 600 s for the reply to the dot, and 180 s more for a block of mail data
    assert reply_deadline(session) == pytest.approx(1.2 + 600 + 180)
    driver.env.run_out()
    assert driver.crossed()[-1] == "781.2 close (cut: no reply to the mail data came within 780 s)"
    assert not timeouts.is_watching
    assert driver.sessions == {}


def test_a_channel_that_does_not_open_is_given_up() -> None:
    driver = FakeDriver()
    session = mail_session(driver)  # nobody calls open()
    timeouts = ReplyTimeouts(driver.env, sequencer(WATCHES), driver.sessions, {"A.ARPA": 0}, 120.0)
    timeouts.watch()
    driver.env.run_out()
    assert driver.crossed() == ["300.0 unreachable (no channel was open within 300 s)"]
    assert not session.connection.is_alive


def test_roles_change_on_the_open_channel() -> None:
    """TURN (3.8): B sends its mail to A over the channel that A has opened."""
    driver = FakeDriver()
    session = mail_session(driver, turn=True)
    a, b = session.host, session.peer
    a.spool.queue("B.ARPA", "net").polled = True
    b.submit(0.0, 2, path("bob@B.ARPA"), [path("ann@A.ARPA")], b"Back\r\n", "MAIL")
    session.open()
    driver.env.run_out()
    crossed = driver.crossed()
    assert "1.5 TURN" in crossed
    after = crossed[crossed.index("1.5 TURN") :]
    assert after[1:4] == [
        "1.6 250 OK",
        "1.7 220 A.ARPA Simple Mail Transfer Service Ready",
        "1.8 HELO B.ARPA",
    ]
    assert after[-1].endswith("close (quit)")
    assert (session.sender_host, session.receiver_host) == ("B.ARPA", "A.ARPA")
    assert (a.open_sessions, b.open_sessions) == (0, 0)
