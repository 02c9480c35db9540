"""``lab judge --relay``: a whole mail program between two hosts of ours."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from judging.mailers import PYTHON, edited

from lab.judging.finding import Finding, by_cause
from lab.judging.relays.cases import CASES
from lab.judging.relays.judge import AskedRelay, judge_relay
from lab.rfc import rules

PLACES = ["relay", "{port}", "{next_host}", "{next_port}", "{queue}"]
SOME = ["relay-route-of-two", "relay-null", "retry-451", "notify", "crash-after-250"]


def judged(mailer: Path, only: Sequence[str], timeout: float = 12) -> list[Finding]:
    command = [sys.executable, str(mailer), *PLACES]
    result = judge_relay(AskedRelay(command, only=only, timeout=timeout))
    assert sorted(result.cases) == sorted(only)
    return [group[0] for group in by_cause(result.findings)]


def test_every_case_is_about_a_rule() -> None:
    assert {case.rule for case in CASES} <= {rule.number for rule in rules()}


def test_a_right_relay_has_no_breach() -> None:
    assert judged(PYTHON, [*SOME, "greeting"]) == []


@pytest.mark.parametrize(
    ("case", "rule", "old", "new"),
    [
        ("relay-route-of-two", "3.6-2", "route = route[1:]", "route = route"),
        ("relay-longer-reverse-path", "3.6-4", 'return f"<@{HOST},{path',
         'return path or f"<@{HOST},{path'),
        ("notify", "3.6-8", 'self.add("<>", back', 'self.add("<postmaster@BETA.ARPA>", back'),
        ("relay-null", "3.6-14", 'if path == "<>":\n        return path', 'if path == "<>":\n'
         '        return "<nobody@BETA.ARPA>"'),
        ("notify", "3.6-6", 'self.add("<>", back, text)', "pass"),
        ("retry-451", "E-3", "if code // 100 in (2, 5) or late:", "if True:"),
        ("crash-after-250", "4.1.1-12", "sorted(self.folder.glob(\"[0-9]*\")):",
         "sorted(self.folder.glob(f\"[0-9]*-{os.getpid()}\")):"),
    ],
)  # fmt: skip
def test_a_fault_of_a_relay_is_found(
    case: str, rule: str, old: str, new: str, tmp_path: Path
) -> None:
    mailer = tmp_path / "mailer.py"
    source = edited(PYTHON, old, new)
    source = source.replace(
        '-{threading.get_ident()}"\n        write(self', '-{os.getpid()}"\n        write(self'
    )
    mailer.write_text(source, encoding="utf-8")
    assert judged(mailer, [case], timeout=3)[0].rule == rule


def test_mail_that_is_not_tried_again_is_one_cause(tmp_path: Path) -> None:
    """Whether it was refused for now, or the channel was lost."""
    mailer = tmp_path / "mailer.py"
    source = edited(PYTHON, "if code // 100 in (2, 5) or late:", "if True:")
    mailer.write_text(source, encoding="utf-8")
    only = ["retry-451", "retry-cut-mail"]
    found = judged(mailer, only, timeout=2)
    assert [(each.case, each.rule) for each in found] == [("retry-451", "E-3")]
