"""The runs of a sweep one by one: made alone, and written down so that they can be made again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.api.run_file import RUN_FILE, recipe_of, write_run_file
from lab.experiments.sweep.experiment import Experiment, Planned, topology_of
from lab.runtime.whole_files import whole_file

if TYPE_CHECKING:
    from lab.topology.model import Topology
    from lab.trace.meta import PluginMeta

ROWS: Final = "rows"
"""The folder of a sweep that has a folder for each run, named by its number."""

MOST_ROWS: Final = 1000
"""The most runs of a sweep that are written down, each with its whole topology."""


def topology_of_row(experiment: Experiment, planned: Planned) -> Topology:
    """Return the topology of a run of an experiment."""
    return topology_of(experiment.tables, experiment.graphs, planned.point.sets, planned.seed)


def leave_rows(
    experiment: Experiment,
    plan: Sequence[Planned],
    outcomes: Mapping[str, Mapping[str, Any]],
    out: Path,
    plugins: Sequence[PluginMeta] = (),
) -> None:
    """Write the ``run.json`` of each finished run, of the first :data:`MOST_ROWS`.

    ``lab run`` makes a run again from its folder. Those that are there already are kept.
    """
    for planned in plan[:MOST_ROWS]:
        outcome = outcomes.get(planned.key)
        if outcome is not None and outcome.get("digest"):
            _leave(experiment, planned, outcome, out / ROWS / str(planned.number), plugins)


def _leave(
    experiment: Experiment,
    planned: Planned,
    outcome: Mapping[str, Any],
    folder: Path,
    plugins: Sequence[PluginMeta],
) -> None:
    path = folder / RUN_FILE
    about = {"digest": outcome["digest"], "key": planned.key}
    if _holds(path, about):
        return
    ending = outcome.get("ending", "settled")
    topology = topology_of_row(experiment, planned)
    content = recipe_of(
        topology, planned.seed, experiment.until, ending, outcome["digest"], outcome.get("events")
    )
    further = {"row": planned.number} | ({"plugins": list(plugins)} if plugins else {})
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as unfinished, open(unfinished, "w", encoding="utf-8") as file:
        write_run_file(content | about | further, file)


def _holds(path: Path, about: dict[str, Any]) -> bool:
    """Return whether a file is that of the same run already."""
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        return isinstance(content, dict) and about.items() <= content.items()
    return False
