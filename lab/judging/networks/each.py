"""A program judged in several networks, each a case of its own with a folder of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.judging.at_once import judge_at_once
from lab.judging.cases import Case
from lab.judging.finding import Finding, Judgement

JudgeNetwork = Callable[[Case, int, Path], list[Finding] | str]
"""Returns what is wrong in the network of a case, or why it could not be judged; it has the number
of the network, and the path of a folder to make.
"""


def network_names(count: int) -> list[str]:
    """Return the names of the cases of so many networks."""
    return [f"network-{number}" for number in range(1, count + 1)]


def judge_each_network(
    judge: JudgeNetwork,
    chosen: Sequence[Case],
    result: Judgement,
    progress: Callable[[int], None] | None,
) -> None:
    """Judge a program in the networks of cases, and add that to a result."""
    begin = time.monotonic()
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="lab-judge-", ignore_cleanup_errors=True) as folder:

        def judge_one(_: int, case: Case) -> Finding | str | None:
            number = int(case.name.rpartition("-")[2])
            outcome = judge(case, number, Path(folder) / case.name)
            if isinstance(outcome, str):
                return outcome
            findings.extend(outcome[1:])
            return outcome[0] if outcome else None

        judge_at_once(judge_one, chosen, result, progress)
    result.findings += sorted(findings, key=lambda each: each.case)
    result.seconds += time.monotonic() - begin
