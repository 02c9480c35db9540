"""A storm of networks around a relay: random ones in which a whole mail program is a host.

They run on real TCP, because the program keeps a clock of its own. It is killed as it takes mail
or sends it on, and started again; channels are lost, and other hosts are down for a while.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from lab.judging.cases import Case
from lab.judging.finding import Finding, Judgement
from lab.judging.networks.asked import AskedNetwork, BadNetwork, commands_by_role, prepared
from lab.judging.networks.each import judge_each_network, network_names
from lab.judging.networks.live import judge_live
from lab.judging.networks.random_networks import network_through
from lab.judging.program import NotStarted
from lab.judging.receivers.judge import CannotJudge
from lab.judging.relays.judge import AskedRelay, judge_relay

NETWORKS: Final = 6
"""Networks of a storm around a relay."""
STAGE: Final = 12
"""The stage of the course at which a relay is whole."""
NODE: Final = "BETA.ARPA"
USERS: Final = ("Jones", "Brown")

_TOO_MANY: Final = 3
"""Breaches of other cases with which networks are not worth a try."""
_NO_STORM: Final = "other cases failed, so it would fail in a network too"


def names_of_relay_networks() -> list[str]:
    """Return the names of the cases of a storm around a relay."""
    return network_names(NETWORKS)


def judge_relay_and_storm(asked: AskedRelay) -> Judgement:
    """Judge a relay, and then as a host of random networks.

    Raises :class:`~lab.judging.receivers.judge.CannotJudge` if it could not be started.
    """
    names = names_of_relay_networks()
    other_cases = [name for name in asked.only if name not in names]
    if asked.only and not other_cases:
        result = Judgement("relay", " ".join(asked.command), asked.again)
    else:
        result = judge_relay(replace(asked, only=other_cases))
    chosen = [name for name in names if not asked.only or name in asked.only]
    if asked.stage < STAGE or not chosen:
        return result
    if (len(result.breaches) > _TOO_MANY or result.gave_up) and not asked.only:
        result.left_out |= dict.fromkeys(chosen, _NO_STORM)
        return result
    judge_relay_in_networks(replace(asked, only=chosen), result)
    return result


def judge_relay_in_networks(asked: AskedRelay, result: Judgement) -> None:
    """Judge a relay as a host of random networks, and add that to a result.

    Raises :class:`~lab.judging.receivers.judge.CannotJudge` if it could not be started.
    """
    chosen = [
        Case(name, "4.1.1-12", STAGE, "a relay in a random network, with crashes and lost channels")
        for name in asked.only
    ]
    judge_each_network(partial(_judge_one, asked), chosen, result, asked.progress)


def _judge_one(asked: AskedRelay, case: Case, number: int, folder: Path) -> list[Finding] | str:
    """Return what is wrong in one network, or why it could not be judged."""
    network = AskedNetwork(
        network_through(NODE, USERS, asked.seed, number), {NODE: [asked.command]},
        seed=asked.seed, timeout=asked.timeout,
    )  # fmt: skip
    try:
        roles = commands_by_role(network)
        judged = judge_live(network, prepared(network, roles), roles, folder)
    except NotStarted as error:
        raise CannotJudge(str(error)) from None
    except BadNetwork as error:
        return str(error)
    return [replace(each, case=case.name, stage=STAGE) for each in judged.findings]
