"""``lab judge``: a mail program that somebody else wrote, held against the rules of RFC 821."""

from __future__ import annotations

import json
import re
import shlex
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    FAILED,
    Duration,
    echo,
    exit_with_error,
    load,
    print_note,
    progress_bar,
    reason_of,
    seed_option,
    until_reader_leaves,
)

if TYPE_CHECKING:
    from lab.judging.finding import Judgement

_HERE = "--receiver"
"""The value of --receiver where none is given: the command is on the command line."""


@click.command()
@click.argument("command", nargs=-1)
@click.option(
    "--receiver", is_flag=False, flag_value=_HERE, metavar="[HOST:PORT]",
    help="Judge a receiver-SMTP: a command on stdin and stdout, or a server that listens.  "
    "[default: judge no receiver]",
)  # fmt: skip
@click.option(
    "--sender", is_flag=True,
    help="Judge a sender-SMTP: a command with {host} {port} {from} {to} {file}.",
)  # fmt: skip
@click.option(
    "--relay", is_flag=True,
    help="Judge a whole mail program: {port} {next_host} {next_port} {queue} {mail}.",
)  # fmt: skip
@click.option(
    "--network", metavar="TOPOLOGY", type=click.Path(),
    help="Judge programs as hosts of this network; name them with --host.  "
    "[default: judge no network]",
)  # fmt: skip
@click.option(
    "--host", "hosts", metavar="NAME=COMMAND", multiple=True,
    help="The program of a host of the network. May be repeated.",
)  # fmt: skip
@click.option(
    "--example", type=click.Choice(["python", "node"]),
    help="Print a mail program that passes, to begin with.  [default: print none]",
)  # fmt: skip
@click.option("--anywhere", is_flag=True, help="HOST need not be this machine.")
@click.option("--stage", type=click.IntRange(1, 12), default=12, show_default=True,
              help="Number of stages of the course whose cases are judged.")  # fmt: skip
@click.option("--case", "cases", metavar="NAME", multiple=True,
              help="Only this case. May be repeated.")  # fmt: skip
@click.option("--to", metavar="USER@HOST", multiple=True,
              help="A mailbox that the program knows. May be repeated.")  # fmt: skip
@click.option("--mail", metavar="DIRECTORY", type=click.Path(exists=True, file_okay=False),
              help="Where the program puts its mail.  [default: {mail}]")  # fmt: skip
@click.option(
    "--timeout", type=Duration(),
    help="How long the program may do nothing, for example '5 s'.  [default: 8 to 20 s]",
)  # fmt: skip
@click.option("--patience", type=Duration(), hidden=True,
              help="The former name of --timeout, for example '5 s'.  [default: none]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--junit", metavar="FILE", type=click.Path(dir_okay=False),
              help="Write the result as JUnit XML.  [default: write none]")  # fmt: skip
@click.option("--html", metavar="FILE", type=click.Path(dir_okay=False),
              help="Write the result as a page.  [default: write none]")  # fmt: skip
@seed_option
def judge(
    command: tuple[str, ...],
    receiver: str | None,
    sender: bool,
    relay: bool,
    network: str | None,
    hosts: tuple[str, ...],
    example: str | None,
    anywhere: bool,
    stage: int,
    cases: tuple[str, ...],
    to: tuple[str, ...],
    mail: str | None,
    timeout: float | None,
    patience: float | None,
    as_json: bool,
    junit: str | None,
    html: str | None,
    seed: int,
) -> None:
    """Hold a mail program against the rules of RFC 821.

    With --receiver -- COMMAND... the command is started anew for each case, and spoken to on its
    stdin and stdout. With --sender it sends a mail to receivers of ours; with --relay it stands
    between two hosts of ours. With --network programs are hosts of a topology, each by a --host
    NAME=COMMAND. lab help judging says how each is called.

    Exit status 1 if it breaks a rule, 2 if it could not be started. What servers of today do on
    purpose is a choice: it is reported, and does not fail.

    For example:  lab judge --receiver -- python3 mailer.py
    """
    if example is not None:
        _print_example(example)
        return
    if (receiver is not None) + sender + relay + (network is not None) != 1:
        exit_with_error("name one of --receiver, --sender, --relay and --network; for example: "
                        "lab judge --receiver -- python3 mailer.py")  # fmt: skip
    if patience is not None:
        print_note("--patience is the former name of --timeout; use that")
        timeout = patience
    if hosts and network is None:
        exit_with_error("--host is for --network TOPOLOGY; which network is it a host of?")
    if network is not None:
        result = _judge_network(network, hosts, command, cases, timeout, seed)
    elif receiver is not None:
        result = _judge_receiver(
            command, receiver, anywhere, stage, cases, to, mail, timeout, seed, as_json
        )
    else:
        role = "sender" if sender else "relay"
        result = _judge_other(role, command, stage, cases, timeout, seed, as_json)
    _print(result, as_json, junit, html)
    if result.breaches:
        raise click.exceptions.Exit(FAILED)


