"""What is kept of a tenant beside its database: one small file, which only the owner of the process may read."""

import os
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILE = "tenant.json"


class Kept(BaseModel):
    """`ahead_seconds` is how far its clock was put forward; `control_digest` what is stored of its control token;
    `receiver_key` the part of the address of its pushes that nobody guesses; `seeded` the referrals that were there
    before the engineer came."""

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    jwks: dict[str, dict[str, list[dict[str, object]]]]  # of each client: its public keys
    control_digest: str
    webhook_secret: str
    receiver_key: str
    ahead_seconds: float = 0
    seeded: list[str] = []


def read_kept(folder: Path) -> Kept:
    """Raises OSError, and ValueError for what is no such file."""
    return Kept.model_validate_json((folder / FILE).read_bytes())


def write_kept(folder: Path, kept: Kept) -> None:
    """Whole or not at all, however the process ends."""
    handle, draft = tempfile.mkstemp(dir=folder, prefix=f".{FILE}-")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(kept.model_dump_json(indent=2))
        file.flush()
        os.fsync(file.fileno())
    Path(draft).replace(folder / FILE)
