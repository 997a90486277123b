"""How Jira says each field of the model, and what to send to make it say another value. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from syncer.connector import Codec, Names, People, Plain, Pointer, Word, Worded
from syncer.errors import UnwritableError
from syncer.model import JSON, Account, Delta, Native, Patch, Value, fold
from syncer_jira import adf
from syncer_jira.facts import Facts

TITLE_MAX = 254
LABEL_MAX = 255
TEXT_MAX = 32_767
NO_PRIORITY = "None"
"""How an issue without a priority reads; some sites have a priority of that very name."""


def codecs(facts: Facts) -> Mapping[str, Codec]:
    """Return the codecs of a place."""
    found: dict[str, Codec] = {
        "title": Plain(("summary",), _title, _write_title),
        "body": Plain(("description",), _body, _write_body),
        "kind": _kind(facts.types),
        "status": _status(facts.statuses),
        "priority": _priority(facts.priorities),
        "labels": Names(("labels",), _labels, _write_labels, spell),
        "assignees": People(("assignee",), _assignees, _write_assignees, single=True),
        "due": Plain(("duedate",), _due, _write_due),
        "parent": Pointer(("parent",), _parent, _write_parent),
    }
    if facts.estimate is not None:
        found["estimate"] = _estimate(facts.estimate)
    return found


def words(facts: Facts, table: Mapping[str, object] | None = None) -> Mapping[str, Sequence[Word]]:
    """Return every word the place has today, per worded field; none where it did not tell.

    A status is only offered together with a resolution where the status *table* says so: whether a
    transition takes one shows in no listing.
    """
    found: dict[str, list[Word]] = {
        "status": [
            *({"status": s["name"], "category": _category(s)} for s in facts.statuses),
            *_resolved(facts.statuses, table or {}),
        ],
        "kind": [_type_word(t) for t in facts.types],
        "priority": [{"priority": p["name"]} for p in facts.priorities],
    }
    return {field: said for field, said in found.items() if said}


def _resolved(statuses: Sequence[Mapping[str, JSON]], table: Mapping[str, object]) -> Iterator[Word]:
    for said in table.values():
        for pattern in said if isinstance(said, list | tuple) else (said,):
            status = _known(statuses, pattern.get("status")) if isinstance(pattern, Mapping) else None
            if status is not None and isinstance(pattern, Mapping) and pattern.get("resolution"):
                yield {"status": status["name"], "category": _category(status), "resolution": pattern["resolution"]}


# -- plain fields --------------------------------------------------------------------------------


def _text(native: JSON) -> str | None:
    return native if isinstance(native, str) and native else None


def _title(now: Native) -> Value:
    return _text(now.get("summary"))


def _write_title(value: Value, _: Native) -> Patch:
    title = " ".join(str(value or "").splitlines()).strip()
    return {"summary": title[:TITLE_MAX].rstrip()}


def _body(now: Native) -> Value:
    description = now.get("description")
    held = description if isinstance(description, str | Mapping) else None
    return adf.to_markdown(dict(held) if isinstance(held, Mapping) else held) or None


def _write_body(value: Value, now: Native) -> Patch:
    description = now.get("description")
    if isinstance(description, Mapping) and not adf.writable(dict(description)):
        raise UnwritableError("the description holds what Markdown cannot say (a file, a panel, a macro)")
    if not value:
        return {"description": None}
    if len(str(value)) > TEXT_MAX:
        raise UnwritableError(f"the description is longer than Jira's {TEXT_MAX} characters")
    return {"description": adf.from_markdown(str(value))}


def _due(now: Native) -> Value:
    return _text(now.get("duedate"))


def _write_due(value: Value, _: Native) -> Patch:
    return {"duedate": str(value) if value else None}


def _estimate(field: str) -> Plain:
    def read(now: Native) -> Value:
        points = now.get(field)
        return float(points) if isinstance(points, int | float) else None

    def write(value: Value, _: Native) -> Patch:
        return {field: value if isinstance(value, int | float) else None}

    return Plain((field,), read, write)


# -- words ---------------------------------------------------------------------------------------


def _object(native: JSON) -> Mapping[str, JSON]:
    return native if isinstance(native, Mapping) else {}


def _category(status: Mapping[str, JSON]) -> JSON:
    return _object(status.get("statusCategory")).get("key")


def _known(offered: Sequence[Mapping[str, JSON]], name: JSON) -> Mapping[str, JSON] | None:
    """Return the place's own object of that name: a patch then says all that the name implies."""
    wanted = str(name).casefold()
    return next((o for o in offered if str(o.get("name")).casefold() == wanted), None)


