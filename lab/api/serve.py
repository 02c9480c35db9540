"""A live network for the length of a ``with`` block: real TCP to speak to from Python."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final

from lab.api.run import Run
from lab.api.simulate import topology_of
from lab.runtime import arguments
from lab.topology.model import Topology
from lab.trace.trace import Trace

_PATIENCE: Final = 20.0
"""Seconds in which a network that was told to end must have ended."""


class LiveServer:
    """A network of processes that listens on this machine; see :func:`serve`.

    ``ports`` says on which port of 127.0.0.1 each host listens. When the block is over, ``run`` is
    what happened.
    """

    def __init__(self, topology: Topology, seed: int, speed: float) -> None:
        self.topology = topology
        self.ports: dict[str, int] = {}
        self._run: Run | None = None
        self._seed, self._speed = seed, speed
        self._folder: TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def run(self) -> Run:
        """What happened, as after ``lab.simulate``; RuntimeError as long as the network is up."""
        if self._run is None:
            raise RuntimeError("there is no run yet: it is there when the with block is over")
        return self._run

    def __enter__(self) -> LiveServer:
        if self._process is not None:
            raise RuntimeError("this network has served already: say lab.serve(...) once more")
        try:
            self._start()
        except BaseException:  # the interruption of a cell among them
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop(read=True)

    def _start(self) -> None:
        self._folder = TemporaryDirectory(prefix="smtp-lab-", ignore_cleanup_errors=True)
        orders = {
            "topology": self.topology, "seed": self._seed, "speed": self._speed,
            "storage": self._folder.name, "trace": str(self._trace),
        }  # fmt: skip
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        # a session of its own: what interrupts a notebook's kernel is not to interrupt it too
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.live.served"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(pickle.dumps(orders))
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline() or b"{}")
        if "ports" not in told:
            raise OSError(f"the network does not start: {told.get('failed', 'its process ended')}")
        self.ports = told["ports"]

    @property
    def _trace(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "trace.jsonl")

    def _stop(self, *, read: bool = False) -> None:
        """End the process, whatever it is doing; take what happened, if that is asked for."""
        process = self._process
        try:
            if process is not None:
                assert process.stdin is not None
                with suppress(BrokenPipeError), process.stdin:  # it may have ended by itself
                    process.stdin.write(b"." if read else b"")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
                if read and process.returncode == 0:
                    self._run = Run(self.topology, Trace.read_jsonl(self._trace))
        finally:
            if process is not None:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
            if self._folder is not None:
                self._folder.cleanup()


def serve(
    topology: Topology | str | os.PathLike[str], seed: int = 0, *, speed: float = 1.0
) -> LiveServer:
    """A live network, up as long as a ``with`` block lasts, that real mail programs may speak to::

        with lab.serve("topologies/rfc821/scenario-03.toml") as served:
            with smtplib.SMTP("127.0.0.1", served.ports["BBN-VAX.ARPA"]) as program:
                ...
        served.run.transcript()

    Every host is a process, listens on this machine alone, and on a port that the system chooses.
    At the end of the block mail that is under way may still arrive, for three seconds; then all
    processes end, also where the block raised or was interrupted. ``speed``: seconds of the run in
    a second of the wall clock. The ``[expect]`` of a file does not count, for there is other mail.
    Raises :class:`lab.TopologyError`, ValueError for a speed that is none, and OSError where a host
    cannot listen.
    """
    seed = arguments.whole_number("seed", seed)
    speed = arguments.real_number("speed", speed, example="60")
    if not 0 < speed <= 100_000:
        raise ValueError(
            f"speed must be greater than 0 and at most 100000, not {speed:g}; "
            "for example speed=60 runs an hour in a minute"
        )
    return LiveServer(replace(topology_of(topology, seed), expect={}), seed, speed)
