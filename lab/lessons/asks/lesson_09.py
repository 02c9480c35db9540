"""What lesson 9 asks for: gateways between environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.api.simulate import simulate
from lab.lessons.answers import Host, Number, Several, Verdict, hinted
from lab.lessons.functions import Network, signatures

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology


def names(network: Topology) -> list[str]:
    """Return all names of all hosts."""
    return [name for host in network.hosts.values() for name in (host.name, *host.names.values())]


def mails(run: Run, message: int) -> list[str]:
    """Return the MAIL commands of a message, in the order in which they crossed."""
    own = [e for e in run.trace if e.kind == "command" and e.message == message]
    return [e["text"] for e in own if e["verb"] == "MAIL"]


def _signer(mail: str, known: list[str]) -> Host:
    """Return the first host of the reverse-path in a MAIL command."""
    return Host(mail.removeprefix("MAIL FROM:<@").partition(":")[0], known)


@hinted("It is the first step of Mark's way back. Which of the names does SU-SCORE know?")
def predict(mail: str, known: list[str]) -> Host:
    """Return the first host of the reverse-path with which the first message arrived."""
    return _signer(mail, known)


@hinted("How many names does it have left?")
def break_it(mail: str, known: list[str]) -> Host:
    """Return the same of the second message, where the gateway has forgotten a name."""
    return _signer(mail, known)


def helos(run: Run) -> list[str]:
    """Return the names with which the gateway says HELO to RICE and to USC-ISIF."""
    return [
        e["text"].split()[1]
        for peer in ("RICE.CSNET", "USC-ISIF.ARPA")
        for e in run.trace
        if e.kind == "command" and e["verb"] == "HELO" and e.host == peer
    ]


@hinted("By which name does the listening host know it?")
def exercise_1(hello_names: list[str], known: list[str]) -> Several:
    """Return the names with which the gateway says HELO to RICE and to the ARPANET."""
    return Several([Host(name, known) for name in dict.fromkeys(hello_names)], ["RICE", "ARPANET"])


@hinted("Each packet takes one latency.")
def exercise_2(opening: Callable[[str], float]) -> Several:
    """Return after how many seconds a channel is open, over a line of 200 ms."""
    services = ("tcp", "ncp", "nits")
    return Several([Number(opening(each), off=0.01, units=["s"]) for each in services], services)


def exercise_3() -> Network:
    """Return the exercise for a network that joins two environments by a gateway."""
    return Network(_joins)


def _joins(network: Topology) -> Verdict:
    transports = {network.environments[link.environment].transport for link in network.links}
    if len(transports) < 2:
        return "The links are all of one transport."
    run = simulate(network)
    arrived = {r["message"] for r in run.summary["recipients"] if r["outcome"] == "delivered"}
    signed = [signatures(run, message) for message in arrived]
    if not any(names for names in signed):
        return "No message was delivered through a gateway."
    both = any(host != name for names in signed for host, name in names)
    return both or "Every gateway signs with its first name."
