"""Checks of answers, and finding the files that a lesson uses."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from lab import lessons
from lab.lessons import friendly_errors as kindness


@pytest.mark.parametrize("gap", [..., [...], ["HELO", ...], {"code": ...}, (1, (2, ...))])
def test_an_unfilled_gap_is_not_yet(gap: object) -> None:
    result = lessons.check("one", gap, 1)
    assert result.state == "not yet"
    assert "Not yet" in repr(result)
    assert not result


def test_a_value_is_compared() -> None:
    assert lessons.check("one", 250, 250)
    wrong = lessons.check("one", 354, 250, hint="It begins with a 2.")
    assert wrong.state == "failed"
    assert repr(wrong) == "✗ one: Not right: you have 354. It begins with a 2."


def test_a_function_judges_with_a_truth_or_a_sentence() -> None:
    assert lessons.check("one", 4, lambda n: n > 3)
    assert lessons.check("one", 3, lambda n: n > 3).state == "failed"
    assert "too small" in lessons.check("one", 3, lambda n: n > 3 or "too small").message


def test_a_judge_that_stumbles_fails_the_check_and_says_how() -> None:
    result = lessons.check("one", "three", lambda n: n > 3)
    assert result.state == "failed"
    assert result.problem == "form"
    assert "'three' is not of the kind that is asked for" in result.message


@pytest.mark.parametrize("answer", [[1], [1, 2, 3]])
def test_an_answer_of_another_length_is_told_in_plain_words(answer: list[int]) -> None:
    def judge(answered: list[int]) -> bool:
        return all(a == b for a, b in zip(answered, (1, 2), strict=True))

    assert lessons.check("one", answer, judge).message.endswith("has too few values, or too many.")


def test_the_last_try_counts() -> None:
    lessons.check("again", 1, 2)
    lessons.check("again", 2, 2)
    assert lessons.results["again"].state == "passed"


@pytest.mark.parametrize("folder", [".", "notebooks", ".."])
def test_a_topology_is_found_wherever_a_lesson_runs(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(lessons.__file__).resolve().parents[2]
    monkeypatch.chdir(root / folder)
    assert lessons.topology("rfc821/scenario-03.toml").is_file()


def test_a_topology_that_is_nowhere_is_an_error_in_one_sentence() -> None:
    with pytest.raises(FileNotFoundError, match=r"topologies/none\.toml is not in"):
        lessons.topology("none.toml")


def test_a_topology_is_made_from_a_text() -> None:
    topology = lessons.from_text('[[host]]\nname = "ONE.ARPA"\nusers = ["joe"]\n')
    assert list(topology.hosts) == ["ONE.ARPA"]


def test_a_text_that_is_no_topology_is_an_error_that_names_no_file_of_ours() -> None:
    with pytest.raises(lab.TopologyError, match="the text, line 1, column 4") as raised:
        lessons.from_text("no topology")
    assert "network.toml" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "verdict"), [(9, "too small"), (31, "far too large"), (10.4, "")]
)
def test_an_estimate_is_right_within_a_share(answer: float, verdict: str) -> None:
    result = lessons.check("one", answer, lessons.close_to(10, within=0.05))
    assert bool(result) is (verdict == "")
    assert verdict in result.message


def test_a_student_is_the_sender(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is shown with what is answered to it; the network carries on what was accepted."""
    talk = lessons.talk("rfc821/scenario-03.toml", "BBN-VAX.ARPA")
    talk.say("HELO MIT-AI.ARPA", "MAIL FROM:<JQP@MIT-AI.ARPA>", "RCPT TO:<Jones@BBN-VAX.ARPA>")
    assert talk.state == "rcpt"
    assert talk.buffers["forward-paths"] == ["<Jones@BBN-VAX.ARPA>"]
    talk.say("DATA", "Bill:", "..dots", ".", "QUIT", "NOOP")
    assert talk.codes == [220, 250, 250, 250, 354, 250, 221]
    assert talk.state == "closed"
    run = talk.settle()
    assert [recipient["outcome"] for recipient in run.summary["recipients"]] == ["delivered"]
    printed = capsys.readouterr().out
    assert "S: DATA\nR: 354" in printed
    assert "nobody receives this" in printed


def test_a_host_that_ends_lines_at_lf_reads_a_second_message() -> None:
    """And one that knows CRLF alone reads one message with lone LFs in it (4.5.2)."""
    smuggled = b"one\n.\nMAIL FROM:<a@b.c>\nRCPT TO:<Jones@BBN-VAX.ARPA>\nDATA\ntwo\r\n.\r\n"
    found = []
    for careless in (False, True):
        talk = lessons.talk("rfc821/scenario-03.toml", "BBN-VAX.ARPA", lf_ends_lines=careless)
        talk.say("HELO X.ARPA", "MAIL FROM:<a@b.c>", "RCPT TO:<Jones@BBN-VAX.ARPA>", "DATA")
        talk.send(smuggled)
        talk.say("QUIT")
        found.append(talk.settle().summary["delivered"])
    assert found == [1, 2]


def test_an_everyday_error_is_explained() -> None:
    """A cell that was run too early, a network that cannot be used; others stay what they are."""
    with pytest.raises(NameError) as early:
        run  # type: ignore[name-defined]  # noqa: B018, F821
    told = kindness.explanation(early.value) or ""
    assert "There is no `run` yet, in line " in told
    assert "of test_lessons.py: `run  #" in told
    wrong = kindness.explanation(lab.TopologyError(["the text: no host"]))
    assert wrong == "The network cannot be used:\n- the text: no host"
    assert kindness.explanation(ValueError("other")) is None


def test_former_names_still_work_with_one_warning() -> None:
    for name in ("untouched", "about"):  # another test may have asked for them first
        vars(lessons).pop(name, None)
    with pytest.warns(DeprecationWarning, match=r"lab\.lessons\.untouched is now .*is_unanswered"):
        assert lessons.untouched(...)  # type: ignore[attr-defined]
    with pytest.warns(DeprecationWarning, match=r"lab\.lessons\.about is now .*close_to"):
        assert lessons.about(10)(10)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"module 'lab\.lessons' has no attribute 'nonsense'"):
        lessons.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_a_story_is_told_in_whole_words(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is wider than the page of a notebook, where words would be cut."""
    sentences = ["0.000 s: short.", "1.000 s: " + "word " * 30 + "end."]
    lessons.tell(sentences)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == sentences[0]
    assert max(map(len, lines)) <= 96
    assert " ".join(line.strip() for line in lines[1:]) == sentences[1]
