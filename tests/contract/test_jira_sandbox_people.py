"""What people do in the Jira sandbox to comments and whole issues, and what the API then refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.jira_bench import Bench
from tests.contract.test_jira_sandbox import DOC, Raw, raw

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def stamps(r: Raw, key: str) -> tuple[str, dict[str, str]]:
    """Return when the issue changed, and when each of its comments did."""
    _, issue = await r.ask("GET", f"/issue/{key}")
    notes = issue["fields"]["comment"]["comments"]
    return issue["fields"]["updated"], {n["id"]: n["updated"] for n in notes}


# -- comments --------------------------------------------------------------------------------------


async def test_a_reworded_comment_has_a_newer_stamp_and_says_who_did_it() -> None:
    async with raw() as r:
        key = r.sandbox.add("Talked about")
        said = r.sandbox.say(key, "First", by="omar")
        r.clock.forward(minutes=1)
        r.sandbox.reword(said, "Second")
        _, one = await r.ask("GET", f"/issue/{key}/comment/{said}")
        r.sandbox.reword(said, "Third", by="mia")
        _, two = await r.ask("GET", f"/issue/{key}/comment/{said}")

    assert [n["updateAuthor"]["displayName"] for n in (one, two)] == ["Omar Haddad", "Mia Chen"]
    assert one["created"] < one["updated"] < two["updated"]
    assert r.sandbox.show(key)["comments"][0]["body"].strip() == "Third"


@pytest.mark.parametrize("bumps", [True, False])
async def test_whether_comments_move_their_issue_s_stamp_is_an_option(bumps: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    async with raw(bumps=bumps) as r:
        key = r.sandbox.add("Talked about")
        said, lost = r.sandbox.say(key, "Stays"), r.sandbox.say(key, "Goes")
        r.clock.forward(minutes=1)
        before, old = await stamps(r, key)
        r.sandbox.reword(said, "Changed")
        reworded, new = await stamps(r, key)
        r.sandbox.unsay(lost)
        deleted, rest = await stamps(r, key)

    assert new[said] > old[said]
    assert set(rest) == {said}
    assert (before < reworded < deleted) is bumps
    assert (before == reworded == deleted) is not bumps


async def test_an_edit_that_does_not_repeat_the_visibility_lifts_it() -> None:
    """Harsher than documented: the contract does not say, so a client must not count on either."""
    async with raw() as r:
        key = r.sandbox.add("Talked about")
        said = r.sandbox.say(key, "For few", restricted=True)
        _, before = await r.ask("GET", f"/issue/{key}/comment/{said}")
        _, after = await r.ask("PUT", f"/issue/{key}/comment/{said}", {"body": DOC})

    assert ("visibility" in before, "visibility" in after) == (True, False)


async def test_outside_the_role_restricted_comments_do_not_exist() -> None:
    async with raw(in_role=False) as r:
        key = r.sandbox.add("Talked about")
        kept, said = r.sandbox.say(key, "For all"), r.sandbox.say(key, "For few", restricted=True)
        _, listed = await r.ask("GET", f"/issue/{key}/comment")
        answers = [(await r.ask(m, f"/issue/{key}/comment/{said}", {"body": DOC}))[0] for m in ("GET", "PUT", "DELETE")]

    assert ([n["id"] for n in listed["comments"]], listed["total"]) == ([kept], 1)
    assert answers == [404, 404, 404]


async def test_a_comment_is_found_on_its_own_issue_only() -> None:
    async with raw() as r:
        key, other = r.sandbox.add("Talked about"), r.sandbox.add("Other")
        said = r.sandbox.say(key, "Here")

        assert (await r.ask("GET", f"/issue/{other}/comment/{said}"))[0] == 404
        assert (await r.ask("DELETE", f"/issue/{key}/comment/{said}"))[0] == 204
        assert (await r.ask("DELETE", f"/issue/{key}/comment/{said}"))[0] == 404


@pytest.mark.parametrize("body", [{}, {"body": "a string"}, {"body": {**DOC, "content": []}}])
async def test_a_comment_is_not_edited_into_nothing(body: dict[str, Any]) -> None:
    async with raw() as r:
        key = r.sandbox.add("Talked about")
        said = r.sandbox.say(key, "Here")
        status, answer = await r.ask("PUT", f"/issue/{key}/comment/{said}", body)

    assert (status, set(answer["errors"])) == (400, {"comment"})


async def test_other_people_s_comments_need_more_permission_than_one_s_own() -> None:
    async with raw() as r:
        key = r.sandbox.add("Talked about")
        said = r.sandbox.say(key, "Theirs")
        _, ours = await r.ask("POST", f"/issue/{key}/comment", {"body": DOC})
        r.sandbox.rest.denied.update({"EDIT_ALL_COMMENTS", "DELETE_ALL_COMMENTS"})
        theirs = [(await r.ask(m, f"/issue/{key}/comment/{said}", {"body": DOC}))[0] for m in ("PUT", "DELETE")]
        own = [(await r.ask(m, f"/issue/{key}/comment/{ours['id']}", {"body": DOC}))[0] for m in ("PUT", "DELETE")]

    assert (theirs, own) == ([400, 400], [200, 204])


# -- archived --------------------------------------------------------------------------------------


async def test_an_archived_issue_is_read_by_id_alone_and_not_edited() -> None:
    async with raw() as r:
        key, below = r.sandbox.add("Put away"), ""
        below = r.sandbox.add("Sub-task", parent=key)
        said = r.sandbox.say(key, "Before")
        r.sandbox.archive(key)
        found = await r.keys("project = ROAD")
        _, issue = await r.ask("GET", f"/issue/{key}")
        writes = [
            await r.ask("PUT", f"/issue/{key}", {"fields": {"summary": "x"}}),
            await r.ask("PUT", f"/issue/{below}", {"fields": {"summary": "x"}}),
            await r.ask("POST", f"/issue/{key}/comment", {"body": DOC}),
            await r.ask("PUT", f"/issue/{key}/comment/{said}", {"body": DOC}),
            await r.ask("POST", f"/issue/{key}/transitions", {"transition": {"id": "1"}}),
            await r.ask("PUT", f"/issue/{key}/properties/x", {"a": 1}),
        ]
        assert issue["fields"]["archivedby"]["displayName"] == "Jane Doe"
        assert r.sandbox.keys() == [key, below]
        r.sandbox.restore(key)
        again = await r.keys("project = ROAD ORDER BY key ASC")

    assert (found, again) == ([], [key, below])
    assert [status for status, _ in writes] == [400] * 6
    assert {body["errorMessages"][0] for _, body in writes} == {writes[0][1]["errorMessages"][0]}


async def test_how_an_archived_issue_says_so_is_an_option() -> None:
    async with raw(tells_archived=False) as r:
        key = r.sandbox.add("Put away")
        r.sandbox.archive(key)
        _, issue = await r.ask("GET", f"/issue/{key}")

    assert not [name for name in issue["fields"] if name.startswith("archived")]


async def test_archiving_tells_what_it_did_and_what_it_could_not() -> None:
    async with raw() as r:
        key, other = r.sandbox.add("Put away"), r.sandbox.add("Other")
        below, beside = r.sandbox.add("Sub-task", parent=key), r.sandbox.add("Sub-task", parent=other)
        status, said = await r.ask("PUT", "/issue/archive", {"issueIdsOrKeys": [key, beside, "ROAD-99"]})
        again, refused = await r.ask("PUT", "/issue/archive", {"issueIdsOrKeys": [key]})
        alone, _ = await r.ask("PUT", "/issue/archive", {"issueIdsOrKeys": [beside]})
        _, back = await r.ask("PUT", "/issue/unarchive", {"issueIdsOrKeys": [key]})
        violations = Bench(r.sandbox, r.clock).violations()

    assert (status, said["numberOfIssuesUpdated"]) == (200, 2)
    assert {why: e["issueIdsOrKeys"] for why, e in said["errors"].items()} == {
        "issueIsSubtask": [beside],
        "issuesNotFound": ["ROAD-99"],
    }
    assert (again, refused["errorMessages"]) == (400, ["No valid issue to archive or unarchive. Bad request."])
    assert alone == 400
    assert back == {"numberOfIssuesUpdated": 2, "errors": {}}
    assert r.sandbox.keys() == [key, other, below, beside]
    assert violations == []


async def test_archiving_is_for_admins_on_a_premium_plan_and_a_thousand_at_most() -> None:
    async with raw() as r:
        key = r.sandbox.add("Stays")
        many, _ = await r.ask("PUT", "/issue/archive", {"issueIdsOrKeys": [str(n) for n in range(1001)]})
        no_list, _ = await r.ask("PUT", "/issue/archive", {"issueIdsOrKeys": key})
        r.sandbox.rest.denied.add("ADMINISTER")
        stranger, _ = await r.ask("PUT", "/issue/archive", {"issueIdsOrKeys": [key]})
    async with raw(premium=False) as r:
        standard, _ = await r.ask("PUT", "/issue/archive", {"issueIdsOrKeys": [r.sandbox.add("Stays")]})

    assert (many, no_list, stranger, standard) == (412, 400, 403, 403)


async def test_what_is_deleted_is_not_restored() -> None:
    async with raw() as r:
        key = r.sandbox.add("Deleted")
        r.sandbox.remove(key)

        with pytest.raises(TypeError):
            r.sandbox.restore(key)


# -- hidden, put away, renamed ---------------------------------------------------------------------


async def test_a_security_scheme_shows_itself_to_who_may_see_it() -> None:
    async with raw() as r:
        key, open_one = r.sandbox.add("Hidden"), r.sandbox.add("Shown")
        paths = ("/project/ROAD/issuesecuritylevelscheme", "/project/ROAD/securitylevel")
        without = [await r.ask("GET", p) for p in paths]
        r.sandbox.hide(key)
        r.sandbox.secure(open_one, ours=True)
        scheme, levels = [(await r.ask("GET", p))[1] for p in paths]
        _, shown = await r.ask("GET", f"/issue/{open_one}")
        hidden, _ = await r.ask("GET", f"/issue/{key}")
        r.sandbox.rest.denied.update({"ADMINISTER", "ADMINISTER_PROJECTS", "SET_ISSUE_SECURITY"})
        denied = [await r.ask("GET", p) for p in paths]

    assert [status for status, _ in without] == [404, 200]
    assert without[1][1] == {"levels": []}
    assert [level["name"] for level in scheme["levels"]] == ["Staff", "Board"]
    assert [level["name"] for level in levels["levels"]] == ["Staff"]
    assert (shown["fields"]["security"]["name"], hidden) == ("Staff", 404)
    assert [status for status, _ in denied] == [403, 200]
    assert denied[1][1] == {"levels": []}


async def test_a_project_put_away_says_so_and_its_issues_take_no_edits() -> None:
    async with raw() as r:
        key = r.sandbox.add("Inside")
        r.sandbox.shelve("archived")
        _, archived = await r.ask("GET", "/project/ROAD")
        read, _ = await r.ask("GET", f"/issue/{key}")
        write, _ = await r.ask("PUT", f"/issue/{key}", {"fields": {"summary": "x"}})
        search, _ = await r.search("project = ROAD")
        alone, _ = await r.ask("PUT", "/issue/archive", {"issueIdsOrKeys": [key]})
        r.sandbox.shelve("deleted")
        _, trashed = await r.ask("GET", "/project/ROAD")
        gone, _ = await r.ask("GET", f"/issue/{key}")

    assert (archived["archived"], trashed["deleted"]) == (True, True)
    assert (read, write, search, alone, gone) == (200, 400, 400, 400, 404)


async def test_a_renamed_project_answers_to_its_old_key_except_in_jql() -> None:
    async with raw() as r:
        key = r.sandbox.add("Inside")
        r.sandbox.rename("MAP")
        _, project = await r.ask("GET", "/project/ROAD")
        _, issue = await r.ask("GET", f"/issue/{key}")
        new = r.sandbox.add("Born later")

        assert (project["key"], issue["key"], new) == ("MAP", "MAP-1", "MAP-2")
        assert (await r.search("project = ROAD"))[0] == 400
        assert await r.keys("project = MAP ORDER BY key ASC") == ["MAP-1", "MAP-2"]
        assert r.sandbox.keys() == ["MAP-1", "MAP-2"]


async def test_deleting_an_issue_takes_its_sub_tasks_and_frees_its_other_children() -> None:
    async with raw() as r:
        epic = r.sandbox.add("Epic", kind="Epic")
        story = r.sandbox.add("Story", kind="Story", parent=epic)
        r.sandbox.add("Sub-task", parent=story)
        epic_gone, _ = await r.ask("DELETE", f"/issue/{epic}")
        _, orphan = await r.ask("GET", f"/issue/{story}")
        story_gone, _ = await r.ask("DELETE", f"/issue/{story}", deleteSubtasks="true")

    assert (epic_gone, story_gone) == (204, 204)
    assert "parent" not in orphan["fields"]
    assert r.sandbox.keys() == []
