"""Compile modules of the lab with mypyc: `python .build/compile.py FOLDER lab/hosts/host.py ...`.

It leaves the extension modules in the folder, as in a tree of packages, and a file SOURCES, with
the hash and the name of each source file that they were made from: the modules themselves, and
whatever of the lab they import, for its constants and types are compiled in.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import string
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext

GROUP = "smtp_lab"
OPTIONS = ["--config-file=", "--no-site-packages", "--ignore-missing-imports", "--no-incremental"]


def main(folder: Path, modules: list[str]) -> None:
    """Compile modules, named by their files, into a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        # -O2: as fast as -O3 here, and compiled in half the time; -O0 where only that counts
        extensions = mypycify(
            [*OPTIONS, *modules], opt_level=os.environ.get("SMTP_LAB_OPTIMIZE", "2"),
            debug_level="0", target_dir=scratch, group_name=GROUP, multi_file=True,
        )  # fmt: skip
        put_docstrings(Path(scratch), modules)
        command = ParallelBuild(Distribution({"name": GROUP, "ext_modules": extensions}))
        command.build_lib, command.build_temp = str(folder), os.path.join(scratch, "objects")
        command.parallel = os.cpu_count() or 1
        command.ensure_finalized()
        command.run()
    lines = [f"{hash_of(path)} {path.as_posix()}\n" for path in sorted(closure(modules))]
    (folder / "SOURCES").write_text("".join(lines), encoding="utf-8")


class ParallelBuild(build_ext):
    """Compiles the files of each extension side by side, on every processor, as it does
    extensions.
    """

    def build_extensions(self) -> None:
        """Build the extensions."""
        compile_all = self.compiler.compile
        is_gnu = self.compiler.compiler_type == "unix"

        def compile_each(sources: list[str], *settings: Any, **options: Any) -> list[str]:
            def compiled(source: str) -> list[str]:
                return compile_all([source], *settings, **options)

            # the largest first, so that none is left over at the end
            ordered = sorted(sources, key=os.path.getsize, reverse=True)
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                objects = dict(zip(ordered, pool.map(compiled, ordered), strict=True))
            return [path for source in sources for path in objects[source]]

        self.compiler.compile = compile_each
        for extension in self.extensions:
            # calls within the library go straight to the function, and not through a table
            extension.extra_compile_args += ["-fvisibility=hidden"] if is_gnu else []
        super().build_extensions()


def hash_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def closure(modules: list[str]) -> set[Path]:
    """Modules and all of the lab that they import, directly or not, packages with them."""
    found: set[Path] = set()
    waiting = [Path(module) for module in modules]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [*files_of(".".join(path.parent.parts)), *imports(path)]
    return found


def imports(path: Path) -> Iterator[Path]:
    """The files of what a module imports of the lab, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from files_of(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from files_of(node.module)
            for alias in node.names:
                yield from files_of(f"{node.module}.{alias.name}")


def files_of(module: str) -> list[Path]:
    """The file of a module of the lab; none for what is another's, or no module.

    None for `lab` itself: it names what there is, and nothing that is compiled asks it.
    """
    if not module.startswith("lab."):
        return []
    path = Path(*module.split("."))
    return [one for one in (path / "__init__.py", path.with_suffix(".py")) if one.exists()]


# -- docstrings, which mypyc leaves out ---------------------------------------------------------

_PLAIN = frozenset(string.ascii_letters + string.digits + " _,.;()-")
_TEXT = r'PyDoc_STR\((?:"(?P<shape>[^"]*?)"|NULL)\)'  # the parameters, where C can tell them
_FUNCTION = re.compile(r"(?P<before>\(PyCFunction\)CPyPy_(?P<name>\w+),\s[^{}\"]*)" + _TEXT)
_CLASS = re.compile(
    r"(?P<before>CPyType_(?P<name>\w+)_template_ = \{(?:[^{}]|\{[^{}]*\})*?\.tp_doc = )" + _TEXT
)
_PROPERTY = re.compile(r"(?P<before>\(getter\)(?P<name>\w+),[^{}]*?)NULL(?P<shape>)(?=, NULL\})")
_MODULE = re.compile(r'(?P<before>"(?P<name>[\w.]+)",\n\s*)NULL(?P<shape>)(?=, /\* docstring \*/)')


def put_docstrings(folder: Path, modules: list[str]) -> None:
    """Put the docstrings of modules into the C code that mypyc has made of them."""
    texts: dict[str, str] = {}
    for module in modules:
        path = Path(module).with_suffix("")
        tree = ast.parse(Path(module).read_text(encoding="utf-8"))
        for name, text in docstrings(tree, ""):
            # a name in C begins with as much of the module's as tells it from the others'
            for begin in range(len(path.parts)):
                full = "___".join((*path.parts[begin:], *filter(None, [name])))
                # a setter comes after its getter, whose docstring is the property's
                texts.setdefault(full, in_c(text))

    def told(match: re.Match[str]) -> str:
        name = match["name"].replace(".", "___")
        text = texts.get(name) or texts.get(name.replace("_get_", "___", 1))
        if text is None:
            return match[0]
        return f'{match["before"]}PyDoc_STR("{match["shape"] or ""}{text}")'

    for file in folder.rglob("*.c"):
        code = file.read_text(encoding="utf-8")
        for pattern in (_FUNCTION, _CLASS, _PROPERTY, _MODULE):
            code = pattern.sub(told, code)
        file.write_text(code, encoding="utf-8")


def docstrings(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    """The docstrings in a module or class, by the names that they have in C within the module."""
    text = ast.get_docstring(node, clean=False)
    if text:
        yield name, text
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef):
            full = f"{name}___{inner.name}" if name else inner.name
            if isinstance(inner, ast.ClassDef):
                yield from docstrings(inner, full)
            elif text := ast.get_docstring(inner, clean=False):
                yield full, text


def in_c(text: str) -> str:
    """A text between the quotes of a string of C."""
    return "".join(chr(one) if chr(one) in _PLAIN else f"\\{one:03o}" for one in text.encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
