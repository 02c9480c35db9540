"""The reference: a page for each public name, from its source and its docstring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final

import griffe
from markupsafe import Markup

from lab.site import sources
from lab.site.markdown import rendered
from lab.site.pages import Site, html, linker

KINDS: Final = ("function", "class", "exception", "value")
_PLURALS: Final = {
    "class": "Classes",
    "exception": "Exceptions",
    "function": "Functions",
    "value": "Values",
}
_WIDEST: Final = 76
"""Characters of a signature in one line."""


@dataclass(frozen=True)
class Entry:
    """A public name: where users import it from, what it means, and its kind."""

    package: str
    name: str
    means: griffe.Object
    kind: str

    @property
    def full(self) -> str:
        """Its name with its package."""
        return f"{self.package}.{self.name}"

    @property
    def page(self) -> str:
        """The path of its page within the site."""
        return f"reference/{self.full}.html"


@dataclass(frozen=True)
class Shown:
    """A member of a class, or the name itself, as its page shows it."""

    name: str
    code: Markup
    text: Markup
    note: str = ""


class Reference:
    """The public names with their pages, and links between them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._pages: dict[str, str] = {}
        self._met: dict[str, griffe.Attribute] = {}
        for package in sources.PACKAGES:
            for name, means in sources.public_names(package):
                if means.path not in self._pages:
                    entry = Entry(package, name, means, kind_of(means))
                    self.entries.append(entry)
                    self._pages[means.path] = entry.page

    def target(self, path: str, scope: griffe.Object | None) -> str | None:
        """Return where a name leads on the site: a page, with an anchor for a member of a class.

        ``path`` may lack what comes before it in the scope where it is written.
        """
        holders = [*_around(scope), *sources.PACKAGES] if scope is not None else sources.PACKAGES
        for full in (path, *(f"{holder}.{path}" for holder in holders)):
            named = sources.find(full)
            if named is None:
                continue
            if named.path in self._pages:
                return self._pages[named.path]
            if named.parent is not None and named.parent.path in self._pages:
                return f"{self._pages[named.parent.path]}#{named.name}"
        return None

    def text(self, of: griffe.Object, page: str) -> Markup:
        """Return the docstring of something as HTML; "" if it has none."""
        if of.docstring is None:
            return html("")
        link = linker(page)

        def resolve(address: str) -> str | None:
            target = self.target(address.removeprefix("ref:"), of)
            return link(target) if address.startswith("ref:") and target else None

        return html(rendered(as_markdown(of.docstring.value), resolve, level=3).body)

    def typed(self, expression: object, page: str) -> str:
        """Return a type or a default as HTML, with links to the pages of what it names."""
        if not isinstance(expression, griffe.Expr):
            return escape(str(expression)) if expression is not None else ""
        parts = []
        for part in expression.iterate(flat=True):
            path = part.canonical_path if isinstance(part, griffe.ExprName) else ""
            target = self.target(path, None) if path.startswith("lab.") else None
            if target is None:
                self._meet(path)
            words = escape(str(part))
            parts.append(f'<a href="{linker(page)(target)}">{words}</a>' if target else words)
        return "".join(parts)

    def _meet(self, path: str) -> None:
        """Remember a name for a type that has no page."""
        means = sources.find(path)
        if isinstance(means, griffe.Attribute):
            is_type = means.value is not None and not isinstance(means.value, griffe.ExprCall)
            if is_type:  # and not a default
                self._met.setdefault(means.name, means)

    def names_met(self, page: str) -> list[Shown]:
        """Return the names for types that were met since the last call, and what they stand for."""
        shown: dict[str, Shown] = {}
        while new := [name for name in self._met if name not in shown]:
            for name in new:
                means = self._met[name]
                line = html(f"{name} = {self.typed(means.value, page)}")
                shown[name] = Shown(name, line, self.text(means, page))
        self._met.clear()
        return [shown[name] for name in sorted(shown)]


def _around(scope: griffe.Object) -> Iterator[str]:
    """Yield the names of what something is written in, the nearest first."""
    around: griffe.Object | None = scope
    while around is not None:
        yield around.path
        around = around.parent


