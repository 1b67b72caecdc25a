"""The CapabilityStatement is neither more nor less than what is served: each thing declared is called, and so are
things that are not."""

from typing import Any
from urllib.parse import urlencode

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from tests.app import Json, Running, message_bundle, referral_bundle, resource_of
from tests.form.calls import PATIENT, ROLE, a_response, parameters
from tests.form.people import patient
from tools.contract.served import served

from gateway.fhir.metadata import capability_statement
from gateway.search import parameters_of
from gateway.validation import SUPPORTED
from mappings.subscription import CONTENT, TOPICS
from mappings.terminology import published

STATEMENT: Json = CapabilityStatement.model_validate_json(capability_statement("")).model_dump(mode="json")
REST: Json = STATEMENT["rest"][0]
DECLARED: dict[str, Json] = {one["type"]: one for one in REST["resource"]}
KEPT = [type_ for type_, one in DECLARED.items() if "create" in {code["code"] for code in one.get("interaction") or []}]

# How each thing that can be declared is called. What belongs to FHIR by itself, and to SMART, is not declared.
WAYS = {
    "create": ("POST", "/{type}"),
    "read": ("GET", "/{type}/{id}"),
    "vread": ("GET", "/{type}/{id}/_history/{version}"),
    "update": ("PUT", "/{type}/{id}"),
    "patch": ("PATCH", "/{type}/{id}"),
    "delete": ("DELETE", "/{type}/{id}"),
    "history-instance": ("GET", "/{type}/{id}/_history"),
    "history-type": ("GET", "/{type}/_history"),
    "search-type": ("GET", "/{type}"),
}
ALONGSIDE = {  # served with something declared: the other way to search, a patient's compartment, conditional update
    ("POST", "/{type}/_search"),
    ("GET", "/Patient/{id}/{type}"),
    ("POST", "/Patient/{id}/{type}/_search"),
    ("PUT", "/{type}"),
}
UNDECLARED = {("GET", "/metadata"), ("GET", "/.well-known/smart-configuration")}
OPERATIONS = {
    "validate": {("POST", "/{type}/$validate"), ("POST", "/{type}/{id}/$validate")},
    "everything": {("GET", "/Patient/{id}/$everything")},
    "translate": {(method, f"/ConceptMap{at}/$translate") for method in ("GET", "POST") for at in ("", "/{id}")},
    "process-message": {("POST", "/$process-message")},
    "populate": {("POST", f"/Questionnaire{at}/$populate") for at in ("", "/{id}")},
    "extract": {("POST", "/QuestionnaireResponse/$extract")},
    "status": {(method, f"/Subscription{at}/$status") for method in ("GET", "POST") for at in ("", "/{id}")},
    "events": {(method, "/Subscription/{id}/$events") for method in ("GET", "POST")},
}
ABSENT = "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"
PATCH = {"Content_Type": "application/json-patch+json"}

CONCEPT = {"text": "Something"}
NEEDED: dict[str, Json] = {  # what R4 wants of each type, beside what is the same for all
    "Appointment": {"status": "proposed", "participant": [{"status": "accepted", "actor": {"display": "A"}}]},
    "CarePlan": {"status": "draft", "intent": "plan"},
    "Communication": {"status": "completed"},
    "CommunicationRequest": {"status": "draft"},
    "Consent": {"status": "draft", "scope": CONCEPT, "category": [CONCEPT], "policyRule": CONCEPT},
    "DocumentReference": {"status": "current", "content": [{"attachment": {"title": "A"}}]},
    "Encounter": {"status": "planned", "class": {"code": "AMB"}},
    "Endpoint": {
        "status": "test",
        "connectionType": {"code": "a"},
        "payloadType": [CONCEPT],
        "address": "https://epr.example/fhir",
    },
    "EpisodeOfCare": {"status": "planned"},
    "Flag": {"status": "active", "code": CONCEPT},
    "Goal": {"lifecycleStatus": "proposed", "description": CONCEPT},
    "Group": {"type": "person", "actual": True},
    "Observation": {"status": "final", "code": CONCEPT},
    "Organization": {"name": "A"},
    "Procedure": {"status": "completed"},
    "Provenance": {"recorded": "2026-01-01T00:00:00Z", "agent": [{"who": {"display": "A"}}]},
    "Questionnaire": {"status": "draft"},
    "QuestionnaireResponse": {"status": "in-progress"},
    "RiskAssessment": {"status": "final"},
    "ServiceRequest": {"status": "draft", "intent": "order"},
    "Subscription": {
        "status": "requested",
        "reason": "A",
        "criteria": next(iter(TOPICS)),
        "channel": {
            "type": "rest-hook",
            "endpoint": "http://127.0.0.1/hooks",
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": CONTENT, "valueCode": "empty"}]},
        },
    },
    "Task": {"status": "draft", "intent": "order"},
}
ABOUT = {  # the element that names the patient, where one is needed
    **dict.fromkeys(
        ["CarePlan", "Condition", "Flag", "Goal", "Procedure", "RiskAssessment", "ServiceRequest"], "subject"
    ),
    **dict.fromkeys(["EpisodeOfCare", "RelatedPerson"], "patient"),
}


