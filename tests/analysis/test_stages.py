"""The stages of a hop, and the ends of messages."""

from __future__ import annotations

import pytest

from lab.analysis.itineraries import Attempt, End, Hop, Itinerary, itineraries
from lab.analysis.stages import (
    ATTEMPT,
    CROSSING,
    OPENING,
    SPOOL,
    WAIT,
    busy,
    end_of_hop,
    family,
    kind_of_end,
    leaving,
    over_at,
    stages,
)
from tests.helpers.synthetic_traces import Scribe


def hop(**times: float) -> Hop:
    return Hop(1, "A", "B", ("1",), 1.0, **times)  # type: ignore[arg-type]


def test_a_hop_lies_in_the_spool_opens_a_channel_and_crosses_it() -> None:
    one = hop(opening=2.0, opened=3.0, sending=4.0, ended=5.0)
    one.outcome = "transfer"
    assert list(stages(one, 9.0)) == [
        (SPOOL, 1.0, 2.0), (OPENING, 2.0, 3.0), (SPOOL, 3.0, 4.0), (CROSSING, 4.0, 5.0),
    ]  # fmt: skip
    assert end_of_hop(one, 9.0) is None


def test_mail_on_a_channel_that_is_open_waits_for_its_turn() -> None:
    one = hop(sending=4.0, ended=5.0)
    one.outcome = "refuse"
    assert list(stages(one, 9.0)) == [(SPOOL, 1.0, 4.0), (CROSSING, 4.0, 5.0)]


def test_mail_whose_transaction_nobody_saw_crosses_from_when_it_was_queued() -> None:
    one = hop(ended=5.0)
    one.outcome = "transfer"
    assert list(stages(one, 9.0)) == [(SPOOL, 1.0, 5.0), (CROSSING, 1.0, 5.0)]


def test_attempts_that_fail_are_followed_by_waits() -> None:
    """The last one until the run stopped, if the mail is still in the spool then."""
    one = hop()
    one.attempts = [Attempt(2.0, 3.0, 6.0, "no answer"), Attempt(6.0, 7.0, 12.0, "no answer")]
    assert list(stages(one, 9.0)) == [
        (SPOOL, 1.0, 2.0), (ATTEMPT, 2.0, 3.0), (WAIT, 3.0, 6.0), (ATTEMPT, 6.0, 7.0),
        (WAIT, 7.0, 9.0),
    ]  # fmt: skip
    end = end_of_hop(one, 9.0)
    assert end is not None
    assert (end.t, end.kind, end.hop) == (9.0, "queued", one)
    assert (leaving(one, 9.0), over_at(one, 9.0)) == (9.0, 9.0)


@pytest.mark.parametrize("outcome", ["expired", "round"])
def test_mail_that_leaves_the_spool_without_a_session_comes_to_an_end_there(outcome: str) -> None:
    one = hop(ended=5.0)
    one.outcome = outcome
    assert list(stages(one, 9.0)) == [(SPOOL, 1.0, 5.0)]
    end = end_of_hop(one, 9.0)
    assert end is not None
    assert (end.t, end.kind) == (5.0, outcome)


def test_what_failed_leaves_no_trace_of_its_session_in_the_hop() -> None:
    """Mail was accepted, its 250 lost, and it waits: nothing of it crosses any more."""
    scribe = Scribe("", ("A", "B"))
    message = scribe.submit(0.0, "ann@A", "bob@B")
    scribe.queue(0.0, message, "A", "B")
    session = scribe.open(1.0, "A", "B")
    record = scribe.trace.record
    record((2.0, "command", "B", "A", session, message, 1.9, b"MAIL FROM:<ann@A>\r\n"))
    record((3.0, "accept", "B", "A", session, message, ("1",), "ann@A", 700))
    record((4.0, "defer", "A", "B", session, message, ("1",), "lost", 60.0))
    (itinerary,) = itineraries(scribe.trace)
    (one,) = itinerary.hops
    assert (one.opening, one.opened, one.sending, one.ended) == (None, None, None, None)
    assert list(stages(one, 9.0))[-1] == (WAIT, 4.0, 9.0)


def test_a_message_is_busy_when_it_does_not_lie_in_a_spool() -> None:
    one = hop(opening=2.0, opened=3.0, sending=4.0, ended=5.0)
    one.attempts = [Attempt(1.2, 1.4, 2.0, "no answer")]
    itinerary = Itinerary(1, 1.0, "A", "<ann@A>", ("<bob@B>",), [one, hop()])
    itinerary.ends.append(End(5.0, "deliver", "B", one))
    assert list(busy(itinerary)) == [(1.0, 1.0), (1.2, 1.4), (2.0, 5.0), (5.0, 5.0)]


def test_a_notification_that_is_delivered_returns_the_mail() -> None:
    mail = Itinerary(1, 1.0, "A", "<ann@A>", ("<bob@B>",))
    notice = Itinerary(2, 2.0, "B", "<>", ("<ann@A>",), about=mail)
    mail.notifications.append(notice)
    assert list(family(mail)) == [mail, notice]
    kinds = [kind_of_end(one, End(3.0, "deliver", "A", None)) for one in (mail, notice)]
    assert kinds == ["deliver", "return"]
