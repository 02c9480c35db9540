"""``lab run --links`` and ``lab live --links``: the figures of links beside the summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.command_line import Command, is_one_sentence
from helpers.places import TOPOLOGIES
from helpers.small_topologies import ANN_TO_BOB, TWO_HOSTS

import lab as package

CAMPUS = str(TOPOLOGIES / "campus.toml")


def test_the_summary_has_links_on_request(lab: Command) -> None:
    plain = json.loads(lab("run", CAMPUS, "--json").out)
    done = json.loads(lab("run", CAMPUS, "--json", "--links").out)
    assert "links" not in plain
    assert done.pop("links") == package.simulate(CAMPUS).links()
    assert done == plain


def test_the_table_begins_with_the_busiest_link(lab: Command) -> None:
    done = lab("run", CAMPUS, "--links")
    lines = done.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("from "))
    assert lines[at].split("  ")[0] == "from"
    assert lines[at + 1].split()[:3] == ["HUB.CAMPUS", "DORM.CAMPUS", "12,706"]
    shares = [float(line.split("%")[0].split()[-1]) for line in lines[at + 1 :] if "%" in line]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 8


def test_links_that_nothing_crossed_are_counted_and_long_tables_are_cut(
    lab: Command, tmp_path: Path
) -> None:
    path = tmp_path / "star.toml"
    ends = range(30)
    path.write_text(
        '[[host]]\nname = "HUB.ARPA"\nrelay = true\nusers = ["eve"]\n'
        + "".join(
            f'[[host]]\nname = "E{n}.ARPA"\nusers = ["ann"]\n'
            f'[[link]]\nbetween = ["HUB.ARPA", "E{n}.ARPA"]\n'
            for n in ends
        )
        + "".join(f'[[mail]]\nfrom = "ann@E{n}.ARPA"\nto = ["eve@HUB.ARPA"]\n' for n in ends[:20])
    )
    done = lab("run", str(path), "--links")
    assert done.out.rstrip().endswith("20 more; nothing crossed 20 directions of links")


def test_a_network_without_links_has_no_table(lab: Command, tmp_path: Path) -> None:
    path = tmp_path / "alone.toml"
    path.write_text('[[host]]\nname = "A.ARPA"\nusers = ["ann"]\n')
    done = lab("run", str(path), "--links")
    assert done.status == 0
    assert "utilisation" not in done.out


@pytest.mark.parametrize("command", ["run", "live"])
def test_links_require_what_crossed_the_wire(lab: Command, command: str) -> None:
    done = lab(command, CAMPUS, "--links", "--trace", "session")
    assert done.status == 2
    assert is_one_sentence(done.err)
    assert "--links requires --trace wire, not --trace session" in done.err


def test_a_live_run_has_the_same_bytes_on_its_links(lab: Command, tmp_path: Path) -> None:
    """Time apart: each link carries the same octets, chunks and messages, simulated and live."""
    path = tmp_path / "two.toml"
    path.write_text(TWO_HOSTS + 'bandwidth = "64 kbit/s"\nlatency = "5 ms"\n' + ANN_TO_BOB)
    names = ("host", "peer", "bytes", "payload", "chunks", "messages")
    found = []
    for command in ("run", "live"):
        done = lab(command, str(path), "--links", "--json")
        assert done.status == 0
        links = json.loads(done.out)["links"]
        found.append([[link[name] for name in names] for link in links])
        assert all(0 < link["utilisation"] < 1 for link in links)
    assert found[0] == found[1]
