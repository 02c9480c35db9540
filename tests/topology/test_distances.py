"""Latencies that follow from distances: of links with a length, and between positions."""

from __future__ import annotations

from typing import Any

import pytest

import lab
from lab.topology.distances import EARTH_RADIUS, great_circle, latency
from lab.topology.model import from_dict

BOSTON, LONDON = [-71.06, 42.36], [-0.13, 51.51]


def made(link: dict[str, Any], *positions: list[float] | None) -> lab.Topology:
    places = positions or (BOSTON, LONDON)
    hosts = [
        {"name": name} if place is None else {"name": name, "position": place}
        for name, place in zip("AB", places, strict=True)
    ]
    return from_dict({"host": hosts, "link": [{"between": ["A", "B"], **link}]})


def test_a_quarter_of_the_equator_is_a_quarter_of_the_circumference() -> None:
    assert great_circle((0, 0), (90, 0)) == pytest.approx(EARTH_RADIUS * 3.14159265 / 2)
    assert great_circle((10, -90), (170, 90)) == pytest.approx(EARTH_RADIUS * 3.14159265)
    assert great_circle((5, 5), (5, 5)) == 0
    with pytest.raises(ValueError, match=r"^91 is not a latitude, which is from -90 to 90$"):
        great_circle((0, 91), (0, 0))


def test_a_signal_takes_five_microseconds_for_a_kilometre_of_fibre() -> None:
    assert latency(200.0, 200_000.0) == 0.001
    link = made({"latency": "distance", "dist": "200 km"}).links[0]
    assert link.latency == 0.001
    slow = made({"latency": "distance", "dist": "200 km", "speed": "100000 km/s"}).links[0]
    assert slow.latency == 0.002


def test_positions_give_the_length_of_a_link() -> None:
    """Boston and London are some 5265 km apart."""
    link = made({"latency": "distance"}).links[0]
    assert link.latency == pytest.approx(5265 / 200_000, rel=0.01)


def test_bytes_between_oslo_and_bergen_take_what_a_map_says() -> None:
    """By the law of cosines: cos d = sin a sin b + cos a cos b cos(difference of longitudes).

    0.864363 * 0.869409 + 0.502869 * 0.494094 * 0.995513 = 0.998834, so d = 0.048300 rad, which is
    307.72 km, or 1.5386 ms at 200,000 km/s.
    """
    hosts = [
        {"name": "OSLO", "position": [10.75, 59.81], "users": ["kari"]},
        {"name": "BERGEN", "position": [5.32, 60.39], "users": ["olav"]},
    ]
    link = {"between": ["OSLO", "BERGEN"], "latency": "distance"}
    mail = {"from": "kari@OSLO", "to": "olav@BERGEN"}
    run = lab.simulate(from_dict({"host": hosts, "link": [link], "mail": [mail]}))
    took = [e.t - e["sent"] for e in run.trace if e.kind in ("command", "reply")]
    assert took == pytest.approx([0.0015386] * len(took), abs=1e-6)


def test_each_direction_may_take_its_latency_from_the_distance() -> None:
    link = made({"latency": "1 s", "back": {"latency": "distance"}}).links[0]
    assert link.latency == 1.0
    assert link.back.latency == pytest.approx(5265 / 200_000, rel=0.01)


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ([BOSTON, None], "link[0].latency: the distance is not known: B has no position; write "
         'position = [longitude, latitude] there, or dist = "120 km" here'),
        ([BOSTON, [0.0, 95.0]], "link[0].latency: the distance is not known: 95 is not a latitude, "
         'which is from -90 to 90; write dist = "120 km"'),
    ],
)  # fmt: skip
def test_a_distance_that_is_not_known_is_said(places: Any, sentence: str) -> None:
    with pytest.raises(lab.TopologyError) as wrong:
        made({"latency": "distance"}, *places)
    assert str(wrong.value) == sentence
