"""Traffic from files, matrices and graphs: what becomes of rows, and what is wrong with them."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import networkx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lab
from lab.topology.model import from_dict

HOSTS = [
    {"name": "A", "users": ["ann", "al"], "title": "Alesund"}, {"name": "B", "users": ["bob"]},
    {"name": "C", "users": ["carl"]}, {"name": "D"},
]  # fmt: skip


def topology(**traffic: Any) -> lab.Topology:
    return from_dict({"host": HOSTS, "traffic": [traffic]})


def problems(**traffic: Any) -> list[str]:
    with pytest.raises(lab.TopologyError) as caught:
        topology(**traffic)
    return caught.value.problems


def written(folder: Path, text: str, name: str = "rows.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_each_row_of_a_file_is_a_mail(tmp_path: Path) -> None:
    rows = "at;from;to;size;subject\n2 s;ann@A;bob@B carl@C;2 kB;Hello\n1;B;A;;\n"
    made = topology(file=written(tmp_path, rows), size="300 B")
    assert made.traffic == ()
    found = [(m.at, m.sender.bare, [p.bare for p in m.to], m.size, m.subject) for m in made.mail]
    assert found == [
        (2.0, "ann@A", ["bob@B", "carl@C"], 2000, "Hello"),
        (1.0, "bob@B", ["ann@A"], 300, ""),
    ]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("at,from,to\n", "rows.csv has no messages; write a row such as"),
        ("at,from\n", "rows.csv, line 1: the column to is missing; write at,from,to,size,subject"),
        ("at,from,too\n", "line 1: there is no column 'too'; did you mean to?"),
        ("at,from,to\n-1,A,B\n", "line 2, at: '-1' is negative; use 0 or more"),
        ("at,from,to\n1,a b,B\n", "line 2, from: 'a b' is not an address; write user@host"),
        ("at,from,to\n1,D,B\n", "line 2, from: 'D' is not an address; it has no users"),
        ("at,from,to\n1,x@Q,B\n", "line 2, from: there is no host Q"),
        ("at,from,to\n1,*@A,B\n", "line 2, from: '*@A' is not a user: a file of messages has no"),
        ("at,from,to\n1,A,\n", "line 2, to: there is no address; write one such as bob@B"),
        ("at,from,to,size\n1,A,B,2 GB\n", "line 2, size: '2 GB' is too large; use 1 GB or less"),
        ("", "rows.csv is empty; write the columns in its first line: at,from,to,size,subject"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(tmp_path: Path, rows: str, sentence: str) -> None:
    (found,) = problems(file=written(tmp_path, rows))
    assert sentence in found


@pytest.mark.parametrize("text", ["bob@B carl@C", '"bob@B, carl@C"', "bob@B;carl@C;"])
def test_recipients_are_parted_by_spaces_commas_or_semicolons(tmp_path: Path, text: str) -> None:
    (mail,) = topology(file=written(tmp_path, f"at,from,to\n1,A,{text}\n")).mail
    assert [path.bare for path in mail.to] == ["bob@B", "carl@C"]


def test_columns_of_a_matrix_that_are_not_used_are_named(tmp_path: Path) -> None:
    rows = "hour,from,to,value,by\n1,A,B,3,x\n2,A,B,4,y\n"
    notes = topology(matrix=written(tmp_path, rows)).notes
    assert any("rows.csv: columns that were not used: hour, by" in note for note in notes)


def test_a_file_of_messages_takes_no_rate(tmp_path: Path) -> None:
    (found,) = problems(file=written(tmp_path, "at,from,to\n1,A,B\n"), rate=1)
    assert found == "traffic[0].rate: a file of messages takes no rate; it takes file, size, name"
    size = {"distribution": "fixed", "value": 1}
    (found,) = problems(file=written(tmp_path, "at,from,to\n1,A,B\n"), size=size)
    assert "rows of a file without a size all have the same" in found


LIST = "source,target,demand\nA,B,2\nAlesund,C,1\nB,A,0\nC,C,5\n"
SQUARE = ",A,B,C\nA,0,2,1\nB,0,,0\nC,0,0,5\n"


@pytest.mark.parametrize("rows", [LIST, SQUARE])
def test_a_matrix_is_a_list_or_a_square(tmp_path: Path, rows: str) -> None:
    made = topology(matrix=written(tmp_path, rows))
    (traffic,) = made.traffic
    assert traffic.demands == (("A", "B", 2.0), ("A", "C", 1.0))
    assert (traffic.count, traffic.rate) == (2, pytest.approx(3 / 3600))
    assert any("1 demands of a host to itself were left out" in note for note in made.notes)
    assert from_dict(tomllib.loads(made.to_toml())).traffic == made.traffic


def test_bytes_become_messages_by_their_mean_size() -> None:
    """24 kbit/s are 3000 bytes a second: three messages of 1000 bytes."""
    size = {"distribution": "exponential", "mean": "1 kB"}
    made = topology(demands=[["A", "B", 24]], unit="kbit/s", size=size, until="1 h")
    assert made.traffic[0].rate == pytest.approx(3.0)
    assert made.traffic[0].expected == 10800
    assert topology(demands=[["A", "B", 24]], unit="kbit/s", rate=7).traffic[0].rate == 7


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("from,to\nA,B\n", "rows.csv, line 1: the column value is missing"),
        ("from,to,value\nA,B\n", "rows.csv, line 2: a value is missing; write from,to,value"),
        ("from,to,value\nA,Q,1\n", "rows.csv, line 2: there is no host 'Q'"),
        ("from,to,value\nA,B,-1\n", "rows.csv, line 2: '-1' is not an amount; write 0 or more"),
        ("from,to,value\nA,B,nan\n", "rows.csv, line 2: 'nan' is not an amount"),
        ("from,to,value\nA,B,much\n", "rows.csv, line 2: 'much' is not an amount"),
        ("from,to,value\nA,A,1\n", "rows.csv has no demands"),
        (",A,B\nA,1\n", "rows.csv, line 2: 2 values, but 3 columns; write as many"),
        ("A\n", "rows.csv, line 1: not a matrix"),
        ("from,to,value\nA,D,1\n", "no demand is between hosts that have users"),
    ],
)
def test_what_is_wrong_with_a_matrix_is_said(tmp_path: Path, rows: str, sentence: str) -> None:
    (found,) = problems(matrix=written(tmp_path, rows))
    assert sentence in found


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ("from ; to ; demand (Mbit/s)\n A ; B ; 1 200,5 \n", 1200.5),
        ("from ; to ; demand [kbit/s]\nA;B;1\u202f200\n", 1.2),
        ('from,to,Rate\nA,B,"1,200.5"\n', 1200.5),
        ("from\tto\tvalue\nA\tB\t8 Gbit/s\nA\tC\t\u2013\nA\tC\t-\n", 8000.0),
        ("from,to,value\nA,B,1 MB/s\n", 8.0), ("from,to,value\nA,B,1e3\n", 1000.0),
        (",A,B\nA,0,1'200\nB,,-\n", 1200.0),
    ],
)  # fmt: skip
def test_amounts_are_read_as_tables_have_them(tmp_path: Path, rows: str, value: float) -> None:
    """Digits in groups, decimal commas, dashes, and units at a number or at the column's name."""
    ((a, b, found),) = topology(matrix=written(tmp_path, rows), unit="Mbit/s").traffic[0].demands
    assert (a, b, found) == ("A", "B", pytest.approx(value))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("from,to,value (/h)\nA,B,1\n", "line 1: '/h' cannot be converted to 'Mbit/s'; write unit"),
        (
            "from,to,value\nA,B,1 /h\n",
            "line 2: '/h' cannot be converted to 'Mbit/s'; write unit = ",
        ),
        ("from,to,value\nA,B,1 Mbits\n", "line 2: 'Mbits' is not a unit of messages or bytes; did"),
        ("from,to,value\nA,B,5e\n", "line 2: '5e' is not an amount; write 0 or more"),
        ("from,to,value\nA,B,inf\n", "line 2: 'inf' is not an amount"),
        ("from,to,value\nA,B,-3 kbit/s\n", "line 2: '-3 kbit/s' is not an amount"),
    ],
)
def test_amounts_that_cannot_be_read_are_sentences(
    tmp_path: Path, rows: str, sentence: str
) -> None:
    (found,) = problems(matrix=written(tmp_path, rows), unit="Mbit/s")
    assert sentence in found


