"""Quantities as other programs write them: "10 Gbps", "5ms", "T3", 45 with the unit "M"."""

from __future__ import annotations

import math
import re
from typing import Any, Final

_NUMBER: Final = re.compile(
    r"[<>~≈]?\s*([+-]?(?:\d[\d,']*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", re.S
)

TIMES: Final = {
    "d": 86400.0, "day": 86400.0, "days": 86400.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "min": 60.0, "minute": 60.0, "minutes": 60.0, "m": 60.0, "s": 1.0, "sec": 1.0, "second": 1.0,
    "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "millisec": 1e-3, "millisecond": 1e-3,
    "milliseconds": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "usec": 1e-6, "microsec": 1e-6,
    "microsecond": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "nsec": 1e-9, "nanosec": 1e-9,
    "nanosecond": 1e-9, "nanoseconds": 1e-9,
}  # fmt: skip
"""Seconds of units of time, in small letters."""

LENGTHS: Final = {
    "m": 1e-3, "meter": 1e-3, "metre": 1e-3, "meters": 1e-3, "metres": 1e-3, "km": 1.0,
    "kilometer": 1.0, "kilometre": 1.0, "kilometers": 1.0, "kilometres": 1.0, "mi": 1.609344,
    "mile": 1.609344, "miles": 1.609344,
}  # fmt: skip
"""Kilometres of units of length, in small letters."""

_PREFIXES: Final = {"": 1.0, "k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6, "G": 1e9, "g": 1e9, "T": 1e12}
_RATE: Final = re.compile(
    r"([kKmMgGT]?)(?:(b|B|bit|Bit|BIT|bits|byte|bytes)?(?:/s|ps|/sec|PERSEC)?)?"
)
_SHORT: Final = re.compile(r"(?<![\w.])([\d.,]+)\s*([kKmMgGT])(?:b(?:it)?(?:/s|ps)?|bit/s)\b")
_CIRCUIT: Final = re.compile(r"(?<![\w-])(OC|STM|STS|DS|T|E)[- ]?(\d{1,3})c?(?![\w-])", re.I)
_CIRCUITS: Final = {
    "T1": 1.544e6, "DS1": 1.544e6, "T2": 6.312e6, "DS2": 6.312e6, "T3": 44.736e6, "DS3": 44.736e6,
    "DS0": 64e3, "T4": 274.176e6, "E1": 2.048e6, "E2": 8.448e6, "E3": 34.368e6, "E4": 139.264e6,
}  # fmt: skip


def seconds(value: Any, unit: str = "s") -> float | None:
    """Return a time; ``unit`` is that of a bare number. None if it is none, or negative."""
    return _positive(_quantity(value, unit, TIMES))


def kilometres(value: Any, unit: str = "km") -> float | None:
    """Return a length; ``unit`` is that of a bare number. None if it is none, or negative."""
    return _positive(_quantity(value, unit, LENGTHS))


def bits_per_second(value: Any, unit: str = "bit/s") -> float | None:
    """Return a bandwidth; ``unit`` is that of a bare number. None if it is none, or 0."""
    number, own_unit = _parts(value)
    factor = _bits(own_unit or unit)
    if number is None or factor is None:
        return None
    bits = number * factor
    return bits if 0 < bits < math.inf else None


def _bits(unit: str) -> float | None:
    """Return the bits per second of a unit such as Mbps, kB/s, MBITPERSEC or G."""
    match = _RATE.fullmatch(unit.strip().replace(" ", ""))
    if match is None or not unit.strip():
        return None
    # a capital B is bytes, but MBIT is bits
    is_bytes = (match[2] or "") in ("B", "byte", "bytes")
    return _PREFIXES[match[1]] * (8 if is_bytes else 1)


def bandwidth_in(label: Any) -> float | None:
    """Return the one bandwidth that a label of a link names: "45 Mbps", "T3", "OC-48"."""
    if not isinstance(label, str) or len(label) > 200:
        return None
    rates = {bits_per_second(f"{number} {prefix}bit/s") for number, prefix in _SHORT.findall(label)}
    rates |= {_circuit(kind.upper(), number) for kind, number in _CIRCUIT.findall(label)}
    rates.discard(None)
    return rates.pop() if len(rates) == 1 else None


def _circuit(kind: str, number: str) -> float | None:
    if kind in ("OC", "STS"):
        return int(number) * 51.84e6 or None
    return int(number) * 155.52e6 or None if kind == "STM" else _CIRCUITS.get(kind + number)


def share(value: Any, *, percent: bool = False) -> float | None:
    """Return a chance from 0 to 1; ``percent``, or more than 1, or a %, is in hundredths."""
    number, unit = _parts(value)
    if number is None or unit not in ("", "%", "percent"):
        return None
    chance = number / 100 if percent or unit or number > 1 else number
    return chance if 0 <= chance <= 1 else None


def cost(value: Any) -> float | None:
    """Return a number that is 0 or more."""
    number, unit = _parts(value)
    return _positive(None if unit else number)


def _positive(number: float | None) -> float | None:
    return number if number is not None and 0 <= number < math.inf else None


def _quantity(value: Any, unit: str, units: dict[str, float]) -> float | None:
    number, own_unit = _parts(value)
    factor = units.get((own_unit or unit).strip().lower().rstrip("."))
    return None if number is None or factor is None else number * factor


def _parts(value: Any) -> tuple[float | None, str]:
    """Return the number and the unit of a value, None without a number."""
    if isinstance(value, bool):
        return None, ""
    if isinstance(value, (int, float)):
        try:
            return float(value), ""
        except OverflowError:
            return None, ""
    match = (
        _NUMBER.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 100 else None
    )
    if match is None:
        return None, ""
    return float(match[1].replace(",", "").replace("'", "")), match[2].strip().rstrip(">")
