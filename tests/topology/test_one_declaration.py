"""A setting is declared once: a field that is added to a dataclass is there for everybody."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import ROOT

from lab.hosts.directory import User
from lab.hosts.retry import Retry
from lab.hosts.settings import HostSettings
from lab.hosts.timeouts import Timeouts
from lab.protocol import Limits
from lab.topology.specs import (
    Environment,
    FaultSpec,
    LinkSpec,
    MailSpec,
    PollSpec,
    ScriptSpec,
    TrafficSpec,
)

FIELD = """\
    colour: str = field(
        default="beige", metadata={"kind": "text", "help": "Colour of the paint.", "section": "3.1"}
    )
"""

PROGRAM = """
import json, sys, tomllib
from functools import reduce
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology, TopologyError, from_dict
from lab.topology.reference import json_schema, reference
from lab.topology.schema import TABLES

place, attribute = sys.argv[1:]
FILE = {
    "environment": [{"name": "arpanet"}],
    "host": [
        {"name": "A", "users": [{"name": "ann"}], "limits": {"line": 600}, "timeouts": {"data": 9}},
        {"name": "B"},
    ],
    "link": [{"between": ["A", "B"]}],
    "mail": [{"from": "ann@A", "to": "ann@A"}],
    "traffic": [{"count": 1, "rate": 1}],
    "script": [{"from": "A", "to": "B", "lines": ["QUIT"]}],
    "poll": [{"from": "A", "to": "B"}],
    "fault": [{"kind": "crash", "host": "A"}],
    "retry": {"first": 60},
}

def step(value, key):
    if key.isdigit():
        return list(value.values() if isinstance(value, dict) else value)[int(key)]
    return value[key] if isinstance(value, dict) else getattr(value, key)

def at(value, path):
    return reduce(step, path.split("."), value)

def sentence(value):
    try:
        from_dict(FILE, sets={f"{place}.colour": value})
    except TopologyError as error:
        return str(error)

found = {}
table = tuple(key for key in place.split(".") if not key.isdigit())
found["schema"] = "colour" in TABLES[table].keys
found["default"] = at(from_dict(FILE), attribute).colour
found["validation"] = sentence(3)
topology = from_dict(FILE, sets=[f"{place}.colour=red"])
found["--set"] = at(topology, attribute).colour
found["writer"] = 'colour = "red"' in topology.to_toml()
found["read again"] = from_dict(tomllib.loads(topology.to_toml())) == topology
found["graph"] = at(Topology.from_graph(topology.graph, **{
    key: table for key, table in tomllib.loads(topology.to_toml()).items()
    if key not in ("host", "link")
}), attribute).colour
found["host"] = at({"hosts": {
    name: host.settings for name, host in Simulation(topology, 0).hosts.items()
}} if place.startswith("host") else topology, attribute).colour
found["reference"] = any(
    line.startswith("| `colour` | text | `\\"beige\\"` | Colour of the paint. | 3.1 |")
    for line in reference().splitlines()
)
found["JSON Schema"] = [
    name for name, each in json_schema()["$defs"].items() if "colour" in each["properties"]
]
if place in ("host.0", "link.0"):
    key = place.split(".")[0]
    graph = topology.graph
    for *_, attributes in list(graph.nodes(data=True)) + list(graph.edges(data=True)):
        attributes["colour"] = "blue"
    found["attribute"] = at(Topology.from_graph(graph), attribute).colour
    found["defaults"] = at(
        from_dict(FILE, sets=[f'defaults.{key}={{ colour = "grey" }}']), attribute
    ).colour
print(json.dumps(found))
"""


def copy_with_field(cls: type[object], folder: Path) -> None:
    """A copy of the lab in which one dataclass has one field more; nothing else is changed."""
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "*.html", "*.js")
    shutil.copytree(ROOT / "lab", folder / "lab", ignore=ignored)
    path = folder / (cls.__module__.replace(".", "/") + ".py")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (body,) = (
        node.body
        for node in ast.parse("".join(lines)).body
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    )
    last = max(node.end_lineno or 0 for node in body if isinstance(node, ast.AnnAssign))
    path.write_text("".join((*lines[:last], FIELD, *lines[last:])), encoding="utf-8")


@pytest.mark.parametrize(
    ("cls", "place", "attribute"),
    [
        (Environment, "environment.0", "environments.arpanet"),
        (HostSettings, "host.0", "hosts.A"),
        (User, "host.0.users.0", "hosts.A.users.0"),
        (Limits, "host.0.limits", "hosts.A.limits"),
        (Timeouts, "host.0.timeouts", "hosts.A.timeouts"),
        (LinkSpec, "link.0", "links.0"),
        (MailSpec, "mail.0", "mail.0"),
        (TrafficSpec, "traffic.0", "traffic.0"),
        (ScriptSpec, "script.0", "scripts.0"),
        (PollSpec, "poll.0", "polls.0"),
        (FaultSpec, "fault.0", "faults.0"),
        (Retry, "retry", "retry"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_setting_that_is_declared_in_one_place_is_there_for_everybody(
    cls: type[object], place: str, attribute: str, tmp_path: Path
) -> None:
    copy_with_field(cls, tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, place, attribute],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "SMTP_LAB_PURE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    sentence = found.pop("validation")
    assert sentence.endswith('colour: 3 is not a text; write colour = "..."')
    definitions = [cls.__name__]
    more = {}
    if place in ("host.0", "link.0"):
        definitions.append(f"{cls.__name__}Defaults")
        more = {"attribute": "blue", "defaults": "grey"}
    assert found == {
        "schema": True,
        "default": "beige",
        "--set": "red",
        "writer": True,
        "read again": True,
        "graph": "red",
        "host": "red",
        "reference": True,
        "JSON Schema": definitions,
        **more,
    }
