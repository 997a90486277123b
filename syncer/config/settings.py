"""The typed sections of config.toml, by the names a person writes there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    NonNegativeInt,
    Tag,
    field_validator,
    model_validator,
)

from syncer.events import EVENTS
from syncer.mapping.schema import FIELD_NAMES, VALUES, is_field
from syncer.mapping.source import choice
from syncer.model import SET_FIELDS

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s/\[\]@]+):(?P<port>[0-9]{1,5})")
_CRON_PART = re.compile(r"(?:\*|(?P<first>[a-z]+|\d+)(?:-(?P<last>[a-z]+|\d+))?)(?:/(?P<step>[1-9]\d*))?")
_DAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_CRON: tuple[tuple[str, range, Mapping[str, int], str], ...] = (
    ("minute", range(60), {}, "Write 0 to 59."),
    ("hour", range(24), {}, "Write 0 to 23."),
    ("day", range(1, 32), {}, "Write 1 to 31."),
    ("month", range(1, 13), _MONTHS, "Write 1 to 12, or jan to dec."),
    ("day of the week", range(0), _DAYS, 'Write names: "mon-fri", "sat,sun".'),
)
DEFAULT_EVERY = 120.0


def seconds(said: object) -> float:
    """Return the seconds that "2m", "60s", "1h" or "500ms" stands for. Raises ValueError."""
    match = _DURATION.fullmatch(said.strip()) if isinstance(said, str) else None
    if match is None:
        raise ValueError(f'{said!r} is not a duration. Write it with its unit: "2m", "60s", "1h" or "500ms".')
    return float(match[1]) * _UNITS[match[2]]


def cron(said: str) -> str:
    """Return *said*, five cron fields, if it has their shape. Raises ValueError.

    Days of the week only by name: cron counts them from Sunday, APScheduler from Monday.
    """
    fields = said.lower().split()
    if len(fields) != len(_CRON):
        raise ValueError(f'{said!r} is not five cron fields. Like "*/5 8-18 * * mon-fri".')
    for text, (what, numbers, names, advice) in zip(fields, _CRON, strict=True):
        if not all(_fits(part, numbers, names) for part in text.split(",")):
            raise ValueError(f'"{text}" is no {what} of a cron line. {advice}')
    return said


def _fits(part: str, numbers: range, names: Mapping[str, int]) -> bool:
    match = _CRON_PART.fullmatch(part)
    if match is None:
        return False
    ends = [e for e in (match["first"], match["last"]) if e is not None]
    if not all(e in names or (e.isdigit() and int(e) in numbers) for e in ends):
        return False
    places = [names[e] if e in names else int(e) for e in ends]
    return places == sorted(places)


def _listed(said: object) -> object:
    """One name may stand for a list of one."""
    return (said,) if isinstance(said, str) else said


def _patterns(said: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in said:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f'"{pattern}" is not a regular expression ({error}).') from None
    return said


def _preferring(*words: str) -> BeforeValidator:
    """Accept one of *words* or `prefer:<connection>`."""

    def check(said: object) -> object:
        if not isinstance(said, str) or not (said in words or re.fullmatch(r"prefer:[\w-]+", said)):
            raise ValueError(f"{said!r} is not one of {', '.join(words)}, prefer:<connection>.")
        return said

    return BeforeValidator(check)


def _valued(field: str) -> BeforeValidator:
    def check(said: object) -> object:
        for value in said if isinstance(said, list | tuple) else (said,):
            if value not in VALUES[field]:
                raise ValueError(f"{value!r} is not a {field}. {choice(str(value), VALUES[field])}")
        return said if isinstance(said, list | tuple) else (said,)

    return BeforeValidator(check)


Seconds: TypeAlias = Annotated[float, BeforeValidator(seconds)]
Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Rule: TypeAlias = Annotated[str, _preferring("newest", "ask")]
FirstRule: TypeAlias = Annotated[str, _preferring("oldest", "ask")]


Level: TypeAlias = Literal["debug", "info", "warning", "error"]


class Keep(BaseModel, extra="forbid", frozen=True):
    """How long things are remembered, in seconds: the rows of runs, delivery ids of webhooks, the audit
    trail (None: for good)."""

    runs: Seconds = 90 * 86_400.0
    deliveries: Seconds = 7 * 86_400.0
    audit: Seconds | None = None


class Store(BaseModel, extra="forbid", frozen=True):
    """`key` is a reference to the markers' key; None means the file beside the database."""

    url: str = "sqlite:///syncer.db"
    key: str | None = None
    keep: Keep = Keep()


