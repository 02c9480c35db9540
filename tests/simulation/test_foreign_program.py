"""A host whose receiver-SMTP is a program of others: the host does what the program says."""

from __future__ import annotations

import tomllib

from lab.hosts.reply_script import ForeignScript
from lab.simulation.simulation import Simulation
from lab.topology.model import from_dict
from lab.trace.rows import KIND, OCTETS

TWO = """
[[host]]
name = "A.ARPA"
users = ["ann"]
[[host]]
name = "B.ARPA"
users = ["bob"]
[[link]]
between = ["A.ARPA", "B.ARPA"]
"""
MAIL = """
[[mail]]
from = "ann@A.ARPA"
to = ["bob@B.ARPA"]
text = "hello"
"""
SAYS = {b"": b"220 B.ARPA hi\r\n", b"DATA": b"354 go\r\n", b"QUIT": b"221 B.ARPA bye\r\n"}


class Program:
    """Says 250, but for the greeting, DATA and QUIT; ``silent_at`` is what it does not answer."""

    def __init__(self, silent_at: bytes = b"-", then: str = "silence") -> None:
        self.heard: list[bytes] = []
        self.hang_ups = 0
        self.silent_at, self.then = silent_at, then

    def script(self) -> ForeignScript:
        return ForeignScript(self.ask, self.hang_up)

    def ask(self, octets: bytes) -> tuple[bytes, str]:
        self.heard.append(octets)
        verb = octets[:4]
        if verb == self.silent_at:
            return b"", self.then
        return SAYS.get(verb, b"250 B.ARPA fine\r\n"), ""

    def hang_up(self) -> None:
        self.hang_ups += 1


def run(text: str, program: Program) -> Simulation:
    simulation = Simulation(from_dict(tomllib.loads(text)))
    simulation.hosts["B.ARPA"].program = program.script
    simulation.begin()
    simulation.run()
    return simulation


def kinds(simulation: Simulation) -> list[str]:
    return [row[KIND] for row in simulation.trace.rows]


def test_the_host_takes_mail_that_its_program_has_taken() -> None:
    program = Program()
    simulation = run(TWO + MAIL, program)
    assert [octets[:4] for octets in program.heard][:5] == [b"", b"HELO", b"MAIL", b"RCPT", b"DATA"]
    assert program.hang_ups == 1
    assert kinds(simulation).count("deliver") == 1
    replies = [row[OCTETS] for row in simulation.trace.rows if row[KIND] == "reply"]
    assert replies[0] == b"220 B.ARPA hi\r\n"
    assert replies[-1] == b"221 B.ARPA bye\r\n"


def test_mail_that_its_program_does_not_take_is_not_taken() -> None:
    program = Program(silent_at=b"RCPT", then="cut")
    simulation = run(f'{TWO}{MAIL}\n[retry]\ngive_up = "1 s"\n', program)
    assert kinds(simulation).count("accept") == 0
    assert program.hang_ups > 1


def test_a_program_hears_commands_that_rfc_821_does_not_know() -> None:
    program = Program()
    script = '[[script]]\nfrom = "A.ARPA"\nto = "B.ARPA"\nlines = ["XYZZY", "QUIT"]\n'
    simulation = run(TWO + script, program)
    assert program.heard == [b"", b"XYZZY\r\n", b"QUIT\r\n"]
    replies = [row[OCTETS] for row in simulation.trace.rows if row[KIND] == "reply"]
    assert replies[1] == b"250 B.ARPA fine\r\n"


def test_a_program_hears_the_part_of_a_command_that_arrived() -> None:
    program = Program()
    fault = (
        '[[fault]]\nat = "0 s"\nkind = "hang-up"\nlink = ["A.ARPA", "B.ARPA"]\nafter = "10 B"\n'
        '[retry]\ngive_up = "1 s"\n'
    )
    run(TWO + MAIL + fault, program)
    assert any(octets and not octets.endswith(b"\r\n") for octets in program.heard)


def test_no_program_speaks_for_other_hosts() -> None:
    simulation = Simulation(from_dict(tomllib.loads(TWO)))
    assert all(host.program is None for host in simulation.hosts.values())
