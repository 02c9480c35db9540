"""The topologies of faults: each shows what its first lines say, and its timeline shows it too."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.drawings import apart, drawn, gids, inside
from helpers.places import TOPOLOGIES

import lab
from lab.cli import cli
from lab.simulation.faults import KINDS

FAULTS = TOPOLOGIES / "faults"
FILES = sorted(FAULTS.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_comes_out_as_it_expects(path: Path) -> None:
    run = lab.simulate(path)
    assert run.topology.expect
    assert run.unmet() == []
    scripted = any(host.replies for host in run.topology.hosts.values())
    faulty = any(event.kind == "fault" for event in run.trace)
    assert faulty or scripted or path.stem in ("routing-loop", "impatience")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_lost_but_by_the_careless(path: Path) -> None:
    done = CliRunner().invoke(cli, ["run", str(path)])
    assert done.exit_code == (path.stem == "careless")
    assert ("CARELESS" in done.stdout) == (path.stem == "careless")


def test_there_is_a_file_for_each_kind_of_fault() -> None:
    kinds = {fault.kind for path in FILES for fault in lab.load(path).faults}
    assert kinds == KINDS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_timeline_has_a_row_for_each_fault_and_labels_in_their_places(path: Path) -> None:
    run = lab.simulate(path)
    ax = drawn(run.trace)
    labels = [text for text in ax.get_yticklabels() if text.get_text()]
    inside(ax, labels)
    apart(labels)
    apart([text for text in ax.texts if text.get_gid() == "host"])
    faults = {fault.kind for fault in run.topology.faults}
    rows = [text.get_text() for text in labels]
    for kind in faults:
        assert any(kind in row for row in rows), (kind, rows)
    went = {(e.message, e.host, e.peer) for e in run.trace if e.kind == "transfer"}
    bars = {tuple(gid.split(" ")[1:4]) for gid in gids(ax, "hop ")}
    assert {(str(message), host, peer) for message, host, peer in went} <= bars


def test_what_storing_takes_decides_which_breaks_make_duplicates() -> None:
    """RFC 1047: a crash before the mail is stored makes none, a cut after it makes one."""
    run = lab.simulate(FAULTS / "duplicate-window.toml")
    copies = [e["recipient"] for e in run.trace if e.kind == "deliver" and e.message == 1]
    assert copies == ["1"]
    copies = [e["recipient"] for e in run.trace if e.kind == "deliver" and e.message == 2]
    assert copies == ["1", "1"]


def test_a_sender_that_waits_as_rfc_1123_asks_gets_its_250() -> None:
    path = FAULTS / "impatience.toml"
    run = lab.simulate(lab.load(path, sets=['host.0.timeouts={ mail_data = "10 min" }']))
    assert run.summary["duplicates"] == 0
    assert run.summary["delivered"] == 1
    reasons = [e["reason"] for e in lab.simulate(path).trace if e.kind == "close"]
    assert reasons == ["cut: no reply to the mail data came within 120 s"] * 3


def test_patience_has_limits_for_each_step(tmp_path: Path) -> None:
    """The channel, the replies to commands and the 250 after the data have limits of their own."""
    text = (FAULTS / "impatience.toml").read_text().partition("[retry]")[0]
    path = tmp_path / "slow.toml"
    for key, slow, said in (
        ("opening", "latency = '70 s'", "no channel was open within 100 s"),
        ("command", "latency = '15 s'", "no reply to HELO came within 20 s"),
    ):
        limit = "100 s" if key == "opening" else "20 s"
        changed = text.replace('mail_data = "2 min"', f'{key} = "{limit}"')
        path.write_text(changed.replace('latency = "60 ms"', slow))
        run = lab.simulate(path)
        reasons = [
            str(e["reason"]) for e in run.trace if e.kind in ("close", "unreachable", "defer")
        ]
        assert any(said in reason for reason in reasons), (key, reasons)
        assert run.summary["returned"] == 1
