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


@contextmanager
def browser() -> Iterator[Any]:
    """The browser, as playwright drives it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


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
