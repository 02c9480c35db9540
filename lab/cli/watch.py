"""``lab watch``: a run in a browser while it goes on, and changes by clicking."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.common import (
    echo,
    exit_with_error,
    load,
    print_error,
    quiet_option,
    seed_option,
    set_option,
    summary_as_json_option,
    topology_argument,
    until_option,
)
from lab.cli.live_view import parse_page
from lab.cli.outcome import exit_if_broken, report_run
from lab.runtime.private_files import writes_private_files


@click.command()
@topology_argument
@seed_option
@set_option
@until_option
@click.option(
    "--speed", type=float, default=1.0, show_default=True, metavar="X",
    help="Simulated seconds per real second; the page can change it.",
)  # fmt: skip
@click.option("--live", is_flag=True, help="Run the hosts as processes on real TCP.")
@click.option(
    "--page", metavar="[IP:]PORT", help="Where the page is.  [default: a free port on 127.0.0.1]"
)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), default="watched.toml",
    show_default=True, help="Topology file with the changes; written when there are any.",
)  # fmt: skip
@summary_as_json_option
@quiet_option
@writes_private_files
def watch(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    until: float | None,
    speed: float,
    live: bool,
    page: str | None,
    output: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Watch a run of TOPOLOGY in a browser, and change it by clicking.

    Prints the address of a page that shows the run while it goes on. Links can be cut or slowed
    there, hosts crashed, and mail sent. Each change is kept as a fault or a message in FILE, which
    makes the same run again. Ctrl-C ends the run.
    """
    if not 0 <= speed <= 1e6:
        exit_with_error(f"--speed {speed:g}: use a number from 0, which waits, to 1,000,000")
    if live and not speed:
        exit_with_error("--speed 0: a live run cannot wait; use a number greater than 0")
    where = parse_page(True, page, False)
    assert where is not None
    loaded = load(topology, sets, seed)
    if Path(output).resolve() == Path(topology).resolve():
        exit_with_error(f"-o {output} is the topology itself; name another file")
    from lab.watching.sessions import Watched, watch_live, watch_simulated

    make = watch_live if live else watch_simulated
    try:
        watched = Watched(loaded, seed, speed, until, Path(output))
        done = make(watched, where, lambda url: echo(f"watch it at {url}", err=as_json))
    except OSError as error:
        exit_with_error(f"the run cannot be watched: {error}")
    if done.changed:
        print_error(f"note: the changes are in {output}; lab run {output} makes the same run again")
    report_run(done.run, False, as_json, None, quiet)
    exit_if_broken(topology, done.run)
