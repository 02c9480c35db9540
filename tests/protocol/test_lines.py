"""Framing, transparency and sizes: each parser whole, byte by byte and at any cut."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.protocol import Limits, LineBuffer, MailData, ReplyParser, dot_stuff, dot_unstuff, reply
from lab.protocol.lines import (
    LONGEST_LINE,
    TOO_LONG,
    end_of_mail_data,
    may_complete_end,
    seems_to_end,
)
from lab.protocol.replies import MAX_REPLY_LINE, TEXTS, Reply

# what the framing could stumble over comes often; anything else now and then
NASTY = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b".", b"..", b"\r\n.", b"\r\n.\r\n", b"\0", b"a", b"\x85"]
    )
    | st.binary(max_size=3),
    max_size=24,
).map(b"".join)


def cut(octets: bytes, at: list[int]) -> Iterator[bytes]:
    """The same bytes in pieces; empty pieces among them."""
    last = 0
    for place in sorted(min(size, len(octets)) for size in at):
        yield octets[last:place]
        last = place
    yield octets[last:]


def bytewise(octets: bytes) -> list[bytes]:
    return [octets[n : n + 1] for n in range(len(octets))]


CUTS = st.lists(st.integers(0, 80), max_size=6)


def lines_in(pieces: list[bytes] | Iterator[bytes], limit: int | None = None) -> list[bytes | None]:
    """The lines of the pieces; None stands for one too long."""
    buffer = LineBuffer(limit)
    lines: list[bytes | None] = []
    for piece in pieces:
        buffer.feed(piece)
        while (line := buffer.take()) is not None:
            lines.append(None if line is TOO_LONG else line)
    return lines


# -- lines


@given(NASTY, CUTS)
@pytest.mark.rule("4.1.1-2")
def test_crlf_and_nothing_else_ends_a_line(octets: bytes, at: list[int]) -> None:
    """4.1.1: "commands are terminated by <CRLF>"; a bare CR, LF or NUL is a character."""
    wanted = octets.split(b"\r\n")[:-1]
    assert lines_in([octets]) == wanted
    assert lines_in(bytewise(octets)) == wanted
    assert lines_in(cut(octets, at)) == wanted


@given(NASTY, CUTS, st.integers(1, 12))
@pytest.mark.rule("4.5.3-4", "4.5.3-9")
def test_a_line_is_too_long_by_its_length_alone(octets: bytes, at: list[int], limit: int) -> None:
    """4.5.3: 500 "Line too long." where a host sets a limit, however the bytes were cut."""
    lines = octets.split(b"\r\n")[:-1]
    wanted = [line if len(line) + 2 <= limit else None for line in lines]
    assert lines_in([octets], limit) == wanted
    assert lines_in(bytewise(octets), limit) == wanted
    assert lines_in(cut(octets, at), limit) == wanted


def test_a_line_of_two_bytes_is_no_sign_of_a_line_too_long() -> None:
    """The sign for an overlong line is known by identity, so no line that is sent can fake it."""
    buffer = LineBuffer()
    buffer.feed(b"\r\n")
    assert buffer.take() is not TOO_LONG


@given(NASTY)
@pytest.mark.rule("4.1.1-2")
def test_a_tail_waits_for_its_crlf(octets: bytes) -> None:
    """4.1.1: what no CRLF has ended is no command."""
    # (to take the CRLFs out of CR CR LF LF would leave one)
    tail = octets.replace(b"\r\n", b"|")
    buffer = LineBuffer()
    buffer.feed(b"NOOP\r\n" + tail)
    assert buffer.take() == b"NOOP"
    assert buffer.take() is None
    assert buffer.is_fresh == (not tail)


@pytest.mark.parametrize("mail_data", [
    b"a\n.\nb\r\n", b"a\n.\r\nb\r\n", b"a\r.\rb\r\n", b"a\r.\r\n", b"a\n.", b"\n.\r",
])  # fmt: skip
def test_a_period_alone_between_bare_line_ends_seems_to_end_the_mail(mail_data: bytes) -> None:
    """To a receiver that ends lines at LF or CR; by 4.5.2 it is text."""
    assert seems_to_end(mail_data)


@pytest.mark.rule("4.5.2-5")
@pytest.mark.parametrize("mail_data", [
    b".\r\n", b"a\r\n.\r\nb\r\n", b"a\r\n.\nb", b"a\n.b\n", b"a\nb\rc\0", b"a\n..\n", b".\n",
])  # fmt: skip
def test_other_periods_do_not(mail_data: bytes) -> None:
    """A period after CRLF is doubled on its way, and one before other text is not alone."""
    assert not seems_to_end(mail_data)


def test_mail_data_that_ends_at_once_leaves_what_follows() -> None:
    """4.1.1 DATA: commands may follow in the same bytes, and another mail with them."""
    follows = b"MAIL FROM:<>\r\nRCPT TO:<a@B>\r\nDATA\r\nx\r\n.\r\n"
    data = MailData()
    assert data.feed(b".\r\n" + follows) == follows
    assert data.octets == b""


# -- transparency


@given(NASTY)
@pytest.mark.rule("4.5.2-1", "4.5.2-2")
def test_stuffing_and_unstuffing_are_inverse(octets: bytes) -> None:
    """4.5.2: a period is doubled by the sender and taken off by the receiver."""
    wire = dot_stuff(octets)
    assert wire.endswith(b"\r\n.\r\n") or wire == b".\r\n"
    ended = octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"
    assert dot_unstuff(wire[:-3]) == ended


@pytest.mark.rule("4.5.2-1", "4.5.2-2")
@pytest.mark.parametrize(
    ("octets", "wire"),
    [
        (b".\r\n", b"..\r\n.\r\n"),
        (b".a", b"..a\r\n.\r\n"),
        (b"..", b"...\r\n.\r\n"),
        (b"a\r\n.b\r\n.\r\n", b"a\r\n..b\r\n..\r\n.\r\n"),
        (b".\r\n.\r\n", b"..\r\n..\r\n.\r\n"),
        (b"a.\r\nb", b"a.\r\nb\r\n.\r\n"),
    ],
)
def test_each_line_that_begins_with_a_period_gets_another(octets: bytes, wire: bytes) -> None:
    """4.5.2: the first line of the mail data like any other."""
    assert dot_stuff(octets) == wire
    assert dot_unstuff(wire[:-3]).removesuffix(b"\r\n") == octets.removesuffix(b"\r\n")


def naive(wire: bytes) -> tuple[bytes, bytes] | None:
    """4.1.1 and 4.5.2 line by line: the mail data and what follows, or None without an end."""
    data = b""
    while b"\r\n" in wire:
        line, wire = wire.split(b"\r\n", 1)
        if line == b".":
            return data, wire
        data += (line[1:] if line.startswith(b".") else line) + b"\r\n"
    return None


def read(
    pieces: list[bytes] | Iterator[bytes], limits: Limits | None
) -> tuple[bytes, bytes] | None:
    data = MailData(limits)
    rest = None
    for piece in pieces:
        if rest is not None:
            rest += piece
        else:
            rest = data.feed(piece)
    return None if rest is None else (data.octets, rest)


@given(NASTY, NASTY, CUTS, st.sampled_from([Limits(message=1 << 20, text_line=1 << 20), Limits()]))
@pytest.mark.rule("4.5.2-2")
def test_mail_data_at_any_cut(octets: bytes, tail: bytes, at: list[int], limits: Limits) -> None:
    """4.5.2: what was stuffed is delivered, at any cut; what follows is a command."""
    wire = dot_stuff(octets) + tail
    wanted = naive(wire)
    assert wanted is not None
    assert wanted[0].removesuffix(b"\r\n") == octets.removesuffix(b"\r\n")
    assert wanted[1] == tail
    assert read([wire], limits) == wanted
    assert read(bytewise(wire), limits) == wanted
    assert read(cut(wire, at), limits) == wanted


@given(NASTY, CUTS)
@pytest.mark.rule("3.1-6", "4.1.1-8", "4.5.2-3", "4.5.2-4")
def test_any_bytes_as_mail_data_at_any_cut(wire: bytes, at: list[int]) -> None:
    """4.1.1 DATA: only a line that is a single period ends the mail data, whatever else comes."""
    wanted = naive(wire)
    assert read([wire], Limits()) == wanted
    assert read(bytewise(wire), Limits()) == wanted
    assert read(cut(wire, at), Limits()) == wanted


@pytest.mark.rule("4.5.2-4")
@pytest.mark.parametrize("more", [b"", b".", b".\r\n..\r\n"])
@pytest.mark.parametrize("limits", [None, Limits(message=10_000)])
def test_mail_data_holds_all_128_characters(more: bytes, limits: Limits | None) -> None:
    """4.5.2: all are delivered "including format effectors and other control characters"."""
    octets = bytes(range(128)) + b"\r\n" + more + bytes(reversed(range(128))) + b"\r\n"
    wire = dot_stuff(octets)
    assert dot_unstuff(wire[:-3]) == octets
    for pieces in ([wire], bytewise(wire), list(cut(wire, [1, 40, 131, 140, 200]))):
        assert read(pieces, limits) == (octets, b"")


@given(NASTY, CUTS, st.integers(0, 30))
@pytest.mark.rule("4.5.3-9")
def test_the_size_of_mail_data_is_what_would_be_delivered(
    octets: bytes, at: list[int], most: int
) -> None:
    """4.5.3: 552 "Too much mail data." counts the data, and not the dots of transparency."""
    wire = dot_stuff(octets)
    size = len(dot_unstuff(wire[:-3]))
    for pieces in ([wire], bytewise(wire), cut(wire, at)):
        data = MailData(Limits(message=most))
        assert b"" in [data.feed(piece) for piece in pieces if piece]
        assert data.too_large == (size > most)
        if size <= most:
            assert len(data.octets) == size


@given(NASTY, CUTS, st.integers(2, 12))
@pytest.mark.rule("4.5.3-6")
def test_a_text_line_is_measured_without_its_dot(octets: bytes, at: list[int], most: int) -> None:
    """4.5.3: a text line "including the <CRLF> is 1000 characters (but not counting the leading
    dot duplicated for transparency)".
    """
    wire = dot_stuff(octets)
    lines = dot_unstuff(wire[:-3]).split(b"\r\n")[:-1]
    longest = max((len(line) + 2 for line in lines), default=0)
    for pieces in ([wire], bytewise(wire), cut(wire, at)):
        data = MailData(Limits(text_line=most))
        for piece in pieces:
            data.feed(piece)
        assert data.line_too_long == (longest > most)


# -- replies

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
REPLIES = st.lists(
    st.tuples(st.sampled_from(sorted(TEXTS)), st.lists(TEXT, min_size=1, max_size=3)), max_size=4
)


def replies_in(pieces: list[bytes] | Iterator[bytes]) -> list[tuple[int, tuple[str, ...]]]:
    parser = ReplyParser()
    return [(code, lines) for piece in pieces for code, lines, _ in parser.feed(piece)]


@given(REPLIES, CUTS)
@pytest.mark.rule("E-2")
def test_replies_of_many_lines_at_any_cut(
    replies: list[tuple[int, list[str]]], at: list[int]
) -> None:
    """Appendix E: each line but the last has a hyphen after the code, the last a space."""
    wire = b"".join(Reply(code, *lines).octets for code, lines in replies)
    wanted = [(code, tuple(lines)) for code, lines in replies]
    assert replies_in([wire]) == wanted
    assert replies_in(bytewise(wire)) == wanted
    assert replies_in(cut(wire, at)) == wanted


@given(NASTY, CUTS)
@pytest.mark.rule("4.2-3")
def test_whatever_comes_as_a_reply_means_the_same_at_any_cut(octets: bytes, at: list[int]) -> None:
    """4.2: a reply begins with three digits; what does not is an error, never another reply."""

    def outcome(pieces: list[bytes] | Iterator[bytes]) -> tuple[list[object], bool]:
        parser, found = ReplyParser(), []
        try:
            for piece in pieces:
                found += parser.feed(piece)
        except ValueError:
            return found, True
        return found, parser.is_broken

    wire = b"250 " + octets
    assert outcome([wire]) == outcome(bytewise(wire)) == outcome(cut(wire, at))


@pytest.mark.rule("4.2-2", "E-2")
@pytest.mark.parametrize("wire", [
    b"\r\n", b"25\r\n", b"2500 OK\r\n", b"+OK\r\n", b"650 OK\r\n", b"050 OK\r\n",
    b"250-one\r\n550 two\r\n", "２50 OK\r\n".encode(), b"250\tOK\r\n", b"2 0 OK\r\n",
])  # fmt: skip
def test_what_is_no_reply_is_an_error(wire: bytes) -> None:
    """4.2 and appendix E: three digits of which the first is 1 to 5, then space or hyphen."""
    with pytest.raises(ValueError, match="repl"):
        ReplyParser().feed(wire)
    parser = ReplyParser()
    with pytest.raises(ValueError, match="repl"):
        [parser.feed(piece) for piece in bytewise(wire)]


@pytest.mark.rule("E-2")
def test_a_bare_cr_or_lf_ends_no_line_of_a_reply() -> None:
    """2.  Lines end with CRLF; the reply below is one line of text with odd characters."""
    wire = b"250 one\r250 two\n250 three\0\r\n"
    assert replies_in([wire]) == [(250, ("one\r250 two\n250 three\0",))]


@pytest.mark.rule("4.2-2")
def test_a_reply_cannot_be_made_to_hold_a_line_end() -> None:
    """4.2: the text of our own replies never ends the line early."""
    for text in ("a\r\n250 b", "a\rb", "a\nb"):
        with pytest.raises(ValueError, match="CR or LF"):
            Reply(250, text)


@pytest.mark.rule("4.5.3-5")
def test_a_reply_line_is_cut_to_the_size_that_may_be_sent() -> None:
    """4.5.3: "The maximum total length of a reply line including the reply code and the <CRLF> is
    512 characters".
    """
    assert len(Reply(250, "x" * 5000).octets) == MAX_REPLY_LINE == 512


@pytest.mark.rule("4.2.2-1")
def test_a_code_that_the_rfc_does_not_have_cannot_be_replied() -> None:
    """4.2.2: our receiver says 21 codes and no other."""
    with pytest.raises(ValueError, match=r"4\.2\.2"):
        reply(299, "Fine")


# -- sizes: linear in time, bounded in memory


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def pieces_of(size: int, unit: bytes, total: int) -> Iterator[bytes]:
    chunk = unit * (size // len(unit))
    for _ in range(total // len(chunk)):
        yield chunk


@pytest.mark.rule("4.5.3-8")
def test_a_line_of_ten_megabytes_is_dropped_as_it_comes() -> None:
    """4.5.3: a command line without an end takes no more memory than the host's setting."""

    def feed() -> None:
        buffer = LineBuffer(512)
        for piece in pieces_of(1 << 16, b"x", 10 << 20):
            buffer.feed(piece)
            assert buffer.take() is None
            assert len(buffer) <= 512
        buffer.feed(b"\r\nNOOP\r\n")
        assert buffer.take() is TOO_LONG
        assert buffer.take() == b"NOOP"

    assert peak(feed) < 1 << 19


