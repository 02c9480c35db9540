"""The last answer about a trace: a picture, its text alternative and its title ask for the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from lab.trace.meta import Meta
from lab.trace.trace import Trace

Answer = TypeVar("Answer")


class Kept(Generic[Answer]):
    """Keeps the last answer, and what its trace said of its topology, but not the trace."""

    def __init__(self) -> None:
        self._last: tuple[Meta, tuple[int, int, float], Answer] | None = None

    def of(self, trace: Trace, make: Callable[[Trace], Answer]) -> Answer:
        """Return the answer about a trace, which is made unless it is the last one."""
        meta, which = trace.meta, _which(trace)
        if self._last is None or self._last[0] is not meta or self._last[1] != which:
            self.put(trace, make(trace))
        assert self._last is not None, "it was put there"
        return self._last[2]

    def put(self, trace: Trace, answer: Answer) -> None:
        """Keep an answer that was made on the way to another one."""
        self._last = trace.meta, _which(trace), answer


def _which(trace: Trace) -> tuple[int, int, float]:
    return id(trace.rows), len(trace.rows), trace.last
