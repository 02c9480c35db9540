"""Final delivery: lists, forwards, redirects, mailboxes that take no mail, and what goes back."""

from __future__ import annotations

import re

import pytest
from helpers.small_topologies import (
    chain,
    counts,
    delivered,
    drops,
    host,
    mail,
    paths,
    relay,
    run,
    wire,
)

import lab
from lab.simulation.simulation import Simulation
from lab.topology.model import from_dict

JOE = host("ONE.ARPA", "JOE")


def busy(name: str, mailbox: str) -> dict[str, object]:
    return {"name": name, "mailbox": mailbox}


# -- notifications


@pytest.mark.rule("2-3", "3.6-6", "3.6-7", "3.6-13", "3.6-14")
def test_the_notification_of_example_7() -> None:
    """3.6, example 7: from the server-SMTP of the host that found it could not deliver, with a null
    reverse-path, along the reverse-path of the mail.
    """
    hosts = (
        host("HOSTW.ARPA", "JOE"),
        relay("HOSTX.ARPA"),
        relay("HOSTY.ARPA"),
        host("HOSTZ.ARPA", "ALEX"),
    )
    done = run(
        *hosts, start="1981-10-23T11:22:31Z",
        mail=[mail("JOE@HOSTW.ARPA", "@HOSTX.ARPA,@HOSTY.ARPA:SAM@HOSTZ.ARPA")],
    )  # fmt: skip
    assert paths(done, "HOSTX.ARPA")[2:] == [
        "MAIL FROM:<>",
        "RCPT TO:<@HOSTX.ARPA:JOE@HOSTW.ARPA>",
    ]
    # "it is permissible to leave the reverse-path null"
    assert paths(done, "HOSTW.ARPA") == ["MAIL FROM:<>", "RCPT TO:<JOE@HOSTW.ARPA>"]
    (text,) = delivered(done, "JOE")
    trace, _, memo = text.partition("Date: ")
    assert re.fullmatch(
        r"Return-Path: <>\n"
        r"Received: from HOSTX\.ARPA by HOSTW\.ARPA ; .*\n"
        r"Received: from HOSTY\.ARPA by HOSTX\.ARPA ; .*\n",
        trace,
    )
    assert memo.partition("\n")[2] == (
        "From: SMTP@HOSTY.ARPA\n"
        "To: JOE@HOSTW.ARPA\n"
        "Subject: Mail System Problem\n"
        "\n"
        "  Sorry JOE, your message to SAM@HOSTZ.ARPA lost.\n"
        "  HOSTZ.ARPA said this:\n"
        '   "550 No such user here"\n'
    )
    assert counts(done) == {"returned": 1}


@pytest.mark.rule("3.6-9")
def test_a_refusal_at_the_first_hop_comes_back_without_a_session() -> None:
    """3.6: the sender's own host tells its user; there is nobody to send it to."""
    done = run(JOE, host("TWO.ARPA", "BOB"), mail=[mail("JOE@ONE.ARPA", "NOBODY@TWO.ARPA")])
    assert done.summary["sessions"] == 1
    (text,) = delivered(done, "JOE")
    assert text.startswith("Return-Path: <>\n")
    assert '  TWO.ARPA said this:\n   "550 No such user here"\n' in text


@pytest.mark.rule("3.1-8")
def test_one_notification_tells_of_all_who_were_refused() -> None:
    """3.6 and 3.1: partial success; the rest are told of in one notification each host."""
    done = run(
        JOE, host("TWO.ARPA", "BOB"),
        mail=[mail("JOE@ONE.ARPA", "A@TWO.ARPA", "BOB@TWO.ARPA", "C@TWO.ARPA")],
    )  # fmt: skip
    (text,) = delivered(done, "JOE")
    assert text.index("A@TWO.ARPA lost") < text.index("C@TWO.ARPA lost")
    assert "BOB@TWO.ARPA lost" not in text
    assert counts(done) == {"delivered": 1, "returned": 2}


@pytest.mark.rule("3.6-8")
def test_none_about_a_notification() -> None:
    """3.6: "server-SMTPs should not send notification messages about problems with notification
    messages".
    """
    one = host("ONE.ARPA", busy("JOE", "full-after-data"))
    done = run(one, relay("TWO.ARPA"), host("Z"), mail=[mail("JOE@ONE.ARPA", "NOBODY@Z")])
    assert [event.kind for event in done.trace if event.kind in ("notify", "abandon")] == [
        "notify",
        "abandon",
    ]
    assert drops(done) == []
    assert counts(done) == {"undeliverable_notifications": 1}


