"""Whether a simulated and a live run are the same: each difference is named, and no other thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import lab
from lab.analysis.likeness import Difference, likeness, sentence
from lab.analysis.pairing import match_messages
from lab.analysis.session_parts import first_difference, without_dates
from lab.trace.rows import DELIVER_OCTETS, KIND, MESSAGE, OCTETS, OWN, SESSION, Row
from lab.trace.trace import Trace
from tests.helpers.places import TOPOLOGIES

# -- dates

STAMP = b"Received: from A by B ; 2 Nov 81 22:40:10 UT\r\n"


@pytest.mark.parametrize(
    ("octets", "clean"),
    [
        (STAMP, b"Received: from A by B ; (date)\r\n"),
        (b"x\r\n" + STAMP + b"y", b"x\r\nReceived: from A by B ; (date)\r\ny"),
        (b"Date: 12 Nov 81 22:40:10 EST\r\n", b"Date: (date)\r\n"),
        (b"  > Date: 12 Nov 81 22:40:10 EST\r\n", b"  > Date: (date)\r\n"),
        (b"on 2 Nov 81 22:40:10 UT\r\n", b"on 2 Nov 81 22:40:10 UT\r\n"),
        (b"Date: 2 Nov 81 22:40:10 UT, or so\r\n", b"Date: 2 Nov 81 22:40:10 UT, or so\r\n"),
        (b"", b""),
    ],
)
def test_the_dates_that_hosts_write_are_set_aside_and_no_others(
    octets: bytes, clean: bytes
) -> None:
    assert without_dates(octets) == clean


def test_the_place_of_a_difference_is_that_in_the_text_with_its_dates() -> None:
    """The dates may be of different lengths."""
    ours = STAMP + b"Date: 9 Nov 81 22:40:10 UT\r\nabc"
    theirs = STAMP.replace(b"2 Nov", b"12 Nov") + b"Date: 10 Nov 81 22:40:10 UT\r\nabX"
    assert first_difference(ours, theirs) == (len(ours) - 1, len(theirs) - 1)
    assert first_difference(ours, theirs[:-1] + b"c") is None
    assert first_difference(ours, ours[:-1]) == (len(ours) - 1, len(ours) - 1)
    assert first_difference(b"a" + ours, ours) == (0, 0)
    assert first_difference(STAMP, STAMP[:-2] + b"\n") == (len(STAMP) - 2, len(STAMP) - 2)
    assert first_difference(STAMP, b"Received: from A by B ; ") == (24, 24)


# -- what differs

MAIL = """
title = "Three mails over a relay"
[[host]]
name = "A.ARPA"
users = ["ann"]
[[host]]
name = "R.ARPA"
relay = true
[[host]]
name = "B.ARPA"
users = ["bob", "cay"]
[[link]]
between = ["A.ARPA", "R.ARPA"]
[[link]]
between = ["R.ARPA", "B.ARPA"]
[[mail]]
from = "ann@A.ARPA"
to = ["bob@B.ARPA", "cay@B.ARPA"]
text = "first"
[[mail]]
from = "ann@A.ARPA"
to = ["bob@B.ARPA"]
text = "second"
[[mail]]
at = "60 s"
from = "ann@A.ARPA"
to = ["nobody@B.ARPA"]
text = "third"
[[script]]
at = "100 s"
from = "A.ARPA"
to = "R.ARPA"
lines = ["NOOP", "QUIT"]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    path = tmp_path_factory.mktemp("likeness") / "mail.toml"
    path.write_text(MAIL)
    return lab.simulate(path).trace


Change = Callable[[Row], Row | None]


def changed(trace: Trace, change: Change) -> Trace:
    """The trace with other rows; None drops one."""
    return Trace([new for row in trace.rows if (new := change(row)) is not None])


def differences(ours: Trace, theirs: Trace) -> list[Difference]:
    found = likeness(ours, theirs)
    assert found["same"] == (found["differences"] == [])
    return list(found["differences"])


