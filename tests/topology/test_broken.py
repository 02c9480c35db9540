"""Broken topology files: each draws its sentence, and nothing but sentences.

The files are in ``tests/broken``; their first lines say what the sentences hold, ``# expect: ...``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.topology.model import TopologyError, load
from lab.topology.problems import MOST_PROBLEMS

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.toml"))


def expected(path: Path) -> list[str]:
    found = []
    for line in path.read_bytes().split(b"\n"):
        if not line.startswith(b"# expect: "):
            break
        found.append(line.removeprefix(b"# expect: ").decode())
    return found


def problems(path: Path, **options: object) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        load(path, **options)  # type: ignore[arg-type]
    return caught.value.problems


def test_there_are_many_ways_to_break_a_file() -> None:
    assert len(BROKEN) >= 45


@pytest.mark.parametrize("path", BROKEN, ids=[path.stem for path in BROKEN])
def test_a_broken_file_draws_its_sentences_and_no_others(path: Path) -> None:
    """Every problem in one pass: as many sentences as the file expects, each with its file."""
    wanted, found = expected(path), problems(path)
    assert wanted
    for text in wanted:
        assert any(text in sentence for sentence in found), found
    assert len(found) == len(wanted), found
    for sentence in found:
        assert sentence.startswith(str(path))
        assert "\n" not in sentence
        assert len(sentence) < 500
        assert "pydantic" not in sentence.lower()


def test_a_missing_file_is_told_with_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text("")
    (sentence,) = problems(tmp_path / "scenaro.toml")
    assert "there is no such file; did you mean scenario.toml?" in sentence
    (tmp_path / "scenarios.toml").write_text("[project]\nname = 'scenarios'\n")
    (tmp_path / "nope-to.toml").mkdir()
    (sentence,) = problems(tmp_path / "scenarios1.toml")
    assert "did you mean scenario.toml?" in sentence
    (sentence,) = problems(tmp_path / "nowhere" / "x.toml")
    assert "there is no such file" in sentence


@pytest.mark.parametrize("name", ["nope.toml", "nope", "pyprojct.toml", "sweeps.toml", "nets.toml"])
def test_only_a_topology_of_a_similar_name_is_offered(name: str, tmp_path: Path) -> None:
    """Not by its ending, which all have; and not what other programs or commands read."""
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\n")
    (tmp_path / "sweep.toml").write_text('topology = "x.toml"\nmeasures = ["delivered"]\n')
    (tmp_path / "net.toml").mkdir()
    (tmp_path / "scenario.toml").write_text('[[host]]\nname = "A.ARPA"\n')
    (sentence,) = problems(tmp_path / name)
    assert sentence.endswith("there is no such file; write the path of a topology file")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (sentence,) = problems(tmp_path)
    assert sentence.endswith("is a directory; write the name of a topology file")


def test_a_name_that_no_file_can_have_is_a_sentence_too() -> None:
    (sentence,) = problems(Path("x\0y.toml"))
    assert "cannot be read" in sentence
    (sentence,) = problems(Path("x" * 5000))
    assert "cannot be read" in sentence


def test_a_hopeless_file_draws_a_bounded_number_of_sentences(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("".join(f"key{n} = 1\n" for n in range(MOST_PROBLEMS + 7)))
    found = problems(path)
    assert len(found) == MOST_PROBLEMS + 1
    assert found[-1] == "... and 8 more problems"  # those keys, and that there is no host


def test_places_stay_true_where_a_table_had_to_be_left_out(tmp_path: Path) -> None:
    """host[0] cannot be understood; what is wrong with host[2] is still told of host[2]."""
    path = tmp_path / "x.toml"
    path.write_text('host = [{relay = true}, {name = "A"}, {name = "_"}]\n')
    first, second = problems(path)
    assert "line 1, host[0].name: name is missing" in first
    assert "line 1, host[2].name: '_' is not a domain" in second


def test_users_not_understood_are_not_missed_as_well(tmp_path: Path) -> None:
    """One mistake, one sentence: that mail is from nobody follows from the first."""
    path = tmp_path / "x.toml"
    path.write_text('[[host]]\nname = "A"\nusers = "joe"\n[[mail]]\nfrom = "joe@A"\nto = "joe@A"\n')
    (sentence,) = problems(path)
    assert "host[0].users: 'joe' is not a list; write users = [" in sentence
