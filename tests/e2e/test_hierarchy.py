"""An epic and its stories: on Jira as such, on GitHub an issue and its sub-issues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer_github.sandbox import GitHubSandbox
from tests.e2e.duty import on_duty, tables
from tests.e2e.office import NOTHING, TRACKERS, Office, opened, until

STORIES = ("Pay in one tap", "Remember the address")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path) as made:
        yield made


def plan(office: Office) -> None:
    """File an epic with two stories, and a second epic with none."""
    jira = office.boxes["jira"]
    epic = jira.add("Checkout", kind="Epic")
    jira.add("Identity", kind="Epic")
    for title in STORIES:
        jira.add(title, kind="Story", parent=epic)


def above(office: Office, tracker: str, title: str) -> str | None:
    """Return the title of what an item stands under."""
    parent = office.show(tracker, title)["parent"]
    return None if parent is None else str(office.boxes[tracker].show(parent)["title"])


def test_an_epic_with_stories_gives_an_issue_with_sub_issues_and_then_there_is_peace(office: Office) -> None:
    plan(office)

    office.settled()
    shown = {(tracker, title): above(office, tracker, title) for tracker in TRACKERS for title in STORIES}
    office.forget()
    office.synced()

    assert shown == dict.fromkeys(shown, "Checkout")
    assert above(office, "github", "Checkout") is None
    assert office.writes() == NOTHING
    assert max(office.requests().values()) <= 2, office.requests()


def test_a_sub_issue_that_a_person_moves_moves_on_jira(office: Office) -> None:
    plan(office)
    office.settled()

    office.edit("github", STORIES[0], by="mia", parent=office.key("github", "Identity"))
    assert office.run("sync", "--full").code == 0
    office.settled()

    assert {t: above(office, t, STORIES[0]) for t in TRACKERS} == dict.fromkeys(TRACKERS, "Identity")
    assert above(office, "jira", STORIES[1]) == "Checkout"


def test_a_story_that_a_person_moves_on_jira_moves_on_github_and_out(office: Office) -> None:
    plan(office)
    office.settled()

    office.edit("jira", STORIES[0], parent=office.key("jira", "Identity"))
    office.settled()
    moved = above(office, "github", STORIES[0])
    office.edit("jira", STORIES[0], parent=None)
    office.settled()

    assert moved == "Identity"
    assert above(office, "github", STORIES[0]) is None


def test_a_moved_sub_issue_arrives_at_once_by_webhook(office: Office) -> None:
    plan(office)
    office.settled()
    url = tables(office)

    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        assert office.run("hooks", "install").code == 0
        office.edit("github", STORIES[0], by="mia", parent=office.key("github", "Identity"))
        until(lambda: above(office, "jira", STORIES[0]) == "Identity", within=30.0)


def test_a_parent_in_another_repository_clears_nothing_elsewhere(office: Office) -> None:
    plan(office)
    office.settled()
    github = office.boxes["github"]
    assert isinstance(github, GitHubSandbox)

    github.adopt(office.key("github", STORIES[0]), "Somebody's roadmap")
    assert office.run("sync", "--full").code == 0
    office.settled()

    assert above(office, "jira", STORIES[0]) == "Checkout"
    assert office.show("github", STORIES[0])["parent"] == "acme/elsewhere#1"


def test_an_epic_is_an_issue_of_that_type_where_the_mapping_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, {"github": GitHubSandbox(types=["Epic", "Bug"])}) as office:
        mapping = tmp_path / "ours.toml"
        mapping.write_text('[fields.kind]\nepic = { type = "Epic" }\nbug = { type = "Bug" }\n', encoding="utf-8")
        office.options["github"]["mapping"] = str(mapping)
        office.configure()
        plan(office)
        office.settled()
        born = office.show("github", "Checkout")["kind"], office.show("github", STORIES[0])["kind"]

        office.edit("github", STORIES[0], kind="Bug")
        office.settled()

        assert born == ("Epic", None)
        assert office.show("jira", STORIES[0])["kind"] == "Bug"
