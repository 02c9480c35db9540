"""``lab site``: the pages hold together, and nothing leads out of the folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.axe import axe_violations, needs_axe
from helpers.browser import browser, listening, needs_chromium
from helpers.pages import broken_links

import lab
from lab.cli import cli
from lab.runtime import extras
from lab.runtime.guides import topics
from lab.site.build import NotOurs, write_site
from lab.site.home import write_home
from lab.site.lessons import write_lessons
from lab.site.parts import NotMade
from lab.site.pictures import small_map, themed
from lab.views.visual_language import COLOURS

EXAMPLES = ("faults/schedule", "rfc821/scenario-03", "experiments/retry-policy")
"""A topology with a file beside it, one without, and an experiment."""

PARTS = ("guides", "gallery", "course", "reference")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a site of all parts but the lab in the browser, with a few examples in the gallery."""
    folder = tmp_path_factory.mktemp("site") / "public"
    write_site(folder, PARTS, examples=EXAMPLES)
    return folder


def lab_site(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, ["site", *arguments], prog_name="lab")
    return done.exit_code, done.stdout, done.stderr


def test_links_lead_to_what_is_there_and_nothing_leads_out(site: Path) -> None:
    assert broken_links(site) == []


def test_the_checker_of_links_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html"></a><a href="a.html#no"></a><img src="https://x.example/a.png">'
        '<a href="../a.html"></a><a href="#yes" id="yes"></a><link href="data:,">'
    )
    assert [line.rpartition(": ")[2] for line in broken_links(tmp_path)] == [
        "is not there", "has no such anchor", "leads out of the folder", "leads out of the folder",
    ]  # fmt: skip


def test_every_guide_is_a_page(site: Path) -> None:
    pages = {path.stem for path in (site / "guides").glob("*.html")}
    assert pages == {"index", *topics()}


def test_the_gallery_has_a_map_a_run_and_the_file_of_each_topology(site: Path) -> None:
    """An experiment has no run of its own; files that are named come along."""
    made = {path.relative_to(site / "gallery").as_posix() for path in (site / "gallery").rglob("*")}
    for name in EXAMPLES[:2]:
        assert {f"{name}{end}" for end in (".html", ".svg", "-run.html", ".toml")} <= made
    assert "faults/schedule.csv" in made
    assert "experiments/retry-policy.toml" in made
    assert "experiments/retry-policy-run.html" not in made
    page = (site / "gallery/rfc821/scenario-03.html").read_text("utf-8")
    assert lab.simulate(site / "gallery/rfc821/scenario-03.toml").digest in page


def test_a_picture_has_both_colours_of_each_thing(site: Path) -> None:
    drawn = (site / "gallery/rfc821/scenario-03.svg").read_text("utf-8")
    style, rest = drawn.split("</style>", 1)
    assert COLOURS["ink"].light in style
    assert COLOURS["ink"].dark in style
    assert COLOURS["ink"].light not in rest
    assert themed('<svg><path fill="#123456"/></svg>').endswith('<path fill="#123456"/></svg>')


def test_the_same_site_is_made_again(site: Path, tmp_path: Path) -> None:
    """Byte for byte: nothing on a page depends on when or where it was made."""
    write_site(tmp_path, ["gallery"], examples=EXAMPLES[1:2])
    name = "gallery/rfc821/scenario-03"
    for end in ("-run.html", "-small.svg", ".svg", ".toml"):
        assert (tmp_path / f"{name}{end}").read_bytes() == (site / f"{name}{end}").read_bytes()


def test_a_site_of_some_parts_leads_to_these_alone(tmp_path: Path) -> None:
    """And what an older site there had, and this one has not, is gone."""
    folder = tmp_path / "public"
    assert lab_site(str(folder), "--only", "guides")[0] == 0
    (folder / "CNAME").write_text("mine")
    older = set(json.loads((folder / "site.json").read_text())["files"])
    write_site(folder, ["gallery"], examples=EXAMPLES[1:2])
    assert not any((folder / path).exists() for path in older if path.startswith("guides/"))
    assert "guides/" not in (folder / "index.html").read_text("utf-8")
    assert broken_links(folder) == []
    assert (folder / "CNAME").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    status, _, said = lab_site(str(tmp_path))
    assert (status, said.count("\n")) == (2, 1)
    assert "it holds files that are not of a site" in said
    (tmp_path / "site.json").write_text('{"files": 3}')
    with pytest.raises(NotOurs):
        write_site(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "site.json"]


def test_a_list_of_files_that_names_others_removes_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "public").mkdir()
    (tmp_path / "public/site.json").write_text('{"files": ["../mine.txt", "/etc/hostname"]}')
    write_site(tmp_path / "public", ["gallery"], examples=EXAMPLES[2:])
    assert (tmp_path / "mine.txt").exists()


