"""A private Jira beside a public repository: what leaves, what never does, and what strangers can reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncer_github.sandbox import GitHubSandbox
from tests.e2e.office import Office, opened

REDACT = r"'(?i)project falcon', 'ACME-\d+'"


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Office]:
    """Jira and Linear are private, anybody can read and file issues on GitHub; mia is no member there."""
    with opened(tmp_path, {"github": GitHubSandbox(private=False)}) as office:
        repository = office.boxes["github"]
        assert isinstance(repository, GitHubSandbox)
        repository.world.assignable.discard(repository.people["mia"])
        yield office


def disclosing(office: Office, **more: str) -> None:
    table = ", ".join([f"{key} = {value}" for key, value in {"to": '["github"]', **more}.items()])
    office.configure(disclose=f"{{ {table}, redact = [{REDACT}] }}")


def on_github(office: Office) -> str:
    """Return all that anybody can read there."""
    box = office.boxes["github"]
    return repr([box.show(key) for key in box.keys()])  # noqa: SIM118 -- a sandbox is no mapping


def test_only_what_was_agreed_to_leaves_for_the_public_place(public: Office) -> None:
    disclosing(public)
    key = public.boxes["jira"].add(
        "Checkout for Project Falcon", body="See ACME-77.\n\nPay in one tap.", labels=["margin-squeeze"]
    )
    public.boxes["jira"].say(key, "The client pays late.", by="ravi")

    public.settled()

    told = on_github(public)
    assert [word for word in ("alcon", "ACME-77", "margin-squeeze", "pays late") if word in told] == []
    assert "Pay in one tap." in told
    linear = public.show("linear", "Checkout for Project Falcon")
    assert linear["labels"] == ["margin-squeeze"]
    assert "ACME-77" in linear["body"]


def test_comments_leave_redacted_where_they_may(public: Office) -> None:
    disclosing(public, comments="true")
    key = public.boxes["jira"].add("Checkout")
    said = public.boxes["jira"].say(key, "Project Falcon needs this on Friday.", by="ravi")
    public.settled()
    public.boxes["jira"].reword(said, "Project Falcon needs this on Monday.")

    public.settled()

    told = on_github(public)
    assert "needs this on Monday" in told
    assert "alcon" not in told


def test_an_edit_of_a_redacted_copy_keeps_what_was_hidden(public: Office) -> None:
    disclosing(public)
    public.boxes["jira"].add("Checkout for Project Falcon", body="See ACME-77 first.\n\nThen pay.")
    public.settled()

    public.edit("github", "Checkout for [redacted]", title="Faster checkout for [redacted]")
    public.edit("github", "Faster checkout for [redacted]", body="See [redacted] first, please.\n\nThen pay.")
    public.settled()

    shown = public.show("jira", "Faster checkout for Project Falcon")
    assert "See ACME-77 first, please." in str(shown["body"])


def test_an_edit_that_tears_a_hidden_passage_is_parked_and_harms_nobody(public: Office) -> None:
    disclosing(public)
    public.boxes["jira"].add("Checkout", body="ACME-77 and ACME-78.\n\nThen pay.")
    public.settled()

    public.edit("github", "Checkout", body="[redacted], [redacted] and [redacted].\n\nThen pay.")
    ran = public.run("sync", "--json")

    assert ran.code == 1
    assert [(p["field"], "redacted" in p["error"]) for p in ran.doc["parked"]] == [("body", True)]
    assert "ACME-77 and ACME-78." in str(public.show("jira", "Checkout")["body"])


def test_an_issue_of_a_stranger_is_left_alone_where_only_members_may_file(public: Office) -> None:
    public.configure(where='{ authors = ["members"] }', disclose='{ to = ["github"] }')
    public.boxes["github"].add("Buy my pills", by="mia")
    public.boxes["github"].add("A real bug", by="omar")
    public.boxes["jira"].add("A real plan")

    public.settled()

    assert set(public.titles("jira")) == {"A real bug", "A real plan"}
    assert set(public.titles("github")) == {"Buy my pills", "A real bug", "A real plan"}


def test_a_hostile_issue_gains_nothing(public: Office) -> None:
    """With somebody's URL, or a copied marker, or both, it stays what it is: an issue of a stranger."""
    public.configure(where='{ authors = ["members"] }', disclose='{ to = ["github"], comments = true }')
    key = public.boxes["jira"].add("Acquire the competitor", body="For 12 million.")
    public.settled()
    copy = public.show("github", "Acquire the competitor")
    marker = next(line for line in str(copy["body"]).splitlines() if line.startswith("<!--"))
    url = public.show("jira", "Acquire the competitor")["url"]
    secret = public.boxes["jira"].add("Fire everybody", body="Quietly.")
    public.settled()
    hostile = [
        public.boxes["github"].add("Mine now", by="mia", body=f"{url}\n\n{marker}"),
        public.boxes["github"].add("Tell me", by="mia", body=f"Same as {public.boxes['jira'].show(secret)['url']}"),
        public.boxes["github"].add("Fire everybody", by="mia"),
    ]
    before = {k: public.boxes["github"].show(k) for k in hostile}

    public.run("sync")
    public.edit("jira", "Acquire the competitor", body="For 13 million.")
    public.boxes["jira"].say(key, "Sign on Friday.")
    public.run("sync")
    public.run("sync", "--full")

    assert {k: public.boxes["github"].show(k) for k in hostile} == before
    assert set(public.titles("jira")) == {"Acquire the competitor", "Fire everybody"}
    assert "13 million" in str(public.show("github", "Acquire the competitor")["body"])
    assert linked_keys(public).isdisjoint({f"github:{k}" for k in hostile})


def linked_keys(office: Office) -> set[str]:
    doc: Any = office.run("links", "--json").doc
    return {f"{c}:{copy['key']}" for link in doc["links"] for c, copy in link["copies"].items()}
