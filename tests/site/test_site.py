"""``lab site``: the pages hold together, and nothing leads out of the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.pages import broken_links

from lab.cli import cli
from lab.runtime.guides import topics


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a site of the parts that take little time."""
    folder = tmp_path_factory.mktemp("site") / "public"
    done = CliRunner().invoke(cli, ["site", str(folder), "--only", "guides"], prog_name="lab")
    assert (done.exit_code, done.stderr) == (0, "")
    return folder


def test_every_guide_is_a_page(site: Path) -> None:
    pages = {path.stem for path in (site / "guides").glob("*.html")}
    assert pages == {"index", *topics()}


def test_links_lead_to_what_is_there_and_nothing_leads_out(site: Path) -> None:
    assert broken_links(site) == []


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = CliRunner().invoke(cli, ["site", str(tmp_path)], prog_name="lab")
    assert done.exit_code == 2
    assert "it holds files that are not of a site" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