def test_a_site_that_was_interrupted_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has written by then is known to be of the site."""

    def stopped(doing: str) -> None:
        if doing == "guides/tour.html":
            raise KeyboardInterrupt

    folder = tmp_path / "public"
    with pytest.raises(KeyboardInterrupt):
        write_site(folder, ["guides"], stopped)
    write_site(folder, ["gallery"], examples=EXAMPLES[2:])
    assert not (folder / "guides").exists()


def with_browser(monkeypatch: pytest.MonkeyPatch, why: str = "", lessons: str = "") -> None:
    """Let something small stand for the lab in the browser, and the lessons there.

    ``why`` and ``lessons`` say why they cannot be made.
    """

    def write_play(folder: Path, report: object, packages: str | None) -> None:
        folder.mkdir(parents=True)
        (folder / "index.html").write_text("<title>Play</title>", encoding="utf-8")
        if why:
            raise NotMade(why)

    def write_lessons(folder: Path, report: object) -> None:
        if lessons:
            raise NotMade(lessons)
        (folder / "notebooks").mkdir(parents=True)
        (folder / "notebooks/index.html").write_text("<title>A lesson</title>", encoding="utf-8")

    monkeypatch.setattr("lab.site.build.write_play", write_play)
    monkeypatch.setattr("lab.site.build.write_lessons", write_lessons)


def test_the_lab_in_the_browser_is_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_browser(monkeypatch)
    write_site(tmp_path, ["play"])
    assert 'href="play/index.html"' in (tmp_path / "index.html").read_text("utf-8")
    assert broken_links(tmp_path) == []
    write_site(tmp_path, ["gallery"], examples=EXAMPLES[2:])
    assert not (tmp_path / "play").exists()


def test_home_page_and_course_lead_to_the_lessons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To each lesson from its page, if they can be worked on in the browser."""
    with_browser(monkeypatch)
    write_site(tmp_path, ["play", "course"])
    where = "play/lessons/notebooks/index.html?path="
    assert f'href="{where}00-the-course.ipynb"' in (tmp_path / "index.html").read_text("utf-8")
    for page in (tmp_path / "course").glob("[0-9]*.html"):
        assert f'href="../{where}{page.stem}.ipynb"' in page.read_text("utf-8")
    assert broken_links(tmp_path) == []
    with_browser(monkeypatch, lessons="no JupyterLite is there")
    built = write_site(tmp_path, ["play", "course"])
    assert built.without_lessons == "no JupyterLite is there"
    assert not (tmp_path / "play/lessons").exists()
    assert broken_links(tmp_path) == []


def test_lessons_that_cannot_be_made_are_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that helps, and the rest of the site."""
    with_browser(monkeypatch)
    monkeypatch.setattr("lab.site.build.write_lessons", write_lessons)
    without = ("jupyterlite_core", "jupyterlite_pyodide_kernel")
    monkeypatch.setattr("lab.site.lessons.is_installed", lambda package: package not in without)
    status, _, said = lab_site(str(tmp_path), "--only", "play")
    assert status == 0
    assert "the lessons in the browser are left out: " in said
    assert "pip install 'smtp-lab[lite]'" in said


def test_a_lab_in_the_browser_that_cannot_be_made_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a note; but if it was asked for by name, nothing else would do."""
    with_browser(monkeypatch, "no Pyodide is there")
    monkeypatch.setattr("lab.site.build._write_pages", lambda site, *rest: write_home(site))
    built = write_site(tmp_path)
    assert built.left_out == "no Pyodide is there"
    assert "play/" not in (tmp_path / "index.html").read_text("utf-8")
    with pytest.raises(NotMade):
        write_site(tmp_path, ["play"])


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, _, said = lab_site(str(tmp_path / "file" / "public"), "--only", "guides")
    assert (status, said.count("\n")) == (1, 1)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda package: package != "jinja2")
    status, _, said = lab_site("public")
    assert (status, said.count("\n")) == (2, 1)
    assert "pip install 'smtp-lab[site]'" in said


# -- in a browser -----------------------------------------------------------------------------

PAGES = ("index.html", "course/index.html", "course/03-replies.html",
         "reference/index.html", "reference/lab.Run.html",
         "guides/index.html", "guides/safety.html", "gallery/index.html",
         "gallery/rfc821/scenario-03.html", "gallery/experiments/retry-policy.html")  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Any:
    with browser() as opened:
        yield opened


@needs_chromium
@needs_axe
@pytest.mark.turns_of_files("browsers", 4)
@pytest.mark.parametrize(
    ("scheme", "width", "pages"), [("light", 1400, PAGES), ("dark", 390, PAGES[::2])]
)
def test_axe_finds_nothing_and_no_page_is_too_wide(
    chromium: Any, site: Path, scheme: str, width: int, pages: Sequence[str]
) -> None:
    """Nor does a page report an error, or ask for something that is not of the folder."""
    page = chromium.new_page(
        color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    messages = listening(page)
    for name in pages:
        messages.clear()  # axe asks frames, which files may not
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert messages == [], name
        assert axe_violations(page) == [], name
    page.close()


@needs_chromium
@pytest.mark.turns_of_files("browsers", 4)
def test_the_run_of_the_home_page_plays(chromium: Any, site: Path) -> None:
    """By itself, unless the reader asked for little motion."""
    for motion, plays in (("no-preference", True), ("reduce", False)):
        page = chromium.new_page(reduced_motion=motion)
        page.goto((site / "index.html").as_uri())
        frame = page.frames[1]
        frame.wait_for_function("globalThis.replay")
        assert frame.evaluate("replay.playing") is plays
        page.close()


def test_a_small_map_has_a_sign_for_each_host() -> None:
    drawn = small_map(lab.simulate("topologies/campus.toml").trace)
    assert drawn.count("<path") == 4 + 5
