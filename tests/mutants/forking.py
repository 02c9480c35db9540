"""Many mutants judged in one session of pytest, which has imported and collected once.

Each mutant is broken into a fork of the session, and only the tests that come to what is broken
are run, those first that are quick and have noticed much. What is made out of the broken code
while modules are imported stays whole here: what nobody noticed is asked about once more, by
``run.py``, in a process that imports it broken.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from inspect import getattr_static
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.breaking import Mutant

TIMEOUT = 3.0
"""Seconds that each test may take, and ten times those that it takes where nothing is broken."""
MEMORY = 3 << 30
"""Bytes beyond which a mutant gets no more: some never end, and keep what they make."""
BROKEN, UNNOTICED, UNTRIED, FAILED = 10, 11, 12, 13
"""Exit statuses: a test noticed; none did; none came to what is broken; it could not be broken."""


class Judge:
    """A plugin for pytest that judges mutants instead of running the tests once.

    ``unnoticed`` and ``untried`` are then the mutants that no test noticed, and those to which no
    test came; ``seconds`` what each test takes, and ``fails`` the tests that fail as it is.
    """

    def __init__(self, mutants: list[Mutant], at_once: int) -> None:
        self.mutants = mutants
        self.at_once = at_once
        self.unnoticed: list[Mutant] = []
        self.untried: list[Mutant] = []
        self.fails: list[str] = []
        self.hung = 0
        self.progress = os.fdopen(os.dup(2), "w")  # pytest keeps what goes to stderr itself
        self.seconds: list[float] = []
        self.comers: dict[tuple[str, int], set[int]] = defaultdict(set)
        self.killers: dict[str, Counter[int]] = defaultdict(Counter)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge all mutants by the tests that were collected."""
        if session.testsfailed:
            self.fails.append("the collection")
            return True
        self._measure(session.items)
        if not self.fails:
            self._judge(session.items)
        return True

    # -- what the tests take, and where they come -------------------------------------------------

    def _measure(self, items: list[pytest.Item]) -> None:
        out, into = os.pipe()
        process = os.fork()
        if not process:
            os.close(out)
            try:
                with os.fdopen(into, "wb") as pipe:
                    pickle.dump(_measured(items, {m.module for m in self.mutants}), pipe)
            finally:
                os._exit(0)
        os.close(into)
        with os.fdopen(out, "rb") as pipe:
            self.seconds, came, self.fails = pickle.load(pipe)
        os.waitpid(process, 0)
        for number, places in enumerate(came):
            for place in places:
                self.comers[place].add(number)

    def _order(self, mutant: Mutant) -> list[int]:
        """The tests that come to a mutant, those first that are the best bet for their time."""
        every: Iterable[int] = range(len(self.seconds))
        if mutant.lines:
            every = set().union(*[self.comers[mutant.module, line] for line in mutant.lines])
        noticed = self.killers[_place(mutant)]
        return sorted(every, key=lambda n: -(noticed[n] + 0.1) / (self.seconds[n] + 0.002))

    # -- one mutant after the other ---------------------------------------------------------------

    def _judge(self, items: list[pytest.Item]) -> None:
        running: dict[int, tuple[Mutant, list[int], int]] = {}
        waiting = list(reversed(self.mutants))
        while waiting or running:
            while waiting and len(running) < self.at_once:
                mutant = waiting.pop()
                order = self._order(mutant)
                out, into = os.pipe()
                process = os.fork()
                if not process:
                    os.close(out)
                    _suffer(mutant, [(items[n], self.seconds[n]) for n in order], into)
                os.close(into)
                running[process] = (mutant, order, out)
            process, status = os.wait()
            mutant, order, out = running.pop(process)
            with os.fdopen(out, "rb") as pipe:
                tried = len(pipe.read())
            self._sentence(mutant, os.waitstatus_to_exitcode(status), order[max(tried - 1, 0) :])
            done = len(self.mutants) - len(waiting) - len(running)
            print(f"\r{done} of {len(self.mutants)}", end="", file=self.progress, flush=True)

    def _sentence(self, mutant: Mutant, status: int, last: list[int]) -> None:
        if status == FAILED:
            raise RuntimeError(f"{mutant.name}: could not be broken in a module that is imported")
        if status == UNTRIED:
            self.untried.append(mutant)
        elif status == UNNOTICED:
            self.unnoticed.append(mutant)
        else:
            self.hung += status < 0
            self.killers[_place(mutant)][last[0]] += 1


