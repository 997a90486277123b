"""How an issue says each field, and what to send to make it say another value. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from syncer.connector import Codec, Names, People, Plain, Pointer, Word, Worded
from syncer.errors import UnwritableError
from syncer.model import JSON, Account, Delta, Native, Patch, Value, fold
from syncer.text import (
    canonical,
    find_marker,
    live,
    neutralise,
    with_marker,
    without_marker,
)

TITLE_MOST = 256
BODY_MOST = 65_536 - 1_000
"""GitHub's limit less room for a marker; it is not said whether it counts characters or UTF-16 units."""
CUT_NOTE = "\n\n*(cut here: GitHub takes no longer text)*"


def codecs(labels: Iterable[str] = (), *, nests: bool = True) -> Mapping[str, Codec]:
    """Return the codecs by field; *labels* are the repository's own, for their spelling. *nests*: it has sub-issues."""
    spell = _speller(labels)
    found: dict[str, Codec] = {
        "title": Plain(("title",), _read_title, _write_title),
        "body": Plain(("body",), _read_body, _write_body),
        "status": Worded(("state", "state_reason", "labels"), _status_word, _write_status, primary="state"),
        "kind": Worded(("labels", "type"), _kind_word, _write_kind, primary="label"),
        "priority": Worded(("labels",), _label_word, _write_label_word, primary="label"),
        "labels": Names(("labels",), _labels, _label_writer(spell), spell),
        "assignees": People(("assignees",), _read_people, _write_people),
    }
    return {**found, "parent": Pointer(("parent",), _parent, _write_parent)} if nests else found


# -- text ------------------------------------------------------------------------------------


def _read_title(native: Native) -> Value:
    return _text(native, "title") or None


def _write_title(value: Value, _: Native) -> Patch:
    title = " ".join(str(value or "").split())
    return {"title": title if len(title) <= TITLE_MOST else title[: TITLE_MOST - 1].rstrip() + "…"}


def _read_body(native: Native) -> Value:
    return canonical(without_marker(_text(native, "body")))


def _write_body(value: Value, now: Native) -> Patch:
    raw = _text(now, "body")
    marker = find_marker(raw)
    body = fitted(neutralise(str(value or ""), keep=live(raw)))
    return {"body": with_marker(body, marker) if marker else body}


