"""Captures of others: odd segments, link types, files; each is read, or refused in a sentence."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lab
from lab.trace.rows import KIND, OCTETS

CLIENT, SERVER = (b"\x0a\x00\x00\x01", 40000), (b"\x0a\x00\x00\x02", 2525)
SYN, ACK, PUSH, FIN, RST = 2, 16, 8, 1, 4

TALK: Sequence[tuple[bool, bytes]] = (
    (False, b"220 MAIL.EXAMPLE ready\r\n"),
    (True, b"EHLO PC.EXAMPLE\r\n"),
    (False, b"250-MAIL.EXAMPLE\r\n250 PIPELINING\r\n"),
    (True, b"MAIL FROM:<a@PC.EXAMPLE> SIZE=20\r\nRCPT TO:<b@MAIL.EXAMPLE>\r\nDATA\r\n"),
    (False, b"250 ok\r\n250 ok\r\n354 go on\r\n"),
    (True, b"Subject: x\r\n\r\n..dots\r\n.\r\n"),
    (False, b"250 taken\r\n"),
    (True, b"QUIT\r\n"),
    (False, b"221 bye\r\n"),
)
WHOLE = [
    "220 MAIL.EXAMPLE ready\r\n", "EHLO PC.EXAMPLE\r\n", "250-MAIL.EXAMPLE\r\n250 PIPELINING\r\n",
    "MAIL FROM:<a@PC.EXAMPLE> SIZE=20\r\n", "RCPT TO:<b@MAIL.EXAMPLE>\r\n", "DATA\r\n",
    "250 ok\r\n", "250 ok\r\n", "354 go on\r\n", "Subject: x\r\n\r\n..dots\r\n.\r\n",
    "250 taken\r\n", "QUIT\r\n", "221 bye\r\n",
]  # fmt: skip

Packet = tuple[float, bytes]


def packet(
    to_server: bool, seq: int, ack: int, flags: int, octets: bytes = b"", six: bool = False
) -> bytes:
    """Return an IP packet between the two ends."""
    (a, sport), (b, dport) = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
    tcp = dpkt.tcp.TCP(
        sport=sport, dport=dport, seq=seq % 2**32, ack=ack % 2**32, flags=flags, data=octets
    )
    if six:
        return bytes(
            dpkt.ip6.IP6(src=bytes(12) + a, dst=bytes(12) + b, nxt=6, plen=len(tcp), data=tcp)
        )
    return bytes(dpkt.ip.IP(src=a, dst=b, p=6, data=tcp, len=20 + len(tcp)))


def packets(
    talk: Sequence[tuple[bool, bytes]], cuts: int = 1460, six: bool = False, first: int = 2**32 - 30
) -> list[Packet]:
    """Return a connection as packets, a hundredth of a second apart."""
    place = {True: first, False: 77}
    found = [packet(True, first, 0, SYN, six=six), packet(False, 77, first + 1, SYN | ACK, six=six)]
    place = {side: at + 1 for side, at in place.items()}
    found.append(packet(True, place[True], place[False], ACK, six=six))
    for to_server, octets in talk:
        for at in range(0, len(octets), cuts):
            part = octets[at : at + cuts]
            flags = ACK | (PUSH if at + cuts >= len(octets) else 0)
            found.append(
                packet(to_server, place[to_server], place[not to_server], flags, part, six)
            )
            place[to_server] += len(part)
        found.append(packet(not to_server, place[not to_server], place[to_server], ACK, six=six))
    found.append(packet(True, place[True], place[False], FIN | ACK, six=six))
    found.append(packet(False, place[False], place[True] + 1, FIN | ACK, six=six))
    return [(1e9 + n / 100, octets) for n, octets in enumerate(found)]


def write(path: Path, found: Sequence[Packet], link: int = 101, before: bytes = b"") -> Path:
    """Write packets as a pcap, each behind the header of its link."""
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file, linktype=link)
        for t, octets in found:
            writer.writepkt(before + octets, ts=t)
    return path


def said(path: Path) -> list[str]:
    """Return all that crossed, in the order of the trace."""
    rows = lab.read_capture(path).trace.rows
    crossed = ("command", "reply", "data", "piece")
    return [row[OCTETS].decode("latin-1") for row in rows if row[KIND] in crossed]


@pytest.mark.parametrize("cuts", [1, 2, 7, 1460])
@pytest.mark.parametrize("six", [False, True])
def test_a_dialogue_in_any_segments(cuts: int, six: bool, tmp_path: Path) -> None:
    """Sequence numbers begin again after 2**32 in the middle of it."""
    assert said(write(tmp_path / "c.pcap", packets(TALK, cuts, six))) == WHOLE


@settings(max_examples=25)
@given(order=st.randoms(use_true_random=False), again=st.integers(0, 40))
def test_segments_twice_and_out_of_order(
    order: object, again: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As long as each comes before the answer to it."""
    found = packets(TALK, 5)
    mixed = [*found, *[(t + 0.005, octets) for t, octets in found[3 : 3 + again]]]
    for at in range(4, len(mixed) - 4, 2):
        if order.random() < 0.3:  # type: ignore[attr-defined]
            same = dpkt.ip.IP(mixed[at][1]).src == dpkt.ip.IP(mixed[at + 1][1]).src
            if same:
                mixed[at], mixed[at + 1] = mixed[at + 1], mixed[at]
    path = tmp_path_factory.mktemp("mixed") / "c.pcap"
    assert sorted(said(write(path, mixed))) == sorted(WHOLE)


