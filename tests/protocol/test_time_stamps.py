"""Time stamp lines, return path lines and the <daytime> in them (section 4.1.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.protocol import (
    NULL_PATH,
    ZONES,
    Calendar,
    Daytime,
    HostName,
    Path,
    SyntaxFault,
    TimeStamp,
    daytime,
    parse_daytime,
    parse_path,
    parse_return_path_line,
    parse_time_stamp_line,
    return_path_line,
    stamp_options,
    time_stamp_line,
    with_relay,
    without_relay,
    zone_of,
)

EXAMPLE_10 = (
    b"Received: FROM ABC.ARPA BY XYZ.ARPA ; 22 OCT 81 09:23:59 PDT\r\n",
    b"Received: from ABC.ARPA by XYZ.ARPA via TELENET with X25\r\n"
    b"          id M12345 for Smith@PDQ.ARPA ; 22 OCT 81 09:23:59 PDT\r\n",
)


@pytest.mark.rule("4.1.2-11", "4.1.2-16")
def test_the_lines_of_example_10_are_read() -> None:
    plain, full = map(parse_time_stamp_line, EXAMPLE_10)
    assert plain == TimeStamp("ABC.ARPA", "XYZ.ARPA", "22 OCT 81 09:23:59 PDT")
    assert full == TimeStamp(
        "ABC.ARPA", "XYZ.ARPA", "22 OCT 81 09:23:59 PDT",
        link="TELENET", protocol="X25", id="M12345", forward_path="Smith@PDQ.ARPA",
    )  # fmt: skip


@pytest.mark.rule("4.1.1-10", "4.1.2-11", "4.1.2-16")
def test_the_lines_of_examples_8_and_10_are_written() -> None:
    """As they are printed, but for the fold and for the capitals of OCT."""
    at = "22 Oct 81 09:23:59 PDT"
    options = stamp_options("TELENET", "X25", "M12345", "Smith@PDQ.ARPA")
    assert time_stamp_line("ABC.ARPA", "XYZ.ARPA", at, options) == (
        b"Received: from ABC.ARPA by XYZ.ARPA via TELENET with X25 id M12345 for Smith@PDQ.ARPA"
        b" ; 22 Oct 81 09:23:59 PDT\r\n"
    )
    assert time_stamp_line("GHI.ARPA", "JKL.ARPA", "27 Oct 81 15:27:39 PST") == (
        b"Received: from GHI.ARPA by JKL.ARPA ; 27 Oct 81 15:27:39 PST\r\n"
    )


@pytest.mark.rule("4.1.1-11", "4.1.2-13")
def test_the_return_path_of_example_9_is_written_and_read() -> None:
    line = b"Return-Path: <@CHARLIE.ARPA,@BAKER.ARPA:JOE@ABLE.ARPA>\r\n"
    path = Path(("CHARLIE.ARPA", "BAKER.ARPA"), "JOE", "ABLE.ARPA")
    assert return_path_line(path) == line
    assert parse_return_path_line(line) == path
    assert parse_return_path_line(return_path_line(NULL_PATH)) is NULL_PATH
    with pytest.raises(SyntaxFault, match="not a return path line"):
        parse_return_path_line(b"Received: <a@B>\r\n")


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=";"))


@given(WORDS, WORDS, WORDS, st.sampled_from(["", "Smith@PDQ.ARPA", '<"a b; c"@D>']))
def test_a_time_stamp_line_that_was_written_is_read_as_it_was(
    link: str, protocol: str, id_: str, path: str
) -> None:
    options = stamp_options(link, protocol, id_, path)
    line = time_stamp_line("A.ARPA", "#12", "2 Nov 81 22:40:10 UT", options)
    stamp = ("A.ARPA", "#12", "2 Nov 81 22:40:10 UT", link, protocol, id_, path)
    assert parse_time_stamp_line(line) == stamp


@pytest.mark.parametrize("word", ["two words", "a;b", "a\r\nX: y", "caf\xe9", "\0"])
def test_what_would_be_several_words_or_lines_is_refused(word: str) -> None:
    with pytest.raises(SyntaxFault, match="one printable word"):
        stamp_options(id=word)


@pytest.mark.parametrize(
    "line",
    [
        b"Received: by B.ARPA ; 2 Nov 81 22:40:10 UT",
        b"Received: from A by B with X via Y ; 2 Nov 81 22:40:10 UT",
        b"Received: from A by B ; 2 Nov 1981 22:40:10 UT",
        b"Received: from A by B ; 2 Nov 81 22:40:10 UT\r\nSubject: x",
        b"Subject: x",
    ],
)
def test_what_is_not_a_time_stamp_line_is_refused(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse_time_stamp_line(line)


@pytest.mark.rule("4.1.2-12", "4.1.2-17")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1 Aug 82 00:00:00 UT", datetime(1982, 8, 1, tzinfo=UTC)),
        ("01 AUG 82 24:00:00 GMT", datetime(1982, 8, 2, tzinfo=UTC)),
        ("31 dec 99 24:00:59 Z", datetime(2000, 1, 1, 0, 0, 59, tzinfo=UTC)),
        ("22 OCT 81 09:23:59 PDT", datetime(1981, 10, 22, 16, 23, 59, tzinfo=UTC)),
        ("2 Nov 81 22:40:10 EST", datetime(1981, 11, 3, 3, 40, 10, tzinfo=UTC)),
        ("2 Nov 81 22:40:10 +0530", datetime(1981, 11, 2, 17, 10, 10, tzinfo=UTC)),
        ("2 Nov 81 22:40:10 -0330", datetime(1981, 11, 3, 2, 10, 10, tzinfo=UTC)),
        ("2 Nov 81 22:40:10 A", datetime(1981, 11, 2, 23, 40, 10, tzinfo=UTC)),
        ("2 Nov 81 22:40:10 Y", datetime(1981, 11, 2, 10, 40, 10, tzinfo=UTC)),
    ],
)
def test_a_daytime_is_a_moment_in_its_zone(text: str, moment: datetime) -> None:
    """4.1.2: "<hh> ::= ... in the range 00 to 24"; zones "as in [2]", which is RFC 822."""
    assert parse_daytime(text).moment() == moment


@pytest.mark.rule("4.1.2-12", "4.1.2-17")
@pytest.mark.parametrize(
    "text",
    [
        "0 Aug 82 00:00:00 UT", "32 Aug 82 00:00:00 UT", "1 Abc 82 00:00:00 UT",
        "1 Aug 1982 00:00:00 UT", "1 Aug 82 25:00:00 UT", "1 Aug 82 24:60:00 UT",
        "1 Aug 82 00:00:60 UT", "1 Aug 82 0:00:00 UT", "1 Aug 82 00:00:00", "1 Aug 82 00:00:00 J",
        "1 Aug 82 00:00:00 CET", "1 Aug 82 00:00:00 +2400", "1 Aug 82 00:00 UT", "",
    ],
)  # fmt: skip
def test_what_is_not_a_daytime_is_refused(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse_daytime(text)


def test_a_month_has_no_more_days_than_it_has() -> None:
    assert parse_daytime("29 Feb 84 12:00:00 UT").moment().day == 29
    with pytest.raises(SyntaxFault, match="Feb 1982 has no day 29"):
        parse_daytime("29 Feb 82 12:00:00 UT").moment()


def test_the_two_digits_of_a_year_count_from_the_first_year() -> None:
    assert Daytime(1, 1, 0, 0, 0, 0).moment().year == 2000
    assert Daytime(1, 1, 68, 0, 0, 0).moment().year == 2068
    assert Daytime(1, 1, 69, 0, 0, 0).moment().year == 1969
    assert Daytime(1, 1, 69, 0, 0, 0).moment(1970).year == 2069


@pytest.mark.rule("4.1.2-12")
@pytest.mark.parametrize("zone", [*ZONES, "+0000", "+1400", "-0930"])
def test_a_moment_written_in_any_zone_is_the_same_moment(zone: str) -> None:
    moment = datetime(1981, 12, 31, 22, 33, 44, tzinfo=UTC)
    written = daytime(moment, zone)
    assert written.endswith(f" {zone}")
    assert parse_daytime(written).moment() == moment


@pytest.mark.rule("4.1.2-12")
def test_a_calendar_writes_the_zone_that_it_is_given() -> None:
    start = datetime(1981, 10, 22, 9, 23, 59, tzinfo=timezone(timedelta(hours=-7)))
    assert Calendar(start).daytime(1.0) == "22 Oct 81 09:24:00 MST"
    assert Calendar(start, "PDT").daytime(1.0) == "22 Oct 81 09:24:00 PDT"
    assert Calendar(start, "EDT").daytime(-60.0) == "22 Oct 81 12:22:59 EDT"
    assert zone_of("pdt") == zone_of("-0700")


@pytest.mark.rule("3.6-2", "3.6-4", "3.6-14")
def test_a_relay_moves_its_name_from_the_forward_path_to_the_reverse_path() -> None:
    """3.6: in whatever environment it is named, as often as it is, and not that of the mailbox."""
    names = {HostName("B"), HostName("#7")}
    forward = parse_path("<@B,@#007,@C:joe@D>")
    assert without_relay(forward, names).text == "<@C:joe@D>"
    assert without_relay(parse_path("<@C,@B:joe@D>"), names).text == "<@C,@B:joe@D>"
    assert without_relay(parse_path("<@B:joe@B>"), names).text == "<joe@B>"
    assert with_relay(parse_path("<@A:ann@A>"), "B").text == "<@B,@A:ann@A>"
    assert with_relay(NULL_PATH, "B") is NULL_PATH