def test_demands_of_hosts_without_users_are_left_out(tmp_path: Path) -> None:
    made = topology(matrix=written(tmp_path, "from,to,value\nA,D,1\nA,B,1\n"))
    assert made.traffic[0].demands == (("A", "B", 1.0),)
    assert any("1 of 2 demands were left out: 'D', for one" in note for note in made.notes)


def test_a_graph_has_demands() -> None:
    graph = networkx.Graph([("A", "B"), ("B", "C")])
    graph.graph["demands"] = {"A": {"B": 2.0, "C": 1.0}, "C": {"A": 4.0}}
    made = lab.Topology.from_graph(graph, traffic=[{"matrix": "graph", "rate": "1 /s"}])
    assert sorted(made.traffic[0].demands) == [("A", "B", 2.0), ("A", "C", 1.0), ("C", "A", 4.0)]
    assert lab.simulate(made).summary["submitted"] == 3


def test_a_graph_without_demands_is_a_sentence() -> None:
    (found,) = problems(matrix="graph")
    assert "the graph has no demands; write the name of a CSV file" in found


def test_demands_of_a_file_of_sndlib(tmp_path: Path) -> None:
    text = (
        "?SNDlib native format; type: network; version: 1.0\n"
        "NODES (\n  A ( 1 2 )\n  B ( 2 3 )\n)\nLINKS (\n  L ( A B ) 0 0 0 0 ( 1 1 )\n)\n"
        "DEMANDS (\n  D ( A B ) 1 14.00 UNLIMITED\n)\n"
    )
    path = written(tmp_path, text, "net.sndlib")
    assert topology(matrix=path).traffic[0].demands == (("A", "B", 14.0),)
    hosts = [{"name": "B", "users": ["b"]}]
    with pytest.raises(lab.TopologyError, match=r"net\.sndlib: there is no host 'A'"):
        from_dict({"host": hosts, "traffic": [{"matrix": path}]})


