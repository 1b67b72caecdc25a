"""R11: JSON Patch (RFC 6902): what the operations make of a resource is judged like any other."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.app import Json, Running, issues_of, reference_in, without_ids
from tests.fhir.rest.calls import may, observation, patient, read, send, stored

from gateway.store.schema import resource

JSON_PATCH = "application/json-patch+json"
ACTIVE = {"op": "add", "path": "/active", "value": True}


async def patch(gateway: Running, kept: Json, *operations: Any, **headers: str) -> httpx.Response:
    path = f"{kept['resourceType']}/{kept['id']}"
    return await send(gateway, "PATCH", path, list(operations), **({"Content_Type": JSON_PATCH} | headers))


async def test_r11_each_operation(gateway: Running) -> None:
    kept = await stored(gateway, patient(address=[{"city": "Northdale"}]))

    answer = await patch(
        gateway,
        kept,
        {"op": "test", "path": "/meta/versionId", "value": "1"},
        {"op": "add", "path": "/name/0/given/-", "value": "Lee"},
        {"op": "copy", "from": "/name/0", "path": "/name/1"},
        {"op": "replace", "path": "/name/1/family", "value": "Marsh"},
        {"op": "move", "from": "/address", "path": "/telecom"},
        {"op": "replace", "path": "/telecom", "value": [{"system": "phone", "value": "01632 960001"}]},
        {"op": "remove", "path": "/birthDate"},
    )

    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert [(name["family"], name["given"]) for name in changed["name"]] == [
        ("Harrow", ["Jo", "Lee"]),
        ("Marsh", ["Jo", "Lee"]),
    ]
    assert changed["telecom"][0]["value"] == "01632 960001"
    assert not {"birthDate", "address"} & changed.keys()
    assert (changed["meta"]["versionId"], answer.headers["etag"]) == ("2", 'W/"2"')
    assert await read(gateway, kept) == changed


async def test_r11_decimals_keep_their_digits(gateway: Running) -> None:
    kept = await stored(gateway, observation(b"1.50"))
    tested = b'[{"op":"test","path":"/valueQuantity/value","value":1.5},'
    added = b'{"op":"add","path":"/component","value":[{"code":{"text":"y"},"valueQuantity":{"value":2.500}}]}]'

    answer = await send(gateway, "PATCH", f"Observation/{kept['id']}", tested + added, Content_Type=JSON_PATCH)

    assert answer.status_code == 200, answer.text
    assert b'"value":1.50}' in answer.content
    assert b'"value":2.500}' in answer.content


NO_PATCHES: dict[str, Any] = {
    "no list": {"op": "add", "path": "/active", "value": True},
    "no operations": [],
    "a hundred and one": [ACTIVE] * 101,
    "a text": ["add"],
    "no op": [{"path": "/active", "value": True}],
    "another op": [{"op": "append", "path": "/active", "value": True}],
    "op of another kind": [{"op": ["add"], "path": "/active"}],
    "no path": [{"op": "add", "value": True}],
    "path of another kind": [{"op": "remove", "path": 1}],
    "no pointer": [{"op": "remove", "path": "active"}],
    "a bad escape": [{"op": "remove", "path": "/~2"}],
    "no value": [{"op": "add", "path": "/active"}],
    "no from": [{"op": "move", "path": "/active"}],
    "from of another kind": [{"op": "copy", "path": "/active", "from": {}}],
}


@pytest.mark.parametrize("name", NO_PATCHES)
async def test_r11_what_is_no_json_patch(gateway: Running, name: str) -> None:
    kept = await stored(gateway, patient())

    answer = await send(gateway, "PATCH", f"Patient/{kept['id']}", NO_PATCHES[name], Content_Type=JSON_PATCH)

    assert answer.status_code == 400, answer.text
    assert await gateway.count(resource) == 1


NOT_DONE: dict[str, tuple[Json, str, str]] = {
    "a test that fails": ({"op": "test", "path": "/birthDate", "value": "1971-06-15"}, "conflict", "Patient.birthDate"),
    "a test of what is not there": ({"op": "test", "path": "/active", "value": None}, "conflict", "Patient.active"),
    "a place that is not there": ({"op": "remove", "path": "/name/7/given"}, "processing", "Patient.name[7].given"),
    "beyond the end": ({"op": "add", "path": "/name/7", "value": {}}, "processing", "Patient.name[7]"),
    "an index of many digits": (
        {"op": "remove", "path": f"/name/{'9' * 5000}"},
        "processing",
        "Patient.name[999999999]",
    ),
    "below a text": ({"op": "add", "path": "/birthDate/0", "value": "x"}, "processing", "Patient.birthDate[0]"),
    "into itself": ({"op": "move", "from": "/name", "path": "/name/0"}, "processing", "Patient.name[0]"),
    "an invalid value": ({"op": "add", "path": "/gender", "value": "bogus"}, "code-invalid", "Patient.gender"),
    "null": ({"op": "add", "path": "/gender", "value": None}, "structure", "Patient.gender"),
    "an element that is none": ({"op": "add", "path": "/colour", "value": "blue"}, "structure", "Patient.colour"),
    "another id": ({"op": "replace", "path": "/id", "value": "x"}, "invariant", "Patient"),
    "no id": ({"op": "remove", "path": "/id"}, "invariant", "Patient"),
    "another type": ({"op": "replace", "path": "/resourceType", "value": "Group"}, "invariant", "Patient"),
    "another resource": ({"op": "replace", "path": "", "value": []}, "invariant", "Patient"),
}


@pytest.mark.parametrize("name", NOT_DONE)
async def test_r11_what_cannot_be_done_changes_nothing(gateway: Running, name: str) -> None:
    operation, code, place = NOT_DONE[name]
    kept = await stored(gateway, patient())

    answer = await patch(gateway, kept, ACTIVE, operation)

    assert answer.status_code == 422, answer.text
    assert (code, place) in issues_of(answer)
    assert "1971" not in without_ids(answer.text)
    assert await read(gateway, kept) == kept


async def test_r11_copies_of_copies_come_to_an_end(gateway: Running) -> None:
    kept = await stored(gateway, patient(text={"status": "generated", "div": f"<div>{'x' * 10_000}</div>"}))
    double = {"op": "copy", "from": "", "path": "/name/-"}

    answer = await patch(gateway, kept, *[double] * 40)

    assert (answer.status_code, issues_of(answer)) == (422, [("too-costly", None)])


@pytest.mark.parametrize("media_type", ["application/fhir+json", "application/json", "application/xml-patch+xml", ""])
async def test_r11_other_patches_are_not_taken(gateway: Running, media_type: str) -> None:
    kept = await stored(gateway, patient())

    answer = await patch(gateway, kept, ACTIVE, Content_Type=media_type)

    assert answer.status_code == 415
    assert JSON_PATCH in answer.json()["issue"][0]["diagnostics"]
    assert answer.headers["accept-patch"] == JSON_PATCH


async def test_r11_if_match_is_honoured(gateway: Running) -> None:
    kept = await stored(gateway, patient())

    first, stale = [await patch(gateway, kept, ACTIVE, If_Match='W/"1"') for _ in range(2)]

    assert (first.status_code, stale.status_code) == (200, 412)


async def test_r11_a_patch_that_changes_nothing_keeps_the_version(gateway: Running) -> None:
    kept = await stored(gateway, patient(active=True))

    answer = await patch(gateway, kept, ACTIVE)

    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"')
    assert await gateway.count(resource) == 1


async def test_r11_patches_at_once_are_never_lost(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    names = [{"op": "add", "path": "/name/-", "value": {"family": f"Harrow-{number}"}} for number in range(5)]

    answers = await asyncio.gather(*(patch(gateway, kept, one) for one in names))

    taken = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 412}
    assert len((await read(gateway, kept))["name"]) == 1 + len(taken)


async def test_r11_the_same_patch_again_gets_the_first_answer(gateway: Running) -> None:
    kept, ids = await stored(gateway, patient()), {"X_Request_Id": str(uuid4())}
    more = {"op": "add", "path": "/name/-", "value": {"family": "Marsh"}}

    answers = [await patch(gateway, kept, more, **ids) for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert len((await read(gateway, kept))["name"]) == 2


async def test_r11_who_may_patch_what(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    path, reader = f"/FHIR/R4/Patient/{kept['id']}", may(gateway, "system/Patient.crs")

    theirs = await gateway.call("demo-epr-2", "PATCH", path, [ACTIVE], Content_Type=JSON_PATCH)
    nobodys = await patch(gateway, {"resourceType": "Patient", "id": str(uuid4())}, ACTIVE)
    without = await gateway.call(reader, "PATCH", path, [ACTIVE], Content_Type=JSON_PATCH)

    assert (theirs.status_code, nobodys.status_code, without.status_code) == (404, 404, 403)
    assert theirs.content == nobodys.content


async def test_r11_a_patch_leaves_the_reference_alone(gateway: Running) -> None:
    task = await gateway.refer()
    type_, id_ = task["focus"]["reference"].split("/")
    request = await read(gateway, {"resourceType": type_, "id": id_})

    answer = await patch(
        gateway,
        request,
        {"op": "remove", "path": f"/identifier/{len(request['identifier']) - 1}"},
        {"op": "add", "path": "/patientInstruction", "value": "Ring twice"},
    )

    assert answer.status_code == 200, answer.text
    assert reference_in(answer.json()) == reference_in(task)
