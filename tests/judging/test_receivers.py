"""``lab judge --receiver``: right mailers have no breach, and each fault is named by its rule."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers.command_line import Command, command_in_this_process
from helpers.programs import found
from judging.faults import IN_NODE, IN_PERL, IN_PYTHON, Faulty
from judging.mailers import NODE, PERL, PYTHON, edited, listening

from lab.judging.cases import Case
from lab.judging.finding import PLAIN, Judgement, by_cause
from lab.judging.receivers import commands, mail_text
from lab.judging.receivers.judge import Asked, judge_receiver
from lab.rfc import rules

OTHERS = {"noop-with-argument", "optional-help", "unknown-word", "data-dot-line"}
CASES: list[Case] = [*commands.CASES, *mail_text.CASES]


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return command_in_this_process(capsys, monkeypatch)


def judged(source: str, folder: Path, only: Sequence[str] = ()) -> Judgement:
    """Judge the receiver of a Python mailer, in this process."""
    with listening(source, folder) as address:
        return judge_receiver(Asked(address=address, folder=folder, only=only))


def breaches(judgement: Judgement) -> list[str]:
    """The rule of each cause of a breach."""
    groups = by_cause(judgement.findings)
    return [group[0].rule for group in groups if group[0].kind == "breach"]


def about(rule_numbers: str) -> list[str]:
    """Names of the cases that are about rules, of the plain ones, and of a few others."""
    numbers = rule_numbers.split()
    return [
        case.name
        for n, case in enumerate(CASES)
        if case.rule in numbers or case.name in {*PLAIN, *OTHERS} or n % 20 == 0
    ]


def test_every_case_is_about_a_rule_of_rfc_821() -> None:
    numbers = {rule.number for rule in rules()}
    assert {case.rule for case in CASES} <= numbers
    assert {say.rule for case in CASES for say in case.says} <= numbers
    assert len({case.name for case in CASES}) == len(CASES) > 200


def test_a_right_mailer_in_python_has_no_breach(tmp_path: Path) -> None:
    result = judged(PYTHON.read_text(encoding="utf-8"), tmp_path)
    assert result.findings == []
    assert len(result.cases) > 240


@pytest.mark.skipif(found("perl") is None, reason="Perl is not installed")
def test_a_right_mailer_in_perl_has_no_breach() -> None:
    """Over stdin and stdout, a program for each case."""
    only = [case.name for case in CASES[::4]]
    result = judge_receiver(Asked(command=["perl", str(PERL), "{mail}"], only=only))
    assert breaches(result) == []
    assert len(result.cases) > 50


@pytest.mark.skipif(found("node") is None, reason="Node is not installed")
def test_a_right_mailer_in_javascript_has_no_breach() -> None:
    only = [case.name for case in CASES[::40]]
    result = judge_receiver(Asked(command=["node", str(NODE), "receive"], only=only))
    assert result.findings == []
    assert len(result.cases) > 4


@pytest.mark.turns("faults of a mailer", 2)
@pytest.mark.parametrize("fault", IN_PYTHON, ids=lambda fault: fault.name)
def test_a_fault_is_found_and_named(fault: Faulty, tmp_path: Path) -> None:
    result = judged(edited(PYTHON, fault.old, fault.new), tmp_path, about(fault.rules))
    assert breaches(result)[0] in fault.rules.split(), breaches(result)


@pytest.mark.turns("faults of mailers in other languages", 2)
@pytest.mark.parametrize("fault", [*IN_PERL, *IN_NODE], ids=lambda fault: fault.name)
def test_a_fault_in_another_language_is_found(fault: Faulty, tmp_path: Path) -> None:
    source, program = (PERL, "perl") if fault in IN_PERL else (NODE, "node")
    if found(program) is None:
        pytest.skip(f"{program} is not installed")
    mailer = tmp_path / source.name
    mailer.write_text(edited(source, fault.old, fault.new), encoding="utf-8")
    about_it = [case.name for case in CASES if case.rule in fault.rules.split()]
    only = [*about_it[:3], *about_it[-4:], *sorted(PLAIN)]
    result = judge_receiver(Asked(command=[program, str(mailer)], only=only))
    assert breaches(result)[0] in fault.rules.split(), breaches(result)


def test_the_report_says_what_a_learner_needs(lab: Command, tmp_path: Path) -> None:
    """Rule, the RFC's words, the first wrong byte, what was wanted, how to repeat it."""
    mailer = tmp_path / "mailer.py"
    mailer.write_text(edited(PYTHON, 'reply(354, "Start', 'reply(250, "Start'), encoding="utf-8")
    page, junit = tmp_path / "page.html", tmp_path / "junit.xml"
    done = lab(
        "judge", "--receiver", "--case", "data-plain", "--html", str(page), "--junit", str(junit),
        "--", sys.executable, str(mailer),
    )  # fmt: skip
    assert done.status == 1
    lines = done.out.splitlines()
    assert any(line.startswith("BREACH 3.1-5  DATA is answered with 354") for line in lines)
    assert '  RFC 821, 3.1: "If accepted, the receiver-SMTP returns a 354' in done.out
    at = lines.index("    R: 250 Start mail input; end with <CRLF>.<CRLF>")
    assert lines[at + 1] == "       ^ first wrong byte"
    assert "  wanted: 354" in lines
    assert f"lab judge --receiver --case data-plain -- {sys.executable} {mailer}" in done.out
    assert "3.1-5" in page.read_text(encoding="utf-8")
    failure = ElementTree.parse(junit).find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "3.1-5"


