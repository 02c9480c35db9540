"""What the coordinator of a run and its workers send each other."""

from __future__ import annotations

from enum import IntEnum


class Message(IntEnum):
    """The kind of a message; marshal takes only its ``value``.

    The coordinator answers a batch with CONTINUE; with SUMMARY_ONLY, to send from now on no more
    rows than those that are always needed; with STOP; or with OUT_OF_TIME, if the run has taken as
    long as it may. A worker sends a BATCH of rows, FINISHED
    with its results at the end, or FAILED with a traceback.
    """

    CONTINUE = 0
    SUMMARY_ONLY = 1
    STOP = 2
    BATCH = 3
    FINISHED = 4
    FAILED = 5
    OUT_OF_TIME = 6

    @property
    def octets(self) -> bytes:
        """The message alone, as bytes."""
        return bytes([self])
