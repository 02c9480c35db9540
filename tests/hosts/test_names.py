"""A host is the same host in every spelling of its name, wherever a name may stand.

Sections 2, 3.7 and 4.1.2: case does not matter, `#0123` is `#123`, `[127.0.0.01]` is `[127.0.0.1]`.
Each story is told twice, once with the names as the hosts are called, and once spelled otherwise:
both end alike.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from helpers.small_topologies import counts, delivered, drops, host, mail, relay, run

import lab
from lab.analysis.conditions import matching
from lab.topology.model import from_dict
from lab.views import ladder

SPELLINGS = [
    ("#0123", "#123"), ("#123", "#00123"), ("B.ARPA", "b.Arpa"), ("[127.0.0.01]", "[127.0.0.1]"),
    ("X.#007.[10.0.0.1]", "x.#7.[010.0.0.001]"),
]  # fmt: skip
"""The name of a host, and another spelling of it."""

same = pytest.mark.parametrize(("name", "other"), SPELLINGS)


def members(*paths: str) -> list[dict[str, object]]:
    return [{"name": "all", "members": list(paths)}]


@same
def test_a_notification_comes_back_through_a_list_of_the_host(name: str, other: str) -> None:
    """3.6: the list's host is in the reverse-path, though it relays for nobody."""
    keeper = host(name, list=members("nobody@C.ARPA"))
    done = run(
        host("A.ARPA", "ann"), keeper, relay("R.ARPA"), host("C.ARPA", "cat"),
        mail=[mail("ann@A.ARPA", f"all@{other}")],
    )  # fmt: skip
    assert counts(done) == {"returned": 1}
    assert "your message to nobody@C.ARPA lost" in delivered(done, "ann")[0]


