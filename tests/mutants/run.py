"""Break the code in one place at a time, and see whether the tests notice.

`python -m tests.mutants.run tables` breaks each row of the transition table and each reply of
section 4.3; `paths` each transform of the paths, of transparency and of the trace lines;
`engines` the sender-SMTP and the receiver-SMTP. A name in the place of those picks the mutants
that have it in theirs. What the tests did not notice is listed at the end, and is exit status 1.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

os.environ["SMTP_LAB_PURE"] = "1"  # what is broken is the source, and compiled modules know none
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.breaking import (
    ROOT,
    Mutant,
    equivalents,
    source_mutants,
    table_mutants,
)
from tests.mutants.forking import Judge

TESTS = {
    "tables": ["protocol/tables", "protocol/dialogues"],
    "paths": [
        "hosts/paths", "hosts/names", "hosts/spooling", "protocol/names", "protocol/syntax",
        "protocol/lines", "hosts/relaying", "hosts/delivery", "hosts/sizes", "hosts/wire",
        "hosts/replies", "analysis/account", "analysis/invariants", "hosts/senders",
        "network/transport", "hosts/directory", "simulation/faults", "hosts/turn",
        "simulation/scenarios",
    ],
    "engines": [
        "protocol/tables", "protocol/edges", "protocol/lines", "protocol/dialogues",
        "protocol/fuzz", "protocol/syntax", "protocol/script", "protocol/tracker",
        "hosts/wire", "hosts/senders", "hosts/replies", "hosts/sizes", "hosts/delivery",
        "hosts/turn", "hosts/storing", "hosts/interception", "hosts/wire_cases",
        "api/conversation", "simulation/scenarios",
    ],
}  # fmt: skip
"""For each kind of mutant the tests that may notice it, those first that most often do."""

PATHS = {
    "lab.protocol.lines": ("fits_the_wire", "dot_stuff", "dot_unstuff", "unfinished"),
    "lab.protocol.names": (),
    "lab.protocol.syntax": (
        "Path.__post_init__", "Path.bare", "Path.is_null", "Path.user", "Path.first", "Path.hosts",
        "Path.first_host", "Path.mailbox_key", "Path.key", "unquote", "quote", "parse_path",
        "_with_argument", "_tidied", "parse_command",
    ),
    "lab.hosts.paths": (),
    "lab.protocol.relaying": (),
    "lab.hosts.received": (),
    "lab.hosts.plan": (),
    "lab.hosts.failed": (),
    "lab.hosts.destination": (),
    "lab.hosts.expansion": (),
    "lab.hosts.spooling": (),
    "lab.hosts.host": (
        "Host.plan", "Host.carry_out", "Host._onward", "Host._send_on", "Host.notify_sender",
    ),
}  # fmt: skip
ENGINES: dict[str, tuple[str, ...]] = {
    "lab.protocol.receiver": (),
    "lab.protocol.sender": (),
    "lab.protocol.replies": (),
}
OPTIONS = [
    "-qq",
    "--no-header",
    "--no-summary",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
]
OURS = (str(ROOT / "lab"), str(ROOT / "tests"))
LIMIT = 600
"""Seconds of a processor that all tests of a mutant may take; one that hangs them is noticed."""


def mutants(kind: str) -> Iterator[Mutant]:
    """The mutants of a kind."""
    if kind == "tables":
        yield from table_mutants()
    for module, functions in {"paths": PATHS, "engines": ENGINES}.get(kind, {}).items():
        yield from source_mutants(module, functions)


class Breaker(MetaPathFinder, Loader):
    """An importer that gives the one module that is broken."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self.mutant.module:
            return None
        found = PathFinder.find_spec(name, path)  # type: ignore[arg-type]
        assert found is not None
        assert found.origin is not None
        return importlib.util.spec_from_file_location(name, found.origin, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        origin = str(module.__file__)
        source = self.mutant.source or Path(origin).read_text(encoding="utf-8")
        exec(compile(source, origin, "exec"), module.__dict__)
        if self.mutant.spoil is not None:
            self.mutant.spoil(module)


def by_forks(all_mutants: list[Mutant], tests: list[str], at_once: int) -> Judge:
    """What the tests say to mutants that are broken into forks of one session of theirs."""
    import pytest

    judge = Judge(all_mutants, at_once)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = scratch
        sound = pytest.main([*OPTIONS, *_files(tests)], plugins=[judge])
    if sound not in (0, 5):
        judge.fails.append("the collection")
    return judge


def start_afresh(seconds: int) -> None:
    """Forget what this process has imported of ours, print nothing, and stop after so many seconds
    of the processor, not of the clock: on a busy machine sound tests would seem to hang.
    """
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", "")).startswith(OURS):
            del sys.modules[name]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))


