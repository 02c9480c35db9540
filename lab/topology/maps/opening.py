"""Open a graph file: its bytes, with bounds; its format, by what it begins with; its map."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

from lab.topology.maps import csv_tables, dot, gml, json_graphs, line_lists, pathalias, sndlib
from lab.topology.maps.map import (
    LARGEST_GRAPH,
    FileFault,
    GraphFault,
    Map,
    UnknownFormat,
    of_networkx,
)
from lab.topology.maps.xml_graphs import read_xml

LARGEST_FILE: Final = 64 * 2**20
"""Bytes of a graph file, also once it is unpacked."""

_PACKED: Final[Mapping[str, Callable[[IO[bytes]], Any]]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}


def octets_of(path: Path) -> bytes:
    """Return the bytes of a file, unpacked; raises :class:`FileFault` for a file too large."""
    if path.exists() and not path.is_file():
        raise FileFault(f"{path.name} is not a file; write the name of a graph file")
    if path.stat().st_size > LARGEST_FILE:
        raise FileFault(f"{path.name} is larger than {LARGEST_FILE >> 20} MiB; is it a graph?")
    with open(path, "rb") as file:
        octets = file.read(LARGEST_FILE + 1)
    unpack = _PACKED.get(path.suffix.lower())
    if unpack is not None:
        try:
            octets = unpack(io.BytesIO(octets)).read(LARGEST_FILE + 1)
        except (OSError, EOFError, ValueError, lzma.LZMAError) as why:
            raise FileFault(f"{path.name} cannot be unpacked: {why}") from None
    if len(octets) > LARGEST_FILE:
        raise FileFault(
            f"{path.name} is larger than {LARGEST_FILE >> 20} MiB once unpacked; is it a graph?"
        )
    return octets


_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
)  # fmt: skip
"""Byte-order marks, and the encoding that each tells."""


def text_of(octets: bytes) -> tuple[str, str]:
    """Return the text that bytes are, and a remark if they are not UTF-8.

    Raises :class:`GraphFault` for bytes that are no text.
    """
    for mark, encoding in _MARKS:
        if octets.startswith(mark):
            return octets[len(mark) :].decode(encoding, "replace"), ""
    if b"\0" in octets:
        line = octets.count(b"\n", 0, octets.index(b"\0")) + 1
        raise GraphFault(f"line {line}: there is a NUL byte; write the graph as text")
    try:
        return octets.decode("utf-8"), ""
    except UnicodeDecodeError as why:
        line = octets.count(b"\n", 0, why.start) + 1
        return octets.decode("latin-1"), f"line {line} is not UTF-8, so the file is read as Latin-1"


def read_map(path: Path, readers: Mapping[str, str]) -> Map:
    """Return the map of a file.

    ``readers`` has, by the endings of files, the format that each tells. What a file begins with
    counts for more than its ending. Raises :class:`GraphFault`, OSError, and whatever a parser
    raises.
    """
    octets = octets_of(path)
    ending = path.with_suffix("").suffix if path.suffix.lower() in _PACKED else path.suffix
    ending_format = readers.get(ending.lower(), "")
    if ending_format in ("graph6", "sparse6") or octets.startswith((b">>graph6<<", b">>sparse6<<")):
        return _sparse(octets)
    # expat reads the encoding that an XML file declares
    if octets.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or ending_format in _XML:
        return read_xml(octets.lstrip(b" \t\r\n"))
    text, remark = text_of(octets)
    made = _read_text(text, ending_format)
    if remark:
        made.remarks.append(remark)
    return made


def _read_text(text: str, ending_format: str) -> Map:
    begins = text[:4096].lstrip()
    if begins.startswith("<"):
        return read_xml(text.lstrip().encode())
    for shape, reader in _SHAPES:
        if shape(begins):
            return reader(text)
    if ending_format in _TEXTS:
        return _TEXTS[ending_format](text)
    if pathalias.MAP_LINE.search(text):
        return pathalias.read_pathalias(text)
    if ending_format:
        return line_lists.read_edge_list(text)
    raise UnknownFormat("its format is not known from its ending or its beginning")


_COMMENTED: Final = (
    r"\A(?:\s*(?:#[^\n]*\n|//[^\n]*\n|/\*.*?\*/|%[^\n]*\n|Creator[^\n]*\n|Version[^\n]*\n))*\s*"
)
_SHAPES: Final[tuple[tuple[Callable[[str], object], Callable[[str], Map]], ...]] = (
    (re.compile(r"\A[{\[](?!\s*\()").match, json_graphs.read_json),
    (re.compile(r"\A\?SNDlib|\A(?:#[^\n]*\n|\s)*(?:META|NODES)\s*\(").match, sndlib.read_sndlib),
    (re.compile(r"\A(?:%[^\n]*\n|\s)*\*(?:vertices|network|arcs|edges)", re.I).match,
     line_lists.read_pajek),
    (re.compile(_COMMENTED + r"graph\s*\[", re.S).match, gml.read_gml),
    (re.compile(
        _COMMENTED + r'(?:strict\s+)?(?:di)?graph\b\s*(?:"[^"]*"|[\w.]*)\s*\{', re.S | re.I
     ).match, dot.read_dot),
    (re.compile(r"\ALEDA\.GRAPH").match, lambda text: _leda(text)),
)  # fmt: skip
"""What the text of a format begins with, and its reader."""

_XML: Final = ("GraphML", "GEXF", "XML of SNDlib or fnss")
"""Formats that are XML."""

_TEXTS: Final[Mapping[str, Callable[[str], Map]]] = {
    "GML": gml.read_gml,
    "JSON": json_graphs.read_json,
    "Pajek": line_lists.read_pajek,
    "CSV": csv_tables.read_csv,
    "DOT": dot.read_dot,
    "SNDlib's native format": sndlib.read_sndlib,
    "adjacency lists": line_lists.read_neighbours,
    "pathalias maps": pathalias.read_pathalias,
}
"""The readers of formats by which a file is read if its ending tells them."""


def _sparse(octets: bytes) -> Map:
    """Return the map of a file in graph6 or sparse6, which networkx reads."""
    import networkx

    lines = [line for line in octets.split(b"\n") if line.strip()]
    if not lines:
        raise GraphFault("it has no graph")
    line = lines[0].strip()
    for header in (b">>graph6<<", b">>sparse6<<"):
        line = line.removeprefix(header)
    numbers = [letter - 63 for letter in line.removeprefix(b":")[:8]]
    if any(not 0 <= number < 64 for number in numbers):
        raise GraphFault("it has letters that graph6 does not have")
    if numbers[:2] == [63, 63] or _size(numbers) > LARGEST_GRAPH:
        raise GraphFault(f"the graph has more than {LARGEST_GRAPH:,} nodes; use fewer")
    is_sparse = line.startswith(b":")
    read = networkx.from_sparse6_bytes if is_sparse else networkx.from_graph6_bytes
    made = of_networkx(read(line))
    made.kind = "sparse6" if is_sparse else "graph6"
    if len(lines) > 1:
        made.remarks.append(f"{len(lines) - 1:,} further graphs of the file were left out")
    return made


def _size(numbers: list[int]) -> int:
    """Return how many nodes a graph in graph6 has."""
    if numbers[:1] != [63]:
        return numbers[0] if numbers else 0
    return sum(number << shift for number, shift in zip(numbers[1:4], (12, 6, 0), strict=False))


def _leda(text: str) -> Map:
    import networkx

    made = of_networkx(networkx.parse_leda(text.splitlines()))
    made.kind = "LEDA"
    return made
