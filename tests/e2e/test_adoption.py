"""Items that exist on several trackers already: a person says what is one, by file or by hand."""

from __future__ import annotations

import fcntl
import stat
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from syncer_github.sandbox import GitHubSandbox
from tests.e2e.office import NOTHING, Office, everywhere, opened


def page(office: Office, key: str) -> str:
    return f"{office.options['jira']['url']}/browse/{key}"


def reviewed(office: Office, *tables: str) -> Path:
    file = office.folder / "reviewed.toml"
    file.write_text("\n".join(['version = 1\nsync = "roadmap"', *tables]), encoding="utf-8")
    return file


def pair(one: str, other: str) -> str:
    said = ", ".join(f'{{ connection = "{c}", key = "{k}" }}' for c, _, k in (one.partition(":"), other.partition(":")))
    return f"[[link]]\nrecords = [{said}]"


def links(office: Office) -> list[dict[str, str]]:
    """Return the items, each as connection -> key."""
    found = office.run("links", "--json").doc["links"]
    return [{c: copy["key"] for c, copy in link["copies"].items()} for link in found]


def test_a_backlog_that_exists_everywhere_is_reviewed_linked_and_never_doubled(office: Office) -> None:
    office.configure(on_link='"prefer:jira"')
    for box in office.boxes.values():
        box.add("Guest checkout")
        box.add("Dark mode")
    same, other = office.boxes["jira"].add("Faster search", body="Words"), office.boxes["linear"].add("Search index")
    linking = office.boxes["github"].add("Speed", body=f"For {page(office, same)}")

    proposed = office.run("adopt", "--out", "found.toml")
    file = office.folder / "found.toml"
    text = file.read_text(encoding="utf-8")
    applied = office.run("adopt", "--apply", "found.toml")
    writes = office.writes()
    office.settled()

    assert (proposed.code, proposed.out) == (0, "")
    assert "3 proposed" in proposed.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(tomllib.loads(text)["link"]) == 3
    assert "Words" not in text
    assert f"github:{linking} links to jira:{same} in its description" in text
    assert (applied.code, writes) == (0, NOTHING)
    assert "3 linked" in applied.out
    everything = Counter(["Guest checkout", "Dark mode", "Faster search", "Search index"])
    assert {t: office.titles(t) for t in office.boxes} == everywhere(everything)
    assert {"jira": same, "github": linking}.items() <= next(k for k in links(office) if k["jira"] == same).items()
    assert other in [k["linear"] for k in links(office)]


def test_a_line_deleted_in_the_review_is_not_linked(office: Office) -> None:
    for box in office.boxes.values():
        box.add("Guest checkout")
    office.run("adopt", "--out", "found.toml")
    file = office.folder / "found.toml"
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if 'connection = "linear"' not in line]
    file.write_text("\n".join(kept), encoding="utf-8")

    applied = office.run("adopt", "--apply", "found.toml", "--json")
    after = office.run("sync", "--json")

    assert [sorted(link["copies"]) for link in applied.doc["linked"]] == [["github", "jira"]]
    assert all(sum(office.titles(t).values()) == 1 for t in office.boxes)
    assert (after.code, [h["field"] for h in after.doc["held"]]) == (3, ["maybe"])


def test_proposals_are_printed_and_as_json_the_same(office: Office) -> None:
    office.boxes["jira"].add("Guest checkout")
    office.boxes["linear"].add("Guest checkout")

    printed = office.run("adopt")
    as_json = office.run("adopt", "--json")

    (said,) = tomllib.loads(printed.out)["link"]
    (proposal,) = as_json.doc["proposals"]
    assert [r["key"] for r in said["records"]] == ["ROAD-1", "ENG-1"] == [r["key"] for r in proposal["records"]]
    assert (said["confidence"], said["reason"]) == (proposal["confidence"], proposal["reason"])
    assert office.writes() == NOTHING
    assert links(office) == []


def test_nothing_to_propose_is_an_empty_file_that_can_be_applied(office: Office) -> None:
    office.boxes["jira"].add("Guest checkout")

    proposed = office.run("adopt", "--out", "found.toml")
    applied = office.run("adopt", "--apply", "found.toml")

    assert (proposed.code, applied.code) == (0, 0)
    assert "nothing to propose" in proposed.err


