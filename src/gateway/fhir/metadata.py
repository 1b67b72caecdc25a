"""GET [base]/metadata: what this gateway really does (R4 http.html#capabilities), as a CapabilityStatement.

A test walks through the statement, calls all that it declares, and holds it against the routes: neither more nor less.
"""

import hashlib
from functools import lru_cache

from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from starlette.requests import Request
from starlette.responses import Response

from gateway.fhir.arrivals import SERVED
from gateway.fhir.conditions import names_version
from gateway.fhir.exchange import check_accept
from gateway.fhir.terminology import SEARCHED, TYPES
from gateway.messages import Answer
from gateway.search import includes_of, parameters_of, revincludes_of
from gateway.security import smart_configuration
from gateway.validation import dump
from mappings.subscription import GUIDE, PROFILE, TOPICS

INTERACTIONS = (
    "create", "read", "vread", "update", "patch", "history-instance", "history-type", "search-type",
)  # fmt: skip
SDC = "http://hl7.org/fhir/uv/sdc/OperationDefinition/"
OPERATIONS = {  # where each is served, beside Resource-validate on all that is kept and on Bundle
    "ConceptMap": ["ConceptMap-translate"],
    "Patient": ["Patient-everything"],
    "Questionnaire": [f"{SDC}Questionnaire-populate"],
    "QuestionnaireResponse": [f"{SDC}QuestionnaireResponse-extract"],
}
DEFINITION = "http://hl7.org/fhir/OperationDefinition/"
SUBSCRIPTION_SERVER = f"{GUIDE}CapabilityStatement/backport-subscription-server-r4"
SUBSCRIPTIONS: dict[str, object] = {  # what the backport of R5's has a server state
    "extension": [
        {"url": f"{GUIDE}StructureDefinition/capabilitystatement-subscriptiontopic-canonical", "valueCanonical": topic}
        for topic in TOPICS
    ],
    "supportedProfile": [PROFILE],
    "operation": [
        {"name": "validate", "definition": f"{DEFINITION}Resource-validate"},
        *(
            {"name": name, "definition": f"{GUIDE}OperationDefinition/backport-subscription-{name}"}
            for name in ("status", "events")
        ),
    ],
}
SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"
REFERRAL_MESSAGE = "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral"
FRESH = "max-age=300"  # seconds


async def metadata(request: Request) -> Response:
    check_accept(request)
    content = capability_statement(request.app.state.gateway.settings.base_url)
    version = hashlib.sha256(content).hexdigest()[:16]
    headers = {"ETag": f'W/"{version}"', "Cache-Control": FRESH}
    if names_version(request.headers.get("if-none-match", ""), version):
        return Response(status_code=304, headers=headers)
    return Answer(200, content, headers).response()


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
            "instantiates": [SUBSCRIPTION_SERVER],
            "software": {"name": "Social prescribing gateway", "version": "0.1.0"},
            "implementation": {"description": "Joins EPRs to social prescribing", "url": f"{base_url}/FHIR/R4"},
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "patchFormat": ["application/json-patch+json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {
                        "service": [{"coding": [{"system": SECURITY, "code": "SMART-on-FHIR"}]}],
                        "description": "SMART Backend Services: client credentials with a signed JWT.",
                    },
                    "resource": [
                        *(_kept(type_) for type_ in sorted(SERVED)),
                        {"type": "Bundle", "operation": _operations("Resource-validate")},
                        *(_published(type_) for type_ in TYPES),
                    ],
                    "interaction": [{"code": "transaction"}, {"code": "batch"}],
                    "operation": _operations("MessageHeader-process-message"),
                }
            ],
            "messaging": [
                {
                    "documentation": "BaRS-shaped referral messages at $process-message.",
                    "supportedMessage": [{"mode": "receiver", "definition": REFERRAL_MESSAGE}],
                }
            ],
        }
    )
    return statement.model_dump_json(exclude_none=True).encode()


def _kept(type_: str) -> dict[str, object]:
    """A type whose resources EPRs send."""
    by_condition = type_ != "Subscription"  # which has no identifier in R4
    stated = {
        "type": type_,
        "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": by_condition,
        "conditionalRead": "full-support",
        "conditionalUpdate": by_condition,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "logical", "enforced"],
        "searchInclude": includes_of(type_),
        "searchRevInclude": revincludes_of(type_),
        "searchParam": [{"name": name, "type": row["type"]} for name, row in parameters_of(type_).items()],
        "operation": _operations("Resource-validate", *OPERATIONS.get(type_, [])),
    }
    return stated | SUBSCRIPTIONS if type_ == "Subscription" else stated


def _published(type_: str) -> dict[str, object]:
    """A type of which the gateway shows its own."""
    return {
        "type": type_,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "conditionalRead": "not-match",
        "searchParam": [{"name": name, "type": kind} for name, kind in SEARCHED.items()],
        "operation": _operations(*OPERATIONS.get(type_, [])),
    }


def _operations(*definitions: str) -> list[dict[str, str]] | None:
    """Named as they are called, without the $: Resource-validate is validate. One with a url is not of R4 itself."""
    named = [
        {"name": one.partition("-")[2], "definition": one if ":" in one else DEFINITION + one} for one in definitions
    ]
    return named or None
