"""Packages that only some of the lab needs: which extra has each, and what is said without them.

``pip install smtp-lab`` is enough for runs, their pictures, stepping and live networks. All else
is asked for where it is needed, in a sentence with the command that installs it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

_EXTRAS: Final = {
    "IPython": "lessons",
    "anywidget": "lessons",
    "distributed": "cluster",
    "griffe": "site",
    "ipykernel": "lessons",
    "jinja2": "site",
    "jupyterlab": "lessons",
    "jupyterlite_core": "lite",
    "jupyterlite_pyodide_kernel": "lite",
    "matplotlib": "pictures",
    "mpi4py": "cluster",
    "nbclient": "lessons",
    "pandas": "lessons",
    "pyarrow": "cluster",
}
"""The extra that has each package which the core does without."""


class MissingPackage(ImportError):
    """Raised where a package is needed that is not installed; says how to install it."""


def is_installed(package: str) -> bool:
    """Whether a package can be imported."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # it is there in part, or something keeps it out
        return False


def has_processes() -> bool:
    """Whether there can be other processes and threads here; in a browser there are none."""
    return find_spec("_multiprocessing") is not None


def command(*packages: str) -> str:
    """Return the command that installs packages."""
    extras = dict.fromkeys(_EXTRAS[package] for package in packages)
    if len(extras) > 1:
        extras.pop("pictures", None)  # the others have what it has
    return f"pip install 'smtp-lab[{','.join(extras)}]'"


def sentence(purpose: str, *packages: str) -> str:
    """Return what is missing for a purpose ("a table requires"), and how to install it."""
    names = ", ".join(packages)
    are = "which are" if len(packages) > 1 else "which is"
    return f"{purpose} {names}, {are} not installed; run: {command(*packages)}"


def required(package: str, purpose: str) -> Any:
    """Import a package and return it; raises MissingPackage with a :func:`sentence`."""
    try:
        return import_module(package)
    except ImportError:
        raise MissingPackage(sentence(purpose, package.partition(".")[0])) from None