def test_a_connection_that_is_away_is_said_and_the_others_are_proposed(office: Office) -> None:
    for box in office.boxes.values():
        box.add("Guest checkout")
    office.environ["LINEAR_TOKEN"] = "not-the-token"

    told = office.run("adopt")
    as_json = office.run("adopt", "--json")

    assert (told.code, as_json.code) == (1, 1)
    assert "linear is left out" in told.err
    assert as_json.doc["error"]["kind"] == "credentials"
    assert [[r["connection"] for r in p["records"]] for p in as_json.doc["proposals"]] == [["jira", "github"]]


def test_a_review_is_never_overwritten(office: Office) -> None:
    file = reviewed(office)
    before = file.read_text(encoding="utf-8")

    refused = office.run("adopt", "--out", file.name)

    assert refused.code == 2
    assert "reviewed.toml: it exists" in refused.err
    assert file.read_text(encoding="utf-8") == before
    assert office.requests() == everywhere(0)


def test_a_stranger_in_a_public_repository_is_only_proposed_and_that_with_doubt(tmp_path: Path) -> None:
    github = GitHubSandbox(private=False)
    with opened(tmp_path, {"github": github}) as office:
        office.configure(disclose='{ to = ["github"] }', create='{ from = ["jira"], in = ["linear"] }')
        key = office.boxes["jira"].add("Acquire the competitor", body="For the board only")
        office.settled()
        github.world.people["mallory"] = "mallory"
        hostile = github.add("Acquire the competitor", by="mallory", body=f"see {page(office, key)}")

        office.settled()
        proposed = office.run("adopt", "--json").doc["proposals"]

        assert [sorted(copies) for copies in links(office)] == [["jira", "linear"]]
        assert github.show(hostile)["body"] == f"see {page(office, key)}"
        assert [[r["key"] for r in p["records"]] for p in proposed] == [[key, hostile, "ENG-1"]]
        assert f"the author of github:{hostile} is not a member of github" in proposed[0]["reason"]
        assert proposed[0]["confidence"] <= 0.5


