"""Ctrl-C while the command line starts: the process ends at once, with a sentence.

Python raises KeyboardInterrupt wherever it is, and the first half second of a command is spent in
imports, where nobody can catch it. So until :func:`begin`, and from :func:`end_at_once` on, the
process ends where it is. Nothing has been begun then, or all is done.
"""

import _signal as signal  # type: ignore[import-not-found]  # in C: the other takes milliseconds
import _thread
import os
import sys

TYPE_CHECKING = False  # that of typing, without the milliseconds of its import
if TYPE_CHECKING:
    from sys import UnraisableHookArgs

INTERRUPTED = 130
"""The exit status of a command that Ctrl-C has ended, as shells have it."""


def _end(number: int, frame: object) -> None:
    """Say that the command was interrupted, and end the process."""
    try:
        os.write(2, b"lab: interrupted\n")
    finally:  # nobody may read it any more
        os._exit(INTERRUPTED)


def is_command() -> bool:
    """Return whether this process is the ``lab`` command and not a program that imports lab."""
    path = sys.argv[0] if sys.argv else ""
    if path == "-m":  # python -m lab; later, it is the path of the module
        return "lab" in sys.orig_argv
    folder, name = os.path.split(path)
    if name == "__main__.py":
        return folder == os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return name == "lab" and folder == os.path.dirname(sys.executable)


def end_at_once() -> None:
    """Let Ctrl-C end the command from now on, if it raises KeyboardInterrupt at present."""
    if is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def begin() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again: from now on somebody catches it."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _unraisable


def _unraisable(args: "UnraisableHookArgs") -> None:
    """Raise KeyboardInterrupt again if it came where Python drops it, as in a finaliser.

    The callbacks of an import are such a place, too. Another thread asks for it, so that it is
    raised after the place is left.
    """
    if issubclass(args.exc_type, KeyboardInterrupt):
        here = (
            _thread.get_ident()
        )  # and not threading.Thread, whose start waits: we are still in there
        _thread.start_new_thread(signal.pthread_kill, (here, signal.SIGINT))
    else:
        sys.__unraisablehook__(args)
