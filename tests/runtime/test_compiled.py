"""Compiled modules do what their sources do, and never hide an edit of these."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from helpers.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FILES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]

DIGESTS = """
import json, pathlib
import lab
from lab.experiments.storm.random_networks import random_network

files = sorted(pathlib.Path("topologies").rglob("*.toml"))
runs = {str(one): lab.load(one) for one in files if one.parent.name != "experiments"}
runs |= {f"random_network {number}": random_network(7, number) for number in range(60)}
print(json.dumps({name: lab.simulate(one, seed=7).trace.digest() for name, one in runs.items()}))
"""
DOCSTRINGS = """
import enum, importlib, inspect, json, sys

OTHERS = ("member_descriptor", "int", "str")
found = {}
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    found[name] = module.__doc__
    for key, value in vars(module).items():
        if getattr(value, "__module__", "") != name or not callable(value):
            continue
        if inspect.isclass(value) and issubclass(value, enum.Enum):
            continue  # mypyc has a text of its own for these
        found[f"{name}.{key}"] = value.__doc__
        for inner, one in vars(value).items() if inspect.isclass(value) else ():
            kind = type(one).__name__  # no attribute has a docstring of its own
            if not inner.startswith("_") and one.__doc__ and kind not in OTHERS:
                found[f"{name}.{key}.{inner}"] = one.__doc__
print(json.dumps(found))
"""
SIGNATURES = """
import enum, importlib, inspect, json, sys

def signature(value, skip):
    try:
        parameters = list(inspect.signature(value).parameters.values())[skip:]
    except ValueError:
        return None
    return [(one.name, str(one.kind), repr(one.default)) for one in parameters]

found = {}
for name in sys.argv[1:]:
    for key, value in vars(importlib.import_module(name)).items():
        if getattr(value, "__module__", "") != name or not callable(value):
            continue
        if inspect.isclass(value) and issubclass(value, (enum.Enum, Exception)):
            continue  # the constructor is Python's
        found[f"{name}.{key}"] = signature(value, 0)
        for inner, one in vars(value).items() if inspect.isclass(value) else ():
            if inspect.isroutine(one) and not inner.startswith("_"):
                found[f"{name}.{key}.{inner}"] = signature(one, 1)  # without self
print(json.dumps(found))
"""
IN_USE = "from lab.runtime import compiled; print(compiled.in_use())"


def python(code: str, *arguments: str, pure: bool = False, path: Path = ROOT) -> str:
    """What a program prints that has the lab of a folder, compiled where that may be."""
    env = {name: value for name, value in os.environ.items() if name != "SMTP_LAB_PURE"}
    env |= {"SMTP_LAB_PURE": "1"} if pure else {}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=path, env=env, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@cache
def is_compiled() -> bool:
    return python(IN_USE) == "True"


@pytest.fixture
def compiled() -> None:
    if not is_compiled():
        pytest.skip("no compiled modules of these sources are installed: pip install -e . has them")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the lab, to be edited."""
    shutil.copytree(ROOT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.usefixtures("compiled")
def test_a_run_has_the_same_digest_compiled_and_not() -> None:
    digests: dict[str, str] = json.loads(python(DIGESTS))
    assert len(digests) > 90
    assert digests == json.loads(python(DIGESTS, pure=True))


@pytest.mark.usefixtures("compiled")
def test_all_that_is_listed_is_compiled_and_nothing_where_plain_python_is_asked_for() -> None:
    names = [file.removesuffix(".py").replace("/", ".") for file in FILES]
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    print(importlib.import_module(name).__spec__.origin.endswith('.py'))"
    )
    assert set(python(code, *names).split()) == {"False"}
    assert set(python(code, *names, pure=True).split()) == {"True"}


@pytest.mark.usefixtures("compiled")
def test_docstrings_are_the_same_compiled_and_not() -> None:
    names = [file.removesuffix(".py").replace("/", ".") for file in FILES]
    docstrings: dict[str, str] = json.loads(python(DOCSTRINGS, *names, pure=True))
    assert len(docstrings) > 100
    assert json.loads(python(DOCSTRINGS, *names)) == docstrings


