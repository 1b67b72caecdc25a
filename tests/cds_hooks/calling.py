"""Two trusts' EPRs that call CDS Hooks, each with a key of its own, and what they send."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.app import BASE, Json, Running, referral_bundle, resource_of, task_in

from gateway.demo.parties import demo_parties
from gateway.parties import Parties, register
from gateway.parties.shapes import CdsClient, Epr, Team

KEY = ECKey.generate_key("P-384", {"kid": "cds-1"})
OTHER_KEY = ECKey.generate_key("P-384", {"kid": "cds-1"})  # of another trust, by the same name
ISSUER, OTHER_ISSUER = "https://rio.northdale.example/FHIR/R4", "https://epr.southholme.example/FHIR/R4"
SIGNER, OTHER_SIGNER = "https://rio.northdale.example", "https://epr.southholme.example"
ORIGIN = "https://rio.northdale.example"
VIEW, SELECT, SIGN = (f"social-prescribing-{hook}" for hook in ("patient-view", "order-select", "order-sign"))
USER, ID = "Practitioner/AOSEI", "rio-0012345"
SNOMED = "http://snomed.info/sct"
LONELY, HOUSING, DIABETES = "267076002", "105531004", "73211009"
LINK = {"label": "Open social prescribing", "url": f"{BASE}/launch", "type": "smart"}
TEAM = Team(code="RTN", name="Recovery Team North", active=True)
ASLEEP = Team(code="CMHT", name="Community Team", active=False)


def are_sound(cards: list[Json]) -> bool:
    """What CDS Hooks asks of each card."""
    for card in cards:
        assert len(card["summary"]) < 140
        assert card["indicator"] in {"info", "warning", "critical"}
        assert card["source"]["label"]
        UUID(card["uuid"])
        assert ("suggestions" in card) == ("selectionBehavior" in card)
        for link in card["links"]:
            assert link["url"] == f"{BASE}/launch"
    return True


def epr(client: str, issuer: str, signer: str, key: ECKey) -> Epr:
    cds = CdsClient(issuer=signer, keys=[key.as_dict(private=False)])
    return Epr(id=f"{client}-pages", issuer=issuer, client_id="sp", client=client, origins=[signer], cds=cds)


def parties_of(keys: Path) -> Parties:
    parties = demo_parties(keys)
    eprs = {
        "XND01": epr("demo-epr", ISSUER, SIGNER, KEY),
        "XSH01": epr("demo-epr-2", OTHER_ISSUER, OTHER_SIGNER, OTHER_KEY),
    }
    organisations = [
        one.model_copy(update={"eprs": [eprs[one.ods_code]], "teams": [TEAM, ASLEEP]}) if one.ods_code in eprs else one
        for one in parties.organisations
    ]
    return parties.model_copy(update={"organisations": organisations})


async def set_stage(running: Running, keys: Path) -> None:
    await register(running.store, parties_of(keys))


def claims(service: str, **changes: Any) -> Json:
    """Of a JWT for the service; a change to None leaves a claim out."""
    moment = int(time.time())
    said = {
        "iss": SIGNER,
        "aud": f"{BASE}/cds-services/{service}",
        "exp": moment + 240,
        "iat": moment,
        "jti": str(uuid4()),
    } | changes
    return {name: value for name, value in said.items() if value is not None}


def sign(said: Json, key: Any = KEY, alg: str = "ES384", **header: Any) -> str:
    return jwt.encode({"alg": alg, "kid": "cds-1", **header}, said, key, algorithms=[alg])


def patient(**elements: Any) -> Json:
    """The demo's Patient, as the EPR's own FHIR server gives it."""
    kept: Json = resource_of(referral_bundle(), "Patient") | {"id": ID, **elements}
    return {name: value for name, value in kept.items() if value is not None}


def searchset(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def role(team: Team = TEAM, user: str = USER) -> Json:
    return {
        "resourceType": "PractitionerRole",
        "id": "r1",
        "practitioner": {"reference": user},
        "healthcareService": [{"display": team.name}],
    }


def condition(snomed: str = LONELY, **elements: Any) -> Json:
    said = {
        "resourceType": "Condition",
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
        "code": {"coding": [{"system": SNOMED, "code": snomed}]},
        "subject": {"reference": f"Patient/{ID}"},
        **elements,
    }
    return {name: value for name, value in said.items() if value is not None}


def order(**elements: Any) -> Json:
    """A draft referral to social prescribing that says all that a hub needs."""
    said = {
        "resourceType": "ServiceRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "code": {"coding": [{"system": SNOMED, "code": "871731000000106"}]},
        "subject": {"reference": f"Patient/{ID}"},
        "reasonCode": [{"coding": [{"system": SNOMED, "code": LONELY}]}],
        "supportingInfo": [{"reference": "Consent/c1"}],
        **elements,
    }
    return {name: value for name, value in said.items() if value is not None}


def view(*conditions: Json, **prefetch: Any) -> Json:
    """A call of patient-view; a prefetch key of None is left out."""
    whole = {"patient": patient(), "roles": searchset(role()), "conditions": searchset(*conditions), **prefetch}
    return {
        "hook": "patient-view",
        "hookInstance": str(uuid4()),
        "context": {"userId": USER, "patientId": ID},
        "prefetch": {name: value for name, value in whole.items() if value is not None},
    }


def ordering(hook: str, *orders: Json, **prefetch: Any) -> Json:
    """A call of order-select, where all are selected, or of order-sign."""
    call = view(**prefetch) | {"hook": hook}
    call["context"]["draftOrders"] = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": one} for one in orders],
    }
    if hook == "order-select":
        call["context"]["selections"] = [f"{one['resourceType']}/{one['id']}" for one in orders]
    return call


@dataclass
class Hooks:
    """The gateway, called as an EPR's CDS client calls it."""

    running: Running

    async def post(self, path: str, body: Any, token: str | None, **headers: str) -> httpx.Response:
        """Without a token of its own, with none when that is empty."""
        token = sign(claims(path.partition("/")[0])) if token is None else token
        given = {"Authorization": f"Bearer {token}"} if token else {}
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.running.call(None, "POST", f"/cds-services/{path}", body, **(given | sent))

    async def cards(self, service: str, body: Json, token: str | None = None) -> list[Json]:
        answer = await self.post(service, body, token)
        assert answer.status_code == 200, answer.text
        cards: list[Json] = answer.json()["cards"]
        return cards

    async def refer(self, client: str = "demo-epr", **changed: Any) -> Json:
        """The demo's referral, of a Patient with what is changed; its Task."""
        bundle = referral_bundle()
        resource_of(bundle, "Patient").update(changed)
        answer = await self.running.call(client, "POST", "/FHIR/R4", bundle)
        assert answer.status_code == 200, answer.text
        return task_in(answer.json())

    async def move(self, task: Json, *bodies: Json) -> None:
        for body in bodies:
            path = f"/platform/v1/referrals/{task['id']}/transitions"
            answer = await self.running.call("demo-platform", "POST", path, body)
            assert answer.status_code == 200, answer.text
