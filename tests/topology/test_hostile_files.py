"""Topologies and graphs that are written to take much time or memory: a sentence, and soon."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import lab
from lab.topology.model import from_dict

HOST = '[[host]]\nname = "A.ARPA"\n'
MANY = 20_000


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * MANY + "]" * MANY, "a = " + "{a=" * MANY + "1" + "}" * MANY,
        ".".join(["a"] * MANY) + " = 1", "[" + ".".join(["a"] * MANY) + "]",
        "[[ " + " . ".join(["a-b"] * MANY) + " ]]", "seed = " + "9" * 100_000, 'title = "\0"',
        "start = 1e400\n" + HOST,
    ],
    ids=["arrays", "tables", "key", "table", "tables with spaces", "number", "NUL", "infinity"],
)  # fmt: skip
def test_a_hostile_topology_draws_a_sentence(text: str, tmp_path: Path) -> None:
    """Deep nesting, long keys, huge numbers."""
    path = tmp_path / "evil.toml"
    path.write_text(text)
    with pytest.raises(lab.TopologyError, match=r"evil\.toml"):
        lab.load(path)


def test_what_is_no_file_draws_a_sentence(tmp_path: Path) -> None:
    """A pipe that nobody writes to would be waited for; a device never ends."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(lab.TopologyError, match="is not a file; write the name of a topology"):
        lab.load(tmp_path / "fifo")
    with pytest.raises(lab.TopologyError, match="larger than 64 MiB"):
        lab.load("/dev/zero")


LAUGHS = '<!DOCTYPE l [<!ENTITY l0 "lollollol">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
)
OUTSIDE = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">'
GRAPHML = (
    "{}]><graphml xmlns='http://graphml.graphdrawing.org/xmlns'>"
    "<graph edgedefault='undirected'><node id='{}'/></graph></graphml>"
)
GRAPHS = {
    "laughs.graphml": GRAPHML.format(LAUGHS, "&l11;"),
    "outside.graphml": GRAPHML.format(OUTSIDE, "&x;"),
    "deep.graphml": "<graphml>" + "<graph>" * MANY, "deep.gml": "graph [ " * MANY,
    "deep.json": '{"nodes":' + "[" * 100_000,
    "number.json": '{"nodes":[{"id":' + "9" * 5000 + "}]}",
    "number.gml": "graph [ node [ id " + "9" * 100_000 + " ] ]", "half.graphml": "<graphml><gr",
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_a_hostile_graph_draws_a_sentence(name: str, tmp_path: Path) -> None:
    """Entities that expand, entities from elsewhere, deep nesting, halves."""
    (tmp_path / name).write_text(GRAPHS[name])
    (tmp_path / "map.toml").write_text(f'graph = "{name}"\n')
    with pytest.raises(lab.TopologyError, match="is not a"):
        lab.load(tmp_path / "map.toml")


@pytest.mark.parametrize("ending", ["graphml", "gml", "json", "txt"])
def test_a_graph_that_is_no_file_or_too_large_draws_a_sentence(ending: str, tmp_path: Path) -> None:
    """A device, and a file of a terabyte (that takes no room on the disk)."""
    (tmp_path / f"zero.{ending}").symlink_to("/dev/zero")
    with open(tmp_path / f"large.{ending}", "wb") as file:
        file.truncate(1 << 40)
    for name, why in (("zero", "is not a file"), ("large", "is larger than 64 MiB")):
        (tmp_path / "map.toml").write_text(f'graph = "{name}.{ending}"\n')
        with pytest.raises(lab.TopologyError, match=why):
            lab.load(tmp_path / "map.toml")


def test_a_file_of_unknown_keys_is_soon_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A similar key is looked for only as often as somebody may read it."""
    searched = []

    def search(word: str, known: object) -> list[str]:
        searched.append(word)
        return []

    monkeypatch.setattr("difflib.get_close_matches", search)
    with pytest.raises(lab.TopologyError, match="and 4,950 more problems"):
        from_dict({"host": [{"name": "A.ARPA"}], **{f"k{n}": 1 for n in range(5000)}})
    assert 0 < len(searched) <= 100
