"""The FHIR door for the app that was launched: the patient of its token, their needs and alerts, and the user."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from adapters.rio.mock.fhir_door import FHIR_JSON, outcome
from adapters.rio.mock.signing_in import user_of
from adapters.rio.mock.smart import Context, Smart, base_of
from adapters.rio.mock.store import Row, Store

Json = dict[str, Any]

CLIENT_IDS = "https://northdale.example/rio/client-id"
USER_IDS = "https://northdale.example/rio/user"
ODS_CODES = "https://fhir.nhs.uk/Id/ods-organization-code"
TRUST, TRUST_NAME = "XND01", "Northdale Mental Health NHS Foundation Trust"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
GENDERS = {"F": "female", "M": "male", "X": "other", "U": "unknown"}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ABOUT_PATIENT = ("Condition", "Consent", "Flag", "Observation")  # of two of them it holds none


def fhir_reads(store: Store, smart: Smart) -> APIRouter:
    door = APIRouter(prefix="/FHIR/R4")

    @door.get("/Patient/{client_id}")
    async def read_patient(client_id: str, request: Request) -> Response:
        if refusal := _refuse(smart.context(request), client_id):
            return refusal
        client = store.one("SELECT * FROM Client WHERE ClientID = ?", client_id)
        return _send(patient_of(store, client)) if client else _unknown()

    @door.get("/Practitioner/{hcp}")
    async def read_practitioner(hcp: str, request: Request) -> Response:
        context = smart.context(request)
        if refusal := _refuse_user(context, "Practitioner"):
            return refusal
        user = user_of(store, hcp) if context and context.hcp == hcp else None
        return _send(practitioner_of(user)) if user else _unknown()

    @door.get("/PractitionerRole")
    async def search_roles(request: Request) -> Response:
        context = smart.context(request)
        if refusal := _refuse_user(context, "PractitionerRole"):
            return refusal
        asked = request.query_params.get("practitioner", "").rpartition("/")[2]
        user = user_of(store, asked) if context and context.hcp == asked else None
        return _found(request, [role_of(user)] if user else [])

    @door.get("/{type_}")
    async def search(type_: str, request: Request) -> Response:
        if type_ not in ABOUT_PATIENT:
            return outcome(404, "not-supported", "This type is not served.")
        client_id = request.query_params.get("patient", "").removeprefix("Patient/")
        if refusal := _refuse(smart.context(request), client_id):
            return refusal
        return _found(request, {"Condition": conditions, "Flag": flags}.get(type_, _none)(store, client_id))

    return door


def patient_of(store: Store, client: Row) -> Json:
    """The client as a UK Core Patient."""
    held = store.one("SELECT * FROM ClientDetail WHERE ClientID = ?", client["ClientID"]) or {}
    patient: Json = {
        "resourceType": "Patient",
        "id": client["ClientID"],
        "identifier": [{"system": CLIENT_IDS, "value": client["ClientID"]}],
        "name": [{"use": "official", "family": client["FamilyName"], "given": client["GivenNames"].split()}],
        "gender": GENDERS[client["Gender"]],
    }
    if client["NHSNumber"]:
        status = {"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"}
        status["code"] = client["NHSNumberStatus"]
        verified = {"url": f"{UK_CORE}NHSNumberVerificationStatus", "valueCodeableConcept": {"coding": [status]}}
        patient["identifier"].append({"extension": [verified], "system": NHS_NUMBER, "value": client["NHSNumber"]})
    if client["PreferredName"]:
        patient["name"].append({"use": "nickname", "given": [client["PreferredName"]]})
    if client["DateOfBirth"]:
        patient["birthDate"] = client["DateOfBirth"][: 4 if client["EstimatedDOB"] else 10]
    if client["Deceased"]:
        patient |= {"deceasedDateTime": client["DateOfDeath"]} if client["DateOfDeath"] else {"deceasedBoolean": True}
    if client["Sensitive"]:
        label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
        patient["meta"] = {"security": [label]}
    telecom = [
        {"system": system, "value": value, **more}
        for system, value, more in (
            ("phone", client["Phone"], {"use": "mobile", "rank": 1}),
            ("email", held.get("Email"), {}),
        )
        if value
    ]
    if telecom:
        patient["telecom"] = telecom
    if held.get("Line"):
        address = {"use": "home", "line": [held["Line"]], "city": held["City"], "postalCode": held["PostCode"]}
        patient["address"] = [address]
    if held.get("Language"):
        patient["communication"] = [{"language": {"text": held["Language"]}, "preferred": True}]
    if held.get("Interpreter") is not None:
        needed = {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"}
        patient["extension"] = [needed | {"valueBoolean": bool(held["Interpreter"])}]
    if client["GPCode"]:
        practice = {"system": ODS_CODES, "value": client["GPCode"]}
        patient["generalPractitioner"] = [{"type": "Organization", "identifier": practice, "display": client["GPName"]}]
    return patient


def practitioner_of(user: Row) -> Json:
    return {
        "resourceType": "Practitioner",
        "id": user["HCP"],
        "identifier": [{"system": USER_IDS, "value": user["HCP"]}],
        "name": [{"text": user["Name"]}],
        **_telecom(user),
    }


def role_of(user: Row) -> Json:
    trust = {"type": "Organization", "identifier": {"system": ODS_CODES, "value": TRUST}, "display": TRUST_NAME}
    team = {"identifier": {"system": "https://northdale.example/rio/team", "value": user["Team"]}}
    return {
        "resourceType": "PractitionerRole",
        "id": user["HCP"],
        "active": True,
        "practitioner": {"reference": f"Practitioner/{user['HCP']}", "display": user["Name"]},
        "organization": trust,
        "code": [{"text": user["Role"]}],
        "healthcareService": [team | {"display": user["TeamName"]}],
        **_telecom(user),
    }


def _telecom(user: Row) -> Json:
    told = [{"system": kind.lower(), "value": user[kind], "use": "work"} for kind in ("Phone", "Email") if user[kind]]
    return {"telecom": told} if told else {}


def conditions(store: Store, client_id: str) -> list[Json]:
    return [
        {
            "resourceType": "Condition",
            "id": f"{client_id}-{number}",
            "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
            "code": {"coding": [{"system": need["System"], "code": need["Code"], "display": need["Display"]}]},
            "subject": {"reference": f"Patient/{client_id}"},
            "recordedDate": need["RecordedAt"],
        }
        for number, need in enumerate(store.all("SELECT * FROM Need WHERE ClientID = ?", client_id), 1)
    ]


def flags(store: Store, client_id: str) -> list[Json]:
    category = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety"}
    return [
        {
            "resourceType": "Flag",
            "id": f"{client_id}-{number}",
            "status": "active",
            "category": [{"coding": [category]}],
            "code": {"text": alert["Text"]},
            "subject": {"reference": f"Patient/{client_id}"},
            "period": {"start": alert["Since"]},
        }
        for number, alert in enumerate(
            store.all("SELECT * FROM Alert WHERE ClientID = ? AND Until IS NULL ORDER BY Since", client_id), 1
        )
    ]


def _none(_store: Store, _client_id: str) -> list[Json]:
    return []


def _refuse(context: Context | None, client_id: str) -> Response | None:
    if context is None:
        return unauthorised()
    if context.client_id != client_id or "patient/*.rs" not in context.scopes:
        return outcome(403, "forbidden", "The token is for another patient, or does not allow this.")
    return None


def _refuse_user(context: Context | None, type_: str) -> Response | None:
    if context is None:
        return unauthorised()
    if f"user/{type_}.rs" not in context.scopes:
        return outcome(403, "forbidden", f"The token does not have the scope user/{type_}.rs.")
    return None


def unauthorised() -> Response:
    answer = outcome(401, "login", "A bearer token of a launch is required.")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _unknown() -> Response:
    return outcome(404, "not-found", "There is no such resource for this token.")


def _send(resource: Json) -> Response:
    return Response(orjson.dumps(resource), media_type=FHIR_JSON)


def _found(request: Request, resources: list[Json]) -> Response:
    return _send(bundle(resources, f"{base_of(request)}/FHIR/R4"))


def bundle(resources: list[Json], base: str | None = None) -> Json:
    """A searchset of them, with their addresses where the `base` is known."""
    entries = [
        ({"fullUrl": f"{base}/{one['resourceType']}/{one['id']}"} if base else {}) | {"resource": one}
        for one in resources
    ]
    listed = {"entry": entries} if entries else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries)} | listed
