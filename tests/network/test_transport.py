"""How a channel is opened in each environment, and hosts by number (3.6, 4.1.2, appendices A-D)."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.small_topologies import counts, delivered, drops, host, mail, paths, relay, run, wire

from lab.network.transport import TRANSPORTS, Transport

LATENCY = 0.1


def opened(transport: str, **link: Any) -> float:
    """Seconds from the first control message until the receiver-SMTP greets."""
    done = run(
        host("ONE.ARPA", "JOE"), host("TWO.ARPA", "SAM"),
        environment=[{"name": "net", "transport": transport}],
        links=[{"between": ["ONE.ARPA", "TWO.ARPA"], "latency": LATENCY, **link}],
        mail=[mail("JOE@ONE.ARPA", "SAM@TWO.ARPA")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 1}
    (opening,) = [event for event in done.trace if event.kind == "open"]
    greeting = next(event for event in done.trace if event.kind == "reply")
    assert greeting["sent"] == opening.t
    return round(opening.t - opening["started"], 6)


TRIPS = {
    "tcp": 3,         # A: SYN, SYN with ACK, ACK
    "ncp": 5,         # B: RTS, STR, ALL, the socket's number, and back the connections' commands
    "nits": 1,        # C: CONNECT; ACCEPT, and the receiver may speak
    "x25": 1,         # D: CALL REQUEST; the call is accepted, and the receiver may speak
    "tcp-on-x25": 5,  # D: the call made and confirmed; then as A
}  # fmt: skip


@pytest.mark.parametrize("transport", TRIPS)
def test_the_control_messages_before_the_greeting(transport: str) -> None:
    """Appendices A to D: the services differ in what goes to and fro before SMTP's first word; a
    public data network takes its time to switch a call.
    """
    setup = 1.0 if "x25" in transport else 0.0
    assert opened(transport) == round(setup + TRIPS[transport] * LATENCY, 6)


@pytest.mark.parametrize("transport", TRIPS)
def test_control_messages_weigh_what_they_weigh(transport: str) -> None:
    """On a slow line each message takes its bytes' time, and no header is counted twice."""
    bits = 8 * sum(TRANSPORTS[transport].opening)
    at_once = opened(transport)
    slow = opened(transport, bandwidth="9600 bit/s")
    assert slow == pytest.approx(at_once + bits / 9600, abs=1e-6)


def test_whoever_calls_speaks_second_in_all_of_them() -> None:
    """3.5: "At the time the transmission channel is opened" the receiver-SMTP greets."""
    assert all(len(transport.opening) % 2 == 1 for transport in TRANSPORTS.values())


@pytest.mark.parametrize(("transport", "size", "takes"), [
    ("tcp", 1, 41), ("tcp", 536, 576), ("tcp", 537, 617),
    ("x25", 128, 137), ("x25", 129, 147), ("ncp", 1007, 1016),
    # 41 bytes of TCP in one packet; 576 in five; 576 and 41 in five and one
    ("tcp-on-x25", 1, 50), ("tcp-on-x25", 536, 621), ("tcp-on-x25", 537, 671),
    ("tcp-on-x25", 0, 0),
])  # fmt: skip
def test_how_a_stream_is_cut_into_pieces(transport: str, size: int, takes: int) -> None:
    """Appendices A to D: 8-bit bytes in all of them, each with headers of its own."""
    assert TRANSPORTS[transport].on_the_wire(size) == takes


def test_tcp_over_x25_costs_more_than_x25_directly() -> None:
    """Appendix D: "it may be possible to use the X.25 service directly, however, it is suggested
    that a reliable end-to-end protocol such as TCP be used": at the price of headers and handshake.
    """
    for size in (1, 100, 1000, 100_000):
        direct, over = (TRANSPORTS[each].on_the_wire(size) for each in ("x25", "tcp-on-x25"))
        assert over > direct
    assert opened("tcp-on-x25") > opened("x25")
    assert TRANSPORTS["tcp-on-x25"].piece == TRANSPORTS["x25"].piece


