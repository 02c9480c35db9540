"""The JavaScript of the replay page, run by node: what it computes without a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.places import ROOT

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None, reason="node is not installed (Debian: apt-get install nodejs)"
)
REPLAY = ROOT / "lab/views/replay"


def computed(folder: Path, body: str, values: Any) -> Any:
    """Return what a function of ``given`` returns, run by node.

    ``body`` is the JavaScript of the function; around it are the files of the page that need no
    browser. The values go through files in ``folder``.
    """
    names = ("data", "words", "query", "conditions", "cuts", "growing")
    parts = [(REPLAY / f"{name}.js").read_text(encoding="utf-8") for name in names]
    (folder / "given.json").write_text(json.dumps(values), encoding="utf-8")
    script = (
        "import { readFileSync, writeFileSync } from 'node:fs';\n"
        + "\n".join(parts)
        + f"\nconst compute = (given) => {{ {body} }};\n"
        "const given = JSON.parse(readFileSync(process.argv[2] + '/given.json', 'utf-8'));\n"
        "writeFileSync(process.argv[2] + '/found.json', JSON.stringify(compute(given)));\n"
    )
    (folder / "page.mjs").write_text(script, encoding="utf-8")
    assert NODE is not None
    subprocess.run([NODE, folder / "page.mjs", folder], check=True, timeout=120)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))
