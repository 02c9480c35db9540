"""From a topology to a run that is watched to its end: simulated, or live."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from lab.api.run import Run, RunFailed
from lab.live.network import LiveNetwork
from lab.live.running import ENDS, run_live
from lab.live.settings import Settings
from lab.runtime.signals import signal_handler
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.watching.changes import Changes
from lab.watching.feed import Feed
from lab.watching.on_tcp import LiveRun
from lab.watching.page import WatchPage
from lab.watching.simulated import PacedRun

Started = Callable[[str], None]
"""Called with the address of the page."""


class Watched(NamedTuple):
    """What is watched: a topology with its seed, and how fast it goes.

    ``speed`` are simulated seconds per real second, and ``until`` the simulated seconds after which
    it ends (None: by itself). ``file`` gets the topology with the changes that are made.
    """

    topology: Topology
    seed: int
    speed: float
    until: float | None
    file: Path


class Ended(NamedTuple):
    """A run that was watched, and whether anybody changed it."""

    run: Run
    changed: bool


def watch_simulated(watched: Watched, where: tuple[str, int], started: Started) -> Ended:
    """Watch a simulation until it is over and Ctrl-C ends the page."""
    topology, seed, speed, until, file = watched
    changes = Changes(topology, seed, file)
    simulation = Simulation(topology, seed, may_go_on=True)
    meta = simulation.trace.meta
    names = [str(host["name"]) for host in meta.get("hosts", ())]
    feed = Feed(meta, {name: number for number, name in enumerate(names)})
    run = PacedRun(changes, simulation, feed, speed, until)
    page = WatchPage(run, simulation.trace, names, *where)
    page.start()
    try:
        run.start()
        started(page.url)
        _wait_for_interrupt()
    finally:
        run.stop()
        page.close()
    return Ended(Run(changes.topology, run.trace()), bool(changes.made))


def watch_live(watched: Watched, where: tuple[str, int], started: Started) -> Ended:
    """Watch a live run until Ctrl-C ends it, or its time is up."""
    topology, seed, speed, until, file = watched
    changes = Changes(topology, seed, file)
    with ExitStack() as pages:
        begun: list[LiveRun] = []

        def begin(network: LiveNetwork) -> None:
            meta = network.trace.meta
            names = [str(host["name"]) for host in meta.get("hosts", ())]
            feed = Feed(meta, {name: number for number, name in enumerate(names)})
            begun.append(LiveRun(changes, network, feed))
            page = WatchPage(begun[0], network.trace, names, *where)
            pages.callback(page.close)
            page.start()
            started(page.url)

        settings = Settings(speed=speed, serve=True)
        trace, reason = run_live(topology, seed, settings, until=until, started=begin)
        begun[0].finish(trace, reason)
    done = Run(changes.topology, trace)
    if reason not in ENDS:
        raise RunFailed(reason, done)
    return Ended(done, bool(changes.made))


def _wait_for_interrupt() -> None:
    done = threading.Event()
    try:
        with signal_handler(lambda *_: done.set(), signal.SIGTERM):
            while not done.wait(0.5):
                pass
    except KeyboardInterrupt:
        pass
