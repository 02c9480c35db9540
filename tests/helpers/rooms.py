"""The rooms of lab/ and the drawing of them in lab/README.md.

Write the drawing again: ``python -m tests.helpers.rooms``.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

README: Final = Path(__file__).resolve().parents[2] / "lab" / "README.md"
REGION: Final = re.compile(r"(?<=<!-- rooms -->\n).*?(?=<!-- /rooms -->)", re.S)

CLOCKS: Final = ("time", "sched", "datetime.now", "os.times")
CHANCE: Final = (
    "random",
    "secrets",
    "uuid.uuid1",
    "uuid.uuid4",
    "os.urandom",
    "os.getrandom",
    "numpy.random",
)
WIRES: Final = ("socket", "socketserver", "ssl", "select", "selectors", "asyncio", "simpy")
PROCESSES: Final = ("threading", "multiprocessing", "subprocess", "concurrent")
DRIVERS: Final = "each room that drives hosts"
VIEWING: Final = ("asyncio", "simpy", DRIVERS)
DRAWING: Final = "matplotlib"
PURE: Final = (*CLOCKS, *CHANCE, *WIRES, *PROCESSES, DRAWING, DRIVERS)


class Room(NamedTuple):
    """A package or module of lab/: its floor, what it may import, and what it must not load.

    ``drives``: it runs hosts. :data:`DRIVERS` in ``forbids`` stands for every room that does.
    """

    floor: int
    may_import: str = ""
    forbids: tuple[str, ...] = ()
    drives: bool = False


TEXT = "quantities runtime/escaping"
SHOWN = f"{TEXT} views/visual_language"
DATA = f"{TEXT} runtime trace"
MEANING = f"{DATA} protocol analysis hosts topology"
SIMULATED = "simulation simulation/partitioned"
VIEWS = "views views/plain views/pictures views/text views/files views/replay"

# From the ground up. A file belongs to the room with the longest name that fits. A room may import
# itself and the rooms that its line names: each on a lower floor, or further up in this table.
ROOMS: Final = {
    "quantities": Room(0, "", PURE),
    "runtime/escaping": Room(0, "", PURE),
    "views/visual_language": Room(0, "", PURE),
    "runtime": Room(0, "quantities"),
    "trace": Room(0, "runtime", PURE),
    "rfc": Room(0),
    "protocol": Room(1, "", PURE),
    "network/transport": Room(1, "", PURE),
    "testing": Room(2, "protocol", PURE),
    "analysis": Room(2, f"{TEXT} runtime trace protocol network/transport", PURE),
    "hosts": Room(2, "runtime trace protocol", PURE),
    "captures": Room(3, "runtime trace protocol analysis hosts", (*VIEWING, DRAWING)),
    "topology": Room(
        3, f"{TEXT} runtime trace protocol hosts", (*VIEWING, DRAWING)
    ),
    "network": Room(
        3, "runtime network/transport hosts",
        ("asyncio", "multiprocessing", "subprocess", DRAWING, DRIVERS),
    ),
    "simulation": Room(
        4, f"{DATA} protocol network/transport hosts topology network", ("asyncio", "lab.live"),
        drives=True,
    ),
    "simulation/partitioned": Room(4, f"{MEANING} network simulation", ("asyncio", "lab.live")),
    "live": Room(4, f"{MEANING} network simulation", drives=True),
    "extend": Room(
        5, f"{DATA} protocol hosts topology simulation", ("asyncio", "lab.live")
    ),
    "views/files": Room(5, "runtime/escaping trace protocol network/transport analysis", VIEWING),
    "views/pictures": Room(
        5, f"{SHOWN} runtime trace protocol analysis topology", VIEWING
    ),
    "views/replay": Room(
        5, f"{SHOWN} trace protocol analysis", VIEWING
    ),
    "views/plain": Room(
        5, f"{SHOWN} trace protocol analysis", VIEWING
    ),
    "views/text": Room(
        5, f"{SHOWN} trace analysis rfc topology", VIEWING
    ),
    "views": Room(
        5, f"{SHOWN} runtime trace analysis views/plain"
        " views/pictures views/text views/files views/replay", VIEWING,
    ),
    "api": Room(6, f"{MEANING} {SIMULATED} live extend {VIEWS}"),
    "experiments": Room(7, f"{MEANING} simulation extend views/pictures api"),
    "stepping": Room(7, f"{MEANING} extend views/visual_language views api"),
    "watching": Room(7, f"{MEANING} simulation live views views/replay api"),
    "lessons": Room(
        7,
        f"{TEXT} runtime protocol analysis topology simulation views/visual_language views"
        " views/plain views/pictures api",
    ),
    "judging": Room(7, f"{TEXT} rfc protocol", ("simpy", "asyncio", DRAWING)),
    "judging/networks": Room(
        7, f"{MEANING} simulation live api experiments judging", (DRAWING,)
    ),
    "benchmarks": Room(8, f"{MEANING} simulation api experiments stepping"),
    "__init__": Room(
        8,
        "runtime trace protocol testing analysis hosts captures topology extend views api"
        " experiments stepping lessons",
    ),
    "browser": Room(8, f"{MEANING} simulation views views/replay api stepping"),
    "site": Room(
        8, f"{DATA} protocol testing analysis views/visual_language extend {VIEWS} api lessons"
    ),
    "cli": Room(
        9, f"{DATA} views/visual_language rfc analysis captures topology {SIMULATED} live extend"
        f" {VIEWS} api experiments stepping watching lessons judging judging/networks"
        " benchmarks site __init__",
    ),
    "__main__": Room(9, "cli"),
}  # fmt: skip


def forbidden_to(room: str) -> tuple[str, ...]:
    """Return the modules that a room must not load, with those of the drivers by name."""
    drivers = [f"lab.{name.replace('/', '.')}" for name in ROOMS if ROOMS[name].drives]
    named = [drivers if each == DRIVERS else [each] for each in ROOMS[room].forbids]
    return tuple(item for names in named for item in names)


def drawing() -> str:
    """Return the rooms floor by floor, the highest first, each with the rooms it may import."""
    width = max(map(len, ROOMS)) + 2
    lines = ["floor  room" + " " * (width - 4) + "may import"]
    from_the_top = sorted(ROOMS, key=lambda name: -ROOMS[name].floor)
    for floor, names in groupby(from_the_top, key=lambda name: ROOMS[name].floor):
        label = str(floor)
        for name in names:
            allowed = compact(ROOMS[name].may_import) or "nothing of lab"
            lines.append(f"{label:>5}  {name:{width}}{allowed}")
            label = ""
    return "```text\n" + "\n".join(lines) + "\n```\n"


def compact(rooms: str) -> str:
    """Return rooms as the drawing shows them: `views/*` for all of a room's rooms and itself."""
    named = rooms.split()
    for whole in ("views", "simulation"):
        parts = [name for name in ROOMS if name == whole or name.startswith(f"{whole}/")]
        if set(parts) <= set(named):
            at = min(named.index(part) for part in parts)
            named = [name for name in named if name not in parts]
            named.insert(at, f"{whole}/*")
    return " ".join(named)


def completed(readme: str) -> str:
    """Return the README with the drawing as ROOMS has it now."""
    return REGION.sub(lambda _: drawing(), readme)


if __name__ == "__main__":
    README.write_text(completed(README.read_text(encoding="utf-8")), encoding="utf-8")
    print("written: lab/README.md")
