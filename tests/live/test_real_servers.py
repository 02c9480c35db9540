"""Nasty messages through real mail servers: our hosts hand them on, and take them in, as they are.

A sample: ``python -m tests.helpers.real_servers`` sends them all.
"""

from __future__ import annotations

import pytest
from helpers.real_servers import BAD, Missing, message, run, texts

SAMPLE = [message(number, text) for number, text in enumerate(texts(70)) if number % 2 == 0]


@pytest.mark.turns("ways through real servers", 2)
@pytest.mark.parametrize("way", ["relay", "straight"])
@pytest.mark.parametrize("name", ["aiosmtpd", "postfix"])
def test_messages_out_are_messages_in(name: str, way: str) -> None:
    """Or they were refused with a reason before a 250; only the server itself changes any."""
    try:
        found = run(name, SAMPLE, way, quiet=4.0)
    except Missing:
        pytest.skip(f"{name} is not installed, or we are not root to start it")
    assert [one for one in found if one.verdict in BAD] == []
    verdicts = [one.verdict for one in found]
    assert verdicts.count("equal") > len(SAMPLE) // 3
    assert all(one.detail[:1] in "45" for one in found if one.verdict.startswith("refused"))
