"""Bad input through every command: one sentence, exit status 2, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.command_line import Command, is_one_sentence, process
from helpers.live_hosts import eventually
from helpers.places import ROOT, TOPOLOGIES
from helpers.processes import catches_ctrl_c
from helpers.small_topologies import TWO_HOSTS

import lab as smtp_lab
from lab.cli import COMMANDS
from lab.live.storage import Storage

RELAYED = str(TOPOLOGIES / "rfc821/scenario-03.toml")

READS = {  # each command that reads a file, with F for the file and W for a folder to write to
    "run": "run F",
    "live": "live F",
    "watch": "watch F",
    "compare": "compare F -o W/x.png",
    "diff": "diff F F",
    "step": "step --plain F",
    "check": "check F",
    "show": "show F -o W/x.png",
    "talk": "talk F MIT-AI.ARPA",
    "explore": "explore F",
    "plot": "plot F timeline -o W/x.png",
    "why": "why F --message 1",
    "replay": "replay F -o W/x.html",
    "sweep": "sweep F --out W/out",
    "grade": "grade F",
    "bench": "bench --map F",
    "spool": "spool F",
    "export": "export F csv -o W/x.csv",
    "read": "read F",
    "class": "class release F --out W/out",
}
READS_NO_FILE = {"storm", "rfc", "lessons", "help", "examples", "new", "judge", "site"}
TOPOLOGY_COMMANDS = ("run", "live", "compare", "diff", "step", "show", "talk", "explore")

CONTENTS = {
    "binary": bytes(range(256)) * 20,
    "empty": b"",
    "nul": b"\0",
    "TOML": b"title = \n",
    "JSON": b'{"a": 1}\n',
    "cut off": b"x = [1, 2",
    "Latin-1": "title = 'Grüße'".encode("latin-1"),
    "one line": b"x" * 1_000_000,
}
BAD_FILES = ("missing", "directory", "unreadable", "loop", *CONTENTS)


def bad_file(kind: str, folder: Path) -> Path:
    """Make a file that no command can read."""
    path = folder / f"{kind.replace(' ', '-')}.file"
    if kind == "directory":
        path.mkdir()
    elif kind == "unreadable":  # for a superuser, too
        path.symlink_to("/proc/self/mem")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind != "missing":
        path.write_bytes(CONTENTS[kind])
    return path


def words(line: str, folder: Path, file: str | Path = RELAYED) -> list[str]:
    """Return the arguments of a command line, with F and W replaced."""
    files = {"F": str(file)}
    return [files.get(word, word.replace("W/", f"{folder}/")) for word in line.split()]


def test_the_table_has_every_command() -> None:
    assert READS.keys() | READS_NO_FILE == COMMANDS.keys()


@pytest.mark.parametrize("kind", BAD_FILES)
@pytest.mark.parametrize("command", READS)
def test_a_bad_file_is_refused(lab: Command, command: str, kind: str, tmp_path: Path) -> None:
    """Sentences that name the file; nothing is written."""
    path = bad_file(kind, tmp_path)
    before = set(tmp_path.iterdir())
    done = lab(*words(READS[command], tmp_path, path))
    assert done.status == 2
    assert "Traceback" not in done.err
    assert all(line.startswith("lab: ") for line in done.err.splitlines())
    assert path.name in done.err
    assert set(tmp_path.iterdir()) <= before | {tmp_path / "out"}
    if command == "grade":  # its table has a line for each file, good or bad
        assert done.out.count("\n") in (0, 2)
    else:
        assert done.out == ""
    if not (command == "sweep" and kind == "empty"):  # which lacks two things
        assert is_one_sentence(done.err)


@pytest.mark.parametrize("command", READS)
def test_a_missing_argument_is_refused(lab: Command, command: str) -> None:
    arguments = [command, *(["--map"] if command == "bench" else [])]
    done = lab(*arguments)
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)


BAD_VALUES = [
    *((command, "--seed=x") for command in (*TOPOLOGY_COMMANDS, "storm")),
    *((command, "--seed=1.5") for command in ("run", "storm")),
    *((command, "--seed=" + "9" * 5000) for command in ("run", "storm")),
    *((command, f"--set={bad}") for command in TOPOLOGY_COMMANDS for bad in ("x", "=", "x.y=1")),
    *(("run", f"--set={bad}") for bad in ("link.9.latency=1", "link.0.latency=soon", "title")),
    *((command, f"--until={bad}") for command in ("run", "live", "step", "diff")
      for bad in ("soon", "-1", "nan", "inf", "1e400 d", "", "9" * 400)),
    *(("step", f"--at={bad}") for bad in ("soon", "-1")),
    ("step", "--event=-1"),
    *((command, f"--speed={bad}") for command in ("live", "compare")
      for bad in ("x", "0", "-1", "nan", "inf")),
    *(("live", f"--idle={bad}") for bad in ("0", "x")),
    *(("live", f"--port={bad}") for bad in
      ("x", "=1", "MIT-AI.ARPA=0", "MIT-AI.ARPA=" + "9" * 30, "MIT-AI.ARPA=²", "NOWHERE=2525")),
    ("live", "--address=x"),
    ("run", "--trace=all"),
    ("run", "--processes=0"),
    ("explore", "--limit=0"), ("explore", "--point=0"), ("explore", "--point=99999"),
    ("storm", "--runs=0"),
    ("talk", "--environment=nowhere"),
    ("bench", "--sessions=0"),
    *((command, "--no-such-option") for command in COMMANDS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "option"), BAD_VALUES, ids=lambda text: text[:30] if isinstance(text, str) else ""
)
def test_a_bad_value_of_an_option_is_refused(
    lab: Command, command: str, option: str, tmp_path: Path
) -> None:
    """One sentence, before anything is run or written."""
    line = "bench" if command == "bench" else READS.get(command, command)
    done = lab(*words(line, tmp_path), option)
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)
    assert len(done.err) < 1000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("talk F NOWHERE", "there is no host NOWHERE"),
        ("rfc 9.9", "no rules in section '9.9'"),
        ("lessons 99", "there is no lesson 99"),
        ("help nowhere", "there is no guide 'nowhere'"),
        ("check F F --set x", "it has no value"),
        ("grade W/nothing", "nothing: No such file"),
        ("plot W/nothing map", "nothing: there is no such file or folder; give what `lab run"),
        ("sweep F --seeds x --out W/out", "scenario-03.toml"),
        ("rnu F", "there is no command 'rnu'; did you mean run? (see lab --help)"),
        ("run F --sed 3", "there is no option --sed; did you mean --seed or --set?"),
        ("run F --out", "option '--out' requires an argument (see lab run --help)"),
        ("plot F ladder --between A", "requires 2 arguments (see lab plot --help)"),
        ("run F more", "got unexpected extra argument (more)"),
    ],
)
def test_other_bad_arguments_are_refused(
    lab: Command, line: str, says: str, tmp_path: Path
) -> None:
    done = lab(*words(line, tmp_path))
    assert done.status == 2
    assert all(each.startswith("lab: ") for each in done.err.splitlines())
    assert says in done.err


def test_no_command_at_all_prints_help_and_status_2(lab: Command) -> None:
    done = lab()
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Usage: lab ")


# -- places that cannot be written to

WRITES = {
    "run": "run F --out P", "live": "live F --out P", "live --spool": "live F --spool P",
    "talk": "talk F MIT-AI.ARPA --out P", "storm": "storm --runs 1 --out P",
    "sweep": "sweep E --out P",
}  # fmt: skip


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere"])
@pytest.mark.parametrize("command", WRITES)
def test_a_directory_that_cannot_be_made_is_refused(
    lab: Command, command: str, place: str, tmp_path: Path
) -> None:
    """Before the run, in one sentence that names it; what is in the way stays."""
    (tmp_path / "file").write_text("mine")
    files = {"F": RELAYED, "P": str(tmp_path / place), "E": str(experiment(tmp_path))}
    done = lab(*(files.get(word, word) for word in WRITES[command].split()))
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)
    assert files["P"] in done.err
    assert (tmp_path / "file").read_text() == "mine"


def experiment(folder: Path) -> Path:
    path = folder / "own.toml"
    path.write_text(f'topology = "{RELAYED}"\nseeds = 2\nmeasures = ["delivered"]\n')
    return path


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the trace of a run, as a file."""
    path = tmp_path_factory.mktemp("runs") / "trace.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        smtp_lab.simulate(RELAYED).trace.write_jsonl(file)
    return str(path)


