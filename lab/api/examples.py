"""The topologies and experiments that ship with the lab, by name, and copies of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.runtime.shipped import folder
from lab.runtime.whole_files import whole_file
from lab.topology.suggestions import did_you_mean


class NoExample(LookupError):
    """Raised when no file of that name ships with the lab."""


@dataclass(frozen=True)
class Example:
    """A file that ships: its name ("rfc821/scenario-03"), its title, and where it lies."""

    name: str
    title: str
    path: Path
    is_experiment: bool


def examples() -> list[Example]:
    """Return what ships, topologies and experiments, in the order of their names."""
    top = folder("topologies")
    listed = [_example(path, top) for path in top.rglob("*.toml")]
    return sorted(listed, key=lambda each: (each.name.count("/"), each.name))


def _example(path: Path, top: Path) -> Example:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    name = path.relative_to(top).with_suffix("").as_posix()
    return Example(name, str(content.get("title", "")), path, "grid" in content)


def find(wanted: str) -> list[Example]:
    """Return the example of a name, or those in a folder ("faults"); raises NoExample.

    "scenario-03", "scenario-03.toml", "rfc821/scenario-03" and
    "topologies/rfc821/scenario-03.toml" are the same.
    """
    known = examples()
    name = wanted.strip("/").removesuffix(".toml").removeprefix("topologies/")
    for matches in (
        [each for each in known if each.name == name],
        [each for each in known if each.name.startswith(f"{name}/")],
        [each for each in known if PurePosixPath(each.name).name == name],
    ):
        if matches:
            return matches
    names = [each.name for each in known]
    short = [PurePosixPath(each).name for each in names]
    hint = did_you_mean(name, [*names, *short], "; lab examples lists them")
    raise NoExample(f"no example {wanted!r} ships with the lab{hint}")


def copy_to(example: Example, target: Path) -> list[Path]:
    """Write an example to a file, and the files that it names beside it; return their paths.

    A file that has the same content already is left alone. Raises FileExistsError, before anything
    is written, if one of them has other content.
    """
    needed = dict(_needed(example.path, target))
    for path, content in needed.items():
        if path.exists() and path.read_bytes() != content:
            raise FileExistsError(f"{path} exists and has other content")
    for path, content in needed.items():
        if not path.exists():
            _write(path, content)
    return list(needed)


def _needed(source: Path, target: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield what a copy consists of: the file itself first, then those that its values name."""
    content = source.read_bytes()
    yield target, content
    if source.suffix == ".toml":
        for name in dict.fromkeys(_texts(tomllib.loads(content.decode()))):
            named = source.parent / name
            if "." in name and "/" not in name and "\n" not in name and named.is_file():
                yield from _needed(named, target.parent / name)


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in the values of a file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def copy_all(target: Path) -> int:
    """Write everything that ships in ``topologies/`` into a folder; return how many files.

    A file that exists is left alone, so that nobody loses an edit.
    """
    return copy_folder(folder("topologies"), target)


def copy_folder(source: Path, target: Path) -> int:
    """Copy the files of a folder that are missing from another; return how many."""
    relative = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()]
    missing = [
        path
        for path in relative
        if not any(part.startswith(".") for part in path.parts) and not (target / path).exists()
    ]
    for path in missing:
        _write(target / path, (source / path).read_bytes())
    return len(missing)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)
