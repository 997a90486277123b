"""Every event of the log: what it means, what its keys hold, and what to do about it.

`python -m syncer.events > docs/events.md` writes the page that operators read.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of line. `facts`: key -> what it holds, with its unit; `sometimes`: those that only some of its
    lines have. `do`: what an operator should do, "" for nothing."""

    level: Level
    meaning: str
    facts: Mapping[str, str]
    do: str = ""
    sometimes: Mapping[str, str] = field(default_factory=dict)


USUAL: Final[Mapping[str, str]] = {
    "because": "why, in the words of the audit trail",
    "connection": "the connection's name in the config",
    "do": "the kind of write: create, update, close, comment or archive",
    "fields": "the names of its fields, a list",
    "hold": "the id that `syncer held` shows and `syncer held resolve` takes",
    "link": "the item's id, the same in every line about it: `syncer history LINK` tells its story",
    "reason": "what was refused or failed, and often what to do",
    "ref": 'the record, as connection:entity:id; "" where there is none yet',
    "sync": "the name of the sync",
}
"""Keys that mean the same in every event."""


def _event(
    level: Level,
    meaning: str,
    *usual: str,
    do: str = "",
    own: Mapping[str, str] = {},
    sometimes: Mapping[str, str] = {},
) -> Event:
    return Event(level, meaning, {name: USUAL[name] for name in usual} | dict(own), do, sometimes)


_AUDIT: Final[Mapping[str, str]] = {
    "divergences": "fields that are not as agreed on",
    "away": "copies that are not there",
    "strays": "records that should belong to an item and do not",
    "checked": "items that were compared",
    "down": "connections that could not be read, a list",
}
_DELIVERY: Final[Mapping[str, str]] = {
    "kind": "what the tracker calls what happened",
    "leads": "how many records it names",
    "delivery": "the tracker's id of it",
}

