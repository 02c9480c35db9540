"""Messages that programs are likely to change, and a client that sends them as they are."""

from __future__ import annotations

import random
import socket
from typing import IO, Final

COUNT: Final = 200

FIXED: Final = (
    b"", b"\r\n", b"\r\n\r\n\r\n", b".\r\n", b"..\r\n", b"...\r\n", b". \r\n", b".\t\r\n",
    b".a\r\n..b\r\n...c\r\n", b".\r\n.\r\n.\r\n", b" .\r\n", b"x\r\n.\r\nQUIT\r\n",
    b"one\ntwo\r\n", b"one\rtwo\r\n", b"one\r\rtwo\r\n", b"one\n\ntwo\r\n", b"one\n\rtwo\r\n",
    b"end in LF\n", b"end in CR\r", b"end in LF CRLF\n\r\n", b"end in CR CRLF\r\r\n", b"no end",
    b"one\n.\ntwo\r\n", b"one\n.\r\ntwo\r\n", b"one\r\n.\ntwo\r\n", b"one\r.\rtwo\r\n",
    b"one\r.\r\ntwo\r\n", b"one\r\n.\rtwo\r\n", b"one\n..\ntwo\r\n", b"one\n.x\r\n",
    b"\n.\n", b"\n.\r\n", b"\r.\r", b"\n.", b"\r\n.\n", b".\n", b".\r", b"\n", b"\r", b"\0",
    b"a\0b\r\n", b"\0\0\0\r\n", b"a\0\r\nb\r\n", b"\0.\0\r\n", b"\x01\x02\x03\x1a\x04\x7f\r\n",
    b"\x1b[31mred\x1b[0m\r\n", b"tab\tand\x0bvt\x0cff\r\n", b"\xe9t\xe9 \xff\xfe\r\n",
    "grüße ☃\r\n".encode(), bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n",
    b"From me Mon\r\n", b"From \r\n>From \r\n", b"x\r\n\r\nFrom ann@x Thu Jan 1\r\n",
    b"Received: from nowhere\r\n", b"Subject: inside\r\n\r\nbody\r\n", b": colon\r\n",
    b" folded first\r\n\tand more\r\n", b"trailing \r\ntabs\t\t\r\n   \r\n \r\n", b"= =3D =\r\n",
    b"QUIT\r\n", b"RSET\r\nMAIL FROM:<x@y>\r\n", b"DATA\r\n", b"--boundary\r\n--boundary--\r\n",
    *(b"z" * n + b"\r\n" for n in (70, 510, 511, 512, 513, 997, 998, 999, 1000, 1001, 1022, 1023,
                                   1024, 1025, 2047, 2048, 2049, 4095, 4096, 4097, 8191, 20000)),
    *(b"." * n + b"\r\n" for n in (4, 64, 996, 997, 998, 999)),
    b"." + b"x" * 997 + b"\r\n", b"x" * 997 + b".\r\n.\r\n", b" " * 998 + b"\r\n",
    b"line\r\n" * 20_000, b"." * 60 + b"\r\n" + b".\r\n" * 20_000, b"a" * 76 + b"\r\n" * 5_000,
    (b"x" * 78 + b"\r\n") * 12_500, (b"." + b"y" * 997 + b"\r\n") * 1_000,
)  # fmt: skip
"""Texts by hand; the rest are drawn."""


def texts(count: int = COUNT, seed: int = 821) -> list[bytes]:
    """Nasty texts, in an order that does not depend on the count."""
    draw = random.Random(seed)
    atoms = [b"\r\n", b"\n", b"\r", b".", b"..", b"\0", b"\xff", b" ", b"\t", b"From ", b"word",
             b"\r\n.", b"\n.", b"\r\n\r\n", b"z" * 990, b"x" * 9]  # fmt: skip
    drawn = (b"".join(draw.choices(atoms, k=draw.randint(1, 30))) for _ in range(count))
    return [*FIXED, *drawn][:count]


HEADER: Final = (
    b"From: ann@client.example\r\nTo: box@real.arpa\r\nDate: Sat, 29 Nov 2025 12:00:00 +0000\r\n"
    b"Message-ID: <nasty%d@client.example>\r\nSubject: %d\r\n"
)
"""All that a server may miss in a header, and add."""


def message(number: int, text: bytes) -> bytes:
    """The mail data of a text: its header says which it is. A last line without an end gets one."""
    whole = HEADER % (number, number) + b"\r\n" + text
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


def hand_in(port: int, number: int, to: str, mail_data: bytes) -> str:
    """Send a message as it is, octet for octet; the reply to it, or to the command that failed."""
    said = [b"HELO client.example", b"MAIL FROM:<ann%d@HOME.LAB.ARPA>" % number,
            b"RCPT TO:<%b>" % to.encode(), b"DATA"]  # fmt: skip
    lines = (b"\r\n" + mail_data).replace(b"\r\n.", b"\r\n..")[2:]
    with socket.create_connection(("127.0.0.1", port), 60) as sock, sock.makefile("rb") as heard:
        reply = heard.readline()
        for line in said:
            sock.sendall(line + b"\r\n")
            reply = _reply(heard)
            if not reply.startswith((b"2", b"3")):
                return reply.decode("latin-1").strip()
        try:
            sock.sendall(lines + b".\r\n")
            reply = _reply(heard)
            sock.sendall(b"QUIT\r\n")
        except OSError as error:  # it may say why before it hangs up
            reply = reply if reply[:1] in (b"4", b"5") else str(error).encode()
        return reply.decode("latin-1").strip()


def _reply(heard: IO[bytes]) -> bytes:
    line = b""
    while line[3:4] in (b"-", b""):
        line = heard.readline()
        if not line:
            return b"(hung up)"
    return line
