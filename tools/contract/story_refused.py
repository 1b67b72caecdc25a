"""What the EPR's door refuses."""

import copy

import orjson
from tests.app import example, resource_of
from tests.fhir.messages.said import encoded
from tools.contract.stage import EPR, OTHER_EPR, PLATFORM, READER
from tools.contract.story_change import READ, UPDATE_BY_CONDITION, at
from tools.contract.story_read import SEARCH, TASKS
from tools.contract.story_refer import MESSAGE, TRANSACTION, Referred, create, referral, task_elsewhere
from tools.contract.telling import Json, Teller


async def be_refused(teller: Teller, referred: Referred) -> None:
    task = at(f"Task/{referred.id}")
    bundle = referral("REF-2026-000119")

    await teller.call("broken-json: Cut off on its way", EPR, TRANSACTION, orjson.dumps(bundle)[:-40])
    no_uuid = {"X-Request-Id": "4711"}
    await teller.call("no-uuid: X-Request-Id is no UUID", EPR, TRANSACTION, bundle, given=no_uuid)
    await teller.call("no-token: No token", None, READ, at=task)
    await create(teller, "scope: The token does not reach so far", resource_of(bundle, "Patient"), READER)
    await teller.call("wrong-door: A platform's token", PLATFORM, READ, at=task)
    await teller.call("not-yours: Another organisation's, or none at all", OTHER_EPR, READ, at=task)
    await teller.call("method: Searching everything is not possible", EPR, "GET /FHIR/R4")
    await teller.call("delete: Nothing is deleted", EPR, "DELETE /FHIR/R4/{type}/{id}", at=task)
    await teller.call("xml-wanted: XML asked for", EPR, READ, given={"Accept": "application/fhir+xml"}, at=task)
    xml = {"Content-Type": "application/fhir+xml"}
    await teller.call("xml-sent: XML sent", EPR, TRANSACTION, b"<Bundle/>", given=xml)
    await teller.call("too-large: Over five million bytes", EPR, TRANSACTION, b" " * 5_000_001)
    await _refuse_searches(teller)
    await _refuse_referrals(teller, bundle)


async def _refuse_searches(teller: Teller) -> None:
    day = {"_lastUpdated": "yesterday"}
    await teller.call("search-value: A date that is none", EPR, SEARCH, query=day, at=TASKS)
    unknown, strict = {"wombat": "1"}, {"Prefer": "handling=strict"}
    name = "search-parameter: Not known, and handling is strict"
    await teller.call(name, EPR, SEARCH, query=unknown, given=strict, at=TASKS)
    await teller.call("page: Not one of ours", EPR, SEARCH, query={"_page": "2"}, at=TASKS)


async def _refuse_referrals(teller: Teller, bundle: Json) -> None:
    conditional = copy.deepcopy(bundle)
    resource_of(conditional, "Task")["for"] = {"reference": "Patient?identifier=https://northdale.example/id|0"}
    await teller.call("no-match: A conditional reference that matches nothing", EPR, TRANSACTION, conditional)
    person = resource_of(bundle, "Patient")
    where, query = {"type": "Patient"}, {"identifier": "https://northdale.example/rio/client-id|0012345"}
    name = "two-matches: Two records carry this identifier"
    await teller.call(name, EPR, UPDATE_BY_CONDITION, person, at=where, query=query)
    dangling = copy.deepcopy(bundle)
    resource_of(dangling, "Task")["focus"] = {"reference": "urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9eff"}
    await teller.call("dangling: A reference to an entry that is not there", EPR, TRANSACTION, dangling)
    bogus = copy.deepcopy(bundle)
    resource_of(bogus, "ServiceRequest")["status"] = "bogus"
    del resource_of(bogus, "ServiceRequest")["subject"]
    await teller.call("not-r4: Two rules of FHIR R4 broken", EPR, TRANSACTION, bogus)
    number = copy.deepcopy(bundle)
    resource_of(number, "Patient")["identifier"][0]["value"] = "9992047180"
    await teller.call("nhs-number: Fails its check digit", EPR, TRANSACTION, number)
    elsewhere = task_elsewhere("https://fhir.elsewhere.example/R4")
    await create(teller, "not-registered: A focus on a server that is not yours", elsewhere)


async def refuse_messages(teller: Teller, change: Json) -> None:
    """`change` amends a referral that was cancelled since."""
    message = example("message.json") | {"id": "3f0b6d1e-7c1b-4f6e-8a36-5b6f1c2d7a11"}
    header = {"NHSD-Target-Identifier": "2000090002"}
    await teller.call("bars-header: Not Base64", EPR, MESSAGE, message, given=header)
    nowhere = {"system": "https://fhir.nhs.uk/Id/dos-service-id", "value": "0"}
    service = {"NHSD-Target-Identifier": encoded(nowhere)}
    await teller.call("bars-service: A service that is not here", EPR, MESSAGE, message, given=service)
    spoken = {"Accept": "application/fhir+json; version=2.0.0"}
    await teller.call("bars-version: Another version of BaRS", EPR, MESSAGE, message, given=spoken)
    unknown = copy.deepcopy(change) | {"id": "3f0b6d1e-7c1b-4f6e-8a36-5b6f1c2d7a12"}
    await teller.call("message-unknown: It names no referral of yours", EPR, MESSAGE, unknown)
    late = copy.deepcopy(change)
    late["meta"]["lastUpdated"] = "2026-01-12T15:30:00+00:00"
    await teller.call("message-too-late: The referral was cancelled", EPR, MESSAGE, late)
    stu3 = {"resourceType": "Bundle", "type": "message", "entry": [{"resource": {"resourceType": "MessageHeader"}}]}
    stu3["entry"][0]["resource"]["event"] = {"code": "referral"}  # type: ignore[index]
    await teller.call("stu3: A message of FHIR STU3", EPR, MESSAGE, stu3)
