"""The plug-ins that a user gives to a run: as objects, as classes, or by the names of installed
ones.
"""

from __future__ import annotations

import copy
import inspect
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from lab.extend.installed import entry_of, load
from lab.hosts.checked import LONGEST
from lab.hosts.policies import Behaviour, Retry, Routing
from lab.hosts.policies_asked import give_up_of
from lab.hosts.retry import Retry as OwnRetry
from lab.quantities import as_toml
from lab.runtime.arguments import real_number, shown
from lab.runtime.plugins import Plugin, PluginFailed, called
from lab.simulation.extensions import Fault, Probe
from lab.simulation.plugins import Plugins
from lab.topology.globs import matches
from lab.topology.model import FaultSpec, Topology
from lab.topology.problems import did_you_mean
from lab.trace.meta import PluginMeta
from lab.trace.rows import KINDS

P = TypeVar("P", bound=Plugin)

GivenRouting = Routing | type[Routing] | str | None
GivenRetry = Retry | type[Retry] | str | None
GivenBehaviour = Behaviour | type[Behaviour] | str
GivenBehaviours = Sequence[GivenBehaviour] | Mapping[str, GivenBehaviour | Sequence[GivenBehaviour]]
GivenOwnFault = Fault | type[Fault] | str
GivenFault = FaultSpec | GivenOwnFault
GivenProbe = Probe | type[Probe] | str

_PLAIN: Final = (bool, int, float, str, type(None))


def given_plugins(
    routing: GivenRouting = None,
    retry: GivenRetry = None,
    behaviours: GivenBehaviours = (),
    faults: Sequence[GivenOwnFault] = (),
    probes: Sequence[GivenProbe] = (),
) -> Plugins:
    """Return the plug-ins of a run, checked.

    Raises TypeError for what is not a plug-in of its kind, and ValueError for a name that is not
    installed and for settings that a plug-in must not have.
    """
    own_routing = None if routing is None else _made("routing", routing, Routing)
    own_retry = None if retry is None else _made("retry", retry, Retry)
    own_behaviours = list(_behaviours(behaviours))
    own_faults = [_made("faults", fault, Fault) for fault in _listed("faults", faults)]
    own_probes = [_made("probes", probe, Probe) for probe in _listed("probes", probes)]
    for probe in own_probes:
        _check_probe(probe)
    names = [probe.name for probe in own_probes]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"probes: there are two of the name {name!r}; set name in one of them")
    metas = [
        *([_meta(own_routing)] if own_routing is not None else []),
        *([_meta(own_retry)] if own_retry is not None and not is_own(own_retry) else []),
        *(_meta(behaviour, hosts) for hosts, behaviour in own_behaviours),
        *map(_meta, own_faults),
    ]
    if own_retry is not None:
        _check_retry(own_retry)
    return Plugins(
        own_routing, own_retry, own_behaviours, own_faults, own_probes, metas,
        [_meta(probe) for probe in own_probes],
    )  # fmt: skip


def parted_faults(faults: object) -> tuple[list[FaultSpec], list[Any]]:
    """Return the faults that a topology may have, and those that are plug-ins."""
    if not isinstance(faults, (list, tuple)):
        raise TypeError(f"faults must be a list of lab.Fault, not {shown(faults)}")
    own = [each for each in faults if _is_plugin(each)]
    return [each for each in faults if not _is_plugin(each)], own


def is_own(retry: Retry) -> bool:
    """Return whether a retry policy is one that a topology may have."""
    return isinstance(retry, OwnRetry)


def why_not_again(recorded: Sequence[PluginMeta], plugins: Plugins) -> str:
    """Return why a run that recorded its plug-ins cannot be made again with these; "" if it can.

    A run's file never says which code to run: the plug-ins are named again when it is made again.
    """
    if json.dumps(list(recorded)) == json.dumps(list(plugins.described)):
        return ""
    names = " and ".join(_spelled(meta) for meta in recorded) or "no plug-ins"
    if not recorded:
        return f"it was made with {names}; leave them out"
    options = " ".join(as_option(meta) for meta in recorded)
    return f"it was made with {names}; if they are installed, add {options}"


def _spelled(meta: PluginMeta) -> str:
    return f"the {meta['kind']} {meta['name']} {meta['version']}".rstrip()


def as_option(meta: PluginMeta) -> str:
    """Return the option of a command that names an installed plug-in as a run recorded it."""
    settings_given = meta.get("settings", {}).items()
    settings = ",".join(
        f"{key}={as_toml(value)}" for key, value in settings_given if value is not None
    )
    text = meta["name"] + (f":{settings}" if settings else "")
    hosts = meta.get("hosts", "*")
    return shlex.join([f"--{meta['kind']}", text if hosts == "*" else f"{text}@{hosts}"])


