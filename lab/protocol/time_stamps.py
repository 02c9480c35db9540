"""Time stamp lines and return path lines, formatted and read (sections 4.1.1 and 4.1.2).

The grammar of 4.1.2 has FROM, BY and OCT, the RFC's examples have "from", "by" and "Oct". Case does
not matter there; the lab writes as the examples do, and reads both.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, NamedTuple

from lab.protocol.syntax import Path, SyntaxFault, in_capitals, parse_path

_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip

_WRITTEN_ZONES: Final = {0: "UT", -4: "EDT", -5: "EST", -6: "CST", -7: "MST", -8: "PST"}
"""The names of zones, by hours ahead of Universal Time, where no name is asked for."""

# RFC 822, 5.1: a letter for each hour, J left out; A is one hour behind, N one hour ahead
_MILITARY: Final = {
    **{letter: -hours for hours, letter in enumerate("ABCDEFGHIKLM", 1)},
    **{letter: hours for hours, letter in enumerate("NOPQRSTUVWXY", 1)},
}
ZONES: Final[dict[str, int]] = {
    "UT": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, **_MILITARY,
}  # fmt: skip
"""The time zones of RFC 822 by name, in hours ahead of Universal Time."""

# zone = ( ("+" / "-") 4DIGIT ): hours and minutes ahead of Universal Time (RFC 822, 5.1)
_NUMBERED: Final = re.compile(r"([+-])([01][0-9]|2[0-3])([0-5][0-9])")
_ZONE: Final = "|".join((*ZONES, r"[+-](?:[01][0-9]|2[0-3])[0-5][0-9]"))

# <daytime> ::= <SP> <date> <SP> <time>      <date> ::= <dd> <SP> <mon> <SP> <yy>
# <time> ::= <hh> ":" <mm> ":" <ss> <SP> <zone>      <hh>: 00 to 24; <mm>, <ss>: 00 to 59
_DAYTIME: Final = re.compile(
    rf"([1-9]|0[1-9]|[12][0-9]|3[01]) ({'|'.join(_MONTHS)}) ([0-9]{{2}}) "
    rf"([01][0-9]|2[0-4]):([0-5][0-9]):([0-5][0-9]) ({_ZONE})",
    re.I,
)

# <time-stamp-line> ::= "Received:" <SP> <stamp> <CRLF>
# <stamp> ::= <from-domain> <by-domain> <opt-info> ";" <daytime>
# <opt-info> ::= [<via>] [<with>] [<id>] [<for>]
_STAMP: Final = re.compile(
    r"Received: FROM (\S+) BY (\S+) (?:VIA (\S+) )?(?:WITH (\S+) )?(?:ID (\S+) )?"
    rf"(?:FOR (\S+|<.*>) )?; ( *{re.sub(r'[(](?![?])', '(?:', _DAYTIME.pattern)} *)",
    re.I | re.S,
)
_FOLD: Final = re.compile(r"\r\n[ \t]+")


class Daytime(NamedTuple):
    """A ``<daytime>`` of section 4.1.2, as it was written.

    ``year`` has two digits, ``hour`` is 0 to 24: 24:00:00 is the midnight that ends the day.
    ``zone`` is a name of :data:`ZONES`, or +hhmm.
    """

    day: int
    month: int
    year: int
    hour: int
    minute: int
    second: int
    zone: str = "UT"

    def moment(self, first_year: int = 1969) -> datetime:
        """Return the moment, with its zone; the year is the first one from ``first_year`` on.

        Raises :class:`SyntaxFault` for a day that the month does not have.
        """
        year = first_year + (self.year - first_year) % 100
        try:
            date = datetime(year, self.month, self.day, tzinfo=zone_of(self.zone))
        except ValueError:
            raise SyntaxFault(f"{_MONTHS[self.month - 1]} {year} has no day {self.day}") from None
        return date + timedelta(hours=self.hour, minutes=self.minute, seconds=self.second)


class TimeStamp(NamedTuple):
    """The ``<stamp>`` of a time stamp line (section 4.1.2), as it was written.

    ``sent_by`` is the host that sent the mail, ``received_by`` the one that received it. ``link``,
    ``protocol`` and ``id`` are those of VIA, WITH and ID, ``forward_path`` the path of FOR, with or
    without angle brackets; "": not there. ``daytime`` is the date and time.
    """

    sent_by: str
    received_by: str
    daytime: str
    link: str = ""
    protocol: str = ""
    id: str = ""
    forward_path: str = ""


_DAYS: Final = 146_097
"""Days of 400 years."""


class Calendar:
    """The dates of a run, which begins at ``start``, as ``<daytime>`` (section 4.1.2).

    ``zone`` is the name that is written: by default the usual one for the zone of ``start``, or
    +hhmm.
    """

    __slots__ = ("_first", "_minute", "_offset", "_seconds", "_until_minute", "start", "zone")

    def __init__(self, start: datetime, zone: str = "") -> None:
        if zone:
            start = start.astimezone(zone_of(zone))
        self.start = start
        self.zone = zone = zone or _zone(start.utcoffset() or timedelta())
        self._first = start.replace(year=2000 + start.year % 400)
        self._seconds = [f"{second:02} {zone}" for second in range(60)]
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        self._offset = (start - midnight).total_seconds()
        self._minute = -1
        self._until_minute = ""

    def daytime(self, now: float) -> str:
        """Return ``<date> <SP> <time>`` after so many seconds, such as "2 Nov 81 22:40:10 UT"."""
        minute, second = divmod(math.floor(now + self._offset), 60)
        if minute != self._minute:
            day, of_day = divmod(minute, 24 * 60)
            # any day: dates are the same again after 400 years, of which these begin in 2000
            at = self._first + timedelta(days=day % _DAYS)
            date = f"{at.day} {_MONTHS[at.month - 1]} {at.year % 100:02}"
            self._minute = minute
            self._until_minute = f"{date} {of_day // 60:02}:{of_day % 60:02}:"
        return self._until_minute + self._seconds[second]


def _zone(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    if minutes % 60 == 0 and minutes // 60 in _WRITTEN_ZONES:
        return _WRITTEN_ZONES[minutes // 60]
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


@lru_cache(maxsize=4096)
def zone_of(name: str) -> timezone:
    """Return the time zone of a name of :data:`ZONES`, in either case, or of +hhmm.

    Raises :class:`SyntaxFault` for any other.
    """
    hours = ZONES.get(in_capitals(name))
    if hours is not None:
        return timezone(timedelta(hours=hours))
    match = _NUMBERED.fullmatch(name)
    if match is None:
        raise SyntaxFault(
            f"{name!r} is not a time zone: expected UT, GMT, a zone of RFC 822 such as EST or PDT, "
            "a military letter, or +hhmm"
        )
    minutes = int(match[2]) * 60 + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))


def daytime(moment: datetime, zone: str = "") -> str:
    """Return a moment as ``<date> <SP> <time>``, such as "2 Nov 81 22:40:10 UT".

    ``zone`` is the zone to write it in, by default that of the moment.
    """
    return Calendar(moment, zone).daytime(0.0)


# a time stamp line or a Date field whose date is a <daytime>, as it is or quoted after "> "
_DATED: Final = re.compile(
    rb"^[ >]*(?:Received: from [^\r\n]*; |Date: )(" + _DAYTIME.pattern.encode() + rb")\r?$",
    re.I | re.M,
)


def date_spans(octets: bytes) -> list[tuple[int, int]]:
    """Return where mail or a session has a <daytime> of a time stamp line or a Date field.

    Each is the place of its first octet and that after its last.
    """
    return [match.span(1) for match in _DATED.finditer(octets)]


@lru_cache(maxsize=65536)
def parse_daytime(text: str) -> Daytime:
    """Return the :class:`Daytime` of a text; raises :class:`SyntaxFault` if it is not one."""
    match = _DAYTIME.fullmatch(text.strip(" "))
    if match is None:
        raise SyntaxFault(f"not a <daytime> of RFC 821, such as 2 Nov 81 22:40:10 UT: {text!r}")
    day, month, year, hour, minute, second, zone = match.groups()
    return Daytime(
        int(day), _NUMBERS[in_capitals(month)], int(year),
        int(hour), int(minute), int(second), zone,
    )  # fmt: skip


_NUMBERS: Final = {in_capitals(month): number for number, month in enumerate(_MONTHS, 1)}


def time_stamp_line(sent_by: str, received_by: str, daytime: str, options: str = "") -> bytes:
    """Return the line that a receiver-SMTP puts before mail that it accepts (section 4.1.1).

    ``<time-stamp-line> ::= "Received:" <SP> "FROM" <SP> <domain> <SP> "BY" <SP> <domain> <SP>
    <opt-info> ";" <daytime> <CRLF>`` (section 4.1.2). ``options`` is an ``<opt-info>``, as
    :func:`stamp_options` returns it.
    """
    # encode() without an errors argument is much faster, and right for nearly all lines
    line = f"Received: from {sent_by} by {received_by} {options}; {daytime}\r\n"
    return line.encode() if line.isascii() else line.encode("ascii", "replace")


def stamp_options(link: str = "", protocol: str = "", id: str = "", forward_path: str = "") -> str:
    """Return the ``<opt-info>`` of a time stamp line: those of VIA, WITH, ID and FOR that are
    given (section 4.1.2).

    ``forward_path`` is the text of a path. Raises :class:`SyntaxFault` for a word that would be
    several, or that would end the line.
    """
    options = ""
    for keyword, word in (("via", link), ("with", protocol), ("id", id), ("for", forward_path)):
        if not word:
            continue
        match = _WORD.fullmatch(word) if keyword != "for" else _LINE.fullmatch(word)
        if match is None:
            raise SyntaxFault(f"what follows {keyword} must be one printable word, not {word!r}")
        options += f"{keyword} {word} "
    return options


_WORD: Final = re.compile(r"[!-:<-~]+")
_LINE: Final = re.compile(r"[ -~]+")


@lru_cache(maxsize=4096)
def return_path_line(reverse_path: Path) -> bytes:
    """Return the line that final delivery puts before all other lines (section 4.1.1).

    ``<return-path-line> ::= "Return-Path:" <SP> <reverse-path> <CRLF>`` (section 4.1.2).
    """
    return f"Return-Path: {reverse_path}\r\n".encode("ascii", "replace")


@lru_cache(maxsize=65536)
def parse_time_stamp_line(line: bytes) -> TimeStamp:
    """Return the :class:`TimeStamp` of a time stamp line, which may be folded as RFC 822 allows.

    The CRLF at its end may be left out. Raises :class:`SyntaxFault` if it is not one.
    """
    text = line.decode("latin-1").removesuffix("\r\n")
    if "\r\n" in text:
        text = _FOLD.sub(" ", text)
    match = _STAMP.fullmatch(text)
    if match is None or "\r\n" in text:
        raise SyntaxFault(f"not a time stamp line of RFC 821: {text[:80]!r}")
    sent_by, received_by, link, protocol, id_, path, daytime = match.groups("")
    return TimeStamp(sent_by, received_by, daytime, link, protocol, id_, path)


def parse_return_path_line(line: bytes) -> Path:
    """Return the reverse-path of a return path line; raises :class:`SyntaxFault` for any other."""
    text = line.decode("latin-1").removesuffix("\r\n")
    name, space, path = text.partition(" ")
    if in_capitals(name) != "RETURN-PATH:" or not space:
        raise SyntaxFault(f"not a return path line of RFC 821: {text[:80]!r}")
    return parse_path(path, null=True)
