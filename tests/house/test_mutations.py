"""Edits that break a rule of the house: each is caught, and by the rule that it breaks.

No file is written: a rule reads a mapping of paths to sources, and a line is added to one of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers import rooms
from helpers.house_rules import (
    circles,
    computed_imports,
    edges,
    forbidden,
    not_allowed,
    overrides,
    touched,
)
from helpers.places import ROOT

from .test_house import CIRCULAR, HOUSE, UPWARD, loads


class Edit(NamedTuple):
    """Lines that are added to a file of lab/, and the rule that they break."""

    file: str
    lines: str
    rule: str = ""


def called(line: str) -> str:
    """Return lines with an import that is made when a function is called."""
    return f"def _x():\n    {line}"


def for_types(line: str) -> str:
    """Return lines with an import for type checkers."""
    return f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {line}"


EARLIER = [  # seven that an earlier test of the architecture let pass
    Edit("protocol/syntax", called("from lab.analysis.account import Account"), "rooms"),
    Edit("hosts/host", "import time", "forbidden"),
    Edit("hosts/host", "from datetime import datetime; NOW = datetime.now()", "forbidden"),
    Edit("hosts/host", "from simpy.events import Timeout", "forbidden"),
    Edit("trace/jsonl", called("import lab; lab.simulate"), "rooms"),
    Edit("views/text/transcript", "from lab.simulation.simulation import Simulation", "rooms"),
    Edit("simulation/agenda", called("from lab.simulation.simulation import X"), "circles"),
]
SPELLINGS = [
    Edit("hosts/spool", "import lab.analysis.account as account", "rooms"),
    Edit("hosts/spool", "import lab.protocol.lines\nX = lab.analysis.account.Account", "rooms"),
    Edit("hosts/spool", "from lab import views", "rooms"),
    Edit("hosts/spool", "from ..analysis import account", "rooms"),
    Edit("analysis/tables", "import lab as all\nX = all.views.plot", "rooms"),
    Edit("analysis/tables", 'import importlib\nimportlib.import_module("lab.views")', "rooms"),
    Edit("analysis/tables", 'import_module("..views", __package__)', "rooms"),
    Edit("protocol/lines", '__import__("lab.hosts.host")', "rooms"),
    Edit("protocol/lines", 'X = ["python", "-m", "lab.cli"]', "rooms"),
    Edit("protocol/lines", 'import pkgutil\npkgutil.resolve_name("lab.hosts.host:X")', "rooms"),
    Edit("topology/load", for_types("from lab.simulation.agenda import Agenda"), "rooms"),
    Edit("network/link", 'import_module("lab" + ".live")', "computed"),
    Edit("network/link", "from importlib import import_module as load", "computed"),
    Edit("network/link", 'import importlib\ngetattr(importlib, "import_module")', "computed"),
    Edit("network/link", 'exec("import lab.simulation.simulation")', "computed"),
    Edit("network/link", "import sys\ndef _x(name):\n    return sys.modules[name]", "computed"),
    Edit("network/link", "import sys\nX = list(sys.modules.values())", "computed"),
    Edit("network/link", "from sys import modules as loaded\nX = loaded", "computed"),
    Edit("network/link", 'import sys\nX = getattr(sys, "modules")', "computed"),
    Edit("hosts/spool", 'import sys\nX = sys.modules["lab.views"]', "rooms"),
]
CIRCLES = [
    Edit("hosts/spool", "from lab.hosts import host", "circles"),
    Edit("hosts/spool", "from . import host", "circles"),
    Edit("hosts/spool", called("from .host import Host"), "circles"),
    Edit("trace/rows", for_types("from lab.trace.trace import Trace"), "circles"),
    Edit("protocol/lines", called("from lab.protocol import Reply"), "circles"),
    Edit("hosts/settings", 'import_module("lab.hosts.host")', "circles"),
]
FORBIDDEN = [
    Edit("protocol/sizes", "import datetime as dt\nNOW = dt.datetime.utcnow()", "forbidden"),
    Edit("protocol/sizes", "from datetime import date as day\nX = day.today()", "forbidden"),
    Edit("protocol/sizes", 'import datetime\ngetattr(datetime.datetime, "now")()', "forbidden"),
    Edit("analysis/faults", called("from random import Random"), "forbidden"),
    Edit("analysis/faults", 'import_module("time")', "forbidden"),
    Edit("hosts/host", 'import sys\nNOW = sys.modules["time"].time()', "forbidden"),
    Edit("hosts/host", 'import sys as s\ns.modules.get("time")', "forbidden"),
    Edit("hosts/host", called('from sys import modules; modules["random"]'), "forbidden"),
    Edit("hosts/host", 'from sys import modules as m\nX = m.pop("socket", None)', "forbidden"),
    Edit("analysis/faults", "import numpy as np\nX = np.random.rand()", "forbidden"),
    Edit("hosts/receiving", "from asyncio import sleep", "forbidden"),
    Edit("quantities", "import socket", "forbidden"),
    Edit("trace/digests", "from uuid import uuid4", "forbidden"),
    Edit("analysis/measures", called("import matplotlib.pyplot as plt"), "forbidden"),
    Edit("topology/describe", "from matplotlib import colors", "forbidden"),
    Edit("trace/digests", "import os\nX = os.urandom(4)", "forbidden"),
    Edit("trace/digests", "from os import getrandom", "forbidden"),
    Edit("hosts/host", "import os\nX = os.times()", "forbidden"),
    Edit("views/replay/data", for_types("from lab.live.network import X"), "forbidden"),
]
TOUCHED = [
    Edit("views/text/summary", "def _x(run):\n    return run._links", "touched"),
    Edit("hosts/destination", "def _x(other):\n    return other._kept", "touched"),
    Edit("hosts/paths", 'def _x(host):\n    return getattr(host, "_spool")', "touched"),
    Edit("hosts/paths", "def _x(host):\n    host._spool = None", "touched"),
    Edit("hosts/paths", 'def _x(host):\n    return vars(host)["_spool"]', "touched"),
    Edit(
        "hosts/paths",
        "def _x(host):\n    match host:\n        case object(_spool=x):\n            pass",
        "touched",
    ),
    Edit("hosts/paths", 'def _x(host):\n    return host.__dict__["_spool"]', "touched"),
    Edit("hosts/paths", "from lab.hosts.host import _anything", "touched"),
    Edit("hosts/paths", "from lab.hosts import host\nX = host._anything", "touched"),
]
DERIVED = [
    Edit(
        "live/storage",
        "from lab.hosts.routing import RoutingTable\n"
        "class X(RoutingTable):\n    def relays(self):\n        return self._neighbour",
        "touched",
    ),
    Edit(
        "live/storage",
        "from lab.hosts.routing import RoutingTable\nclass X(RoutingTable):\n    _neighbour = 1",
        "overrides",
    ),
    Edit(
        "api/serve",
        "from lab.protocol import ReceiverSMTP as Base\nclass Y(Base):\n    pass\n"
        "class X(Y):\n    def _helo(self):\n        pass",
        "overrides",
    ),
    Edit(
        "api/serve",
        "import lab.protocol.receiver\nclass X(lab.protocol.receiver.ReceiverSMTP):\n"
        "    def __init__(self):\n        self._helo = print",
        "overrides",
    ),
]
EDITS = [*EARLIER, *SPELLINGS, *CIRCLES, *FORBIDDEN, *TOUCHED, *DERIVED]

RULES = {
    "rooms": lambda house, path: [edge for edge in not_allowed(house) if edge not in UPWARD],
    "circles": lambda house, path: circles(set(edges(house)) - set(UPWARD) - set(CIRCULAR)),
    "computed": lambda house, path: computed_imports({path: house[path]}),
    "forbidden": lambda house, path: forbidden(house),
    "touched": touched,
    "overrides": overrides,
}
"""What each rule finds in a house, or only in the file that is edited."""


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.rule} {edit.file}")
def test_an_edit_that_breaks_a_rule_is_caught(edit: Edit) -> None:
    path = f"lab/{edit.file}.py"
    house = {**HOUSE, path: f"{HOUSE[path]}\n{edit.lines}\n"}
    rule = RULES[edit.rule]
    assert len(rule(house, path)) > len(rule(HOUSE, path))


ALLOWED = [
    Edit("hosts/spool", "from lab.trace.rows import KINDS"),
    Edit("hosts/spool", '"""As `lab.simulation.simulation` does."""'),
    Edit("hosts/spool", "def _x(port):\n    return port.now, port.today"),
    Edit("hosts/spool", "class X:\n    def _y(self):\n        return self._y"),
    Edit("hosts/spool", "class X:\n    _y = 1\ndef z(x: X | None):\n    return x._y, X()._y"),
    Edit("hosts/spool", "def z(row):\n    return row._replace(a=1)"),
    Edit("hosts/spool", "from datetime import datetime\nX = datetime(1982, 8, 1)"),
    Edit("hosts/spool", "import sys\nX = sys.modules[__name__]"),
    Edit("hosts/spool", 'import sys\nX = "time" in sys.modules'),
    Edit("hosts/spool", 'def _x(host):\n    return host.modules["time"]'),
]


@pytest.mark.parametrize("edit", ALLOWED, ids=lambda edit: edit.lines.splitlines()[-1])
def test_an_edit_that_breaks_no_rule_passes(edit: Edit) -> None:
    path = f"lab/{edit.file}.py"
    house = {**HOUSE, path: f"{HOUSE[path]}\n{edit.lines}\n"}
    for rule in RULES.values():
        assert rule(house, path) == rule(HOUSE, path)


@pytest.mark.parametrize(
    ("room", "file", "line", "found"),
    [
        ("hosts", "hosts/paths", "import email.utils", "socket"),
        ("views/text", "views/text/listing", "import concurrent.futures, asyncio", "asyncio"),
        ("analysis", "trace/rows", "import tempfile", "random"),
    ],
)  # fmt: skip
def test_what_a_library_or_a_lower_room_loads_is_caught(
    room: str, file: str, line: str, found: str, tmp_path: Path
) -> None:
    """The sources of the room do not show it; the modules that are loaded do."""
    shutil.copytree(
        ROOT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("*.pyc", "*.md", "*.js")
    )
    with (tmp_path / f"lab/{file}.py").open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    assert found in loads(room, tmp_path)


def test_a_drawing_that_is_not_the_table_s_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    readme = rooms.README.read_text(encoding="utf-8")
    monkeypatch.setitem(rooms.ROOMS, "hosts", rooms.Room(2, "trace protocol network"))
    assert rooms.completed(readme) != readme
    monkeypatch.undo()
    assert rooms.completed(readme.replace("  hosts ", "  guests ", 1)) == readme
