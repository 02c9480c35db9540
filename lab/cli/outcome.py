"""What a command prints and writes of a run, and the exit status that it ends with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from lab.cli.common import (
    BROKEN_BY_OTHERS,
    FAILED,
    INTERRUPTED,
    echo,
    exit_with_error,
    print_error,
    print_table,
    until_reader_leaves,
)
from lab.cli.files import write_artefacts
from lab.quantities import clock_time

if TYPE_CHECKING:
    from lab.api.run import Run


def report_run(
    done: Run, transcript: bool, as_json: bool, out: str | None, quiet: bool, links: bool = False
) -> bool:
    """Write the artefacts and print what was asked for; return whether all could be written."""
    # the artefacts come first, because the reader of our output may leave
    written = write_artefacts(done, out) if out is not None else None
    from lab.analysis.summarising import write_summary
    from lab.views import why_unavailable

    why = why_unavailable(done.trace, "transcript") if transcript and not as_json else ""
    with until_reader_leaves():
        if why:
            print_error(why)
        elif transcript and not as_json:
            for line in done.transcript_lines():
                echo(line)
            echo()
        if as_json:
            additions: dict[str, Any] = {"verdict": _verdict(done)}
            additions |= {"links": done.links()} if links else {}
            if done.findings():
                additions["probes"] = plain_findings(done)
            write_summary(done.summary, sys.stdout, additions=additions)
            echo()
        elif not quiet:
            from lab.views.text.summary import summary_table

            print_table(summary_table(done.summary, verdict=_verdict(done)))
            if links:
                from lab.analysis.shown_names import ShownNames
                from lab.views.text.links import links_table

                shown = ShownNames(done.summary["labels"].items())
                print_table(links_table(done.links(), shown=shown))
            if done.findings():
                from lab.views.text.findings import findings_tables

                for table in findings_tables(plain_findings(done)):
                    print_table(table)
            if written:
                echo(written)
    return written != ""


def plain_findings(done: Run) -> dict[str, Any]:
    """Return what the probes of a run have found, as JSON has it."""
    from lab.views.files.findings import plain

    findings: dict[str, Any] = plain(done.findings())
    return findings


def _verdict(done: Run) -> str:
    """Return the verdict of a run that is not too long for it."""
    from lab.analysis.verdict import MOST_EVENTS

    return done.verdict if len(done.trace) <= MOST_EVENTS else ""


def exit_with_status(topology: str, done: Run, status: int) -> None:
    """Exit with the status of a run that was interrupted or failed; else check what it did."""
    if status:
        how = "interrupted" if status == INTERRUPTED else "given up"
        print_error(f"{how} at {clock_time(done.summary['simulated_seconds'])} of simulated time")
        raise click.exceptions.Exit(status)
    exit_if_broken(topology, done)


def exit_if_broken(topology: str, done: Run) -> None:
    """Exit with status 1, and the reasons, if a rule was broken or an [expect] was not met.

    A run that was stopped before its end need not meet its [expect]. If only others broke rules, in
    a live run, the status is 3.
    """
    from lab.analysis.invariants.breach import MOST

    wrong = [str(breach) for breach in done.breaches] + (done.unmet() if done.is_settled else [])
    for sentence in wrong:
        print_error(f"{topology}: {sentence}")
    about = next((breach.message for breach in done.breaches if breach.message is not None), None)
    if about is not None:
        if done.trace.level == "wire":
            print_error(f"what became of message {about}:")
            for sentence in done.story(about):
                echo(f"  {sentence}", err=True)
        else:
            print_error(f"run it with --trace wire --out DIR to see what became of message {about}")
    # a scripted host misbehaves on purpose; the summary reports it
    hosts = done.topology.hosts
    by_others = [
        breach
        for breach in done.peer_breaches
        if not (breach.host in hosts and hosts[breach.host].replies)
    ]
    for breach in by_others[:MOST]:
        print_error(f"{topology}: by a program outside the lab: {breach}")
    if wrong:
        raise click.exceptions.Exit(FAILED)
    if by_others:
        raise click.exceptions.Exit(BROKEN_BY_OTHERS)


def exit_on_breaches(breaches: list[str], interrupted: bool, lost: str = "") -> None:
    """Exit with status 1, and the reasons, if a rule was broken; with 130 if interrupted.

    ``lost`` is a sentence if the workers were lost: exit with status 2.
    """
    for sentence in breaches[:20]:
        print_error(sentence)
    if len(breaches) > 20:
        print_error(f"... and {len(breaches) - 20} more")
    if interrupted:
        print_error("interrupted; the figures are those of the runs until then")
        raise click.exceptions.Exit(INTERRUPTED)
    if lost:
        exit_with_error(f"{lost}; the figures are those of the runs until then")
    if breaches:
        raise click.exceptions.Exit(FAILED)
