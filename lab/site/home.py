"""The home page."""

from __future__ import annotations

from lab.api.examples import find
from lab.api.simulate import simulate
from lab.site.pages import Site
from lab.views.replay import replay_page


def write_home(site: Site) -> None:
    """Write the home page, with a way to each part of the site."""
    run = simulate(find("campus")[0].path)
    site.file("run.html", replay_page(run.trace, plays=True))
    site.page("index.html", "smtp-lab", "home.html", about=run.topology.title)
