"""``lab check`` warns of mail that a host on its way will not take or send on."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.small_topologies import chain, host, mail, relay

import lab
from lab.cli import cli
from lab.simulation.agenda import submission_of
from lab.simulation.unsendable import unsendable_mail
from lab.topology.model import from_dict

LONG = "x" * 1200 + "\n"


def topology(*letters: dict[str, Any], **limits: int) -> lab.Topology:
    hosts = [
        host("A.ARPA", "ann", "bob"),
        relay("B.ARPA", limits=limits) if limits else relay("B.ARPA"),
        relay("C.ARPA", "sam"),
        host("D.ARPA", "kim", external="127.0.0.1:9"),
    ]
    return from_dict({"host": hosts, "link": chain(*hosts), "mail": list(letters)})


def test_a_line_that_may_not_be_sent_is_warned_about() -> None:
    """It is cut, as no line may be longer than 1000 characters with its CRLF (4.5.3)."""
    made = topology(
        mail("ann@A.ARPA", "sam@C.ARPA", text="y" * 998 + "\n"),
        mail("ann@A.ARPA", "sam@C.ARPA", text=LONG),
    )
    [sentence] = unsendable_mail(made)
    assert sentence.startswith("mail.1 has a line of 1200 characters")


def test_mail_that_is_too_large_for_a_host_on_its_way_is_warned_about() -> None:
    """The route decides, not the destination alone."""
    made = topology(
        mail("ann@A.ARPA", "sam@C.ARPA", text="text\n" * 20_000),
        mail("ann@A.ARPA", "bob@A.ARPA", text="text\n" * 20_000),
        mail("ann@A.ARPA", "sam@C.ARPA"),
        message=65536,
    )
    [sentence] = unsendable_mail(made)
    assert sentence.startswith("mail.0 is too large for B.ARPA on its way: ")


def test_text_that_is_made_up_is_not_made_for_that() -> None:
    """A gigabyte of it takes no memory; its size is that of the mail data."""
    made = topology(
        mail("ann@A.ARPA", "sam@C.ARPA", size=10**9, text=None),
        mail("ann@A.ARPA", "sam@C.ARPA", size=2, text=None),
        message=65536,
    )
    tracemalloc.start()
    sentences = unsendable_mail(made)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sentences == [
        "mail.0 is too large for B.ARPA on its way: it has 1000000000 bytes, and at most 65536 are "
        "taken"
    ]
    assert peak < 10**7


@pytest.mark.parametrize("size", [0, 1, 90, 150, 160, 161, 162, 163, 5000])
def test_the_size_of_mail_that_is_not_made_is_that_of_the_mail(size: int) -> None:
    made = topology(mail("ann@A.ARPA", "sam@C.ARPA", size=size, text=None))
    submission = submission_of(made, made.mail[0])
    daytime = "10 JAN 83 09:00:00 UT"
    begun, count = submission.own_part(daytime)
    whole = submission.mail_data(daytime)
    assert len(whole) == count
    assert whole.startswith(begun)


def sends_on(**settings: Any) -> lab.Topology:
    """B sends mail for "all" on to C and D, "old" to C, and takes 66,000 bytes; D takes 1,000."""
    hosts = [
        host("A", "ann"),
        relay("B", list=[{"name": "all", "members": ["sam@C", "kim@D", "all@B"]}],
              forward=[{"user": "old", "to": "sam@C"}, {"user": "kim", "to": "kim@D"},
                       {"user": "gone", "to": "kim@D", "mode": "refer"}]),
        relay("C", "sam"),
        host("D", "kim", limits={"message": 1000}),
    ]  # fmt: skip
    return from_dict({"host": hosts, "link": chain(*hosts), **settings})


@pytest.mark.parametrize(
    ("to", "count"),
    [("all@B", 1), ("old@B", 0), ("kim@B", 1), ("gone@B", 0), ("sam@C", 0), ("nobody@B", 0)],
)
def test_the_way_goes_on_to_the_members_of_lists_and_by_forwards(to: str, count: int) -> None:
    made = sends_on(mail=[mail("ann@A", to, text="text\n" * 300)])
    found = unsendable_mail(made)
    assert len(found) == count
    assert all("is too large for D on its way" in sentence for sentence in found)
    assert lab.simulate(made).summary["returned"] == count or to in ("gone@B", "nobody@B")


def test_mail_grows_by_a_time_stamp_line_at_each_host() -> None:
    """It fits when it is sent, and not where it arrives."""
    for size in range(850, 1001, 10):
        made = sends_on(mail=[{"from": "ann@A", "to": "kim@D", "size": size}])
        warned = len(unsendable_mail(made))
        assert warned == lab.simulate(made).summary["returned"], size
    assert warned == 1


@pytest.mark.parametrize(("to", "count"), [("kim@D.ARPA", 1), ("sam@C.ARPA", 0)])
def test_a_period_alone_is_warned_about_on_the_way_out_of_the_lab(to: str, count: int) -> None:
    """Hosts of the lab end mail at CRLF, period, CRLF only."""
    letter = {"from": "ann@A.ARPA", "to": to, "mail_data": "a\r.\rb\n"}
    assert len(unsendable_mail(topology(letter))) == count


def test_lab_check_prints_the_warning_and_says_ok(tmp_path: Path) -> None:
    """The file is valid: what becomes of the mail is part of the run."""
    path = tmp_path / "long.toml"
    path.write_text(
        '[[host]]\nname = "A.ARPA"\nusers = ["ann"]\n[[host]]\nname = "B.ARPA"\nusers = ["bob"]\n'
        '[[link]]\nbetween = ["A.ARPA", "B.ARPA"]\n'
        f'[[mail]]\nfrom = "ann@A.ARPA"\nto = "bob@B.ARPA"\ntext = "{"y" * 1100}"\n'
    )
    result = CliRunner().invoke(cli, ["check", str(path)])
    assert result.exit_code == 0
    assert "warning: " in result.stderr
    assert "mail.0 has a line of 1100 characters" in result.stderr
    assert "OK" in result.stdout
