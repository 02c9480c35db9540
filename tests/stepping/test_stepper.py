"""Stepping: forward and back to the same moments, conditions, and what is changed on the way."""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES
from helpers.small_topologies import chain, host, mail, relay
from hypothesis import given, settings
from hypothesis import strategies as st

import lab
from lab.analysis.conditions import NoCondition
from lab.stepping import panels
from lab.stepping.char_map import chart
from lab.stepping.commands import CommandLine, Misunderstood, Quit
from lab.stepping.moments import Moment
from lab.stepping.stepper import NoIntervention, Stepper
from lab.topology.model import from_dict
from lab.trace.trace import Trace

FILES_OF_OURS = sorted(
    path for path in TOPOLOGIES.glob("**/*.toml") if path.parent.name != "experiments"
)
RELAYED = TOPOLOGIES / "rfc821" / "scenario-03.toml"
CAMPUS = TOPOLOGIES / "campus.toml"


@functools.cache
def shared(name: str) -> Stepper:
    return lab.step(TOPOLOGIES / name)


def shown(moment: Moment) -> list[str]:
    """All that a moment shows, as text."""
    board = chart(moment, 60, 18)
    return [*panels.where(moment), *panels.events(moment), board.plain, *map(str, board.spans)]


# -- moments


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 389), st.lists(st.integers(-400, 400), max_size=5))
def test_what_is_shown_at_an_event_is_the_same_however_one_came_there(
    n: int, moves: list[int]
) -> None:
    stepper = shared("campus.toml")
    first = shown(stepper.seek(n))
    for events in moves:
        stepper.step(events)
        shown(stepper.moment)
    assert shown(stepper.step(n - stepper.n)) == first
    assert shown(lab.step(CAMPUS).step(n - 1)) == first


@pytest.mark.parametrize("name", ["campus.toml", "polling.toml", "faults/relay-dies.toml"])
def test_the_digest_so_far_is_that_of_the_events_so_far(name: str) -> None:
    stepper = shared(name)
    rows = stepper.run.trace.rows
    for n in range(0, len(rows) + 1, 7):
        assert stepper.seek(n).digest == Trace(rows[:n]).digest()
    assert stepper.seek(len(rows)).digest == stepper.run.digest


