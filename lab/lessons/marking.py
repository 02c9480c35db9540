"""Marks one submission: a box runs it, another box judges what it answers, and this goes between.

Nothing of a submission is run or read here but plain data. What a submission sends is its answers;
whatever else it sends can spoil its own marks alone.
"""

from __future__ import annotations

import select
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lab.lessons.handed_in import Step
from lab.lessons.sandbox.box import Box, Limits
from lab.lessons.sandbox.channel import Channel, ChannelClosed
from lab.lessons.tasks import Task, code_cells, has_tag, tasks, text_of

START_SECONDS: Final = 120.0
"""How long a program in a box may take to start, on a machine that does other things too."""

JUDGE_SECONDS: Final = 90.0
"""How long the judge may take for an answer."""

STATES: Final = frozenset({"passed", "failed", "not yet"})


@dataclass
class Verdict:
    """What became of an exercise: ``credit`` is from 0 to 1; ``answer`` is what was handed in."""

    state: str
    message: str = ""
    credit: float = 0.0
    answer: str = ""
    picture: str = ""


@dataclass
class Marks:
    """The verdicts of a submission by exercise, and what was wrong with its cells."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)
    """What the lesson shows before each exercise, as PNG in base 64."""


@dataclass(frozen=True)
class Timing:
    """Seconds that a cell may take, and that a submission may take altogether."""

    cell: float = 20.0
    whole: float = 120.0


class JudgeFault(Exception):
    """Raised when the judge ends, or answers what it should not: the teacher's side is broken."""


class Judge:
    """A judge in a box, with one notebook open at a time."""

    def __init__(self, topologies: Path | None) -> None:
        self._topologies = topologies
        self._box: Box | None = None
        self._opened: object = None
        self.problems: list[str] = []
        self.pictures: dict[str, str] = {}

    @property
    def channel(self) -> Channel:
        """The channel to the box; starts the box if there is none."""
        if self._box is None:
            self._box = Box("lab.lessons.sandbox.judge", Limits(), self._topologies)
            self._expect("ready", START_SECONDS)
        return self._box.channel

    def open(
        self, key: object, notebook: dict[str, Any], files: dict[str, str], before: str, cell: float
    ) -> None:
        """Open a notebook, unless the same one is open."""
        if self._opened == key and self._box is not None:
            return
        self.close_notebook()
        cells = [
            {"name": each["id"], "source": text_of(each), "exercise": has_tag(each, "exercise")}
            for each in code_cells(notebook)
        ]
        starts = sorted({task.start for task in tasks(notebook)})
        self.channel.send(
            "open", cells=cells, starts=starts, seconds=max(JUDGE_SECONDS - 15, cell), files=files,
            before=before,
        )  # fmt: skip
        self._opened = key
        opened = self._expect("opened", START_SECONDS + 10 * cell)
        self.problems, self.pictures = opened["problems"], opened["pictures"]

    def close_notebook(self) -> None:
        """Close the notebook that is open."""
        if self._opened is not None and self._box is not None:
            self._opened = None
            self.channel.send("close")
            self._expect("closed", START_SECONDS)

    def _expect(self, kind: str, seconds: float) -> dict[str, Any]:
        assert self._box is not None
        try:
            message = self._box.channel.receive(seconds)
        except ChannelClosed:
            message = None
        if message is None or message["kind"] != kind:
            self.end()
            raise JudgeFault("the judge has stopped")
        return message

    def stop(self) -> None:
        """Have the box end soon, from another thread."""
        if self._box is not None:
            self._box.stop()

    def end(self) -> None:
        """End the box."""
        if self._box is not None:
            self._box.end()
        self._box, self._opened = None, None


