"""Pages of a folder: whether each link leads to something in it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESSES = {"href", "src", "action", "data", "poster", "srcset", "formaction", "background"}
"""The attributes that hold an address."""


class Page(HTMLParser):
    """The anchors and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what an element has."""
        for name, value in attrs:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.append(value or "")
            elif name in ADDRESSES:
                self.addresses.append(value or "")


def broken_links(folder: Path) -> list[str]:
    """Return each address on the pages of a folder that is not of a file or an anchor in it."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in folder.rglob("*.html")}
    return [
        f"{path.relative_to(folder.resolve())}: {address}: {why}"
        for path, page in pages.items()
        for address in page.addresses
        if (why := _fault(path, address, pages, folder.resolve()))
    ]


def _fault(path: Path, address: str, pages: dict[Path, Page], folder: Path) -> str:
    if address.startswith("data:"):
        return ""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        return "leads out of the folder"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(folder):
        return "leads out of the folder"
    if not target.is_file():
        return "is not there"
    if parts.fragment and target in pages and parts.fragment not in pages[target].anchors:
        return "has no such anchor"
    return ""