@pytest.mark.parametrize(
    ("traffic", "sentence"),
    [
        ({"rate": 1}, 'count is missing; write count = 100, or until = "8 h"'),
        ({"count": 1}, 'rate is missing; write rate = "2 /min"'),
        ({"rate": 1, "until": 5, "start": 5}, "it ends before it begins; write a later time"),
        ({"rate": 1, "count": 1, "arrivals": "poison"}, "did you mean poisson?"),
        ({"rate": 1, "count": 1, "arrivals": 3}, "3 is not one of poisson, fixed"),
        ({"rate": 1, "count": 1, "arrivals": {"distribution": "pareto", "shape": 1}}, "no mean"),
        ({"rate": 1, "count": 1, "profile": {"25:00": 1}}, "'25:00' is not a time of day"),
        ({"rate": 1, "count": 1, "profile": {"9:00": 0}}, "it is 0 at all times"),
        ({"rate": 1, "count": 1, "profile": {"9:00": 1, "09:00": 2}}, "are the same"),
        ({"rate": 1, "count": 1, "profile": {"9:00": -1}}, "-1.0 is negative; use 0 or more"),
        ({"rate": 1, "count": 1, "profile": 3}, "3 is not a table"),
        ({"rate": 1, "count": 1, "size": {"distribution": "normal", "mean": "2 kB"}}, "sd"),
        ({"rate": 1, "count": 1, "size": {"distribution": "norml"}}, "did you mean normal?"),
        ({"rate": 1, "count": 1, "size": {"distribution": "fixed", "valu": 1}}, "mean value?"),
        ({"demands": [["A", "B", 1]], "unit": "kbits/s"}, "did you mean kbit/s?"),
        ({"demands": [["A", "B"]]}, 'is not a demand; write ["A", "B", 3]'),
        ({"demands": [["A", "B", 0]]}, "0 is too small; use more than 0"),
        ({"demands": 3}, "3 is not a list"),
        ({"demands": [["A", "Q", 1]]}, "there is no host 'Q'"),
        ({"demands": [["A", "B", 1]], "matrix": "graph"}, "cannot be given together"),
    ],
)
def test_what_does_not_fit_is_said(traffic: dict[str, Any], sentence: str) -> None:
    assert any(sentence in problem for problem in problems(**traffic))