EVENTS: Final[Mapping[str, Event]] = {
    # -- what happens to an item
    "action.applied": _event(
        "info",
        "A write is on its tracker, and in the audit trail.",
        *("do", "link", "ref", "fields", "because"),
    ),
    "action.failed": _event(
        "warning",
        "A write did not take effect because its connection was lost. The next run plans it again.",
        *("do", "link", "ref", "reason"),
        do="Nothing by itself: connection.lost, beside it, says what is wrong.",
    ),
    "action.parked": _event(
        "warning",
        "A write was refused, or a field has no meaning on the other side. It is set aside and tried again, with "
        "longer and longer pauses; the rest of the item moves on.",
        *("link", "ref", "connection", "fields", "reason"),
        own={
            "kind": "write (refused), settling (nobody knows whether it arrived), or field (cannot be read or written)",
            "attempts": "how often it was tried",
            "next_try": "when it is tried again, UTC",
        },
        do="Mend what `reason` names (often the mapping, or a right of the account), then `syncer parked retry`.",
    ),
    "action.postponed": _event(
        "debug",
        "A write was left out: the record had just changed, or another write must come first. It is planned anew.",
        *("do", "link", "ref", "reason"),
    ),
    "action.unparked": _event(
        "info",
        "What was set aside is no failure any more: it can be read again, or nobody wants it any more.",
        *("link", "ref", "connection", "fields"),
        own={"kind": "write, settling, field or unforeseen"},
    ),
    "comment.gone": _event(
        "info",
        "A comment is no longer on its tracker. Its mirrors are taken back; a mirror that a person deleted stays away.",
        *("link", "ref"),
        own={"item": "the record it stood on", "mirror": "true for a copy that we wrote"},
    ),
    "copy.buried": _event(
        "info",
        "A copy is gone for good, and `on_gone` was applied to the others.",
        *("link", "ref", "because"),
    ),
    "copy.linked": _event(
        "info",
        "A record belongs to an item from now on: a new one, or one that is there already.",
        *("link", "ref", "because"),
    ),
    "copy.missed": _event(
        "warning",
        "A copy cannot be read where it was.",
        *("link", "ref"),
        own={
            "state": "gone, archived, moved or unreachable, as the tracker says",
            "to": "where it was moved to, null if that is not known",
        },
        do="Nothing if it was meant. `unreachable` is often a right that the account lost.",
    ),
    "copy.unlinked": _event(
        "info",
        "A person took a copy out of its item; both stay on their trackers.",
        *("link", "ref", "because"),
    ),
    "edit.overruled": _event(
        "info",
        "An edit gave way to another one, by the rule for conflicts.",
        *("link", "ref", "fields", "because"),
        do="`syncer history LINK` still has the words. Edit again to have them back.",
    ),
    "edit.taken": _event(
        "info",
        "A person's edit is what was agreed on from now on, and owed to the other copies.",
        *("link", "ref", "fields", "because"),
        own={"by": "who made it as far as the tracker says, else the connection"},
    ),
    "edit.undone": _event(
        "info",
        "`syncer undo` put back what was agreed on.",
        *("link", "ref", "fields", "because"),
    ),
    "field.held": _event(
        "warning",
        "A field waits for a person: its copies differ, and no rule says which is right.",
        *("link", "hold", "reason"),
        own={"field": "its name"},
        do="`syncer held` shows the values, `syncer held resolve HOLD --take CONNECTION` settles it.",
    ),
    "field.released": _event(
        "info",
        "A field waits no longer: its copies came to mean the same.",
        *("link", "hold"),
        own={"field": "its name"},
    ),
    "field.resolved": _event(
        "info",
        "A person said which value is right. The next run writes it.",
        *("link", "hold"),
        own={"field": "its name"},
    ),
    "history.refused": _event(
        "warning",
        "A tracker would not say when a field was changed last; the rule for conflicts went by what was known.",
        *("link", "ref", "reason"),
        do="Give the account the right to read histories if it comes often.",
    ),
    "intent.deferred": _event(
        "info",
        "The answer to a write was lost, and it is not known yet whether it arrived. No second one is sent before.",
        *("do", "link", "ref", "reason"),
    ),
    "intent.settled": _event(
        "info",
        "It is known now what became of a write whose answer was lost. If it had arrived, action.applied says so.",
        *("do", "link", "ref", "because"),
    ),
    "item.unforeseen": _event(
        "error",
        "The program stumbled over one item. The others go on; this one is looked at again at every run.",
        *("link",),
        own={"exception": "the traceback"},
        do="Please report it, with the traceback.",
    ),
    "record.held": _event(
        "warning",
        "A record waits for a person: it may be the same item as another one.",
        *("link", "ref", "hold", "reason"),
        own={"kind": "maybe (an unlinked record has its title), or twin (it carries the mark of another's copy)"},
        do="`syncer held` shows both: `syncer link` or `syncer adopt` joins them, `syncer sync --allow creates` "
        "makes two items.",
    ),
    "record.left": _event(
        "debug",
        "A record belongs to no item and gets none.",
        *("ref", "because"),
    ),
    "text.erased": _event(
        "info",
        "A long text was erased from the audit trail and the runs, on request.",
        own={"sha256": "its hash, which the trail keeps"},
    ),
    # -- runs and connections
    "connection.lost": _event(
        "error",
        "A connection is left out of the rest of this run; its copies count as unedited. The others go on.",
        *("connection", "reason"),
        do="Mend what `reason` names; `syncer check` tries it. Nothing is lost: the next run goes on from there.",
    ),
    "connection.read": _event(
        "info",
        "A connection was listed.",
        *("connection",),
        own={"records": "how many it showed", "complete": "true for all of them, false for what changed since"},
    ),
    "connection.throttled": _event(
        "warning",
        "A tracker asked us to wait, and we do.",
        *("connection", "reason"),
        own={"seconds": "how long"},
        do="If it comes often, raise `every`, or see who else uses the account.",
    ),
    "creates.deferred": _event(
        "warning",
        "Nothing is created before every connection was listed completely once: one was down at the first run.",
        *("reason",),
        own={"creates": "how many wait"},
        do="Bring the connection back; see connection.lost.",
    ),
    "leads.followed": _event(
        "info",
        "What webhooks had named was read.",
        *("connection",),
        own={"records": "how many"},
    ),
    "links.restored": _event(
        "info",
        "`syncer rebuild` is done.",
        own={"links": "items that were restored", "copies": "records that were linked"},
    ),
    "run.finished": _event(
        "info",
        "A run is over.",
        own={
            "outcome": "in_step, changed, partial (something failed or is parked), refused (a limit) or failed",
            "read": "records that were read",
            "created": "records that were created",
            "updated": "records whose fields were written",
            "commented": "comments that were written or taken back",
            "closed": "records that were closed because a copy is gone",
            "archived": "records that were archived because a copy is gone",
            "held": "fields and records that wait for a person, all in all",
            "parked": "failures that wait for their next attempt, all in all",
            "requests": "requests to all trackers",
            "seconds": "how long it took",
        },
    ),
    "run.refused": _event(
        "warning",
        "A limit stopped a run before it wrote: there was more to do than `limits` allows, or a listing came back "
        "empty.",
        *("connection",),
        own={
            "guard": "what `--allow` takes to let it through once",
            "number": "how many it would have been",
            "limit": "how many may be",
        },
        do="Look at `syncer plan`. If it is meant: `syncer sync --allow GUARD`, or raise the limit.",
    ),
    "run.started": _event(
        "info",
        "A run begins.",
        own={"trigger": "what asked for it"},
    ),
    "run.undone": _event(
        "info",
        "`syncer undo` is done; it is a run of its own.",
        own={
            "undoes": "the run that was taken back",
            "back": "fields that are as before",
            "left": "fields and records that were left as they are",
        },
    ),
    # -- the daemon
    "alert.failed": _event(
        "warning",
        "Nobody could be told that a sync is stale or has recovered: the address of `[alerts] url` did not take it.",
        *("sync", "reason"),
        do="Mend the address. It is tried again.",
    ),
    "audit.finished": _event(
        "info",
        "The daily audit compared every copy with what was agreed on.",
        *("sync",),
        own=_AUDIT,
    ),
    "chore.crashed": _event(
        "error",
        "Something beside the runs ended by an error that nobody foresaw. The daemon goes on, and tries it again.",
        *("reason",),
        own={
            "chore": "watch (alerts), tend (what is too old is forgotten) or reload (SIGHUP)",
            "exception": "the traceback",
        },
        do="Please report it, with the traceback.",
    ),
    "clock.jumped": _event(
        "warning",
        "The machine's clock was set, or the machine slept. What was due meanwhile starts once.",
        own={"seconds": "by how much, below 0 for back"},
        do="Nothing after a sleep; else look at the machine's time service.",
    ),
    "config.refused": _event(
        "error",
        "The config file has a fault and was not taken up (SIGHUP); the daemon goes on with the one before.",
        *("reason",),
        do="Mend what `reason` names, `syncer check`, then SIGHUP again.",
    ),
    "config.reloaded": _event(
        "info",
        "The config file was taken up (SIGHUP).",
        own={
            "syncs": "the names of all syncs, a list",
            "restart_for": "the keys whose change counts only after a restart, a list",
        },
    ),
    "connection.resting": _event(
        "warning",
        "A connection failed and is left alone for a while, longer each time. The syncs go on without it.",
        *("connection",),
        own={"until": "when it is asked again, UTC", "failures": "how many in a row"},
        do="See connection.lost, before it.",
    ),
    "daemon.broken": _event(
        "critical",
        "A part of the daemon ended that never should. It stops as if told to, with exit code 1, to be started again.",
        *("reason",),
        own={"part": "beat (signs of life, and the web), watch or tend"},
        do="Please report it. Have whatever starts the daemon start it again: systemd's Restart=on-failure does.",
    ),
    "daemon.cut": _event(
        "warning",
        "Runs were stopped at once: told a second time, or the grace period was not enough. What was sent without an "
        "answer is settled at the next start.",
        own={"busy": "the syncs that were running, a list"},
        do="Start it again. If it comes often, raise `[daemon] grace`.",
    ),
    "daemon.draining": _event(
        "info",
        "The daemon was told to stop, and lets runs finish.",
        own={"busy": "the syncs that are running, a list", "grace": "seconds they may take"},
    ),
    "daemon.halting": _event(
        "info",
        "The grace period is over: runs stop at their next safe point.",
        own={"busy": "the syncs that are running, a list"},
    ),
    "daemon.started": _event(
        "info",
        "The daemon is ready.",
        own={
            "syncs": "the names of all syncs, a list",
            "url": "where it listens, null where it does not",
            "version": "of syncer",
        },
    ),
    "daemon.stopped": _event(
        "info",
        "The daemon has ended.",
        own={"clean": "false where runs were cut"},
    ),
    "database.tended": _event(
        "info",
        "What is older than `[store.keep]` says was forgotten.",
        own={
            "runs": "runs",
            "deliveries": "ids of webhook deliveries",
            "audit": "entries of the audit trail",
            "texts": "long texts of either",
        },
    ),
    "database.untended": _event(
        "error",
        "What is too old could not be forgotten. It is tried again; nothing else is hurt.",
        *("reason",),
        do="Mend what `reason` names, before the disk is full.",
    ),
    "database.upgraded": _event(
        "info",
        "The database was brought up to date with this version.",
        own={"was": "its version before", "to": "its version now", "copy": "where a copy of the old one lies"},
    ),
    "library.failed": _event(
        "error",
        "A library that we use told of an error by itself.",
        own={
            "logger": "the library, and which part of it",
            "said": "its words",
            "exception": "the traceback, if there is one",
        },
        do="Please report it, unless the words say what to do.",
    ),
    "library.warned": _event(
        "warning",
        "A library that we use gave a warning by itself.",
        own={"logger": "the library, and which part of it", "said": "its words"},
        do="Nothing if it comes once; please report it if it stays.",
    ),
    "run.crashed": _event(
        "error",
        "A run ended by an error that nobody foresaw. The daemon goes on; the sync is tried again, less often.",
        *("sync", "reason"),
        own={"exception": "the traceback"},
        do="Please report it, with the traceback.",
    ),
    "run.failed": _event(
        "error",
        "A run could not be made. The sync is tried again, less often.",
        *("sync", "reason"),
        do="Mend what `reason` names.",
    ),
    "run.waiting": _event(
        "info",
        "Another process is at this sync; the run waits.",
        *("sync", "reason"),
    ),
    "sync.diverged": _event(
        "warning",
        "The daily audit found what no run will mend by itself, or could not see everything.",
        *("sync",),
        own=_AUDIT,
        do="`syncer audit SYNC` shows each, and what to do.",
    ),
    "sync.recovered": _event(
        "info",
        "A sync that was stale is in step again.",
        *("sync",),
        own={"since": "since when it was stale, UTC"},
    ),
    "sync.slowed": _event(
        "info",
        "A sync is polled less often than `every` says.",
        *("sync",),
        own={"seconds": "until the next start", "why": "backing off (it failed), or saving budget (a limit is near)"},
    ),
    "sync.stale": _event(
        "error",
        "A sync is out of step, or a connection away, for longer than `[alerts] after`. Said again every `repeat`.",
        *("sync",),
        own={"reasons": "what has lasted too long, a list", "since": "since when, UTC"},
        do="`syncer status` shows which; see run.failed, connection.lost or run.refused, before it.",
    ),
    "watch.failed": _event(
        "error",
        "The daemon could not look for stale syncs. It tries again in a moment.",
        *("reason",),
        do="Mend what `reason` names: meanwhile nobody is alerted.",
    ),
    # -- webhooks and the web
    "hook.ignored": _event(
        "debug",
        "A genuine delivery that changes nothing here.",
        *("connection",),
        own=_DELIVERY,
    ),
    "hook.known": _event(
        "debug",
        "A delivery that had come before.",
        *("connection",),
        own=_DELIVERY,
    ),
    "hook.noted": _event(
        "debug",
        "A genuine delivery was noted; a run follows at once.",
        *("connection",),
        own=_DELIVERY,
    ),
    "hook.refused": _event(
        "warning",
        "A delivery was refused, and nothing of it kept. Told once in 10 seconds for each connection and reason.",
        *("connection",),
        own={
            "reason": "one word: unknown, unsigned, forged, stale, oversized, malformed, flooded ...",
            "more": "how many like it were not told since the last such line",
        },
        sometimes={
            "size": "bytes it said it has, null if it did not say",
            "client": "the address it came from",
            "asked": "the connection's name in the URL, where we have no such",
            "error": "what failed on our side",
            "at": "where that was, file:line",
        },
        do="`forged` and `unsigned`: compare the secret on both sides. `stale`: look at the machine's time. Others are "
        "the internet, once in a while.",
    ),
    "web.failed": _event(
        "error",
        "Something failed in the web server that nobody foresaw; its message could hold content and is left out.",
        own={"error": "the kind of error"},
        sometimes={"at": "where, file:line"},
        do="Please report it.",
    ),
}

