"""The mock as a CDS Hooks client: what the gateway says beside a record that is being opened (CDS Hooks 2.0)."""

import time
from typing import Any
from uuid import uuid4

import orjson

from adapters.http import DestinationError, Neighbours
from adapters.rio.mock.fhir_reads import conditions, patient_of
from adapters.rio.mock.smart import Smart
from adapters.rio.mock.store import Row, Store

Json = dict[str, Any]

SERVICE = "cds-services/social-prescribing-patient-view"
SECONDS = 1.0  # a record opens, whoever does not answer
MOST = 100_000  # bytes of cards


class Cards:
    def __init__(self, smart: Smart) -> None:
        self._smart = smart
        self._neighbours = Neighbours(SECONDS, connections=2)

    async def ask(self, store: Store, user: Row, client: Row, base: str) -> list[Json]:
        """The cards for this user who opens this client; none when there is no answer that can be used."""
        context = {"userId": f"Practitioner/{user['HCP']}", "patientId": client["ClientID"]}
        found = [{"resource": one} for one in conditions(store, client["ClientID"])]
        listed = {"resourceType": "Bundle", "type": "searchset"} | ({"entry": found} if found else {})
        call = {
            "hook": "patient-view",
            "hookInstance": str(uuid4()),
            "fhirServer": f"{base}/FHIR/R4",
            "context": context,
            "prefetch": {"patient": patient_of(store, client), "conditions": listed},
        }
        answer = await self._post(SERVICE, call, base)
        cards = answer.get("cards") if isinstance(answer, dict) else None
        return [one for one in cards if isinstance(one, dict)] if isinstance(cards, list) else []

    async def tell(self, card: str, outcome: str, base: str) -> None:
        """What became of a card."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        told = {"card": card, "outcome": outcome, "outcomeTimestamp": at}
        if outcome == "overridden":
            told["overrideReason"] = {"userComment": "Not now"}  # type: ignore[assignment]  # an object, as the standard says
        await self._post(f"{SERVICE}/feedback", {"feedback": [told]}, base)

    async def _post(self, path: str, body: Json, base: str) -> Any:
        gateway, moment = self._smart.app.gateway, int(time.time())
        claims = {"iss": base, "aud": f"{gateway}/{path}", "iat": moment, "exp": moment + 60, "jti": str(uuid4())}
        headers = {"Authorization": f"Bearer {self._smart.sign(claims)}", "Content-Type": "application/json"}
        try:
            reply = await self._neighbours.exchange(
                gateway, {"private": True}, "POST", path, headers, orjson.dumps(body), MOST
            )
            return orjson.loads(reply.body) if reply.status == 200 and reply.body else None
        except (DestinationError, orjson.JSONDecodeError):
            return None
