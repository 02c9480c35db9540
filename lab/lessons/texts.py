"""Topologies from texts that are written as topology files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.topology.model import Topology


def from_text(text: str) -> Topology:
    """Return the topology that a text describes, written as a topology file.

    Raises TopologyError with what is wrong in it, as a file with the same content would.
    """
    from lab.topology.model import TopologyError, load

    with TemporaryDirectory() as folder:
        path = Path(folder, "network.toml")
        path.write_text(text, encoding="utf-8")
        try:
            return load(path)
        except TopologyError as error:
            problems = [problem.replace(str(path), "the text") for problem in error.problems]
            raise TopologyError(problems) from None
