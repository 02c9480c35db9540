"""Makes a live run, from its beginning to its end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.live.host_main import loop_factory
from lab.live.network import LiveNetwork
from lab.live.page import watched
from lab.live.run_folder import TRACE, descriptors, run_folder
from lab.live.settings import Settings
from lab.live.spool_folder import SpoolProblem, check_folder, locked
from lab.live.watch import Show
from lab.runtime.gc_pause import gc_pause
from lab.runtime.memory import return_memory_early
from lab.runtime.private_files import writes_private_files
from lab.runtime.signals import blocked, held_back
from lab.topology.model import Topology
from lab.trace.trace import Trace

if TYPE_CHECKING:
    from lab.analysis.streaming import StreamingAnalysis

ENDS: Final = ("settled", "until", "interrupted")
"""The ways in which a run ends if nothing has failed."""

Progress = Callable[[LiveNetwork], None]
"""Called with the network now and then."""


def _show_nothing(_: LiveNetwork) -> None:
    """Show nothing."""


@writes_private_files
def run_live(
    topology: Topology,
    seed: int = 0,
    settings: Settings | None = None,
    *,
    until: float | None = None,
    started: Progress = _show_nothing,
    progress: Progress = _show_nothing,
    analysis: StreamingAnalysis | None = None,
    shown: Show | None = None,
) -> tuple[Trace, str]:
    """Return the trace of a live run, and why it ended.

    That is "settled", "until", "interrupted", or a sentence about what failed. ``until`` is in
    seconds of the run. ``started`` is called when every host listens, ``progress`` now and then.
    ``analysis`` takes the events as they come; the trace is then what it keeps of them. ``shown``
    is called with each new state of the run, from another thread. Raises
    OSError if a host cannot listen, or the storage cannot be used; what fails later ends the run,
    and the trace is returned.
    """
    return_memory_early()
    descriptors()  # a session takes two descriptors
    loop = asyncio.Runner(loop_factory=loop_factory())
    with ExitStack() as closing, gc_pause(), _storage(settings, topology) as made, loop as runner:
        run = _run(topology, seed, made, until, started, progress, analysis, shown, closing)
        return runner.run(run)


@contextmanager
def _storage(settings: Settings | None, topology: Topology) -> Iterator[Settings]:
    """Yield the settings with a folder for the hosts' files, by default one for this run alone."""
    settings = settings or Settings()
    if settings.storage is None:
        with run_folder() as place:
            journal = settings.journal or place / TRACE
            yield replace(settings, storage=place, journal=journal, is_temporary=True)
        return
    settings.storage.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with locked(settings.storage):
            check_folder(settings.storage, topology)
            with _journal_beside(settings) as journal:
                yield replace(settings, journal=journal)
    except SpoolProblem as problem:
        raise OSError(str(problem)) from None


@contextmanager
def _journal_beside(settings: Settings) -> Iterator[Path]:
    """Yield where the trace so far goes; beside the hosts' files, it is removed after the run."""
    assert settings.storage is not None
    if settings.journal is not None:
        yield settings.journal
        return
    journal = settings.storage / TRACE
    try:
        yield journal
    finally:
        journal.unlink(missing_ok=True)


async def _run(
    topology: Topology,
    seed: int,
    settings: Settings,
    until: float | None,
    started: Progress,
    progress: Progress,
    analysis: StreamingAnalysis | None,
    shown: Show | None,
    closing: ExitStack,
) -> tuple[Trace, str]:
    network = LiveNetwork(topology, seed, settings, analysis)
    reason = "failed"
    is_up = False
    asyncio.get_running_loop().set_exception_handler(network.take_exception)
    with _interrupts(network, closing), ExitStack() as watching:
        try:
            await network.start()
            watch = watching.enter_context(watched(network, wanted=shown is not None))
            is_up = True
            started(network)
            if watch is not None and shown is not None:
                watch.listen(shown)
            reason = await network.carry_on(until, progress)
        finally:
            watching.close()
            await network.end(reason, progress)
        if network.failures:
            reason = network.failures[0]
            if not is_up:
                raise OSError(reason)
        return network.trace if analysis is None else analysis.close(), reason


@contextmanager
def _interrupts(network: LiveNetwork, closing: ExitStack) -> Iterator[None]:
    """Within this context, Ctrl-C or a request to end ends the run in order.

    After it, they do nothing until ``closing`` is closed: what has been done is returned.
    """
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP"):  # the terminal is closed
        numbers.append(signal.SIGHUP)
    for number in numbers:
        with suppress(ValueError, RuntimeError):  # signals come in the main thread only
            loop.add_signal_handler(number, network.interrupt)
    try:
        yield
    finally:
        with blocked():
            for number in numbers:
                with suppress(ValueError, RuntimeError):
                    loop.remove_signal_handler(number)
            closing.enter_context(held_back(forget=True))