@pytest.mark.parametrize(
    ("link", "before"),
    [
        (1, bytes(12) + b"\x08\x00"),
        (0, b"\x02\x00\x00\x00"),
        (113, bytes(14) + b"\x08\x00"),
        (276, b"\x08\x00" + bytes(18)),
        (12, b""),
    ],
    ids=["Ethernet", "loopback", "any", "any, version 2", "raw"],
)
def test_link_types(link: int, before: bytes, tmp_path: Path) -> None:
    assert said(write(tmp_path / "c.pcap", packets(TALK), link, before)) == WHOLE


def test_a_compressed_capture(tmp_path: Path) -> None:
    plain = write(tmp_path / "c.pcap", packets(TALK))
    (tmp_path / "c.pcap.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert said(tmp_path / "c.pcap.gz") == WHOLE


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """A segment that the other end has had, and that the capture does not have."""
    found = packets(TALK)
    lost = next(n for n, (_, octets) in enumerate(found) if b"MAIL FROM" in octets)
    captured = lab.read_capture(write(tmp_path / "c.pcap", found[:lost] + found[lost + 1 :]))
    assert captured.notes == (
        "session 1: the capture lacks some of its bytes; it is shown as far as those",
    )


def test_every_cut_of_a_capture_is_read(tmp_path: Path) -> None:
    """A capture may stop anywhere, in the middle of a packet too."""
    whole = write(tmp_path / "c.pcap", packets(TALK)).read_bytes()
    path = tmp_path / "cut.pcap"
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        try:
            found = said(path)
        except lab.CaptureError:
            continue
        assert "".join(WHOLE).startswith("".join(found[:6]))
        assert len(found) <= len(WHOLE) + 1  # bytes that are cut off are a piece


def test_encrypted_sessions_stop_there(tmp_path: Path) -> None:
    talk = [
        *TALK[:3], (True, b"STARTTLS\r\n"), (False, b"220 go ahead\r\n"),
        (True, b"\x16\x03\x01\x02\x00\x01\x00\r\n"), (False, b"\x16\x03\x03\x00"),
    ]  # fmt: skip
    path = write(tmp_path / "c.pcap", packets(talk))
    assert said(path) == [*WHOLE[:3], "STARTTLS\r\n", "220 go ahead\r\n"]
    assert "STARTTLS is encrypted" in lab.read_capture(path).notes[0]


def test_chunks_of_bdat_are_no_commands(tmp_path: Path) -> None:
    chunk = b"BDAT 10 LAST\r\nQUIT\r\nRSET"
    talk = [*TALK[:3], (True, chunk), (False, b"250 taken\r\n"), *TALK[-2:]]
    assert said(write(tmp_path / "c.pcap", packets(talk)))[3] == chunk.decode()


def test_programs_on_one_machine_go_by_their_own_names(tmp_path: Path) -> None:
    same = [
        (t, bytes(dpkt.ip.IP(octets).pack()).replace(SERVER[0], CLIENT[0]))
        for t, octets in packets(TALK)
    ]
    event = next(iter(lab.read_capture(write(tmp_path / "c.pcap", same)).trace.of({"open"})))
    assert event[2:4] == ("PC.EXAMPLE", "MAIL.EXAMPLE")


def test_names_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "c.pcap", packets(TALK))
    names = tmp_path / "names"
    names.write_text("# ours\n10.0.0.1 ALPHA.ARPA  # here\n\n10.0.0.2\tBETA.ARPA\n")
    event = next(iter(lab.read_capture(path, names).trace.of({"open"})))
    assert event[2:4] == ("ALPHA.ARPA", "BETA.ARPA")
    names.write_text("10.0.0.1\n")
    with pytest.raises(lab.CaptureError, match="line 1: an address without a name"):
        lab.read_capture(path, names)


