"""Names from before the modules were sorted into rooms: they still work, with a warning.

Everything that users may have imported then is in the two tables below, without its leading
``lab.``. ``import lab.frames`` gives a module that stands for the old one; each name that is read
from it is looked up where it is now, with a DeprecationWarning that says the new name. The same
holds for names that a module which still exists no longer has.
"""

from __future__ import annotations

import sys
import warnings
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

MODULES: Final[dict[str, tuple[str, ...]]] = {
    "account": ("analysis.account", "analysis.recipients", "analysis.summarising"),
    "altered": ("simulation.interception",),
    "api": ("api.simulate", "api.run", "api.artefacts"),
    "collecting": ("runtime.gc_pause",),
    "compiled": ("runtime.compiled",),
    "digests": ("trace.digests",),
    "experiments.crews": ("runtime.executor", "runtime.workers", "runtime.dask_workers"),
    "experiments.journal": ("experiments.sweep.journal",),
    "experiments.measures": ("experiments.sweep.measures",),
    "experiments.pool": ("runtime.executor",),
    "experiments.relays": ("experiments.sweep.relays",),
    "experiments.shrink": ("experiments.storm.shrink",),
    "experiments.storm": ("experiments.storm.storm",),
    "experiments.sweep": ("experiments.sweep.sweep", "experiments.sweep.experiment"),
    "experiments.sweepfile": (
        "experiments.sweep.experiment_file",
        "experiments.sweep.experiment",
    ),
    "experiments.weather": ("experiments.storm.random_networks",),
    "faults": ("simulation.faults",),
    "frames": ("analysis.tables",),
    "hosts.altered": ("hosts.interception",),
    "hosts.contrary": ("hosts.scripted",),
    "hosts.errand": ("hosts.sending",),
    "hosts.identity": ("hosts.settings",),
    "hosts.neighbour": ("hosts.routing",),
    "hosts.patience": ("hosts.timeouts",),
    "hosts.reception": ("hosts.receiving",),
    "hosts.stamps": ("protocol.time_stamps", "hosts.message"),
    "hosts.unfold": ("hosts.expansion",),
    "invariants": ("analysis.invariants",),
    "invariants.breach": ("analysis.invariants.breach",),
    "invariants.mail": ("analysis.invariants.mail",),
    "invariants.replies": ("analysis.invariants.replies",),
    "invariants.timestamps": ("analysis.invariants.timestamps",),
    "ledger": ("analysis.streaming", "trace.retention"),
    "lessons.kindness": ("lessons.friendly_errors",),
    "lessons.talking": ("lessons.typed_session",),
    "network.globs": ("topology.globs",),
    "network.graphs": ("topology.graphs", "topology.graph_files"),
    "network.load": ("topology.model",),
    "network.overrides": ("topology.overrides",),
    "network.places": ("topology.positions",),
    "network.problems": ("topology.problems",),
    "network.reach": ("network.paths",),
    "network.scene": ("topology.traffic", "topology.faults"),
    "network.topology": ("topology.model",),
    "network.units": ("quantities",),
    "network.write": ("topology.write",),
    "plan": ("simulation.planned_routes",),
    "processes": ("runtime.spawn",),
    "scenario": ("simulation.agenda",),
    "serving": ("api.serve",),
    "session": ("simulation.session",),
    "simulation": ("simulation.simulation", "topology.describe"),
    "stepping.breakpoints": ("analysis.conditions",),
    "stepping.chart": ("stepping.char_map",),
    "stepping.films": ("analysis.session_states",),
    "stepping.orders": ("stepping.commands",),
    "stepping.records": ("analysis.index",),
    "stepping.spans": ("analysis.intervals",),
    "stepping.words": ("analysis.narrative",),
    "store": ("trace.levels", "trace.parquet", "trace.trace"),
    "talk": ("api.conversation",),
    "trace": ("trace.trace", "trace.rows"),
    "views.animation": ("views.pictures.film",),
    "views.capture": ("views.files.capture",),
    "views.comparison": ("views.pictures.comparison",),
    "views.crowd": ("views.pictures.many_messages",),
    "views.experiments": ("views.pictures.experiments",),
    "views.ladder": ("views.pictures.ladder",),
    "views.lanes": ("views.pictures.lanes",),
    "views.latency": ("views.pictures.latency",),
    "views.layout": ("analysis.map_layout",),
    "views.listing": ("views.text.listing",),
    "views.maildrops": ("views.files.maildrops",),
    "views.map": ("views.pictures.map",),
    "views.outages": ("analysis.faults",),
    "views.queues": ("views.pictures.queues",),
    "views.rfc": ("views.text.rfc",),
    "views.rungs": ("analysis.ladder_rows",),
    "views.sentences": ("analysis.narrative",),
    "views.states": ("views.pictures.states",),
    "views.story": ("analysis.itineraries",),
    "views.style": ("views.pictures.plot_style",),
    "views.sweeps": ("views.pictures.sweeps",),
    "views.table": ("views.text.summary",),
    "views.timeline": ("views.pictures.timeline",),
    "views.timescale": ("views.pictures.timescale",),
    "views.transcript": ("views.text.transcript",),
    "views.troubles": ("analysis.faults",),
}
"""Where the names of each old module are now: in the first of these modules that has the name."""