def with_octets(kind: str, old: bytes, new: bytes, nth: int = 1) -> Change:
    """Replaces octets in the ``nth`` row of a kind that has them."""
    seen = 0

    def change(row: Row) -> Row:
        nonlocal seen
        column = DELIVER_OCTETS if kind == "deliver" else OCTETS
        if row[KIND] != kind or old not in row[column]:
            return row
        seen += 1
        octets = row[column].replace(old, new) if seen == nth else row[column]
        return (*row[:column], octets, *row[column + 1 :])

    return change


@pytest.mark.parametrize(
    ("kind", "old", "new", "side", "part"),
    [
        ("reply", b"250 OK", b"250 Ok", "R.ARPA", "transaction"),
        ("reply", b"220 R", b"220-R", "R.ARPA", "opening"),
        ("command", b"MAIL", b"mail", "A.ARPA", "transaction"),
        ("command", b"QUIT\r\n", b"QUIT \r\n", "A.ARPA", "ending"),
        ("command", b"NOOP", b"NOPE", "A.ARPA", "whole"),
        ("data", b"second", b"sec0nd", "A.ARPA", "transaction"),
        ("data", b"second", b"second, and more", "A.ARPA", "transaction"),
    ],
)
def test_each_byte_counts(
    run: Trace, kind: str, old: bytes, new: bytes, side: str, part: str
) -> None:
    """Named with its session, side and place, and both texts."""
    every = [n for n, row in enumerate(run.rows) if row[KIND] == kind and old in row[OCTETS]]
    nth = len(every) if part in ("ending", "whole") else 1
    other = changed(run, with_octets(kind, old, new, nth))
    if part in ("opening", "ending"):
        # an opening counts as the same if there is one like it: make all of them other
        def all_of(row: Row) -> Row:
            hit = row[KIND] == kind and old in row[OCTETS]
            return (*row[:OCTETS], row[OCTETS].replace(old, new)) if hit else row

        other = changed(run, all_of)
    found = differences(run, other)
    one = next(each for each in found if each["side"] == side)
    assert (one["what"], one["part"]) == ("octets", part)
    at = one["octet"]["simulated"]
    said = b"".join(
        row[OCTETS] for row in run.rows
        if row[KIND] in ("command", "reply", "data") and row[SESSION] == one["session"]["simulated"]
        and row[3] == side
    )  # fmt: skip
    same = (
        next(n for n, (x, y) in enumerate(zip(old, new, strict=False)) if x != y)
        if (old[: len(new)] != new[: len(old)])
        else len(old)
    )
    assert said[at - same : at - same + len(old)] == old
    assert old.decode().strip() in one["simulated"]
    assert new.decode().strip() in one["live"]
    assert f"octet {at}" in sentence(one)


def test_a_reply_that_is_missing_is_a_difference(run: Trace) -> None:
    last = [n for n, row in enumerate(run.rows) if row[KIND] == "reply"][-1]
    other = Trace([row for n, row in enumerate(run.rows) if n != last])
    [one] = differences(run, other)
    assert (one["what"], one["side"], one["live"][-2:]) == ("octets", "R.ARPA", "\\n")


def test_a_script_that_ran_once_more_is_a_difference(run: Trace) -> None:
    """Two sessions of mail may be one; a script's is not."""
    number = next(
        row[SESSION] for row in run.rows if row[KIND] == "command" and row[OCTETS][:4] == b"NOOP"
    )
    again = [(*row[:SESSION], 99, *row[MESSAGE:]) for row in run.rows if row[SESSION] == number]
    [one] = differences(run, Trace([*run.rows, *again]))
    assert (one["what"], one["part"], one["simulated"]) == ("part", "whole", None)
    assert sentence(one).startswith("session 99 A.ARPA -> R.ARPA, whole: live only; it begins")


def test_a_session_in_which_nothing_was_said_counts_for_nothing(run: Trace) -> None:
    """The link went down before the greeting."""
    opened = next(row for row in run.rows if row[KIND] == "open")
    assert differences(run, Trace([*run.rows, (*opened[:SESSION], 99, *opened[MESSAGE:])])) == []


