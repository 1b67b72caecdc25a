"""The PEM files that are registered for a neighbour."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Tls(BaseModel):
    """Whom we trust there, and who we are: PEM files. Without an authority the machine's own list counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None
