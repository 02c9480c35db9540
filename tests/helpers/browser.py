"""A real browser for the tests: the system's chromium, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (Debian: apt-get install chromium)"
)

PATIENCE = 180_000
"""Milliseconds until a page, or what should be on it, is taken to be missing."""


@contextmanager
def browser() -> Iterator[Any]:
    """The browser, as playwright drives it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield _Patient(chromium)
        chromium.close()


class _Patient:
    """A browser whose pages wait longer than 30 s for what is to come: a machine may be busy."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chromium, name)

    def new_context(self, **options: Any) -> Any:
        context = self._chromium.new_context(**options)
        context.set_default_timeout(PATIENCE)
        return context

    def new_page(self, **options: Any) -> Any:
        page = self._chromium.new_page(**options)
        page.context.set_default_timeout(PATIENCE)
        return page


def listening(page: Any) -> list[str]:
    """Return a list that fills with a page's errors, warnings and network requests."""
    messages: list[str] = []
    page.on("console", lambda m: m.type in ("error", "warning") and messages.append(m.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or messages.append(r.url))
    return messages


def drawn(page: Any) -> None:
    """Wait until a page has drawn what was last asked of it: two frames."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
