"""A small mail program: what the course "write an SMTP" ends with, in plain Python.

    python3 mailer.py                                        a receiver on stdin and stdout
    python3 mailer.py send HOST PORT FROM TO FILE            a sender
    python3 mailer.py relay PORT NEXT_HOST NEXT_PORT QUEUE   a relay: listens, keeps, sends on

It is BETA.ARPA, or $LAB_HOST, with the users Jones and Brown, or $LAB_USERS; their mail goes into
the folder $LAB_MAIL. The numbers in brackets are the stages of the course.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HOST = os.environ.get("LAB_HOST", "BETA.ARPA")
USERS = os.environ.get("LAB_USERS", "Jones,Brown").split(",")
MAIL = os.environ.get("LAB_MAIL", "")
RETRY = float(os.environ.get("LAB_RETRY", "1800"))
GIVE_UP = float(os.environ.get("LAB_GIVE_UP", "259200"))
LOCAL = r"(?:\"(?:[^\"\\]|\\.)*\"|(?:\\.|[^@<>\"\\])+)"
PATH = re.compile(rf"<(?:((?:@[^,:@<>]+,?)+):)?({LOCAL})@([^@<>\s]+)>")
LOOP = 30  # Received lines


class Gone(Exception):
    """The other side has closed the channel."""


class Lines:
    """Lines that end with CRLF, from any source of bytes."""  # a channel is a stream

    def __init__(self, read: Callable[[], bytes]) -> None:
        self.read, self.buffer = read, b""

    def next(self) -> bytes:
        """Return the next line without its CRLF; raise Gone at the end."""
        while b"\r\n" not in self.buffer:
            piece = self.read()
            if not piece:
                raise Gone
            self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def text(self) -> bytes:
        """Return mail data up to the line that is a period [4], without its doubled ones [5]."""
        lines = []
        while (line := self.next()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(line + b"\r\n" for line in lines)


class Session:
    """A session as the receiver-SMTP [1-8]."""

    def __init__(
        self, lines: Lines, say: Callable[[bytes], object], queue: Queue | None = None
    ) -> None:
        self.lines, self.say, self.queue = lines, say, queue
        self.peer, self.sender = "", ""
        self.to: list[str] = []
        self.state = 0  # 0: nothing, 1: HELO, 2: MAIL, 3: RCPT

    def run(self) -> None:
        """Speak until QUIT, or until the channel is lost."""
        self.reply(220, f"{HOST} Service ready")
        while self.command(self.lines.next().decode("latin-1")):
            pass

    def reply(self, code: int, text: str) -> None:
        """Send one reply."""
        self.say(f"{code} {text}\r\n".encode("latin-1", "replace"))

    def command(self, line: str) -> bool:
        """Answer a command; return whether the session goes on."""
        verb, space, argument = line.partition(" ")
        do = getattr(self, f"do_{verb.upper()}", None) if verb.isalpha() else None
        if verb.upper() == "QUIT" and not space:
            self.reply(221, f"{HOST} Service closing transmission channel")
            return False
        if do is None or not line.isascii():
            self.reply(500, "Syntax error, command unrecognized")
        else:
            do(argument.strip() if space else None)
        return True

    def do_HELO(self, argument: str | None) -> None:  # noqa: D102
        byte = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
        domain = rf"(?:[A-Za-z0-9-]+|#\d+|\[{byte}(?:\.{byte}){{3}}\])"
        if argument is None or not re.fullmatch(rf"{domain}(?:\.{domain})*", argument):
            self.reply(501, "HELO needs a domain")
            return
        self.peer, self.state, self.to = argument, 1, []
        self.reply(250, HOST)

    def do_MAIL(self, argument: str | None) -> None:  # noqa: D102
        match = re.fullmatch(r"FROM:(<.*>)", argument or "", re.I)
        if self.state == 0:
            self.reply(503, "HELO comes first")
        elif match is None or not (match[1] == "<>" or PATH.fullmatch(match[1])):
            self.reply(501, "MAIL needs FROM:<path>")
        else:
            self.sender, self.to, self.state = match[1], [], 2
            self.reply(250, "OK")

    def do_RCPT(self, argument: str | None) -> None:  # noqa: D102
        match = re.fullmatch(r"TO:(<.*>)", argument or "", re.I)
        path = PATH.fullmatch(match[1]) if match else None
        if self.state < 2:
            self.reply(503, "MAIL comes first")
        elif match is None or path is None:
            self.reply(501, "RCPT needs TO:<path>")
        elif self.queue is None and not is_here(match[1]):
            self.reply(550, "This host does not relay")
        elif is_here(match[1]) and path[2].lower() not in map(str.lower, USERS):
            self.reply(550, "No such user here")
        else:
            self.to.append(match[1])
            self.state = 3
            self.reply(250, "OK")

    def do_DATA(self, argument: str | None) -> None:  # noqa: D102
        if argument is not None:
            self.reply(501, "DATA takes no argument")
        elif self.state < 3:
            self.reply(503, "RCPT comes first")
        else:
            self.reply(354, "Start mail input; end with <CRLF>.<CRLF>")
            text = self.lines.text()
            self.state, to = 1, self.to
            code = self.take(to, text)
            self.reply(code, "OK" if code == 250 else "It goes in circles")

    def take(self, to: list[str], text: bytes) -> int:
        """Deliver mail, or keep it to be sent on; only then may 250 be said [12]."""
        if text.count(b"Received:") > LOOP:
            return 554
        stamp = f"Received: from {self.peer} by {HOST} ; {now()}\r\n".encode()
        for path in to:
            if is_here(path):
                deliver(self.sender, stamp + text)
            elif self.queue is not None:
                self.queue.add(self.sender, path, stamp + text)
        return 250

    def do_RSET(self, argument: str | None) -> None:  # noqa: D102
        if argument is not None:
            self.reply(501, "RSET takes no argument")
            return
        self.state, self.to = min(self.state, 1), []
        self.reply(250, "OK")

    def do_NOOP(self, argument: str | None) -> None:  # noqa: D102
        self.reply(250, "OK") if argument is None else self.reply(500, "NOOP takes no argument")

    def do_HELP(self, argument: str | None) -> None:  # noqa: D102
        self.reply(214, "HELO MAIL RCPT DATA RSET NOOP QUIT HELP VRFY EXPN")

    def do_VRFY(self, argument: str | None) -> None:  # noqa: D102
        if not argument:
            self.reply(501, "VRFY needs a name")
        elif argument.lower() in map(str.lower, USERS):
            self.reply(250, f"<{argument}@{HOST}>")
        else:
            self.reply(550, "No such user here")

    def do_EXPN(self, argument: str | None) -> None:  # noqa: D102
        self.reply(550, "No such list here") if argument else self.reply(501, "EXPN needs a name")


def is_here(path: str) -> bool:
    """Return whether a path ends at this host: alone, or with its own name as the whole route."""
    match = PATH.fullmatch(path)
    if match is None:
        return False
    route = [host.strip("@").upper() for host in (match[1] or "").split(",") if host]
    return match[3].upper() == HOST.upper() and route in ([], [HOST.upper()])


def now() -> str:
    """Return the date as in a time stamp line."""
    return time.strftime("%d %b %y %H:%M:%S UT", time.gmtime()).upper()


def write(path: Path, octets: bytes) -> None:
    """Write a file so that it is there whole, or not at all, even after a crash [12]."""
    new = path.with_name(f".{path.name}")
    with open(new, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def deliver(sender: str, text: bytes) -> None:
    """Put mail into the mail drop [4]."""
    if MAIL:
        name = f"{time.time_ns()}-{os.getpid()}-{threading.get_ident()}"
        write(Path(MAIL) / name, f"Return-Path: {sender}\r\n".encode("latin-1") + text)


# -- sending [10]


class Sender:
    """A session as the sender-SMTP."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), 30)
        self.lines = Lines(lambda: self.socket.recv(65536))

    def answer(self) -> tuple[int, str]:
        """Return the code and text of the next reply; raise Gone if it is not a reply."""
        while True:
            line = self.lines.next().decode("latin-1")
            if not re.match(r"[2345]\d\d([ -]|$)", line):
                raise Gone
            if line[3:4] != "-":
                return int(line[:3]), line

    def ask(self, line: str) -> tuple[int, str]:
        """Send a command and return the reply."""
        if self.lines.buffer:  # a reply that nothing has asked for: which one is whose?
            raise Gone
        self.socket.sendall(line.encode("latin-1") + b"\r\n")
        return self.answer()

    def send(self, sender: str, to: str, text: bytes) -> tuple[int, str]:
        """Send mail; return the code and line of the reply that decided."""
        code, line = self.answer()
        for command in (f"HELO {HOST}", f"MAIL FROM:{sender}", f"RCPT TO:{to}", "DATA"):
            if code // 100 == 2:
                code, line = self.ask(command)
        if code // 100 == 3:
            lines = text.removesuffix(b"\r\n").split(b"\r\n")
            stuffed = [b"." + each if each.startswith(b".") else each for each in lines]
            self.socket.sendall(b"\r\n".join(stuffed) + b"\r\n")
            code, line = self.ask(".")
        elif code // 100 < 4:  # DATA must be answered 354
            code = 451
        if code != 421:
            self.quit()
        return code, line

    def quit(self) -> None:
        """End the session in good order, if the other side lets us."""
        with suppress(OSError, Gone):
            self.ask("QUIT")

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