def least(type_: str, patient: str) -> Json:
    """The smallest resource of a type that R4 allows."""
    made: Json = {"resourceType": type_} | NEEDED.get(type_, {})
    if type_ in ABOUT:
        made[ABOUT[type_]] = {"reference": patient}
    if type_ == "Provenance":
        made["target"] = [{"reference": patient}]
    return made


async def call(gateway: Running, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return await gateway.call("demo-epr", method, f"/FHIR/R4{path}", body, **headers)


@pytest.fixture
async def kept(gateway: Running) -> dict[str, Json]:
    """Something of each type that is kept, stored."""
    task = await gateway.refer()
    stored = {"Task": task}
    for type_ in KEPT:
        if type_ != "Task":
            answer = await call(gateway, "POST", f"/{type_}", least(type_, task["for"]["reference"]))
            assert answer.status_code == 201, (type_, answer.text)
            stored[type_] = answer.json()
    return stored


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("", "application/fhir+xml", 406),
        ("?_format=xml", "*/*", 406),
        ("?_format=json", "application/fhir+xml", 200),
        ("", "", 200),
    ],
)
async def test_r02_metadata_is_served_as_json_only(gateway: Running, query: str, accept: str, status: int) -> None:
    answer = await gateway.call(None, "GET", f"/FHIR/R4/metadata{query}", Accept=accept)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/fhir+json")


async def test_r01_metadata_needs_no_token_and_can_be_cached(gateway: Running) -> None:
    answer = await gateway.call(None, "GET", "/FHIR/R4/metadata")
    known = f'W/"1", {answer.headers["etag"]}'
    again = await gateway.call(None, "GET", "/FHIR/R4/metadata", If_None_Match=known)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/fhir+json")
    assert "max-age" in answer.headers["cache-control"]
    assert (again.status_code, again.content) == (304, b"")
    statement = answer.json()
    assert (statement["kind"], statement["fhirVersion"]) == ("instance", "4.0.1")
    CapabilityStatement.model_validate(statement)


def test_r01_each_type_that_is_kept_or_published_is_declared() -> None:
    kept = SUPPORTED - {"Bundle", "MessageHeader", "OperationOutcome", "Parameters"}

    assert set(KEPT) == kept
    assert set(DECLARED) - kept == {
        "Bundle",
        *(type_ for type_ in ("CodeSystem", "ConceptMap", "ValueSet") if published(type_)),
    }


def test_r01_each_route_is_declared_and_each_declaration_has_its_route(gateway: Running) -> None:
    routes = {
        (method, path.removeprefix("/FHIR/R4") or "/")
        for method, path in served(gateway.app)
        if path.startswith("/FHIR/R4")
    }
    named = {operation["name"] for one in [*DECLARED.values(), REST] for operation in one.get("operation") or []}
    interactions = {one["code"] for resource in DECLARED.values() for one in resource.get("interaction") or []}
    declared = {WAYS[code] for code in interactions} | set().union(*(OPERATIONS[name] for name in named))
    assert {one["code"] for one in REST["interaction"]} == {"transaction", "batch"}
    declared.add(("POST", "/"))

    own = {(method, path) for method, path in routes if path.startswith(("/CodeSystem", "/ConceptMap", "/ValueSet"))}

    assert named == set(OPERATIONS)
    assert declared - routes == set()
    assert routes - declared - own == ALONGSIDE | UNDECLARED


