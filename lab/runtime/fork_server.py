"""What Python's fork server imports when it begins: it cleans up if its program has been killed.

The fork server listens in a folder for temporary files, which the program that started it removes
at its end. A program that was killed does not; the fork server then ends by itself, in order.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_FOLDER: Final = "SMTP_LAB_FORK_SERVER"
"""The variable of the environment by which the fork server learns which folder it is."""


@contextmanager
def knows_folder(folder: str) -> Iterator[None]:
    """Within this context, a fork server that begins learns which folder is its own ("": none)."""
    os.environ[_FOLDER] = folder
    try:
        yield
    finally:
        os.environ.pop(_FOLDER, None)


def _clean_up(folder: str, program: int) -> None:
    """Remove the folder if the program that started the fork server is no more."""
    if os.getppid() != program:
        shutil.rmtree(folder, ignore_errors=True)


if folder := os.environ.pop(_FOLDER, ""):
    # processes that it forks end without this
    atexit.register(_clean_up, folder, os.getppid())
