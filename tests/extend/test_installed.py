"""Plug-ins that a package installs: found by name, and by nothing else."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import Command, Done, command_in_this_process, process
from helpers.places import TOPOLOGIES
from helpers.plugin_package import installed

import lab
from lab import extend
from lab.experiments.sweep.sweep import begin, read_experiment
from lab.extend.given import given_plugins

CASE = str(TOPOLOGIES / "rfc821/scenario-03.toml")


@pytest.fixture(autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    with installed(folder):
        yield folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return command_in_this_process(capsys, monkeypatch)


def test_installed_plug_ins_are_listed_and_none_is_imported_for_that(run: Command) -> None:
    listed = [each for each in extend.installed() if each.package == "own-plugins"]
    assert ("greylist", "own-plugins", "1.5", "own_plugins:Greylist") in listed
    status, out, _ = run("help", "extending")
    assert status == 0
    assert "| greylist | own-plugins | 1.5 | `own_plugins:Greylist` |" in out
    assert "own_plugins" not in sys.modules


def test_an_installed_plug_in_does_nothing_until_it_is_asked_for() -> None:
    assert "plugins" not in lab.simulate(CASE).trace.meta
    assert "own_plugins" not in sys.modules


def test_a_name_does_what_the_class_does() -> None:
    by_name = lab.simulate(CASE, behaviours={"*": "greylist:wait=30"}, retry="scattered")
    import own_plugins

    of_class = lab.simulate(
        CASE, behaviours=[own_plugins.Greylist(30)], retry=own_plugins.Scattered
    )
    assert by_name.trace.rows == of_class.trace.rows
    assert by_name.trace.meta["plugins"] == [
        {"kind": "retry", "name": "scattered", "version": "1.5"},
        {"kind": "behaviour", "name": "greylist", "version": "1.5", "settings": {"wait": 30},
         "hosts": "*"},
    ]  # fmt: skip


def test_another_version_of_the_package_is_another_digest(tmp_path: Path, package: Path) -> None:
    first = lab.simulate(CASE, behaviours=["greylist"]).digest
    (package / "own_plugins-1.5.dist-info").rename(package / "own_plugins-2.0.dist-info")
    metadata = package / "own_plugins-2.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.5", "2.0"))
    assert lab.simulate(CASE, behaviours=["greylist"]).digest != first


@pytest.mark.parametrize(
    ("plugins", "sentence"),
    [
        ({"routing": "nearst"}, "no routing 'nearst' is installed; did you mean nearest?"),
        ({"routing": "greylist"}, "the plug-in 'greylist' is a behaviour; a routing is required"),
        ({"probes": ["absent"]}, "the plug-in 'absent' of own-plugins cannot be imported (Mod"),
        ({"probes": ["wrong"]}, "the plug-in 'wrong' of own-plugins cannot be imported (Attr"),
        ({"behaviours": ["greylist:weit=3"]}, "the behaviour 'greylist' cannot be made (TypeErr"),
        ({"behaviours": ["greylist:wait"]}, "'wait' is not a setting of 'greylist'; write greyl"),
        ({"behaviours": ["greylist@Q"]}, "behaviours: no host matches 'Q', for the behaviour gr"),
    ],
)
def test_a_name_that_does_not_do_is_a_sentence(plugins: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as wrong:
        lab.simulate(CASE, **plugins)  # type: ignore[arg-type]
    assert str(wrong.value).startswith(sentence)


def test_two_packages_with_one_name_are_refused(tmp_path: Path) -> None:
    with (
        installed(tmp_path, package="their_plugins"),
        pytest.raises(ValueError, match="own-plugins and their-plugins each have a plug-in 'near"),
    ):
        lab.simulate(CASE, routing="nearest")


# -- the command line -------------------------------------------------------------------------


def test_a_run_is_made_again_only_with_the_names_it_was_made_with(
    tmp_path: Path, run: Command
) -> None:
    out = str(tmp_path / "out")
    chosen = ("--behaviour", "greylist:wait=30@USC-*", "--fault", "crash", "--routing", "nearest")
    status, printed, _ = run("run", CASE, *chosen, "--probe", "spools", "--out", out)
    assert status == 1  # the [expect] of the file is of the run without
    assert "probe spools\nt " in printed
    assert "... and " in printed
    kinds = [
        each["kind"] for each in json.loads((tmp_path / "out/run.json").read_text())["plugins"]
    ]
    assert kinds == ["routing", "behaviour", "fault", "probe"]
    status, _, said = run("run", out)
    assert status == 2
    options = "--routing nearest --behaviour 'greylist:wait=30@USC-*' --fault crash"
    assert said.endswith(f"if they are installed, add {options}\n")
    assert "made again:" in run("run", out, *chosen)[1]
    assert run("run", out, *chosen, "--retry", "scattered")[0] == 2
    assert "probes" in json.loads(run("run", CASE, "--probe", "spools", "--json")[1])


def test_lab_run_says_in_a_sentence_what_is_wrong_with_a_name_or_the_code(run: Command) -> None:
    assert run("run", CASE, "--routing", "nearst") == (
        2, "", "lab: no routing 'nearst' is installed; did you mean nearest?\n"
    )  # fmt: skip
    status, _, said = run("run", CASE, "--behaviour", "broken", "--quiet")
    assert status == 1
    assert said.startswith("lab: the behaviour broken failed in begin() (own_plugins.py, line ")
    assert "Traceback" not in said


def test_a_plain_run_is_not_made_again_with_plug_ins(tmp_path: Path, run: Command) -> None:
    lab.simulate(CASE).save_least(tmp_path)
    run_file = {
        "version": "1", "live": False, "seed": 0, "until": None, "ending": "settled",
        "level": "wire", "digest": "", "sets": [], "topology": lab.load(CASE).to_toml(),
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(run_file))
    status, _, said = run("run", str(tmp_path), "--routing", "nearest")
    assert (status, "it was made with no plug-ins; leave them out" in said) == (2, True)
    (tmp_path / "run.json").write_text(json.dumps({**run_file, "plugins": [{"kind": 3}]}))
    assert "plugins is missing or wrong" in run("run", str(tmp_path))[2]


# -- several processes, and sweeps ------------------------------------------------------------


def islands() -> lab.Topology:
    """Two groups of hosts, joined by a slow link, with mail enough for two processes."""
    import networkx

    graph = networkx.connected_caveman_graph(2, 6)
    return lab.Topology.from_graph(
        graph,
        defaults={
            "host": {"relay": True, "users": ["u"]},
            "link": {"latency": "1 s"},
        },
        traffic=[{"count": 150, "rate": "500 /s"}],
        fault=[{"kind": "host-down", "host": "H3", "at": "1 s", "for": "400 s"}],
        retry={"first": "60 s"},
    )


def test_local_plug_ins_give_the_same_on_two_processes() -> None:
    chosen = {"behaviours": ["greylist:wait=90"], "retry": "scattered", "routing": "nearest"}
    one = lab.simulate(islands(), 3, **chosen)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it would say that one process makes the run
        two = lab.simulate(islands(), 3, processes=2, **chosen)  # type: ignore[arg-type]
    assert any(row[2] == "defer" for row in one.trace.rows) or one.summary["sessions"] > 60
    assert one.digest == two.digest
    assert one.summary["recipients"] == two.summary["recipients"]


def test_what_fails_in_another_process_is_the_same_sentence() -> None:
    with pytest.raises(lab.RunFailed, match=r"^the behaviour broken failed in begin\(\) .*of no u"):
        lab.simulate(islands(), processes=2, behaviours=["broken"])


class Here(extend.Behaviour):
    pass


class Local(extend.Routing):
    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        return self.network.shortest(host, target, avoided)


def test_one_process_makes_the_run_where_several_cannot_and_says_why() -> None:
    class Inner(extend.Behaviour):
        pass

    for plugins, why in (
        ({"probes": ["spools"]}, "the probe spools looks at the whole run"),
        ({"faults": ["crash"]}, "the fault crash looks at the whole network"),
        ({"routing": Local()}, "the routing Local may depend on more than the topology"),
        ({"behaviours": [Inner()]}, "the behaviour Inner is defined in a script, a notebook or a"),
    ):
        with pytest.warns(UserWarning, match=f"one process makes this run: {why}"):
            lab.simulate(CASE, processes=2, **plugins)  # type: ignore[arg-type]


def queued_most(run: lab.Run) -> int:
    return int(run.probes["spools"].queued.max())


def test_a_sweep_makes_every_run_with_the_plug_ins() -> None:
    experiment = {"topology": CASE, "seeds": 2, "measures": ["sessions"]}
    table = lab.sweep(experiment, workers=0, behaviours=["greylist:wait=30"])
    alone = [lab.simulate(CASE, seed, behaviours=["greylist:wait=30"]).digest for seed in (0, 1)]
    assert list(table.digest) == alone
    measured = lab.sweep(
        topology=CASE, measures={"most": queued_most}, workers=0, probes=["spools"]
    )
    assert list(measured.most) == [1]
    failed = lab.sweep(experiment, workers=0, behaviours=["broken"])
    assert "the behaviour broken failed in begin()" in failed.error[0]


def test_a_journal_knows_runs_with_other_plug_ins_from_each_other() -> None:
    made = read_experiment({"topology": CASE, "measures": ["sessions"]}, {})
    chosen: list[dict[str, Any]] = [
        {}, {"retry": lab.Retry()}, {"retry": lab.Retry(first=9.0)}, {"retry": "scattered"},
        {"behaviours": ["greylist"]}, {"behaviours": ["greylist:wait=9"]}, {"probes": ["spools"]},
    ]  # fmt: skip
    keys = {begin(made, given_plugins(**plugins)).plan[0].key for plugins in chosen}
    assert len(keys) == len(chosen)


def test_lab_sweep_takes_names(tmp_path: Path, run: Command) -> None:
    experiment = tmp_path / "e.toml"
    experiment.write_text(f'topology = "{CASE}"\nmeasures = ["sessions"]\n')
    status, out, _ = run(
        "sweep", str(experiment), "--behaviour", "greylist", "--out", str(tmp_path / "out"),
        "--workers", "1", "--json",
    )  # fmt: skip
    assert status == 0
    assert json.loads(out)["rows"][0]["sessions"] > 2
    assert run("sweep", str(experiment), "--retry", "greylist")[0] == 2


def test_a_row_of_a_sweep_is_made_alone_with_plug_ins(tmp_path: Path, run: Command) -> None:
    experiment = tmp_path / "e.toml"
    experiment.write_text(f'topology = "{CASE}"\nmeasures = ["sessions"]\nseeds = 2\n')
    out = str(tmp_path / "out")
    command = ("sweep", str(experiment), "--out", out, "--workers", "1")
    assert run(*command, "--behaviour", "greylist")[0] == 0
    status, printed, _ = run(*command, "--behaviour", "greylist", "--row", "1")
    assert status == 1  # the [expect] of the file is of the run without
    assert "run 1 has the same digest as in the sweep" in printed
    assert "made again:" in run("run", f"{out}/rows/1", "--behaviour", "greylist:wait=60.0")[1]
    status, _, said = run(*command, "--behaviour", "broken", "--row", "1")
    assert status == 1
    assert said.startswith("lab: run 1: the behaviour broken failed in begin() (")
    status, _, said = run(*command, "--behaviour", "greylist@Q", "--row", "0")
    assert status == 2
    assert said.startswith("lab: run 0, seed 0: behaviours: no host matches 'Q'")


def test_a_stepper_steps_through_a_run_with_plug_ins(run: Command, tmp_path: Path) -> None:
    """Each altered run has them too, and the file that it saves says with which options."""
    options = {"behaviours": {"*": "greylist:wait=30"}, "retry": "scattered"}
    made = lab.simulate(CASE, **options)  # type: ignore[arg-type]
    stepper = lab.step(CASE, **options, faults=["crash"], probes=["spools"])  # type: ignore[arg-type]
    assert stepper.run.digest == lab.simulate(CASE, **options, faults=["crash"]).digest  # type: ignore[arg-type]
    assert stepper.original.findings()["spools"]
    stepper = lab.step(CASE, **options)  # type: ignore[arg-type]
    assert stepper.run.digest == made.digest
    stepper.until("reply 450")
    stepper.crash("USC-ISIE", 10)
    assert stepper.original.digest == made.digest != stepper.run.digest
    how = stepper.save(tmp_path / "altered.toml").read_text(encoding="utf-8").splitlines()[0]
    assert how.endswith("lab run altered.toml --retry scattered --behaviour greylist:wait=30")
    status, out, _ = run(
        "run", str(tmp_path / "altered.toml"), "--json", *how.partition("altered.toml ")[2].split()
    )
    assert (status, json.loads(out)["digest"]) == (0, stepper.run.digest)


def of_input(text: str, *arguments: str) -> Done:
    """Run a command in a process of its own that reads a text."""
    done = process(*arguments, input=text)
    return Done(done.returncode, done.stdout, done.stderr)


def test_lab_step_takes_plug_ins() -> None:
    options = ("step", CASE, "--plain")
    status, out, err = of_input("until reply 450\nquit\n", *options, "--behaviour", "greylist")
    assert (status, err) == (0, "")
    assert "450" in out
    status, _, err = of_input("quit\n", *options, "--behaviour", "broken")
    assert status == 1
    assert err.startswith("lab: the behaviour broken failed in begin() (own_plugins.py, line ")
    assert of_input("quit\n", *options, "--retry", "nobody")[0] == 2


LETTER = (
    "HELO MIT-AI.ARPA\r\nMAIL FROM:<JQP@MIT-AI.ARPA>\r\nRCPT TO:<Jones@BBN-VAX.ARPA>\r\n"
    "DATA\r\nhello\r\n.\r\nQUIT\r\n"
)


def test_lab_talk_takes_plug_ins(tmp_path: Path) -> None:
    """The host that you talk to has them, and so has the network that carries your mail on."""
    status, out, _ = of_input(LETTER, "talk", CASE, "BBN-VAX.ARPA", "--behaviour", "greylist")
    assert (status, out.count("450 ")) == (0, 1)
    status, out, err = of_input(
        LETTER, "talk", CASE, "USC-ISIE.ARPA", "--behaviour", "greylist@BBN*", "--probe", "spools",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert (status, out.count("450 ")) == (0, 0)
    assert "Jones@BBN-VAX.ARPA: delivered at 0:30:0" in err
    assert "probe spools\n" in err
    assert "more; --out DIR leaves all" in err
    assert (tmp_path / "probes/spools.csv").read_text().startswith("t,queued\n0.0,")
    status, _, err = of_input(LETTER, "talk", CASE, "USC-ISIE.ARPA", "--behaviour", "broken")
    assert status == 1
    assert err.startswith("lab: the behaviour broken failed in begin() (own_plugins.py, line ")


def test_a_live_run_says_why_it_takes_none(run: Command) -> None:
    status, out, err = run("live", CASE, "--behaviour", "greylist")
    assert (status, out) == (2, "")
    assert err.startswith("lab: --behaviour is not for live runs: each of their hosts is a process")
    assert "--behaviour" not in run("live", "--help").out
