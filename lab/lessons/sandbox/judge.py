"""Judges answers in a box: ``python -m lab.lessons.sandbox.judge CHANNEL``.

It runs the teacher's own notebook, without answers, and keeps a copy of the process from before
each exercise: a fork. To judge an answer, a fork of that copy takes the answer, which has come as
data, and runs the notebook from there to the check. So each answer is judged by a fresh process.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.lessons import exercises
from lab.lessons.sandbox.calls import Calls
from lab.lessons.sandbox.channel import Channel, ChannelClosed
from lab.lessons.sandbox.confine import die_with_parent, fork
from lab.lessons.sandbox.shell import Shell
from lab.lessons.sandbox.student import watch

READ, DONE = b"r", b"d"
LARGEST = 200_000
"""Characters of the largest picture that is sent."""


class Copy:
    """A copy of the process from before an exercise, which forks for each answer."""

    def __init__(self) -> None:
        self._orders, self.orders = os.pipe()
        self.done, self._done = os.pipe()

    def serve(self, notebook: Notebook, start: int) -> None:
        """Judge answers, one after another, until the notebook's process ends."""
        while os.read(self._orders, 1) == READ:
            reading, writing = os.pipe()
            child = fork()
            if child == 0:
                die_with_parent()
                try:
                    notebook.judge(start)
                finally:
                    os._exit(0)
            os.close(writing)
            status = watch(child, reading, notebook.seconds)
            os.close(reading)
            if status != 0:
                notebook.channel.send("judged", results={})
            os.write(self._done, DONE)
        os._exit(0)

    def judge(self) -> None:
        """Have the copy judge the answer that the channel has next."""
        os.write(self.orders, READ)
        os.read(self.done, 1)


class Notebook:
    """A notebook of the teacher's as it is run, and the copies from before its exercises.

    ``cells`` have a source; ``exercise`` says that a cell is a gap, which is left out when an
    answer is judged. ``starts`` are the numbers of the cells where exercises start.
    """

    def __init__(self, channel: Channel, shell: Shell, order: dict[str, Any]) -> None:
        self.channel, self.shell = channel, shell
        self.cells: list[dict[str, Any]] = order["cells"]
        self.seconds = float(order["seconds"])
        self.starts = set(order["starts"])
        self.copies: dict[int, Copy] = {}

    def run(self) -> None:
        """Run all cells, and make the copies."""
        problems, pictures = [], {}
        self.shell.keep_pictures()
        for number, cell in enumerate(self.cells):
            if number in self.starts:
                self._copy(number)
                pictures[number] = self.shell.picture if len(self.shell.picture) < LARGEST else ""
            if error := self.shell.run(cell["source"]):
                problems.append(f"the cell {cell['name']!r} raises {error}")
        self.channel.send("opened", problems=problems, pictures=pictures)

    def _copy(self, number: int) -> None:
        gc.freeze()
        copy = Copy()
        if fork() == 0:
            die_with_parent()
            for older in self.copies.values():
                os.close(older.orders)
            os.close(copy.orders)
            copy.serve(self, number)
        self.copies[number] = copy

    def serve(self) -> None:
        """Have answers judged until the grader says "close"."""
        while (message := self.channel.receive()) is not None and message["kind"] != "close":
            if message["kind"] == "judge":  # and not what came too late for a call
                self.copies[int(message["start"])].judge()

    def judge(self, start: int) -> None:
        """Take an answer, run the cells up to the check, and send what the check says."""
        from lab import lessons

        calls = Calls(self.channel, offers_ports=True)
        self.channel.send("listening")
        message = self.channel.receive(20)
        while message is not None and message["kind"] != "answers":
            message = self.channel.receive(20)
        if message is None:
            return
        for name, data in message["values"].items():
            self.shell.names[name] = calls.value(data)
        lessons.results.clear()
        for cell in self.cells[start : int(message["end"]) + 1]:
            if not cell["exercise"]:
                self.shell.run(cell["source"])
        results = {name: _as_data(result) for name, result in lessons.results.items()}
        if any(result["state"] == "failed" for result in results.values()):
            picture = self._map(message["values"], message.get("names", ()))
            results = {name: {**result, "picture": picture} for name, result in results.items()}
        self.channel.send("judged", results=results)

    def _map(self, values: dict[str, Any], names: list[str]) -> str:
        """Return a map of the network that was handed in, if it is one."""
        from lab import lessons
        from lab.api.simulate import simulate

        for name in names:
            data = values.get(name)
            text = data.get("of") if isinstance(data, dict) and data["is"] == "topology" else data
            if isinstance(text, str) and "[[host]]" in text:
                self.shell.picture = ""
                with suppress(Exception):  # what cannot be run is not drawn
                    simulate(lessons.from_text(text)).plot("map")
                    self.shell.run("")
                return self.shell.picture if len(self.shell.picture) < LARGEST else ""
        return ""


def _as_data(result: Any) -> dict[str, Any]:
    return {
        "state": result.state, "message": str(result.message)[:2000],
        "credit": exercises.credits.get(result.name, float(result.state == "passed")),
    }  # fmt: skip


def serve(channel: Channel) -> None:
    """Open a notebook whenever the grader says so, each in a process of its own."""
    shell = Shell()
    import matplotlib.pyplot  # noqa: F401 - what most notebooks need is imported once

    import lab.api.simulate  # noqa: F401

    channel.send("ready")
    while (order := channel.receive()) is not None:
        child = fork()
        if child == 0:
            die_with_parent()
            try:
                for name, text in order.get("files", {}).items():
                    Path(name).write_text(text, encoding="utf-8")
                notebook = Notebook(channel, shell, order)
                if order.get("before"):
                    shell.run(order["before"])
                notebook.run()
                notebook.serve()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        channel.send("closed")


def main() -> None:
    """Serve until the grader has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what takes too long is killed
    try:
        serve(Channel(socket.socket(fileno=int(sys.argv[1]))))
    except ChannelClosed:
        os._exit(0)


if __name__ == "__main__":
    main()
