"""A small package with plug-ins, installed in a folder as pip would have installed it."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from helpers import greylist

SOURCE: Final = f"""{inspect.getsource(greylist)}

from collections.abc import Iterator


class Scattered(extend.Retry):
    def delay(self, failures: int, host: str = "", peer: str = "", reason: str = "") -> float:
        return 100.0 * failures + round(self.random.random(), 3)


class Nearest(extend.Routing):
    is_static = True

    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        return self.network.shortest(host, target, avoided)


class Crash(extend.Fault):
    def run(self, network: extend.NetworkControl) -> Iterator[float]:
        yield 1.0
        network.happen("crash", host=network.hosts[-1], duration=5.0)


class Spools(extend.Probe):
    every = 10.0

    def sample(self) -> None:
        self.add(queued=sum(map(self.network.queued, self.network.hosts)))


class Broken(extend.Behaviour):
    def begin(self, session: extend.Session, verb: str, reverse_path: Path) -> Reply | None:
        raise ValueError("of no use")
"""

ENTRIES: Final = {
    "greylist": "Greylist", "scattered": "Scattered", "nearest": "Nearest", "crash": "Crash",
    "spools": "Spools", "broken": "Broken",
}  # fmt: skip


def install(folder: Path, version: str = "1.5", package: str = "own_plugins") -> None:
    """Put the package into a folder, with the entry points of its plug-ins."""
    (folder / f"{package}.py").write_text(SOURCE, encoding="utf-8")
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir()
    name = package.replace("_", "-")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines = [f"{entry} = {package}:{cls}" for entry, cls in ENTRIES.items()]
    lines.append(f"absent = {package}_absent:Nothing")
    lines.append(f"wrong = {package}:ENTRIES_OF_NOBODY")
    text = "\n".join(["[smtp_lab.plugins]", *lines, ""])
    (info / "entry_points.txt").write_text(text, encoding="utf-8")


@contextmanager
def installed(folder: Path, version: str = "1.5", package: str = "own_plugins") -> Iterator[None]:
    """Within this context, this process and those that it starts find the package."""
    install(folder, version, package)
    before = os.environ.get("PYTHONPATH", "")
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), before])
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        os.environ["PYTHONPATH"] = before
        sys.modules.pop(package, None)