def kind_of(means: griffe.Object) -> str:
    """Return the kind of a public name, one of KINDS."""
    if isinstance(means, griffe.Function):
        return "function"
    if not isinstance(means, griffe.Class):
        return "value"
    bases = [str(base) for each in sources.lineage(means) for base in each.bases]
    return "exception" if any(base.endswith(("Error", "Exception")) for base in bases) else "class"


def as_markdown(docstring: str) -> str:
    """Return a docstring as Markdown: its roles are links, its examples blocks of code."""
    text = re.sub(r":\w+:`~?([\w.]+)`", r"[`\1`](ref:\1)", docstring)
    text = re.sub(r":\w+:`([^`<]+?)\s*<~?([\w.]+)>`", r"[\1](ref:\2)", text)
    text = re.sub(r"``(.+?)``", r"`\1`", text, flags=re.S)
    text = re.sub(r"::$", ":", text, flags=re.M)
    return re.sub(r"(?:^>>> .*(?:\n(?!\n).+)*)", r"~~~~pycon\n\g<0>\n~~~~", text, flags=re.M)


def signatures(reference: Reference, name: str, of: griffe.Function, page: str) -> Markup:
    """Return how a function is called, each way in which it may be, as HTML."""
    ways = [_signature(reference, name, each, page) for each in of.overloads or [of]]
    return html("\n".join(ways))


def _signature(reference: Reference, name: str, of: griffe.Function, page: str) -> str:
    parts = list(_parameters(reference, of, page))
    result = f" -&gt; {reference.typed(of.returns, page)}" if of.returns is not None else ""
    return _call(name, parts, result)


def _call(name: str, parts: Sequence[str], result: str) -> str:
    """Return a signature in one line, or with a line for each parameter."""
    line = f"{name}({', '.join(parts)}){result}"
    if len(re.sub(r"<.*?>", "", line)) > _WIDEST and parts:
        inner = "".join(f"    {part},\n" for part in parts)
        line = f"{name}(\n{inner}){result}"
    return line


def _parameters(reference: Reference, of: griffe.Function, page: str) -> Iterator[str]:
    """Yield the parameters with their types and defaults, and the signs between them."""
    is_method = isinstance(of.parent, griffe.Class) and "staticmethod" not in of.labels
    before: griffe.ParameterKind | None = None
    for parameter in list(of.parameters)[1 if is_method else 0 :]:
        kind = parameter.kind
        if before is griffe.ParameterKind.positional_only is not kind:
            yield "/"
        stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
        is_named = kind is griffe.ParameterKind.keyword_only
        if is_named and before not in (kind, griffe.ParameterKind.var_positional):
            yield "*"
        text = stars.get(kind, "") + escape(parameter.name)
        if parameter.annotation is not None:
            text += f": {reference.typed(parameter.annotation, page)}"
        if parameter.default is not None and kind not in stars:
            equals = " = " if parameter.annotation is not None else "="
            text += equals + reference.typed(parameter.default, page)
        before = kind
        yield text
    if before is griffe.ParameterKind.positional_only:
        yield "/"


def write_reference(site: Site) -> Iterator[str]:
    """Write a page for each public name, and their list; yield the path of each page."""
    reference = Reference()
    packages = []
    for package, members in groupby(reference.entries, key=lambda entry: entry.package):
        entries = sorted(members, key=lambda entry: (KINDS.index(entry.kind), entry.name))
        siblings = [(entry.page, entry.name) for entry in entries]
        for entry in entries:
            _write_page(site, reference, entry, siblings)
            yield entry.page
        packages.append(_listed(package, entries))
    site.page("reference/index.html", "Reference", "reference.html", packages=packages)
    yield "reference/index.html"


def _listed(
    package: str, entries: Sequence[Entry]
) -> tuple[str, Markup, list[tuple[str, list[tuple[str, str, Markup]]]]]:
    """Return a package for the list: its name, what it is, and its names by kind."""
    groups = [
        (_PLURALS[kind], [(each.page, each.name, first_sentence(each.means)) for each in members])
        for kind, members in groupby(entries, key=lambda entry: entry.kind)
    ]
    return package, first_sentence(sources.described(package)), groups


