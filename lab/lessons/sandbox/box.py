"""Boxes: a program in a process of its own, with limits and one channel.

Which kind of box there is depends on the system; :func:`kind` says it. Each is tried once before it
is used, since a system may have a program or a call and forbid it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from lab.lessons.sandbox.channel import Channel

Kind = Literal["bubblewrap", "namespaces", "another user", "landlock", "limits"]

KINDS: Final[tuple[Kind, ...]] = ("bubblewrap", "namespaces", "another user", "landlock", "limits")

IN_WORDS: Final[dict[Kind, str]] = {
    "bubblewrap": "bubblewrap: own files, processes and network",
    "namespaces": "namespaces: own files, processes and network",
    "another user": "another user, with limits, but with your network",
    "landlock": "Landlock: no file or process of yours can be changed, but with your network",
    "limits": "limits alone: code that means harm can read and change your files",
}

MB: Final = 1_000_000
CONFINE: Final = Path(__file__).with_name("confine.py")
LAB: Final = Path(__file__).resolve().parents[2]
SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt")
_FIRST_USER: Final = 300_000
_users = count(os.getpid() % 10_000 * 100)


class BoxFault(Exception):
    """Raised when a program cannot be started in a box."""


@dataclass(frozen=True)
class Limits:
    """The limits of a box.

    ``memory`` is in bytes, for all processes together and for each; ``processes`` and ``file`` (the
    bytes of a file) and ``disk`` (of all of them) speak for themselves.
    """

    memory: int = 3_000 * MB
    processes: int = 128
    file: int = 64 * MB
    disk: int = 128 * MB

    def as_resources(self) -> dict[str, int]:
        """Return the limits by the names of ``resource``."""
        return {
            "AS": self.memory, "FSIZE": self.file, "NPROC": self.processes, "NOFILE": 512,
        }  # fmt: skip


@cache
def kind() -> Kind:
    """Return the best kind of box that works here.

    Root is given namespaces before bubblewrap: it can then run the program as a user of its own.
    """
    order = list(KINDS)
    if os.name == "posix" and os.geteuid() == 0:
        order[:2] = ["namespaces", "bubblewrap"]
    return next((each for each in order[:-1] if _works(each)), "limits")


def _works(each: Kind) -> bool:
    if sys.platform != "linux" or (each == "bubblewrap" and not shutil.which("bwrap")):
        return False
    if each == "another user" and os.geteuid() != 0:
        return False
    try:
        with Box("lab.lessons.sandbox.echo", kind=each) as box:
            box.channel.send("hello")
            return box.channel.receive(20) == {"kind": "hello"}
    except Exception:  # whatever is wrong with it, another kind is tried
        return False


class Box:
    """A program of the lab that runs in a box; a context that ends it.

    ``program`` is a module. ``topologies`` is a folder that it may read.
    """

    def __init__(
        self,
        program: str,
        limits: Limits | None = None,
        topologies: Path | None = None,
        kind: Kind | None = None,
    ) -> None:
        if os.name != "posix":
            raise BoxFault("code is graded on Linux, macOS or WSL, not on Windows")
        self.kind = kind or globals()["kind"]()
        self._limits = limits or Limits()
        self.is_stopped = False
        ours, theirs = socket.socketpair()
        self._folder = tempfile.mkdtemp(prefix="lab-box-")
        command = self._command(program, topologies, theirs.fileno())
        try:
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, cwd="/",
            )  # fmt: skip
        except OSError:
            ours.close()
            self._remove()
            raise
        finally:
            theirs.close()
        self.channel = Channel(ours)

    def _command(self, program: str, topologies: Path | None, channel: int) -> list[str]:
        alone = self.kind in ("bubblewrap", "namespaces")
        home = "/tmp/box" if alone else f"{self._folder}/box"
        for_fonts = f"{home}/home/matplotlib"
        specification = {
            "kind": self.kind,
            "root": self._folder,
            "readable": readable(topologies),
            "hidden": hidden(),
            "writable": [self._folder],
            "listed": [str(LAB.parent)],  # Python looks there for the lab
            "disk": self._limits.disk,
            "memory": self._limits.memory,
            "limits": self._limits.as_resources(),
            "user": self._user(),
            "folders": [f"{home}/notebooks", for_fonts],
            "copies": {f"{for_fonts}/{path.name}": str(path) for path in fonts()},
            "folder": f"{home}/notebooks",
            "links": {f"{home}/topologies": str(topologies)} if topologies else {},
            "settings": settings(home),
            "program": [sys.executable, "-P", "-m", program, str(channel)],
        }
        inner = [sys.executable, "-I", "-S", str(CONFINE), json.dumps(specification)]
        if self.kind == "bubblewrap":
            return [*bubblewrap(readable(topologies), self._limits.disk), *inner]
        return inner

    def _user(self) -> int:
        """Return a user that nobody else is, where this process may choose one."""
        if self.kind not in ("namespaces", "another user") or os.geteuid() != 0:
            return 0
        user = _FIRST_USER + next(_users) % 1_000_000
        os.chmod(self._folder, 0o711)
        if self.kind == "another user":
            os.chown(self._folder, user, user)
        return user

    def stop(self) -> None:
        """Have the program end soon; the channel then says that it has gone."""
        self.is_stopped = True
        if self._process.poll() is None:
            self._process.terminate()

    def end(self) -> None:
        """End the program and all that it has started, and remove its files."""
        self.channel.close()
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._remove()

    def _remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()


@cache
def fonts() -> list[Path]:
    """Return matplotlib's lists of fonts, which take seconds to make."""
    import matplotlib
    import matplotlib.font_manager  # makes the list, if there is none

    return sorted(Path(matplotlib.get_cachedir()).glob("fontlist-v*.json"))


def readable(topologies: Path | None) -> list[str]:
    """Return the folders that a program in a box may read: the system, Python, the lab.

    A folder that is in another one of them is left out.
    """
    wanted = [*SYSTEM, sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), str(LAB)]
    wanted += [path for path in sys.path if path.endswith("-packages")]
    wanted += map(str, fonts())
    wanted += [os.path.realpath(sys.executable), str(topologies)] if topologies else []
    paths = {path for path in wanted if os.path.exists(path) and not os.path.islink(path)}
    return sorted(path for path in paths if not paths & set(map(str, Path(path).parents)))


def hidden() -> list[str]:
    """Return the folders among those that a program must not see: lessons with solutions."""
    lessons = LAB / "notebooks"
    return [str(lessons)] if lessons.is_dir() else []


def settings(home: str) -> Mapping[str, str]:
    """Return the environment of a program in a box: nothing of the caller's but its Python."""
    paths = [str(LAB.parent), *(path for path in sys.path if path.endswith("-packages"))]
    kept = {name: os.environ[name] for name in ("LANG", "SMTP_LAB_PURE") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": f"{home}/home",
        "IPYTHONDIR": f"{home}/home/ipython",
        "MPLCONFIGDIR": f"{home}/home/matplotlib",
        "TMPDIR": f"{home}/home",
        "MPLBACKEND": "agg",
        "OPENBLAS_NUM_THREADS": "1",
    }


def bubblewrap(readable: list[str], disk: int) -> list[str]:
    """Return the beginning of a command that runs the rest of it in bubblewrap."""
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1"]
    command += ["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"]
    command += ["--size", str(disk), "--perms", "1777", "--tmpfs", "/tmp"]
    for path in readable:
        command += ["--ro-bind", path, path]
    for path in hidden():
        command += ["--tmpfs", path]
    for link in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(link):
            command += ["--symlink", os.readlink(link), link]
    return [*command, "--chdir", "/", "--"]
