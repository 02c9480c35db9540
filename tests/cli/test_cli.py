"""The command line as people and scripts meet it: what is printed where, and the exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.command_line import Command, is_one_sentence, process
from helpers.places import ROOT
from helpers.processes import cpu_seconds
from helpers.small_topologies import TWO_HOSTS

from lab.trace.trace import Trace
from lab.views import PICTURES

RFC821 = ROOT / "topologies" / "rfc821"
RELAYED = str(RFC821 / "scenario-03.toml")
ARTEFACTS = [
    *(
        "capture.hosts",
        "capture.pcap",
        "ladder.png",
        "mail",
        "map.png",
        "replay.html",
        "run.json",
        "summary.json",
        "timeline.png",
    ),
    *("trace.jsonl", "transcript.txt"),
]
PNG = b"\x89PNG\r\n\x1a\n"


# -- lab run: what is printed


def test_a_run_prints_a_table_and_nothing_on_stderr(lab: Command) -> None:
    done = lab("run", RELAYED)
    assert (done.status, done.err) == (0, "")
    assert "Relayed mail" in done.out
    assert "1 submitted · 1 delivered" in done.out
    assert re.search(r"digest sha256:[0-9a-f]{64}\n", done.out)
    assert "S: HELO" not in done.out


def test_the_transcript_comes_before_the_table(lab: Command) -> None:
    lines = lab("run", RELAYED, "--transcript").out.splitlines()
    assert lines[0] == "== session 1 · MIT-AI.ARPA -> USC-ISIE.ARPA · t=0.300 s"
    assert lines[1] == "R: 220 USC-ISIE.ARPA Simple Mail Transfer Service Ready"
    assert lines.index("S: HELO USC-ISIE.ARPA") < lines.index(
        "Relayed mail  seed 0 · 2.900 s simulated"
    )


@pytest.mark.parametrize("also", [(), ("--transcript",), ("--quiet",)])
def test_json_is_one_object_and_nothing_else(
    lab: Command, tmp_path: Path, also: tuple[str, ...]
) -> None:
    done = lab("run", RELAYED, "--json", "--out", str(tmp_path), *also)
    assert (done.status, done.err) == (0, "")
    summary = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert summary["delivery_seconds"] == {"min": 2.6, "median": 2.6, "p95": 2.6, "max": 2.6}
    assert summary["recipients"] == [
        {
            "message": 1,
            "recipient": "Jones@BBN-VAX.ARPA",
            "outcome": "delivered",
            "submitted_at": 0.0,
            "settled_at": 2.6,
            "hops": 2,
        }
    ]
    counts = ("submitted", "delivered", "returned", "rejected", "queued", "lost", "duplicates")
    assert [summary[name] for name in counts] == [1, 1, 0, 0, 0, 0, 0]


def test_quiet_prints_only_what_is_wrong(lab: Command) -> None:
    assert lab("run", RELAYED, "--quiet") == (0, "", "")
    done = lab("run", RELAYED, "--quiet", "--set", "expect.delivered=3")
    assert (done.status, done.out) == (1, "")


def test_an_expectation_that_does_not_come_true_is_a_sentence_and_status_1(
    lab: Command,
) -> None:
    done = lab("run", RELAYED, "--set", "expect.delivered=3", "--set", "expect.hops=2")
    assert done.status == 1
    assert done.err == f"lab: {RELAYED}: [expect] delivered = 3, but the run had delivered = 1\n"


def test_until_stops_the_run_and_nothing_is_expected_of_it(lab: Command) -> None:
    done = lab("run", RELAYED, "--until", "1 s", "--json")
    summary = json.loads(done.out)
    assert done.status == 0
    assert (summary["simulated_seconds"], summary["queued"], summary["delivered"]) == (1.0, 1, 0)


def test_until_beyond_the_end_is_a_whole_run(lab: Command) -> None:
    more = ("--until", "2 h", "--set", "expect.delivered=3")
    assert lab("run", RELAYED, "--quiet", *more).status == 1
    whole, stopped = (
        json.loads(lab("run", RELAYED, "--json", *options).out)
        for options in ((), ("--until", "2 h"))
    )
    assert whole == stopped


def test_set_overrides_values_of_the_file(lab: Command) -> None:
    sets = ("--set", "title=Slow", "--set", "link.0.latency=1 s", "--set", "link.1.latency=2")
    summary = json.loads(lab("run", RELAYED, "--json", *sets).out)
    assert summary["title"] == "Slow"
    # what two links of 100 ms take in 2.6 s, 13 ways each, takes as many of theirs
    assert summary["delivery_seconds"]["max"] == pytest.approx(13 * 1 + 13 * 2, abs=3)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("nokey", "has no value"),
        ("=", "empty part"),
        ("link.9.latency=1", "no number 9"),
        ("link.0.latncy=1", "did you mean latency?"),
        ("link.0.latency=soon", "soon"),
        ("retry.factor=0.5", "factor"),
    ],
)
def test_a_set_that_cannot_be_is_a_sentence_and_status_2(lab: Command, bad: str, says: str) -> None:
    done = lab("run", RELAYED, "--set", bad)
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)
    assert says in done.err


@pytest.mark.parametrize(
    "bad",
    [
        ("run",),
        ("run", RELAYED, "--until", "soon"),
        ("run", RELAYED, "--until=-1"),
        ("run", RELAYED, "--until", "nan"),
        ("run", RELAYED, "--seed", "x"),
        ("run", RELAYED, "--no-such-option"),
        ("run", RELAYED, RELAYED),
        ("plot", "trace.jsonl", "no-such-kind"),
        ("bench", "--sessions", "0"),
        ("check",),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_unusable_arguments_are_status_2(lab: Command, bad: tuple[str, ...]) -> None:
    done = lab(*bad)
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)


# -- bad files


def no_topology(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.toml"
    if kind == "directory":
        path.mkdir()
    elif kind != "missing":
        contents = {"binary": bytes(range(256)), "empty": b"", "toml": b"title = \n", "nul": b"\0"}
        path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize("command", ["run", "check", "show", "talk"])
@pytest.mark.parametrize("kind", ["missing", "directory", "binary", "empty", "toml", "nul"])
def test_what_is_no_topology_file_is_a_sentence_and_status_2(
    lab: Command, command: str, kind: str, tmp_path: Path
) -> None:
    path = no_topology(kind, tmp_path)
    done = lab(command, str(path), *(["ONE.ARPA"] if command == "talk" else []))
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)
    assert str(path) in done.err


@pytest.mark.parametrize("kind", ["missing", "directory", "binary", "empty", "toml", "nul"])
def test_what_is_no_trace_is_a_sentence_and_status_2(
    lab: Command, kind: str, tmp_path: Path
) -> None:
    path = no_topology(kind, tmp_path)
    done = lab("plot", str(path), "timeline", "-o", str(tmp_path / "x.png"))
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)
    assert done.err.count(str(path)) == 1


# -- artefacts


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefacts of a run of scenario 3."""
    out = tmp_path_factory.mktemp("runs") / "deep" / "out"
    done = process("run", RELAYED, "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"wrote to {out}: " in done.stdout
    return out


def test_a_run_leaves_its_artefacts_and_nothing_else(left: Path) -> None:
    assert sorted(path.name for path in left.iterdir()) == ARTEFACTS
    assert (left / "map.png").read_bytes().startswith(PNG)
    assert (left / "timeline.png").read_bytes().startswith(PNG)
    (drop,) = (left / "mail").rglob("new/*")
    assert drop.relative_to(left).parts[:3] == ("mail", "BBN-VAX.ARPA", "Jones")
    assert drop.read_bytes().startswith(b"Return-Path: <@USC-ISIE.ARPA:JQP@MIT-AI.ARPA>\r\n")


def test_the_artefacts_say_what_the_terminal_says(left: Path, lab: Command) -> None:
    said = json.loads(lab("run", RELAYED, "--json").out)
    verdict = said.pop("verdict")  # told of a run and not kept, as its links are
    assert json.loads((left / "summary.json").read_text()) == said
    assert verdict in " ".join(lab("run", RELAYED).out.split())
    shown = lab("run", RELAYED, "--transcript").out
    assert shown.startswith((left / "transcript.txt").read_text(encoding="utf-8"))


def test_a_trace_that_is_read_back_has_the_same_digest(left: Path) -> None:
    digest = json.loads((left / "summary.json").read_text())["digest"]
    assert Trace.read_jsonl(left / "trace.jsonl").digest() == digest


@pytest.mark.parametrize("order", [("plot", "queues"), ("replay",)], ids=str)
def test_a_trace_that_was_cut_off_is_shown_and_that_is_told(
    lab: Command, left: Path, order: tuple[str, ...], tmp_path: Path
) -> None:
    """A copy that stopped in the middle of line 21: what is there is drawn, with a note."""
    whole = (left / "trace.jsonl").read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(whole[:20]) + whole[20][:30])
    out = tmp_path / ("cut.png" if len(order) > 1 else "cut.html")
    done = lab(order[0], str(cut), *order[1:], "-o", str(out))
    assert done.status == 0
    assert "cut.jsonl: the trace stops at event 20 (t=" in done.err
    assert out.stat().st_size > 1000


