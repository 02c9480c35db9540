"""The order in which files of tests are given to several processes: those that take long first.

Otherwise one process would still be busy with such a file when the others have nothing left to do.
A file that is not listed here is only later than it might be; ``pytest --durations=300`` tells.
"""

from __future__ import annotations

from typing import Final

import pytest

from helpers.places import TESTS

LONGEST: Final = (
    "lessons/test_notebooks.py",
    "live/test_handing_over.py",
    "lessons/test_in_jupyterlab.py",
    "simulation/test_partitioned.py",
    "live/test_real_servers.py",
    "views/test_widget.py",
    "house/test_documents.py",
    "live/test_live.py",
    "views/test_replay.py",
    "live/test_failures.py",
    "live/test_session_edges.py",
    "cli/test_bad_input.py",
    "live/test_limits.py",
    "experiments/test_storm.py",
    "cli/test_cli.py",
    "live/test_quiet.py",
    "lessons/test_grading.py",
    "live/test_circles.py",
    "api/test_simulate.py",
    "views/test_plots.py",
    "experiments/test_sweep.py",
    "live/test_peers.py",
    "api/test_public.py",
    "live/test_answers_matrix.py",
    "simulation/test_planning.py",
    "live/test_likeness.py",
    "live/test_scripted_matrix.py",
    "live/test_endings.py",
    "live/test_stable_storage.py",
    "live/test_external_bytes.py",
    "experiments/test_swarm.py",
    "views/test_replay_agrees.py",
    "live/test_mail_page.py",
    "views/test_export.py",
    "stepping/test_screen.py",
    "live/test_budgets.py",
    "live/test_blame.py",
    "views/test_timeline.py",
    "topology/test_one_declaration.py",
)
"""Those of more than some seconds; what waits stands between what computes."""


def sort(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first; the rest stays as it was."""
    rank = {TESTS / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
