"""A network in simulated time, in which programs speak for the receiver-SMTP of some hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.api.run import Run
from lab.judging.drop import Drop
from lab.judging.finding import Finding, Judgement
from lab.judging.networks.asked import AskedNetwork, BadNetwork, number_of, program_host, started
from lab.judging.networks.left import found_in
from lab.judging.networks.program_host import ProgramHost, TooMany
from lab.simulation.limits import Limits
from lab.simulation.simulation import Simulation
from lab.topology.model import MailSpec, Topology
from lab.trace.rows import KIND, MESSAGE, SUBMIT_RECIPIENTS, SUBMIT_REVERSE_PATH

_EVENTS: Final = 200_000
LONGEST: Final = 240.0
"""Seconds by the clock on the wall that the run may take."""

Outcomes = dict[int, list[tuple[str, str]]]
"""What became of each mail, by its number: its recipients with their outcomes."""


def outcomes(topology: Topology, simulation: Simulation) -> Outcomes:
    """Return what became of the mail of a file in a simulation that is over."""
    recipients = Run(topology, simulation.trace).summary["recipients"]
    numbers = _message_numbers(topology, simulation)
    by_message: Outcomes = {number: [] for number in numbers.values()}
    for each in recipients:
        if (number := numbers.get(each["message"])) is not None:
            by_message[number].append((each["recipient"], each["outcome"]))
    return by_message


def _message_numbers(topology: Topology, simulation: Simulation) -> dict[int, int]:
    """Return the number of each mail in its file by its number in a trace.

    Users hand mail in at the times of the file, whatever becomes of it.
    """
    ordered = sorted(topology.mail, key=lambda mail: mail.at)
    keys = [(str(mail.sender.bare), tuple(path.bare for path in mail.to)) for mail in ordered]
    waiting = dict(enumerate(zip(keys, ordered, strict=True)))
    numbers_by_row = {}
    for row in simulation.trace.rows:
        if row[KIND] == "submit":
            for at, (key, mail) in waiting.items():
                if key == (row[SUBMIT_REVERSE_PATH], tuple(row[SUBMIT_RECIPIENTS])):
                    numbers_by_row[row[MESSAGE]] = number_of(mail)
                    del waiting[at]
                    break
    return numbers_by_row


def reference(topology: Topology, seed: int) -> tuple[Simulation, Outcomes]:
    """Run a network with hosts of ours only; return the run and what became of its mail."""
    simulation = Simulation(topology, seed)
    simulation.begin()
    simulation.run(limits=Limits(_EVENTS, LONGEST).started())
    return simulation, outcomes(topology, simulation)


def judge_simulated(
    asked: AskedNetwork, topology: Topology, commands: Mapping[str, Sequence[str]], folder: Path
) -> Judgement:
    """Judge receivers on stdin and stdout as hosts of a network."""
    result = Judgement("network", asked.title, asked.again)
    expected = reference(topology, asked.seed)[1]
    simulation = Simulation(topology, asked.seed)
    programs: dict[str, ProgramHost] = {}
    for name, command in commands.items():
        programs[name] = _program(asked, topology, name, command, folder / name)
        programs[name].attach(simulation.hosts[name])
    try:
        simulation.begin()
        simulation.run(limits=Limits(_EVENTS, LONGEST).started())
    except TooMany:
        raise BadNetwork("a program had more sessions than are allowed; judge less mail") from None
    finally:
        for program in programs.values():
            program.close()
    for name, program in programs.items():
        drop = Drop(folder / name)
        is_seen = bool(drop.copies("")) or "{mail}" in " ".join(commands[name])
        add_dialogues(result, program, drop if is_seen else None)
    _add_mail(result, topology, expected, outcomes(topology, simulation))
    return result


def _program(
    asked: AskedNetwork, topology: Topology, name: str, command: Sequence[str], folder: Path
) -> ProgramHost:
    folder.mkdir()
    spec = topology.hosts[name]
    return program_host(spec, lambda: started(command, spec, folder), asked.timeout)


def add_dialogues(result: Judgement, program: ProgramHost, drop: Drop | None) -> None:
    """Add what is wrong about the sessions of a program and its mail drop."""
    result.cases.append(program.case.name)
    result.findings += found_in(program, drop)
    if not program.sessions:
        result.notes.append(f"nothing was sent to {program.name}")


def _add_mail(
    result: Judgement, topology: Topology, expected: Outcomes, outcomes_with_programs: Outcomes
) -> None:
    """Add what became of each mail otherwise than in the same network without the programs."""
    if topology.faults:
        result.notes.append("the file has faults, so what became of the mail is not compared")
        return
    for mail in topology.mail:
        number = number_of(mail)
        result.cases.append(f"mail-{number}")
        for (recipient, wanted), (_, observed) in zip(
            expected.get(number, ()), outcomes_with_programs.get(number, ()), strict=False
        ):
            if wanted != observed:
                result.findings.append(otherwise(mail, recipient, observed, wanted))


def otherwise(mail: MailSpec, recipient: str, observed: str, wanted: str) -> Finding:
    """Return that mail for a recipient ended in another way than it had to."""
    rule = "3.6-6" if wanted == "returned" else "3.1-10" if observed == "returned" else "4.1.1-12"
    return Finding(
        case=f"mail-{number_of(mail)}", rule=rule, stage=12, kind="breach",
        title=f"mail from {mail.sender.bare} to {recipient}",
        signature=(f"{wanted}: {observed}", "mail", rule), sent=f"<{recipient}>",
        observed=observed, wanted=wanted,
        hint="Look at the dialogues of the hosts on its way.",
    )  # fmt: skip
