"""What the suite is run on: a connector, the place behind it, and the people at work there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import httpx

from syncer.connector import Connector, Delivery, Heard, Listens, Plugin, Setting, Word
from syncer.model import Value
from syncer.sdk.postman import Letter
from syncer.sdk.sandbox import Fault, Sandbox
from syncer.sdk.testing.ports import Clock, Counter, MemoryCatalogue

Mishap = Literal["before", "after", "limit", "cut", "half", "garbage"]
"""As in `syncer.sdk.sandbox.Fault`."""

UNREACHED = "http://127.0.0.1:9"
"""Requests never leave the process: the sandbox is the transport."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Values to try on a tracker.

    `people`: short names of people who can be assigned. `words`: by field, words to write where the
    place itself names none. `above`: what a record must be to have others under it that may also
    stand alone. `refused`: by field, a value the tracker never takes. `signs_time`: whether the signed part of
    a webhook delivery says when it was sent. The body must come back as it was written, so it holds only what
    every tracker can say.
    """

    people: Sequence[str] = ("jane",)
    words: Mapping[str, Sequence[Word]] = field(default_factory=dict)
    above: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, str, str] = ("alpha", "beta", "gamma")
    body: str = "Some **bold** words and `code`.\n\n- one\n- two\n\n[A link](https://example.org/a)"
    due: str = "2026-12-24"
    estimate: float = 3.0
    refused: Mapping[str, Value] = field(default_factory=lambda: {"title": ""})
    signs_time: bool = True


class Subject(Protocol):
    """A fresh, empty place. `connection` is its name; people act through `add` and the rest, with
    keys, fields and words as in `syncer.sdk.sandbox.Sandbox`. Connectors share one catalogue.
    `abilities` and `fields` are those of the plugin. What a tracker has no such thing for raises TypeError."""

    connection: str
    token: str
    abilities: frozenset[str]
    fields: frozenset[str]
    samples: Samples
    clock: Clock
    meter: Counter
    slept: list[float]

    def connector(self, *, token: str | None = None) -> Connector: ...

    def add(self, title: str, **fields: Any) -> str: ...  # noqa: ANN401 -- per field

    def edit(self, key: str, **fields: Any) -> None: ...  # noqa: ANN401 -- per field

    def say(self, key: str, body: str, *, restricted: bool = False) -> str:
        """Comment. Raises ValueError where the tracker has no restricted comments."""
        ...

    def reword(self, comment: str, body: str) -> None:
        """Edit a comment as its author."""
        ...

    def unsay(self, comment: str) -> None: ...

    def restrict(self, comment: str) -> None:
        """Show a comment to few from now on. Raises TypeError where people cannot."""
        ...

    def remove(self, key: str) -> None: ...

    def archive(self, key: str) -> None: ...

    def restore(self, key: str) -> None: ...

    def move(self, key: str) -> str:
        """Move it out of this place; return its key or page there."""
        ...

    def hide(self, key: str) -> None: ...

    def show(self, key: str) -> Mapping[str, Any]: ...

    def keys(self) -> Sequence[str]: ...

    def go_wrong(self, how: Mishap, *, writes: bool = False, times: int = 1) -> bool:
        """Let the next calls (or only writes) go wrong; False where that cannot be done here."""
        ...

    def served(self) -> int | None:
        """Return how many requests the place has seen, None where it does not count them."""
        ...


@runtime_checkable
class Posting(Protocol):
    """A subject whose place sends webhooks. Asked only of plugins with the ability "hooks"."""

    def letters(self) -> Sequence[Letter]:
        """Return what the place posted since it was last asked, or since its webhooks are kept back: from the
        first call on, nothing is delivered any more."""
        ...

    def listen(self, delivery: Delivery, secrets: Sequence[str], *, window: float = 300.0) -> Heard:
        """Let the plugin judge a delivery."""
        ...


@runtime_checkable
class Restricting(Protocol):
    """A sandbox of a tracker whose people can restrict a comment after it was said."""

    def restrict(self, comment: str) -> None: ...


@dataclass(slots=True)
class SandboxSubject:
    """A plugin and its sandbox, in this process. `clock` must be the sandbox's own.

    Give *url* for a sandbox that is served (`syncer.sdk.sandbox.serve`), to go through real sockets.
    """

    plugin: Plugin
    sandbox: Sandbox
    clock: Clock
    samples: Samples = field(default_factory=Samples)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    url: str | None = None
    meter: Counter = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)
    catalogue: MemoryCatalogue = field(init=False)

    def __post_init__(self) -> None:
        self.catalogue = MemoryCatalogue(self.clock)

    @property
    def connection(self) -> str:
        return f"our-{self.plugin.name}"

    @property
    def token(self) -> str:
        return str(self.sandbox.options(UNREACHED)["token"])

    @property
    def abilities(self) -> frozenset[str]:
        return self.plugin.abilities

    @property
    def fields(self) -> frozenset[str]:
        return self.plugin.fields

    def connector(self, *, token: str | None = None) -> Connector:
        options = self._options(token)
        setting = Setting(
            connection=self.connection,
            options=options,
            tables=self.tables,
            catalogue=self.catalogue,
            meter=self.meter,
            clock=self.clock,
            sleep=self._sleep,
            transport=None if self.url else httpx.ASGITransport(self.sandbox.wire),
        )
        return self.plugin.connect(setting)

    def _options(self, token: str | None = None) -> Any:  # noqa: ANN401 -- the plugin's own settings
        said = self.sandbox.options(self.url or UNREACHED)
        return self.plugin.settings.model_validate(said if token is None else {**said, "token": token})

    def letters(self) -> Sequence[Letter]:
        self.sandbox.post.holding = True
        return self.sandbox.post.take()

    def listen(self, delivery: Delivery, secrets: Sequence[str], *, window: float = 300.0) -> Heard:
        if not isinstance(self.plugin, Listens):
            raise TypeError(f"{self.plugin.name} has the ability hooks, and no method listen")
        options = self._options()
        return self.plugin.listen(delivery, connection=self.connection, options=options, secrets=secrets, window=window)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.forward(seconds)

    def add(self, title: str, **fields: Any) -> str:  # noqa: ANN401 -- per field
        self.clock.forward(1)
        return self.sandbox.add(title, **fields)

    def edit(self, key: str, **fields: Any) -> None:  # noqa: ANN401 -- per field
        self.clock.forward(1)
        self.sandbox.edit(key, **fields)

    def say(self, key: str, body: str, *, restricted: bool = False) -> str:
        self.clock.forward(1)
        return self.sandbox.say(key, body, restricted=restricted)

    def reword(self, comment: str, body: str) -> None:
        self.clock.forward(1)
        self.sandbox.reword(comment, body)

    def unsay(self, comment: str) -> None:
        self.clock.forward(1)
        self.sandbox.unsay(comment)

    def restrict(self, comment: str) -> None:
        if not isinstance(self.sandbox, Restricting):
            raise TypeError(f"nobody can restrict a comment later in {self.plugin.name}")
        self.clock.forward(1)
        self.sandbox.restrict(comment)

    def remove(self, key: str) -> None:
        self.clock.forward(1)
        self.sandbox.remove(key)

    def archive(self, key: str) -> None:
        self.clock.forward(1)
        self.sandbox.archive(key)

    def restore(self, key: str) -> None:
        self.clock.forward(1)
        self.sandbox.restore(key)

    def move(self, key: str) -> str:
        self.clock.forward(1)
        return self.sandbox.move(key)

    def hide(self, key: str) -> None:
        self.clock.forward(1)
        self.sandbox.hide(key)

    def show(self, key: str) -> Mapping[str, Any]:
        return self.sandbox.show(key)

    def keys(self) -> Sequence[str]:
        return self.sandbox.keys()

    def go_wrong(self, how: Mishap, *, writes: bool = False, times: int = 1) -> bool:
        self.sandbox.wire.faults.append(Fault(how, writes_only=writes, times=times))
        return True

    def served(self) -> int | None:
        return len(self.sandbox.wire.calls)
