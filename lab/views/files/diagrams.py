"""Sequence diagrams of a run, as text for Mermaid and for PlantUML.

A diagram has a line for each row of a ladder (:mod:`lab.analysis.ladder_rows`), written as the
trace is read. Before each there is a comment with its time and its place in the trace. Whatever
means something to a program is written as that program's code of the character.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import IO, Final

from lab.analysis.ladder_rows import LadderRow, row_of
from lab.analysis.shown_names import ShownNames, shown_names
from lab.runtime.escaping import visible
from lab.trace.rows import HOST, KIND, PEER, SESSION, Row, event_of
from lab.trace.trace import Trace

_PAUSE: Final = 1.0
"""Seconds from one line of a diagram to the next after which the time is written."""

MERMAID_LIMIT: Final = 50_000
"""The most characters of a diagram that Mermaid draws, by default (``maxTextSize``)."""


def write_mermaid(trace: Trace, rows: Iterable[tuple[int, Row]], file: IO[str]) -> None:
    """Write a sequence diagram for Mermaid; ``rows`` are those of the trace, with numbers."""
    _Mermaid(file, shown_names(trace.meta)).write(str(trace.meta.get("title") or ""), rows)


def write_plantuml(trace: Trace, rows: Iterable[tuple[int, Row]], file: IO[str]) -> None:
    """Write a sequence diagram for PlantUML; ``rows`` are those of the trace, with numbers."""
    _PlantUML(file, shown_names(trace.meta)).write(str(trace.meta.get("title") or ""), rows)


class _Diagram(ABC):
    """Writes a diagram line by line; what the languages share."""

    def __init__(self, file: IO[str], shown: ShownNames) -> None:
        self._file = file
        self._shown = shown
        self._ids: dict[str, str] = {}
        self._sessions: dict[int, tuple[str, str]] = {}
        self._shown_at: float | None = None

    def write(self, title: str, rows: Iterable[tuple[int, Row]]) -> None:
        """Write the whole diagram."""
        self.begin(title)
        for seq, row in rows:
            if row[KIND] == "open":
                self._sessions[row[SESSION]] = row[HOST], row[PEER]
            made = row_of(event_of(row, seq), self._shown)
            if made is not None and made.kind != "close":
                self._step(made)
            if row[KIND] == "close":
                self._sessions.pop(row[SESSION], None)
        if not self._ids:
            self.no_lines()
        self.end()

    def _step(self, row: LadderRow) -> None:
        self.comment(f"t={row.t:.9g} seq={row.seq} {row.kind}")
        ends = self._ends(row)
        if not ends:
            self.comment(visible(row.text))
            return
        ids = tuple(dict.fromkeys(self._id(name) for name in ends))
        if self._shown_at is None or row.t - self._shown_at > _PAUSE:
            self.note(ids, f"t = {row.t:.3f} s")
        self._shown_at = row.t
        if row.crosses or row.kind == "unreachable":
            style = "lost" if row.kind == "unreachable" else _STYLES.get(row.kind, "sent")
            self.arrow(ids[0], ids[-1], style, visible(row.text))
        else:
            self.note(ids, visible(row.text))

    def _ends(self, row: LadderRow) -> list[str]:
        """Return the hosts of a line: one or two; none, for a fault that has no place yet."""
        if row.kind == "loss" and row.session in self._sessions:
            return list(self._sessions[row.session])
        ends = [name for name in (row.host, row.peer) if name]
        if row.kind in _IN_ONE_HOST:
            return ends[:1]
        return ends or list(self._ids)[:1] + list(self._ids)[1:][-1:]

    def _id(self, name: str) -> str:
        """Return the name of a participant in the text, which is declared before its first use."""
        if name not in self._ids:
            self._ids[name] = f"H{len(self._ids) + 1}"
            self.participant(self._ids[name], visible(self._shown[name]))
        return self._ids[name]

    def line(self, text: str) -> None:
        """Write a line."""
        self._file.write(f"{text}\n")

    @abstractmethod
    def begin(self, title: str) -> None:
        """Write what comes before the first participant."""

    @abstractmethod
    def participant(self, name: str, shown: str) -> None:
        """Declare a host."""

    @abstractmethod
    def arrow(self, start: str, to: str, style: str, text: str) -> None:
        """Write that something crossed: ``style`` is sent, answered or lost."""

    @abstractmethod
    def note(self, over: tuple[str, ...], text: str) -> None:
        """Write a note over one or two hosts."""

    @abstractmethod
    def comment(self, text: str) -> None:
        """Write a line that is not drawn."""

    @abstractmethod
    def no_lines(self) -> None:
        """Write something in place of a diagram without lines."""

    @abstractmethod
    def end(self) -> None:
        """Write what comes last."""


_STYLES: Final = {"reply": "answered", "error": "answered", "piece": "answered"}
_IN_ONE_HOST: Final = frozenset({
    "deliver", "notify", "abandon", "reject", "defer", "submit", "accept", "refuse", "forget",
})  # fmt: skip


class _Mermaid(_Diagram):
    _ARROWS: Final = {"sent": "->>", "answered": "-->>", "lost": "-x"}

    def begin(self, title: str) -> None:
        if title:
            # JSON is YAML; a per cent sign could begin a directive
            quoted = json.dumps(visible(title), ensure_ascii=False).replace("%", "\\u0025")
            self.line(f"---\ntitle: {quoted}\n---")
        self.line("sequenceDiagram")

    def participant(self, name: str, shown: str) -> None:
        self.line(f"  participant {name} as {mermaid_text(shown)}")

    def arrow(self, start: str, to: str, style: str, text: str) -> None:
        self.line(f"  {start}{self._ARROWS[style]}{to}: {mermaid_text(text)}")

    def note(self, over: tuple[str, ...], text: str) -> None:
        self.line(f"  Note over {','.join(over)}: {mermaid_text(text)}")

    def comment(self, text: str) -> None:
        self.line(f"  %% {mermaid_text(text)}")

    def no_lines(self) -> None:
        self.line("  participant H1 as nothing happened")

    def end(self) -> None:
        pass


class _PlantUML(_Diagram):
    _ARROWS: Final = {"sent": "->", "answered": "-->", "lost": "->x"}

    def begin(self, title: str) -> None:
        self.line("@startuml")
        if title:
            self.line(f"title {plantuml_text(title)}")

    def participant(self, name: str, shown: str) -> None:
        self.line(f'participant "{plantuml_text(shown)}" as {name}')

    def arrow(self, start: str, to: str, style: str, text: str) -> None:
        self.line(f"{start} {self._ARROWS[style]} {to} : {plantuml_text(text)}")

    def note(self, over: tuple[str, ...], text: str) -> None:
        self.line(f"note over {', '.join(over)} : {plantuml_text(text)}")

    def comment(self, text: str) -> None:
        self.line(f"' {plantuml_text(text)}")

    def no_lines(self) -> None:
        self.line('participant "nothing happened" as H1')

    def end(self) -> None:
        self.line("@enduml")


_MERMAID_SAFE: Final = frozenset(" .,:()@'?+-_/=*!")
_WORDS_OF_MERMAID: Final = re.compile(r"style|classDef|(?<![^:])(?:no)?wrap:", re.ASCII)


def mermaid_text(text: str) -> str:
    """Return a text in which nothing means something to Mermaid: ``#59;`` is a semicolon."""
    text = visible(text)
    words = {match.start() for match in _WORDS_OF_MERMAID.finditer(text)}
    coded = "".join([
        char if (char.isalnum() or char in _MERMAID_SAFE) and n not in words else f"#{ord(char)};"
        for n, char in enumerate(text)
    ])  # fmt: skip
    return coded if coded.strip() else "#160;"


_PLANTUML_SAFE: Final = frozenset(" .,:()@'?+-")
_TWICE: Final = re.compile(r"([.'-])\1+")


def plantuml_text(text: str) -> str:
    """Return a text in which nothing means something to PlantUML: ``<U+003C>`` is a "<"."""
    text = visible(text)
    runs = {n for match in _TWICE.finditer(text) for n in range(*match.span())}
    coded = "".join([
        char
        if (char.isalnum() or char in _PLANTUML_SAFE) and n not in runs
        else f"<U+{ord(char):04X}>"
        for n, char in enumerate(text)
    ])  # fmt: skip
    return coded if coded.strip() else "<U+00A0>"
