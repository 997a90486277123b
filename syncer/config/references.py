"""Secrets by reference: env:NAME, file:PATH, keyring:service/user. Values are never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from syncer.errors import ConfigError
from syncer.log import hide

_REFERENCE = re.compile(r"(?P<kind>env|file|keyring):(?P<rest>.*)", re.DOTALL)


def is_reference(said: str) -> bool:
    return _REFERENCE.fullmatch(said) is not None


def check(reference: str) -> None:
    """Raise `ConfigError` if *reference* has not the shape of one. Nothing is looked up."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ConfigError(
            "a secret does not belong in a file.",
            fix='Refer to it: "env:NAME", "file:/run/secrets/name" or "keyring:service/user".',
        )
    service, slash, user = match["rest"].rpartition("/")
    if not match["rest"].strip():
        raise ConfigError(f'nothing follows "{match["kind"]}:".')
    if match["kind"] == "keyring" and not (service and slash and user):
        raise ConfigError(f'"{reference}" does not say keyring:service/user.')


def resolve(reference: str, *, base: Path, environ: Mapping[str, str] | None = None) -> SecretStr:
    """Return the secret *reference* points to and hide it from every log; paths are relative to *base*.

    Raises `ConfigError`, which names the reference but never a value, if there is none.
    """
    check(reference)
    kind, _, rest = reference.partition(":")
    match kind:
        case "env":
            secret = _from_environment(rest, os.environ if environ is None else environ)
        case "file":
            secret = _from_file(base / Path(rest).expanduser())
        case _:
            secret = _from_keyring(rest)
    hide(secret)
    return SecretStr(secret)


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    secret = environ.get(name, "").strip()
    if not secret:
        said = "empty" if name in environ else "not set"
        raise ConfigError(f"the environment variable {name} is {said}.", fix=f"Type: export {name}=...")
    return secret


def _from_file(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"the secret file {path} cannot be read ({reason}).") from None
    if not secret:
        raise ConfigError(f"the secret file {path} is empty.")
    return secret


def _from_keyring(rest: str) -> str:
    import keyring  # noqa: PLC0415 -- slow to import, and seldom needed
    import keyring.errors  # noqa: PLC0415 -- as above

    service, _, user = rest.rpartition("/")
    try:
        secret = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise ConfigError(
            f"the keyring does not answer ({type(error).__name__}).", fix="Use env: or file: instead."
        ) from None
    if not secret:
        raise ConfigError(
            f"the keyring has no secret for {user} at {service}.", fix=f"Type: keyring set {service} {user}"
        )
    return secret
