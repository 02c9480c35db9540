"""The top-level keys of a topology file, and its tables that do not become part of a topology.

Each field is a key and is declared here, as :mod:`lab.hosts.setting` says; the keys of the tables
are declared in :mod:`lab.topology.specs` and :mod:`lab.hosts.settings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from lab.hosts.retry import Retry
from lab.hosts.setting import setting
from lab.hosts.settings import HostSettings
from lab.topology.specs import (
    DEFAULT_START,
    Environment,
    FaultSpec,
    LinkSpec,
    MailSpec,
    PollSpec,
    ScriptSpec,
    TrafficSpec,
)

GRAPH_FORMATS: Final = {
    "GraphML": (".graphml",),
    "GML": (".gml",),
    "JSON": (".json",),
    "GEXF": (".gexf",),
    "Pajek": (".net", ".pajek"),
    "DOT": (".dot", ".gv"),
    "CSV": (".csv", ".tsv"),
    "lines of node node cost": (".txt", ".edges", ".edgelist"),
    "adjacency lists": (".adjlist",),
    "XML of SNDlib or fnss": (".xml",),
    "SNDlib's native format": (".sndlib",),
    "pathalias maps": (".map", ".uucp"),
    "graph6": (".g6", ".graph6"),
    "sparse6": (".s6", ".sparse6"),
}
"""The formats of graph files, and the endings of each."""


def _listed() -> str:
    *first, last = [f"{name} ({', '.join(ends)})" for name, ends in GRAPH_FORMATS.items()]
    return f"{', '.join(first)}, or {last}"


FORMATS_LISTED: Final = _listed()
"""The formats of graph files and their endings, for messages and the guide."""


def _expected(help: str) -> Any:
    return field(default=None, metadata=setting("count", help, default_text="anything"))


@dataclass(frozen=True, slots=True)
class Expect:
    """``[expect]``: the counts of a summary, any of which a file may state."""

    submitted: int | None = _expected("Recipients of the mail that users submitted.")
    delivered: int | None = _expected("Recipients whose mail was delivered.")
    returned: int | None = _expected("Recipients whose mail came back with a notification.")
    rejected: int | None = _expected("Recipients that the user's own host refused.")
    queued: int | None = _expected("Recipients whose mail was still queued at the end.")
    undeliverable_notifications: int | None = _expected(
        "Recipients for whom the notification could not be delivered."
    )
    discarded: int | None = _expected(
        "Recipients whose mail a host seemed to accept and did not keep, by a script or a fault."
    )
    lost: int | None = _expected("Recipients whose mail was lost.")
    duplicates: int | None = _expected("Deliveries beyond the first.")
    sessions: int | None = _expected("Transmission channels that opened.")
    hops: int | None = _expected("Sessions that the delivered mail crossed, in total.")


COUNTS: Final = tuple(count.name for count in fields(Expect))
"""The counts of a summary that ``[expect]`` may have."""


@dataclass(frozen=True, slots=True)
class Generate:
    """``[generate]``: a networkx generator that makes the hosts and links, and its arguments."""

    kind: str = field(
        metadata=setting(
            "text", "Name of the networkx generator.", example='"barabasi_albert_graph"'
        )
    )


@dataclass(frozen=True, slots=True)
class Defaults:
    """``[defaults]``: settings of all hosts and links that do not have their own."""

    host: HostSettings | None = field(
        default=None, metadata=setting("shared table", "Defaults of hosts.", of=HostSettings)
    )
    link: LinkSpec | None = field(
        default=None, metadata=setting("shared table", "Defaults of links.", of=LinkSpec)
    )


@dataclass(frozen=True, slots=True)
class TopologyFile:
    """The top-level keys of a topology file."""

    title: str = field(
        default="", metadata=setting("text", "The title of the network.", example='"Relayed mail"')
    )
    start: datetime = field(
        default=DEFAULT_START,
        metadata=setting("date", "The date at t=0.", example="1981-11-02T22:33:44Z"),
    )
    environment: tuple[Environment, ...] = field(
        default=(),
        metadata=setting(
            "tables", "Environments.", of=Environment, default_text='"arpanet" over tcp'
        ),
    )
    host: tuple[HostSettings, ...] = field(
        default=(), metadata=setting("tables", "Hosts and routers.", of=HostSettings)
    )
    link: tuple[LinkSpec, ...] = field(
        default=(), metadata=setting("tables", "Links between them.", of=LinkSpec)
    )
    mail: tuple[MailSpec, ...] = field(
        default=(), metadata=setting("tables", "Mail that users submit.", of=MailSpec)
    )
    traffic: tuple[TrafficSpec, ...] = field(
        default=(), metadata=setting("tables", "Random messages.", of=TrafficSpec)
    )
    script: tuple[ScriptSpec, ...] = field(
        default=(), metadata=setting("tables", "Sender-SMTPs that send given lines.", of=ScriptSpec)
    )
    poll: tuple[PollSpec, ...] = field(
        default=(), metadata=setting("tables", "Hosts that fetch their mail.", "3.8", of=PollSpec)
    )
    fault: tuple[FaultSpec, ...] = field(
        default=(), metadata=setting("tables", "Faults.", of=FaultSpec)
    )
    retry: Retry = field(
        default_factory=Retry,
        metadata=setting("table", "When mail is tried again, and when it expires.", of=Retry),
    )
    expect: Expect = field(
        default_factory=Expect,
        metadata=setting(
            "table", "The expected outcome; if it is different, the exit status is 1.", of=Expect
        ),
    )
    graph: str | None = field(
        default=None,
        metadata=setting(
            "name",
            f"A file of hosts and links in place of `[[host]]` and `[[link]]`: {FORMATS_LISTED}. "
            "`lab help maps` shows them.",
            example='"map.graphml"',
        ),
    )
    generate: Generate | None = field(
        default=None,
        metadata=setting("open table", "A graph that a networkx generator makes.", of=Generate),
    )
    defaults: Defaults | None = field(
        default=None,
        metadata=setting(
            "table", "Settings of hosts and links that do not have their own.", of=Defaults
        ),
    )
