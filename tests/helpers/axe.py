"""axe-core, which looks for what keeps people from reading or using a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

AXE = Path.home() / ".cache/smtp-lab/axe/axe.min.js"
needs_axe = pytest.mark.skipif(
    not AXE.is_file(), reason=f"npm's axe-core is not there: .ci/run puts it at {AXE}"
)


def axe_violations(page: Any, selector: str = "html") -> list[str]:
    """Return what axe finds in a part of a page of a context with ``bypass_csp``."""
    if not page.evaluate("'axe' in globalThis"):
        page.add_script_tag(path=str(AXE))
    found = page.evaluate("(selector) => axe.run(selector)", selector)
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
