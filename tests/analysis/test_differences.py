"""Two runs compared: the first event where they part, and the recipients that fared otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, zip_longest
from typing import Any, Final

import pytest
from helpers.small_topologies import host, mail

import lab
from lab.analysis.differences import Differences, RecipientPair, differences
from lab.analysis.divergence import Happening
from lab.analysis.link_use import link_use
from lab.experiments.storm.random_networks import random_network
from lab.protocol import parse_path
from lab.simulation.simulation import simulate
from lab.topology.model import FaultSpec, TrafficSpec, from_dict
from lab.trace.levels import thinned
from lab.trace.rows import (
    DELIVER_OCTETS,
    HOST,
    KIND,
    KINDS,
    MESSAGE,
    OCTETS,
    OWN,
    SENT,
    SESSION,
    Row,
    T,
)
from lab.trace.trace import Trace

# -- the first event of 50 altered runs ------------------------------------------------------------


def other_reply(original: lab.Topology, rows: list[Row], n: int) -> lab.Topology | None:
    replies = [row for row in rows if row[KIND] == "reply"]
    if not replies:
        return None
    row = replies[n % len(replies)]
    number = sum(each[SESSION] == row[SESSION] and each[T] <= row[T] for each in replies)
    fault = FaultSpec(
        "change-reply", host=row[3], session=row[SESSION], number=number, line="451 Try again"
    )
    return original.with_faults([fault])


def cut_link(original: lab.Topology, rows: list[Row], n: int) -> lab.Topology:
    link = original.links[n % len(original.links)]
    at = rows[n * 7 % len(rows)][T]
    return original.with_faults(
        [FaultSpec("link-down", link=(link.a, link.b), at=at, duration=40.0)]
    )


def slower_link(original: lab.Topology, rows: list[Row], n: int) -> lab.Topology:
    links = list(original.links)
    place = n % len(links)
    links[place] = replace(links[place], latency=links[place].latency + 0.5)
    return replace(original, links=tuple(links))


def other_stream(original: lab.Topology, rows: list[Row], n: int) -> lab.Topology:
    """Traffic of another name draws from another stream; all others are as they were."""
    return replace(original, traffic=(replace(original.traffic[0], name=f"other {n}"),))


def later_mail(original: lab.Topology, rows: list[Row], n: int) -> lab.Topology | None:
    if not original.mail:
        return None
    mails = list(original.mail)
    place = n % len(mails)
    mails[place] = replace(mails[place], at=mails[place].at + 1.5)
    return replace(original, mail=tuple(mails))


def crash(original: lab.Topology, rows: list[Row], n: int) -> lab.Topology:
    row = rows[n * 11 % len(rows)]
    name = row[HOST] or next(iter(original.hosts))
    return original.with_faults([FaultSpec("crash", host=name, at=row[T], duration=30.0)])


CHANGES: Final[tuple[Callable[[lab.Topology, list[Row], int], lab.Topology | None], ...]] = (
    other_reply, cut_link, slower_link, other_stream, later_mail, crash,
)  # fmt: skip
ALTERED: Final = 50


def altered_runs() -> Iterator[tuple[str, Trace, Trace]]:
    """Random networks with some traffic, and each with one change that has an effect."""
    for n in count():
        network = random_network(24, n)
        traffic = TrafficSpec(count=4, rate=0.2, name="drawn")
        original = replace(network, traffic=(traffic,))
        change = CHANGES[n % len(CHANGES)]
        a = simulate(original, 0, 2000.0)
        altered = change(original, list(a.rows), n)
        b = None if altered is None else simulate(altered, 0, 2000.0)
        if b is not None and plain(a) != plain(b):
            yield f"network {n}, {change.__name__}", a, b


def plain(trace: Trace) -> list[Row]:
    """Return the rows after the first, without the columns that an older trace lacks."""
    return [row[: OWN + len(KINDS[row[KIND]])] for row in trace.rows[1:]]


def by_hand(a: Trace, b: Trace) -> float:
    """Return when rows differ first, as two files of lines are compared."""
    for ours, theirs in zip_longest(plain(a), plain(b)):
        if ours != theirs:
            return float(min(row[T] for row in (ours, theirs) if row is not None))
    raise AssertionError("the rows are the same")


def test_the_first_divergence_of_fifty_altered_runs_is_found() -> None:
    """At the time at which the rows differ first; and one of the two first rows is named."""
    seen: set[str] = set()
    runs = altered_runs()
    for _ in range(ALTERED):
        name, a, b = next(runs)
        seen.add(name.partition(", ")[2])
        t = by_hand(a, b)
        found = differences(a, b)
        assert not found.same, name
        assert found.first is not None, name
        assert found.first.t == t, name
        for trace, happening in ((a, found.first.a), (b, found.first.b)):
            if happening is not None:
                assert trace.rows[happening.seq][T] == happening.t, name
        assert len_until(a, b) in {
            one.seq for one in (found.first.a, found.first.b) if one is not None
        }, name
    assert len(seen) == len(CHANGES)


def len_until(a: Trace, b: Trace) -> int:
    """Return the number of the first rows that are not the same."""
    pairs = enumerate(zip(plain(a), plain(b), strict=False), 1)
    return next((n for n, (x, y) in pairs if x != y), min(len(a), len(b)))


def fates(trace: Trace) -> dict[tuple[int, str], tuple[Any, ...]]:
    account = lab.Account(trace.rows)
    account.counts()
    return {
        (each.message, each.address): (each.outcome, each.as_dict()["settled_at"])
        for each in account.everyone()
    }


def test_the_recipients_that_fared_otherwise_are_those_whose_outcome_or_time_differs() -> None:
    runs = altered_runs()
    for _ in range(12):
        name, a, b = next(runs)
        if list(a.of(("submit",))) != list(b.of(("submit",))):  # then numbers are of other mail
            continue
        ours, theirs = fates(a), fates(b)
        movers = {
            (pair.recipient.message, pair.recipient.address) for pair in differences(a, b).movers()
        }
        assert {key for key in ours if ours[key] != theirs.get(key)} <= movers, name


# -- the same --------------------------------------------------------------------------------------

THREE: Final[dict[str, Any]] = {
    "title": "Three mails",
    "host": [host("A.ARPA", "ann"), host("B.ARPA", "bob", "cay")],
    "link": [{"between": ["A.ARPA", "B.ARPA"], "latency": "40 ms", "bandwidth": "9600 bit/s"}],
    "mail": [
        mail("ann@A.ARPA", "bob@B.ARPA", at="1 s"),
        mail("ann@A.ARPA", "bob@B.ARPA", "cay@B.ARPA", at="2 s"),
        mail("ann@A.ARPA", "cay@B.ARPA", at="60 s"),
    ],
}


def run_of(**changed: Any) -> Trace:
    return simulate(from_dict({**THREE, **changed}), 0)


def compare(**changed: Any) -> Differences:
    return differences(run_of(), run_of(**changed))


def test_a_run_is_the_same_as_itself_and_as_another_of_the_same_file() -> None:
    found = compare()
    assert (found.same, found.first, found.movers(), found.loads.changed()) == (True, None, [], [])
    assert len(found.pairs) == 4
    as_json = found.as_dict()
    assert (as_json["same"], as_json["first"], as_json["recipients"]) == (True, None, [])


def test_events_of_different_hosts_at_one_instant_may_be_in_any_order() -> None:
    """As in the digest, which does not know how they were interleaved."""
    first = {"from": "ann@A.ARPA", "to": ["ann@A.ARPA"], "text": "x"}
    second = {"from": "bob@B.ARPA", "to": ["bob@B.ARPA"], "text": "x"}
    a, b = run_of(mail=[first, second]), run_of(mail=[second, first])
    assert list(a.rows) != list(b.rows)
    assert a.digest() == b.digest()
    assert differences(a, b).same


def test_another_title_or_seed_is_named_and_is_not_a_difference_of_what_happened() -> None:
    found = differences(run_of(), simulate(from_dict({**THREE, "title": "Other"}), 7))
    assert found.same
    assert found.made_from == ("title: Three mails in A, Other in B", "seed: 0 in A, 7 in B")


def test_empty_traces_are_the_same() -> None:
    assert differences(Trace(()), Trace(())).same
    found = differences(Trace(()), run_of())
    assert not found.same
    assert found.first is not None
    assert (found.first.a, found.first.t) == (None, 0.0)
    assert found.first.text(found.first.a) == "Nothing more happens."
    assert [pair.a for pair in found.pairs] == [None] * 4


# -- what differs ----------------------------------------------------------------------------------


def test_what_comes_before_is_what_both_have_at_that_host() -> None:
    found = compare(link=[{**THREE["link"][0], "latency": "80 ms"}])
    assert found.first is not None
    assert [one.sentence for one in found.first.before] == [
        "ann@A.ARPA hands message 1 to A.ARPA, for bob@B.ARPA.",
        "A.ARPA puts message 1 into its spool, for B.ARPA.",
        "A.ARPA begins to open a transmission channel to B.ARPA.",
    ]
    assert found.made_from == ("link A.ARPA - B.ARPA: latency 40 ms in A, 80 ms in B",)
    assert found.loads.unit == "busy seconds"
    assert found.loads.changed() == []


def test_the_same_event_at_another_time_says_when() -> None:
    found = compare(link=[{**THREE["link"][0], "latency": "80 ms"}])
    assert found.first is not None
    assert found.first.a is not None
    assert found.first.b is not None
    assert found.first.a.sentence.startswith("Session 1 is open, from A.ARPA to B.ARPA")
    assert found.first.a.sentence.endswith(f"(at {found.first.a.t:.6f} s).")
    assert found.first.b.sentence.endswith(f"(at {found.first.b.t:.6f} s).")
    assert found.first.t == found.first.a.t < found.first.b.t


def altered(change: Callable[[Row], Row | None]) -> lab.Divergence:
    """Return where a run parts from itself with some rows changed, or left out."""
    a = run_of()
    rows = [new for row in a.rows if (new := change(row)) is not None]
    found = differences(a, Trace(rows)).first
    assert found is not None
    return found


def says(happening: Happening | None) -> str:
    assert happening is not None
    return happening.sentence


def test_events_with_the_same_sentence_are_told_apart_by_their_columns() -> None:
    def other_octets(row: Row) -> Row:
        return (*row[:OCTETS], row[OCTETS].replace(b"Hi", b"Ho")) if row[KIND] == "data" else row

    found = altered(other_octets)
    assert says(found.a).startswith("A.ARPA sends B.ARPA the mail data of message 1, ")
    assert says(found.a).endswith(" on: i\\x0d\\x0a.\\x0d\\x0a).")
    assert says(found.b).endswith(" on: o\\x0d\\x0a.\\x0d\\x0a).")

    def sent_sooner(row: Row) -> Row:
        return (*row[:SENT], 0.5, *row[SENT + 1 :]) if row[KIND] == "data" else row

    assert says(altered(sent_sooner).b).endswith("(sent 0.500000 s).")

    def other_size(row: Row) -> Row:
        return (*row[:-1], 1) if row[KIND] == "queue" else row

    assert says(altered(other_size).b).endswith("(size 1).")

    def for_others(row: Row) -> Row:
        is_second = row[KIND] == "queue" and row[MESSAGE] == 2
        return (*row[:OWN], ("1", "3"), *row[OWN + 1 :]) if is_second else row

    assert says(altered(for_others).b).endswith("(recipients 1, 3).")

    def other_session(row: Row) -> Row:
        is_one = row[KIND] == "transfer" and row[MESSAGE] == 2
        return (*row[:SESSION], 9, *row[MESSAGE:]) if is_one else row

    found = altered(other_session)
    assert says(found.b).endswith("(session 9, message 2).")


def test_a_run_that_is_cut_off_parts_where_it_ends() -> None:
    a = run_of()
    found = differences(a, Trace(list(a.rows)[:12]))
    assert found.first is not None
    assert found.first.b is None
    assert found.first.a == (a.rows[12][T], 12, lab_sentence(a, 12))
    assert found.first.text(None) == f"Nothing more happens at {a.rows[12][HOST]}."


def lab_sentence(trace: Trace, seq: int) -> str:
    from lab.analysis.narrative import sentence

    return sentence(trace[seq])


def test_a_run_that_was_stopped_parts_where_it_was_stopped() -> None:
    topology = from_dict(THREE)
    found = differences(simulate(topology, 0, 30.0), simulate(topology, 0))
    assert found.first is not None
    assert says(found.first.a) == "The run was stopped here."
    assert says(found.first.b) == "ann@A.ARPA hands message 3 to A.ARPA, for cay@B.ARPA."
    assert [(pair.a, pair.recipient.message) for pair in found.movers()] == [(None, 3)]


def test_hosts_and_links_of_one_run_alone_are_named_or_counted() -> None:
    more = [host(f"C{n}.ARPA") for n in range(2)]
    links = [{"between": ["A.ARPA", "C0.ARPA"], "name": "new"}]
    found = compare(host=[*THREE["host"], *more], link=[*THREE["link"], *links])
    assert found.made_from == (
        "host C0.ARPA: in B only", "host C1.ARPA: in B only",
        "link A.ARPA - C0.ARPA (new): in B only",
    )  # fmt: skip
    assert found.same
    found = compare(host=[*THREE["host"], *(host(f"C{n}.ARPA") for n in range(9))])
    assert found.made_from == ("9 hosts in B only",)


def test_topologies_that_have_nothing_in_common_are_compared() -> None:
    other = {
        "host": [host("X.ARPA", "xan"), host("Y.ARPA", "yip")],
        "link": [{"between": ["X.ARPA", "Y.ARPA"]}],
        "mail": [mail("xan@X.ARPA", "yip@Y.ARPA")],
        "title": "",
    }
    found = compare(**other)
    assert not found.same
    assert [pair.recipient.address for pair in found.movers()] == [
        "bob@B.ARPA", "yip@Y.ARPA", "bob@B.ARPA", "cay@B.ARPA", "cay@B.ARPA",
    ]  # fmt: skip
    assert found.loads.unit == "bytes"
    assert "title: Three mails in A, not set in B" in found.made_from


def test_a_link_without_bandwidth_is_measured_in_bytes() -> None:
    without = [{"between": ["A.ARPA", "B.ARPA"], "latency": "40 ms"}]
    a, b = run_of(link=without), run_of(link=without, mail=THREE["mail"][:2])
    found = differences(a, b)
    assert found.loads.unit == "bytes"
    changed = {(each.host, each.peer): each.change for each in found.loads.changed()}
    assert changed == {
        (use["host"], use["peer"]): other["bytes"] - use["bytes"]
        for use, other in zip(link_use(a), link_use(b), strict=True)
    }


# -- messages are paired ---------------------------------------------------------------------------


def test_a_message_keeps_its_partner_if_others_come_before_it() -> None:
    extra = mail("bob@B.ARPA", "ann@A.ARPA", at="0 s")
    found = compare(mail=[extra, *THREE["mail"]])
    pairs = {(pair.a and pair.a.message, pair.b and pair.b.message) for pair in found.pairs}
    assert pairs == {(1, 2), (2, 3), (3, 4), (None, 1)}
    alone = next(each for each in found.as_dict()["recipients"] if each["a"] is None)
    assert alone["b"]["outcome"] == "delivered"
    assert alone["messages"] == {"a": None, "b": 1}


def test_of_mail_that_is_alike_that_at_the_same_time_is_the_same() -> None:
    alike = [mail("ann@A.ARPA", "bob@B.ARPA", at=f"{n} s") for n in (1, 2, 3)]
    found = differences(run_of(mail=alike), run_of(mail=alike[1:]))
    pairs = {(pair.a and pair.a.message, pair.b and pair.b.message) for pair in found.pairs}
    assert pairs == {(1, None), (2, 1), (3, 2)}


def test_members_of_a_list_are_paired_by_their_addresses() -> None:
    def listed(*members: str) -> dict[str, Any]:
        lists = [{"name": "all", "members": list(members)}]
        hosts = [{**THREE["host"][0], "list": lists}, THREE["host"][1]]
        return {"host": hosts, "mail": [mail("ann@A.ARPA", "all@A.ARPA")]}

    a = run_of(**listed("ann@A.ARPA", "bob@B.ARPA"))
    b = run_of(**listed("bob@B.ARPA", "cay@B.ARPA", "ann@A.ARPA"))
    pairs = [(pair.a and pair.a.address, pair.b and pair.b.address) for pair in
             differences(a, b).pairs]  # fmt: skip
    assert pairs == [
        ("ann@A.ARPA", "ann@A.ARPA"), ("bob@B.ARPA", "bob@B.ARPA"), (None, "cay@B.ARPA"),
    ]  # fmt: skip


def test_the_change_of_a_recipient_is_none_without_the_same_outcome_in_both() -> None:
    path = str(parse_path("<bob@B.ARPA>"))
    settled = lab.Recipient(1, "1", path, 1.0, "delivered", 3.0)
    later = replace(settled, settled_at=4.5)
    assert RecipientPair(settled, later).change == 1.5
    assert RecipientPair(settled, replace(later, outcome="returned")).change is None
    assert RecipientPair(None, later).change is None
    waits = replace(settled, outcome="queued", settled_at=None)
    assert RecipientPair(waits, waits).change is None
    assert not RecipientPair(waits, waits).fared_otherwise(times_aside=False)
    assert not RecipientPair(settled, later).fared_otherwise(times_aside=True)
    twice = replace(settled, deliveries=2)
    assert RecipientPair(settled, twice).fared_otherwise(times_aside=True)


# -- levels ----------------------------------------------------------------------------------------


def at_level(trace: Trace, level: str) -> Trace:
    return Trace(thinned(trace.rows, level), level, trace.digest())


@pytest.mark.parametrize("level", ["session", "delivery", "none"])
def test_traces_of_different_levels_are_compared_as_far_as_both_go(level: str) -> None:
    whole = run_of()
    found = differences(whole, at_level(whole, level))
    assert found.same
    assert found.level == level
    assert found.notes[0] == (
        f"B was recorded with --trace {level} and A with --trace wire; what both have is compared"
    )
    other = run_of(link=[{**THREE["link"][0], "latency": "80 ms"}])
    found = differences(at_level(other, level), whole)
    assert found.notes[0].startswith(f"A was recorded with --trace {level} and B with ")
    assert not found.same
    assert found.loads.unit == ("sessions" if level == "session" else "")


def test_digests_tell_of_differences_that_were_not_recorded() -> None:
    a = run_of(mail=THREE["mail"][:1])
    lines = [{**THREE["mail"][0], "text": "Ho\n"}]
    b = run_of(mail=lines)
    for level in ("session", "delivery"):
        found = differences(at_level(a, level), at_level(b, level))
        assert (found.same, found.first) == (False, None)
        assert found.notes == ("the digests differ: so do events that were not recorded",)
    assert not differences(a, b).same


# -- live ------------------------------------------------------------------------------------------


def live(trace: Trace, change: Callable[[Row], Row | None] = lambda row: row) -> Trace:
    """Return a run as a live one may have recorded it: later, with sessions of other numbers."""
    rows = []
    for row in trace.rows:
        new = change(row)
        if new is None:
            continue
        if new[KIND] == "start":
            new = (*new[:OWN], {**new[OWN], "live": True})
        elif new[SESSION] is not None:
            new = (*new[:SESSION], new[SESSION] + 5, *new[MESSAGE:])
        rows.append((new[T] + 0.25 if new[T] else 0.0, *new[KIND:]))
    return Trace(rows)


def test_times_and_numbers_of_sessions_do_not_count_if_a_run_is_live() -> None:
    a = run_of()
    for found in (differences(a, live(a)), differences(live(a), a), differences(live(a), live(a))):
        assert (found.same, found.first, found.movers(), found.unlike) == (True, None, [], [])
        assert found.times_aside
        assert "times of a live run are measured, so they do not count as a difference" in (
            found.notes
        )


def test_the_first_event_that_only_a_live_run_has_is_found() -> None:
    a = run_of()

    def refused(row: Row) -> Row | None:
        if row[KIND] == "reply" and row[OCTETS].startswith(b"250 OK") and row[T] > 2:
            return (*row[:OCTETS], b"550 No such user\r\n")
        return row

    found = differences(a, live(a, refused))
    assert not found.same
    assert found.unlike
    assert found.first is not None
    assert "550 No such user" in says(found.first.b)
    assert found.as_dict()["notes"][-1] == found.unlike[-1]

    def lost(row: Row) -> Row | None:
        return None if row[KIND] == "deliver" and row[MESSAGE] == 3 else row

    found = differences(a, live(a, lost))
    assert found.first is not None
    assert (says(found.first.a), found.first.b) == (
        "B.ARPA delivers message 3 into the mailbox of cay.", None,
    )  # fmt: skip
    assert [pair.recipient.message for pair in found.movers()] == [3]


def test_dates_and_what_external_hosts_say_are_set_aside() -> None:
    a = run_of()
    start = a.rows[0]
    external = {
        **start[OWN],
        "hosts": [
            {**each, "external": "mail"} if each["name"] == "B.ARPA" else each
            for each in start[OWN]["hosts"]
        ],
    }

    def at_b(row: Row) -> Row | None:
        if row[KIND] == "start":
            return (*row[:OWN], external)
        if row[KIND] == "reply" and row[3] == "B.ARPA":
            return (*row[:OCTETS], b"250 As you like\r\n")
        return row

    found = differences(a, live(a, at_b))
    assert found.unlike == []
    assert found.first is None

    def dated(row: Row) -> Row | None:
        if row[KIND] == "deliver":
            octets = row[DELIVER_OCTETS].replace(b"00:00:0", b"00:07:0")
            return (*row[:DELIVER_OCTETS], octets)
        return row

    assert differences(a, live(a, dated)).same


def test_notifications_are_compared_by_what_they_are_about() -> None:
    wrong = [mail("ann@A.ARPA", "nobody@B.ARPA", at="1 s")]
    a = run_of(mail=wrong)
    assert any(row[KIND] == "notify" for row in a.rows)
    assert differences(a, live(a)).same

    def renumbered(row: Row) -> Row | None:
        return row if row[MESSAGE] is None else (*row[:MESSAGE], row[MESSAGE] + 40, *other(row))

    def other(row: Row) -> Row:
        return (row[OWN] + 40, *row[OWN + 1 :]) if row[KIND] == "notify" else row[OWN:]

    assert differences(a, live(a, renumbered)).same
    assert differences(a, Trace([renumbered(row) or row for row in a.rows])).same
