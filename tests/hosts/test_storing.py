"""When 250 is said: after the mail is in stable storage, or, by a careless host, before (4.1.1)."""

from __future__ import annotations

import pytest
from helpers.host_by_hand import by_hand, letter, port_of, session

from lab.hosts.settings import HostSettings
from lab.protocol import LATER, Reply


def test_a_host_that_stores_at_once_replies_at_once() -> None:
    host = by_hand("bob")
    receiving = session(host)
    verdict = receiving.accept(letter(receiving, "bob@B", "carl@C"))
    assert str(verdict) == "250 OK"
    assert port_of(host).kinds() == ["accept", "deliver"]
    assert port_of(host).calls == []


def test_a_host_that_takes_time_or_no_care_needs_a_way_to_reply_later() -> None:
    """Both drivers give it one if so; without it, it stores at once."""
    assert not HostSettings("B").replies_later
    assert HostSettings("B", store=0.5).replies_later
    assert HostSettings("B", careless=True).replies_later


@pytest.mark.rule("4.1.1-12")
def test_a_host_that_takes_time_replies_when_the_mail_is_stored() -> None:
    """4.1.1 DATA: the reply means that the mail is in hand; until then there is none."""
    host, replies = by_hand("bob", store=0.5), list[Reply]()
    receiving = session(host)
    receiving.respond = replies.append
    assert receiving.accept(letter(receiving, "bob@B")) is LATER
    assert port_of(host).rows == []
    [(seconds, stored)] = port_of(host).calls
    assert seconds == 0.5
    stored(7.5)
    assert [str(reply) for reply in replies] == ["250 OK"]
    assert [(row[0], row[1]) for row in port_of(host).rows] == [(7.5, "accept"), (7.5, "deliver")]


def test_mail_from_outside_is_numbered_when_it_is_stored() -> None:
    """Until then it does not exist: a host that crashes has never had it."""
    host, numbered, replies = by_hand("bob", store=2.0), list[str](), list[Reply]()
    receiving = session(host, enters=True)
    receiving.respond = replies.append
    enter = receiving.enter
    assert enter is not None
    receiving.enter = lambda transaction: numbered.append("now") or enter(transaction)
    assert receiving.accept(letter(receiving, "bob@B")) is LATER
    assert numbered == []
    [(seconds, stored)] = port_of(host).calls
    stored(9.0)
    assert (seconds, numbered, len(replies)) == (2.0, ["now"], 1)
    assert port_of(host).kinds() == ["accept", "deliver"]


def test_a_careless_host_replies_before_it_stores() -> None:
    """Until the mail is stored it is among what a crash would lose."""
    for store, delay in ((0.0, 1.0), (3.0, 3.0)):
        host, replies = by_hand("bob", careless=True, store=store), list[Reply]()
        receiving = session(host)
        receiving.respond = replies.append
        assert str(receiving.accept(letter(receiving, "bob@B"))) == "250 OK"
        assert port_of(host).kinds() == ["accept"]
        assert host.unstored == {1: (1, ("1",))}
        [(seconds, stored)] = port_of(host).calls
        assert seconds == delay
        stored(seconds)
        assert port_of(host).kinds() == ["accept", "deliver"]
        assert host.unstored == {}
        assert replies == []


def test_storage_that_runs_out_while_mail_is_stored_is_452() -> None:
    """4.2.1: what was not stored is not accepted; the sender-SMTP tries again."""
    host, replies = by_hand("bob", store=0.5), list[Reply]()
    receiving = session(host)
    receiving.respond = replies.append
    receiving.accept(letter(receiving, "bob@B"))
    host.faults.full += 1
    port_of(host).calls[0][1](0.5)
    assert [str(reply) for reply in replies] == ["452 Insufficient system storage"]
    assert port_of(host).rows == []


def test_a_late_verdict_goes_nowhere_when_the_session_is_over() -> None:
    host = by_hand("bob", store=0.5)
    receiving = session(host)
    receiving.respond = lambda verdict: None
    receiving.accept(letter(receiving, "bob@B"))
    receiving.respond = None
    port_of(host).calls[0][1](0.5)
    assert port_of(host).kinds() == ["accept", "deliver"]


@pytest.mark.rule("3.1-11")
def test_a_full_host_refuses_at_each_step() -> None:
    """4.2.1: 452 when a transaction begins, at RCPT, and when the mail data has come."""
    host = by_hand("bob")
    receiving = session(host)
    begun = letter(receiving, "bob@B")
    host.faults.full += 1
    assert str(receiving.begin("MAIL", begun.reverse_path)) == "452 Insufficient system storage"
    assert receiving.recipient(begun, begun.forward_paths[0]).code == 452
    assert str(receiving.accept(begun)) == "452 Insufficient system storage"
    assert host.has_fault


def test_a_busy_host_defers_at_rcpt_and_only_for_its_own_users() -> None:
    host = by_hand("bob", relay=True)
    receiving = session(host)
    host.faults.busy += 1
    transaction = letter(receiving, "bob@B", "carl@C")
    assert [str(path) for path in transaction.forward_paths] == ["<carl@C>"]


def test_a_host_that_refuses_sessions_greets_with_421() -> None:
    host = by_hand("bob")
    receiving = session(host)
    assert receiving.greeting().code == 220
    host.faults.refusing += 1
    assert str(receiving.greeting()).startswith("421 B Service not available")
