"""For whom a host relays, and that no form of address leads out of the network."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from helpers.host_by_hand import by_hand, forward, letter, path, people, session, table
from helpers.small_topologies import host, mail, relay
from hypothesis import given
from hypothesis import strategies as st

import lab
from lab.hosts.callers import Callers
from lab.hosts.host import Host
from lab.hosts.receiving import ReceivingSession
from lab.hosts.routing import RoutingTable
from lab.hosts.verdicts import NO_RELAY
from lab.protocol import HostName, Path, SyntaxFault, parse_path, quote
from lab.topology.model import from_dict


def gate(*users: str, **settings: Any) -> Host:
    """B, which relays; C is external, and is also called #12 and [10.0.0.3] elsewhere."""
    made = by_hand(*users, relay=True, **settings)
    names = {"A": "A", "B": "B", "C": "C", "#12": "C", "[10.0.0.3]": "C"}
    routes = RoutingTable(
        lambda name: table("B A", "B C").neighbours_of(name).values(), {"A", "B", "C"},
        {HostName(name): host for name, host in names.items()}, None, frozenset({"C"}),
    )  # fmt: skip
    return Host(made.settings, routes, made.calendar, made.retry, made.port)


def stranger(host: Host, address: str = "127.0.0.1") -> ReceivingSession:
    """A session of a caller from outside."""
    receiving = session(host, enters=True)
    receiving.peer_host, receiving.address = "outside", address
    return receiving


def code(receiving: ReceivingSession, to: str) -> int:
    return receiving.recipient(letter(receiving), path(to)).code


BEYOND = [
    "@C:victim@evil.test", "@C:victim@C", "@B,@C:victim@evil.test", "@c:victim@evil.test",
    "@A,@C:victim@evil.test", "@C,@A:ann@A", "@#12:victim@evil.test", "@#0012:v@evil.test",
    "@[10.0.0.3]:v@evil.test", "@[10.0.0.03],@evil.test:v@evil.test",
    '"victim@evil.test"@C', '"victim%evil.test"@C', "victim%evil.test@C", "evil.test!victim@C",
    '"@evil.test:victim"@C', r"victim\@evil.test@C", r"victim\%evil.test@C", '"a:b"@C',
    '"evil::victim"@C', '"<v@evil.test>"@C', r'"v\@evil.test"@C', '"v\x00x"@C', '"v\tx"@C',
    "victim%evil.test@#12", "victim%evil.test@[10.0.0.3]", "@A:victim%evil.test@C",
    "@B:victim%evil.test@c", "victim@evil.test", "@evil.test:victim@C", "victim@[192.0.2.1]",
    "victim@#999", "@A:victim@evil.test", "victim%evil.test@B", '"victim@evil.test"@B',
]  # fmt: skip


@pytest.mark.parametrize("form", [form for form in BEYOND if "@A" not in form])
def test_no_form_of_address_leads_past_an_external_host(form: str) -> None:
    """Source routes, %, !, quoted addresses, numbers, other names and case: all are refused."""
    assert code(stranger(gate("ann")), form) in (550, 553)


def test_a_plain_mailbox_of_an_external_host_is_one() -> None:
    """Also under its other names, and with a route through this host."""
    receiving = stranger(gate("ann"))
    for form in ("bob@C", "bob@c", "bob@#12", "bob@[10.0.0.3]", "@B:bob@C", '"Bob B"@C', "b+x@C"):
        assert code(receiving, form) == 250, form


def local_parts() -> st.SearchStrategy[str]:
    pieces = st.sampled_from(["victim", "evil.test", "@", "%", "!", ":", " ", ",", "x", "\\", '"'])
    return st.lists(pieces, min_size=1, max_size=8).map("".join)


@given(
    st.lists(st.sampled_from(["B", "C", "c", "#12", "[10.0.0.3]", "evil.test"]), max_size=3),
    local_parts(),
    st.sampled_from(["C", "c", "#12", "#012", "[10.0.0.3]", "evil.test", "B"]),
)
def test_what_is_sent_to_an_external_host_is_a_mailbox_there(
    route: list[str], user: str, domain: str
) -> None:
    """Whatever the form: what the next host gets has no route, and a user that is no address."""
    host = gate("ann")
    try:
        made = parse_path(str(Path(tuple(route), quote(user), domain)))
    except SyntaxFault:
        return
    destination = host.destinations.of(made)
    if destination.hop is not None and destination.hop.name == "C":
        assert destination.path.route == ()
        assert host.routes.resolve(destination.path.host) == "C"
        assert not set("@%!:") & set(destination.path.user)


def test_lists_and_forwards_do_not_lead_past_an_external_host() -> None:
    """What the file says is no way out for strangers either."""
    host = gate(lists=people(all=["@C:victim@evil.test", '"v%evil.test"@C', "bob@C"]))
    receiving = stranger(host)
    transaction = letter(receiving, "all@B")
    assert receiving.accept(transaction).code == 250
    queued = host.spool.queue("C", "arpanet").entries
    paths = [str(to) for mail in queued for _, to in mail.addressees]
    assert paths == ["<bob@C>"]
    host = gate(forwards=forward("out", "@C:victim@evil.test"))
    receiving = stranger(host)
    transaction = letter(receiving, "out@B")
    assert transaction.forward_paths == [] or receiving.accept(transaction).code >= 500


