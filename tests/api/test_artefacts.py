"""What a run leaves in a directory: each artefact on its own, and the tables of its probes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest
from helpers.places import TOPOLOGIES

import lab
from lab import extend
from lab.api.artefacts import ARTEFACTS, VIEWS
from lab.views.files.findings import plain

CASE = TOPOLOGIES / "rfc821/scenario-03.toml"

MAKERS = {
    "transcript.txt": "lab.views.text.transcript.transcript",
    "map.png": "lab.views.save",
    "timeline.png": "lab.views.save",
    "ladder.png": "lab.views.save",
    "replay.html": "lab.views.replay.replay_page",
    "capture.pcap": "lab.views.files.capture.write_capture",
    "capture.hosts": "lab.views.files.capture.write_hosts",
    "mail": "lab.views.files.maildrops.write_maildrops",
    "trace.jsonl": "lab.trace.trace.Trace.write_jsonl",
    "run.json": "lab.api.artefacts.write_run_file",
    "summary.json": "lab.api.artefacts.write_summary",
    "probes/deliveries.csv": "lab.views.files.findings.write_finding",
}
"""What makes each artefact."""


class Deliveries(extend.Probe):
    name = "deliveries"
    kinds = ("deliver",)

    def event(self, event: lab.Event) -> None:
        self.add(host=event.host)


@pytest.fixture(scope="module")
def run() -> lab.Run:
    return lab.simulate(CASE, probes=[Deliveries()])


def left(directory: Path) -> set[str]:
    """Return what a run has left, mail drops as one."""
    files = (path for path in directory.rglob("*") if path.is_file())
    names = {path.relative_to(directory).as_posix() for path in files}
    return {"mail" if name.startswith("mail/") else name for name in names}


def test_every_artefact_is_tried() -> None:
    assert {*ARTEFACTS, *VIEWS} <= MAKERS.keys()


@pytest.mark.parametrize("error", [RuntimeError("no luck"), OSError(28, "No space left")])
@pytest.mark.parametrize("name", MAKERS)
def test_an_artefact_that_fails_takes_no_other_with_it(
    run: lab.Run, name: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is made to fail: by a mistake of ours, and because the disk is full."""

    def fail(*_: object, **__: object) -> Iterator[str]:
        raise error

    def save(trace: lab.Trace, kind: str, path: Path, **_: object) -> None:
        if f"{kind}.png" == name:
            raise error
        path.write_bytes(b"a picture")

    monkeypatch.setattr("lab.views.save", save)  # real pictures take long
    if MAKERS[name] != "lab.views.save":
        monkeypatch.setattr(MAKERS[name], fail)
    sentences: list[str] = []
    if isinstance(error, OSError):
        with pytest.raises(OSError, match="No space left"):
            run.save(tmp_path, report=sentences.append)
        assert sentences == []
    else:
        run.save(tmp_path, report=sentences.append)
        assert sentences == [f"{name} was not made: RuntimeError: no luck"]
    assert left(tmp_path) == MAKERS.keys() - {name}


def test_what_a_probe_found_is_a_table_that_pandas_reads(tmp_path: Path) -> None:
    """Its file is named in run.json, and the next run in the directory removes it."""

    class Odd(extend.Probe):
        name = "../é x"
        kinds = ("deliver", "start")

        def event(self, event: lab.Event) -> None:
            self.add(host=event.host, subject="=1+1", size=1.5, many=[1, 2])
            self.add(other=True, text='a "quoted", text\nof two lines')

    done = lab.simulate(CASE, probes=[Odd(), Deliveries()])
    done.save(tmp_path, report=pytest.fail)
    files = json.loads((tmp_path / "run.json").read_text("utf-8"))["probes"]
    assert files["deliveries"] == "probes/deliveries.csv"
    table = pandas.read_csv(tmp_path / files["../é x"])
    assert list(table.columns) == ["t", "host", "subject", "size", "many", "other", "text"]
    assert len(table) == len(done.probes["../é x"])
    assert table.loc[0, ["subject", "size", "many"]].to_list() == ["'=1+1", 1.5, "[1, 2]"]
    assert pandas.isna(table["size"][1])
    (tmp_path / "probes" / "notes.csv").write_text("mine")
    lab.simulate(CASE).save(tmp_path, report=pytest.fail)
    assert [path.name for path in (tmp_path / "probes").iterdir()] == ["notes.csv"]
    assert "probes" not in json.loads((tmp_path / "run.json").read_text("utf-8"))


def test_what_is_not_a_table_is_json_or_as_pandas_writes_it(tmp_path: Path) -> None:
    class Share(extend.Probe):
        def result(self) -> object:
            return {"share": 0.5, "never": float("inf"), "hosts": {"A"}, 3: self}

    class Frame(extend.Probe):
        def result(self) -> object:
            return pandas.DataFrame({"queue": [1, 2]}, index=["A", "B"])

    class Empty(extend.Probe):
        pass

    done = lab.simulate(CASE, probes=[Share(), Frame(), Empty()])
    done.save(tmp_path, report=pytest.fail)
    found = json.loads((tmp_path / "probes/Share.json").read_text("utf-8"))
    assert (found["share"], found["never"], found["hosts"]) == (0.5, None, ["A"])
    table = pandas.read_csv(tmp_path / "probes/Frame.csv", index_col=0)
    assert table["queue"].to_dict() == {"A": 1, "B": 2}
    assert pandas.read_csv(tmp_path / "probes/Empty.csv").empty


def test_what_a_probe_found_is_plain_data() -> None:
    """Numbers of numpy are numbers, as ``lab run --json`` prints them too."""
    numbers = pandas.Series([1.5, 2.0])
    assert plain([numbers.mean(), numbers.to_numpy(), numbers]) == [
        1.75, [1.5, 2.0], [1.5, 2.0],
    ]  # fmt: skip
    assert plain(pandas.DataFrame({"a": [1]})) == {"a": {"0": 1}}
