"""Time stamp lines as they lie above the text of mail (section 4.1.2): which they are, and when."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

STAMP: Final = re.compile(rb"Received: from (\S+) by (\S+) ; ([^\r\n]+)\r\n")
"""A line: from which host, by which, and the ``<daytime>``."""

_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def stamps_above(octets: bytes, text: bytes) -> int:
    """The number of time stamp lines before the text; -1 where there is anything else."""
    if octets == text:
        return 0
    if not octets.endswith(text):
        return -1
    above = octets[: len(octets) - len(text)]
    count = above.count(b"\r\n")
    return count if _are_stamps(above) else -1


@lru_cache(maxsize=4096)
def _are_stamps(above: bytes) -> bool:
    return not STAMP.sub(b"", above)


@lru_cache(maxsize=65536)
def seconds(daytime: str, first_year: int) -> float:
    """Seconds of a ``<daytime>`` (4.1.2) on a clock of its own zone, from any beginning.

    Its two digits are a year from that of the run's start on.
    """
    day, month, year, time, _ = daytime.split(" ")
    hour, minute, second = map(int, time.split(":"))
    whole = first_year - first_year % 100 + int(year)
    whole += 100 if whole < first_year else 0
    date = datetime(whole, _MONTHS.index(month) + 1, int(day))
    return (date - datetime(1, 1, 1)).total_seconds() + hour * 3600 + minute * 60 + second
