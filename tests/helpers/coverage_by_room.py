"""Branch coverage of the inner rooms: ``python -m tests.helpers.coverage_by_room [ROOM...]``.

Runs the tests of those rooms as plain Python, since compiled modules cannot be traced. Prints for
each room what share of its statements and branches ran, and which lines did not. The exit status
is 1 if a test fails or a room is below what it must reach.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from coverage import Coverage

ROOT: Final = Path(__file__).resolve().parents[2]

WANTED: Final = {
    "protocol": 100,
    "hosts": 100,
    "analysis": 95,
    "topology": 95,
    "network": 95,
    "simulation": 95,
}
"""The rooms, and how many percent of their statements and branches the tests must run."""

_PARTS: Final = "tests/simulation/test_partitioned.py"
UNMEASURED: Final = (
    # all that they run is in processes of their own, which are not seen
    "tests/topology/test_one_declaration.py",
    f"{_PARTS}::test_processes_make_the_run_that_one_would",
    # their map is not everywhere, and they take minutes while each line is traced
    f"{_PARTS}::test_the_uucp_map_of_1988_runs_the_same_in_parts",
    "tests/simulation/test_planning.py::test_on_the_uucp_map_parts_have_as_much_work_of_mail_that_was_"
    "not_looked_at",
    "tests/topology/test_graphs.py::test_mail_crosses_the_uucp_map_by_source_routes_of_least_cost",
    # two thirds of the time of all, while each line is traced: others run the same lines in less
    "tests/analysis/test_account.py::test_each_recipient_has_exactly_one_outcome",
    "tests/analysis/test_agreement.py",
    "tests/analysis/test_differences.py::test_the_first_divergence_of_fifty_altered_runs_is_found",
    "tests/analysis/test_differences.py::"
    "test_the_recipients_that_fared_otherwise_are_those_whose_outcome_or_time_differs",
    "tests/analysis/test_invariants.py::test_no_topology_of_ours_breaks_a_rule",
    "tests/analysis/test_links.py::test_waits_for_a_link_are_those_of_theory",
    "tests/analysis/test_phases.py::test_the_phases_of_random_networks_with_faults_add_up_exactly",
    "tests/analysis/test_phases.py::test_the_phases_of_what_ships_add_up_exactly",
    "tests/analysis/test_steady_state.py::test_mail_waits_for_a_line_as_long_as_theory_says",
    "tests/analysis/test_steady_state.py::test_nine_in_ten_intervals_cover_the_mean",
    "tests/hosts/test_routing.py::"
    "test_of_ways_that_cost_the_same_each_host_takes_the_best_even_where_links_cost_nothing",
    "tests/hosts/test_routing.py::test_the_way_costs_least_of_all_over_hosts_that_relay",
    "tests/hosts/test_sizes.py::test_a_list_of_ten_thousand",
    "tests/hosts/test_sizes.py::test_our_sender_never_exceeds_a_size",
    "tests/hosts/test_sizes.py::test_ten_thousand_recipients_in_one_mail",
    "tests/hosts/test_sizes.py::test_ten_thousand_recipients_in_one_transaction",
    "tests/hosts/test_tracked_replies.py::test_states_and_buffers_are_those_of_the_engines",
    "tests/hosts/test_wire_cases.py",
    "tests/protocol/test_dialogues.py::test_many_small_mails_in_one_chunk_take_linear_time",
    "tests/protocol/test_early_replies.py::test_whatever_comes_before_its_command_changes_nothing",
    "tests/protocol/test_fuzz.py::test_a_target_takes_what_is_made_of_its_seeds",
    "tests/protocol/test_lines.py::test_a_million_feeds_of_one_byte",
    "tests/protocol/test_lines.py::test_many_feeds_of_one_byte_take_linear_time",
    "tests/protocol/test_syntax.py::test_a_command_word_is_read_in_any_case",
    "tests/protocol/test_syntax.py::test_a_path_is_written_as_it_was_read",
    "tests/simulation/test_faults.py::"
    "test_a_fault_upon_a_glob_strikes_another_host_or_link_each_time",
    "tests/simulation/test_faults_that_ship.py::"
    "test_its_timeline_has_a_row_for_each_fault_and_labels_in_their_places",
    f"{_PARTS}::test_a_random_topology_with_faults_runs_the_same_in_parts",
    f"{_PARTS}::test_a_topology_that_ships_runs_the_same_in_parts",
    f"{_PARTS}::test_mail_that_careless_hosts_lose_is_lost_the_same",
    "tests/simulation/test_planning.py::"
    "test_no_node_moved_to_the_lighter_half_would_make_them_more_even",
    "tests/simulation/test_planning.py::test_parts_have_about_as_many_events_each",
    "tests/simulation/test_planning.py::test_the_estimate_of_work_is_what_the_run_then_is",
    "tests/simulation/test_session_ends.py::"
    "test_when_all_is_over_no_host_thinks_that_a_session_is_open",
    "tests/simulation/test_unreachable.py::test_the_share_is_what_a_run_rejects",
    "tests/topology/test_every_map.py::test_mail_crosses_a_map",
    "tests/topology/test_every_map.py::test_norway_of_sndlib_with_its_demands_is_three_lines",
    "tests/topology/test_graphs.py::test_very_many_links_between_two_hosts_are_links_of_their_own",
    "tests/topology/test_load.py::test_no_file_does_worse_than_sentences",
    "tests/topology/test_reference.py::test_the_schema_accepts_every_topology_that_ships",
    "tests/topology/test_reference.py::test_the_schema_refuses_what_the_lab_refuses",
)
"""Tests that are left out here, and not of the suite: they run nothing that others do not."""


def run_tests(rooms: list[str], data: Path) -> int:
    """Run the tests of rooms, keep in a file what they ran, and return the status of pytest."""
    command = [
        sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile",
        *(f"tests/{room}" for room in rooms), *(f"--deselect={test}" for test in UNMEASURED),
        *(f"--cov=lab/{room}" for room in rooms), "--cov-branch", "--cov-report=",
    ]  # fmt: skip
    environ = os.environ | {"SMTP_LAB_PURE": "1", "COVERAGE_FILE": str(data)}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def report(rooms: list[str], data: Path) -> list[str]:
    """Print the figures of rooms, with the lines that did not run; return the rooms below."""
    coverage = Coverage(data_file=data, config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    below = []
    for room in rooms:
        lines = io.StringIO()
        percent = coverage.report(
            include=[f"*/lab/{room}/*"], file=lines, show_missing=True, skip_covered=True
        )
        print(f"{room:12} {percent:6.2f} %   (at least {WANTED[room]})")
        if percent < 100:
            print(*lines.getvalue().splitlines()[2:-4], sep="\n", end="\n\n")
        if percent < WANTED[room]:
            below.append(room)
    return below


def main(rooms: list[str]) -> int:
    """Measure rooms, all of them unless some are named, and return an exit status."""
    rooms = rooms or [*WANTED]
    if unknown := set(rooms) - set(WANTED):
        print(f"{', '.join(unknown)}: not measured; the rooms are {', '.join(WANTED)}")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "coverage"
        failed = run_tests(rooms, data)
        below = report(rooms, data)
    if below:
        print(f"too little of {', '.join(below)} is run by the tests of these rooms")
    return 1 if failed or below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
