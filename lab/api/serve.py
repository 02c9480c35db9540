"""A live network that lasts for a ``with`` block: real TCP that Python programs can use."""

from __future__ import annotations

import ipaddress
import json
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from lab.api.run import Run
from lab.api.served_network import ServedNetwork
from lab.api.simulate import load, topology_of
from lab.live.budgets import Budgets, budgets_of
from lab.live.settings import LOOPBACK, Settings
from lab.protocol import Limits
from lab.quantities import UnitFault, parse_duration
from lab.runtime import arguments
from lab.runtime.extras import has_processes
from lab.topology.model import Topology
from lab.trace.trace import Trace, open_trace

_SECONDS_TO_END: Final = 20.0
"""Seconds that a network may take to end in good order before its process is killed."""


class LiveServer(ServedNetwork):
    """A network of processes that listens on this machine; see :func:`serve`.

    ``ports`` has the port of each host at ``address``, and ``page`` is where a browser finds the
    mail as it arrives, "" if there is no page. After the block, ``run`` is what happened.
    """

    def __init__(
        self, topology: Topology, seed: int, settings: object, until: float | None = None
    ) -> None:
        assert isinstance(settings, Settings)
        super().__init__(topology, settings.reach)
        self._seed, self._settings, self._until = seed, settings, until
        self._folder: TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LiveServer:
        if self._process is not None:
            raise RuntimeError("this network has ended; call lab.serve(...) for another")
        try:
            self._start()
        except BaseException:  # including Ctrl-C
            self._stop()
            raise
        return self

    def _end(self) -> None:
        self._stop(read=True)

    def _start(self) -> None:
        self._folder = TemporaryDirectory(prefix="smtp-lab-", ignore_cleanup_errors=True)
        request = {
            "topology": self.topology, "seed": self._seed, "settings": self._settings,
            "until": self._until, "folder": self._folder.name,
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
        self._process.stdin.write(pickle.dumps(request))
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or b"{}")
        if "ports" not in answer:
            reason = answer.get("failed", "its process ended")
            raise OSError(f"the network could not start: {reason}")
        self.ports, self.page = answer["ports"], answer["page"]

    def _read(self) -> Run:
        """Return what happened. A long trace stays in its folder, which goes with its rows."""
        assert self._folder is not None
        long = Path(self._folder.name, "trace.parquet")
        if long.exists():
            trace = open_trace(long)
            weakref.finalize(trace.rows, self._folder.cleanup)
            return Run(self.topology, trace)
        trace = Trace.read_jsonl(Path(self._folder.name, "trace.jsonl"))
        self._folder.cleanup()
        return Run(self.topology, trace)

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
                    self._run = self._read()
        finally:
            if process is not None:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
            if self._folder is not None and self._run is None:
                self._folder.cleanup()


def serve(
    topology: Topology | str | os.PathLike[str],
    seed: int = 0,
    *,
    speed: float = 1.0,
    until: float | None = None,
    sets: Sequence[str] = (),
    ports: Mapping[str, int] | None = None,
    address: str = LOOPBACK,
    page: bool | int | str = False,
    spool: str | os.PathLike[str] | None = None,
    idle: float | str = 300.0,
    fsync: bool = True,
    limits: Mapping[str, int] | None = None,
    budgets: Mapping[str, float | str] | None = None,
) -> LiveServer:
    """Return a live network that real mail programs can use during a ``with`` block::

        with lab.serve("topologies/rfc821/scenario-03.toml") as served:
            with smtplib.SMTP("127.0.0.1", served.ports["BBN-VAX.ARPA"]) as program:
                ...
        served.run.transcript()

    Every host is a process that listens on this machine only, on a port that the system chooses.
    After the block, mail that is on its way has three seconds to arrive; then all processes end,
    also if the block raised an exception or was interrupted. The ``[expect]`` of a file is ignored,
    because other mail arrives.

    The rest is as for ``lab live --serve``. ``speed`` is the number of simulated seconds per real
    second. ``until`` is in simulated seconds. ``sets`` are overrides of a file, as in
    :func:`lab.load`. ``ports`` has the port of a host by its name. ``address`` is the IP address at
    which all hosts listen. ``page`` is True for a page with the mail, or its port, or "IP:PORT".
    ``spool`` is a folder that keeps the mail for the next run. ``idle`` is for how long a caller
    may say nothing: seconds, or a text such as "5 min". Without ``fsync``, 250 does not wait for
    the disk. ``limits`` are those of ``[host.limits]`` for hosts that do not set their own:
    ``{"recipients": 100}``. ``budgets`` says what callers may take of a host, by the names of
    ``lab live --budget``: ``{"client_sessions": 10}``.

    Raises :class:`lab.TopologyError`, ValueError for what is out of range, and OSError if a host
    or the page cannot listen, or the spool cannot be used.
    """
    seed = arguments.whole_number("seed", seed)
    speed = arguments.real_number("speed", speed, example="60")
    if not 0 < speed <= 100_000:
        raise ValueError(
            f"speed must be greater than 0 and at most 100000, not {speed:g}; "
            "for example speed=60 runs an hour in a minute"
        )
    sets = tuple(arguments.many("sets", sets, "overrides such as link.0.latency='1 s'"))
    if sets and not isinstance(topology, Topology):
        described = load(arguments.path("topology", topology), sets=sets, seed=seed)
    elif sets:
        raise ValueError("sets are overrides of a topology file; give its path, or use lab.load")
    else:
        described = topology_of(topology, seed)
    described = with_limits(replace(described, expect={}), _mapping("limits", limits))
    settings = Settings(
        storage=None if spool is None else Path(arguments.path("spool", spool, "a folder")),
        speed=speed,
        ports=checked_ports(described, _mapping("ports", ports)),
        address=checked_address("address", address),
        durable=arguments.instance("fsync", fsync, bool, "True or False"),
        idle=_idle(idle),
        serve=True,
        page=page_place(page),
        budgets=_budgets(budgets),
    )
    end = arguments.seconds("until", until)
    if not has_processes():
        from lab.api.served_here import ServedHere

        here: Any = ServedHere(described, seed)
        served: LiveServer = here  # to those who use it
        return served
    return LiveServer(described, seed, settings, end)


