"""Make a live run, as ``lab live`` does; it ends in the same ways as a simulated one."""

from __future__ import annotations

from lab.analysis.streaming import StreamingAnalysis
from lab.api.run import Interrupted, Run, RunFailed
from lab.live.running import ENDS, Progress, run_live
from lab.live.settings import Settings
from lab.live.watch import Show
from lab.topology.model import Topology
from lab.trace.retention import Retention
from lab.trace.trace import Trace


def make_live_run(
    topology: Topology,
    seed: int,
    settings: Settings,
    until: float | None = None,
    retention: Retention | None = None,
    *,
    started: Progress = lambda network: None,
    progress: Progress = lambda network: None,
    shown: Show | None = None,
) -> Run:
    """Return a run of a topology whose hosts are processes on real TCP.

    ``retention`` and ``until``, in seconds of the run, are as for a simulated one; ``started`` is
    called when all hosts listen, ``progress`` now and then, and ``shown`` from another thread with
    each new state of the run. Raises OSError if a host cannot listen;
    :class:`Interrupted` after a signal, unless the hosts served others until then; and
    :class:`RunFailed` with what failed. The run of either is what happened until then.
    """
    analysis = None if retention is None else StreamingAnalysis(Trace(), retention)
    trace, reason = run_live(
        topology, seed, settings, until=until, started=started, progress=progress,
        analysis=analysis, shown=shown,
    )  # fmt: skip
    done = Run(topology, trace, analysis)
    if reason not in ENDS:
        raise RunFailed(reason, done)
    if reason == "interrupted" and not settings.serve:
        raise Interrupted(done)
    return done
