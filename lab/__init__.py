"""smtp-lab: RFC 821's engines over simulated links, to run, to step through and to look at.

``lab.load`` reads a topology file, ``lab.simulate`` runs it, and the run has a ``summary``, a
``trace`` and pictures. ``lab.step`` goes through it event by event, and ``lab.open_trace`` reads a
trace from files. ``lab.explore`` repeats a run, broken at every step in turn; ``lab.storm`` runs
random networks with random faults, ``lab.sweep`` a grid of values and seeds. ``lab.serve`` lets
real mail programs talk to a live network. ``lab.extend`` has the classes
for code of your own. ``lab.protocol`` has the engines alone, and
``lab.testing`` a wire between them.
"""

from __future__ import annotations

from lab.runtime import startup

if startup.is_command():  # before anything that takes time
    startup.end_at_once()

from importlib import import_module

from lab.api import acting
from lab.runtime import compiled, old_names
from lab.runtime.version import VERSION
from lab.trace import table_maker

__version__ = VERSION

compiled.install()

# Imported when asked for: `lab --help` should not wait for networkx. Type checkers read
# __init__.pyi, and a test holds the two against each other.
_MODULES = {
    "Account": "lab.analysis.account",
    "Breach": "lab.analysis.invariants.breach",
    "Captured": "lab.captures.reading",
    "CaptureError": "lab.captures.packets",
    "PeerBreach": "lab.analysis.invariants.peers",
    "PeerBreachSummary": "lab.analysis.summary",
    "BreakPoint": "lab.experiments.explore",
    "Counts": "lab.analysis.summary",
    "Crossing": "lab.analysis.index",
    "DeliverySeconds": "lab.analysis.summary",
    "Diff": "lab.api.diff",
    "diff": "lab.api.diff",
    "Divergence": "lab.analysis.divergence",
    "DialogueLine": "lab.stepping.moments:Line",
    "Environment": "lab.topology.model",
    "EnvironmentMeta": "lab.trace.meta",
    "Event": "lab.trace.rows",
    "Estimate": "lab.analysis.steady_state",
    "explore": "lab.experiments.explore",
    "Explored": "lab.experiments.explore",
    "Fault": "lab.topology.model:FaultSpec",
    "FailureSummary": "lab.analysis.summary",
    "FaultInterval": "lab.analysis.faults",
    "Forward": "lab.hosts.directory",
    "Happening": "lab.analysis.divergence",
    "HostMeta": "lab.trace.meta",
    "HostSettings": "lab.hosts.settings",
    "InFlight": "lab.stepping.moments",
    "Interrupted": "lab.api.run",
    "Intervention": "lab.stepping.stepper",
    "LinkMeta": "lab.trace.meta",
    "BurstLoss": "lab.topology.model",
    "Distribution": "lab.topology.model",
    "LinkBack": "lab.topology.model",
    "LinkSpec": "lab.topology.model",
    "LinkUse": "lab.analysis.link_use",
    "LiveServer": "lab.api.serve",
    "load": "lab.api.simulate",
    "MailingList": "lab.hosts.directory",
    "MailSpec": "lab.topology.model",
    "Member": "lab.hosts.directory",
    "Meta": "lab.trace.meta",
    "Moment": "lab.stepping.moments",
    "NoCondition": "lab.analysis.conditions",
    "NoIntervention": "lab.stepping.stepper",
    "NothingToShow": "lab.analysis.ladder_rows",
    "open_trace": "lab.trace.trace",
    "Outcomes": "lab.analysis.summary",
    "PluginMeta": "lab.trace.meta",
    "Phase": "lab.analysis.phases",
    "PollSpec": "lab.topology.model",
    "read_capture": "lab.captures.reading",
    "Recipient": "lab.analysis.recipients",
    "RecipientPhases": "lab.analysis.phases",
    "RecipientSummary": "lab.analysis.summary",
    "Retry": "lab.hosts.retry",
    "Run": "lab.api.run",
    "RunFailed": "lab.api.run",
    "ScriptedReply": "lab.hosts.reply_script",
    "ScriptSpec": "lab.topology.model",
    "serve": "lab.api.serve",
    "SessionHistory": "lab.analysis.session_states",
    "simulate": "lab.api.simulate",
    "Snapshot": "lab.analysis.session_states",
    "Spooled": "lab.analysis.spools",
    "Stamp": "lab.hosts.stamp",
    "steady_state": "lab.analysis.steady_state",
    "step": "lab.stepping.stepper",
    "Stepper": "lab.stepping.stepper",
    "Storm": "lab.experiments.storm.storm",
    "storm": "lab.experiments.storm.storm",
    "StormRun": "lab.experiments.storm.storm",
    "Summary": "lab.analysis.summary",
    "sweep": "lab.experiments.sweep.sweep",
    "SweepError": "lab.experiments.sweep.experiment_file",
    "Timeouts": "lab.hosts.timeouts",
    "Topology": "lab.topology.model",
    "TopologyError": "lab.topology.model",
    "Trace": "lab.trace.trace",
    "TrafficSpec": "lab.topology.model",
    "Trial": "lab.experiments.explore",
    "User": "lab.hosts.directory",
    "Why": "lab.analysis.why",
}
"""Where each public name is: its module, and its name there if that differs."""

