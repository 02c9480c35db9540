"""``lab spool``: what the stable storage of a live run holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from lab.cli.common import (
    echo,
    exit_with_error,
    print_error,
    print_table,
    reason_of,
)
from lab.quantities import count_noun, single_line
from lab.runtime.private_files import writes_private_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from lab.live.spool_folder import HostSpool


@click.command()
@click.argument("folder", metavar="DIRECTORY", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--read", "message_name", metavar="HOST/N",
    help="Print message N that waits at HOST; or with HOST/USER/N, one in USER's mailbox.  "
    "[default: list all]",
)  # fmt: skip
@click.option(
    "--export", "out", metavar="DIRECTORY", type=click.Path(file_okay=False, path_type=Path),
    help="Write all mail as Maildirs, which open in any mail reader.  [default: list it]",
)  # fmt: skip
@click.option("--migrate", is_flag=True, help="Bring files of an older version up to date.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as one JSON object.")
@writes_private_files
def spool(
    folder: Path, message_name: str | None, out: Path | None, migrate: bool, as_json: bool
) -> None:
    """List, read or export the mail that a live run has stored.

    DIRECTORY is the --spool of a run that has ended. Nothing in it is changed, unless you ask for
    --migrate.
    """
    if (message_name is not None) + (out is not None) + migrate > 1:
        exit_with_error("--read, --export and --migrate exclude each other; use one of them")
    from lab.live.spool_folder import SpoolProblem, read_folder
    from lab.live.spool_folder import migrate as bring_up_to_date

    try:
        if migrate:
            for name in bring_up_to_date(folder):
                echo(f"{name} is up to date; its old file has .old at the end of its name")
        hosts = read_folder(folder)
    except (SpoolProblem, OSError) as error:
        exit_with_error(str(error))
    if message_name is not None:
        _print_message(hosts, message_name)
    elif out is not None:
        _export(hosts, out)
    elif as_json:
        echo(json.dumps(_as_json(hosts)))
    else:
        _print_list(hosts)
    _exit_on_problems(hosts)


def _exit_on_problems(hosts: Sequence[HostSpool]) -> None:
    """Print what cannot be read, and exit with status 2 if there is any."""
    problems = [problem for host in hosts for problem in host.problems]
    for problem in problems[:-1]:
        print_error(problem)
    if problems:
        exit_with_error(problems[-1])


def _print_message(hosts: Sequence[HostSpool], message_name: str) -> None:
    """Print the bytes of one message: as they are, or made visible in a terminal."""
    host, _, place = message_name.partition("/")
    user, _, number = place.rpartition("/")
    messages: dict[str, bytes] = {}
    for spool in hosts:
        if spool.is_named(host):
            messages |= {str(mail.number): mail.octets for mail in spool.waiting if not user}
            messages |= {str(mail.number): mail.octets for mail in spool.drops if mail.user == user}
    if number not in messages:
        _exit_without_message(hosts, message_name)
    if sys.stdout.isatty():
        echo(messages[number].decode("latin-1").replace("\r\n", "\n"))
        return
    sys.stdout.buffer.write(messages[number])
    sys.stdout.buffer.flush()


def _exit_without_message(hosts: Sequence[HostSpool], message_name: str) -> NoReturn:
    examples = [f"{mail.host}/{mail.number}" for spool in hosts for mail in spool.waiting]
    examples += [
        f"{mail.host}/{mail.user}/{mail.number}" for spool in hosts for mail in spool.drops
    ]
    known = f"for example {examples[0]}" if examples else "there is none in this spool"
    exit_with_error(f"--read {message_name}: there is no such message; {known}")


def _export(hosts: Sequence[HostSpool], out: Path) -> None:
    from lab.api.spool_export import export_spool

    try:
        count = export_spool(hosts, out)
    except OSError as error:
        exit_with_error(f"{error.filename or out}: {reason_of(error)}")
    echo(f"wrote {count_noun(count, 'message')} to {out}")


def _as_json(hosts: Sequence[HostSpool]) -> dict[str, Any]:
    from lab.live.spool_folder import stored_date

    waiting = [
        {
            "host": mail.host, "number": mail.number, "next_host": mail.next_host,
            "from": mail.reverse_path, "to": list(mail.recipients), "size": len(mail.octets),
            "tries": mail.tries, "next_try": mail.next_try, "since": stored_date(mail.stored_at),
        }
        for host in hosts
        for mail in host.waiting
    ]  # fmt: skip
    drops = [
        {
            "host": mail.host, "user": mail.user, "number": mail.number,
            "size": len(mail.octets), "since": stored_date(mail.stored_at),
        }
        for host in hosts
        for mail in host.drops
    ]  # fmt: skip
    return {"waiting": waiting, "mailboxes": drops}


def _print_list(hosts: Sequence[HostSpool]) -> None:
    """Print a table of the mail that waits and one of the mail drops, or say that there is no
    mail.
    """
    from lab.live.spool_folder import stored_date

    waiting = [mail for host in hosts for mail in host.waiting]
    drops = [mail for host in hosts for mail in host.drops]
    if waiting:
        table = _table("message", "for", "from", "to", "bytes", "next try", "since")
        for mail in waiting:
            tried = f"t={mail.next_try:.0f} s" if mail.next_try else "at once"
            table.add_row(
                f"{mail.host}/{mail.number}", mail.next_host, f"<{single_line(mail.reverse_path)}>",
                single_line(", ".join(mail.recipients)), str(len(mail.octets)), tried,
                stored_date(mail.stored_at),
            )  # fmt: skip
        print_table(table)
    if drops:
        table = _table("message", "bytes", "since")
        for drop in drops:
            name = single_line(f"{drop.host}/{drop.user}/{drop.number}")
            table.add_row(name, str(len(drop.octets)), stored_date(drop.stored_at))
        print_table(table)
    waits = "1 message waits" if len(waiting) == 1 else f"{len(waiting)} messages wait"
    echo(f"{waits}, {len(drops)} in mailboxes")


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None)
    for column in columns:
        table.add_column(column, justify="right" if column == "bytes" else "left")
    return table