class Marking:
    """Goes through a submission with its box and the judge's."""

    def __init__(self, steps: list[Step], judge: Judge, timing: Timing, marks: Marks) -> None:
        self.steps, self.judge, self.timing, self.marks = steps, judge, timing, marks
        self._values: dict[str, Any] = {}
        self._left_out: set[int] = set()
        self._last_own = -1
        self._asked: set[str] = set()
        self._deadline = 0.0

    def go(self, box: Box, files: dict[str, str]) -> bool:
        """Run the submission in a new box; return False if it should be run once more in another.

        That is where a cell has ended all processes: it is left out, and what is judged stays.
        """
        self._deadline = self._deadline or time.monotonic() + self.timing.whole
        try:
            box.channel.send("begin", files=files)
            self._run(box.channel)
        except ChannelClosed:
            guilty = self._last_own
            self._problem(f"its process died, or was killed, in the cell {self._name(guilty)}")
            is_over = guilty < 0 or guilty in self._left_out or box.is_stopped
            self._left_out.add(guilty)
            self._last_own = -1
            return is_over
        return True

    def _run(self, channel: Channel) -> None:
        while (message := self._next(channel)) is not None:
            if message["kind"] == "at":
                if not self._at(channel, message):
                    return
            elif message["kind"] == "lost":
                self._lost(channel, message)

    def _next(self, channel: Channel) -> dict[str, Any] | None:
        left = self._deadline - time.monotonic()
        message = channel.receive(left) if left > 0 else None
        if message is None:
            where = f" in the cell {self._name(self._last_own)}" if self._last_own >= 0 else ""
            self.marks.problems.append(f"stopped after {self.timing.whole:g} s{where}")
        return message

    def _name(self, number: int) -> str:
        return (
            repr(self.steps[number].name) if 0 <= number < len(self.steps) else "before the first"
        )

    def _at(self, channel: Channel, message: dict[str, Any]) -> bool:
        """Say what comes next; return False at the end."""
        number, serial = _number(message.get("step")), message.get("serial")
        self._note_error(message.get("error"), number - 1)
        if not 0 <= number < len(self.steps):
            channel.send("end", serial=serial)
            return False
        step = self.steps[number]
        if step.task is not None:
            self._take_out(channel, step.task, serial)
        elif number in self._left_out:
            channel.send("nothing", serial=serial)
        else:
            if step.own:
                self._last_own = number
            channel.send(
                "run", serial=serial, source=step.source, own=step.own, seconds=self.timing.cell
            )
        return True

    def _note_error(self, error: object, number: int) -> None:
        if not isinstance(error, str) or not error or not 0 <= number < len(self.steps):
            return
        if error.startswith("KeyboardInterrupt"):
            self._problem(f"stopped after {self.timing.cell:g} s in the cell {self._name(number)}")
        elif self.steps[number].own:
            self._problem(f"the cell {self._name(number)} raised {error.splitlines()[0][:120]}")

    def _problem(self, text: str) -> None:
        if text not in self.marks.problems and len(self.marks.problems) < 50:
            self.marks.problems.append(text)

    def _lost(self, channel: Channel, message: dict[str, Any]) -> None:
        """A process has died: leave out the student's cell that was begun last."""
        number = _number(message.get("step"))
        guilty = self._last_own
        self._problem(f"its process died, or was killed, in the cell {self._name(guilty)}")
        again = guilty > number and guilty not in self._left_out
        self._left_out.add(guilty)
        channel.send("again" if again else "go on", serial=message.get("serial"))

    def _take_out(self, channel: Channel, task: Task, serial: object) -> None:
        names = list(dict.fromkeys([*self._values, *task.names]))
        channel.send("answer", serial=serial, names=names, seconds=self.timing.cell)
        message = self._answer(channel)
        values = message.get("values")
        if isinstance(values, dict):
            self._values |= {name: values[name] for name in names if name in values}
        has_calls = message.get("calls") is True
        if task.name not in self._asked:
            self._asked.add(task.name)
            self._judge(channel if has_calls else None, task)
        if has_calls:
            with suppress(ChannelClosed):
                channel.send("judged")

    def _answer(self, channel: Channel) -> dict[str, Any]:
        """Return the message with the answers; what else comes before it is passed over."""
        for _ in range(100):
            message = channel.receive(self.timing.cell + 30)
            if message is None or message["kind"] == "answer":
                return message or {}
        raise ChannelClosed("no answer came")

    def _judge(self, student: Channel | None, task: Task) -> None:
        """Have an answer judged; raises JudgeFault."""
        try:
            self._go_between(student, task, self.judge.channel)
        except ChannelClosed:
            self.judge.end()
            raise JudgeFault("the judge has stopped") from None

    def _go_between(self, student: Channel | None, task: Task, judge: Channel) -> None:
        """Carry calls from the judge to the student, and results back, until there is a verdict."""
        judge.send("judge", start=task.start)
        while (message := judge.receive(START_SECONDS)) is None or message["kind"] != "listening":
            if message is None:
                raise ChannelClosed("the judge does not answer")
        judge.send("answers", values=self._values, end=task.check, names=task.names)
        deadline = time.monotonic() + JUDGE_SECONDS + 30
        while True:
            ready = [each for each in (judge, student) if each is not None and each.is_ready()]
            if not ready:
                ends = [each.end for each in (judge, student) if each is not None]
                select.select(ends, [], [], 1.0)
                if time.monotonic() > deadline:
                    raise ChannelClosed("the judge does not answer")
                continue
            if judge in ready:
                message = judge.receive(30)
                if message is None or message["kind"] == "judged":
                    self._keep(task, (message or {}).get("results"))
                    return
                self._pass_on(message, student, judge)
            elif student is not None:
                student = self._from_student(student, judge)

    def _pass_on(self, message: dict[str, Any], student: Channel | None, judge: Channel) -> None:
        """Pass a message of the judge's on to the student."""
        try:
            if student is None:
                raise ChannelClosed("the student's process has gone")
            student.pass_on(message)
        except ChannelClosed:
            _raise_in(judge, message.get("call"))

    def _from_student(self, student: Channel, judge: Channel) -> Channel | None:
        """Pass a message of the student's on to the judge; return None if the student has gone."""
        try:
            message = student.receive(30) or {"kind": "gone"}
        except ChannelClosed:
            message = {"kind": "gone"}
        if message["kind"] in ("call", "returned", "raised", "tcp"):
            judge.pass_on(message)
            return student
        if message["kind"] != "gone":
            return student
        _raise_in(judge, None)
        return None

    def _keep(self, task: Task, results: object) -> None:
        """Keep what the judge says of a check; what it does not say cannot be judged."""
        results = results if isinstance(results, dict) else {}
        answer = shown({name: self._values.get(name) for name in task.names})
        for name in dict.fromkeys([task.name, *results]):
            if name in self.marks.verdicts and self.marks.verdicts[name].state == "not reached":
                self.marks.verdicts[name] = _verdict(results.get(name), answer)


