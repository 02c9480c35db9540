"""What a file writes, as the lab has it: a function for each kind that is more than a quantity.

Each raises ValueError in a sentence that says what would be right. :mod:`lab.topology.kinds` says
which kind of setting uses which.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from math import inf, isfinite
from typing import Any, Final

from lab.hosts.checked import LARGEST_MAIL, LONGEST
from lab.hosts.directory import Member
from lab.protocol import Path, SyntaxFault, parse_path, stamp_options, zone_of
from lab.protocol.replies import TEXTS
from lab.quantities import as_toml, parse_bandwidth, parse_duration, parse_size
from lab.topology.distributions import PURE, SHAPES, BurstLoss, Distribution, read_table
from lab.topology.link_specs import NO_LIMIT
from lab.topology.suggestions import did_you_mean, join_some
from lab.topology.traffic_specs import time_of_day


def not_negative(value: float, written: object = None) -> float:
    """Return a number; raises ValueError, in a sentence with what was written, below 0."""
    if value < 0:
        shown = as_toml(value if written is None else written)
        raise ValueError(f"{shown} is negative; use 0 or more")
    return value


def not_too_long(seconds: float) -> float:
    """Return a length of time; raises ValueError, in a sentence, for more than a hundred years."""
    if abs(seconds) > LONGEST:
        text = f"{as_toml(seconds)} seconds are more than a hundred years"
        raise ValueError(f'{text}; use "{LONGEST // 86400} d" or less')
    return seconds


def not_too_rare(rate: float) -> float:
    """Return a rate; raises ValueError, in a sentence, for less than once in a hundred years."""
    if 0 < rate < 1 / LONGEST:
        raise ValueError(f"{as_toml(rate)} per second is less than once in a hundred years")
    return rate


def positive(value: float, written: object = None) -> float:
    """Return a number; raises ValueError, in a sentence with what was written, at 0 and below."""
    if value <= 0:
        shown = as_toml(value if written is None else written)
        raise ValueError(f"{shown} is too small; use more than 0")
    return value


def chance(value: object) -> float:
    """Return a chance; raises ValueError, in a sentence, for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{as_toml(value)} is not a chance; use a number from 0 to 1")
    return float(value)


def latency(value: object) -> object:
    """Return seconds, or the word "distance", which is replaced once the hosts are known."""
    if value == "distance":
        return value
    if isinstance(value, str) and value.strip()[:1].isalpha():
        raise ValueError(f'{as_toml(value)} is not a latency; write "40 ms" or "distance"')
    return not_negative(not_too_long(parse_duration(value)))


def bandwidth(value: object) -> float:
    """Return bits per second; infinity for the words "no limit"."""
    return inf if value == NO_LIMIT else positive(parse_bandwidth(value))


