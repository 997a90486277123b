"""A GitHub App's settings, its key, and the claims it signs."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import SecretStr, ValidationError

from syncer.config import Connection
from syncer.config.load import load
from syncer.errors import CredentialsError
from syncer.inspection import setting_of
from syncer.log import redact
from syncer_github import GitHub
from syncer_github.jwt import Signer, private_key
from syncer_github.sandbox.apps import OURS, key, pem
from syncer_github.settings import GitHubSettings

NOW = datetime(2026, 11, 2, 15, 0, 30, tzinfo=UTC)
APP = {"app_id": 4711, "installation_id": 52, "private_key": "-----BEGIN"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def settings(**said: Any) -> GitHubSettings:
    return GitHubSettings.model_validate({"repository": "acme/web", **said})


def parts(jwt: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in jwt.split(".")]


@pytest.mark.parametrize("app_id", [4711, "4711", "Iv23liAbCdEf"])
def test_an_app_is_named_by_its_number_or_its_client_id(app_id: object) -> None:
    assert settings(**{**APP, "app_id": app_id}).app_id == str(app_id)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({}, "token is missing; or, for a GitHub App, app_id, installation_id, private_key"),
        ({"token": "t0ken", **APP}, "not both"),
        ({"token": "t0ken", "app_id": 1}, "not both"),
        ({"app_id": 1}, "installation_id and private_key missing"),
        ({**APP, "private_key": None}, "private_key missing"),
    ],
)
def test_it_is_a_token_or_a_whole_app(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        settings(**said)


@pytest.mark.parametrize("wrong", [{"app_id": "two words"}, {"app_id": True}, {"installation_id": 0}])
def test_what_is_no_id_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**{**APP, **wrong})


def test_the_key_does_not_show() -> None:
    assert "BEGIN" not in repr(settings(**APP))


def test_claims_begin_a_minute_ago_and_end_within_ten() -> None:
    head, claims, _ = parts(Signer("4711", SecretStr(pem())).jwt(NOW))

    assert json.loads(head) == {"alg": "RS256", "typ": "JWT"}
    now = int(NOW.timestamp())
    assert json.loads(claims) == {"iss": 4711, "iat": now - 60, "exp": now + 540}


def test_claims_are_signed_with_the_key() -> None:
    jwt = Signer("Iv23liAbCdEf", SecretStr(pem())).jwt(NOW)

    said, _, _ = jwt.rpartition(".")
    key(OURS).public_key().verify(parts(jwt)[2], said.encode(), PKCS1v15(), SHA256())


def test_a_key_may_be_written_on_one_line() -> None:
    assert private_key(SecretStr(pem().replace("\n", "\\n"))).private_numbers() == key(OURS).private_numbers()


def test_a_key_is_hidden_line_by_line() -> None:
    private_key(SecretStr(pem()))

    assert pem().splitlines()[3] not in redact(f"line 3: {pem().splitlines()[3]}")


def elliptic() -> str:
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()


def locked() -> str:
    shut = form.BestAvailableEncryption(b"password")
    return key(OURS).private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, shut).decode()


@pytest.mark.parametrize("wrong", ["", "MIIEpAIBAAKCAQEA", elliptic(), locked(), pem()[:600]])
def test_what_is_no_rsa_key_is_said_without_a_letter_of_it(wrong: str) -> None:
    with pytest.raises(CredentialsError, match=r"^private_key is no RSA key in PEM: give the whole \.pem file"):
        private_key(SecretStr(wrong))


CONFIG = """
[connections.github]
connector = "github"
repository = "acme/web"
url = "{url}"
app_id = 4711
installation_id = 52
private_key = "file:app.pem"
"""


def configured(folder: Path, url: str = "https://ghe.acme.example/api/v3") -> Connection:
    (folder / "app.pem").write_text(pem())
    (folder / "config.toml").write_text(CONFIG.format(url=url))
    return load(folder / "config.toml").connections["github"]


def test_the_key_is_a_file_that_the_config_refers_to(tmp_path: Path) -> None:
    options = configured(tmp_path).options

    assert isinstance(options, GitHubSettings)
    assert options.private_key is not None
    assert private_key(options.private_key).private_numbers() == key(OURS).private_numbers()


@pytest.mark.anyio
async def test_an_enterprise_server_is_asked_under_its_own_root(tmp_path: Path) -> None:
    asked: list[str] = []

    def nobody(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(404, json={"message": "Not Found"})

    setting = setting_of(configured(tmp_path))
    connector = GitHub().connect(replace(setting, transport=httpx.MockTransport(nobody)))

    with pytest.raises(CredentialsError):
        await connector.open()

    await connector.close()
    assert asked == ["https://ghe.acme.example/api/v3/app/installations/52"]
