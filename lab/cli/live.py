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
    artefacts_option,
    check_links,
    echo,
    exit_with_error,
    interrupt,
    level_option,
    links_option,
    load,
    print_error,
    print_note,
    quiet_option,
    reason_of,
    seed_option,
    set_option,
    summary_as_json_option,
    topology_argument,
    trace_folder,
    transcript_option,
    until_option,
    until_reader_leaves,
)
from lab.cli.files import make_directory
from lab.cli.live_view import RunView, parse_page
from lab.cli.outcome import exit_if_broken, report_run
from lab.cli.plugin_options import refused_plugin_options
from lab.live.budgets import Budgets, budgets_of, explained
from lab.quantities import clock_time, count_noun
from lab.runtime import startup
from lab.runtime.private_files import writes_private_files
from lab.runtime.signals import signal_handler

if TYPE_CHECKING:
    from rich.status import Status

    from lab.live.network import LiveNetwork
    from lab.live.settings import Settings
    from lab.topology.model import HostSpec, Topology


speed_option = click.option(
    "--speed", type=float, default=1.0, show_default=True, metavar="X",
    help="Simulated seconds per real second.",
)  # fmt: skip

REFRESH_SECONDS = 0.2
"""Seconds between two updates of the progress line."""


END_SIGNALS = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
"""Signals that end a command as Ctrl-C does: a request to end, and the closing of the terminal."""


def parse_ports(topology: Topology, options: tuple[str, ...]) -> dict[str, int]:
    """Return the port of each host named by ``--port``; exit status 2 if one is wrong."""
    ports: dict[str, int] = {}
    wrong = []
    for item in options:
        name, _, port = item.partition("=")
        spec = topology.host(name)
        if not name or not port.isdecimal():
            wrong.append(f"--port {item}: expected HOST=PORT, for example --port MIT-AI.ARPA=2525")
        elif not 0 < int(port) < 65536:
            wrong.append(f"--port {item}: use a port from 1 to 65535")
        elif spec is None or spec.kind != "host":
            hosts = ", ".join(n for n, h in topology.hosts.items() if h.kind == "host")
            wrong.append(f"--port {item}: there is no host {name}; the hosts are {hosts}")
        elif spec.external:
            wrong.append(
                f"--port {item}: {name} is external; its own software decides where it listens"
            )
        elif ports.get(spec.name, int(port)) != int(port):
            wrong.append(
                f"--port {item}: {spec.name} has port {ports[spec.name]} already; use one of them"
            )
        elif taken := [n for n, at in ports.items() if at == int(port) and n != spec.name]:
            wrong.append(f"--port {item}: {taken[0]} has this port already; use another")
        else:
            ports[spec.name] = int(port)
    for sentence in wrong:
        print_error(sentence)
    if wrong:
        raise click.exceptions.Exit(UNUSABLE)
    return ports


def parse_budgets(options: tuple[str, ...]) -> Budgets:
    """Return the budgets that ``--budget`` sets; exit status 2 if one is wrong."""
    pairs: dict[str, object] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not (name and equals):
            exit_with_error(
                f"--budget {option}: expected NAME=VALUE, for example --budget client-sessions=100"
            )
        pairs[name] = value
    try:
        return budgets_of(pairs)
    except ValueError as why:
        exit_with_error(f"--budget: {why}")