def _place(mutant: Mutant) -> str:
    """Where a mutant is: those of a place are noticed by the same tests, more often than not."""
    return mutant.function or mutant.name.split(":")[0]


def _measured(
    items: list[pytest.Item], modules: set[str]
) -> tuple[list[float], list[set[tuple[str, int]]], list[str]]:
    files = {str(getattr(sys.modules.get(name), "__file__", "")): name for name in modules}
    seconds, came, fails = [], [], []
    for item, following in _with_next(items):
        places: set[tuple[str, int]] = set()
        tracer = partial(_trace, files, places)
        threading.settrace(tracer)
        sys.settrace(tracer)
        since = time.process_time()
        try:
            reports = runtestprotocol(item, log=False, nextitem=following)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
        seconds.append(time.process_time() - since)
        came.append(places)
        fails += [item.nodeid for report in reports if report.failed]
    return seconds, came, fails


def _trace(
    files: dict[str, str], places: set[tuple[str, int]], frame: FrameType, event: str, arg: object
) -> Any:
    module = files.get(frame.f_code.co_filename)
    if module is None:
        return None

    def lines(frame: FrameType, event: str, arg: object) -> Any:
        places.add((module, frame.f_lineno))
        return lines

    return lines(frame, event, arg)


def _with_next(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def _suffer(mutant: Mutant, tests: list[tuple[pytest.Item, float]], into: int) -> None:
    """Run the tests against a mutant, in this fork, to the first that fails; then exit."""
    status = FAILED
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        infect(mutant)
        status = BROKEN
        followers = [*[item for item, _ in tests[1:]], None][: len(tests)]
        for (item, usual), following in zip(tests, followers, strict=True):
            os.write(into, b".")
            # of the processor for what never ends, of the clock for what waits in vain
            signal.setitimer(signal.ITIMER_PROF, TIMEOUT + 10 * usual)
            signal.setitimer(signal.ITIMER_REAL, 20 * (TIMEOUT + 10 * usual))
            if any(each.failed for each in runtestprotocol(item, log=False, nextitem=following)):
                break
        else:
            status = UNNOTICED if tests else UNTRIED
    finally:
        os._exit(status)


# -- breaking what is imported already ------------------------------------------------------------


def infect(mutant: Mutant) -> None:
    """Break a module that is imported, everywhere that it or anything of it is held."""
    module = sys.modules.get(mutant.module)
    if module is None:
        return  # no test imports it
    if mutant.spoil is not None:
        mutant.spoil(module)
    else:
        changed = compile(mutant.source, str(module.__file__), "exec")
        function = _function(module, mutant.function)
        function.__code__ = _code(changed, mutant.function)
    _forget()


def _forget() -> None:
    """Clear the caches of the lab: they hold what the sound code has said."""
    for name, module in [*sys.modules.items()]:
        if name.partition(".")[0] != "lab":
            continue
        for held in [*vars(module).values()]:
            for each in (held, *(vars(held).values() if isinstance(held, type) else ())):
                if hasattr(each, "cache_clear"):
                    each.cache_clear()


def _function(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = getattr_static(found, part)
    while not isinstance(found, FunctionType):
        for inner in ("fget", "__wrapped__", "func", "__func__"):
            if hasattr(found, inner):
                found = getattr(found, inner)
                break
        else:
            raise LookupError(f"{name} holds no function")
    return found.__wrapped__ if hasattr(found, "__wrapped__") else found


def _code(within: CodeType, name: str) -> CodeType:
    for constant in within.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name:
                return constant
            if name.startswith(constant.co_qualname + "."):
                return _code(constant, name)
    raise LookupError(name)
