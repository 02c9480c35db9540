"""Our own captures, read back: the same bytes between the same hosts at the same times."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.trace.rows import CLOSE_REASON, HOST, KIND, OCTETS, PEER, SENT, SESSION, Row, T

CROSSED = ("command", "reply", "data", "piece")
LONG = {"arpanet-1972": 3600.0, "internet": 1800.0, "satellite": 600.0}
"""Until when these are run here, in seconds: the rest of them is more of the same."""

SHIPPED = sorted(path for path in TOPOLOGIES.rglob("*.toml") if path.parent.name != "experiments")


def sessions(rows: Iterable[Row]) -> dict[int, list[object]]:
    """Return what each session consists of, without its times."""
    found: dict[int, list[object]] = {}
    for row in rows:
        if row[KIND] in CROSSED:
            found[row[SESSION]].append((row[KIND], row[HOST], row[PEER], row[OCTETS]))
        elif row[KIND] == "open":
            found[row[SESSION]] = [("open", row[HOST], row[PEER])]
        elif row[KIND] == "close":
            found[row[SESSION]].append(("close", row[HOST], row[PEER], row[CLOSE_REASON][:3]))
    return found


def times(rows: Iterable[Row]) -> list[float]:
    """Return when all bytes were sent and had arrived, in order."""
    return sorted(t for row in rows if row[KIND] in CROSSED for t in (row[SENT], row[T]))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_our_captures_are_read_back(path: Path, tmp_path: Path) -> None:
    run = lab.simulate(path, until=LONG.get(path.stem))
    run.export("pcapng", tmp_path / "run.pcapng")
    with (tmp_path / "run.hosts").open("w", encoding="utf-8") as names:
        from lab.views.files.capture import write_hosts

        write_hosts(run.trace, names)
    captured = lab.read_capture(tmp_path / "run.pcapng")
    assert captured.notes == ()
    assert sessions(captured.trace.rows) == sessions(run.trace.rows)
    ours, theirs = times(run.trace.rows), times(captured.trace.rows)
    offset = ours[0] - theirs[0] if ours else 0.0
    assert [t + offset for t in theirs] == pytest.approx(ours, abs=5e-6)


def test_what_became_of_mail_is_read_back(tmp_path: Path) -> None:
    """A map of relays: every recipient is delivered there, by as many hops."""
    run = lab.simulate(TOPOLOGIES / "lessons" / "routes.toml")
    run.save(tmp_path)
    captured = lab.read_capture(tmp_path / "capture.pcap")
    for key in ("submitted", "delivered", "returned", "sessions", "hops"):
        assert captured.summary[key] == run.summary[key]  # type: ignore[literal-required]
    assert captured.peer_breaches == []


def test_a_notification_is_known_as_one(tmp_path: Path) -> None:
    run = lab.simulate(TOPOLOGIES / "faults" / "routing-loop.toml")
    run.save(tmp_path)
    captured = lab.read_capture(tmp_path / "capture.pcap")
    assert (captured.summary["returned"], captured.summary["submitted"]) == (1, 1)
