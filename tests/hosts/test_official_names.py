"""Only official names cross a channel: those of its environment (sections 3.6 and 3.7)."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.host_by_hand import by_hand, path
from helpers.small_topologies import counts, host, mail, paths, relay, run, wire

import lab
from lab.hosts.destination import MOST_KEPT

ENVIRONMENTS = [
    {"name": "arpanet"}, {"name": "csnet", "transport": "x25"}, {"name": "janet"},
]  # fmt: skip
GATE = relay("GATE.ARPA", "Kim", names={"csnet": "GATEWAY", "janet": "UK.GATE"})
LINKS = [
    {"between": ["ONE.ARPA", "GATE.ARPA"]},
    {"between": ["GATE.ARPA", "UDEL"], "environment": "csnet"},
]


def story(*to: str, gate: dict[str, Any] | None = None, **options: Any) -> lab.Run:
    """Mail from JOE at ONE.ARPA, which is linked to the gateway, to the CSNET and beyond."""
    return run(
        host("ONE.ARPA", "JOE"), gate or GATE, host("UDEL", "ann"), environment=ENVIRONMENTS,
        links=LINKS, mail=[mail("JOE@ONE.ARPA", *to)], **options,
    )  # fmt: skip


@pytest.mark.parametrize(("written", "sent", "sent_on"), [
    ("Kim@GATEWAY", "Kim@GATE.ARPA", None),
    ("Kim@gateway", "Kim@GATE.ARPA", None),
    ("Kim@UK.GATE", "Kim@GATE.ARPA", None),
    ("Kim@gate.arpa", "Kim@gate.arpa", None),           # case is no other name
    ("@gateway:ann@UDEL", "@GATE.ARPA:ann@UDEL", "ann@UDEL"),
    ("@GATEWAY,@udel:ann@Udel", "@GATE.ARPA,@udel:ann@Udel", "@udel:ann@Udel"),
    ("ann@UDEL", "ann@UDEL", "ann@UDEL"),
])  # fmt: skip
@pytest.mark.rule("3.7-3")
def test_an_alias_is_replaced_by_the_official_name(
    written: str, sent: str, sent_on: str | None
) -> None:
    """3.7: "only the official names are used, the use of nicknames or aliases is not allowed"."""
    done = story(written)
    assert paths(done, "GATE.ARPA") == ["MAIL FROM:<JOE@ONE.ARPA>", f"RCPT TO:<{sent}>"]
    after = ["MAIL FROM:<@GATEWAY:JOE@ONE.ARPA>", f"RCPT TO:<{sent_on}>"]
    assert paths(done, "UDEL") == (after if sent_on else [])
    assert counts(done) == {"delivered": 1}
    assert done.summary["recipients"][0]["recipient"] == written.rpartition(":")[2]
    assert done.breaches == []


@pytest.mark.rule("3.7-3")
def test_each_host_of_a_route_is_named_as_where_it_is_sent_to() -> None:
    """3.6: the second host of the route is in another environment than the first channel."""
    two = relay("TWO", names={"csnet": "TWO.CS", "janet": "TWO.UK"})
    links = [*LINKS[:1], {"between": ["GATE.ARPA", "TWO"], "environment": "csnet"},
             {"between": ["TWO", "END"], "environment": "janet"}]  # fmt: skip
    end = host("END", "bob", names={"janet": "END.UK"})
    done = run(
        host("ONE.ARPA", "JOE"), GATE, two, end, environment=ENVIRONMENTS, links=links,
        mail=[mail("JOE@ONE.ARPA", "@UK.GATE,@TWO.UK:bob@END")],
    )  # fmt: skip
    assert paths(done, "GATE.ARPA")[1] == "RCPT TO:<@GATE.ARPA,@TWO.CS:bob@END.UK>"
    assert paths(done, "TWO") == [
        "MAIL FROM:<@GATEWAY:JOE@ONE.ARPA>", "RCPT TO:<@TWO.CS:bob@END.UK>",
    ]  # fmt: skip
    assert paths(done, "END") == [
        "MAIL FROM:<@TWO.UK,@GATEWAY:JOE@ONE.ARPA>", "RCPT TO:<bob@END.UK>",
    ]  # fmt: skip
    assert done.breaches == []


def test_a_name_that_nobody_has_is_refused() -> None:
    """3.7: by the user's own host; and by a host that is sent such a path."""
    done = story("Kim@NICKNAME", "@NICKNAME:ann@UDEL")
    assert counts(done) == {"rejected": 2}
    reasons = [event["reason"] for event in done.trace if event.kind == "reject"]
    assert reasons == ["550 No host NICKNAME is known here"] * 2
    lines = ["HELO ONE.ARPA", "MAIL FROM:<JOE@ONE.ARPA>", "RCPT TO:<Kim@NICKNAME>", "QUIT"]
    done = story("Kim@GATE.ARPA", script=[{"from": "ONE.ARPA", "to": "GATE.ARPA", "lines": lines}])
    assert "550 No host NICKNAME is known here" in wire(done, "ONE.ARPA", "reply")


