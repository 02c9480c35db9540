"""Durations, sizes and rates with their units."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.quantities import (
    BANDWIDTHS,
    DURATIONS,
    RATES,
    SIZES,
    UnitFault,
    as_toml,
    bandwidth,
    clock_time,
    count_noun,
    duration,
    hours_minutes_seconds,
    parse_bandwidth,
    parse_duration,
    parse_rate,
    parse_size,
)

PARSERS: list[Callable[[object], float]] = [
    parse_duration,
    parse_size,
    parse_bandwidth,
    parse_rate,
]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("40 ms", 0.04),
        ("5 us", 5e-6),
        ("90 s", 90),
        ("30 min", 1800),
        ("2 h", 7200),
        ("3 d", 259200),
        ("-5 min", -300),
        ("1.5h", 5400),
        ("  7  ", 7),
        ("1e3 s", 1000),
        (12, 12),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_in_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"),
    [("700 B", 700), ("2 kB", 2000), ("1 MB", 1_000_000), ("1 KiB", 1024), (512, 512)],
)
def test_a_size_is_in_whole_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size
    assert isinstance(parse_size(text), int)


@pytest.mark.parametrize(
    ("text", "bits"),
    [("50 kbit/s", 50_000), ("9600 bit/s", 9600), ("1 Mbit/s", 1_000_000), (1200, 1200)],
)
def test_a_bandwidth_is_in_bits_a_second(text: object, bits: float) -> None:
    assert parse_bandwidth(text) == bits


@pytest.mark.parametrize(
    ("text", "rate"),
    [("5 /s", 5), ("2 /min", 2 / 60), ("1 /h", 1 / 3600), ("3 /d", 3 / 86400), (0.5, 0.5)],
)
def test_a_rate_is_in_events_a_second(text: object, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "junk",
    [
        *("", "s", "40 parsecs", "1 2", "ms 4", "nan", "inf", "1e400", "٣", "--1", "0x10"),
        *(True, None, [], {}, math.nan, math.inf, 10**400, "9" * 100_000),
    ],
)
def test_what_is_no_quantity_is_refused(parse: Callable[[object], float], junk: object) -> None:
    """... with a sentence of bounded length, whatever its own."""
    with pytest.raises(UnitFault) as caught:
        parse(junk)
    assert 0 < len(str(caught.value)) < 200


@pytest.mark.parametrize("size", ["-1 B", "0.5 B", "1.0001 kB", -3])
def test_a_size_is_never_negative_nor_broken(size: object) -> None:
    with pytest.raises(UnitFault, match="whole number of bytes"):
        parse_size(size)


@given(st.floats(-1e9, 1e9), st.sampled_from(sorted(DURATIONS)), st.sampled_from(["", " ", "  "]))
def test_every_duration_unit_multiplies(number: float, unit: str, gap: str) -> None:
    assert parse_duration(f"{number}{gap}{unit}") == number * DURATIONS[unit]


@given(st.integers(0, 10**6), st.sampled_from(sorted(SIZES)))
def test_every_size_unit_multiplies(number: int, unit: str) -> None:
    assert parse_size(f"{number} {unit}") == number * SIZES[unit]


@given(st.integers(0, 10**6), st.sampled_from(sorted(BANDWIDTHS)), st.sampled_from(sorted(RATES)))
def test_a_bandwidth_multiplies_and_a_rate_divides(number: int, bits: str, per: str) -> None:
    assert parse_bandwidth(f"{number} {bits}") == number * BANDWIDTHS[bits]
    assert parse_rate(f"{number} {per}") == number / RATES[per]


@given(st.text(max_size=80))
def test_no_text_does_worse_than_a_unit_fault(text: str) -> None:
    for parse in PARSERS:
        with contextlib.suppress(UnitFault):
            assert math.isfinite(parse(text))


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.integers())))
def test_a_value_is_shown_in_few_characters(value: object) -> None:
    assert len(as_toml(value)) <= 60
    assert as_toml("x" * 1000).endswith(" ...")
    assert as_toml(True) == "true"
    assert as_toml(10**5000) == "a number of hundreds of digits"


# -- printing


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-1, "0 s"),
        (2e-6, "2 µs"),
        (0.04, "40 ms"),
        (1.5, "1.5 s"),
        (1.2345, "1.23 s"),
        (59.9999, "1 min"),
        (90, "1.5 min"),
        (1800, "30 min"),
        (5400, "1.5 h"),
        (1234 * 86400, "1234 d"),
    ],
)
def test_a_duration_is_printed_in_three_figures_with_its_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(1e-6, 1e9))
def test_a_printed_duration_reads_as_nearly_the_same(seconds: float) -> None:
    assert parse_duration(duration(seconds)) == pytest.approx(seconds, rel=0.006)


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (300, "300 bit/s"),
        (9600, "9.6 kbit/s"),
        (50_000, "50 kbit/s"),
        (1_544_000, "1.54 Mbit/s"),
        (2e9, "2 Gbit/s"),
    ],
)
def test_a_bandwidth_is_printed_in_three_figures_with_its_unit(bits: float, text: str) -> None:
    assert bandwidth(bits) == text


@pytest.mark.parametrize(
    ("t", "digits", "text"),
    [
        (0, 3, "0.000 s"),
        (1.25, 3, "1.250 s"),
        (59.96, 1, "0:01:00.0"),
        (61.5, 3, "0:01:01.500"),
        (119.9996, 3, "0:02:00.000"),
        (86399.96, 1, "1 d 0:00:00.0"),
        (3 * 86400 + 3661, 3, "3 d 1:01:01.000"),
        (3 * 86400 + 3661, 0, "3 d 1:01:01"),
    ],
)
def test_a_time_of_a_run_is_printed_as_a_clock_shows_it(t: float, digits: int, text: str) -> None:
    assert clock_time(t, digits) == text


@pytest.mark.parametrize(
    ("t", "digits", "text"),
    [
        (61, 0, "0:01:01"),
        (3599.96, 1, "1:00:00.0"),
        (30 * 3600, 0, "30:00:00"),
        (7.25, 2, "0:00:07.25"),
    ],
)
def test_hours_minutes_and_seconds_carry(t: float, digits: int, text: str) -> None:
    assert hours_minutes_seconds(t, digits) == text


def test_a_number_has_its_noun() -> None:
    assert count_noun(1, "host") == "1 host"
    assert count_noun(0, "host") == "0 hosts"
    assert count_noun(1200, "reply", "replies") == "1,200 replies"
