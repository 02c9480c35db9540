"""``lab live``: the same hosts as processes on real TCP."""

from __future__ import annotations

import ipaddress
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    UNUSABLE,
    Duration,
    handling_signals,
    interrupt,
    judge,
    level_option,
    load,
    make_directory,
    print_error,
    seed_option,
    set_option,
    tell,
    topology_argument,
    trace_folder,
)

if TYPE_CHECKING:
    from rich.status import Status

    from lab.live.network import LiveNetwork
    from lab.topology.model import Topology


EACH = 0.2
"""Seconds between two looks at the progress."""


_ENDING = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
"""A request to end, and a terminal that is closed: both end what goes on as Ctrl-C does."""


def _ports(topology: Topology, given: tuple[str, ...]) -> dict[str, int]:
    """Which host is to listen where; or one sentence a mistake, and exit status 2."""
    ports: dict[str, int] = {}
    wrong = []
    for one in given:
        name, _, port = one.partition("=")
        spec = topology.host(name)
        if not name or not port.isdecimal():
            wrong.append(f"--port {one}: no host and port; write --port HOST=2525")
        elif not 0 < int(port) < 65536:
            wrong.append(f"--port {one}: there is no port {port}; write one from 1 to 65535")
        elif spec is None or spec.kind != "host":
            hosts = ", ".join(n for n, h in topology.hosts.items() if h.kind == "host")
            wrong.append(f"--port {one}: there is no host {name}; there are {hosts}")
        elif spec.external:
            wrong.append(f"--port {one}: {name} listens where its own software says")
        elif ports.get(spec.name, int(port)) != int(port):
            wrong.append(
                f"--port {one}: {spec.name} has port {ports[spec.name]}; write one of them"
            )
        elif taken := [n for n, at in ports.items() if at == int(port) and n != spec.name]:
            wrong.append(f"--port {one}: {taken[0]} has this port; write another for one of them")
        else:
            ports[spec.name] = int(port)
    for sentence in wrong:
        print_error(sentence)
    if wrong:
        raise click.exceptions.Exit(UNUSABLE)
    return ports