def _judge_receiver(
    command: tuple[str, ...], receiver: str, anywhere: bool, stage: int, cases: tuple[str, ...],
    to: tuple[str, ...], mail: str | None, timeout: float | None, seed: int, quiet: bool,
) -> Judgement:  # fmt: skip
    from lab.judging.networks.storm import judge_receiver_and_storm, names_of_networks
    from lab.judging.receivers.judge import Asked, CannotJudge, names_of_cases

    address = None
    if receiver == _HERE:
        if not command:
            exit_with_error("name a command after --: lab judge --receiver -- python3 mailer.py")
    else:
        address = _address(receiver, command, anywhere)
    _check_cases(cases, [*names_of_cases(), *([] if address else names_of_networks())])
    _check_mailboxes(to)
    with progress_bar(len(names_of_cases()), quiet, "cases", 2) as progress:
        asked = Asked(
            command=command, address=address, stage=stage, seed=seed, only=cases, to=to,
            folder=Path(mail) if mail else None, progress=progress,
            again=_again("receiver", command, receiver, stage, to, mail, seed, timeout, anywhere),
            **_timeout_of(timeout or None),
        )  # fmt: skip
        try:
            return judge_receiver_and_storm(asked)
        except CannotJudge as why:
            exit_with_error(str(why))


def _print_example(language: str) -> None:
    import lab

    name = {"python": "mailer.py", "node": "mailer.mjs"}[language]
    folder = Path(lab.__file__).parent / "judging" / "examples"
    with until_reader_leaves():
        echo((folder / name).read_text(encoding="utf-8"), nl=False)


def _judge_other(
    role: str, command: tuple[str, ...], stage: int, cases: tuple[str, ...],
    timeout: float | None, seed: int, quiet: bool,
) -> Judgement:  # fmt: skip
    """Judge a sender or a relay."""
    from lab.judging.networks.relay_storm import judge_relay_and_storm, names_of_relay_networks
    from lab.judging.receivers.judge import CannotJudge, names_of_cases
    from lab.judging.relays.judge import AskedRelay
    from lab.judging.senders.judge import AskedSender, judge_sender

    places = {"sender": ("{port}",), "relay": ("{port}", "{next_port}")}[role]
    if not command:
        exit_with_error(f"name a command after --: lab judge --{role} -- COMMAND {places[0]} ...")
    from lab.judging.relays.cases import CASES as OF_RELAYS
    from lab.judging.senders.cases import CASES as OF_SENDERS

    known = [case.name for case in (OF_SENDERS if role == "sender" else OF_RELAYS)]
    cases_of_relays = [] if role == "sender" else [*names_of_cases(), *names_of_relay_networks()]
    _check_cases(cases, [*known, *cases_of_relays])
    again = _again(role, command, _HERE, stage, (), None, seed, timeout)
    with progress_bar(len(known), quiet, "cases", 2) as progress:
        try:
            if role == "sender":
                return judge_sender(AskedSender(
                    command, stage, cases, again=again, progress=progress,
                    **_timeout_of(timeout),
                ))  # fmt: skip
            return judge_relay_and_storm(AskedRelay(
                command, stage, seed, cases, again=again, progress=progress, **_timeout_of(timeout),
            ))  # fmt: skip
        except CannotJudge as why:
            exit_with_error(str(why))


