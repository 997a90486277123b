"""Claims about webhooks: which deliveries are believed, and where they lead. For plugins with the ability "hooks"."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from syncer.connector import Delivery, Heard, Hook, Hooks
from syncer.errors import DeliveryError
from syncer.sdk.testing.desk import Desk, at_work
from syncer.sdk.testing.subject import Posting, Subject

EAR = "https://syncer.example/hooks/our"
SECRET = "one-signing-secret"  # noqa: S105 -- made up
OTHER = "another-signing-secret"
AGES = 10 * 86_400
"""Seconds after which no tracker still delivers."""
DELAY = 120
"""Seconds a delivery is on its way; coarse stamps tell that time, too."""
LONGEST = 300
NONSENSE = (b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe{}", b"[" * 100_000, b"{}", b'{"a":' + b"9" * 5_000 + b"}")
WRONG: tuple[Any, ...] = (None, True, -1, 1e300, "", "x" * 500, "a b\n", [], [{}], {}, {"id": {}})
"""Values of the wrong kind, put at every place of a genuine body in turn."""


class Hearing:
    """What the tracker signed is believed and leads to the record; nothing else is, and nothing breaks.

    A webhook address is open to the whole internet: whoever finds it may send anything. `listen` is the
    only thing between that and our work, and it must not be tricked, slowed or thrown off.
    """

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    # -- registering -------------------------------------------------------------------------

    async def test_a_webhook_we_add_is_listed_and_one_we_remove_is_not(self, subject: Subject) -> None:
        """`syncer hooks` shows what is registered; removing twice is no error."""
        async with _ear(subject) as ear:
            listed = [h for h in await ear.connector.hooks() if h.id == ear.hook.id]
            assert [(h.url, h.active) for h in (ear.hook, *listed)] == [(EAR, True)] * 2

            for _ in range(2):
                await ear.connector.remove_hook(ear.hook)

            assert ear.hook.id not in [h.id for h in await ear.connector.hooks()]

    async def test_no_listed_webhook_shows_its_secret(self, subject: Subject) -> None:
        async with _ear(subject) as ear:
            assert SECRET not in repr(await ear.connector.hooks())
            assert SECRET not in repr(ear.hook)

    # -- believing ---------------------------------------------------------------------------

    async def test_a_persons_edit_is_heard_and_leads_to_the_record(self, subject: Subject) -> None:
        """The lead names the record by the id that `get` answers to: that alone is read then."""
        key = subject.add("Old")
        async with _ear(subject) as ear:
            record = await ear.desk.record(key)
            subject.edit(key, title="New")

            heard = ear.heard()

            assert record.ref in [lead.address.ref for one in heard for lead in one.leads]
            assert all(one.id and one.event for one in heard)

    async def test_a_new_record_is_heard(self, subject: Subject) -> None:
        async with _ear(subject) as ear:
            key = subject.add("New")

            led = [lead.address.ref for one in ear.heard() for lead in one.leads]

            assert (await ear.desk.record(key)).ref in led

    async def test_a_comment_is_heard_with_its_record_and_its_own_id(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with _ear(subject) as ear:
            record = await ear.desk.record(key)
            said = subject.say(key, "Is this true?")

            led = [lead for one in ear.heard() for lead in one.leads]

            assert (record.ref, said) in [(lead.address.ref, lead.comment) for lead in led]

    async def test_a_lead_bears_the_stamp_of_the_edit_or_none(self, subject: Subject) -> None:
        """Who has read the version that `at` speaks of does not look: a stamp that is too new, like that of the
        delivery, costs a read each time; one that is too old loses an edit."""
        key = subject.add("Old")
        async with _ear(subject) as ear:
            before = await ear.desk.record(key)
            ear.subject.letters()
            subject.clock.forward(3_600)
            subject.edit(key, title="New")
            subject.clock.forward(DELAY)
            stamps = [lead.at for one in ear.heard() for lead in one.leads if lead.at is not None]

            after = await ear.desk.record(key)

            assert all(at.tzinfo is not None and before.updated < at <= after.updated for at in stamps)

    async def test_what_is_sent_again_has_the_same_id(self, subject: Subject) -> None:
        """Trackers deliver at least once; the id is how the second time is told."""
        async with _ear(subject) as ear:
            for delivery in ear.deliveries(subject.add("Sent")):
                again = replace(delivery, at=delivery.at + timedelta(seconds=30))
                assert ear.listen(delivery).id == ear.listen(again).id

    async def test_either_secret_may_have_signed_while_one_replaces_the_other(self, subject: Subject) -> None:
        async with _ear(subject) as ear:
            for delivery in ear.deliveries(subject.add("Signed")):
                assert ear.listen(delivery, OTHER, SECRET) == ear.listen(delivery, SECRET, OTHER)

    # -- not believing -----------------------------------------------------------------------

    async def test_an_unsigned_delivery_is_refused(self, subject: Subject) -> None:
        async with _ear(subject) as ear:
            for delivery in ear.deliveries(subject.add("Sent")):
                bare = {n: v for n, v in delivery.headers.items() if "sign" not in n and not _signs(delivery, v)}
                _refused(ear, replace(delivery, headers=bare))
                _refused(ear, replace(delivery, headers={}))

    async def test_a_delivery_signed_with_another_secret_is_refused(self, subject: Subject) -> None:
        async with _ear(subject) as ear:
            for delivery in ear.deliveries(subject.add("Sent")):
                _refused(ear, delivery, OTHER)

    async def test_without_a_secret_nothing_is_believed(self, subject: Subject) -> None:
        async with _ear(subject) as ear:
            for delivery in ear.deliveries(subject.add("Sent")):
                with pytest.raises(DeliveryError):
                    ear.subject.listen(delivery, ())

    async def test_a_body_changed_on_the_way_is_refused(self, subject: Subject) -> None:
        """The signature is over the raw bytes: a space more is another body, though it says the same."""
        async with _ear(subject) as ear:
            for delivery in ear.deliveries(subject.add("Sent")):
                _refused(ear, replace(delivery, body=delivery.body + b" "))
                _refused(ear, replace(delivery, body=b""))

    async def test_an_old_delivery_is_refused_where_its_age_is_signed(self, subject: Subject) -> None:
        """Whoever recorded a delivery must not be able to play it for ever, where the tracker lets us tell."""
        if not subject.samples.signs_time:
            pytest.skip("this tracker does not sign when it sends")
        async with _ear(subject) as ear:
            for delivery in ear.deliveries(subject.add("Sent")):
                _refused(ear, replace(delivery, at=delivery.at + timedelta(seconds=AGES)))

    async def test_nonsense_is_refused_and_breaks_nothing(self, subject: Subject) -> None:
        """Signed nonsense too: a secret that got out must not stop the daemon."""
        async with _ear(subject) as ear:
            [delivery, *_] = ear.deliveries(subject.add("Sent"))
            for body in NONSENSE:
                _refused(ear, replace(delivery, body=body))
                with contextlib.suppress(DeliveryError):
                    ear.listen(_signed_anew(delivery, body))

    async def test_values_of_the_wrong_kind_raise_nothing_but_a_refusal(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with _ear(subject) as ear:
            subject.say(key, "Said.")
            for delivery in ear.deliveries(key):
                for body in _spoilt(delivery.body):
                    with contextlib.suppress(DeliveryError):
                        heard = ear.listen(_signed_anew(delivery, body))
                        assert {lead.address.ref.connection for lead in heard.leads} <= {subject.connection}
                        assert all(map(_is_plain, _words(heard))), heard

    async def test_a_refusal_shows_nothing_of_the_delivery(self, subject: Subject) -> None:
        """Its reason goes to the log, which a stranger must not be able to write."""
        async with _ear(subject) as ear:
            [delivery, *_] = ear.deliveries(subject.add("Secret plan"))
            for refused in (replace(delivery, headers={}), replace(delivery, body=b"Secret plan")):
                reason = _refused(ear, refused).reason
                assert reason.isascii()
                assert "secret plan" not in reason.casefold()
                assert SECRET not in reason


@dataclass(frozen=True, slots=True)
class _Ear:
    """A webhook of ours, and what comes to it."""

    desk: Desk
    connector: Hooks
    subject: Posting
    hook: Hook

    def deliveries(self, key: str) -> list[Delivery]:
        """Let a person edit *key*, and return what the place posts that leads somewhere; there is something."""
        self.desk.subject.edit(key, title="Edited")
        posted = [self._delivery(letter.headers, letter.body) for letter in self.subject.letters()]
        found = [delivery for delivery in posted if self.listen(delivery).leads]
        assert found, "an edit leads nowhere"
        return found

    def heard(self) -> list[Heard]:
        letters = self.subject.letters()
        return [self.listen(self._delivery(letter.headers, letter.body)) for letter in letters]

    def listen(self, delivery: Delivery, *secrets: str) -> Heard:
        return self.subject.listen(delivery, secrets or (SECRET,))

    def _delivery(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        lower = {name.lower(): value for name, value in headers.items()}
        return Delivery(lower, body, self.desk.subject.clock())


@contextlib.asynccontextmanager
async def _ear(subject: Subject) -> AsyncIterator[_Ear]:
    """Register a webhook; skip where the connector cannot."""
    if "hooks" not in subject.abilities or not isinstance(subject, Posting):
        pytest.skip("this connector registers no webhooks")
    async with at_work(subject) as desk:
        assert isinstance(desk.connector, Hooks), 'the ability "hooks" needs the methods of syncer.connector.Hooks'
        subject.letters()
        yield _Ear(desk, desk.connector, subject, await desk.connector.add_hook(EAR, SECRET))


def _refused(ear: _Ear, delivery: Delivery, *secrets: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        ear.listen(delivery, *secrets)
    return caught.value


def _words(heard: Heard) -> Iterator[object]:
    """Yield all that is kept, logged, or put into an address of a request later."""
    yield from (heard.id, heard.event)
    for lead in heard.leads:
        yield from (lead.address.ref.entity, lead.address.ref.id, lead.address.key, lead.comment or "none")


def _is_plain(word: object) -> bool:
    return isinstance(word, str) and 0 < len(word) <= LONGEST and word.isprintable()


def _mac(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def _signs(delivery: Delivery, value: str) -> bool:
    return _mac(delivery.body) in value.lower()


def _signed_anew(delivery: Delivery, body: bytes) -> Delivery:
    """Return *delivery* with another *body* under a good signature, where that is a hex HMAC-SHA256 of the body;
    elsewhere under the old one, which must be refused."""
    old = _mac(delivery.body)
    return replace(delivery, body=body, headers={n: v.replace(old, _mac(body)) for n, v in delivery.headers.items()})


def _spoilt(body: bytes) -> Iterator[bytes]:
    """Yield *body* with one value after the other left out, and put wrong in every way."""
    said = json.loads(body)
    for path in _paths(said):
        yield _with(said, path, gone=True)
        for value in WRONG:
            yield _with(said, path, value)


def _paths(said: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the ways to the values of an object, as deep as a decoder would look."""
    if not isinstance(said, dict) or len(above) >= _DEEP:
        return
    for name, value in said.items():
        yield (*above, name)
        yield from _paths(value, (*above, name))


_DEEP = 4


def _with(said: Mapping[str, Any], path: Sequence[str], value: Any = None, *, gone: bool = False) -> bytes:  # noqa: ANN401 -- any JSON
    whole = json.loads(json.dumps(said))
    spot = whole
    for name in path[:-1]:
        spot = spot[name]
    if gone:
        del spot[path[-1]]
    else:
        spot[path[-1]] = value
    return json.dumps(whole).encode()
