"""The shape of a topology file: which keys there are, and what kind of value each takes.

Shape only; whether a host that is named exists is for :mod:`lab.topology.hosts`. Each model is a
table of the file with its keys under the names that users type.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
)

from lab.protocol.replies import TEXTS
from lab.quantities import parse_bandwidth, parse_duration, parse_rate, parse_size, shown
from lab.topology.specs import DEFAULT_START

LARGEST_MAIL: Final = 10**9
"""Bytes; mail data is held in memory, and a slip of the unit should not fill it."""


def _not_negative(value: float) -> float:
    if value < 0:
        raise ValueError(f"{shown(value)} is less than nothing; write 0 or more")
    return value


def _more_than_nothing(value: float) -> float:
    if value <= 0:
        raise ValueError(f"{shown(value)} is not more than nothing; write more than 0")
    return value


def _chance(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{shown(value)} is no chance; write a number from 0 to 1")
    return float(value)


def _mail_sized(value: int) -> int:
    if value > LARGEST_MAIL:
        raise ValueError(f"{value} bytes are more than this lab holds; write 1 GB or less")
    return value


def _codes(value: object) -> object:
    if value == []:
        raise ValueError("a list of no reply codes; write one such as 451, or leave this out")
    for code in value if isinstance(value, list) else [value]:
        if not isinstance(code, int) or isinstance(code, bool) or code not in TEXTS:
            raise ValueError(
                f"{shown(code)} is no reply code of RFC 821; write one of {min(TEXTS)} to "
                f"{max(TEXTS)} as section 4.2.2 lists them, or a list of such"
            )
    return value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _user(value: object) -> object:
    if not isinstance(value, (str, dict, BaseModel)):
        raise ValueError(f'{shown(value)} is no user; write a name such as "JQP", or a table')
    return {"name": value} if isinstance(value, str) else value


def _external(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f'{shown(value)} is no address and port; write "127.0.0.1:2600"')
    return value


def _start(value: object) -> object:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_WHICH_DATE.format(shown(value))) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(_WHICH_DATE.format(shown(value)))
    # a trace of years must not run into the calendar's ends
    if not 1900 <= value.year <= 2999:
        raise ValueError(f"{value} is too far away; write a date of the years 1900 to 2999")
    return value


_WHICH_DATE: Final = "{} is no date with a time and an offset; write 1982-08-01T00:00:00Z"

Duration = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_not_negative)]
Span = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_more_than_nothing)]
Size = Annotated[int, BeforeValidator(parse_size)]
MailSize = Annotated[Size, AfterValidator(_mail_sized)]
Limit = Annotated[int, BeforeValidator(parse_size), AfterValidator(_more_than_nothing)]
Bandwidth = Annotated[float, BeforeValidator(parse_bandwidth), AfterValidator(_more_than_nothing)]
Rate = Annotated[float, BeforeValidator(parse_rate), AfterValidator(_more_than_nothing)]
Chance = Annotated[float, BeforeValidator(_chance)]
Count = Annotated[StrictInt, Field(ge=0)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Codes = Annotated[int | list[int], BeforeValidator(_codes)]
Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
Paths = Annotated[list[str], BeforeValidator(_one_or_many), Field(min_length=1)]


class Table(BaseModel):
    """A table of the file: no key but its own, no value turned into another kind."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)

    def given(self) -> dict[str, Any]:
        """The values that the file gives, by attribute; defaults left out."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class EnvironmentTable(Table):
    """``[[environment]]``."""

    name: Annotated[str, Field(min_length=1)]
    transport: Literal["tcp", "ncp", "nits", "x25", "tcp-on-x25"] = "tcp"


class UserTable(Table):
    """``[[host.user]]``, or a name in ``users``."""

    name: str
    full_name: str = ""
    active: bool = False
    accepts: bool = True
    mailbox: Literal["open", "busy", "broken", "full", "full-after-data"] = "open"


class ListTable(Table):
    """``[[host.list]]``."""

    name: str
    members: Annotated[list[str], Field(min_length=1)]
    private: bool = False


class ForwardTable(Table):
    """``[[host.forward]]``."""

    user: str
    to: str
    mode: Literal["forward", "refer"] = "forward"


class LimitsTable(Table):
    """``limits`` of a host (section 4.5.3)."""

    line: Limit | None = None
    message: Limit | None = None
    recipients: Limit | None = None
    sessions: Limit | None = None
    text_line: Limit | None = None
    path: Limit | None = None
    user: Limit | None = None
    domain: Limit | None = None


class TimeoutsTable(Table):
    """``timeouts`` of a host: how long its sender-SMTP waits for replies (RFC 1123, 5.3.2)."""

    opening: Duration | None = None
    command: Duration | None = None
    data: Duration | None = None
    block: Duration | None = None
    mail_data: Duration | None = None


AnyUser = Annotated[UserTable, BeforeValidator(_user)]


class HostDefaults(Table):
    """``[defaults.host]``: all that a host may say but who and where it is."""

    kind: Literal["host", "router"] = "host"
    relay: bool = False
    users: list[AnyUser] = []
    user: list[AnyUser] = []
    lists: list[ListTable] = Field(default=[], alias="list")
    forward: list[ForwardTable] = []
    limits: LimitsTable = LimitsTable()
    careless: bool = False
    on_251: Literal["accept", "redirect", "learn"] = "accept"
    on_551: Literal["redirect", "return"] = "redirect"
    store: Duration = 0.0
    timeouts: TimeoutsTable = TimeoutsTable()
    turn: bool = False
    grammar: Literal["strict", "standard", "tolerant"] = "standard"
    eight_bit: Literal["refuse", "clear"] = "refuse"
    unsophisticated: bool = False
    unimplemented: Annotated[list[str], BeforeValidator(_one_or_many)] = []
    answers: dict[str, Codes] = {}
    title: str = ""


class HostTable(HostDefaults):
    """``[[host]]``."""

    name: str
    names: dict[str, str] = {}
    holds: list[str] = []
    external: Annotated[str, AfterValidator(_external)] = ""
    position: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None


class LinkDefaults(Table):
    """``[defaults.link]``: all that a link may say but what it joins."""

    environment: str | None = None
    latency: Duration = 0.010
    jitter: Duration = 0.0
    bandwidth: Bandwidth | None = None
    loss: Chance = 0.0
    cost: Annotated[Number, AfterValidator(_not_negative)] | None = None


class LinkTable(LinkDefaults):
    """``[[link]]``."""

    between: Pair


class Defaults(Table):
    """``[defaults]``."""

    host: HostDefaults = HostDefaults()
    link: LinkDefaults = LinkDefaults()


class MailTable(Table):
    """``[[mail]]``."""

    at: Duration = 0.0
    verb: Literal["MAIL", "SEND", "SOML", "SAML"] = "MAIL"
    sender: str = Field(alias="from")
    to: Paths
    subject: str = ""
    text: str | None = None
    size: MailSize | None = None
    mail_data: str | None = None


class TrafficTable(Table):
    """``[[traffic]]``."""

    count: Count
    rate: Rate
    sender: str = Field(default="*", alias="from")
    to: str = "*"
    size: MailSize = 700
    route: Literal["direct", "source"] = "direct"
    start: Duration = 0.0


class ScriptTable(Table):
    """``[[script]]``."""

    at: Duration = 0.0
    sender: str = Field(alias="from")
    to: str
    lines: Annotated[list[str], Field(min_length=1)]


class PollTable(Table):
    """``[[poll]]``."""

    at: Duration = 0.0
    every: Span | None = None
    times: Count = 1
    sender: str = Field(alias="from")
    to: str


class FaultTable(Table):
    """``[[fault]]``; which keys go with which kind is for :mod:`lab.topology.traffic`."""

    kind: Literal[
        "link-down", "host-down", "crash", "partition", "loss", "latency",
        "busy", "storage-full", "refuse", "hang-up", "clock-skew", "change-reply", "change-command",
    ]  # fmt: skip
    at: Duration | None = None
    duration: Span | None = Field(default=None, alias="for")
    link: Pair | None = None
    host: str | None = None
    groups: Annotated[list[list[str]], Field(min_length=2)] | None = None
    value: Any = None
    after: str | None = None
    when: dict[str, Any] | None = None
    rate: Rate | None = None
    session: Annotated[StrictInt, Field(ge=1)] | None = None
    of: Literal["sender", "receiver"] | None = None
    number: Annotated[StrictInt, Field(ge=1)] | None = None
    line: str | None = None


class RetryTable(Table):
    """``[retry]``."""

    first: Span = 1800.0
    factor: Annotated[Number, Field(ge=1)] = 2.0
    max: Span = 14400.0
    give_up: Duration = 259200.0


class ExpectTable(Table):
    """``[expect]``."""

    submitted: Count | None = None
    delivered: Count | None = None
    returned: Count | None = None
    rejected: Count | None = None
    queued: Count | None = None
    undeliverable_notifications: Count | None = None
    lost: Count | None = None
    duplicates: Count | None = None
    sessions: Count | None = None
    hops: Count | None = None


class GenerateTable(Table):
    """``[generate]``: a networkx generator by name, and its arguments as further keys."""

    model_config = ConfigDict(extra="allow", strict=True)

    kind: str


class FileTable(Table):
    """The whole file."""

    title: str = ""
    start: Annotated[AwareDatetime, BeforeValidator(_start)] = DEFAULT_START
    environment: list[EnvironmentTable] = []
    host: list[HostTable] = []
    link: list[LinkTable] = []
    mail: list[MailTable] = []
    traffic: list[TrafficTable] = []
    script: list[ScriptTable] = []
    poll: list[PollTable] = []
    fault: list[FaultTable] = []
    retry: RetryTable = RetryTable()
    expect: ExpectTable = ExpectTable()
    graph: Annotated[str, Field(min_length=1)] | None = None
    generate: GenerateTable | None = None
    defaults: Defaults = Defaults()


TABLES: Final[dict[tuple[str, ...], type[Table]]] = {
    (): FileTable,
    ("environment",): EnvironmentTable,
    ("host",): HostTable,
    ("host", "users"): UserTable,
    ("host", "user"): UserTable,
    ("host", "list"): ListTable,
    ("host", "forward"): ForwardTable,
    ("host", "limits"): LimitsTable,
    ("host", "timeouts"): TimeoutsTable,
    ("link",): LinkTable,
    ("mail",): MailTable,
    ("traffic",): TrafficTable,
    ("script",): ScriptTable,
    ("poll",): PollTable,
    ("fault",): FaultTable,
    ("retry",): RetryTable,
    ("expect",): ExpectTable,
    ("generate",): GenerateTable,
    ("defaults",): Defaults,
    ("defaults", "host"): HostDefaults,
    ("defaults", "host", "users"): UserTable,
    ("defaults", "host", "user"): UserTable,
    ("defaults", "host", "list"): ListTable,
    ("defaults", "host", "forward"): ForwardTable,
    ("defaults", "host", "limits"): LimitsTable,
    ("defaults", "host", "timeouts"): TimeoutsTable,
    ("defaults", "link"): LinkDefaults,
}
"""The tables by the keys that lead to them, places in lists left out."""


def keys(table: type[Table]) -> list[str]:
    """The keys that users may type in a table."""
    return [field.alias or name for name, field in table.model_fields.items()]
