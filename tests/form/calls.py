"""What is sent to the operations of the referral form, and what comes back."""

from typing import Any

from fhir.resources.R4B.parameters import Parameters
from tests.app import Json, Running
from tests.form.people import ALL, AT, patient

from mappings.form import response_from

PATIENT = {"reference": "Patient/p1"}
ROLE: Json = {
    "resourceType": "PractitionerRole",
    "id": "r1",
    "practitioner": {
        "identifier": {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "999000000001"},
        "display": "Dr Amara Osei",
    },
    "code": [{"text": "Care coordinator"}],
    "healthcareService": [{"display": "Recovery Team North"}],
    "telecom": [
        {"system": "phone", "value": "01632 960045"},
        {"system": "email", "value": "amara.osei@northdale.example"},
    ],
}
IDENTIFIER = {"system": "https://northdale.example/forms", "value": "F-1"}


async def fhir(
    gateway: Running, method: str, path: str, body: Any = None, client: str = "demo-epr", **more: str
) -> Any:
    return await gateway.call(client, method, f"/FHIR/R4/{path}", body, **more)


def parameters(**given: Any) -> Json:
    """One of each, a list for several; a resource, a Reference or a boolean."""
    listed: list[Json] = []
    for name, values in given.items():
        for value in values if isinstance(values, list) else [values]:
            kind = "resource" if isinstance(value, dict) and "resourceType" in value else None
            kind = kind or ("valueBoolean" if isinstance(value, bool) else "valueReference")
            listed.append({"name": name.replace("_", "-"), (kind if not isinstance(value, str) else "valueUri"): value})
    return {"resourceType": "Parameters", "parameter": listed}


def a_response(answers: Any = ALL, **more: Any) -> Json:
    author = {"reference": "PractitionerRole/r1"}
    response = response_from(answers, at=AT, status="completed", subject=PATIENT, author=author)
    return response | {"identifier": IDENTIFIER} | more


def asked(response: Json | None = None, *content: Json) -> Json:
    return parameters(questionnaire_response=response or a_response(), content=list(content or (patient(), ROLE)))


def part(answer: Any, name: str) -> Json:
    assert answer.status_code == 200, answer.text
    Parameters.model_validate(answer.json())
    found: Json = next(one["resource"] for one in answer.json()["parameter"] if one["name"] == name)
    return found
