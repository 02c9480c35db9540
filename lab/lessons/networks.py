"""What a lesson does with a network: finds it, draws it, talks to a host, reads a mailbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.lessons.typed_session import TypedSession
from lab.runtime import shipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.api.run import Run
    from lab.topology.model import Topology


def topology(name: str) -> Path:
    """Return the path of a file under ``topologies/``, for example "rfc821/scenario-03.toml".

    It is searched for in the working directory, in those above it (a notebook runs in
    ``notebooks/``), and among those that ship with the lab. Raises FileNotFoundError if it is in
    none of them.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be that of a file in topologies/, not {name!r}")
    current = Path.cwd()
    above = [folder / "topologies" for folder in (current, *current.parents)]
    for folder in (*above, shipped.folder("topologies")):
        path = folder / name
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"topologies/{name} is not in {current}, nor above it, nor among those that ship with the "
        "lab; lab examples lists these"
    )


def draw(network: Topology) -> Axes:
    """Draw the map of a network, before anything has happened in it."""
    from dataclasses import replace

    from lab.views import plot
    from lab.views.pictures.map import map_trace

    return plot(map_trace(replace(network, expect={})), "map")  # nothing has come of it yet


def mailbox(run: Run, user: str) -> list[str]:
    """Return the messages in a user's mailbox at the end of a run, in the order they came."""
    deliveries = (e for e in run.trace if e.kind == "deliver" and e["user"] == user)
    return [event["octets"].decode("latin-1") for event in deliveries]


def talk(
    where: str | Topology, host: str, *, lf_ends_lines: bool = False, quiet: bool = False
) -> TypedSession:
    """Open a session with a host's receiver-SMTP, in which you are the sender-SMTP.

    ``where`` is a file under ``topologies/`` or a topology. ``lf_ends_lines``: the host treats a
    lone LF as the end of a line, which RFC 821 does not allow (4.5.2: CRLF only). ``quiet``:
    nothing is printed.
    """
    from lab.api.simulate import load
    from lab.topology.model import Topology

    network = load(topology(where)) if isinstance(where, str) else where
    if not isinstance(network, Topology):
        raise TypeError(f"where must be a lab.Topology or a file in topologies/, not {where!r}")
    return TypedSession(network, host, lf_ends_lines=lf_ends_lines, quiet=quiet)
