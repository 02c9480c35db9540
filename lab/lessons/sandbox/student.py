"""Runs a submission in a box: ``python -m lab.lessons.sandbox.student CHANNEL``.

The program that grades says which cell comes next. Before a cell of the student's, the process
forks: the child runs the cell and goes on, and the parent keeps the state from before it. A child
that dies, or must be killed because a cell does not end, leaves its parent to go on without that
cell. So one bad cell costs itself, and nothing else.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lab.lessons.sandbox.calls import Calls
from lab.lessons.sandbox.channel import Channel, ChannelClosed
from lab.lessons.sandbox.confine import (
    descendants,
    die_with_parent,
    fork,
    kill,
    parent_of,
    processes,
)
from lab.lessons.sandbox.shell import Shell

GRACE: Final = 2.0
"""Seconds between a Ctrl-C, which a cell may ignore, and the end of its process."""

BEGINS, WAITS, HOLDS = b"b", b"w", b"h"
"""What a child tells its parent: it begins a cell; it waits for the grader; it has a child."""


class Walk:
    """Goes through the cells of a submission."""

    def __init__(self, channel: Channel, shell: Shell) -> None:
        self.calls = Calls(channel)
        self.channel = channel
        self.shell = shell
        self._parent_pipe: int | None = None
        self._error = ""

    def go(self) -> None:
        """Do what the grader says until it says "end"; a process that lost its way ends."""
        step = 0
        while True:
            order = self._ask("at", step=step, error=self._error)
            self._error = ""
            if order["kind"] == "end":
                return
            if order["kind"] == "answer":
                self._hand_over(order)
            elif order.get("own"):
                if not self._run_in_child(order, step):
                    again = self._ask("lost", step=step)["kind"] == "again"
                    step -= 1 if again else 0
            elif order["kind"] == "run":
                self._run(order)
            step += 1

    def _ask(self, kind: str, **content: Any) -> dict[str, Any]:
        self._tell_parent(WAITS)
        serial = time.monotonic_ns()
        self.channel.send(kind, serial=serial, **content)
        while True:
            order = self.channel.receive()
            if order is not None and order.get("serial") == serial:
                return order

    def _tell_parent(self, state: bytes) -> None:
        if self._parent_pipe is not None:
            with contextlib.suppress(OSError):
                os.write(self._parent_pipe, state)

    def _run(self, order: dict[str, Any]) -> None:
        self._tell_parent(BEGINS)
        with interruptible():
            self._error = "KeyboardInterrupt: "  # unless it comes to an end
            self._error = self.shell.run(str(order["source"]))
        self._tell_parent(WAITS)

    def _run_in_child(self, order: dict[str, Any], step: int) -> bool:
        """Run a cell in a child, which goes on; return False in the parent, if that has died."""
        gc.freeze()
        reading, writing = os.pipe()
        child = fork()
        if child == 0:
            die_with_parent()
            self._tell_parent(HOLDS)
            os.close(reading)
            self._parent_pipe = writing
            self._run(order)
            end_strays()
            return True
        os.close(writing)
        status = watch(child, reading, float(order["seconds"]))
        os.close(reading)
        if status == 0:
            os._exit(0)  # the child has gone all the way
        end_strays()
        self.channel.forget()
        return False

    def _hand_over(self, order: dict[str, Any]) -> None:
        """Send the values of some names; if functions are among them, answer calls in a child."""
        self._tell_parent(BEGINS)
        calls = Calls(self.channel, listens=True)
        values = {str(n): calls.data(self._value(str(n))) for n in order["names"]}
        self._tell_parent(WAITS)
        if not calls.has_functions:
            self.channel.send("answer", values=values, calls=False)
            return
        reading, writing = os.pipe()
        child = fork()
        if child == 0:
            die_with_parent()
            self._parent_pipe = writing
            self.channel.send("answer", values=values, calls=True)
            os._exit(0 if self._answer_calls(calls) else 1)
        os.close(writing)
        status = watch(child, reading, float(order["seconds"]))
        os.close(reading)
        if status != 0:
            self.channel.send("gone")
        self.channel.forget()

    def _answer_calls(self, calls: Calls) -> bool:
        while True:
            self._tell_parent(WAITS)
            message = self.channel.receive()
            if message is None or message["kind"] == "judged":
                return message is not None
            self._tell_parent(BEGINS)
            if message["kind"] == "call":
                with interruptible():
                    calls.answer(message)
                    message = {}
                if message:
                    call, text = message.get("call"), "your function does not end"
                    self.channel.send("raised", call=call, name="TimeoutError", text=text)

    def _value(self, name: str) -> Any:
        """Return an answer; of the name of a file of the student's own, the text."""
        value = self.shell.names.get(name, ...)
        if isinstance(value, (str, Path)) and str(value).endswith(".toml") and len(str(value)) < 99:
            path = Path(str(value)).resolve()
            with contextlib.suppress(OSError, ValueError):
                if Path.cwd().parent in path.parents and path.is_file():
                    return path.read_text(encoding="utf-8")
        return value


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end what is in this block; elsewhere it does nothing."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class Allowed:
    """The time that a cell may take: of the processor, or three times as long by the clock.

    So a cell is not stopped because the machine does other things too, nor may it sleep for ever.
    """

    def __init__(self, child: int, seconds: float) -> None:
        self._child, self._seconds = child, seconds
        self.begin()

    def begin(self) -> None:
        """Begin to count."""
        self._used, self._since = processor_seconds(self._child), time.monotonic()
        self.stopped = False

    def wait(self) -> None:
        """Count no more: nothing is being run."""
        self._since = float("inf")

    def is_over(self) -> bool:
        """Return whether the time is over, or the grace after a Ctrl-C."""
        seconds = GRACE if self.stopped else self._seconds
        passed = time.monotonic() - self._since
        if passed < seconds:
            return False
        used = processor_seconds(self._child) - self._used
        return used >= seconds or passed >= 3 * seconds or processor_seconds(self._child) == 0

    def stop(self) -> None:
        """Interrupt the cell, or end its process if that did not help."""
        with contextlib.suppress(OSError):
            os.kill(self._child, signal.SIGKILL if self.stopped else signal.SIGINT)
        self.begin()
        self.stopped = True


