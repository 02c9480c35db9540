"""Each rule of the account, broken by hand in the trace of a run that kept it, and found."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.places import ROOT, TOPOLOGIES

import lab
from lab.analysis.index import TraceIndex
from lab.analysis.invariants import Breach, breaches
from lab.analysis.invariants.breach import (
    END,
    LOST,
    NOT_SENT,
    ORDER,
    REPLY,
    ROUTE,
    RULES,
    STAMPS,
    TEXT,
    Finding,
    Findings,
    of_message,
    of_session,
)  # fmt: skip
from lab.analysis.invariants.copies import text_of
from lab.analysis.invariants.timestamps import stamps_above
from lab.protocol import dot_stuff
from lab.topology.model import from_dict
from lab.trace.rows import Row
from lab.views.replay import replay_data

FILES_OF_OURS = sorted(
    path for path in TOPOLOGIES.rglob("*.toml") if path.parent.name != "experiments"
)

RELAYED: dict[str, Any] = {
    "title": "two relays between two users",
    "host": [
        {"name": "A.ARPA", "users": ["joe"]},
        {"name": "R.ARPA", "relay": True},
        {"name": "S.ARPA", "relay": True},
        {"name": "B.ARPA", "users": ["sam"]},
    ],
    "link": [
        {"between": ["A.ARPA", "R.ARPA"]},
        {"between": ["R.ARPA", "S.ARPA"], "latency": "3 s"},
        {"between": ["S.ARPA", "B.ARPA"]},
    ],
    "mail": [{"from": "joe@A.ARPA", "to": ["sam@B.ARPA"], "text": "..dots\nand more"}],
}
Rows = list[Row]


def rows_of(**changes: Any) -> Rows:
    return lab.simulate(from_dict({**RELAYED, **changes})).trace.rows


def place(rows: Rows, kind: str, host: str, number: int = 0) -> int:
    return [n for n, row in enumerate(rows) if row[1:3] == (kind, host)][number]


def change(kind: str, host: str, column: int, edit: Callable[[Any], Any]) -> Callable[[Rows], Rows]:
    """One value of one row is another."""

    def changed(rows: Rows) -> Rows:
        at = place(rows, kind, host)
        row = list(rows[at])
        row[column] = edit(row[column])
        return [*rows[:at], tuple(row), *rows[at + 1 :]]

    return changed


def without(kind: str, host: str) -> Callable[[Rows], Rows]:
    """A row is missing."""
    return lambda rows: [row for n, row in enumerate(rows) if n != place(rows, kind, host)]


def twice(kind: str, host: str) -> Callable[[Rows], Rows]:
    """A row is there twice."""
    return lambda rows: sorted([*rows, rows[place(rows, kind, host)]], key=lambda row: row[0])


BROKEN: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "a reply that 4.3 does not list": (
        change("reply", "A.ARPA", 7, lambda _: b"251 R.ARPA\r\n"), REPLY),
    "a reply that nobody asked for": (twice("reply", "A.ARPA"), REPLY),
    "a text that changes on the way": (
        change("data", "S.ARPA", 7, lambda octets: octets.replace(b"dots", b"dote")), TEXT),
    "a text that grows shorter at the first hop": (
        change("accept", "R.ARPA", 8, lambda size: size - 1), TEXT),
    "a text that changes at delivery": (
        change("deliver", "B.ARPA", 8, lambda octets: octets.replace(b"..dots", b".dots")), TEXT),
    "a line that is no time stamp": (
        change("deliver", "B.ARPA", 8, lambda octets: octets.replace(b"Received:", b"Retrieved:")),
        TEXT),
    "a relay that leaves itself out of the reverse-path": (
        change("accept", "S.ARPA", 7, lambda _: "joe@A.ARPA"), ROUTE),
    "a sender that changes the reverse-path": (
        change("accept", "R.ARPA", 7, lambda _: "jim@A.ARPA"), ROUTE),
    "a return path line that is not the reverse-path": (
        change("deliver", "B.ARPA", 8, lambda octets: octets.replace(b"@R.ARPA", b"@Q.ARPA", 1)),
        ROUTE),
    "a host that puts no time stamp line": (
        change("data", "S.ARPA", 7, lambda octets: octets[octets.find(b"\r\n") + 2 :]), STAMPS),
    "a time stamp line that is lost at delivery": (
        change("deliver", "B.ARPA", 8, lambda o: o.replace(
            o[o.find(b"Received: from R") : o.find(b"Received: from A")], b"")), STAMPS),
    "a time stamp line of another host": (
        change("deliver", "B.ARPA", 8, lambda octets: octets.replace(b"by R.ARPA", b"by Q.ARPA")),
        STAMPS),
    "a clock that goes backward": (
        change("deliver", "B.ARPA", 8, lambda o: o.replace(b"00:00:00 UT", b"00:10:00 UT", 1)),
        ORDER),
    "mail that is delivered twice and came once": (twice("deliver", "B.ARPA"), NOT_SENT),
    "mail that nobody brought": (without("accept", "B.ARPA"), NOT_SENT),
    "mail that is queued out of nothing": (without("submit", "A.ARPA"), NOT_SENT),
    "a host that does nothing with what it took": (without("queue", "R.ARPA"), LOST),
    "a sender that lets go of mail that was not stored": (without("accept", "S.ARPA"), LOST),
    "mail that is left lying": (without("transfer", "S.ARPA"), END),
}  # fmt: skip


def found(rows: Rows) -> list[Breach]:
    try:
        return breaches(rows)
    except KeyError:  # the account alone cannot follow a trace without its submissions
        return breaches(rows, lab.Run(from_dict(RELAYED), lab.Trace([])).account)


def test_each_rule_is_broken_here_and_explained_in_the_guide() -> None:
    """In one order; what a run prints of a breach begins as its line in the guide does."""
    assert {rule for _, rule in BROKEN.values()} == set(RULES)
    guide = (ROOT / "lab/help/faults.md").read_text(encoding="utf-8").partition("## The rules")[2]
    explained = re.findall(r"^\d\. (.+)", guide, re.M)
    for rule, sentence in zip(RULES, explained, strict=True):
        assert sentence.startswith(rule[0].upper() + rule[1:])


def test_a_run_that_keeps_the_rules_breaks_none() -> None:
    """The control for all that follows."""
    assert breaches(rows_of()) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_that_is_broken_is_found(name: str) -> None:
    """The trace is what it was but for one row, and the rule that this breaks is named."""
    broken, rule = BROKEN[name]
    assert rule in {breach.rule for breach in found(broken(rows_of()))}


def test_a_clock_that_a_fault_set_wrong_breaks_no_rule() -> None:
    """Time stamp lines are in order, save for skewed clocks."""
    fault = {"kind": "clock-skew", "host": "R.ARPA", "value": "1 h"}
    rows = rows_of(fault=[fault])
    assert any(b"01:00:00 UT" in row[8] for row in rows if row[1] == "deliver")
    assert breaches(rows) == []
    assert {breach.rule for breach in breaches([row for row in rows if row[1] != "fault"])} == {
        ORDER
    }


@pytest.mark.parametrize(
    "file",
    FILES_OF_OURS,
    ids=lambda file: file.relative_to(TOPOLOGIES),
)
def test_no_topology_of_ours_breaks_a_rule(file: Path) -> None:
    """Lists, forwards, other names elsewhere, terminals, notifications: all within the rules."""
    run = lab.simulate(file)
    assert bool(run.breaches) == bool(run.summary["careless"])


def test_mail_of_a_script_is_submitted_when_it_is_stored() -> None:
    """A crash while a stranger's mail is being stored: no 250 was said, and nothing is lost."""
    lines = ["HELO A.ARPA", "MAIL FROM:<x@Y.ARPA>", "RCPT TO:<sam@B.ARPA>", "DATA", "hi", ".",
             "QUIT"]  # fmt: skip
    crash = {"kind": "crash", "host": "B.ARPA", "at": "1 s", "for": "1 s"}
    hosts = [*RELAYED["host"][:3], {**RELAYED["host"][3], "store": "5 s"}]
    script = [{"from": "S.ARPA", "to": "B.ARPA", "lines": lines}]
    done = lab.simulate(from_dict({**RELAYED, "host": hosts, "mail": [], "script": script}))
    assert done.summary["delivered"] == 1
    changes = {"host": hosts, "mail": [], "script": script, "fault": [crash]}
    done = lab.simulate(from_dict({**RELAYED, **changes}))
    assert (done.summary["submitted"], done.breaches) == (0, [])