def test_who_broke_the_rfc_is_said(tmp_path: Path) -> None:
    talk = [
        *TALK[:3],
        (True, b"MAIL FROM:<a@PC.EXAMPLE>\r\n"),
        (False, b"354 what\r\n"),
        *TALK[-2:],
    ]
    captured = lab.read_capture(write(tmp_path / "c.pcap", packets(talk)))
    assert [breach.host for breach in captured.peer_breaches] == ["MAIL.EXAMPLE"]
    assert captured.summary["peer_breach_count"] == 1


BAD = {
    "empty": b"",
    "text": b"hello, world\n" * 50,
    "gzip, cut": gzip.compress(bytes(range(256)) * 30)[:40],
    "unknown link": struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 195),
    "no packets": struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101),
    "pcapng, cut": b"\n\r\r\n\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00" + bytes(30),
    "pcapng, odd": b"\n\r\r\n\xff\xff\xff\xff\x4d\x3c\x2b\x1a" + bytes(64),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_get_a_sentence(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.pcap"
    path.write_bytes(BAD[kind])
    with pytest.raises(lab.CaptureError) as raised:
        lab.read_capture(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@settings(max_examples=40)
@given(octets=st.binary(max_size=200), at=st.integers(0, 2000), size=st.integers(0, 20))
def test_damaged_captures_are_read_or_refused(
    octets: bytes, at: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("damaged") / "c.pcap", packets(TALK))
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + octets + whole[at + size :])
    with suppress(lab.CaptureError):
        lab.read_capture(path)


def test_other_protocols_are_left_out(tmp_path: Path) -> None:
    web = [(True, b"GET / HTTP/1.0\r\n\r\n"), (False, b"HTTP/1.0 200 OK\r\n\r\n")]
    with pytest.raises(lab.CaptureError, match="there is no SMTP in it"):
        lab.read_capture(write(tmp_path / "c.pcap", packets(web)))


def test_a_file_object_of_packets_needs_no_name() -> None:
    """The reader of packets by itself: a stream of bytes."""
    from lab.captures.packets import segments

    file = io.BytesIO()
    writer = dpkt.pcap.Writer(file, linktype=101)
    for t, octets in packets(TALK):
        writer.writepkt(octets, ts=t)
    file.seek(0)
    assert len(list(segments(file))) == len(packets(TALK))
