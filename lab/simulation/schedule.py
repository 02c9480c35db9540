"""Puts on the clock what a topology file has planned: mail, traffic, scripts and polls."""

from __future__ import annotations

from lab.hosts.control import HostControl
from lab.network.events import CALLS, MAIL, Timer, sequencer
from lab.simulation.agenda import Submission, submissions
from lab.simulation.driver import Driver
from lab.simulation.faults import Faults
from lab.topology.model import PollSpec, ScriptSpec


class Schedule:
    """The mail, scripts and polls of a run, of those hosts that its driver runs.

    What comes due at a host that is down happens when it runs again: its users hand in their mail
    then, and its scripts and polls are late. A poll that comes due several times until then is
    made once.
    """

    def __init__(self, driver: Driver, faults: Faults) -> None:
        self._driver: Driver | None = driver
        self._faults = faults
        self._mail_orders = sequencer(MAIL)
        self._call_orders = sequencer(CALLS)
        topology, is_here = driver.topology, driver.is_here
        self._submissions = submissions(topology, driver.seed, driver.world.routes, is_here)
        self._scripts = [script for script in topology.scripts if is_here(script.sender)]
        self._polls = [poll for poll in topology.polls if is_here(poll.sender)]
        self._due = len(self._scripts) + sum([poll.times for poll in self._polls])
        self._has_mail = True
        self._late_polls: set[tuple[str, str]] = set()

    @property
    def is_over(self) -> bool:
        """Whether nothing is planned any more."""
        return not self._due and not self._has_mail

    def begin(self) -> None:
        """Put everything on the clock."""
        driver = self.driver
        self._put_next_mail()
        for script in self._scripts:
            driver.at(script.at, self._script_due, script, self._call_orders)
        for poll in self._polls:
            for number in range(poll.times):
                at = poll.at + number * (poll.every or 0.0)
                driver.at(at, self._poll_due, poll, self._call_orders)

    def leave_out(self) -> None:
        """Do without what the file has planned: nothing of it will come."""
        self._due, self._has_mail = 0, False

    def add(self, submission: Submission) -> None:
        """Have a user hand in one more message, at its time, which has not come yet."""
        self._due += 1
        driver = self.driver
        driver.at(submission.at, self._added_due, submission, self._mail_orders)

    def _added_due(self, submission: Submission) -> None:
        self._due -= 1
        self._handed_in(submission)

    @property
    def driver(self) -> Driver:
        """The driver whose clock and hosts this uses, until the run is over."""
        assert self._driver is not None, "the run is over"
        return self._driver

    def close(self) -> None:
        """Let go of the driver, and of what has not happened yet, at the end of a run."""
        self._submissions = iter(())
        self._driver = None

    def _script_due(self, script: ScriptSpec) -> None:
        self._due -= 1
        host = self.driver.host_control(script.sender)
        if host.faults.down:
            self._faults.when_up(host, lambda: self.driver.run_script(script))
        else:
            self.driver.run_script(script)

    def _poll_due(self, poll: PollSpec) -> None:
        self._due -= 1
        host, ends = self.driver.host_control(poll.sender), (poll.sender, poll.to)
        if not host.faults.down:
            self.driver.poll(poll)
        elif ends not in self._late_polls:
            self._late_polls.add(ends)
            self._faults.when_up(host, lambda: self._late_poll(poll))

    def _late_poll(self, poll: PollSpec) -> None:
        self._late_polls.discard((poll.sender, poll.to))
        self.driver.poll(poll)

    def _put_next_mail(self) -> None:
        driver = self.driver
        # of the hosts of other processes too, so that all count the same order numbers
        for submission in self._submissions:
            order = self._mail_orders()
            if driver.is_here(submission.host):
                Timer(driver.env, submission.at, self._mail_due, submission, order)
                return
        self._has_mail = False

    def _mail_due(self, submission: Submission) -> None:
        try:
            self._handed_in(submission)
        finally:
            self._put_next_mail()

    def _handed_in(self, submission: Submission) -> None:
        host = self.driver.host_control(submission.host)
        if host.faults.down:
            # nobody can hand mail to a host that is down; the user does so when it runs again
            self._record_late(host, submission, on=True)
            self._faults.when_up(host, lambda: self._hand_in_late(host, submission))
        else:
            self.hand_in(host, submission)

    def _hand_in_late(self, host: HostControl, submission: Submission) -> None:
        self._record_late(host, submission, on=False)
        self.hand_in(host, submission)

    def _record_late(self, host: HostControl, submission: Submission, *, on: bool) -> None:
        """Record that mail waits for its host, or does so no longer."""
        driver = self.driver
        row = (driver.env.now, "late", host.name, None, None, None, submission.sender.bare)
        recipients = tuple([path.bare for path in submission.to])
        driver.record((*row, recipients, submission.verb, on, f"{host.name} is down"))

    def hand_in(self, host: HostControl, submission: Submission) -> None:
        """Number mail and hand it to its host, now."""
        driver = self.driver
        now = driver.env.now
        octets = submission.mail_data(driver.world.calendar_of(host.settings).daytime(now))
        number = driver.numbering.next_message(host.name)
        host.submit(now, number, submission.sender, submission.to, octets, submission.verb)
