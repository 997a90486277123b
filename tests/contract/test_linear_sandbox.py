"""The sandbox refuses what Linear refuses and answers as Linear answers, asked over plain HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from graphql import GraphQLError, parse

from syncer.sdk.sandbox import Sandbox, serve
from syncer_linear.sandbox import KEY, OAUTH, LinearSandbox
from syncer_linear.sandbox.rows import Ways
from tests.contract.linear_bench import Clock, need_official, official_operations

CREATE = "mutation C($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { id identifier title state { name } team { key } creator { displayName } } } }"  # noqa: E501 -- one operation, as it goes over the wire
UPDATE = "mutation U($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success issue { identifier previousIdentifiers labelIds trashed archivedAt description state { name } parent { id } } } }"  # noqa: E501 -- one operation, as it goes over the wire
LIST = "query L($filter: IssueFilter, $first: Int, $after: String, $orderBy: PaginationOrderBy, $all: Boolean) { issues(filter: $filter, first: $first, after: $after, orderBy: $orderBy, includeArchived: $all) { nodes { id title } pageInfo { hasNextPage endCursor } } }"  # noqa: E501 -- one operation, as it goes over the wire

SAY = "mutation S($input: CommentCreateInput!) { commentCreate(input: $input) { comment { id updatedAt } } }"
REWORD = "mutation R($id: String!, $input: CommentUpdateInput!) { commentUpdate(id: $id, input: $input) { comment { updatedAt editedAt } } }"  # noqa: E501 -- one operation, as it goes over the wire
UNSAY = "mutation D($id: String!) { commentDelete(id: $id) { success entityId } }"
STAMP = "query I($id: String!) { issue(id: $id) { updatedAt } }"
TALK = {
    "default": "query T($id: String!) { comments { nodes { body } } issue(id: $id) { comments { nodes { body } } } }",
    "archived": "query T($id: String!) { comments(includeArchived: true) { nodes { body } } issue(id: $id) { comments(includeArchived: true) { nodes { body } } } }",  # noqa: E501 -- one operation, as it goes over the wire
}


class Client:
    """A stranger's client: any query, any header."""

    def __init__(self, url: str, sandbox: LinearSandbox) -> None:
        self.url, self.sandbox = url, sandbox
        self.http = httpx.Client(timeout=10)

    def post(self, query: str, key: str | None = KEY, **variables: Any) -> httpx.Response:
        headers = {} if key is None else {"Authorization": key}
        return self.http.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, headers=headers)

    def data(self, query: str, **variables: Any) -> Any:
        answer = self.post(query, **variables)
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    def refusal(self, query: str, **variables: Any) -> Any:
        answer = self.post(query, **variables)
        assert answer.json()["data"] is None, answer.text
        return answer.status_code, answer.json()["errors"][0]

    def made(self, **given: Any) -> Any:
        return self.data(CREATE, input={"teamId": self.sandbox.team.id, "title": "One", **given})["issueCreate"][
            "issue"
        ]

    def titles(self, **variables: Any) -> list[str]:
        return [node["title"] for node in self.data(LIST, **variables)["issues"]["nodes"]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> Iterator[Client]:
    sandbox = LinearSandbox(clock=clock, groups=["Area"])
    with serve(sandbox.wire) as url:
        found = Client(url, sandbox)
        yield found
        found.http.close()


def test_it_is_a_sandbox_as_the_demo_knows_them() -> None:
    sandbox: Sandbox = LinearSandbox()

    assert sandbox.keys() == []


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 401, "AUTHENTICATION_ERROR"),
        ("lin_api_no", 401, "AUTHENTICATION_ERROR"),
        (f"Bearer {KEY}", 400, "INPUT_ERROR"),
    ],
)
def test_only_a_key_alone_or_a_token_behind_bearer_gets_in(
    client: Client, key: str | None, status: int, code: str
) -> None:
    answer = client.post("{ viewer { id } }", key)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["extensions"]["code"] == code
    assert client.post("{ viewer { id } }", f"Bearer {OAUTH}").status_code == 200


