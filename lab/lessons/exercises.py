"""A teacher's own exercises: ``lessons.exercise(...)``, and the network that each student gets.

An exercise is one of three kinds, by what it is given:

- ``asks``: a question about a run of the student's network, such as "delivery_seconds.max" or
  "busiest relay"; the right answer is measured.
- ``wanted``: what must hold when the network that the student hands in is run, such as
  ``{"delivered": 5, "links": "<= 6"}``; ``hidden`` has further runs.
- ``fault``: the network has a fault, drawn from these kinds; the student sees what happened, and
  says what failed.

``network`` is the text of a topology file, or a dictionary from which each student's is drawn:
``{"hosts": 8, "links": 10, "messages": 12}``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.lessons.answers import Answer, Exactly, Host, Number, Several, Truth
from lab.lessons.checks import Result, State, is_unanswered, results
from lab.lessons.networks import topology
from lab.lessons.plain import WrongForm, named, plain, unusable
from lab.lessons.texts import from_text
from lab.protocol.names import canonical
from lab.quantities import parse_duration
from lab.runtime.streams import generator

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology

SITES: Final = (
    "BOSTON", "CHICAGO", "DENVER", "SEATTLE", "AUSTIN", "MIAMI", "PHOENIX", "OMAHA", "ATLANTA",
    "DALLAS", "TULSA", "RENO", "BOISE", "FARGO", "TAMPA", "MEMPHIS", "DETROIT", "TUCSON", "ALBANY",
    "EUGENE",
)  # fmt: skip
"""The hosts of a network that is drawn."""

FAULTS: Final = ("host-down", "link-down")
"""The faults that may be drawn."""

OBSERVED: Final = ("submit", "attempt", "unreachable", "open", "accept", "deliver", "close")
"""The events that a student sees of a run with a fault."""

credits: dict[str, float] = {}
"""The share of the points of the exercises that were passed in part, by their names."""

_seed = 0
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class ExerciseError(ValueError):
    """Raised when an exercise is not written as it should be; the text says what would be right."""


def use(seed: int) -> None:
    """Draw the networks of a student: of the student whose seed this is."""
    global _seed
    _seed = seed


def seed_of(seed: int, student: str) -> int:
    """Return the seed of a student of a class."""
    digest = hashlib.sha256(f"{seed} {student}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


@dataclass(frozen=True)
class Material:
    """What a student gets for an exercise: a network, and the fault that it has or None."""

    network: str
    fault: Mapping[str, object] | None = None

    @property
    def broken(self) -> str:
        """The network with its fault."""
        return self.network + (_table("fault", self.fault) if self.fault else "")

    def files(self, name: str) -> dict[str, str]:
        """Return the files that the student gets, by name."""
        stem = slug(name)
        texts = {f"{stem}.toml": self.network}
        if self.fault:
            texts[f"{stem}.csv"] = observed(from_text(self.broken))
        return texts


def slug(name: str) -> str:
    """Return a name of an exercise as one of a file."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "exercise"


def material(name: str, network: object, fault: object, seed: int) -> Material:
    """Return what the student with this seed gets; raises ExerciseError."""
    if isinstance(network, Mapping):
        text = _drawn(network, seed, name)
    elif isinstance(network, (str, Path)) and "\n" not in str(network):
        text = _read(str(network))
    elif isinstance(network, str):
        text = network
    else:
        raise ExerciseError(f"{name}: network must be text or a dictionary, not {network!r}")
    kinds = [fault] if isinstance(fault, str) else fault
    if not kinds:
        return Material(text)
    if not isinstance(kinds, Sequence) or set(kinds) - set(FAULTS):
        raise ExerciseError(f"{name}: fault must be one of {', '.join(FAULTS)}, or a list of them")
    return Material(text, _fault(list(kinds), from_text(text), seed, name))


