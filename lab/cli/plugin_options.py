"""The options that choose installed plug-ins by name: they are the same for each command."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lab.cli.common import UNUSABLE, print_error

if TYPE_CHECKING:
    from lab.simulation.plugins import Plugins
    from lab.topology.model import Topology

_OPTIONS = (
    ("routing", "Choose next hosts by this installed plug-in: k-shortest, or k-shortest:k=3.  "
     "[default: the cheapest route]"),
    ("retry", "Say when mail is tried again by this installed plug-in.  [default: as the "
     "file says]"),
    ("behaviour", "Ask this installed plug-in for the verdicts of all hosts; greylist@*.CAMPUS: of "
     "those that match. May be repeated."),
    ("fault", "Have this installed plug-in let things go wrong. May be repeated."),
    ("probe", "Have this installed plug-in look at the run, and print what it found. May be "
     "repeated."),
)  # fmt: skip


class Chosen(NamedTuple):
    """The installed plug-ins that the options of a command name."""

    routing: str | None
    retry: str | None
    behaviour: tuple[str, ...]
    fault: tuple[str, ...]
    probe: tuple[str, ...]

    def plugins(self, topology: Topology | None = None) -> Plugins:
        """Return the plug-ins; exit with status 2, and a sentence, if one cannot be had, or not for
        a topology.
        """
        from lab.simulation.plugins import NONE

        if not any(self):
            return NONE
        from lab.extend.given import check_hosts, given_plugins

        try:
            made = given_plugins(self.routing, self.retry, self.behaviour, self.fault, self.probe)
            if topology is not None:
                check_hosts(made, topology)
        except (TypeError, ValueError) as why:
            print_error(str(why))
            raise click.exceptions.Exit(UNUSABLE) from None
        return made


def plugin_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which is called with what they say as ``chosen``."""

    @wraps(command)
    def with_chosen(*arguments: Any, **named: Any) -> None:
        chosen = Chosen(*(named.pop(name) for name, _ in _OPTIONS))
        command(*arguments, chosen=chosen, **named)

    called: Callable[..., None] = with_chosen
    for name, text in reversed(_OPTIONS):
        several = name not in ("routing", "retry")
        called = click.option(f"--{name}", metavar="NAME", multiple=several, help=text)(called)
    return called


def refused_plugin_options(command: Callable[..., None]) -> Callable[..., None]:
    """Have a command that calls no code of users say so, where such an option is given."""

    def refuse(_: click.Context, option: click.Parameter, chosen: object) -> None:
        if chosen is not None:
            print_error(
                f"--{option.name} is not for live runs: each of their hosts is a process by "
                "itself, which sees neither the network nor the simulated time; use lab run"
            )
            raise click.exceptions.Exit(UNUSABLE)

    refusing = command
    for name, _ in _OPTIONS:
        refusing = click.option(
            f"--{name}",
            hidden=True,
            expose_value=False,
            callback=refuse,
            is_eager=True,
            help="Not for live runs.  [default: none]",
        )(refusing)
    return refusing
