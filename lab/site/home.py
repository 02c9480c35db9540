"""The home page."""

from __future__ import annotations

from lab.site.pages import Site


def write_home(site: Site) -> None:
    """Write the home page, with a way to each part of the site."""
    site.page("index.html", "smtp-lab", "home.html")
