"""What viewers change in a run, as tables of a topology file that makes the same run again."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lab.quantities import clock_time
from lab.runtime.whole_files import whole_file
from lab.topology.model import FaultSpec, MailSpec, Topology, TopologyError, from_dict
from lab.topology.write import to_toml

_FAULTS: Final = {"cut": "link-down", "crash": "crash", "slow": "latency"}
"""The kind of fault that each of the page's verbs makes."""

_TICKS: Final = 1_000_000
"""Parts of a second in which changes happen: a file names each of them exactly."""


class NoChange(ValueError):
    """Raised for a change that cannot be made; the text says why."""


@dataclass(frozen=True)
class Change:
    """One change: a fault or a message, its time in seconds, and what it is in words."""

    at: float
    made: FaultSpec | MailSpec
    words: str


class Changes:
    """The changes of a run so far, and the topology with all of them.

    ``file`` is written anew with each of them, if there is one.
    """

    def __init__(self, topology: Topology, seed: int, file: Path | None) -> None:
        self.topology = replace(topology, expect={})
        self.seed = seed
        self.file = file
        self.made: list[Change] = []
        self._tables: dict[str, Any] | None = None

    def make(self, wanted: Mapping[str, Any], earliest: float) -> Change:
        """Return a change that somebody wants, and keep it; it happens at once.

        ``earliest`` is the time that the run has reached, in seconds. Raises NoChange, and OSError
        where the file cannot be written: the change is made all the same.
        """
        at = math.ceil(earliest * _TICKS) / _TICKS
        name, table, words = _table(wanted)
        if self._tables is None:
            self._tables = tomllib.loads(to_toml(self.topology))
        tables = {**self._tables, name: [*self._tables.get(name, ()), {**table, "at": at}]}
        try:
            changed = from_dict(tables, seed=self.seed)
        except TopologyError as error:
            raise NoChange("; ".join(error.problems)) from None
        made = changed.faults[-1] if name == "fault" else changed.mail[-1]
        self._tables, self.topology = tables, changed
        change = Change(at, made, f"{clock_time(at)}: {words}")
        self.made.append(change)
        if self.file is not None:
            with whole_file(self.file) as unfinished:
                unfinished.write_text(self.text(), encoding="utf-8")
        return change

    def text(self) -> str:
        """Return the topology file with which the same run is made again."""
        name = "FILE" if self.file is None else self.file.name
        seed = f" --seed {self.seed}" if self.seed else ""
        how = f"A run as it was changed by hand. To make it again: lab run {name}{seed}"
        return to_toml(self.topology, "\n".join([how, *(change.words for change in self.made)]))


def _table(wanted: Mapping[str, Any]) -> tuple[str, dict[str, Any], str]:
    """Return the name and the content of the table of a change, and the change in words."""
    if not isinstance(wanted, Mapping):
        raise NoChange('a change is an object such as {"do": "crash", "host": "A.ARPA"}')
    verb = wanted.get("do")
    settings = {
        key: value for key, value in wanted.items() if key != "do" and value not in ("", None)
    }
    if verb == "send":
        to = settings.get("to")
        settings["to"] = [to] if isinstance(to, str) else to
        return "mail", {"text": "", **settings}, f"mail from {settings.get('from')} to {to}"
    if verb == "fault":
        kind = settings.pop("kind", "")
    elif verb in _FAULTS:
        kind = _FAULTS[verb]
    else:
        raise NoChange(f"there is no change {verb!r}; use send, fault, {', '.join(_FAULTS)}")
    link = settings.get("link")
    where = " - ".join(map(str, link)) if isinstance(link, list) else settings.get("host", "")
    value = f", {settings['value']}" if "value" in settings else ""
    lasts = f" for {settings['for']}" if "for" in settings else ""
    return "fault", {"kind": kind, **settings}, f"{kind} {where}{value}{lasts}"