def first_sentence(of: griffe.Object) -> Markup:
    """Return the first paragraph of a docstring as HTML without links."""
    paragraph = of.docstring.value.split("\n\n")[0] if of.docstring is not None else ""
    body = rendered(as_markdown(paragraph), lambda _: None).body.strip()
    return html(body.removeprefix("<p>").removesuffix("</p>"))


def _write_page(
    site: Site, reference: Reference, entry: Entry, siblings: Sequence[tuple[str, str]]
) -> None:
    means, page = entry.means, entry.page
    values: dict[str, object] = {
        "kind": entry.kind, "group": entry.package, "siblings": siblings, "place": _place(means),
        "start": f"reference/index.html#{entry.package}", "code": _head(reference, entry),
        "text": _texts(reference, means, page), "attributes": [], "methods": [],
    }  # fmt: skip
    if isinstance(means, griffe.Class):
        values |= _class_values(reference, means, page)
    site.page(page, entry.full, "name.html", **values, types=reference.names_met(page))


def _texts(reference: Reference, means: griffe.Object, page: str) -> Markup:
    """Return what is said of a name: its docstring, and those of bases that are not public."""
    text = reference.text(means, page)
    if isinstance(means, griffe.Class):
        for base in sources.lineage(means)[1:]:
            if reference.target(base.path, None) is None and base.docstring is not None:
                text += html("<hr>\n") + reference.text(base, page)
    return text


def _head(reference: Reference, entry: Entry) -> Markup:
    """Return how a name is written where it is used."""
    means = entry.means
    if isinstance(means, griffe.Function):
        return signatures(reference, entry.full, means, entry.page)
    if isinstance(means, griffe.Class):
        made = next((each.members["__init__"] for each in sources.lineage(means)
                     if "__init__" in each.members), None)  # fmt: skip
        if isinstance(made, griffe.Function):
            return signatures(reference, f"class {entry.full}", made, entry.page)
        if sources.has_fields(means):
            parts = [
                f"{field.name}{_type_of(reference, field, entry.page)}"
                f"{_default(reference, field, entry.page)}"
                for field in sources.fields(means)
            ]
            return html(_call(f"class {entry.full}", parts, ""))
        bases = ", ".join(reference.typed(base, entry.page) for base in means.bases)
        return html(f"class {entry.full}" + (f"({bases})" if bases else ""))
    return html(entry.full + _type_of(reference, means, entry.page))


def _type_of(reference: Reference, member: griffe.Object, page: str) -> str:
    annotation = getattr(member, "annotation", None)
    return f": {reference.typed(annotation, page)}" if annotation is not None else ""


def _place(means: griffe.Object) -> str:
    path = means.filepath
    assert not isinstance(path, list)
    return path.relative_to(sources.ROOT.parent).as_posix()


def _class_values(reference: Reference, of: griffe.Class, page: str) -> dict[str, list[Shown]]:
    """Return the attributes and the methods of a class as its page shows them."""
    attributes, methods = [], []
    for member in sources.members(of):
        text = reference.text(member, page)
        note = _origin(reference, member, of)
        if isinstance(member, griffe.Function):
            methods.append(
                Shown(member.name, signatures(reference, member.name, member, page), text, note)
            )
        elif isinstance(member, griffe.Attribute):
            line = html(
                escape(member.name)
                + _type_of(reference, member, page)
                + _default(reference, member, page)
            )
            text = text or html(rendered(sources.help_of(member), lambda _: None).body)
            attributes.append(Shown(member.name, line, text, note))
    return {"attributes": attributes, "methods": methods}


def _origin(reference: Reference, member: griffe.Object, of: griffe.Class) -> str:
    """Return the public base that a class has a member from; "" if it is its own."""
    holder = member.parent
    if holder is None or holder is of or reference.target(holder.path, None) is None:
        return ""
    return f"from {holder.name}"


def _default(reference: Reference, member: griffe.Attribute, page: str) -> str:
    default = None if "property" in member.labels else sources.default_of(member)
    if default is None:
        return ""
    short = len(str(default)) <= _WIDEST
    return f" = {reference.typed(default, page) if short else '...'}"
