"""The reference: every public name has a page with its signature, its types and its docstring."""

from __future__ import annotations

import inspect
import re
from html import unescape
from pathlib import Path

import pytest
from helpers.pages import broken_links

import lab
from lab.site.build import write_site
from lab.site.reference import as_markdown


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, ["reference", "guides"])
    return folder / "reference"


def words(page: Path) -> str:
    text = unescape(re.sub(r"<[^>]*>", "", page.read_text(encoding="utf-8")))
    return " ".join(text.split())


NAMES = [
    f"{module.__name__}.{name}"
    for module in (lab, lab.protocol, lab.extend, lab.testing)
    for name in module.__all__
    if not inspect.ismodule(getattr(module, name))
]


def test_every_public_name_has_a_page(reference: Path) -> None:
    """A name that two packages have is where users meet it first."""
    pages = {path.stem for path in reference.glob("*.html")} - {"index"}
    ends = {page.rpartition(".")[2] for page in pages}
    assert [name for name in NAMES if name.rpartition(".")[2] not in ends] == []
    assert {name for name in NAMES if name.startswith(("lab.protocol", "lab.testing"))} <= pages


def test_a_function_has_its_parameters_types_and_docstring(reference: Path) -> None:
    page = words(reference / "lab.simulate.html")
    for parameter in inspect.signature(lab.simulate).parameters:
        assert f"{parameter}: " in page
    assert "until: float | str | None = None," in page
    assert "*, routing" in page
    assert "Return a run of a topology" in page
    assert "GivenFault = FaultSpec | GivenOwnFault" in page, "a name for a type says what it is"
    assert 'href="lab.Run.html"' in (reference / "lab.simulate.html").read_text("utf-8")


def test_a_class_has_its_members_and_those_of_its_bases(reference: Path) -> None:
    page = words(reference / "lab.Topology.html")
    for member in ("with_seed", "to_toml", "environments", "from_graph"):
        assert member in page
    fault = words(reference / "lab.Fault.html")
    assert "duration: float | None = None" in fault
    assert "How long it lasts." in fault


def test_links_of_the_reference_hold(reference: Path) -> None:
    assert broken_links(reference.parent) == []


def test_the_notation_of_docstrings_is_read() -> None:
    """Roles are links, double backquotes code, examples a block."""
    text = as_markdown("See :func:`~lab.load` and ``x``::\n\n    a\n\n>>> 1 + 1\n2\n\nEnd.")
    assert "[`lab.load`](ref:lab.load) and `x`:" in text
    assert "~~~~pycon\n>>> 1 + 1\n2\n~~~~" in text
    assert "`" not in as_markdown("no code")


def test_no_notation_is_left_on_a_page(reference: Path) -> None:
    left = [page.name for page in reference.glob("*.html") if re.search(r":\w+:`|``", words(page))]
    assert left == []
