"""Streams of random numbers: keyed by the seed, a purpose and names."""

from __future__ import annotations

from lab.runtime.streams import Stream, generator, ordinals


def test_the_same_key_draws_the_same_and_any_other_key_draws_something_else() -> None:
    keys = [(0, "loss", "A"), (1, "loss", "A"), (0, "jitter", "A"), (0, "loss", "B"), (0, "loss")]
    drawn = {Stream(seed, purpose, *names).random() for seed, purpose, *names in keys}
    assert len(drawn) == len(keys)
    assert drawn == {generator(seed, purpose, *names).random() for seed, purpose, *names in keys}


def test_names_are_told_apart_whatever_characters_they_have() -> None:
    names = [("A/1:B",), ("A", "B"), ("AB",), ("", "AB"), ("A/", "B"), ("東京",)]
    assert len({Stream(0, "loss", *each).random() for each in names}) == len(names)


def test_draws_do_not_change_between_versions_of_the_lab() -> None:
    """Other numbers here mean that all runs change: the CHANGELOG must say so."""
    stream = Stream(7, "loss", "A.ARPA", "B.ARPA")
    assert [stream.index(100) for _ in range(8)] == [50, 25, 41, 33, 92, 22, 2, 38]


def test_things_with_the_same_key_are_counted() -> None:
    assert ordinals([("A", "B"), ("C",), ("A", "B"), ("A", "B")]) == ["0", "0", "1", "2"]