def test_gaps_and_sizes_come_from_files(tmp_path: Path) -> None:
    """Gaps of 2 s and 4 s are a rate of one message in three seconds."""
    gaps = {"distribution": "file", "file": written(tmp_path, "gap\n2 s\n4\n", "gaps.csv")}
    sizes = {"distribution": "file", "file": written(tmp_path, "700\n2 kB\n", "sizes.csv")}
    (traffic,) = topology(count=5, arrivals=gaps, size=sizes).traffic
    assert traffic.rate == pytest.approx(1 / 3)
    assert isinstance(traffic.size, lab.Distribution)
    assert traffic.size.values == (700.0, 2000.0)
    assert any("no such file" in each for each in problems(
        count=1, rate=1, size={"distribution": "file", "file": "nowhere.csv"}
    ))  # fmt: skip
    bad = {"distribution": "file", "file": written(tmp_path, "1\nx\n", "bad.csv")}
    assert any("bad.csv, line 2: 'x' is not a quantity" in each for each in problems(
        count=1, rate=1, size=bad
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rate": None}, "traffic[0]: give rate, and count or until"),
        ({"matrix": "graph"}, "traffic[0]: only a topology file can name a file or a matrix"),
        ({"size": lab.Distribution("file", file="x.csv")}, "can name a file; give values"),
        ({"demands": (("A", "Q", 1.0),)}, "traffic[0].demands: there is no host 'Q'"),
    ],
)
def test_traffic_made_in_python_is_checked(changes: dict[str, Any], sentence: str) -> None:
    traffic = lab.TrafficSpec(**({"count": 1, "rate": 1.0} | changes))
    hosts = {"A": lab.HostSettings("A", users=(lab.User("ann"),))}
    made = lab.Topology(hosts=hosts, traffic=(traffic,))
    with pytest.raises(lab.TopologyError) as caught:
        made.ready()
    assert any(sentence in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"profile": {"9:00": -1.0}}, "profile has a negative factor"),
        ({"profile": {"9:00": 0.0}}, "profile is 0 at all times"),
        ({"profile": {"noon": 1.0}}, "'noon' is not a time of day"),
        ({"demands": (("A", "B", 0.0),)}, "demands must be more than 0"),
        ({"arrivals": "often"}, "arrivals must be"),
        ({"size": -1}, "size must be 0 or more, not -1"),
    ],
)
def test_values_that_cannot_be_are_refused_in_python(changes: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        lab.TrafficSpec(**({"count": 1, "rate": 1.0} | changes))


CELLS = st.sampled_from(["1", "2 s", "A", "ann@A", "at", "from", "to", "value", '"', "-1", "nan"])
ROWS = st.lists(st.lists(CELLS | st.text(max_size=8), max_size=5).map(",".join), max_size=5)


@given(ROWS, st.sampled_from(["file", "matrix"]))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_file_loads_or_is_refused(tmp_path: Path, rows: list[str], key: str) -> None:
    text = "\n".join(["from,to,value" if key == "matrix" else "at,from,to", *rows])
    path = written(tmp_path, text.encode("utf-8", "replace").decode())
    with suppress(lab.TopologyError):
        from_dict({"host": HOSTS, "traffic": [{key: path}]})
