"""Programs of others: started in a session of their own, with bounds, and ended with all they left.

A program gets less memory and file space than would hurt, and whatever it starts is ended with it.
Its processes are recognised by a word in their environment, so that one that left its process group
is found too, and by the exact size of the largest file that they may write, which a process passes
on even where it clears its environment.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

MEMORY: Final = 2 * 1024**3
"""Bytes of data that each process of a program may have."""
FILE_SIZE: Final = 64 * 1024**2
"""Bytes of the largest file that it may write."""
PROCESSES: Final = 64
"""Processes that it may have at a time."""
MARK: Final = "LAB_JUDGE"
"""The variable of its environment by which its processes are recognised."""

_PROC: Final = Path("/proc")
_FILE_SIZE: Final = re.compile(rb"^Max file size +\d+ +(\d+) ", re.M)


class NotStarted(Exception):
    """A program that could not be started; the text is a sentence."""


class Program:
    """A running program.

    ``command`` is the program and its arguments; ``environment`` is added to that of the lab.
    ``pipes``: stdin and stdout are pipes, which the caller reads and writes; otherwise they are the
    null device. ``stderr`` is a pipe always. ``stopped_because`` is a sentence if it was ended for
    what it did, and "" otherwise. Raises :class:`NotStarted`.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, pipes: bool = True
    ) -> None:
        self.mark = secrets.token_hex(8)
        self.stopped_because = ""
        stream = subprocess.PIPE if pipes else subprocess.DEVNULL
        try:
            self.process = subprocess.Popen(
                list(command), stdin=stream, stdout=stream, stderr=subprocess.PIPE, bufsize=0,
                start_new_session=True, env={**os.environ, **environment, MARK: self.mark},
            )  # fmt: skip
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotStarted(f"{command[0]} could not be started: {reason}") from None
        self._file_size = FILE_SIZE + secrets.randbelow(1 << 20)
        _limit(self.process.pid, self._file_size)
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        """End the program if it has more processes or memory than it may."""
        while not self._over.wait(0.25):
            count, resident = _measure(self.mark)
            if count > PROCESSES:
                self.stop(f"it had started {count} processes; {PROCESSES} are allowed")
            elif resident > MEMORY:
                self.stop(f"it held {resident // 1024**2} MB; {MEMORY // 1024**2} MB are allowed")

    def stop(self, because: str) -> None:
        """End the program now, for a reason that is a sentence without its first word."""
        self.stopped_because = self.stopped_because or because
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def is_running(self) -> bool:
        """Return whether it runs or waits for a processor, and not for input or the time."""
        with suppress(OSError, IndexError):
            stat = (_PROC / str(self.process.pid) / "stat").read_text()
            return stat.rpartition(")")[2].split()[0] in ("R", "D")
        return False

    def wait(self, seconds: float) -> int | None:
        """Return its exit status, or None if it still runs after a number of seconds."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it at once, as a crash does, with all processes that it has started."""
        self._over.set()
        self._kill()
        self.process.wait()
        self._watcher.join()
        _end_all(self.mark, self._file_size)

    def close(self) -> None:
        """End it and close its pipes."""
        self.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


class LastWords:
    """Keeps the last of what a program writes on stderr, in ``kept``, until it is ended."""

    def __init__(self, program: Program, kept: bytearray) -> None:
        self._program, self._kept = program, kept
        self._reading = threading.Thread(target=self._keep, daemon=True)
        self._reading.start()

    def _keep(self) -> None:
        stream = self._program.process.stderr
        assert stream is not None
        with suppress(OSError, ValueError):
            while piece := stream.read(65536):
                self._kept[:] = (self._kept + piece)[-2000:]

    def join(self) -> None:
        """Wait until the last is read of a program that was killed."""
        self._reading.join(5)


def run_to_end(program: Program, seconds: float) -> tuple[int | None, str]:
    """Wait until a program ends, and end it after a number of seconds.

    Returns its status (None: it was ended) and the last of what it wrote on stderr.
    """
    kept = bytearray()
    last_words = LastWords(program, kept)
    try:
        status = program.wait(seconds)
    finally:  # also after Ctrl-C
        program.kill()
        last_words.join()
        program.close()
    return status, kept.decode("utf-8", "replace")


def _limit(pid: int, file_size: int) -> None:
    """Bound what a process and those that it starts may take, where the system can."""
    try:
        import resource

        prlimit = resource.prlimit
    except (ImportError, AttributeError):  # not Linux
        return
    bounds = {
        resource.RLIMIT_DATA: MEMORY,
        resource.RLIMIT_FSIZE: file_size,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in bounds.items():
        with suppress(OSError, ValueError):
            prlimit(pid, kind, (most, most))


def _marked(mark: str) -> list[int]:
    """Return the processes with a mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    processes = []
    for entry in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if entry.stat().st_uid == os.getuid() and wanted in (entry / "environ").read_bytes():
                processes.append(int(entry.name))
    return processes


def _measure(mark: str) -> tuple[int, int]:
    """Return how many processes have a mark, and the bytes of memory that they hold."""
    page = os.sysconf("SC_PAGE_SIZE")
    marked = _marked(mark)
    resident = 0
    for pid in marked:
        with suppress(OSError, IndexError, ValueError):
            resident += int((_PROC / str(pid) / "statm").read_text().split()[1]) * page
    return len(marked), resident


def _limited(file_size: int) -> list[int]:
    """Return the processes whose files may have just this size."""
    processes = []
    for entry in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            limit = _FILE_SIZE.search((entry / "limits").read_bytes())
            if entry.stat().st_uid == os.getuid() and limit and int(limit[1]) == file_size:
                processes.append(int(entry.name))
    return processes


def _end_all(mark: str, file_size: int) -> None:
    """End every process of a program, also those that left the process group."""
    for _ in range(50):
        left = [*_marked(mark), *_limited(file_size)]
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