NAMES: Final[dict[str, str]] = {
    "account.PutAway": "analysis.recipients.SettledColumns",
    "api.ARTEFACTS": "api.artefacts.ARTEFACTS",
    "collecting.rarely_collecting": "runtime.gc_pause.gc_pause",
    "digests.DigestsSoFar": "trace.digests.DigestHistory",
    "experiments.crews.Crew": "runtime.workers.Workers",
    "experiments.crews.CrewError": "runtime.workers.WorkersError",
    "experiments.crews.DaskCrew": "runtime.dask_workers.DaskWorkers",
    "experiments.crews.LocalCrew": "runtime.executor.LocalWorkers",
    "experiments.crews.crew": "runtime.executor.start_workers",
    "experiments.explore.Outcome": "Trial",
    "experiments.explore.Point": "BreakPoint",
    "experiments.journal.Held": "experiments.sweep.journal.JournalLock",
    "experiments.storm.Checked": "StormRun",
    "experiments.storm.Endless": "experiments.storm.storm.NeverEnds",
    "experiments.storm.blow": "experiments.storm.storm.run_storm",
    "experiments.storm.observe": "experiments.storm.storm.run_and_check",
    "experiments.sweep.Foreman": "experiments.sweep.sweep.SweepScheduler",
    "experiments.sweep.Outcome": "experiments.sweep.sweep.RunResult",
    "experiments.sweepfile.Point": "experiments.sweep.experiment.GridPoint",
    "experiments.weather.weather": "experiments.storm.random_networks.random_network",
    "hosts.altered.AlteredReceiverSMTP": "hosts.interception.OverriddenReceiver",
    "hosts.contrary.ContraryReceiverSMTP": "hosts.scripted.ScriptedReceiver",
    "hosts.errand.Errand": "hosts.sending.QueueSender",
    "hosts.identity.Condition": "hosts.settings.HostFaults",
    "hosts.identity.Identity": "HostSettings",
    "hosts.patience.Patience": "Timeouts",
    "hosts.reception.Reception": "hosts.receiving.ReceivingSession",
    "hosts.unfold.unfolded": "hosts.expansion.Expansion",
    "ledger.Keeper": "trace.retention.Retention",
    "ledger.Ledger": "analysis.streaming.StreamingAnalysis",
    "lessons.about": "lessons.close_to",
    "lessons.grading.Mark": "lessons.grading.Grade",
    "lessons.grading.mark": "lessons.grading.grade",
    "lessons.grading.mark_all": "lessons.grading.grade_all",
    "lessons.untouched": "lessons.is_unanswered",
    "lessons.talking.Talk": "lessons.typed_session.TypedSession",
    "network.load.load_file": "load",
    "network.problems.Checked": "topology.problems.ValidTables",
    "network.problems.listed": "topology.problems.join_some",
    "network.problems.named": "topology.problems.dotted",
    "network.reach.Reach": "network.paths.PathFinder",
    "network.scene.BEFALLS": "topology.faults.REQUIRED_KEYS",
    "network.scene.MAY_BEFALL": "topology.faults.OPTIONAL_KEYS",
    "network.topology.HostSpec": "HostSettings",
    "network.units.one_line": "quantities.single_line",
    "network.units.shown": "quantities.as_toml",
    "network.write.value": "topology.write.toml_value",
    "plan.Way": "simulation.planned_routes.PlannedRoute",
    "plan.ways": "simulation.planned_routes.planned_routes",
    "processes.main_kept_out": "runtime.spawn.without_main",
    "rfc.place": "rfc.sort_key",
    "serving.Served": "LiveServer",
    "session.Pathway": "simulation.session.ChannelRoute",
    "stepping.chart.Plan": "stepping.char_map.CharGrid",
    "stepping.chart.plan": "stepping.char_map.make_grid",
    "stepping.films.Film": "SessionHistory",
    "stepping.films.Shot": "Snapshot",
    "stepping.films.films": "analysis.session_states.session_histories",
    "stepping.moments.OnLink": "InFlight",
    "stepping.orders.Orders": "stepping.commands.CommandLine",
    "stepping.records.Records": "analysis.index.TraceIndex",
    "stepping.records.Trouble": "FaultInterval",
    "stepping.screen.Shown": "stepping.screen.TextScreen",
    "stepping.spans.Spans": "analysis.intervals.IntervalIndex",
    "stepping.words.clock": "quantities.clock_time",
    "stepping.words.counted": "quantities.count_noun",
    "stepping.words.length": "quantities.duration",
    "store.Store": "trace.parquet.ParquetWriter",
    "views.animation.Animation": "views.Animation",
    "views.animation.animation": "views.animation",
    "views.comparison.merit": "analysis.likeness.likeness",
    "views.crowd.crowd": "views.pictures.many_messages.many_messages",
    "views.ladder.ladder": "views.ladder",
    "views.lanes.plan": "views.pictures.lanes.layout_lanes",
    "views.latency.latency": "views.latency",
    "views.maildrops.write_maildrops": "views.write_maildrops",
    "views.map.map_trace": "views.map_trace",
    "views.map.network_map": "views.network_map",
    "views.outages.Outage": "FaultInterval",
    "views.outages.outages": "analysis.faults.fault_intervals",
    "views.queues.queues": "views.queues",
    "views.rungs.Rung": "analysis.ladder_rows.LadderRow",
    "views.rungs.first_rungs": "analysis.ladder_rows.first_ladder_rows",
    "views.rungs.rungs": "analysis.ladder_rows.ladder_rows",
    "views.sentences.sentences": "analysis.narrative.narrate",
    "views.states.states": "views.states",
    "views.story.Mark": "analysis.itineraries.End",
    "views.story.Story": "analysis.itineraries.Itinerary",
    "views.story.Try": "analysis.itineraries.Attempt",
    "views.story.stories": "analysis.itineraries.itineraries",
    "views.style.duration": "quantities.duration",
    "views.style.no_word_of_glyphs": "views.pictures.plot_style.missing_glyphs_ignored",
    "views.style.sheet": "views.pictures.plot_style.styled",
    "views.table.summary_table": "views.summary_table",
    "views.timeline.timeline": "views.timeline",
    "views.transcript.transcript": "views.transcript",
    "views.troubles.Trouble": "FaultInterval",
    "views.troubles.troubles": "analysis.faults.fault_intervals",
}
"""The old names that have been renamed or made public, with their new names."""

