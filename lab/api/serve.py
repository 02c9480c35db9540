"""A live network that lasts for a ``with`` block: real TCP that Python programs can use."""

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

_SECONDS_TO_END: Final = 20.0
"""Seconds that a network may take to end in good order before its process is killed."""


class LiveServer:
    """A network of processes that listens on this machine; see :func:`serve`.

    ``ports`` has the port on 127.0.0.1 of each host. After the block, ``run`` is what happened.
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
        """What happened, as from ``lab.simulate``; RuntimeError while the network is up."""
        if self._run is None:
            raise RuntimeError("there is no run yet; read it after the with block")
        return self._run

    def __enter__(self) -> LiveServer:
        if self._process is not None:
            raise RuntimeError("this network has ended; call lab.serve(...) for another")
        try:
            self._start()
        except BaseException:  # including Ctrl-C
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
        settings = {
            "topology": self.topology, "seed": self._seed, "speed": self._speed,
            "storage": self._folder.name, "trace": str(self._trace),
        }  # fmt: skip
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        # in a session of its own, so that Ctrl-C in a notebook does not interrupt it too
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.live.served"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(pickle.dumps(settings))
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or b"{}")
        if "ports" not in answer:
            reason = answer.get("failed", "its process ended")
            raise OSError(f"the network could not start: {reason}")
        self.ports = answer["ports"]

    @property
    def _trace(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "trace.jsonl")

    def _stop(self, *, read: bool = False) -> None:
        """End the process, whatever it is doing; read what happened, if that is asked for."""
        process = self._process
        try:
            if process is not None:
                assert process.stdin is not None
                with suppress(BrokenPipeError), process.stdin:  # it may have ended already
                    process.stdin.write(b"." if read else b"")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_SECONDS_TO_END)
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
    """Return a live network that real mail programs can use during a ``with`` block::

        with lab.serve("topologies/rfc821/scenario-03.toml") as served:
            with smtplib.SMTP("127.0.0.1", served.ports["BBN-VAX.ARPA"]) as program:
                ...
        served.run.transcript()

    Every host is a process that listens on this machine only, on a port that the system chooses.
    After the block, mail that is on its way has three seconds to arrive; then all processes end,
    also if the block raised an exception or was interrupted. ``speed`` is the number of simulated
    seconds per real second. The ``[expect]`` of a file is ignored, because other mail arrives.
    Raises :class:`lab.TopologyError`, ValueError for a speed out of range, and OSError if a host
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
