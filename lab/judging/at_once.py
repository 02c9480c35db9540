"""Cases judged several at a time, with the result in their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

from lab.judging.finding import Finding, Judgement

AT_ONCE: Final = 2 * (os.cpu_count() or 1)
"""Cases that are judged at a time: programs mostly wait."""


class Named(Protocol):
    """A case, as far as it is counted here."""

    @property
    def name(self) -> str:
        """The name of the case."""


C = TypeVar("C", bound=Named)


def judge_at_once(
    judge: Callable[[int, C], Finding | str | None],
    chosen: Sequence[C],
    result: Judgement,
    progress: Callable[[int], None] | None,
) -> None:
    """Judge cases and put what is found into the result, in their order.

    ``judge`` is called with the number of each case, from 1 on, and the case. It returns what is
    wrong, None if nothing is, or why the case was left out. ``progress`` is called with how many
    are done. After an exception no further case begins.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            results = pool.map(judge, range(1, len(chosen) + 1), chosen)
            for number, (case, outcome) in enumerate(zip(chosen, results, strict=True), 1):
                if isinstance(outcome, str):
                    result.left_out[case.name] = outcome
                else:
                    result.cases.append(case.name)
                    result.findings += [outcome] if outcome else []
                if progress is not None:
                    progress(number)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
