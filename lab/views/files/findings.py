"""What the probes of a run have found, as files: rows as CSV, anything else as JSON."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import IO, Any, Final

from lab.runtime.escaping import csv_cell
from lab.views.files.maildrops import file_name

FOLDER: Final = "probes"
"""The folder of these files, in the directory of a run."""


def finding_files(findings: Mapping[str, object]) -> dict[str, str]:
    """Return the name of the file of each probe, below the directory of a run."""
    return {
        name: f"{FOLDER}/{file_name(name)}.{'csv' if _is_table(value) else 'json'}"
        for name, value in findings.items()
    }


def listed_files(content: object) -> Iterator[str]:
    """Yield the names that :func:`finding_files` can have given, of those that a file lists."""
    names = content.get("probes") if isinstance(content, dict) else None
    for name in names.values() if isinstance(names, dict) else ():
        path = PurePosixPath(name) if isinstance(name, str) else PurePosixPath()
        if path.parts[:-1] == (FOLDER,) and path.suffix in (".csv", ".json"):
            yield f"{FOLDER}/{path.name}"


def write_finding(finding: Any, file: IO[str]) -> None:
    """Write what a probe has found; ``file`` is open for text with ``newline=""``.

    A table begins with a line of column names, and what a row does not have is empty. A DataFrame
    is written with its index first.
    """
    if hasattr(finding, "to_csv"):
        finding.to_csv(file, lineterminator="\n")
    elif _is_table(finding):
        _write_rows(finding, file)
    else:
        json.dump(plain(finding), file, ensure_ascii=False, indent=1)
        file.write("\n")


def plain(value: Any) -> Any:
    """Return a value as JSON has it: numpy's numbers as numbers, what is unknown as a text."""
    if isinstance(value, (str, bool, int, type(None))):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if callable(getattr(value, "tolist", None)):  # numpy
        return plain(value.tolist())
    if callable(getattr(value, "to_dict", None)):  # pandas
        return plain(value.to_dict())
    return str(value)


def _is_table(finding: object) -> bool:
    if hasattr(finding, "to_csv"):
        return True
    return isinstance(finding, list) and all(isinstance(row, Mapping) for row in finding)


def _write_rows(rows: Sequence[Mapping[str, object]], file: IO[str]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([csv_cell(str(column)) for column in columns] or ["t"])
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: object) -> object:
    plain_value = plain(value)
    if isinstance(plain_value, (list, dict)):
        return json.dumps(plain_value, ensure_ascii=False)
    return csv_cell(plain_value)