def test_a_query_beyond_the_schema_is_a_400(client: Client) -> None:
    answer = client.post("{ viewer { shoeSize } }")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_a_new_issue_starts_in_the_backlog(client: Client) -> None:
    issue = client.made()

    assert issue["state"]["name"] == "Backlog"
    assert issue["identifier"] == "ENG-1"
    assert issue["creator"]["displayName"] == "syncer"


def test_an_id_used_twice_is_a_conflict_on_http_200(client: Client) -> None:
    id_ = str(uuid.uuid4())
    client.made(id=id_)

    status, error = client.refusal(CREATE, input={"id": id_, "teamId": client.sandbox.team.id, "title": "Two"})

    assert status == 200
    assert error["message"] == "conflict on insert of Issue"
    assert error["extensions"]["userPresentableMessage"] == f"Entity Issue with id {id_} already exists."
    assert error["extensions"]["code"] == "INPUT_ERROR"


@pytest.mark.parametrize("id_", ["1", str(uuid.uuid5(uuid.NAMESPACE_URL, "x")), "0f8fad5bd9cb469fa16570867728950e"])
def test_an_id_must_be_a_v4_uuid(client: Client, id_: str) -> None:
    status, error = client.refusal(CREATE, input={"id": id_, "teamId": client.sandbox.team.id, "title": "Two"})

    assert (status, error["message"]) == (200, "Argument Validation Error")


@pytest.mark.parametrize("first", [0, 251])
def test_a_page_is_1_to_250(client: Client, first: int) -> None:
    _, error = client.refusal(LIST, first=first)

    assert error["message"] == "Argument Validation Error"
    assert error["extensions"]["code"] == "INVALID_INPUT"


def test_lists_are_newest_first_by_either_stamp(client: Client, clock: Clock) -> None:
    old, new = client.sandbox.add("Old"), client.sandbox.add("New")
    clock.forward(minutes=1)
    client.sandbox.edit(old, priority=1)

    assert client.titles() == ["New", "Old"]
    assert client.titles(orderBy="updatedAt") == ["Old", "New"]
    assert new == "ENG-2"


def test_pages_join_without_a_gap(client: Client) -> None:
    for number in range(5):
        client.sandbox.add(str(number))

    first = client.data(LIST, first=3)["issues"]
    rest = client.data(LIST, first=3, after=first["pageInfo"]["endCursor"])["issues"]

    assert [node["title"] for node in first["nodes"] + rest["nodes"]] == ["4", "3", "2", "1", "0"]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)


def test_a_default_page_has_50(client: Client) -> None:
    for number in range(51):
        client.sandbox.add(str(number))

    assert len(client.titles()) == 50


def test_archived_and_trashed_issues_need_asking_for(client: Client) -> None:
    client.sandbox.archive(client.sandbox.add("Shelved"))
    client.sandbox.remove(client.sandbox.add("Binned"))

    assert client.titles() == []
    assert client.titles(all=True) == ["Binned", "Shelved"]


def test_filters_join_their_conditions(client: Client, clock: Clock) -> None:
    client.sandbox.add("Old")
    clock.forward(hours=1)
    key = client.sandbox.add("New")
    id_ = client.sandbox.space.issue(key).id
    team = {"team": {"key": {"eq": "ENG"}}}

    assert client.titles(filter={**team, "updatedAt": {"gte": clock().isoformat()}}) == ["New"]
    assert client.titles(filter={"updatedAt": {"lt": "-PT30M"}}) == ["Old"]
    assert client.titles(filter={"id": {"in": [id_, str(uuid.uuid4())]}}) == ["New"]
    assert client.titles(filter={"or": [{"id": {"eq": id_}}, {"number": {"lte": 1}}]}) == ["New", "Old"]
    assert client.titles(filter={"team": {"id": {"eq": client.sandbox.other.id}}}) == []


def test_comments_are_filtered_by_their_issues_team(client: Client) -> None:
    query = "query Q($f: CommentFilter) { comments(filter: $f) { nodes { body } } }"
    client.sandbox.say(client.sandbox.add("One"), "hello")

    def said(key: str) -> list[str]:
        where = {"issue": {"team": {"key": {"eq": key}}}}
        return [node["body"] for node in client.data(query, f=where)["comments"]["nodes"]]

    assert said("ENG") == ["hello"]
    assert said("OPS") == []


