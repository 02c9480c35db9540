"""SVG and PDF are the same bytes in every process, on every day."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from helpers.places import TOPOLOGIES

PROGRAM = """
import hashlib, io, json, sys
from pathlib import Path
from tempfile import TemporaryDirectory

import lab
from lab import views
from lab.views import plain

campus, folder = sys.argv[1], TemporaryDirectory()
run = lab.simulate(campus)
crash = lab.Fault("crash", host="HUB.CAMPUS", at=10.0, duration=60.0)
other = lab.simulate(campus, faults=[crash])
there = Path(folder.name)
for kind in views.PICTURES:
    for ending in ("svg", "pdf"):
        views.save(run.trace, kind, there / f"{kind}.{ending}")
for kind in plain.PICTURES:
    plain.save(run.trace, kind, there / f"plain-{kind}.svg")
run.animate(seconds=2).save(there / "film.svg")
difference = lab.diff(run, other)
difference.save(there / "diff.html")
for kind in ("slopes", "map"):
    for ending in ("svg", "pdf"):
        difference.plot(kind).get_figure(root=True).savefig(there / f"diff-{kind}.{ending}")
made = sorted(there.iterdir())
digests = {str(path.relative_to(there)): hashlib.sha256(path.read_bytes()).hexdigest()
           for path in made}
print(json.dumps(digests))
"""


def digests(number: int) -> dict[str, str]:
    """Return the digest of each picture, made in a process of its own on another day."""
    day = {"PYTHONHASHSEED": str(number), "SOURCE_DATE_EPOCH": str(number * 86400)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(TOPOLOGIES / "campus.toml")],
        env=os.environ | day, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made: dict[str, str] = json.loads(done.stdout)
    return made


def test_every_picture_is_the_same_bytes_in_two_processes() -> None:
    first, second = digests(1), digests(2)
    assert first == second
    assert {
        "map.svg",
        "utilisation.pdf",
        "film.svg",
        "plain-ladder.svg",
        "diff-map.pdf",
    } <= first.keys()
