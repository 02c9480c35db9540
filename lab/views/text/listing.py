"""A topology as tables to read: hosts, links, and the routes that its mail will take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.table import Table

from lab.analysis.shown_names import ShownNames
from lab.quantities import bandwidth, duration
from lab.topology.distributions import BurstLoss

if TYPE_CHECKING:
    from lab.topology.model import LinkSpec, Topology

ROWS: Final = 40
"""Rows of a table that are shown; the others are counted."""


def listing(topology: Topology, routes: Sequence[tuple[str, str, list[str]]]) -> Group:
    """Return tables of hosts, links and routes, to print.

    ``routes`` are senders, recipients, and the hosts on the way, first and last included.
    """
    shown = ShownNames((spec.name, spec.label) for spec in topology.hosts.values())
    parts: list[Any] = [topology.title or "(no title)", _hosts(topology, shown)]
    if topology.links:
        parts.append(_links(topology, shown))
    if routes:
        parts.append(_routes(routes, shown))
    return Group(*parts)


def _hosts(topology: Topology, shown: ShownNames) -> Table:
    """Return the hosts; of those that people see by a label, the name is their first other name."""
    table = _table("hosts", "kind", "users", "lists", "forwards", "other names")
    specs = list(topology.hosts.values())
    for spec in specs[:ROWS]:
        kind = "router" if spec.kind == "router" else "relay" if spec.relay else "host"
        other_names = [spec.name] if spec.name in shown else []
        other_names += [f"{name} ({where})" for where, name in spec.names.items()]
        counts = (len(spec.users), len(spec.lists), len(spec.forwards))
        cells = (str(n) if n else "" for n in counts)
        table.add_row(shown[spec.name], kind, *cells, ", ".join(other_names))
    return _bounded(table, len(specs))


def _links(topology: Topology, shown: ShownNames) -> Table:
    table = _table("links", "environment", "transport", "latency", "bandwidth", "loss")
    for link in topology.links[:ROWS]:
        transport = topology.environments[link.environment].transport
        ends = f"{shown[link.a]} - {shown[link.b]}" + (f" ({link.name})" if link.name else "")
        there, back = _of_direction(link), _of_direction(link.reverse)
        cells = [
            each if each == other else f"{each or 'none'}, back {other or 'none'}"
            for each, other in zip(there, back, strict=True)
        ]
        table.add_row(ends, link.environment, transport, *cells)
    return _bounded(table, len(topology.links))


def _of_direction(link: LinkSpec) -> tuple[str, str, str]:
    """Return the latency, the bandwidth and the loss from the first end of a link to the second."""
    rate = "" if link.bandwidth is None else bandwidth(link.bandwidth)
    if isinstance(link.loss, BurstLoss):
        loss = f"{link.loss.mean:.1%} in bursts"
    else:
        loss = f"{link.loss:.1%}" if link.loss else ""
    return duration(link.latency), rate, loss


def _routes(routes: Sequence[tuple[str, str, list[str]]], shown: ShownNames) -> Table:
    table = _table("mail from", "to", "route")
    for sender, to, route in routes[:ROWS]:
        way = " > ".join(shown[host] for host in route) or "none"
        table.add_row(shown.path(sender), shown.path(to), way)
    return _bounded(table, len(routes))


def _table(first: str, *further: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in (first, *further):
        table.add_column(name, overflow="fold")
    return table


def _bounded(table: Table, rows: int) -> Table:
    if rows > ROWS:
        table.caption = f"... and {rows - ROWS} more"
        table.caption_justify = "left"
    return table