INTERNAL: Final[dict[str, str]] = {
    "bench": "benchmarks.simulation",
    "cli.base": "cli.common",
    "cli.living": "cli.live and lab.cli.compare",
    "cli.looking": "cli.check, lab.cli.show, lab.cli.plot and lab.cli.replay",
    "cli.reading": "cli.rfc",
    "cli.running": "cli.run and lab.cli.talk",
    "cli.stepping": "cli.step",
    "cli.sweeping": "cli.sweep",
    "cli.teaching": "cli.lessons and lab.cli.grade",
    "cli.trying": "cli.explore, lab.cli.storm and lab.cli.bench",
    "experiments.sweepbench": "benchmarks.sweep",
    "live.channels": "live.incoming and lab.live.outgoing",
    "live.connections": "live.incoming, lab.live.outgoing and lab.live.host_connection",
    "live.departures": "live.send_queue",
    "live.mirror": "live.host_handle",
    "live.outbox": "live.row_ring",
    "live.places": "live.run_folder",
    "live.process": "live.host_main",
    "live.records": "live.recorder",
    "live.station": "live.host_process",
    "livebench": "benchmarks.live",
    "network.build": "topology.hosts and lab.topology.links",
    "network.schema": "topology.schema",
    "parts": "simulation.partitioned",
    "scalebench": "benchmarks.scale",
}
"""Modules that only the lab itself used: importing one says what has taken its place."""

