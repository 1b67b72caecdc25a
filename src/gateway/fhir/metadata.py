"""GET [base]/metadata: what this gateway really does (R4 http.html#capabilities), as a CapabilityStatement."""

from functools import lru_cache

from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from starlette.requests import Request
from starlette.responses import Response

from gateway.fhir.arrivals import KEPT
from gateway.messages import Answer
from gateway.security import smart_configuration
from gateway.store.search import parameters_of
from gateway.validation import dump

PARAMETER_TYPES = {"_id": "token", "_lastUpdated": "date", "status": "token", "identifier": "token"}
SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"


async def metadata(request: Request) -> Response:
    return Answer(200, capability_statement(request.app.state.gateway.settings.base_url)).response()


async def smart(request: Request) -> Response:
    """SMART App Launch 2.2 discovery, for Backend Services."""
    content = dump(smart_configuration(request.app.state.gateway.settings.base_url))
    return Response(content, media_type="application/json")


@lru_cache
def capability_statement(base_url: str) -> bytes:
    """Made once from the tables that the routes work from, and checked by the typed model."""
    statement = CapabilityStatement.model_validate(
        {
            "status": "active",
            "date": "2026-11-22",
            "kind": "instance",
            "software": {"name": "Social prescribing gateway", "version": "0.1.0"},
            "implementation": {"description": "Joins EPRs to social prescribing", "url": f"{base_url}/FHIR/R4"},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {
                        "service": [{"coding": [{"system": SECURITY, "code": "SMART-on-FHIR"}]}],
                        "description": "SMART Backend Services: client credentials with a signed JWT.",
                    },
                    "resource": [_resource(type_) for type_ in sorted(KEPT)],
                    "interaction": [{"code": "transaction"}],
                }
            ],
            "messaging": [
                {
                    "documentation": "BaRS-shaped referral messages at $process-message.",
                    "supportedMessage": [
                        {
                            "mode": "receiver",
                            "definition": "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral",
                        }
                    ],
                }
            ],
        }
    )
    return statement.model_dump_json(exclude_none=True).encode()


def _resource(type_: str) -> dict[str, object]:
    return {
        "type": type_,
        "interaction": [{"code": code} for code in ("create", "read", "vread", "history-instance", "search-type")],
        "versioning": "versioned",
        "conditionalCreate": True,
        "conditionalRead": "not-match",
        "searchParam": [
            {"name": name, "type": PARAMETER_TYPES.get(name, "reference")} for name in parameters_of(type_)
        ],
    }
