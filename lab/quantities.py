"""Durations, sizes and rates as people write them, and as the simulation counts them.

A number without a unit is in seconds, bytes, bits per second or events per second, as the
simulation counts. Prefixes are decimal (1 kB is 1000 bytes), except KiB, MiB and GiB. Upper and
lower case matter, as in SI, where "ms" and "Ms" differ: units are read as they are written here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

DURATIONS: Final = {
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
SIZES: Final = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
BANDWIDTHS: Final = {"bit/s": 1.0, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9}
LENGTHS: Final = {"km": 1.0, "m": 1e-3, "mi": 1.609344}
SPEEDS: Final = {"km/s": 1.0, "m/s": 1e-3}
RATES: Final = {"/s": 1.0, "/min": 60.0, "/h": 3600.0, "/d": 86400.0}

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\D.*)?", re.ASCII)
_LONGEST: Final = 60
_LONGEST_LINE: Final = 1000


class UnitFault(ValueError):
    """Raised for a text that is not a quantity of the required kind; the message has an example."""


def parse_duration(value: object) -> float:
    """Return the seconds of a duration such as "40 ms", "2 h" or 1.5; may be negative.

    Raises :class:`UnitFault`.
    """
    return _parse(value, DURATIONS, 's, min, h, d, ms or us, as in "40 ms"')


def parse_size(value: object) -> int:
    """Return the bytes of a size such as "700 B", "2 kB" or 512; raises :class:`UnitFault`."""
    size = _parse(value, SIZES, 'B, kB, MB, GB, KiB, MiB or GiB, as in "2 kB"')
    if size < 0 or size != int(size):
        raise UnitFault(f"{as_toml(value)} is not a whole number of bytes")
    return int(size)


def parse_bandwidth(value: object) -> float:
    """Return the bits per second of a bandwidth such as "50 kbit/s" or 9600.

    Raises :class:`UnitFault`.
    """
    return _parse(value, BANDWIDTHS, 'bit/s, kbit/s, Mbit/s or Gbit/s, as in "50 kbit/s"')


def parse_rate(value: object) -> float:
    """Return the events per second of a rate such as "2 /min" or 0.1; raises :class:`UnitFault`."""
    return _parse(value, RATES, '/s, /min, /h or /d, as in "2 /min"', divide=True)


def parse_length(value: object) -> float:
    """Return the kilometres of a length such as "120 km" or 12; raises :class:`UnitFault`."""
    return _parse(value, LENGTHS, 'km, m or mi, as in "120 km"')


def parse_speed(value: object) -> float:
    """Return the kilometres per second of a speed such as "200000 km/s".

    Raises :class:`UnitFault`.
    """
    return _parse(value, SPEEDS, 'km/s or m/s, as in "200000 km/s"')


DURATION_UNITS: Final = (
    (86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"),
)  # fmt: skip
"""The units in which durations are printed, in seconds, the longest first."""


TIME_STEPS: Final = (
    *(digit * 10.0**power for power in range(-6, 1) for digit in (1, 2, 5)),
    *(10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400),
    *(digit * 10.0**power * 86400 for power in range(0, 6) for digit in (2, 5, 10)),
)
"""Seconds that are round numbers: steps from one tick of a time axis to the next."""


def duration(seconds: float) -> str:
    """Return a length of time with its unit, in three figures: "40 ms", "1.5 h".

    0 and negative times give "0 s".
    """
    if seconds <= 0:
        return "0 s"
    units = DURATION_UNITS
    size, unit = next((scale for scale in units if seconds >= scale[0] * 0.9995), units[-1])
    return f"{_three_figures(seconds / size)} {unit}"


def bandwidth(bits: float) -> str:
    """Return bits per second with their unit, in three figures: "50 kbit/s", "1.54 Mbit/s"."""
    units = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))
    size, unit = next((scale for scale in units if bits >= scale[0] * 0.9995), (1.0, "bit/s"))
    return f"{_three_figures(bits / size)} {unit}"


def clock_time(t: float, digits: int = 3) -> str:
    """Return a time of a run, which is in seconds since its start, as a clock shows it.

    Below a minute with its unit, "1.250 s", and from then on as hours, minutes and seconds with the
    days before them: "0:01:01.500", "3 d 1:01:01.000". ``digits`` are those of the second's
    fraction.
    """
    if round(t, digits) < 60:
        return f"{t:.{digits}f} s"
    days, seconds = divmod(round(t, digits), 86400)
    return (f"{days:.0f} d " if days else "") + hours_minutes_seconds(seconds, digits)


def hours_minutes_seconds(t: float, digits: int = 0) -> str:
    """Return seconds as "h:min:s", however many hours they are: "0:00:07", "30:00:00"."""
    scale = 10**digits
    minutes, fractions = divmod(round(t * scale), 60 * scale)
    fraction = f".{fractions % scale:0{digits}}" if digits else ""
    return f"{minutes // 60}:{minutes % 60:02}:{fractions // scale:02}{fraction}"


def time_taken(seconds: float) -> str:
    """Return how long something took, as clocks show it: "40 ms", "44.2 s", "0:01:14.4".

    From a minute on it has the form of :func:`clock_time`, so that the two can be compared.
    """
    if abs(seconds) < 59.95:
        return duration(seconds)
    tenths = round(abs(seconds), 1)
    if tenths >= 86400 and tenths % 86400 == 0:
        text = f"{tenths / 86400:.0f} d"
    else:
        text = clock_time(tenths, 0 if tenths == int(tenths) or tenths >= 3600 else 1)
    return f"-{text}" if seconds < 0 else text


def count_noun(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 host", "1,200 hosts"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def as_toml(value: object) -> str:
    """Return a value as a topology file would have it; a long one is cut."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    # a slice before repr: a value may be a hundred megabytes long, or a number of many digits
    text = repr(value[: _LONGEST + 1]) if isinstance(value, str) else _number(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."


def single_line(text: str) -> str:
    """Return a sentence without line breaks and other control characters.

    The middle of a very long sentence is left out.
    """
    if len(text) > _LONGEST_LINE:
        half = _LONGEST_LINE // 2 - 3
        text = f"{text[:half]} ... {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _three_figures(number: float) -> str:
    """Return a number of 1 or more in three figures, or in all before its decimal point."""
    digits = 0 if number >= 99.95 else 1 if number >= 9.995 else 2
    text = f"{number:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 512:
        return "a number of hundreds of digits"
    return str(value)


def _parse(
    value: object, units: Mapping[str, float], examples: str, *, divide: bool = False
) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UnitFault(
            f"{as_toml(value)} is not a quantity; write a number with a unit: {examples}"
        )
    number, unit = (value, None) if not isinstance(value, str) else _split(value, examples)
    if unit is not None and unit not in units:
        raise UnitFault(f"{as_toml(value)} has no unit that fits here; write {examples}")
    factor = units[unit] if unit is not None else 1.0
    try:
        quantity = float(number) / factor if divide else float(number) * factor
    except OverflowError:
        quantity = math.inf
    if not math.isfinite(quantity):
        raise UnitFault(f"{as_toml(value)} is not a finite number")
    return quantity


def _split(text: str, examples: str) -> tuple[float, str | None]:
    match = _QUANTITY.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        raise UnitFault(
            f"{as_toml(text)} is not a quantity; write a number with a unit: {examples}"
        )
    return float(match[1]), match[2]
