"""The EPR's side of the story, last part: reading, searching, and the words that the gateway translates by."""

from tools.contract.stage import EPR
from tools.contract.story_change import READ, at
from tools.contract.story_refer import Referred
from tools.contract.telling import FORM, Teller

SEARCH, COMPARTMENT = "GET /FHIR/R4/{type}", "GET /FHIR/R4/Patient/{id}/{type}"
TASKS = {"type": "Task"}
PUBLISHED = {"CodeSystem": "urgency", "ValueSet": "urgency", "ConceptMap": "priority"}
ASAP = {"system": "http://hl7.org/fhir/request-priority", "code": "asap"}


async def read(teller: Teller, referred: Referred) -> None:
    task, request = at(f"Task/{referred.id}"), at(f"ServiceRequest/{referred.request['id']}")
    current = await teller.call("task: A referral that was closed with goals met", EPR, READ, at=task)
    unchanged = {"If-None-Match": f'W/"{current["meta"]["versionId"]}"'}
    await teller.call("unchanged: If-None-Match named this version", EPR, READ, given=unchanged, at=task)
    some = {"_elements": "status,businessStatus"}
    await teller.call("task-in-short: Where it stands, and no more", EPR, READ, at=task, query=some)
    await teller.call("first: As it was sent", EPR, READ + "/_history/{version}", at=task | {"version": "1"})
    await teller.call("request: All versions of a ServiceRequest", EPR, READ + "/_history", at=request)
    lately = {"_since": "2026-03-02", "_count": 1}
    name = "requests: The last version of any ServiceRequest"
    await teller.call(name, EPR, SEARCH + "/_history", at={"type": "ServiceRequest"}, query=lately)
    everything = {"_type": "Task,Consent", "_count": 20}
    where = {"id": at(referred.patient)["id"]}
    path = "GET /FHIR/R4/Patient/{id}/$everything"
    await teller.call("of-two-types: Tasks and Consents only", EPR, path, at=where, query=everything)


async def search(teller: Teller, referred: Referred) -> None:
    changed = {"_lastUpdated": "gt2026-03-02T09:30:00Z", "status": "rejected,on-hold", "_count": 20}
    await teller.call("changed: What came to a stop since this morning", EPR, SEARCH, query=changed, at=TASKS)
    number = {"identifier": "https://fhir.nhs.uk/Id/nhs-number|9992047186", "_count": "1"}
    await teller.call("person: By NHS number", EPR, SEARCH, query=number, at={"type": "Patient"})
    included = {"_id": referred.id, "_include": "Task:focus", "_elements": "status,businessStatus"}
    await teller.call("with-request: A Task in short, and its ServiceRequest", EPR, SEARCH, query=included, at=TASKS)
    linked = {"patient.birthdate": "1988-11-02", "intent": "plan", "wombat": "1", "_summary": "true"}
    name = "linked: By the person's birth date; what is not known is named"
    await teller.call(name, EPR, SEARCH, query=linked, at={"type": "ServiceRequest"})
    await teller.call(
        "person: By NHS number", EPR, "POST /FHIR/R4/{type}/_search", number, given=FORM, at={"type": "Patient"}
    )
    where = {"id": at(referred.patient)["id"]} | TASKS
    closed = {"status": "completed", "_elements": "status,businessStatus"}
    await teller.call("closed: What has come to its end for one person", EPR, COMPARTMENT, at=where, query=closed)
    await teller.call(
        "closed: The same", EPR, COMPARTMENT.replace("GET", "POST") + "/_search", closed, given=FORM, at=where
    )


async def read_words(teller: Teller) -> None:
    for type_, id_ in PUBLISHED.items():
        path, by_id = f"/FHIR/R4/{type_}", {"_id": id_}
        await teller.call(f"{id_}: By its id", EPR, f"GET {path}", query=by_id)
        await teller.call(f"{id_}: By its id", EPR, f"POST {path}/_search", by_id, given=FORM)
        shown = await teller.call(f"{id_}: What the gateway says", EPR, f"GET {path}/{{id}}", at={"id": id_})
        known = {"If-None-Match": f'W/"{shown["meta"]["versionId"]}"'}
        await teller.call("unchanged: Still so", EPR, f"GET {path}/{{id}}", given=known, at={"id": id_})
    asked = {"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": ASAP}]}
    for place, where in (("", None), ("/{id}", {"id": "priority"})):
        path = f"/FHIR/R4/ConceptMap{place}/$translate"
        await teller.call("asap: Is soon", EPR, f"GET {path}", query=ASAP, at=where)
        await teller.call("asap: Is soon", EPR, f"POST {path}", asked, at=where)
    unknown = {"system": "http://hl7.org/fhir/request-priority", "code": "now"}
    await teller.call("unknown: Nothing is guessed", EPR, "GET /FHIR/R4/ConceptMap/$translate", query=unknown)