@pytest.mark.rule("4.5.3-4", "4.5.3-8")
def test_without_a_setting_a_line_still_has_a_bound() -> None:
    """4.5.3 asks for no fixed limits; memory is finite all the same."""

    def feed() -> None:
        buffer = LineBuffer()
        for piece in pieces_of(1 << 16, b"\r", 10 << 20):
            buffer.feed(piece)
            assert buffer.take() is None

    assert peak(feed) < 6 * LONGEST_LINE


@pytest.mark.parametrize("unit", [b".", b"\r\n..", b"\r\n", b"\r", b"..\r\n", b"x"])
@pytest.mark.rule("4.5.3-8")
def test_mail_data_over_its_limit_is_not_kept(unit: bytes) -> None:
    """4.5.3: 10 MB of dots, of line ends, of anything take no more memory than the setting."""

    def feed() -> None:
        data = MailData(Limits(message=10_000, text_line=1000))
        for piece in pieces_of(1 << 16, unit * 2, 10 << 20):
            assert data.feed(b"x" + piece) is None
        assert data.feed(b"x\r\n.\r\n") == b""
        assert data.too_large

    assert peak(feed) < 2 << 20


@pytest.mark.rule("4.5.3-8")
def test_a_reply_without_an_end_is_given_up() -> None:
    """A receiver that never ends its reply, in one line or in many, cannot fill the sender."""
    for unit in (b"250 x", b"250-more\r\n"):
        parser = ReplyParser(limit=1 << 16)
        pieces = [unit * 1000] * 100
        with pytest.raises(ValueError, match="longer than"):
            [parser.feed(piece) for piece in pieces]


