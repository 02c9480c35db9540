"""What the coordinator of a run and its workers send each other."""

from __future__ import annotations

from enum import IntEnum


class Message(IntEnum):
    """The kind of a message; marshal takes only its ``value``.

    The coordinator answers a batch with CONTINUE; with SUMMARY_ONLY, to send from now on no more
    rows than those that are always needed; or with STOP. A worker sends a BATCH of rows, FINISHED
    with its results at the end, or FAILED with a traceback.
    """

    CONTINUE = 0
    SUMMARY_ONLY = 1
    STOP = 2
    BATCH = 3
    FINISHED = 4
    FAILED = 5

    @property
    def octets(self) -> bytes:
        """The message alone, as bytes."""
        return bytes([self])
