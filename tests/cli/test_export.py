"""``lab export``: its files, its notes, and what it refuses in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.command_line import Command, is_one_sentence
from helpers.places import TOPOLOGIES

import lab as package
from lab.views.export import FORMATS


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run left in a directory."""
    folder = tmp_path_factory.mktemp("left")
    run = package.simulate(TOPOLOGIES / "campus.toml")
    run.save_least(folder)
    return folder


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_is_written_where_it_is_asked_for(
    lab: Command, left: Path, format: str, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    done = lab("export", str(left), format, "-o", str(path))
    assert done.status == 0
    assert done.out.startswith(f"wrote to {path}: events" if format == "csv" else f"wrote {path}\n")
    assert done.err == ""
    package.views.export(package.open_trace(left), format, tmp_path / "same")
    files = [path] if path.is_file() else sorted(path.iterdir())
    for file in files:
        same = tmp_path / "same" / file.name if path.is_dir() else tmp_path / "same"
        assert file.read_bytes() == same.read_bytes()


def test_a_file_has_a_name_by_default(
    lab: Command, left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for format, known in FORMATS.items():
        assert lab("export", str(left), format).status == 0
        assert (tmp_path / known.file).exists()
    assert len(list(tmp_path.iterdir())) == len(FORMATS)


def test_a_diagram_may_be_of_one_message(lab: Command, left: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.mmd", tmp_path / "part.mmd"
    lab("export", str(left), "mermaid", "-o", str(whole))
    lab("export", str(left), "mermaid", "-o", str(part), "--message", "2")
    assert 0 < part.stat().st_size < whole.stat().st_size / 2
    between = tmp_path / "between.mmd"
    hosts = ("HUB.CAMPUS", "MATH.CAMPUS")
    lab("export", str(left), "mermaid", "-o", str(between), "--between", *hosts)
    assert between.read_text().count("participant") == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("pdf",), "'pdf' is not one of 'csv', 'mermaid'"),
        (("csv", "--message", "1"), "message is for mermaid, plantuml and shiviz, not for csv"),
        (("mermaid", "--message", "99"), "there is no message 99; they are 1 to 8"),
        (("mermaid", "--between", "A", "HUB.CAMPUS"), "there is no host 'A'; there are HUB"),
        (("mermaid", "--message", "1", "--session", "1"), "exclude each other; use one of them"),
        (("mermaid", "--message", "0"), "0 is not allowed; use 1 or more"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence_and_status_2(
    lab: Command, left: Path, words: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    done = lab("export", str(left), *words, "-o", str(tmp_path / "out"))
    assert done.status == 2
    assert is_one_sentence(done.err)
    assert sentence in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["csv", "mermaid", "perfetto"])
def test_a_file_that_cannot_be_written_is_a_sentence(
    lab: Command, left: Path, format: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = lab("export", str(left), format, "-o", str(tmp_path / "file" / "x"))
    assert done.status == 2
    assert is_one_sentence(done.err)
    assert f"{tmp_path / 'file' / 'x'}: cannot be written (" in done.err


def test_what_was_not_recorded_is_noted_or_refused(lab: Command, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    package.simulate(TOPOLOGIES / "campus.toml", trace="session").save_least(tmp_path / "run")
    done = lab("export", str(tmp_path / "run"), "csv", "-o", str(tmp_path / "tables"))
    assert done.status == 0
    assert "note: --trace session leaves out links.csv, utilisation.csv" in done.err
    done = lab("export", str(tmp_path / "run"), "pcapng", "-o", str(tmp_path / "x.pcapng"))
    assert done.status == 2
    assert "--trace wire is required for pcapng" in done.err


def test_a_trace_that_is_none_is_a_sentence(lab: Command, tmp_path: Path) -> None:
    done = lab("export", str(tmp_path / "none"), "csv")
    assert done.status == 2
    assert is_one_sentence(done.err)