async def test_r01_each_interaction_declared_is_served(gateway: Running, kept: dict[str, Json]) -> None:
    refused = []
    for type_, one in DECLARED.items():
        stored = kept.get(type_) or {"id": next(iter(published(type_)), "")}
        bodies: Json = {"create": least(type_, kept["Task"]["for"]["reference"]), "update": stored}
        bodies["patch"] = [{"op": "test", "path": "/resourceType", "value": type_}]
        for code in (each["code"] for each in one.get("interaction") or []):
            method, path = WAYS[code]
            address = path.format(type=type_, id=stored["id"], version="1")
            answer = await call(gateway, method, address, bodies.get(code), **(PATCH if code == "patch" else {}))
            # Which Task may be created and changed is for the life cycle to say; that it is judged shows it is served.
            if answer.status_code not in ({200, 201, 422} if type_ == "Task" else {200, 201}):
                refused.append((type_, code, answer.status_code, answer.text[:300]))
    assert refused == []


async def test_r01_each_interaction_not_declared_is_refused(gateway: Running, kept: dict[str, Json]) -> None:
    taken = []
    for type_ in [*DECLARED, "Parameters", "MessageHeader", "Medication", "Wombat"]:
        declared = {one["code"] for one in DECLARED.get(type_, {}).get("interaction") or []}
        id_ = kept.get(type_, {}).get("id") or next(iter(published(type_)), ABSENT)
        for code in WAYS.keys() - declared:
            method, path = WAYS[code]
            answer = await call(gateway, method, path.format(type=type_, id=id_, version="1"), {"resourceType": type_})
            if answer.status_code not in {404, 405} or (answer.status_code == 405 and not answer.headers.get("allow")):
                taken.append((type_, code, answer.status_code))
    assert taken == []


VALUES = {
    "date": "ge2020-01-01",
    "number": "1",
    "quantity": "1",
    "reference": "Patient/x",
    "uri": "urn:x",
    "token": "a",
}


async def test_r01_each_search_parameter_declared_is_understood(gateway: Running) -> None:
    refused = []
    for type_, one in DECLARED.items():
        for parameter in one.get("searchParam") or []:
            query = urlencode({parameter["name"]: VALUES.get(parameter["type"], "a")})
            answer = await call(gateway, "GET", f"/{type_}?{query}", Prefer="handling=strict")
            if answer.status_code != 200 or query not in answer.json()["link"][0]["url"]:
                refused.append((type_, parameter["name"], answer.text[:200]))
    assert refused == []


async def test_r01_each_include_declared_is_understood(gateway: Running) -> None:
    refused = []
    for type_, one in DECLARED.items():
        asked = [("_include", value) for value in one.get("searchInclude") or []]
        asked += [("_revinclude", value) for value in one.get("searchRevInclude") or []]
        for name, value in asked:
            answer = await call(gateway, "GET", f"/{type_}?{urlencode({name: value})}", Prefer="handling=strict")
            if answer.status_code != 200:
                refused.append((type_, name, value, answer.text[:200]))
    assert refused == []


async def test_r01_parameters_and_includes_not_declared_are_refused(gateway: Running) -> None:
    everywhere = {name for type_ in KEPT for name in parameters_of(type_)}
    taken = []
    for type_, one in DECLARED.items():
        if not one.get("searchParam"):
            continue
        undeclared = sorted(everywhere - {parameter["name"] for parameter in one["searchParam"]})[:5]
        asked = [*((name, "a") for name in ["wombat", *undeclared]), ("_include", f"{type_}:wombat")]
        for name, value in asked:
            answer = await call(gateway, "GET", f"/{type_}?{urlencode({name: value})}", Prefer="handling=strict")
            if answer.status_code != 400:
                taken.append((type_, name, answer.status_code))
    assert taken == []


