"""The signed claims by which a GitHub App says who it is: RS256 over three short facts.

Ten lines over `cryptography`, which is here for the keyring anyway; a JWT library reads tokens, too, and most of it
is about that.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from syncer.errors import CredentialsError
from syncer.sdk.http import hide

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

BACK: Final = timedelta(seconds=60)
"""GitHub refuses a JWT of the future, were it by a second."""
AHEAD: Final = timedelta(minutes=9)
"""At most 10 minutes are allowed, by GitHub's clock."""


class Signer:
    """Signs for the app *issuer* with its key, which is read when it is first needed."""

    def __init__(self, issuer: str, pem: SecretStr) -> None:
        # Older servers want an app's id as a number; a client id is none.
        self._issuer = int(issuer) if issuer.isdecimal() else issuer
        self._pem = pem
        self._key: RSAPrivateKey | None = None

    def jwt(self, now: datetime) -> str:
        """Return a JWT that is good for some minutes. Raises `CredentialsError` where the key is none."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 -- only apps need it
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 -- as above

        if self._key is None:
            self._key = private_key(self._pem)
        claims = {
            "iat": int((now - BACK).timestamp()),
            "exp": int((now + AHEAD).timestamp()),
            "iss": self._issuer,
        }
        said = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{said}.{_text(self._key.sign(said.encode(), PKCS1v15(), SHA256()))}"


def private_key(pem: SecretStr) -> RSAPrivateKey:
    """Return an app's key. Raises `CredentialsError`, without a letter of it, where it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- only apps need it
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 -- as above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 -- as above

    # Where an environment holds one line only, line ends are written as "\\n".
    text = pem.get_secret_value().replace("\\n", "\n").strip()
    for line in text.splitlines():
        if not line.startswith("-----"):
            hide(line)
    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise CredentialsError(
            "private_key is no RSA key in PEM: give the whole .pem file that GitHub had you download"
        )
    return key


def _part(facts: Mapping[str, Any]) -> str:
    return _text(json.dumps(facts, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
