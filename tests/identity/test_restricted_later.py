"""A person who is marked restricted after they were referred: where they are is taken out of all that was stored."""

import copy
from typing import Any

import pytest
from tests.app import Running, message_bundle, referral_bundle, resource_of, task_in
from tests.identity.conftest import MARGARET, nhs, patient
from tests.identity.test_withheld import GP, KIN, LABEL, PHONE, REACH, assert_nowhere, bundle_of, restricted
from tests.later.conftest import CLOSED, Sent

from gateway.privacy import withhold

Json = dict[str, Any]

AGAIN = {"X_Request_Id": "0b0d7f8e-6f0e-4b7e-9d5c-2f6d0a1c3e58"}


async def refer(gateway: Running, *, message: bool = False) -> Sent:
    """A referral with an address, telephone numbers and a sister that must be found nowhere later."""
    bundle = message_bundle() if message else referral_bundle()
    held = resource_of(bundle, "Patient")
    reach = {name: copy.deepcopy(REACH[name]) for name in ("telecom", "address", "contact", "text")}
    held |= reach | {"identifier": [nhs()]}
    held.pop("generalPractitioner", None)
    path = "/FHIR/R4/$process-message" if message else "/FHIR/R4"
    answer = await gateway.call("demo-epr", "POST", path, bundle, X_Request_Id="0b0d7f8e-6f0e-4b7e-9d5c-2f6d0a1c3e57")
    assert answer.status_code == 200, answer.text
    task = task_in(answer.json())
    return Sent(gateway, task["id"], *(task[name]["reference"].split("/")[1] for name in ("focus", "for")))


async def restrict(sent: Sent) -> Json:
    record = await sent.read(f"Patient/{sent.patient_id}")
    return await sent.change(record, meta=record["meta"] | {"security": [LABEL]})


@pytest.mark.parametrize("message", [False, True], ids=["transaction", "message"])
async def test_where_they_are_is_found_nowhere_any_more(gateway: Running, message: bool) -> None:
    sent = await refer(gateway, message=message)
    record = await sent.read(f"Patient/{sent.patient_id}")
    kin = KIN | {"patient": {"reference": f"Patient/{sent.patient_id}"}}
    await sent.post(kin)
    await sent.change(record, telecom=[PHONE | {"value": "01632960888"}])
    operations = [{"op": "replace", "path": "/telecom/0/value", "value": "01632960777"}]
    media = {"Content_Type": "application/json-patch+json"}
    patched = await sent.fhir("PATCH", f"/Patient/{sent.patient_id}", operations, **media)
    assert patched.status_code == 200, patched.text

    await restrict(sent)

    await assert_nowhere(gateway, str(await sent.view()))
    first = await sent.read(f"Patient/{sent.patient_id}/_history/1")
    assert (first["meta"]["versionId"], first["birthDate"]) == ("1", record["birthDate"])
    assert [one["code"] for one in first["meta"]["security"]] == ["R"]


async def test_nobody_finds_them_by_it(gateway: Running) -> None:
    sent = await refer(gateway)
    await sent.post(KIN | {"patient": {"reference": f"Patient/{sent.patient_id}"}})
    await restrict(sent)

    for type_, phone in (("Patient", "01632960999"), ("RelatedPerson", "01632960777")):
        found = await sent.fhir("GET", f"/{type_}?phone={phone}")
        assert (found.status_code, found.json()["total"]) == (200, 0)


async def test_a_referral_that_has_ended_forgets_it_too(gateway: Running) -> None:
    sent = await refer(gateway)
    await sent.work("engaged")
    assert (await sent.at_hub("transitions", {"to": "closed-completed", "closure": CLOSED})).status_code == 200

    await restrict(sent)

    person = (await sent.view())["referral"]["person"]
    assert (person["sensitive"], person["nhs_number"]) == (True, MARGARET)
    await assert_nowhere(gateway, str(person))


async def test_the_same_request_again_gets_the_answer_that_is_left(gateway: Running) -> None:
    sent = patient(nhs(), telecom=[PHONE], address=REACH["address"])
    record = (await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", sent, **AGAIN)).json()
    await gateway.call("demo-epr", "PUT", f"/FHIR/R4/Patient/{record['id']}", restricted(id=record["id"]))

    again = await gateway.call("demo-epr", "POST", "/FHIR/R4/Patient", sent, **AGAIN)

    assert (again.status_code, again.json()["id"]) == (201, record["id"])
    await assert_nowhere(gateway, again.text)


async def test_what_others_sent_at_that_time_stays(gateway: Running) -> None:
    sent = await refer(gateway)
    other = await sent.post(patient(nhs("9990001022"), telecom=[PHONE | {"value": "07700 900123"}]))

    await restrict(sent)

    assert await sent.read(f"Patient/{other['id']}") == other


async def test_a_sister_who_is_told_of_later_is_not_kept_with_her_number(gateway: Running) -> None:
    sent = await refer(gateway)
    await restrict(sent)

    told = await sent.post(KIN | {"patient": {"reference": f"Patient/{sent.patient_id}"}})
    changed = await sent.change(told, telecom=[PHONE], gender="female")

    assert (told["name"], "telecom" in told) == (KIN["name"], False)
    assert (changed["gender"], "telecom" in changed) == ("female", False)
    await assert_nowhere(gateway, str(told) + str(changed))


def test_a_person_contained_in_one_entry_hides_their_practice_in_another() -> None:
    flag = {"resourceType": "Flag", "contained": [restricted()]}

    kept = withhold(bundle_of(flag, GP))

    assert kept["entry"][1]["resource"] == {"resourceType": "Organization", "id": "gp"}
