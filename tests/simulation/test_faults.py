"""What goes wrong, and what becomes of the mail: each kind of fault, told as a story."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

import lab
from lab.topology.model import from_dict

BASE: dict[str, Any] = {
    "title": "a relay between two users",
    "host": [
        {"name": "A.ARPA", "users": ["joe"]},
        {"name": "R.ARPA", "relay": True, "store": "1 s"},
        {"name": "B.ARPA", "users": ["sam"], "store": "1 s"},
    ],
    "link": [
        {"between": ["A.ARPA", "R.ARPA"], "latency": "50 ms"},
        {"between": ["R.ARPA", "B.ARPA"], "latency": "50 ms"},
    ],
    "mail": [{"from": "joe@A.ARPA", "to": ["sam@B.ARPA"], "text": "hello"}],
    "retry": {"first": "10 s", "give_up": "1 h"},
}
FIRST, SECOND = ["A.ARPA", "R.ARPA"], ["R.ARPA", "B.ARPA"]


def run(*faults: dict[str, Any], **changes: Any) -> lab.Run:
    return lab.simulate(from_dict({**BASE, "fault": list(faults), **changes}))


def outcome(done: lab.Run) -> dict[str, int]:
    names = ("delivered", "returned", "lost", "duplicates", "sessions")
    return {name: done.summary[name] for name in names}


def kinds(done: lab.Run, *wanted: str) -> list[tuple[float, str, str]]:
    return [(round(e.t, 3), e.kind, e.host) for e in done.trace if e.kind in wanted]


def test_without_a_fault_mail_crosses_two_sessions() -> None:
    """The control for all that follows."""
    assert outcome(run()) == {
        "delivered": 1, "returned": 0, "lost": 0, "duplicates": 0, "sessions": 2,
    }  # fmt: skip


def test_a_link_that_is_down_refuses_channels_until_it_is_up() -> None:
    """link-down: no channel opens; the spool tries again after 10, then 20, then 40 seconds."""
    done = run({"kind": "link-down", "link": SECOND, "at": "0 s", "for": "60 s"})
    assert outcome(done)["delivered"] == 1
    told = kinds(done, "attempt", "unreachable")
    tries = [t for t, kind, host in told if kind == "attempt" and host == "R.ARPA"]
    assert [round(b - a, 3) for a, b in pairwise(tries)] == [10, 20, 40]
    assert sum(kind == "unreachable" for _, kind, _ in told) == 3


@pytest.mark.rule("4.1.1-19")
def test_a_link_that_goes_down_cuts_the_sessions_on_it() -> None:
    """4.1.1, QUIT: a channel lost is a temporary error to the sender, an RSET to the receiver."""
    done = run({"kind": "link-down", "link": SECOND, "at": "2 s", "for": "5 s"})
    closes = [event["reason"] for event in done.trace if event.kind == "close"]
    assert any(reason.startswith("cut: the link") for reason in closes)
    assert outcome(done) == {
        "delivered": 1, "returned": 0, "lost": 0, "duplicates": 0, "sessions": 3,
    }  # fmt: skip


@pytest.mark.rule("4.1.1-12")
def test_a_crash_loses_what_was_not_stored_and_no_more() -> None:
    """A crash before the mail is stored: no 250 was said, so it is sent again, and arrives once."""
    done = run({"kind": "crash", "host": "R.ARPA", "at": "1 s", "for": "5 s"})
    assert outcome(done) == {
        "delivered": 1, "returned": 0, "lost": 0, "duplicates": 0, "sessions": 3,
    }  # fmt: skip


@pytest.mark.rule("4.1.1-12")
def test_a_crash_spares_the_spool() -> None:
    """What the spool has stored survives: the relay goes on with it when it runs again."""
    done = run({"kind": "crash", "host": "R.ARPA", "at": "1.9 s", "for": "30 s"})
    assert outcome(done)["delivered"] == 1
    (delivery,) = [event for event in done.trace if event.kind == "deliver"]
    assert 31.9 < delivery.t < 35


@pytest.mark.parametrize("after", [".", "250"])
def test_a_250_that_is_lost_makes_a_duplicate_only_after_the_final_dot(after: str) -> None:
    """RFC 1047: stored, but the 250 lost: the mail comes again; a lost HELO reply does no harm."""
    done = run({"kind": "hang-up", "link": SECOND, "after": after})
    assert outcome(done)["duplicates"] == (1 if after == "." else 0)
    assert outcome(done)["delivered"] == 1


@pytest.mark.parametrize("after", ["HELO", "MAIL", "RCPT", "DATA", "354", "10 B", "100 B", "1 B"])
@pytest.mark.rule("4.1.1-20")
def test_a_hang_up_anywhere_before_the_final_dot_makes_no_duplicate(after: str) -> None:
    """The channel is cut once at its place; the mail goes in the next session."""
    done = run({"kind": "hang-up", "link": FIRST, "after": after})
    assert outcome(done) == {
        "delivered": 1, "returned": 0, "lost": 0, "duplicates": 0, "sessions": 3,
    }  # fmt: skip
    assert f"cut: after {after}" in [e["reason"] for e in done.trace if e.kind == "close"]


@pytest.mark.parametrize(
    "time", [{"at": "0.5 s"}, {"when": {"host": "R.ARPA", "event": "reply", "code": 354}}]
)
def test_a_hang_up_after_nothing_cuts_what_is_open_at_once(time: dict[str, Any]) -> None:
    """The channel is cut when the fault strikes; the next session between the two is whole."""
    done = run({"kind": "hang-up", "link": FIRST, **time})
    assert outcome(done) == {
        "delivered": 1, "returned": 0, "lost": 0, "duplicates": 0, "sessions": 3,
    }  # fmt: skip
    (strike,) = [event.t for event in done.trace if event.kind == "fault"]
    cuts = [e.t for e in done.trace if e.kind == "close" and e["reason"].startswith("cut")]
    assert cuts == [strike]


def test_a_careless_host_loses_mail_in_a_crash_and_the_account_says_so() -> None:
    """250 before the mail is stored is a promise that a crash breaks."""
    hosts = [dict(BASE["host"][0]), {**BASE["host"][1], "careless": True}, dict(BASE["host"][2])]
    done = run({"kind": "crash", "host": "R.ARPA", "at": "1 s", "for": "1 s"}, host=hosts)
    assert outcome(done)["lost"] == 1
    assert kinds(done, "forget") == [(1.0, "forget", "R.ARPA")]
    assert outcome(run(host=hosts))["lost"] == 0


def test_a_partition_keeps_its_groups_apart_until_it_heals() -> None:
    """Hosts of different groups cannot reach each other; hosts of one group can."""
    groups = [["A.ARPA"], SECOND]
    done = run({"kind": "partition", "groups": groups, "at": "0 s", "for": "25 s"})
    assert outcome(done)["delivered"] == 1
    assert {event["reason"] for event in done.trace if event.kind == "unreachable"} == {
        "the network is partitioned"
    }


@pytest.mark.parametrize(
    ("kind", "host", "reply"),
    [
        ("busy", "B.ARPA", b"450 "),
        ("storage-full", "B.ARPA", b"452 "),
        ("refuse", "R.ARPA", b"421 "),
    ],
)
@pytest.mark.rule("4.2.1-4")
def test_a_host_in_trouble_says_so_and_the_mail_waits(kind: str, host: str, reply: bytes) -> None:
    """450 at RCPT, 452 at MAIL, 421 in place of the greeting: all temporary (appendix E)."""
    done = run({"kind": kind, "host": host, "for": "15 s"})
    assert outcome(done)["delivered"] == 1
    assert any(e.kind == "reply" and e["octets"].startswith(reply) for e in done.trace)
    assert kinds(done, "defer")


@pytest.mark.rule("4.2.1-4")
def test_storage_that_runs_out_within_a_transaction_is_452_after_the_data() -> None:
    """4.2.1: a failure for now, also after the data: the mail is tried again and delivered."""
    when = {"host": "B.ARPA", "event": "reply", "code": 354}
    done = run({"kind": "storage-full", "host": "B.ARPA", "when": when, "for": "1 min"})
    assert outcome(done)["delivered"] == 1
    reasons = {event["reason"] for event in done.trace if event.kind == "defer"}
    assert reasons == {"452 Insufficient system storage"}
    assert not kinds(done, "notify")


def test_a_fault_waits_for_the_event_that_it_names() -> None:
    """when: struck right after the receiver-SMTP of B answered 354."""
    when = {"host": "B.ARPA", "event": "reply", "code": 354}
    done = run({"kind": "link-down", "link": SECOND, "when": when, "for": "20 s"})
    (struck,) = [e.t for e in done.trace if e.kind == "fault" and e["on"]]
    reply_times = [e["sent"] for e in done.trace if e.kind == "reply" and e.peer == "B.ARPA"]
    assert round(struck, 6) in [round(t, 6) for t in [*reply_times, struck]]
    assert outcome(done)["delivered"] == 1


def test_a_latency_that_changes_never_reorders() -> None:
    """What was sent on the slow link arrives before what was sent after it became fast."""
    done = run(
        {"kind": "latency", "link": SECOND, "value": "5 s", "at": "0 s", "for": "20 s"},
        mail=BASE["mail"] * 3,
    )
    assert outcome(done)["delivered"] == 3
    for host in ("R.ARPA", "B.ARPA"):
        wire = [e for e in done.trace if e.kind in ("command", "data", "reply") and e.host == host]
        for session in {e.session for e in wire}:
            sent = [e["sent"] for e in wire if e.session == session]
            assert sent == sorted(sent)


def test_loss_delays_and_loses_nothing() -> None:
    """A channel is reliable: lost segments are sent again."""
    done = run({"kind": "loss", "link": SECOND, "value": 0.5, "for": "100 s"})
    assert outcome(done)["delivered"] == 1
    assert kinds(done, "loss")


@pytest.mark.rule("4.1.1-10", "4.1.2-12")
def test_a_skewed_clock_shows_in_the_time_stamp_line() -> None:
    """clock-skew: the host's own time stamp is off, the others are not."""
    done = run({"kind": "clock-skew", "host": "R.ARPA", "value": "-5 min"})
    (mail,) = [e["octets"].decode() for e in done.trace if e.kind == "deliver"]
    assert "by R.ARPA ; 31 Jul 82 23:55:01 UT" in mail
    assert "by B.ARPA ; 1 Aug 82 00:00:0" in mail