def test_the_dialogue_is_the_same_over_each() -> None:
    """2: "SMTP is independent of the particular transmission subsystem"."""
    spoken = []
    for transport in TRIPS:
        done = run(
            host("ONE.ARPA", "JOE"), host("TWO.ARPA", "SAM"),
            environment=[{"name": "net", "transport": transport}],
            mail=[mail("JOE@ONE.ARPA", "SAM@TWO.ARPA")],
        )  # fmt: skip
        spoken.append((wire(done, "TWO.ARPA"), wire(done, "ONE.ARPA", "reply")))
    assert all(each == spoken[0] for each in spoken)


def test_a_message_of_a_service_under_another_is_no_longer() -> None:
    """A service's own pieces are what a line has to carry at once."""
    under = Transport("u", (1,), 10, 2)
    assert Transport("o", (1,), 100, 5, under=under).piece == 12


# -- hosts by number: "#123" and "[1.2.3.4]" (4.1.2, <element>)


NUMBERS = ["#123", "[10.0.0.73]", "#7.ARPA", "HOST.[192.0.2.1]"]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_host_may_go_by_a_number(name: str) -> None:
    """4.1.2 <element> ::= <name> | "#" <number> | "[" <dotnum> "]": in HELO, 220, paths and stamps,
    as a relay and as the end.
    """
    done = run(
        host("ONE.ARPA", "JOE"), relay(name, "BOB"), host("TWO.ARPA", "SAM"),
        mail=[mail("JOE@ONE.ARPA", f"BOB@{name}", f"@{name}:SAM@TWO.ARPA")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 2}
    assert wire(done, "ONE.ARPA", "reply")[0].startswith(f"220 {name} ")
    assert wire(done, "TWO.ARPA")[0] == f"HELO {name}"
    assert paths(done, "TWO.ARPA") == [
        f"MAIL FROM:<@{name}:JOE@ONE.ARPA>",
        "RCPT TO:<SAM@TWO.ARPA>",
    ]
    (text,) = delivered(done, "SAM")
    assert f"Received: from {name} by TWO.ARPA ; " in text
    assert f"Received: from ONE.ARPA by {name} ; " in text


def test_a_number_may_be_a_hosts_other_name() -> None:
    """3.6 and 4.1.2: a gateway known by a name on one side and by a number on the other."""
    gateway = relay("GATE.ARPA", names={"net": "[10.0.0.1]"})
    done = run(
        host("ONE.ARPA", "JOE"), gateway, host("#2", "SAM"),
        environment=[{"name": "arpanet"}, {"name": "net", "transport": "nits"}],
        links=[
            {"between": ["ONE.ARPA", "GATE.ARPA"]},
            {"between": ["GATE.ARPA", "#2"], "environment": "net"},
        ],
        mail=[mail("JOE@ONE.ARPA", "SAM@#2"), mail("SAM@#2", "@[10.0.0.1]:JOE@ONE.ARPA")],
    )  # fmt: skip
    assert sorted(drops(done)) == [("#2", "SAM"), ("ONE.ARPA", "JOE")]
    assert wire(done, "#2")[:2] == ["HELO [10.0.0.1]", "MAIL FROM:<@[10.0.0.1]:JOE@ONE.ARPA>"]
    assert wire(done, "ONE.ARPA")[:2] == ["HELO GATE.ARPA", "MAIL FROM:<@GATE.ARPA:SAM@#2>"]


def test_a_number_takes_a_mail_drop_and_an_override(tmp_path: Any) -> None:
    """What a file names, `--set` and the artefacts can name."""
    from lab.topology.model import from_dict

    tables = {
        "host": [host("#123", "JOE"), host("[1.2.3.4]", "SAM")],
        "link": [{"between": ["#123", "[1.2.3.4]"]}],
        "mail": [mail("JOE@#123", "SAM@[1.2.3.4]")],
    }
    from_dict(tables, sets=["host.#123.relay=true", "host.[1.2.3.4].relay=true"])
    done = run(*tables["host"], mail=tables["mail"])
    done.save(tmp_path)
    (file,) = (tmp_path / "mail").glob("*1.2.3.4*/SAM/new/*")
    assert file.read_bytes().startswith(b"Return-Path: <JOE@#123>\r\n")
