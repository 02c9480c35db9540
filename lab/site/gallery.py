"""The gallery: each topology that ships, with its map, its run to play, and its file."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, takewhile
from pathlib import Path
from typing import Final

from markupsafe import Markup

from lab.api.examples import Example, copy_to, examples
from lab.api.run import Run
from lab.api.simulate import simulate
from lab.quantities import count_noun, time_taken
from lab.runtime import executor
from lab.site.markdown import code, rendered
from lab.site.pages import Site, html
from lab.site.pictures import full_map, small_map, words_of
from lab.views.replay import replay_page

GROUPS: Final = {
    "": "Networks",
    "rfc821": "Scenarios of RFC 821",
    "faults": "Faults",
    "lessons": "For the lessons",
    "experiments": "Experiments",
}
"""The folders of what ships, with the headings that they have in the gallery."""


@dataclass(frozen=True)
class Shown:
    """An example in the gallery: what is said of it, and the files that it brings.

    ``alt`` says in words what the map shows. ``files`` are the text or bytes by their paths within
    the site.
    """

    name: str
    title: str
    about: Markup
    source: str
    extra: tuple[str, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    verdict: str = ""
    alt: Markup | str = ""
    files: dict[str, str | bytes] = field(default_factory=dict)

    @property
    def at(self) -> str:
        """The path of its files within the site, without their endings."""
        return f"gallery/{self.name}"

    @property
    def runs(self) -> bool:
        """Whether it is a topology, and not an experiment."""
        return bool(self.figures)


def write_gallery(
    site: Site, names: Collection[str] = (), processes: int | None = None
) -> Iterator[str]:
    """Write the gallery, or that of some examples; yield the name of each that is done."""
    chosen = [each for each in examples() if not names or each.name in names]
    every = []
    for each in executor.results(shown, chosen, processes):
        for path, content in each.files.items():
            site.file(path, content)
        site.page(
            f"{each.at}.html",
            each.title,
            "topology.html",
            shown=each,
            text=html(code(each.source, "toml")),
        )
        each.files.clear()
        every.append(each)
        yield each.name
    folders = groupby(
        sorted(every, key=lambda each: list(GROUPS).index(folder_of(each.name))),
        key=lambda each: folder_of(each.name),
    )
    groups = [(GROUPS[name], list(members)) for name, members in folders]
    site.page("gallery/index.html", "Gallery", "gallery.html", groups=groups)


def folder_of(name: str) -> str:
    """Return the folder of an example; the last of the groups takes what has none of its own."""
    folder = name.rpartition("/")[0]
    return folder if folder in GROUPS else ""


def shown(example: Example) -> Shown:
    """Run an example, and return what the gallery shows of it."""
    source = example.path.read_text(encoding="utf-8")
    files = _copied(example)
    extra = tuple(path for path in files if path != f"gallery/{example.name}.toml")
    make = partial(Shown, example.name, example.title, comments(source), source, extra)
    if example.is_experiment:
        return make(files=files)
    run = simulate(example.path)
    at = f"gallery/{example.name}"
    files[f"{at}.svg"] = picture = full_map(run.trace)
    files[f"{at}-small.svg"] = small_map(run.trace)
    files[f"{at}-run.html"] = replay_page(run.trace)
    return make(
        figures=tuple(_figures(run)), verdict=run.verdict, alt=words_of(picture), files=files
    )


def _copied(example: Example) -> dict[str, str | bytes]:
    """Return the file of an example and those that it names, by their paths within the site."""
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        paths = copy_to(example, top / "gallery" / f"{example.name}.toml")
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in paths}


def comments(source: str) -> Markup:
    """Return the comment with which a file begins, as HTML."""
    lines = takewhile(lambda line: line.startswith("#"), source.splitlines())
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)
    return html(rendered(text, lambda _: None).body)


_ENDS: Final = {
    "delivered": "delivered",
    "returned": "returned",
    "rejected": "rejected",
    "queued": "still queued",
    "undeliverable_notifications": "without a notification",
    "lost": "lost",
    "duplicates": "delivered twice",
}
"""The counts of a summary that are shown where they are not 0, with their words."""


def _figures(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the figures of a run, each with its name."""
    counts: dict[str, int] = {name: int(run.summary[name]) for name in _ENDS}  # type: ignore[literal-required]
    ends = ", ".join(f"{counts[name]:,} {words}" for name, words in _ENDS.items() if counts[name])
    meta = run.trace.meta
    yield (
        "network",
        f"{count_noun(len(meta['hosts']), 'host')}, {count_noun(len(meta['links']), 'link')}",
    )
    yield "recipients", f"{run.summary['submitted']:,}: {ends}" if ends else "0"
    yield "sessions", f"{run.summary['sessions']:,}"
    yield "simulated time", time_taken(run.summary["simulated_seconds"])
    yield "events", f"{len(run.trace):,}"
    yield "digest", run.digest
