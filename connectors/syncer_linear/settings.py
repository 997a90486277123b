"""What [connections.<name>] may say for Linear."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_CLIENT = ("client_id", "client_secret")
ENDPOINT = "https://api.linear.app/graphql"


class LinearSettings(BaseModel):
    """One team, by its key ("ENG") or id, and what reaches it: a key or OAuth token, or an application's own
    credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: Literal["linear"] = "linear"
    url: str = ENDPOINT
    team: str = Field(min_length=1)
    token: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            message = "must be an http(s) address"
            raise ValueError(message)
        if parts.scheme == "http" and not _loopback(parts.hostname):
            message = "plain http is only for this machine; use https"
            raise ValueError(message)
        return url

    @field_validator("team")
    @classmethod
    def _trimmed(cls, team: str) -> str:
        return team.strip()

    @field_validator("token", "client_id", "client_secret")
    @classmethod
    def _present(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not secret.get_secret_value().strip():
            message = "is empty"
            raise ValueError(message)
        return secret

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        said = [name for name in _CLIENT if getattr(self, name) is not None]
        if self.token is not None and said:
            message = f"says token and {said[0]}: a token, or an application ({' and '.join(_CLIENT)}), not both"
            raise ValueError(message)
        if self.token is None and len(said) < len(_CLIENT):
            missing = next(name for name in _CLIENT if name not in said)
            message = f"{missing} is missing" if said else "token is missing; or client_id and client_secret"
            raise ValueError(message)
        return self


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
