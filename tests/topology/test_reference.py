"""The reference page and the JSON Schema of the topology file, made from the declarations."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES

from lab.topology.declarations import declared_tables, settings_of
from lab.topology.file import Defaults, TopologyFile
from lab.topology.reference import json_schema, reference

FILES_OF_OURS = sorted(
    path for path in TOPOLOGIES.rglob("*.toml") if path.parent.name != "experiments"
)


def problems(tables: dict[str, Any]) -> list[str]:
    """What a JSON Schema validator finds wrong with the tables of a file."""
    plain = json.loads(json.dumps(tables, default=_iso))
    return [error.message for error in validator().iter_errors(plain)]


@cache
def validator() -> Any:
    """Return what holds tables against the schema, which is a schema itself."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def _iso(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


@pytest.mark.parametrize("path", FILES_OF_OURS, ids=lambda path: path.stem)
def test_the_schema_accepts_every_topology_that_ships(path: Path) -> None:
    assert problems(tomllib.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("titel = 'x'", "'titel' was unexpected"),
        ("[[host]]\nrelay = true", "'name' is a required property"),
        ("[[host]]\nname = 'A'\non_251 = 'acept'", "'acept' is not one of"),
        ("[[link]]\nbetween = ['A']", "is too short"),
        ("[[link]]\nbetween = ['A', 'B']\nlatency = '40 parsecs'", "is not valid under any"),
        ("[[link]]\nbetween = ['A', 'B']\nloss = 2", "is not valid under any"),
        ("[[link]]\nbetween = ['A', 'B']\njitter = { mean = 1 }", "is not valid under any"),
        ("[[mail]]\nfrom = 'a@B'\nto = 'a@B'\nsize = -2", "is not valid under any"),
        ("[[host]]\nname = 'A'\nanswers = { RCPT = 999 }", "is not valid under any"),
        ("[defaults.host]\nname = 'A'", "'name' was unexpected"),
    ],
)
def test_the_schema_refuses_what_the_lab_refuses(text: str, message: str) -> None:
    (found,) = problems(tomllib.loads(text))
    assert message in found


def test_a_generator_takes_further_keys() -> None:
    assert problems({"generate": {"kind": "path_graph", "n": 3}}) == []


def test_the_page_has_every_key_with_what_it_means() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    tables = {table.of for _, table in declared_tables(TopologyFile)} - {Defaults}
    for setting in [s for table in (TopologyFile, *tables) if table for s in settings_of(table)]:
        own = [row for row in rows if row.startswith(f"| `{setting.key}`")]
        assert any(setting.help in row for row in own), setting.key


def test_the_page_shows_defaults_as_a_file_spells_them() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    latency = next(row for row in rows if row.startswith("| `latency`"))
    assert '| duration, or `"distance"` | `"10 ms"` |' in latency
    (give_up,) = (row for row in rows if row.startswith("| `give_up`"))
    assert '| `"3 d"` |' in give_up
    (mailbox,) = (row for row in rows if row.startswith("| `mailbox`"))
    assert '`"busy"`: 450 at RCPT' in mailbox


def test_editors_see_that_a_former_name_is_deprecated() -> None:
    host = json_schema()["$defs"]["HostSettings"]["properties"]
    assert host["patience"]["deprecated"]
    assert "deprecated" not in host["timeouts"]
