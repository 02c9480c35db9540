"""The public names of the lab for type checkers; `lab/__init__.py` says where each is."""

from lab import extend as extend
from lab import lessons as lessons
from lab import protocol as protocol
from lab import testing as testing
from lab import views as views
from lab.analysis.account import Account as Account
from lab.analysis.conditions import NoCondition as NoCondition
from lab.analysis.divergence import Divergence as Divergence
from lab.analysis.divergence import Happening as Happening
from lab.analysis.faults import FaultInterval as FaultInterval
from lab.analysis.index import Crossing as Crossing
from lab.analysis.invariants.breach import Breach as Breach
from lab.analysis.invariants.peers import PeerBreach as PeerBreach
from lab.analysis.ladder_rows import NothingToShow as NothingToShow
from lab.analysis.link_use import LinkUse as LinkUse
from lab.analysis.phases import Phase as Phase
from lab.analysis.phases import RecipientPhases as RecipientPhases
from lab.analysis.recipients import Recipient as Recipient
from lab.analysis.session_states import SessionHistory as SessionHistory
from lab.analysis.session_states import Snapshot as Snapshot
from lab.analysis.spools import Spooled as Spooled
from lab.analysis.steady_state import Estimate as Estimate
from lab.analysis.steady_state import steady_state as steady_state
from lab.analysis.summary import Counts as Counts
from lab.analysis.summary import DeliverySeconds as DeliverySeconds
from lab.analysis.summary import FailureSummary as FailureSummary
from lab.analysis.summary import Outcomes as Outcomes
from lab.analysis.summary import PeerBreachSummary as PeerBreachSummary
from lab.analysis.summary import RecipientSummary as RecipientSummary
from lab.analysis.summary import Summary as Summary
from lab.analysis.why import Why as Why
from lab.api.diff import Diff as Diff
from lab.api.diff import diff as diff
from lab.api.run import Interrupted as Interrupted
from lab.api.run import Run as Run
from lab.api.run import RunFailed as RunFailed
from lab.api.serve import LiveServer as LiveServer
from lab.api.serve import serve as serve
from lab.api.simulate import load as load
from lab.api.simulate import simulate as simulate
from lab.captures.packets import CaptureError as CaptureError
from lab.captures.reading import Captured as Captured
from lab.captures.reading import read_capture as read_capture
from lab.experiments.explore import BreakPoint as BreakPoint
from lab.experiments.explore import Explored as Explored
from lab.experiments.explore import Trial as Trial
from lab.experiments.explore import explore as explore
from lab.experiments.storm.storm import Storm as Storm
from lab.experiments.storm.storm import StormRun as StormRun
from lab.experiments.storm.storm import storm as storm
from lab.experiments.sweep.experiment_file import SweepError as SweepError
from lab.experiments.sweep.sweep import sweep as sweep
from lab.hosts.directory import Forward as Forward
from lab.hosts.directory import MailingList as MailingList
from lab.hosts.directory import Member as Member
from lab.hosts.directory import User as User
from lab.hosts.reply_script import ScriptedReply as ScriptedReply
from lab.hosts.retry import Retry as Retry
from lab.hosts.settings import HostSettings as HostSettings
from lab.hosts.stamp import Stamp as Stamp
from lab.hosts.timeouts import Timeouts as Timeouts
from lab.stepping.moments import InFlight as InFlight
from lab.stepping.moments import Line as DialogueLine
from lab.stepping.moments import Moment as Moment
from lab.stepping.stepper import Intervention as Intervention
from lab.stepping.stepper import NoIntervention as NoIntervention
from lab.stepping.stepper import Stepper as Stepper
from lab.stepping.stepper import step as step
from lab.topology.model import BurstLoss as BurstLoss
from lab.topology.model import Distribution as Distribution
from lab.topology.model import Environment as Environment
from lab.topology.model import FaultSpec as Fault
from lab.topology.model import LinkBack as LinkBack
from lab.topology.model import LinkSpec as LinkSpec
from lab.topology.model import MailSpec as MailSpec
from lab.topology.model import PollSpec as PollSpec
from lab.topology.model import ScriptSpec as ScriptSpec
from lab.topology.model import Topology as Topology
from lab.topology.model import TopologyError as TopologyError
from lab.topology.model import TrafficSpec as TrafficSpec
from lab.trace.meta import EnvironmentMeta as EnvironmentMeta
from lab.trace.meta import HostMeta as HostMeta
from lab.trace.meta import LinkMeta as LinkMeta
from lab.trace.meta import Meta as Meta
from lab.trace.meta import PluginMeta as PluginMeta
from lab.trace.rows import Event as Event
from lab.trace.trace import Trace as Trace
from lab.trace.trace import open_trace as open_trace

__version__: str

__all__ = [
    "Account",
    "Breach",
    "BreakPoint",
    "BurstLoss",
    "CaptureError",
    "Captured",
    "Counts",
    "Crossing",
    "DeliverySeconds",
    "DialogueLine",
    "Diff",
    "Distribution",
    "Divergence",
    "Environment",
    "EnvironmentMeta",
    "Estimate",
    "Event",
    "Explored",
    "FailureSummary",
    "Fault",
    "FaultInterval",
    "Forward",
    "Happening",
    "HostMeta",
    "HostSettings",
    "InFlight",
    "Interrupted",
    "Intervention",
    "LinkBack",
    "LinkMeta",
    "LinkSpec",
    "LinkUse",
    "LiveServer",
    "MailSpec",
    "MailingList",
    "Member",
    "Meta",
    "Moment",
    "NoCondition",
    "NoIntervention",
    "NothingToShow",
    "Outcomes",
    "PeerBreach",
    "PeerBreachSummary",
    "Phase",
    "PluginMeta",
    "PollSpec",
    "Recipient",
    "RecipientPhases",
    "RecipientSummary",
    "Retry",
    "Run",
    "RunFailed",
    "ScriptSpec",
    "ScriptedReply",
    "SessionHistory",
    "Snapshot",
    "Spooled",
    "Stamp",
    "Stepper",
    "Storm",
    "StormRun",
    "Summary",
    "SweepError",
    "Timeouts",
    "Topology",
    "TopologyError",
    "Trace",
    "TrafficSpec",
    "Trial",
    "User",
    "Why",
    "diff",
    "explore",
    "extend",
    "lessons",
    "load",
    "open_trace",
    "protocol",
    "read_capture",
    "serve",
    "simulate",
    "steady_state",
    "step",
    "storm",
    "sweep",
    "testing",
    "views",
]
