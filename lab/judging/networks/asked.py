"""What is asked for when programs are judged as hosts of the network of a topology."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.hosts.directory import User
from lab.judging.cases import Case
from lab.judging.channel import Channel, PipeChannel
from lab.judging.networks.program_host import ProgramHost
from lab.judging.places import filled
from lab.judging.program import Program
from lab.topology.model import HostSpec, MailSpec, Topology

TIMEOUT: Final = 12.0
STAGE: Final = 12


class BadNetwork(Exception):
    """A network that cannot be judged; the text is a sentence."""


@dataclass
class AskedNetwork:
    """What is to be judged: a topology, and the commands of some of its hosts.

    ``only`` has the names of the cases, all if it is empty. ``again`` repeats all of it.
    """

    topology: Topology
    commands: Mapping[str, Sequence[Sequence[str]]]
    title: str = "the network"
    seed: int = 0
    only: Sequence[str] = ()
    timeout: float = TIMEOUT
    again: str = "lab judge --network"
    progress: Callable[[int], None] | None = None


def role_of(command: Sequence[str]) -> str:
    """Return what a command is by its places: a "sender", a "relay" or a "receiver"."""
    words = " ".join(command)
    return "sender" if "{file}" in words else "relay" if "{port}" in words else "receiver"


def commands_by_role(asked: AskedNetwork) -> dict[str, dict[str, Sequence[str]]]:
    """Return the command of each host by its role. Raises :class:`BadNetwork`."""
    programs: dict[str, dict[str, Sequence[str]]] = {}
    for name, commands in asked.commands.items():
        spec = asked.topology.host(name)
        if spec is None or spec.kind != "host":
            known = ", ".join(n for n, each in asked.topology.hosts.items() if each.kind == "host")
            raise BadNetwork(f"--host {name}: there is no such host; the hosts are {known}")
        roles = programs.setdefault(spec.name, {})
        for command in commands:
            role = role_of(command)
            if shutil.which(command[0]) is None:
                raise BadNetwork(f"--host {name}: {command[0]} is not a program that can be run")
            if role in roles:
                raise BadNetwork(f"--host {name} has two commands that are a {role}; one is enough")
            roles[role] = command
        if "relay" in roles and len(roles) > 1:
            raise BadNetwork(f"--host {name}: its command with {{port}} sends and receives already")
    return programs


def prepared(asked: AskedNetwork, roles: Mapping[str, Mapping[str, Sequence[str]]]) -> Topology:
    """Return the topology as it is judged: a host with a program has users, and nothing else.

    Each mail has a word of its own at its end.
    """
    hosts = dict(asked.topology.hosts)
    for name, by_role in roles.items():
        spec = hosts[name]
        hosts[name] = HostSpec(
            name, users=tuple(User(user.name) for user in spec.users), names=spec.names,
            relay="relay" in by_role, title=spec.title, position=spec.position,
        )  # fmt: skip
    mail = tuple(_marked(each, number) for number, each in enumerate(asked.topology.mail, 1))
    chosen = tuple(each for number, each in enumerate(mail, 1) if _is_chosen(asked.only, number))
    return replace(asked.topology, hosts=hosts, mail=chosen, expect={}, scripts=(), polls=())


def _is_chosen(only: Sequence[str], number: int) -> bool:
    mails = [name for name in only if name.startswith("mail-")]
    return not mails or f"mail-{number}" in mails


def word_of(number: int) -> str:
    """Return the word by which a mail is known."""
    return f"judge-mail-{number}-x"


def number_of(mail: MailSpec) -> int:
    """Return the number of a mail in its file, from 1."""
    text = mail.mail_data if mail.mail_data is not None else mail.text or ""
    return int(text.rpartition("judge-mail-")[2].partition("-")[0])


def _marked(mail: MailSpec, number: int) -> MailSpec:
    end = f"\n{word_of(number)}\n"
    if mail.mail_data is not None:
        return replace(mail, mail_data=f"{mail.mail_data.removesuffix(chr(10))}{end}")
    text = mail.text if mail.text is not None else ""
    if mail.size is not None:
        text = ("x" * 69 + "\n") * min(int(mail.size) // 70, 1000)
    return replace(mail, size=None, text=f"{text.removesuffix(chr(10))}{end}")


def users_of(spec: HostSpec) -> list[str]:
    """Return the names of the users of a host."""
    return [user.name for user in spec.users]


def started(command: Sequence[str], spec: HostSpec, folder: Path) -> Channel:
    """Start a receiver-SMTP on stdin and stdout for one session."""
    return PipeChannel(Program(*filled(command, receiver_places(spec, folder))))


def receiver_places(spec: HostSpec, folder: Path) -> dict[str, str]:
    """Return the places in the command of a receiver or a relay, by name."""
    return {"mail": str(folder), "host": spec.name, "users": ",".join(users_of(spec))}


def case_of(host: str) -> Case:
    """Return the case of the dialogues of a host's program."""
    return Case(f"dialogues-{host}", "4.2-1", STAGE, f"what the program of {host} says")


def program_host(
    spec: HostSpec, open_channel: Callable[[], Channel], timeout: float
) -> ProgramHost:
    """Return a program as the receiver-SMTP of a host."""
    return ProgramHost(case_of(spec.name), spec.name, open_channel, users_of(spec), timeout)
