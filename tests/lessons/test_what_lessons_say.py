"""What the lessons say in their text holds in the runs that they show."""

from __future__ import annotations

import re
from itertools import product

import nbformat
import pytest
from helpers.places import NOTEBOOKS

import lab
from lab import lessons
from lab.lessons import maps


def text_of(lesson: int) -> str:
    """The text of a lesson, on one line."""
    path = next(NOTEBOOKS.glob(f"{lesson:02}-*.ipynb"))
    cells = nbformat.read(path, as_version=4).cells
    return " ".join(" ".join(cell.source.split()) for cell in cells)


@pytest.mark.parametrize(
    ("kind", "place", "begins"),
    [
        ("hang-up", {"link": ("HOME.ARPA", "RELAY.ARPA")}, 1.3),
        ("crash", {"host": "HOME.ARPA", "duration": 60}, 1.3),
        ("crash", {"host": "RELAY.ARPA", "duration": 60}, 3.3),
    ],
)
def test_the_window_of_lesson_11_begins_where_it_says(
    kind: str, place: dict[str, object], begins: float
) -> None:
    """With the text at the receiver; only what the receiver's crash doubles has been stored."""
    assert "It begins when the final period has reached the receiver" in text_of(11)
    network = lab.load(lessons.topology("lessons/lost-250.toml"))
    for at in (1.2, 1.28, 1.34, 2.0, 3.28, 3.34, 3.38, 3.45):
        run = lab.simulate(network, faults=[lab.Fault(kind, at=at, **place)])
        assert run.summary["duplicates"] == (begins < at < 3.4), at


def test_the_loads_of_lesson_14_are_those_of_its_run() -> None:
    text = text_of(14)
    network = lab.load(lessons.topology("arpanet-1972.toml"))
    measured = maps.relayed(lab.simulate(network))
    expected = maps.expected(maps.graph(network), 400)
    assert round(expected["UCLA"]) == round(expected["ETAC"]) == 102
    assert "102 of the 400" in text
    assert f"{measured['ETAC']} for ETAC and {measured['UCLA']} for UCLA" in text
    assert f"had {measured['CASE']} where {round(expected['CASE'])} were predicted" in text


def test_no_list_of_lesson_7_crosses_fewer_than_two_channels() -> None:
    """With a relay between Ann's host and the mailbox it takes three, otherwise two."""
    file = lessons.topology("lessons/routes.toml")
    routes = ["@EAST.ARPA", "@WEST.ARPA", "@EAST.ARPA,@WEST.ARPA", "@WEST.ARPA,@EAST.ARPA"]
    fewest = {True: 9, False: 9}
    for to_far, to_dan in product(routes, routes):
        people = [f"{to_far}:bob@FAR.ARPA", f"{to_far}:cat@FAR.ARPA", f"{to_dan}:dan@WEST.ARPA"]
        run = lab.simulate(lab.load(file, [f"mail.0.to={people}"]), until=15)
        if run.summary["delivered"] == 3:
            crossed = sum(event.kind == "accept" for event in run.trace)
            is_third = to_dan != "@WEST.ARPA"
            fewest[is_third] = min(fewest[is_third], crossed)
    assert fewest == {True: 3, False: 2}


def test_the_limits_of_lesson_12_are_those_of_its_check() -> None:
    said = re.search(r"by minute (\d+) \(5 \+ 31\).*by minute (\d+) \(50 \+ 31\)", text_of(12))
    assert said is not None
    assert [int(minute) for minute in said.groups()] == [5 + 31, 50 + 31]


def test_lesson_10_does_not_say_that_its_timeline_is_to_scale() -> None:
    """Waits are cut short: a minute of a session is as wide as an hour of a wait."""
    ax = lab.simulate(lessons.topology("lessons/waiting.toml")).plot("timeline")
    assert "not to scale" in ax.get_xlabel()
    assert "**not to scale**" in text_of(10)


def test_lessons_6_and_15_agree_on_what_became_of_send() -> None:
    for lesson in (6, 15):
        assert "F.6" in text_of(lesson)
        assert re.search(r"[Ff]ew hosts ever had|rarely implemented", text_of(lesson))
        assert not re.search(r"SEND.{0,80}(removed|forbidden|nuisance)", text_of(lesson))
