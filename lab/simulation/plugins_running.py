"""The plug-ins of a run that is going on: routing, faults and probes at work."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lab.hosts.host import Host
from lab.network.events import PROBES, sequencer
from lab.runtime.arguments import shown
from lab.runtime.plugins import PluginFailed, ask, called
from lab.simulation.driver import Driver
from lab.simulation.extensions import Fault, Probe
from lab.simulation.faults import Faults
from lab.simulation.network_view import ControlView, NetworkView
from lab.simulation.plugins import Plugins, copy_of, give
from lab.topology.model import Topology
from lab.trace.rows import KIND, Row, event_of
from lab.trace.trace import Trace

LONGEST_WAIT = 1e9
"""Seconds."""


class RunningPlugins:
    """The copies of a run's plug-ins that see its whole network.

    ``attach`` gives them the network, and ``begin`` has them begin.
    """

    def __init__(self, plugins: Plugins, seed: int) -> None:
        self.routing = None if plugins.routing is None else copy_of(plugins.routing, seed)
        self.probes = [copy_of(probe, seed) for probe in plugins.probes]
        self.faults = [
            copy_of(fault, seed, str(number)) for number, fault in enumerate(plugins.faults)
        ]
        self._listening = [probe for probe in self.probes if type(probe).event is not Probe.event]
        self._orders = sequencer(PROBES)
        self._driver: Driver | None = None
        self._faults: Faults | None = None
        self._control: ControlView | None = None

    def attach(self, driver: Driver, hosts: Mapping[str, Host], faults: Faults) -> None:
        """Let the plug-ins see the network."""
        self._driver, self._faults = driver, faults
        view = NetworkView(driver, hosts, faults)
        if self.faults:
            topology = driver.topology
            assert isinstance(topology, Topology)
            self._control = ControlView(driver, hosts, faults, topology)
        for plugin in (self.routing, *self.probes):
            if plugin is not None:
                give(plugin, view)
        if self.routing is not None:
            driver.world.routes.use(self.routing)

    def recorder(self, record: Callable[[Row], None], trace: Trace) -> Callable[[Row], None]:
        """Return a function that records rows, and shows them to the probes that ask for them."""
        if not self._listening:
            return record
        listening = [(probe, probe.kinds) for probe in self._listening]

        def record_and_show(row: Row) -> None:
            record(row)
            event = None
            for probe, kinds in listening:
                if kinds is None or row[KIND] in kinds:
                    event = event or event_of(row, trace.first_seq + len(trace.rows) - 1)
                    ask(probe, probe.event, event)

        return record_and_show

    def begin(self) -> None:
        """Have all begin; put faults and samples on the clock."""
        if self.routing is not None:
            ask(self.routing, self.routing.begin)
        for fault in self.faults:
            self._begin_fault(fault)
        for probe in self.probes:
            ask(probe, probe.begin)
            if probe.every is not None:
                self._sample_at(0.0, probe)

    def results(self) -> dict[str, object]:
        """Return what the probes have found, by their names."""
        return {
            probe.name or type(probe).__name__: ask(probe, probe.result) for probe in self.probes
        }

    def show(self, row: Row, seq: int) -> None:
        """Show a row to the probes that ask for it."""
        for probe in self.probes:
            if _listens(probe, row):
                ask(probe, probe.event, event_of(row, seq))

    def results_so_far(self, last: Row, seq: int) -> dict[str, object]:
        """Return what the probes would find if the run ended with a row; they can go on after it.

        Copies of them are asked. A probe that cannot be copied by now is asked itself, and does
        not see that row.
        """
        results = {}
        for probe in self.probes:
            asked = _copy_at_work(probe)
            if asked is not probe and _listens(probe, last):
                ask(asked, asked.event, event_of(last, seq))
            results[probe.name or type(probe).__name__] = ask(asked, asked.result)
        return results

    def close(self) -> None:
        """Let go of the network, at the end of a run."""
        for plugin in (self.routing, *self.probes):
            if plugin is not None:
                give(plugin, None)
        self._driver = self._faults = self._control = None

    # -- faults ---------------------------------------------------------------------------------

    def _begin_fault(self, fault: Fault) -> None:
        assert self._faults is not None
        assert self._control is not None
        steps = ask(fault, fault.run, self._control)
        if steps is not None and not isinstance(steps, Iterator):
            raise PluginFailed(
                f"{called(fault)} returned {shown(steps)} from run(); it must yield seconds, as in "
                "yield 60.0"
            )
        if steps is not None:
            self._faults.call_at(0.0, self._go_on, (fault, steps))

    def _go_on(self, fault_and_steps: tuple[Fault, Iterator[float]]) -> None:
        faults, driver = self._faults, self._driver
        assert faults is not None
        assert driver is not None
        if faults.is_over():
            return
        fault, steps = fault_and_steps
        wait = ask(fault, run, steps)
        if wait is None:
            return
        if (
            isinstance(wait, bool)
            or not isinstance(wait, (int, float))
            or not (0 < wait <= LONGEST_WAIT)
        ):
            raise PluginFailed(
                f"{called(fault)} yielded {shown(wait)} in run(); it must be a number of seconds, "
                f"more than 0 and at most {LONGEST_WAIT:g}"
            )
        faults.call_at(driver.env.now + wait, self._go_on, fault_and_steps)

    # -- probes ---------------------------------------------------------------------------------

    def _sample_at(self, at: float, probe: Probe) -> None:
        assert self._driver is not None
        self._driver.at(at, self._sample, probe, self._orders)

    def _sample(self, probe: Probe) -> None:
        driver = self._driver
        if driver is None or driver.is_idle:
            return
        ask(probe, probe.sample)
        self._sample_at(driver.env.now + (probe.every or 1.0), probe)


def run(steps: Iterator[Any]) -> Any:
    """Return what a fault yields next; None at its end. Errors name it as the fault's method."""
    return next(steps, None)


def _listens(probe: Probe, row: Row) -> bool:
    has_method = type(probe).event is not Probe.event
    return has_method and (probe.kinds is None or row[KIND] in probe.kinds)


def _copy_at_work(probe: Probe) -> Probe:
    """Return a copy of a probe that sees the same network; where there can be none, itself."""
    network = vars(probe).get("network")
    try:
        return copy.deepcopy(probe, {id(network): network})
    except Exception:  # it may hold anything by now, such as an open file
        return probe