def asked_to_populate() -> Json:
    return parameters(subject=PATIENT, content=patient())


def asked_to_extract() -> Json:
    return parameters(questionnaire_response=a_response(), content=[patient(), ROLE])


async def test_r01_operations_are_served_where_they_are_declared(gateway: Running, kept: dict[str, Json]) -> None:
    lonely = {"system": "http://snomed.info/sct", "code": "267076002"}
    coding = {"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": lonely}]}
    wrong = []
    for type_ in [*DECLARED, "Parameters", "Medication"]:
        names = {one["name"] for one in DECLARED.get(type_, {}).get("operation") or []}
        id_ = kept.get(type_, {}).get("id", ABSENT)
        sample = least(type_, kept["Task"]["for"]["reference"]) if type_ != "Bundle" else referral_bundle()
        answers = {
            "validate": await call(gateway, "POST", f"/{type_}/$validate", sample),
            "everything": await call(gateway, "GET", f"/{type_}/{id_}/$everything"),
            "translate": await call(gateway, "POST", f"/{type_}/$translate", coding),
            "status": await call(gateway, "GET", f"/{type_}/{id_}/$status"),
            "events": await call(gateway, "GET", f"/{type_}/{id_}/$events"),
            "populate": await call(gateway, "POST", f"/{type_}/$populate", asked_to_populate()),
            "extract": await call(gateway, "POST", f"/{type_}/$extract", asked_to_extract()),
        }
        served = {name for name, answer in answers.items() if answer.status_code == 200}
        clean = all(answer.status_code in {200, 404, 405} for answer in answers.values())
        wrong += [] if clean and served == names else [(type_, names, {k: v.status_code for k, v in answers.items()})]
    assert wrong == []


async def test_r01_the_system_level(gateway: Running) -> None:
    ids = {"X_Request_Id": "6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01"}
    batch = {"resourceType": "Bundle", "type": "batch"}
    batch["entry"] = [{"request": {"method": "GET", "url": "Task"}}]  # type: ignore[assignment]

    assert (await call(gateway, "POST", "", referral_bundle())).status_code == 200
    assert (await call(gateway, "POST", "", batch)).status_code == 200
    assert (await call(gateway, "POST", "/$process-message", message_bundle(), **ids)).status_code == 200
    for undeclared in ("/_history", "?_type=Task", "/$convert", "/$export"):
        assert (await call(gateway, "GET", undeclared)).status_code in {404, 405}


async def test_r01_conditions_are_as_declared(gateway: Running) -> None:
    patient = resource_of(referral_bundle(), "Patient")
    named = patient["identifier"][0]
    condition = urlencode({"identifier": f"{named['system']}|{named['value']}"})
    declared = DECLARED["Patient"]

    created = await call(gateway, "POST", "/Patient", patient, If_None_Exist=condition)
    again = await call(gateway, "POST", "/Patient", patient, If_None_Exist=condition)
    assert (created.status_code, again.status_code) == (201, 200)
    assert declared["conditionalCreate"] is True

    assert (await call(gateway, "PUT", f"/Patient?{condition}", patient)).status_code == 200
    assert declared["conditionalUpdate"] is True

    at, headers = f"/Patient/{created.json()['id']}", created.headers
    assert (await call(gateway, "GET", at, If_None_Match=headers["etag"])).status_code in {200, 304}
    assert declared["conditionalRead"] == "full-support"

    absent = await call(gateway, "PUT", f"/Patient/{ABSENT}", patient | {"id": ABSENT})
    assert (absent.status_code, declared["updateCreate"]) == (405, False)
    assert (await call(gateway, "DELETE", f"/Patient?{condition}")).status_code == 405
    assert declared["conditionalDelete"] == "not-supported"
    assert (await call(gateway, "GET", f"{at}/_history/1")).status_code == 200
    assert declared["readHistory"] is True
