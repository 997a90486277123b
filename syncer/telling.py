"""How a plan and a run are told to a person."""

from __future__ import annotations

from syncer.engine.plan import Action
from syncer.links import Hold, Parked
from syncer.output import clean, say, short
from syncer.report import plain
from syncer.run import Report

SIGNS = {"create": "+", "update": "~", "comment": "»", "close": "x", "archive": "x", "link": "="}
STATES = {"planned": "", "applied": "", "failed": "  FAILED"}


def tell_action(action: Action) -> None:
    spot = f"{action.connection}:{action.key}" if action.key else action.connection
    sign = SIGNS[action.do]
    say(f"{sign} {action.do:<7} {spot:<18} {short(action.title)}{STATES[action.state]}")
    if action.thread is not None:
        say(
            f"      {short(action.text, 90)}"
            if action.text is not None
            else f"      takes back: {short(action.was, 80)}"
        )
    elif action.do == "create":
        said = ", ".join(
            f"{n} {short(plain(m.after), 24)}" for n, m in action.fields.items() if n not in {"title", "body"}
        )
        say(f"      {said}" if said else "      title only")
    else:
        for name, move in action.fields.items():
            say(f"      {name}: {short(plain(move.before), 40)} -> {short(plain(move.after), 40)}")
    say(f"      because {clean(action.because)}")


def tell_hold(hold: Hold) -> None:
    spot = f" ({hold.ref})" if hold.ref else ""
    say(f"? {hold.id}  {hold.field}{spot}: {clean(hold.reason)}")
    if hold.base is not None:
        say(f"      agreed: {short(plain(hold.base))}")
    for connection, value in hold.values.items():
        say(f"      {connection}: {short(plain(value))}")


def tell_parked(entry: Parked) -> None:
    spot = entry.ref or entry.connection
    field = f" {entry.field}" if entry.field else ""
    say(f"! {entry.id}  {clean(spot)}{field}: {clean(entry.error)}")
    say(f"      tried {entry.attempts}x, next {entry.next_try:%Y-%m-%d %H:%M:%SZ}")


def tell_report(report: Report, *, planned: bool) -> None:
    for action in report.actions:
        tell_action(action)
    for hold in report.held:
        tell_hold(hold)
    for entry in report.parked:
        tell_parked(entry)
    for name, error in report.down.items():
        say(f"! {name} is left out: {clean(error)}")
    for guard in report.guards:
        say(f"! refused: {guard.message}")
    say(summary(report, planned=planned))


def summary(report: Report, *, planned: bool) -> str:
    """Return one line saying how it stands, and what to type next."""
    held, parked = len(report.held), len(report.parked)
    waiting = "".join(
        [f", {held} held (syncer held)" if held else "", f", {parked} parked (syncer parked)" if parked else ""]
    )
    if planned:
        number = len(report.actions)
        return f"{report.sync}: nothing to do{waiting}" if not number else f"{report.sync}: {number} to do{waiting}"
    counts = ", ".join(
        f"{n} {word}"
        for word, n in (
            ("created", report.count("create")),
            ("updated", report.count("update")),
            ("commented", report.count("comment")),
            ("closed", report.count("close")),
        )
        if n
    )
    asked = ", ".join(f"{c} {n}" for c, n in report.requests.items())
    done = counts or "nothing written"
    return f"{report.sync}: {report.outcome.replace('_', ' ')}: {done}{waiting} (requests: {asked})"