def test_what_is_not_there_is_an_entity_not_found(client: Client) -> None:
    status, error = client.refusal("query Q($id: String!) { issue(id: $id) { id } }", id=str(uuid.uuid4()))

    assert status == 200
    assert error["message"] == "Entity not found: Issue"


@pytest.mark.parametrize(
    "given", [{"stateId": "x"}, {"assigneeId": "x"}, {"labelIds": ["x"]}, {"parentId": "x"}, {"teamId": "x"}]
)
def test_unknown_ids_are_refused_and_nothing_is_written(client: Client, given: dict[str, Any]) -> None:
    key = client.sandbox.add("One")

    _, error = client.refusal(UPDATE, id=key, input={"title": "Two", **given})

    assert error["message"].startswith("Entity not found")
    assert client.sandbox.show(key)["title"] == "One"


def test_another_teams_state_is_refused(client: Client) -> None:
    theirs = client.sandbox.space.state_named(client.sandbox.other, "Done")
    key = client.sandbox.add("One")

    client.refusal(UPDATE, id=key, input={"stateId": theirs.id})

    assert client.sandbox.show(key)["status"] == "Backlog"


def test_a_group_of_labels_is_refused(client: Client) -> None:
    group = next(label for label in client.sandbox.space.labels.values() if label.group)

    client.refusal(UPDATE, id=client.sandbox.add("One"), input={"addedLabelIds": [group.id]})


def test_label_ids_replace_and_deltas_do_not(client: Client) -> None:
    key = client.sandbox.add("One", labels=["a", "b"])
    ids = {label.name: label.id for label in client.sandbox.space.labels.values()}

    client.data(UPDATE, id=key, input={"removedLabelIds": [ids["a"]]})
    assert client.sandbox.show(key)["labels"] == ["b"]
    client.data(UPDATE, id=key, input={"labelIds": [ids["a"]]})
    assert client.sandbox.show(key)["labels"] == ["a"]


def test_a_move_rewrites_the_identifier_and_keeps_the_old_one(client: Client) -> None:
    key = client.sandbox.add("One", status="Done")

    moved = client.data(UPDATE, id=key, input={"teamId": client.sandbox.other.id})["issueUpdate"]["issue"]

    assert (moved["identifier"], moved["previousIdentifiers"]) == ("OPS-1", ["ENG-1"])
    assert moved["state"]["name"] == "Done"
    assert client.data('query Q { issue(id: "ENG-1") { identifier } }')["issue"]["identifier"] == "OPS-1"


def test_trash_by_update_archives_and_null_restores(client: Client) -> None:
    key = client.sandbox.add("One")

    trashed = client.data(UPDATE, id=key, input={"trashed": True})["issueUpdate"]["issue"]
    back = client.data(UPDATE, id=key, input={"trashed": None})["issueUpdate"]["issue"]

    assert trashed["trashed"]
    assert trashed["archivedAt"]
    assert (back["trashed"], back["archivedAt"]) == (None, None)


def test_an_issue_cannot_be_above_itself(client: Client) -> None:
    above = client.sandbox.add("Above")
    below = client.sandbox.add("Below", parent=above)

    client.refusal(UPDATE, id=above, input={"parentId": below})


def test_markdown_comes_back_in_linears_spelling(client: Client) -> None:
    key = client.sandbox.add("One")

    stored = client.data(UPDATE, id=key, input={"description": "- a\n- [x] b  \n"})["issueUpdate"]["issue"]

    assert stored["description"] == "* a\n* [X] b"


def test_a_label_name_is_taken_once(client: Client) -> None:
    client.sandbox.add("One", labels=["Bug"])

    client.refusal(
        "mutation L($input: IssueLabelCreateInput!) { issueLabelCreate(input: $input) { success } }",
        input={"name": "bug"},
    )


def test_every_answer_says_what_is_left(client: Client) -> None:
    before = client.post("{ viewer { id } }").headers
    after = client.post("{ viewer { id } }").headers

    assert int(after["x-ratelimit-requests-remaining"]) == int(before["x-ratelimit-requests-remaining"]) - 1
    assert after["x-complexity"] == "2"
    assert len(after["x-ratelimit-complexity-reset"]) == 13  # epoch milliseconds