def check_address(address: str) -> None:
    """Exit with status 2 for a text that is not an IP address; warn of one that other machines
    reach.
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        exit_with_error(f"--address {address}: not an IP address; for example 127.0.0.1")
    if not known.is_loopback:
        print_error(
            f"warning: {address} is not a loopback address: anybody who can reach this machine can "
            "send mail to these hosts; do not use the lab as a mail server on the open Internet"
        )


def warn_of_external_hosts(topology: Topology) -> None:
    """Warn of each external host that is not on this machine, or that is to send by itself."""
    for spec in topology.hosts.values():
        if spec.external and (planned := _planned_by(topology, spec)):
            print_error(
                f"warning: {planned} of {spec.name} will not be sent: it is external, and its own "
                "software decides what it sends"
            )
        where = spec.external.rpartition(":")[0].strip("[]")
        with suppress(ValueError):
            if where in ("", "localhost") or ipaddress.ip_address(where).is_loopback:
                continue
        print_error(
            f"warning: mail for {spec.name} leaves this machine: it goes to {spec.external}"
        )


def _planned_by(topology: Topology, spec: HostSpec) -> str:
    """Return what a topology has a host send, in words; "" for nothing."""
    from lab.topology.globs import matches_address

    counts = {
        "message": sum(topology.host(mail.sender.domain) is spec for mail in topology.mail),
        "traffic": sum(
            any(
                matches_address(user.name, spec.name, traffic.sender, spec.label)
                for user in spec.users
            )
            for traffic in topology.traffic
        ),
        "script": sum(script.sender == spec.name for script in topology.scripts),
        "poll": sum(poll.sender == spec.name for poll in topology.polls),
    }
    words = [
        name if name == "traffic" else count_noun(number, name)
        for name, number in counts.items()
        if number
    ]
    return " and ".join(words)


@click.command()
@topology_argument
@seed_option
@set_option
@speed_option
@until_option
@click.option("--serve", is_flag=True, help="Keep running for real mail programs, until Ctrl-C.")
@click.option(
    "--port", "ports", multiple=True, metavar="HOST=N",
    help="TCP port of a host. May be repeated.  [default: a free port]",
)  # fmt: skip
@click.option(
    "--address", metavar="IP", default="127.0.0.1", show_default=True,
    help="IP address on which all hosts listen.",
)  # fmt: skip
@click.option(
    "--page", metavar="[IP:]PORT",
    help="Where the page with the mail is.  [default: with --serve, a free port on 127.0.0.1]",
)  # fmt: skip
@click.option("--no-page", is_flag=True, help="Serve no page with the mail.")
@click.option(
    "--spool", metavar="DIRECTORY", type=click.Path(file_okay=False),
    help="Keep the stable storage of the hosts in a directory.  [default: a temporary one]",
)  # fmt: skip
@click.option(
    "--idle", type=Duration(), default="5 min", show_default=True,
    help="Close a connection on which nothing was received for this long.",
)  # fmt: skip
@click.option(
    "--budget", "budgets", multiple=True, metavar="NAME=VALUE",
    help="What callers from outside may take of a host; may be repeated. " + explained() + ".",
)  # fmt: skip
@click.option(
    "--no-fsync", is_flag=True,
    help="Reply 250 before the disk has confirmed: faster, but a power failure loses mail.",
)  # fmt: skip
@transcript_option
@level_option
@summary_as_json_option
@links_option
@artefacts_option
@quiet_option
@refused_plugin_options
@writes_private_files
def live(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    speed: float,
    until: float | None,
    serve: bool,
    ports: tuple[str, ...],
    address: str,
    page: str | None,
    no_page: bool,
    spool: str | None,
    idle: float,
    budgets: tuple[str, ...],
    no_fsync: bool,
    transcript: bool,
    links: bool,
    level: str,
    as_json: bool,
    out: str | None,
    quiet: bool,
) -> None:
    """Run TOPOLOGY on real TCP, each host in its own process.

    The hosts listen on this machine only. The run ends when nothing is left to do, or on Ctrl-C.
    The artefacts are those of lab run. With --serve it shows queues and mailboxes while it goes on:
    as a table, with --json as a line a second that something has changed, and on a page for a
    browser, which has the mail.
    """
    startup.end_at_once()  # nothing has begun yet, and imports do not like to be interrupted
    check_speed(speed)
    if not idle > 0:
        exit_with_error("--idle must be greater than 0, for example --idle '5 min'")
    check_links(links, level)
    described = load(topology, sets, seed)
    where = parse_ports(described, ports)
    check_address(address)
    taken = parse_budgets(budgets)
    warn_of_external_hosts(described)
    where_page = parse_page(serve and (as_json or not quiet), page, no_page)
    for directory in (out, spool):
        if directory is not None:
            make_directory(directory)
    from lab.api.live import make_live_run
    from lab.api.run import Interrupted, RunFailed
    from lab.live.run_folder import TRACE
    from lab.live.settings import Settings
    from lab.trace.retention import live_retention

    warn_of_numbered_events(topology, described)
    settings = Settings(
        Path(spool) if spool is not None else None, speed, where, address, not no_fsync, idle,
        serve, journal=Path(out) / TRACE if out is not None else None, level=level,
        page=where_page, budgets=taken,
    )  # fmt: skip
    loud = not (quiet or as_json)
    left = print_what_is_left(settings, quiet)
    problem, status = "", 0
    startup.begin()
    with trace_folder(out, transcript or links) as folder:
        view = RunView(serve, as_json, loud)
        with ProgressLine(loud, view) as progress:
            try:
                done = make_live_run(
                    described, seed, settings, until, live_retention(level, folder),
                    started=partial(print_start, progress, loud, quiet, left),
                    progress=progress, shown=view.show,
                )  # fmt: skip
            except OSError as error:
                is_argument = bool(ports) or address != "127.0.0.1" or page is not None
                status = UNUSABLE if is_argument else FAILED
                exit_with_error(f"{topology}: {reason_of(error)}", status)
            except Interrupted as stopped:
                done, problem, status = stopped.run, str(stopped), INTERRUPTED
            except RunFailed as failed:
                done, problem, status = failed.run, f"{topology}: {failed}", FAILED
        with signal_handler(interrupt, *END_SIGNALS):
            written = report_run(done, transcript, as_json, out, quiet, links)
            exit_if_broken(topology, done)
    if status:
        exit_with_error(problem, status)
    if not written:
        raise click.exceptions.Exit(UNUSABLE)


def warn_of_numbered_events(topology: str, described: Topology) -> None:
    """Warn of faults that wait for an event by its number, which differs between live runs."""
    if any((fault.when or {}).get("seq") is not None for fault in described.faults):
        print_error(
            f"warning: {topology}: `seq` counts the events of this run, which differ from those of "
            "a simulated one"
        )


def check_speed(speed: float) -> None:
    """Exit with status 2 if a speed is out of range."""
    if not 0 < speed <= 100_000:
        exit_with_error(
            f"--speed {speed:g}: use a number above 0 and up to 100000; --speed 60 runs an hour in "
            "a minute"
        )


def print_what_is_left(settings: Settings, quiet: bool) -> str:
    """Print what runs that were killed have left; an unfinished trace gets another name.

    Returns a sentence about the mail in the spool, for when it turns out that it can be used.
    """
    from lab.live.journal import move_aside
    from lab.live.run_folder import TRACE, left_by_killed, left_in_spool

    notes = [str(left) for left in left_by_killed()]
    beside = settings.storage / TRACE if settings.storage is not None else None
    for path in (settings.journal, beside):
        with suppress(OSError):
            if path is not None and (aside := move_aside(path)) is not None:
                notes.append(f"the trace of a run that was killed is now {aside}")
    for note in notes:
        if not quiet:
            print_note(note)
    return "" if settings.storage is None else left_in_spool(settings.storage)


def print_start(
    progress: ProgressLine, loud: bool, quiet: bool, left: str, network: LiveNetwork
) -> None:
    """Print where the hosts listen, what the spool holds, and where mail lies without one."""
    progress.view.begin(network)
    if loud:
        print_endpoints(progress, network)
    if left and not quiet:
        progress.pause()
        print_note(left)
    if not quiet and network.settings.is_temporary:
        progress.pause()
        print_note(
            f"until the run ends, mail is stored in {network.settings.storage}, and the trace so "
            f"far in {network.settings.journal}; --spool DIRECTORY keeps the mail"
        )


def print_endpoints(progress: ProgressLine, network: LiveNetwork) -> None:
    """Print the address and port of each host."""
    from rich.cells import cell_len, set_cell_size

    from lab.analysis.shown_names import ShownNames
    from lab.live.host_main import endpoint

    progress.pause()
    address = network.settings.address
    specs = network.topology.hosts.values()
    shown = ShownNames((spec.name, spec.label) for spec in specs)
    wide = max((cell_len(shown[name]) for name in network.hosts), default=0)
    with until_reader_leaves():
        for name, handle in network.hosts.items():
            where = endpoint(*(handle.external or (address, handle.port)))
            remark = "  (its own software)" if handle.external else ""
            echo(f"{set_cell_size(shown[name], wide)}  {where}{remark}")
        if network.page:
            echo(f"the mail as it arrives: {network.page}")
        sys.stdout.flush()


class ProgressLine:
    """A line on stderr that shows the progress of a live run, if stderr is a terminal."""

    def __init__(self, wanted: bool, view: RunView | None = None) -> None:
        self.view = view if view is not None else RunView(False, False, False)
        self._status: Status | None = None
        self._last = 0.0
        if wanted and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")

    def __enter__(self) -> ProgressLine:
        if self._status is not None and not self.view.has_table:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.view.end()
        self.pause()

    def pause(self) -> None:
        """Remove the line, until there is more to show."""
        if self._status is not None:
            self._status.stop()

    def __call__(self, network: LiveNetwork) -> None:
        """Show the progress of a run, at most once every REFRESH_SECONDS."""
        if self._status is None or time.monotonic() - self._last < REFRESH_SECONDS:
            return
        if network.over:
            self.view.end()
        elif self.view.has_table:
            return
        self._last = time.monotonic()
        self._status.start()
        if network.over:
            self._status.update(f"finishing: {network.records.waiting:,} events left to process")
            return
        queued = sum(mirror.queued for mirror in network.hosts.values())
        self._status.update(
            f"{clock_time(network.clock.now, 0)}: {len(network.sessions)} sessions open, "
            f"{queued} messages in spools"
        )
