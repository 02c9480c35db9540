"""Tests that take turns: of some that are alike and take long, one in so many runs each day.

``@pytest.mark.turns("lessons in a browser", 3)`` stands at each of them. With SMTP_LAB_EVERY_TURN=1
all run, and so does one that is asked for by itself.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime

import pytest

EVERY = "SMTP_LAB_EVERY_TURN"


def skip_others(items: list[pytest.Item], day: int | None = None) -> None:
    """Mark those to be skipped whose turn is another day (by number; None: today)."""
    if EVERY in os.environ:
        return
    day = datetime.now(UTC).toordinal() if day is None else day
    groups: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if (mark := item.get_closest_marker("turns")) is not None:
            groups[mark.args[0], mark.args[1]].append(item)
    for (_, of), group in groups.items():
        for number, item in enumerate(sorted(group, key=lambda item: item.nodeid)):
            if len(group) > 1 and (number + day) % of:
                reason = f"its turn is another day; {EVERY}=1 runs all"
                item.add_marker(pytest.mark.skip(reason=reason))