def test_an_empty_bucket_refuses_with_400_and_fills_up_again(client: Client, clock: Clock) -> None:
    client.post("{ viewer { id } }")
    client.sandbox.budgets.requests.level = 0.0

    refused = client.post("{ viewer { id } }")
    clock.forward(seconds=2)

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATELIMITED"
    assert refused.headers["x-ratelimit-requests-remaining"] == "0"
    assert client.post("{ viewer { id } }").status_code == 200


def test_a_query_of_more_than_10_000_points_is_refused(client: Client) -> None:
    answer = client.post("{ issues(first: 250) { nodes { id labels(first: 50) { nodes { id name } } } } }")

    assert answer.status_code == 400
    assert "complex" in answer.json()["errors"][0]["message"]


def test_the_recommended_operations_run_on_it(client: Client) -> None:
    need_official()
    document = official_operations()
    key = client.sandbox.add("One", labels=["a"], assignees=["jane"])
    client.sandbox.say(key, "hello")
    ours = str(uuid.uuid4())
    given: dict[str, dict[str, Any]] = {
        "TeamCatalog": {"first": 50},
        "StateCatalog": {"first": 50},
        "LabelCatalog": {"first": 50},
        "UserCatalog": {"first": 50},
        "IssuesDelta": {"first": 50, "filter": {"team": {"key": {"eq": "ENG"}}}},
        "IssuesByIds": {"first": 1, "ids": [client.sandbox.space.issue(key).id]},
        "IssueIdSweep": {"first": 50, "teamId": client.sandbox.team.id},
        "CommentsDelta": {"first": 50, "filter": {"issue": {"team": {"key": {"eq": "ENG"}}}}},
        "IssueArchive": {"id": key},
        "IssueUnarchive": {"id": key},
        "IssueUpdate": {"id": key, "input": {"title": "Two"}},
        "CommentCreate": {"input": {"issueId": key, "body": "more", "id": ours}},
        "CommentUpdate": {"id": ours, "input": {"body": "other"}},
        "CommentDelete": {"id": ours},
        "LabelCreate": {"input": {"name": "b", "teamId": client.sandbox.team.id}},
        "IssueCreate": {"input": {"title": "Three", "teamId": client.sandbox.team.id}},
        "IssueDelete": {"id": key},
    }
    for name, variables in given.items():
        assert client.data(_alone(document, name), **variables), name


def _alone(document: str, name: str) -> str:
    """Return one operation of *document* with the fragments it needs."""
    parsed = parse(document)
    parts = {
        d.name.value: d.loc.source.body[d.loc.start : d.loc.end]
        for d in parsed.definitions
        if hasattr(d, "name") and d.name and d.loc
    }
    needed, text = [name], ""
    while needed:
        part = parts[needed.pop()]
        text += part + "\n"
        needed += [n for n in parts if f"...{n}" in part.replace(" ", "") and parts[n] not in text]
    return text


def test_history_is_silent_for_three_minutes(client: Client, clock: Clock) -> None:
    query = "query H($id: String!) { issue(id: $id) { history { nodes { toTitle actor { displayName } } } } }"
    key = client.sandbox.add("One")
    client.sandbox.edit(key, title="Two")
    clock.forward(minutes=4)
    client.sandbox.edit(key, by="mia", title="Three")

    told = client.data(query, id=key)["issue"]["history"]["nodes"]

    assert json.dumps(told) == json.dumps([{"toTitle": "Three", "actor": {"displayName": "mia"}}])


def test_a_comment_is_changed_by_its_author_or_an_admin_only(client: Client) -> None:
    key = client.sandbox.add("One")
    theirs = client.sandbox.say(key, "Mine", by="mia")

    for query, variables in ((REWORD, {"input": {"body": "Changed"}}), (UNSAY, {})):
        _, error = client.refusal(query, id=theirs, **variables)
        assert error["extensions"]["code"] == "FORBIDDEN"
    with pytest.raises(GraphQLError):
        client.sandbox.reword(theirs, "Changed", by="omar")
    client.sandbox.reword(theirs, "Moderated", by="jane")

    assert [note["body"] for note in client.sandbox.show(key)["comments"]] == ["Moderated"]


