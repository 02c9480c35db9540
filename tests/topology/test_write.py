"""A topology that is written as a file is the same topology when it is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.topology.model import from_dict
from lab.topology.write import fault_table, to_toml

FILES_OF_OURS = sorted(
    path for path in TOPOLOGIES.rglob("*.toml") if path.parent.name != "experiments"
)


@pytest.mark.parametrize(
    "file",
    FILES_OF_OURS,
    ids=lambda file: file.relative_to(TOPOLOGIES),
)
def test_what_is_written_reads_the_same(file: Path, tmp_path: Path) -> None:
    """Hosts, links, mail, traffic, scripts, polls, faults, settings: all come back equal."""
    topology = lab.load(file)
    again = tmp_path / "again.toml"
    again.write_text(to_toml(topology, "a comment\nof two lines"), encoding="utf-8")
    assert again.read_text(encoding="utf-8").startswith("# a comment\n# of two lines\n\ntitle")
    assert replace(lab.load(again), notes=()) == replace(topology, notes=())


def test_odd_characters_are_written_so_that_they_come_back(tmp_path: Path) -> None:
    """Quotes, backslashes, controls and DEL in names and texts."""
    topology = from_dict({
        "title": 'a "title"\\ with\ttab, \x7f and \x01',
        "host": [{"name": "A.ARPA", "users": ['joe "x" smith', "\\"], "names": {"a b": "C.ARPA"}}],
        "environment": [{"name": "a b"}],
        "mail": [{"from": '"joe \\"x\\" smith"@A.ARPA', "to": ["x@Y.ARPA"], "text": "a\r\nb\x00"}],
        "fault": [{"kind": "crash", "host": "A.ARPA", "when": {"event": "submit", "nth": 2}}],
    })  # fmt: skip
    file = tmp_path / "odd.toml"
    file.write_text(to_toml(topology), encoding="utf-8")
    assert replace(lab.load(file), notes=()) == replace(topology, notes=())


def test_a_topology_and_a_fault_write_themselves() -> None:
    topology = from_dict({
        "host": [{"name": "A", "users": ["ann"]}],
        "mail": [{"from": "ann@A", "to": ["ann@A"], "verb": "SEND"}],
        "fault": [{"kind": "crash", "host": "A", "for": "1 min"}],
    })  # fmt: skip
    assert topology.to_toml() == to_toml(topology)
    assert topology.to_toml().endswith(
        '[[mail]]\nverb = "SEND"\nfrom = "ann@A"\nto = ["ann@A"]\n\n'
        '[[fault]]\nkind = "crash"\nat = 0.0\nfor = 60.0\nhost = "A"\n'
    )
    assert fault_table(topology.faults[0]) == {
        "kind": "crash", "at": 0.0, "for": 60.0, "host": "A"
    }  # fmt: skip
