"""``run.json``: all that it takes to make a run again, beside what the run left.

It has the whole topology as the text of a topology file, with the hosts and links of a graph and
with all overrides and faults, and the seed, the end and the level of the run.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import msgspec

from lab.analysis.summarising import ending_of
from lab.runtime.version import VERSION
from lab.simulation.limits import UNLIMITED, Limits
from lab.topology.model import Topology, from_dict
from lab.topology.specs import TopologyError
from lab.trace.levels import LEVELS
from lab.trace.meta import PluginMeta
from lab.trace.rows import T
from lab.trace.trace import Trace

RUN_FILE: Final = "run.json"
"""The name of the file in the directory of a run."""

_CUT: Final = {
    "max-events": "had as many events as --max-events allowed",
    "max-seconds": "took longer than --max-seconds",
    "interrupted": "was interrupted",
}
"""How runs ended that are made again up to the event at which they were cut off."""


class Leg(NamedTuple):
    """What a run did before it went on with more faults: ``faults`` is how many were added.

    It stopped at ``until`` seconds, or else after that number of ``events``.
    """

    until: float | None
    events: int
    faults: int


class RunFile(NamedTuple):
    """A run as its file describes it.

    ``until`` is in simulated seconds, None for a run to its end. ``digest`` is the digest that the
    run had, ``version`` that of the lab that made it. ``plugins`` were those that it called,
    without probes. ``max_events`` is at which event it was cut off, and ``ending`` why; None if it
    was not. ``legs`` are how it went on with more faults.
    """

    topology: Topology
    seed: int
    until: float | None
    level: str
    digest: str
    version: str
    plugins: list[PluginMeta]
    max_events: int | None = None
    legs: tuple[Leg, ...] = ()
    ending: str = "settled"

    @property
    def limits(self) -> Limits:
        """What ends the run where it ended."""
        cut_off = self.max_events is not None
        return Limits(self.max_events, ending=self.ending) if cut_off else UNLIMITED


def described(
    topology: Topology,
    trace: Trace,
    digest: str,
    events: int | None,
    probes: Sequence[PluginMeta] = (),
    legs: Sequence[Leg] = (),
) -> dict[str, Any]:
    """Return the content of the file of a run that recorded a number of events (None if
    nobody has counted them), and had these probes too.
    """
    last, ending = trace.rows[-1], ending_of(trace)
    plugins = [*trace.meta.get("plugins", []), *probes]
    until = last[T] if ending == "until" else None
    return recipe_of(topology, trace.meta.get("seed", 0), until, ending, digest, events) | {
        "live": bool(trace.meta.get("live")),
        "legs": [list(leg) for leg in legs],
        "level": trace.level,
        **({"plugins": plugins} if plugins else {}),
    }


def recipe_of(
    topology: Topology,
    seed: int,
    until: float | None,
    ending: str,
    digest: str,
    events: int | None = None,
) -> dict[str, Any]:
    """Return what it takes to make a simulated run again, for its file.

    It was cut off after that number of ``events``, if ``ending`` says so.
    """
    return {
        "version": VERSION,
        "live": False,
        "seed": seed,
        "until": until,
        "max_events": events if ending in _CUT else None,
        "ending": ending,
        "level": "wire",
        "digest": digest,
        "sets": list(topology.sets),
        "topology": topology.to_toml(),
    }


def write_run_file(content: Mapping[str, Any], file: IO[str]) -> None:
    """Write the file of a run: one JSON object."""
    json.dump(content, file, indent=1, ensure_ascii=False)
    file.write("\n")


def read_run_file(directory: str | os.PathLike[str]) -> RunFile:
    """Return the run that left a directory; raises ValueError in a sentence if there is none."""
    path = Path(directory) / RUN_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        text = f"{directory} is a directory; write the name of a topology file"
        raise ValueError(f"{text}, or a directory that lab run --out left") from None
    except (OSError, ValueError, RecursionError) as why:
        reason = getattr(why, "strerror", None) or "it is not JSON"
        raise ValueError(f"{path} cannot be read ({reason})") from None
    return _checked(content, path)


def _checked(content: Any, path: Path) -> RunFile:
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not the file of a run: it is not a JSON object")
    wrong = [key for key, is_right in _KEYS.items() if not is_right(content.get(key))]
    if wrong:
        raise ValueError(f"{path} is not the file of a run: {wrong[0]} is missing or wrong")
    if content.get("live"):
        raise ValueError(f"{path}: a live run cannot be made again; lab live makes another")
    ending, max_events = str(content.get("ending")), content.get("max_events")
    if ending not in ("settled", "until") and (ending not in _CUT or max_events is None):
        raise ValueError(
            f"{path}: the run {_CUT.get(ending, 'did not end by itself')}, and the file does not "
            "say after how many events, so it cannot be made again"
        )
    try:
        topology = from_dict(tomllib.loads(content["topology"]))
    except (ValueError, RecursionError):
        raise ValueError(f"{path}, topology: it is not TOML") from None
    except TopologyError as error:
        raise ValueError(f"{path}, topology: {error.problems[0]}") from None
    until = content.get("until")
    return RunFile(
        topology, content["seed"], None if until is None else float(until),
        content["level"], content["digest"], content["version"],
        [meta for meta in content.get("plugins", []) if meta["kind"] != "probe"],
        max_events, tuple(Leg(*leg) for leg in content.get("legs") or ()), ending,
    )  # fmt: skip


def _is_time(value: object) -> bool:
    return value is None or (type(value) in (int, float) and value >= 0)  # type: ignore[operator]


def _is_plugins(value: Any) -> bool:
    try:
        msgspec.convert([] if value is None else value, list[PluginMeta])
    except msgspec.ValidationError:
        return False
    return all({"kind", "name", "version"} <= each.keys() for each in value or ())


def _are_legs(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(leg, list) for leg in value):
        return False
    return all(
        len(leg) == 3 and _is_time(leg[0]) and all(type(n) is int and n >= 0 for n in leg[1:])
        for leg in value
    )


_KEYS: Final[dict[str, Callable[[Any], bool]]] = {
    "topology": lambda value: isinstance(value, str),
    "seed": lambda value: type(value) is int,
    "until": _is_time,
    "level": lambda value: isinstance(value, str) and value in LEVELS,
    "digest": lambda value: isinstance(value, str),
    "version": lambda value: isinstance(value, str),
    "max_events": lambda value: value is None or (type(value) is int and value > 0),
    "plugins": _is_plugins,
    "legs": lambda value: value is None or _are_legs(value),
}
"""What the values of a file must be."""
