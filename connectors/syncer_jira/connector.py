"""The Jira Cloud connector: reading, writing, checking. Everything it knows is in its neighbours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncer.connector import Hook, Place, Setting
from syncer.errors import NotFoundError, RejectedError
from syncer.model import (
    Address,
    Comment,
    Draft,
    Edited,
    Missing,
    Native,
    Page,
    Patch,
    Problem,
    Receipt,
    Record,
    Ref,
)
from syncer_jira import archive as shelf
from syncer_jira import checks, jql, records, writes
from syncer_jira.api import MARK, PAGE, Api, Object
from syncer_jira.codecs import codecs, words
from syncer_jira.facts import Facts, Surveyor
from syncer_jira.feed import Feed
from syncer_jira.history import latest
from syncer_jira.lookup import Lookup
from syncer_jira.moves import Mover
from syncer_jira.settings import JiraSettings
from syncer_jira.subscriptions import Subscriptions
from syncer_jira.talk import Talk


@dataclass(slots=True)
class JiraConnector:
    """One Jira project, as one account sees it. `open` comes first."""

    setting: Setting
    options: JiraSettings
    _api: Api = field(init=False)
    _mover: Mover = field(init=False)
    _known: Facts | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._api = Api(self.setting, self.options)
        self._mover = Mover(self._api)

    async def open(self) -> Place:
        """Find out who we are and what the project offers."""
        facts = self._known = await Surveyor(self._api).facts()
        return Place(
            title=facts.project["name"],
            url=f"{facts.site}/browse/{facts.project['key']}",
            # Jira can show a project to strangers, but no answer says so.
            private=True,
            me=facts.me,
            codecs=codecs(facts),
            words=words(facts, self.setting.tables.get("status")),
            at_create=facts.at_create,
            accounts=facts.people,
            # Search, which is the only listing, lags by seconds to minutes (developer pages, search-and-reconcile).
            lags=True,
            remembers=True,
        )

    async def close(self) -> None:
        """Close the connection to the server."""
        await self._api.http.close()

    async def check(self) -> Sequence[Problem]:
        """Try credentials, permissions, the clock and what creating demands, for real."""
        Surveyor(self._api).forget()
        await self.open()
        return await checks.problems(self._api, self._facts())

    # -- reading ---------------------------------------------------------------------------------

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        """Yield everything changed in the project since *cursor*, comments with it."""
        try:
            async for page in Feed(self._api, self._facts()).pages(cursor):
                yield page
        except RejectedError:
            # The project may have another key by now, which JQL would not know by the old one.
            Surveyor(self._api).forget("project")
            raise

    async def get(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        """Read records by id, and tell apart deleted, moved, archived and not to be seen (see `lookup`)."""
        return await Lookup(self._api, self._facts()).read(addresses)

    async def within(self, refs: Sequence[Ref]) -> frozenset[Ref] | None:
        """Return which issues meet the filter, as far as the search index shows them yet."""
        condition = self._api.options.filter
        if condition is None:
            return None
        found: set[Ref] = set()
        # Ids are numbers in JQL: what is none is no issue of Jira's.
        ids = [r.id for r in refs if r.id.isascii() and r.id.isdigit()]
        for start in range(0, len(ids), PAGE):
            query = jql.among(ids[start : start + PAGE], condition)
            async for issues, _ in self._api.search(query, ["id"]):
                found.update(Ref(self.setting.connection, "issue", str(i.get("id"))) for i in issues)
        return frozenset(found)

    def _record(self, issue: Object) -> Record:
        return records.record(issue, self._facts(), self.setting.connection)

    async def find(self, draft: Draft, since: datetime) -> Record | None:
        """Look for the marker among what was created since, and read the issue itself if it is there.

        The index lags: None means "not shown yet", so the caller asks again.
        """
        facts = self._facts()
        query = jql.created(facts.project["key"], since, facts.zone)
        async for issues, _ in self._api.search(query, ["created"], [MARK]):
            for issue in issues:
                if records.marker(issue) == draft.marker:
                    return await self._confirmed(str(issue["id"]))
        return None

    async def _confirmed(self, id_: str) -> Record | None:
        issue = await self._api.issue(id_, records.asked(self._facts()))
        return None if issue is None else self._record(issue)

    async def history(self, address: Address, fields: frozenset[str]) -> Mapping[str, Edited]:
        """Say when each field was last changed, from the issue's changelog."""
        listed = self._api.listed(f"issue/{address.ref.id}/changelog", "values", "histories")
        return latest([entry async for entry in listed], fields, self._facts().estimate)

    # -- writing ---------------------------------------------------------------------------------

    def steps(self, patch: Patch) -> Sequence[Patch]:
        """Split into one edit and one transition."""
        return writes.steps(patch)

    async def create(self, draft: Draft) -> Receipt:
        """Create an issue with its marker. Jira answers with an id and a key, nothing more."""
        facts = self._facts()
        body = writes.creation(draft, facts.project["key"])
        answer = self._api.object(await self._write("POST", "issue", body))
        if not answer.get("id") or not answer.get("key"):
            raise self._api.broken("created an issue and did not say which")
        key = str(answer["key"])
        return Receipt(Ref(self.setting.connection, "issue", str(answer["id"])), key, facts.browse(key))

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        """Send one step: an edit, which Jira shows back if asked, or a transition, which it does not."""
        bare = Receipt(address.ref, address.key, self._facts().browse(address.key))
        if "status" in patch:
            await self._moved(address, patch, now)
            return bare
        path = f"issue/{address.ref.id}?returnIssue=true"
        return self._shown(await self._write("PUT", path, writes.edit(patch)), bare)

    async def _moved(self, address: Address, patch: Patch, now: Native) -> None:
        try:
            await self._mover.move(address, patch, now)
        except RejectedError as error:
            error.connection = self.setting.connection
            Surveyor(self._api).forget("statuses")
            raise

    def _shown(self, issue: object, bare: Receipt) -> Receipt:
        """Return the receipt with the record, where the answer is whole enough to make one."""
        fields = issue.get("fields") if isinstance(issue, Mapping) else None
        if not isinstance(issue, Mapping) or not isinstance(fields, Mapping):
            return bare
        if not all(name in fields for name in ("created", "updated", "project", "summary", "status")):
            return bare
        record = self._record(issue)
        return Receipt(record.ref, record.key, record.url, record)

    async def _write(self, method: str, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
        """Send a write; None where it was answered without a body. A refusal has us look again at
        what the place offers.
        """
        try:
            return await self._api.write(method, path, body)
        except NotFoundError:
            raise
        except RejectedError:
            Surveyor(self._api).forget("project", "statuses", "screens", "priorities", "people", "fields")
            raise

    async def archive(self, address: Address) -> Receipt:
        """Archive one issue. Raises `RejectedError` saying what it needs."""
        await shelf.archive(self._api, self._facts(), address)
        return Receipt(address.ref, address.key, self._facts().browse(address.key))

    # -- comments --------------------------------------------------------------------------------

    async def comments(self, item: Address) -> Sequence[Comment]:
        """Return every comment that is not restricted, from the issue's own list, which does not lag."""
        return await self._talk().comments(item)

    async def comment(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        """Write one comment, our marker in the link of its first line."""
        return await self._talk().say(item, body, marker, client_id)

    async def find_comment(self, item: Address, marker: str, client_id: str, since: datetime) -> Comment | None:
        """Return our comment with that marker. Raises `RejectedError` for one that is restricted now."""
        return await self._talk().find(item, marker, since)

    async def edit_comment(self, item: Address, comment: Ref, body: str, marker: str) -> Comment:
        """Give a comment of ours another text, our marker in the link of its first line."""
        return await self._talk().edit(item, comment, body, marker)

    async def delete_comment(self, item: Address, comment: Ref) -> None:
        """Delete a comment of ours; one that is gone already is no error."""
        await self._talk().delete(item, comment)

    # -- webhooks --------------------------------------------------------------------------------

    async def hooks(self) -> Sequence[Hook]:
        """Return the site's admin webhooks but those for another project alone. Needs a Jira administrator."""
        return await self._subscriptions().all()

    async def add_hook(self, url: str, secret: str) -> Hook:
        """Register *url* for the issues of the project and their comments, or renew the webhook it has.

        Jira's answer does not show that it took the secret: only a delivery does, for one that is not
        signed is refused. A webhook is not told of an issue that leaves the project: its JQL no longer
        matches. Cloud posts to https with a certificate of a public authority alone.
        """
        return await self._subscriptions().add(url, secret)

    async def remove_hook(self, hook: Hook) -> None:
        """Remove a webhook; one that is gone already is no error."""
        await self._subscriptions().remove(hook)

    def _subscriptions(self) -> Subscriptions:
        return Subscriptions(self._api, self._facts().project["key"])

    def _talk(self) -> Talk:
        return Talk(self._api, self._facts())

    def _facts(self) -> Facts:
        if self._known is None:
            raise RuntimeError("open() comes first")
        return self._known
