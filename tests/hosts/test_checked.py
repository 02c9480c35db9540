"""What a host or a link is made of in Python is checked as a file is, in one sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lab.hosts.checked import of_valid, range_of, with_valid
from lab.hosts.directory import User
from lab.hosts.retry import Retry
from lab.hosts.settings import HostSettings
from lab.hosts.timeouts import Timeouts
from lab.topology.specs import LinkSpec


def test_a_former_name_is_taken_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="patience is the former name of timeouts"):
        made: Any = HostSettings("A.ARPA", patience=Timeouts(5.0))  # type: ignore[call-arg]
    assert made == HostSettings("A.ARPA", timeouts=Timeouts(5.0))
    with pytest.warns(DeprecationWarning, match="patience is the former name of timeouts"):
        assert made.patience == Timeouts(5.0)


def link(**values: Any) -> LinkSpec:
    return LinkSpec("A.ARPA", "B.ARPA", **values)


@pytest.mark.parametrize(
    ("make", "values", "sentence"),
    [
        (link, {"loss": 1.5}, "loss must be a number from 0 to 1, not 1.5"),
        (link, {"latency": -1.0}, "latency must be 0 or more, not -1.0"),
        (link, {"jitter": -1.0}, "jitter must be 0 or more, not -1.0"),
        (Retry, {"first": -1.0}, "first must be more than 0, not -1.0"),
        (Retry, {"factor": 0.5}, "factor must be 1 or more, not 0.5"),
        (link, {"environment": ""}, "environment must not be empty"),
        (HostSettings, {"name": "A", "hop_limit": 0}, "hop_limit must be 1 or more, not 0"),
        (User, {"name": "bob", "mailbox": "shut"}, "mailbox must be"),
        (HostSettings, {"name": "A", "answers": {"RCPT": 199}}, "must be a reply code of RFC 821"),
        (HostSettings, {"name": "A", "answers": {"RCPT": []}}, "must be a reply code of RFC 821"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_gets_a_sentence(
    make: Any, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        make(**values)


def test_a_size_has_a_bound_and_a_table_of_another_form_is_left_to_its_reader() -> None:
    size, table = range_of("size"), range_of("table")
    assert size is not None
    assert table is not None
    with pytest.raises(ValueError, match="size must be 1000000000 or less"):
        size("size", 1e15)
    table("reply", [])


def test_valid_values_make_what_checked_ones_make() -> None:
    """Without the checks: who gives them has checked them, or drawn them from what is valid."""
    user = of_valid(User, {"name": "Smith", "active": True})
    assert user == User("Smith", active=True)
    assert with_valid(user, {}) is user
    for mailbox in ("busy", "full"):
        assert with_valid(user, {"mailbox": mailbox}) == replace(user, mailbox=mailbox)