def transmit(host: str, port: int, sender: str, to: str, text: bytes) -> tuple[int, str]:
    """Send mail to a host; 451 if the channel was lost."""
    try:
        client = Sender(host, port)
    except OSError as error:
        return 451, str(error)
    try:
        return client.send(sender, to, text)
    except (OSError, Gone):
        return 451, "the channel was lost"
    finally:
        client.close()


# -- relaying [9-12]


class Queue:
    """Mail on its way, each message a file; what is in it survives a crash."""

    def __init__(self, folder: str, host: str, port: int) -> None:
        self.folder, self.next = Path(folder), (host, port)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.work = threading.Event()

    def add(self, sender: str, to: str, text: bytes) -> None:
        """Keep mail, its paths as the next host is to see them [9]."""
        job = {
            "sender": reverse(sender), "to": forward(to), "text": text.decode("latin-1"),
            "since": time.time(),
        }  # fmt: skip
        name = f"{time.time_ns()}-{threading.get_ident()}"
        write(self.folder / name, json.dumps(job).encode())
        self.work.set()

    def run(self) -> None:
        """Send what there is, again and again [10]."""
        while True:
            self.work.clear()
            for path in sorted(self.folder.glob("[0-9]*")):
                self.try_one(path)
            self.work.wait(RETRY)

    def try_one(self, path: Path) -> None:
        """Send a message; keep it if it may be tried again, return it if not [11]."""
        job = json.loads(path.read_bytes())
        text = job["text"].encode("latin-1")
        code, line = transmit(*self.next, job["sender"], job["to"], text)
        late = time.time() - job["since"] > GIVE_UP
        if code // 100 == 5 or (code // 100 == 4 and late):
            self.notify(job, line)
        if code // 100 in (2, 5) or late:
            path.unlink()

    def notify(self, job: dict[str, str], line: str) -> None:
        """Say to the sender that mail was not delivered; never about a notification [11]."""
        if job["sender"] == "<>":
            return
        back = job["sender"].replace(f"<@{HOST},", "<@", 1).replace(f"<@{HOST}:", "<", 1)
        back = back.replace("<@@", "<@")
        text = (
            f"From: Postmaster@{HOST}\r\nTo: {back[1:-1]}\r\nSubject: Undeliverable mail\r\n\r\n"
            f"Your mail to {job['to']} was not delivered:\r\n{line}\r\n"
        ).encode("latin-1", "replace")
        if is_here(back):
            deliver("<>", text)
        else:
            self.add("<>", back, text)


