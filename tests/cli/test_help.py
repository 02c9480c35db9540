"""``lab --help``, ``lab help`` and ``lab COMMAND --help``."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import subprocess
import sys
from contextlib import suppress

import click
import pytest
from click.testing import CliRunner
from helpers.documents import GUIDES, HELP
from helpers.places import ROOT

from lab.cli import COMMANDS, cli
from lab.cli.common import Duration
from lab.runtime.guides import summary
from lab.topology.reference import json_schema
from lab.trace.levels import LEVELS
from lab.views import PICTURES

TOPICS = [path.stem for path in GUIDES]


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def lab(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, arguments, prog_name="lab")
    return done.exit_code, done.stdout, done.stderr


# -- the commands


def test_each_module_of_the_command_line_is_a_command() -> None:
    modules = {path.stem.rstrip("_") for path in (ROOT / "lab" / "cli").glob("*.py")}
    assert modules - {"__init", "common", "files", "live_view", "outcome", "plugin_options"} == set(
        COMMANDS
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_says_first(name: str) -> None:
    """The list is written without importing the commands, so each text stands in two places."""
    text = command(name).help or ""
    assert " ".join(text.split("\n\n")[0].split()) == COMMANDS[name]


def test_the_list_of_commands_cuts_no_text_off() -> None:
    """A line a command, at the 80 columns that click writes at most."""
    listed = CliRunner().invoke(cli, ["--help"], terminal_width=80).stdout.split("Commands:\n")[1]
    width = max(map(len, COMMANDS))
    expected = [f"  {name:<{width}}  {text.removesuffix('.')}" for name, text in COMMANDS.items()]
    assert listed.splitlines() == expected


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from lab.cli import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*[m for m in sys.modules if m.startswith('lab.cli')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) == {"lab.cli", "lab.cli.common"}


# -- the options

OPTIONS = [
    (name, option)
    for name in COMMANDS
    for option in command(name).params
    if isinstance(option, click.Option) and option.name != "help"
]
each_option = pytest.mark.parametrize(
    ("name", "option"), OPTIONS, ids=[f"{name} {option.opts[-1]}" for name, option in OPTIONS]
)


@each_option
def test_an_option_says_what_it_does_and_its_default(name: str, option: click.Option) -> None:
    """A sentence; a default unless it is a flag or may be repeated."""
    text = option.help or ""
    assert text[0].isupper()
    assert text.split("  [default")[0].endswith(".")
    if not option.is_flag and not option.multiple:
        assert option.show_default or "  [default: " in text


@each_option
def test_a_number_says_its_unit(name: str, option: click.Option) -> None:
    """Times take any unit and show one; other numbers count things that the help names."""
    text = option.help or ""
    if isinstance(option.type, Duration):
        assert re.search(r"'\d+ (s|min|h)'", text) or option.show_default
    elif option.type.name in ("integer range", "float range", "float"):
        assert re.search(r"[Nn]umber|[Ss]econds|\bN\b", text)


def test_choices_are_those_of_the_lab() -> None:
    """Some are written in the command line, which imports little."""
    level = next(option for option in command("run").params if option.name == "level")
    assert isinstance(level.type, click.Choice)
    assert tuple(level.type.choices) == tuple(LEVELS)
    described = command("plot").help or ""
    assert all(kind in described.split("KIND is")[1] for kind in PICTURES)


def test_help_is_fast() -> None:
    """At most 0.1 s more than Python itself.

    Of the processor's time, and the least of several runs, since others use the machine.
    """

    def least(*arguments: str) -> float:
        times = []
        for _ in range(7):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(times)

    assert least("-m", "lab", "--help") - least("-c", "pass") < 0.1


# -- the guides


def test_help_lists_every_guide_with_what_it_is_about() -> None:
    status, out, err = lab("help")
    assert (status, err) == (0, "")
    words = " ".join(out.split())
    for path in GUIDES:
        text = path.read_text(encoding="utf-8")
        assert f"{path.stem} {summary(text)}" in words


@pytest.mark.parametrize("topic", TOPICS)
def test_in_a_pipe_a_guide_is_its_markdown(topic: str) -> None:
    status, out, _ = lab("help", topic)
    assert status == 0
    assert out == (HELP / f"{topic}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [60, 120])
def test_in_a_terminal_a_guide_is_laid_out_to_its_width(columns: int) -> None:
    """No line is longer, and no sign of Markdown is left."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    command = [sys.executable, "-m", "lab", "help", "lessons"]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment):
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # a terminal whose other end is closed
            while octets := os.read(ours, 65536):
                shown += octets
    os.close(ours)
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown.decode()).split("\r\n")
    assert max(map(len, lines)) == columns
    assert "The lessons" in lines[0]
    assert not any("**" in line or "```" in line or line.startswith("#") for line in lines)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in TOPICS])
def test_help_of_a_command_is_what_the_command_prints(name: str) -> None:
    status, out, err = lab("help", name)
    assert (status, err) == (0, "")
    assert out == CliRunner().invoke(cli, [name, "--help"], prog_name="lab").stdout


@pytest.mark.parametrize("name", ["live", "lessons"])
def test_a_guide_named_as_a_command_says_where_the_options_are(name: str) -> None:
    status, out, err = lab("help", name)
    assert status == 0
    assert out.startswith("# ")
    assert err == f"lab: note: for the options of the command: lab {name} --help\n"


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("topolgy", "; did you mean topology?"),
        ("Faults", "; did you mean faults?"),
        ("replya", "; did you mean replay?"),
        ("xyzzy", "; the guides are tour, captures, "),
        ("", "; the guides are tour, captures, "),
    ],
)
def test_an_unknown_topic_is_one_sentence_with_the_closest(word: str, ending: str) -> None:
    status, out, err = lab("help", word)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"lab: there is no guide {word!r}{ending}")


def test_the_schema_is_printed_and_nothing_else() -> None:
    status, out, err = lab("help", "topology", "--schema")
    assert (status, err) == (0, "")
    assert json.loads(out) == json_schema()


@pytest.mark.parametrize("topic", [(), ("faults",), ("run",), ("xyzzy",)])
def test_only_the_topology_file_has_a_schema(topic: tuple[str, ...]) -> None:
    assert lab("help", *topic, "--schema") == (
        2, "", "lab: only the topology file has a schema; run: lab help topology --schema\n",
    )  # fmt: skip
