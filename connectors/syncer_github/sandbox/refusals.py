"""What the sandbox will not do, in GitHub's own shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOCS = "https://docs.github.com/rest"
TITLE_MOST = 256
BODY_MOST = 65_536


class Refusal(Exception):  # noqa: N818 -- an answer like any other, not an error of the sandbox
    """An answer other than success, raised from wherever it is found out."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 -- any JSON
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {
            "message": message,
            "documentation_url": DOCS,
            "status": str(status),
            **more,
        }


def not_found() -> Refusal:
    return Refusal(404, "Not Found")


def deleted() -> Refusal:
    return Refusal(410, "This issue was deleted")


def disabled() -> Refusal:
    return Refusal(410, "Issues are disabled for this repo")


def forbidden() -> Refusal:
    headers = {"x-accepted-github-permissions": "issues=write"}
    return Refusal(403, "Must have admin rights to Repository.", headers=headers)


def read_only() -> Refusal:
    return Refusal(403, "Repository was archived so is read-only.")


def locked() -> Refusal:
    """GitHub says so of new comments, and of edits by whoever may not push (GraphQL's CommentCannotUpdateReason)."""
    return Refusal(403, "Unable to create comment because issue is locked.")


def converted(status: int) -> Refusal:
    return Refusal(status, "Not Found" if status == 404 else "This issue is a discussion now")  # noqa: PLR2004 -- HTTP's own number


def invalid(*errors: Mapping[str, Any]) -> Refusal:
    return Refusal(422, "Validation Failed", errors=[dict(e) for e in errors])


def secondary() -> tuple[int, dict[str, str], Any]:
    """Return the secondary limit's refusal, as `Wire` wants it."""
    said = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    return 403, {"retry-after": "1"}, {"message": said, "documentation_url": DOCS}


def title_of(said: Mapping[str, Any], *, required: bool) -> str | None:
    """Return the title as GitHub keeps it. Raises `Refusal` where it is missing or too long."""
    if "title" not in said and not required:
        return None
    title = said.get("title")
    if title is None or not str(title).strip():
        raise invalid({"resource": "Issue", "code": "missing_field", "field": "title"})
    text = str(title).strip()
    if len(text) > TITLE_MOST:
        message = f"title is too long (maximum is {TITLE_MOST} characters)"
        raise invalid({"resource": "Issue", "code": "custom", "field": "title", "message": message})
    return text


def body_of(said: Mapping[str, Any]) -> str | None:
    body = said.get("body")
    if body is None:
        return None
    if not isinstance(body, str):
        raise Refusal(422, f"Invalid request.\n\nFor 'properties/body', {body!r} is not a string.")
    if len(body) > BODY_MOST:
        message = f"body is too long (maximum is {BODY_MOST} characters)"
        raise invalid({"resource": "Issue", "code": "custom", "field": "body", "message": message})
    return body


def remark_of(said: Mapping[str, Any]) -> str:
    body = said.get("body")
    if not isinstance(body, str) or not body.strip():
        message = "Body can't be blank"
        raise invalid({"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": message})
    if len(body) > BODY_MOST:
        message = f"Body is too long (maximum is {BODY_MOST} characters)"
        raise invalid({"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": message})
    return body


def names_of(said: Mapping[str, Any], member: str, part: str) -> list[str]:
    """Return the names in a list that may hold plain names or objects."""
    listed = said.get(member)
    if not isinstance(listed, list):
        raise Refusal(422, f"Invalid request.\n\nFor 'properties/{member}', {listed!r} is not an array.")
    names = [one.get(part) if isinstance(one, dict) else one for one in listed]
    kept = [n for n in names if isinstance(n, str) and n.strip()]
    if len(kept) < len(names):
        raise invalid({"resource": "Label", "code": "missing_field", "field": "name"})
    return kept