@pytest.mark.parametrize("place", ["file/x.svg", "none/x.svg", "/proc/nowhere.svg", "x.xyz", "dir"])
@pytest.mark.parametrize(
    "line", ["show F", "plot T map", "plot T map --animate 3", "replay T", "compare F --speed 1000"]
)
def test_a_file_that_cannot_be_written_is_refused(
    lab: Command, line: str, place: str, trace: str, tmp_path: Path
) -> None:
    """One sentence that names it."""
    if line == "replay T" and place == "x.xyz":
        pytest.skip("a page may have any name")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dir").mkdir()
    files = {"F": RELAYED, "T": trace}
    output = str(tmp_path / place)
    done = lab(*(files.get(word, word) for word in line.split()), "-o", output)
    assert done.status == 2
    assert is_one_sentence(done.err)
    assert output in done.err
    assert not (tmp_path / "x.xyz").exists()


# -- standard streams, and signals

PRINTS = {
    "run": "run F", "run --transcript": "run F --transcript", "run --json": "run F --json",
    "live": "live F --speed 1000", "compare": "compare F --speed 1000 -o W/x.png",
    "step": "step --plain F", "check": "check F", "show": "show F -o W/x.png",
    "talk": "talk F MIT-AI.ARPA", "explore": "explore F --limit 2",
    "plot": "plot T map -o W/x.png", "replay": "replay T -o W/x.html",
    "storm": "storm --runs 1 --out W/out", "rfc": "rfc", "lessons": "lessons --list",
    "sweep": "sweep W/plan.toml --quiet --json --out W/out",
    "grade": "grade notebooks/01-first-mail.ipynb", "spool": "spool W/spool",
    "export": "export T csv -o W/x.csv", "diff": "diff F F", "why": "why T",
    "read": "read C", "examples": "examples", "new": "new W/new.toml",
    "class": "class release notebooks/01-first-mail.ipynb --out W/out",
    "site": "site W/site --only guides",
    "help": "help", "help topic": "help tour", "help --schema": "help topology --schema",
    "--help": "--help", "--version": "--version", "run --help": "run --help",
}  # fmt: skip

