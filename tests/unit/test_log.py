"""What never shows in a log, an error or a result."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
import structlog

from syncer.log import _LIBRARIES, hide, redact, setup

Form = Literal["console", "json"]
FORMS: tuple[Form, ...] = ("console", "json")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefgh12345678",
        "authorization: basic dXNlcjpwYXNzd29yZA==",
        "token ghp_0123456789abcdefABCDEF",
        "github_pat_11ABCDEFG0123456789_abcdef",
        "lin_api_0123456789abcdef",
        "ATATT3xFfGF0123456789",
        "?access_token=0123456789abcdef&page=2",
        '{"client_secret": "0123456789abcdef"}',
        "password=0123456789abcdef",
        "https://jane:0123456789abcdef@tracker.example/x",
    ],
)
def test_what_looks_like_a_secret_is_replaced(text: str) -> None:
    shown = redact(text)

    assert "[secret]" in shown
    assert "0123456789abcdef" not in shown
    assert "abcdefgh12345678" not in shown
    assert "dXNlcjpwYXNzd29yZA" not in shown


def test_what_stands_around_a_secret_stays() -> None:
    assert redact("GET /x?access_token=0123456789abcdef&page=2") == "GET /x?access_token=[secret]&page=2"
    assert redact("https://jane:pass@tracker.example/x") == "https://[secret]@tracker.example/x"


@pytest.mark.parametrize(
    "text", ["", "a basic plan", "the token of love", "https://tracker.example:8443/x", "bearer of news"]
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


def test_a_known_secret_is_replaced_wherever_it_stands() -> None:
    hide("correct horse")

    assert redact("x-correct horse-y") == "x-[secret]-y"


def test_the_longer_of_two_secrets_goes_first() -> None:
    hide("swordfish")
    hide("swordfish-and-chips")

    assert redact("swordfish-and-chips") == "[secret]"


def test_a_very_short_secret_does_not_blank_ordinary_words() -> None:
    hide("cat")

    assert redact("concatenate") == "concatenate"


def test_one_event_is_one_line_of_json_with_its_facts() -> None:
    out = io.StringIO()
    setup(form="json", stream=out)

    structlog.get_logger().info("action.applied", ref="jira:issue:1", fields=["title"])

    [line] = out.getvalue().splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"], event["ref"]) == ("action.applied", "info", "jira:issue:1")
    assert event["fields"] == ["title"]
    assert event["timestamp"].endswith("Z")


@pytest.mark.parametrize("form", FORMS)
def test_no_event_shows_a_secret_however_deep_it_lies(form: Form) -> None:
    hide("hunter2-hunter2")
    out = io.StringIO()
    setup(form=form, stream=out)
    log = structlog.get_logger()

    log.info("in.text", said="it is hunter2-hunter2")
    log.info("in.list", said=["hunter2-hunter2"])
    log.info("in.table", said={"deep": {"deeper": "hunter2-hunter2"}})
    log.info("in.error", error=ValueError("hunter2-hunter2"))
    try:
        raise ValueError("hunter2-hunter2")  # noqa: TRY301 -- the traceback is the point
    except ValueError:
        log.exception("in.traceback")

    assert len([line for line in out.getvalue().splitlines() if "in." in line]) == 5
    assert "hunter2" not in out.getvalue()


def test_what_is_below_the_level_is_not_written() -> None:
    out = io.StringIO()
    setup(form="json", level="warning", stream=out)

    structlog.get_logger().info("run.started")
    structlog.get_logger().warning("record.parked")

    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["record.parked"]


def test_facts_bound_once_are_in_every_event() -> None:
    out = io.StringIO()
    setup(form="json", stream=out)

    with structlog.contextvars.bound_contextvars(run="r1"):
        structlog.get_logger().info("run.started")
    structlog.get_logger().info("daemon.idle")

    runs = [json.loads(line).get("run") for line in out.getvalue().splitlines()]
    assert runs == ["r1", None]


def test_a_fact_that_is_named_as_a_secret_is_one() -> None:
    out = io.StringIO()
    setup(form="json", stream=out)

    structlog.get_logger().info("token.renewed", token="opaque", headers={"Api_Key": 12345678}, password=None)

    event = json.loads(out.getvalue())
    assert (event["token"], event["headers"], event["password"]) == ("[secret]", {"Api_Key": "[secret]"}, None)


def test_a_known_secret_of_digits_does_not_show_as_a_number() -> None:
    hide("83927461")
    out = io.StringIO()
    setup(form="json", stream=out)

    structlog.get_logger().info("pin.said", pin=83927461, others=[83927461])

    assert "83927461" not in out.getvalue()


def test_a_line_of_json_begins_with_when_how_bad_and_what() -> None:
    out = io.StringIO()
    setup(form="json", stream=out)

    with structlog.contextvars.bound_contextvars(run="r1"):
        structlog.get_logger().info("action.applied", ref="x")

    first, second, third, *facts = json.loads(out.getvalue())
    assert (first, second, third) == ("timestamp", "level", "event")
    assert set(facts) == {"run", "ref"}


# -- levels by part --------------------------------------------------------------------------


def _told(level: str, levels: dict[str, str]) -> list[str]:
    """Return the events that are written of a hook's and an action's, each as debug and as info."""
    out = io.StringIO()
    setup(form="json", level=level, levels=levels, stream=out)
    log = structlog.get_logger()
    log.debug("hook.noted")
    log.info("hook.installed")
    log.debug("action.deferred")
    log.info("action.applied")
    return [json.loads(line)["event"] for line in out.getvalue().splitlines()]


def test_a_part_may_tell_more_than_the_rest() -> None:
    assert _told("warning", {"hook": "debug"}) == ["hook.noted", "hook.installed"]


def test_a_part_may_tell_less_than_the_rest() -> None:
    assert _told("info", {"action": "warning"}) == ["hook.installed"]


def test_parts_are_told_each_at_its_own_level() -> None:
    assert _told("error", {"action": "info", "hook": "debug"}) == ["hook.noted", "hook.installed", "action.applied"]


def test_an_event_of_no_part_has_the_general_level() -> None:
    out = io.StringIO()
    setup(form="json", level="warning", levels={"hook": "debug"}, stream=out)

    structlog.get_logger().info("hook")
    structlog.get_logger().warning("hook")

    assert [json.loads(line)["level"] for line in out.getvalue().splitlines()] == ["warning"]


def test_an_exception_counts_as_an_error() -> None:
    out = io.StringIO()
    setup(form="json", level="error", levels={"hook": "error"}, stream=out)

    try:
        raise ValueError("x")  # noqa: TRY301 -- the traceback is the point
    except ValueError:
        structlog.get_logger().exception("hook.broken")

    assert json.loads(out.getvalue())["level"] == "error"


def test_nothing_is_spent_on_what_a_part_does_not_tell() -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError

    out = io.StringIO()
    setup(form="json", level="info", levels={"hook": "warning", "action": "debug"}, stream=out)

    structlog.get_logger().info("hook.noted", fact=Costly(), exc_info=ValueError(Costly()))

    assert not out.getvalue()


def test_what_is_set_up_later_counts_for_loggers_made_before() -> None:
    first, second = io.StringIO(), io.StringIO()
    log = structlog.get_logger()
    setup(form="json", stream=first)
    log.info("config.read")
    setup(form="json", level="error", stream=second)

    log.info("config.read")
    log.error("config.refused")

    assert len(first.getvalue().splitlines()) == 1
    assert [json.loads(line)["event"] for line in second.getvalue().splitlines()] == ["config.refused"]


# -- e-mail addresses ------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_no_event_shows_an_address_where_none_are_wanted(form: Form) -> None:
    out = io.StringIO()
    setup(form=form, emails=False, stream=out)
    log = structlog.get_logger()

    log.info("in.text", said="ask jane.doe+x@acme.example, or <mailto:JANE@sub.acme.example>")
    log.info("in.list", said=["jane@acme.example", {"jane@acme.example": ("jane@acme.example",)}])
    log.info("in.url", said="https://x.example/users?q=jane%40acme.example&n=1")
    log.info("in.error", error=ValueError("jane@acme.example"))
    log.error("in.traceback", exc_info=ValueError("jane@acme.example"))
    log.info("jane@acme.example")

    assert "acme" not in out.getvalue()
    assert out.getvalue().count("[email]") == 9


def test_addresses_show_where_nobody_minds() -> None:
    out = io.StringIO()
    setup(form="json", stream=out)

    structlog.get_logger().info("in.text", said="jane@acme.example")

    assert json.loads(out.getvalue())["said"] == "jane@acme.example"


def test_secrets_do_not_show_where_addresses_do_not() -> None:
    out = io.StringIO()
    setup(form="json", emails=False, stream=out)

    structlog.get_logger().info("in.text", said="token ghp_0123456789abcdefABCDEF")

    assert "0123456789" not in out.getvalue()


@pytest.mark.parametrize("text", ["@jane", "pkg@1.2.3", "a @ b.example", "jane@localhost", "x@y", "@@"])
def test_what_is_no_address_stays(text: str) -> None:
    out = io.StringIO()
    setup(form="json", emails=False, stream=out)

    structlog.get_logger().info("in.text", said=text)

    assert json.loads(out.getvalue())["said"] == text


@pytest.mark.parametrize("text", ["a" * 200_000 + "@", "@" + "a.1" * 70_000, "a@" * 100_000, "a@" + "b.1" * 70_000])
@pytest.mark.timeout(20)
def test_a_long_text_does_not_hold_up_the_search_for_addresses(text: str) -> None:
    out = io.StringIO()
    setup(form="json", emails=False, stream=out)

    structlog.get_logger().info("in.text", said=text)

    assert json.loads(out.getvalue())["said"] == text


# -- hostile values --------------------------------------------------------------------------

FORGED = "2026-01-01T00:00:00Z [info    ] run.finished outcome=in_step"
HOSTILE = [
    f"x\n{FORGED}",
    f"x\r{FORGED}",
    f"x\r\n{FORGED}",
    f"x\x0b{FORGED}",
    f"x\x85{FORGED}",
    f"x\u2028{FORGED}",
    f"\x1b[2K\x1b[1G{FORGED}",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\x1b[31m",
    "\u202egnihtyna",
    "\ud800",
    "\x00\x08\x7f",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_forges_a_line_or_moves_the_terminal(form: Form, title: str) -> None:
    out = io.StringIO()
    setup(form=form, stream=out)

    structlog.get_logger().info("copy.linked", title=title, titles=[title], by={title: title})

    [line] = out.getvalue().splitlines()
    assert line.isprintable()
    assert not line.startswith(FORGED)


@pytest.mark.parametrize("title", HOSTILE)
def test_json_keeps_a_hostile_title_as_it_is(title: str) -> None:
    out = io.StringIO()
    setup(form="json", stream=out)

    structlog.get_logger().info("copy.linked", title=title)

    assert json.loads(out.getvalue())["title"] == title


@pytest.mark.parametrize("title", HOSTILE)
def test_no_error_forges_a_line_with_its_traceback(title: str) -> None:
    out = io.StringIO()
    setup(form="console", stream=out)

    structlog.get_logger().error("item.failed", exc_info=ValueError(title))

    first, *rest = out.getvalue().splitlines()
    assert "item.failed" in first
    assert rest
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_a_value_does_not_pass_for_another_fact() -> None:
    out = io.StringIO()
    setup(form="console", stream=out)

    structlog.get_logger().info("copy.linked", title="x link", other="a=b")

    assert out.getvalue().endswith(" title='x link' other='a=b'\n")


class _Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("no")


def _odd() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    table: dict[Any, Any] = {}
    table[1, 2] = table
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    odd = [object(), b"bytes", {1, "a", None}, float("nan"), float("inf"), 10**6000, datetime.now(UTC), 1j, _Broken]
    return [*odd, ring, table, deep, _Broken(), [_Broken()], {_Broken(): 1}, {None: 1}, ValueError(_Broken())]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", _odd(), ids=lambda v: type(v).__name__)
def test_no_value_makes_a_log_call_fail(form: Form, value: object) -> None:
    out = io.StringIO()
    setup(form=form, emails=False, stream=out)

    structlog.get_logger().info("value.odd", value=value, after=1)

    [line] = out.getvalue().splitlines()
    assert "value.odd" in line
    assert "after" in line


@pytest.mark.parametrize("value", _odd(), ids=lambda v: type(v).__name__)
def test_every_line_of_json_is_json(value: object) -> None:
    def refuse(said: str) -> None:
        raise AssertionError(said)

    out = io.StringIO()
    setup(form="json", stream=out)

    structlog.get_logger().info("value.odd", value=value)

    assert json.loads(out.getvalue(), parse_constant=refuse)["event"] == "value.odd"


# -- threads ---------------------------------------------------------------------------------


def test_what_a_run_bound_is_not_in_the_events_of_another_thread() -> None:
    out = io.StringIO()
    setup(form="json", stream=out)
    log = structlog.get_logger()

    asked, told = threading.Event(), threading.Event()

    def serve() -> None:
        asked.wait()
        log.info("hook.noted")
        told.set()

    server = threading.Thread(target=serve)
    server.start()
    with structlog.contextvars.bound_contextvars(run="r1"):
        log.info("run.started")
        asked.set()
        told.wait()
    server.join()

    runs = {e["event"]: e.get("run") for e in map(json.loads, out.getvalue().splitlines())}
    assert runs == {"run.started": "r1", "hook.noted": None}


@pytest.mark.parametrize("form", FORMS)
def test_lines_of_several_threads_do_not_mix(form: Form) -> None:
    out = io.StringIO()
    setup(form=form, stream=out)

    def talk(number: int) -> None:
        for _ in range(200):
            structlog.get_logger().info("thread.spoken", number=number, text="x" * 50)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = out.getvalue().splitlines()
    assert len(lines) == 800
    assert all(line.count("thread.spoken") == 1 and line.count("x" * 50) == 1 for line in lines)


# -- libraries -------------------------------------------------------------------------------


def test_what_a_library_warns_of_is_an_event_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    setup(form="json", stream=out)
    setup(form="json", stream=out)

    logging.getLogger("library.part").warning("missed by %s, token=%s", "3s", "0123456789abcdef")
    logging.getLogger("library.part").info("nothing to see")

    [line] = map(json.loads, out.getvalue().splitlines())
    assert (line["event"], line["level"], line["logger"]) == ("library.warned", "warning", "library.part")
    assert line["said"] == "missed by 3s, token=[secret]"
    assert capsys.readouterr() == ("", "")


def test_what_fails_in_a_library_is_an_event_with_its_traceback() -> None:
    out = io.StringIO()
    setup(form="json", stream=out)

    logging.getLogger("asyncio").error("never retrieved", exc_info=ValueError("token=0123456789abcdef"))

    [line] = map(json.loads, out.getvalue().splitlines())
    assert (line["event"], line["level"]) == ("library.failed", "error")
    assert line["exception"].endswith("ValueError: token=[secret]")


def test_a_library_s_words_that_do_not_fit_are_told_as_they_are() -> None:
    out = io.StringIO()
    setup(form="json", stream=out)

    _LIBRARIES.emit(logging.makeLogRecord({"msg": "%d of %d", "args": ("one",), "levelno": logging.WARNING}))

    assert json.loads(out.getvalue())["said"] == "%d of %d"