def test_faults_at_a_rate_come_from_the_seed() -> None:
    """rate: the same seed strikes at the same times; the run ends when the mail is settled."""
    fault = {"kind": "host-down", "host": "B.ARPA", "rate": "60 /min", "for": "1 s"}
    topology = from_dict({**BASE, "fault": [fault]})
    first, again, other = (lab.simulate(topology, seed) for seed in (1, 1, 2))
    assert first.digest == again.digest != other.digest
    assert outcome(first)["delivered"] == 1
    assert kinds(first, "fault")


@pytest.mark.rule("3.6-7")
def test_a_host_that_is_gone_for_good_returns_the_mail() -> None:
    """After give_up the originator gets a notification that says why."""
    done = run({"kind": "host-down", "host": "B.ARPA"})
    assert outcome(done)["returned"] == 1
    notice = [e["octets"].decode() for e in done.trace if e.kind == "deliver"][-1]
    assert "B.ARPA could not be reached" in notice
    assert "B.ARPA is down" in notice


def test_mail_goes_round_a_relay_that_is_gone() -> None:
    """Another next hop is taken where the topology has one."""
    hosts = [*BASE["host"], {"name": "S.ARPA", "relay": True}]
    links = [*BASE["link"], {"between": ["A.ARPA", "S.ARPA"], "latency": "1 s"}]
    links += [{"between": ["S.ARPA", "B.ARPA"], "latency": "1 s"}]
    done = run({"kind": "host-down", "host": "R.ARPA"}, host=hosts, link=links)
    assert outcome(done)["delivered"] == 1
    assert [e.peer for e in done.trace if e.kind == "open"] == ["S.ARPA", "B.ARPA"]