class Log(BaseModel, extra="forbid", frozen=True):
    """How the daemon logs. `levels` are by part: the noun before the dot of an event ("hook", "action").
    The command line's --log-format and --log-level come first."""

    format: Literal["console", "json"] | None = None
    level: Level | None = None
    levels: Mapping[str, Level] = Field(default_factory=dict)
    emails: bool = True

    @field_validator("levels")
    @classmethod
    def _known(cls, levels: Mapping[str, Level]) -> Mapping[str, Level]:
        parts = sorted({event.partition(".")[0] for event in EVENTS})
        unknown = next((part for part in levels if part not in parts), None)
        if unknown is not None:
            raise ValueError(f'"{unknown}" is no part of the log. {choice(unknown, parts)}')
        return levels


class Alerts(BaseModel, extra="forbid", frozen=True):
    """When a person is told: a sync out of step, or a connection away, for longer than `after`; again every
    `repeat` while it lasts. `url` refers to an address that takes {"text": ...} (Slack's incoming webhooks do)."""

    after: Seconds = 900.0
    repeat: Seconds = 86_400.0
    url: str | None = None


class Daemon(BaseModel, extra="forbid", frozen=True):
    """`listen` is host:port of webhooks, health and metrics, or "off"; `url` the address trackers reach it by.

    `sweep` and `audit` are cron lines (in `timezone`, the machine's if None) of the daily full listing and
    the daily audit. `grace`: seconds a run may go on after SIGTERM before it stops at its next safe point.
    `jitter`: seconds a start may be late, None for a tenth of `every`, at most 10.
    """

    listen: str = "127.0.0.1:8722"
    url: str | None = None
    grace: Seconds = 30.0
    jitter: Seconds | None = None
    sweep: Annotated[str, BeforeValidator(lambda said: cron(str(said)))] = "17 3 * * *"
    audit: Annotated[str, BeforeValidator(lambda said: cron(str(said)))] = "47 3 * * *"
    timezone: str | None = None
    replay_window: Seconds = 300.0
    largest_delivery: int = Field(default=5_000_000, gt=0)
    alerts: Alerts = Alerts()

    @field_validator("listen")
    @classmethod
    def _an_address(cls, listen: str) -> str:
        match = _ADDRESS.fullmatch(listen)
        if listen != "off" and not (match and int(match["port"]) < 65_536):  # noqa: PLR2004 -- ports end there
            raise ValueError(f'{listen!r} is not "host:port". Like "127.0.0.1:8722", or "off".')
        return listen

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str | None) -> str | None:
        if not url:
            return None
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or parts.username is not None or parts.query or parts.fragment:
            raise ValueError(f'{url!r} is not an address like "https://syncer.acme.example".')
        return url.rstrip("/")

    @field_validator("timezone")
    @classmethod
    def _a_zone(cls, zone: str | None) -> str | None:
        try:
            return ZoneInfo(zone).key if zone else None
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f'{zone!r} is no time zone. Like "Europe/Berlin".') from None


class Where(BaseModel, extra="forbid", frozen=True):
    """Which unlinked records may be linked or copied: each field said must hold one of its values.

    None says nothing. `authors` are people, accounts, or the word "members".
    """

    kind: Annotated[tuple[str, ...], _valued("kind")] | None = None
    status: Annotated[tuple[str, ...], _valued("status")] | None = None
    priority: Annotated[tuple[str, ...], _valued("priority")] | None = None
    labels: Names | None = None
    assignees: Names | None = None
    authors: Names | None = None


class Create(BaseModel, extra="forbid", frozen=True):
    """Whose unlinked records are copied (`from`), and where copies are made (`in`)."""

    from_: Names = Field(default=(), alias="from")
    in_: Names = Field(default=(), alias="in")


class Policy(BaseModel, extra="forbid", frozen=True):
    """What a sync says about one field. `only` and `ignore` are glob patterns for set elements."""

    owner: str | None = None
    set_once: str | None = None
    skip: bool = False
    only: Names | None = None
    ignore: Names = ()
    conflicts: Rule | None = None

    @model_validator(mode="after")
    def _one_idea(self) -> Policy:
        said = [n for n in ("owner", "set_once", "skip") if getattr(self, n)]
        if len(said) > 1:
            raise ValueError(f"{' and '.join(said)} contradict each other. Keep one of them.")
        return self


class Limits(BaseModel, extra="forbid", frozen=True):
    """How much a run may do on one connection before it asks; `flaps`: reversals within 10 runs."""

    creates: NonNegativeInt = 200
    updates: NonNegativeInt = 500
    closes: NonNegativeInt = 20
    archives: NonNegativeInt = 20
    flaps: NonNegativeInt = 4


