"""Phases: where the time of each recipient went, without gap or overlap."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.phases import PHASES, Phase, Phases, RecipientPhases
from lab.experiments.storm.random_networks import random_network
from lab.network.transport import TRANSPORTS
from lab.topology.model import from_dict
from lab.trace.rows import LINES, OCTETS, OPEN_LINES, SENT, T, lines_of
from lab.trace.trace import Trace

MAIL = {"from": "u@HUB", "to": ["v@DORM"], "size": "1 kB"}
THREE = {
    "host": [{"name": "HUB", "users": ["u"], "channels": 3}, {"name": "DORM", "users": ["v"]}],
    "link": [{"between": ["HUB", "DORM"], "latency": "50 ms", "bandwidth": "1200 bit/s"}],
    "mail": [MAIL, MAIL, MAIL],
}
ROW: dict[str, Any] = {
    "host": [
        {"name": "A", "users": ["ann"]},
        {"name": "H", "relay": True},
        {"name": "B", "users": ["bob"]},
    ],
    "link": [{"between": ["A", "H"]}, {"between": ["H", "B"]}],
    "retry": {"first": "30 s", "give_up": "5 min"},
    "mail": [{"from": "ann@A", "to": ["bob@B"]}],
}


NAMES = ("campus", "polling", "two-environments")
SHIPPED = [*TOPOLOGIES.glob("faults/*.toml"), *(TOPOLOGIES / f"{name}.toml" for name in NAMES)]


def check(run: lab.Run) -> list[RecipientPhases]:
    """The phases of all recipients, each of which begins where the one before ends."""
    everyone = list(Phases(run.trace).everyone())
    for one, told in zip(everyone, run.summary["recipients"], strict=True):
        times = (one.submitted_at, one.settled_at)
        assert times == (told["submitted_at"], told["settled_at"])
        assert (one.outcome, one.recipient) == (told["outcome"], told["recipient"])
        end = round(run.trace.last, 6) if one.settled_at is None else one.settled_at
        at = one.submitted_at
        for phase in one.phases:
            assert phase.begin == at < phase.end, one
            assert phase.phase in PHASES
            assert phase.because, phase
            at = phase.end
        assert at == max(end, one.submitted_at), one
        in_all = sum(round(phase.seconds * 1e6) for phase in one.phases)
        assert in_all == round((max(end, one.submitted_at) - one.submitted_at) * 1e6)
    return everyone


def names(phases: tuple[Phase, ...]) -> list[str]:
    return [phase.phase for phase in phases]


@pytest.mark.parametrize("number", range(50))
def test_the_phases_of_random_networks_with_faults_add_up_exactly(number: int) -> None:
    check(lab.simulate(random_network(11, number), seed=number))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_phases_of_what_ships_add_up_exactly(path: Any) -> None:
    check(lab.simulate(path))


def test_a_queueing_delay_is_the_one_computed_by_hand_to_the_microsecond() -> None:
    """Three mails at once on a line of 150 bytes a second: each waits for those before it."""
    run = lab.simulate(from_dict(THREE))
    everyone = check(run)
    data = [row for row in run.trace.rows if row[1] == "data"]
    seconds = [TRANSPORTS["tcp"].on_the_wire(len(row[OCTETS])) / 150 for row in data]
    assert [round(one, 6) for one in seconds] == [7.22, 7.22, 7.22]  # 1,003 bytes, two headers
    free = data[0][SENT]
    for one, row, line in zip(everyone, data, seconds, strict=True):
        *_, waits, sends = one.phases
        if row is not data[0]:
            assert (waits.phase, waits.host, waits.peer) == ("line", "HUB", "DORM")
            assert waits.begin == round(row[SENT], 6)
            assert waits.end == round(free, 6)
            assert (
                waits.because
                == f"behind mail {one.message - 1} of HUB to DORM, on the line HUB-DORM"
            )
        assert (sends.phase, sends.begin) == ("sending", round(free, 6))
        free += line
        assert sends.end == round(free + 0.05, 6) == round(row[T], 6)
        assert sends.because == "1,003 bytes of mail data at 1.2 kbit/s on the line HUB-DORM"


def test_on_one_channel_mail_waits_in_the_spool_behind_the_mail_before_it() -> None:
    hosts = [{"name": "HUB", "users": ["u"]}, {"name": "DORM", "users": ["v"]}]
    first, second, third = check(lab.simulate(from_dict({**THREE, "host": hosts})))
    assert "spool" not in names(first.phases)
    spools = [next(p for p in one.phases if p.phase == "spool") for one in (second, third)]
    assert [spool.because.partition(",")[0] for spool in spools] == [
        "behind mail 1 of HUB to DORM", "behind mail 1 and 2 of HUB to DORM",
    ]  # fmt: skip
    assert "of that time on the line HUB-DORM" in spools[0].because


def test_a_trace_without_lines_has_the_same_phases_but_what_waits_for_lines() -> None:
    run = lab.simulate(from_dict(THREE))
    rows = [row[: OPEN_LINES if row[1] == "open" else LINES] if lines_of(row) else row
            for row in run.trace.rows]  # fmt: skip
    old = list(Phases(Trace(rows)).everyone())
    new = list(Phases(run.trace).everyone())
    assert [one.settled_at for one in old] == [one.settled_at for one in new]
    assert all("line" not in names(one.phases) for one in old)
    assert old[2].phases[-1].end == new[2].phases[-1].end


def test_mail_that_comes_back_is_followed_as_the_notification() -> None:
    down = [{"kind": "link-down", "link": ["H", "B"], "at": "0 s"}]
    (one,) = check(lab.simulate(from_dict({**ROW, "fault": down})))
    assert one.outcome == "returned"
    assert {phase.message for phase in one.phases} == {1, 2}
    assert [(p.host, p.peer) for p in one.phases if p.message == 2][-1] == ("H", "A")
    waits = [phase for phase in one.phases if phase.phase == "retry"]
    assert sum(phase.seconds for phase in waits) == pytest.approx(300)


def test_a_notification_has_phases_of_its_own() -> None:
    down = [{"kind": "link-down", "link": ["H", "B"], "at": "0 s"}]
    run = lab.simulate(from_dict({**ROW, "fault": down}))
    (one,) = Phases(run.trace).of(2)
    assert (one.outcome, one.recipient) == ("delivered", "ann@A")
    assert names(one.phases) == ["opening", "dialogue", "sending"]


def test_mail_that_is_in_a_spool_at_the_end_has_phases_until_then() -> None:
    down = [{"kind": "link-down", "link": ["H", "B"], "at": "0 s"}]
    (one,) = check(lab.simulate(from_dict({**ROW, "fault": down}), until=100))
    assert (one.outcome, one.settled_at) == ("queued", None)
    assert one.phases[-1].end == 100


def test_mail_that_comes_while_others_wait_for_a_retry_waits_too() -> None:
    later = [*ROW["mail"], {**ROW["mail"][0], "at": "10 s"}]
    down = [{"kind": "link-down", "link": ["H", "B"], "at": "0 s", "for": "20 s"}]
    _, second = check(lab.simulate(from_dict({**ROW, "mail": later, "fault": down})))
    waits = [phase for phase in second.phases if phase.phase == "retry"]
    assert [phase.host for phase in waits] == ["H"]
    assert "next try at" in waits[0].because


def test_mail_for_a_list_is_followed_to_its_members() -> None:
    hosts = [
        ROW["host"][0],
        {**ROW["host"][1], "list": [{"name": "all", "members": ["bob@B", "ann@A"]}]},
        ROW["host"][2],
    ]
    mail = [{"from": "ann@A", "to": ["all@H"]}]
    everyone = check(lab.simulate(from_dict({**ROW, "host": hosts, "mail": mail})))
    assert [one.recipient for one in everyone] == ["bob@B", "ann@A"]
    assert [one.phases[-1].peer for one in everyone] == ["B", "A"]


def test_a_host_that_stores_mail_slowly_is_why_the_dialogue_takes_so_long() -> None:
    hosts = [*ROW["host"][:2], {**ROW["host"][2], "store": 3}]
    (one,) = check(lab.simulate(from_dict({**ROW, "host": hosts})))
    assert (one.phases[-1].phase, one.phases[-1].peer) == ("dialogue", "B")
    assert one.phases[-1].because.endswith("3 s until the hosts answered")


def test_mail_to_a_user_of_the_same_host_takes_no_time() -> None:
    (one,) = check(lab.simulate(from_dict({**ROW, "mail": [{"from": "ann@A", "to": ["ann@A"]}]})))
    assert one.phases == ()


def test_a_message_that_is_not_there_is_an_error() -> None:
    phases = Phases(lab.simulate(from_dict(ROW)).trace)
    with pytest.raises(ValueError, match="there is no message 9 in this run"):
        phases.of(9)


def test_a_trace_without_the_wire_is_an_error_that_says_so() -> None:
    run = lab.simulate(from_dict(ROW), trace="session")
    with pytest.raises(ValueError, match=r"requires --trace wire; .* with --trace session"):
        Phases(run.trace)


def test_the_phases_of_a_session_go_from_its_opening_to_its_close() -> None:
    run = lab.simulate(from_dict(THREE))
    phases = Phases(run.trace)
    for row in run.trace.of(("close",)):
        of_session = phases.of_session(row[4])
        assert [phase.begin for phase in of_session[1:]] == [p.end for p in of_session[:-1]]
        assert (of_session[0].begin, of_session[-1].end) == (0, round(row[T], 6))
        assert set(names(of_session)) == {"opening", "line", "sending", "dialogue"}
    with pytest.raises(ValueError, match="there is no session 9 in this run"):
        phases.of_session(9)


def test_a_line_carries_one_thing_after_another() -> None:
    run = lab.simulate(from_dict(THREE))
    line = Phases(run.trace).of_line("HUB", "DORM")
    assert all(one.end <= two.begin for one, two in pairwise(line))
    assert [one.message for one in line if "mail data" in one.because] == [1, 2, 3]
    (use,) = [use for use in run.links() if use["host"] == "HUB"]
    assert sum(one.seconds for one in line) == pytest.approx(use["busy_seconds"], abs=1e-4)
