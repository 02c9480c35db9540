"""Names of before still work, each with one warning that says the new name."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from helpers.places import ROOT

import lab
from lab.analysis.itineraries import itineraries
from lab.runtime import old_names

MODULES = {f"lab.{old}": [f"lab.{new}" for new in news] for old, news in old_names.MODULES.items()}
NAMES = {f"lab.{old}": f"lab.{new}" for old, new in old_names.NAMES.items()}


def public_in(module: ModuleType) -> Iterator[str]:
    """What a module defines for others."""
    for name, value in vars(module).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__:
            yield name


def accessed(module: str, name: str) -> tuple[object, list[str]]:
    """What an old name stands for, and the warnings of two accesses."""
    old = import_module(module)
    vars(old).pop(name, None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = getattr(old, name)
        assert getattr(old, name) is found
    assert all(warning.category is DeprecationWarning for warning in caught)
    assert all(warning.filename == __file__ for warning in caught)
    return found, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("old", MODULES)
def test_an_old_module_has_the_names_of_those_that_it_became(old: str) -> None:
    """Each as the same object, with one warning that says where it is now."""
    looked_at = 0
    for place in MODULES[old]:
        module = import_module(place)
        for name in public_in(module):
            if isinstance(vars(import_module(old)).get(name), ModuleType):
                continue  # a package has a module of this name now
            if f"{old}.{name}" in NAMES or any(
                hasattr(import_module(other), name)
                for other in MODULES[old][: MODULES[old].index(place)]
            ):
                continue
            found, told = accessed(old, name)
            assert found is getattr(module, name)
            assert len(told) == 1
            new = re.fullmatch(rf"{re.escape(old)}\.{name} is now (lab\.[\w.]+)", told[0])
            assert new is not None, told
            assert resolved(new[1]) is found
            looked_at += 1
    assert looked_at or old in {name.rpartition(".")[0] for name in NAMES}


def resolved(name: str) -> object:
    module, _, name_there = name.rpartition(".")
    return getattr(import_module(module), name_there)


@pytest.mark.parametrize("old", NAMES)
def test_an_old_name_is_the_thing_under_its_new_name(old: str) -> None:
    module, _, name = old.rpartition(".")
    found, told = accessed(module, name)
    assert found is resolved(NAMES[old])
    assert told == [f"{old} is now {NAMES[old]}"]


def test_no_old_module_is_in_the_way_of_one_that_is_there() -> None:
    for name in MODULES:
        path = ROOT.joinpath(*name.split("."))
        assert not path.with_suffix(".py").exists(), f"{name} is there: take it out of the table"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("from lab.trace import Trace", "lab.trace.Trace is now lab.Trace"),
        ("from lab.trace import Event", "lab.trace.Event is now lab.Event"),
        ("from lab.network.topology import Topology",
         "lab.network.topology.Topology is now lab.Topology"),
        ("from lab.network.topology import FaultSpec",
         "lab.network.topology.FaultSpec is now lab.Fault"),
        ("from lab.api import Run", "lab.api.Run is now lab.Run"),
        ("from lab.api import load", "lab.api.load is now lab.load"),
        ("from lab.store import open_trace", "lab.store.open_trace is now lab.open_trace"),
        ("from lab.store import LEVELS", "lab.store.LEVELS is now lab.trace.levels.LEVELS"),
        ("from lab.frames import events", "lab.frames.events is now lab.analysis.tables.events"),
        ("from lab.views.story import stories",
         "lab.views.story.stories is now lab.analysis.itineraries.itineraries"),
        ("from lab.views.timeline import timeline",
         "lab.views.timeline.timeline is now lab.views.timeline"),
        ("import lab.frames; lab.frames.events",
         "lab.frames.events is now lab.analysis.tables.events"),
        ("from lab.invariants.breach import Breach",
         "lab.invariants.breach.Breach is now lab.Breach"),
        ("from lab.lessons import untouched",
         "lab.lessons.untouched is now lab.lessons.is_unanswered"),
        ("from lab.protocol import stuff", "lab.protocol.stuff is now lab.protocol.dot_stuff"),
        ("from lab.api import simulate; simulate('topologies/rfc821/scenario-01.toml')",
         "lab.api.simulate is now lab.simulate"),
        ("from lab.experiments.storm import storm; storm(1)",
         "lab.experiments.storm.storm is now lab.storm"),
        ("from lab.simulation import Simulation",
         "lab.simulation.Simulation is now lab.simulation.simulation.Simulation"),
    ],
)  # fmt: skip
def test_a_script_is_warned_once(line: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning:__main__", "-c", line],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.findall(r"DeprecationWarning: (.*)", done.stderr) == [told]


def test_a_picture_is_a_function_whatever_was_imported_before() -> None:
    """``lab.views.timeline`` was the module of the function, too."""
    run = lab.simulate(ROOT / "topologies" / "rfc821" / "scenario-01.toml")
    vars(import_module("lab.views.queues")).pop("queues", None)
    with pytest.warns(DeprecationWarning, match=r"^lab\.views\.queues\.queues is now lab\.views"):
        from lab.views.queues import queues
    assert lab.views.queues is queues
    assert lab.views.queues(run.trace).get_ylabel()


@pytest.mark.parametrize("old", old_names.INTERNAL)
def test_a_module_of_the_lab_itself_says_what_took_its_place(old: str) -> None:
    with pytest.raises(ModuleNotFoundError) as gone:
        import_module(f"lab.{old}")
    new = f"lab.{old_names.INTERNAL[old]}"
    assert str(gone.value) == f"lab.{old} was internal; what it did is in {new} now"
    for place in re.findall(r"lab\.[\w.]+", new):
        import_module(place)


def test_old_attributes_of_a_run_and_a_hop() -> None:
    run = lab.simulate(ROOT / "topologies" / "rfc821" / "scenario-01.toml")
    with pytest.raises(
        AttributeError, match=r"^Run\.ledger was removed; use account, breaches and digest"
    ):
        run.ledger  # type: ignore[attr-defined]  # noqa: B018
    hop = itineraries(run.trace)[0].hops[0]
    with pytest.warns(DeprecationWarning, match=r"^Hop\.tries is now Hop\.attempts$"):
        assert hop.tries is hop.attempts  # type: ignore[attr-defined]
    for made in (run, hop):
        with pytest.raises(AttributeError, match="has no attribute 'photos'"):
            made.photos  # type: ignore[union-attr]  # noqa: B018


def test_what_was_never_there_is_not_there_now() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_module("lab.pictures")
    with pytest.raises(AttributeError, match=r"^module 'lab\.frames' has no attribute 'photos'$"):
        import_module("lab.frames").photos  # noqa: B018


ASKS_ALL_OTHERS = """
import sys

class Nosy:
    @staticmethod
    def find_spec(name, path=None, target=None):
        for finder in sys.meta_path:
            if finder is not Nosy and (spec := finder.find_spec(name, path, target)) is not None:
                return spec

import lab
sys.meta_path.insert(0, Nosy)
import lab.trace.trace, lab.api.simulate, lab.analysis.account
print("imported")
"""


def test_a_finder_that_asks_all_others_may_stand_beside_it() -> None:
    """Tools that change modules as they are imported do so."""
    done = subprocess.run(
        [sys.executable, "-c", ASKS_ALL_OTHERS], capture_output=True, text=True, check=True
    )
    assert done.stdout == "imported\n"