def test_a_changed_comment_moves_its_own_stamp_and_not_that_of_its_issue(client: Client, clock: Clock) -> None:
    key = client.sandbox.add("One")
    ours = client.data(SAY, input={"issueId": key, "body": "Ours"})["commentCreate"]["comment"]
    before = client.data(STAMP, id=key)
    clock.forward(minutes=1)

    edited = client.data(REWORD, id=ours["id"], input={"body": "Changed"})["commentUpdate"]["comment"]
    client.data(UNSAY, id=ours["id"])

    assert edited["updatedAt"] == edited["editedAt"] > ours["updatedAt"]
    assert client.data(STAMP, id=key) == before


@pytest.mark.parametrize("tombstones", [False, True])
def test_a_deleted_comment_is_in_no_default_list(clock: Clock, *, tombstones: bool) -> None:
    sandbox = LinearSandbox(clock=clock, ways=Ways(tombstones=tombstones))
    with serve(sandbox.wire) as url:
        client = Client(url, sandbox)
        key = sandbox.add("One")
        sandbox.unsay(sandbox.say(key, "Gone"))

        listed = {name: client.data(query, id=key) for name, query in TALK.items()}
        client.http.close()

    kept = [{"body": "Gone"}] if tombstones else []
    assert listed["default"]["comments"]["nodes"] == listed["default"]["issue"]["comments"]["nodes"] == []
    assert listed["archived"]["comments"]["nodes"] == listed["archived"]["issue"]["comments"]["nodes"] == kept


def test_a_comment_deleted_twice_is_not_found(client: Client) -> None:
    ours = client.data(SAY, input={"issueId": client.sandbox.add("One"), "body": "Ours"})["commentCreate"]["comment"]

    client.data(UNSAY, id=ours["id"])
    _, error = client.refusal(UNSAY, id=ours["id"])

    assert error["message"] == "Entity not found: Comment"


def test_what_is_in_a_private_team_is_not_there_for_us(client: Client) -> None:
    key = client.sandbox.add("Hidden")
    said = client.sandbox.say(key, "Hello")
    child = client.sandbox.add("Child", parent=key)
    client.sandbox.hide(key)

    assert client.titles(all=True) == ["Child"]
    assert client.data("{ comments { nodes { id } } teams { nodes { key } } }") == {
        "comments": {"nodes": []},
        "teams": {"nodes": [{"key": "OPS"}, {"key": "ENG"}]},
    }
    assert (
        client.data("query P($id: String!) { issue(id: $id) { parent { id } } }", id=child)["issue"]["parent"] is None
    )
    for query, variables in (
        (UPDATE, {"id": key, "input": {"title": "Seen"}}),
        (UPDATE, {"id": child, "input": {"parentId": key}}),
        (UPDATE, {"id": child, "input": {"teamId": client.sandbox.hidden.id}}),
        (SAY, {"input": {"issueId": key, "body": "Seen"}}),
        (UNSAY, {"id": said}),
        (STAMP, {"id": key}),
    ):
        assert client.refusal(query, **variables)[1]["message"].startswith("Entity not found")


def test_an_issue_that_comes_back_to_its_team_has_its_number_again(client: Client) -> None:
    key = client.sandbox.add("Wanderer")
    there = client.sandbox.move(key)
    client.sandbox.add("Next")

    assert (key, there, client.sandbox.move(there, to="ENG")) == ("ENG-1", "OPS-1", "ENG-1")
    assert client.data('{ issue(id: "OPS-1") { identifier } }')["issue"]["identifier"] == "ENG-1"
    assert client.sandbox.keys() == ["ENG-1", "ENG-2"]


def test_what_was_deleted_for_good_cannot_be_restored(client: Client) -> None:
    key = client.sandbox.add("One")
    client.sandbox.purge(key)

    with pytest.raises(TypeError, match="for good"):
        client.sandbox.restore(key)
