"""Fuzz targets for some time: `python tests/fuzz/fuzz.py receiver sender --seconds 3600`.

Without names, all targets take their turns. With atheris, inputs are guided by coverage. Without
it, or with `--plain`, they are made from the seeds at random (`--seed`). What breaks a rule is left
in a file whose name is printed, and the exit status is not 0. The last line of each target says how
many inputs were tried.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random

os.environ["SMTP_LAB_PURE"] = "1"  # coverage is of Python's own code
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

SIGNS = (b"\r\n", b"\r", b"\n", b".", b"\r\n.\r\n", b"<", b">", b"@", b'"', b"\\", b"\0", b"\xff",
         b" ", b"250 OK\r\n", b"354 go\r\n", b"550 no\r\n", b"250-")  # fmt: skip


def main() -> None:
    """Fuzz each target for its share of the seconds."""
    options = parsed()
    if options.guided:
        fuzz_guided(options.guided, options.seconds)
    elif find_spec("atheris") is not None and not options.plain:
        for name in options.names:
            share = str(options.seconds // len(options.names) or 1)
            command = [sys.executable, __file__, "--guided", name, "--seconds", share]
            if status := subprocess.run(command, check=False).returncode:
                sys.exit(status)
    else:
        for name in options.names:
            fuzz_plain(name, options.seconds / len(options.names), options.seed)


def parsed() -> argparse.Namespace:
    """Return the arguments."""
    import targets

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TARGET", help=", ".join(targets.TARGETS))
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--guided", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.names = options.names or list(targets.TARGETS)
    for name in options.names:
        if name not in targets.TARGETS:
            parser.error(f"there is no target {name}; there are {', '.join(targets.TARGETS)}")
    return options


def fuzz_guided(name: str, seconds: int) -> None:
    """Fuzz a target with atheris, guided by coverage."""
    for module in [module for module in sys.modules if module.partition(".")[0] in OWN]:
        del sys.modules[module]  # they are imported once more, with instruments
    import atheris

    with atheris.instrument_imports(include=["lab.protocol", "lab.hosts"]):
        import targets
    with tempfile.TemporaryDirectory() as corpus:
        for number, octets in enumerate(targets.SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(octets)
        options = [f"-max_total_time={seconds}", "-max_len=4096", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, corpus], targets.TARGETS[name])
        atheris.Fuzz()


OWN = ("lab", "targets", "scripted")


def fuzz_plain(name: str, seconds: float, seed: int) -> None:
    """Fuzz a target with inputs that are made at random from its seeds."""
    import targets

    random, until, tried = Random(f"{seed} {name}"), time.monotonic() + seconds, 0
    pool = list(targets.SEEDS[name])
    while time.monotonic() < until:
        octets = mutated(random, random.choice(pool), random.choice(pool))
        tried += 1
        try:
            targets.TARGETS[name](octets)
        except Exception:
            path = Path(f"crash-{name}-{tried}")
            path.write_bytes(octets)
            print(f"{name}: input {tried} breaks a rule; it is in {path}", flush=True)
            raise
        if random.random() < 0.02 and len(pool) < 2_000:
            pool.append(octets)
    print(f"{name}: {tried:,} inputs in {seconds:.0f} s, none broke a rule", flush=True)


def mutated(random: Random, octets: bytes, other: bytes) -> bytes:
    """Return bytes with some changes: others, signs, parts of another input, a piece left out."""
    for _ in range(random.randint(1, 5)):
        at, end = sorted(random.randint(0, len(octets)) for _ in range(2))
        match random.randint(0, 4):
            case 0:
                octets = octets[:at] + bytes([random.randint(0, 255)]) + octets[at + 1 :]
            case 1:
                octets = octets[:at] + random.choice(SIGNS) + octets[at:]
            case 2:
                octets = octets[:at] + octets[end:]
            case 3:
                octets = octets[:at] + other[random.randint(0, len(other)) :] + octets[at:]
            case _:
                octets = octets[:end] + octets[at:]
    return octets[:4096]


if __name__ == "__main__":
    main()