@pytest.mark.rule("3.6-8")
def test_mail_with_a_null_reverse_path_is_never_answered() -> None:
    """3.6: a null reverse-path is how a notification is known."""
    lines = [
        "HELO ONE.ARPA",
        "MAIL FROM:<>",
        "RCPT TO:<@TWO.ARPA:NOBODY@Z>",
        "DATA",
        "Hi",
        ".",
        "QUIT",
    ]
    script = [{"at": 0, "from": "ONE.ARPA", "to": "TWO.ARPA", "lines": lines}]
    done = run(JOE, relay("TWO.ARPA"), host("Z"), mail=[], script=script)
    assert paths(done, "Z") == ["MAIL FROM:<>", "RCPT TO:<NOBODY@Z>"]
    assert not any(event.kind == "notify" for event in done.trace)
    assert counts(done) == {"undeliverable_notifications": 1}


@pytest.mark.rule("3.6-8")
def test_a_notification_to_nowhere_is_abandoned() -> None:
    """3.6: where the reverse-path leads to no host that is known, no more is said."""
    lines = ["HELO ONE.ARPA", "MAIL FROM:<x@NOWHERE.ARPA>", "RCPT TO:<all@TWO.ARPA>", "DATA", "Hi",
             ".", "QUIT"]  # fmt: skip
    script = [{"at": 0, "from": "ONE.ARPA", "to": "TWO.ARPA", "lines": lines}]
    done = run(JOE, host("TWO.ARPA", "B", list=lists(all=["GONE@TWO.ARPA", "B@TWO.ARPA"])),
               mail=[], script=script)  # fmt: skip
    (left,) = [event for event in done.trace if event.kind == "abandon"]
    assert left["reason"] == "550 No host NOWHERE.ARPA is known here"
    assert counts(done) == {"delivered": 1, "undeliverable_notifications": 1}


# -- lists


def lists(**members: list[str]) -> list[dict[str, object]]:
    return [{"name": name, "members": people} for name, people in members.items()]