@pytest.mark.usefixtures("compiled")
def test_signatures_are_the_same_compiled_and_not() -> None:
    """All but the types, which a compiled function does not tell."""
    names = [file.removesuffix(".py").replace("/", ".") for file in FILES]
    signatures: dict[str, list[object] | None] = json.loads(python(SIGNATURES, *names, pure=True))
    compiled: dict[str, list[object] | None] = json.loads(python(SIGNATURES, *names))
    assert compiled["lab.protocol.receiver.ReceiverSMTP"] is not None
    assert len(compiled) > 200
    assert compiled == signatures


@pytest.mark.usefixtures("compiled")
def test_help_shows_a_compiled_class_with_its_methods() -> None:
    code = "from lab.protocol import ReceiverSMTP; help(ReceiverSMTP)"
    printed = python(code)
    for text in (
        "class ReceiverSMTP(builtins.object)",
        "ReceiverSMTP(installation, limits=None, *, grammar='standard', eight_bit='refuse')",
        "One session's receiver-SMTP.",
        "receive(self, /, octets)",
        "Take bytes from the channel; return what crossed and what to send, in order.",
    ):
        assert text in printed


@pytest.mark.usefixtures("compiled")
def test_classes_in_plain_python_derive_from_compiled_ones() -> None:
    """A user's engine, installation, agenda, script and driver do the same compiled and not."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
    code += "from helpers.derived_classes import main; main()"
    printed = python(code)
    assert "I am in a good mood" in printed
    assert "(250, '5 bytes') True" in printed
    assert printed == python(code, pure=True)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("file", ["lab/hosts/host.py", "lab/protocol/lines.py"])
def test_an_edit_of_a_source_that_was_compiled_or_compiled_in_is_not_hidden(
    copy: Path, file: str
) -> None:
    code = (
        "from lab.runtime import compiled; import lab.hosts.host, lab.protocol.lines\n"
        "edited = getattr(lab.hosts.host, 'EDITED', 0) + getattr(lab.protocol.lines, 'EDITED', 0)\n"
        "print(compiled.in_use(), lab.hosts.host.__spec__.origin.endswith('.py'), edited)"
    )
    assert python(code, path=copy) == "True False 0"
    with (copy / file).open("a", encoding="utf-8") as source:
        source.write("EDITED = 1\n")
    assert python(code, path=copy) == "False True 1"


def test_compiled_modules_are_taken_only_if_each_source_is_what_was_compiled(copy: Path) -> None:
    folder = copy / "smtp_lab_compiled"
    folder.mkdir()
    names = ["lab/hosts/host.py", "lab/trace/trace.py"]
    lines = [f"{sha256((copy / name).read_bytes()).hexdigest()} {name}\n" for name in names]
    (folder / "SOURCES").write_text("".join(lines), encoding="utf-8")
    assert python(IN_USE, path=copy) == "True"
    assert python(IN_USE, path=copy, pure=True) == "False"
    os.utime(copy / names[0], (0, 0))  # a date is no edit
    assert python(IN_USE, path=copy) == "True"
    (copy / names[1]).unlink()
    assert python(IN_USE, path=copy) == "False"
    (copy / names[1]).write_text("Row = tuple\n", encoding="utf-8")
    assert python(IN_USE, path=copy) == "False"


def test_the_version_tells_whether_compiled_modules_are_in_use() -> None:
    code = "import sys; sys.argv[1:] = ['--version']; from lab.cli import main; main()"
    how = "compiled" if is_compiled() else "plain Python"
    assert python(code).endswith(f"({how})")
    assert python(code, pure=True).endswith("(plain Python)")


@pytest.mark.usefixtures("compiled")
def test_a_topology_travels_to_other_processes() -> None:
    """Nothing that it is made of is compiled: such a frozen dataclass cannot be unpickled."""
    code = (
        "import lab, pickle, sys\n"
        "one = lab.load(sys.argv[1])\n"
        "print(pickle.loads(pickle.dumps(one)) == one)"
    )
    assert python(code, "topologies/internet.toml") == "True"