TAKES_LONG = {"bench", "judge", "watch"}
"""Measures, judges a program, and goes on until it is interrupted."""


def capture(folder: Path) -> Path:
    """Make the capture of a small run."""
    run = smtp_lab.simulate(RELAYED)
    run.export("pcapng", folder / "run.pcapng")
    return folder / "run.pcapng"


def test_each_command_is_among_those_that_print() -> None:
    assert {name.split()[0] for name in PRINTS} >= COMMANDS.keys() - TAKES_LONG


@pytest.mark.parametrize("command", PRINTS)
@pytest.mark.parametrize(("to", "status"), [(">&-", 0), ("| true", 0), ("> /dev/full", 1)])
def test_output_that_nobody_takes(
    command: str, to: str, status: int, trace: str, tmp_path: Path
) -> None:
    """No traceback: a reader that leaves is no failure of the command, a full disk is."""
    (tmp_path / "plan.toml").write_text(
        f'topology = "{RELAYED}"\nseeds = 1\nmeasures = ["delivered"]\n'
    )
    (tmp_path / "spool").mkdir()
    Storage(tmp_path / "spool" / "A.ARPA.sqlite").close()
    files = {"T": trace, "C": str(capture(tmp_path)) if command == "read" else ""}
    arguments = [files.get(word, word) for word in words(PRINTS[command], tmp_path)]
    script = f'"$@" {to}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, "-m", "lab", *arguments],
        cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == status
    if status:
        assert is_one_sentence(done.stderr)
        assert "No space left on device" in done.stderr
    else:
        said = [line for line in done.stderr.splitlines() if not line.startswith("lab: note: ")]
        assert "lab: " not in "\n".join(said) or command == "talk"
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "seconds"),
    [("run L", 0.1), ("run L", 1), ("live L", 0.1), ("live L", 1), ("compare L -o W/x.png", 1),
     ("compare F --speed 0.001 -o W/x.png", 1), ("step --plain L", 1), ("explore L", 1),
     ("storm --runs 90000", 1), ("sweep E --out W/out", 1), ("bench --quick", 1)],
)  # fmt: skip
def test_ctrl_c_is_a_sentence_and_status_130(line: str, seconds: float, tmp_path: Path) -> None:
    """Also for commands that have nothing to leave behind, and while they are still importing."""
    long = tmp_path / "long.toml"
    long.write_text(LONG)
    plan = tmp_path / "plan.toml"
    plan.write_text(f'topology = "{long}"\nseeds = 20\nmeasures = ["delivered"]\n')
    files = {"L": str(long), "E": str(plan)}
    arguments = [files.get(word, word) for word in words(line, tmp_path)]
    command = [sys.executable, "-m", "lab", *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert eventually(lambda: catches_ctrl_c(running))
        time.sleep(seconds)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    # a shell has 130 in both cases: Python ends itself by the signal where that met an import
    assert running.returncode in (130, -signal.SIGINT), err
    assert "Traceback" not in err
    assert "interrupted" in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("lab: ")


LONG = (
    TWO_HOSTS
    + """
[[traffic]]
count = 9000000
rate = "1 /s"
"""
)


def test_a_closed_standard_input_is_an_empty_one() -> None:
    done = process("talk", RELAYED, "MIT-AI.ARPA", stdin=None, preexec_fn=lambda: os.close(0))
    assert done.returncode == 0
    assert done.stdout.startswith("220 MIT-AI.ARPA ")
