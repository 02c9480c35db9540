"""Prove the rules of RFC 821: break the code by each rule's mutations, and run its tests.

`python -m tests.mutants.prove` runs the mutations of `rules.toml` whose result in
`lab/rfc/proof.json` is missing or of another source; `--all` runs all, `3.6 4.5.2-1` those of
sections and rules. Only the tests that carry the rule's mark are run, and one must fail. `--sample
SECONDS` runs for about so long, begins at a rule that the date and commit choose, and writes
nothing. Exit status 1: a mutation was not noticed.

Each mutation lives in a process of its own, which imports the broken source; no file is changed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ["SMTP_LAB_PURE"] = "1"  # what is broken is the source
sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
# imported once, for all processes; nothing of lab is, so that each imports it broken
import hypothesis  # noqa: E402, F401
import networkx  # noqa: E402, F401
import pytest  # noqa: E402
import simpy  # noqa: E402, F401
from helpers.rule_mutations import PROOF, Mutation, mutations, reader_of_marks  # noqa: E402

from tests.mutants.breaking import Mutant  # noqa: E402
from tests.mutants.run import OPTIONS, Breaker, start_afresh  # noqa: E402

_RULES = reader_of_marks()
SECONDS = 120
"""Seconds of a processor that the tests of a mutation may take; beyond, they hang."""


@dataclass
class Watch:
    """A plugin for pytest that remembers the first test that failed."""

    killer: str = ""
    failed: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a test that failed."""
        if report.failed:
            self.failed.append(report.nodeid)


@dataclass
class Verdict:
    """What the tests said to a mutation: the test that noticed it, or why there is none.

    ``source`` is the hash of what was broken.
    """

    mutation: Mutation
    source: str
    killed_by: str = ""
    nodeid: str = ""
    problem: str = ""


def run_tests(mutation: Mutation | None, tests: Sequence[str], pipe: int) -> None:
    """Run tests with a mutation, in this process, and write how it ended; never returns."""
    result: tuple[int, list[str]] = (70, [])
    try:
        start_afresh(SECONDS)
        # a proof must hold anywhere, also where the RFC does not lie beside the repository
        vars(importlib.import_module("helpers.places"))["SHARED"] = ROOT / "nowhere"
        if mutation is not None:
            mutant = Mutant(str(mutation), mutation.module, mutation.source)
            sys.meta_path.insert(0, Breaker(mutant))
        watch = Watch()
        with tempfile.TemporaryDirectory() as scratch:
            os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = scratch
            os.environ["PYTEST_DEBUG_TEMPROOT"] = scratch
            first = ["-x"] if mutation is not None else []
            status = int(pytest.main([*OPTIONS, *first, *tests], plugins=[watch]))
        result = (status, watch.failed)
    finally:
        with os.fdopen(pipe, "wb") as out:
            pickle.dump(result, out)
        os._exit(0)


def begin(mutation: Mutation | None, tests: Sequence[str]) -> tuple[int, int]:
    """Begin a process for a mutation: its number, and the pipe that it writes to."""
    out, into = os.pipe()
    process = os.fork()
    if not process:
        os.close(out)
        run_tests(mutation, tests, into)
    os.close(into)
    return process, out


def end(pipe: int) -> tuple[int, list[str]]:
    """Return exit status of pytest and failed tests; a process that died has said neither."""
    with os.fdopen(pipe, "rb") as out:
        said = out.read()
    return pickle.loads(said) if said else (70, [])


def settle(verdict: Verdict, status: int, failed: list[str]) -> None:
    """Complete the verdict of a mutation whose process has ended."""
    if status == 0:
        verdict.problem = "no bound test notices it"
    elif status == 1 and failed:
        verdict.nodeid = failed[0]
        verdict.killed_by = failed[0].removeprefix("tests/").partition("[")[0]
    elif status == 70:
        verdict.problem = f"the tests hang or die (more than {SECONDS} s)"
    else:
        verdict.problem = f"the tests cannot be collected (status {status})"


