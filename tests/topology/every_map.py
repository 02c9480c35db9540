"""Run mail over every map at hand: those of topohub, of the shared data, and networkx's generators.

A program, not a test: ``python -m tests.topology.every_map``; a minute on two processors, where the
lab is compiled. Each map goes through what ``lab check`` does and a run with 50 messages. All must
load, and no mail may be lost. ``pip install topohub`` brings the maps of that package; without it,
they are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

import lab
from lab.simulation.unreachable import unreachable_mail
from lab.topology.model import from_dict

SHARED: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
MESSAGES: Final = 50

GENERATORS: Final[dict[str, dict[str, Any]]] = {
    "balanced_tree": {"r": 2, "h": 4}, "barbell_graph": {"m1": 5, "m2": 3},
    "binomial_tree": {"n": 5}, "complete_graph": {"n": 12},
    "complete_bipartite_graph": {"n1": 4, "n2": 6}, "circular_ladder_graph": {"n": 8},
    "circulant_graph": {"n": 12, "offsets": [1, 3]}, "cycle_graph": {"n": 15},
    "dorogovtsev_goltsev_mendes_graph": {"n": 3}, "empty_graph": {"n": 6},
    "full_rary_tree": {"r": 3, "n": 20}, "ladder_graph": {"n": 9},
    "lollipop_graph": {"m": 5, "n": 6}, "path_graph": {"n": 12}, "star_graph": {"n": 9},
    "turan_graph": {"n": 12, "r": 3}, "wheel_graph": {"n": 10}, "grid_2d_graph": {"m": 4, "n": 5},
    "grid_graph": {"dim": [2, 3, 3]}, "hexagonal_lattice_graph": {"m": 2, "n": 3},
    "triangular_lattice_graph": {"m": 3, "n": 4}, "hypercube_graph": {"n": 4},
    "petersen_graph": {}, "karate_club_graph": {}, "les_miserables_graph": {},
    "davis_southern_women_graph": {}, "florentine_families_graph": {},
    "krackhardt_kite_graph": {}, "tutte_graph": {}, "barabasi_albert_graph": {"n": 60, "m": 2},
    "erdos_renyi_graph": {"n": 40, "p": 0.08},
    "newman_watts_strogatz_graph": {"n": 40, "k": 4, "p": 0.1},
    "watts_strogatz_graph": {"n": 40, "k": 4, "p": 0.2},
    "random_regular_graph": {"d": 3, "n": 30},
    "powerlaw_cluster_graph": {"n": 50, "m": 2, "p": 0.3},
    "random_lobster_graph": {"n": 10, "p1": 0.4, "p2": 0.3}, "caveman_graph": {"l": 5, "k": 4},
    "connected_caveman_graph": {"l": 5, "k": 4},
    "gaussian_random_partition_graph": {"n": 40, "s": 8, "v": 4, "p_in": 0.4, "p_out": 0.03},
    "random_geometric_graph": {"n": 40, "radius": 0.2}, "waxman_graph": {"n": 40},
    "random_internet_as_graph": {"n": 100},
    "configuration_model": {"deg_sequence": [3, 3, 2, 2, 1, 1]}, "scale_free_graph": {"n": 50},
    "gn_graph": {"n": 30}, "random_k_out_graph": {"n": 20, "k": 2, "alpha": 1.0},
    "directed_configuration_model":
    {"in_degree_sequence": [1, 2, 1], "out_degree_sequence": [2, 1, 1]},
    "kneser_graph": {"n": 5, "k": 2}, "margulis_gabber_galil_graph": {"n": 4},
}  # fmt: skip
"""Generators of networkx, and small arguments; some make directed graphs or parallel edges."""


class Case(NamedTuple):
    """A map: what it is called, and the keys of a topology file that bring it."""

    name: str
    keys: dict[str, Any]


def cases() -> Iterator[Case]:
    """Yield every map at hand."""
    for kind, arguments in GENERATORS.items():
        yield Case(kind, {"generate": {"kind": kind, **arguments}})
    for path in [*topohub(), *shared()]:
        yield Case(f"{path.parent.name}/{path.name}", {"graph": str(path)})


def topohub() -> list[Path]:
    """Return the maps of topohub, if it is installed."""
    found = importlib.util.find_spec("topohub")
    if found is None or found.origin is None:
        return []
    return sorted((Path(found.origin).parent / "data").rglob("*.json"))


def shared() -> list[Path]:
    """Return the maps of the shared data, if they are beside this checkout."""
    folders = (SHARED / "topologyzoo", SHARED / "uucp-map")
    return [path for folder in folders if folder.exists() for path in sorted(folder.iterdir())]


def outcome(case: Case) -> str:
    """Return "well", or what is wrong with a map."""
    keys = {**case.keys, "traffic": [{"count": MESSAGES, "rate": "10 /s"}]}
    try:
        topology = from_dict(keys)
        unreachable_mail(topology)
        summary = lab.simulate(topology, trace="none").summary
    except lab.TopologyError as why:
        return f"{case.name}: {why}"
    if summary["submitted"] != MESSAGES or summary["lost"] or len(topology.notes) > 10:
        return f"{case.name}: {summary['submitted']} submitted, {summary['lost']} lost"
    return "well"


def processor_seconds() -> float:
    """Return how long processes that are over have had a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Run all maps, or every ``--each``-th; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=1, help="only every so many-th map")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    begun = time.monotonic()
    chosen = list(cases())[:: asked.each]
    with ProcessPoolExecutor(asked.processes) as pool:
        outcomes = Counter(pool.map(outcome, chosen, chunksize=4))
    wrong = [text for text in outcomes if text != "well"]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(
        f"{outcomes['well']} of {len(chosen)} maps went well, in {time.monotonic() - begun:.0f} s "
        f"({processor_seconds():.0f} s of processor time)"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
