"""Exports, each read back by the program or the library that it is for."""

from __future__ import annotations

import csv
import html
import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers.browser import browser, needs_chromium
from helpers.nasty_names import NASTY, SHOWN, nasty
from helpers.places import TOPOLOGIES
from helpers.small_topologies import host, mail, relay

import lab
from lab.analysis import table_rows
from lab.analysis.spools import queue_lengths
from lab.runtime.escaping import csv_cell
from lab.topology.model import from_dict
from lab.trace.rows import CROSSING, KIND, OCTETS, SESSION
from lab.trace.trace import Trace
from lab.views import export
from lab.views.export import FORMATS
from lab.views.files.csv_tables import TABLES
from lab.views.files.shiviz import EXPRESSION

NAMES = ["rfc821/scenario-03", "campus", "polling", "faults/duplicate-window", "faults/partition"]
DRAWN = ["rfc821/scenario-03", "faults/partition"]
"""Those of them that are drawn by programs which take their time."""

MERMAID = Path.home() / ".cache/smtp-lab/mermaid/mermaid.min.js"
needs_mermaid = pytest.mark.skipif(
    not MERMAID.is_file(), reason=f"npm's mermaid is not there: .ci/run puts it at {MERMAID}"
)
needs_plantuml = pytest.mark.skipif(
    shutil.which("plantuml") is None,
    reason="plantuml is not installed (Debian: apt-get install plantuml)",
)
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None,
    reason="tshark is not installed (Debian: apt-get install tshark)",
)


@cache
def simulated(name: str) -> lab.Run:
    return lab.simulate(TOPOLOGIES / f"{name}.toml")


def written(trace: Trace, format: str, folder: Path, **chosen: Any) -> Path:
    path = folder / FORMATS[format].file
    assert export(trace, format, path, **chosen).paths
    return path


# -- csv: pandas -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_pandas_reads_the_tables_that_a_trace_has(name: str, tmp_path: Path) -> None:
    import pandas

    trace = simulated(name).trace
    folder = written(trace, "csv", tmp_path)
    for table, known in TABLES.items():
        read = pandas.read_csv(
            folder / f"{table}.csv", dtype=dict(known.columns), keep_default_na=False,
            na_values=[""],
        )  # fmt: skip
        wanted = getattr(trace, table)()
        for column, kind in known.columns.items():
            if kind == "string":
                wanted[column] = wanted[column].map(csv_cell, na_action="ignore").astype("string")
        wanted = wanted.replace("", pandas.NA)
        pandas.testing.assert_frame_equal(read, wanted, rtol=1e-12)


def test_names_are_whole_in_csv(tmp_path: Path) -> None:
    """Quotes, commas and letters of any script; what a spreadsheet would run has an apostrophe."""
    folder = written(nasty(), "csv", tmp_path)
    with open(folder / "sessions.csv", encoding="utf-8", newline="") as file:
        read = [row["host"] for row in csv.DictReader(file)]
    assert read == [f"'{name}" if name[0] == "=" else name for name in NASTY]


@pytest.mark.parametrize(
    ("level", "left_out"),
    [
        ("session", "links.csv, utilisation.csv"),
        ("delivery", "sessions.csv, links.csv, utilisation.csv"),
        ("none", "deliveries.csv, sessions.csv, links.csv, utilisation.csv, queues.csv"),
    ],
)
def test_tables_that_were_not_recorded_are_left_out_and_named(
    level: str, left_out: str, tmp_path: Path
) -> None:
    """And those of an earlier export are not left there."""
    written(simulated("campus").trace, "csv", tmp_path)
    trace = lab.simulate(TOPOLOGIES / "campus.toml", trace=level).trace
    done = export(trace, "csv", tmp_path / FORMATS["csv"].file)
    assert done.notes == [f"--trace {level} leaves out {left_out}"]
    assert sorted(done.paths) == sorted((tmp_path / FORMATS["csv"].file).iterdir())


# -- mermaid, in the browser -----------------------------------------------------------------------

DRAW: str = """async source => {
    mermaid.initialize({startOnLoad: false, maxTextSize: 1e7});
    const {diagramType} = await mermaid.parse(source);
    document.body.innerHTML = (await mermaid.render("d", source)).svg;
    const texts = [...document.querySelectorAll("text")].map(text => text.textContent);
    const arrows = document.querySelectorAll(".messageLine0, .messageLine1").length;
    return [diagramType, texts, arrows];
}"""