def a_million(unit: bytes, feed: Callable[[bytes], object], count: int) -> Callable[[], None]:
    def work() -> None:
        for n in range(count):
            feed(unit[n % len(unit) : n % len(unit) + 1])

    return work


def feeders() -> dict[str, tuple[bytes, Callable[[], Callable[[bytes], object]]]]:
    def lines(unlimited: bool) -> Callable[[bytes], object]:
        buffer = LineBuffer(None if unlimited else 512)
        return lambda octet: (buffer.feed(octet), buffer.take())

    return {
        "a line without end": (b"x", lambda: lines(True)),
        "a line without end, limited": (b"x", lambda: lines(False)),
        "lines": (b"NOOP\r\n", lambda: lines(True)),
        "bare CRs": (b"\r", lambda: lines(True)),
        "mail data": (b"hello\r\n..", lambda: MailData().feed),
        "dots": (b".", lambda: MailData().feed),
        "dots and line ends": (b"\r\n..", lambda: MailData(Limits(text_line=1000)).feed),
        "a long text line": (b"x", lambda: MailData(Limits(text_line=1000)).feed),
        "a reply without end": (b"x", lambda: feed_reply()),
    }


def feed_reply() -> Callable[[bytes], object]:
    parser = ReplyParser(limit=1 << 24)
    parser.feed(b"250 ")
    return parser.feed


