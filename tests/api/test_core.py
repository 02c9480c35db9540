"""What works where only the core is installed, and what is said where it is not enough."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import ROOT, TOPOLOGIES

from lab import simulate
from lab.runtime.extras import MissingPackage, command, is_installed, required, sentence

EXTRAS = (
    "pandas", "pyarrow", "dask", "distributed", "mpi4py", "jupyterlab", "nbclient", "nbformat",
    "ipykernel", "IPython", "anywidget", "ipywidgets", "uvloop", "traitlets",
    "jinja2", "griffe",
)  # fmt: skip
RELAYED = str(TOPOLOGIES / "rfc821" / "scenario-03.toml")


def lab(*arguments: str, without: tuple[str, ...] = EXTRAS) -> subprocess.CompletedProcess[str]:
    """Run the command where these packages cannot be imported."""
    code = (
        "import sys\n"
        "class Kept:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {without!r}: raise ImportError(name)\n"
        "sys.meta_path.insert(0, Kept)\n"
        "from lab.cli import main; main()"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_a_run_and_its_pictures_need_no_extra(tmp_path: Path) -> None:
    """All artefacts are there; nothing is said to be missing."""
    done = lab("run", RELAYED, "--out", str(tmp_path), without=(*EXTRAS, "matplotlib", "numpy"))
    assert (done.returncode, done.stderr) == (0, "")
    made = {path.name for path in tmp_path.iterdir()}
    pictures = {"map.png", "timeline.png", "ladder.png"}
    assert made >= {"replay.html", "capture.pcap", "trace.jsonl", "mail"} | pictures


@pytest.mark.parametrize(
    "words",
    [("step", "--plain", RELAYED), ("talk", RELAYED, "BBN-VAX.ARPA"), ("check", RELAYED),
     ("examples",), ("lessons", "--list"), ("help", "tour"), ("rfc", "4.5.2")],
    ids=lambda words: words[0],
)  # fmt: skip
def test_the_core_commands_need_no_extra(words: tuple[str, ...]) -> None:
    done = lab(*words)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_imports_no_numpy_and_no_matplotlib() -> None:
    """Nor any of what draws."""
    done = lab("run", RELAYED, "--json", without=(*EXTRAS, "numpy", "matplotlib", "PIL"))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["delivered"] == 1


def test_the_page_of_a_run_needs_no_numpy(tmp_path: Path) -> None:
    """Its map has places for the hosts all the same."""
    assert lab("run", RELAYED, "--out", str(tmp_path)).returncode == 0
    page = str(tmp_path / "page.html")
    done = lab("replay", str(tmp_path / "trace.jsonl"), "-o", page, without=("numpy", "matplotlib"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lessons", "1"), "this requires jupyterlab, anywidget, pandas, which are not installed; "
         "run: pip install 'smtp-lab[lessons]'"),
        (("grade", "notebooks/01-first-mail.ipynb"), "pip install 'smtp-lab[lessons]'"),
        (("plot", "TRACE", "utilisation"), "pip install 'smtp-lab[pictures]'"),
        (("sweep", "topologies/experiments/routes.toml", "--scheduler", "tcp://127.0.0.1:1"),
         "pip install 'smtp-lab[cluster]'"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_an_extra_is_asked_for_by_its_command(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """One sentence, and exit status 2."""
    trace = str(tmp_path / "trace.jsonl")
    with open(trace, "w") as file:
        simulate(RELAYED).trace.write_jsonl(file)
    out = ("--out", str(tmp_path)) if words[0] == "sweep" else ()
    arguments = [trace if word == "TRACE" else word for word in words]
    done = lab(*arguments, *out, without=(*EXTRAS, "matplotlib"))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stored_trace_asks_for_pyarrow(tmp_path: Path) -> None:
    (tmp_path / "part-00000.parquet").write_bytes(b"PAR1")
    done = lab("replay", str(tmp_path), "-o", str(tmp_path / "x.html"))
    assert done.returncode == 2
    assert done.stderr == (
        "lab: a trace in Parquet requires pyarrow, which is not installed; "
        "run: pip install 'smtp-lab[cluster]'\n"
    )


def test_a_long_run_stays_in_memory_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would otherwise end where its events are too many for memory."""
    from lab.trace import retention

    monkeypatch.setattr(retention, "is_installed", lambda package: False)
    kept = retention.Retention("wire", Path("nowhere"), most=2)
    kept.keep([(float(n), "turn", "A", "B", 1, None) for n in range(5)])
    assert len(list(kept.rows())) == 5


def test_a_missing_package_is_named_with_its_command() -> None:
    assert command("pandas", "jupyterlab", "pyarrow") == "pip install 'smtp-lab[lessons,cluster]'"
    assert sentence("this requires", "pandas") == (
        "this requires pandas, which is not installed; run: pip install 'smtp-lab[lessons]'"
    )
    assert is_installed("json")
    assert not is_installed("no_such_package")
    assert required("json", "that requires").dumps([]) == "[]"


def test_what_is_missing_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert not is_installed("pandas")
    with pytest.raises(MissingPackage, match=r"a table needs pandas, .*smtp-lab\[lessons\]"):
        required("pandas", "a table needs")
