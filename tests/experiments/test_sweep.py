"""Sweeps: what a grid of runs comes to, whatever happens on the way."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from helpers.places import ROOT

import lab
from lab.cli import cli
from lab.experiments.sweep.experiment import MOST_TRIED
from lab.experiments.sweep.experiment_file import SweepError, load_experiment, make_experiment
from lab.experiments.sweep.measures import KNOWN
from lab.experiments.sweep.sweep import Recipe, begin, journal_of, run_one
from lab.views.pictures.sweeps import mean_of, plot

CAMPUS = ROOT / "topologies" / "campus.toml"
SCENARIO = ROOT / "topologies" / "rfc821" / "scenario-03.toml"
EXPERIMENTS = ROOT / "topologies" / "experiments"

GRID = {"link.3.bandwidth": ["1200 bit/s", "9600 bit/s"], "link.0.loss": [0.0, 0.2]}


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def own(folder: Path, more: str = "", seeds: str = "2") -> Path:
    return written(
        folder,
        f'topology = "{CAMPUS.as_posix()}"\nseeds = {seeds}\n'
        'measures = ["delivered", "delivery_seconds.median"]\n' + more
        + '\n[grid]\nlink.3.bandwidth = ["1200 bit/s", "9600 bit/s"]\n"link.0.loss" = [0.0, 0.2]\n',
    )  # fmt: skip


def problems(path: Path) -> list[str]:
    with pytest.raises(SweepError) as caught:
        load_experiment(path)
    return caught.value.problems


# -- the table ----------------------------------------------------------------------


def test_a_row_is_the_run_that_it_says_it_is() -> None:
    """Values, seed and figures of a row are those of ``lab run --set`` with that seed."""
    table = lab.sweep(topology=CAMPUS, grid=GRID, seeds=[3, 5], measures=["delivered"], workers=0)
    assert list(table.columns) == ["run", *GRID, "seed", "delivered", "digest", "error"]
    assert list(table["seed"]) == [3, 5] * 4
    row = table.iloc[7]
    run = lab.simulate(
        lab.load(CAMPUS, sets=["link.3.bandwidth=9600 bit/s", "link.0.loss=0.2"]), seed=5
    )
    assert row["digest"] == run.digest
    assert row["delivered"] == run.summary["delivered"]
    assert table["error"].isna().all()


def test_processes_change_nothing_in_the_table(tmp_path: Path) -> None:
    """Rows come in the order of the experiment, by one process or by a cluster of two."""
    alone = lab.sweep(own(tmp_path), workers=0)
    together = lab.sweep(own(tmp_path), workers=2)
    pandas.testing.assert_frame_equal(alone, together)


def test_files_hold_the_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    table = lab.sweep(own(tmp_path), out=out, workers=0)
    kept = pyarrow.parquet.read_table(out / "sweep.parquet").to_pandas()
    assert kept["digest"].tolist() == table["digest"].tolist()
    assert kept["delivered"].dtype.kind == "i"
    read = pandas.read_csv(out / "sweep.csv")
    assert read["delivery_seconds.median"].tolist() == table["delivery_seconds.median"].tolist()
    assert (out / "delivered.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "delivery_seconds.median.png").exists()
    assert len((out / "runs.jsonl").read_text().splitlines()) == 8


def rows_of(run: lab.Run) -> int:
    return len(run.trace.rows)


def test_a_topology_from_python_is_swept() -> None:
    topology = lab.load(SCENARIO)
    table = lab.sweep(
        topology=topology, grid={"link.0.latency": ["1 s", "2 s"]}, workers=0,
        measures={"sessions": lambda run: run.summary["sessions"], "rows": rows_of},
    )  # fmt: skip
    assert table["sessions"].tolist() == [2, 2]
    assert table["rows"].tolist() == [len(lab.simulate(topology).trace.rows)] * 2


def test_every_measure_that_is_named_gives_a_figure() -> None:
    names = [*KNOWN, "delivery_seconds.p99", "delivery_seconds.p50", "events.defer"]
    (row,) = lab.sweep(topology=CAMPUS, measures=names, workers=0).to_dict("records")
    assert row["error"] is None
    spans = lab.simulate(CAMPUS).summary["delivery_seconds"]
    assert spans == {name: row[f"delivery_seconds.{name}"] for name in spans}
    assert row["delivery_seconds.p99"] == row["delivery_seconds.max"]
    assert row["queue_max"] == 5
    assert row["busiest_relay_share"] == pytest.approx(12 / 13)
    assert row["wire_bytes"] > 1000


# -- what goes wrong ----------------------------------------------------------------------


def fails_at_two(run: Any) -> int:
    if run.trace.meta["seed"] == 2:
        raise ValueError("two is\nno good")
    return 1


def dies_at_two(run: Any) -> int:
    if run.trace.meta["seed"] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1


def test_a_run_that_fails_is_recorded_and_ends_nothing() -> None:
    table = lab.sweep(topology=SCENARIO, seeds=4, measures=[fails_at_two], workers=0)
    assert table["error"].notna().tolist() == [False, False, True, False]
    assert table["error"][2] == "ValueError: two is no good"
    assert table["fails_at_two"].notna().tolist() == [True, True, False, True]


def test_a_run_that_kills_its_process_is_recorded_and_ends_nothing() -> None:
    table = lab.sweep(topology=SCENARIO, seeds=5, measures=[dies_at_two], workers=2)
    assert table["error"].notna().tolist() == [False, False, True, False, False]
    assert "process died" in table["error"][2]


def test_without_cloudpickle_a_run_that_kills_its_process_is_recorded_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    table = lab.sweep(topology=SCENARIO, seeds=5, measures=[dies_at_two], workers=2)
    assert table["error"].notna().tolist() == [False, False, True, False, False]


def test_a_cluster_without_dask_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SweepError, match=r"requires Dask.* pip install 'smtp-lab\[cluster\]'"):
        lab.sweep(topology=SCENARIO, measures=["delivered"], scheduler="tcp://127.0.0.1:9")


def test_a_scheduler_that_exists_makes_the_runs(tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        path, out = str(own(tmp_path)), str(tmp_path / "out")
        done = CliRunner().invoke(
            cli, ["sweep", path, "--scheduler", cluster.scheduler_address, "--json", "--out", out]
        )
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert (printed["runs"], printed["done"], printed["failed"]) == (8, 8, 0)
    assert [row["run"] for row in printed["rows"]] == list(range(8))


def test_a_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """What is in the journal is not run again, a line cut off is; what is added is."""
    out = tmp_path / "out"
    first = lab.sweep(own(tmp_path), out=out, workers=0)
    journal = out / "runs.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:5]) + lines[5][:40])
    again = lab.sweep(own(tmp_path, seeds="3"), out=out, workers=0)
    assert len(journal.read_text().splitlines()) == 6 + (12 - 5)
    assert again[again["seed"] < 2]["digest"].tolist() == first["digest"].tolist()


def test_a_changed_experiment_is_noticed(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert CliRunner().invoke(cli, ["sweep", str(own(tmp_path)), *out]).exit_code == 0
    path = own(tmp_path, '[set]\nlink.1.latency = "3 s"\n')
    done = CliRunner().invoke(cli, ["sweep", str(path), *out])
    assert done.exit_code == 0
    assert f"8 runs in {out[1]} were made before the experiment changed" in done.stderr
    assert "are done already" not in done.stderr


def test_ctrl_c_leaves_what_is_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = str(own(tmp_path, seeds="20000"))
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "sweep", path, "--out", str(out)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    journal = out / "runs.jsonl"
    end = time.monotonic() + 60
    while time.monotonic() < end and not (journal.exists() and journal.stat().st_size > 9000):
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "interrupted after" in stderr
    assert "Traceback" not in stderr
    kept = pandas.read_csv(out / "sweep.csv")
    assert len(kept) == len(journal.read_text().splitlines()) > 9
    assert pyarrow.parquet.read_table(out / "sweep.parquet").num_rows == len(kept)


# -- the file ----------------------------------------------------------------------


def test_one_sweep_at_a_time_is_at_work_in_a_directory(tmp_path: Path) -> None:
    experiment, out = own(tmp_path), tmp_path / "out"
    held = journal_of(begin(load_experiment(experiment)), out)
    with held:
        with pytest.raises(SweepError, match="another sweep is using this directory"):
            lab.sweep(experiment, out=out, workers=0)
        result = CliRunner().invoke(cli, ["sweep", str(experiment), "--out", str(out)])
        assert result.exit_code == 2
        assert "wait for it, or give another --out" in result.output
    assert len(lab.sweep(experiment, out=out, workers=0)) == 8


def test_every_problem_is_told_in_one_pass(tmp_path: Path) -> None:
    reported = problems(written(tmp_path, f"""
