"""The course as pages: lessons to read, without answers, solutions and checks."""

from __future__ import annotations

import ast
import posixpath
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lab.lessons import course
from lab.lessons.clean import clean
from lab.lessons.released import released
from lab.lessons.tasks import calls, has_tag, parsed, text_of
from lab.runtime import shipped
from lab.runtime.extras import is_installed
from lab.site.markdown import Resolve, rendered
from lab.site.pages import Site, html, linker
from lab.site.pictures import same_each_time, themed

INDEX: Final = "course/index.html"
_MAP: Final = "map.svg"
_ALT: Final = "Map of the course: the table above says what each lesson builds on."


def write_course(site: Site) -> Iterator[str]:
    """Write the lessons and their list; yield the path of each page."""
    folder = shipped.folder("notebooks")
    lessons = course.lessons(folder)
    siblings = [
        (f"course/{each.path.stem}.html", f"{each.number}. {each.title}") for each in lessons
    ]
    has_map = is_installed("matplotlib")
    if has_map:
        site.file(f"course/{_MAP}", _course_map())
    first = course.read(folder / f"{course.INDEX}.ipynb")
    made = rendered(_list_text(first, has_map), resolver(INDEX))
    site.page(INDEX, "The course", "course.html", body=html(made.body))
    yield INDEX
    for each, (page, _) in zip(lessons, siblings, strict=True):
        made = rendered(_text(course.read(each.path)), resolver(page))
        site.page(
            page, f"{each.number}. {made.title}", "text.html", siblings=siblings,
            group="The course", start=INDEX, body=html(made.body), headings=made.headings,
            notebook=each.path.name,
        )  # fmt: skip
        yield page


def resolver(page: str) -> Resolve:
    """Return what says where a link of a lesson leads on the site."""
    link = linker(page)
    known = {path.stem for path in shipped.folder("notebooks").glob("*.ipynb")}

    def resolve(target: str) -> str | None:
        if target == _MAP:
            return target
        stem, ending = posixpath.splitext(target)
        if ending != ".ipynb" or stem not in known:
            return None
        return link(INDEX if stem == course.INDEX else f"course/{stem}.html")

    return resolve


def _list_text(notebook: dict[str, Any], has_map: bool) -> str:
    """Return the notebook that leads to the others as Markdown, its code being its map."""
    parts: list[str] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            parts.append(text_of(cell))
        elif has_map:
            parts.append(f"[![{_ALT}]({_MAP})]({_MAP})")
        else:
            parts.pop()  # the words about it
    return "\n\n".join(parts)


def _text(notebook: dict[str, Any]) -> str:
    """Return a notebook as Markdown: what a student sees before the first answer."""
    before = {cell["id"]: text_of(cell) for cell in clean(notebook)["cells"]}
    parts = []
    for cell in released(notebook)["cells"]:
        if cell["cell_type"] == "markdown":
            parts.append(text_of(cell))
        else:
            parts += _code(before[cell["id"]], text_of(cell), has_tag(cell, "exercise"))
    return "\n\n".join(parts)


def _code(before: str, after: str, is_exercise: bool) -> Iterator[str]:
    """Yield a cell of code as Markdown, without its checks, and a word about these."""
    names = handed_in(after)
    source = (kept(before, after) if before != after else before).strip("\n")
    if source:
        mark = " exercise" if is_exercise else ""
        yield f"~~~~~python{mark}\n{source}\n~~~~~"
    if names:
        yield f"*In the notebook, the answer is checked here: {', '.join(names)}.*"


def handed_in(source: str) -> list[str]:
    """Return the names of the exercises whose answers a cell hands in."""
    tree = parsed(source)
    every = [call for call in calls(tree) if _hands_in(call)] if tree is not None else []
    return [str(call.args[0].value) for call in every if isinstance(call.args[0], ast.Constant)]


def _hands_in(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "hand_in"


def kept(before: str, after: str) -> str:
    """Return the statements of a cell that are left of it, as they were written, but for checks."""
    tree, left = parsed(before), parsed(after)
    if tree is None or left is None:
        return ""
    wanted = {ast.dump(node) for node in left.body if not any(map(_hands_in, calls(node)))}
    parts: list[str] = []
    end = 0
    for node in tree.body:
        if ast.dump(node) in wanted:
            begin = min([node.lineno, *(each.lineno for each in _decorators(node))])
            parts += [""] if parts and begin > end + 1 else []
            end = node.end_lineno or begin
            parts += before.splitlines()[begin - 1 : end]
    return "\n".join(parts)


def _decorators(node: ast.stmt) -> list[ast.expr]:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return decorators


def _course_map() -> str:
    """Return the map of the course as SVG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6))
    course.course_map(figure.add_subplot(), shipped.folder("notebooks"))
    with tempfile.TemporaryDirectory() as folder, same_each_time():
        path = Path(folder) / "map.svg"
        figure.savefig(path, bbox_inches="tight")
        return themed(path.read_text(encoding="utf-8"))
