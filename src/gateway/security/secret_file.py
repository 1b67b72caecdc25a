"""Secrets that this machine makes for itself, once."""

import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The text of the file; made when absent, for its owner's eyes only (mode 0600).

    Processes that start together agree: the file appears whole, and only the first one's stays.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            Path(draft).unlink()
    return path.read_text("utf-8").strip()


def token_secret(path: Path) -> str:
    """What signs access tokens, or is one. Raises ValueError when it is too short for that: HS256 takes 256 bits
    (RFC 7518, 3.2)."""
    secret = read_or_make(path, lambda: secrets.token_urlsafe(48))
    if len(secret) < 32:
        raise ValueError(f"{path}: expected at least 32 random characters; remove it to get new ones")
    return secret
