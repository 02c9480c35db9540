"""Start Python processes that do not run the caller's script again."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Final

from lab.runtime.fork_server import knows_folder
from lab.runtime.signals import blocked


@contextmanager
def without_main() -> Iterator[None]:
    """Within this context, new processes do not import the caller's script.

    Python's ``spawn`` imports it, which runs a script without ``if __name__ == "__main__":`` again.
    No process of the lab requires anything from it: functions defined there are sent by value.
    """
    main = sys.modules.get("__main__")
    kept = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
    try:
        if main is not None:
            main.__spec__ = None
            if "__file__" in kept:
                del main.__file__
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


_LONGEST: Final = 60
"""Bytes of a folder's path beyond which that of a socket in it may be too long for the system."""


@contextmanager
def short_socket_paths() -> Iterator[None]:
    """Within this context, ``multiprocessing`` makes its sockets in a folder with a short path.

    It makes them in the folder for temporary files (TMPDIR), and a socket's path may have about 100
    bytes. Where no such folder can be written, all stays as it is.
    """
    kept = tempfile.tempdir
    try:
        if len(os.fsencode(tempfile.gettempdir())) > _LONGEST:
            usable = (each for each in ("/tmp", "/var/tmp") if os.access(each, os.W_OK | os.X_OK))
            tempfile.tempdir = next(usable, kept)
        yield
    finally:
        tempfile.tempdir = kept


@contextmanager
def quiet_start() -> Iterator[None]:
    """Within this context, new processes do not import the caller's script, nor get Ctrl-C.

    They get it when they have decided what to do about it and call
    :func:`lab.runtime.signals.let_through`.
    """
    from multiprocessing import resource_tracker  # which a browser's Python does not have

    with warnings.catch_warnings():
        # a tracker that was killed does no harm: the lab gives it nothing to track
        warnings.simplefilter("ignore")
        resource_tracker.ensure_running()  # or it begins below, and lets the signals through
    with without_main(), blocked(), short_socket_paths():
        yield


def _folder_of_sockets() -> str:
    """Return the folder that this program has for the sockets of processes; "" if it is another's.

    A process that another one has started shares the folder of that one.
    """
    from multiprocessing import parent_process, util

    return util.get_temp_dir() if parent_process() is None else ""


_TRIES: Final = 5
"""How often a process is started if the one that starts it ends meanwhile."""

_PAUSE: Final = 0.05


def start(make: Callable[[], BaseProcess]) -> BaseProcess:
    """Return a process that ``make`` makes, started quietly.

    If ``multiprocessing``'s fork server has been killed, Python starts another one, but fails if
    that happens just then. Raises OSError if it fails several times.
    """
    for left in reversed(range(_TRIES)):
        process = make()
        try:
            with quiet_start(), knows_folder(_folder_of_sockets()):
                process.start()
            return process
        except (ConnectionError, EOFError, FileNotFoundError) as error:
            if not left:
                raise OSError("Python's fork server ends again and again") from error
        time.sleep(_PAUSE)
    raise AssertionError("the last try has returned or raised")
