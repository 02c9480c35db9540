"""Times that a file may have: every date and duration that is accepted works in every artefact."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.api import artefacts
from lab.protocol import Calendar
from lab.topology.model import DEFAULT_START, LinkSpec, TrafficSpec, from_dict
from lab.trace.trace import Trace
from lab.views.files.capture import note_of_shift, shift_of, write_capture, write_hosts

TABLES: dict[str, Any] = {
    "host": [{"name": "A", "users": ["ann"]}, {"name": "B", "users": ["bob"]}],
    "link": [{"between": ["A", "B"]}],
    "mail": [{"from": "ann@A", "to": "bob@B"}],
}
CENTURY = "36525 d"


@pytest.mark.parametrize(
    "changed",
    [
        {"mail": [{"at": "36526 d", "from": "ann@A", "to": "bob@B"}]},
        {"retry": {"first": "1 s", "max": "1e12 s", "give_up": "1 d"}},
        {"retry": {"first": "1 s", "give_up": "1e300 s"}},
        {"link": [{"between": ["A", "B"], "latency": "1e10 s"}]},
        {"fault": [{"kind": "latency", "link": ["A", "B"], "value": "1e12 s"}]},
        {"fault": [{"kind": "clock-skew", "host": "A", "value": "-1e12 s"}]},
    ],
)
def test_more_than_a_hundred_years_is_a_sentence(changed: dict[str, Any]) -> None:
    with pytest.raises(lab.TopologyError, match='hundred years; use "36525 d" or less'):
        from_dict(TABLES | changed)


def test_less_than_once_in_a_hundred_years_is_a_sentence() -> None:
    with pytest.raises(lab.TopologyError, match="once in a hundred years"):
        from_dict(TABLES | {"traffic": [{"count": 1, "rate": 1e-12}]})


def test_python_is_held_to_the_same_bounds() -> None:
    with pytest.raises(ValueError, match="latency must be 3155760000 or less"):
        LinkSpec("A", "B", "arpanet", latency=1e12)
    with pytest.raises(ValueError, match="rate must be"):
        TrafficSpec(1, 1e-12)


def test_dates_go_on_beyond_those_that_python_has() -> None:
    calendar = Calendar(DEFAULT_START)
    years = 146_097 * 86400
    for cycle in (0, 1, 30, 1000):
        assert calendar.daytime(cycle * years + 86400.0) == "2 Aug 82 00:00:00 UT"
    assert calendar.daytime(-86400.0) == "31 Jul 82 00:00:00 UT"


@pytest.mark.parametrize(
    ("start", "at"),
    [
        ("1900-01-01T00:00:00Z", "0 s"),
        ("2999-12-31T23:59:59Z", CENTURY),
    ],
)
def test_every_artefact_of_a_run_at_any_date_is_made(start: str, at: str, tmp_path: Path) -> None:
    told: list[str] = []
    tables = TABLES | {"start": start, "mail": [TABLES["mail"][0] | {"at": at}]}
    run = lab.simulate(from_dict(tables))
    assert run.summary["delivered"] == 1
    left = {path.name for path in run.save(tmp_path, report=told.append)}
    assert left == {*artefacts.ARTEFACTS, "mail"}
    assert len(told) == 1
    assert "a capture has dates from 1970 to 2106" in told[0]
    assert (tmp_path / "capture.hosts").read_text().startswith(f"# {told[0]}\n")


def far(start: str, at: float) -> Trace:
    trace = Trace()
    trace.record((0.0, "start", "", None, None, None, {"start": start, "hosts": []}))
    trace.record((at, "end", "", None, None, None, "settled"))
    return trace


def test_a_capture_that_is_too_long_is_refused_in_a_sentence() -> None:
    trace = far("1982-08-01T00:00:00+00:00", 5e9)
    with pytest.raises(ValueError, match="longer than the 136 years that a capture can hold"):
        write_capture(trace, io.BytesIO())
    assert note_of_shift(trace) == ""
    write_hosts(trace, io.StringIO())


def test_a_capture_is_shifted_as_little_as_it_must_be() -> None:
    assert shift_of(far("1982-08-01T00:00:00+00:00", 10.0)) == 0.0
    assert shift_of(far("1969-12-31T23:59:50+00:00", 10.0)) == 10.0
    late = far("2106-02-06T06:28:15+00:00", 10.0)
    assert shift_of(late) == -10.0


def test_an_artefact_that_cannot_be_made_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = artefacts._write_view

    def write_view(trace: Trace, path: Path, view: str) -> Path:
        if view in ("map", "replay"):
            raise {"map": RuntimeError, "replay": ValueError}[view](f"no {view} today")
        return path if view in ("timeline", "ladder") else made(trace, path, view)

    monkeypatch.setattr(artefacts, "_write_view", write_view)
    run = lab.simulate(from_dict(TABLES))
    with pytest.warns(UserWarning, match="was not made") as warned:
        left = {path.name for path in run.save(tmp_path)}
    assert left == {*artefacts.ARTEFACTS, "mail"} - {"map.png", "replay.html"}
    assert sorted(str(each.message) for each in warned) == [
        "map.png was not made: RuntimeError: no map today",
        "replay.html was not made: no replay today",
    ]


def test_artefacts_that_cannot_be_written_are_told_when_all_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(trace: Trace, path: Path, view: str) -> Path:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(artefacts, "_write_view", fail)
    run = lab.simulate(from_dict(TABLES))
    with pytest.raises(OSError, match=r"transcript\.txt"):
        run.save(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"trace.jsonl", "capture.hosts", "run.json", "summary.json"}
