"""Where an organisation hears of each change of its referrals: one shape for each kind of destination.

What all kinds have in common is a column of the table; the rest is kept as JSON, and the adapter of the kind reads it.
"""

from base64 import b64decode
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from adapters.http import DestinationError, check_destination
from gateway.parties.words import Id, Name, OdsCode, Party

COLUMNS = {"organisation", "id", "kind", "url", "secret", "owner"}


def _is_secret(text: str) -> str:
    try:
        size = len(b64decode(text.removeprefix("whsec_"), validate=True))
    except ValueError:
        size = 0
    if not text.startswith("whsec_") or not 24 <= size <= 64:
        raise ValueError("expected whsec_ and 24 to 64 random bytes in base64 (Standard Webhooks)")
    return text


def _may_be_called(url: str) -> str:
    try:
        check_destination(url)
    except DestinationError as refusal:
        raise ValueError(str(refusal)) from None
    return url


Url = Annotated[str, AfterValidator(_may_be_called)]
Secret = Annotated[str, AfterValidator(_is_secret)]


class Tls(Party):
    """Whom we trust there, and who we are: PEM files. Without an authority the machine's own list counts."""

    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None


class _Destination(Party):
    organisation: OdsCode
    id: Id
    owner: Name = Field(description="Who looks after it when it fails: a name, and how to reach them.")
    url: Url
    private: bool = False  # whether its address may be one of a private network (HSCN) or of this machine
    tls: Tls | None = None
    retry_seconds: list[Annotated[float, Field(gt=0, le=86_400)]] | None = Field(default=None, min_length=1)

    def row(self) -> dict[str, Any]:
        """The columns of table `destination` that the parties file decides."""
        told = self.model_dump(mode="json", exclude=COLUMNS, exclude_none=True)
        return self.model_dump(include=COLUMNS) | {"secret": getattr(self, "secret", ""), "content": told}


class FhirCallback(_Destination):
    """An EPR that takes `PUT {url}/Task/{id}` (src/adapters/rio/README.md)."""

    kind: Literal["fhir-callback"] = "fhir-callback"
    secret: Secret


Destination = FhirCallback
