"""Every GraphQL document we send. Only public, undeprecated fields of Linear's schema."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_PAGE = 250
"""Linear refuses 251. The dearest page of ours scores about 3,200 of the 10,000 points allowed."""
LARGEST_BATCH = 100
"""Ids asked for in one request."""

_PAGE = "pageInfo { hasNextPage endCursor }"

_ISSUE = """
fragment IssueCore on Issue {
  id identifier url title description
  priority estimate dueDate labelIds
  createdAt updatedAt archivedAt trashed
  team { id key }
  state { id name type }
  assignee { id email displayName }
  creator { id email displayName app }
  externalUserCreator { id name email }
  botActor { id type name userDisplayName }
  parent { id identifier }
  syncedWith { id service }
}
"""

_COMMENT = """
fragment CommentCore on Comment {
  id body createdAt updatedAt archivedAt url issueId
  issue { archivedAt }
  user { id email displayName app }
  externalUser { id name email }
  botActor { id type name userDisplayName }
}
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One document; `root` is the field of `data` that answers it."""

    name: str
    root: str
    text: str


PREFLIGHT = Operation(
    "Preflight",
    "viewer",
    """query Preflight {
  viewer { id name email app }
  organization { id name urlKey }
}""",
)

TEAMS = Operation(
    "TeamCatalog",
    "teams",
    f"""query TeamCatalog($first: Int!, $after: String) {{
  teams(first: $first, after: $after, includeArchived: true) {{
    nodes {{ id key name archivedAt issueEstimationType }}
    {_PAGE}
  }}
}}""",
)

STATES = Operation(
    "StateCatalog",
    "workflowStates",
    f"""query StateCatalog($first: Int!, $after: String) {{
  workflowStates(first: $first, after: $after, includeArchived: true) {{
    nodes {{ id name type position archivedAt team {{ id }} }}
    {_PAGE}
  }}
}}""",
)

LABELS = Operation(
    "LabelCatalog",
    "issueLabels",
    f"""query LabelCatalog($first: Int!, $after: String) {{
  issueLabels(first: $first, after: $after, includeArchived: true) {{
    nodes {{ id name isGroup archivedAt team {{ id }} }}
    {_PAGE}
  }}
}}""",
)

USERS = Operation(
    "UserCatalog",
    "users",
    f"""query UserCatalog($first: Int!, $after: String) {{
  users(first: $first, after: $after, includeDisabled: true) {{
    nodes {{ id name displayName email app active }}
    {_PAGE}
  }}
}}""",
)

ISSUES_DELTA = Operation(
    "IssuesDelta",
    "issues",
    f"""query IssuesDelta($team: String!, $filter: IssueFilter!, $first: Int!, $after: String) {{
  team(id: $team) {{ id }}
  issues(filter: $filter, first: $first, after: $after, orderBy: updatedAt, includeArchived: true) {{
    nodes {{ ...IssueCore }}
    {_PAGE}
  }}
}}{_ISSUE}""",
)

ISSUES_BY_IDS = Operation(
    "IssuesByIds",
    "issues",
    f"""query IssuesByIds($ids: [ID!]!, $first: Int!) {{
  issues(filter: {{ id: {{ in: $ids }} }}, first: $first, includeArchived: true) {{
    nodes {{ ...IssueCore }}
    {_PAGE}
  }}
}}{_ISSUE}""",
)

ISSUE_ONE = Operation(
    "IssueOne",
    "issue",
    f"""query IssueOne($id: String!) {{
  issue(id: $id) {{ ...IssueCore }}
}}{_ISSUE}""",
)

ISSUE_HISTORY = Operation(
    "IssueHistory",
    "issue",
    f"""query IssueHistory($id: String!, $first: Int!, $after: String) {{
  issue(id: $id) {{
    id
    history(first: $first, after: $after) {{
      nodes {{
        id createdAt actor {{ id }}
        fromStateId toStateId fromTitle toTitle updatedDescription
        fromPriority toPriority fromAssigneeId toAssigneeId
        addedLabelIds removedLabelIds fromDueDate toDueDate
        fromEstimate toEstimate fromParentId toParentId
      }}
      {_PAGE}
    }}
  }}
}}""",
)

COMMENTS_DELTA = Operation(
    "CommentsDelta",
    "comments",
    f"""query CommentsDelta($filter: CommentFilter!, $first: Int!, $after: String) {{
  comments(filter: $filter, first: $first, after: $after, orderBy: updatedAt, includeArchived: true) {{
    nodes {{ ...CommentCore }}
    {_PAGE}
  }}
}}{_COMMENT}""",
)

ISSUE_COMMENTS = Operation(
    "IssueComments",
    "comments",
    f"""query IssueComments($id: String!, $filter: CommentFilter!, $first: Int!, $after: String) {{
  issue(id: $id) {{ id }}
  comments(filter: $filter, first: $first, after: $after, includeArchived: true) {{
    nodes {{ ...CommentCore }}
    {_PAGE}
  }}
}}{_COMMENT}""",
)
"""Fails as a whole where the issue cannot be read: an empty list would say that all is deleted."""

TEAM_ONE = Operation(
    "TeamOne",
    "team",
    """query TeamOne($id: String!) {
  team(id: $id) { id }
}""",
)

ISSUE_CREATE = Operation(
    "IssueCreate",
    "issueCreate",
    f"""mutation IssueCreate($input: IssueCreateInput!) {{
  issueCreate(input: $input) {{ success issue {{ ...IssueCore }} }}
}}{_ISSUE}""",
)

ISSUE_UPDATE = Operation(
    "IssueUpdate",
    "issueUpdate",
    f"""mutation IssueUpdate($id: String!, $input: IssueUpdateInput!) {{
  issueUpdate(id: $id, input: $input) {{ success issue {{ ...IssueCore }} }}
}}{_ISSUE}""",
)

ISSUE_ARCHIVE = Operation(
    "IssueArchive",
    "issueArchive",
    f"""mutation IssueArchive($id: String!) {{
  issueArchive(id: $id, trash: false) {{ success entity {{ ...IssueCore }} }}
}}{_ISSUE}""",
)

COMMENT_CREATE = Operation(
    "CommentCreate",
    "commentCreate",
    f"""mutation CommentCreate($input: CommentCreateInput!) {{
  commentCreate(input: $input) {{ success comment {{ ...CommentCore }} }}
}}{_COMMENT}""",
)

COMMENT_UPDATE = Operation(
    "CommentUpdate",
    "commentUpdate",
    f"""mutation CommentUpdate($id: String!, $input: CommentUpdateInput!) {{
  commentUpdate(id: $id, input: $input) {{ success comment {{ ...CommentCore }} }}
}}{_COMMENT}""",
)

COMMENT_DELETE = Operation(
    "CommentDelete",
    "commentDelete",
    """mutation CommentDelete($id: String!) {
  commentDelete(id: $id) { success }
}""",
)

LABEL_CREATE = Operation(
    "LabelCreate",
    "issueLabelCreate",
    """mutation LabelCreate($input: IssueLabelCreateInput!) {
  issueLabelCreate(input: $input) { success issueLabel { id name isGroup team { id } } }
}""",
)

_HOOK = "id url enabled resourceTypes allPublicTeams team { id }"

WEBHOOKS = Operation(
    "Webhooks",
    "webhooks",
    f"""query Webhooks($first: Int!, $after: String) {{
  webhooks(first: $first, after: $after) {{
    nodes {{ {_HOOK} }}
    {_PAGE}
  }}
}}""",
)
"""Never with `secret`: nobody needs to read it."""

WEBHOOK_CREATE = Operation(
    "WebhookCreate",
    "webhookCreate",
    f"""mutation WebhookCreate($input: WebhookCreateInput!) {{
  webhookCreate(input: $input) {{ success webhook {{ {_HOOK} }} }}
}}""",
)

WEBHOOK_UPDATE = Operation(
    "WebhookUpdate",
    "webhookUpdate",
    f"""mutation WebhookUpdate($id: String!, $input: WebhookUpdateInput!) {{
  webhookUpdate(id: $id, input: $input) {{ success webhook {{ {_HOOK} }} }}
}}""",
)

WEBHOOK_DELETE = Operation(
    "WebhookDelete",
    "webhookDelete",
    """mutation WebhookDelete($id: String!) {
  webhookDelete(id: $id) { success }
}""",
)

ALL = (
    PREFLIGHT,
    TEAMS,
    TEAM_ONE,
    STATES,
    LABELS,
    USERS,
    ISSUES_DELTA,
    ISSUES_BY_IDS,
    ISSUE_ONE,
    ISSUE_HISTORY,
    COMMENTS_DELTA,
    ISSUE_COMMENTS,
    ISSUE_CREATE,
    ISSUE_UPDATE,
    ISSUE_ARCHIVE,
    COMMENT_CREATE,
    COMMENT_UPDATE,
    COMMENT_DELETE,
    LABEL_CREATE,
    WEBHOOKS,
    WEBHOOK_CREATE,
    WEBHOOK_UPDATE,
    WEBHOOK_DELETE,
)
