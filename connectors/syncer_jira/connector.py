"""The Jira Cloud connector: reading, writing, checking. Everything it knows is in its neighbours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from syncer.connector import Place, Setting
from syncer.errors import NotFoundError, ProtocolError, RejectedError
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
    State,
)
from syncer_jira import adf, checks, jql, marks, records, writes
from syncer_jira.api import MARK, ROOT, Api, Object
from syncer_jira.codecs import codecs, words
from syncer_jira.facts import Facts, Surveyor
from syncer_jira.feed import Feed
from syncer_jira.history import latest
from syncer_jira.moves import Mover
from syncer_jira.settings import JiraSettings


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

    def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        """Yield everything changed in the project since *cursor*, comments with it."""
        return Feed(self._api, self._facts()).pages(cursor)

    async def get(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        """Read records by id: in bulk, and one by one what the bulk left out in silence."""
        fields = records.asked(self._facts())
        ids = list(dict.fromkeys(a.ref.id for a in addresses))
        issues = {str(i.get("id")): i for i in await self._api.bulk(ids, fields)} if ids else {}
        for id_ in ids:
            if id_ not in issues and (issue := await self._api.issue(id_, fields)) is not None:
                issues[id_] = issue
        # Gone and hidden look alike: believe "gone" only where this account sees the rest.
        lost = State.UNREACHABLE
        if len(issues) < len(ids) and await self._readable(others=bool(issues)):
            lost = State.GONE
        return {a.ref: self._placed(a.ref, issues.get(a.ref.id), lost) for a in addresses}

    def _placed(self, ref: Ref, issue: Object | None, lost: State) -> Record | Missing:
        """Return the record, or why it is none of ours (any more)."""
        if issue is None:
            return Missing(ref, lost)
        found = self._record(issue)
        return found if self._is_ours(found) else Missing(ref, State.MOVED, to=found.url)

    async def _readable(self, *, others: bool) -> bool:
        key = self._facts().project["key"]
        if await self._api.ask_softly(f"project/{key}") is None:
            return False
        return others or await checks.may(self._api, key, "BROWSE_PROJECTS") is True

    def _is_ours(self, record: Record) -> bool:
        project = record.fields.get("project")
        id_ = project.get("id") if isinstance(project, Mapping) else None
        return id_ is None or str(id_) == self._facts().project["id"]

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
            response = await self._api.http.request(method, f"{ROOT}/{path}", json=body)
        except NotFoundError:
            raise
        except RejectedError:
            Surveyor(self._api).forget("statuses", "screens", "priorities", "people", "fields")
            raise
        return self._api.http.parse(response) if response.content else None

    # -- comments --------------------------------------------------------------------------------

    async def comment(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        """Write one comment, our marker in the link of its first line."""
        facts = self._facts()
        doc = marks.marked(adf.from_markdown(body), marker, facts.browse(item.key))
        answer = await self._write("POST", f"issue/{item.ref.id}/comment", {"body": doc})
        if not isinstance(answer, Mapping) or not answer.get("id"):
            raise ProtocolError(f"a comment without an id (for {client_id})", connection=self.setting.connection)
        return records.comment(answer, item.ref, item.key, facts)

    async def find_comment(self, item: Address, marker: str, client_id: str, since: datetime) -> Comment | None:
        """Return our comment with that marker, from the issue's own list, which does not lag."""
        del client_id
        earliest = since - timedelta(minutes=10)
        async for raw in self._api.listed(f"issue/{item.ref.id}/comment", "comments"):
            if records.stamp(raw.get("created")) < earliest:
                continue
            found = records.comment(raw, item.ref, item.key, self._facts())
            if found.marker == marker and found.own:
                return found
        return None

    def _facts(self) -> Facts:
        if self._known is None:
            raise RuntimeError("open() comes first")
        return self._known
