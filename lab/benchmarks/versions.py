"""``lab bench --compare``: two versions of the lab, side by side on one machine.

Each version makes the same runs, as ``lab run`` and in processes of its own, in turn with the
other. So what else the machine does hits both alike. Seconds are of the processor.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from lab.benchmarks.simulation import ROUNDS
from lab.benchmarks.whole_run import NETWORK, SMALL, in_turn


def why_not_a_checkout(folder: Path) -> str:
    """Return why a folder is not a checkout of the lab; "" if it is one."""
    if (folder / "lab" / "__main__.py").is_file():
        return ""
    return f"{folder}: not a checkout of the lab, because it has no lab/__main__.py"


def compare_versions(
    old: Path, messages: int, report: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Return the CPU seconds of both versions for several commands, and how they compare.

    ``old`` is a checkout; its own Python in ``.venv`` runs it if there is one. A ratio of 1.03
    says that this version takes 3 % longer. Raises RuntimeError if a command fails.
    """
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
        small, network = Path(folder, "small.toml"), Path(folder, "network.toml")
        small.write_text(SMALL)
        network.write_text(NETWORK.format(hosts=200, count=messages, rate=20))
        for name, arguments in {
            "help": ["--help"],
            "run_of_three_hosts": ["run", str(small), "--json"],
            "whole_run": ["run", str(network), "--json"],
            "whole_run_at_none": ["run", str(network), "--json", "--trace", "none"],
        }.items():
            report(f"{ROUNDS} pairs of lab {' '.join(arguments[:1])}: {name.replace('_', ' ')}")
            figures |= _pairs(old.absolute(), name, arguments, folder)
    return figures


def _pairs(old: Path, name: str, arguments: list[str], folder: str) -> dict[str, Any]:
    own = Path(old, ".venv", "bin", "python")
    python = {"old": str(own) if own.exists() else sys.executable, "new": sys.executable}
    here = Path(__file__).parent.parent.parent
    environments = {
        "old": os.environ | {"PYTHONPATH": str(old)},
        "new": os.environ | {"PYTHONPATH": str(here)},
    }
    commands = {each: [python[each], "-m", "lab", *arguments] for each in ("old", "new")}
    in_turn(commands, 1, folder, environments)  # the first run may compile modules
    seconds = in_turn(commands, ROUNDS, folder, environments)
    ratios = [new / before for before, new in zip(seconds["old"], seconds["new"], strict=True)]
    return {
        f"{name}_old_cpu_seconds": round(median(seconds["old"]), 3),
        f"{name}_new_cpu_seconds": round(median(seconds["new"]), 3),
        f"{name}_new_over_old": round(median(ratios), 3),
        f"{name}_new_over_old_spread": f"{min(ratios):.3f} to {max(ratios):.3f}",
    }
