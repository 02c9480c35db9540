"""Judges programs as hosts of the network of a topology file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lab.judging.finding import Judgement
from lab.judging.networks.asked import (
    AskedNetwork,
    BadNetwork,
    commands_by_role,
    prepared,
    role_of,
)
from lab.judging.networks.live import judge_live
from lab.judging.networks.simulated import judge_simulated
from lab.judging.networks.traffic import MOST, with_traffic_as_mail
from lab.judging.program import NotStarted
from lab.topology.model import Topology


def names_of_cases(asked: AskedNetwork) -> list[str]:
    """Return the names of all cases of a network."""
    hosts = [spec.name for name in asked.commands if (spec := asked.topology.host(name))]
    topology = _with_mail(asked)[0]
    mail = [f"mail-{number}" for number in range(1, len(topology.mail) + 1)]
    return [*(f"dialogues-{name}" for name in hosts), *mail]


def is_simulated(asked: AskedNetwork) -> bool:
    """Return whether all programs are receivers, so that the network is in simulated time."""
    words = [command for commands in asked.commands.values() for command in commands]
    return all(role_of(command) == "receiver" for command in words)


def _with_mail(asked: AskedNetwork) -> tuple[Topology, bool]:
    """Return the topology with its traffic as mail, on real TCP, and whether that is all of it."""
    if is_simulated(asked):
        return asked.topology, True
    return with_traffic_as_mail(asked.topology, asked.seed)


def judge_network(asked: AskedNetwork) -> Judgement:
    """Judge programs as hosts of a network.

    In simulated time if all of them are receivers on stdin and stdout, and else on real TCP.
    Raises :class:`BadNetwork` if a host or a command is wrong, or a program cannot be started.
    """
    begin = time.monotonic()
    roles = commands_by_role(asked)
    with_mail, has_all = _with_mail(asked)
    asked = replace(asked, topology=with_mail)
    topology = prepared(asked, roles)
    with tempfile.TemporaryDirectory(prefix="lab-judge-", ignore_cleanup_errors=True) as folder:
        try:
            if is_simulated(asked):
                commands = {name: by_role["receiver"] for name, by_role in roles.items()}
                result = judge_simulated(asked, topology, commands, Path(folder))
            else:
                result = judge_live(asked, topology, roles, Path(folder))
        except NotStarted as error:
            raise BadNetwork(str(error)) from None
    if not has_all:
        result.notes.append(f"only the first {MOST} mails of the traffic were sent")
    if asked.only:
        _keep(result, asked.only)
    result.seconds = time.monotonic() - begin
    return result


def _keep(result: Judgement, only: Sequence[str]) -> None:
    """Keep some cases of a result only."""
    result.cases = [name for name in result.cases if name in only]
    result.findings = [each for each in result.findings if each.case in only]
    result.left_out = {name: why for name, why in result.left_out.items() if name in only}