def _read(name: str) -> str:
    path = Path(name)
    try:
        return (path if path.is_file() else topology(name)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ExerciseError(f"there is no network {name}: give a file or its text") from None


def _whole(spec: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    number = spec.get(key, default)
    if type(number) is not int or not least <= number <= most:
        raise ExerciseError(f"{key} must be from {least} to {most}, not {number!r}")
    return number


def _drawn(spec: Mapping[str, Any], seed: int, name: str) -> str:
    """Return a network of a tree and some links more, with mail between its users."""
    unknown = set(spec) - {"hosts", "links", "messages"}
    if unknown:
        raise ExerciseError(f"a network has hosts, links and messages, not {min(unknown)!r}")
    count = _whole(spec, "hosts", 8, 2, len(SITES))
    links = _whole(spec, "links", count + 2, count - 1, count * (count - 1) // 2)
    messages = _whole(spec, "messages", 10, 1, 200)
    random = generator(seed, "network", name)
    hosts = random.sample(SITES, count)
    pairs = {frozenset((host, random.choice(hosts[:n]))) for n, host in enumerate(hosts) if n}
    while len(pairs) < links:
        pairs.add(frozenset(random.sample(hosts, 2)))
    text = [f'title = "{name.replace(chr(34), "")}"\n']
    for host in hosts:
        text.append(f'\n[[host]]\nname = "{host}"\nusers = ["ann", "bob"]\nrelay = true\n')
    for pair in sorted(map(sorted, pairs)):
        text.append(
            f"\n[[link]]\nbetween = {_value(pair)}\n"
            f'latency = "{random.randrange(10, 100)} ms"\n'
            f'bandwidth = "{random.choice((1, 2, 5))}0 kbit/s"\n'
        )
    for number in range(messages):
        a, b = random.sample(hosts, 2)
        text.append(
            f'\n[[mail]]\nat = "{number * 20} s"\nfrom = "ann@{a}"\nto = ["bob@{b}"]\n'
            f'size = "{random.randrange(1, 20)} kB"\n'
        )
    return "".join(text)


def _fault(kinds: list[str], network: Topology, seed: int, name: str) -> dict[str, Any]:
    """Draw a fault that the mail of a network meets: as many are tried as there are."""
    random = generator(seed, "fault", name)
    every: list[dict[str, Any]] = []
    for kind in kinds:
        if kind == "host-down":
            every += [{"kind": kind, "host": host} for host in network.hosts]
        else:
            every += [{"kind": kind, "link": [link.a, link.b]} for link in network.links]
    random.shuffle(every)
    for fault in every:
        whole = {**fault, "at": "0 s", "for": "30 min"}
        text = observed(from_text(network.to_toml() + _table("fault", whole)))
        if ",unreachable," in text:
            return whole
    raise ExerciseError(f"{name}: no fault of these kinds is noticed by any mail of the network")


def observed(network: Topology) -> str:
    """Return what can be seen of a run, as CSV: time, event, host, peer, message."""
    from lab.api.simulate import simulate

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["seconds", "event", "host", "peer", "message"])
    for event in simulate(network).trace:
        if event.kind in OBSERVED:
            peer, message = event.peer or "", event.message or ""
            writer.writerow([round(event.t, 3), event.kind, event.host, peer, message])
    return out.getvalue()


def _table(name: str, content: Mapping[str, Any]) -> str:
    """Return a table of a topology file."""
    rows = "".join(f"{key} = {_value(value)}\n" for key, value in content.items())
    return f"\n[[{name}]]\n{rows}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return str(value) if isinstance(value, (int, float)) else f'"{text}"'


def measured(run: Run, measure: str) -> Any:
    """Return a measure of a run: a name in its summary, parts with dots between, or one of these.

    "busiest relay"; "route of message N"; "hosts", "links" and "cost" of its topology.
    """
    if measure == "busiest relay":
        from lab.lessons.maps import relayed

        return relayed(run).most_common(1)[0][0] if relayed(run) else None
    if match := re.fullmatch(r"route of message (\d+)", measure):
        rows = [e.host for e in run.trace
                if e.kind in ("submit", "accept") and e.message == int(match[1])]  # fmt: skip
        return rows
    if measure in ("hosts", "links"):
        return len(getattr(run.topology, measure))
    if measure == "cost":
        return sum(link.cost or 0 for link in run.topology.links)
    value: Any = run.summary
    for part in measure.split("."):
        try:
            value = value[int(part)] if part.isdecimal() else value[part]
        except (KeyError, IndexError, TypeError):
            names = ", ".join(name for name in run.summary)
            raise ExerciseError(
                f"{measure!r} is not a measure of a run; there are {names}"
            ) from None
    return value


def holds(value: Any, wanted: object) -> bool:
    """Return whether a measure is what is wanted: a value, or a comparison such as "<= 6"."""
    match = re.fullmatch(r"(<=|>=|<|>|==|!=)\s*(.+)", wanted) if isinstance(wanted, str) else None
    if match is None:
        return bool(value == wanted)
    limit = match[2].strip()
    try:
        number = float(limit)
    except ValueError:
        number = parse_duration(limit)
    return value is not None and _COMPARE[match[1]](value, number)


class Exercise:
    """An exercise of a teacher's own; :func:`exercise` makes it."""

    def __init__(
        self, name: str, drawn: Material, rows: str, options: Mapping[str, object]
    ) -> None:
        self.name = name
        self.material = drawn
        self._rows = rows
        self._options: dict[str, Any] = dict(options)

    @property
    def text(self) -> str:
        """The student's network, as the text of a topology file."""
        return self.material.network

    @cached_property
    def network(self) -> Topology:
        """The student's network, as it is without a fault."""
        return from_text(self.material.network)

    @cached_property
    def observed(self) -> list[dict[str, str]]:
        """What was seen of the network while it had its fault: a row for each event."""
        return list(csv.DictReader(io.StringIO(self._rows)))

    def hint(self, number: int = 1) -> str:
        """Return a hint, by its number."""
        hints: list[str] = self._options["hints"]
        return hints[number - 1] if 0 < number <= len(hints) else "There are no more hints."

    def check(self, answer: object) -> Result:
        """Judge an answer, on the teacher's side; keep and return the result."""
        if is_unanswered(answer):
            return self._keep("not yet", "Not yet. Put your answer in place of the dots.")
        try:
            credit, message = self._judge(answer)
        except ExerciseError:
            raise
        except WrongForm as form:
            credit, message = 0.0, f"Wrong form. {form}"
        except Exception as error:  # an answer may be anything
            problems = getattr(error, "problems", None)  # of a network
            why = unusable(problems) if problems else f"You have {named(answer)}."
            credit, message = 0.0, f"Wrong form. {why}"
        if credit >= 1:
            return self._keep("passed", "Right.", 1.0)
        hints = self._options["hints"]
        return self._keep("failed", f"{message} {hints[0] if hints else ''}".strip(), credit)

    def _keep(self, state: State, message: str, credit: float = 0.0) -> Result:
        credits[self.name] = credit
        results[self.name] = Result(self.name, state, message)
        return results[self.name]

    def _judge(self, answer: object) -> tuple[float, str]:
        if self.material.fault is not None:
            return _fault_found(answer, self.material.fault, self._options["fault"])
        if self._options["asks"]:
            verdicts = [
                _asked(right, self._options, self.network).judge(answer)
                for right in _rights(_run(self.network), self._options["asks"])
            ]
            return (1.0, "") if True in verdicts else (0.0, str(verdicts[0]))
        return self._tried(answer)

    def _tried(self, answer: object) -> tuple[float, str]:
        """Run the network that was handed in, as it is and in the hidden ways."""
        own = from_text(answer) if isinstance(answer, str) else answer
        if not hasattr(own, "to_toml"):
            raise WrongForm("Expected a network, as text or a topology.")
        if not self._options["free"] and (problem := _changed(own, self.network)):
            return 0.0, problem
        tries = [{"wanted": self._options["wanted"]}, *self._options["hidden"]]
        kept, all_, first = 0, 0, ""
        for number, each in enumerate(tries):
            faults = "".join(_table("fault", fault) for fault in each.get("faults", ()))
            run = _run(from_text(own.to_toml() + faults), each.get("seed", 0))
            for measure, wanted in each.get("wanted", self._options["wanted"]).items():
                value = measured(run, measure)
                all_, is_kept = all_ + 1, holds(value, wanted)
                kept += is_kept
                sentence = f"{measure} is {value}, and should be {wanted}." if not number else (
                    "It fails a further test. " + str(each.get("hint", "")))  # fmt: skip
                first = first or ("" if is_kept else sentence)
        return kept / max(1, all_), first.strip()


def _run(network: Topology, seed: int = 0) -> Run:
    from lab.api.simulate import simulate

    return simulate(network, seed=seed) if seed else simulate(network)


def _changed(own: Any, start: Topology) -> str:
    """Return what was changed of a network that must stay: its mail, its hosts and their users."""
    if list(own.mail) != list(start.mail) or list(own.traffic) != list(start.traffic):
        return "The mail of the network was changed; only hosts' settings and links may be."
    missing = [name for name in start.hosts if name not in own.hosts]
    missing += [name for name, host in start.hosts.items()
                if name in own.hosts and own.hosts[name].users != host.users]  # fmt: skip
    return f"The host {missing[0]} or its users were changed." if missing else ""


def _rights(run: Run, asks: str) -> list[Any]:
    """Return what is right: a measure, or each host that relays as much as the busiest one."""
    right = measured(run, asks)
    if asks != "busiest relay" or right is None:
        return [right]
    from lab.lessons.maps import relayed

    counted = relayed(run)
    return [host for host in counted if counted[host] == counted[right]]


def _asked(right: Any, options: Mapping[str, Any], network: Topology) -> Answer:
    """Return what an exercise asks for whose right answer is this measure."""
    if isinstance(right, list):
        items = [_asked(each, options, network) for each in right]
        return Several(items, is_open=True) if items else Exactly(right)
    if isinstance(right, bool):
        return Truth(right)
    if isinstance(right, (int, float)):
        units = ["s"] if "seconds" in options["asks"] else []
        return Number(right, options["within"] * abs(right), units)
    return Host(right, network.hosts).or_none() if right is None else Host(right, network.hosts)


def _host(name: object) -> str:
    return canonical(str(name).strip()).removesuffix(".ARPA")


def _fault_found(answer: object, fault: Mapping[str, Any], kinds: object) -> tuple[float, str]:
    """Compare what a student says has failed: a host, two ends of a link, or with the kind."""
    right = {_host(fault["host"])} if "host" in fault else set(map(_host, fault["link"]))
    words = set(map(_host, _words(plain(answer))))
    kinds_known = {_host(kind) for kind in FAULTS}
    kinds_named = {word for word in words if word.replace(" ", "-") in kinds_known}
    if words - kinds_named != right:
        return 0.0, "That is not what failed."
    one_kind = isinstance(kinds, str) or len(list(kinds)) == 1  # type: ignore[call-overload]
    if one_kind or kinds_named == {_host(fault["kind"])} or not kinds_named:
        return 1.0, ""
    return 0.5, "It failed there, but in another way."


def _words(answer: Any) -> list[str]:
    """Return the names in an answer; raises WrongForm."""
    if isinstance(answer, str):
        return [word for word in re.split(r"\s+-+>?\s+|->|[,;/\n]", answer) if word.strip()]
    if isinstance(answer, dict):
        answer = list(answer.values())
    if not isinstance(answer, (list, tuple, set, frozenset)):
        raise WrongForm(f"Expected the name of what failed; you have {named(answer)}.")
    return [word for each in answer for word in _words(each)]


def exercise(
    name: str, *, network: object, asks: str = "", wanted: Mapping[str, object] | None = None,
    hidden: Sequence[Mapping[str, object]] = (), fault: str | Sequence[str] = (),
    observed: str = "",
    hints: Sequence[str] = (), points: float = 1.0, within: float = 0.0, free: bool = False,
    text: str = "",
) -> Exercise:  # fmt: skip
    """Make an exercise of your own; see :mod:`lab.lessons.exercises` for its kinds.

    ``hints`` are shown in the feedback, the first one with a wrong answer; ``points`` is what it is
    worth; ``within`` is the largest error of an answer that is a number, as a share of the right
    one. ``free`` allows a network with other hosts and mail. ``observed`` is the file that students
    get in place of a fault. Raises ExerciseError.
    """
    if not isinstance(name, str) or not name.strip():
        raise ExerciseError(f"an exercise needs a name, for example 'Exercise 1', not {name!r}")
    for hint in hints:
        if not isinstance(hint, str):
            raise ExerciseError(f"{name}: hints must be texts, not {hint!r}")
    drawn = material(name, network, fault, _seed)
    rows = Path(observed).read_text(encoding="utf-8") if observed else ""
    if drawn.fault and not rows:
        rows = drawn.files(name)[f"{slug(name)}.csv"]
    options = {
        "asks": asks, "wanted": dict(wanted or {}), "hidden": [dict(each) for each in hidden],
        "fault": fault, "hints": list(hints), "points": points, "within": within, "free": free,
    }  # fmt: skip
    return Exercise(name, drawn, rows, options)
