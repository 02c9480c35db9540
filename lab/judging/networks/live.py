"""A network on real TCP, in which programs of others are some of the hosts.

The lab's hosts are a live network, and the programs external hosts of it. In front of each program
is a port that records what it says, and behind it one that is the network to it (``switch.py``).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from lab.judging.channel import SocketChannel
from lab.judging.drop import Drop
from lab.judging.finding import Finding, Judgement
from lab.judging.handing_in import TEXT, Client
from lab.judging.listening import Listening
from lab.judging.networks.asked import (
    AskedNetwork,
    case_of,
    number_of,
    program_host,
    receiver_places,
    started,
    word_of,
)
from lab.judging.networks.causes import TRY_AGAIN, cause_of_loss
from lab.judging.networks.faults import (
    Faults,
    has_end,
    is_plain,
    last_of,
    why_unused,
)
from lab.judging.networks.front import front_of
from lab.judging.networks.ours import SPEED, Ours
from lab.judging.networks.program_host import ProgramHost
from lab.judging.networks.simulated import Outcomes, add_dialogues, otherwise, reference
from lab.judging.networks.switch import Switch
from lab.judging.places import filled
from lab.judging.program import NotStarted, Program, run_to_end
from lab.judging.receivers.verdict import shown
from lab.judging.record import Line, ladder
from lab.judging.relays.judge import RETRY
from lab.judging.whole_program import WholeProgram, free_port
from lab.protocol.syntax import Path as MailPath
from lab.protocol.syntax import SyntaxFault, parse_path
from lab.simulation.simulation import Simulation
from lab.topology.model import MailSpec, Topology

LONGEST: Final = 6.0
"""Seconds within which mail is handed in and faults end, if there are faults."""
Commands = Mapping[str, Mapping[str, Sequence[str]]]
"""The commands of each host, by role."""


class _Host:
    """A program of the network, with the ports in front of it and behind it."""

    def __init__(
        self, asked: AskedNetwork, topology: Topology, name: str,
        commands: Mapping[str, Sequence[str]], folder: Path, switch: Switch,
    ) -> None:  # fmt: skip
        self.name, self.commands, self.folder, self.switch = name, commands, folder, switch
        self.spec = topology.hosts[name]
        self.mail = folder / "mail"
        self.mail.mkdir(parents=True)
        self.running: WholeProgram | None = None
        self.program: ProgramHost | None = None
        self.front: Listening | None = None
        self.broken = ""
        if "relay" in commands or "receiver" in commands:
            self.program = program_host(self.spec, self._open(), asked.timeout)
            self.front = front_of(self.program)

    def _open(self) -> Callable[[], SocketChannel]:
        if "receiver" in self.commands:
            command = self.commands["receiver"]
            return lambda: started(command, self.spec, self.mail)  # type: ignore[return-value]
        places = receiver_places(self.spec, self.mail) | {
            "port": str(free_port()), "next_host": "127.0.0.1", "next_port": str(self.switch.port),
            "queue": str(self.folder / "queue"), "retry": RETRY, "give_up": "3600",
        }  # fmt: skip
        self.running = WholeProgram(self.commands["relay"], places, self.folder)
        return self.running.channel

    def crash(self) -> None:
        """Kill the program."""
        if self.program is not None and self.running is not None:
            self.program.kills.append(time.monotonic())
            self.running.end()
            self.program.kills.append(
                time.monotonic()
            )  # for sessions that were opened while it ended

    def start_again(self) -> None:
        """Start the program again after a crash; what it says if it cannot is kept."""
        if self.running is None:
            return
        try:
            self.running.start()
            self.running.wait_until_it_listens()
        except NotStarted as error:
            self.broken = f"after a crash of {self.name}: {error}"

    def send(self, mail: MailSpec, timeout: float) -> str:
        """Have the program send mail of its user; return why it did not, or ""."""
        if "sender" in self.commands:
            return self._run_sender(mail, timeout)
        if self.front is None or "relay" not in self.commands:
            return "its host has no command with {port}, or with {file}, that sends mail"
        return _hand_in(self.front.port, self.name, mail, timeout)

    def _run_sender(self, mail: MailSpec, timeout: float) -> str:
        text = self.folder / f"mail-{number_of(mail)}"
        text.write_bytes(_text_of(mail))
        for path in mail.to:
            places = {
                "host": "127.0.0.1", "port": str(self.switch.port), "file": str(text),
                "from": mail.sender.bare, "to": path.bare,
            }  # fmt: skip
            words, environment = filled(self.commands["sender"], places)
            own = {**environment, "LAB_HOST": self.name}
            status, _ = run_to_end(Program(words, own, pipes=False), 5 * timeout)
            if status:
                return f"its program ended with status {status}"
            if status is None:
                return f"its program took more than {5 * timeout:g} s"
        return ""

    def texts(self) -> list[bytes]:
        """Return what the mail drop has, or, if nothing is seen there, what got a 250."""
        copies = Drop(self.mail).copies("")
        if copies or self.program is None:
            return copies
        return [text for each in self.program.sessions for text in each.accepted]

    def close(self) -> None:
        """End everything of it."""
        if self.running is not None:
            self.running.end()
        if self.front is not None:
            self.front.close()
        if self.program is not None:
            self.program.close()


def _text_of(mail: MailSpec) -> bytes:
    if mail.mail_data is not None:
        text = mail.mail_data.lstrip("\n")
    else:
        to = ", ".join(path.bare for path in mail.to)
        text = f"From: {mail.sender.bare}\nTo: {to}\nSubject: {mail.subject}\n\n{mail.text}"
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")


def _hand_in(port: int, host: str, mail: MailSpec, timeout: float) -> str:
    """Give mail of a user to the program of their host; return why it was not taken, or ""."""
    channel = SocketChannel(socket.create_connection(("127.0.0.1", port), 10))
    rcpts = [f"RCPT TO:{path.text}" for path in mail.to]
    commands = [f"HELO {host}", f"MAIL FROM:{mail.sender.text}", *rcpts, "DATA"]
    try:
        last_sent, code = Client(channel, 5 * timeout).hand_in(commands, _text_of(mail))
    finally:
        channel.close()
    taken = last_sent == TEXT and code == 250
    return "" if taken else f"its program answered {last_sent} with {code or 'nothing'}"


def judge_live(
    asked: AskedNetwork, topology: Topology, commands: Commands, folder: Path
) -> Judgement:
    """Judge whole mail programs, receivers and senders as hosts of a network on real TCP."""
    result = Judgement("network", asked.title, asked.again)
    unused = [why_unused(each, [*commands]) for each in topology.faults]
    result.notes += dict.fromkeys(filter(None, unused))
    used = zip(topology.faults, unused, strict=True)
    faults = tuple(each for each, why in used if not (why and each.host is not None))
    topology = replace(topology, faults=faults)
    simulation, expected = reference(replace(topology, faults=()), asked.seed)
    with ExitStack() as stack:
        network = _Network(asked, topology, commands, folder, simulation, stack)
        network.start()
        refused = network.send()
        network.wait(expected, refused)
    result.notes += [host.broken for host in network.hosts.values() if host.broken]
    for host in network.hosts.values():
        if host.program is not None:
            add_dialogues(result, host.program, None)
        _add_sent(result, host)
    _add_mail(result, network, expected, refused)
    return result


class _Network:
    """The programs, and the live network of the other hosts."""

    def __init__(
        self, asked: AskedNetwork, topology: Topology, commands: Commands, folder: Path,
        simulation: Simulation, stack: ExitStack,
    ) -> None:  # fmt: skip
        self.asked, self.topology, self.stack = asked, topology, stack
        self.folder = folder
        self.ours: Ours | None = None
        self.hosts: dict[str, _Host] = {}
        self.until = 0.0
        self.last = max(last_of(topology.faults), *(mail.at for mail in topology.mail), 0.0)
        self.speed = max(SPEED, self.last / LONGEST) if topology.faults else SPEED
        self.faults = Faults(topology.faults, [*commands], self.speed,
                             lambda name: self.hosts[name].crash(),
                             lambda name: self.hosts[name].start_again())  # fmt: skip
        for name in commands:
            switch = Switch(simulation.hosts[name], self.port_of, self.faults)
            stack.callback(switch.close)
            host = _Host(asked, topology, name, commands[name], folder / name, switch)
            if host.program is not None:
                host.program.is_down = partial(self.faults.is_down, name)
                host.program.has_accepted = partial(self.faults.note, "accept", name)
            stack.callback(host.close)
            self.hosts[name] = host
        stack.callback(self.faults.close)

    def port_of(self, name: str) -> int | None:
        """Return the port of a host: in front of a program, or of one of ours."""
        if name in self.hosts:
            front = self.hosts[name].front
            return None if front is None else front.port
        return None if self.ours is None else self.ours.port_of(name)

    def start(self) -> None:
        """Start all programs, wait until they listen, then start the hosts of ours."""
        for host in self.hosts.values():
            if host.running is not None:
                host.running.start()
        for host in self.hosts.values():
            if host.running is not None:
                host.running.wait_until_it_listens()
        if len(self.hosts) < sum(each.kind == "host" for each in self.topology.hosts.values()):
            self._start_ours()
        self.faults.begin()

    def _start_ours(self) -> None:
        external = {
            name: replace(self.topology.hosts[name], external=f"127.0.0.1:{port}")
            for name in self.hosts
            if (port := self.port_of(name) or free_port())
        }
        mail = tuple(
            each if self.topology.faults else replace(each, at=number / 10)
            for number, each in enumerate(self.topology.mail)
            if self._host_of(each) not in self.hosts
        )
        faults = tuple(each for each in self.topology.faults if each.host not in self.hosts)
        hosts = {**self.topology.hosts, **external}
        ours = replace(self.topology, hosts=hosts, mail=mail, faults=faults)
        place = self.folder / "spools of ours"
        self.ours = Ours(ours, self.asked.seed, self.speed, place, self.stack)

    def _host_of(self, mail: MailSpec) -> str:
        return self.official(mail.sender.domain)

    def official(self, name: str) -> str:
        """Return the name of a host in the file, by any of its names."""
        spec = self.topology.host(name)
        return name if spec is None else spec.name

    def send(self) -> dict[int, str]:
        """Have the programs send the mail of their users; return what was not sent, and why."""
        refused = {}
        has_faults = bool(self.topology.faults)
        self.until = time.monotonic() + (self._left() + self.asked.timeout if has_faults else 0)
        for mail in sorted(self.topology.mail, key=lambda mail: mail.at):
            if host := self.hosts.get(self._host_of(mail)):
                if has_faults:
                    time.sleep(max(0.0, mail.at - self.faults.now) / self.speed)
                if why := self._send(host, mail):
                    refused[number_of(mail)] = why
        return refused

    def _send(self, host: _Host, mail: MailSpec) -> str:
        """Have a program send mail, again while there are faults; return why it did not, or ""."""
        while True:
            try:
                why = host.send(mail, self.asked.timeout)
            except OSError as error:
                why = str(error)
            if not why or time.monotonic() > self.until or "has no command" in why:
                return why
            time.sleep(0.2)

    def _left(self) -> float:
        """Return for how many seconds there will still be faults."""
        return max(0.0, self.last - self.faults.now) / self.speed

    def wait(self, expected: Outcomes, refused: Mapping[int, str]) -> None:
        """Wait until all mail has come where it can be seen, or nothing has for too long."""
        until = time.monotonic() + self._left() + self.asked.timeout
        before = -1
        while time.monotonic() < until:
            missing = sum(self._is_missing(*each) for each in self._awaited(expected, refused))
            if missing == 0:
                return
            if missing != before:
                before, until = missing, time.monotonic() + self._left() + self.asked.timeout
            time.sleep(0.05)

    def _awaited(
        self, expected: Outcomes, refused: Mapping[int, str]
    ) -> Iterator[tuple[MailSpec, str, str]]:
        for mail in self.topology.mail:
            number = number_of(mail)
            for recipient, outcome in expected.get(number, ()) if number not in refused else ():
                yield mail, recipient, outcome

    def _is_missing(self, mail: MailSpec, recipient: str, outcome: str) -> bool:
        """Return whether mail has not come yet; it is not waited for where it cannot be seen."""
        if outcome == "delivered" and self.copies(mail, recipient):
            return False
        is_awaited = outcome in ("delivered", "returned")
        return is_awaited and not self.has_report(mail, recipient)

    def _texts(self, name: str) -> Iterator[bytes]:
        """Yield the mail that has come to a host, as far as that can be seen."""
        name = self.official(name)
        if name in self.hosts:
            yield from self.hosts[name].texts()
        elif self.ours is not None:
            for _, text in self.ours.delivered(name):
                yield text

    def copies(self, mail: MailSpec, recipient: str) -> int:
        """Return how often mail has come to a recipient, as far as that can be seen."""
        word = word_of(number_of(mail)).encode()
        name = self.official(_last_host(recipient))
        if name in self.hosts:
            return sum(text.count(word) for text in self.hosts[name].texts())
        drops = () if self.ours is None else self.ours.delivered(name)
        return sum(user == _user(recipient) and word in text for user, text in drops)

    def has_report(self, mail: MailSpec, recipient: str) -> bool:
        """Return whether the sender of mail was told that it did not come to a recipient."""
        texts = self._texts(mail.sender.domain)
        return any(_reports(text, mail, recipient) for text in texts)


def _last_host(recipient: str) -> str:
    return _path(recipient).domain


def _user(recipient: str) -> str:
    return _path(recipient).local


def _path(recipient: str) -> MailPath:
    try:
        return parse_path(f"<{recipient}>")
    except SyntaxFault:
        return MailPath((), recipient, "")


def _reports(text: bytes, mail: MailSpec, recipient: str) -> bool:
    """Return whether a text is a report on a mail to a recipient, and not the mail itself."""
    path = _path(recipient)
    is_named = f"{path.local}@{path.domain}".encode("latin-1") in text
    if word_of(number_of(mail)).encode() in text:
        return is_named and b"Return-Path: <>" in text
    return is_named and b"judge-mail-" not in text


def _add_sent(result: Judgement, host: _Host) -> None:
    """Add what is wrong about the commands that a program has sent."""
    for sent in host.switch.sessions:
        for command, why in sent.wrong[:1]:
            marked = [replace(line, mark=0) if line.octets == command else line
                      for line in sent.lines]  # fmt: skip
            result.findings.append(Finding(
                case=case_of(host.name).name, rule="4.1.2-10", stage=12, kind="breach",
                title=f"what the program of {host.name} sends", signature=("form", "sent", why),
                sent=shown(command), observed=f"{shown(command)}: {why}",
                wanted="a command of RFC 821", ladder=tuple(marked),
            ))  # fmt: skip
    name = case_of(host.name).name
    if name not in result.cases:
        result.cases.append(name)


def _add_mail(
    result: Judgement, network: _Network, expected: Outcomes, refused: Mapping[int, str]
) -> None:
    """Add what became of each mail otherwise than in the same network without the programs."""
    is_compared = all(map(has_end, network.faults.specs))
    if not is_compared:
        result.notes.append("a fault never ends, so what became of the mail is not compared")
    for mail in network.topology.mail:
        number = number_of(mail)
        why = refused.get(number)
        if why is not None and "has no command" in why:
            result.left_out[f"mail-{number}"] = why
            continue
        result.cases.append(f"mail-{number}")
        if why is not None:
            finding = otherwise(mail, mail.to[0].bare, why, "the mail is taken and sent")
            result.findings.append(_with_dialogues(finding, network, mail))
            continue
        for recipient, outcome in expected.get(number, ()) if is_compared else ():
            wrong = _wrong(network, mail, recipient, outcome, len(mail.to))
            if wrong is not None:
                result.findings.append(_with_dialogues(wrong, network, mail))


def _wrong(
    network: _Network, mail: MailSpec, recipient: str, outcome: str, most: int
) -> Finding | None:
    copies = network.copies(mail, recipient)
    faults = network.faults.specs
    if outcome == "delivered" and not copies:
        is_returned = network.has_report(mail, recipient)
        if is_returned and not all(map(is_plain, faults)):
            return None
        observed = "returned" if is_returned else "it did not arrive"
        finding = otherwise(mail, recipient, observed, "delivered")
        return _because(network, finding, mail, recipient) if faults else finding
    if copies > most and not faults:
        return otherwise(mail, recipient, f"it arrived {copies} times", "delivered once")
    if outcome == "returned" and not network.has_report(mail, recipient):
        finding = otherwise(mail, recipient, "nobody was told", "returned")
        return _because(network, finding, mail, recipient) if faults else finding
    return None


def _because(network: _Network, finding: Finding, mail: MailSpec, recipient: str) -> Finding:
    """Return a finding with its cause, where that can be seen."""
    if finding.observed == "returned":
        return _of_cause(finding, "E-3", TRY_AGAIN, finding.observed)
    word = word_of(number_of(mail)).encode()
    for host in network.hosts.values():
        if host.program is not None:
            cause = cause_of_loss(host.program, host.switch.sessions, word, recipient)
            if cause is not None:
                return _of_cause(finding, *cause)
    return finding


def _of_cause(finding: Finding, rule: str, hint: str, observed: str) -> Finding:
    return replace(finding, rule=rule, hint=hint, observed=observed, signature=(rule, "mail", rule))


def _with_dialogues(finding: Finding, network: _Network, mail: MailSpec) -> Finding:
    running = [host.running for host in network.hosts.values() if host.running is not None]
    errors = "".join(each.errors.decode("utf-8", "replace") for each in running)
    return replace(finding, ladder=_seen(network, mail), errors=errors)


def _seen(network: _Network, mail: MailSpec) -> tuple[Line, ...]:
    """Return the dialogues of the programs in which mail was sent or taken, or the last ones."""
    word = word_of(number_of(mail)).encode()
    lines_seen: list[Line] = []
    for host in network.hosts.values():
        sessions = host.switch.sessions
        for sent in [each for each in sessions if _has(each.lines, word)] or sessions[-1:]:
            lines_seen += [Line("S", f"({host.name} sends)\r\n".encode()), *sent.lines]
        taken = (
            []
            if host.program is None
            else [ladder(session.record) for session in host.program.sessions]
        )
        for lines in [each for each in taken if _has(each, word)] or taken[-1:]:
            lines_seen += [Line("R", f"({host.name} receives)\r\n".encode()), *lines]
    return tuple(lines_seen)


def _has(lines: Sequence[Line], word: bytes) -> bool:
    return any(word in line.octets for line in lines)
