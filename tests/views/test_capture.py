"""The capture, as tshark dissects it: SMTP over TCP, nothing amiss, and all that the trace has."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import dpkt
import pytest
from helpers.places import TOPOLOGIES
from helpers.small_topologies import host, mail, relay, run

import lab
from lab.trace.trace import Trace
from lab.views.files.capture import addresses, write_capture, write_hosts

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None,
    reason="tshark is not installed (Debian: apt-get install tshark)",
)
CHECKED = ("ip.check_checksum:TRUE", "tcp.check_checksum:TRUE")


@cache
def simulated(name: str) -> lab.Run:
    return lab.simulate(TOPOLOGIES / f"{name}.toml")


def captured(made: lab.Run, directory: Path) -> Path:
    path = directory / "capture.pcap"
    with open(path, "wb") as file:
        write_capture(made.trace, file)
    with open(directory / "capture.hosts", "w", encoding="utf-8") as file:
        write_hosts(made.trace, file)
    return path


def tshark(path: Path, *words: str) -> str:
    options = [word for each in CHECKED for word in ("-o", each)]
    command = ["tshark", "-n", *options, "-r", str(path), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def fields(path: Path, wanted: str, *names: str) -> list[list[str]]:
    """The fields of those packets that a display filter picks."""
    words = [word for name in names for word in ("-e", name)]
    lines = tshark(path, "-Y", wanted, "-T", "fields", *words).splitlines()
    return [line.split("\t") for line in lines]


def packets(made: lab.Run) -> list[tuple[float, Any]]:
    file = io.BytesIO()
    write_capture(made.trace, file)
    file.seek(0)
    return [(t, dpkt.ip.IP(octets)) for t, octets in dpkt.pcap.Reader(file)]


LINKS = {
    "both ways": ([{"latency": "100 ms", "back": {"latency": "400 ms"}}], 0.1, 0.4),
    "parallel": ([{"latency": "50 ms", "cost": 9, "name": "first"},
                  {"latency": "300 ms", "cost": 1, "name": "taken"}], 0.3, 0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", LINKS)
def test_a_capture_has_the_latency_of_the_link_that_a_channel_takes(name: str) -> None:
    """That of its direction, where the two differ; of several links, that which was taken.

    A packet without an answer is acknowledged as soon as it arrives, and the handshake is three
    packets, one after another.
    """
    links, there, back = LINKS[name]
    tables = [{"between": ["A.ARPA", "B.ARPA"], **link} for link in links]
    fault = {"kind": "latency", "link": ["A.ARPA", "B.ARPA"], "value": "2 s", "at": "100 s"}
    posts = [mail("ann@A.ARPA", "bob@B.ARPA"), mail("ann@A.ARPA", "bob@B.ARPA", at=200)]
    hosts = host("A.ARPA", "ann"), host("B.ARPA", "bob")
    made = run(*hosts, links=tables, mail=posts, fault=[fault])
    found = [(t, ip.data) for t, ip in packets(made)]
    start = found[0][0]
    for number, (a, b) in enumerate([(there, back), (2.0, 2.0)]):
        first = 200.0 * number
        sent = [(t - start - first, tcp) for t, tcp in found if first <= t - start < first + 100]
        flags = [(round(t, 6), tcp.flags) for t, tcp in sent[:3]]
        syn, ack = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK
        assert flags == [(0, syn), (round(a, 6), syn | ack), (round(a + b, 6), ack)]
        times = [round(t, 6) for t, tcp in sent if tcp.sport == 25 and tcp.data]
        assert times[1] - times[0] == pytest.approx(a + b), "HELO follows 220, and 250 HELO"


NAMES = ["rfc821/scenario-03", "campus", "two-environments", "polling", "internet"]


@needs_tshark
@pytest.mark.parametrize("name", NAMES)
def test_commands_and_replies_are_those_of_the_trace(name: str, tmp_path: Path) -> None:
    """TURN changes who is client and who is server for SMTP, and not for TCP: polling is apart."""
    made = simulated(name)
    path = captured(made, tmp_path)
    verbs = Counter(event["verb"] for event in made.trace if event.kind == "command")
    codes = Counter(str(event["code"]) for event in made.trace if event.kind == "reply")
    if name == "polling":
        assert len(fields(path, "tcp.len > 0", "frame.number")) >= sum(verbs.values())
        return
    said = Counter(value for [value] in fields(path, "smtp.req.command", "smtp.req.command"))
    answered = Counter(each for [each] in fields(path, "smtp.response.code", "smtp.response.code"))
    assert said == verbs
    assert answered == codes


@needs_tshark
@pytest.mark.parametrize("name", [*NAMES, "faults/relay-dies", "faults/loss", "faults/crash"])
def test_nothing_is_amiss(name: str, tmp_path: Path) -> None:
    """No bad checksum, nothing malformed, no segment lost or out of order, no ACK of the unseen."""
    path = captured(simulated(name), tmp_path)
    bad = (
        "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 "
        "|| tcp.analysis.lost_segment || tcp.analysis.out_of_order || tcp.analysis.ack_lost_segment"
        " || tcp.analysis.window_full || tcp.analysis.reused_ports"
    )
    assert tshark(path, "-Y", bad) == ""


@needs_tshark
@pytest.mark.parametrize("name", ["campus", "faults/loss"])
def test_each_channel_begins_with_a_handshake_and_ends_in_order(name: str, tmp_path: Path) -> None:
    made = simulated(name)
    path = captured(made, tmp_path)
    opened = sum(event.kind == "open" for event in made.trace)
    again = "!tcp.analysis.retransmission"
    flags = {"syn": "0x0002", "syn and ack": "0x0012", "fin and ack": "0x0011"}
    counts = {
        flag: len(fields(path, f"tcp.flags == {bits} && {again}", "frame.number"))
        for flag, bits in flags.items()
    }
    assert counts == {"syn": opened, "syn and ack": opened, "fin and ack": 2 * opened}


@needs_tshark
def test_what_a_link_lost_is_sent_again(tmp_path: Path) -> None:
    made = simulated("faults/loss")
    path = captured(made, tmp_path)
    times = sum(event["again"] for event in made.trace if event.kind == "loss")
    assert times > 10
    assert len(fields(path, "tcp.analysis.retransmission", "frame.number")) == times


@needs_tshark
def test_mail_is_put_together_and_its_header_fields_are_known(tmp_path: Path) -> None:
    made = simulated("campus")
    path = captured(made, tmp_path)
    found = fields(path, "imf", "imf.from", "imf.subject")
    data = [event for event in made.trace if event.kind == "data"]
    assert len(found) == len(data)
    subjects = {each for _, each in found if each}
    assert subjects <= {
        line.split(": ", 1)[1]
        for event in data
        for line in event["octets"].decode().splitlines()
        if line.lower().startswith("subject: ")
    }
    assert subjects


@needs_tshark
def test_segments_are_as_long_as_the_transport_service_has_them(tmp_path: Path) -> None:
    made = run(
        relay("A", "ann"), host("B", "bob"),
        mail=[{"from": "ann@A", "to": ["bob@B"], "size": "5 kB"}],
    )  # fmt: skip
    path = captured(made, tmp_path)
    sizes = [int(size) for [size] in fields(path, "tcp.len > 0", "tcp.len")]
    assert max(sizes) == 536
    assert sizes.count(536) == 5000 // 536
    assert {value for [value] in fields(path, "tcp.flags.syn == 1", "tcp.options.mss_val")} == {
        "536"
    }


@needs_tshark
def test_hosts_have_stable_addresses_and_the_file_beside_names_them(tmp_path: Path) -> None:
    made = simulated("campus")
    path = captured(made, tmp_path)
    names = list(made.topology.hosts)
    assert addresses(made.trace) == {name: f"10.0.0.{n}" for n, name in enumerate(names, 1)}
    assert addresses(lab.simulate(made.topology, seed=5).trace) == addresses(made.trace)
    command = ["tshark", "-r", str(path), "-H", str(tmp_path / "capture.hosts"), "-N", "n"]
    shown = subprocess.run(
        [*command, "-Y", "smtp", "-c", "60", "-T", "json", "-e", "ip.src_host"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    seen = {each["_source"]["layers"]["ip.src_host"][0] for each in json.loads(shown)}
    assert len(seen) > 1
    assert seen <= set(names)


def test_a_channel_that_was_cut_ends_with_rst_and_one_that_never_opened_with_syn() -> None:
    cut = [ip for _, ip in packets(simulated("faults/hang-up")) if ip.data.flags & dpkt.tcp.TH_RST]
    trace = simulated("faults/hang-up").trace
    reasons = [event["reason"] for event in trace if event.kind == "close"]
    assert len(cut) == sum(reason.startswith("cut") for reason in reasons) > 0
    made = simulated("faults/host-down")
    tries = sum(event.kind == "unreachable" for event in made.trace)
    opened = sum(event.kind == "open" for event in made.trace)
    syns = [ip for _, ip in packets(made) if ip.data.flags == dpkt.tcp.TH_SYN]
    assert len(syns) == tries + opened
    assert tries


@pytest.mark.parametrize("name", ["campus", "internet", "faults/loss"])
def test_packets_are_in_the_order_of_time_and_dated_as_the_run(name: str) -> None:
    made = simulated(name)
    start = made.topology.start.timestamp()
    times = [t for t, _ in packets(made)]
    assert times == sorted(times)
    first = next(event["started"] for event in made.trace if event.kind == "open")
    assert times[0] == pytest.approx(start + first, abs=1e-5)


def test_the_stream_of_each_side_is_what_crossed() -> None:
    """Its segments put together by their sequence numbers: the octets of the trace."""
    made = simulated("campus")
    streams: dict[Any, dict[int, bytes]] = {}
    for _, ip in packets(made):
        tcp = ip.data
        if tcp.data:
            streams.setdefault((ip.src, tcp.sport, ip.dst, tcp.dport), {})[tcp.seq] = tcp.data
    together = sorted(b"".join(each for _, each in sorted(s.items())) for s in streams.values())
    said: dict[Any, bytes] = {}
    for event in made.trace:
        if event.kind in ("command", "data", "reply"):
            key = (event.session, event.peer)
            said[key] = said.get(key, b"") + event["octets"]
    assert together == sorted(said.values())


def test_mail_from_nowhere_makes_a_capture_of_no_packets() -> None:
    made = run(host("A", "ann"), host("B"), mail=[mail("ann@A", "nobody@A")])
    assert packets(made) == []


def test_a_session_whose_opening_is_missing_is_left_out() -> None:
    """A trace that lines have gone from: the other sessions are captured as they were."""

    def times(trace: Trace) -> set[float]:
        file = io.BytesIO()
        write_capture(trace, file)
        return {t for t, _ in dpkt.pcap.Reader(io.BytesIO(file.getvalue()))}

    whole = simulated("campus").trace
    holed = Trace([row for row in whole.rows if row[1] != "open" or row[4] != 2])
    assert times(holed) < times(whole)
    assert times(holed)
