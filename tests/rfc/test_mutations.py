"""The proof that ships: every rule has mutations, and its own tests noticed them.

``python -m tests.mutants.prove`` brings ``lab/rfc/proof.json`` up to date.
"""

from __future__ import annotations

from textwrap import dedent

import pytest
from helpers.places import TESTS
from helpers.rule_mutations import Mutation, mutations

from lab.rfc import Rule, mutations_killed, proofs, rules

MUTATIONS = mutations()
PROOFS = proofs(TESTS)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.number)
def test_a_rule_has_a_mutation_that_its_tests_killed(rule: Rule) -> None:
    """Unless it is not implemented, and says so."""
    assert rule.lacking or mutations_killed().get(rule.number), f"tests/mutants/rules.toml: {rule}"


def test_no_mutation_is_of_a_rule_that_there_is_not() -> None:
    assert {mutation.rule for mutation in MUTATIONS} <= {rule.number for rule in rules()}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_mutation_can_be_made(mutation: Mutation) -> None:
    """The text is there once, and what comes of it is Python."""
    compile(dedent(mutation.broken), mutation.module, "exec")


def test_the_proof_is_of_these_mutations_of_this_source() -> None:
    """None is missing, none is of another mutation, none of code that has changed since."""
    shipped = [
        (rule, killed.at, killed.old, killed.new, killed.source)
        for rule, entries in mutations_killed().items()
        for killed in entries
    ]
    wanted = [(m.rule, m.at, m.old, m.new, m.hash) for m in MUTATIONS]
    stale = set(shipped) ^ set(wanted)
    assert stale == set(), "run: python -m tests.mutants.prove"
    assert len(shipped) == len(wanted)


def test_a_mutation_was_killed_by_a_test_of_its_rule() -> None:
    strangers = [
        (rule, killed.killed_by)
        for rule, entries in mutations_killed().items()
        for killed in entries
        if killed.killed_by not in PROOFS.get(rule, ())
    ]
    assert strangers == [], "run: python -m tests.mutants.prove"
