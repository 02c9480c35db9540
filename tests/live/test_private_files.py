"""What a live run leaves and opens is its user's alone: files, folders, sockets, shared memory."""

from __future__ import annotations

import os
import smtplib
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers.live_hosts import served
from helpers.small_topologies import TWO_HOSTS

import lab
from lab.live.run_folder import runs_folder


def modes(folder: Path) -> dict[Path, int]:
    """The permissions of a folder and all that is in it, but for those that are as they must be."""
    wanted = {path: 0o700 if path.is_dir() else 0o600 for path in (folder, *folder.rglob("*"))}
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in wanted}
    return {path: mode for path, mode in found.items() if mode != wanted[path]}


@pytest.fixture
def _open_umask() -> object:
    """New files are readable to all, as is usual."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_files_of_a_run_are_readable_to_its_user_alone(tmp_path: Path) -> None:
    """0600 and 0700: what --out and --spool leave, and what lies in the temporary folder."""
    topology, out, spool = tmp_path / "two.toml", tmp_path / "out", tmp_path / "spool"
    topology.write_text(TWO_HOSTS)
    with served(topology, "--out", str(out), "--spool", str(spool)) as (process, ports):
        with smtplib.SMTP("127.0.0.1", ports["ONE.ARPA"], timeout=60) as client:
            client.sendmail("a@B", ["ann@ONE.ARPA", "bob@TWO.ARPA"], "Hi\r\n")
        assert modes(spool) == {}
        process.terminate()
        process.communicate(timeout=120)
    assert (out / "mail" / "ONE.ARPA" / "ann").exists()
    assert modes(out) == {}
    assert modes(spool) == {}


@pytest.mark.usefixtures("_open_umask")
def test_files_of_a_simulation_are_private_too(tmp_path: Path) -> None:
    """What ``run.save`` leaves; the user's other files stay as they would be."""
    (tmp_path / "one.toml").write_text(TWO_HOSTS)
    lab.simulate(tmp_path / "one.toml").save(tmp_path / "out")
    assert modes(tmp_path / "out") == {}
    (tmp_path / "other").write_text("")
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o644


def _descendants(pid: int) -> list[int]:
    parents = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(place.name)] = int(
                (place / "stat").read_text().rpartition(")")[2].split()[1]
            )
        except OSError:
            continue
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def _open_files(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(str(descriptor.readlink()))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/net/unix").exists(), reason="needs Linux's /proc")
def test_nobody_else_can_reach_the_control_channels_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sockets with a name lie in private folders, shared memory has no name, and pickle comes from
    these alone; the temporary folder is private."""
    topology = tmp_path / "two.toml"
    topology.write_text(TWO_HOSTS)
    folder = tempfile.TemporaryDirectory(prefix="s")  # a socket's name must be short
    monkeypatch.setenv("TMPDIR", folder.name)
    monkeypatch.setenv("XDG_STATE_HOME", folder.name)
    with folder, served(topology) as (process, _):
        processes = _descendants(process.pid)
        opened = set().union(*map(_open_files, processes))
        inodes = {name[8:-1] for name in opened if name.startswith("socket:[")}
        rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
        named = [row[7] for row in rows if row[6] in inodes and len(row) > 7]
        for name in named:
            assert not name.startswith("@"), "any user can connect to an abstract socket"
            assert stat.S_IMODE(Path(name).parent.stat().st_mode) == 0o700
        assert not [name for name in opened if name.startswith("/dev/shm")]
        places = list(Path(folder.name).glob("smtp-lab*"))
        assert places
        assert [modes(place) for place in places] == [{}]


def test_runs_of_the_suite_are_in_a_folder_of_its_own() -> None:
    """And so for processes that tests start: what killed runs left at home is not in the way."""
    asked = "from lab.live.run_folder import runs_folder; print(runs_folder())"
    child = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert child.stdout == f"{runs_folder()}\n"
    assert runs_folder().is_relative_to(tempfile.gettempdir())
