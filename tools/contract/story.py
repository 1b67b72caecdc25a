"""What the examples of the contract tell: a referral by each way in, one worked on to its end, and each refusal."""

import copy
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import time_machine
from fastapi import FastAPI
from tests.app import BASE, example, resource_of, start, task_in
from tools.contract.telling import CORRELATION_ID, FORM, Exchange, Json, Request, Teller, made_stable

from gateway.changes import ContactMade, MeasureTaken, Move, PrescriptionIssued, PrescriptionMove, SessionHeld
from gateway.demo.parties import private_key
from gateway.errors import FHIR_JSON, ServerError, Unavailable, outcome
from gateway.security import Caller, token_request
from gateway.settings import Settings
from gateway.store.migrate import migrate

EPR, OTHER_EPR, READER = "demo-epr", "demo-epr-2", "demo-reader"
PLATFORM, OTHER_PLATFORM = "demo-platform", "demo-platform-2"
MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MONTH = 30 * 86_400  # seconds: how long the tokens of the story's clients last
REFERRALS = "/platform/v1/referrals"
USED = {"X-Request-Id": "5a7c0f6e-0000-4000-8000-999999999999"}


async def tell() -> tuple[FastAPI, list[Exchange]]:
    """All of it, in a gateway and a database of its own; takes two seconds."""
    with tempfile.TemporaryDirectory() as name, time_machine.travel(MONDAY, tick=False) as clock:
        folder = Path(name)
        url = f"sqlite+aiosqlite:///{folder}/gateway.db"
        await migrate(url)
        running = await start(url, folder, token_seconds=MONTH)
        gatekeeper = running.app.state.gatekeeper
        running.tokens[READER] = gatekeeper.issue(Caller(READER, "XND01", "epr", frozenset({"system/*.rs"})))
        gatekeeper.token_seconds = Settings.model_fields["token_seconds"].default  # as the contract shows it
        teller = Teller(running, clock)
        try:
            await _discovery(teller, private_key(EPR, folder / "keys"))
            task = await _ways_in(teller)
            second = await _message(teller)
            await _refused_at_the_fhir_door(teller, task)
            await _work(teller, task["id"])
            await _not_accepted(teller, second)
            await _refused_at_the_platform_door(teller, second)
            await _reading(teller, task)
            await teller.call("status: The database answers, one destination has something due", EPR, "GET /_status")
        finally:
            await running.http.aclose()
            await running.store.close()
    return running.app, made_stable(teller.told) + _never_on_purpose()


async def _discovery(teller: Teller, key: Json) -> None:
    await teller.call("ping: It answers", None, "GET /_ping")
    smart = "smart-configuration: Where to get a token, and how"
    await teller.call(smart, None, "GET /FHIR/R4/.well-known/smart-configuration")
    metadata = "metadata: Cut short, each resource type has the like"
    statement = await teller.call(metadata, None, "GET /FHIR/R4/metadata")
    of_each_type = statement["rest"][0]["resource"]
    of_each_type[:] = [one for one in of_each_type if one["type"] in {"ServiceRequest", "Task"}]

    request = "POST /oauth2/token"
    asked = token_request(EPR, key, f"{BASE}/oauth2/token", "system/ServiceRequest.crus system/Task.crus")
    await teller.call("token: For five minutes", None, request, asked, given=FORM)
    await teller.call("used: The same signed assertion again", None, request, asked, given=FORM)
    await teller.call("grant-type: Another grant", None, request, {"grant_type": "password"}, given=FORM)
    long = {"grant_type": "client_credentials", "client_assertion": "0" * 20_000}
    await teller.call("too-long: Over 16 kB", None, request, urlencode(long).encode(), given=FORM)


async def _ways_in(teller: Teller) -> Json:
    """A transaction, and the same by single requests. Returns the Task of the first."""
    bundle = example("referral.json")
    name = "referral: A person, who refers, consent, the request and the Task that sends it"
    answer = await teller.call(name, EPR, "POST /FHIR/R4", bundle)
    again = "referral-again: The sender's own identifier names a referral that is here already"
    await teller.call(again, EPR, "POST /FHIR/R4", bundle)

    parts = {type_: copy.deepcopy(resource_of(bundle, type_)) for type_ in ("Patient", "ServiceRequest", "Task")}
    patient, request, task = parts.values()
    kept = await _create(teller, "patient: The person", patient)
    request["identifier"][0]["value"] = "REF-2026-000118"
    del request["contained"], request["supportingInfo"]
    request["subject"] = task["for"] = {"reference": f"Patient/{kept['id']}"}
    request["requester"] = task["requester"] = {
        "type": "Organization",
        "identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "XND01"},
        "display": "Northdale Mental Health NHS Foundation Trust",
    }
    sent = await _create(teller, "service-request: What is asked for", request)
    task["focus"] = {"reference": f"ServiceRequest/{sent['id']}"}
    await _create(teller, "task: Its focus sends the request on", task)
    known = {"If-None-Exist": "identifier=https://northdale.example/rio/referral|REF-2026-000118"}
    name = "service-request-known: With an If-None-Exist that matches; nothing is stored"
    await teller.call(name, EPR, "POST /FHIR/R4/{type}", request, given=known, at={"type": "ServiceRequest"})
    return task_in(answer)


