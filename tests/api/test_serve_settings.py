"""What ``lab.serve`` takes: what ``lab live`` does."""

from __future__ import annotations

import inspect
import smtplib
import socket
from pathlib import Path
from typing import Any, Final

import pytest
from helpers.live_hosts import eventually, wait_for_mail

import lab
from lab import lessons
from lab.api.serve import page_place, with_limits
from lab.cli.live import live
from lab.live.spool_folder import read_folder

ONE, TWO = "ONE.ARPA", "TWO.ARPA"
TEXT = """
[[host]]
name = "ONE.ARPA"
relay = true
[[host]]
name = "TWO.ARPA"
users = ["bob"]
limits = { recipients = 50 }
[[host]]
name = "OTHER.ARPA"
external = "127.0.0.1:2600"
[[link]]
between = ["ONE.ARPA", "TWO.ARPA"]
[[link]]
between = ["ONE.ARPA", "OTHER.ARPA"]
"""
NETWORK = lessons.from_text(TEXT)

SAME: Final = {
    "seed": "seed", "sets": "sets", "speed": "speed", "until": "until", "ports": "ports",
    "address": "address", "page": "page", "no_page": "page", "spool": "spool", "idle": "idle",
    "no_fsync": "fsync", "budgets": "budgets",
}  # fmt: skip
"""The parameter of ``lab.serve`` for each option of ``lab live``."""

OF_THE_COMMAND: Final = {
    "topology": "is the first argument of both",
    "serve": "is what lab.serve does",
    "transcript": "is run.transcript()",
    "as_json": "is run.summary",
    "links": "is run.links()",
    "out": "is run.save()",
    "level": "says how much --out writes; lab.serve keeps everything",
    "quiet": "lab.serve prints nothing",
    **dict.fromkeys(
        ("routing", "retry", "behaviour", "fault", "probe"),
        "is refused with its reason: live runs call no code of users",
    ),
}
"""The options of the command that lab.serve does not need, each with the reason."""

OF_PYTHON: Final = {
    "limits": "lab live has --set defaults.host.limits.recipients=100, for files",
}


def test_it_takes_what_the_command_takes() -> None:
    """A new option of either is also one of the other, or stands above with a reason."""
    options = {option.name for option in live.params}
    parameters = set(inspect.signature(lab.serve).parameters) - {"topology"}
    assert options == SAME.keys() | OF_THE_COMMAND.keys()
    assert parameters == set(SAME.values()) | OF_PYTHON.keys()


def test_the_defaults_are_those_of_the_command() -> None:
    defaults = {option.name: option.default for option in live.params}
    parameters = inspect.signature(lab.serve).parameters
    for name in ("seed", "speed", "address"):
        assert parameters[name].default == defaults[name], name
    assert (defaults["idle"], parameters["idle"].default) == ("5 min", 300.0)
    assert parameters["fsync"].default is True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_ports_spool_idle_and_limits_are_those_of_the_hosts(tmp_path: Path) -> None:
    port = free_port()
    with lab.serve(
        NETWORK, ports={"one.arpa": port}, spool=tmp_path / "spool", idle="3 s", fsync=False,
        limits={"recipients": 1}, speed=10,
    ) as served:  # fmt: skip
        assert served.ports[ONE] == port
        assert served.page == ""
        with smtplib.SMTP(served.address, port, timeout=60) as program:
            program.helo("x")
            program.mail("me@laptop.example")
            replies = [program.rcpt(f"<bob@{TWO}>")[0] for _ in range(2)]
            assert replies == [250, 552]
            program.docmd("RSET")
            program.sendmail("me@laptop.example", [f"bob@{TWO}"], "Subject: x\n\nHi\n")
            wait_for_mail(tmp_path / "spool", TWO)
            assert program.sock.recv(3) == b"421"
            program.close()
    drops = {host.host: len(host.drops) for host in read_folder(tmp_path / "spool")}
    assert drops == {ONE: 0, TWO: 1}


def test_a_run_ends_at_its_time_and_is_read_after_the_block() -> None:
    with lab.serve(NETWORK, until=0.5) as served:
        port = served.ports[ONE]
        assert eventually(lambda: is_deaf(port))
    assert served.run.ending == "until"


def is_deaf(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_file_may_be_changed_and_is_not_if_it_is_no_file(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text(TEXT)
    assert lab.serve(file, sets=["host.0.relay=false"]).topology.hosts[ONE].relay is False
    with pytest.raises(ValueError, match="sets are overrides of a topology file"):
        lab.serve(NETWORK, sets=["host.0.relay=false"])


def test_limits_are_for_hosts_that_do_not_set_their_own() -> None:
    hosts = with_limits(NETWORK, {"recipients": 7}).hosts
    assert [hosts[name].limits.recipients for name in (ONE, TWO)] == [7, 50]
    assert with_limits(NETWORK, {}) is NETWORK


def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sentence = (
            f"the page with the mail cannot listen at 127.0.0.1:{port}: Address already in use"
        )
        with pytest.raises(OSError, match=sentence), lab.serve(NETWORK, page=port):
            pass


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"ports": {"X": 25}}, r"ports: there is no host X; the hosts are ONE\.ARPA, TWO\.ARPA"),
        ({"ports": {"OTHER.ARPA": 25}}, r"ports: OTHER\.ARPA is external; its own software"),
        ({"ports": {ONE: 70_000}}, "ports: use a port from 1 to 65535 for ONE"),
        ({"ports": {ONE: 2525, TWO: 2525}}, "ports: two hosts have port 2525"),
        ({"address": "localhost"}, "address must be an IP address such as 127.0.0.1"),
        ({"page": "x"}, "page must be True, a port, or"),
        ({"page": "x:80"}, "page must be an IP address"),
        ({"idle": 0}, "idle must be greater than 0"),
        ({"idle": "5 parsecs"}, "idle: '5 parsecs' has no unit"),
        ({"limits": {"mails": 3}}, "limits: there is no limit mails; the limits are line, "),
        ({"limits": {"recipients": 0}}, "limits: recipients must be 1 or more"),
        ({"budgets": {"mails": 3}}, "there is no budget 'mails'"),
        ({"until": -1}, "until must be 0 or more"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        lab.serve(NETWORK, **options)


def test_the_page_is_where_its_argument_says() -> None:
    assert page_place(False) is None
    assert page_place(True) == ("127.0.0.1", 0)
    assert page_place(8025) == ("127.0.0.1", 8025)
    assert page_place("[::1]:8025") == ("::1", 8025)
