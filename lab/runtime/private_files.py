"""Files that only their owner may read: the mail of a run is nobody else's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Final, ParamSpec, TypeVar

OTHERS: Final = 0o077
"""The permissions of others, and of the group."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@contextmanager
def private_files() -> Iterator[None]:
    """Within this context, new files get the permissions 0600, and new folders 0700.

    The process has this setting as a whole: files that its other threads make have it too.
    """
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def writes_private_files(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Have a function make private files and folders only."""

    @wraps(function)
    def private(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with private_files():
            return function(*args, **kwargs)

    return private