@pytest.mark.parametrize("kind", ["timeline", "ladder", "map", "states", "queues"])
def test_a_trace_that_lacks_lines_is_drawn_and_that_is_told(
    lab: Command, left: Path, kind: str, tmp_path: Path
) -> None:
    """The sequence numbers that are missing, in one sentence."""
    whole = (left / "trace.jsonl").read_text().splitlines(keepends=True)
    holed = tmp_path / "holed.jsonl"
    holed.write_text("".join(whole[:5] + whole[6:10] + whole[13:]))
    done = lab("plot", str(holed), kind, "-o", str(tmp_path / "x.png"))
    assert done.status == 0
    assert done.err.count("\n") == 1
    assert "4 events are missing from the trace, seq 5, 10 to 12;" in done.err


def test_lines_in_another_order_are_put_back_in_theirs(left: Path, tmp_path: Path) -> None:
    whole = (left / "trace.jsonl").read_text().splitlines(keepends=True)
    turned = tmp_path / "turned.jsonl"
    turned.write_text("".join(whole[:1] + whole[:0:-1]))
    read = Trace.read_jsonl(turned)
    assert read.rows == Trace.read_jsonl(left / "trace.jsonl").rows
    assert not read.missing


@pytest.mark.parametrize("kind", PICTURES)
def test_a_trace_is_drawn(lab: Command, left: Path, kind: str, tmp_path: Path) -> None:
    picture = tmp_path / f"{kind}.png"
    done = lab("plot", str(left / "trace.jsonl"), kind, "-o", str(picture))
    assert done == (0, f"wrote {picture}\n", "")
    assert picture.read_bytes().startswith(PNG)
    if (left / picture.name).exists():
        assert picture.read_bytes() == (left / picture.name).read_bytes()


