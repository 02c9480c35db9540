"""Live: the same hosts as processes on real TCP, and the same bytes between them."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner
from helpers.live_hosts import crossed, eventually, live, problems_at, served, wait_for_mail
from helpers.places import TOPOLOGIES
from helpers.small_topologies import GATE_TO_INSIDE

import lab
from lab.api.artefacts import ARTEFACTS
from lab.cli import cli
from lab.live.relay_port import RelayPort
from lab.live.spool_folder import read_folder
from lab.live.spool_view import SpoolView

SCENARIOS = sorted((TOPOLOGIES / "rfc821").glob("scenario-*.toml"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_the_bytes_of_a_live_session_are_those_of_a_simulated_one(scenario: Path) -> None:
    """Every session of the ten scenarios, dates aside; and the account of the mail."""
    simulated, done = lab.simulate(scenario), live(scenario)
    assert crossed(done.trace) == crossed(simulated.trace)
    assert done.breaches == []
    assert done.unmet() == []


@pytest.mark.parametrize(
    ("name", "speed"), [("polling", 2000), ("two-environments", 100), ("campus", 200)]
)
def test_larger_topologies_come_to_the_same(name: str, speed: float) -> None:
    """TURN, other names elsewhere, lists and retries: what became of each recipient."""
    path = TOPOLOGIES / f"{name}.toml"
    simulated = fates(lab.simulate(path))

    def problems(speed: float) -> object:
        done = live(path, speed=speed)
        return done.breaches or set(fates(done)) ^ set(simulated)

    assert not problems_at(speed, problems)


def fates(run: lab.Run) -> list[tuple[str, str]]:
    """What became of each recipient."""
    recipients = run.summary["recipients"]
    return sorted((recipient["recipient"], recipient["outcome"]) for recipient in recipients)


def test_a_folder_for_temporary_files_may_have_a_long_name(tmp_path: Path) -> None:
    """The path of a socket in it may have 107 bytes."""
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "lab", "live", str(SCENARIOS[0]), "--speed", "100", "--json"],
        capture_output=True, text=True, env=os.environ | {"TMPDIR": str(folder)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_live_run_leaves_the_artefacts_of_a_simulated_one(tmp_path: Path) -> None:
    """And every view reads its trace."""
    out = tmp_path / "out"
    scenario = str(TOPOLOGIES / "rfc821/scenario-03.toml")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "live", scenario, "--speed", "20", "--out", str(out)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "USC-ISIE.ARPA  127.0.0.1:" in done.stdout
    assert "1 submitted · 1 delivered" in done.stdout
    assert {*ARTEFACTS, "mail"} == {path.name for path in out.iterdir()}
    run = lab.Run(lab.load(scenario), lab.Trace.read_jsonl(out / "trace.jsonl"))
    assert run.summary["delivered"] == 1


# -- processes


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = status.read_text().splitlines()
        except OSError:
            continue
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if fields.get("PPid") == str(pid) and not fields["State"].startswith("Z"):
            child = int(fields["Pid"])
            found += [child, *descendants(child)]
    return found


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")


@needs_proc
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left_behind(end: signal.Signals) -> None:
    """However a live run ends, even where nobody could tidy up after it."""
    with served(TOPOLOGIES / "campus.toml", "--speed", "20") as (process, _):
        started = descendants(process.pid)
        assert len(started) >= 5
        process.send_signal(end)
        process.wait(120)
        assert eventually(lambda: not any(map(is_running, started)))


def test_an_interrupted_run_leaves_what_it_has_done(tmp_path: Path) -> None:
    """Ctrl-C: exit status 130, a summary, and a trace that can be read."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "lab", "live", str(TOPOLOGIES / "campus.toml")]
    with subprocess.Popen(
        [*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(5):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=120)
    assert process.returncode == 130, complaint
    assert "interrupted at" in complaint
    trace = lab.Trace.read_jsonl(out / "trace.jsonl")
    assert [event.kind for event in trace][-1] == "end"


KILLED = """
title = "A relay that is killed"
[retry]
first = "0.2 s"
factor = 1.5
max = "1 s"
[[host]]
name = "A.ARPA"
users = ["a"]
[[host]]
name = "RELAY.ARPA"
relay = true
[[host]]
name = "B.ARPA"
users = ["b"]
[defaults.link]
latency = "0.2 ms"
[[link]]
between = ["A.ARPA", "RELAY.ARPA"]
[[link]]
between = ["RELAY.ARPA", "B.ARPA"]
[[traffic]]
count = 150
rate = 100
from = "a@A.ARPA"
to = "b@B.ARPA"
"""


def whereabouts(run: lab.Run, storage: Path) -> str:
    """What became of each message that was not delivered, and what each host still holds."""
    lines = [f"the run ended at {run.trace.last:.3f} s"]
    for recipient in run.summary["recipients"]:
        if recipient["outcome"] != "delivered":
            events = [event for event in run.trace if event.message == recipient["message"]]
            lines.append(f"message {recipient['message']} is {recipient['outcome']}:")
            lines += [f"  {each.t:.3f} s {each.kind} {each.host} -> {each.peer}" for each in events]
    for host in read_folder(storage):
        waiting = [f"{mail.octets[:60]!r} for {mail.next_host}" for mail in host.waiting]
        lines.append(f"{host.host} holds {waiting}")
    return "\n".join(lines)


def test_a_relay_that_is_killed_loses_nothing_it_said_250_for(tmp_path: Path) -> None:
    """SIGKILL every half second: all is delivered, and twice only where a 250 was lost."""
    path = tmp_path / "killed.toml"
    # so many and no more: on a busy machine a process may take longer to start than it lives
    faults = (
        f'[[fault]]\nkind = "crash"\nhost = "RELAY.ARPA"\nfor = "0.1 s"\nat = {0.4 + number / 2}\n'
        for number in range(8)
    )
    path.write_text(KILLED + "".join(faults))
    done = live(path, speed=1, storage=tmp_path)
    assert done.summary["delivered"] == 150, whereabouts(done, tmp_path)
    assert done.summary["lost"] == 0
    assert done.breaches == []  # they hold duplicates against the channels that were cut
    kills = [e for e in done.trace if e.kind == "fault" and e["name"] == "crash" and e["on"]]
    assert kills


def test_tcp_that_comes_when_its_session_has_been_cut_is_closed() -> None:
    """Or the host that was called would wait there for somebody who is no more."""
    network, session, transport = Mock(), Mock(is_over=True), Mock()
    plug = RelayPort(network)
    plug.session = session
    plug.connection_made(transport)
    transport.close.assert_called_once_with()
    session.is_over = False
    plug.connection_made(kept := Mock())
    kept.close.assert_not_called()


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    """Its hosts are processes of their own, and do not run the script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "import lab\n"
        "from lab.live.running import run_live\n"
        "print('once')\n"
        f"trace, reason = run_live(lab.load({str(SCENARIOS[2])!r}))\n"
        "print(reason, lab.Run(lab.load(sys.argv[1]), trace).summary['delivered'])\n"
    )
    command = [sys.executable, str(script), str(SCENARIOS[2])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("once\nsettled 1\n", "")


@needs_proc
def test_a_process_that_is_killed_from_outside_runs_again(tmp_path: Path) -> None:
    """SIGKILL of any host at any time: it is started again, with what its storage holds."""
    path, out, spool = (tmp_path / name for name in ("killed.toml", "out", "spool"))
    path.write_text(KILLED)
    with served(path, "--out", str(out), "--spool", str(spool)) as (process, _):
        wait_for_mail(spool, "B.ARPA", 20)
        children = [pid for pid in descendants(process.pid) if is_running(pid)]
        os.kill(max(children), signal.SIGKILL)
        wait_for_mail(spool, "B.ARPA", 150)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 0
    run = lab.Run(lab.load(path), lab.Trace.read_jsonl(out / "trace.jsonl"))
    assert (run.summary["delivered"], run.summary["lost"]) == (150, 0)
    assert [e["on"] for e in run.trace if e.kind == "fault"] == [True, False]


@pytest.mark.parametrize("name", ["link-down", "refuse", "hang-up", "storage-full"])
def test_faults_are_those_of_the_simulation(name: str) -> None:
    """What the file expects of each recipient comes true, and the same faults strike."""
    path = TOPOLOGIES / f"faults/{name}.toml"
    simulated = lab.simulate(path)
    assert simulated.unmet() == []

    def problems(speed: float) -> object:
        done = live(path, speed=speed)
        return done.breaches or done.unmet() or struck(done) ^ struck(simulated)

    assert not problems_at(1000, problems)


def struck(run: lab.Run) -> set[str]:
    """The kinds of the faults that there were."""
    return {event["name"] for event in run.trace if event.kind == "fault"}


@pytest.mark.parametrize(
    ("kind", "by", "number", "line"),
    [
        ("change-reply", "USC-ISIE.ARPA", 4, "550 No such user here"),
        ("change-reply", "USC-ISIE.ARPA", 6, "452 Not now"),
        ("change-command", "MIT-AI.ARPA", 3, "RCPT TO:<nobody@BBN-VAX.ARPA>"),
        ("change-command", "MIT-AI.ARPA", 2, "NOOP"),
    ],
)
def test_a_changed_reply_or_command_has_the_same_effect(
    kind: str, by: str, number: int, line: str
) -> None:
    """The bytes of every session, and what became of the mail."""
    described = lab.load(SCENARIOS[2])
    fault = lab.Fault(kind, host=by, session=1, number=number, line=line)
    retry = replace(described.retry, first=20.0, give_up=600.0)
    described = replace(described, faults=(fault,), retry=retry)
    simulated, done = lab.simulate(described), live(described)
    assert crossed(done.trace) == crossed(simulated.trace)
    assert fates(done) == fates(simulated)
    assert done.breaches == simulated.breaches == []


# -- serving


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_mail_of_a_real_mail_program_goes_through_the_topology(tmp_path: Path) -> None:
    """smtplib to a host at a port of our choice; EHLO draws 500, and it says HELO."""
    path, out, port = tmp_path / "served.toml", tmp_path / "out", free_port()
    path.write_text(GATE_TO_INSIDE)
    spool = tmp_path / "spool"
    options = ("--port", f"GATE.LAB.ARPA={port}", "--out", str(out), "--spool", str(spool))
    with served(path, *options) as (process, ports):
        assert ports["GATE.LAB.ARPA"] == port
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            assert client.ehlo()[0] == 500
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.sendmail(
                "out@CLIENT", ["joe@INSIDE.LAB.ARPA", "fred@GATE.LAB.ARPA"], "Subject: x\n\n.\nHi\n"
            )
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("out@CLIENT", ["anyone@ELSEWHERE.COM"], "no relay for strangers")
        with (
            smtplib.SMTP("127.0.0.1", ports["INSIDE.LAB.ARPA"], timeout=60) as client,
            pytest.raises(smtplib.SMTPRecipientsRefused),
        ):
            client.sendmail("out@CLIENT", ["fred@GATE.LAB.ARPA"], "it does not relay")
        wait_for_mail(spool, "INSIDE.LAB.ARPA")
        process.send_signal(signal.SIGINT)
        process.wait(120)
        assert process.returncode == 0
    run = lab.Run(lab.load(path), lab.Trace.read_jsonl(out / "trace.jsonl"))
    assert run.breaches == []
    assert (run.summary["submitted"], run.summary["delivered"]) == (2, 2)
    [mail] = [e["octets"] for e in run.trace if e.kind == "deliver" and e["user"] == "joe"]
    assert mail.endswith(b"Subject: x\r\n\r\n.\r\nHi\r\n")
    assert b"Return-Path: <@GATE.LAB.ARPA:out@CLIENT>" in mail


def test_mail_goes_out_to_a_real_mail_server(tmp_path: Path) -> None:
    """``external``: aiosmtpd is a host of the topology, and gets what our sender-SMTP sends."""
    from aiosmtpd.controller import Controller

    class Retention:
        def __init__(self) -> None:
            self.got: list[tuple[str, list[str], bytes]] = []

        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
            self.got.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))  # type: ignore[attr-defined]
            return "250 Kept"

    keeper, port = Retention(), free_port()
    path = tmp_path / "out.toml"
    path.write_text(
        GATE_TO_INSIDE.replace('users = ["joe"]', f'external = "127.0.0.1:{port}"')
        + '[[mail]]\nfrom = "fred@GATE.LAB.ARPA"\nto = ["ann@INSIDE.LAB.ARPA", '
        '"bob@INSIDE.LAB.ARPA"]\ntext = "A line\\n.\\n"\n'
    )
    controller = Controller(keeper, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        done = live(path, speed=1)
    finally:
        controller.stop()
    assert done.summary["delivered"] == 2
    assert done.breaches == []
    [(sender, recipients, content)] = keeper.got
    assert sender == "fred@GATE.LAB.ARPA"
    assert recipients == ["ann@INSIDE.LAB.ARPA", "bob@INSIDE.LAB.ARPA"]
    assert content.endswith(b"\r\n\r\nA line\r\n.\r\n")


def test_mail_waits_for_a_real_server_that_does_not_listen(tmp_path: Path) -> None:
    """Nobody at the port: the mail is kept, and given back when it is too old."""
    path = tmp_path / "nobody.toml"
    path.write_text(
        GATE_TO_INSIDE.replace('users = ["joe"]', f'external = "127.0.0.1:{free_port()}"')
        + '[[mail]]\nfrom = "fred@GATE.LAB.ARPA"\nto = "ann@INSIDE.LAB.ARPA"\n'
        '[retry]\nfirst = "20 s"\ngive_up = "50 s"\n'
    )
    done = live(path, speed=50)
    assert done.summary["returned"] == 1
    assert done.breaches == []


def test_mail_that_leaves_the_machine_is_warned_of(tmp_path: Path) -> None:
    """A real server elsewhere is somebody's; one on this machine is ours."""
    path = tmp_path / "far.toml"
    for external, warned in (("192.0.2.7:25", True), ("127.0.0.1:25", False), ("[::1]:25", False)):
        path.write_text(GATE_TO_INSIDE.replace('users = ["joe"]', f'external = "{external}"'))
        answer = CliRunner().invoke(cli, ["live", str(path), "--quiet", "--until", "0 s"])
        said = "warning: mail for INSIDE.LAB.ARPA leaves this machine: it goes to 192.0.2.7:25"
        assert (said in answer.stderr) is warned


def test_what_stable_storage_holds_is_sent_by_the_next_run(tmp_path: Path) -> None:
    """A run that was stopped with mail in a spool; the next one delivers it."""
    path, spool = tmp_path / "later.toml", tmp_path / "spool"
    mail = '[[mail]]\nfrom = "fred@GATE.LAB.ARPA"\nto = "joe@INSIDE.LAB.ARPA"\n'
    down = '[[fault]]\nkind = "host-down"\nhost = "INSIDE.LAB.ARPA"\nat = 0\nfor = "1 h"\n'
    path.write_text(GATE_TO_INSIDE + mail + down)
    with served(path, "--spool", str(spool)):
        view = SpoolView(spool, ["GATE.LAB.ARPA"])
        assert eventually(lambda: view.queues("GATE.LAB.ARPA") == {"INSIDE.LAB.ARPA": 1})
        view.close()
    path.write_text(GATE_TO_INSIDE)
    again = [sys.executable, "-m", "lab", "live", str(path), "--spool", str(spool), "--json"]
    done = subprocess.run(again, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert b'"delivered": 1' in done.stdout


# -- bad arguments


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--speed", "0"], "--speed 0: use a number above 0"),
        (["--port", "NOBODY=2525"], "there is no host NOBODY; the hosts are MIT-AI.ARPA"),
        (["--port", "MIT-AI.ARPA"], "expected HOST=PORT, for example --port MIT-AI.ARPA=2525"),
        (["--port", "MIT-AI.ARPA=99999"], "MIT-AI.ARPA=99999: use a port from 1 to 65535"),
        (
            ["--port", "MIT-AI.ARPA=2525", "--port", "BBN-VAX.ARPA=2525"],
            "MIT-AI.ARPA has this port already",
        ),
        (["--port", "MIT-AI.ARPA=2525", "--port", "mit-ai.arpa=2526"], "MIT-AI.ARPA has port 2525"),
        (["--idle", "0"], "--idle must be greater than 0"),
        (["--address", "nowhere"], "not an IP address; for example 127.0.0.1"),
    ],
)
def test_bad_arguments_are_refused(arguments: list[str], said: str) -> None:
    """Exit status 2, and one sentence."""
    scenario = str(TOPOLOGIES / "rfc821/scenario-03.toml")
    answer = CliRunner().invoke(cli, ["live", scenario, *arguments])
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """One sentence, exit status 2, and no process left waiting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        scenario = str(TOPOLOGIES / "rfc821/scenario-03.toml")
        command = [sys.executable, "-m", "lab", "live", scenario, "--port", f"MIT-AI.ARPA={port}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    wrong = f"MIT-AI.ARPA cannot listen at 127.0.0.1:{port}: address already in use"
    assert done.stderr == f"lab: {scenario}: {wrong}\n"


@pytest.mark.parametrize("address", ["::1", "0.0.0.0"])
def test_other_addresses_come_to_the_same(address: str) -> None:
    """All the way through; and between the network and the hosts only loopback is spoken."""
    if address == "::1":
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind((address, 0))
            except OSError:
                pytest.skip("this machine has no IPv6")
    assert live(SCENARIOS[2], address=address).summary["delivered"] == 1
