"""Any reply at any stage of a session: the same bytes and the same outcome, simulated and live.

Each stage of a session is a network: a host has mail for a receiver of each code, and each receiver
gives its code at that stage. So one live run is 16 cells of the matrix.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest
from helpers.live_hosts import crossed_between, live

import lab
from lab.protocol.replies import CONNECTION, MAIL_DATA

CODES: Final = (
    211, 220, 221, 250, 251, 354, 421, 450, 451, 452, 500, 503, 550, 551, 552, 554,
)  # fmt: skip


class Stage(NamedTuple):
    """Where in a session a receiver gives its code.

    ``row`` is the row of section 4.3, and ``before`` the codes of the replies to the same command
    that come first. ``also`` are the codes of other commands, ``users`` the recipients of each
    mail, ``mails`` how many of them there are.
    """

    row: str
    before: tuple[int, ...] = ()
    also: tuple[tuple[str, int], ...] = ()
    users: tuple[str, ...] = ("bob",)
    mails: int = 1

    def answers(self, code: int) -> str:
        """The setting ``answers`` of the receiver that gives a code."""
        own = f'"{self.row}" = {[*self.before, code]}'
        return ", ".join([own, *(f'"{row}" = [{first}]' for row, first in self.also)])


STAGES: Final = {
    "greeting": Stage(CONNECTION),
    "HELO": Stage("HELO"),
    "MAIL": Stage("MAIL"),
    "first RCPT": Stage("RCPT", users=("bob", "eve")),
    "second RCPT": Stage("RCPT", (250,), users=("bob", "eve")),
    "DATA": Stage("DATA"),
    "after mail data": Stage(MAIL_DATA),
    "RSET": Stage("RSET", also=(("RCPT", 550),)),
    "QUIT": Stage("QUIT"),
    "MAIL of a second mail": Stage("MAIL", (250,), mails=2),
    "TURN": Stage("TURN"),
}

CHANGED: Final = {"first RCPT": 4, "DATA": 5, "TURN": 3}
"""Stages whose reply a fault changes, and the number of that reply in its session."""

HEAD: Final = """
[retry]
first = "100 s"
factor = 1
max = "100 s"
give_up = "1 h"
[[host]]
name = "CALLER.ARPA"
users = ["joe"]
timeouts = { opening = "10 min", command = "10 min", data = "10 min" }
"""
"""At a hundred times the speed, a busy machine must not be what mail or a channel is given up for:
every mail is settled by its second attempt."""


def host_of(code: int) -> str:
    """The name of the receiver that gives a code."""
    return f"R{code}.ARPA"


def receiver(stage: Stage, code: int, at: str = "0 s", settings: str = "") -> str:
    """The receiver of a code, with its link to the caller and the mail between them."""
    name = host_of(code)
    turns = stage.row == "TURN"
    holds = 'turn = true\nholds = ["CALLER.ARPA"]' if turns else ""
    users = ", ".join(f'"{user}"' for user in stage.users)
    to = ", ".join(f'"{user}@{name}"' for user in stage.users)
    there = f'from = "bob@{name}"\nto = "joe@CALLER.ARPA"'
    here = f'from = "joe@CALLER.ARPA"\nto = [{to}]'
    parts = [
        f'[[host]]\nname = "{name}"\nusers = [{users}]\n{holds}\n{settings}',
        f'[[link]]\nbetween = ["CALLER.ARPA", "{name}"]\nlatency = "200 ms"',
        *[f'[[mail]]\nat = "{at}"\n{there if turns else here}'] * stage.mails,
    ]
    if turns:
        parts.append(f'[[poll]]\nfrom = "CALLER.ARPA"\nto = "{name}"\nat = "{at}"')
    return "\n".join(parts)


def change(code: int, session: int, number: int) -> str:
    """A fault that puts a code in place of a reply."""
    about = f'kind = "change-reply"\nhost = "{host_of(code)}"\nsession = {session}'
    return f'[[fault]]\n{about}\nnumber = {number}\nline = "{code}"'


def check(tables: list[str], path: Path, codes: tuple[int, ...] = CODES) -> None:
    """Run a network both ways, and compare cell by cell."""
    path.write_text("\n".join([HEAD, *tables]))
    simulated = lab.simulate(path)
    done = live(path, speed=100, durable=False)
    assert done.breaches == simulated.breaches == []
    differ = {code: cell(done, code) for code in codes if cell(simulated, code) != cell(done, code)}
    assert differ == {}


def cell(run: lab.Run, code: int) -> tuple[object, object, object]:
    """What crossed in the sessions of a code's receiver, how they ended, and the outcomes."""
    host = host_of(code)
    ends = [
        (event.host, event["reason"])
        for event in run.trace
        if event.kind == "close" and host in (event.host, event.peer)
    ]
    mine = {
        event.message
        for event in run.trace
        if event.kind == "submit" and (event.host == host or host in str(event["recipients"]))
    }
    outcomes = sorted(
        (recipient["recipient"], recipient["outcome"])
        for recipient in run.summary["recipients"]
        if recipient["message"] in mine
    )
    return crossed_between(run.trace, host), ends, outcomes


@pytest.mark.parametrize("name", STAGES)
def test_a_code_at_a_stage_ends_the_same_simulated_and_live(name: str, tmp_path: Path) -> None:
    """For each code: the bytes of every session with its receiver, and what became of the mail."""
    stage = STAGES[name]
    tables = [
        receiver(stage, code, settings=f"answers = {{ {stage.answers(code)} }}") for code in CODES
    ]
    check(tables, tmp_path / "stage.toml")


@pytest.mark.parametrize("name", CHANGED)
def test_a_reply_changed_by_a_fault_ends_the_same_simulated_and_live(
    name: str, tmp_path: Path
) -> None:
    """The receiver then means something else than it says: RCPT taken and 354 said, for example."""
    tables = [
        receiver(STAGES[name], code, f"{4 * n} s") + "\n" + change(code, n, CHANGED[name])
        for n, code in enumerate(CODES, 1)
    ]
    check(tables, tmp_path / "stage.toml")


INSTEAD: Final = (
    "NOOP", "RSET", "DATA", "QUIT", "HELO X.ARPA", "MAIL FROM:<z@CALLER.ARPA>", "RCPT TO:<bob@{}>",
    "RCPT TO:<nobody@{}>", "XYZZY", "TURN", "VRFY bob",
)  # fmt: skip


@pytest.mark.parametrize("number", [2, 5], ids=["in place of MAIL", "in place of DATA"])
def test_a_command_changed_by_a_fault_ends_the_same_simulated_and_live(
    number: int, tmp_path: Path
) -> None:
    """The receiver then answers what was not asked, and may close the channel, as for QUIT."""
    tables = []
    for n, (code, line) in enumerate(zip(CODES, INSTEAD, strict=False), 1):
        own = f'kind = "change-command"\nhost = "CALLER.ARPA"\nsession = {n}\nnumber = {number}'
        fault = f'[[fault]]\n{own}\nline = "{line.format(host_of(code))}"'
        tables += [receiver(STAGES["first RCPT"], code, f"{4 * n} s"), fault]
    check(tables, tmp_path / "stage.toml", CODES[: len(INSTEAD)])