@pytest.mark.parametrize("name", ["none/x.png", "x.xyz"])
def test_a_picture_that_cannot_be_written_is_a_sentence_and_status_2(
    lab: Command, left: Path, name: str, tmp_path: Path
) -> None:
    for command in (("plot", str(left / "trace.jsonl"), "map"), ("show", RELAYED)):
        done = lab(*command, "-o", str(tmp_path / name))
        assert done.status == 2
        assert is_one_sentence(done.err)
        assert name in done.err
        assert list(tmp_path.iterdir()) == []


def test_a_second_run_into_the_same_directory_takes_the_place_of_the_first(
    lab: Command, tmp_path: Path
) -> None:
    lab("run", str(RFC821 / "scenario-01.toml"), "--out", str(tmp_path), "--quiet")
    lab("run", RELAYED, "--out", str(tmp_path), "--quiet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ARTEFACTS
    assert len(list((tmp_path / "mail").rglob("new/*"))) == 1


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_can_be_no_directory_is_refused_before_the_run(
    lab: Command, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("mine")
    done = lab("run", RELAYED, "--out", str(tmp_path / place))
    assert (done.status, done.out) == (2, "")
    assert str(tmp_path / place) in done.err
    assert "Traceback" not in done.err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_that_may_not_be_written_to_is_refused_before_the_run(
    lab: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # asked of os.access, for a superuser may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK)
    done = lab("run", RELAYED, "--out", str(tmp_path))
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)


@pytest.mark.parametrize("name", ["summary.json", "timeline.png"])
def test_an_artefact_that_cannot_be_written_is_a_sentence_after_the_summary(
    lab: Command, tmp_path: Path, name: str
) -> None:
    (tmp_path / name / "in the way").mkdir(parents=True)
    done = lab("run", RELAYED, "--out", str(tmp_path))
    assert done.status == 2
    assert "1 delivered" in done.out
    assert is_one_sentence(done.err)
    assert name in done.err


# -- the same run, whoever asks


def test_the_digest_does_not_depend_on_the_hash_seed() -> None:
    found = set()
    for seed in "012":
        done = process(
            "run", "topologies/campus.toml", "--json", env={**os.environ, "PYTHONHASHSEED": seed}
        )
        found.add(json.loads(done.stdout)["digest"])
    assert len(found) == 1


def test_where_nothing_is_drawn_by_lot_the_seed_changes_no_word(lab: Command) -> None:
    def words(seed: str) -> str:
        out = lab("run", RELAYED, "--transcript", "--seed", seed).out
        return out[: out.index("Relayed mail  seed")]

    assert words("0") == words("1") == words("-7") == words("9" * 30)


def test_where_something_is_drawn_by_lot_the_seed_decides(lab: Command) -> None:
    def digest(seed: int) -> str:
        options = ("--set", "link.0.jitter=20 ms", "--seed", str(seed))
        return str(json.loads(lab("run", RELAYED, "--json", *options).out)["digest"])

    assert digest(1) == digest(1) != digest(2)


# -- check and show


def test_check_says_what_there_is(lab: Command) -> None:
    done = lab("check", RELAYED)
    assert done == (0, f"{RELAYED}: OK: 3 hosts, 2 links, 1 message\n", "")
    assert lab("check", RELAYED, "--quiet") == (0, "", "")


def test_a_former_key_is_noted_once(lab: Command, tmp_path: Path) -> None:
    """Whatever the filters of Python's warnings are."""
    host = '[[host]]\nname = "{}.ARPA"\npatience = {{ data = "9 s" }}\n'
    path = tmp_path / "old.toml"
    path.write_text(host.format("A") + host.format("B"))
    done = lab("check", str(path))
    assert done.status == 0
    assert done.err.count("lab: note: patience is the former name of timeouts; use that\n") == 1


def test_check_goes_on_after_a_bad_file_and_tells_every_problem(
    lab: Command, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(TWO_HOSTS.replace("users", "usres").replace('"TWO.ARPA"]', '"TOW.ARPA"]'))
    done = lab("check", str(bad), RELAYED)
    assert done.status == 2
    assert done.out.startswith(RELAYED)
    assert len(done.err.splitlines()) == 3
    assert all(line.startswith(f"lab: {bad}, ") for line in done.err.splitlines())


def test_show_lists_hosts_links_and_ways_and_draws_the_map(lab: Command, tmp_path: Path) -> None:
    done = lab("show", RELAYED, "-o", str(tmp_path / "map.png"))
    assert (done.status, done.err) == (0, "")
    assert re.search(r"USC-ISIE\.ARPA +relay", done.out)
    assert re.search(r"MIT-AI\.ARPA - USC-ISIE\.ARPA +arpanet +tcp +100 ms", done.out)
    assert "MIT-AI.ARPA > USC-ISIE.ARPA > BBN-VAX.ARPA\n" in done.out
    assert (tmp_path / "map.png").read_bytes().startswith(PNG)


def test_a_table_in_a_pipe_folds_no_line_and_ends_none_with_spaces() -> None:
    """In a pipe there is no width: a path is one word, however long, and grep finds it."""
    done = process("run", "topologies/campus.toml")
    assert re.search(r"^ +4 +hypatia@LIBRARY\.CAMPUS +delivered +20\.000 s", done.stdout, re.M)
    assert not re.search(r" $", done.stdout, re.M)


def test_what_a_file_says_is_text_and_no_markup(lab: Command, tmp_path: Path) -> None:
    path = tmp_path / "markup.toml"
    path.write_text("title = '[/b] :smile: [red]x'\n" + TWO_HOSTS)
    for command in (("run", str(path)), ("show", str(path), "-o", str(tmp_path / "x.png"))):
        done = lab(*command)
        assert done.status == 0
        assert done.out.startswith("[/b] :smile: [red]x")


# -- the edges of a process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_a_long_run_leaves_its_artefacts(tmp_path: Path, number: int) -> None:
    """Ctrl-C stops between two events: what has run until then is whole, and nothing is lost."""
    path, out = tmp_path / "long.toml", tmp_path / "out"
    path.write_text(TWO_HOSTS + '[[traffic]]\ncount = 9000000\nrate = "1 /s"\n')
    command = [sys.executable, "-m", "lab", "run", str(path), "--out", str(out), "--quiet"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        while not out.exists():
            time.sleep(0.01)
        begun = cpu_seconds(running)
        while cpu_seconds(running) < begun + 0.2:  # however busy the machine is
            time.sleep(0.01)
        running.send_signal(number)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert re.fullmatch(r"lab: interrupted at [\d:.]+( s)? of simulated time\n", err)
    assert sorted(each.name for each in out.iterdir()) == ARTEFACTS
    summary = json.loads((out / "summary.json").read_text())
    assert summary["delivered"] > 0
    assert summary["lost"] == 0
    assert Trace.read_jsonl(out / "trace.jsonl")[-1]["reason"] == "interrupted"


def test_a_disk_that_is_full_leaves_no_half_file(tmp_path: Path) -> None:
    """What could not be written whole is not there, what could is, and the sentence tells."""
    out = tmp_path / "out"
    process("run", "topologies/campus.toml", "--quiet", "--out", str(out))
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
        "from lab.cli import main; sys.argv = ['lab', *sys.argv[1:]]; main()"
    )
    command = [sys.executable, "-c", code, "run", "topologies/campus.toml", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "12 delivered" in done.stdout
    assert is_one_sentence(done.stderr)
    assert "complete in" in done.stderr
    left = {path.name for path in out.iterdir()}
    assert "trace.jsonl" not in left, "an earlier run's, or half of this one's"
    assert json.loads((out / "summary.json").read_text())["delivered"] == 12
    assert not any(".part" in each.name for each in out.rglob("*"))


def test_a_run_that_is_killed_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    path, out = tmp_path / "long.toml", tmp_path / "out"
    path.write_text(TWO_HOSTS + '[[traffic]]\ncount = 9000000\nrate = "1 /s"\n')
    command = [sys.executable, "-m", "lab", "run", str(path), "--out", str(out), "--quiet"]
    with subprocess.Popen(command, cwd=ROOT) as running:
        while not out.exists():
            time.sleep(0.01)
        time.sleep(0.2)
        running.kill()
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("run {} --transcript", 0),
        ("run {} --transcript --set expect.delivered=3", 1),
        ("check {} {} {}", 0),
        ("--help", 0),
    ],
)
def test_a_reader_may_leave_before_the_end(command: str, status: int) -> None:
    """`lab ... | head -0`: no traceback, and the exit status of the run all the same."""
    reader, writer = os.pipe()
    os.close(reader)
    arguments = command.format(RELAYED, RELAYED, RELAYED).split()
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, cwd=ROOT,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_terminal_that_knows_no_such_sign_is_shown_another(encoding: str) -> None:
    command = [sys.executable, "-m", "lab", "run", RELAYED, "--transcript"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=True)
    assert done.stderr == b""
    assert b"digest sha256:" in done.stdout


def test_the_package_runs_as_the_script_does() -> None:
    done = process("--version")
    assert done.returncode == 0
    assert done.stdout in ("lab, version 0.1.0 (compiled)\n", "lab, version 0.1.0 (plain Python)\n")
