"""smtp-lab: RFC 821's engines over simulated links, to run, to step and to see.

``lab.load`` reads a topology file, ``lab.simulate`` runs it, and the run has a ``summary``, a
``trace`` and pictures; ``lab.step`` goes through it event by event. ``lab.open_trace`` reads a
trace from files. ``lab.explore`` breaks a run at every step in turn, ``lab.storm`` runs random
networks in bad weather, ``lab.sweep`` a grid of values and seeds. ``lab.serve`` lets real mail
programs speak to a live network. ``lab.protocol`` has the engines alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lab.runtime import compiled

__version__ = "0.1.0"

compiled.install()

if TYPE_CHECKING:
    from lab import lessons, protocol, views
    from lab.api.run import Interrupted, Run, RunFailed
    from lab.api.serve import serve
    from lab.api.simulate import load, simulate
    from lab.experiments.explore import explore
    from lab.experiments.storm.storm import storm
    from lab.experiments.sweep.experiment_file import SweepError
    from lab.experiments.sweep.sweep import sweep
    from lab.stepping.stepper import Stepper, step
    from lab.topology.model import FaultSpec as Fault
    from lab.topology.model import Topology, TopologyError
    from lab.trace.rows import Event
    from lab.trace.trace import Trace, open_trace

# Found when asked for: `lab --help` should not wait for networkx.
_HOMES = {
    "Event": "lab.trace.rows",
    "Fault": "lab.api.simulate",
    "Interrupted": "lab.api.run",
    "Run": "lab.api.run",
    "RunFailed": "lab.api.run",
    "Stepper": "lab.stepping.stepper",
    "Topology": "lab.topology.model",
    "TopologyError": "lab.topology.model",
    "Trace": "lab.trace.trace",
    "explore": "lab.experiments.explore",
    "load": "lab.api.simulate",
    "open_trace": "lab.trace.trace",
    "serve": "lab.api.serve",
    "simulate": "lab.api.simulate",
    "step": "lab.stepping.stepper",
    "storm": "lab.experiments.storm.storm",
    "sweep": "lab.experiments.sweep.sweep",
    "SweepError": "lab.experiments.sweep.experiment_file",
}
_ROOMS = ("lessons", "protocol", "views")

__all__ = [
    "Event",
    "Fault",
    "Interrupted",
    "Run",
    "RunFailed",
    "Stepper",
    "SweepError",
    "Topology",
    "TopologyError",
    "Trace",
    "explore",
    "lessons",
    "load",
    "open_trace",
    "protocol",
    "serve",
    "simulate",
    "step",
    "storm",
    "sweep",
    "views",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"lab.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
