"""Single values as Linear takes them: each checked, or refused."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any, Final

from syncer_linear.sandbox.refusals import invalid

SITE: Final = "https://linear.app/acme"
ORGANIZATION: Final = "acme"
LABEL_COLOR: Final = "#4cb782"
PRIORITIES: Final = ("No priority", "Urgent", "High", "Medium", "Low")


def iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def new_id() -> str:
    return str(uuid.uuid4())


def is_v4(text: str) -> bool:
    try:
        return uuid.UUID(text).version == 4 and str(uuid.UUID(text)) == text.lower()  # noqa: PLR2004 -- v4
    except ValueError:
        return False


def title_of(said: str | None) -> str:
    if not said or not said.strip():
        raise invalid("title", "must not be empty")
    return said.strip()


def priority_of(said: int | None) -> int:
    number = said or 0
    if not 0 <= number <= 4:  # noqa: PLR2004 -- none, urgent, high, medium, low
        raise invalid("priority", "must be between 0 and 4")
    return number


def estimate_of(said: int | None) -> int | None:
    if said is not None and said < 0:
        raise invalid("estimate", "must not be less than 0")
    return said


def due_of(said: str | None) -> str | None:
    if said is None:
        return None
    try:
        return date.fromisoformat(said).isoformat()
    except ValueError:
        raise invalid("dueDate", "must be a date") from None


def past_of(said: str | None, now: datetime) -> datetime:
    return datetime.fromisoformat(said).astimezone(UTC) if said else now


def told(name: str, old: Any, new: Any) -> dict[str, Any]:  # noqa: ANN401 -- any attribute
    """Return a change as a history entry says it."""
    if name == "labels":
        was, is_ = {label.id for label in old}, {label.id for label in new}
        return {"addedLabelIds": sorted(is_ - was), "removedLabelIds": sorted(was - is_)}
    if name == "description":
        return {"updatedDescription": True}
    if name in {"trashed", "archived"}:
        return {name: bool(new)}
    if name in {"state", "assignee", "parent"}:
        ids = (old.id if old else None, new.id if new else None)
        return {f"from{name.title()}Id": ids[0], f"to{name.title()}Id": ids[1]}
    field_ = {"due": "DueDate"}.get(name, name.title())
    return {f"from{field_}": old, f"to{field_}": new}