def processor_seconds(pid: int) -> float:
    """Return the processor's time that a process has used; 0 if that is not known."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            parts = file.read().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def watch(child: int, pipe: int, seconds: float) -> int:
    """Wait until a child ends, and return its status; no cell of it may take longer than so.

    A cell that does is interrupted, and if that does not help its process is killed.
    """
    allowed = Allowed(child, seconds)
    while True:
        report = os.read(pipe, 4096)[-1:] if select.select([pipe], [], [], 0.1)[0] else b""
        if report == HOLDS:
            return os.waitpid(child, 0)[1]
        if report == BEGINS:
            allowed.begin()
        elif report == WAITS:
            allowed.wait()
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if allowed.is_over():
            allowed.stop()


def end_strays() -> None:
    """Kill the processes that a cell has left behind: those below this one, and orphans."""
    mine = os.getpid()
    below = set(descendants(mine))
    if parent_of(1) == 0 and os.path.exists("/tmp/box"):  # the first process is the box's own
        ours = {mine, *ancestors(mine)}
        below |= {pid for pid in processes() if parent_of(pid) == 1} - ours
    for pid in below:
        kill(pid)
    deadline = time.monotonic() + 10
    while below and time.monotonic() < deadline:  # the dead count as processes until they are gone
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        below = {pid for pid in below if os.path.exists(f"/proc/{pid}")}
        time.sleep(0.01)


def ancestors(pid: int) -> list[int]:
    """Return the parent of a process, its parent, and so on."""
    above = []
    while (pid := parent_of(pid)) > 1:
        above.append(pid)
    return above


def stop_judging() -> None:
    """Have the checks of a lesson do nothing in this process: they are made elsewhere."""
    from lab import lessons

    def check(name: str, *_: object, **__: object) -> Any:
        return lessons.Result(name, "not yet", "Your teacher judges it.")

    lessons.check = check


def main() -> None:
    """Take what the grader says first, and go through the cells."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    shell = Shell()
    stop_judging()
    begin = channel.receive()
    for name, text in (begin or {}).get("files", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    try:
        Walk(channel, shell).go()
        status = 0
    except ChannelClosed:
        status = 1
    os._exit(status)


if __name__ == "__main__":
    main()