def _status(offered: Sequence[Mapping[str, JSON]]) -> Worded:
    def word(now: Native) -> Word:
        status = _object(now.get("status"))
        resolution = _object(now.get("resolution")).get("name")
        return {"status": status.get("name"), "category": _category(status), "resolution": resolution}

    def write(wanted: Word, now: Native, _: Sequence[Word]) -> Patch:
        patch: dict[str, JSON | Delta] = {}
        if "status" in wanted:
            patch["status"] = _known(offered, wanted["status"]) or {"name": wanted["status"]}
        elif "category" in wanted:
            patch["status"] = _in_category(_object(now.get("status")), wanted["category"])
        if "resolution" in wanted:
            patch["resolution"] = {"name": wanted["resolution"]}
        return patch

    def _in_category(now: Mapping[str, JSON], category: JSON) -> Mapping[str, JSON]:
        """Stay where we are if that is in the category; else say the category alone."""
        return now if _category(now) == category else {"statusCategory": {"key": category}}

    return Worded(("status", "resolution"), word, write, primary="status", category="category")


def _type_word(issuetype: Mapping[str, JSON]) -> Word:
    word: dict[str, JSON] = {"type": issuetype.get("name")}
    if "subtask" in issuetype:
        word["subtask"] = issuetype["subtask"]
    if "hierarchyLevel" in issuetype:
        word["level"] = issuetype["hierarchyLevel"]
    return word


def _kind(offered: Sequence[Mapping[str, JSON]]) -> Worded:
    def write(wanted: Word, _: Native, __: Sequence[Word]) -> Patch:
        known = _known(offered, wanted.get("type"))
        if known is not None:
            return {"issuetype": {"id": known["id"], "name": known["name"]}}
        return {"issuetype": {"name": wanted.get("type")}}

    return Worded(("issuetype",), lambda now: _type_word(_object(now.get("issuetype"))), write, primary="type")


def _priority(offered: Sequence[Mapping[str, JSON]]) -> Worded:
    def word(now: Native) -> Word:
        return {"priority": _object(now.get("priority")).get("name") or NO_PRIORITY}

    def write(wanted: Word, now: Native, _: Sequence[Word]) -> Patch:
        if wanted.get("priority") == word(now)["priority"]:
            return {}
        return {"priority": _known(offered, wanted.get("priority")) or {"name": wanted.get("priority")}}

    return Worded(("priority",), word, write, primary="priority")


# -- sets and references -------------------------------------------------------------------------


def spell(name: str) -> str:
    """Return *name* as a Jira label: no spaces, not longer than Jira takes."""
    return "_".join(name.split())[:LABEL_MAX]


def _labels(now: Native) -> list[str]:
    labels = now.get("labels")
    return [str(n) for n in labels] if isinstance(labels, Sequence) and not isinstance(labels, str) else []


def _write_labels(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
    present = {fold(n): n for n in _labels(now)}
    gone = {fold(spell(n)) for n in remove}
    new = {fold(spell(n)): spell(n) for n in sorted(add)}
    delta = Delta(
        frozenset(n for folded, n in new.items() if n and folded not in present),
        frozenset(n for folded, n in present.items() if folded in gone),
    )
    return {"labels": delta} if delta else {}


def _assignees(now: Native) -> list[Account]:
    person = _object(now.get("assignee"))
    if not person.get("accountId"):
        return []
    email = person.get("emailAddress")
    return [Account(str(person["accountId"]), str(person.get("displayName") or ""), str(email) if email else None)]


def _write_assignees(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
    if add:
        return {"assignee": {"accountId": min(add)}}
    present = {a.id for a in _assignees(now)}
    return {"assignee": None} if present & remove else {}


def _parent(now: Native) -> str | None:
    id_ = _object(now.get("parent")).get("id")
    return str(id_) if id_ else None


def _write_parent(value: str | None, _: Native) -> Patch:
    return {"parent": None if value is None else {"id": value}}
