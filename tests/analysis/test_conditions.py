"""Conditions on an event, held against the trace that they are asked of."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.conditions import NoCondition, condition, matching, unknown_hosts
from lab.trace.rows import Event
from lab.trace.trace import Trace


@pytest.fixture(scope="module")
def campus() -> Trace:
    return lab.simulate(TOPOLOGIES / "campus.toml").trace


CONDITIONS: dict[str, Callable[[Event], bool]] = {
    "command MAIL": lambda e: e.kind == "command" and e["verb"] == "MAIL",
    "rcpt": lambda e: e.kind == "command" and e["verb"] == "RCPT",
    "reply 250": lambda e: e.kind == "reply" and e["code"] == 250,
    "reply code is 551": lambda e: e.kind == "reply" and e["code"] == 551,
    "5yz": lambda e: e.kind == "reply" and 500 <= e["code"] < 600,
    "25z": lambda e: e.kind == "reply" and 250 <= e["code"] < 260,
    "host HUB.CAMPUS": lambda e: e.host == "HUB.CAMPUS",
    "peer hub.campus": lambda e: e.peer == "HUB.CAMPUS",
    "message 3": lambda e: e.message == 3,
    "session 2": lambda e: e.session == 2,
    "kind deliver": lambda e: e.kind == "deliver",
    "transfer": lambda e: e.kind == "transfer",
    "stores": lambda e: e.kind == "accept",
    "returns": lambda e: e.kind == "notify",
    "reply": lambda e: e.kind == "reply",
    "at 12.5 s": lambda e: e.t >= 12.5,
    "after 12.5": lambda e: e.t >= 12.5,
    "at '12 s'": lambda e: e.t >= 12,
    'text "galois"': lambda e: "galois" in " ".join(map(str, e.extra.values())).lower(),
    "host HUB.CAMPUS and stores": lambda e: e.host == "HUB.CAMPUS" and e.kind == "accept",
    "host HUB.CAMPUS says 250": lambda e: (
        e.host == "HUB.CAMPUS" and e.kind == "reply" and e["code"] == 250
    ),
}


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_holds_of_the_events_that_it_says(text: str, campus: Trace) -> None:
    expected = [event.seq for event in campus if CONDITIONS[text](event)]
    assert matching(campus, text) == expected
    assert 0 < len(expected) < len(campus)


def test_a_host_may_be_named_without_arpa() -> None:
    trace = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace
    found = matching(trace, "host usc-isie")
    assert found == [event.seq for event in trace if event.host == "USC-ISIE.ARPA"]
    assert found


def test_text_is_looked_for_in_what_crossed_the_wire_and_in_reasons() -> None:
    trace = lab.simulate(TOPOLOGIES / "lessons/returned.toml").trace
    kinds = {trace[n].kind for n in matching(trace, 'text "no such user"')}
    assert {"reply", "refuse", "notify"} <= kinds
    assert {trace[n].kind for n in matching(trace, 'text "354"')} == {"reply"}


def test_a_time_holds_of_what_happens_then_and_later(campus: Trace) -> None:
    times = [event.t for event in campus]
    t = times[100]
    assert times[0] < t < times[-1]
    assert matching(campus, f"at {t!r}") == [*range(times.index(t), len(times))]


def test_a_function_is_a_condition() -> None:
    def late(event: Event) -> bool:
        return event.t > 1

    assert condition(late) is late


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("host", "host"),
        ("message", "message"),
        ("message two", "'two'"),
        ("session -1", "'-1'"),
        ("reply 999", "'999'"),
        ("reply 2", "'2'"),
        ("kind frob", "'frob'"),
        ("at noon", "noon"),
        ("frobs", "'frobs'"),
        ("host 'A", "quot"),
    ],
)
def test_what_is_no_condition_says_what_is_wrong(text: str, wrong: str) -> None:
    with pytest.raises(NoCondition, match=wrong) as caught:
        condition(text)
    assert "\n" not in str(caught.value)


def test_a_host_that_is_not_there_is_named_with_some_that_are() -> None:
    names = [f"H{n}.ARPA" for n in range(9)]
    unknown_hosts("host h3 and peer H4.ARPA", names)
    unknown_hosts(lambda event: True, names)
    with pytest.raises(NoCondition, match=r"'nowhere'.*H0\.ARPA, .*H5\.ARPA \.\.\.$"):
        unknown_hosts("host H1 peer nowhere", names)


def test_a_host_crashes_when_a_crash_begins_and_at_no_other_fault() -> None:
    trace = lab.simulate(TOPOLOGIES / "faults/duplicate-window.toml").trace
    assert {event["name"] for event in trace if event.kind == "fault"} == {"crash", "hang-up"}
    (seq,) = matching(trace, "host BBN-RELAY crashes")
    assert (trace[seq]["name"], trace[seq]["on"]) == ("crash", True)