@pytest.mark.rule("3.3-7")
def test_a_list_reaches_each_member_once() -> None:
    """3.3: a list stands for its members, from where it is expanded; twice named is once sent."""
    two = relay(
        "TWO.ARPA", "BOB", "CAT",
        list=lists(all=["BOB@TWO.ARPA", "SAM@Z", "BOB@two.arpa", "CAT@TWO.ARPA", "SAM@Z"]),
    )  # fmt: skip
    done = run(JOE, two, host("Z", "SAM"), mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert sorted(drops(done)) == [("TWO.ARPA", "BOB"), ("TWO.ARPA", "CAT"), ("Z", "SAM")]
    assert paths(done, "Z") == ["MAIL FROM:<@TWO.ARPA:JOE@ONE.ARPA>", "RCPT TO:<SAM@Z>"]
    assert counts(done) == {"delivered": 3}
    assert done.summary["submitted"] == 3
    (expanded,) = [event for event in done.trace if event.kind == "expand"]
    assert [member for member, _ in expanded["members"]] == ["1.1", "1.2", "1.3"]


@pytest.mark.rule("3.3-7")
def test_lists_in_lists_and_a_list_that_contains_itself() -> None:
    """3.3: each list is expanded once, however they name each other."""
    two = host(
        "TWO.ARPA", "BOB", "CAT",
        list=lists(
            all=["BOB@TWO.ARPA", "some@TWO.ARPA", "all@TWO.ARPA"],
            some=["CAT@TWO.ARPA", "BOB@TWO.ARPA", "all@TWO.ARPA"],
        ),
    )  # fmt: skip
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert sorted(drops(done)) == [("TWO.ARPA", "BOB"), ("TWO.ARPA", "CAT")]
    assert counts(done) == {"delivered": 2}


@pytest.mark.rule("3.3-7")
def test_a_list_in_a_list_is_expanded_with_it_at_once() -> None:
    """3.3: the members of both are recipients beside each other, whichever list they are on."""
    both = lists(all=["some@TWO.ARPA", "BOB@TWO.ARPA"], some=["CAT@TWO.ARPA"])
    two = host("TWO.ARPA", "BOB", "CAT", list=both)
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    (expanded,) = [event for event in done.trace if event.kind == "expand"]
    assert list(expanded["members"]) == [("1.1", "CAT@TWO.ARPA"), ("1.2", "BOB@TWO.ARPA")]


@pytest.mark.rule("3.2-2", "3.2-4")
def test_hosts_that_refer_to_each_other_send_nobody_round_in_a_circle() -> None:
    """3.2: a path that was tried already is not tried again; the originator is told."""
    refer = [host(name, forward=[{"user": "BOB", "to": f"BOB@{other}", "mode": "refer"}])
             for name, other in (("TWO.ARPA", "Z"), ("Z", "TWO.ARPA"))]  # fmt: skip
    links = [{"between": ["ONE.ARPA", host["name"]]} for host in refer]
    to = [mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")]
    done = run(host("ONE.ARPA", "JOE"), *refer, links=links, mail=to, until=3600)
    assert paths(done, "TWO.ARPA")[1:] == ["RCPT TO:<BOB@TWO.ARPA>"]
    assert paths(done, "Z")[1:] == ["RCPT TO:<BOB@Z>"]
    assert counts(done) == {"returned": 1}


@pytest.mark.rule("3.6-7", "4.1.2-12")
def test_a_notification_has_the_time_of_its_host_and_all_reasons() -> None:
    """3.6: by the clock of the host that found it out, which may be wrong; each reason once."""
    fail = [
        {"name": "F", "mailbox": "full-after-data"},
        {"name": "G", "mailbox": "full-after-data"},
    ]
    two = relay("TWO.ARPA", "A", *fail, list=lists(none=["none@TWO.ARPA"]))
    fault = {"kind": "clock-skew", "host": "TWO.ARPA", "value": "1 h"}
    to = ["F@TWO.ARPA", "none@TWO.ARPA", "G@TWO.ARPA", "A@TWO.ARPA"]
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", *to)], fault=[fault])
    assert "\nDate: 1 Aug 82 01:00:0" in delivered(done, "JOE")[0]
    (notice,) = [event for event in done.trace if event.kind == "notify"]
    assert notice["reason"] == "552 Mailbox full; 550 No such user here"


@pytest.mark.rule("3.3-7")
def test_a_member_is_one_however_it_is_written() -> None:
    """3.3 and 2: in another case, in quotes, by a route: it is the same mailbox, and once sent."""
    written = ["ANN@TWO.ARPA", '"ann"@two.arpa', "a\\nn@TWO.ARPA", "@ONE.ARPA:ann@TWO.ARPA"]
    two = host("TWO.ARPA", "ann", list=lists(all=["ann@TWO.ARPA", *written]))
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert drops(done) == [("TWO.ARPA", "ann")]
    assert counts(done) == {"delivered": 1}


@pytest.mark.parametrize("to", ["all", "f", "r"])
@pytest.mark.parametrize("member", ["f@TWO.ARPA", "r@TWO.ARPA", "@ONE.ARPA,@TWO.ARPA:all@TWO.ARPA"])
@pytest.mark.rule("3.3-7")
def test_a_list_that_contains_itself_by_a_way_about(to: str, member: str) -> None:
    """3.3 and 3.2: by a forward, or by a route, it is no less itself; nobody is told of a loss."""
    two = relay(
        "TWO.ARPA", "BOB", list=lists(all=["BOB@TWO.ARPA", member]),
        forward=[{"user": "f", "to": "all@TWO.ARPA"},
                 {"user": "r", "to": "f@TWO.ARPA", "mode": "refer"}],
    )  # fmt: skip
    done = run(relay("ONE.ARPA", "JOE"), two, mail=[mail("JOE@ONE.ARPA", f"{to}@TWO.ARPA")])
    assert drops(done) == [("TWO.ARPA", "BOB")]
    assert counts(done) == {"delivered": 1}


@pytest.mark.rule("3.3-7")
def test_a_list_behind_a_forward_is_expanded_with_the_others() -> None:
    """3.2 and 3.3: a member who is forwarded to a list stands for that list, once."""
    two = host(
        "TWO.ARPA", "BOB", "CAT",
        list=lists(all=["f@TWO.ARPA", "some@TWO.ARPA", "BOB@TWO.ARPA"],
                   some=["CAT@TWO.ARPA", "all@TWO.ARPA"]),
        forward=[{"user": "f", "to": "some@TWO.ARPA"}],
    )  # fmt: skip
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert sorted(drops(done)) == [("TWO.ARPA", "BOB"), ("TWO.ARPA", "CAT")]
    assert counts(done) == {"delivered": 2}


@pytest.mark.rule("3.3-7")
def test_a_member_who_is_another_by_a_forward_is_one_member() -> None:
    """3.2 and 3.3: f and g are BOB here, h and i are SAM elsewhere: two people, two copies."""
    two = host(
        "TWO.ARPA", "BOB",
        list=lists(all=["f@TWO.ARPA", "BOB@TWO.ARPA", "g@TWO.ARPA", "h@TWO.ARPA", "i@TWO.ARPA"]),
        forward=[{"user": "f", "to": "BOB@TWO.ARPA"}, {"user": "g", "to": "f@TWO.ARPA"},
                 {"user": "h", "to": "SAM@Z"}, {"user": "i", "to": "@Z:SAM@z"}],
    )  # fmt: skip
    done = run(JOE, two, host("Z", "SAM"), mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert sorted(drops(done)) == [("TWO.ARPA", "BOB"), ("Z", "SAM")]
    assert counts(done) == {"delivered": 2}


@pytest.mark.rule("4.1.1-6")
def test_who_is_named_twice_is_two_recipients() -> None:
    """4.1.1: RCPT "causes its forward-path argument to be appended": a reply and a copy each."""
    two = host("TWO.ARPA", "BOB", list=lists(all=["BOB@TWO.ARPA"]))
    to = ["BOB@TWO.ARPA", "BOB@TWO.ARPA", "all@TWO.ARPA"]
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", *to)])
    assert paths(done, "TWO.ARPA")[1:] == [f"RCPT TO:<{name}>" for name in to]
    assert drops(done) == [("TWO.ARPA", "BOB")] * 3
    assert counts(done) == {"delivered": 3}


@pytest.mark.rule("3.7-4")
def test_a_host_is_found_by_its_number_however_many_zeros_that_has() -> None:
    """3.7 and 4.1.2: a number is what its digits represent; the path stays as it was written."""
    hosts = (relay("ONE.ARPA", "JOE"), relay("[10.0.0.52]", "BOB"), host("#7", "SAM"))
    to = ["BOB@[010.00.000.52]", "SAM@#007", "@[10.0.0.052]:SAM@#7", "SAM@#70"]
    done = run(*hosts, mail=[mail("JOE@ONE.ARPA", *to)])
    assert counts(done) == {"delivered": 3, "rejected": 1}
    assert sorted(paths(done, "#7")) == [
        "MAIL FROM:<@[10.0.0.52]:JOE@ONE.ARPA>", "RCPT TO:<SAM@#007>", "RCPT TO:<SAM@#7>",
    ]  # fmt: skip


@pytest.mark.rule("3.3-7")
def test_a_list_of_nobody_but_itself_is_no_way_to_anybody() -> None:
    """3.3 and 3.6: taken, and then found to lead nowhere: the originator is told."""
    two = host("TWO.ARPA", list=lists(all=["all@TWO.ARPA"]))
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert counts(done) == {"returned": 1}


ROUND = (
    relay(
        "ONE.ARPA", "JOE", list=lists(us=["JOE@ONE.ARPA", "them@TWO.ARPA"], more=["us@ONE.ARPA"])
    ),
    relay("TWO.ARPA", "BOB", list=lists(them=["BOB@TWO.ARPA", "us@ONE.ARPA", "us@one.arpa"])),
    host("Z", "SAM"),
)


@pytest.mark.rule("3.3-7")
@pytest.mark.parametrize("sender", ["JOE@ONE.ARPA", "BOB@TWO.ARPA", "SAM@Z"])
@pytest.mark.parametrize("to", ["us@ONE.ARPA", "more@ONE.ARPA", "them@TWO.ARPA"])
def test_lists_of_two_hosts_that_contain_each_other_are_expanded_once_each(
    sender: str, to: str
) -> None:
    """3.3: whoever writes, and to which of them; and nobody is told of a loss that is none."""
    done = run(*ROUND, mail=[mail(sender, to), mail(sender, to)])
    assert counts(done) == {"delivered": 4}
    assert sorted(drops(done)) == [("ONE.ARPA", "JOE")] * 2 + [("TWO.ARPA", "BOB")] * 2
    expanded = [
        event["name"] for event in done.trace if event.kind == "expand" and event["members"]
    ]
    within = {"more": {"more", "them"}}  # us is in more, at the same host: its members are more's
    assert set(expanded) == within.get(to.split("@")[0], {"us", "them"})
    assert len(expanded) == 2 * len(set(expanded))


@pytest.mark.rule("3.3-7", "3.6-11")
def test_lists_that_contain_each_other_end_where_a_host_has_forgotten() -> None:
    """3.3: without a memory of what was expanded the time stamp lines end it."""
    tables = {"host": list(ROUND), "link": chain(*ROUND), "mail": [mail("SAM@Z", "them@TWO.ARPA")]}
    simulation = Simulation(from_dict(tables))
    for each in simulation.hosts.values():
        each.expansion.remembers = 0
    simulation.begin()
    simulation.run()
    done = lab.Run(simulation.topology, simulation.trace)
    assert done.summary["lost"] == done.summary["queued"] == 0
    assert counts(done)["returned"] == 1
    assert "has come back to a list that sent it out" in delivered(done, "SAM")[0]


@pytest.mark.rule("3.3-7")
def test_a_list_that_is_in_two_lists_elsewhere_is_expanded_for_each() -> None:
    """3.3: mail that has not been sent from here has not come back, and is not held to have."""
    one = relay("ONE.ARPA", list=lists(us=["JOE@ONE.ARPA"]), users=["JOE"])
    two = relay("TWO.ARPA", "BOB", list=lists(them=["us@ONE.ARPA"]))
    done = run(one, two, mail=[mail("BOB@TWO.ARPA", "us@ONE.ARPA", "them@TWO.ARPA")])
    assert drops(done) == [("ONE.ARPA", "JOE")] * 2
    assert counts(done) == {"delivered": 2}


@pytest.mark.rule("3.3-6")
def test_a_member_by_a_source_route() -> None:
    """3.3, example 6: "Quincy Smith <@USC-ISIF.ARPA:Q-Smith@ISI-VAXA.ARPA>" is a member too."""
    two = relay("TWO.ARPA", list=lists(all=["Quincy Smith <@THREE.ARPA:Q@Z>"]))
    done = run(
        JOE, two, relay("THREE.ARPA"), host("Z", "Q"), mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")]
    )
    assert paths(done, "THREE.ARPA")[1] == "RCPT TO:<@THREE.ARPA:Q@Z>"
    assert counts(done) == {"delivered": 1}


@pytest.mark.rule("3.1-8")
def test_a_member_who_is_nobody_does_not_stop_the_others() -> None:
    """3.6: mail that "cannot be delivered for whatever reason" is told of; the rest arrives."""
    two = host("TWO.ARPA", "BOB", list=lists(all=["GONE@TWO.ARPA", "BOB@TWO.ARPA"]))
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert counts(done) == {"delivered": 1, "returned": 1}
    assert "It was sent on to GONE@TWO.ARPA" in delivered(done, "JOE")[0]


# -- forwards: 251, 551


def forwarding(mode: str, to: str = "Jones@ISI.ARPA", **options: object) -> dict[str, object]:
    return host("TWO.ARPA", "BOB", forward=[{"user": "fred", "to": to, "mode": mode}], **options)


TRIANGLE = [
    {"between": ["ONE.ARPA", "TWO.ARPA"]},
    {"between": ["ONE.ARPA", "ISI.ARPA"]},
    {"between": ["TWO.ARPA", "ISI.ARPA"]},
]
ISI = host("ISI.ARPA", "Jones")


def triangle(one: dict[str, object], two: dict[str, object], *to: str) -> object:
    return run(one, two, ISI, links=TRIANGLE, mail=[mail("JOE@ONE.ARPA", *to)])


@pytest.mark.rule("3.2-1")
def test_251_the_receiver_forwards() -> None:
    """3.2: 251 "will forward to <forward-path>"; the receiver takes responsibility."""
    done = triangle(JOE, forwarding("forward"), "fred@TWO.ARPA")
    assert "251 User not local; will forward to <Jones@ISI.ARPA>" in wire(done, "ONE.ARPA", "reply")
    assert paths(done, "ISI.ARPA") == [
        "MAIL FROM:<@TWO.ARPA:JOE@ONE.ARPA>",
        "RCPT TO:<Jones@ISI.ARPA>",
    ]
    (moved,) = [event for event in done.trace if event.kind == "forward"]
    told = (moved.host, moved["old"], moved["new"], moved["mode"])
    assert told == ("TWO.ARPA", "fred@TWO.ARPA", "Jones@ISI.ARPA", "forward")
    assert counts(done) == {"delivered": 1}


@pytest.mark.rule("3.2-2", "E-6")
@pytest.mark.parametrize(("on_551", "outcome"), [("redirect", "delivered"), ("return", "returned")])
def test_551_is_redirected_or_returned(on_551: str, outcome: str) -> None:
    """3.2: "the sender must either redirect the mail according to the information provided or
    return an error response to the originating user".
    """
    done = triangle(host("ONE.ARPA", "JOE", on_551=on_551), forwarding("refer"), "fred@TWO.ARPA")
    assert "551 User not local; please try <Jones@ISI.ARPA>" in wire(done, "ONE.ARPA", "reply")
    assert counts(done) == {outcome: 1}
    assert bool(paths(done, "ISI.ARPA")) == (on_551 == "redirect")


REDIRECTING = host("ONE.ARPA", "JOE", on_251="redirect")


@pytest.mark.rule("3.2-3")
def test_251_may_be_redirected_by_the_sender() -> None:
    """3.2: 251 tells "the correct forward-path to use in the future"; a sender may do so now."""
    done = triangle(REDIRECTING, forwarding("forward"), "fred@TWO.ARPA")
    assert paths(done, "ISI.ARPA") == ["MAIL FROM:<JOE@ONE.ARPA>", "RCPT TO:<Jones@ISI.ARPA>"]
    assert wire(done, "TWO.ARPA", "data") == []
    assert counts(done) == {"delivered": 1}


@pytest.mark.parametrize("to", [("fred", "BOB"), ("BOB", "fred")])
@pytest.mark.rule("3.2-3")
def test_251_redirected_among_others_is_delivered_once(to: tuple[str, ...]) -> None:
    """3.2: who redirects does not leave the mail with the receiver as well: one copy each."""
    done = triangle(REDIRECTING, forwarding("forward"), *[f"{name}@TWO.ARPA" for name in to])
    assert sorted(drops(done)) == [("ISI.ARPA", "Jones"), ("TWO.ARPA", "BOB")]
    assert counts(done) == {"delivered": 2}


@pytest.mark.parametrize("on_251", ["accept", "redirect", "learn"])
@pytest.mark.rule("3.2-3", "4.5.3-10")
def test_251_fills_the_buffer_redirected_or_not(on_251: str) -> None:
    """3.2 and scenario 10: who draws 552 because one is forwarded goes in another transaction."""
    two = host(
        "TWO.ARPA", "BOB", "CAT", forward=[{"user": "fred", "to": "Jones@ISI.ARPA"}],
        limits={"recipients": 1},
    )  # fmt: skip
    to = [f"{name}@TWO.ARPA" for name in ("fred", "BOB", "CAT")]
    done = triangle(host("ONE.ARPA", "JOE", on_251=on_251), two, *to)
    assert counts(done) == {"delivered": 3}
    assert done.breaches == []


def test_251_that_leads_nowhere_for_the_sender_is_left_to_the_receiver() -> None:
    """3.2: the receiver has taken the mail on; it may know a way where the sender has none."""
    environments = [{"name": "arpanet"}, {"name": "other"}]
    links = [
        {"between": ["ONE.ARPA", "TWO.ARPA"]},
        {"between": ["TWO.ARPA", "ISI.ARPA"], "environment": "other"},
    ]
    done = run(
        REDIRECTING, forwarding("forward"), ISI, links=links, environment=environments,
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", "fred@TWO.ARPA")],
    )  # fmt: skip
    assert sorted(drops(done)) == [("ISI.ARPA", "Jones"), ("TWO.ARPA", "BOB")]
    assert counts(done) == {"delivered": 2}


@pytest.mark.rule("3.2-4")
def test_forwards_that_lead_in_a_circle_end() -> None:
    """3.2 and 3.6: of two users forwarded to each other none gets the mail; it goes back."""
    two = host(
        "TWO.ARPA",
        forward=[{"user": "a", "to": "b@TWO.ARPA"}, {"user": "b", "to": "a@TWO.ARPA"}],
    )
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", "a@TWO.ARPA")])
    assert counts(done) == {"returned": 1}


# -- mailboxes


@pytest.mark.rule("4.2.1-3", "4.2.1-4")
@pytest.mark.parametrize(
    ("mailbox", "message"), [("busy", "450 Mailbox busy"), ("full", "452 Mailbox full")]
)
def test_a_mailbox_that_takes_no_mail_now(mailbox: str, message: str) -> None:
    """4.2.1: 450 and 452 at RCPT: the mail stays in the sender's spool, and is tried again."""
    done = run(
        JOE, host("TWO.ARPA", busy("BOB", mailbox)), until=60,
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")],
    )  # fmt: skip
    assert wire(done, "ONE.ARPA", "reply")[3] == message
    assert counts(done) == {"queued": 1}


@pytest.mark.rule("3.6-6", "4.1.1-12", "4.2.1-4")
def test_a_mailbox_that_is_found_full_after_the_data() -> None:
    """3.6: taken with 250, then undeliverable: the host that took it sends the notification."""
    done = run(
        JOE, host("TWO.ARPA", busy("BOB", "full-after-data"), "ANN"),
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", "ANN@TWO.ARPA")],
    )  # fmt: skip
    said = [line[:3] for line in wire(done, "ONE.ARPA", "reply")[:8]]
    assert said == ["220", "250", "250", "250", "250", "354", "250", "221"]
    assert counts(done) == {"delivered": 1, "returned": 1}
    (text,) = delivered(done, "JOE")
    assert "From: SMTP@TWO.ARPA\n" in text
    assert "your message to BOB@TWO.ARPA lost" in text
    assert '"552 Mailbox full"' in text, "4.2.1: exceeded storage allocation"


@pytest.mark.rule("2-4", "3.7-3", "4.1.1-25")
def test_user_names_keep_their_case_and_domains_do_not() -> None:
    """2: "mailbox-names ... case sensitive"; hosts are not. Smith and smith are two people here."""
    two = host("TWO.ARPA", "Smith", "smith", "Jones")
    to = [f"{name}@Two.arpa" for name in ("smith", "Smith", "JONES", "SMITH")]
    done = run(
        JOE, two,
        mail=[mail("JOE@ONE.ARPA", *to)],
    )  # fmt: skip
    assert sorted(user for _, user in drops(done) if user != "JOE") == ["Jones", "Smith", "smith"]
    assert counts(done) == {"delivered": 3, "returned": 1}


# -- terminals

PEOPLE = [
    {"name": "Here", "active": True},
    {"name": "Deaf", "active": True, "accepts": False},
    {"name": "Gone"},
]


@pytest.mark.parametrize(("verb", "shown", "mailed"), [
    ("MAIL", [], ["Here", "Deaf", "Gone"]),
    ("SEND", ["Here"], []),
    ("SOML", ["Here"], ["Deaf", "Gone"]),
    ("SAML", ["Here"], ["Here", "Deaf", "Gone"]),
])  # fmt: skip
@pytest.mark.rule("3.4-1", "3.4-2", "3.4-3")
def test_mailing_and_sending(verb: str, shown: list[str], mailed: list[str]) -> None:
    """3.4: SEND to the terminal, SOML to the terminal or the mailbox, SAML to both."""
    to = [f"{person['name']}@TWO.ARPA" for person in PEOPLE]
    done = run(
        JOE, host("TWO.ARPA", *PEOPLE), until=60, mail=[mail("JOE@ONE.ARPA", *to, verb=verb)]
    )
    assert [user for _, user in drops(done)] == mailed
    assert [event["user"] for event in done.trace if event.kind == "terminal"] == shown
    if verb == "SEND":
        assert wire(done, "ONE.ARPA", "reply").count("450 User not active now") == 2