def _verdict(result: Any, answer: str) -> Verdict:
    if not isinstance(result, dict) or result.get("state") not in STATES:
        return Verdict("failed", "It could not be judged: the check did not end.", 0.0, answer)
    credit = min(1.0, max(0.0, float(result["credit"])))
    picture = str(result.get("picture", ""))
    return Verdict(result["state"], str(result["message"]), credit, answer, picture)


def _raise_in(judge: Channel, call: object) -> None:
    """Have a call of the judge's raise: the student's process ended, or took too long.

    Without its number, whatever call there is.
    """
    text = "your function does not end, or ends its process"
    judge.send("raised", call=call, name="TimeoutError", text=text)


def _number(value: object) -> int:
    return value if type(value) is int else -1


def shown(values: dict[str, Any]) -> str:
    """Return answers, as plain data, as a student wrote them."""
    return "\n".join(f"{name} = {as_text(data)}" for name, data in values.items())[:4000]


def as_text(data: Any, depth: int = 0) -> str:
    """Return plain data as Python writes the value."""
    if isinstance(data, str) and "\n" in data:
        return f'"""{data[:4000]}"""'
    if not isinstance(data, dict) or depth > 10:
        return repr(data)[:2000]
    kind, content = data.get("is"), data.get("of")
    if kind in ("list", "tuple", "set", "frozenset", "iterator") and isinstance(content, list):
        around = {"list": ("[", "]"), "tuple": ("(", ")")}.get(kind, ("{", "}"))
        return ", ".join(as_text(each, depth + 1) for each in content[:200]).join(around)
    if kind == "dict" and isinstance(content, list):
        pairs = zip(content[::2], content[1::2], strict=False)
        inner = (f"{as_text(key, depth + 1)}: {as_text(value, depth + 1)}" for key, value in pairs)
        return f"{{{', '.join(inner)}}}"
    if kind == "dots":
        return "..."
    if kind == "topology":
        return str(content)[:2000]
    if kind == "function":
        return f"the function {str(data.get('name'))[:60]}"
    return f"<{str(data.get('what'))[:200]}>" if kind == "unknown" else str(content)[:2000]
