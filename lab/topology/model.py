"""The topology as users have it: what a file describes, also as a graph and as a file.

The data is declared in :mod:`lab.topology.specs`. This module is the top of the room: no other
module of the room imports it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from lab.hosts.checked import checked
from lab.runtime import arguments
from lab.runtime.arguments import plain, shown, whole_number
from lab.topology.file import COUNTS as COUNTS
from lab.topology.parts import problems_of_parts
from lab.topology.specs import DEFAULT_START as DEFAULT_START
from lab.topology.specs import BurstLoss as BurstLoss
from lab.topology.specs import Distribution as Distribution
from lab.topology.specs import Environment as Environment
from lab.topology.specs import FaultSpec as FaultSpec
from lab.topology.specs import Generated, TopologyData
from lab.topology.specs import HostSpec as HostSpec
from lab.topology.specs import LinkBack as LinkBack
from lab.topology.specs import LinkSpec as LinkSpec
from lab.topology.specs import MailSpec as MailSpec
from lab.topology.specs import PollSpec as PollSpec
from lab.topology.specs import ScriptSpec as ScriptSpec
from lab.topology.specs import Sets as Sets
from lab.topology.specs import TopologyError as TopologyError
from lab.topology.specs import TrafficSpec as TrafficSpec

if TYPE_CHECKING:
    import networkx


@checked
@dataclass(frozen=True, slots=True)
class Topology(TopologyData):
    """A topology, with methods that make a graph, a file, or the topology for another seed."""

    @property
    def graph(self) -> networkx.MultiGraph:
        """The topology as a networkx graph; it is made once.

        Nodes are host names, edges are keyed by environment, and by name where a link has one:
        "arpanet/satellite". Both have their settings as numbers and texts, for the algorithms and
        writers of networkx: ``users`` is '["ann", "bob"]'. The settings themselves are in
        ``topology.hosts[name]`` and ``topology.links``.
        """
        if "graph" not in self._cache:
            from lab.topology.graphs import to_graph

            self._cache["graph"] = to_graph(self)
        return self._cache["graph"]

    def ready(self) -> Topology:
        """Return the topology itself; raise :class:`TopologyError` if its parts do not fit.

        A run begins with this. Until then, parts can be replaced one after another.
        """
        if "ready" not in self._cache:
            problems = list(problems_of_parts(self))
            if problems:
                from lab.topology.problems import bounded

                raise TopologyError(bounded(problems))
            self._cache["ready"] = True
        return self

    def with_seed(self, seed: int) -> Topology:
        """Return the topology that the same file describes for another seed.

        It differs only where ``[generate]`` draws the graph at random, and not if anything has been
        changed since the file was read.
        """
        seed, recipe = whole_number("seed", seed), self.recipe
        if not isinstance(recipe, Generated):
            return self
        if any(getattr(self, name) != part for name, part in recipe.drawn.items()):
            return self
        return replace(from_dict(recipe, sets=recipe.sets, seed=seed), sets=self.sets)

    def with_faults(self, faults: Sequence[FaultSpec]) -> Topology:
        """Return the topology with more faults, which are checked as those of a file are.

        Names of hosts may be in any case, and times may be texts such as "10 s". Raises
        :class:`TopologyError` for a fault that this topology cannot have, and TypeError for
        anything else than faults.
        """
        if not isinstance(faults, (list, tuple)):
            raise TypeError(f"faults must be a list of lab.Fault, not {shown(faults)}")
        for fault in faults:
            if not isinstance(fault, FaultSpec):
                raise TypeError(f"faults must be a list of lab.Fault, but has {shown(fault)} in it")
        if not faults:
            return self
        return replace(self, faults=(*self.faults, *_checked(self, faults)))

    def change(self, sets: Sets) -> Topology:
        """Return the topology with some values changed, as ``--set`` changes those of its file.

        ``sets`` are texts such as "host.Denver.relay=false", or a mapping such as
        ``{"link.*.latency": "1 s"}``. What ``[generate]`` drew stays as it is for every seed.
        Raises :class:`TopologyError`.
        """
        import tomllib

        made = from_dict(tomllib.loads(self.to_toml()), sets=_sets(sets))
        return replace(made, notes=tuple(dict.fromkeys((*self.notes, *made.notes))))

    def to_toml(self, comment: str = "") -> str:
        """Return the text of a topology file that loads as this topology, under a comment."""
        from lab.topology.write import to_toml

        if not isinstance(comment, str):
            raise TypeError(f"comment must be a text, not {shown(comment)}")
        return to_toml(self, comment)

    @classmethod
    def from_graph(
        cls, graph: networkx.Graph, *, sets: Sets = (), seed: int = 0, **options: object
    ) -> Topology:
        """Return the topology of any networkx graph, as ``graph = "map.graphml"`` gives in a file.

        ``options`` are the other keys of a topology file: ``title="..."``, ``mail=[{...}]``,
        ``defaults={"link": {"latency": "40 ms"}}``. Raises :class:`TopologyError`.
        """
        if not hasattr(graph, "adjacency"):
            raise TypeError(f"graph must be a networkx graph, not {shown(graph)}")
        return from_dict(options, graph=graph, sets=sets, seed=seed)


def _checked(topology: Topology, faults: Sequence[FaultSpec]) -> Sequence[FaultSpec]:
    """Return faults as a file would give them that has the hosts and links of a topology."""
    from lab.topology.write import table_of

    tables = {
        "environment": [table_of(environment) for environment in topology.environments.values()],
        "host": [
            {"name": host.name, "kind": host.kind, "names": dict(host.names)}
            for host in topology.hosts.values()
        ],
        "link": [
            {"between": [link.a, link.b], "environment": link.environment, "name": link.name}
            for link in topology.links
        ],
        "fault": [table_of(_plain(fault)) for fault in faults],
    }
    try:
        return from_dict(tables).faults
    except TopologyError as error:
        problems = [problem.replace("fault[", "faults[", 1) for problem in error.problems]
        raise TopologyError(problems) from None


def _plain(fault: FaultSpec) -> FaultSpec:
    """Return a fault in which arrays of numpy's are lists."""
    values = {each.name: getattr(fault, each.name) for each in fields(fault) if each.init}
    return replace(fault, **plain(values))


# The readers are imported where they are used, so that a program that only has a topology, such as
# the process of a live host, does not wait for them.


def load(path: str | os.PathLike[str], sets: Sets = (), seed: int = 0) -> Topology:
    """Return the topology that a TOML file describes.

    ``sets`` are overrides such as "link.0.latency=1 s"; ``seed`` is for ``[generate]``. Raises
    :class:`TopologyError` with every problem of the file, a sentence each.
    """
    from lab.topology.load import read_file

    arguments.path("path", path, "the path of a topology file")
    return read_file(Topology, path, sets=_sets(sets), seed=whole_number("seed", seed))


def _sets(sets: Sets) -> Sets:
    """Return overrides, if they are a list of texts or a mapping."""
    if isinstance(sets, Mapping):
        return sets
    if isinstance(sets, Iterable) and not isinstance(sets, str):
        texts = list(sets)
        if all(isinstance(text, str) for text in texts):
            return texts
    raise TypeError(
        f'sets must be a list of texts such as ["link.0.latency=1 s"], or a mapping such as '
        f'{{"link.0.latency": "1 s"}}, not {shown(sets)}'
    )


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

    seed = whole_number("seed", seed)
    return read_tables(Topology, raw, graph=graph, sets=_sets(sets), seed=seed)