def _address(address: str) -> None:
    """See that an address is one, and warn of one that others reach."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        print_error(f"--address {address}: no IP address; write --address 127.0.0.1")
        raise click.exceptions.Exit(UNUSABLE) from None
    if not known.is_loopback:
        print_error(
            f"warning: {address} is no loopback address: whoever reaches this machine can send "
            "mail to these hosts; a lab is no mail server for the open Internet"
        )


def _warn_of_mail_that_leaves(topology: Topology) -> None:
    """Say so where a real mail server of the topology is not on this machine."""
    for spec in topology.hosts.values():
        where = spec.external.rpartition(":")[0].strip("[]")
        with suppress(ValueError):
            if where in ("", "localhost") or ipaddress.ip_address(where).is_loopback:
                continue
        print_error(f"warning: mail for {spec.name} leaves this machine, for {spec.external}")


@click.command()
@topology_argument
@seed_option
@set_option
@click.option("--speed", type=float, default=1.0, show_default=True, help="Seconds in a second.")
@click.option("--until", type=Duration(), help="Stop then; default: when nothing is left to do.")
@click.option("--serve", is_flag=True, help="Stay up for real mail programs, until Ctrl-C.")
@click.option("--port", "ports", multiple=True, metavar="HOST=N", help="Where a host listens.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Where all listen.")
@click.option(
    "--spool", type=click.Path(file_okay=False), help="Keep the hosts' stable storage there."
)
@click.option("--idle", type=Duration(), default="5 min", help="How long a caller may say nothing.")
@click.option("--no-fsync", is_flag=True, help="Do not wait for the disk before 250.")
@click.option("--transcript", is_flag=True, help="Print every session, S: and R:.")
@level_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--out", type=click.Path(file_okay=False), help="Leave the artefacts in a directory.")
@click.option("--quiet", is_flag=True, help="Print nothing but what is wrong.")
def live(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    speed: float,
    until: float | None,
    serve: bool,
    ports: tuple[str, ...],
    address: str,
    spool: str | None,
    idle: float,
    no_fsync: bool,
    transcript: bool,
    level: str,
    as_json: bool,
    out: str | None,
    quiet: bool,
) -> None:
    """Run TOPOLOGY on real TCP: every host a process of its own.

    The hosts listen on this machine alone. Ends when nothing is left to do, or on Ctrl-C; the
    artefacts are those of lab run.
    """
    _pace(speed)
    if not idle > 0:
        print_error("--idle 0: nobody could say anything; write --idle '5 min'")
        raise click.exceptions.Exit(UNUSABLE)
    described = load(topology, sets, seed)
    where = _ports(described, ports)
    _address(address)
    _warn_of_mail_that_leaves(described)
    for directory in (out, spool):
        if directory is not None:
            make_directory(directory)
    from lab.analysis.streaming import StreamingAnalysis
    from lab.api.run import Run
    from lab.live.network import Settings
    from lab.live.running import ENDS, run_live
    from lab.trace.retention import Retention
    from lab.trace.trace import Trace

    for fault in described.faults:
        if (fault.when or {}).get("seq") is not None:
            print_error(
                f"{topology}: the events of a live run have numbers of their own; mind `seq`"
            )
    storage = Path(spool) if spool is not None else None
    settings = Settings(storage, speed, where, address, not no_fsync, idle, serve)
    loud = not (quiet or as_json)
    with trace_folder(out, transcript) as folder:
        ledger = StreamingAnalysis(Trace(), Retention(level, folder))
        with _Progress(loud) as progress:
            try:
                trace, reason = run_live(
                    described, seed, settings, until=until,
                    started=partial(_table, progress) if loud else _nothing,
                    progress=progress, ledger=ledger,
                )  # fmt: skip
            except OSError as error:
                print_error(f"{topology}: {error.strerror or error}")
                given = ports or address != "127.0.0.1"
                raise click.exceptions.Exit(UNUSABLE if given else FAILED) from None
        with handling_signals(interrupt, *_ENDING):
            done = Run(described, trace, ledger)
            written = tell(done, transcript, as_json, out, quiet)
            judge(topology, done)
    if reason not in ENDS:
        print_error(f"{topology}: {reason}")
        raise click.exceptions.Exit(FAILED)
    if reason == "interrupted" and not serve:
        print_error(f"interrupted at {done.summary['simulated_seconds']:g} s")
        raise click.exceptions.Exit(INTERRUPTED)
    if not written:
        raise click.exceptions.Exit(UNUSABLE)


def _pace(speed: float) -> None:
    """See that the speed is one."""
    if not 0 < speed <= 100_000:
        print_error(f"--speed {speed:g}: no pace; write --speed 60 for an hour in a minute")
        raise click.exceptions.Exit(UNUSABLE)


def _nothing(_: LiveNetwork) -> None:
    """Nothing to show."""


def _table(progress: _Progress, network: LiveNetwork) -> None:
    """Print where the hosts listen."""
    from lab.live.host_main import endpoint

    progress.pause()
    address = network.settings.address
    wide = max((len(name) for name in network.hosts), default=0)
    for name, mirror in network.hosts.items():
        where = endpoint(*(mirror.external or (address, mirror.port)))
        says = "  (its own software)" if mirror.external else ""
        click.echo(f"{name:<{wide}}  {where}{says}")
    sys.stdout.flush()


class _Progress:
    """A line on stderr of how far the run is, where that is a terminal."""

    def __init__(self, wanted: bool) -> None:
        self._status: Status | None = None
        self._last = 0.0
        if wanted and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")

    def __enter__(self) -> _Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()

    def pause(self) -> None:
        """Leave the line to others, until there is more to show."""
        if self._status is not None:
            self._status.stop()

    def __call__(self, network: LiveNetwork) -> None:
        """Show how far a run is, now and then."""
        if self._status is None or time.monotonic() - self._last < EACH:
            return
        self._last = time.monotonic()
        self._status.start()
        if network.over:
            self._status.update(f"{network.records.waiting:,} events are yet to be counted")
            return
        queued = sum(mirror.queued for mirror in network.hosts.values())
        self._status.update(
            f"{network.clock.now:.0f} s: {len(network.sessions)} sessions open, "
            f"{queued} pieces of mail in spools"
        )
