"""The plug-ins of a run: which there are, and the copies of them that a run works on."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from lab.hosts.policies import Behaviour, Retry, Routing
from lab.runtime.plugins import Plugin, PluginFailed, called
from lab.runtime.streams import generator
from lab.simulation.extensions import Fault, Probe
from lab.topology.globs import matches
from lab.trace.meta import PluginMeta

P = TypeVar("P", bound=Plugin)


@dataclass(frozen=True)
class Plugins:
    """The code of users that a run calls.

    ``behaviours`` come with the name or glob of the hosts that have them. ``described`` says for
    the trace what there is, without the probes, which change nothing; ``probes_described`` has
    these.
    """

    routing: Routing | None = None
    retry: Retry | None = None
    behaviours: Sequence[tuple[str, Behaviour]] = ()
    faults: Sequence[Fault] = ()
    probes: Sequence[Probe] = ()
    described: Sequence[PluginMeta] = field(default=())
    probes_described: Sequence[PluginMeta] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.routing or self.retry or self.behaviours or self.faults or self.probes)

    def identity(self) -> str:
        """Return a text that is the same for plug-ins of the same names, versions and settings."""
        own = repr(self.retry) if self.retry is not None and not self.retry.name else ""
        return repr([*self.described, *self.probes_described, own])

    def retry_of(self, host: str, seed: int) -> Retry | None:
        """Return the copy of the retry policy for a host; None for that of the topology."""
        return None if self.retry is None else copy_of(self.retry, seed, host)

    def behaviours_of(self, host: str, label: str, seed: int) -> list[Behaviour]:
        """Return the copies of the behaviours for a host."""
        return [
            copy_of(behaviour, seed, host, str(number))
            for number, (hosts, behaviour) in enumerate(self.behaviours)
            if matches(host, hosts) or (label and matches(label, hosts))
        ]


NONE: Final = Plugins()


def why_one_process(plugins: Plugins) -> str:
    """Return why a run with these plug-ins is made by one process; "" if several can make it."""
    for probe in plugins.probes:
        return f"{called(probe)} looks at the whole run"
    for fault in plugins.faults:
        return f"{called(fault)} looks at the whole network"
    if plugins.routing is not None and not plugins.routing.is_static:
        text = "may depend on more than the topology; if it does not, set is_static = True"
        return f"{called(plugins.routing)} {text}"
    local = [plugins.routing, plugins.retry, *(behaviour for _, behaviour in plugins.behaviours)]
    for plugin in local:
        if plugin is not None and (why := why_not_sent(plugin)):
            return f"{called(plugin)} {why}"
    return ""


def why_not_sent(plugin: Plugin) -> str:
    """Return why another process cannot get a plug-in; "" if it can."""
    cls = type(plugin)
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        return "is defined in a script, a notebook or a function; other processes need a module"
    try:
        pickle.dumps(plugin)
    except Exception as error:
        return f"cannot be sent to other processes ({type(error).__name__}: {error})"
    return ""


def copy_of(plugin: P, seed: int, *names: str) -> P:
    """Return the copy of a plug-in that a run works on, with a generator of its own.

    ``names`` say for what it is, beside its kind and name.
    """
    try:
        made = copy.deepcopy(plugin)
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginFailed(
            f"{called(plugin)} cannot be copied, which each run does ({why}); make what it holds "
            "in begin(), not before"
        ) from error
    name = plugin.name or type(plugin).__name__
    made.draw_from(generator(seed, "plug-in", plugin.kind, name, *names))
    return made


def give(plugin: Any, network: object) -> None:
    """Let a plug-in see the network, or, with None, see it no more."""
    vars(plugin)["network"] = network  # a dataclass may be frozen
