"""The comments of one issue: read whole, written under ids of ours, edited, deleted."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncer.errors import NotFoundError, ProtocolError, RejectedError
from syncer.model import Address, Comment, Ref
from syncer_linear.api import Api, Node
from syncer_linear.bodies import said
from syncer_linear.operations import (
    COMMENT_CREATE,
    COMMENT_DELETE,
    COMMENT_UPDATE,
    COMMENTS_DELTA,
    ISSUE_COMMENTS,
    Operation,
)
from syncer_linear.records import Reader, deleted
from syncer_linear.refusals import ConflictError, ForbiddenError


@dataclass(frozen=True, slots=True)
class Comments:
    """What is said on the issues of one connection."""

    api: Api
    reader: Reader

    async def of(self, item: Address) -> list[Comment]:
        """Return all comments of an issue, oldest first. Raises NotFoundError where it cannot be read."""
        found = {node["id"]: node async for node in self._nodes(item, {})}
        return sorted((self.reader.comment(node) for node in found.values()), key=lambda one: (one.created, one.ref))

    async def find(self, item: Address, id_: str) -> Comment | None:
        """Return the issue's comment of that id, unless it was deleted. Raises NotFoundError where the
        issue cannot be read: that it is not shown says nothing then."""
        nodes = [node async for node in self._nodes(item, {"id": {"eq": id_}})]
        return self.reader.comment(nodes[0]) if nodes else None

    async def write(self, item: Address, body: str, id_: str) -> Comment:
        """Write a comment under an id of ours: sent twice, it is refused, never doubled."""
        variables = {"input": {"id": id_, "issueId": item.ref.id, "body": said(body)}}
        try:
            answer = await self.api.ask(COMMENT_CREATE, variables, again=True)
            return self.reader.comment({"issueId": item.ref.id, **(answer[COMMENT_CREATE.root].get("comment") or {})})
        except (ConflictError, ProtocolError):
            # It arrived before, or its answer is damaged: the id tells. One that was deleted since
            # counts as written, or it would be written again for ever.
            node = await self._ever(id_)
            if node is None:
                raise
            return self.reader.comment(node)

    async def edit(self, item: Address, comment: Ref, body: str) -> Comment:
        """Give a comment another text. Raises NotFoundError where it is gone, RejectedError where that
        cannot be said."""
        variables = {"id": comment.id, "input": {"body": said(body)}}
        answer = await self._change(COMMENT_UPDATE, item, variables)
        node = answer.get("comment") or {}
        if deleted(node):
            raise NotFoundError("the comment was deleted", connection=self.reader.connection)
        return self.reader.comment({"issueId": item.ref.id, **node})

    async def delete(self, item: Address, comment: Ref) -> None:
        """Delete a comment; one that is gone is no error. Raises RejectedError where that cannot be said."""
        with contextlib.suppress(NotFoundError):
            await self._change(COMMENT_DELETE, item, {"id": comment.id})

    async def _change(self, operation: Operation, item: Address, variables: Mapping[str, Any]) -> Node:
        try:
            answer: Node = (await self.api.ask(operation, variables, again=False))[operation.root]
        except NotFoundError as error:
            # What is hidden gives the same answer as what is gone.
            if await self._is_gone(item, variables["id"]):
                raise
            raise RejectedError("the comment is out of reach", connection=self.reader.connection) from error
        except ForbiddenError as error:
            # Somebody else's: our account has changed. That says nothing about the connection.
            raise RejectedError(error.message, connection=self.reader.connection) from error
        if answer.get("success") is False:
            raise RejectedError("Linear did not change the comment", connection=self.reader.connection)
        return answer

    async def _is_gone(self, item: Address, id_: str) -> bool:
        """Say whether the issue can be read and does not have that comment."""
        try:
            return await self.find(item, id_) is None
        except NotFoundError:
            return False

    async def _ever(self, id_: str) -> Node | None:
        """Return the comment of that id as Linear keeps it, deleted or not."""
        nodes = self.api.nodes(await self.api.read(COMMENTS_DELTA, {"filter": {"id": {"in": [id_]}}, "first": 1}))
        return nodes[0] if nodes else None

    async def _nodes(self, item: Address, where: Mapping[str, Any]) -> AsyncIterator[Node]:
        """Yield the issue's comments that are not deleted. Raises NotFoundError where it cannot be read."""
        variables = {"id": item.ref.id, "filter": {"issue": {"id": {"eq": item.ref.id}}, **where}}
        try:
            async for nodes, _ in self.api.pages(ISSUE_COMMENTS, variables):
                for node in nodes:
                    if not deleted(node):
                        yield node
        except ForbiddenError as error:
            raise NotFoundError(error.message, connection=self.reader.connection) from error