@same
def test_mail_passes_a_source_route(name: str, other: str) -> None:
    """3.6: a relay removes itself from the route, however the route spells it; twice if need be."""
    done = run(
        host("A.ARPA", "ann"), relay(name), host("C.ARPA", "cat"),
        mail=[mail("ann@A.ARPA", f"@{other},@{name},@{other}:cat@C.ARPA")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 1}


@same
def test_a_refusal_comes_back_along_a_source_route(name: str, other: str) -> None:
    done = run(
        host("A.ARPA", "ann"), relay(name), host("C.ARPA", "cat"),
        mail=[mail(f"@{other}:ann@A.ARPA", f"@{other}:nobody@C.ARPA")],
    )  # fmt: skip
    assert counts(done) == {"returned": 1}


@same
def test_a_forward_and_a_redirect_lead_to_the_host(name: str, other: str) -> None:
    """3.2: by 251 the receiver sends it on; by 551, and by a 251 not taken up, the sender does."""
    for mode, on_251 in (("forward", "accept"), ("forward", "redirect"), ("refer", "accept")):
        one = host("ONE.ARPA", "joe", on_551="redirect", on_251=on_251)
        two = relay("TWO.ARPA", forward=[{"user": "bob", "to": f"bob@{other}", "mode": mode}])
        done = run(one, two, host(name, "bob"), mail=[mail("joe@ONE.ARPA", "bob@TWO.ARPA")])
        assert counts(done) == {"delivered": 1}
        assert drops(done) == [(name, "bob")]


@same
def test_what_a_251_teaches_holds_for_every_spelling(name: str, other: str) -> None:
    """3.2: "the correct forward-path to use in the future"."""
    two = host(name, forward=[{"user": "bob", "to": "bob@THREE.ARPA"}])
    letters = [mail("joe@ONE.ARPA", f"bob@{spelling}") for spelling in (name, other)]
    letters[1]["at"] = "1 h"
    links = [{"between": ["ONE.ARPA", there]} for there in (name, "THREE.ARPA")]
    links.append({"between": [name, "THREE.ARPA"]})
    one = host("ONE.ARPA", "joe", on_251="learn")
    done = run(one, two, host("THREE.ARPA", "bob"), mail=letters, links=links)
    assert counts(done) == {"delivered": 2}
    modes = [event["mode"] for event in done.trace if event.kind == "forward"]
    assert modes == ["forward", "learned"]


@same
def test_hosts_that_refer_to_each_other_in_many_spellings_end(name: str, other: str) -> None:
    """3.2: each refers to the other, by another spelling each time; the mail is returned."""
    one = host("ONE.ARPA", "joe", on_551="redirect")
    two = host("TWO.ARPA", forward=[{"user": "bob", "to": f"bob@{other}", "mode": "refer"}])
    three = host(name, forward=[{"user": "bob", "to": "bob@two.ARPA", "mode": "refer"}])
    links = [{"between": ["ONE.ARPA", there]} for there in ("TWO.ARPA", name)]
    done = run(one, two, three, mail=[mail("joe@ONE.ARPA", "bob@TWO.arpa")], links=links)
    assert counts(done) == {"returned": 1}
    assert len([event for event in done.trace if event.kind == "forward"]) <= 2


@same
def test_lists_that_contain_each_other_are_expanded_once(name: str, other: str) -> None:
    """3.3: "us" is on the other host's list, in three spellings, and on its own."""
    one = relay("ONE.ARPA", "joe", list=members("joe@one.arpa", f"all@{other}"))
    inner = members(f"bob@{other}", f"BOB@{name}", "all@ONE.ARPA", "all@one.Arpa", f"all@{other}")
    done = run(one, relay(name, "bob", list=inner), mail=[mail("joe@ONE.ARPA", "all@ONE.ARPA")])
    assert counts(done) == {"delivered": 2}
    assert sorted(drops(done)) == sorted([("ONE.ARPA", "joe"), (name, "bob")])


@same
def test_a_member_in_two_spellings_is_one_member(name: str, other: str) -> None:
    one = relay("ONE.ARPA", "joe", list=members(f"cat@{name}", f"cat@{other}"))
    done = run(one, host(name, "cat"), mail=[mail("joe@ONE.ARPA", "all@ONE.ARPA")])
    assert drops(done) == [(name, "cat")]


@same
def test_a_host_that_another_holds_mail_for_fetches_it(name: str, other: str) -> None:
    """3.8: mail waits until the host calls and TURN changes the roles."""
    one = relay("ONE.ARPA", "joe", turn=True, holds=[other])
    done = run(
        one, host(name, "bob"), mail=[mail("joe@ONE.ARPA", f"bob@{other}")],
        poll=[{"from": other, "to": "one.arpa", "at": "1 h"}],
    )  # fmt: skip
    assert counts(done) == {"delivered": 1}
    assert [event.t >= 3600 for event in done.trace if event.kind == "deliver"] == [True]


@same
def test_names_in_another_environment(name: str, other: str) -> None:
    """3.6: mail for the name that a host has elsewhere is for the host, in every spelling."""
    two = host("TWO.ARPA", "bob", names={"csnet": name})
    done = run(
        host("ONE.ARPA", "joe"), two, mail=[mail("joe@ONE.ARPA", f"bob@{other}", "bob@two.arpa")],
        environment=[{"name": "arpanet"}, {"name": "csnet"}],
        links=[{"between": ["ONE.ARPA", other], "environment": "csnet"}],
    )  # fmt: skip
    assert counts(done) == {"delivered": 2}


@same
def test_faults_scripts_and_links_name_the_host(name: str, other: str) -> None:
    """The file may spell a name as it likes wherever it names a host."""
    done = run(
        host("ONE.ARPA", "joe"), host(name, "bob"), mail=[mail("joe@one.arpa", f"bob@{other}")],
        links=[{"between": [other, "one.ARPA"]}],
        script=[{"from": "One.Arpa", "to": other, "at": "2 h", "lines": ["HELO X", "QUIT"]}],
        fault=[
            {"kind": "host-down", "host": other, "at": "0 s", "for": "1 h"},
            {"kind": "latency", "link": ["one.arpa", other], "at": "0 s", "value": "1 s"},
        ],
    )  # fmt: skip
    assert counts(done) == {"delivered": 1}
    assert {event.host for event in done.trace if event.kind == "fault"} >= {name}
    assert [event.t > 3600 for event in done.trace if event.kind == "deliver"] == [True]
    assert done.summary["sessions"] == 2


@same
def test_mail_in_a_circle_ends_where_the_stamps_spell_the_host_otherwise(
    name: str, other: str
) -> None:
    """3.6: a list comes back to its host in a message whose time stamps name the host otherwise."""
    stamps = [f"Received: from {other} by {other} ; 1 Jan 82 00:00:00 UT"] * 4
    lines = ["HELO ONE.ARPA", "MAIL FROM:<joe@ONE.ARPA>", f"RCPT TO:<all@{other}>", "DATA"]
    keeper = host(name, "bob", list=members(f"bob@{other}"))
    script = {"from": "ONE.ARPA", "to": name, "lines": [*lines, *stamps, "", ".", "QUIT"]}
    done = run(relay("ONE.ARPA", "joe"), keeper, mail=[], script=[script])
    replies = [event["text"] for event in done.trace if event.kind == "reply"]
    assert "Transaction failed: the mail has come back to a list that sent it out" in replies
    assert counts(done) == {}


@same
def test_a_notification_comes_back_through_a_list_host_of_any_spelling(
    name: str, other: str
) -> None:
    """3.6: the list host relays for nobody, and yet takes a notification about a member."""
    full = {"name": "cat", "mailbox": "full-after-data"}
    keeper = host(name, list=members("bob@TWO.ARPA", "cat@TWO.ARPA"))
    done = run(
        host("ONE.ARPA", "joe"), keeper, host("TWO.ARPA", "bob", full),
        mail=[mail("joe@ONE.ARPA", f"all@{other}")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 1, "returned": 1}
    assert ("ONE.ARPA", "joe") in drops(done)


@same
def test_two_hosts_cannot_have_spellings_of_one_name(name: str, other: str) -> None:
    with pytest.raises(lab.TopologyError, match="is taken by host"):
        from_dict({"host": [host(name), host(other)]})


@same
def test_globs_of_traffic_and_faults_stand_for_the_host(name: str, other: str) -> None:
    done = run(
        host("ONE.ARPA", "joe"), host(name, "bob"), mail=[],
        traffic=[{"count": 3, "rate": "1 /s", "from": "JOE@one.*", "to": f"*@{other}"}],
        fault=[{"kind": "latency", "link": ["one.*", other], "at": "0 s", "value": "1 s"}],
    )  # fmt: skip
    assert counts(done) == {"delivered": 3}
    assert len([event for event in done.trace if event.kind == "fault"]) == 1


@same
def test_a_condition_and_a_ladder_name_the_host(name: str, other: str) -> None:
    letter = mail("joe@ONE.ARPA", f"bob@{name}")
    done = run(host("ONE.ARPA", "joe"), host(name, "bob"), mail=[letter])
    assert {done.trace[seq].host for seq in matching(done.trace, f"host '{other}'")} == {name}
    assert done.topology.host(other) is done.topology.hosts[name]
    title = ladder(done.trace, between=(other, "one.arpa")).get_title()
    plt.close("all")
    assert title == ladder(done.trace, between=(name, "ONE.ARPA")).get_title()
    plt.close("all")