@pytest.mark.parametrize(
    "path",
    FILES_OF_OURS,
    ids=lambda p: p.relative_to(TOPOLOGIES).as_posix(),
)
def test_every_event_of_every_topology_of_ours_is_a_sentence(path: Path) -> None:
    if "experiments" in path.parts:
        pytest.skip("an experiment is no topology")
    stepper = lab.step(path, until=3000.0)
    for n in range(0, stepper.index.count + 1, 1 + stepper.index.count // 120):
        moment = stepper.seek(n)
        assert moment.sentence[:1].isupper() or moment.sentence[:1].isalnum()
        assert all(line.isprintable() for line in panels.where(moment))
    moment = stepper.seek(stepper.index.count)
    spooled = {(mail.host, mail.message, i) for mail in moment.spool for i in mail.recipients}
    queued = [
        recipient
        for recipient in stepper.run.summary["recipients"]
        if recipient["outcome"] == "queued"
    ]
    assert bool(spooled) == bool(queued) or not stepper.run.is_settled


def test_the_buffers_are_those_of_section_4_1_1() -> None:
    """Full while the mail data is processed, and cleared when it is stored."""
    stepper = lab.step(RELAYED)
    data = stepper.until("kind data host USC-ISIE").snapshot
    stored = stepper.until("host USC-ISIE stores").snapshot
    assert data is not None
    assert stored is not None
    assert data.receiver.forward_paths == ("<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>",)
    assert data.receiver.mail_data.endswith(b"John.\r\n")
    assert stored.receiver.forward_paths == ()
    assert stored.receiver.mail_data == b""
    assert stored.sender.forward_paths == ("<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>",)


def test_what_is_on_a_link_has_been_sent_and_has_not_arrived() -> None:
    stepper = lab.step(TOPOLOGIES / "internet.toml", until=400.0)
    rows = stepper.run.trace.rows
    for n in range(1, stepper.index.count, 37):
        moment = stepper.seek(n)
        for each in moment.links:
            crossing = each.crossing
            assert crossing.seq >= n
            assert crossing.sent <= moment.t <= crossing.due
            assert rows[crossing.seq][7] == crossing.octets
            assert frozenset(each.link) in stepper.index.latencies
        waiting = {link.crossing.session for link in moment.links}
        assert waiting <= set(moment.open_sessions)


def test_the_spools_at_the_end_are_what_the_account_has_queued() -> None:
    stepper = lab.step(CAMPUS, until=20.0)
    moment = stepper.at(20.0)
    queued = [
        recipient
        for recipient in stepper.run.summary["recipients"]
        if recipient["outcome"] == "queued"
    ]
    assert queued
    assert sum(len(mail.recipients) for mail in moment.spool) >= len(queued)


# -- moves


def test_on_to_the_next_of_a_host_a_message_a_session_and_a_kind() -> None:
    stepper = lab.step(CAMPUS)
    assert stepper.next(host="HUB.CAMPUS").event.host == "HUB.CAMPUS"
    assert stepper.next(message=3).event.message == 3
    assert stepper.next(session=4, kind="reply").event.kind == "reply"
    assert stepper.event.session == 4
    n = stepper.n
    assert stepper.next().n == n + 1
    assert stepper.at(20.0).event.t <= 20.0 < stepper.step().event.t


def test_conditions_forward_and_back() -> None:
    stepper = lab.step(RELAYED)
    assert stepper.until("reply code 354").event["code"] == 354
    first = stepper.n
    assert stepper.until('"reply 354"').n > first  # as the help has it, in quotation marks
    assert stepper.back_until("reply 354").n == first
    stored = stepper.until("host USC-ISIE stores").sentence
    assert stored.startswith("USC-ISIE.ARPA accepts message")
    assert stepper.until(lambda event: event.kind == "deliver").event["user"] == "Jones"
    assert stepper.until("reply 550").n == stepper.index.count
    assert stepper.back_until("reply 550").n == 0


def test_it_goes_on_to_each_breakpoint_and_then_to_the_end() -> None:
    stepper = lab.step(RELAYED)
    stepper.add_breakpoint("command DATA")
    stepper.add_breakpoint("delivers")
    kinds = [stepper.go_on().event.kind for _ in range(4)]
    assert kinds == ["command", "command", "deliver", "end"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("", "an empty condition"),
        ("host NOWHERE", "there is no host 'NOWHERE'; there are MIT-AI.ARPA"),
        ("reply 999", "'999' is not a reply code"),
        ("frobs", "'frobs' is not a word of a condition"),
        ("host 'A", "has an open quotation mark"),
    ],
)
def test_what_is_no_condition_is_told_in_a_sentence(condition: str, message: str) -> None:
    stepper = lab.step(RELAYED)
    with pytest.raises(NoCondition, match=message):
        stepper.until(condition)
    with pytest.raises(NoCondition, match=message):
        stepper.add_breakpoint(condition)
    assert stepper.n == 1


# -- interventions


def cut(stepper: Stepper) -> Moment:
    return stepper.cut("mit-ai", "USC-ISIE.ARPA", 100.0)


def crash(stepper: Stepper) -> Moment:
    return stepper.crash("USC-ISIE", 45.0)


def hang_up(stepper: Stepper) -> Moment:
    return stepper.hang_up()


def reply(stepper: Stepper) -> Moment:
    return stepper.change_reply("550 No such user here")


def command(stepper: Stepper) -> Moment:
    return stepper.change_command("RSET")


def any_fault(stepper: Stepper) -> Moment:
    return stepper.intervene(lab.Fault("busy", host="BBN-VAX.ARPA", duration=60.0))


CHANGES = [cut, crash, hang_up, reply, command, any_fault]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("n", [7, 9, 11, 12])
def test_an_intervention_changes_what_follows_and_nothing_before(
    change: Any, n: int, tmp_path: Path
) -> None:
    """And saved as a topology with faults it gives the same run again."""
    stepper = lab.step(RELAYED)
    before, rows = stepper.seek(n).digest, list(stepper.run.trace.rows)
    assert change(stepper).n == n
    assert stepper.is_altered
    assert stepper.moment.digest == before
    assert stepper.run.trace.rows[:n] == rows[:n]
    assert stepper.run.trace.rows != rows
    assert not stepper.run.breaches
    assert sum(event.kind == "fault" and event["on"] for event in stepper.run.trace) == 1
    saved = stepper.save(tmp_path / "altered.toml")
    assert lab.simulate(saved).digest == stepper.run.digest
    assert f"after event {n}: " in saved.read_text()
    stepper.undo()
    assert stepper.run.trace.rows == rows
    assert not stepper.is_altered


