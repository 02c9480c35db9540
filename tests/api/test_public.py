"""The public names: what is exported, what it is typed as, and that it is enough."""

from __future__ import annotations

import ast
import builtins
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from helpers.documents import HELP, blocks
from helpers.places import ROOT
from helpers.public_types import PUBLIC, Public, public

import lab

STUB = ast.parse((ROOT / "lab" / "__init__.pyi").read_text(encoding="utf-8"))
CACHE = ROOT / ".mypy_cache" / "public"

ANY = {  # where a type is Any, each with its reason
    "lab.Fault.__init__(when)": "columns of any kind of event, as in a topology file",
    "lab.Fault.when": "the same",
    "lab.Run.probes": "whatever a probe of the user's own has found",
    "lab.Trace.__init__(rows)": "columns of a row depend on its kind; an Event has types",
    "lab.Trace.of": "the same",
    "lab.Trace.record(None)": "the same",
    "lab.Trace.rows": "the same",
    "lab.Trace.growing": "the same",
    "lab.protocol.Outgoing.__init__(tag)": "whatever an agenda of the user's own keeps there",
}


@pytest.fixture(scope="module")
def reached() -> Public:
    return public(ROOT, CACHE)


def imports_of_the_stub() -> dict[str, tuple[str, str]]:
    """The module and the name there of each name that the stub imports."""
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in STUB.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_stub_and_the_package_have_the_same_names() -> None:
    found = imports_of_the_stub()
    all_ = next(node for node in STUB.body if isinstance(node, ast.Assign))
    assert set(found) == set(lab.__all__) == set(ast.literal_eval(all_.value))
    assert len(lab.__all__) == len(set(lab.__all__))
    assert set(lab._MODULES) | set(lab._PACKAGES) == set(lab.__all__)
    assert [*lab.__all__, "__version__"] == sorted(
        dir(lab), key=[*lab.__all__, "__version__"].index
    )


@pytest.mark.parametrize("name", lab.__all__)
def test_a_public_name_is_what_the_stub_says(name: str) -> None:
    module, name_there = imports_of_the_stub()[name]
    if module == "lab":
        assert getattr(lab, name) is import_module(f"lab.{name_there}")
    else:
        assert getattr(lab, name) is getattr(import_module(module), name_there)


@pytest.mark.parametrize("name", lab.views._MODULES)
def test_a_view_is_typed_where_it_is_imported(name: str, reached: Public) -> None:
    module = import_module(f"lab.views.{lab.views._MODULES[name]}")
    assert getattr(lab.views, name) is getattr(module, name)
    assert f"lab.views.{name}" in reached.names.values()


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'lab' has no attribute 'simulator'$"):
        getattr(lab, "simulator")  # noqa: B009


