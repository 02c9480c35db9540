"""Changes of links from a file: which faults its rows become, and what is wrong with a row."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lab
from lab.topology.model import from_dict

HEADER = "at,link,key,value\n"
LINKS = [
    {"between": ["A", "B"], "latency": "10 ms", "back": {"latency": "20 ms"}},
    {"between": ["B", "A"], "name": "satellite"},
    {"between": ["B", "C"]},
]


def topology(folder: Path, rows: str, **fault: Any) -> lab.Topology:
    (folder / "changes.csv").write_text(HEADER + rows, encoding="utf-8")
    table = {"schedule": str(folder / "changes.csv"), **fault}
    hosts = [{"name": name, "users": ["u"], "relay": True} for name in "ABC"]
    return from_dict({"host": hosts, "link": LINKS, "fault": [table]})


def problem(folder: Path, rows: str, **fault: Any) -> str:
    with pytest.raises(lab.TopologyError) as caught:
        topology(folder, rows, **fault)
    (sentence,) = caught.value.problems
    return sentence


def test_each_change_holds_until_the_next_of_its_link_and_key(tmp_path: Path) -> None:
    rows = "5 s,B - C,latency,1 s\n20,C B,latency,\n10 s,B C,latency,2\n12 s,B C,loss,0.5\n"
    found = [
        (each.kind, each.link, each.at, each.duration, each.value)
        for each in topology(tmp_path, rows).faults
    ]
    assert found == [
        ("latency", ("B", "C"), 5.0, 5.0, 1.0),
        ("latency", ("B", "C"), 10.0, 10.0, 2.0),
        ("loss", ("B", "C"), 12.0, None, 0.5),
    ]


def test_a_link_is_down_from_one_row_to_the_next(tmp_path: Path) -> None:
    (fault,) = topology(tmp_path, "3 s,B - C,state,down\n9 s,B - C,state,up\n").faults
    assert (fault.kind, fault.at, fault.duration, fault.value) == ("link-down", 3.0, 6.0, None)


def test_a_file_that_begins_anew_wraps_around(tmp_path: Path) -> None:
    rows = "1 h,B - C,bandwidth,1200 bit/s\n3 h,B - C,bandwidth,300\n"
    faults = topology(tmp_path, rows, every="1 d").faults
    assert [(each.at, each.duration, each.every, each.value) for each in faults] == [
        (3600.0, 7200.0, 86400.0, 1200.0),
        (10800.0, 79200.0, 86400.0, 300.0),
    ]


def test_a_row_aims_at_directions_and_names(tmp_path: Path) -> None:
    """A link with a latency of its own each way has two; both ends alone mean all links."""
    rows = "1,A - B,latency,1\n2,A - B,back.latency,2\n3,satellite,jitter,3\n4,A - B - ,loss,0\n"
    rows = rows.replace("A - B - ,loss", "A B satellite,loss")
    faults = topology(tmp_path, rows).faults
    found = {(each.at, each.link, each.name, each.direction) for each in faults}
    assert found == {
        (1.0, ("A", "B"), "", "there"), (1.0, ("B", "A"), "satellite", "both"),
        (2.0, ("A", "B"), "", "back"), (2.0, ("B", "A"), "satellite", "back"),
        (3.0, ("B", "A"), "satellite", "both"), (4.0, ("B", "A"), "satellite", "both"),
    }  # fmt: skip


def test_of_two_changes_at_a_time_the_later_row_counts(tmp_path: Path) -> None:
    (fault,) = topology(tmp_path, "1,B C,loss,0.1\n1,B C,loss,0.2\n").faults
    assert fault.value == 0.2


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("", "changes.csv has no changes; write a row such as 10 s,A - B,latency,2 s"),
        ("soon,B C,loss,1\n", "changes.csv, line 2, at: 'soon' is not a quantity"),
        ("-1,B C,loss,1\n", "changes.csv, line 2, at: '-1' is negative; use 0 or more"),
        ("1,B,loss,1\n", "line 2, link: 'B' is not a link; write its ends, as in \"A - B\""),
        ("1,A C,loss,1\n", "line 2, link: no link joins A and C (in 'A C')"),
        ("1,A D,loss,1\n", "line 2, link: there is no host 'D'; there are A, B, C"),
        ("1,B C,los,1\n", "line 2, key: 'los' is not a key that changes; did you mean loss?"),
        ("1,B C,back.state,up\n", "line 2, key: 'back.state' is not a key that changes"),
        ("1,B C,loss,1 s\n", "line 2, value: '1 s' is not a chance"),
        ("1,B C,latency,-1\n", "line 2, value: -1.0 is negative; use 0 or more"),
        ("1,B C,bandwidth,0\n", "line 2, value: 0.0 is too small; use more than 0"),
        ("1,B C,state,on\n", "line 2, value: 'on' is not a state; write up or down"),
        ("1,B C,loss,1,2\n", "line 2: there are 5 values, but 4 columns; write as many"),
        ('1,"B C,loss,1\n', "line 2: unexpected end of data"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_line(
    tmp_path: Path, rows: str, sentence: str
) -> None:
    assert sentence in problem(tmp_path, rows)


def test_a_row_must_be_within_the_period(tmp_path: Path) -> None:
    found = problem(tmp_path, "5 h,B C,loss,1\n", every="1 h")
    assert "line 2, at: '5 h' is not within the 3600 s after which it repeats" in found


def test_a_schedule_takes_no_other_keys(tmp_path: Path) -> None:
    found = problem(tmp_path, "1,B C,loss,1\n", **{"for": "1 s"})
    assert found == "fault[0].for: schedule does not take for; it takes schedule, every"


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    hosts = [{"name": "A"}]
    with pytest.raises(lab.TopologyError, match=r"nowhere\.csv: there is no such file"):
        from_dict({"host": hosts, "fault": [{"schedule": str(tmp_path / "nowhere.csv")}]})


def test_a_fault_without_a_kind_is_a_sentence() -> None:
    with pytest.raises(lab.TopologyError, match="kind is missing; write kind = "):
        from_dict({"host": [{"name": "A"}], "fault": [{"host": "A"}]})


def test_only_a_file_has_a_schedule() -> None:
    fault = lab.Fault("schedule", schedule="changes.csv")
    made = lab.Topology(hosts={"A": lab.HostSettings("A")}, faults=(fault,))
    with pytest.raises(lab.TopologyError, match="only a topology file has a schedule"):
        made.ready()


CELLS = st.sampled_from(["1", "2 s", "B C", "A - B", "loss", "state", "down", "", '"', "é", "\x00"])
ROWS = st.lists(st.lists(CELLS | st.text(max_size=8), max_size=6).map(",".join), max_size=5)


@given(ROWS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_file_loads_or_is_refused_in_sentences(tmp_path: Path, rows: list[str]) -> None:
    text = "\n".join(rows).encode("utf-8", "replace").decode()
    with suppress(lab.TopologyError):
        topology(tmp_path, text)