def prove(chosen: Iterable[Mutation], at_once: int, seconds: float, *, keep: bool) -> list[Verdict]:
    """Run mutations, for about so many seconds, print what becomes of them, and keep it."""
    bound = _RULES.proofs(ROOT / "tests")
    until = time.monotonic() + seconds
    waiting, running, done = [*chosen][::-1], {}, []
    known = {_key(rule, entry): entry for rule, entries in _kept().items() for entry in entries}
    while waiting or running:
        while waiting and len(running) < at_once and time.monotonic() < until:
            mutation = waiting.pop()
            tests = bound.get(mutation.rule, [])
            verdict = Verdict(mutation, mutation.hash)
            if not (tests and verdict.source):
                why = "the edit cannot be made" if tests else "no test has the mark of this rule"
                verdict.problem = why
                print(f"{mutation}\n    {why}")
                done.append(verdict)
                continue
            last = known.get(_key(mutation.rule, mutation.__dict__), {}).get("killed_by", "")
            tests = sorted(
                tests, key=lambda test: test != last
            )  # the one that killed it goes first
            process, pipe = begin(mutation, [f"tests/{test}" for test in tests])
            running[process] = (verdict, pipe)
        if not running:
            break
        process, _ = os.wait()
        verdict, pipe = running.pop(process)
        settle(verdict, *end(pipe))
        done.append(verdict)
        result = verdict.problem or f"killed by {verdict.nodeid}"
        print(f"{verdict.mutation}\n    {result}", flush=True)
        if keep:
            write(done)
    killers = sorted({verdict.nodeid for verdict in done if verdict.nodeid})
    if killers:
        process, pipe = begin(None, killers)
        _, failed = end(pipe)
        os.waitpid(process, 0)
        for verdict in done:
            if verdict.nodeid in failed:
                verdict.problem = f"{verdict.nodeid} fails where nothing is broken"
                print(f"{verdict.mutation}\n    {verdict.problem}")
    return done


# -- the result that ships -----------------------------------------------------------------------


def _kept() -> dict[str, list[dict[str, Any]]]:
    return json.loads(PROOF.read_text(encoding="utf-8")) if PROOF.is_file() else {}


def _key(rule: str, entry: dict[str, Any]) -> tuple[str, ...]:
    return rule, entry["at"], entry["old"], entry["new"]


def stale() -> list[Mutation]:
    """Return the mutations without a result, or with that of another source or a former test."""
    bound = _RULES.proofs(ROOT / "tests")
    known = {
        (*_key(rule, entry), entry["source"])
        for rule, entries in _kept().items()
        for entry in entries
        if entry["killed_by"] in bound.get(rule, ())
    }
    return [m for m in mutations() if (*_key(m.rule, m.__dict__), m.hash) not in known]


def write(done: list[Verdict]) -> None:
    """Write the results beside those that still hold."""
    known = {_key(rule, entry): entry for rule, entries in _kept().items() for entry in entries}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for verdict in done:
        m, key = verdict.mutation, _key(verdict.mutation.rule, verdict.mutation.__dict__)
        known.pop(key, None)
        if not verdict.problem:
            known[key] = {
                "at": m.at, "old": m.old, "new": m.new, "killed_by": verdict.killed_by,
                "date": today, "source": verdict.source,
            }  # fmt: skip
    result: dict[str, list[dict[str, Any]]] = {}
    for m in sorted(mutations(), key=lambda m: _RULES.sort_key(m.rule)):
        entry = known.get(_key(m.rule, m.__dict__))
        if entry is not None:
            result.setdefault(m.rule, []).append(entry)
    PROOF.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def rotated(seed: str) -> list[Mutation]:
    """Return all mutations, from a place that the seed chooses on."""
    every = mutations()
    start = int.from_bytes(seed.encode(), "big") * 7919 % len(every)
    print(f"sample {seed}: from {every[start].rule} on")
    return [*every[start:], *every[:start]]


def _seed() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    return f"{datetime.now(UTC):%Y-%m-%d} {commit}".strip()


def _is_of(rule: str, name: str) -> bool:
    return rule == name or rule.startswith((f"{name}-", f"{name}."))


def main(words: Sequence[str]) -> int:
    """Run what the words ask for, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.prove", description=__doc__)
    parser.add_argument("rules", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--sample", type=float, metavar="SECONDS")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args(words)
    os.chdir(ROOT)
    if asked.sample is not None:
        chosen = rotated(_seed())
    elif asked.rules:
        chosen = [m for m in mutations() if any(_is_of(m.rule, name) for name in asked.rules)]
    else:
        chosen = mutations() if asked.all else stale()
    done = prove(chosen, asked.jobs, asked.sample or float("inf"), keep=asked.sample is None)
    if asked.sample is None:
        write(done)
    problems = [verdict for verdict in done if verdict.problem]
    print(f"{len(done)} mutations, {len(done) - len(problems)} killed")
    for verdict in problems:
        print(f"{verdict.mutation}\n    {verdict.problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
