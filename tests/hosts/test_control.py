"""What drivers and faults ask of a host."""

from __future__ import annotations

import pytest
from helpers.host_by_hand import by_hand, path, port_of

from lab.hosts.host import Host


def with_mail_for_c(**settings: object) -> Host:
    """Return the host B, which has mail for C in its spool."""
    host = by_hand("ann", **settings)
    host.submit(0.0, 1, path("ann@B"), [path("bob@C")], b"Hello\r\n")
    assert host.has_queued_mail
    return host


def test_a_host_has_work_while_it_will_try_mail_by_itself() -> None:
    host = with_mail_for_c()
    assert host.has_work
    host.spool.queues["C"].wake_at = None
    assert not host.has_work, "nothing will wake it"


def test_mail_that_is_held_for_others_is_no_work() -> None:
    assert not with_mail_for_c(holds=("C",)).has_work


def test_a_host_without_mail_has_no_work_unless_it_still_has_to_store() -> None:
    host = by_hand("ann")
    assert not host.has_work
    assert not host.has_queued_mail
    host.unstored[7] = (3, ("1",))
    assert host.has_work


def test_a_crash_loses_what_was_not_stored_and_when_to_try_again() -> None:
    host = with_mail_for_c()
    queue = host.spool.queues["C"]
    queue.failures, queue.not_before = 3, 900.0
    host.unstored[7] = (3, ("1", "2"))
    host.lose_memory(5.0)
    assert port_of(host).rows[-1] == (5.0, "forget", "B", None, None, 3, ("1", "2"))
    assert (host.unstored, queue.failures, queue.not_before) == ({}, 0, 0.0)
    assert host.faults.lives == 1
    assert host.has_queued_mail, "the spool is in stable storage"


def test_a_host_is_up_again_when_no_fault_has_it_down() -> None:
    host = by_hand("ann")
    host.go_down()
    host.go_down()
    assert [host.come_up(), host.come_up()] == [False, True]
    assert host.come_up(), "there is nothing less than up"
    assert host.faults.down == 0


@pytest.mark.parametrize("name", ["busy", "full", "refusing"])
def test_faults_are_counted_and_taken_back(name: str) -> None:
    host = by_hand("ann")
    host.change_fault(name, 1)
    host.change_fault(name, 1)
    assert getattr(host.faults, name) == 2
    host.change_fault(name, -1)
    host.change_fault(name, -1)
    assert getattr(host.faults, name) == 0


def test_shifts_of_a_clock_add_up() -> None:
    host = by_hand("ann")
    host.shift_clock(-5)
    host.shift_clock(2.5)
    assert host.faults.skew == -2.5
