"""The EPR's side of the story: finding out, a referral by each way in, following it, and each refusal."""

import copy
from urllib.parse import urlencode

import orjson
from tests.app import BASE, example, resource_of, task_in
from tools.contract.telling import FORM, Json, Teller

from gateway.security import token_request

EPR, OTHER_EPR = "demo-epr", "demo-epr-2"
READER = "demo-reader"  # may read, and nothing else
PLATFORM = "demo-platform"


async def discover(teller: Teller, key: Json) -> None:
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


async def refer(teller: Teller) -> Json:
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


async def send_message(teller: Teller) -> str:
    """A BaRS-shaped message; the id of its referral."""
    request = "POST /FHIR/R4/$process-message"
    message = example("message.json")
    answer = await teller.call("message: A new referral, BaRS-shaped", EPR, request, message)
    await teller.call("message-again: The same message again", EPR, request, message)
    id_: str = task_in(answer)["id"]
    return id_


async def follow(teller: Teller, task: Json) -> None:
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


async def be_refused(teller: Teller, task: Json) -> None:
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