def crossings(trace: Trace) -> int:
    return trace.count(CROSSING)


@needs_chromium
@needs_mermaid
def test_mermaid_draws_what_the_trace_has(tmp_path: Path) -> None:
    """An arrow for all that crossed, and for each attempt that failed; texts are whole."""
    with browser() as chromium:
        page = chromium.new_page()
        page.add_script_tag(path=str(MERMAID))

        def drawn(trace: Trace, **chosen: Any) -> tuple[list[str], int]:
            path = written(trace, "mermaid", tmp_path, **chosen)
            kind, texts, arrows = page.evaluate(DRAW, path.read_text(encoding="utf-8"))
            assert kind == "sequence"
            return [text.replace("\xa0", " ") for text in texts], arrows

        for name in DRAWN:
            trace = simulated(name).trace
            texts, arrows = drawn(trace)
            assert arrows == crossings(trace) + trace.count(("unreachable",))
            assert any(text.startswith("220 ") for text in texts)
            assert trace.meta["title"] in texts
        for number, host_name in enumerate(NASTY, 1):
            if number % 12 == 1:
                texts, arrows = drawn(nasty(), session=number)
                assert {host_name, NASTY[number % len(NASTY)], *SHOWN} <= set(texts)
        texts, arrows = drawn(nasty(), between=("ФИЗФАК", "数学"))
        assert {"ФИЗФАК", "数学"} <= set(texts)
        assert drawn(Trace())[0][:1] == ["nothing happened"]


def test_a_diagram_that_mermaid_would_refuse_is_noted(tmp_path: Path) -> None:
    done = export(nasty(), "mermaid", tmp_path / "all.mmd")
    assert "Mermaid draws at most 50,000 characters" in done.notes[0]
    assert export(nasty(), "mermaid", tmp_path / "one.mmd", session=1).notes == []
    assert export(nasty(), "plantuml", tmp_path / "all.puml").notes == []


# -- plantuml --------------------------------------------------------------------------------------


