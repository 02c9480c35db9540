"""The last answer about a trace: a picture, its text alternative and its title ask for the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

from lab.trace.trace import Trace

Answer = TypeVar("Answer")


class Kept(Generic[Answer]):
    """Keeps the last answer, but not the trace that it is about."""

    def __init__(self) -> None:
        self._last: tuple[ref[Trace], tuple[int, float], Answer] | None = None

    def of(self, trace: Trace, make: Callable[[Trace], Answer]) -> Answer:
        """Return the answer about a trace, which is made unless it is the last one."""
        if self._last is not None:
            known, length, answer = self._last
            if known() is trace and length == _length(trace):
                return answer
        answer = make(trace)
        self.put(trace, answer)
        return answer

    def put(self, trace: Trace, answer: Answer) -> None:
        """Keep an answer that was made on the way to another one."""
        self._last = ref(trace), _length(trace), answer


def _length(trace: Trace) -> tuple[int, float]:
    """Return how far a trace goes, which grows while its run goes on."""
    return len(trace.rows), trace.last
