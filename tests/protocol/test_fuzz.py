"""The targets of the fuzzer, without it: on their seeds, on what is made of these, on any bytes."""

from __future__ import annotations

import sys

import pytest
from helpers.places import ROOT
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(ROOT / "tests" / "fuzz"))

from targets import SEEDS, TARGETS

NAMES = sorted(TARGETS)
SIGNS = [
    b"\r\n",
    b"\r",
    b"\n",
    b".",
    b"\r\n.\r\n",
    b"<",
    b">",
    b"@",
    b'"',
    b"\\",
    b"\0",
    b"\xff",
    b" ",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_target_takes_its_seeds(name: str) -> None:
    for octets in SEEDS[name]:
        TARGETS[name](octets)


@pytest.mark.parametrize("name", NAMES)
@given(octets=st.binary(max_size=200))
def test_a_target_takes_any_bytes(name: str, octets: bytes) -> None:
    TARGETS[name](octets)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_target_takes_what_is_made_of_its_seeds(name: str, data: st.DataObject) -> None:
    """Signs put in, pieces taken out and doubled: near to what is right, where the mistakes are."""
    octets = data.draw(st.sampled_from(SEEDS[name]))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(octets)))
        end = min(len(octets), at + data.draw(st.integers(0, 30)))
        sign = data.draw(st.sampled_from([*SIGNS, octets[at:end] * 2, b""]))
        octets = octets[:at] + sign + octets[end:]
    TARGETS[name](octets)
