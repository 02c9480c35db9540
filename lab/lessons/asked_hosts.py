"""What functions that ask hosts are tried on: who is behind a name, and who is at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any

from lab.lessons.answers import Address
from lab.lessons.functions import Function, Trial
from lab.lessons.plain import WrongForm, named, text_of

if TYPE_CHECKING:
    from lab.topology.model import Topology


def everybody(known: Topology) -> Function:
    """Return the exercise for a function that finds all mailboxes behind a name, by questions."""
    from lab.lessons.texts import from_text

    def trials() -> Iterator[Trial]:
        networks = [(known, [("staff", "OLD.ARPA"), ("club", "OLD.ARPA"), ("sue", "OLD.ARPA")])]
        networks += [(from_text(_UNSEEN), [("all", "A.ARPA"), ("c", "A.ARPA"), ("x", "B.ARPA")])]
        networks += [_drawn(Random(f"everybody {number}")) for number in range(4)]
        for network, names in networks:
            for name, host in names:
                ask = _asker(network)
                yield (ask, name, host), _everybody(ask, name, host)

    def reads(value: Any) -> Any:
        if not isinstance(value, (set, frozenset, list, tuple)):
            raise WrongForm(f"a set of addresses is expected, and that is {named(value)}.")
        return frozenset(map(Address().read, value))

    class Finder(Function):
        def judge(self, answer: object) -> Any:
            for inputs, right in self.trials():
                made, wanted = self.result(answer, *inputs), frozenset(map(Address().read, right))
                if made != wanted:
                    counts = f"{len(wanted - made)} missing, {len(made - wanted)} too many"
                    return f"For {inputs[1]}@{inputs[2]}: {counts}."
            return True

    return Finder(trials, reads, lambda ask, name, host: f"For {name}@{host}")


def _asker(network: Topology) -> Callable[[str, str], list[str]]:
    from lab.lessons.typed_session import TypedSession

    def ask(host: str, command: str) -> list[str]:
        names = {name.upper(): name for name in network.hosts}
        talk = TypedSession(network, names.get(host.upper(), host), quiet=True)
        talk.say("HELO HOME.ARPA", command)
        return talk.replies[-1]

    return ask


def _everybody(ask: Callable[[str, str], list[str]], name: str, host: str) -> set[str]:
    mailboxes, seen, left = set(), set(), [(name, host)]
    while left:
        name, host = left.pop()
        if (name, host) in seen:
            continue
        seen.add((name, host))
        reply = ask(host, f"VRFY {name}")
        if reply[0].startswith("250"):
            mailboxes.add(f"{name}@{host}")
            continue
        if reply[0].startswith("550"):
            reply = ask(host, f"EXPN {name}")
        paths = [line.partition("<")[2].partition(">")[0] for line in reply if "<" in line]
        left += [(local, at) for local, _, at in (path.rpartition("@") for path in paths)]
    return mailboxes


_UNSEEN = """
[[host]]
name = "A.ARPA"
users = ["a"]
list = [{ name = "all", members = ["a@A.ARPA", "b@B.ARPA", "rest@B.ARPA", "c@A.ARPA"] }]
forward = [{ user = "c", to = "d@B.ARPA" }]
[[host]]
name = "B.ARPA"
users = ["b", "e"]
list = [{ name = "rest", members = ["e@B.ARPA", "all@A.ARPA", "x@B.ARPA"] }]
forward = [{ user = "d", to = "f@A.ARPA", mode = "refer" }]
[[link]]
between = ["A.ARPA", "B.ARPA"]
"""


def _drawn(dice: Random) -> tuple[Topology, list[tuple[str, str]]]:
    """Return three hosts with users, lists of each other's and people who have moved."""
    from lab.lessons.texts import from_text

    hosts = [f"H{letter}.ARPA" for letter in "XYZ"]
    names = [
        (f"{kind}{n}", dice.choice(hosts)) for kind in ("u", "list", "moved") for n in range(3)
    ]
    text = ""
    for host in hosts:
        own = [name for name, at in names if at == host]
        users = [name for name in own if name[0] == "u"]
        lists = [
            f'{{ name = "{name}", members = {_members(dice, names, host)} }}'
            for name in own if name[0] == "l"
        ]  # fmt: skip
        moved = [
            f'{{ user = "{name}", to = "{dice.choice(["u0", "u1", "gone"])}@{dice.choice(hosts)}", '
            f'mode = "{dice.choice(["forward", "refer"])}" }}'
            for name in own if name[0] == "m"
        ]  # fmt: skip
        text += f'[[host]]\nname = "{host}"\nusers = {users}\nlist = [{", ".join(lists)}]\n'
        text += f"forward = [{', '.join(moved)}]\n"
    for neighbour in hosts[1:]:
        text += f'[[link]]\nbetween = ["{hosts[0]}", "{neighbour}"]\n'
    return from_text(text), [pair for pair in names if pair[0].startswith("list")]


def _members(dice: Random, names: list[tuple[str, str]], host: str) -> list[str]:
    return [f"{name}@{at}" for name, at in [*dice.sample(names, 3), ("no", host)]]


def at_desk() -> Function:
    """Return the exercise for a function that finds who is at a terminal, without being noticed."""

    class Spying(Function):
        def judge(self, answer: object) -> Any:
            for inputs, right in self.trials():
                ask = inputs[0]
                people = self.result(answer, ask)
                if ask.noticed:
                    return f"Somebody noticed: {ask.noticed[0]}."
                if people != frozenset(right):
                    there = ", ".join(right) or "nobody"
                    where = "above" if ask.first else f"where {there} can be reached"
                    return (
                        f"It finds {', '.join(sorted(people)) or 'nobody'} in the office {where}."
                    )
            return True

    def trials() -> Iterator[Trial]:
        offices = [("bob", "dan"), ("cat",), (), ("bob", "cat", "dan"), ("cat", "dan")]
        for number, active in enumerate(offices):
            refuses = ("dan",) if number == 0 else ()
            yield (
                (_Office(active, refuses, first=not number),),
                [name for name in active if name not in refuses],
            )

    return Spying(trials, _people, lambda ask: "For an office")


def _people(value: Any) -> Any:
    if isinstance(value, dict):
        value = [name for name, there in value.items() if there]
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise WrongForm(f"a list of names is expected, and that is {named(value)}.")
    names = [text_of(name) for name in value]
    if any(name is None for name in names):
        raise WrongForm("each of them should be a name, a text.")
    return frozenset(str(name).strip("<>").partition("@")[0] for name in names)


class _Office:
    """A host with three users, which answers lines, each time in a new session."""

    def __init__(self, active: Iterable[str], refuses: Iterable[str], *, first: bool) -> None:
        from lab.lessons.texts import from_text

        users = "".join(
            f'[[host.user]]\nname = "{name}"\nactive = {str(name in active).lower()}\n'
            f"accepts = {str(name not in refuses).lower()}\n"
            for name in ("bob", "cat", "dan")
        )
        self.network = from_text(
            f'[[host]]\nname = "TWO.ARPA"\n{users}[[host]]\nname = "ONE.ARPA"\n'
            '[[link]]\nbetween = ["ONE.ARPA", "TWO.ARPA"]\n'
        )
        self.noticed: list[str] = []
        self.first = first

    def __call__(self, *lines: str) -> list[int]:
        from lab.lessons.typed_session import TypedSession

        talk = TypedSession(self.network, "TWO.ARPA", quiet=True)
        talk.say(*lines)
        for event in talk.settle().trace:
            if event.kind in ("terminal", "deliver"):
                self.noticed.append(event["user"])
        return talk.codes
