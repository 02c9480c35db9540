"""``lab rfc``: the rules of RFC 821."""

from __future__ import annotations

import click

from lab.cli.common import echo, exit_with_error, until_reader_leaves


@click.command()
@click.argument("section", required=False)
@click.option(
    "--tests",
    is_flag=True,
    help="Name the tests of each rule, and what the lab chose where the RFC is open.",
)
def rfc(section: str | None, tests: bool) -> None:
    """Print RFC 821's rules, their code, and the tests that prove them.

    With a SECTION such as 4.5.2, an appendix such as E, or a rule such as 4.5.2-1: everything that
    is known about its rules, with the words of the RFC, and the mutations that prove the tests:
    edits of the code that break the rule, and the test that noticed each.
    """
    from lab.rfc import mutations_killed, of_section, proofs, rules, tests_directory
    from lab.views.text.rfc import rule_lines

    selected = rules() if section is None else of_section(section)
    if not selected:
        sections = ", ".join(dict.fromkeys(rule.section for rule in rules()))
        exit_with_error(
            f"RFC 821 has no rules in section {section!r}; sections with rules: {sections}"
        )
    directory = tests_directory()
    proved = None if directory is None else proofs(directory)
    with until_reader_leaves():
        for line in rule_lines(
            selected, proved, mutations_killed(), whole=tests or section is not None
        ):
            echo(line)