@pytest.mark.parametrize(
    ("table", "key", "word"),
    [
        ("nonsense", None, "TOML"),
        ("[[link]]\nrecords = []", "link[0].records", "two records"),
        ("[[link]]\nrecrods = []", "link[0].recrods", "is not known"),
        (pair("jira:ROAD-1", "gitlab:7"), "link[0].records[1].connection", "gitlab"),
        (pair("jira:ROAD-1", "jira:ROAD-2"), "link[0].records[1].connection", "twice"),
        (pair("jira:ROAD-1", "linear:"), "link[0].records[1].key", "missing"),
        (
            pair("jira:ROAD-1", "github:#7") + "\n" + pair("jira:ROAD-2", "github:#7"),
            "link[1].records[1]",
            "link[0] already",
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_line_naming_file_and_key(
    office: Office, table: str, key: str | None, word: str
) -> None:
    file = reviewed(office, table)

    told = office.run("adopt", "--apply", file.name)
    as_json = office.run("adopt", "--apply", file.name, "--json")

    assert (told.code, as_json.code) == (2, 2)
    assert told.err.count("\n") == 1
    assert file.name in told.err
    assert word in told.err
    assert (key or "") in told.err
    assert (as_json.doc["error"]["key"], as_json.doc["error"]["kind"]) == (key, "config")
    assert office.requests() == everywhere(0)


def test_what_no_longer_fits_is_said_and_the_rest_is_linked(office: Office) -> None:
    jira, github = office.boxes["jira"], office.boxes["github"]
    ours = [(f"jira:{jira.add(title)}", f"github:{github.add(title)}") for title in ("One", "Two", "Three")]
    taken = ours[1][1]
    office.run("link", ours[0][0], taken)
    file = reviewed(office, pair(*ours[0]), pair(*ours[2]), pair("jira:ROAD-99", "linear:ENG-99"))

    told = office.run("adopt", "--apply", file.name)
    again = office.run("adopt", "--apply", file.name, "--json")

    assert told.code == 3
    assert f"reviewed.toml:3 [link[0]]: the item of jira:ROAD-1 has a copy on github already: {taken}." in told.err
    assert "[link[2]]: jira:ROAD-99: no such record on jira" in told.err
    assert "1 linked, 2 no longer fit" in told.out
    assert again.code == 3
    assert [r["key"] for r in again.doc["refused"]] == ["link[0]", "link[2]"]
    assert sorted(k["jira"] for k in links(office)) == ["ROAD-1", "ROAD-3"]


# -- by hand ---------------------------------------------------------------------------------


def test_records_are_linked_by_key_or_address_and_say_so(office: Office) -> None:
    key = office.boxes["jira"].add("Guest checkout")
    issue = office.boxes["linear"].add("Checkout for guests")
    number = office.boxes["github"].add("Checkout")
    address = office.boxes["github"].show(number)["url"]

    done = office.run("link", page(office, key), address, f"linear:{issue.lower()}", "--json")
    again = office.run("link", f"jira:{key}", f"github:{number[1:]}")
    office.settled()

    assert done.code == 0, done.err
    assert {c: v["key"] for c, v in done.doc["copies"].items()} == {"jira": key, "github": number, "linear": issue}
    assert done.doc.keys() == {"id", "kind", "title", "copies", "owed"}
    assert "are one item already" in again.out
    assert {t: sum(office.titles(t).values()) for t in office.boxes} == everywhere(1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("jira:ROAD-1",), "two records"),
        (("jira:ROAD-1", "jira:ROAD-2"), "both on jira"),
        (("jira:ROAD-1", "gitlab:7"), 'no connection "gitlab"'),
        (("jira:ROAD-1", "github:#999"), "github:#999: no such record on github"),
        (("jira:ROAD-1", "https://github.com/acme/web/issues/999"), "issues/999: no such record"),
        (("jira:ROAD-1", "nonsense"), "names no record"),
    ],
)
def test_what_cannot_be_linked_is_one_line(office: Office, words: tuple[str, ...], said: str) -> None:
    office.boxes["jira"].add("One")
    office.boxes["jira"].add("Two")

    told = office.run("link", *words)

    assert told.code == 2
    assert said in told.err
    assert told.err.count("\n") == 1


def test_what_was_unlinked_is_left_alone_until_a_person_links_it_again(office: Office) -> None:
    office.boxes["jira"].add("Guest checkout")
    office.settled()
    issue = f"github:{office.key('github', 'Guest checkout')}"

    parted = office.run("unlink", issue, "--from", "github")
    office.edit("jira", "Guest checkout", title="Checkout")
    office.settled()
    apart = {t: list(office.titles(t)) for t in office.boxes}
    office.run("link", "jira:ROAD-1", issue)
    office.settled()

    assert parted.code == 0, parted.err
    assert f"parted {issue}; jira:ROAD-1 and linear:ENG-1 stay one item" in parted.out
    assert apart == {"jira": ["Checkout"], "github": ["Guest checkout"], "linear": ["Checkout"]}
    assert {t: list(office.titles(t)) for t in office.boxes} == everywhere(["Checkout"])


def test_an_item_is_taken_apart_and_nothing_of_it_is_made_again(office: Office) -> None:
    office.boxes["jira"].add("Guest checkout")
    office.settled()
    office.forget()

    parted = office.run("unlink", "linear:ENG-1", "--json")
    office.edit("jira", "Guest checkout", title="Checkout")
    done = office.run("sync", "--full")
    again = office.run("unlink", "linear:ENG-1")

    assert sorted(parted.doc["parted"]) == ["github", "jira", "linear"]
    assert parted.doc["kept"] == {}
    assert (done.code, office.writes()) == (0, NOTHING)
    assert links(office) == []
    assert (again.code, "linear:ENG-1 belongs to no item" in again.err) == (2, True)


def commands(office: Office) -> list[tuple[str, ...]]:
    file = reviewed(office, pair("jira:ROAD-1", "github:#1"))
    return [
        ("adopt",),
        ("adopt", "--apply", file.name),
        ("link", "jira:ROAD-1", "github:#1"),
        ("unlink", "jira:ROAD-1"),
    ]


def test_while_a_run_is_at_it_all_of_these_wait_and_then_say_busy(office: Office) -> None:
    office.boxes["jira"].add("Guest checkout")
    office.settled()
    before = links(office)

    with (office.folder / "syncer.db.roadmap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended: dict[str, Any] = {" ".join(w): office.run(*w, "--wait", "0") for w in commands(office)}

    assert {w: e.code for w, e in ended.items()} == dict.fromkeys(ended, 4)
    assert links(office) == before
