"""R26: a right to write is no right to read: what an EPR did not send it sees only with the scope to read it."""

from typing import Any

import pytest
from tests.app import Json, Running, issues_of
from tests.fhir.rest.calls import FHIR, asks, bundle, may, named, patient, stored

JSON_PATCH = {"Content_Type": "application/json-patch+json"}
KNOWN: Json = {"telecom": [{"system": "phone", "value": "01632 960983"}]}


def requests(kept: Json) -> dict[str, tuple[str, str, Any, dict[str, str], str]]:
    """Writes that meet what is stored already, with the scope that they need."""
    condition, short = f"identifier={named(kept)}", patient(kept["identifier"][0]["value"])
    prefer, path = {"Prefer": "return=representation"}, f"Patient/{kept['id']}"
    unless = bundle("transaction", asks("POST", "Patient", short, ifNoneExist=condition))
    same = bundle("transaction", asks("PUT", path, kept))
    return {
        "a create": ("POST", "Patient", short, {"If_None_Exist": condition}, "c"),
        "a create in a transaction": ("POST", "", unless, prefer, "c"),
        "an update that changes nothing": ("PUT", path, kept, prefer, "u"),
        "an update in a transaction": ("POST", "", same, prefer, "u"),
        "a patch": ("PATCH", path, [{"op": "add", "path": "/active", "value": True}], JSON_PATCH, "u"),
        "a patch that changes nothing": ("PATCH", path, [{"op": "remove", "path": "/meta"}], JSON_PATCH, "u"),
    }


@pytest.mark.parametrize("name", requests(patient(id="1")))
async def test_r26_what_was_here_is_shown_to_readers_only(gateway: Running, name: str) -> None:
    kept = await stored(gateway, patient(**KNOWN))
    method, path, body, headers, scope = requests(kept)[name]

    writer, reader = (
        may(gateway, f"system/Patient.{scope}"),
        may(gateway, f"system/Patient.{'cr' if scope == 'c' else 'ru'}"),
    )
    answers = [
        await gateway.call(client, method, f"{FHIR}/{path}".rstrip("/"), body, **headers) for client in (writer, reader)
    ]

    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert ["960983" in answer.text for answer in answers] == [False, True]
    assert kept["id"] in answers[0].text + answers[0].headers.get("location", "") + path


async def test_r26_a_create_is_shown_to_its_sender(gateway: Running) -> None:
    answer = await gateway.call(may(gateway, "system/Patient.c"), "POST", f"{FHIR}/Patient", patient(**KNOWN))

    assert (answer.status_code, answer.json()["telecom"]) == (201, KNOWN["telecom"])


async def test_r26_a_reference_by_a_condition_is_a_search(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    sent = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    sent |= {"subject": {"reference": f"Patient?identifier={named(kept)}"}}

    refused = await gateway.call(may(gateway, "system/Observation.c"), "POST", f"{FHIR}/Observation", sent)
    both = may(gateway, "system/Observation.c", "system/Patient.s")
    taken = await gateway.call(both, "POST", f"{FHIR}/Observation", sent)

    assert (refused.status_code, issues_of(refused)[0][0]) == (403, "forbidden")
    assert (taken.status_code, taken.json()["subject"]["reference"]) == (201, f"Patient/{kept['id']}")