def test_dates_order_and_the_choice_of_session_are_set_aside(run: Trace) -> None:
    """The two mails of the first session in two sessions, and the later one before."""
    late = next(row[SESSION] for row in run.rows if row[KIND] == "open")
    number = {late: 50}
    begun = 0
    rows: list[Row] = []
    for row in run.rows:
        if row[SESSION] == late and row[KIND] == "command" and row[OCTETS].startswith(b"MAIL"):
            begun += 1
        if begun == 2 and row[SESSION] == late:
            row = (*row[:SESSION], 50, *row[MESSAGE:])
        rows.append(row)
    opened = [row for row in rows if row[KIND] == "open" and row[SESSION] == late]
    greeting = [row for row in rows if row[SESSION] == late and row[KIND] in ("reply", "command")][
        :3
    ]
    end = [row for row in rows if row[SESSION] == 50 and row[KIND] in ("command", "reply")][-2:]
    more = [(*row[:SESSION], number[late], *row[MESSAGE:]) for row in [*opened, *greeting]]
    more += [(*row[:SESSION], late, *row[MESSAGE:]) for row in end]
    split = Trace([rows[0], *more[:4], *rows[1:], *more[4:]])

    def tomorrow(row: Row) -> Row:
        if row[KIND] not in ("data", "deliver"):
            return row
        column = OCTETS if row[KIND] == "data" else DELIVER_OCTETS
        return (*row[:column], row[column].replace(b" 1 Aug 82 ", b" 13 Aug 82 "))

    other = changed(split, tomorrow)
    assert begun == 2
    assert likeness(run, other)["sessions"] == {"simulated": 6, "live": 7}
    assert differences(run, other) == []


def test_mail_in_a_mailbox_counts_too(run: Trace) -> None:
    other = changed(run, with_octets("deliver", b"first", b"f1rst"))
    [one] = differences(run, other)
    assert (one["what"], one["recipient"]) == ("mail", "bob@B.ARPA")
    assert "first" in one["simulated"]
    assert "f1rst" in one["live"]
    assert "the mail delivered differs at octet" in sentence(one)


def test_mail_delivered_twice_or_to_another_mailbox(run: Trace) -> None:
    deliveries = [row for row in run.rows if row[KIND] == "deliver"]
    [one] = differences(run, Trace([*run.rows, deliveries[0]]))
    assert (one["what"], one["simulated"], one["live"]) == ("copies", 1, 2)
    assert sentence(one).endswith("mail delivered, copies: simulated 1, live 2")
    elsewhere = changed(
        run, lambda row: (*row[:7], "cay", *row[8:]) if row is deliveries[0] else row
    )
    [one] = differences(run, elsewhere)
    assert sentence(one).endswith("delivered to: simulated bob at B.ARPA, live cay at B.ARPA")


def test_a_recipient_on_one_side_only_is_counted_and_named(run: Trace) -> None:
    """Mail that vanished before it was submitted; and a notification that never came."""
    second = [row for row in run.rows if row[KIND] == "submit"][1][MESSAGE]
    without = changed(run, lambda row: None if row[MESSAGE] == second else row)
    found = likeness(run, without)
    assert found["submitted"] == {"simulated": 4, "live": 3}
    whats = [difference["what"] for difference in found["differences"]]
    assert whats[:2] == ["submission", "outcome"]
    assert sentence(found["differences"][0]) == (
        f"message {second} to bob@B.ARPA is submitted at A.ARPA simulated only"
    )
    assert "simulated delivered, live not there" in sentence(found["differences"][1])
    found = likeness(without, run)
    assert found["submitted"] == {"simulated": 3, "live": 4}
    assert "is submitted at A.ARPA live only" in sentence(found["differences"][0])


