"""The visual language: what must be read can be read, and what differs differs in shape too."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from helpers.places import ROOT

from lab.analysis.ladder_rows import CROSSINGS
from lab.analysis.phases import PHASES
from lab.topology.specs import FAULT_KINDS
from lab.views import visual_language as language

THEMES = ("light", "dark")

# what people with the three kinds of colour blindness see of red, green and blue (Machado 2009)
BLINDNESS = {
    "protan": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deutan": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritan": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def linear(colour: str) -> list[float]:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab_colour(rgb: list[float]) -> tuple[float, float, float]:
    """Return L*, a*, b* of linear red, green and blue."""
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    x, y, z = (
        sum(a * max(b, 0.0) for a, b in zip(row, rgb, strict=True)) / to
        for row, to in zip(rows, white, strict=True)
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def apart(one: str, other: str, kind: str) -> float:
    """Return how far apart two colours are for a kind of colour blindness (CIE76)."""
    seen = [
        lab_colour([sum(a * b for a, b in zip(row, linear(c), strict=True))
                    for row in BLINDNESS[kind]])
        for c in (one, other)
    ]  # fmt: skip
    return float(sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5)


@pytest.mark.parametrize("theme", THEMES)
def test_words_stand_out_from_everything_they_are_written_on(theme: str) -> None:
    poor = [
        (name, surface)
        for name, colour in language.TEXTS.items()
        for surface, ground in language.SURFACES.items()
        if contrast(getattr(colour, theme), getattr(ground, theme)) < 4.5
    ]
    assert not poor


@pytest.mark.parametrize("theme", THEMES)
def test_marks_stand_out_from_the_page_and_its_panels(theme: str) -> None:
    marks = {**language.MARKS, "line": language.RULES["line"]}
    marks |= {f"c{n}": colour for n, colour in enumerate(language.SERIES)}
    poor = [
        (name, surface)
        for name, colour in marks.items()
        for surface in ("paper", "panel")
        if contrast(getattr(colour, theme), getattr(language.SURFACES[surface], theme)) < 3
    ]
    if theme == "light":
        # c3 and others are drawn as lines on panels
        poor = [each for each in poor if each[1] == "panel" or not each[0].startswith("c")]
    assert not poor


def test_the_four_ends_differ_in_shape_and_in_the_terminal() -> None:
    signs = [language.ENDS[name] for name in ("delivered", "returned", "lost", "twice")]
    assert len({sign.points for sign in signs}) == 4
    assert len({sign.glyph for sign in signs}) == 4
    assert {sign.words for sign in signs} >= {"LOST", "TWICE"}
    shapes = {(sign.points, sign.is_full, sign.colour) for sign in language.ENDS.values()}
    assert len(shapes) == len(language.ENDS)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", BLINDNESS)
def test_phases_differ_in_hatch_or_for_the_colour_blind(kind: str, theme: str) -> None:
    alike = [
        (a, b)
        for (a, one), (b, other) in combinations(language.PHASES.items(), 2)
        if (one.waits, one.turn) == (other.waits, other.turn)
        and apart(
            *(getattr(language.MARKS[look.colour], theme) for look in (one, other)), kind
        ) < 10
    ]  # fmt: skip
    assert not alike


def test_crossings_differ_in_dashes_or_width() -> None:
    looks = {(stroke.width, stroke.dashes) for stroke in language.CROSSINGS.values()}
    assert len(looks) == len(language.CROSSINGS)
    assert language.CROSSINGS.keys() >= CROSSINGS


def test_every_phase_and_every_kind_of_fault_has_a_look() -> None:
    assert tuple(language.PHASES) == PHASES
    assert language.FAULT_KINDS.keys() == FAULT_KINDS.keys()
    glyphs = list(language.FAULT_KINDS.values())
    assert len(set(glyphs)) == len(glyphs)


def test_every_sign_has_a_colour_that_a_page_knows() -> None:
    sheet = language.style_sheet(".page")
    signs = [*language.ENDS.values(), *language.FAULTS.values(), *language.HOSTS.values()]
    for colour in {sign.colour for sign in (*signs, language.BROKEN)}:
        assert sheet.count(f" --{colour}: #") == 3, colour  # light, dark by choice, dark by theme
    assert language.as_data().keys() >= {"phases", "crossings", "ends", "faults", "hosts"}


def test_an_outline_is_as_large_as_it_is_asked_for() -> None:
    assert language.outline(language.ENDS["returned"], 6) == "M-5 -5L5 -5L5 5L-5 5Z"
    assert language.outline(language.ENDS["delivered"], 10).startswith("M-8.5 0a8.5 8.5")


def test_no_colour_is_written_down_anywhere_else() -> None:
    """In views and the stepper; the mail program of a live network has a page of its own."""
    found = []
    for room in ("views", "stepping", "api", "cli", "analysis", "experiments"):
        for path in sorted((ROOT / "lab" / room).rglob("*")):
            is_language = path.name == "visual_language.py"
            if path.suffix in (".py", ".css", ".js", ".html") and not is_language:
                text = path.read_text(encoding="utf-8")
                found += [
                    f"{path.relative_to(ROOT)}: {colour}"
                    for colour in re.findall(
                        r"(?<![&\w])#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b(?!;\")", text
                    )
                ]
    assert not found


def test_a_terminal_has_a_colour_for_what_the_stepper_shows() -> None:
    """One of the sixteen that every terminal has; what fails is red."""
    sixteen = {f"{bright}{name}" for bright in ("", "bright_") for name in (
        "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
    )}  # fmt: skip
    assert set(language.TERMINAL.values()) <= sixteen
    assert language.TERMINAL.keys() <= {*language.COLOURS, *language.ENDS}
    assert language.TERMINAL["command"] != language.TERMINAL["reply"]
    for failure in ("refusal", "returned", "lost", "down"):
        assert language.TERMINAL[failure].endswith("red")


def test_the_stepper_names_no_colour_of_its_own() -> None:
    for path in sorted((ROOT / "lab/stepping").glob("*.py")):
        named = re.findall(
            r"[\"'](?:bright_)?(?:red|green|yellow|blue|magenta|cyan)[\"']",
            path.read_text(encoding="utf-8"),
        )
        assert not named, path.name
