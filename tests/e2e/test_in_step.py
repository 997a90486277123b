"""What a sync leaves on the trackers: everything once, every edit kept, nothing rewritten."""

from __future__ import annotations

from collections import Counter

from syncer.sdk.sandbox import Call
from tests.e2e.office import NOTHING, TRACKERS, Office, during, everywhere


def backlog(office: Office, number: int) -> Counter[str]:
    """File *number* items on each tracker; return every title, once."""
    titles = [(tracker, f"Idea {n} from {tracker}") for tracker in TRACKERS for n in range(number)]
    for tracker, title in titles:
        office.boxes[tracker].add(title, body=f"Why **{title}** matters.")
    return Counter(title for _, title in titles)


def test_a_first_sync_of_sixty_items_shows_each_once_everywhere_and_a_second_run_writes_nothing(
    office: Office,
) -> None:
    expected = backlog(office, 20)

    first = office.run("sync", "--json")
    after_first = {tracker: office.titles(tracker) for tracker in TRACKERS}
    office.forget()
    second = office.run("sync", "--json")

    assert first.code == 0, first.out + first.err
    assert first.doc["tally"]["created"] == 120
    assert after_first == everywhere(expected)
    assert office.writes() == NOTHING
    assert max(office.requests().values()) <= 2, office.requests()
    assert (second.code, second.doc["outcome"]) == (0, "in_step")
    assert second.doc["tally"]["requests"] == office.requests()


def test_edits_of_different_fields_on_three_sides_all_survive(office: Office) -> None:
    office.boxes["jira"].add("Pay in two taps", body="Old words.")
    office.synced()

    office.edit("linear", "Pay in two taps", priority=1)
    office.edit("github", "Pay in two taps", body="New words.")
    office.edit("jira", "Pay in two taps", title="Pay in one tap")
    office.settled()

    shown = {tracker: office.show(tracker, "Pay in one tap") for tracker in TRACKERS}
    assert {t: shown[t]["body"].strip() for t in TRACKERS} == everywhere("New words.")
    assert (shown["linear"]["priority"], shown["jira"]["priority"]) == (1, "Highest")


def test_labels_added_on_two_sides_at_once_are_both_kept(office: Office) -> None:
    office.boxes["jira"].add("Guest checkout", labels=["roadmap"])
    office.synced()

    office.edit("jira", "Guest checkout", labels=["roadmap", "payments"])
    office.edit("github", "Guest checkout", labels=["roadmap", "wallet"])
    office.settled()

    labels = {t: set(office.show(t, "Guest checkout")["labels"]) for t in TRACKERS}
    assert {t: {"roadmap", "payments", "wallet"} - labels[t] for t in TRACKERS} == everywhere(set())


def test_an_edit_made_while_we_write_another_field_is_not_lost(office: Office) -> None:
    office.boxes["jira"].add("First", body="Old words.")
    office.boxes["jira"].add("Second", body="Old words.")
    office.synced()
    edited: list[str] = []

    def edit(_: Call) -> None:
        """A person renames both on Jira, between our reads and our next writes there."""
        if not edited:
            edited.extend(("First", "Second"))
            for title in ("First", "Second"):
                office.edit("jira", title, by="ravi", title=f"{title}, renamed")

    for title in ("First", "Second"):
        office.edit("github", title, by="mia", body="New words.")
    with during(office.boxes["jira"], edit):
        office.synced()
    office.settled()

    assert edited
    for title in ("First, renamed", "Second, renamed"):
        bodies = {t: office.show(t, title)["body"].strip() for t in TRACKERS}
        assert bodies == everywhere("New words.")