def test_messages_are_matched_whatever_their_numbers(run: Trace) -> None:
    """Numbers depend on what else was numbered, and a notification has one of its own."""

    def renumbered(row: Row) -> Row:
        row = row if row[MESSAGE] is None else (*row[:MESSAGE], row[MESSAGE] + 100, *row[OWN:])
        return (*row[:OWN], row[OWN] + 100, *row[OWN + 1 :]) if row[KIND] == "notify" else row

    other = changed(run, renumbered)
    assert differences(run, other) == []
    numbers = {row[MESSAGE] for row in run.rows if row[MESSAGE] is not None}
    assert match_messages(run.rows, other.rows) == {n + 100: n for n in numbers}


def test_a_date_that_is_longer_does_not_make_it_other_mail() -> None:
    """A submission that is late may be a digit longer; two that are alike keep their order."""

    def submitted(number: int, size: int, t: float = 0.0) -> Row:
        return (t, "submit", "A", None, None, number, "u@A", ("v@A",), "MAIL", size)

    ours = [submitted(1, 100), submitted(2, 100, 1.0), submitted(3, 500)]
    theirs = [submitted(1, 500), submitted(2, 100, 1.0), submitted(3, 101, 2.0)]
    assert match_messages(ours, theirs) == {1: 3, 2: 1, 3: 2}


def test_what_an_external_host_says_and_keeps_is_its_own(run: Trace) -> None:
    meta = run.rows[0][OWN]
    hosts = [
        {**host, "external": "127.0.0.1:25"} if host["name"] == "B.ARPA" else host
        for host in meta["hosts"]
    ]
    external = (*run.rows[0][:OWN], {**meta, "hosts": hosts})

    def other(row: Row) -> Row:
        if row[KIND] == "deliver":
            return (*row[:DELIVER_OCTETS], b"as it keeps it")
        if row[KIND] == "reply" and row[3] == "B.ARPA":
            return (*row[:OCTETS], row[OCTETS].replace(b"250 OK", b"250 2.0.0 OK"))
        return row

    live = changed(run, other)
    assert differences(run, live) != []
    assert differences(run, Trace([external, *live.rows[1:]])) == []


# -- figures


def test_a_run_is_like_itself() -> None:
    """No difference, the same outcome for all, and no correlation of too few."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    found = likeness(trace, trace)
    assert found["same_outcome"] == 1
    assert (found["median_difference"], found["p95_difference"]) == (0, 0)
    assert found["correlation"] == pytest.approx(1)
    few = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace
    assert likeness(few, few)["correlation"] is None


def test_runs_that_differ_are_compared_by_recipient() -> None:
    def run(*seconds: float | None) -> Trace:
        rows: list[Any] = []
        for message, t in enumerate(seconds, 1):
            rows.append((0.0, "submit", "A", None, None, message, "u@A", ("v@A",), "MAIL", 9))
            if t is not None:
                rows.append((t, "deliver", "A", None, None, message, "1", "v", b""))
        return Trace(rows)

    found = likeness(run(1, 2, 3, None), run(2, 5, 3.5, 9))
    assert found["recipients"] == 3
    assert found["same_outcome"] == 3 / 4
    assert (found["median_difference"], found["p95_difference"]) == (1, 3)
    assert found["correlation"] == pytest.approx(0.5)


def test_runs_without_a_delivery_in_common_have_no_differences() -> None:
    found = likeness(Trace([]), Trace([]))
    assert (found["same"], found["recipients"], found["same_outcome"]) == (True, 0, 1.0)
    assert (found["correlation"], "median_difference" in found) == (None, False)


def test_mail_that_is_lost_is_told_from_mail_that_waits() -> None:
    """The outcomes are those of the summary."""
    careless = lab.load(TOPOLOGIES / "faults/careless.toml")
    hosts = {name: replace(host, careless=False) for name, host in careless.hosts.items()}
    careful = replace(careless, hosts=hosts)
    ours, theirs = lab.simulate(careless), lab.simulate(careful)
    assert (ours.summary["lost"], theirs.summary["lost"]) == (1, 0)
    outcomes = [d for d in differences(ours.trace, theirs.trace) if d["what"] == "outcome"]
    assert [(one["simulated"], one["live"]) for one in outcomes] == [("lost", "delivered")]