@needs_plantuml
def test_plantuml_draws_what_the_trace_has(tmp_path: Path) -> None:
    """All diagrams in one start of the program, which takes seconds; texts are whole."""
    traces = {name.replace("/", "-"): simulated(name).trace for name in DRAWN}
    for name, trace in traces.items():
        export(trace, "plantuml", tmp_path / f"{name}.puml")
    export(nasty(), "plantuml", tmp_path / "nasty.puml", session=7)
    export(Trace(), "plantuml", tmp_path / "nothing.puml")
    command = ["plantuml", "-tsvg", "-charset", "UTF-8", "-failfast2", str(tmp_path / "*.puml")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)

    def drawn(name: str) -> list[str]:
        svg = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        texts = [html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", svg)]
        return [text.replace("\xa0", " ") for text in texts]

    for name, trace in traces.items():
        texts = drawn(name)
        said = sum(bool(re.match(r"[2-5]\d\d ", text)) for text in texts)
        assert said == trace.count(("reply",))
        assert trace.meta["title"] in texts
    assert {"ФИЗФАК", "数学", *SHOWN} <= set(drawn("nasty"))
    assert "nothing happened" in drawn("nothing")


# -- shiviz ----------------------------------------------------------------------------------------


def logged(path: Path) -> list[tuple[str, dict[str, int], str]]:
    """The events of a log, as the expression in its first line reads them."""
    first, delimiter, rest = path.read_text(encoding="utf-8").split("\n", 2)
    assert (first, delimiter) == (EXPRESSION, "")
    expression = re.compile(first.replace("(?<", "(?P<"))
    found = list(expression.finditer(rest))
    assert "".join(f"{match[0]}\n" for match in found) == rest
    return [(match["host"], json.loads(match["clock"]), match["event"]) for match in found]


@pytest.mark.parametrize("name", [*NAMES, "nasty"])
def test_clocks_are_those_of_the_hosts(name: str, tmp_path: Path) -> None:
    """Each host counts its own events; what it knows of others has happened; nothing is received
    before it is sent.
    """
    trace = nasty() if name == "nasty" else simulated(name).trace
    events = logged(written(trace, "shiviz", tmp_path))
    counts: dict[str, int] = {}
    for host_name, clock, _ in events:
        counts[host_name] = counts.get(host_name, 0) + 1
        assert clock[host_name] == counts[host_name]
        assert all(clock[other] <= counts[other] for other in clock)
    sent = [text.split(": ", 2)[2] for _, _, text in events if ": sends to " in text]
    received = [text.split(": ", 2)[2] for _, _, text in events if ": receives from " in text]
    assert len(sent) == len(received) == crossings(trace)
    assert sorted(sent) == sorted(received)


def test_what_is_received_knows_of_its_sender(tmp_path: Path) -> None:
    """Also over links without latency, where all happens at one instant."""
    links = [{"between": ["A.ARPA", "B.ARPA"], "latency": 0}]
    run = lab.simulate(from_dict({
        "host": [host("A.ARPA", "ann"), host("B.ARPA", "bob")], "link": links,
        "mail": [mail("ann@A.ARPA", "bob@B.ARPA")],
    }))  # fmt: skip
    events = logged(written(run.trace, "shiviz", tmp_path))
    [(_, clock, _)] = [each for each in events if "delivers message 1" in each[2]]
    before = [text for name, known, text in events if known[name] <= clock.get(name, 0)]
    assert any("354 Start mail input" in text and "sends" in text for text in before)
    assert any("A.ARPA puts message 1" in text for text in before)
    assert not any("QUIT" in text for text in before)
    assert not any("transaction" in text for text in before)


def test_a_log_of_one_message_has_what_concerns_it(tmp_path: Path) -> None:
    trace = simulated("campus").trace
    events = logged(written(trace, "shiviz", tmp_path, message=2))
    assert any("hands message 2" in text for _, _, text in events)
    assert not any("message 1 " in text for _, _, text in events)


# -- perfetto: its schema --------------------------------------------------------------------------


def packets(path: Path) -> list[Any]:
    schema = pytest.importorskip(
        "perfetto.protos.perfetto.trace.perfetto_trace_pb2", reason="pip install perfetto"
    )
    trace = schema.Trace()
    trace.ParseFromString(path.read_bytes())
    assert (
        trace.SerializeToString()
        == trace.__class__.FromString(path.read_bytes()).SerializeToString()
    )
    return list(trace.packet)


@pytest.mark.parametrize("name", [*NAMES, "nasty"])
def test_perfetto_has_slices_that_nest_on_each_track(name: str, tmp_path: Path) -> None:
    trace = nasty() if name == "nasty" else simulated(name).trace
    tracks: dict[int, Any] = {}
    events: dict[int, list[Any]] = {}
    for packet in packets(written(trace, "perfetto", tmp_path)):
        assert packet.trusted_packet_sequence_id
        if packet.HasField("track_descriptor"):
            described = packet.track_descriptor
            assert not described.parent_uuid or described.parent_uuid in tracks
            tracks[described.uuid] = described
        else:
            assert packet.track_event.track_uuid in tracks
            events.setdefault(packet.track_event.track_uuid, []).append(packet)
    for of_track in events.values():
        depth, at = 0, -1
        for packet in sorted(of_track, key=lambda packet: packet.timestamp):
            depth += {1: 1, 2: -1}.get(packet.track_event.type, 0)
            assert depth >= 0
            assert packet.timestamp >= at
            at = packet.timestamp
        assert depth == 0
    sessions = [track for track in tracks.values() if track.name.startswith("session ")]
    assert len(sessions) == trace.count(("open",))
    processes = {t.process.process_name for t in tracks.values() if t.HasField("process")}
    hosts = {each["name"] for each in trace.meta["hosts"]}
    assert processes <= hosts | {"the network"}


def changes(line: Iterable[tuple[float, int]]) -> list[tuple[float, int]]:
    """A line without what is as it was before, and with times in microseconds."""
    found, last = [], 0
    for t, length in line:
        if length != last:
            found.append((round(t, 6), length))
        last = length
    return found


def test_perfetto_counts_what_is_in_spools(tmp_path: Path) -> None:
    """And its slices are from command to reply, in nanoseconds."""
    trace = simulated("campus").trace
    found = packets(written(trace, "perfetto", tmp_path))
    names = {
        packet.track_descriptor.uuid: packet.track_descriptor.process.process_name
        for packet in found
        if packet.HasField("track_descriptor") and packet.track_descriptor.HasField("process")
    }
    counters = {
        packet.track_descriptor.uuid: names[packet.track_descriptor.parent_uuid]
        for packet in found
        if packet.HasField("track_descriptor") and packet.track_descriptor.HasField("counter")
    }
    lines: dict[str, dict[float, int]] = {}
    for packet in found:
        if packet.HasField("track_event") and packet.track_event.track_uuid in counters:
            line = lines.setdefault(counters[packet.track_event.track_uuid], {})
            line[packet.timestamp / 1e9] = packet.track_event.counter_value
    for name, line in queue_lengths(trace).items():
        assert changes(lines[name].items()) == changes(line)
    begins = sorted(
        packet.timestamp
        for packet in found
        if packet.HasField("track_event") and packet.track_event.name == "DATA"
    )
    sent = [e["sent"] for e in trace if e.kind == "command" and e["verb"] == "DATA"]
    assert begins == sorted(round(t * 1e9) for t in sent)


def test_perfetto_ends_what_is_open_at_the_end_of_a_run(tmp_path: Path) -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml", until=8.0).trace
    found = [p.track_event for p in packets(written(trace, "perfetto", tmp_path))]
    kinds = [event.type for event in found if event.track_uuid]
    assert kinds.count(1) == kinds.count(2) > 3


# -- pcapng: tshark --------------------------------------------------------------------------------


def dissected(path: Path, *fields: str, names: bool = False) -> list[list[str]]:
    words = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", str(path), "-N" if names else "-n", *(["n"] if names else [])]
    done = subprocess.run(
        [*command, "-T", "fields", *words], capture_output=True, text=True, check=True, timeout=120
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


@needs_tshark
@pytest.mark.parametrize("name", ["rfc821/scenario-03", "campus", "faults/duplicate-window"])
def test_tshark_reads_packets_names_and_comments(name: str, tmp_path: Path) -> None:
    trace = simulated(name).trace
    path = written(trace, "pcapng", tmp_path)
    fields = dissected(path, "frame.comment", "smtp.req.command", "smtp.response.code")
    commands = [verb for _, verb, _ in fields if verb]
    assert sorted(commands) == sorted(e["verb"] for e in trace if e.kind == "command")
    for comment, verb, code in fields:
        if verb or code:
            assert re.match(r"session \d+(, message \d+)?: ", comment)
            assert f": {verb or code}" in comment
    hosts = {each["name"] for each in trace.meta["hosts"]}
    found = {name for row in dissected(path, "ip.src_host", names=True) for name in row}
    assert found <= hosts
    assert len(found) > 1


@needs_tshark
@pytest.mark.parametrize("year", [1901, 1969, 1982, 2400, 2990])
def test_a_pcapng_holds_any_date(year: int, tmp_path: Path) -> None:
    text = (TOPOLOGIES / "rfc821/scenario-03.toml").read_text()
    text = re.sub(r"(?m)^start = .*$", f"start = {year}-03-01T12:00:00.250000Z", text)
    (tmp_path / "old.toml").write_text(text)
    path = written(lab.simulate(tmp_path / "old.toml").trace, "pcapng", tmp_path)
    relative = [float(row[0]) for row in dissected(path, "frame.time_relative")]
    assert relative == sorted(relative)
    assert 2 < relative[-1] < 10
    octets = path.read_bytes()
    at = octets.index(b"\x0e\x00\x08\x00") + 4
    seconds = int.from_bytes(octets[at : at + 8], "little", signed=True)
    assert 1970 + seconds / 31_556_952 == pytest.approx(year + 1 / 6, abs=0.02)


@needs_tshark
def test_a_packet_that_was_lost_and_an_attempt_that_failed_say_so(tmp_path: Path) -> None:
    run = lab.simulate(from_dict({
        "host": [host("A.ARPA", "ann"), relay("B.ARPA", "bob")],
        "link": [{"between": ["A.ARPA", "B.ARPA"], "loss": 0.3}],
        "mail": [mail("ann@A.ARPA", "bob@B.ARPA", text="x\n" * 900)],
        "fault": [{"kind": "host-down", "host": "B.ARPA", "at": "0 s", "for": "10 s"}],
    }))  # fmt: skip
    path = written(run.trace, "pcapng", tmp_path)
    comments = [comment for [comment] in dissected(path, "frame.comment")]
    assert "A.ARPA tries to open a channel to B.ARPA" in comments
    assert "sent again, because it was lost" in comments
    assert any(re.search(r"mail data, 2,\d+ bytes \(part 2 of \d+\)", each) for each in comments)
    assert any(re.match(r"session \d+ ends: quit", each) for each in comments)


# -- what cannot be exported -----------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_takes_a_live_run_and_an_empty_trace(format: str, tmp_path: Path) -> None:
    export(Trace(), format, tmp_path / "empty")
    trace = simulated("campus").trace
    outside = Trace(trace.rows)
    outside.growing.insert(
        -1, (98.0, "open", "outside", "HUB.CAMPUS", 99, None, "", "tcp", (), 98.0)
    )
    outside.growing.insert(
        -1, (98.5, "command", "HUB.CAMPUS", "outside", 99, None, 98.4, b"NOOP\r\n")
    )
    export(outside, format, tmp_path / "outside")


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_trace_gives_the_same_bytes(format: str, tmp_path: Path) -> None:
    trace = simulated("faults/partition").trace
    found = []
    for number in (1, 2):
        done = export(trace, format, tmp_path / str(number))
        found.append([path.read_bytes() for path in done.paths])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("format", "level", "chosen", "sentence"),
    [
        ("pdf", "wire", {}, "format must be"),
        ("csv", "wire", {"message": 1}, "message is for mermaid, plantuml and shiviz, not for csv"),
        ("pcapng", "wire", {"between": ("A", "B")}, "between is for mermaid"),
        ("pcapng", "session", {}, "--trace wire is required for pcapng; this run was recorded"),
        ("mermaid", "delivery", {}, "--trace session is required for mermaid"),
        ("mermaid", "wire", {"message": 77}, "there is no message 77; they are 1 to 8"),
        ("shiviz", "wire", {"session": 77}, "there is no session 77"),
        ("plantuml", "wire", {"between": ("A", "HUB.CAMPUS")}, "there is no host 'A'"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_sentence(
    format: str, level: str, chosen: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    """And no file is left."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml", trace=level).trace
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is compared
        export(trace, format, tmp_path / "out", **chosen)
    assert sentence in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_run_exports_what_its_trace_does(tmp_path: Path) -> None:
    run = simulated("campus")
    done = run.export("mermaid", tmp_path / "a.mmd", message=1)
    export(run.trace, "mermaid", tmp_path / "b.mmd", message=1)
    assert done.paths == [tmp_path / "a.mmd"]
    assert (tmp_path / "a.mmd").read_bytes() == (tmp_path / "b.mmd").read_bytes()


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        export(simulated("campus").trace, "shiviz", tmp_path / "none" / "x.log")
    assert list(tmp_path.iterdir()) == []


def test_events_have_a_time_and_a_place_in_diagrams(tmp_path: Path) -> None:
    """In comments, which are not drawn."""
    trace = simulated("campus").trace
    for format, sign in (("mermaid", "%%"), ("plantuml", "'")):
        text = written(trace, format, tmp_path).read_text(encoding="utf-8")
        places = re.findall(rf"(?m)^\s*{sign} t.*?(\d+(?:\.\d+)?) seq.*?(\d+) ", text)
        assert [int(seq) for _, seq in places] == sorted(int(seq) for _, seq in places)
        for t, seq in places:
            assert math.isclose(trace[int(seq)].t, float(t), rel_tol=1e-6, abs_tol=1e-6)


def test_the_columns_of_tables_are_those_of_dataframes() -> None:
    rows = {name: list(table.rows(simulated("campus").trace)) for name, table in TABLES.items()}
    assert {name for name, found in rows.items() if found} == set(TABLES)
    for name, found in rows.items():
        assert all(len(row) == len(TABLES[name].columns) for row in found)
    assert TABLES["events"].columns is table_rows.EVENTS


def test_pieces_of_a_reply_are_exported_too(tmp_path: Path) -> None:
    reply = [{"to": "RCPT", "octets": "250 OK\r\n", "pieces": [3], "pause": "1 s"}]
    run = lab.simulate(from_dict({
        "host": [host("A.ARPA", "ann"), host("B.ARPA", "bob", reply=reply)],
        "link": [{"between": ["A.ARPA", "B.ARPA"]}],
        "mail": [mail("ann@A.ARPA", "bob@B.ARPA")],
    }))  # fmt: skip
    pieces = [row for row in run.trace.rows if row[KIND] == "piece"]
    assert [row[OCTETS] for row in pieces] == [b"250", b" OK\r\n"]
    for format in ("mermaid", "plantuml", "shiviz"):
        text = written(run.trace, format, tmp_path).read_text(encoding="utf-8")
        assert "250" in text
        assert "x0d" in text  # the end of the line, escaped
    assert pieces[0][SESSION] == 1
