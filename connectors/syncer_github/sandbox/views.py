"""The sandbox's things in the JSON that GitHub answers, every documented member included."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from syncer_github.sandbox.state import BOT, World
from syncer_github.sandbox.things import Event, Hook, Issue, Label, Remark, Repo

Json = dict[str, Any]

GHOST = (10_137, "ghost")
"""The account GitHub shows in place of those who left."""
SITE = "https://github.com"
BORN = "2024-01-01T00:00:00Z"
_USER_PATHS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPO_PATHS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def told(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(what: str, number: int) -> str:
    return base64.b64encode(f"{what}:{number}".encode()).decode()


def _summary(issue: Issue) -> Json:
    total, done = len(issue.below), sum(one.state == "closed" for one in issue.below)
    return {"total": total, "completed": done, "percent_completed": 100 * done // total if total else 0}


class Views:
    """The JSON under one root URL, as the asker reached us."""

    def __init__(self, world: World, root: str) -> None:
        self.world = world
        self.root = root.rstrip("/")

    def user(self, account: str, kind: str = "User") -> Json:
        id_, login = self.world.user_id(account), self.world.shown(account)
        if account in self.world.departed:
            id_, login = GHOST
        if login.endswith("[bot]"):
            kind = "Bot"
        url = f"{self.root}/users/{login}"
        return {
            "login": login,
            "id": id_,
            "node_id": node_id("User", id_),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{id_}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{SITE}/{login}",
            **{name: url + path for name, path in _USER_PATHS.items()},
            "type": kind,
            "user_view_type": "public",
            "site_admin": False,
        }

    def me(self, login: str) -> Json:
        empty = dict.fromkeys(("company", "location", "email", "hireable", "bio", "twitter_username"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        return {
            **self.user(login),
            "name": login.replace("-", " ").title(),
            "blog": "",
            **empty,
            **counts,
            "created_at": BORN,
            "updated_at": BORN,
        }

    def repository(self, repo: Repo) -> Json:
        url = f"{self.root}/repos/{repo.full_name}"
        site = f"{SITE}/{repo.full_name}"
        as_app = self.world.shown(BOT).endswith("[bot]")
        push = self.world.push and not as_app
        waiting = sum(1 for i in repo.issues.values() if i.here and i.state == "open")
        zero = ("forks", "forks_count", "stargazers_count", "watchers", "watchers_count", "size")
        return {
            "id": repo.id,
            "node_id": node_id("Repository", repo.id),
            "name": repo.name,
            "full_name": repo.full_name,
            "private": repo.private,
            "visibility": "private" if repo.private else "public",
            "owner": self.user(repo.owner, "Organization"),
            "html_url": site,
            "description": None,
            "fork": False,
            "url": url,
            **{name: url + path for name, path in _REPO_PATHS.items()},
            "created_at": BORN,
            "updated_at": BORN,
            "pushed_at": BORN,
            "git_url": f"git://github.com/{repo.full_name}.git",
            "ssh_url": f"git@github.com:{repo.full_name}.git",
            "clone_url": f"{site}.git",
            "svn_url": site,
            "homepage": None,
            "language": None,
            "mirror_url": None,
            "license": None,
            "topics": [],
            "has_issues": repo.has_issues,
            "has_projects": True,
            "has_downloads": True,
            "has_wiki": True,
            "has_pages": False,
            "has_discussions": False,
            "archived": repo.archived,
            "disabled": False,
            "is_template": False,
            "allow_forking": True,
            "web_commit_signoff_required": False,
            "default_branch": "main",
            "open_issues": waiting,
            "open_issues_count": waiting,
            **dict.fromkeys(zero, 0),
            "network_count": 0,
            "subscribers_count": 1,
            "permissions": {
                # An app has permissions of its own, and none of these.
                "admin": self.world.admin and not as_app,
                "maintain": self.world.admin and not as_app,
                "push": push,
                "triage": push,
                "pull": not as_app,
            },
        }

    def label(self, repo: Repo, label: Label) -> Json:
        return {
            "id": label.id,
            "node_id": node_id("Label", label.id),
            "url": f"{self.root}/repos/{repo.full_name}/labels/{label.name.replace(' ', '%20')}",
            "name": label.name,
            "color": label.color,
            "default": label.default,
            "description": None,
        }

    def labels_on(self, repo: Repo, issue: Issue) -> list[Json]:
        return [self.label(repo, repo.labels[i]) for i in issue.labels]

    def issue(self, repo: Repo, issue: Issue) -> Json:
        home = f"{self.root}/repos/{repo.full_name}"
        url = f"{home}/issues/{issue.number}"
        people = [self.user(a) for a in issue.assignees]
        page = f"{SITE}/{repo.full_name}/{'pull' if issue.is_pull else 'issues'}/{issue.number}"
        return {
            "url": url,
            "repository_url": home,
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "timeline_url": f"{url}/timeline",
            "html_url": page,
            "id": issue.id,
            "node_id": node_id("Issue", issue.id),
            "number": issue.number,
            "title": issue.title,
            "user": self.user(issue.author),
            "labels": self.labels_on(repo, issue),
            "state": issue.state,
            "locked": issue.locked is not None,
            "assignee": people[0] if people else None,
            "assignees": people,
            "milestone": None,
            "comments": len(repo.talk.get(issue.number, ())),
            "created_at": told(issue.created),
            "updated_at": told(issue.updated),
            "closed_at": told(issue.closed_at) if issue.closed_at else None,
            "closed_by": self.user(issue.closed_by) if issue.closed_by else None,
            "author_association": "MEMBER",
            "active_lock_reason": issue.locked,
            "sub_issues_summary": _summary(issue),
            "issue_dependencies_summary": dict.fromkeys(
                ("blocked_by", "total_blocked_by", "blocking", "total_blocking"), 0
            ),
            "body": issue.body,
            "reactions": self._reactions(url),
            "performed_via_github_app": None,
            "state_reason": issue.reason,
            **self._above(issue),
            **self._type(issue),
            **self._pull(repo, issue),
        }

    def _above(self, issue: Issue) -> Json:
        """Return the member only sub-issues have; not for a parent the sync's account cannot see."""
        home = None if issue.above is None else self.world.home(issue.above)
        if issue.above is None or home is None or not home.visible or not self.world.says_parents:
            return {}
        return {"parent_issue_url": f"{self.root}/repos/{home.full_name}/issues/{issue.above.number}"}

    def _type(self, issue: Issue) -> Json:
        if not self.world.types:
            return {}
        return {"type": None if issue.type is None else self.type(issue.type)}

    def type(self, name: str) -> Json:
        id_ = 900 + self.world.types.index(name)
        return {
            "id": id_,
            "node_id": node_id("IssueType", id_),
            "name": name,
            "description": None,
            "color": "gray",
            "created_at": BORN,
            "updated_at": BORN,
            "is_enabled": True,
        }

    def _pull(self, repo: Repo, issue: Issue) -> Json:
        if not issue.is_pull:
            return {}
        page = f"{SITE}/{repo.full_name}/pull/{issue.number}"
        pull = {
            "url": f"{self.root}/repos/{repo.full_name}/pulls/{issue.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": None,
        }
        return {"draft": False, "pull_request": pull}

    def _reactions(self, url: str) -> Json:
        return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(_REACTIONS, 0)}

    def remark(self, repo: Repo, remark: Remark) -> Json:
        home = f"{self.root}/repos/{repo.full_name}/issues"
        url = f"{home}/comments/{remark.id}"
        return {
            "url": url,
            "html_url": f"{SITE}/{repo.full_name}/issues/{remark.number}#issuecomment-{remark.id}",
            "issue_url": f"{home}/{remark.number}",
            "id": remark.id,
            "node_id": node_id("IssueComment", remark.id),
            "user": self.user(remark.author),
            "created_at": told(remark.created),
            "updated_at": told(remark.updated),
            "body": remark.body,
            "minimized": None if remark.minimized is None else {"reason": remark.minimized},
            "author_association": "MEMBER",
            "reactions": self._reactions(url),
            "performed_via_github_app": None,
        }

    def organization(self, repo: Repo) -> Json:
        login, url = repo.owner, f"{self.root}/orgs/{repo.owner}"
        return {
            "login": login,
            "id": self.world.user_id(login),
            "node_id": node_id("Organization", self.world.user_id(login)),
            "url": url,
            "repos_url": f"{url}/repos",
            "events_url": f"{url}/events",
            "hooks_url": f"{url}/hooks",
            "issues_url": f"{url}/issues",
            "members_url": f"{url}/members{{/member}}",
            "public_members_url": f"{url}/public_members{{/member}}",
            "avatar_url": f"https://avatars.githubusercontent.com/u/{self.world.user_id(login)}?v=4",
            "description": None,
        }

    def hook(self, repo: Repo, hook: Hook) -> Json:
        """Return a webhook as the API shows it: never its secret."""
        url = f"{self.root}/repos/{repo.full_name}/hooks/{hook.id}"
        config = {
            "content_type": "form" if hook.form else "json",
            "insecure_ssl": hook.insecure_ssl,
            "url": hook.url,
            **({"secret": "********"} if hook.secret else {}),
        }
        return {
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": hook.active,
            "events": list(hook.events),
            "config": config,
            "updated_at": told(hook.updated),
            "created_at": told(hook.created),
            "url": url,
            "test_url": f"{url}/test",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": {"code": None, "status": "unused", "message": None},
        }

    def event(self, repo: Repo, event: Event) -> Json:
        facts = dict(event.facts)
        if "assignee" in facts:
            facts |= {"assignee": self.user(facts["assignee"]), "assigner": self.user(event.actor)}
        return {
            "id": event.id,
            "node_id": node_id("Event", event.id),
            "url": f"{self.root}/repos/{repo.full_name}/issues/events/{event.id}",
            "actor": self.user(event.actor),
            "event": event.event,
            "commit_id": None,
            "commit_url": None,
            "created_at": told(event.at),
            "performed_via_github_app": None,
            **facts,
        }

    def timeline(self, repo: Repo, issue: Issue) -> list[Json]:
        said: Iterable[Json] = (
            {**self.remark(repo, r), "event": "commented", "actor": self.user(r.author)}
            for r in repo.remarks_on(issue.number)
        )
        done = (self.event(repo, e) for e in issue.events)
        return sorted([*said, *done], key=lambda one: str(one["created_at"]))
