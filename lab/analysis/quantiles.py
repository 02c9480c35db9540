"""Medians and percentiles, as the summary, the pictures, sweeps and comparisons give them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.analysis.summary import DeliverySeconds


def median(values: Sequence[float]) -> float:
    """Return the middle of sorted values: the mean of the two in the middle, if there are two."""
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of sorted values that ``share`` percent of them do not exceed.

    It is one of the values (nearest rank).
    """
    rank = math.ceil(round(share * len(values) / 100, 9))
    return values[min(max(rank, 1), len(values)) - 1]


def quantiles(values: Sequence[float]) -> DeliverySeconds:
    """Return minimum, median, 95th percentile and maximum of sorted seconds, to a microsecond.

    All are 0 where there are no values.
    """
    if not values:
        return {"min": 0, "median": 0, "p95": 0, "max": 0}
    return {
        "min": round(values[0], 6),
        "median": round(median(values), 6),
        "p95": round(percentile(values, 95), 6),
        "max": round(values[-1], 6),
    }
