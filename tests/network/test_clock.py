"""What happens at the same instant: an order that is a source's own, and nobody else's matter."""

from __future__ import annotations

from helpers.small_topologies import Options, host, mail, relay, run

import lab
from lab.network.clock import Clock
from lab.network.events import FAULTS, HOSTS, WATCHES, Delivery, Timer, sequencer
from lab.trace.digests import Digests


def test_the_order_within_an_instant_is_that_of_the_sources() -> None:
    said: list[str] = []
    clock = Clock()
    late, early, fault = sequencer(HOSTS + 1), sequencer(HOSTS), sequencer(FAULTS)
    Timer(clock, 1.0, said.append, "watch", sequencer(WATCHES)())
    Timer(clock, 1.0, said.append, "late 1", late())
    Delivery(clock, 1.0, lambda one: said.append("late 2"), b"", 0.0, late())
    Timer(clock, 1.0, said.append, "early", early())
    Timer(clock, 1.0, said.append, "fault", fault())
    Timer(clock, 0.5, said.append, "before", late())
    clock.run_out()
    assert said == ["before", "fault", "early", "late 1", "late 2", "watch"]


def test_simpys_own_step_takes_them_in_the_same_order() -> None:
    said: list[str] = []
    clock = Clock()
    Timer(clock, 1.0, said.append, "second", sequencer(HOSTS + 1)())
    Timer(clock, 1.0, said.append, "first", sequencer(HOSTS)())
    clock.run()
    assert said == ["first", "second"]


def net(letter: str) -> tuple[list[Options], list[Options], list[Options]]:
    """Three hosts of whom two send through the third, at the same instants: much coincides."""
    one, two, hub = f"{letter}1.ARPA", f"{letter}2.ARPA", f"{letter}-HUB.ARPA"
    hosts = [host(one, "u"), host(two, "u"), relay(hub, "u")]
    links = [{"between": [one, hub]}, {"between": [two, hub]}]
    letters = [mail(f"u@{one}", f"u@{two}", f"u@{hub}"), mail(f"u@{two}", f"u@{one}", f"u@{hub}")]
    return hosts, links, letters * 3


def test_what_a_host_goes_through_does_not_depend_on_who_else_is_there() -> None:
    hosts, links, letters = net("A")
    others, beside, more = net("B")
    crash = [{"kind": "crash", "host": "A-HUB.ARPA", "at": 0.3, "for": 5}]
    alone = run(*hosts, links=links, mail=letters, fault=crash)
    crowd = run(*others, *hosts, links=beside + links, mail=more + letters, fault=crash)
    assert_same(alone, crowd, [host["name"] for host in hosts])


def assert_same(alone: lab.Run, crowd: lab.Run, names: list[str]) -> None:
    found = []
    for done in (alone, crowd):
        digests = Digests()
        digests.take(done.trace.rows)
        found.append([digests.of(name) for name in names])
    assert len(set(found[0])) == len(names)
    assert found[0] == found[1]


def test_a_clock_runs_to_a_time_with_what_is_due_at_it() -> None:
    """And it shows that time, also where nothing happened at it; it never goes back."""
    said: list[str] = []
    clock = Clock()
    orders = sequencer(HOSTS)
    for at in (0.5, 1.0, 1.0000001):
        Timer(clock, at, said.append, f"{at:g}", orders())
    clock.run_to(1.0)
    assert (said, clock.now) == (["0.5", "1"], 1.0)
    clock.run_to(0.7)
    clock.run_to(2.5)
    assert (said, clock.now) == (["0.5", "1", "1"], 2.5)
