"""The version of the lab, as its files say it."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