def _judge_network(
    network: str, hosts: tuple[str, ...], command: tuple[str, ...], cases: tuple[str, ...],
    timeout: float | None, seed: int,
) -> Judgement:  # fmt: skip
    """Judge programs as hosts of a network."""
    from lab.judging.networks.asked import TIMEOUT, AskedNetwork, BadNetwork
    from lab.judging.networks.network import judge_network, names_of_cases

    commands: dict[str, list[list[str]]] = {}
    for text in hosts:
        name, words = _host_and_command(text)
        commands.setdefault(name, []).append(words)
    if not commands or command:
        exit_with_error("name the programs by --host NAME=COMMAND; for example: lab judge "
                        "--network net.toml --host 'A.ARPA=python3 mailer.py'")  # fmt: skip
    words = ["lab", "judge", "--network", network]
    words += [word for text in hosts for word in ("--host", text)]
    words += _further(seed, timeout)
    asked = AskedNetwork(
        load(network, (), seed), commands, title=", ".join(commands), seed=seed,
        only=cases, again=shlex.join(words),
        timeout=TIMEOUT if timeout is None else max(0.05, timeout),
    )  # fmt: skip
    _check_cases(cases, names_of_cases(asked))
    try:
        return judge_network(asked)
    except BadNetwork as why:
        exit_with_error(str(why))


def _host_and_command(text: str) -> tuple[str, list[str]]:
    """Return the name and the words of a --host."""
    name, equals, command = text.partition("=")
    try:
        words = shlex.split(command)
    except ValueError as error:
        exit_with_error(f"--host {text!r}: {error}")
    if not (name and equals and words):
        exit_with_error(f"--host {text!r} is not NAME=COMMAND; for example "
                        "--host 'A.ARPA=python3 mailer.py'")  # fmt: skip
    return name, words


def _timeout_of(timeout: float | None) -> dict[str, float]:
    return {} if timeout is None else {"timeout": max(0.05, timeout)}


def _further(seed: int, timeout: float | None) -> list[str]:
    """Return the options of a command that repeats a judging, if they were given."""
    words = ["--seed", str(seed)] if seed else []
    return words + (["--timeout", f"{timeout:g} s"] if timeout is not None else [])


def _again(
    role: str, command: tuple[str, ...], receiver: str, stage: int, to: tuple[str, ...],
    mail: str | None, seed: int, timeout: float | None, anywhere: bool = False,
) -> str:  # fmt: skip
    """Return the command that repeats a judging."""
    words = ["lab", "judge", f"--{role}"]
    words += [] if receiver == _HERE else [receiver]
    words += [] if stage == 12 else ["--stage", str(stage)]
    words += [word for name in to for word in ("--to", name)]
    words += ["--mail", mail] if mail else []
    words += ["--anywhere"] if anywhere else []
    words += _further(seed, timeout)
    words += ["--", *command] if command else []
    return shlex.join(words)


def _address(text: str, command: tuple[str, ...], anywhere: bool) -> tuple[str, int]:
    """Return the host and port of an address; exit status 2 if it is not one, or not allowed."""
    match = re.fullmatch(r"\[?([^\[\]]+?)\]?:(\d{1,5})", text)
    if command or match is None or not 0 < int(match[2]) < 65536:
        words = shlex.join([text, *command])
        exit_with_error(
            f"{text!r} is not HOST:PORT; for a command write: lab judge --receiver -- {words}"
        )
    host, port = match[1], int(match[2])
    if not anywhere and not _is_loopback(host):
        exit_with_error(
            f"{host} is not this machine; with --anywhere it may be judged all the same"
        )
    return host, port


def _is_loopback(host: str) -> bool:
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_cases(cases: tuple[str, ...], known: list[str]) -> None:
    from difflib import get_close_matches

    for name in cases:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            exit_with_error(f"there is no case {name!r}{hint}")


def _check_mailboxes(to: tuple[str, ...]) -> None:
    from lab.judging.cases import is_mailbox

    for name in to:
        if not is_mailbox(name):
            exit_with_error(f"--to {name!r} is not a mailbox: expected USER@HOST")


def _print(result: Judgement, as_json: bool, junit: str | None, html: str | None) -> None:
    from lab.judging import page, report

    if junit:
        _write(junit, report.junit(result))
    if html:
        _write(html, page.page(result))
    with until_reader_leaves():
        if as_json:
            echo(json.dumps(report.as_json(result)))
            return
        for line in report.lines(result):
            echo(line)


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        exit_with_error(f"{path}: {reason_of(error)}")
