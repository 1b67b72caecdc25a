"""Where an organisation hears of each change of its referrals: one shape for each kind of destination.

What all kinds have in common is a column of the table; the rest is kept as JSON, and the adapter of the kind reads it.
"""

from base64 import b64decode
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from adapters.http import DestinationError, check_destination
from adapters.rio.options import RioOptions
from adapters.tls import Tls
from gateway.parties.words import Id, Name, OdsCode, Party, Token, shaped

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


class OAuth(Party):
    """Where access tokens for it are had, and as whom (SMART Backend Services): the key is a private JWK with a kid."""

    token_url: Url
    client_id: Name
    key_file: Path
    scope: Name | None = None
    alg: Literal["RS384", "ES384", "RS512"] | None = None  # by the key; NHS England's platform wants RS512


class FhirCallback(_Destination):
    """An EPR that takes `PUT {url}/Task/{id}` (src/adapters/rio/README.md)."""

    kind: Literal["fhir-callback"] = "fhir-callback"
    secret: Secret
    oauth: OAuth | None = None
    conditional: bool = False  # whether each update names the version that it follows (If-Match)
    provenance: bool = False  # whether X-Provenance says who made it


class Sender(Party):
    """On whose behalf messages are sent, as BaRS names an organisation."""

    ods_code: OdsCode
    name: Name


class BarsVersions(Party):
    application: Annotated[str, shaped(r"1\.[0-9.]{1,12}", "a version of the BaRS application, e.g. 1.0.0")] = "1.0.0"
    api: Annotated[str, shaped(r"1\.[0-9.]{1,12}", "a version of the BaRS API, e.g. 1.4.0")] = "1.4.0"


class BarsMessage(_Destination):
    """A receiver of `POST {url}/$process-message` with servicerequest-response (src/adapters/bars/README.md)."""

    kind: Literal["bars-message"]
    source: Token  # our own endpoint, as the receiver knows it: https://fhir.nhs.uk/Id/dos-service-id|...
    target: Token  # the service that takes the answers
    sender: Sender
    use_case: Annotated[str, shaped(r"[A-Za-z0-9-]{1,20}", "the code of a use case, as agreed with the receiver")]
    versions: BarsVersions = BarsVersions()
    oauth: OAuth | None = None


class Webhook(_Destination):
    """A platform or provider that takes signed CloudEvents (src/adapters/webhook/README.md)."""

    kind: Literal["webhook"]
    secret: Secret
    # The hubs whose referrals it hears of, whoever sent them; without it, what its own organisation sent.
    hubs: Annotated[list[Id], Field(min_length=1)] | None = None


class Rio(_Destination, RioOptions):
    """The record of an EPR like RiO, written over its SOAP API (src/adapters/rio/RECORD.md)."""

    kind: Literal["rio"]


KINDS = ("fhir-callback", "rio", "bars-message", "webhook")


def _kind_of(value: Any) -> Any:
    return value.get("kind", "fhir-callback") if isinstance(value, dict) else getattr(value, "kind", "fhir-callback")


Destination = Annotated[
    Annotated[FhirCallback, Tag("fhir-callback")]
    | Annotated[Rio, Tag("rio")]
    | Annotated[BarsMessage, Tag("bars-message")]
    | Annotated[Webhook, Tag("webhook")],
    Discriminator(
        _kind_of,
        custom_error_type="kind",
        custom_error_message=f"the kind is expected to be one of {', '.join(KINDS)}",
    ),
]
