"""What never shows in a log, an error or a result."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from syncer.log import hide, redact, setup


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


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_event_shows_a_secret_however_deep_it_lies(form: str) -> None:
    hide("hunter2-hunter2")
    out = io.StringIO()
    setup(form="json" if form == "json" else "console", stream=out)
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
