"""Fuzz one target, guided by coverage, with atheris: `python tests/fuzz/fuzz.py receiver 30`.

The number is of seconds. What breaks a rule is left in a file whose name is told, and the exit
status is not 0. The last line tells how many inputs were tried.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

os.environ["SMTP_LAB_PURE"] = "1"  # coverage is of Python's own code
sys.path.insert(0, str(Path(__file__).resolve().parent))

with atheris.instrument_imports(include=["lab.protocol", "lab.hosts"]):
    import targets


def main() -> None:
    """Fuzz for so many seconds."""
    name, seconds = sys.argv[1], sys.argv[2]
    with tempfile.TemporaryDirectory() as corpus:
        for number, octets in enumerate(targets.SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(octets)
        options = [f"-max_total_time={seconds}", "-max_len=4096", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, corpus], targets.TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
