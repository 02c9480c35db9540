"""What the tests of traces share."""

from __future__ import annotations

import pytest

from lab.trace import parquet, retention


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is longer than a few events goes to a folder, in small parts."""
    monkeypatch.setattr(retention, "MAX_ROWS_IN_MEMORY", 20)
    monkeypatch.setattr(parquet, "PART_ROWS", 100)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 30)
