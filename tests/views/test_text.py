"""Transcript, mail drops and summary table: the views that are no pictures."""

from __future__ import annotations

import io
import mailbox
from pathlib import Path
from typing import Any

import pytest
from helpers.synthetic_traces import CHAIN, MESSAGE, Scribe, relayed
from rich.console import Console

from lab import views
from lab.trace.trace import Trace
from lab.views.files.maildrops import file_name

A, B, C = CHAIN


def lines(scribe: Scribe, end: float = 9) -> list[str]:
    return list(views.transcript(scribe.end(end)))


def test_a_session_is_shown_as_the_rfc_prints_it() -> None:
    scribe = Scribe("", CHAIN)
    scribe.open(0.0, A, B, 0.12)
    scribe.say(0.2, B, A, f"220 {B} Simple Mail Transfer Service Ready")
    scribe.say(0.3, A, B, f"HELO {A}")
    scribe.say(0.4, B, A, f"250 {B}")
    scribe.close(0.5, A, B)
    assert lines(scribe) == [
        "== session 1 · MIT-AI.ARPA -> USC-ISIE.ARPA · t=0.120 s",
        "R: 220 USC-ISIE.ARPA Simple Mail Transfer Service Ready",
        "S: HELO MIT-AI.ARPA",
        "R: 250 USC-ISIE.ARPA",
    ]


def test_sessions_stand_in_the_order_in_which_they_opened_though_they_ran_at_once() -> None:
    scribe = Scribe("", CHAIN)
    scribe.open(0.0, A, B)
    scribe.open(0.1, A, C)
    scribe.say(0.5, A, C, "NOOP")
    scribe.session = 1
    scribe.say(0.6, A, B, "QUIT")
    scribe.close(0.7, A, B)
    scribe.session = 2
    scribe.close(0.8, A, C)
    shown = lines(scribe)
    assert [line[:12] for line in shown] == [
        "== session 1",
        "S: QUIT",
        "",
        "== session 2",
        "S: NOOP",
    ]


def test_mail_data_stand_as_they_crossed_the_wire() -> None:
    """4.5.2: a line that begins with a period has another before it on the wire."""
    scribe = Scribe("", CHAIN)
    session = scribe.open(0.0, A, B)
    octets = b"..dots\r\n\x00\x07\xff bare\rand\nfeed \x7f\r\n\r\n.\r\n"
    scribe.trace.record((1.0, "data", B, A, session, 1, 0.9, octets))
    scribe.close(2.0, A, B)
    assert lines(scribe)[1:] == [
        "S: ..dots",
        r"S: \x00\x07\xff bare\x0dand\x0afeed \x7f",
        "S: ",
        "S: .",
    ]


def test_every_line_of_a_reply_has_its_own() -> None:
    scribe = Scribe("", CHAIN)
    scribe.open(0.0, A, B)
    scribe.say(1, B, A, "250-one\r\n250 two")
    scribe.close(2.0, A, B)
    assert lines(scribe)[1:] == ["R: 250-one", "R: 250 two"]


def test_letters_swap_with_the_roles_after_a_turn() -> None:
    """3.8: once TURN is answered 250, each host plays the other's part."""
    scribe = Scribe("", CHAIN)
    scribe.open(0.0, A, B)
    for t, host, peer, text in (
        (1, A, B, "TURN"),
        (2, B, A, "250 OK"),
        (3, A, B, f"220 {A} ready"),
        (4, B, A, f"HELO {B}"),
    ):
        scribe.say(t, host, peer, text)
    scribe.close(5, A, B)
    letters = [line[0] for line in lines(scribe)[1:]]
    assert letters == ["S", "R", "R", "S"]


def test_a_session_that_was_cut_off_says_so() -> None:
    scribe = Scribe("", CHAIN)
    scribe.open(0.0, A, B)
    scribe.close(3.2, A, B, "cut: link down")
    scribe.open(4.0, A, B)
    shown = lines(scribe)
    assert shown[1] == "-- cut off at t=3.200 s: link down"
    assert shown[-1] == "-- still open when the run stopped"


