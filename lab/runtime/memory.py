"""Gives memory back to the system early, after mail of many megabytes (glibc only)."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

_MMAP_THRESHOLD: Final = -3
"""glibc's number for the size from which memory is taken from the system piece by piece."""


def return_memory_early() -> None:
    """Have memory of more than 1 MB go back to the system when it is freed.

    By default it stays with the process, in pieces.
    """
    with suppress(AttributeError, OSError):
        _libc().mallopt(_MMAP_THRESHOLD, 1 << 20)


def return_free_memory() -> None:
    """Give back what is free now: it takes a millisecond or so."""
    with suppress(AttributeError, OSError):
        _libc().malloc_trim(0)


@lru_cache
def _libc() -> Any:
    return ctypes.CDLL(None)