def checked_address(name: str, address: str) -> str:
    """Return an IP address; raises ValueError for what is not one."""
    try:
        ipaddress.ip_address(arguments.text(name, address))
    except ValueError:
        raise ValueError(f"{name} must be an IP address such as 127.0.0.1, not {address}") from None
    return address


def checked_ports(topology: Topology, ports: Mapping[str, int]) -> dict[str, int]:
    """Return ports by the topology's names of hosts; raises ValueError for a wrong one."""
    checked: dict[str, int] = {}
    for name, port in ports.items():
        spec = topology.host(arguments.text("a host in ports", name))
        if spec is None or spec.kind != "host":
            hosts = ", ".join(n for n, h in topology.hosts.items() if h.kind == "host")
            raise ValueError(f"ports: there is no host {name}; the hosts are {hosts}")
        if spec.external:
            raise ValueError(
                f"ports: {name} is external; its own software decides where it listens"
            )
        if not 0 <= arguments.whole_number(f"the port of {name}", port) < 65536:
            raise ValueError(f"ports: use a port from 1 to 65535 for {name}, or 0 for a free one")
        if port and port in checked.values():
            raise ValueError(f"ports: two hosts have port {port}; use another for {name}")
        checked[spec.name] = int(port)
    return checked


def with_limits(topology: Topology, limits: Mapping[str, int]) -> Topology:
    """Return a topology whose hosts have these limits where they do not set their own."""
    if unknown := [name for name in limits if name not in Limits.__slots__]:
        known = ", ".join(Limits.__slots__)
        raise ValueError(f"limits: there is no limit {unknown[0]}; the limits are {known}")
    checked = {
        name: arguments.whole_number(f"limits: {name}", value, 1) for name, value in limits.items()
    }
    hosts = {
        name: replace(spec, limits=_filled(spec.limits, checked)) if spec.kind == "host" else spec
        for name, spec in topology.hosts.items()
    }
    return replace(topology, hosts=hosts) if checked else topology


def _filled(own: Limits, limits: Mapping[str, int]) -> Limits:
    missing = {name: value for name, value in limits.items() if getattr(own, name) is None}
    return replace(own, **missing)


def page_place(page: bool | int | str) -> tuple[str, int] | None:
    """Return the address and port of the page: True, a port, or "IP:PORT"; None for no page."""
    if page is False:
        return None
    address, _, port = str(0 if page is True else page).rpartition(":")
    if not (port.isdecimal() and int(port) < 65536):
        raise ValueError(
            f'page must be True, a port, or "IP:PORT" as in "127.0.0.1:8025", not {page}'
        )
    return checked_address("page", address.strip("[]") or LOOPBACK), int(port)


def _budgets(budgets: Mapping[str, float | str] | None) -> Budgets:
    return budgets_of(dict(_mapping("budgets", budgets)))


_EXAMPLES: Final = {
    "budgets": "a dict such as {'client_sessions': 10}",
    "limits": "a dict such as {'recipients': 100}",
    "ports": "a dict such as {'MIT-AI.ARPA': 2525}",
}


def _mapping(name: str, value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return a mapping that was given as an argument, or an empty one for None."""
    mapping: Mapping[str, Any] = arguments.instance(
        name, {} if value is None else value, Mapping, _EXAMPLES[name]
    )
    return mapping


def _idle(idle: float | str) -> float:
    try:
        seconds = (
            parse_duration(idle) if isinstance(idle, str) else arguments.real_number("idle", idle)
        )
    except UnitFault as fault:
        raise ValueError(f"idle: {fault}") from None
    if not seconds > 0:
        raise ValueError("idle must be greater than 0, for example idle='5 min'")
    return seconds
