"""The hosts by which the mail of each recipient went."""

from __future__ import annotations

from lab.analysis.ways import Ways

ROWS = [
    (0.0, "submit", "A", None, None, 1, "<ann@A>", ("<bob@B>", "<all@R>"), "MAIL", 9),
    (1.0, "accept", "R", "A", 1, 1, ("1", "2"), "ann@A", 9),
    (1.0, "expand", "R", None, None, 1, "2", "all", (("2.1", "<joe@B>"), ("2.2", "<sam@R>"))),
    (2.0, "accept", "B", "R", 2, 1, ("1", "2.1"), "@R:ann@A", 9),
    (3.0, "accept", "B", "R", 3, 1, ("1",), "@R:ann@A", 9),
    (4.0, "accept", "B", "X", 4, 2, ("1",), "who@X", 9),
]


def test_the_way_of_a_recipient_and_of_the_members_of_a_list() -> None:
    ways = Ways(ROWS)
    assert ways.of(1, "2.1") == ["A", "R", "B"]
    assert ways.of(1, "2.2") == ["A", "R"]


def test_mail_that_is_accepted_twice_has_been_there_twice() -> None:
    assert Ways(ROWS).of(1, "1") == ["A", "R", "B", "B"]


def test_mail_that_nobody_handed_in_has_no_way() -> None:
    assert Ways(ROWS).of(2, "1") == []
    assert (
        Ways([(0.0, "expand", "R", None, None, 3, "1", "all", (("1.1", "<joe@B>"),))]).of(3, "1.1")
        == []
    )
