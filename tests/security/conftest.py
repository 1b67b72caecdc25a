"""A token office: the real endpoint, with two registered clients, on both databases."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.parties import Directory, Parties, read_parties, register
from gateway.security import Gatekeeper, token_endpoint
from gateway.store.engine import Store

Jwk = dict[str, Any]

ISSUER = "https://gateway.example"
EC = ECKey.generate_key("P-384", {"kid": "ec-1"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})


@pytest.fixture
def ec_key() -> Jwk:
    """A private key as its owner holds it; both clients have registered its public half."""
    return dict(EC.as_dict(private=True))


@pytest.fixture
def rsa_key() -> Jwk:
    """The other key of aldmoor-epr."""
    return dict(RSA.as_dict(private=True))


@pytest.fixture
def document() -> dict[str, Any]:
    """A parties file: two trusts, two hubs, an EPR with two keys, a platform and a callback."""
    public = {"keys": [EC.as_dict(private=False), RSA.as_dict(private=False)]}
    return {
        "organisations": [
            {"ods_code": "XAA01", "name": "Aldmoor Trust", "default_hub_id": "aldmoor", "boroughs": ["Aldmoor"]},
            {"ods_code": "XBB01", "name": "Birchley Trust"},
        ],
        "hubs": [
            {
                "id": "aldmoor",
                "name": "Aldmoor Hub",
                "borough": "Aldmoor",
                "phone": "01632 960001",
                "postcode_areas": ["XA1"],
                "identifiers": ["https://fhir.nhs.uk/Id/dos-service-id|2000099001"],
            },
            {"id": "birchley", "name": "Birchley Hub", "borough": "Birchley", "postcode_areas": ["XB1", "XB12"]},
        ],
        "clients": [
            {
                "id": "aldmoor-epr",
                "organisation": "XAA01",
                "role": "epr",
                "scopes": ["system/*.rs", "system/Task.crus"],
                "jwks": public,
            },
            {
                "id": "platform",
                "organisation": "XBB01",
                "role": "platform",
                "scopes": ["platform/referrals.read", "platform/referrals.write"],
                "hubs": ["birchley", "aldmoor"],
                "jwks": {"keys": [EC.as_dict(private=False)]},
            },
        ],
        "destinations": [
            {
                "organisation": "XAA01",
                "id": "aldmoor-rio",
                "owner": "Integration desk, 01632 960150",
                "url": "https://epr.example/FHIR/R4",
                "secret": "whsec_dGVzdHMtb25seS1ub3QtZm9yLXByb2R1Y3Rpb24=",
            }
        ],
    }


@pytest.fixture
def parties(document: dict[str, Any]) -> Parties:
    return read_parties(document, "test parties")


@pytest.fixture
def gatekeeper() -> Gatekeeper:
    return Gatekeeper("a secret of the tests, forty characters..", ISSUER)


@pytest.fixture
async def office(store: Store, parties: Parties, gatekeeper: Gatekeeper) -> AsyncIterator[httpx.AsyncClient]:
    await register(store, parties)
    endpoint = token_endpoint(store, Directory(store), gatekeeper)
    app = Starlette(routes=[Route("/oauth2/token", endpoint, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER) as client:
        yield client
