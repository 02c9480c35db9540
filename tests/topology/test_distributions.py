"""Distributions of delays and sizes: which parameters fit together, and what numbers they give."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.topology import links
from lab.topology.distributions import MOST_VALUES, draws_of
from lab.topology.model import from_dict


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"distribution": "exponential"},
         'exponential requires mean; write { distribution = "exponential", mean = 5 }'),
        ({"distribution": "normal", "mean": 1.0},
         'normal requires sd; write { distribution = "normal", mean = 20, sd = 5 }'),
        ({"distribution": "weibull", "shape": 1.0},
         "weibull requires scale or mean; write "
         '{ distribution = "weibull", shape = 0.7, mean = 5 }'),
        ({"distribution": "pareto", "shape": 2.0, "scale": 1.0, "mean": 2.0},
         'pareto requires scale or mean; write { distribution = "pareto", shape = 1.5, mean = 5 }'),
        ({"distribution": "file"},
         'file requires file or values; write { distribution = "file", file = "numbers.csv" }'),
        ({"distribution": "fixed", "value": 1.0, "sigma": 1.0},
         "fixed does not take sigma; it takes value, min, max"),
        ({"distribution": "uniform", "max": 1.0, "values": (1.0,)},
         "uniform does not take values; it takes max, min, max"),
        ({"distribution": "normal", "mean": 1.0, "sd": -1.0},
         "sd is -1.0, which is negative; use 0 or more"),
        ({"distribution": "lognormal", "median": -1.0, "sigma": 1.0},
         "median is -1.0, which is negative; use 0 or more"),
        ({"distribution": "exponential", "mean": -1.0},
         "mean is -1.0, which is negative; use 0 or more"),
        ({"distribution": "weibull", "shape": 0.01, "mean": 1.0}, "shape is 0.01; use 0.1 or more"),
        ({"distribution": "pareto", "shape": 1.0, "mean": 1.0},
         "shape is 1.0; use more than 1, or there is no mean"),
        ({"distribution": "uniform", "min": 2.0, "max": 1.0},
         "max is 1.0, less than min; use 2.0 or more"),
        ({"distribution": "fixed", "value": 1.0, "max": -1.0},
         "max is -1.0, less than min; use 0.0 or more"),
        ({"distribution": "file", "values": (1.0,) * (MOST_VALUES + 1)},
         "there are 100,001 values; use at most 100,000"),
    ],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_said(parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as wrong:  # noqa: PT011
        lab.Distribution(**parameters)
    assert str(wrong.value) == sentence


def test_a_heavy_tail_may_have_no_mean() -> None:
    """A pareto shape of 1 or less is allowed where the scale is given."""
    assert lab.Distribution("pareto", shape=1.0, scale=2.0).average == math.inf
    assert lab.Distribution("normal", mean=-3.0, sd=0.0).average == 0.0


@pytest.mark.parametrize(
    ("parameters", "average"),
    [
        ({"distribution": "fixed", "value": 3.0}, 3.0),
        ({"distribution": "fixed", "value": 3.0, "max": 2.0}, 2.0),
        ({"distribution": "uniform", "min": 2.0, "max": 4.0}, 3.0),
        ({"distribution": "exponential", "mean": 5.0}, 5.0),
        ({"distribution": "exponential", "mean": 5.0, "max": 1e12}, 5.0),
        ({"distribution": "normal", "mean": 20.0, "sd": 2.0}, 20.0),
        ({"distribution": "weibull", "shape": 1.0, "scale": 5.0}, 5.0),
        ({"distribution": "pareto", "shape": 3.0, "mean": 6.0}, 6.0),
        ({"distribution": "file", "values": (1.0, 2.0, 6.0)}, 3.0),
        ({"distribution": "file", "values": (1.0, 2.0, 6.0), "min": 2.0}, 10 / 3),
    ],
    ids=str,
)
def test_the_average_is_that_of_the_numbers(parameters: dict[str, Any], average: float) -> None:
    """Exact, or of ten thousand equal steps where min or max cut something off."""
    distribution = lab.Distribution(**parameters)
    assert distribution.average == pytest.approx(average, rel=2e-3)
    draws = draws_of(distribution)
    steps = [draws.at((n + 0.5) / 2000) for n in range(2000)]
    assert sum(steps) / len(steps) == pytest.approx(average, rel=2e-2)


def test_no_number_is_below_the_least_or_above_the_most() -> None:
    wide = lab.Distribution("normal", mean=5.0, sd=50.0, min=1.0, max=9.0)
    drawn = [draws_of(wide, 8.0).at((n + 0.5) / 100) for n in range(100)]
    assert (min(drawn), max(drawn)) == (1.0, 8.0)
    assert lab.Distribution("file", values=(4.0, 3.0)).least == 3.0
    assert lab.Distribution("normal", mean=5.0, sd=1.0).least == 0.0


@pytest.mark.parametrize(
    ("loss", "share"),
    [((0.01, 0.3), 0.01 / 0.31), ((0.0, 0.0), 0.0), ((0.2, 0.2, 0.1, 0.5), 0.3)],
)
def test_the_mean_of_losses_in_bursts(loss: tuple[float, ...], share: float) -> None:
    """The share of bad segments is p / (p + r); a link that never turns bad has the good chance."""
    assert lab.BurstLoss(*loss).mean == pytest.approx(share)


def problem(**link: Any) -> str:
    hosts = [{"name": "A"}, {"name": "B"}]
    with pytest.raises(lab.TopologyError) as wrong:
        from_dict({"host": hosts, "link": [{"between": ["A", "B"], **link}]})
    return str(wrong.value)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"jitter": {"distribution": "normal", "meen": 1}},
         "unknown key 'meen'; did you mean mean?"),
        ({"jitter": {"mean": 1}}, 'distribution is missing; write distribution = "fixed"'),
        ({"jitter": {"distribution": "norml", "mean": 1}}, "did you mean normal?"),
        ({"jitter": {"distribution": "normal", "mean": "5 kB", "sd": 1}},
         "mean: '5 kB' has no unit"),
        ({"loss": {"model": "gilbert-elliott", "p": 0.1}}, "r is missing; write r = 0.3"),
        ({"loss": {"model": "gilbert", "p": 0.1, "r": 0.1}}, "did you mean gilbert-elliott?"),
    ],
)  # fmt: skip
def test_a_table_that_is_wrong_is_said(table: dict[str, Any], sentence: str) -> None:
    found = problem(**table)
    assert sentence.replace("'", '"') in found.replace("'", '"'), found


def two(**link: Any) -> dict[str, Any]:
    return {"host": [{"name": "A"}, {"name": "B"}], "link": [{"between": ["A", "B"], **link}]}


def test_the_numbers_of_a_jitter_may_be_in_a_file(tmp_path: Path) -> None:
    """With or without a unit, one on each line, below a name; a file is read once for both ways."""
    (tmp_path / "delays.csv").write_text("delay\n# of a day\n5 ms\n\n0.25\n", encoding="utf-8")
    table = {"distribution": "file", "file": str(tmp_path / "delays.csv")}
    link = from_dict(two(jitter=table, back={"jitter": table})).links[0]
    assert isinstance(link.jitter, lab.Distribution)
    assert link.jitter.values == (0.005, 0.25)
    assert link.back.jitter == link.jitter
    assert link.jitter.file == ""


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("delay\n", "delays.csv has no numbers; write one on each line"),
        ("5 ms\nfast\n", "delays.csv, line 2: "),
        ("1\n" * 6, "delays.csv has more than 5 numbers; write fewer"),
        (None, "there is no such file"),
    ],
)
def test_a_file_of_delays_that_is_wrong_is_said(
    content: str | None, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_VALUES", 5)
    path = tmp_path / "delays.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    found = problem(jitter={"distribution": "file", "file": str(path)})
    assert found.startswith("link[0].jitter: "), found
    assert sentence in found, found


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"distribution": "file", "file": 3}, "file: 3 is not a path; write one such as"),
        ({"distribution": "file", "values": 3}, "values: 3 is not a list of numbers; write [1, 4]"),
        ({"distribution": "weibull", "shape": "1 s", "mean": 1}, "shape: '1 s' is not a number"),
        ("soon", "'soon' is not"),
        (-1, "-1.0 is negative; use 0 or more"),
        ({"distribution": "file", "values": []}, "there are no numbers in the list; write [1, 4]"),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_said(table: Any, sentence: str) -> None:
    assert sentence.replace("'", '"') in problem(jitter=table).replace("'", '"')


def test_the_values_of_a_distribution_may_have_units() -> None:
    table = {"distribution": "file", "values": ["4 ms", 1, "1 min"]}
    jitter = from_dict(two(jitter=table)).links[0].jitter
    assert isinstance(jitter, lab.Distribution)
    assert jitter.values == (0.004, 1.0, 60.0)


def traffic(**keys: Any) -> lab.Topology:
    hosts = [{"name": "A", "users": ["ann"]}, {"name": "B", "users": ["bob"]}]
    return from_dict({"host": hosts, "traffic": [{"count": 5, "rate": "1 /s", **keys}]})


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"arrivals": "poison"}, "'poison' is not one of poisson, fixed, { distribution ="),
        ({"arrivals": 3}, "3 is not one of poisson, fixed, { distribution ="),
        ({"arrivals": {"distribution": "pareto", "shape": 0.9}},
         "the gaps have no mean; write a pareto shape of more than 1"),
        ({"size": "2 GB"}, "2000000000 bytes are too many; use 1 GB or less"),
        ({"profile": {}}, "there are no times in the table; write { '09:00' = 3, '18:00' = 1 }"),
        ({"profile": 3}, "3 is not a table; write { '09:00' = 3, '18:00' = 1 }"),
        ({"profile": {"09:00": 1, "9:00": 2}}, "two of the times of day are the same"),
        ({"profile": {"09:00": 0}}, "it is 0 at all times; write more than 0 for one"),
        ({"profile": {"09:00": "much"}}, "'much' is not a number; write one such as 1.2"),
        ({"demands": []}, "there are no demands in the list; write [['A', 'B', 3]]"),
        ({"demands": 3}, "3 is not a list; write [['A', 'B', 3]]"),
        ({"demands": [["A", 3]]}, "a list is not a demand; write ['A', 'B', 3]"),
        ({"demands": [["A", 1, 3]]}, "a list is not a demand; write ['A', 'B', 3]"),
        ({"demands": [["A", "B", 0]]}, "0 is too small; use more than 0, or leave it out"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_random_mail_is_said(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(lab.TopologyError) as wrong:
        traffic(**keys)
    assert sentence.replace("'", '"') in str(wrong.value).replace("'", '"')


def test_the_gaps_of_any_distribution_have_the_mean_that_the_rate_gives() -> None:
    """Only the shape counts, so its scale may be left out."""
    for arrivals in (
        {"distribution": "weibull", "shape": 0.7}, {"distribution": "lognormal", "sigma": 1.0},
        {"distribution": "uniform"}, {"distribution": "weibull", "shape": 0.7, "mean": "9 s"},
    ):  # fmt: skip
        made = traffic(arrivals=arrivals).traffic[0].arrivals
        assert isinstance(made, lab.Distribution)
        assert 0 < made.average < math.inf


def test_the_rate_of_a_day_is_the_mean_of_its_profile() -> None:
    """From 09:00 on three times the rate, for nine hours of the day; then once."""
    (made,) = traffic(profile={"09:00": 3, "18:00": 1}).traffic
    assert made.average_factor == pytest.approx((9 * 3 + 15 * 1) / 24)
    assert traffic().traffic[0].average_factor == 1.0