class Comments(BaseModel, extra="forbid", frozen=True):
    """`backfill`: also comments older than their link. `deletions`: "follow" them, or "keep" mirrors."""

    backfill: bool = True
    deletions: Literal["follow", "keep"] = "follow"


class Disclose(BaseModel, extra="forbid", frozen=True):
    """What may go from a private place to the public places `to`, besides title, body and status."""

    to: Names
    comments: bool = False
    labels: bool = False
    attachments: bool = False
    redact: Annotated[tuple[str, ...], BeforeValidator(_listed), BeforeValidator(_patterns)] = ()


def _comments_tag(said: object) -> str:
    return "off" if said is False or (isinstance(said, str) and said.lower() == "false") else "table"


def _comments_said(said: object) -> object:
    on = said is True or (isinstance(said, str) and said.lower() == "true")
    if on:
        return {}
    return False if _comments_tag(said) == "off" else said


CommentRule: TypeAlias = Annotated[
    Annotated[Literal[False], Tag("off")] | Annotated[Comments, Tag("table")],
    Discriminator(_comments_tag),
    BeforeValidator(_comments_said),
]


class Sync(BaseModel, extra="forbid", frozen=True):
    """Which connections are kept in step, when, and by which rules.

    `every` is in seconds, None where `cron` is said. `create` always names its connections.
    """

    name: str
    connections: Names
    every: Seconds | None = None
    cron: Annotated[str, BeforeValidator(lambda said: cron(str(said)))] | None = None
    conflicts: Rule = "newest"
    on_gone: Literal["keep", "close", "archive"] = "keep"
    create: Create = Create()
    where: Where = Where()
    fields: Mapping[str, Policy] = Field(default_factory=dict)
    limits: Limits = Limits()
    match: Literal["marker", "title"] = "marker"
    on_link: FirstRule = "oldest"
    settle_wait: Seconds = 60.0
    comments: CommentRule = Comments()
    disclose: Disclose | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, said: object) -> object:
        """Fill in what depends on other keys: `create` is from all, in all; `every` if no `cron`."""
        if not isinstance(said, Mapping):
            return said
        full = dict(said)
        if "every" not in full and "cron" not in full:
            full["every"] = f"{DEFAULT_EVERY:g}s"
        create = full.get("create", {})
        if isinstance(create, Mapping):
            everywhere = full.get("connections", ())
            full["create"] = {"from": everywhere, "in": everywhere} | dict(create)
        return full

    def policy(self, field: str) -> Policy:
        return self.fields.get(field, _NO_POLICY)

    def faults(self) -> Iterator[tuple[tuple[str, ...], str, str | None]]:
        """Yield (key, message, fix) for whatever does not fit the rest of the sync."""
        if len(self.connections) < 2:  # noqa: PLR2004 -- one place cannot be out of step
            yield ("connections",), "a sync needs at least two connections.", None
        if len(set(self.connections)) < len(self.connections):
            yield ("connections",), "a connection is named twice.", None
        if self.every is not None and self.cron is not None:
            yield ("cron",), "every and cron are both said. Keep one of them.", None
        if self.every is not None and self.every <= 0:
            yield ("every",), "must be longer than nothing.", None
        for key, name in self._named():
            if name not in self.connections:
                message = f'"{name}" is not a connection of this sync.'
                yield key, message, choice(name, self.connections)
        for field, policy in self.fields.items():
            if not is_field(field):
                yield ("fields", field), f'unknown field "{field}".', choice(field, FIELD_NAMES)
            if (policy.only is not None or policy.ignore) and field not in SET_FIELDS:
                yield ("fields", field), f"only and ignore choose elements; {field} has none.", None

    def _named(self) -> Iterator[tuple[tuple[str, ...], str]]:
        yield from ((("create", "from"), name) for name in self.create.from_)
        yield from ((("create", "in"), name) for name in self.create.in_)
        if self.disclose is not None:
            yield from ((("disclose", "to"), name) for name in self.disclose.to)
        for key, rule in (("conflicts", self.conflicts), ("on_link", self.on_link)):
            if rule.startswith("prefer:"):
                yield (key,), rule.removeprefix("prefer:")
        for field, policy in self.fields.items():
            at = ("fields", field)
            if policy.owner is not None:
                yield (*at, "owner"), policy.owner
            if policy.set_once is not None:
                yield (*at, "set_once"), policy.set_once
            if policy.conflicts is not None and policy.conflicts.startswith("prefer:"):
                yield (*at, "conflicts"), policy.conflicts.removeprefix("prefer:")


_NO_POLICY = Policy()