def _is_plugin(value: object) -> bool:
    if isinstance(value, type):
        return issubclass(value, Plugin)
    return isinstance(value, (Plugin, str))


def _made(argument: str, plugin: Any, cls: type[Any]) -> Any:
    """Return a plug-in of a class under its name: an object, a class to be called, or a name."""
    if isinstance(plugin, str):
        return _named(load(plugin, cls))
    if isinstance(plugin, type) and issubclass(plugin, cls):
        try:
            plugin = plugin()
        except TypeError as error:
            raise TypeError(
                f"{argument}: {plugin.__name__} cannot be made without arguments ({error}); give "
                f"{plugin.__name__}(...)"
            ) from None
    if not isinstance(plugin, cls):
        raise TypeError(
            f"{argument} must be of a class derived from lab.extend.{cls.__name__}, or the name of "
            f"one that is installed, not {shown(plugin)}"
        )
    try:
        copy.deepcopy(plugin)
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise TypeError(
            f"{argument}: {called(plugin)} cannot be copied, which each run does ({why}); make "
            "what it holds in begin(), or when it is first asked"
        ) from error
    return _named(plugin)


def _named(plugin: P) -> P:
    """Return a copy of a plug-in that has a name and a version: those of its package, if any."""
    entry = entry_of(type(plugin))
    name, version = plugin.name or type(plugin).__name__, plugin.version
    if entry is not None:
        name, version = entry.name, version or entry.version
    for attribute, value in (("name", name), ("version", version)):
        if not isinstance(value, str):
            raise TypeError(f"{attribute} of {called(plugin)} must be a text, not {shown(value)}")
    if isinstance(plugin, OwnRetry):
        return plugin
    named = copy.copy(plugin)
    vars(named).update(name=name, version=version)
    return named


def _meta(plugin: Plugin, hosts: str = "") -> PluginMeta:
    meta = PluginMeta(kind=plugin.kind, name=plugin.name, version=plugin.version)
    parameters = inspect.signature(type(plugin)).parameters
    settings = {
        key: value for key in parameters if isinstance(value := getattr(plugin, key, ...), _PLAIN)
    }
    if settings:
        meta["settings"] = settings
    if hosts:
        meta["hosts"] = hosts
    return meta


def check_hosts(plugins: Plugins, topology: Topology) -> None:
    """Raise ValueError if a behaviour is for hosts that a topology does not have."""
    known = [host for host in topology.hosts.values() if host.kind == "host"]
    names = [*(host.name for host in known), *(host.label for host in known if host.label)]
    for hosts, behaviour in plugins.behaviours:
        if not any(matches(name, hosts) for name in names):
            hint = did_you_mean(hosts, names, "; for example * for all")
            raise ValueError(
                f"behaviours: no host matches {hosts!r}, for {called(behaviour)}{hint}"
            )


def _listed(argument: str, value: object) -> Sequence[Any]:
    if isinstance(value, (list, tuple)):
        return value
    raise TypeError(f"{argument} must be a list, not {shown(value)}")


def _behaviours(behaviours: object) -> Iterator[tuple[str, Behaviour]]:
    """Yield the behaviours, each with the hosts that it is for."""
    if isinstance(behaviours, Mapping):
        for hosts, chosen in behaviours.items():
            if not isinstance(hosts, str):
                raise TypeError(f"behaviours must have names of hosts as keys, not {shown(hosts)}")
            for each in chosen if isinstance(chosen, (list, tuple)) else [chosen]:
                yield hosts, _made("behaviours", each, Behaviour)
        return
    if not isinstance(behaviours, (list, tuple)):
        raise TypeError(
            "behaviours must be a list, or a mapping of hosts to behaviours, not "
            f"{shown(behaviours)}"
        )
    for each in behaviours:
        name, at, hosts = each.rpartition("@") if isinstance(each, str) else ("", "", "")
        yield (hosts, _made("behaviours", name, Behaviour)) if at else (
            "*", _made("behaviours", each, Behaviour),
        )  # fmt: skip


def _check_retry(retry: Retry) -> None:
    try:
        give_up_of(retry)
    except PluginFailed as why:
        raise ValueError(str(why)) from None


def _check_probe(probe: Probe) -> None:
    if probe.every is not None:
        every = real_number(f"every of {called(probe)}", probe.every, unit="seconds", example="60")
        if not 0 < every <= LONGEST:
            raise ValueError(
                f"every of {called(probe)} must be more than 0 and at most {LONGEST:,} seconds, "
                f"not {shown(every)}"
            )
    if probe.kinds is None:
        return
    if isinstance(probe.kinds, str):
        raise TypeError(f'kinds of {called(probe)} must be a list, as in kinds = ["{probe.kinds}"]')
    for kind in probe.kinds:
        if kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            raise ValueError(
                f"kinds of {called(probe)}: there is no kind of event {shown(kind)}; there are "
                f"{known}"
            )