_PACKAGES = ("extend", "lessons", "protocol", "testing", "views")

__all__ = [
    "Account",
    "Breach",
    "BreakPoint",
    "BurstLoss",
    "CaptureError",
    "Captured",
    "Counts",
    "Crossing",
    "DeliverySeconds",
    "DialogueLine",
    "Diff",
    "Distribution",
    "Divergence",
    "Environment",
    "EnvironmentMeta",
    "Estimate",
    "Event",
    "Explored",
    "FailureSummary",
    "Fault",
    "FaultInterval",
    "Forward",
    "Happening",
    "HostMeta",
    "HostSettings",
    "InFlight",
    "Interrupted",
    "Intervention",
    "LinkBack",
    "LinkMeta",
    "LinkSpec",
    "LinkUse",
    "LiveServer",
    "MailSpec",
    "MailingList",
    "Member",
    "Meta",
    "Moment",
    "NoCondition",
    "NoIntervention",
    "NothingToShow",
    "Outcomes",
    "PeerBreach",
    "PeerBreachSummary",
    "Phase",
    "PluginMeta",
    "PollSpec",
    "Recipient",
    "RecipientPhases",
    "RecipientSummary",
    "Retry",
    "Run",
    "RunFailed",
    "ScriptSpec",
    "ScriptedReply",
    "SessionHistory",
    "Snapshot",
    "Spooled",
    "Stamp",
    "Stepper",
    "Storm",
    "StormRun",
    "Summary",
    "SweepError",
    "Timeouts",
    "Topology",
    "TopologyError",
    "Trace",
    "TrafficSpec",
    "Trial",
    "User",
    "Why",
    "diff",
    "explore",
    "extend",
    "lessons",
    "load",
    "open_trace",
    "protocol",
    "read_capture",
    "serve",
    "simulate",
    "steady_state",
    "step",
    "storm",
    "sweep",
    "testing",
    "views",
]

old_names.install(_MODULES)


def _table(name: str, trace: object, **options: object) -> object:
    return getattr(import_module("lab.analysis.tables"), name)(trace, **options)


def _act(run: object) -> acting.Act:
    act: acting.Act = import_module("lab.stepping.stepper").act_on(run)
    return act


table_maker.make = _table
acting.make = _act


def __getattr__(name: str) -> object:
    if name in _PACKAGES:
        return import_module(f"lab.{name}")
    if name in _MODULES:
        module, _, name_there = _MODULES[name].partition(":")
        return getattr(import_module(module), name_there or name)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