async def _create(teller: Teller, name: str, resource: Json, client: str = EPR) -> Json:
    kept: Json = await teller.call(
        name, client, "POST /FHIR/R4/{type}", resource, at={"type": resource["resourceType"]}
    )
    return kept


async def _message(teller: Teller) -> str:
    """A BaRS-shaped message; the id of its referral."""
    request = "POST /FHIR/R4/$process-message"
    message = example("message.json")
    answer = await teller.call("message: A new referral, BaRS-shaped", EPR, request, message)
    await teller.call("message-again: The same message again", EPR, request, message)
    id_: str = task_in(answer)["id"]
    return id_


async def _reading(teller: Teller, task: Json) -> None:
    task_at = {"type": "Task", "id": task["id"]}
    read, search = "GET /FHIR/R4/{type}/{id}", "GET /FHIR/R4/{type}"
    current = await teller.call("task: A referral that was closed with goals met", EPR, read, at=task_at)
    unchanged = {"If-None-Match": f'W/"{current["meta"]["versionId"]}"'}
    await teller.call("unchanged: If-None-Match named this version", EPR, read, given=unchanged, at=task_at)
    await teller.call("first: As it was sent", EPR, read + "/_history/{version}", at=task_at | {"version": "1"})
    request = {"type": "ServiceRequest", "id": task["focus"]["reference"].split("/")[1]}
    await teller.call("request: All versions of a ServiceRequest", EPR, read + "/_history", at=request)
    changed = {"_lastUpdated": "gt2026-03-02T09:30:00Z", "status": "rejected,on-hold", "_count": 20}
    await teller.call(
        "changed: What came to a stop since this morning", EPR, search, query=changed, at={"type": "Task"}
    )
    number = {"identifier": "https://fhir.nhs.uk/Id/nhs-number|9992047186", "_count": 1}
    await teller.call("person: By NHS number", EPR, search, query=number, at={"type": "Patient"})
    for name in ("focus", "patient", "subject"):
        reference = task["focus" if name == "focus" else "for"]["reference"]
        await teller.call("", EPR, search, query={name: reference}, at={"type": "Task"})


async def _refused_at_the_fhir_door(teller: Teller, task: Json) -> None:
    transaction, read = "POST /FHIR/R4", "GET /FHIR/R4/{type}/{id}"
    task_at = {"type": "Task", "id": task["id"]}
    bundle = example("referral.json")
    resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] = "REF-2026-000119"

    await teller.call("broken-json: Cut off on its way", EPR, transaction, orjson.dumps(bundle)[:-40])
    no_uuid = {"X-Request-Id": "4711"}
    await teller.call("no-uuid: X-Request-Id is no UUID", EPR, transaction, bundle, given=no_uuid)
    day = {"_lastUpdated": "yesterday"}
    await teller.call("search-value: A date that is none", EPR, "GET /FHIR/R4/{type}", query=day, at={"type": "Task"})
    await teller.call("no-token: No token", None, read, at=task_at)
    await _create(teller, "scope: The token does not reach so far", resource_of(bundle, "Patient"), READER)
    await teller.call("wrong-door: A platform's token", PLATFORM, read, at=task_at)
    await teller.call("not-yours: Another organisation's, or none at all", OTHER_EPR, read, at=task_at)
    await teller.call("method: Searching everything is not possible", EPR, "GET /FHIR/R4")
    await teller.call("xml-wanted: XML asked for", EPR, read, given={"Accept": "application/fhir+xml"}, at=task_at)
    xml = {"Content-Type": "application/fhir+xml"}
    await teller.call("xml-sent: XML sent", EPR, transaction, b"<Bundle/>", given=xml)
    await teller.call("too-large: Over five million bytes", EPR, transaction, b" " * 5_000_001)

    conditional = copy.deepcopy(bundle)
    resource_of(conditional, "Task")["for"] = {"reference": "Patient?identifier=https://northdale.example/id|0"}
    await teller.call("no-match: A conditional reference that matches nothing", EPR, transaction, conditional)
    dangling = copy.deepcopy(bundle)
    resource_of(dangling, "Task")["focus"] = {"reference": "urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9eff"}
    await teller.call("dangling: A reference to an entry that is not there", EPR, transaction, dangling)
    bogus = copy.deepcopy(bundle)
    resource_of(bogus, "ServiceRequest")["status"] = "bogus"
    del resource_of(bogus, "ServiceRequest")["subject"]
    await teller.call("not-r4: Two rules of FHIR R4 broken", EPR, transaction, bogus)
    number = copy.deepcopy(bundle)
    resource_of(number, "Patient")["identifier"][0]["value"] = "9992047180"
    await teller.call("nhs-number: Fails its check digit", EPR, transaction, number)


def shown(model: type[Any]) -> Json:
    """The example that the model itself carries."""
    example_: Json = model.model_config["json_schema_extra"]["examples"][0]
    return example_