_FRAME: Final = """\
# The events of the log

This page is made from the code: `python -m syncer.events > docs/events.md`.

Logs go to stderr, an event a line. In JSON (`--log-format json`, or `[log] format`) a line is one object:

| key | |
|---|---|
| `timestamp` | when, UTC |
| `level` | debug, info, warning or error |
| `event` | a name of this page: a part, a dot, what happened |
| `run`, `sync` | the run that it belongs to, in every line of a run; `syncer runs RUN` tells the rest |

What else a line has is its facts. These mean the same wherever they stand:

| key | |
|---|---|
%s

All about one item: `grep LINK`, with the id that any line about it or `syncer history` shows. All of one run:
`grep RUN`.

`[log] levels = { hook = "debug", action = "warning" }` tells more or less of a part than `level` says. Tokens never
show; `[log] emails = false` hides e-mail addresses. Titles and texts of items are in no event, but a tracker may
quote some in the refusal that `reason` tells.
"""


def page() -> str:
    """Return the page on all events, in Markdown: a section a part, sorted."""
    usual = "\n".join(f"| `{name}` | {said} |" for name, said in sorted(USUAL.items()))
    parts = groupby(sorted(EVENTS.items()), key=lambda named: named[0].partition(".")[0])
    sections = [f"## {part}\n\n" + "\n".join(_entry(*named) for named in events) for part, events in parts]
    return "\n".join([_FRAME % usual, *sections])


def _entry(name: str, event: Event) -> str:
    said = {**event.facts, **{n: f"{text} (not in every line)" for n, text in event.sometimes.items()}}
    bare = [f"`{n}`" for n, text in said.items() if USUAL.get(n) == text]
    own = [f"- `{n}`: {text}" for n, text in said.items() if USUAL.get(n) != text]
    lines = [f"### {name}", "", f"*{event.level}.* {event.meaning}", ""]
    lines += [*own, *([f"- {', '.join(bare)}"] if bare else []), ""] if said else []
    lines += [f"**Do:** {event.do}", ""] if event.do else []
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
