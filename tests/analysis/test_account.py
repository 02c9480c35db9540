"""The account: whatever the network, each recipient ends in exactly one outcome."""

from __future__ import annotations

import io
import json
import re
from typing import Any, get_type_hints

import pytest
from helpers.places import ROOT, TOPOLOGIES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lab
from lab.analysis.account import Account
from lab.analysis.recipients import OUTCOMES, Recipients
from lab.analysis.summarising import write_summary
from lab.analysis.tallies import tally_changes
from lab.topology.model import from_dict

MAILBOXES = ["open", "open", "open", "busy", "full", "full-after-data"]


@st.composite
def networks(draw: Any) -> dict[str, Any]:
    """A tree of two to six hosts with some more links; users, lists, forwards, mail to anybody."""
    count = draw(st.integers(2, 6))
    names = [f"H{n}.ARPA" for n in range(count)]
    everybody = [f"u{n}@{name}" for name in names for n in range(2)]
    anybody = st.sampled_from([*everybody, *[f"list@{name}" for name in names], "nobody@H0.ARPA"])
    if count > 2:
        routed = st.tuples(st.sampled_from(names), anybody).map(lambda two: f"@{two[0]}:{two[1]}")
        anybody = anybody | routed
    hosts = []
    for name in names:
        one: dict[str, Any] = {
            "name": name,
            "relay": draw(st.sampled_from([True, True, True, False])),
            "on_251": draw(st.sampled_from(["accept", "redirect"])),
            "on_551": draw(st.sampled_from(["return", "redirect"])),
            "user": [
                {"name": f"u{n}", "mailbox": draw(st.sampled_from(MAILBOXES))} for n in range(2)
            ],
            "list": [{"name": "list", "members": draw(st.lists(anybody, min_size=1, max_size=3))}],
        }
        if draw(st.booleans()):
            mode = draw(st.sampled_from(["forward", "refer"]))
            one["forward"] = [{"user": "moved", "to": draw(anybody), "mode": mode}]
        if draw(st.integers(0, 3)) == 0:
            one["limits"] = {"recipients": draw(st.integers(1, 3)), "sessions": 1}
        hosts.append(one)
    pairs = {(n, draw(st.integers(0, n - 1))) for n in range(1, count)}
    anyone = st.integers(0, count - 1)
    more = draw(st.lists(st.tuples(anyone, anyone), max_size=2))
    pairs |= {(a, b) for a, b in more if a > b}
    mail = [
        {
            "at": draw(st.integers(0, 3)),
            "verb": draw(st.sampled_from(["MAIL", "MAIL", "SOML", "SAML", "SEND"])),
            "from": draw(st.sampled_from(everybody)),
            "to": draw(st.lists(anybody | st.just("moved@H1.ARPA"), min_size=1, max_size=4)),
            "text": "Hi\n",
        }
        for _ in range(draw(st.integers(1, 5)))
    ]
    return {
        "host": hosts,
        "link": [{"between": [names[a], names[b]]} for a, b in sorted(pairs)],
        "mail": mail,
        "retry": {"first": "1 min", "factor": 3, "max": "20 min", "give_up": "1 h"},
    }


def check(run: lab.Run) -> None:
    summary = run.summary
    assert sum(summary[outcome] for outcome in OUTCOMES) == summary["submitted"]
    assert summary["lost"] == 0
    assert len(summary["recipients"]) == summary["submitted"]
    assert all(recipient["outcome"] in OUTCOMES for recipient in summary["recipients"])
    assert all(
        (each["settled_at"] is None) == (each["outcome"] in ("queued", "lost"))
        for each in summary["recipients"]
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.integers(0, 3))
def test_each_recipient_has_exactly_one_outcome(tables: dict[str, Any], seed: int) -> None:
    """3.6 and the contract: delivered, returned, rejected or its notification undeliverable; none
    is lost, none has the mail twice, and when nothing is left to do nothing is left in a spool.
    """
    run = lab.simulate(from_dict(tables), seed=seed)
    check(run)
    assert run.summary["queued"] == 0
    assert run.summary["duplicates"] == 0
    told = [event.message for event in run.trace if event.kind == "notify"]
    about = {event["about"] for event in run.trace if event.kind == "notify"}
    # 3.6: no notification about a notification
    assert not about & set(told)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.floats(0, 4000))
def test_the_sum_holds_at_any_moment(tables: dict[str, Any], until: float) -> None:
    """The contract: stopped anywhere, what is on its way counts as queued, and nothing as lost."""
    check(lab.simulate(from_dict(tables), until=until))


def test_the_recipients_of_a_long_run_are_a_sequence_like_any() -> None:
    """Each is made when it is looked at; whether it is done with or not makes no difference."""
    stopped = lab.simulate(TOPOLOGIES / "campus.toml", until=30.0).account
    lazy = Recipients(stopped.settled, stopped.recipients)
    whole = [each.as_dict() for each in stopped.everyone()]
    assert len(lazy) == len(whole) > len(stopped.settled) > 0
    assert list(lazy) == whole
    assert lazy[1:4] == whole[1:4]
    assert lazy[::-1] == whole[::-1]
    with pytest.raises(IndexError):
        lazy[len(whole)]
    assert str(len(whole)) in repr(lazy)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_summary_is_written_alike_however_many_recipients_it_has(indent: int | None) -> None:
    run = lab.simulate(TOPOLOGIES / "campus.toml")
    lazy, plain = io.StringIO(), io.StringIO()
    recipients = Recipients(run.account.settled, run.account.recipients)
    write_summary(run.summary | {"recipients": recipients}, lazy, indent)
    write_summary(run.summary, plain, indent)
    assert json.loads(lazy.getvalue()) == json.loads(plain.getvalue()) == run.summary


