"""Exploring: every place at which a run can be broken is tried, and no mail is ever lost."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.places import ROOT
from helpers.small_topologies import TWO_HOSTS

import lab
from lab.cli import cli
from lab.experiments.explore import Explored, broken, plan, try_all
from lab.topology.model import Topology, from_dict
from lab.views.pictures.plot_style import off_screen

RELAYED = str(ROOT / "topologies" / "rfc821" / "scenario-03.toml")

SLOW_STORE = (
    TWO_HOSTS.replace("[[link]]", 'store = "2 s"\n[[link]]')
    + """
[[mail]]
from = "ann@ONE.ARPA"
to = ["bob@TWO.ARPA", "nobody@TWO.ARPA"]
text = '''
one
.
.two'''
"""
)


def explored(topology: Topology, **options: Any) -> Explored:
    tried = plan(topology, **options)
    for _ in try_all(tried, topology, processes=1):
        pass
    return tried


@pytest.fixture
def invoke() -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def test_a_break_makes_a_duplicate_in_the_window_between_storing_and_the_250_and_nowhere_else() -> (
    None
):
    """RFC 1047: the receiver has the mail, and the sender does not know it."""
    tried = explored(lab.load(RELAYED))
    assert tried.possible == len(tried.outcomes) == len(tried.points)
    assert [point for point in tried.points if point.in_window] == tried.doubled
    assert tried.doubled, "no break made a duplicate: were the 250s cut at all?"
    assert tried.total("submitted") == len(tried.points)
    refusals = [point for point, outcome in tried.tried() if not outcome.counts["delivered"]]
    assert {point.kind for point in refusals} == {"another code"}
    assert (tried.total("lost"), tried.breaches) == (0, [])


def test_each_command_reply_and_the_final_dot_are_cut_inside_and_after() -> None:
    topology = lab.load(RELAYED)
    tried = plan(topology, by=["cut"])
    rows = lab.simulate(topology).trace.rows
    cuts = [point.fault for point in tried.points if point.fault]
    after = {(cut.session, cut.of, cut.after) for cut in cuts}
    crossed: dict[tuple[int, str], int] = {}
    for row in rows:
        if row[1] in ("command", "reply", "data"):
            of = "receiver" if row[1] == "reply" else "sender"
            begun = crossed.get((row[4], of), 0)
            size = len(row[7])
            crossed[row[4], of] = begun + size
            places = {size // 2, size - 1, size}
            if row[1] == "data":
                places |= {size - back for back in range(6)}
            for place in places:
                assert (row[4], of, f"{begun + place} B") in after, row


def test_each_host_crashes_after_what_happens_at_any() -> None:
    tried = plan(lab.load(RELAYED), by=["crash"])
    crashes = [point.fault for point in tried.points if point.fault]
    moments = {(crash.when or {})["seq"] for crash in crashes}
    assert {crash.host for crash in crashes} == {"MIT-AI.ARPA", "USC-ISIE.ARPA", "BBN-VAX.ARPA"}
    assert len(crashes) == 3 * len(moments)


def test_each_reply_is_misplaced_doubled_delayed_withheld_and_changed() -> None:
    """Every reply of the run by every kind; but nothing comes before the greeting."""
    topology = lab.load(RELAYED)
    tried = plan(topology, by=["reply"])
    replies = sum(row[1] == "reply" for row in lab.simulate(topology).trace.rows)
    openings = 2
    counts = Counter(point.kind for point in tried.points)
    assert counts == {
        "early reply": replies - openings,
        "another code": 4 * replies,
        **dict.fromkeys(
            ("doubled reply", "reply in pieces", "reply, then half-close", "no reply, then cut",
             "no reply, then silence"), replies
        ),
    }  # fmt: skip
    assert len({(point.host, point.reply) for point in tried.points}) == len(tried.points)


ONE_IS_REFUSED = {
    "host": [{"name": "ONE", "users": ["ann"]}, {"name": "TWO", "users": ["bob"]}],
    "link": [{"between": ["ONE", "TWO"]}],
    "mail": [{"from": "ann@ONE", "to": ["bob@TWO", "nobody@TWO"]}],
}


def test_what_a_point_invents_happens_at_the_time_of_its_reply() -> None:
    """Another code arrives when the reply would have; before, the run is as it was."""
    topology = from_dict(ONE_IS_REFUSED)
    whole = lab.simulate(topology).trace.rows
    tried = explored(topology, by=["reply"])
    others = [point for point in tried.points if point.kind == "another code"]
    assert len(others) > 20
    for point in others:
        rows = tried.run(point).trace.rows
        assert point.reply is not None
        first = next(n for n, row in enumerate(rows) if row[1] == "reply" and row != whole[n])
        assert rows[1:first] == whole[1:first], point
        assert (rows[first][0], rows[first][7]) == (point.at, point.reply.octets), point
    assert tried.doubled == [point for point in tried.points if point.in_window]


def test_a_refusal_may_be_turned_into_a_success_and_loses_nothing() -> None:
    """Mail that a host says to take and does not is discarded, by the host and not by the lab."""
    tried = explored(from_dict(ONE_IS_REFUSED), by=["reply"])
    untrue = [
        o for p, o in tried.tried() if p.where.endswith("RCPT, session 1: another code '250 OK'")
    ]
    assert [outcome.counts["discarded"] for outcome in untrue] == [1]
    assert (tried.total("lost"), tried.breaches) == (0, [])


def test_ways_that_there_are_not_are_told() -> None:
    for by, error in (("cut", TypeError), (["cut", "smash"], ValueError)):
        with pytest.raises(error, match="by must be"):
            lab.explore(RELAYED, by=by, limit=1)


def test_the_replies_of_the_file_stay_beside_the_one_that_is_invented() -> None:
    """An invented reply goes before what the file sets for the same one."""
    topology = lab.load(str(ROOT / "topologies" / "faults" / "doubled-reply.toml"))
    tried = plan(topology, by=["reply"])
    host = next(name for name, host in topology.hosts.items() if host.replies)
    point = next(point for point in tried.points if point.host == host)
    assert broken(topology, point).hosts[host].replies == (
        point.reply,
        *topology.hosts[host].replies,
    )


def test_while_mail_is_being_stored_a_crash_makes_no_duplicate_and_a_cut_does(
    tmp_path: Path,
) -> None:
    """A crash before the mail is stored loses what was in memory, and the sender sends again."""
    path = tmp_path / "slow.toml"
    path.write_text(SLOW_STORE)
    tried = explored(lab.load(path))
    assert tried.breaches == []
    assert tried.total("lost") == 0
    assert tried.doubled == [point for point in tried.points if point.in_window]
    storing = [
        (point, outcome)
        for point, outcome in tried.tried()
        if point.fault and point.fault.host == "TWO.ARPA" and "right after data" in point.where
    ]
    assert storing, "no crash fell between the data and their being stored"
    assert all(outcome.counts["duplicates"] == 0 for _, outcome in storing)
    assert all(outcome.counts["delivered"] == 1 for _, outcome in storing)


def test_a_limit_spreads_the_points_over_the_run() -> None:
    tried = plan(lab.load(RELAYED), limit=10)
    numbers = [point.number for point in tried.points]
    assert len(numbers) == 10
    assert numbers[0] == 1
    assert numbers[-1] > tried.possible * 0.8


def test_processes_change_nothing() -> None:
    topology = lab.load(RELAYED)
    one, two = plan(topology, limit=30), plan(topology, limit=30)
    for _ in try_all(one, topology, processes=1):
        pass
    for _ in try_all(two, topology, processes=2):
        pass
    assert one.as_dict() == two.as_dict()


def test_the_json_is_that_of_the_contract(invoke: Callable[..., Result]) -> None:
    done = invoke("explore", RELAYED, "--limit", "20", "--json")
    assert done.exit_code == 0
    figures = json.loads(done.stdout)
    assert figures.items() >= {"points": 20, "delivered": 20, "returned": 0, "lost": 0}.items()
    assert isinstance(figures["duplicates"], int)
    assert sum(kind["points"] for kind in figures["kinds"].values()) == 20
    alone = json.loads(invoke("explore", RELAYED, "--limit", "5", "--by", "reply", "--json").stdout)
    assert alone["kinds"]
    assert not any(kind.startswith(("cut", "crash")) for kind in alone["kinds"])


def test_a_point_is_run_again_alone_by_the_command_that_is_told(
    invoke: Callable[..., Result],
) -> None:
    tried = explored(lab.load(RELAYED))
    doubled = {point.kind: point for point in tried.doubled}
    assert "no reply, then cut" in doubled
    for point in doubled.values():
        command = invoke("explore", RELAYED, "--point", str(point.number)).stdout
        words = shlex.split(command)
        assert words[:2] == ["lab", "run"]
        done = invoke(*words[1:], "--json")
        assert json.loads(done.stdout)["duplicates"] == 1, command


def test_the_command_of_a_point_finds_hosts_of_a_graph(
    invoke: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "star.toml"
    path.write_text(
        '[generate]\nkind = "star_graph"\nn = 2\n[[mail]]\nfrom = "user@H1"\nto = "user@H2"\n'
    )
    topology = lab.load(path)
    point = next(each for each in plan(topology, by=["reply"]).points if each.host == "H0")
    command = invoke("explore", str(path), "--by", "reply", "--point", str(point.number)).stdout
    done = invoke(*shlex.split(command)[1:], "--json")
    assert json.loads(done.stdout)["digest"] == lab.simulate(broken(topology, point)).digest
    assert json.loads(done.stdout)["digest"] != lab.simulate(topology).digest


def test_a_careless_host_loses_mail_and_explore_finds_where(invoke: Callable[..., Result]) -> None:
    done = invoke("explore", RELAYED, "--set", "host.1.careless=true", "--json")
    figures = json.loads(done.stdout)
    assert done.exit_code == 1
    assert figures["lost"] > 0
    assert figures["breaches"]
    assert "no accepted mail is lost" in done.stderr


def test_a_point_that_there_is_not_is_told(invoke: Callable[..., Result]) -> None:
    done = invoke("explore", RELAYED, "--point", "100000")
    assert done.exit_code == 2
    assert done.stderr.startswith("lab: --point 100000: use a number from 1 to ")


def test_from_python_a_run_is_explored_shown_and_gone_through() -> None:
    """Printed it is the table of the command line; as a frame it has a row a point."""
    tried = lab.explore(RELAYED)
    assert "made a duplicate, and none outside it" in repr(tried)
    frame = tried.frame()
    assert len(frame) == tried.possible
    assert list(frame[frame["duplicates"] > 0]["number"]) == [
        point.number for point in tried.doubled
    ]
    assert tried.run(tried.doubled[0]).summary["duplicates"] == 1
    assert tried.run(tried.doubled[0].number).digest == tried.run(tried.doubled[0]).digest
    with pytest.raises(
        IndexError,
        match=f"no point 0 was tried; points are numbered from 1 to {tried.possible}",
    ):
        tried.run(0)


def test_a_break_that_made_a_duplicate_lies_in_a_window() -> None:
    """From when mail data has arrived until its 250 has, as the picture shades it."""
    tried = lab.explore(RELAYED)
    assert len(tried.windows) == 2
    for point in tried.doubled:
        assert any(begin <= point.at <= end for begin, end in tried.windows)
    assert tried.lost == []


def test_progress_is_told_and_a_limit_kept() -> None:
    seen: list[int] = []
    tried = lab.explore(lab.load(RELAYED), limit=5, progress=seen.append)
    assert len(tried.outcomes) == 5
    assert seen == [1, 2, 3, 4, 5]


def test_the_picture_marks_every_point_by_what_it_led_to() -> None:
    """A mark a point, and no words that overlap or leave the picture."""
    tried = lab.explore(lab.load(RELAYED, ["host.1.careless=true"]))
    with off_screen():
        ax = tried.plot()
    marks = {line.get_label(): len(line.get_xdata()) for line in ax.lines}
    assert sum(marks.values()) == len(tried.points)
    assert marks[f"a duplicate ({len(tried.doubled)})"] == len(tried.doubled)
    assert marks[f"mail lost ({len(tried.lost)})"] == len(tried.lost) > 0
    figure = ax.figure
    figure.canvas.draw()
    texts = [*ax.get_yticklabels(), ax.title, ax.xaxis.label, *ax.get_legend().get_texts()]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    width, height = figure.canvas.get_width_height()
    for number, box in enumerate(boxes):
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
        assert not any(box.overlaps(other) for other in boxes[:number])