def fitted(text: str) -> str:
    """Return *text*, cut at a line and with a note where GitHub would refuse its length."""
    if _units(text) <= BODY_MOST:
        return text
    room = BODY_MOST - _units(CUT_NOTE)
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        room -= _units(line) + 1
        if room < len(fence) + 1:
            break
        kept.append(line)
        fence = _fence_after(line, fence)
    if not kept:
        kept = [text[: (BODY_MOST - _units(CUT_NOTE)) // 2]]
    # An open fence would swallow the note, and show the hidden marker behind it.
    return "\n".join([*kept, fence] if fence else kept).rstrip() + CUT_NOTE


def _fence_after(line: str, fence: str) -> str:
    bare = line.strip()
    if fence:
        return "" if bare.startswith(fence) and not bare.strip(fence[0]) else fence
    for mark in ("`", "~"):
        run = len(bare) - len(bare.lstrip(mark))
        if run >= 3 and not (mark == "`" and mark in bare[run:]):  # noqa: PLR2004 -- CommonMark's fence
            return mark * run
    return ""


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# -- words -----------------------------------------------------------------------------------


def _status_word(native: Native) -> Word:
    return {
        "state": native.get("state"),
        "reason": native.get("state_reason"),
        "label": list(_labels(native)),
    }


def _write_status(word: Word, now: Native, others: Sequence[Word]) -> Patch:
    return {**_state_change(word, now), **_write_label_word(word, now, others)}


def _state_change(word: Word, now: Native) -> dict[str, JSON]:
    state, reason = word.get("state"), word.get("reason")
    if state is None:
        return {}
    if state != now.get("state"):
        return {"state": state} if reason is None else {"state": state, "state_reason": reason}
    # GitHub ignores a reason sent without a change of state; `steps` makes this a reopen and a close.
    closed_otherwise = state == "closed" and reason is not None and reason != now.get("state_reason")
    return {"state_reason": reason} if closed_otherwise else {}


def _kind_word(native: Native) -> Word:
    return {**_label_word(native), "type": native.get("type")}


def _write_kind(word: Word, now: Native, others: Sequence[Word]) -> Patch:
    patch: dict[str, JSON | Delta] = dict(_write_label_word(word, now, others))
    mine, present = word.get("type"), now.get("type")
    if mine is not None and not _same(mine, present):
        patch["type"] = mine
    if mine is None and present is not None and any(_same(o.get("type"), present) for o in others):
        patch["type"] = None
    return patch


def _label_word(native: Native) -> Word:
    return {"label": list(_labels(native))}


def _write_label_word(word: Word, now: Native, others: Sequence[Word]) -> Patch:
    """Return the change that puts the word's label on and takes the other words' labels off."""
    present = {n.casefold(): n for n in _labels(now)}
    mine = {n.casefold(): n for n in _named(word)}
    theirs = {n.casefold() for other in others for n in _named(other)}
    delta = Delta(
        add=frozenset(name for key, name in mine.items() if key not in present),
        remove=frozenset(name for key, name in present.items() if key in theirs and key not in mine),
    )
    return {"labels": delta} if delta else {}


def _named(word: Word) -> tuple[str, ...]:
    label = word.get("label")
    if isinstance(label, str):
        return (label,)
    return tuple(str(n) for n in label) if isinstance(label, Sequence) else ()


def _same(a: JSON, b: JSON) -> bool:
    return isinstance(a, str) and isinstance(b, str) and a.casefold() == b.casefold()


# -- sets ------------------------------------------------------------------------------------


def _labels(native: Native) -> tuple[str, ...]:
    return _strings(native.get("labels"))


def _speller(labels: Iterable[str]) -> Callable[[str], str]:
    exact: dict[str, str] = {}
    loose: dict[str, str] = {}
    for name in labels:
        exact.setdefault(name.casefold(), name)
        loose.setdefault(fold(name), name)

    def spell(name: str) -> str:
        return exact.get(name.casefold()) or loose.get(fold(name)) or " ".join(name.split())

    return spell


def _label_writer(
    spell: Callable[[str], str],
) -> Callable[[frozenset[str], frozenset[str], Native], Patch]:
    def write(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
        present = _labels(now)
        have = {fold(n) for n in present}
        gone = {fold(n) for n in remove} - {fold(n) for n in add}
        wanted = {fold(n): spell(n) for n in sorted(add) if fold(n) not in have}
        delta = Delta(add=frozenset(wanted.values()), remove=frozenset(n for n in present if fold(n) in gone))
        return {"labels": delta} if delta else {}

    return write


def _read_people(native: Native) -> Sequence[Account]:
    return [Account(login, login) for login in _strings(native.get("assignees"))]


def _write_people(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
    present = {n.casefold(): n for n in _strings(now.get("assignees"))}
    gone = {n.casefold() for n in remove} - {n.casefold() for n in add}
    delta = Delta(
        add=frozenset(n for n in add if n.casefold() not in present),
        remove=frozenset(name for key, name in present.items() if key in gone),
    )
    return {"assignees": delta} if delta else {}


# -- hierarchy -------------------------------------------------------------------------------


def _parent(native: Native) -> str | None:
    """Return the parent's id; for one in another repository something that is no record's id, as it is not none."""
    above = native.get("parent")
    if not isinstance(above, Mapping):
        return None
    return str(above.get("id") or above.get("elsewhere"))


def _write_parent(value: str | None, now: Native) -> Patch:
    above = now.get("parent")
    if isinstance(above, Mapping) and not above.get("id"):
        if value is None:
            return {}
        raise UnwritableError(f"it stands under {above.get('elsewhere')}, which is not in this repository")
    return {"parent": None if value is None else {"id": value}}


def _strings(value: JSON) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(str(v) for v in value)


def _text(native: Native, name: str) -> str:
    value = native.get(name)
    return value if isinstance(value, str) else ""
