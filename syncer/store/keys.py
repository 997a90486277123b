"""The markers' key: a 0600 file beside the database, made once and never again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from syncer.errors import StoreError

LENGTH: Final = 32


def file_of(path: Path) -> Path:
    return path.with_name(path.name + ".key")


def print_of(key: bytes) -> str:
    """Return what tells one key from another and gives neither away."""
    return hashlib.blake2b(b"syncer", key=hashlib.sha256(key).digest(), digest_size=8).hexdigest()


def beside(path: Path, *, used: bool) -> bytes:
    """Return the key in the file beside the database *path*; make it unless the database has *used* one.

    Raises `StoreError` where a new key would make strangers of the records we created.
    """
    file = file_of(path)
    try:
        said = file.read_text(encoding="ascii")
    except FileNotFoundError:
        if used:
            raise StoreError(
                f"{file} is missing: without the markers' key syncer would not know its own records again. "
                "Restore it from the backup of the database (docs/operations.md)."
            ) from None
        return _made(file)
    except UnicodeDecodeError:
        said = ""
    return _parsed(file, said)


def _parsed(file: Path, said: str) -> bytes:
    with contextlib.suppress(ValueError):
        key = bytes.fromhex(said.strip())
        if len(key) == LENGTH:
            return key
    raise StoreError(
        f"{file} is damaged: it holds no key of {2 * LENGTH} hex digits. "
        "Restore it from the backup of the database (docs/operations.md)."
    )


def _made(file: Path) -> bytes:
    """Write a fresh key so that the file is never seen half-written, whoever else makes it now."""
    fresh = secrets.token_bytes(LENGTH)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(fresh.hex() + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, file)
    except FileExistsError:
        return _parsed(file, file.read_text(encoding="ascii"))
    finally:
        draft.unlink()
    return fresh
