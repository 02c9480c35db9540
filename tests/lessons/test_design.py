"""The task of the last lesson: designs as topologies, what their graphs say, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import networkx as nx
import pytest

import lab
from lab.lessons import design

SITES = list(design.SITES)
RING = [(a, b) for a, b in zip(SITES, [*SITES[1:], SITES[0]], strict=True)]
STAR = [("DALE", name) for name in SITES if name != "DALE"]


def drawn(seed: int) -> lab.Topology:
    """A network of a tree and a few lines more, some hosts of which do not relay."""
    dice = Random(seed)
    tree = nx.random_labeled_tree(len(SITES), seed=seed)
    pairs = {frozenset((SITES[a], SITES[b])) for a, b in tree.edges}
    pairs |= {frozenset(dice.sample(SITES, 2)) for _ in range(2 + 4 * seed)}
    lines = [
        (*sorted(pair), dice.choice(list(design.SPEEDS))) for pair in sorted(map(sorted, pairs))
    ]
    return design.network(lines, dice.sample(SITES, seed))


# -- a design is a topology


def test_a_design_is_a_topology_with_all_sites_and_their_mail() -> None:
    """Everybody writes to everybody once; slow lines where nothing is said; all but quiet relay."""
    net = design.network([*RING[:-1], (*RING[-1], "fast")], ["CAPE"], "Mine")
    assert net.title == "Mine"
    users = sum(len(host.users) for host in net.hosts.values())
    assert (users, len(net.mail)) == (17, 17 * 16)
    assert len({(mail.sender, mail.to) for mail in net.mail}) == 17 * 16
    assert [host.name for host in net.hosts.values() if not host.relay] == ["CAPE"]
    assert [link.bandwidth for link in net.links] == [9600] * 11 + [50_000]
    assert design.lines_of(net) == [(a, b, "slow") for a, b in RING[:-1]] + [(*RING[-1], "fast")]
    assert design.quiet_of(net) == ["CAPE"]


def test_a_design_kept_in_a_file_is_the_same_design(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(design.reference().to_toml("Ours."))
    assert design.score(lab.load(path)) == design.score(design.reference())


@pytest.mark.parametrize(
    ("lines", "quiet", "message"),
    [
        ([("PORT", "MIL")], (), "there is no site 'MIL'; did you mean MILL?"),
        ([("PORT", 7)], (), "there is no site 7"),
        ([("PORT", "MILL", "quick")], (), "a line is slow or fast, not 'quick'"),
        ([("PORT", "MILL", ["fast"])], (), "a line is slow or fast, not a list"),
        ([("PORT", "PORT")], (), "a line must join two sites, not PORT"),
        ([("PORT", "MILL"), ("MILL", "PORT")], (), "two lines between MILL and PORT; remove one"),
        ([("PORT",)], (), "is not a line; write sites and a speed"),
        (["PORT"], (), "'PORT' is not a line"),
        ("PORT", (), "the lines are 'PORT'; they must be a list"),
        (7, (), "the lines are 7; they must be a list"),
        ([], ["NOWHERE"], "there is no site 'NOWHERE'"),
        ([], "PORT", "the quiet hosts are 'PORT'; they must be a list"),
        ([], [["PORT"]], "there is no site a list"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(lines: Any, quiet: Any, message: str) -> None:
    with pytest.raises(lab.TopologyError) as raised:
        design.network(lines, quiet)
    assert len(raised.value.problems) == 1
    assert message in str(raised.value)


def test_of_no_site_there_is_no_distance() -> None:
    with pytest.raises(lab.TopologyError, match=r"there is no site 'MIL'; did you mean MILL\?"):
        design.distance("PORT", "MIL")
    with pytest.raises(lab.TopologyError, match="a line is slow or fast, not 'quick'"):
        design.rent("PORT", "MILL", "quick")


def test_every_wrong_line_is_told() -> None:
    with pytest.raises(lab.TopologyError) as raised:
        design.network([("A", "B"), ("PORT", "MILL", "quick")], ["C"])
    assert len(raised.value.problems) == 4


def altered(**changes: Any) -> lab.Topology:
    net = design.network(RING)
    first, *others = net.links
    return replace(net, links=(replace(first, **changes), *others))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (RING, "a design is a Topology, made by design.network([...]); not a list"),
        (altered(latency=0.0001), "the line CAPE - DOCK was changed: you may choose"),
        (altered(cost=0.1), "the line CAPE - DOCK was changed: you may choose"),
        (altered(bandwidth=1e9), "a line is slow or fast"),
        (altered(b="CAPE"), "a line must join two sites, not CAPE"),
        (lab.Topology(), "there is no host CAPE"),
    ],
)
def test_what_is_no_design_has_no_score(wrong: Any, message: str) -> None:
    with pytest.raises(lab.TopologyError) as raised:
        design.score(wrong)
    assert message in str(raised.value)
    verdict = design.beats(design.reference())(wrong)
    assert isinstance(verdict, str)
    assert message in verdict


def test_of_a_host_only_its_relaying_is_chosen() -> None:
    net = design.network(RING)
    hosts = {**net.hosts, "PORT": replace(net.hosts["PORT"], users=())}
    with pytest.raises(lab.TopologyError, match="PORT was changed: you may choose"):
        design.cost(replace(net, hosts=hosts))
    more = {**net.hosts, "MORE": replace(net.hosts["PORT"], name="MORE")}
    with pytest.raises(lab.TopologyError, match="there is no site 'MORE'"):
        design.cost(replace(net, hosts=more))


# -- what its graph says


def test_the_cost_is_that_of_lines_and_relays() -> None:
    """A slow line is 100 and half a dollar a kilometre, a fast one 200 and 1.5; a relay is 500."""
    kilometres = ((450 - 650) ** 2 + (590 - 810) ** 2) ** 0.5
    assert design.rent("MILL", "LAKE") == round(100 + kilometres / 2)
    assert design.rent("LAKE", "MILL", "fast") == round(200 + 1.5 * kilometres)
    both = [("MILL", "LAKE"), ("MILL", "DOCK", "fast")]
    lines = design.rent("MILL", "LAKE") + design.rent("MILL", "DOCK", "fast")
    assert design.cost(design.network(both, SITES)) == lines
    assert design.cost(design.network(both)) == lines + 12 * 500


@pytest.mark.parametrize(
    ("lines", "quiet", "needed"),
    [
        (RING, [], []),
        (STAR, [], ["DALE", *(f"DALE - {name}" for _, name in STAR)]),
        (combinations(SITES, 2), SITES, [f"{a} - {b}" for a, b in combinations(SITES, 2)]),
        ([*RING, *STAR[:4]], [], []),
    ],
    ids=["ring", "star", "no relays", "ring and more"],
)
def test_what_the_others_cannot_do_without(
    lines: Sequence[tuple[str, str]], quiet: Sequence[str], needed: Sequence[str]
) -> None:
    assert design.needed(design.network(dict.fromkeys(lines), quiet)) == needed


def test_a_ring_with_a_host_that_does_not_relay_is_a_chain() -> None:
    """All mail between the two beside it goes the long way; only the chain's ends may die."""
    weak_parts = design.needed(design.network(RING, ["CAPE"]))
    ends = {"CAPE", "DOCK", RING[-1][0]}
    assert set(SITES) - set(weak_parts) == ends
    assert len(weak_parts) == 9 + 10


