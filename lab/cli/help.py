"""``lab help``: the guides, and the help of the commands."""

from __future__ import annotations

import json
import sys
from typing import NoReturn

import click

from lab.cli.common import echo, exit_with_error, print_note, until_reader_leaves
from lab.runtime.guides import guide, summary, topics


@click.command()
@click.argument("topic", required=False)
@click.option(
    "--schema", is_flag=True,
    help="With the topic topology: print a JSON Schema of the topology file, for editors.",
)  # fmt: skip
@click.pass_context
def help(context: click.Context, topic: str | None, schema: bool) -> None:
    """Show a guide, or list the guides.

    TOPIC is the name of a guide or of a command. In a terminal the guide is laid out to fit;
    in a pipe or a file it is plain Markdown.
    """
    if schema:
        _print_schema(topic)
        return
    group = context.find_root().command
    assert isinstance(group, click.Group)
    commands = group.list_commands(context)
    guides = topics()
    with until_reader_leaves():
        if topic is None:
            _list_guides(guides)
        elif topic in guides:
            _show(guide(topic) + (_installed() if topic == "extending" else ""))
            if topic in commands:
                print_note(f"for the options of the command: lab {topic} --help")
        elif topic in commands:
            command = group.get_command(context, topic)
            assert command is not None
            with command.context_class(
                command, info_name=topic, parent=context.find_root()
            ) as asked:
                echo(command.get_help(asked))
        else:
            _refuse(topic, guides, commands)


def _list_guides(guides: list[str]) -> None:
    formatter = click.HelpFormatter()
    with formatter.section("Guides"):
        formatter.write_dl([(topic, summary(guide(topic))) for topic in guides])
    echo(formatter.getvalue())
    echo("lab help TOPIC shows a guide, lab help COMMAND the options of a command.")


def _installed() -> str:
    """Return the plug-ins that are installed, as the end of a guide; "" if there are none."""
    from lab.extend import installed

    rows = [
        f"| {each.name} | {each.package} | {each.version} | `{each.value}` |"
        for each in installed()
    ]
    if not rows:
        return ""
    head = ["| name | package | version | class |", "| --- | --- | --- | --- |"]
    return "\n".join(["", "## Installed here", "", *head, *rows, ""])


def _show(text: str) -> None:
    """Print a guide: laid out in a terminal, plain Markdown elsewhere."""
    if not sys.stdout.isatty():
        echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def _print_schema(topic: str | None) -> None:
    if topic != "topology":
        exit_with_error("only the topology file has a schema; run: lab help topology --schema")
    from lab.topology.reference import json_schema

    with until_reader_leaves():
        echo(json.dumps(json_schema(), indent=2))


def _refuse(topic: str, guides: list[str], commands: list[str]) -> NoReturn:
    from lab.topology.problems import did_you_mean

    known = [*guides, *(name for name in commands if name not in guides)]
    listed = f"; the guides are {', '.join(guides)}"
    exit_with_error(f"there is no guide {topic!r}{did_you_mean(topic, known, listed)}")
