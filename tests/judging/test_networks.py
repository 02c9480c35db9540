"""A storm of random networks in which a receiver-SMTP under test is a host."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from judging.mailers import PYTHON, edited
from judging.test_hostile_programs import left_behind

from lab.judging.finding import Judgement, by_cause
from lab.judging.networks.random_networks import network_around
from lab.judging.networks.storm import AskedStorm, judge_in_networks, judge_receiver_and_storm
from lab.judging.receivers.judge import Asked
from lab.judging.report import lines

LATE = (
    "            code = self.take(to, text)\n            self.reply(code,",
    '            self.reply(250, "OK")\n            time.sleep(0.3)\n'
    "            code = self.take(to, text)\n            0 and self.reply(code,",
)
"""Says 250 before it stores the mail."""


def storm(command: list[str], *only: str, seed: int = 0) -> Judgement:
    result = Judgement("receiver", "it", "lab judge --receiver -- it")
    judge_in_networks(AskedStorm(command, only=only, timeout=1, seed=seed), result)
    return result


def test_a_right_mailer_has_no_breach_in_any_network() -> None:
    result = storm([sys.executable, str(PYTHON)], "network-2", "network-5")
    assert result.findings == []
    assert result.cases == ["network-2", "network-5"]


def test_mail_that_is_stored_after_its_250_is_lost_in_a_crash(tmp_path: Path) -> None:
    mailer = tmp_path / "mailer.py"
    mailer.write_text(edited(PYTHON, *LATE), encoding="utf-8")
    result = storm([sys.executable, str(mailer)], "network-1", "network-5", seed=0)
    causes = [group[0] for group in by_cause(result.findings)]
    assert [each.rule for each in causes] == ["4.1.1-12"]
    assert f"lab judge --receiver --case {causes[0].case} -- it" in "\n".join(lines(result))


def test_periods_that_stay_doubled_are_named(tmp_path: Path) -> None:
    mailer = tmp_path / "mailer.py"
    source = edited(PYTHON, 'line[1:] if line.startswith(b".") else line', "line")
    mailer.write_text(source, encoding="utf-8")
    rules = {each.rule for each in storm([sys.executable, str(mailer)]).findings}
    assert rules == {"4.5.2-2"}


def test_a_network_is_the_same_again() -> None:
    users = ("Jones", "Brown")
    one, again = (network_around("BETA.ARPA", users, 3, 4) for _ in range(2))
    assert one == again
    assert one != network_around("BETA.ARPA", users, 3, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize("script", ["yes 220", "echo '220 A.ARPA x'; exit 3"])
def test_a_hostile_program_is_bounded_in_a_network(
    script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("LAB_JUDGE_IN_A_TEST", str(os.getpid()))
    result = storm(["sh", "-c", script], "network-1")
    assert result.breaches
    assert left_behind() == []


def test_a_program_whose_plain_cases_fail_is_not_judged_in_networks() -> None:
    result = judge_receiver_and_storm(Asked(["sh", "-c", "echo hello"], timeout=0.2))
    assert set(result.left_out) >= {f"network-{n}" for n in range(1, 9)}
