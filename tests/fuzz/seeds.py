"""Valid requests for every door, of a gateway in which something has happened: what the fuzz spoils."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.app import Running, message_bundle, referral_bundle, resource_of, task_in
from tests.fhir.messages.said import bars_headers, cancelling, later

Json = Any

SECRET = "Zyxwvutsrq"  # the family name of the first organisation's people: nobody else may ever see it
FORM = "application/x-www-form-urlencoded"
PATCH = "application/json-patch+json"
FULFIL = {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]}
ELSEWHERE = "https://epr.example/FHIR/R4/ServiceRequest/1"


@dataclass(frozen=True)
class Seed:
    """A request that is answered well, when nothing in it is spoilt. `{id}`s of the story stand in path and body."""

    method: str
    path: str
    body: Json = None
    client: str = "demo-epr"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """What has happened: ids to be spoilt requests' targets, and what is stored under them."""

    task: Json
    request: Json
    patient: Json
    prescription: str
    theirs: Json  # the other organisation's Patient
    message: Json  # a BaRS message, processed
    question: str  # about who is who


def secret_bundle() -> Json:
    bundle = referral_bundle()
    patient = resource_of(bundle, "Patient")
    patient["name"] = [{"use": "official", "family": SECRET, "given": ["Rosa"]}]
    patient["identifier"].append({"system": "https://northdale.example/ward-number", "value": uuid4().hex})
    return bundle


async def tell(gateway: Running) -> Story:
    """A referral in support and one that came as a message, by the first organisation; a Patient of the second."""
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", secret_bundle(), Prefer="return=representation")
    assert answer.status_code == 200, answer.text
    task = task_in(answer.json())
    at = f"/platform/v1/referrals/{task['id']}"
    issue = {
        "kind": "referral",
        "categories": ["debt-advice"],
        "provider": "Northdale Money Advice",
        "service": "Debt advice appointment",
    }
    spoken = {"mechanism": "telephone", "outcome": "spoke"}
    advisor = {"name": "Priya Nadar", "phone": "01632 960101"}
    for path, body in [
        ("transitions", {"to": "received"}),
        ("transitions", {"to": "accepted"}),
        ("transitions", {"to": "allocated", "advisor": advisor}),
        ("contacts", spoken),
        ("prescriptions", issue),
    ]:
        answer = await gateway.call("demo-platform", "POST", f"{at}/{path}", body)
        assert answer.status_code in {200, 201}, (path, answer.text)
    stored, request, patient = [
        (await gateway.call("demo-epr", "GET", f"/FHIR/R4/{reference}")).json()
        for reference in (f"Task/{task['id']}", task["focus"]["reference"], task["for"]["reference"])
    ]
    prescription = answer.json()["prescriptions"][0]["id"]
    theirs = await gateway.call("demo-epr-2", "POST", "/FHIR/R4/Patient", resource_of(referral_bundle(), "Patient"))
    namesake = secret_bundle()
    resource_of(namesake, "Patient").update(birthDate="1980-02-03")
    for path, body in (("", namesake), ("/$process-message", message := message_bundle())):
        answer = await gateway.call("demo-epr", "POST", f"/FHIR/R4{path}", body, X_Request_Id=str(uuid4()))
        assert answer.status_code == 200, answer.text
    asked = (await gateway.call("demo-platform", "GET", "/platform/v1/identity")).json()["questions"]
    return Story(stored, request, patient, prescription, theirs.json(), message, asked[0]["id"])


def seeds(story: Story) -> list[Seed]:
    """One of each, with names that were not used before where a name may be used once."""
    task, request, patient = story.task["id"], story.request["id"], story.patient["id"]
    return [
        *writes(story),
        *operations(story),
        *reads(task, request, patient),
        *platform(task, story.prescription, story.question),
    ]


def writes(story: Story) -> list[Seed]:
    patient, task = f"/FHIR/R4/Patient/{story.patient['id']}", f"/FHIR/R4/Task/{story.task['id']}"
    bundle = secret_bundle()
    batch = bundle | {"type": "batch"}
    batch["entry"] = [*secret_bundle()["entry"][:1], {"request": {"method": "GET", "url": f"Task/{story.task['id']}"}}]
    patch = {"Content-Type": PATCH}
    named = story.patient["identifier"][-1]
    abort = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]},
        "focus": {"reference": f"Task/{story.task['id']}"},
        "statusReason": {"text": "She moves house."},
    }
    said = {"resourceType": "Communication", "status": "completed", "about": [abort["focus"]]}
    said["payload"] = [{"contentString": "Yes: 01632 960999."}]
    theirs = resource_of(secret_bundle(), "ServiceRequest")
    theirs = {key: theirs[key] for key in ("resourceType", "status", "intent", "reasonCode")}
    theirs["subject"] = {"reference": f"Patient/{story.theirs['id']}"}
    condition = f"identifier={named['system']}|{named['value']}"
    return [
        Seed("POST", "/FHIR/R4", secret_bundle()),
        Seed("POST", "/FHIR/R4", secret_bundle()),
        Seed("POST", "/FHIR/R4", batch),
        *(Seed("POST", f"/FHIR/R4/{one['resourceType']}", one) for one in _alone(bundle)),
        Seed("POST", "/FHIR/R4/Patient", story.patient, headers={"If-None-Exist": condition}),
        Seed("PUT", patient, story.patient),
        Seed("PUT", f"/FHIR/R4/Patient?{condition}", story.patient),
        Seed("PUT", task, story.task),
        Seed("PUT", f"/FHIR/R4/ServiceRequest/{story.request['id']}", story.request | {"note": [{"text": "More"}]}),
        Seed("PATCH", patient, [{"op": "replace", "path": "/birthDate", "value": "1971-06-15"}], headers=patch),
        Seed("POST", "/FHIR/R4/Task", abort),
        Seed("POST", "/FHIR/R4/Task", abort | {"code": FULFIL, "focus": {"reference": ELSEWHERE}}),
        Seed("POST", "/FHIR/R4/Communication", said),
        Seed("PUT", f"/FHIR/R4/ServiceRequest/{story.request['id']}", story.request | {"status": "revoked"}),
        Seed("PUT", f"/FHIR/R4/Patient/{story.theirs['id']}", story.theirs),
        Seed("POST", "/FHIR/R4/ServiceRequest", theirs),
        Seed("PATCH", task, [{"op": "add", "path": "/note", "value": [{"text": "More"}]}], headers=patch),
    ]