def test_the_altered_run_is_compared_with_its_original() -> None:
    """They part where the run was changed, and the original is not made again."""
    stepper = lab.step(RELAYED)
    assert stepper.original is stepper.run
    assert stepper.diff().same
    before = stepper.run
    stepper.until("command RCPT")
    at = stepper.moment.t
    stepper.cut("MIT-AI.ARPA", "USC-ISIE.ARPA", 5.0)
    assert stepper.original is before
    compared = stepper.diff()
    assert not compared.same
    assert compared.first is not None
    assert compared.first.t == at
    assert (compared.a, compared.b) == (before.trace, stepper.run.trace)
    assert CommandLine(stepper).do("diff") == compared.lines()
    assert compared.lines()[1:3] == ["A: original (seed 0)", "B: altered (seed 0)"]
    stepper.undo()
    assert stepper.diff().same


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 300), st.sampled_from(CHANGES)), max_size=4))
def test_several_interventions_in_any_order_give_a_run_that_can_be_saved(
    changes: list[tuple[int, Any]],
) -> None:
    hosts = [relay("A", "ann"), relay("B", store="2 s"), relay("C"), host("D", "bob")]
    tables = {
        "host": hosts, "link": chain(*hosts),
        "mail": [mail("ann@A", "bob@D", "nobody@D", at=f"{n} s") for n in range(4)],
        "retry": {"first": 30, "give_up": 600},
    }  # fmt: skip
    renamed = {
        cut: lambda s: s.cut("A", "B", 9.0), crash: lambda s: s.crash("C", 9.0),
        any_fault: lambda s: s.intervene(lab.Fault("refuse", host="B", duration=9.0)),
    }  # fmt: skip
    stepper = lab.step(from_dict(tables))
    for n, change in changes:
        stepper.seek(n)
        before = stepper.moment.digest
        with suppress(NoIntervention):
            renamed.get(change, change)(stepper)
        assert stepper.moment.digest == before
    assert stepper.run.is_settled
    again = lab.simulate(stepper.run.topology)
    assert again.digest == stepper.run.digest


def test_a_reply_cannot_refuse_mail_that_is_stored_already() -> None:
    stepper = lab.step(RELAYED)
    stepper.until("host USC-ISIE stores")
    with pytest.raises(NoIntervention, match=r"has accepted the mail .* go back before event 16"):
        stepper.change_reply("451 Not now")
    assert stepper.change_reply("250 Fine").n == stepper.n  # that is only said
    assert stepper.until("reply 250").event["text"] == "Fine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.cut("MIT-AI", "BBN-VAX"), "no link joins MIT-AI.ARPA and BBN-VAX.ARPA"),
        (lambda s: s.crash("NOWHERE"), "there is no host NOWHERE; there are MIT-AI.ARPA"),
        (lambda s: s.change_reply("oops"), "does not begin with a reply code"),
        (
            lambda s: s.change_reply("250 OK", session=2),
            "session 2 is not open now; open sessions: 1",
        ),
        (lambda s: s.change_command("A\r\nB"), "is more than one line"),
        (lambda s: s.undo(), "nothing was changed"),
        (lambda s: (s.seek(10_000), s.crash("MIT-AI")), "all mail is settled"),
        (lambda s: (s.seek(10_000), s.hang_up()), "session 2 is not open now; open sessions: none"),
        (lambda s: (s.until("reply 354"), s.change_command("RSET")), "sends mail data next"),
    ],
)
def test_what_cannot_be_changed_is_told_in_a_sentence(change: Any, message: str) -> None:
    stepper = lab.step(RELAYED)
    stepper.seek(9)
    with pytest.raises(NoIntervention, match=message):
        change(stepper)
    assert not stepper.is_altered


# -- orders

