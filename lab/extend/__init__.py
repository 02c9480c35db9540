"""Code of your own that a run calls: routing, retries, a host's verdicts, faults and probes.

Derive from a class of this package, and give the object to :func:`lab.simulate` or
:func:`lab.sweep`; ``lab help extending`` has an example of each. A package that has such classes as
entry points of the group "smtp_lab.plugins" makes them known by name; :func:`installed` lists them.
"""

from lab.extend.installed import Installed, installed
from lab.hosts.policies import Behaviour, Link, Network, Retry, Routing, Session
from lab.runtime.plugins import Plugin
from lab.simulation.extensions import Fault, NetworkControl, Probe

__all__ = [
    "Behaviour",
    "Fault",
    "Installed",
    "Link",
    "Network",
    "NetworkControl",
    "Plugin",
    "Probe",
    "Retry",
    "Routing",
    "Session",
    "installed",
]
