"""Benchmarks of the simulation and of real mail software, in the same process.

Figures are CPU seconds of this process (all its threads), and ratios of them, because absolute
times say more about the machine than about the program.
"""

from __future__ import annotations

import gc
import platform
import smtplib
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from lab.runtime import compiled
from lab.trace.rows import KIND

if TYPE_CHECKING:
    from rich.table import Table

MAIL_DATA_BYTES = 700
ROUNDS = 5


def measure(sessions: int, report: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Return all figures as a flat dictionary.

    ``sessions`` simulated sessions are timed, and a tenth as many real ones. The two take turns,
    and the median of the rounds counts for either. ``report`` is called with a line about what is
    measured next.
    """
    real = max(1, sessions // 10)
    simulated_rates, real_rates = [], []
    for number in range(1, ROUNDS + 1):
        report(f"round {number} of {ROUNDS}: {sessions} simulated sessions, {real} over loopback")
        simulated_rates.append(simulated_rate(sessions))
        real_rates.append(loopback_rate(real))
    simulated = median(simulated_rates)
    figures: dict[str, Any] = {
        "python": platform.python_version(),
        "compiled": compiled.in_use(),
        "session_mail_data_bytes": MAIL_DATA_BYTES,
        "simulated_sessions_per_cpu_second": round(simulated),
        "simpy_callbacks_per_cpu_second": round(median(callback_rate() for _ in range(ROUNDS))),
    }
    rates = [rate for rate in real_rates if rate is not None]
    if not rates:
        report("aiosmtpd is not installed (pip install 'smtp-lab[test]'): no comparison")
        return figures
    figures["smtplib_aiosmtpd_sessions_per_cpu_second"] = round(median(rates))
    figures["simulated_over_smtplib_aiosmtpd"] = round(simulated / median(rates), 1)
    return figures


def bench_topology(sessions: int) -> Any:
    """Return two hosts, a link, and mail of 700 bytes each second, each in its own session."""
    from lab.hosts.directory import User
    from lab.protocol import parse_path
    from lab.topology.model import (
        Environment,
        HostSpec,
        LinkSpec,
        MailSpec,
        Topology,
    )

    sender, to = parse_path("<Smith@USC-ISIF.ARPA>"), parse_path("<Jones@BBN-UNIX.ARPA>")
    return Topology(
        title="bench",
        start=datetime(1982, 8, 1, tzinfo=UTC),
        environments={"arpanet": Environment("arpanet")},
        hosts={
            "USC-ISIF.ARPA": HostSpec("USC-ISIF.ARPA", users=(User("Smith"),)),
            "BBN-UNIX.ARPA": HostSpec("BBN-UNIX.ARPA", users=(User("Jones"),)),
        },
        links=(LinkSpec("USC-ISIF.ARPA", "BBN-UNIX.ARPA", "arpanet"),),
        mail=tuple(
            MailSpec(float(n), "MAIL", sender, (to,), size=MAIL_DATA_BYTES) for n in range(sessions)
        ),
    )


def simulated_rate(sessions: int) -> float:
    """Return the sessions per CPU second in the simulation, from greeting to QUIT, with a trace."""
    from lab.simulation.simulation import Simulation

    simulation = Simulation(bench_topology(sessions))
    simulation.begin()
    gc.collect()
    begun = time.process_time()
    simulation.run()
    taken = time.process_time() - begun
    opened = sum(row[KIND] == "open" for row in simulation.trace.rows)
    delivered = sum(row[KIND] == "deliver" for row in simulation.trace.rows)
    assert opened == delivered == sessions, "each message must cross in a session of its own"
    return sessions / taken


def callback_rate(count: int = 200_000) -> float:
    """Return the timeout callbacks per CPU second of SimPy alone, an upper bound for everything."""
    from simpy import Environment, Timeout

    env = Environment()
    remaining = count

    def again(_: Any) -> None:
        nonlocal remaining
        remaining -= 1
        if remaining:
            Timeout(env, 1.0).callbacks.append(again)

    Timeout(env, 1.0).callbacks.append(again)
    begun = time.process_time()
    env.run()
    return count / (time.process_time() - begun)


def loopback_rate(sessions: int) -> float | None:
    """Return the sessions per CPU second of smtplib and aiosmtpd; None if it is not installed."""
    try:
        from aiosmtpd.controller import Controller
        from aiosmtpd.handlers import Sink
    except ImportError:
        return None
    text = b"x" * 64 + b"\r\n"
    mail_data = (text * (MAIL_DATA_BYTES // len(text) + 1))[: MAIL_DATA_BYTES - 2] + b"\r\n"
    with socket.socket() as probe:  # Controller requires a port in advance
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        begun = time.process_time()
        for _ in range(sessions):
            client = smtplib.SMTP("127.0.0.1", port, local_hostname="USC-ISIF.ARPA")
            try:  # in place of `with`, which sends QUIT and waits after Ctrl-C too
                client.helo()
                client.sendmail("Smith@USC-ISIF.ARPA", ["Jones@BBN-UNIX.ARPA"], mail_data)
                client.quit()
            finally:
                client.close()
        return sessions / (time.process_time() - begun)
    finally:
        controller.stop()


def table(figures: dict[str, Any]) -> Table:
    """Return the figures as a table to print."""
    from rich.table import Table

    rows = Table(title="lab bench", title_justify="left")
    rows.add_column("figure")
    rows.add_column("", justify="right")
    for name, value in figures.items():
        rows.add_row(name.replace("_", " "), f"{value:,}" if type(value) is int else str(value))
    return rows