@pytest.mark.parametrize("seed", range(5))
def test_the_failures_that_are_measured_are_those_that_the_graph_tells(seed: int) -> None:
    """Not one design, but many: some survive all, some nearly nothing."""
    net = drawn(seed)
    score = design.score(net)
    assert sorted(score.broken) == sorted(design.needed(net))
    assert score.failures == 12 + len(net.links)
    alone = design.expected_delay(net) == float("inf")
    assert (score.undelivered > 0) == alone


def test_the_delay_that_is_expected_is_that_of_letters_that_meet_no_others() -> None:
    """A letter at a time: then only the time stamp lines that relays add are more."""
    net = design.network(STAR)
    apart = tuple(replace(mail, at=60.0 * n) for n, mail in enumerate(net.mail))
    rows = lab.simulate(replace(net, mail=apart), trace="none").summary["recipients"]
    mean = sum(row["settled_at"] - row["submitted_at"] for row in rows) / len(rows)
    assert mean == pytest.approx(design.expected_delay(net), rel=0.02)
    assert design.score(net).seconds > mean


# -- the score


def test_the_reference_keeps_all_rules_and_leaves_some_of_the_budget() -> None:
    ours = design.reference()
    score = design.score(ours)
    assert score.wrong == []
    assert score.points == design.BUDGET - design.cost(ours)
    assert 0 < score.points < 1000
    assert f"points    {score.points}" in str(score)
    assert design.reference() == ours


def test_one_good_change_beats_the_reference() -> None:
    ours = design.reference()
    judge = design.beats(ours)
    assert judge(ours) == "789 points; more than 789 are required."
    slower = [
        (a, b, "slow" if (a, b) == ("MILL", "DALE") else s) for a, b, s in design.lines_of(ours)
    ]
    assert judge(design.network(slower, design.quiet_of(ours))) is True


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (RING, ["A message takes 8.", "the limit is 3 s"]),
        ([(*pair, "fast") for pair in RING], ["It costs 1", "the budget is 12,000"]),
        (STAR, ["It does not survive the loss of DALE, nor 11 others."]),
        ([], ["254 messages do not arrive, although nothing has failed"]),
    ],
    ids=["slow", "dear", "weak", "nothing"],
)
def test_a_broken_rule_leaves_no_points(
    lines: Sequence[tuple[str, ...]], message: list[str]
) -> None:
    score = design.score(design.network(lines))
    assert score.points is None
    assert all(part in str(score) for part in message)
    verdict = design.beats(design.reference())(design.network(lines))
    assert isinstance(verdict, str)
    assert verdict.startswith("No points. ")
    assert all(part in verdict for part in message)


def test_the_score_has_no_use_for_other_mail_or_faults() -> None:
    """What a design's topology says of mail and faults is not what it is scored by."""
    net = design.reference()
    easy = replace(net, mail=net.mail[:1], faults=(lab.Fault("crash", host="PORT", at=1.0),))
    assert design.score(easy) == design.score(net)


# -- the picture


def test_the_sketch_has_every_line_and_marks_what_is_needed() -> None:
    net = design.network([*STAR[:-1], (*STAR[-1], "fast")])
    ax = design.sketch(net, failures=True)
    crosses = [line for line in ax.lines if line.get_marker() == "X"]
    assert len(crosses) == len(design.needed(net))
    broad = [line for line in ax.lines if line.get_linewidth() == 3.0]
    assert len(broad) == 1
    words = {text.get_text() for text in ax.texts}
    assert {"CAPE", "PORT (3 users)", "BURG (4 users)"} <= words
    assert ax.get_title(loc="left") == f"A network: {design.cost(net):,} a month"