def reverse(path: str) -> str:
    """Return a reverse-path with this host before it; the null path stays null."""
    if path == "<>":
        return path
    return f"<@{HOST},{path[1:]}" if path.startswith("<@") else f"<@{HOST}:{path[1:]}"


def forward(path: str) -> str:
    """Return a forward-path without this host at its front."""
    match = PATH.fullmatch(path)
    assert match is not None
    route = [host for host in (match[1] or "").split(",") if host]
    if route and route[0][1:].upper() == HOST.upper():
        route = route[1:]
    return f"<{','.join(route)}{':' if route else ''}{match[2]}@{match[3]}>"


def serve(connection: socket.socket, queue: Queue) -> None:
    """Speak with one client."""
    with connection, suppress(OSError, Gone):
        Session(Lines(lambda: connection.recv(65536)), connection.sendall, queue).run()


def relay(port: int, queue: Queue) -> None:
    """Listen, and send on what is taken."""
    threading.Thread(target=queue.run, daemon=True).start()
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client, queue), daemon=True).start()


def receive() -> None:
    """Be a receiver-SMTP on stdin and stdout."""

    def say(octets: bytes) -> None:
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()

    with suppress(Gone, BrokenPipeError):
        Session(Lines(lambda: os.read(0, 65536)), say).run()


def main(role: str = "receive", *arguments: str) -> int:
    """Be what the arguments say; return the exit status."""
    if role == "send":
        host, port, sender, to, file = arguments
        text = Path(file).read_bytes()
        code, line = transmit(host, int(port), f"<{sender}>", f"<{to}>", text)
        print(line)
        return 0 if code // 100 == 2 else 75 if code // 100 == 4 else 1
    if role == "relay":
        port, host, next_port, folder = arguments
        relay(int(port), Queue(folder, host, int(next_port)))
    receive()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
