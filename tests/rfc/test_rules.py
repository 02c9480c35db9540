"""The checklist: every rule has a test, every test's rule is in the list, and `lab rfc` tells."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from helpers.places import ROOT, SHARED

from lab.cli import cli
from lab.protocol.replies import TEXTS
from lab.protocol.syntax import COMMANDS
from lab.rfc import Rule, implementation, mutations_killed, of_section, proofs, rules, sort_key

TESTS = ROOT / "tests"
PROOFS = proofs(TESTS)
RFC = SHARED / "rfc821.txt"
STATEMENTS = SHARED / "rfc821-statements.txt"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.number)
def test_a_rule_has_a_test(rule: Rule) -> None:
    """Unless it is not implemented, and says so."""
    assert rule.lacking or PROOFS.get(rule.number), (
        f"no test carries pytest.mark.rule({rule.number!r})"
    )


def test_a_test_names_no_rule_that_there_is_not() -> None:
    known = {rule.number for rule in rules()}
    unknown = {number: tests for number, tests in PROOFS.items() if number not in known}
    assert unknown == {}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.number)
def test_a_rule_lives_where_it_says(rule: Rule) -> None:
    assert implementation(rule.lives) is not None


def test_the_rules_stand_in_the_order_of_the_rfc_and_once_each() -> None:
    numbers = [rule.number for rule in rules()]
    assert numbers == sorted(set(numbers), key=sort_key)


def test_each_section_that_makes_rules_has_some() -> None:
    """Sections 1 and 2, 3.1 to 3.8, 4.1 to 4.5 and the appendices."""
    sections = {rule.section for rule in rules()}
    assert sections >= {
        *("1", "2", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8"),
        *("4.1.1", "4.1.2", "4.2", "4.2.1", "4.2.2", "4.3", "4.4", "4.5.1", "4.5.2", "4.5.3"),
        *("A", "B", "C", "D", "E", "F"),
    }


def test_every_command_and_every_limit_is_named() -> None:
    text = " ".join(rule.rule for rule in rules())
    assert [command for command in COMMANDS if command not in text] == []
    assert [code for code in sorted(TEXTS) if str(code) not in text] == []
    assert [size for size in ("64", "256", "512", "1000", "100 rec") if size not in text] == []


@pytest.mark.skipif(not RFC.is_file(), reason="RFC 821 does not lie beside the repository")
def test_no_rule_is_the_rfcs_own_prose() -> None:
    """The rules are said in our words: no ten words in a row are the RFC's."""
    said = " ".join(RFC.read_text(encoding="latin-1").lower().split())
    for rule in rules():
        words = rule.rule.lower().split()
        for n in range(len(words) - 9):
            assert " ".join(words[n : n + 10]) not in said, rule.number


def _plain(text: str) -> str:
    """A text in one line, without what stands at the head and foot of the pages, and frames."""
    edge = r"\[Page +\d+\]|^RFC 821 |^August 1982|^ *Simple Mail Transfer Protocol *$"
    lines = [line for line in text.splitlines() if not re.search(edge, line)]
    return " ".join(" ".join(lines).replace("*", " ").split())


@pytest.mark.skipif(not RFC.is_file(), reason="RFC 821 does not lie beside the repository")
def test_the_rfc_says_it_where_a_rule_quotes_it() -> None:
    """Word for word; white space, the edges of pages and frames of asterisks apart."""
    said = _plain(RFC.read_text(encoding="latin-1"))
    quotes = [(rule.number, quote) for rule in rules() for quote in rule.quotes]
    assert [(number, quote) for number, quote in quotes if _plain(quote) not in said] == []


def test_a_rule_quotes_the_rfc_or_says_that_it_does_not_mention_the_case() -> None:
    for rule in rules():
        assert rule.quotes or rule.choice.startswith("The RFC "), rule.number


def test_a_statement_belongs_to_one_rule() -> None:
    """The statements are counted from 1, without a gap; each is covered by one rule."""
    numbers = sorted(number for rule in rules() for number in rule.statements)
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.skipif(not STATEMENTS.is_file(), reason="the statements do not lie here")
def test_every_statement_of_the_rfc_is_covered() -> None:
    lines = STATEMENTS.read_text(encoding="utf-8").splitlines()
    numbers = [int(line.split()[0]) for line in lines if re.match(r"\d{3} ", line)]
    covered = {number for rule in rules() for number in rule.statements}
    assert set(numbers) == covered


def test_the_list_is_a_line_a_rule_that_begins_with_its_section() -> None:
    done = CliRunner().invoke(cli, ["rfc"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert len(lines) == len(rules())
    for line, rule in zip(lines, rules(), strict=True):
        assert line.startswith(f"{rule.section} ")
        assert rule.lives in line
        assert rule.choice in line
        tests = PROOFS.get(rule.number, [])
        assert f"{len(tests)} test" in line
        assert all(test in line for test in tests)
        count = len(mutations_killed().get(rule.number, ()))
        assert (f"{count} mutation" if count else "no mutation") in line
        assert rule.lacking in line


def test_a_section_is_told_whole() -> None:
    done = CliRunner().invoke(cli, ["rfc", "4.5.2"])
    assert done.exit_code == 0
    assert done.stdout.startswith("4.5.2 ")
    for rule in of_section("4.5.2"):
        assert f"rule    {rule.number}" in done.stdout
        for test in PROOFS.get(rule.number, ()):
            assert test in done.stdout
        for quote in rule.quotes:
            assert quote in " ".join(done.stdout.split())
        for mutation in mutations_killed().get(rule.number, ()):
            assert mutation.killed_by in done.stdout
    assert "4.5.3" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_a_section_holds_those_beneath_it_and_a_rule_is_one() -> None:
    assert {rule.section for rule in of_section("4.5")} == {"4.5.1", "4.5.2", "4.5.3"}
    assert [rule.number for rule in of_section("4.5.2-1")] == ["4.5.2-1"]
    assert of_section("appendix e") == of_section("E")


def test_a_section_that_there_is_not_is_a_sentence_and_status_2() -> None:
    done = CliRunner().invoke(cli, ["rfc", "9.9"])
    assert done.exit_code == 2
    assert done.stderr.startswith(
        "lab: RFC 821 has no rules in section '9.9'; sections with rules: 1, 2"
    )
    assert done.stderr.count("\n") == 1
