"""Which features each run of a storm has: some are left out, and some hosts are scripted.

Runs that have everything resemble each other, and a fault that needs one feature without another
is never found. So each run leaves some kinds of fault and some settings out ("swarm testing"), and
in some of them hosts send other bytes in place of replies. All of that is drawn from a generator of
its own: :func:`~lab.experiments.storm.random_networks.random_network` draws as it would alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lab.experiments.storm.random_networks import Draw, random_network
from lab.hosts.checked import of_valid, with_valid
from lab.hosts.reply_script import OPEN, STAGES, ScriptedReply
from lab.protocol import NO_LIMITS, Path
from lab.runtime.streams import generator
from lab.topology.model import HostSpec, MailSpec, Topology

LEFT_OUT: Final = 0.25
"""The chance that a run leaves out a kind of fault or a feature."""

_OF_HOSTS: Final[dict[str, Any]] = {
    "lists": (), "forwards": (), "limits": NO_LIMITS, "store": 0.0, "on_251": "accept",
}  # fmt: skip
_OF_LINKS: Final[dict[str, Any]] = {"jitter": 0.0, "bandwidth": None, "loss": 0.0}

_STAGES: Final = STAGES[:7]
"""The stages that a session of a random network has: to the reply to RSET."""

_OCTETS: Final[Sequence[bytes | None]] = (
    None, None, b"", b"250 OK\r\n", b"250-one\r\n250 two\r\n", b"250 OK\r\n250 OK\r\n",
    b"250 OK\r\n550 no\r\n", b"250-one\r\n25", b"250 OK\n", b"220 go\r\n", b"354 go\r\n",
    b"451 later\r\n", b"452 full\r\n", b"550 no\r\n", b"552 too many\r\n", b"421 bye\r\n",
    b"\0\xff\r\n", b"250-one\r\n251 two\r\n", b"199 x\r\n", b"299 x\r\n", b"not a reply\r\n",
    b"x" * 2000,
)  # fmt: skip


def storm_network(seed: int, number: int, *, careless: bool = False) -> Topology:
    """Return the topology of the ``number``-th run of a storm.

    ``careless``: every host replies 250 before it stores the mail.
    """
    topology = random_network(seed, number, careless=careless)
    draw = Draw(generator(seed, f"swarm {number}"))
    kinds = sorted({fault.kind for fault in topology.faults})
    absent = {kind for kind in kinds if draw.chance(LEFT_OUT)}
    hosts_lack, links_lack = _lacking(draw, _OF_HOSTS), _lacking(draw, _OF_LINKS)
    has_verbs, has_routes = not draw.chance(LEFT_OUT), not draw.chance(LEFT_OUT)
    hosts = {name: with_valid(host, hosts_lack) for name, host in topology.hosts.items()}
    if draw.chance(0.4):
        hosts = {name: _scripted(draw, host) for name, host in hosts.items()}
    return with_valid(
        topology,
        {
            "hosts": hosts,
            "links": tuple([with_valid(link, links_lack) for link in topology.links]),
            "mail": tuple([_mail(mail, has_verbs, has_routes) for mail in topology.mail]),
            "faults": tuple([fault for fault in topology.faults if fault.kind not in absent]),
        },
    )


def _lacking(draw: Draw, features: dict[str, Any]) -> dict[str, Any]:
    return {name: plain for name, plain in features.items() if draw.chance(LEFT_OUT)}


def _mail(mail: MailSpec, has_verbs: bool, has_routes: bool) -> MailSpec:
    changes: dict[str, Any] = {} if has_verbs else {"verb": "MAIL"}
    if not has_routes:
        changes["to"] = tuple([Path((), path.local, path.domain) for path in mail.to])
    return with_valid(mail, changes)


def _scripted(draw: Draw, host: HostSpec) -> HostSpec:
    """Return a host, perhaps with scripted replies."""
    if not draw.chance(0.5):
        return host
    return with_valid(host, {"replies": tuple([_reply(draw) for _ in range(1 + draw.index(2))])})


def _reply(draw: Draw) -> ScriptedReply:
    stage = draw.choice(_STAGES)
    octets = draw.choice(_OCTETS)
    early = octets is not None and stage != OPEN and draw.chance(0.2)
    pieces = draw.choice(((), (), (1,), (1, 3), (3, 1, 1)))
    then = draw.choice(("nothing", "nothing", "nothing", "cut", "half-close", "silence"))
    return of_valid(
        ScriptedReply,
        {
            "to": stage,
            "nth": 1 + draw.index(4) if draw.chance(0.75) else None,
            "octets": octets,
            "repeat": 2 if octets is None and not pieces and then == "nothing" else 1,
            "pieces": pieces,
            "pause": draw.between(0.001, 700) if draw.chance(0.4) else 0.0,
            "early": early,
            "then": then,
        },
    )
