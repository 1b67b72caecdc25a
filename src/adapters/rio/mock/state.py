"""What the doors of one mock share."""

from dataclasses import dataclass, field
from datetime import timedelta

from fastapi import Request, Response
from standardwebhooks import Webhook

from adapters.rio.mock.faults import Faults
from adapters.rio.mock.oauth import Tokens
from adapters.rio.mock.sessions import Sessions
from adapters.rio.mock.signing_in import SignIns
from adapters.rio.mock.smart import Smart
from adapters.rio.mock.store import Store
from adapters.rio.mock.trouble import transport_of


@dataclass
class Mock:
    """`tokens` is None when the FHIR door asks for none; `mutual` says that the doors are for callers with a
    certificate (whoever looks at the pages needs none)."""

    store: Store
    webhook: Webhook
    sessions: Sessions
    smart: Smart
    sign_ins: SignIns = field(default_factory=SignIns)
    faults: Faults = field(default_factory=Faults)
    tokens: Tokens | None = None
    mutual: bool = False
    mllp: tuple[str, int] | None = None  # host and port of a receiver of HL7 v2

    def check_certificate(self, request: Request) -> Response | None:
        """A refusal as the front of RiO gives it, or None. One of an unknown authority fails in the TLS handshake."""
        transport = transport_of(request)
        if self.mutual and not (transport and transport.get_extra_info("peercert")):
            return Response("Forbidden: a client certificate is required.", 403, media_type="text/plain")
        return None


def sessions(users: dict[str, str], devices: list[str], seconds: float) -> Sessions:
    return Sessions(users, frozenset(devices), timedelta(seconds=seconds))