def test_a_user_hands_mail_over_when_the_host_runs_again() -> None:
    """Nobody can give mail to a host that is down; it is submitted when it is up."""
    done = run({"kind": "host-down", "host": "A.ARPA", "for": "30 s"})
    (submitted,) = [e.t for e in done.trace if e.kind == "submit"]
    assert submitted == 30
    assert outcome(done)["delivered"] == 1


@pytest.mark.rule("3.6-11", "4.2.1-6")
def test_mail_in_a_circle_ends_and_is_returned() -> None:
    """Two forwards at each other: a limit on time stamp lines breaks the loop (554)."""
    hosts = [
        {"name": "A.ARPA", "users": ["joe"]},
        {"name": "R.ARPA", "relay": True, "forward": [{"user": "sam", "to": "sam@B.ARPA"}]},
        {"name": "B.ARPA", "relay": True, "forward": [{"user": "sam", "to": "sam@R.ARPA"}]},
    ]
    done = run(host=hosts, mail=[{"from": "joe@A.ARPA", "to": ["sam@R.ARPA"], "text": "round"}])
    assert outcome(done)["returned"] == 1
    assert any(e.kind == "reply" and e["octets"].startswith(b"554 ") for e in done.trace)


def test_a_fault_upon_a_glob_strikes_another_host_or_link_each_time() -> None:
    """Which it is is drawn from the seed; the trace names it, and the same one is mended."""
    files = {
        "generate": {"kind": "watts_strogatz_graph", "n": 20, "k": 4, "p": 0.1},
        "traffic": [{"count": 200, "rate": "60 /min"}],
        "fault": [
            {"kind": "link-down", "link": ["*", "*"], "rate": "30 /min", "for": "20 s"},
            {"kind": "crash", "host": "h1?", "rate": "5 /min", "for": "10 s"},
        ],
        "retry": {"first": "10 s"},
    }
    done = lab.simulate(from_dict(files, seed=1), seed=1)
    struck = [(e["name"], e.host, e.peer) for e in done.trace if e.kind == "fault" and e["on"]]
    mended = [(e["name"], e.host, e.peer) for e in done.trace if e.kind == "fault" and not e["on"]]
    links = {frozenset((link.a, link.b)) for link in done.topology.links}
    downs = {frozenset((host, peer)) for name, host, peer in struck if name == "link-down"}
    crashed = {host for name, host, _ in struck if name == "crash"}
    assert len(downs) > 5
    assert downs <= links
    assert len(crashed) > 2
    assert all(host.startswith("H1") and len(host) == 3 for host in crashed)
    assert not Counter(mended) - Counter(struck)
    assert done.digest == lab.simulate(from_dict(files, seed=1), seed=1).digest


