"""Where things lie: the repository, its tests and topologies, and what is shared beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
TESTS: Final = ROOT / "tests"
TOPOLOGIES: Final = ROOT / "topologies"
NOTEBOOKS: Final = ROOT / "notebooks"
SHARED: Final = ROOT.parent / "shared"
"""The standard and data that lie beside a working copy of the developers; may not be there."""