STORY = """\
step 9
event 10 of 42 · 0.800 s · USC-ISIE.ARPA answers MIT-AI.ARPA: 250 OK
back
event 9 of 42 · 0.700 s · MIT-AI.ARPA says to USC-ISIE.ARPA: MAIL FROM:<JQP@MIT-AI.ARPA>
until host USC-ISIE command RCPT
event 11 of 42 · 0.900 s · MIT-AI.ARPA says to USC-ISIE.ARPA: RCPT TO:<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>
links
USC-ISIE.ARPA → MIT-AI.ARPA  0%  session 1: 250 OK
spools
MIT-AI.ARPA: message 1 for USC-ISIE.ARPA, 1 recipient, 256 bytes, since 900 ms
sides
session 1
sender-SMTP MIT-AI.ARPA
  state         mail, waits for the reply to RCPT
  reverse-path  MAIL <JQP@MIT-AI.ARPA>
  forward-path  empty
  mail data     empty
receiver-SMTP USC-ISIE.ARPA
  state         rcpt
  reverse-path  MAIL <JQP@MIT-AI.ARPA>
  forward-path  <@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>
  mail data     empty
table: mail × RCPT → rcpt (4.1.1 RECIPIENT): 250, success
       the forward-path is appended
reply 550 No such user here
altered: change-reply USC-ISIE.ARPA in session 1 to '550 No such user here'
event 11 of 22 · 0.900 s · MIT-AI.ARPA says to USC-ISIE.ARPA: RCPT TO:<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>
step 2
event 13 of 22 · 1.000 s · USC-ISIE.ARPA answers MIT-AI.ARPA: 550 No such user here
dialogue
session 1 · MIT-AI.ARPA → USC-ISIE.ARPA
R: 220 USC-ISIE.ARPA Simple Mail Transfer Service Ready
S: HELO MIT-AI.ARPA
R: 250 USC-ISIE.ARPA
S: MAIL FROM:<JQP@MIT-AI.ARPA>
R: 250 OK
S: RCPT TO:<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>
R: 550 No such user here
break delivers
stops at: delivers
go
event 16 of 22 · 1.000 s · MIT-AI.ARPA delivers message 2 into the mailbox of JQP.
break -
there are no breakpoints
undo
as it was
event 11 of 42 · 0.900 s · MIT-AI.ARPA says to USC-ISIE.ARPA: RCPT TO:<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>
at 2 s
event 27 of 42 · 1.900 s · BBN-VAX.ARPA answers USC-ISIE.ARPA: 250 BBN-VAX.ARPA
"""  # noqa: E501  (what is printed is as wide as it is)


def told(orders: CommandLine, story: str) -> str:
    """The story, with what the orders in it say now."""
    said: list[str] = []
    for line in story.splitlines():
        if line.split(" ")[0] in (
            "step", "back", "until", "links", "spools", "sides", "reply", "dialogue", "break", "go",
            "undo", "at",
        ):  # fmt: skip
            said += [line, *orders.do(line)]
    return "\n".join(said) + "\n"


def test_orders_as_a_story() -> None:
    assert told(CommandLine(lab.step(RELAYED)), STORY) == STORY


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("frob", "'frob' is not a command; type help for a list"),
        ("ste x", "'x' is not a number; write step 5"),
        ("se", None),
        ("at noon", "'noon' is not a time; write at 12.5 s"),
        ("until", "until requires a condition"),
        ("cut MIT-AI", "cut takes the two ends of a link"),
        ("crash", "crash takes one host"),
        ("crash MIT-AI for ever", "'ever' is not a time; write for 2 min"),
        ("session 9", "there is no session 9"),
        ("save", "save takes the name of a file"),
        ("save /nowhere/x.toml", "cannot be written"),
        ("spools NOWHERE", "there is no host NOWHERE"),
    ],
)
def test_an_order_that_is_none_is_told_in_a_sentence(order: str, message: str | None) -> None:
    orders = CommandLine(lab.step(RELAYED))
    if message is None:
        assert orders.do(order)
        return
    with pytest.raises((Misunderstood, NoIntervention), match=message.replace("?", r"\?")):
        orders.do(order)


def test_quit_leaves_and_every_order_of_the_help_is_one() -> None:
    orders = CommandLine(lab.step(RELAYED))
    with pytest.raises(Quit):
        orders.do("quit")
    for line in orders.do("help"):
        word = line.split()[0]
        if word not in ("quit", "save", "undo", "cut", "crash", "hang", "reply", "command", "until",
                        "before", "at", "event", "follow"):  # fmt: skip
            assert orders.do(word) is not None, word


def test_former_names_still_work_with_one_warning() -> None:
    stepper = lab.step(RELAYED)
    with pytest.warns(DeprecationWarning, match=r"Moment\.shot is now Moment\.snapshot") as caught:
        assert stepper.moment.shot == stepper.moment.snapshot  # type: ignore[attr-defined]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=r"Stepper\.records is now Stepper\.index"):
        assert stepper.records is stepper.index  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="'Moment' object has no attribute 'nonsense'"):
        stepper.moment.nonsense  # type: ignore[attr-defined]  # noqa: B018
