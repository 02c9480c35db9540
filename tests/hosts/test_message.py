"""The lines of a message: dates, memo headers, and text of a given size (4.1.2, 4.5.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lab.hosts.message import compose, filler
from lab.protocol import Calendar, parse_path


@pytest.mark.parametrize(
    ("hours", "zone"), [(0, "UT"), (-8, "PST"), (-5, "EST"), (1, "+0100"), (-3.5, "-0330")]
)
def test_the_zone_is_named_or_its_distance_given(hours: float, zone: str) -> None:
    """4.1.2: <zone> is UT or one of RFC 822's; the others are written as +hhmm."""
    start = datetime(1981, 11, 2, 22, 33, 44, tzinfo=timezone(timedelta(hours=hours)))
    assert Calendar(start).daytime(0.0) == f"2 Nov 81 22:33:44 {zone}"


def test_the_date_goes_on_with_the_seconds_and_before_the_start() -> None:
    calendar = Calendar(datetime(1982, 2, 28, 23, 59, 58, tzinfo=UTC))
    assert calendar.daytime(1.9) == "28 Feb 82 23:59:59 UT"
    assert calendar.daytime(2.0) == "1 Mar 82 00:00:00 UT"
    assert calendar.daytime(-59.0) == "28 Feb 82 23:58:59 UT"


@pytest.mark.parametrize("size", [*range(70), 700, 5000])
def test_filler_is_of_the_size_that_was_asked_for(size: int) -> None:
    """Whole lines that end in CRLF; below two bytes there is no line at all."""
    octets = filler(size)
    assert len(octets) == (size if size >= 2 else 0)
    assert octets == b"" or octets.endswith(b"\r\n")
    assert b"\r" not in octets.replace(b"\r\n", b"")


def test_a_message_has_its_size_or_as_little_more_as_its_header_takes() -> None:
    ann, bob = parse_path("<ann@A>"), parse_path("<bob@B>")
    for size in (500, 5):
        octets = compose("1 Aug 82 00:00:00 UT", ann, "Ann", (bob,), "size", size=size)
        assert len(octets) == max(size, octets.index(b"\r\n\r\n") + 4)
    empty = compose("1 Aug 82 00:00:00 UT", ann, "", (bob,))
    assert empty == b"Date: 1 Aug 82 00:00:00 UT\r\nFrom: ann@A\r\nTo: bob@B\r\n\r\n"
