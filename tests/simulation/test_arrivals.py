"""When random messages come and how long they are: against theory, and by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from statistics import fmean, pstdev
from typing import Any

import pytest

import lab
from lab.runtime.streams import Stream
from lab.simulation.agenda import submissions
from lab.simulation.arrivals import Profile, arrival_times
from lab.simulation.world import World
from lab.topology.model import from_dict

START = datetime(1982, 8, 2, tzinfo=UTC)
HOUR = 3600.0


def topology(**traffic: Any) -> lab.Topology:
    hosts = [{"name": name, "users": ["u", "v"]} for name in "ABC"]
    return from_dict({"host": hosts, "traffic": [{"count": 5000, "rate": "1 /s"} | traffic]})


def times(date: datetime = START, **traffic: Any) -> list[float]:
    (spec,) = topology(**traffic).traffic
    return list(arrival_times(spec, Stream(0, "arrivals"), date))


def mail(made: lab.Topology) -> list[Any]:
    return list(submissions(made, 0, World(made).routes, lambda _: True))


@pytest.mark.parametrize(
    ("arrivals", "spread"),
    [
        ("poisson", 1.0), ("fixed", 0.0),
        ({"distribution": "weibull", "shape": 2}, 0.523), ({"distribution": "uniform"}, 0.577),
        ({"distribution": "lognormal", "sigma": 0.5}, 0.533),
        ({"distribution": "normal", "mean": 10, "sd": 2}, 0.2),
        ({"distribution": "exponential", "mean": "7 h"}, 1.0),
    ],
)  # fmt: skip
def test_gaps_have_the_mean_that_the_rate_says_and_the_spread_of_their_kind(
    arrivals: Any, spread: float
) -> None:
    found = times(rate="30 /min", arrivals=arrivals)
    gaps = [b - a for a, b in zip([0.0, *found], found, strict=False)]
    assert fmean(gaps) == pytest.approx(2.0, rel=0.05)
    assert pstdev(gaps) / fmean(gaps) == pytest.approx(spread, rel=0.08, abs=1e-6)


def test_messages_end_at_a_time() -> None:
    found = times(arrivals="fixed", until=10, start=2)
    assert found == [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert times(arrivals="fixed", until=10, count=3) == [1.0, 2.0, 3.0]
    (spec,) = topology(until=10, start=2, count=None).traffic
    assert spec.expected == 8


def test_more_messages_come_when_the_profile_says_so() -> None:
    """At 100 an hour: 20 an hour until 9, 300 until 18, and 100 until midnight, for ten days."""
    profile = {"00:00": 0.2, "09:00": 3, "18:00": 1}
    made = topology(count=None, until="10 d", rate="100 /h", profile=profile)
    found = list(arrival_times(made.traffic[0], Stream(0, "arrivals"), START))
    hours = Counter(int(at % 86400 // HOUR) for at in found)
    assert fmean(hours[hour] / 10 for hour in range(9)) == pytest.approx(20, rel=0.1)
    assert fmean(hours[hour] / 10 for hour in range(9, 18)) == pytest.approx(300, rel=0.05)
    assert fmean(hours[hour] / 10 for hour in range(18, 24)) == pytest.approx(100, rel=0.1)
    assert made.traffic[0].expected == pytest.approx(len(found), rel=0.05)


def test_the_time_of_day_is_that_of_the_start() -> None:
    profile = {"09:00": 1, "10:00": 0}
    early, late = START.replace(hour=8), START.replace(hour=9, minute=30)
    assert times(early, rate="1 /h", count=2, arrivals="fixed", profile=profile) == [
        2 * HOUR, 26 * HOUR,
    ]  # fmt: skip
    assert times(late, rate="2 /h", count=2, arrivals="fixed", profile=profile) == [
        0.5 * HOUR, 24 * HOUR,
    ]  # fmt: skip


def test_a_gap_of_many_days_is_found_at_once() -> None:
    """Half of each day counts: a million days of it take two million."""
    profile = Profile([(0.0, 0.0), (12 * HOUR, 1.0)], 0.0)
    assert profile.after(0.0, 43200.0 * 1e6) == pytest.approx(86400.0 * 1e6)


def test_sizes_are_drawn_within_their_bounds() -> None:
    size = {"distribution": "lognormal", "median": "2 kB", "sigma": 1.2, "max": "10 kB"}
    found = [each.size for each in mail(topology(size=size))]
    assert sorted(found)[2500] == pytest.approx(2000, rel=0.08)
    assert max(found) == 10000
    assert all(isinstance(each, int) for each in found)


def test_a_size_that_is_drawn_leaves_the_rest_as_it_was() -> None:
    """Common random numbers: who writes to whom, and when."""
    size = {"distribution": "pareto", "shape": 2, "mean": "2 kB"}
    plain, drawn = mail(topology(count=50)), mail(topology(count=50, size=size))
    assert [each[:4] for each in plain] == [each[:4] for each in drawn]
    assert len({each.size for each in drawn}) > 40


def test_hosts_write_in_proportion_to_their_demands() -> None:
    demands = [["A", "B", 6], ["B", "C", 3], ["C", "A", 1]]
    found = Counter((each.host, each.to[0].domain) for each in mail(topology(demands=demands)))
    shares = {pair: number / 5000 for pair, number in found.items()}
    assert shares.keys() == {("A", "B"), ("B", "C"), ("C", "A")}
    assert shares["A", "B"] == pytest.approx(0.6, abs=0.02)
    assert shares["B", "C"] == pytest.approx(0.3, abs=0.02)


def test_globs_choose_among_demands() -> None:
    demands = [["A", "B", 6], ["B", "C", 3], ["C", "A", 1]]
    found = mail(topology(demands=demands, to="v@[BC]", count=200))
    assert {(each.host, each.to[0].bare) for each in found} == {("A", "v@B"), ("B", "v@C")}


def test_a_run_of_demands_is_the_same_on_several_processes() -> None:
    hosts = [{"name": name, "users": ["u"], "relay": True} for name in "ABCD"]
    links = [{"between": list(ends), "latency": "1 s"} for ends in ("AB", "BC", "CD")]
    traffic = {
        "demands": [["A", "D", 1], ["D", "B", 2], ["C", "A", 2]], "rate": "200 /s",
        "until": "0.5 s", "size": {"distribution": "exponential", "mean": "1 kB"},
        "profile": {"00:00": 1, "12:00": 2},
    }  # fmt: skip
    network = from_dict({"host": hosts, "link": links, "traffic": [traffic]})
    assert lab.simulate(network).digest == lab.simulate(network, processes=2).digest
