"""The build hook of hatchling: a wheel takes the lessons and topologies along, and compiled modules
where it can.

They go into a folder of their own beside the installed packages, never beside the sources;
`lab.runtime.compiled` takes them from there as long as they are what the sources say. Without a C
compiler,
or where compiling fails, the installation goes on without them, and all runs as plain Python.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "smtp_lab_compiled"
SHIPPED = ("notebooks", "topologies")
"""Folders at the top that an installed package has inside itself (lab/runtime/shipped.py)."""
PATIENCE = 600
"""Seconds after which compiling is given up."""


def obstacle() -> str:
    """Why nothing can be compiled here, or ""."""
    if os.environ.get("SMTP_LAB_PURE"):
        return "SMTP_LAB_PURE is set"
    if sys.implementation.name != "cpython":
        return f"this Python is {sys.implementation.name}"
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if sys.platform != "win32" and shutil.which(shlex.split(compiler)[0]) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's own header files (Python.h) are not installed"
    return ""


class CompileHook(BuildHookInterface):
    """Compiles the modules that ``modules`` of pyproject.toml names, with mypyc."""

    def dependencies(self) -> list[str]:
        """What compiling needs, if anything is to be compiled."""
        return [] if obstacle() else list(self.config["requires"])

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel take what came of it, and what lies beside the package."""
        if version != "editable":  # there, they are found where they are
            build_data["force_include"].update(self._shipped())
        self._folder = tempfile.mkdtemp(prefix="smtp-lab-")
        why_not = obstacle() or self._compile()
        if why_not:
            self.app.display_info(f"smtp-lab is installed as plain Python: {why_not}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        where = "force_include_editable" if version == "editable" else "force_include"
        build_data[where][self._folder] = FOLDER

    def _shipped(self) -> dict[str, str]:
        """The files of SHIPPED, and where each lies in the wheel."""
        found = {}
        for folder in SHIPPED:
            for path in sorted(Path(self.root, folder).rglob("*.*")):
                inner = path.relative_to(self.root)
                if path.suffix in self.config["shipped"] and not any(
                    part.startswith(".") for part in inner.parts
                ):
                    found[str(path)] = f"lab/{inner.as_posix()}"
        return found

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is written: what it was made of can go."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _compile(self) -> str:
        """Compile in a process of its own, for mypyc may end its own; why that failed, or ""."""
        command = [sys.executable, str(Path(__file__).with_name("compile.py")), self._folder]
        try:
            done = subprocess.run(
                [*command, *self.config["modules"]], cwd=self.root, timeout=PATIENCE,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"compiling failed ({error})"
        if done.returncode == 0:
            return ""
        last = (done.stdout.strip().splitlines() or [f"status {done.returncode}"])[-1]
        return f"compiling failed ({last})"