def begin_afresh(mutant: Mutant, tests: list[str]) -> int:
    """Run tests that import a mutant broken, in a process of its own: its number."""
    process = os.fork()
    if process:
        return process
    status = 70
    try:
        start_afresh(LIMIT)
        sys.meta_path.insert(0, Breaker(mutant))
        import pytest

        with tempfile.TemporaryDirectory() as scratch:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = scratch
            status = int(pytest.main(["-x", *OPTIONS, *_files(tests)]))
    finally:
        os._exit(status)


def unnoticed_afresh(suspects: list[Mutant], tests: list[str], at_once: int) -> list[Mutant]:
    """Those that the tests do not notice even where they have imported them broken."""
    running: dict[int, Mutant] = {}
    missed: list[Mutant] = []
    waiting = list(reversed(suspects))
    while waiting or running:
        while waiting and len(running) < at_once:
            mutant = waiting.pop()
            running[begin_afresh(mutant, tests)] = mutant
        process, status = os.wait()
        mutant = running.pop(process)
        if status == 0:
            missed.append(mutant)
    return missed


def _files(tests: list[str]) -> list[str]:
    places = [Path(name) for name in tests]
    return [str(ROOT / "tests" / place.parent / f"test_{place.name}.py") for place in places]


def judge(kind: str, chosen: list[Mutant], *, whole: bool) -> int:
    """Judge mutants, print what the tests do not notice, and the count: how much is amiss."""
    known = equivalents()
    at_once = len(os.sched_getaffinity(0))
    nothing = Mutant("nothing", chosen[0].module, spoil=lambda module: None)
    first = by_forks([nothing, *chosen], TESTS[kind], at_once)
    print(file=sys.stderr)
    if nothing in first.unnoticed:
        first.unnoticed.remove(nothing)
    else:
        first.fails.append("some, in another order")
    if first.fails:
        print(f"{kind}: tests fail where nothing is broken: {', '.join(first.fails)}")
        return 1
    left = [*first.unnoticed, *first.untried]
    same = [mutant for mutant in left if mutant.key in known]
    missed = [mutant for mutant in left if mutant.key not in known]
    for mutant in missed:
        print(f"asked once more: {mutant.name}", file=sys.stderr, flush=True)
    missed = unnoticed_afresh(missed, TESTS[kind], at_once)
    for mutant in missed:
        why = " (no test comes there)" if mutant in first.untried else ""
        print(f"not noticed: {mutant.name}{why}\n    {mutant.text}")
    wrong = [mutant for mutant in chosen if mutant.key in known and mutant not in left]
    for mutant in wrong:
        print(f"noticed, and said to change nothing: {mutant.name}\n    {mutant.text}")
    modules = {mutant.module for mutant in chosen}
    every = {mutant.key for mutant in chosen}
    stale = [key for key in known if whole and key not in every and _is_of(key[0], modules)]
    for key in stale:
        print(f"said to change nothing, and no change of today: {' | '.join(key)}")
    noticed = len(chosen) - len(same) - len(missed)
    print(f"{kind}: {len(chosen)} mutants, {noticed} noticed ({first.hung} by tests that hung)")
    if same:
        print(f"{len(same)} change nothing that can be noticed: tests/mutants/equivalent.toml")
    return len(missed) + len(wrong) + len(stale)


def _is_of(function: str, modules: set[str]) -> bool:
    return any(function.startswith(f"{module}.") for module in modules)


def main(words: list[str]) -> int:
    """Judge the mutants that the words ask for: the exit status."""
    kinds = [word for word in words if word in TESTS] or list(TESTS)
    named = [word for word in words if word not in TESTS]
    amiss = 0
    for kind in kinds:
        chosen = [m for m in mutants(kind) if all(name in m.name for name in named)]
        if not chosen:
            print(f"{kind}: no mutant has {' and '.join(named)} in its name", file=sys.stderr)
            return 2
        amiss += judge(kind, chosen, whole=not named)
    return 1 if amiss else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
