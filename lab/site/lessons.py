"""The lessons in the browser: JupyterLite with the course, in the folder ``play/lessons/``.

Its kernel is the Python of ``play/``, with the lab and IPython unpacked: nothing is installed when
a lesson is opened, and nothing is loaded from elsewhere. What is edited there stays in the browser.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lab.runtime.extras import is_installed, sentence
from lab.runtime.shipped import folder as shipped
from lab.site.browser import below, write_folder
from lab.site.parts import NotMade, Report

FOLDER: Final = "play/lessons"

NEEDS: Final = ("jupyterlite_core", "jupyterlite_pyodide_kernel", "anywidget", "IPython")

STORE: Final = "smtp-lab lessons"
"""The name under which browsers keep what was edited. It must stay: older work is found by it."""

_PURE: Final = (
    "anywidget", "asttokens", "comm", "executing", "ipython",
    "ipython-pygments-lexers", "ipywidgets", "matplotlib-inline", "prompt-toolkit", "psygnal",
    "pure-eval", "pygments", "rich", "markdown-it-py", "mdurl", "stack-data", "traitlets",
    "wcwidth",
)  # fmt: skip
"""What the kernel needs that is plain Python: it is taken from where it is installed."""

_EXTENDING: Final = ("jupyterlite-pyodide-kernel", "jupyterlab_widgets", "anywidget")
"""The packages with the parts of JupyterLab that lessons need: the kernel, and widgets."""

_ROOMS: Final = ("lessons", "live", "notebooks")
"""Folders of the lab that the page does without, and lessons do not."""

_SMALLER: Final = ("pygments/lexers/", "pygments/styles/", "nbextension/", "labextension/")
_STUB: Final = (
    "def __getattr__(name):\n"
    '    raise ImportError("nothing is installed here: the lessons have all that they need")\n'
)
_SIGNS: Final = ("busy-1", "busy-2", "busy-3", "notebook", "file", "terminal", "console")
_PATIENCE: Final = 900


def why_not() -> str:
    """Return why the lessons cannot be made here, with the command that helps; "" if they can."""
    missing = [name for name in NEEDS if not is_installed(name)]
    return sentence("JupyterLite for the lessons requires", *missing) if missing else ""


def write_lessons(folder: Path, report: Report = lambda doing: None) -> None:
    """Write the lessons, within the folder of the lab in the browser. Raises NotMade, OSError."""
    if why := why_not():
        raise NotMade(why)
    report("the lessons in the browser")
    with tempfile.TemporaryDirectory() as work:
        _build(Path(work), folder)
    (folder / "static/favicons").mkdir(parents=True, exist_ok=True)
    for name in _SIGNS:  # which JupyterLab asks for, and JupyterLite does not bring
        shutil.copy(folder / "lab/favicon.ico", folder / f"static/favicons/favicon-{name}.ico")
    own = Path(__file__).parent / "play"
    for page in ("lab", "notebooks"):
        _add_names(folder / page / "index.html")
    shutil.copy(own / "named.js", folder / "named.js")
    kernel = folder / "kernel"
    kernel.mkdir(exist_ok=True)
    shutil.copy(own / "kernel.mjs", kernel / "kernel.mjs")
    write_folder(kernel / "python.tar.gz", _python())
    settings = folder.parent / "settings.json"
    with_lessons = json.loads(settings.read_text(encoding="utf-8")) | {"lessons": True}
    settings.write_text(json.dumps(with_lessons) + "\n", encoding="utf-8")
    (kernel / "own.json").write_text(json.dumps(sorted(_own())) + "\n", encoding="utf-8")


def _build(work: Path, folder: Path) -> None:
    contents = work / "contents"
    contents.mkdir()
    for notebook in sorted(shipped("notebooks").glob("*.ipynb")):
        shutil.copy(notebook, contents / notebook.name)
    extensions = _extensions(work / "labextensions")
    (work / "jupyter_lite_config.json").write_text(json.dumps(extensions), encoding="utf-8")
    (work / "jupyter-lite.json").write_text(json.dumps(_settings()), encoding="utf-8")
    command = [
        sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", str(work), "--contents",
        str(contents), "--output-dir", str(folder.resolve()), "--no-sourcemaps",
        "--apps", "notebooks", "--apps", "lab", "--no-unused-shared-packages",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=work, capture_output=True, text=True, timeout=_PATIENCE, check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": "378691200"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotMade("JupyterLite takes too long to build the lessons") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise NotMade(f"JupyterLite cannot build the lessons: {lines[-1].strip()}")


def _add_names(page: Path) -> None:
    """Have a page of JupyterLab name those of its parts that have no names."""
    text = page.read_text(encoding="utf-8")
    script = '<script type="module" src="../named.js"></script>\n</head>'
    page.write_text(text.replace("</head>", script, 1), encoding="utf-8")


def _extensions(folder: Path) -> dict[str, Any]:
    """Copy the extensions that lessons need, and return the settings that name their folder.

    Others that happen to be installed are left out.
    """
    for package in _EXTENDING:
        for file in importlib.metadata.files(package) or ():
            _, separator, inside = file.as_posix().partition("share/jupyter/labextensions/")
            if separator and file.suffix not in (".whl", ".map"):
                target = folder / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    return {
        "LiteBuildConfig": {"ignore_sys_prefix": True},
        "FederatedExtensionAddon": {"extra_labextensions_path": [str(folder)]},
    }


def _settings() -> dict[str, Any]:
    kernel = {
        "pyodideUrl": "./kernel/kernel.mjs",
        "disablePyPIFallback": True,
        # all are there: the kernel need not install them
        "loadPyodideOptions": {
            "packages": [
                "micropip",
                "piplite",
                "ipykernel",
                "comm",
                "pyodide-kernel",
                "jedi",
                "ipython",
            ],
        },
    }
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Lessons of smtp-lab",
            "exposeAppInBrowser": True,  # for those who test or measure the page
            "contentsStorageName": STORE,
            "settingsStorageName": STORE,
            "workspacesStorageName": STORE,
            "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": kernel},
        },
    }


def _python() -> Iterator[tuple[str, bytes]]:
    """Yield what the kernel imports: rooms of the lab, IPython and its like, JupyterLite's own."""
    package = Path(__file__).parents[1]
    for room in _ROOMS:
        place = package / room
        yield from below(place if place.is_dir() else shipped(room), f"lab/{room}")
    for distribution in _PURE:
        for file in importlib.metadata.files(distribution) or ():
            inside = file.as_posix()
            if {"..", "__pycache__", "tests"}.intersection(file.parts) or _is_left_out(inside):
                continue
            yield inside, Path(str(file.locate())).read_bytes()
    for wheel in _kernel_wheels():
        with zipfile.ZipFile(wheel) as packed:
            yield from ((name, packed.read(name)) for name in packed.namelist() if name[-1] != "/")
    for module in ("piplite/__init__.py", "piplite/piplite.py", "micropip.py"):
        yield module, (_STUB if module != "piplite/__init__.py" else "").encode()


def _is_left_out(name: str) -> bool:
    return any(part in name for part in _SMALLER) and not re.search(
        r"/(__init__|_mapping|python|default)\.py$", name
    )


def _kernel_wheels() -> list[Path]:
    """Return the wheels of the kernel itself, which its package brings."""
    place = importlib.metadata.files("jupyterlite-pyodide-kernel") or ()
    wheels = [Path(str(file.locate())) for file in place if file.suffix == ".whl"]
    return [wheel for wheel in wheels if wheel.name.startswith(("pyodide_kernel-", "ipykernel-"))]


def _own() -> set[str]:
    from lab.site.browser import PURE
    from lab.site.downloads import WHEELS

    return {name.replace("_", "-") for name in (*_PURE, *PURE, *WHEELS)}
