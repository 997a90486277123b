"""What becomes of an item, in the log: the words of its trail, a line for each copy and each who."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import structlog

from syncer.engine.plan import Action
from syncer.errors import SyncerError
from syncer.links import Hold, Intent, Parked
from syncer.store.records import Entry

log = structlog.get_logger()


def tell_applied(do: str, ref: str, link: str, fields: Collection[str], because: str) -> None:
    log.info("action.applied", do=do, link=link, ref=ref, fields=sorted(fields), because=because)


def tell_failed(action: Action, error: SyncerError) -> None:
    """Tell of a write that never left, its connection being lost; it is parked nowhere, but planned again."""
    log.warning("action.failed", do=action.do, link=action.link, ref=str(action.ref or ""), reason=str(error))


def tell_postponed(action: Action, error: SyncerError) -> None:
    log.debug("action.postponed", do=action.do, link=action.link, ref=str(action.ref or ""), reason=str(error))


def tell_settled(intent: Intent, because: str) -> None:
    """Tell the end of a doubt; what had arrived is told as applied, too."""
    log.info("intent.settled", do=intent.do, link=intent.link, ref=_ref(intent), because=because)


def tell_waiting(intent: Intent, reason: str) -> None:
    """Tell that it is still not known whether a write arrived."""
    log.info("intent.deferred", do=intent.do, link=intent.link, ref=_ref(intent), reason=reason)


def tell_entries(entries: Iterable[Entry]) -> None:
    """Tell of edits that were taken or gave way, and of copies found to be gone."""
    told: dict[tuple[str, str, str, str], list[Entry]] = {}
    for entry in entries:
        told.setdefault((entry.act, entry.link, entry.ref, entry.who), []).append(entry)
    for (act, link, ref, who), group in told.items():
        fields = sorted(e.field for e in group)
        because = "; ".join(dict.fromkeys(e.why for e in group))
        match act:
            case "gone":
                log.info("copy.buried", link=link, ref=ref, because=because)
            case "edit":
                log.info("edit.taken", link=link, ref=ref, fields=fields, by=who, because=because)
            case "overruled":
                log.info("edit.overruled", link=link, ref=ref, fields=fields, because=because)
            case "undo":
                log.info("edit.undone", link=link, ref=ref, fields=fields, because=because)


def tell_holds(held: Iterable[Hold], released: Iterable[Hold]) -> None:
    """Tell of fields that begin to wait for a person, and of those that wait no longer."""
    for hold in held:
        log.warning("field.held", link=hold.link, field=hold.field, hold=hold.id, reason=hold.reason)
    for hold in released:
        log.info("field.released", link=hold.link, field=hold.field, hold=hold.id)


def tell_parked(entry: Parked) -> None:
    log.warning(
        "action.parked",
        link=entry.link,
        ref=entry.ref,
        connection=entry.connection,
        fields=_fields(entry),
        kind=entry.kind,
        attempts=entry.attempts,
        next_try=entry.next_try.isoformat(timespec="seconds"),
        reason=entry.error,
    )


def tell_unparked(entries: Iterable[Parked]) -> None:
    """Tell of failures that are none any more without a write of ours."""
    for entry in entries:
        log.info(
            "action.unparked",
            link=entry.link,
            ref=entry.ref,
            connection=entry.connection,
            fields=_fields(entry),
            kind=entry.kind,
        )


def _ref(intent: Intent) -> str:
    """Return the record a write was for, "" for one that was to be made."""
    return str(intent.doc.get("ref") or intent.doc.get("item") or "")


def _fields(entry: Parked) -> list[str]:
    return entry.field.split(",") if entry.field else []
