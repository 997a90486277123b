"""What [connections.<name>] may say for a Jira connection."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator

_ORDER_BY = re.compile(r"\border\s+by\b", re.IGNORECASE)
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class JiraSettings(BaseModel):
    """`url` is the site, or `https://api.atlassian.com/ex/jira/<cloudId>` for scoped tokens.

    `filter` is JQL: which records that are not linked yet may be linked or copied.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: str = "jira"
    url: str
    email: str | None = None
    token: SecretStr
    project: str
    filter: str | None = None
    edition: Literal["cloud", "datacenter"] | None = None

    @field_validator("url")
    @classmethod
    def _reachable_safely(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("not an http(s) URL")
        if parts.username or parts.password:
            raise ValueError("credentials do not belong into the URL; use email and token")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("plain http only to loopback; use https")
        return url.rstrip("/")

    @field_validator("project")
    @classmethod
    def _a_key(cls, project: str) -> str:
        if not _KEY.fullmatch(project):
            raise ValueError('not a project key, such as "ROAD"')
        return project

    @field_validator("filter")
    @classmethod
    def _a_condition(cls, jql: str | None) -> str | None:
        if jql is None or not jql.strip():
            return None
        bare = _QUOTED.sub("", jql)
        if _ORDER_BY.search(bare):
            raise ValueError("a filter is a condition: leave ORDER BY out")
        if not _is_balanced(bare) or '"' in bare or "'" in bare:
            raise ValueError("brackets or quotes are not closed")
        return jql.strip()

    @model_validator(mode="after")
    def _who(self) -> JiraSettings:
        if self.email is None and self.edition != "datacenter":
            raise ValueError("email is missing: the account the API token belongs to")
        return self


def _is_balanced(jql: str) -> bool:
    """Say whether every bracket is closed after it was opened: a stray one would end our own."""
    depth = 0
    for mark in jql:
        depth += {"(": 1, ")": -1}.get(mark, 0)
        if depth < 0:
            return False
    return depth == 0


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