def test_a_notification_does_not_lead_past_an_external_host() -> None:
    """A reverse-path is no way out: the notification about the mail would go there."""
    host = gate("ann")
    for reverse in ("@C:victim@evil.test", '"victim%evil.test"@C'):
        assert host.destinations.of(path(reverse)).hop is None


@pytest.mark.parametrize(
    ("named", "host", "address", "wanted"),
    [
        (None, "A", "", True), (None, None, "", True), (None, "outside", "127.0.0.1", True),
        (None, "outside", "127.9.9.9", True), (None, "outside", "::1", True),
        (None, "outside", "::ffff:127.0.0.1", True), (None, "outside", "10.0.0.1", False),
        (None, "outside", "fe80::1%eth0", False), (None, "outside", "unknown", False),
        ((), "A", "", False), ((), None, "", False), ((), "outside", "127.0.0.1", False),
        (("a",), "A", "", True), (("C",), "A", "", False), (("*",), "A", "", True),
        (("10.0.0.0/8",), "outside", "10.1.2.3", True),
        (("10.0.0.0/8",), "outside", "::ffff:10.1.2.3", True),
        (("10.0.0.0/8",), "outside", "127.0.0.1", False), (("10.0.0.0/8",), "A", "", False),
        (("192.0.2.7",), "outside", "192.0.2.7", True),
        (("fe80::/10",), "outside", "fe80::1%eth0", True), (("*",), "outside", "127.0.0.1", False),
    ],
)  # fmt: skip
def test_a_host_relays_for_the_callers_that_it_names(
    named: tuple[str, ...] | None, host: str | None, address: str, wanted: bool
) -> None:
    """By default for all hosts of the topology and for callers on this machine."""
    assert Callers(named, by_hand().routes).include(host, address) is wanted


def test_others_get_550_for_what_is_not_here_and_250_for_what_is() -> None:
    """A stranger may write to users of the host, and to nobody behind it."""
    receiving = stranger(gate("ann"), "192.0.2.1")
    assert code(receiving, "ann@B") == 250
    assert receiving.recipient(letter(receiving), path("bob@A")) == NO_RELAY
    assert code(stranger(gate("ann", relay_for=("192.0.2.0/24",)), "192.0.2.1"), "bob@A") == 250


def test_a_stranger_gets_no_mail_through_as_a_notification() -> None:
    """A null reverse-path and a route through a host with a list: only for those it relays for."""
    host = by_hand(lists=people(all=["ann@A"]))
    for address, wanted in (("127.0.0.1", 250), ("192.0.2.1", 550)):
        receiving = stranger(host, address)
        transaction = letter(receiving)
        transaction.reverse_path = path("")
        assert receiving.recipient(transaction, path("@B:bob@A")).code == wanted


def network_for(caller: str, senders: tuple[str, ...] = ()) -> lab.Topology:
    """B, which relays for one caller, between A, C and D; and mail of some for D."""
    middle = relay("B.ARPA", relay_for=[caller])
    ends = [host("A.ARPA", "ann"), host("C.ARPA", "carl"), host("D.ARPA", "dan")]
    links = [{"between": ["B.ARPA", end["name"]]} for end in ends]
    mails = [mail(sender, "dan@D.ARPA") for sender in senders]
    return from_dict({"host": [middle, *ends], "link": links, "mail": mails})


@pytest.mark.parametrize(
    ("caller", "why"),
    [
        ("10.0.0.0/33", 'is not a network; write one such as "10.0.0.0/8"'),
        ("::1::", "is not a network"), ("E.ARPA", "there is no host"),
    ],
)  # fmt: skip
def test_whom_a_file_names_must_be_a_host_or_a_network(caller: str, why: str) -> None:
    """Every other text is a problem, with what would be right."""
    with pytest.raises(lab.TopologyError, match=why):
        network_for(caller)


@pytest.mark.parametrize("caller", ["a.arpa", "*", "10.0.0.0/8", "192.0.2.7", "::1"])
def test_whom_a_file_names_is_written_again(caller: str) -> None:
    """A topology written and read again is the same."""
    made = network_for(caller)
    again = from_dict(tomllib.loads(made.to_toml()))
    assert again.hosts["B.ARPA"].relay_for == (caller,)


def test_a_topology_of_python_names_hosts_or_networks() -> None:
    """The same is checked there."""
    one = lab.HostSettings("ONE.ARPA", relay=True, relay_for=("TWO.ARPA",))
    with pytest.raises(lab.TopologyError, match="neither a host nor a network"):
        lab.simulate(lab.Topology(hosts={"ONE.ARPA": one}))


def test_a_host_relays_only_for_the_hosts_that_it_names_in_a_simulation() -> None:
    """The same setting, the same 550."""
    summary = lab.simulate(network_for("A.ARPA", ("ann@A.ARPA", "carl@C.ARPA"))).summary
    assert (summary["delivered"], summary["returned"]) == (1, 1)