@pytest.mark.parametrize("name", feeders())
@pytest.mark.rule("4.5.3-8")
def test_many_feeds_of_one_byte_take_linear_time(name: str) -> None:
    """4.5.3: no quadratic time, however small the pieces; a million feeds take seconds at most."""
    unit, make = feeders()[name]
    few = min(seconds(a_million(unit, make(), 20_000)) for _ in range(3))
    many = seconds(a_million(unit, make(), 320_000))
    # sixteen times as many bytes: about 16 where it is linear, 256 where it is quadratic
    assert many < 60 * few + 0.05


@pytest.mark.rule("4.5.3-8")
def test_a_million_feeds_of_one_byte() -> None:
    """4.5.3: the same for one whole million, the longest that the rest is measured against."""
    data = MailData()
    taken = seconds(a_million(b"hello\r\n..\r\n", data.feed, 1_000_000))
    assert taken < 10
    assert len(data.octets) > 800_000


def test_the_end_of_mail_data_is_looked_for_from_where_the_last_look_ended() -> None:
    octets = b"a\r\n.\r\nQUIT\r\n"
    assert [end_of_mail_data(octets, begin) for begin in range(4)] == [6, 6, -1, -1]
    assert end_of_mail_data(b".\r\nQUIT\r\n") == 3
    assert end_of_mail_data(b"..\r\n") == -1
    assert [may_complete_end(octets) for octets in (b".\r\n", b"\r\n", b"\n", b"x\n", b"")] == [
        True, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.rule("E-2")
@pytest.mark.parametrize("code", [251, 220, 550, 354])
def test_a_reply_has_one_code_in_all_its_lines(code: int) -> None:
    """Appendix E: "the reply code" followed by a hyphen on each line but the last."""
    with pytest.raises(ValueError, match=f"begins with 250 continues with b'{code} end"):
        ReplyParser().feed(b"250-first\r\n%d end\r\n" % code)
    assert ReplyParser().feed(b"250-first\r\n250 end\r\n")[0][1] == ("first", "end")