# -- mail that an external host sends back

_OUT = [
    (0.0, "start", "", None, None, None, {"hosts": [{"name": "EXT", "external": "x"}]}),
    (0.0, "submit", "A", None, None, 1, "joe@A", ("bob@EXT",), "MAIL", 4),
    (0.0, "queue", "A", "EXT", None, 1, ("1",), 4),
]  # fmt: skip
_TAKEN = [
    (1.0, "accept", "EXT", "A", 1, 1, ("1",), "joe@A", 4),
    (1.0, "deliver", "EXT", None, None, 1, "1", "bob", b""),
]
_LEFT = [(1.1, "transfer", "A", "EXT", 1, 1, ("1",))]
_BACK = [(1.2, "accept", "A", "outside", 2, 1, ("1",), "joe@A", 40)]
_DELIVERED = [(1.3, "deliver", "A", None, None, 1, "1", "joe", b"")]
_NOTIFIED = [
    (1.3, "notify", "A", None, None, 2, 1, ("1",), "joe@A", "550 No"),
    (1.4, "deliver", "A", None, None, 2, "1", "joe", b""),
]


@pytest.mark.parametrize(("rows", "outcome", "settled_at", "hops"), [
    ([*_TAKEN, *_LEFT], "delivered", 1.0, 1),
    ([*_TAKEN, *_LEFT, *_BACK], "queued", None, 2),
    ([*_TAKEN, *_LEFT, *_BACK, *_DELIVERED], "delivered", 1.3, 2),
    ([*_TAKEN, *_LEFT, *_BACK, *_NOTIFIED], "returned", 1.4, 2),
    ([*_TAKEN, *_LEFT, *_BACK, *_TAKEN, *_LEFT], "delivered", 1.0, 3),
    ([*_BACK, *_TAKEN, *_LEFT, *_DELIVERED], "delivered", 1.3, 2),  # before its 250 came
    ([*_BACK * 2, *_TAKEN * 2, *_LEFT, *_DELIVERED], "delivered", 1.3, 4),  # and once more
    # and while the host has the copy that came back, not the one that left
    ([*_BACK, *_TAKEN, *_LEFT, *_BACK, *_TAKEN * 2, *_LEFT], "delivered", 1.0, 5),
])  # fmt: skip
def test_mail_that_an_external_host_sends_back_is_one_recipient(
    rows: list[tuple[object, ...]], outcome: str, settled_at: float | None, hops: int
) -> None:
    """An external host has the mail, for all that the lab knows, until it comes back."""
    account = Account([*_OUT, *rows])
    (recipient,) = account.everyone()
    assert (recipient.outcome, recipient.settled_at, recipient.hops) == (outcome, settled_at, hops)
    counts = account.counts()
    assert (counts["submitted"], counts[outcome], counts["duplicates"]) == (1, 1, 0)  # type: ignore[literal-required]
    tally: dict[str, int] = {}
    for change in tally_changes([*_OUT, *rows]):
        tally[change.name] = tally.get(change.name, 0) + change.by
    settled = {} if outcome == "queued" else {outcome: 1}
    assert {name: count for name, count in tally.items() if count} == {"submitted": 1, **settled}


def test_failures_of_a_live_run_are_counted_by_host_and_kind() -> None:
    """The reason is that of the first; a process that ended by itself counts as started again."""
    account = Account()
    for t, host, name, reason in [
        (1.0, "A", "process", "killed"), (2.0, "A", "storage", "full"),
        (3.0, "A", "process", "killed again"), (4.0, "", "network", "KeyError: 7"),
    ]:  # fmt: skip
        account.take((t, "failure", host, None, None, None, name, reason))
    found = [
        (one["host"], one["name"], one["count"], one["reason"], one["first"], one["last"])
        for one in account.failures.values()
    ]
    assert found == [
        ("A", "process", 2, "killed", 1.0, 3.0),
        ("A", "storage", 1, "full", 2.0, 2.0),
        ("", "network", 1, "KeyError: 7", 4.0, 4.0),
    ]
    assert account.restarts == {"A": 2}


def test_a_run_whose_trace_has_a_gap_is_not_judged() -> None:
    """Mail that seems lost or invented may be in the gap."""
    trace = lab.Trace()
    invented = (1.0, "deliver", "A", None, None, 7, "1", "ann", b"")
    trace.record(invented)
    topology = from_dict({"host": [{"name": "A"}]})
    assert lab.Run(topology, trace).breaches != []
    trace.record((2.0, "failure", "A", None, None, None, "trace", "1 record is missing"))
    assert lab.Run(topology, trace).breaches == []


def test_the_tour_explains_every_key_of_a_summary() -> None:
    tour = (ROOT / "lab" / "help" / "tour.md").read_text(encoding="utf-8")
    table = tour.partition("| key of the summary |")[2].partition("\n\n")[0]
    explained = {key for line in table.splitlines() for key in _keys(line.split("|")[1:2])}
    assert explained == set(get_type_hints(lab.Summary))


def _keys(cells: list[str]) -> list[str]:
    return [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]