def test_the_command_that_repeats_a_case_has_the_options_of_this_one(lab: Command) -> None:
    options = ["--case", "greeting", "--seed", "3", "--timeout", "9 s"]
    done = lab("judge", "--receiver", "--json", *options, "--", sys.executable, "-c", "print('no')")
    again = json.loads(done.out)["failed"][0]["again"]
    assert again.startswith("lab judge --receiver --seed 3 --timeout '9 s' --case greeting -- ")


def test_json_is_as_the_contract_has_it(lab: Command) -> None:
    mailer = [sys.executable, str(PYTHON)]
    done = lab("judge", "--receiver", "--json", "--stage", "1", "--", *mailer)
    result = json.loads(done.out)
    assert done.status == 0
    assert result["role"] == "receiver"
    assert result["cases"] == result["passed"] == 3
    assert result["failed"] == []


def test_a_server_of_today_chooses_where_a_program_of_rfc_821_breaks(tmp_path: Path) -> None:
    """MAIL without HELO: EHLO tells who is who."""
    source = edited(PYTHON, "if self.state == 0:", "if self.state < 0:")
    only = ["before-helo-mail"]
    assert breaches(judged(source, tmp_path, only)) == ["4.1.1-22"]
    today = source.replace(
        "    def do_HELO", "    def do_EHLO(self, argument):\n        self.do_HELO(argument)\n\n"
        "    def do_HELO",
    )  # fmt: skip
    result = judged(today, tmp_path, only)
    assert [(each.kind, each.rule) for each in result.findings] == [("choice", "4.1.1-22")]


def test_a_second_helo_is_refused_on_purpose_by_servers_of_today(tmp_path: Path) -> None:
    source = edited(PYTHON, "        self.peer, self.state, self.to = argument, 1, []\n",
                    "        if self.state:\n            return self.reply(503, 'Already')\n"
                    "        self.peer, self.state, self.to = argument, 1, []\n")  # fmt: skip
    only = ["helo-again", "helo-clears"]
    assert breaches(judged(source, tmp_path, only))[0] == "4.1.1-4"
    today = source.replace(
        "    def do_HELO", "    def do_EHLO(self, argument):\n        self.do_HELO(argument)\n\n"
        "    def do_HELO",
    )  # fmt: skip
    found = judged(today, tmp_path, only).findings
    assert {(each.kind, each.rule) for each in found} == {("choice", "4.1.1-4")}


def test_a_program_may_say_421_as_the_channel_is_lost(tmp_path: Path) -> None:
    """As Exim does: nobody hears it, and it breaks no rule."""
    mailer = tmp_path / "mailer.py"
    source = edited(PYTHON, "    with suppress(Gone, BrokenPipeError):\n", "    try:\n")
    says = '    except Gone:\n        say(b"421 BETA.ARPA lost input\\r\\n")\n'
    source = source.replace("say).run()\n\n\ndef main", f"say).run()\n{says}\n\ndef main")
    mailer.write_text(source, encoding="utf-8")
    only = ["greeting", "cut-keeps-earlier"]
    result = judge_receiver(Asked(command=[sys.executable, str(mailer)], only=only))
    assert result.findings == []
