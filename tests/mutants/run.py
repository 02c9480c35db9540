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
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.mutants.breaking import ROOT, Mutant, source_mutants, table_mutants

TESTS = {
    "tables": ["protocol_tables", "protocol_dialogues"],
    "paths": [
        "hosts_paths", "protocol_syntax", "protocol_lines", "hosts_relaying", "hosts_delivery",
        "hosts_sizes", "hosts_wire", "hosts_replies", "hosts_account", "invariants",
        "hosts_senders", "network_transport", "rfc_directory", "faults", "turn", "scenarios",
    ],
    "engines": [
        "protocol_tables", "protocol_lines", "protocol_dialogues", "protocol_syntax", "fuzz",
        "hosts_wire", "hosts_senders", "hosts_replies", "hosts_sizes", "hosts_delivery", "turn",
        "wire_cases", "talk", "scenarios",
    ],
}  # fmt: skip
"""For each kind of mutant the tests that may notice it, those first that most often do."""

PATHS = {
    "lab.protocol.lines": ("fits_the_wire", "stuff", "unstuff", "_unfinished"),
    "lab.protocol.syntax": (
        "Path.__post_init__", "Path.bare", "Path.is_null", "Path.user", "Path.first", "unquote",
        "quote", "parse_path", "_with_argument", "_tidied", "parse_command",
    ),
    "lab.hosts.paths": (),
    "lab.hosts.stamps": (),
    "lab.hosts.unfold": (),
    "lab.hosts.host": (
        "Host._find_destination", "Host.dispatch", "Host.give_back", "Host._visited",
        "Host._onward", "Host._bears", "Host.unlearn", "Host._as_learned",
    ),
}  # fmt: skip
ENGINES: dict[str, tuple[str, ...]] = {
    "lab.protocol.receiver": (),
    "lab.protocol.sender": (),
    "lab.protocol.replies": (),
}
_KNOWN = "ignore::pytest.PytestAssertRewriteWarning"  # we have imported hypothesis already
LIMIT = 120
"""Seconds of a processor that the tests of a mutant may take; one that hangs them is noticed."""
IDLE = 1200.0
"""Seconds after which tests that wait for something, and do nothing, are taken to hang."""


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


def warm_up() -> None:
    """Import, once for all mutants, what the tests need and none of them breaks."""
    import aiosmtpd.controller  # noqa: F401
    import click  # noqa: F401
    import hypothesis  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import networkx  # noqa: F401
    import numpy  # noqa: F401
    import pydantic  # noqa: F401
    import rich.console  # noqa: F401
    import simpy  # noqa: F401

    broken = [name for name in sys.modules if name == "lab" or name.startswith("lab.")]
    for name in broken:
        del sys.modules[name]


def begin(mutant: Mutant, tests: list[str]) -> int:
    """Run tests against a mutant in a process of its own: its number."""
    process = os.fork()
    if process:
        return process
    status = 70
    try:
        os.setsid()
        # of the processor, not of the clock: on a busy machine sound tests would seem to hang
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        sys.meta_path.insert(0, Breaker(mutant))
        import pytest

        with tempfile.TemporaryDirectory() as scratch:
            options = [
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                "-W",
                _KNOWN,
                f"--basetemp={scratch}/pytest",
            ]
            os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = scratch
            near = mutant.module.split(".")[1] + "_"  # what is nearest notices most often
            ordered = sorted(tests, key=lambda name: not name.startswith(near))
            files = [str(ROOT / "tests" / f"test_{name}.py") for name in ordered]
            status = int(pytest.main([*options, *files]))
    finally:
        os._exit(status)


def judge(all_mutants: list[Mutant], tests: list[str], at_once: int) -> list[Mutant]:
    """Those that the tests do not notice."""
    running: dict[int, tuple[Mutant, float]] = {}
    missed: list[Mutant] = []
    hung = 0
    waiting = list(reversed(all_mutants))
    done = 0
    while waiting or running:
        while waiting and len(running) < at_once:
            mutant = waiting.pop()
            running[begin(mutant, tests)] = (mutant, time.monotonic())
        process, status = os.waitpid(-1, os.WNOHANG)
        if process in running:
            mutant, _ = running.pop(process)
            done += 1
            hung += os.WIFSIGNALED(status)
            if status == 0:
                missed.append(mutant)
                if mutant.source or mutant.spoil:
                    print(f"\rnot noticed: {mutant.name}", flush=True)
            print(f"\r{done} of {len(all_mutants)}", end="", file=sys.stderr, flush=True)
            continue
        for process, (_, since) in running.items():
            if time.monotonic() - since > IDLE:
                os.killpg(process, signal.SIGKILL)
        time.sleep(0.01)
    print(file=sys.stderr)
    if hung:
        print(f"{hung} of them by tests that hung")
    return missed


def main(words: list[str]) -> int:
    """Judge the mutants that the words ask for: the exit status."""
    kinds = [word for word in words if word in TESTS] or list(TESTS)
    named = [word for word in words if word not in TESTS]
    at_once = len(os.sched_getaffinity(0))
    left = 0
    for kind in kinds:
        chosen = [m for m in mutants(kind) if all(name in m.name for name in named)]
        warm_up()
        if not judge([Mutant("nothing", "lab.trace")], TESTS[kind], 1):
            print(f"{kind}: the tests fail where nothing is broken")
            return 2
        missed = judge(chosen, TESTS[kind], at_once)
        left += len(missed)
        print(f"{kind}: {len(chosen)} mutants, {len(chosen) - len(missed)} noticed")
    return 1 if left else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
