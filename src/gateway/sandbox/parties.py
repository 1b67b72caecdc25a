"""Who is in each sandbox: one trust that refers, one hub, a client for each side, and another trust, to whom nothing of
the first one's may be shown."""

from typing import Any

from joserfc.jwk import ECKey

from gateway.parties import Parties, read_parties

Json = dict[str, Any]

TRUST, PARTNERSHIP, OTHER_TRUST = "XSB01", "XSB02", "XSB03"
HUB = "sandbox-hub"
EPR, PLATFORM, OPERATOR, OTHER_EPR = CLIENTS = (
    "sandbox-epr", "sandbox-platform", "sandbox-operator", "sandbox-other-epr",
)  # fmt: skip
RECEIVER = "sandbox-receiver"

_SCOPES = {
    EPR: ["system/*.crus"],
    OTHER_EPR: ["system/*.crus"],
    PLATFORM: ["platform/referrals.read", "platform/referrals.write", "platform/deliveries.read"],
    OPERATOR: ["operations/deliveries.read", "operations/deliveries.write"],
}
_ROLES = {
    EPR: ("epr", TRUST), PLATFORM: ("platform", PARTNERSHIP), OPERATOR: ("operator", PARTNERSHIP),
    OTHER_EPR: ("epr", OTHER_TRUST),
}  # fmt: skip

_HUB: Json = {
    "id": HUB,
    "name": "Sandbox Wellbeing Hub",
    "borough": "Sandham",
    "phone": "01632 960700",
    "response_days": 5,
    "identifiers": ["https://fhir.nhs.uk/Id/dos-service-id|2000090700"],
    "postcode_areas": ["XX1", "XX2"],
    "advisors": [
        {"id": "priya-nadar", "name": "Priya Nadar", "phone": "01632 960701"},
        {"id": "tom-hesketh", "name": "Tom Hesketh", "phone": "01632 960702"},
    ],
    "providers": [
        {
            "id": "sandham-money-advice",
            "name": "Sandham Money Advice",
            "services": [{"id": "debt-advice", "name": "Debt advice appointment", "categories": ["debt-advice"]}],
        },
        {
            "id": "sandham-life-rooms",
            "name": "Sandham Life Rooms",
            "services": [
                {"id": "walk-and-talk", "name": "Walk and talk group", "categories": ["physical-activity"]},
            ],
        },
    ],
}


def new_key() -> Json:
    """A private key (ES384, P-384) with a kid, as a JWK."""
    return dict(ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True).as_dict(private=True))


def public_half(key: Json) -> Json:
    return dict(ECKey.import_key(key).as_dict(private=False))


def sandbox_parties(jwks: dict[str, Any], push_url: str | None, secret: str, *, local: bool) -> Parties:
    """The parties of one tenant. `jwks` are the public keys of its clients; without a `push_url` nobody is told of
    changes. Subscriptions may call this machine where it alone can join (`local`), and nobody else, since whoever joins
    chooses the port and the headers. Raises PartiesError when a key will not do."""
    destinations = [
        {
            "organisation": TRUST,
            "id": RECEIVER,
            "owner": "You: it is the sandbox's own receiver, or your laptop while `gateway listen` runs",
            "url": push_url,
            "private": True,
            "secret": secret,
        }
    ]
    document = {
        "organisations": [
            {
                "ods_code": TRUST,
                "name": "Sandham Mental Health NHS Foundation Trust (sandbox)",
                "default_hub_id": HUB,
                "subscription_endpoints": [{"url": "http://127.0.0.1", "private": True}] if local else [],
            },
            {"ods_code": PARTNERSHIP, "name": "Sandham Social Prescribing Partnership (sandbox)"},
            {"ods_code": OTHER_TRUST, "name": "Another NHS Foundation Trust (sandbox)", "default_hub_id": HUB},
        ],
        "hubs": [_HUB],
        "clients": [
            {
                "id": client,
                "organisation": _ROLES[client][1],
                "role": _ROLES[client][0],
                "scopes": _SCOPES[client],
                "hubs": [HUB] if client == PLATFORM else [],
                "jwks": jwks[client],
            }
            for client in CLIENTS
            if client in jwks  # a tenant that was made when there were fewer has no key for the rest
        ],
        "destinations": destinations if push_url else [],
    }
    return read_parties(document, "sandbox")
