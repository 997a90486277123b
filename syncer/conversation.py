"""What the comments of an item still lack: threads put together, wishes turned into actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncer.engine.comments import Mirror, Thread, Wish, wishes
from syncer.engine.plan import Action
from syncer.links import Link
from syncer.live import Session
from syncer.model import Ref, State, client_id, marker_for
from syncer.store.items import Row
from syncer.store.threads import Remark


def talk(
    session: Session, link: Link, rows: Mapping[str, Row], said: Mapping[Ref, Sequence[Remark]]
) -> tuple[list[Action], list[Remark]]:
    """Return the comments to be written, and remarks to be kept: mirrors recognised by their id.

    *rows* are the link's copies by connection, *said* the comments of each.
    """
    remarks = [r for row in rows.values() for r in said.get(row.copy.ref, ())]
    if not remarks:
        return [], []
    found = _recognised(session, remarks)
    ours = {r.comment.ref for r in found}
    origins = [r for r in remarks if not r.mirror and r.comment.ref not in ours]
    mirrors: dict[str, dict[str, Remark]] = {}
    for remark in [*found, *(r for r in remarks if r.mirror)]:
        mirrors.setdefault(remark.thread, {})[remark.comment.ref.connection] = remark
    told = [
        _thread(r, link.id, mirrors.get(r.thread, {}))
        for r in origins
        if not r.gone or _is_here(rows, r.comment.ref.connection)
    ]
    copies = {c: row.copy.ref for c, row in rows.items() if row.copy.state is State.HERE}
    lacking = wishes(told, copies, session.rules)
    return [_comment_action(session, link, rows[w.connection], w) for w in lacking], found


def _thread(origin: Remark, link: str, mirrors: Mapping[str, Remark]) -> Thread:
    return Thread(
        id=origin.thread,
        link=link,
        origin=origin.comment,
        mirrors={c: _mirror(m) for c, m in mirrors.items()},
        gone=origin.gone,
        early=origin.early,
    )


def _is_here(rows: Mapping[str, Row], connection: str) -> bool:
    return connection in rows and rows[connection].copy.state is State.HERE


def _mirror(remark: Remark) -> Mirror:
    return Mirror(
        ref=remark.comment.ref,
        body=remark.comment.body,
        source=remark.source,
        touched=bool(remark.wrote) and remark.wrote != remark.comment.body,
        gone=remark.gone,
    )


def _comment_action(session: Session, link: Link, row: Row, wish: Wish) -> Action:
    live = session.lives.get(wish.connection)
    redact = live.mapper.redact if live is not None else None
    return Action(
        do="comment",
        link=link.id,
        connection=wish.connection,
        because=wish.because,
        ref=row.copy.ref,
        key=row.copy.key,
        url=row.copy.url,
        title=link.title,
        thread=wish.thread,
        was=wish.mirror.body if wish.mirror is not None else None,
        text=redact(wish.body) if redact is not None and wish.body is not None else wish.body,
        said=wish.mirror.ref if wish.mirror is not None else None,
    )


def _recognised(session: Session, remarks: Sequence[Remark]) -> list[Remark]:
    """Return our own comments that carry no mark but an id only we could have chosen."""
    origins = [r.thread for r in remarks if not r.mirror]
    found: list[Remark] = []
    for remark in remarks:
        if remark.mirror or not remark.comment.own:
            continue
        here = remark.comment.ref.connection
        ids = {client_id(marker_for(session.store.key, t, here)): t for t in origins if t != remark.thread}
        thread = ids.get(remark.comment.ref.id)
        if thread is not None:
            found.append(replace(remark, thread=thread, mirror=True, wrote=remark.comment.body))
    return found
