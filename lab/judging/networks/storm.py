"""A storm of networks: random ones in which a program under test is a host.

A receiver-SMTP speaks for its host in simulated time: senders of ours are cut off and come again,
links fail, and the host crashes, which kills the program. What it answers is judged in each
session, and what lies in its mail drop afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab.judging.cases import Case
from lab.judging.channel import Channel, PipeChannel
from lab.judging.drop import Drop
from lab.judging.finding import PLAIN, Finding, Judgement
from lab.judging.networks.each import judge_each_network, network_names
from lab.judging.networks.left import found_in
from lab.judging.networks.program_host import ProgramHost, TooMany
from lab.judging.networks.random_networks import network_around
from lab.judging.places import filled
from lab.judging.program import NotStarted, Program
from lab.judging.receivers.judge import Asked, judge_receiver
from lab.simulation.limits import Limits
from lab.simulation.simulation import Simulation

NETWORKS: Final = 8
"""Networks of a storm."""
STAGE: Final = 8
"""The stage of the course at which a receiver is whole."""
LONGEST: Final = 60.0
"""Seconds by the clock on the wall that the run of one network may take."""

_EVENTS: Final = 20_000


_NO_STORM: Final = "a plain case failed, so it would fail in a network too"


@dataclass
class AskedStorm:
    """What is to be judged: a receiver-SMTP on stdin and stdout, and the names of its mailboxes.

    ``only`` has the names of the cases, all if it is empty.
    """

    command: Sequence[str]
    mailboxes: Sequence[str] = ("Jones@BETA.ARPA", "Brown@BETA.ARPA")
    seed: int = 0
    only: Sequence[str] = ()
    timeout: float = 8.0
    is_of_today: bool = False
    progress: Callable[[int], None] | None = None


def names_of_networks() -> list[str]:
    """Return the names of the cases of a storm."""
    return network_names(NETWORKS)


def judge_in_networks(asked: AskedStorm, result: Judgement) -> None:
    """Judge a receiver-SMTP as a host of random networks, and add that to a result."""
    chosen = [
        Case(name, "4.1.1-12", STAGE, "a host of a random network, with lost channels and crashes")
        for name in names_of_networks() if not asked.only or name in asked.only
    ]  # fmt: skip
    judge_each_network(partial(_judge_one, asked), chosen, result, asked.progress)


def judge_receiver_and_storm(asked: Asked) -> Judgement:
    """Judge a receiver-SMTP, and, if a command was given, as a host of random networks too.

    Raises :class:`~lab.judging.receivers.judge.CannotJudge` if it could not be started.
    """
    result = judge_receiver(asked)
    names = [name for name in names_of_networks() if not asked.only or name in asked.only]
    if not asked.command or asked.stage < STAGE or not names:
        return result
    is_plain = not any(each.case in PLAIN for each in result.breaches)
    if not is_plain and not asked.only:
        result.left_out |= dict.fromkeys(names, _NO_STORM)
        return result
    judge_in_networks(
        AskedStorm(asked.command, result.mailboxes, asked.seed, names, asked.timeout,
                   result.is_of_today),
        result,
    )  # fmt: skip
    return result


def _judge_one(asked: AskedStorm, case: Case, number: int, folder: Path) -> list[Finding] | str:
    """Return what is wrong in one network, or why it could not be judged."""
    folder.mkdir()
    node = asked.mailboxes[0].rpartition("@")[2]
    users = list(dict.fromkeys(name.rpartition("@")[0] for name in asked.mailboxes))
    program = ProgramHost(
        case, node, lambda: _started(asked.command, node, users, folder), users, asked.timeout
    )
    simulation = Simulation(network_around(node, users, asked.seed, number), asked.seed)
    try:
        program.attach(simulation.hosts[node])
        simulation.begin()
        simulation.run(limits=Limits(_EVENTS, LONGEST).started())
    except TooMany:
        return f"it had more than {len(program.sessions)} sessions"
    except NotStarted as error:
        return str(error)
    finally:
        program.close()
        simulation.close()
    drop = Drop(folder)
    shows_mail = bool(drop.copies("")) or "{mail}" in " ".join(asked.command)
    return list(found_in(program, drop if shows_mail else None, asked.is_of_today))


def _started(command: Sequence[str], node: str, users: Sequence[str], folder: Path) -> Channel:
    """Start a program for one session, as the host of that name."""
    names = {"mail": str(folder), "host": node, "users": ",".join(users)}
    return PipeChannel(Program(*filled(command, names)))