def test_the_guide_names_everything_that_is_public() -> None:
    guide = (ROOT / "lab" / "help" / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\blab\.(\w+)", guide))
    assert set(lab.__all__) - named == set()


def test_the_package_says_that_it_has_types() -> None:
    assert (ROOT / "lab" / "py.typed").read_bytes() == b""


def test_everything_that_a_public_call_returns_is_exported(reached: Public) -> None:
    """Classes of arguments, results and attributes, and of their attributes in turn."""
    assert reached.hidden == {}


def test_every_public_name_is_there_when_a_program_runs(reached: Public) -> None:
    """And not for type checkers alone."""
    for full_name, name in reached.names.items():
        module, _, own_name = name.rpartition(".")
        if full_name.startswith("lab."):
            assert hasattr(import_module(module), own_name), name


def test_nothing_public_is_any(reached: Public) -> None:
    assert set(reached.anys) == set(ANY)


# -- what is raised ---------------------------------------------------------------------------

RAISED = re.compile(r":class:`~?([\w.]+)`|\b([A-Z]\w*(?:Error|Interrupt))\b")


def documented() -> Iterator[tuple[str, str]]:
    """The docstrings of all public calls, with their names."""
    seen = set()
    for module in map(import_module, PUBLIC):
        for name in getattr(module, "__all__", dir(module)):
            thing = getattr(module, name)
            full = f"{module.__name__}.{name}"
            if not callable(thing) or thing in seen:
                continue
            seen.add(thing)
            yield full, inspect.getdoc(thing) or ""
            for member, value in vars(thing).items() if inspect.isclass(thing) else ():
                if not member.startswith("_"):
                    value = getattr(value, "fget", getattr(value, "__func__", value))
                    yield f"{full}.{member}", inspect.getdoc(value) or ""


def raised(doc: str) -> set[str]:
    """What a docstring says is raised."""
    sentences = re.findall(r"\b[Rr]aises? .*?(?=\.\s|\.$|\Z)", " ".join(doc.split()))
    return {a or b for sentence in sentences for a, b in RAISED.findall(sentence)}


DOCUMENTED = [(name, error) for name, doc in documented() for error in sorted(raised(doc))]


@pytest.mark.parametrize(("name", "error"), DOCUMENTED)
def test_what_a_docstring_says_is_raised_is_exported(name: str, error: str) -> None:
    short = error.removeprefix("lab.").rpartition(".")[2]
    exported = [getattr(import_module(module), short, None) for module in PUBLIC]
    found = [each for each in (getattr(builtins, short, None), *exported) if each is not None]
    assert found, f"{name} says that it raises {error}, which nobody can import"
    assert issubclass(found[0], BaseException)


CAUGHT = {  # exceptions that no public call raises, each with who catches it
    "Ambiguous": "the reader of topologies: a name that means several hosts",
    "BadNetwork": "lab judge --network: a sentence",
    "CannotJudge": "the command line: a program of others that cannot be judged",
    "CannotListen": "a live host's process, which reports it",
    "DamagedSpool": "the storage: a spool that cannot be used",
    "FileFault": "the reader of topologies: a problem of the file",
    "Gone": "the example of a mail program, itself",
    "GraphFault": "the reader of topologies: a problem of the file",
    "JournalLock": "lab.sweep: a SweepError",
    "Misunderstood": "the stepper's command line",
    "NeverEnds": "lab.storm: a breach",
    "NoChange": "the page of lab watch",
    "NoEdit": "lab.browser.desk, which says why",
    "NotFound": "the server of pages",
    "NotMade": "lab.site.build, and lab.cli.site",
    "NotOurs": "lab.cli.site: a folder with other files",
    "NotPossible": "the server of pages",
    "NoLessons": "lab.lessons.course, for the commands",
    "BoxFault": "lab.lessons.grading, a problem of that submission",
    "ChannelClosed": "lab.lessons.marking, a problem of that submission",
    "JudgeFault": "lab.lessons.grading, a problem of that submission",
    "NotPlain": "lab.lessons.sandbox.as_data, an answer that is not data",
    "RosterFault": "lab.lessons.classroom.roster, for the commands",
    "MissingPackage": "an ImportError",
    "NoExample": "lab.cli.examples",
    "NotStarted": "lab.judging: CannotJudge",
    "OverrideFault": "the reader of topologies: a problem of the file",
    "PluginFailed": "lab.simulate: a RunFailed",
    "PeerGone": "the processes of a live network",
    "Quit": "the stepper's command line",
    "RowFault": "the reader of topologies: a problem of the file",
    "RelaysFault": "lab.sweep: a problem of the experiment",
    "UnknownFormat": "the reader of topologies: a problem of the file",
    "UnitFault": "the readers of files: a problem of the file",
    "SpoolProblem": "lab spool and lab live: a sentence",
    "StorageFailed": "a live host's process: the mail is refused with 451 or 452",
    "NoRanks": "lab run: a sentence",
    "WorkerLost": "lab.simulate: a RunFailed",
    "TooMany": "lab.judging: the networks of a storm",
    "WorkersError": "an OSError, and lab.sweep: a SweepError",
}


def test_every_exception_is_exported_or_caught_within() -> None:
    """Of all classes of exceptions that the lab defines."""
    defined = {
        name
        for path in (ROOT / "lab").rglob("*.py")
        for name in re.findall(
            r"^class ([A-Z]\w*)\((?:\w*(?:Error|Fault|Interrupt)|Exception)\):",
            path.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    }
    exported = {
        name for name in defined for module in PUBLIC if hasattr(import_module(module), name)
    }
    assert {"TopologyError", "SyntaxFault", "Interrupted", "NothingToShow"} <= exported
    assert defined - exported == set(CAUGHT)


def test_docstrings_name_what_is_raised() -> None:
    """The test above looks at something."""
    assert {"TopologyError", "lab.TopologyError", "ValueError"} & {e for _, e in DOCUMENTED}
    assert ("lab.simulate", "lab.Interrupted") in DOCUMENTED


# -- a user's script --------------------------------------------------------------------------

SCRIPT = """
import lab
from lab import lessons, protocol, testing, views

topology = lab.load("x.toml", ["link.0.latency=1 s"])
reveal_type(topology)  # Topology
reveal_type(topology.hosts["A.ARPA"].users)  # User
reveal_type(topology.links[0].latency)  # float
reveal_type(topology.to_toml())  # str
built = lab.Topology(links=[lab.LinkSpec("A", "B", "arpanet")], faults=[lab.Fault("crash")])
reveal_type(built.links)  # Sequence

run = lab.simulate(topology, seed=1, until=9.5, faults=[lab.Fault("crash", host="A.ARPA", at=1.0)])
reveal_type(run)  # Run
reveal_type(run.plot("timeline"))  # Axes
reveal_type(run.summary["delivered"])  # int
reveal_type(run.summary["recipients"][0]["settled_at"])  # float | None
reveal_type(run.summary["delivery_seconds"]["p95"])  # float
reveal_type(run.account.lost)  # Recipient
reveal_type(run.breaches)  # Breach
reveal_type(run.story(1))  # str
reveal_type(run.save("out"))  # Path
reveal_type(run.replay())  # Replay
reveal_type(run.animate(seconds=3))  # Animation
reveal_type(run.watch(breaks=["reply 550"]))  # Watch
reveal_type(run.ending)  # str
for line in run.transcript_lines():
    reveal_type(line)  # str

trace = lab.open_trace("out")
reveal_type(trace)  # Trace
reveal_type(trace.meta["hosts"][0]["name"])  # str
for event in trace:
    reveal_type(event)  # Event
    reveal_type(event["code"])  # int
    reveal_type(event["octets"])  # bytes
    reveal_type(event["retry_at"])  # float
    reveal_type(event["recipients"])  # tuple[str, ...]

stepper = lab.step(topology)
reveal_type(stepper.until("reply 550"))  # Moment
reveal_type(stepper.moment.snapshot)  # Snapshot
reveal_type(stepper.moment.dialogue())  # Line
reveal_type(stepper.run)  # Run
reveal_type(stepper.interventions)  # Intervention
try:
    stepper.change_reply("550 No")
except lab.NoIntervention as problem:
    reveal_type(problem)  # NoIntervention

explored = lab.explore(topology, limit=3)
reveal_type(explored)  # Explored
reveal_type(explored.points[0].fault)  # FaultSpec | None
reveal_type(explored.run(1))  # Run
storm = lab.storm(3)
reveal_type(storm)  # Storm
reveal_type(storm.broken)  # StormRun
reveal_type(storm.smallest())  # Topology

with lab.serve(topology) as served:
    reveal_type(served)  # LiveServer
    reveal_type(served.ports)  # int
reveal_type(served.run)  # Run

try:
    lab.simulate(topology)
except lab.Interrupted as stopped:
    reveal_type(stopped.run)  # Run
except lab.RunFailed as failed:
    reveal_type(failed.run)  # Run
except lab.TopologyError as error:
    reveal_type(error.problems)  # str

reveal_type(views.timeline(trace))  # Axes
reveal_type(views.ladder(trace, message=1))  # Axes
reveal_type(views.plot(trace, "map"))  # Axes
reveal_type(views.transcript(trace))  # str
reveal_type(protocol.parse_path("<a@B>"))  # Path
reveal_type(protocol.reply(250).code)  # int


class Small(protocol.Installation):
    domain = "SMALL.ARPA"

    def recipient(
        self, transaction: protocol.Transaction, forward_path: protocol.Path
    ) -> protocol.Reply:
        return protocol.reply(250, "OK")

    def accept(self, transaction: protocol.Transaction) -> protocol.Reply:
        return protocol.LATER


class Outbox(protocol.Agenda):
    def next(self) -> protocol.Outgoing | None:
        return None

    def settled(self, outgoing: protocol.Outgoing) -> None:
        print(outgoing.answer)


reveal_type(protocol.SenderSMTP("SMALL.ARPA", Outbox()).closing)  # bool
engine = protocol.ReceiverSMTP(Small())
reveal_type(engine.greet())  # bytes
reveal_type(engine.receive(b"NOOP")[0])  # Crossing
reveal_type(engine.receive(b"NOOP")[0].octets)  # bytes
reveal_type(engine.answer(protocol.reply(250)))  # Crossing
reveal_type(protocol.parse_time_stamp_line(b"").daytime)  # str
reveal_type(testing.play(testing.FakeInstallation()))  # FakeAgenda
reveal_type(testing.mail_to("Jones").answer_to(0))  # int
reveal_type(lessons.check("1", 2, 2))  # Result
reveal_type(lessons.talk("x.toml", "A.ARPA"))  # TypedSession
"""


def mypy_of_a_user(*files: Path) -> subprocess.CompletedProcess[str]:
    """Check programs that lie in one folder, as a user of the lab would."""
    cache = str(CACHE / "user")
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, *map(str, files)],
        cwd=files[0].parent, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_a_user_s_script_has_types(tmp_path: Path) -> None:
    """``mypy --strict`` finds nothing wrong with it, and knows the type of everything."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    done = mypy_of_a_user(path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = dict(re.findall(r'script\.py:(\d+): note: Revealed type is "(.*)"', done.stdout))
    expected = {
        str(number): line.rpartition("# ")[2]
        for number, line in enumerate(SCRIPT.splitlines(), 1)
        if "reveal_type" in line
    }
    assert found.keys() == expected.keys()
    for number, type_ in expected.items():
        assert re.search(rf"\b{re.escape(type_)}(?!\w)", found[number]), (number, found[number])
        assert not re.search(r"\bAny\b", found[number]), (number, found[number])


def test_the_programs_of_the_protocol_guide_have_types(tmp_path: Path) -> None:
    """``mypy --strict`` finds nothing wrong with its server, its client, and its test on a wire."""
    files = []
    for defines in ("def serve(", "async def send(", "Wire(SenderSMTP"):
        guide = blocks(HELP / "protocol.md", "python")
        (text,) = [block.text for block in guide if defines in block.text]
        files.append(tmp_path / f"program{len(files)}.py")
        files[-1].write_text(text, encoding="utf-8")
    done = mypy_of_a_user(*files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_classes_of_the_extending_guide_have_types(tmp_path: Path) -> None:
    """``mypy --strict`` finds nothing wrong with those that need no library without types."""
    files = []
    for number, block in enumerate(blocks(HELP / "extending.md", "python")):
        if "networkx" not in block.text:
            files.append(tmp_path / f"program{number}.py")
            files[-1].write_text(block.text, encoding="utf-8")
    assert len(files) == 6
    done = mypy_of_a_user(*files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_name_that_is_not_public_is_an_error_for_a_user(tmp_path: Path) -> None:
    """And not Any, as it would be if the packages had a typed ``__getattr__``."""
    path = tmp_path / "script.py"
    path.write_text("import lab\nimport lab.protocol\nlab.simulator\nlab.views.photo\n")
    done = mypy_of_a_user(path)
    assert re.findall(r"script\.py:(\d+): error: Module has no attribute", done.stdout) == [
        "3",
        "4",
    ]