def test_mail_that_goes_another_way_has_the_names_of_that_environment() -> None:
    """3.6: the link of the ARPANET is down, so the mail goes over the CSNET, by its names."""
    one = host("ONE.ARPA", "JOE", names={"csnet": "ONE-CS"})
    links = [
        {"between": ["ONE.ARPA", "END"]},
        {"between": ["ONE.ARPA", "GATE.ARPA"], "environment": "csnet", "latency": "1 s"},
        {"between": ["GATE.ARPA", "END"], "environment": "janet", "latency": "1 s"},
    ]
    done = run(
        one, GATE, host("END", "bob", names={"janet": "END.UK", "csnet": "END-CS"}),
        environment=ENVIRONMENTS, links=links, mail=[mail("JOE@ONE.ARPA", "bob@END.UK")],
        fault=[{"kind": "link-down", "link": ["ONE.ARPA", "END"], "at": 0}],
    )  # fmt: skip
    assert paths(done, "GATE.ARPA") == ["MAIL FROM:<JOE@ONE-CS>", "RCPT TO:<bob@END-CS>"]
    assert paths(done, "END") == ["MAIL FROM:<@UK.GATE:JOE@ONE-CS>", "RCPT TO:<bob@END.UK>"]
    assert counts(done) == {"delivered": 1}
    assert done.breaches == []


def test_replies_tell_official_names_of_the_environment() -> None:
    """3.2, 3.3 and 3.7: paths in 251, 551 and EXPN are those that the other side can use."""
    gate = GATE | {
        "forward": [{"user": "here", "to": "Kim@UK.GATE"},
                    {"user": "gone", "to": "ann@UDEL-CS", "mode": "refer"}],
        "list": [{"name": "all", "members": ["Kim Lee <Kim@GATEWAY>", "ann@udel-cs"]}],
    }  # fmt: skip
    lines = ["HELO ONE.ARPA", "EXPN all", "VRFY gone", "MAIL FROM:<JOE@ONE.ARPA>",
             "RCPT TO:<here@GATE.ARPA>", "RCPT TO:<gone@GATE.ARPA>", "QUIT"]  # fmt: skip
    done = run(
        host("ONE.ARPA", "JOE"), gate, host("UDEL", "ann", names={"csnet": "UDEL-CS"}),
        environment=ENVIRONMENTS, links=LINKS, mail=[],
        script=[{"from": "ONE.ARPA", "to": "GATE.ARPA", "lines": lines}],
    )  # fmt: skip
    replies = wire(done, "ONE.ARPA", "reply")
    assert replies[2] == "250-Kim Lee <Kim@GATE.ARPA>\r\n250 <ann@UDEL>"
    assert replies[3] == replies[6] == "551 User not local; please try <ann@UDEL>"
    assert replies[5] == "251 User not local; will forward to <Kim@GATE.ARPA>"


def test_a_forward_by_an_alias_is_learned_for_the_name_that_was_written() -> None:
    """3.2: the second letter to the alias goes straight to the new path."""
    gate = GATE | {"forward": [{"user": "gone", "to": "ann@UDEL"}]}
    one = host("ONE.ARPA", "JOE", on_251="learn")
    letters = [{**mail("JOE@ONE.ARPA", "gone@GATEWAY"), "at": at} for at in (0, 60)]
    done = run(
        one, gate, host("UDEL", "ann"), environment=ENVIRONMENTS,
        links=LINKS, mail=letters,
    )  # fmt: skip
    assert [line for line in paths(done, "GATE.ARPA") if line[:4] == "RCPT"] == [
        "RCPT TO:<gone@GATE.ARPA>", "RCPT TO:<ann@UDEL>",
    ]  # fmt: skip


def test_a_path_that_grows_too_long_by_official_names_is_not_sent() -> None:
    """4.5.3: 256 characters; the recipient fails, and the other gets the mail."""
    long = f"GATE.{'A' * 40}.ARPA"
    links = [{"between": ["ONE.ARPA", long]}, {"between": [long, "UDEL"], "environment": "csnet"}]
    route = f"@GW,@UDEL,@{'B' * 64},@{'C' * 64}:{'x' * 64}@UDEL"
    done = run(
        host("ONE.ARPA", "JOE"), relay(long, "Kim", names={"csnet": "GW"}), host("UDEL"),
        environment=ENVIRONMENTS, links=links, mail=[mail("JOE@ONE.ARPA", route, "Kim@GW")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 1, "returned": 1}
    assert paths(done, long)[1:] == [f"RCPT TO:<Kim@{long}>"]


def test_mail_is_not_sent_at_all_if_all_paths_grow_too_long() -> None:
    long = f"GATE.{'A' * 40}.ARPA"
    links = [{"between": ["ONE.ARPA", long]}, {"between": [long, "UDEL"], "environment": "csnet"}]
    route = f"@GW,@UDEL,@{'B' * 64},@{'C' * 64}:{'x' * 64}@UDEL"
    done = run(
        host("ONE.ARPA", "JOE"), relay(long, "Kim", names={"csnet": "GW"}), host("UDEL"),
        environment=ENVIRONMENTS, links=links, mail=[mail("JOE@ONE.ARPA", route)],
    )  # fmt: skip
    assert counts(done) == {"returned": 1}
    assert paths(done, long) == []


def test_official_names_are_kept_for_a_bounded_number_of_paths() -> None:
    """Short paths alone; a peer could fill the memory with others."""
    made = by_hand("bob")
    made.routes.aliases = {"C": {"csnet": "C-GATE"}}
    destinations = made.destinations
    long = path(f"{'x' * 600}@C")
    assert destinations.official(long, "arpanet").text == long.text
    assert destinations.official(long, "arpanet").text == long.text
    for number in range(MOST_KEPT + 1):
        destinations.official(path(f"u{number}@C"), "arpanet")
    again = destinations.official(path("u1@C"), "arpanet")
    assert again.text == "<u1@C>"
