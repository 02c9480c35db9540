"""Numbers of sessions and messages, each kind of numbering by itself."""

from __future__ import annotations

from itertools import count

import pytest

from lab.simulation.numbering import (
    COUNT_BITS,
    FIRST_LIVE_NUMBER,
    LIFE_BITS,
    MAX_PARTITIONS,
    NUMBERS_OF_A_LIFE,
    RANK_SHIFT,
    LiveHostNumbering,
    PartitionNumbering,
    RunNumbering,
    RunNumbers,
    count_of,
    owner_of,
)

HOSTS = ("A", "B", "C")


def test_a_run_counts_sessions_and_messages_from_one_each() -> None:
    numbering = RunNumbering()
    assert [numbering.next_session(host) for host in "ABA"] == [1, 2, 3]
    assert [numbering.next_message(host) for host in "BB"] == [1, 2]
    assert numbering.next_message("A", 1) == 3
    assert (numbering.sessions, numbering.messages) == (3, 3)


def test_a_partition_counts_host_by_host_and_its_numbers_say_whose_they_are() -> None:
    numbering = PartitionNumbering(HOSTS, 5)
    sessions = [numbering.next_session(host) for host in ("A", "C", "C")]
    assert [number >> RANK_SHIFT for number in sessions] == [0, 2, 2]
    assert [count_of(number) for number in sessions] == [1, 1, 2]
    keys = [numbering.next_key(host) for host in ("C", "C")]
    assert [count_of(key) for key in keys] == [1, 2], "keys are counted apart from sessions"


def test_a_message_is_owned_where_it_was_handed_in_and_a_notification_with_it() -> None:
    here, elsewhere = PartitionNumbering(HOSTS, 5), PartitionNumbering(HOSTS, 7)
    message = here.next_message("B")
    about = elsewhere.next_message("C", message)
    assert (owner_of(message), owner_of(about), owner_of(elsewhere.next_message("C"))) == (5, 5, 7)
    assert (about >> RANK_SHIFT, count_of(about)) == (2, 1)


@pytest.mark.parametrize("partition", [0, MAX_PARTITIONS - 1])
def test_sessions_have_the_same_numbers_in_whatever_partition(partition: int) -> None:
    assert PartitionNumbering(HOSTS, partition).next_session("B") == (1 << RANK_SHIFT) + 1
    assert owner_of(PartitionNumbering(HOSTS, partition).next_message("C")) == partition


def test_a_live_host_never_gives_a_number_twice_in_any_of_its_lives() -> None:
    lives = [LiveHostNumbering(rank, life) for rank in range(3) for life in range(3)]
    numbers = [give() for each in lives for give in (each.next_session, each.next_message)]
    assert len({*numbers}) == len(numbers)
    assert min(numbers) > FIRST_LIVE_NUMBER
    assert len({number >> LIFE_BITS for number in numbers}) == len(lives)


def test_processes_numbers_become_those_of_the_run_in_the_order_in_which_they_appear() -> None:
    numbers = RunNumbers(RANK_SHIFT, COUNT_BITS, count(1).__next__)
    numbering = PartitionNumbering(HOSTS, 1)
    own = [numbering.next_message(host) for host in ("C", "A", "C")]
    assert [numbers.number(each) for each in (own[2], own[0], own[2], own[1])] == [1, 2, 1, 3]
    assert [numbers.known(item) for item in own] == [2, 3, 1]
    assert numbers.count == 3


def test_a_number_that_has_not_appeared_is_not_known() -> None:
    numbers = RunNumbers(LIFE_BITS, LIFE_BITS, count(1).__next__)
    with pytest.raises(KeyError):
        numbers.known(FIRST_LIVE_NUMBER + 1)


def test_a_number_can_be_set_and_then_stands() -> None:
    numbers = RunNumbers(LIFE_BITS, LIFE_BITS, count(1).__next__)
    numbers.put(NUMBERS_OF_A_LIFE + 3, 77)
    assert numbers.number(NUMBERS_OF_A_LIFE + 3) == 77
    assert numbers.number(NUMBERS_OF_A_LIFE + 2) == 1