def test_a_mail_drop_is_a_maildir_that_keeps_every_byte(tmp_path: Path) -> None:
    assert views.write_maildrops(relayed(), tmp_path) == 1
    (path,) = (tmp_path / C / "Jones" / "new").iterdir()
    assert path.read_bytes() == MESSAGE
    box = mailbox.Maildir(str(tmp_path / C / "Jones"), create=False)
    assert [message["Subject"] for message in box] == ["x"]


def test_the_same_run_gives_the_same_files_and_an_earlier_runs_go(tmp_path: Path) -> None:
    def found() -> list[str]:
        return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))

    views.write_maildrops(relayed(), tmp_path)
    once = found()
    stranger = tmp_path / C / "Jones" / "new" / "kept"
    stranger.write_text("not ours")
    views.write_maildrops(relayed(), tmp_path)
    assert stranger.exists()
    stranger.unlink()
    assert found() == once


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../../etc", "a/b", "a\\b", "C:", "x\0y", "é", "%2e", ".hid", "x" * 999]
)
def test_no_name_reaches_outside_the_directory(name: str, tmp_path: Path) -> None:
    scribe = Scribe("", CHAIN)
    scribe.deliver(1, 1, name, name)
    root = tmp_path / "mail"
    views.write_maildrops(scribe.end(2), root)
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert path.resolve().is_relative_to(root.resolve())
    assert len(path.relative_to(root).parts) == 4


def test_names_that_differ_have_files_that_differ() -> None:
    names = ["a", "a%", "%", "", ".", "a/b", "a%2Fb", "x" * 300, "x" * 301, "a@terminal"]
    assert len({file_name(name) for name in names}) == len(names)


def test_what_a_terminal_showed_lies_beside_the_mail_drop(tmp_path: Path) -> None:
    trace = Trace()
    trace.record((1.0, "terminal", C, None, None, 1, "1", "Jones", MESSAGE))
    views.write_maildrops(trace, tmp_path)
    assert [path.name for path in (tmp_path / C).iterdir()] == ["Jones@terminal"]


def shown(summary: dict[str, Any]) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(views.summary_table(summary))
    return console.export_text()


def test_the_summary_says_what_failed_and_how_often() -> None:
    failures = [
        {"host": "A", "name": "process", "count": 1, "reason": "killed", "first": 1, "last": 1},
        {"host": "", "name": "network", "count": 2, "reason": "KeyError", "first": 1, "last": 2},
    ]
    text = shown({"failures": failures})
    assert "A: its process ended, and was started again; killed" in text
    assert "the network: something failed 2 times, and the run went on; the first time" in text


def test_the_summary_counts_and_lists_a_bounded_number_of_recipients() -> None:
    recipients = [
        {
            "message": n,
            "recipient": f"[bold]{n}@X.ARPA",
            "outcome": "delivered",
            "submitted_at": 0.0,
            "settled_at": 1.5,
            "hops": 2,
        }
        for n in range(1, 51)
    ]
    text = shown(
        {
            "title": "Relayed mail",
            "seed": 7,
            "digest": "sha256:abc",
            "simulated_seconds": 12.5,
            "submitted": 50,
            "delivered": 50,
            "sessions": 2,
            "hops": 100,
            "delivery_seconds": {"min": 1, "median": 1.5, "p95": 2, "max": 3},
            "recipients": recipients,
        }
    )
    assert "Relayed mail" in text
    assert "seed 7" in text
    assert "... and 30 more" in text
    assert "[bold]20@X.ARPA" in text
    assert "21@X.ARPA" not in text
    assert "sha256:abc" in text
    assert "LOST" not in text


def test_lost_mail_is_shouted_about() -> None:
    assert "3 LOST" in shown({"lost": 3, "submitted": 3})


def test_the_old_name_of_what_a_view_requires_still_works_with_a_warning() -> None:
    trace = Trace([(0.0, "start", "", None, None, None, {})], level="session")
    with pytest.warns(DeprecationWarning, match="lacking is now lab.views.why_unavailable"):
        why = views.lacking(trace, "ladder")
    assert why == views.why_unavailable(trace, "ladder")
