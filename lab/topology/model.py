"""The topology as users have it: what a file describes, also as a graph and as a file.

The data is declared in :mod:`lab.topology.specs`. This module is the top of the room: no other
module of the room imports it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.topology.file import COUNTS as COUNTS
from lab.topology.specs import DEFAULT_START as DEFAULT_START
from lab.topology.specs import Environment as Environment
from lab.topology.specs import FaultSpec as FaultSpec
from lab.topology.specs import HostSpec as HostSpec
from lab.topology.specs import LinkSpec as LinkSpec
from lab.topology.specs import MailSpec as MailSpec
from lab.topology.specs import PollSpec as PollSpec
from lab.topology.specs import ScriptSpec as ScriptSpec
from lab.topology.specs import Sets as Sets
from lab.topology.specs import TopologyData
from lab.topology.specs import TopologyError as TopologyError
from lab.topology.specs import TrafficSpec as TrafficSpec

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, slots=True)
class Topology(TopologyData):
    """A topology, with methods that make a graph, a file, or the topology for another seed."""

    @property
    def graph(self) -> networkx.MultiGraph:
        """The topology as a networkx graph; it is made once.

        Nodes are host names, edges are keyed by environment. Both have a ``spec`` and, for the
        algorithms and writers of networkx, its settings as plain attributes.
        """
        if "graph" not in self._cache:
            from lab.topology.graphs import to_graph

            self._cache["graph"] = to_graph(self)
        return self._cache["graph"]

    def with_seed(self, seed: int) -> Topology:
        """Return the topology that the same file describes for another seed.

        It differs only where ``[generate]`` draws the graph at random.
        """
        if self.recipe is None:
            return self
        return from_dict(self.recipe, seed=seed)

    def to_toml(self, comment: str = "") -> str:
        """Return the text of a topology file that loads as this topology, under a comment."""
        from lab.topology.write import to_toml

        return to_toml(self, comment)

    @classmethod
    def from_graph(
        cls, graph: networkx.Graph, *, sets: Sets = (), seed: int = 0, **options: object
    ) -> Topology:
        """Return the topology of any networkx graph, as ``graph = "map.graphml"`` gives in a file.

        ``options`` are the other keys of a topology file: ``title="..."``, ``mail=[{...}]``,
        ``defaults={"link": {"latency": "40 ms"}}``. Raises :class:`TopologyError`.
        """
        return from_dict(options, graph=graph, sets=sets, seed=seed)


# The readers are imported where they are used, so that a program that only has a topology, such as
# the process of a live host, does not wait for pydantic.


def load(path: str | os.PathLike[str], sets: Sets = (), seed: int = 0) -> Topology:
    """Return the topology that a TOML file describes.

    ``sets`` are overrides such as "link.0.latency=1 s"; ``seed`` is for ``[generate]``. Raises
    :class:`TopologyError` with every problem of the file, a sentence each.
    """
    from lab.topology.load import read_file

    return read_file(Topology, path, sets=sets, seed=seed)


def from_dict(
    raw: Mapping[str, Any],
    *,
    graph: networkx.Graph | None = None,
    sets: Sets = (),
    seed: int = 0,
) -> Topology:
    """Return the topology that the tables of a file describe, or those and a networkx graph.

    Raises :class:`TopologyError`.
    """
    from lab.topology.load import read_tables

    return read_tables(Topology, raw, graph=graph, sets=sets, seed=seed)