def test_lab_run_tells_the_story_of_mail_that_was_lost(tmp_path: Path) -> None:
    """A breach is exit status 1, and the shortest story of that message in plain sentences."""
    file = tmp_path / "careless.toml"
    file.write_text(
        'host = [{ name = "A.ARPA", users = ["joe"] },\n'
        '        { name = "B.ARPA", users = ["sam"], careless = true }]\n'
        'link = [{ between = ["A.ARPA", "B.ARPA"] }]\n'
        'mail = [{ from = "joe@A.ARPA", to = "sam@B.ARPA", text = "hi" }]\n'
        'fault = [{ kind = "crash", host = "B.ARPA", at = 0.5 }]\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "lab", "run", str(file), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    _, _, *story = done.stderr.splitlines()
    assert [line.strip() for line in story] == [
        "0.000 s: joe@A.ARPA hands message 1 to A.ARPA, for sam@B.ARPA.",
        "0.130 s: B.ARPA accepts message 1 from A.ARPA in session 1, and is responsible for it "
        "from now on.",
        "0.140 s: A.ARPA removes message 1 from its spool: B.ARPA has accepted it.",
        "0.500 s: Fault begins: crash at B.ARPA.",
        "0.500 s: B.ARPA crashed before it had stored message 1.",
    ]


def test_a_story_says_whether_a_250_was_heard() -> None:
    """Mail that is stored after its channel was cut is stored; to say 250 there is nobody left."""
    a, relay, *others = RELAYED["host"]
    cut = {"kind": "hang-up", "link": ["A.ARPA", "R.ARPA"], "at": 0, "after": "."}
    hosts = [a, {**relay, "store": "2 s"}, *others]
    run = lab.simulate(from_dict({**RELAYED, "host": hosts, "fault": [cut]}))
    story = run.story(1)
    stored = "R.ARPA has stored message 1, but A.ARPA does not receive its 250: session 1 is over."
    assert any(line.endswith(stored) for line in story)
    assert not any("accepts message 1 from A.ARPA in session 1" in line for line in story)
    # an event's sentence in the stepper, and on the page, is that of the story
    index = TraceIndex(run.trace)
    assert stored in [index.sentence(event) for event in run.trace]
    patterns = replay_data(run.trace)["patterns"]
    assert any(" does not receive its 250" in str(pattern) for pattern in patterns)


TWICE = {
    "expand": "campus",
    "transfer": "campus",
    "deliver": "campus",
    "terminal": "rfc821/scenario-04",
    "notify": "lessons/returned",
}
"""Kinds of event that need a copy of the mail, and a topology in which each happens."""


@pytest.mark.parametrize("kind", TWICE)
def test_what_a_host_does_with_mail_it_can_do_once(kind: str) -> None:
    rows = lab.simulate(TOPOLOGIES / f"{TWICE[kind]}.toml").trace.rows
    assert breaches(rows) == []
    at = next(n for n, row in enumerate(rows) if row[1] == kind)
    again = [*rows[: at + 1], rows[at], *rows[at + 1 :]]
    assert NOT_SENT in {breach.rule for breach in found(again)}


def test_mail_that_its_own_host_refused_cannot_be_refused_again() -> None:
    mail = [{"from": "joe@A.ARPA", "to": ["nobody@A.ARPA"], "text": "Hi"}]
    rows = rows_of(mail=mail)
    assert breaches(rows) == []
    at = place(rows, "reject", "A.ARPA")
    account = lab.simulate(from_dict({**RELAYED, "mail": mail})).account
    again = [*rows[: at + 1], rows[at], *rows[at + 1 :]]
    assert NOT_SENT in {breach.rule for breach in breaches(again, account)}


def test_mail_that_is_accepted_with_no_mail_data_was_not_sent() -> None:
    found_rules = {breach.rule for breach in found(without("data", "R.ARPA")(rows_of()))}
    assert NOT_SENT in found_rules


def test_a_time_stamp_line_names_the_host_that_the_next_one_came_from() -> None:
    def other(octets: bytes) -> bytes:
        return octets.replace(b"from S.ARPA", b"from Q.ARPA")

    rows = change("deliver", "B.ARPA", 8, other)(rows_of())
    assert {breach.rule for breach in breaches(rows)} == {STAMPS}


def test_a_run_that_was_interrupted_may_have_mail_anywhere() -> None:
    rows = rows_of()
    at = place(rows, "queue", "R.ARPA")
    stopped = [*rows[: at + 1], (rows[at][0], "end", "", None, None, None, "interrupted")]
    assert breaches(stopped) == []
    settled = [*stopped[:-1], (*stopped[-1][:-1], "settled")]
    assert {breach.rule for breach in breaches(settled)} == {END}


def test_a_host_that_clears_the_high_order_bit_changes_no_text() -> None:
    """The bits are taken off where the mail comes in; what it then is stays as it is."""
    lines = ["HELO A.ARPA", "MAIL FROM:<x@A.ARPA>", "RCPT TO:<sam@B.ARPA>", "DATA", "caf\xe9", ".",
             "QUIT"]  # fmt: skip
    hosts = [{**each, "eight_bit": "clear"} for each in RELAYED["host"]]
    script = [{"from": "A.ARPA", "to": "R.ARPA", "lines": lines}]
    done = lab.simulate(from_dict({**RELAYED, "host": hosts, "mail": [], "script": script}))
    (delivered,) = [event["octets"] for event in done.trace if event.kind == "deliver"]
    assert delivered.endswith(b"cafi\r\n")
    assert done.breaches == []


def test_a_host_that_is_known_by_another_name_elsewhere_writes_that_name() -> None:
    """3.6: the reverse-path has the name by which the next environment knows the relay."""
    run = lab.simulate(TOPOLOGIES / "two-environments.toml")
    rows = run.trace.rows
    assert run.breaches == []
    gateway = next(
        (host["name"], name)
        for host in run.trace.meta["hosts"]
        for name in (host.get("names") or {}).values()
    )
    at, row = next(
        (n, row) for n, row in enumerate(rows) if row[1] == "accept" and gateway[1] in row[7]
    )
    wrong = (*row[:7], row[7].replace(gateway[1], gateway[0]), *row[8:])
    broken = [*rows[:at], wrong, *rows[at + 1 :]]
    assert ROUTE in {breach.rule for breach in breaches(broken)}


def test_a_finding_of_a_part_of_a_run_gets_the_numbers_of_the_whole() -> None:
    """Messages and sessions have numbers of their own in a part, in the words of a finding too."""
    words = ("message ", of_message(3), " of session ", of_session(3), " and no message: ")
    finding = Finding(REPLY, 2.5, 3, (*words, of_message(None)))
    alone = finding.breach()
    assert (alone.message, alone.sentence) == (
        3, "message 3 of session 3 and no message: None",
    )  # fmt: skip
    whole = finding.breach(lambda kind, own: own + {"message": 100, "session": 200}[kind])
    assert whole == Breach(
        REPLY, 2.5, "message 103 of session 203 and no message: None", 103
    )  # fmt: skip


def test_findings_are_kept_up_to_a_number_and_the_time_of_the_last() -> None:
    findings = Findings()
    for n in range(30):
        t = float(min(n, 19))  # the twentieth and all after it come at one time
        findings.add(REPLY, (t, "reply", "A", "B", 1, n))
    findings.add(REPLY, (20.0, "reply", "A", "B", 1, 30))
    assert [finding.message for finding in findings.all] == list(range(30))


@pytest.mark.parametrize("lines", [2, 4000])
@pytest.mark.parametrize("first", [b"plain", b".period"])
def test_the_text_of_large_mail_is_compared_by_its_hash(first: bytes, lines: int) -> None:
    """It is the same, with time stamp lines or without, or it is not."""
    kept = first + b" text\r\n" + b"more of it here\r\n" * lines
    text = text_of(dot_stuff(kept))
    assert len(text.sent.octets) == (0 if lines > 2 else len(dot_stuff(kept)))
    stamp = b"Received: from A.ARPA by B.ARPA ; 10 JAN 83 09:00:00 UT\r\n"
    other = kept.replace(b"here", b"gone", 1)
    assert stamps_above(kept, text.kept) == stamps_above(dot_stuff(kept), text.sent) == 0
    assert stamps_above(stamp * 2 + dot_stuff(kept), text.sent) == 2
    assert stamps_above(b"12345" + stamp + kept, text.kept, 5) == 1
    assert stamps_above(b"no stamp\r\n" + kept, text.kept) == -1
    assert stamps_above(other, text.kept) == stamps_above(dot_stuff(other), text.sent) == -1
    assert stamps_above(kept[9:], text.kept) == stamps_above(kept, text.kept, 1) == -1