topology = "{CAMPUS.as_posix()}"
seeds = 0
measures = ["deliverd", "events.defr", "delivered", "delivered"]
unti = "2 h"
[grid]
retry.first = []
link.0.loss = 0.1
"""))  # fmt: skip
    for part in (
        "line 3, seeds: 0 seeds; write 1 or more",
        "line 4, measures[0]: 'deliverd' is not a measure; did you mean delivered?",
        "measures[1]: 'events.defr' does not name a kind of event; did you mean defer?",
        "measures[3]: delivered is listed twice",
        "line 5, unti: unknown key; did you mean until?",
        "line 7, grid.retry.first: there are no values",
        "line 8, grid.link.0.loss: 0.1 is not a list; write the values to try, as in link.0.loss =",
    ):
        assert any(part in problem for problem in reported), (part, reported)
    assert len(reported) == 7
    assert all(problem.startswith(f"{tmp_path / 'own.toml'}, line ") for problem in reported)


def test_what_the_topology_refuses_is_told_at_the_value(tmp_path: Path) -> None:
    reported = problems(own(tmp_path, """
[[case]]
name = "as it is"
[[case]]
name = "slower"
set = { "link.9.latency" = "1 s" }
[set]
retry.first = "5 mn"
"""))  # fmt: skip
    assert len(reported) == 2
    for part in (
        "set.retry.first: '5 mn' has no unit that fits here",
        "case[1].set.link.9.latency",
    ):
        assert any(part in problem for problem in reported), reported


def test_a_topology_file_is_no_experiment() -> None:
    (told,) = problems(SCENARIO)
    assert "is a topology file; run it with lab run" in told
    (told,) = problems(SCENARIO.with_name("nothing.toml"))
    assert "there is no such file" in told


@pytest.mark.parametrize(
    ("seeds", "are"),
    [(3, [0, 1, 2]), ([7, 5], [7, 5]), ("4..6", [4, 5, 6]), (range(2, 4), [2, 3])],
)
def test_seeds_are_a_count_a_list_or_a_range(seeds: Any, are: list[int]) -> None:
    made = make_experiment(topology=SCENARIO, seeds=seeds, measures="delivered")
    assert made.seeds == are


@pytest.mark.parametrize("seeds", [0, -1, [], [1, 1], "6..4", "few", 1.5, True, ["1"]])
def test_other_seeds_are_refused_in_a_sentence(seeds: Any) -> None:
    with pytest.raises(SweepError, match=r"seeds: .*(write|seed)"):
        make_experiment(topology=SCENARIO, seeds=seeds, measures="delivered")


def test_cases_go_through_the_grid() -> None:
    made = make_experiment(
        topology=CAMPUS, measures="delivered", grid={"link.0.loss": [0.0, 0.1]},
        case=[{"name": "a"}, {"name": "b", "set": {"link.1.latency": "1 s"}}],
    )  # fmt: skip
    assert [tuple(point.values.values()) for point in made.points()] == [
        ("a", 0.0), ("a", 0.1), ("b", 0.0), ("b", 0.1),
    ]  # fmt: skip
    assert [len(point.sets) for point in made.points()] == [1, 1, 2, 2]


def test_each_value_of_a_large_grid_is_checked() -> None:
    grid = {f"link.{n}.loss": [0.01 * k for k in range(10)] for n in range(3)}
    grid["link.1.loss"][7] = 1.5
    with pytest.raises(SweepError) as caught:
        make_experiment(topology=CAMPUS, measures="delivered", grid=grid)
    assert MOST_TRIED < 10**3
    (told,) = caught.value.problems
    assert told.startswith("grid.link.1.loss: 1.5: ")


# -- plots ----------------------------------------------------------------------


def test_the_interval_is_students() -> None:
    interval = mean_of([1.0, 2.0, 3.0, 4.0, None])
    assert interval is not None
    assert interval.half == pytest.approx(3.182 * 1.2909944 / 2, rel=1e-6)
    assert mean_of([None, "x"]) is None


def test_a_plot_has_a_line_for_each_other_value_with_its_band() -> None:
    rows = [
        {"a": a, "b": b, "seed": s, "m": (10 if b == "x" else 20) + s}
        for a in ("1 s", "10 s", "100 s") for b in ("x", "y") for s in range(4)
    ]  # fmt: skip
    ax = plot(rows, "m", axes=["a", "b"], labels={"a": "wait"})
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "wait (logarithmic)"
    assert [line.get_label() for line in ax.lines] == ["x", "y"]
    assert list(ax.lines[0].get_ydata()) == [11.5] * 3  # type: ignore[arg-type]
    assert len(ax.collections) == 2
    names = plot([row | {"a": row["a"][0] + "?"} for row in rows], "m", axes=["a"])
    assert not names.lines[0].get_linestyle().strip("None ")


# -- the experiments that ship ---------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda path: path.stem)
def test_what_ships_is_well(path: Path) -> None:
    if "\n[grid]" in path.read_text():
        load_experiment(path)
    else:
        lab.load(path)


def test_the_experiment_in_the_guide_makes_the_runs_that_it_says(tmp_path: Path) -> None:
    text = (ROOT / "lab/help/experiments.md").read_text(encoding="utf-8")
    block = text.split("```toml\n")[1].split("```")[0]
    (tmp_path / "outages.toml").write_bytes((EXPERIMENTS / "outages.toml").read_bytes())
    assert len(load_experiment(written(tmp_path, block))) == 90


def of(table: pandas.DataFrame, measure: str, **where: Any) -> float:
    for key, value in where.items():
        table = table[table[key.replace("__", ".")] == value]
    return float(table[measure].mean())


def test_finding_a_retry_policy() -> None:
    """A wait that stays the same and short delivers soonest; one that grows fast costs most."""
    table = lab.sweep(
        EXPERIMENTS / "retry-policy.toml", seeds=4,
        grid={"retry.first": ["5 min", "30 min"], "retry.factor": [1, 4]},
        measures=["delivery_seconds.mean", "events.attempt"],
    )  # fmt: skip
    assert table["error"].isna().all()
    short = of(table, "delivery_seconds.mean", retry__first="5 min", retry__factor=1)
    assert 1.3 * short < of(table, "delivery_seconds.mean", retry__first="30 min", retry__factor=1)
    assert 2 * short < of(table, "delivery_seconds.mean", retry__first="5 min", retry__factor=4)


def test_finding_where_to_put_relays() -> None:
    """Relays that grow as a tree reach everyone with forty of two hundred; drawn by lot, nobody."""
    table = lab.sweep(
        EXPERIMENTS / "where-to-relay.toml", seeds=1, measures=["delivered_share"],
        grid={"relays.count": [40], "relays.by": ["tree", "degree", "random"]},
        set={"traffic.0.count": 150},
    )  # fmt: skip
    tree, degree, by_lot = table["delivered_share"]
    assert tree == 1.0
    assert 0.8 < degree < 1.0
    assert by_lot < 0.15


def test_finding_source_routes_when_links_fail() -> None:
    """Tables go round a link that is down; a source route takes more sessions and waits more."""
    table = lab.sweep(
        EXPERIMENTS / "routes.toml", seeds=4, set={"retry.first": "15 min"},
        grid={"traffic.0.route": ["direct", "source"]},
        measures=["delivery_seconds.mean", "events.defer", "hops"],
    )  # fmt: skip
    means = table.groupby("traffic.0.route").mean(numeric_only=True)
    assert (means.loc["source"] > means.loc["direct"])[["events.defer", "hops"]].all()
    assert means["delivery_seconds.mean"]["source"] > 1.3 * means["delivery_seconds.mean"]["direct"]


class Slow:
    """Something that takes 50 ms to let go of."""

    def __del__(self) -> None:
        time.sleep(0.05)


def test_the_time_of_a_run_lasts_until_nothing_of_it_is_left() -> None:
    def with_more_to_let_go_of(run: lab.Run) -> int:
        vars(run)["slow"] = Slow()
        return 1

    settings = {"topology": SCENARIO, "measures": {"one": with_more_to_let_go_of}}
    outcome = run_one(Recipe.of(make_experiment(**settings)), {}, 0)
    assert outcome["measures"] == {"one": 1}
    assert outcome["wall"] >= 0.05


def test_cycles_of_garbage_are_rarely_looked_for_in_all_of_a_run_and_then_as_before() -> None:
    before = gc.get_threshold()
    settings = {"topology": SCENARIO, "measures": {"often": lambda _: gc.get_threshold()[0]}}
    outcome = run_one(Recipe.of(make_experiment(**settings)), {}, 0)
    assert outcome["measures"]["often"] >= 1_000_000
    assert gc.get_threshold() == before


def test_the_overhead_is_measured() -> None:
    from lab.benchmarks.sweep import measure_sweep

    figures = measure_sweep(runs=4, seconds=0.05)
    assert figures["sweep_runs"] == 4
    assert figures["sweep_overhead_percent"] > -100
