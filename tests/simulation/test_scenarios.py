"""Every topology file of the project runs and meets its [expect]; those of RFC 821 speak its words.

The dialogues are compared twice: in a compact form that stands here (command words and reply
codes), and, where a copy of the RFC lies beside the repository, letter by letter with appendix F.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from helpers.places import ROOT, SHARED

import lab

TOPOLOGIES = ROOT / "topologies"
FILES = sorted(p for p in TOPOLOGIES.rglob("*.toml") if p.parent.name != "experiments")
UNBROKEN = [file for file in FILES if file.parent.name != "faults"]
RFC = SHARED / "rfc821.txt"

Session = list[str]


def lab_run(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", "run", str(file), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@cache
def dialogues(name: str) -> list[Session]:
    """The sessions of the transcript of a run, each a list of its S: and R: lines."""
    sessions: list[Session] = []
    for line in lab.simulate(TOPOLOGIES / "rfc821" / f"{name}.toml").transcript_lines():
        if line.startswith("== session"):
            sessions.append([])
        elif re.match(r"[SR]: ?", line):
            sessions[-1].append(line.rstrip())
    return sessions


# -- every file


def name_of(file: Path) -> str:
    return file.relative_to(TOPOLOGIES).with_suffix("").as_posix()


@pytest.mark.parametrize("file", UNBROKEN, ids=name_of)
def test_a_file_runs_and_meets_its_expectation(file: Path) -> None:
    done = lab_run(file, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["lost"], summary["duplicates"], summary["queued"]) == (0, 0, 0)
    assert summary["sessions"] > 0


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_tells_what_to_watch_and_what_to_expect(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "# What to watch: " in text or "# What to watch:\n" in text
    assert re.search(r"^\[expect\]$", text, re.MULTILINE)


def test_an_expectation_that_does_not_come_true_fails_the_run() -> None:
    done = lab_run(TOPOLOGIES / "rfc821" / "scenario-01.toml", "--set", "expect.delivered=3")
    assert done.returncode == 1
    assert "delivered" in done.stderr


def test_the_set_is_whole() -> None:
    names = {name_of(file) for file in FILES}
    assert names >= {f"rfc821/scenario-{number:02}" for number in range(1, 11)}
    assert names >= {"rfc821/example-07", "rfc821/example-08", "rfc821/example-10"}
    assert names >= {"campus", "two-environments", "internet"}


# -- the dialogues in short: the greeting's code, then each command's word and its reply's code

HELO_VRFY = "220 HELO 250 VRFY 250"
MAIL_ONE = "MAIL 250 RCPT 250 DATA 354 . 250"
ONE_MESSAGE = f"220 HELO 250 {MAIL_ONE} QUIT 221"
EXPANSION = "220 HELO 250 EXPN 250 QUIT 221"

DIALOGUES = {
    "scenario-01": ["220 HELO 250 MAIL 250 RCPT 250 RCPT 550 RCPT 250 DATA 354 . 250 QUIT 221"],
    "scenario-02": ["220 HELO 250 MAIL 250 RCPT 250 RCPT 550 RSET 250 QUIT 221"],
    "scenario-03": [ONE_MESSAGE, ONE_MESSAGE],
    "scenario-04": [f"{HELO_VRFY} SEND 250 RCPT 250 DATA 354 . 250 QUIT 221"],
    "scenario-05": [f"{HELO_VRFY} SEND 250 RCPT 450 RSET 250 {MAIL_ONE} QUIT 221"],
    "scenario-06": [f"{HELO_VRFY} SOML 250 RCPT 250 DATA 354 . 250 QUIT 221"],
    "scenario-07": [
        EXPANSION,
        EXPANSION,
        f"220 HELO 250 MAIL 250 {'RCPT 250 ' * 7}DATA 354 . 250 QUIT 221",
        *[ONE_MESSAGE] * 8,
    ],
    "scenario-08": [
        f"220 HELO 250 {MAIL_ONE} QUIT 221".replace("RCPT 250", "RCPT 251"),
        ONE_MESSAGE,
    ],
    "scenario-09": ["220 HELO 250 MAIL 250 RCPT 251 RSET 250 QUIT 221", ONE_MESSAGE],
    "scenario-10": [
        "220 HELO 250 MAIL 250 RCPT 250 RCPT 552 DATA 354 . 250 "
        "MAIL 250 RCPT 250 DATA 354 . 250 QUIT 221"
    ],
    "example-08": [ONE_MESSAGE] * 3,
}


def in_short(session: Session) -> str:
    """Command words and reply codes; the mail data are left out, their end is a dot."""
    words: list[str] = []
    for line in session:
        letter, text = line[0], line[3:]
        if letter == "R" and text[3:4] != "-":
            words.append(text[:3])
        elif letter == "S" and (words[-1] != "354" or text == "."):
            words.append(text.split(" ")[0])
    return " ".join(words)


@pytest.mark.parametrize("name", DIALOGUES)
@pytest.mark.rule("3.3-1", "3.3-3", "3.4-4", "F-1", "F-2", "F-3", "F-4", "F-7", "F-8", "F-10")
def test_the_dialogues_have_the_commands_and_codes_of_the_rfc(name: str) -> None:
    assert [in_short(session) for session in dialogues(name)] == DIALOGUES[name]


@pytest.mark.rule("F-3")
def test_scenario_3_moves_the_paths_and_adds_a_time_stamp() -> None:
    first, second = dialogues("scenario-03")
    assert "S: RCPT TO:<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>" in first
    assert second[3] == "S: MAIL FROM:<@USC-ISIE.ARPA:JQP@MIT-AI.ARPA>"
    assert second[5] == "S: RCPT TO:<Jones@BBN-VAX.ARPA>"
    assert second[9] == "S: Received: from MIT-AI.ARPA by USC-ISIE.ARPA ; 2 Nov 81 22:40:10 UT"


@pytest.mark.rule("F-7")
def test_scenario_7_expands_two_lists_and_names_nobody_twice() -> None:
    """11 lines name members, of whom 4 are on both lists; a line of the reply for each."""
    people, parties, mailed, *_ = dialogues("scenario-07")
    members = [re.findall("<.*>", line)[0] for line in (*people, *parties) if "<" in line]
    assert (len(members), len(set(members))) == (11, 7)
    assert "R: 250 <xyz@bar-unix.ARPA>" in people
    named = [line for line in mailed if line.startswith("S: RCPT")]
    assert len(named) == len(set(named)) == 7


@pytest.mark.rule("3.6-6")
def test_example_7_sends_a_notification_with_a_null_reverse_path_back_the_way() -> None:
    """3.6: HOSTZ refuses, HOSTY tells JOE through HOSTX, and no notification is about that one."""
    sessions = dialogues("example-07")
    assert "550" in in_short(sessions[2])
    back, last = sessions[3], sessions[4]
    assert in_short(back) == in_short(last) == ONE_MESSAGE
    assert "S: MAIL FROM:<>" in back
    assert "S: MAIL FROM:<>" in last
    assert "S: RCPT TO:<@HOSTX.ARPA:JOE@HOSTW.ARPA>" in back
    assert "S: RCPT TO:<JOE@HOSTW.ARPA>" in last
    text = "\n".join(back)
    assert "SAM@HOSTZ.ARPA" in text
    assert "550 No such user here" in text
    assert "S: Date: 23 Oct 81 11:22:33" in text


@pytest.mark.rule("4.1.1-10", "4.1.1-11", "4.1.2-11", "4.1.2-12")
def test_example_8_ends_with_the_return_path_and_three_time_stamps(tmp_path: Path) -> None:
    """4.1.1, DATA: the final mail data begin with a return path line, then the time stamp lines."""
    done = lab_run(TOPOLOGIES / "rfc821" / "example-08.toml", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (delivered,) = [file for file in (tmp_path / "mail").rglob("*") if file.is_file()]
    lines = delivered.read_bytes().decode("ascii").splitlines()
    assert lines == [
        "Return-Path: <@GHI.ARPA,@DEF.ARPA,@ABC.ARPA:JOE@ABC.ARPA>",
        "Received: from GHI.ARPA by JKL.ARPA ; 27 Oct 81 15:27:39 PST",
        "Received: from DEF.ARPA by GHI.ARPA ; 27 Oct 81 15:15:13 PST",
        "Received: from ABC.ARPA by DEF.ARPA ; 27 Oct 81 15:01:59 PST",
        "Date: 27 Oct 81 15:01:01 PST",
        "From: JOE@ABC.ARPA",
        "Subject: Improved Mailing System Installed",
        "To: SAM@JKL.ARPA",
        "",
        "This is to inform you that ...",
    ]


@pytest.mark.rule("4.1.2-11", "4.1.2-12")
def test_example_10_has_all_of_a_time_stamp_line(tmp_path: Path) -> None:
    """4.1.2: "via TELENET with X25 id M12345 for Smith@PDQ.ARPA ; 22 OCT 81 09:23:59 PDT"."""
    done = lab_run(TOPOLOGIES / "rfc821" / "example-10.toml", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (delivered,) = [file for file in (tmp_path / "mail").rglob("*") if file.is_file()]
    assert delivered.read_bytes().decode("ascii").splitlines()[:3] == [
        "Return-Path: <@XYZ.ARPA:Jones@ABC.ARPA>",
        "Received: from XYZ.ARPA by PDQ.ARPA ; 22 Oct 81 09:24:00 PDT",
        "Received: from ABC.ARPA by XYZ.ARPA via TELENET with X25 id M12345 "
        "for Smith@PDQ.ARPA ; 22 Oct 81 09:23:59 PDT",
    ]


# -- the dialogues in full, from the RFC itself

DOTS = ("S: ...etc. etc. etc.", "S: ....etc. etc. etc.")  # printed without the dot of 4.5.2

MISPRINTS: dict[tuple[int, int], list[tuple[str, str]]] = {
    # (scenario, session): what is printed, what crosses the wire
    (1, 1): [DOTS],
    (3, 2): [
        (  # the closing host names itself
            "R: 221 USC-ISIE.ARPA Service closing transmission channel",
            "R: 221 BBN-VAX.ARPA Service closing transmission channel",
        ),
    ],
    (4, 1): [DOTS],
    (5, 1): [DOTS],
    (6, 1): [DOTS],
    (7, 3): [DOTS],
    (8, 1): [DOTS],
    (9, 2): [("R: OK", "R: 250 OK"), DOTS],  # a reply has a code
    (10, 1): [DOTS],
}

WRAPPED = [  # one line on the wire, two in print; no other line of a dialogue may be continued
    "S: Received: from MIT-AI.ARPA by USC-ISIE.ARPA ; 2 Nov 81 22:40:10 UT",
    "S: RCPT TO:<@USC-ISIE.ARPA,@USC-ISIF.ARPA:Q-Smith@ISI-VAXA.ARPA>",
]

PAGE_FURNITURE = re.compile(
    r"Postel +\[Page \d+\]|\[Page \d+\] +Postel|RFC 821 +August 1982|August 1982 +RFC 821"
    r"|Simple Mail Transfer Protocol|"
)


def printed_lines(text: str) -> Iterator[str]:
    """The lines of appendix F without the feet and heads of pages."""
    begin = text.index("\nAPPENDIX F\n")
    for line in text[begin : text.index("\nGLOSSARY\n", begin)].splitlines():
        if not PAGE_FURNITURE.fullmatch(line.strip()):
            yield line.rstrip()


def printed_scenarios(text: str) -> tuple[dict[int, list[Session]], list[str]]:
    """The sessions of each scenario, and the lines that were put together from two.

    A scenario stands between two rulers and ends with its number; a session begins with 220.
    """
    scenarios: dict[int, list[Session]] = {}
    sessions: list[Session] = []
    joined: list[str] = []
    between_rulers = False
    for line in printed_lines(text):
        words = line.strip()
        if re.fullmatch("-{20,}", words):
            between_rulers = not between_rulers
        elif not between_rulers or words.startswith("Step "):
            continue
        elif number := re.fullmatch(r"Scenario (\d+)", words):
            scenarios[int(number[1])], sessions = sessions, []
        elif words.startswith(("S:", "R:")):
            if words.startswith("R: 220 "):
                sessions.append([])
            sessions[-1].append(words)
        else:
            sessions[-1][-1] += " " + words
            joined.append(sessions[-1][-1])
    return scenarios, joined


def corrected(printed: Session, misprints: list[tuple[str, str]]) -> Session:
    for wrong, _ in misprints:
        assert wrong in printed, "the table of misprints names a line that is not printed"
    right = dict(misprints)
    return [right.get(line, line) for line in printed]


@pytest.fixture(scope="module")
def appendix_f() -> dict[int, list[Session]]:
    if not RFC.is_file():
        pytest.skip("RFC 821 does not lie beside the repository, as ../shared/rfc821.txt")
    scenarios, joined = printed_scenarios(RFC.read_text(encoding="ascii"))
    assert joined == WRAPPED
    return scenarios


@pytest.mark.rule("F-1")
def test_appendix_f_is_read_whole(appendix_f: dict[int, list[Session]]) -> None:
    sessions = {number: len(printed) for number, printed in appendix_f.items()}
    assert sessions == {1: 1, 2: 1, 3: 2, 4: 1, 5: 1, 6: 1, 7: 3, 8: 1, 9: 2, 10: 1}


@pytest.mark.parametrize("number", range(1, 11))
@pytest.mark.rule("3.1-6", "4.2.1-5", "F-1")
def test_a_scenario_says_what_appendix_f_prints(
    number: int, appendix_f: dict[int, list[Session]]
) -> None:
    ours = dialogues(f"scenario-{number:02}")
    for at, printed in enumerate(appendix_f[number], 1):
        assert ours[at - 1] == corrected(printed, MISPRINTS.get((number, at), []))