def _alone(bundle: Json) -> list[Json]:
    """Its resources without the references that would lead nowhere by themselves."""
    text = json.dumps([entry["resource"] for entry in bundle["entry"]])
    return [one for one in json.loads(text) if "urn:uuid" not in json.dumps(one)]


def operations(story: Story) -> list[Seed]:
    said = {"name": "coding", "valueCoding": {"system": "http://snomed.info/sct", "code": "267076002"}}
    told = story.message
    wrapped = [{"name": "resource", "resource": story.patient}, {"name": "mode", "valueCode": "update"}]
    return [
        Seed("POST", "/FHIR/R4/$process-message", message_bundle(), headers={"X-Request-Id": str(uuid4())}),
        *(Seed("POST", "/FHIR/R4/$process-message", one, headers=bars()) for one in (later(told), cancelling(told))),
        Seed("POST", "/FHIR/R4/Bundle/$validate", later(told)),
        Seed("POST", "/FHIR/R4/Bundle/$validate", secret_bundle()),
        Seed("POST", "/FHIR/R4/Bundle/$validate", message_bundle()),
        Seed(
            "POST",
            f"/FHIR/R4/Patient/{story.patient['id']}/$validate",
            {"resourceType": "Parameters", "parameter": wrapped},
        ),
        Seed("POST", "/FHIR/R4/ConceptMap/$translate", {"resourceType": "Parameters", "parameter": [said]}),
        Seed("GET", "/FHIR/R4/ConceptMap/$translate?code=267076002&system=http://snomed.info/sct"),
        Seed("GET", f"/FHIR/R4/Patient/{story.patient['id']}/$everything"),
        Seed("POST", "/FHIR/R4/Task/_search", b"status=requested", headers={"Content-Type": FORM}),
        Seed("POST", "/oauth2/token", b"grant_type=client_credentials&scope=x", headers={"Content-Type": FORM}),
    ]


def bars() -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in bars_headers().items()}


def reads(task: str, request: str, patient: str) -> list[Seed]:
    paths = [
        "metadata", "Task", "ServiceRequest", "Patient", "Consent", "Observation", "PractitionerRole", "CodeSystem",
        f"Task/{task}", f"Task/{task}/_history", f"Task/{task}/_history/2", f"ServiceRequest/{request}",
        f"Patient/{patient}", f"Patient/{patient}/Task", f"Patient/{patient}/ServiceRequest", "Task/_history",
        "ConceptMap/priority", f"Task?_id={task}&_include=Task:focus", "ServiceRequest?_revinclude=Task:focus",
    ]  # fmt: skip
    return [Seed("GET", f"/FHIR/R4/{path}") for path in paths]


def platform(task: str, prescription: str, question: str) -> list[Seed]:
    at = f"/platform/v1/referrals/{task}"
    bodies: list[tuple[str, Json]] = [
        ("transitions", {"to": "on-hold", "text": "Away until spring", "review_date": "2027-03-01"}),
        ("contacts", {"mechanism": "telephone", "outcome": "no-answer", "note": "Will try again"}),
        ("prescriptions", {"kind": "signpost", "categories": ["housing"], "provider": "Shelter", "service": "Advice"}),
        (f"prescriptions/{prescription}/transitions", {"to": "accepted"}),
        (f"prescriptions/{prescription}/sessions", {"attendance": "attended"}),
        ("measures", {"tool": "swemwbs", "stage": "baseline", "items": [2, 3, 2, 2, 3, 3, 2]}),
    ]
    decided = {"decision": "same-person", "note": "She said so", "by": "Priya Nadar"}
    changed = [Seed("POST", f"{at}/{path}", body, "demo-platform") for path, body in bodies]
    read = ["", "/events", "/deliveries", "/trace"]
    return [
        *changed,
        *(Seed("GET", at + path, None, "demo-platform") for path in read),
        Seed("GET", "/platform/v1/identity?state=open", None, "demo-platform"),
        Seed("GET", f"/platform/v1/identity/{question}", None, "demo-platform"),
        Seed("POST", f"/platform/v1/identity/{question}/decision", decided, "demo-platform"),
        Seed("POST", f"/platform/v1/identity/{question}/undo", {"note": "Sisters", "by": "Priya"}, "demo-platform"),
        Seed("GET", "/platform/v1/referrals?status=engaged&limit=2", None, "demo-platform"),
        Seed("GET", "/_status"),
    ]