def real(value: object) -> float:
    """Return a finite number, which may be negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"{as_toml(value)} is not a number; write one such as 1.2")
    return float(value)


def _parameter(parse: Callable[[object], float]) -> Callable[[str, Any], Any]:
    """Return what reads a parameter of a distribution, whose numbers are read by ``parse``."""

    def read(name: str, value: Any) -> Any:
        if name == "file":
            if not isinstance(value, str) or not value:
                raise ValueError(f'{as_toml(value)} is not a path; write one such as "delays.csv"')
            return value
        if name == "values":
            if not isinstance(value, list):
                raise ValueError(f"{as_toml(value)} is not a list of numbers; write [1, 4]")
            if not value:
                raise ValueError("there are no numbers in the list; write [1, 4]")
            return [parse(each) for each in value]
        return real(value) if name in PURE else parse(value)

    return read


def jitter(value: object) -> object:
    """Return seconds, or the distribution that a table gives."""
    if isinstance(value, dict):
        return read_table(Distribution, value, _parameter(parse_duration), "distribution")
    return not_negative(not_too_long(parse_duration(value)))


def loss(value: object) -> object:
    """Return a chance, or the model of losses that a table gives."""
    if isinstance(value, dict):
        return read_table(BurstLoss, value, lambda _, each: chance(each), "model")
    return chance(value)


def size_or_distribution(value: object) -> object:
    """Return bytes, or the distribution that a table gives."""
    if isinstance(value, dict):
        return read_table(Distribution, value, _parameter(parse_size), "distribution")
    return mail_sized(parse_size(value))


_USUAL: Final[dict[str, dict[str, float]]] = {
    "fixed": {"value": 1.0}, "uniform": {"max": 2.0}, "exponential": {"mean": 1.0},
    "lognormal": {"median": 1.0}, "weibull": {"scale": 1.0}, "pareto": {"scale": 1.0},
}  # fmt: skip
"""The scale of gaps whose distribution does not say it: any, as the rate gives their mean."""


def arrivals(value: object) -> object:
    """Return a word, or the distribution that a table gives; only its shape matters."""
    if isinstance(value, dict):
        usual = _USUAL.get(str(value.get("distribution")), {})
        if not {"mean", "scale"} & value.keys():
            value = usual | value
        read = read_table(Distribution, value, _parameter(parse_duration), "distribution")
        if not read.file and not 0 < read.average < inf:
            raise ValueError("the gaps have no mean; write a pareto shape of more than 1")
        return read
    if value not in ("poisson", "fixed"):
        known = ["poisson", "fixed", *(f'{{ distribution = "{each}" }}' for each in SHAPES)]
        meant = did_you_mean(str(value), known[:2]) if isinstance(value, str) else ""
        raise ValueError(f"{as_toml(value)} is not one of {join_some(known)}{meant}")
    return value


def profile(value: object) -> object:
    """Return the factors by time of day; raises ValueError in a sentence."""
    if not isinstance(value, dict):
        raise ValueError(f'{as_toml(value)} is not a table; write {{ "09:00" = 3, "18:00" = 1 }}')
    if not value:
        raise ValueError('there are no times in the table; write { "09:00" = 3, "18:00" = 1 }')
    factors: dict[str, float] = {}
    times = set()
    for key, factor in value.items():
        times.add(time_of_day(str(key)))
        factors[str(key)] = not_negative(real(factor))
    if len(times) < len(factors):
        raise ValueError("two of the times of day are the same; write each once")
    if not any(factors.values()):
        raise ValueError("it is 0 at all times; write more than 0 for one")
    return factors


def demands(value: object) -> object:
    """Return demands, each of two texts and an amount; raises ValueError in a sentence."""
    if not isinstance(value, list):
        raise ValueError(f'{as_toml(value)} is not a list; write [["A", "B", 3]]')
    if not value:
        raise ValueError('there are no demands in the list; write [["A", "B", 3]]')
    for each in value:
        is_one = isinstance(each, (list, tuple)) and len(each) == 3
        if not is_one or not isinstance(each[0], str) or not isinstance(each[1], str):
            raise ValueError(f'{as_toml(each)} is not a demand; write ["A", "B", 3]')
        if not_negative(real(each[2])) == 0:
            raise ValueError(f"{as_toml(each[2])} is too small; use more than 0, or leave it out")
    return tuple((a, b, float(amount)) for a, b, amount in value)


def mail_sized(value: int) -> int:
    """Return the bytes of a message; raises ValueError for more than a message may have."""
    if value > LARGEST_MAIL:
        raise ValueError(f"{value} bytes are too many; use 1 GB or less")
    return value


def codes(value: object) -> object:
    """Return a reply code of RFC 821, or a tuple of several."""
    if value == []:
        raise ValueError("the list of reply codes is empty; write one such as 451, or leave it out")
    for code in value if isinstance(value, list) else [value]:
        if not isinstance(code, int) or isinstance(code, bool) or code not in TEXTS:
            raise ValueError(
                f"{as_toml(code)} is not a reply code of RFC 821; write one of {min(TEXTS)} to "
                f"{max(TEXTS)} as section 4.2.2 lists them, or a list of such"
            )
    return tuple(value) if isinstance(value, list) else value


def octets(value: str) -> bytes:
    """Return the bytes that the characters of a text stand for, each by its number."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{as_toml(value[error.start])} is not a byte; write each byte as the character of its "
            "number, from \\u0000 to \\u00FF"
        ) from None


def one_or_many(value: object) -> object:
    """Return a list of texts; one text is a list of one."""
    return [value] if isinstance(value, str) else value


def user_table(value: object) -> object:
    """Return the table of a user, who may be given by name only."""
    if not isinstance(value, (str, dict)):
        raise ValueError(f'{as_toml(value)} is not a user; write a name such as "JQP", or a table')
    return {"name": value} if isinstance(value, str) else value


def address(value: str) -> str:
    """Return HOST:PORT, or the empty text."""
    host, colon, port = value.rpartition(":")
    if value and not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f'{as_toml(value)} is not an address and port; write "127.0.0.1:2600"')
    return value


def path(text: str) -> Path:
    """Return the path of a mailbox, with or without a route and angle brackets."""
    bare = text.strip()
    try:
        read: Path = parse_path(bare if bare.startswith("<") else f"<{bare}>")
    except SyntaxFault as why:
        raise ValueError(f"{as_toml(text)} is not an address such as user@domain: {why}") from None
    return read


_MEMBER: Final = re.compile(r"([^<>]*?)\s*(<[^<>]*>)")


def member(text: str) -> Member:
    """Return a member of a mailing list, with or without a full name."""
    match = _MEMBER.fullmatch(text.strip())
    full_name, bracketed = match.groups() if match else ("", text)
    if "\r" in full_name or "\n" in full_name:
        raise ValueError("a full name is one line; leave out its line breaks")
    return Member(path(bracketed), full_name)


def word(text: str) -> str:
    """Return a word as a time stamp line may have it."""
    try:
        stamp_options(id=text)
    except SyntaxFault:
        problem = "is not one word of printable ASCII without a semicolon"
        raise ValueError(f'{as_toml(text)} {problem}; write one such as "TELENET"') from None
    return text


def zone(text: str) -> str:
    """Return a time zone that a time stamp line may have."""
    try:
        if text:
            zone_of(text)
    except SyntaxFault as why:
        raise ValueError(str(why)) from None
    return text


def date_and_time(value: object) -> object:
    """Return a date with a time and an offset."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_WHICH_DATE.format(as_toml(value))) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(_WHICH_DATE.format(as_toml(value)))
    # a trace of many years must not leave the calendar's range
    if not 1900 <= value.year <= 2999:
        raise ValueError(f"{value} is too far away; write a date of the years 1900 to 2999")
    return value


_WHICH_DATE: Final = "{} is not a date with a time and an offset; write 1982-08-01T00:00:00Z"
