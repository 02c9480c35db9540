"""A reply or a command changed: what each side makes of it, and that the account still balances."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from helpers.small_topologies import chain, counts, drops, host, mail, relay, run, wire
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import lab
from lab.protocol.replies import TEXTS
from lab.topology.model import from_dict

A, B, C = "A", "B", "C"


def story(*faults: dict[str, Any], **options: Any) -> lab.Run:
    """Ann at A writes to Bob and Ben at C, by way of B."""
    return run(
        host(A, "ann"), relay(B), host(C, "bob", "ben"),
        mail=[mail("ann@A", "<@B:bob@C>", "<@B:ben@C>")],
        fault=list(faults), **options,
    )  # fmt: skip


def reply(number: int, line: str, by: str = B, session: int = 1) -> dict[str, Any]:
    return {
        "kind": "change-reply", "host": by, "session": session, "number": number, "line": line,
    }  # fmt: skip


def command(number: int, line: str, by: str = A, session: int = 1) -> dict[str, Any]:
    return {**reply(number, line, by, session), "kind": "change-command"}


def test_a_reply_that_refuses_is_meant() -> None:
    """The fourth reply of session 1 is to the first RCPT; its recipient is not in the buffer."""
    made = story(reply(4, "550 No such user here"))
    assert wire(made, A, "reply")[3] == "550 No such user here"
    assert counts(made) == {"delivered": 1, "returned": 1}
    assert drops(made) == [("A", "ann"), ("C", "ben")]
    returned = next(
        event["octets"] for event in made.trace if event.kind == "deliver" and event.host == A
    )
    assert b"550 No such user here" in returned
    assert not made.breaches


def test_it_is_told_where_the_reply_arrives() -> None:
    made = story(reply(4, "550 No such user here"))
    told = next(event for event in made.trace if event.kind == "fault")
    after = made.trace[told.seq + 1]
    assert (told.host, told.peer, told.session) == (B, A, 1)
    assert (told["name"], told["what"]) == ("change-reply", "550 No such user here")
    assert (after.kind, after["code"]) == ("reply", 550)


def test_all_before_it_is_as_it_was() -> None:
    """Nothing else may tell that a reply will be changed: the runs are the same up to there."""
    changed, plain = story(reply(4, "451 Not now")), story()
    told = next(event.seq for event in changed.trace if event.kind == "fault")
    assert changed.trace.rows[:told] == plain.trace.rows[:told]


def test_a_250_in_place_of_a_refusal_is_only_said() -> None:
    """The sender-SMTP believes it, and the mail is discarded: that is what a false 250 does. It is
    the fault's doing, and breaks no rule of the lab.
    """
    made = run(
        host(A, "ann"), host(B, "bob"),
        mail=[mail("ann@A", "bob@B", "nobody@B")],
        fault=[reply(5, "250 OK")],
    )  # fmt: skip
    assert wire(made, A, "reply")[4] == "250 OK"
    assert counts(made) == {"delivered": 1, "discarded": 1}
    assert not made.breaches


@pytest.mark.parametrize("line", ["NOOP", "MAIL FROM:<ann@A>"])
def test_a_recipient_that_a_changed_command_hides_is_discarded(line: str) -> None:
    """The sender-SMTP takes the 250 of another command for that of its RCPT."""
    made = run(
        host(A, "ann"), host(B, "bob", "bab"), mail=[mail("ann@A", "bob@B", "bab@B")],
        fault=[command(3, line)],
    )  # fmt: skip
    assert counts(made) == {"delivered": 1, "discarded": 1}
    assert not made.breaches


def test_text_that_a_fault_has_changed_is_no_breach() -> None:
    """A period in place of the mail data ends it at once; what was meant is sent to nobody."""
    made = run(
        host(A, "ann"), relay(B), host(C, "bob"), mail=[mail("ann@A", "<@B:bob@C>", text="Hi")],
        fault=[command(5, ".")],
    )  # fmt: skip
    assert counts(made) == {"delivered": 1}
    assert b"Hi" not in next(one["octets"] for one in made.trace if one.kind == "deliver")
    assert not made.breaches


@pytest.mark.parametrize("code", [421, 451, 552, 554])
def test_mail_data_that_is_refused_is_not_stored(code: int) -> None:
    """The sixth reply is to the mail data (after 220, 250, 250, 250, 250, 354: the seventh)."""
    made = story(reply(7, f"{code} Not taken"))
    at_b = [event.kind for event in made.trace if event.host == B and event.kind == "accept"]
    assert len(at_b) == (0 if code >= 500 else 1)
    assert counts(made) == ({"returned": 2} if code >= 500 else {"delivered": 2})


def test_a_250_that_becomes_354_leaves_the_mail_stored() -> None:
    """It is said only; the sender-SMTP takes what it gets for no success, and sends it again."""
    made = story(reply(7, "354 Go on"))
    assert counts(made) == {"delivered": 2, "duplicates": 2}


def test_a_greeting_of_421_sends_the_caller_away() -> None:
    made = story(reply(1, "421 B Service not available"))
    assert wire(made, A, "reply")[0] == "421 B Service not available"
    assert counts(made) == {"delivered": 2}
    assert not made.breaches


def test_a_command_is_changed_on_its_way() -> None:
    """RSET in place of DATA: 250 comes and no 354; the mail is not sent this time."""
    made = story(command(5, "RSET"))
    assert wire(made, B)[4] == "RSET"
    told = next(event for event in made.trace if event.kind == "fault")
    assert (told.host, told.peer, told["what"]) == (A, B, "RSET in place of DATA")
    assert "lost" not in counts(made)


def test_a_recipient_changed_on_the_way_gets_the_mail() -> None:
    made = story(command(3, "RCPT TO:<ben@C>", by=B, session=2))
    assert counts(made) == {"delivered": 2}
    assert [event["user"] for event in made.trace if event.kind == "deliver"] == ["ben", "ben"]


def test_mail_that_no_side_meant_is_mail_from_outside() -> None:
    """RSET changed to RCPT: the next mail goes with a recipient that its sender does not know."""
    made = run(
        host(A, "ann"), host(B, "bob"),
        mail=[mail("ann@A", "nobody@B"), mail("ann@A", "bob@B")],
        fault=[command(4, "RCPT TO:<bob@B>")],
    )  # fmt: skip
    assert "lost" not in counts(made)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"line": "999 No"}, "does not begin with a reply code of RFC 821"),
        ({"line": "no"}, "write 550 No such user here"),
        ({"line": "550 a\nb"}, "holds a CR or LF, which would end the reply"),
        ({"number": 0}, "0 is too small; use 1 or more"),
        ({"number": None}, "change-reply requires number"),
        ({"session": None}, "change-reply requires session"),
        ({"host": None}, "change-reply requires host"),
        ({"at": "5 s"}, "no time but the session"),
        ({"for": "5 s"}, "no time but the session"),
        ({"kind": "change-command", "line": "RSET\r\nQUIT"}, "is more than one line"),
        ({"kind": "change-command", "line": "x" * 511}, "at most 510 characters"),
        ({"kind": "crash"}, "crash does not take"),
    ],
)
def test_what_cannot_be_changed_so_is_told_in_a_sentence(fault: dict[str, Any], said: str) -> None:
    table = {key: each for key, each in {**reply(1, "250 OK"), **fault}.items() if each is not None}
    with pytest.raises(lab.TopologyError) as caught:
        story(table)
    assert said in str(caught.value)


LINES = [*map(str, TEXTS), "251 User not local; will forward to <ben@C>", "551 try <ben@C>"]
COMMANDS = [
    "HELO A", "MAIL FROM:<ann@A>", "MAIL FROM:<>", "RCPT TO:<bob@C>", "RCPT TO:<nobody@C>", "DATA",
    "RSET", "SEND FROM:<ann@A>", "VRFY bob", "HELP", "NOOP", "QUIT", "TURN", "", ".", "XYZZY", "\t",
]  # fmt: skip
CHANGES = st.one_of(
    st.builds(
        reply, st.integers(1, 9), st.sampled_from(LINES), st.sampled_from([B, C]), st.integers(1, 3)
    ),
    st.builds(
        command, st.integers(1, 8), st.sampled_from(COMMANDS), st.sampled_from([A, B]),
        st.integers(1, 3),
    ),
)  # fmt: skip


@example([command(1, "HELO A", B, 2)], "0 s", False)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CHANGES, min_size=1, max_size=4), st.sampled_from(["0 s", "2 s"]), st.booleans())
def test_whatever_is_changed_the_run_ends_and_each_recipient_is_accounted_for(
    faults: list[dict[str, Any]], store: str, turn: bool
) -> None:
    """Lost is only what somebody was told a falsehood about: then a fault is in the trace."""
    hosts = [host(A, "ann"), relay(B, store=store, turn=turn), host(C, "bob", "ben", store=store)]
    tables = {
        "host": hosts, "link": chain(*hosts), "fault": faults,
        "mail": [mail("ann@A", "<@B:bob@C>", "nobody@C", "<@B:ben@C>"), mail("ann@A", "bob@C")],
        "retry": {"first": 60, "give_up": 600},
    }  # fmt: skip
    made = lab.simulate(from_dict(tables), until=100_000)
    assert made.is_settled
    changed = any(event.kind == "fault" for event in made.trace)
    assert changed or "discarded" not in counts(made)
    assert not made.breaches
    assert len(made.summary["recipients"]) >= 4
    again = lab.simulate(from_dict(tables), until=100_000)
    assert list(islice(again.trace.rows, 5)) == list(islice(made.trace.rows, 5))
    assert again.digest == made.digest