async def _work(teller: Teller, id_: str) -> None:
    """The first referral, from receipt to goals met."""
    at = {"referral_id": id_}
    one = f"POST {REFERRALS}/{{referral_id}}"
    moves, prescription = f"{one}/transitions", f"{one}/prescriptions/{{prescription_id}}"
    by = {"by": "Priya Nadar"}
    await teller.call("submitted: What is new", PLATFORM, f"GET {REFERRALS}", query={"status": "submitted"})
    await teller.call("received: Seen by the hub", PLATFORM, moves, {"to": "received", "by": "Hub desk"}, at=at)
    await teller.call("", PLATFORM, moves, {"to": "accepted", "by": "Hub desk"}, at=at)
    allocation = {"to": "allocated", "advisor": {"name": "Priya Nadar", "phone": "01632 960101"}, "by": "Hub desk"}
    seen = {"If-Match": 'W/"3"'}
    await teller.call("allocated: To a link worker", PLATFORM, moves, allocation, given=seen, at=at)
    teller.clock.move_to(MONDAY + timedelta(days=2, hours=2))
    await teller.call("no-answer: An attempt", PLATFORM, f"{one}/contacts", shown(ContactMade), at=at)
    spoke = {"mechanism": "telephone", "outcome": "spoke"} | by
    await teller.call("spoke: The first contact", PLATFORM, f"{one}/contacts", spoke, at=at)
    await teller.call("baseline: SWEMWBS at the start", PLATFORM, f"{one}/measures", shown(MeasureTaken), at=at)
    issued = await teller.call(
        "debt-advice: Agreed and sent", PLATFORM, f"{one}/prescriptions", shown(PrescriptionIssued), at=at
    )
    at_prescription = at | {"prescription_id": issued["prescriptions"][0]["id"]}
    accepted, attended = shown(PrescriptionMove), shown(SessionHeld)
    moved = f"{prescription}/transitions"
    await teller.call("accepted: By the provider", PLATFORM, moved, accepted, at=at_prescription)
    teller.clock.move_to(MONDAY + timedelta(days=16, hours=5))
    await teller.call("attended: The first session", PLATFORM, f"{prescription}/sessions", attended, at=at_prescription)
    await teller.call("", PLATFORM, moved, {"to": "completed"}, at=at_prescription)
    closure = {
        "reason": "goals-met",
        "summary": "A repayment plan is in place and the rent arrears are being cleared.",
        "actions_for_referrer": "No action needed.",
    }
    closing = {"to": "closed-completed", "closure": closure} | by
    await teller.call("closed: With goals met", PLATFORM, moves, closing, at=at)
    read = f"GET {REFERRALS}/{{referral_id}}"
    await teller.call("closed: A referral at its end", PLATFORM, read, at=at)
    for part, summary in {
        "events": "From submitted to closed",
        "deliveries": "Each update, still waiting for the EPR",
        "trace": "Where each field came from",
    }.items():
        await teller.call(f"{part}: {summary}", PLATFORM, f"{read}/{part}", at=at)


async def _not_accepted(teller: Teller, id_: str) -> None:
    moves = f"POST {REFERRALS}/{{referral_id}}/transitions"
    await teller.call("", PLATFORM, moves, {"to": "received"}, given=USED, at={"referral_id": id_})
    name = "not-accepted: With what to do instead"
    await teller.call(name, PLATFORM, moves, shown(Move), at={"referral_id": id_})


async def _refused_at_the_platform_door(teller: Teller, id_: str) -> None:
    at = {"referral_id": id_}
    listing, read = f"GET {REFERRALS}", f"GET {REFERRALS}/{{referral_id}}"
    moves = f"POST {REFERRALS}/{{referral_id}}/transitions"
    received = {"to": "received"}
    await teller.call("cursor: Not one of ours", PLATFORM, listing, query={"cursor": "2"})
    await teller.call("broken-json: Cut off on its way", PLATFORM, moves, b'{"to": "rec', at=at)
    await teller.call("no-token: No token", None, listing)
    await teller.call("wrong-door: An EPR's token", EPR, listing)
    await teller.call("not-yours: At another hub, or nowhere", OTHER_PLATFORM, read, at=at)
    await teller.call("final: A move that is not allowed now", PLATFORM, moves, received, at=at)
    await teller.call("used-id: X-Request-Id used before", PLATFORM, moves, {"to": "on-hold"}, given=USED, at=at)
    await teller.call("stale: Changed by somebody else", PLATFORM, moves, received, given={"If-Match": 'W/"1"'}, at=at)
    await teller.call("misfit: No such status", PLATFORM, moves, {"to": "gone"}, at=at)
    await teller.call("too-large: Over five million bytes", PLATFORM, moves, b" " * 5_000_001, at=at)


def _never_on_purpose() -> list[Exchange]:
    """What no request brings about: as the error table has it."""
    return [
        Exchange(name, summary, Request(None, "ANY", door), error.status, outcome(error, CORRELATION_ID), FHIR_JSON)
        for name, summary, door, error in (
            ("broken", "The log knows more by this id", "/FHIR", ServerError()),
            ("broken", "The log knows more by this id", "/platform", ServerError()),
            ("unavailable", "It passes by itself", "/FHIR", Unavailable()),
        )
    ]
