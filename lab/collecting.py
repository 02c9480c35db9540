"""How often Python looks for cycles of garbage, of which a run makes none that matter."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """Let Python look for cycles of garbage more than a thousand times less often.

    A run makes none that matter, and keeps all of its trace: each look at that is in vain. Threads
    may do so at the same time: the last to end sets things back as the first found them.
    """
    _BEFORE.append(gc.get_threshold())
    gc.set_threshold(max(1_000_000, _BEFORE[-1][0]), 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*_BEFORE.pop())


_BEFORE: Final[list[tuple[int, int, int]]] = []