def wandering(links: list[str], *faults: dict[str, Any], to: str = "D") -> tuple[str, lab.Run]:
    """The hosts by which mail of A came to D, over links such as "AB"; and the run."""
    names = sorted(set("".join(links)))
    files = {
        "host": [{"name": f"{name}.ARPA", "relay": True, "users": ["user"]} for name in names],
        "link": [{"between": [f"{a}.ARPA", f"{b}.ARPA"]} for a, b in links],
        "mail": [{"from": "user@A.ARPA", "to": f"user@{to}.ARPA", "text": "round"}],
        "fault": list(faults),
        "retry": {"first": "10 min"},
    }
    done = lab.simulate(from_dict(files))
    ways = [(e.host[0], e.peer[0]) for e in done.trace if e.kind == "transfer"]
    return "".join(here for here, _ in ways) + ways[-1][1], done


def test_mail_goes_another_way_where_the_link_to_its_destination_is_down() -> None:
    """The destination runs, so a relay may have a way to it."""
    down = {"kind": "link-down", "link": ["A.ARPA", "D.ARPA"], "for": "1 h"}
    way, done = wandering(["AD", "AR", "RD"], down)
    assert way == "ARD"
    assert done.summary["simulated_seconds"] < 10


def test_mail_for_a_host_that_is_down_waits_and_does_not_wander() -> None:
    """Its neighbours could do no more for it."""
    down = {"kind": "host-down", "host": "D.ARPA", "for": "1 h"}
    way, done = wandering(["AD", "AR", "RD", "RS", "SD"], down)
    assert way == "AD"
    assert done.summary["delivered"] == 1


def test_mail_that_goes_round_a_link_that_is_down_is_not_sent_back() -> None:
    """The host on the other way knows from the reverse-path where mail has been: no ping-pong."""
    down = {"kind": "link-down", "link": ["B.ARPA", "D.ARPA"], "for": "1 h"}
    # from C the shortest way to D leads back over B
    way, done = wandering(["AB", "BD", "BC", "CE", "EF", "FD"], down)
    assert way == "ABCEFD"
    assert done.summary["simulated_seconds"] < 10


def test_no_detour_is_so_long_that_mail_is_refused_for_it() -> None:
    """Mail wanders through a net that is cut off from its destination, waits there, and arrives."""
    ring = [a + b for a, b in pairwise("ABCEFGHIJKLMNOPQRSTUVWXYZabcdef")]
    spokes = [f"{host}D" for host in "ABCEFGHIJKLMNOPQRSTUVWXYZabcdef"]
    others = [[f"{host}.ARPA"] for host in "D"]
    rest = [f"{host}.ARPA" for host in "ABCEFGHIJKLMNOPQRSTUVWXYZ"]
    cut = {"kind": "partition", "groups": [rest, *others], "for": "1 h"}
    _, done = wandering([*ring[:24], *spokes[:25]], cut)
    assert done.summary["delivered"] == 1
