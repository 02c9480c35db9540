"""Load on a live network while its hosts are killed or stopped, or their disk is full: a program.

    python -m tests.live.endure kill --seconds 60 --times 10     (also: stop, disk)

Clients send numbered mail to all hosts of a chain, for a user at its end. In ``kill`` a random host
gets a SIGKILL twice a second, in ``stop`` a SIGSTOP for half a second. In ``disk`` the disk of all
hosts is full for the middle third of the time: a tmpfs of ``--megabytes`` where it can be mounted,
and otherwise a limit on the size of files. At the end everything that got a 250 must be in the
mailbox, and mail may be there twice only if the 250 to it was lost on its way (RFC 1047). A line
for each run; the exit status is 1 if one of them lost mail.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import lab
from lab.live.spool_folder import read_folder

HOSTS = ("ONE.ARPA", "TWO.ARPA", "THREE.ARPA")
TOPOLOGY = """
[defaults.link]
latency = "1 ms"
[retry]
first = "1 s"
factor = 1
give_up = "1 h"
[[host]]
name = "ONE.ARPA"
relay = true
[[host]]
name = "TWO.ARPA"
relay = true
[[host]]
name = "THREE.ARPA"
users = ["bob"]
[[link]]
between = ["ONE.ARPA", "TWO.ARPA"]
[[link]]
between = ["TWO.ARPA", "THREE.ARPA"]
"""


def pid_of(spool: Path, host: str, network: int) -> int:
    """The process of a host, which has its file open; 0 for none. That of the network may, too."""
    wanted = str(spool / f"{host}.sqlite")
    for fds in Path("/proc").glob("[0-9]*/fd"):
        if fds.parent.name == str(network):
            continue
        with suppress(OSError):
            if any(os.readlink(fd) == wanted for fd in fds.iterdir()):
                return int(fds.parent.name)
    return 0


class Client(threading.Thread):
    """Sends one numbered message after the other, each until it gets a 250.

    ``accepted`` are those that did; ``unsure`` those for which a reply to the data was lost.
    """

    def __init__(self, first: int, step: int, ports: dict[str, int], size: int) -> None:
        super().__init__(daemon=True)
        self.numbers = iter(range(first, 10**9, step))
        self.ports = list(ports.values())
        self.size = size
        self.accepted: set[int] = set()
        self.unsure: set[int] = set()
        self.codes: Counter[int] = Counter()
        self.over = threading.Event()

    def run(self) -> None:
        draw = random.Random(id(self))
        for number in self.numbers:
            while not self.over.is_set() and not self._send(number, draw.choice(self.ports)):
                time.sleep(0.02)
            if self.over.is_set():
                return

    def _send(self, number: int, port: int) -> bool:
        text = f"X-Number: {number}=\r\n\r\n" + ("y" * 70 + "\r\n") * (self.size // 72 + 1)
        stage = ""
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=20) as program:
                program.helo("me.x")
                program.mail("me@me.x")
                program.rcpt("bob@THREE.ARPA")
                stage = "data"
                code, _ = program.data(text)
                stage = ""
                self.codes[code] += 1
                if code == 250:
                    self.accepted.add(number)
                return code == 250
        except (OSError, smtplib.SMTPException):
            if stage:
                self.unsure.add(number)
            return number in self.accepted


# -- what goes wrong ----------------------------------------------------------------------------


def kill(spool: Path, seconds: float, network: int) -> int:
    return _signals(spool, seconds, network, stop=False)


def stop(spool: Path, seconds: float, network: int) -> int:
    return _signals(spool, seconds, network, stop=True)


def _signals(spool: Path, seconds: float, network: int, *, stop: bool) -> int:
    times, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        pid = pid_of(spool, random.choice(HOSTS), network)
        with suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGSTOP if stop else signal.SIGKILL)
                times += 1
                if stop:
                    time.sleep(0.5)
                    os.kill(pid, signal.SIGCONT)
        time.sleep(max(0.0, 0.5 - (time.monotonic() - began)))
    return times


def disk(spool: Path, seconds: float, network: int) -> int:
    time.sleep(seconds / 3)
    if spool.is_mount():
        ballast = spool / "ballast"
        with suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        time.sleep(seconds / 3)
        ballast.unlink()
    else:
        size = max(path.stat().st_size for path in spool.iterdir())
        _limit(spool, size, network)
        time.sleep(seconds / 3)
        _limit(spool, resource.RLIM_INFINITY, network)
    time.sleep(seconds / 3)
    return 1


def _limit(spool: Path, size: int, network: int) -> None:
    for host in HOSTS:
        if pid := pid_of(spool, host, network):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


FAULTS = {"kill": kill, "stop": stop, "disk": disk}


# -- a run --------------------------------------------------------------------------------------


@contextmanager
def small_disk(wanted: bool, place: Path, megabytes: int) -> Iterator[None]:
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(place)]
    mounted = wanted and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


def live(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lab", "live", str(folder / "chain.toml"), *options]
    return subprocess.Popen(
        [*command, "--spool", str(folder / "spool")], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def unheard(trace: lab.Trace) -> set[int]:
    """The numbers of the mail whose data crossed in a session that then had no reply to it."""
    found: set[int] = set()
    waiting: dict[int | None, int | None] = {}
    numbers: dict[int | None, set[int]] = {}
    for event in trace:
        if event.kind in ("data", "deliver"):
            known = set(map(int, re.findall(rb"X-Number: (\d+)=", event["octets"])))
            numbers.setdefault(event.message, set()).update(known)
        if event.kind == "data":
            waiting[event.session] = event.message
        elif event.kind == "reply":
            waiting.pop(event.session, None)
        elif event.kind == "close" and event.session in waiting:
            found |= numbers.get(waiting.pop(event.session), set())
    for message in waiting.values():  # the receiving host was killed
        found |= numbers.get(message, set())
    return found


def end(process: subprocess.Popen[str], out: Path) -> str:
    """Interrupt a run, and again when it has only the pictures left to make; what it said."""
    process.send_signal(signal.SIGINT)
    while process.poll() is None and not (out / "transcript.txt").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=1800)[1]


def play(
    trouble: str, seconds: float, clients: int, size: int, *, together: bool, megabytes: int
) -> tuple[str, bool]:
    """Make a run; return a line about it, and whether it kept what it promised."""
    folder = Path(tempfile.mkdtemp(prefix="endure-"))
    (folder / "chain.toml").write_text(TOPOLOGY)
    out = folder / "spool" / "out" if together else folder / "out"
    with ExitStack() as over:
        over.enter_context(small_disk(trouble == "disk", folder / "spool", megabytes))
        process = live(folder, "--serve", "--out", str(out))
        assert process.stdout is not None
        words = [process.stdout.readline().split() for _ in HOSTS]
        ports = {name: int(where.rpartition(":")[2]) for name, where in words}
        senders = [Client(n, clients, ports, size) for n in range(clients)]
        for sender in senders:
            sender.start()
        times = FAULTS[trouble](folder / "spool", seconds, process.pid)
        for sender in senders:
            sender.over.set()
        for sender in senders:
            sender.join(30)
        went_on = process.poll() is None
        time.sleep(5)
        errors = end(process, out)
        if together:
            out = Path(shutil.move(out, folder / "out"))  # its pictures have taken the room again
        rest = live(folder, "--quiet", "--speed", "20")  # what waits for its next try
        _, more = rest.communicate(timeout=1800)
        hosts = read_folder(folder / "spool")
        waiting = sum(len(host.waiting) for host in hosts)
        drops = [drop for host in hosts for drop in host.drops]
        delivered = Counter(
            int(found) for drop in drops for found in re.findall(rb"X-Number: (\d+)=", drop.octets)
        )
        accepted = set().union(*(sender.accepted for sender in senders))
        unsure = set().union(*(sender.unsure for sender in senders))
        codes = sum((sender.codes for sender in senders), Counter())
        lost = accepted - delivered.keys()
        twice = {number for number, count in delivered.items() if count > 1}
        unexplained = twice - unsure - (unheard(lab.open_trace(out)) if twice else set())
        kept = went_on and not lost and not unexplained and not waiting
        if not kept:
            shutil.copytree(folder / "spool", folder / "spool-kept")
    line = (
        f"{trouble}: {times} times, {len(accepted)} got 250, {len(lost)} lost, {len(twice)} twice, "
        f"{len(unexplained)} of them unexplained, {waiting} waiting, replies {dict(codes)}, "
        f"{'the network went on' if went_on else 'THE NETWORK ENDED'}"
    )
    if kept:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        line += f"; see {folder}\n{errors[-2000:]}{more[-500:]}"
    return line, kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=FAULTS)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--megabytes", type=int, default=256, help="size of the disk")
    parser.add_argument("--together", action="store_true", help="--out is on the disk of the spool")
    parser.add_argument("--size", type=int, default=500, help="bytes of a message")
    options = parser.parse_args()
    size = max(options.size, 5000) if options.what == "disk" else options.size
    kept = True
    for _ in range(options.times):
        line, is_kept = play(
            options.what,
            options.seconds,
            options.clients,
            size,
            together=options.together,
            megabytes=options.megabytes,
        )
        print(line, flush=True)
        kept = kept and is_kept
    sys.exit(not kept)


if __name__ == "__main__":
    main()