FUNCTIONS: Final[dict[str, str]] = {
    "api.simulate": "simulate",
    "experiments.storm.storm": "storm",
    "experiments.sweep.sweep": "sweep",
}
"""Modules whose names were those of functions: called, they are the function."""

_EXPORTED: Final[dict[str, str]] = {}
"""The public name of what is exported, by its name in full."""

_ASKED: Final[set[str]] = set()
"""Modules that others are asked for now: a finder that asks all others would ask this one again."""

_CHANGED: Final = {*MODULES, *FUNCTIONS, *(name.rpartition(".")[0] for name in NAMES)}


class Finder:
    """Finds old modules, and gives old names to modules that are still there."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return what loads a module that the tables name; None for all others.

        Raises ModuleNotFoundError, with the new place, for one of :data:`INTERNAL`.
        """
        if name.startswith("lab.") and name[4:] in INTERNAL:
            new = f"lab.{INTERNAL[name[4:]]}"
            text = f"{name} was internal; what it did is in {new} now"
            raise ModuleNotFoundError(text, name=name)
        if not name.startswith("lab.") or name[4:] not in _CHANGED or name in _ASKED:
            return None
        _ASKED.add(name)
        try:
            spec = _found_by_others(name, path, target)
        finally:
            _ASKED.discard(name)
        if spec is not None and spec.loader is not None:
            execute = partial(_execute, spec.loader.exec_module)
            setattr(spec.loader, "exec_module", execute)  # noqa: B010 - a method of this one loader
        elif name[4:] in MODULES:
            is_package = any(module.startswith(f"{name[4:]}.") for module in MODULES)
            loader: Any = _OldModule
            spec = ModuleSpec(name, loader, is_package=is_package)
        return spec


class _OldModule:
    """Loads a stand-in for a module that no longer exists."""

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        return None

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        module.__doc__ = f"The old place of {' and '.join(MODULES[module.__name__[4:]])}."
        vars(module)["__getattr__"] = partial(_look_up, module.__name__)


class _CalledModule(ModuleType):
    """A module that is called as the function of its name was."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        name = FUNCTIONS[self.__name__[4:]]
        _warn(self.__name__, f"{self.__name__}.{name}")
        return getattr(self, name)(*arguments, **options)


def install(exported: dict[str, str]) -> None:
    """Let old names work from now on; ``exported`` says where each public name is."""
    for name, place in exported.items():
        module, _, name_there = place.partition(":")
        _EXPORTED[f"{module}.{name_there or name}"] = f"lab.{name}"
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)
        for name in {f"lab.{changed}" for changed in _CHANGED} & set(sys.modules):
            _give_old_names(sys.modules[name])  # it was imported before the finder was there


def _found_by_others(name: str, path: Any, target: Any) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if finder is not Finder and (spec := finder.find_spec(name, path, target)) is not None:
            return spec
    return None


def _execute(execute: Any, module: ModuleType) -> None:
    """Execute a module that is still there, and let old names be asked of it."""
    execute(module)
    _give_old_names(module)


def _give_old_names(module: ModuleType) -> None:
    vars(module).setdefault("__getattr__", partial(_look_up, module.__name__))
    if module.__name__[4:] in FUNCTIONS:
        module.__class__ = _CalledModule


def _look_up(module: str, name: str) -> Any:
    """Return what an old name of a module stands for, with a warning."""
    new = _new_name(module, name)
    if new is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    place, _, name_there = new.rpartition(".")
    attribute = getattr(import_module(place), name_there)
    _warn(f"{module}.{name}", new)
    setattr(sys.modules[module], name, attribute)  # the next time it is found without a warning
    return attribute


def _new_name(module: str, name: str) -> str | None:
    """Return the new name, in full, of an old one; None if it is not an old name."""
    old = f"{module}.{name}"[4:]
    if name.startswith("_") or old in FUNCTIONS:
        return None
    if old in NAMES:
        return f"lab.{NAMES[old]}"
    places = [f"lab.{place}" for place in MODULES.get(module[4:], ())]
    names = [f"{place}.{name}" for place in places if hasattr(import_module(place), name)]
    return next((new for new in names if new in _EXPORTED), names[0] if names else None)


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is now {_EXPORTED.get(new, new)}", DeprecationWarning, stacklevel=3)
