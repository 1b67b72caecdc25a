"""What the person says later about sharing: it is heard at once, whatever stands in the request."""

from typing import Any

import pytest
from tests.app import issues_of, referral_bundle, resource_of
from tests.later.conftest import Sent, line, texts

from gateway.later import STOP_SHARING

Json = dict[str, Any]


def consent(sent: Sent, decision: str) -> Json:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"text": "Sharing"}],
        "patient": {"reference": f"Patient/{sent.patient_id}"},
        "policyRule": {"text": "Direct care"},
        "provision": {"type": decision},
    }


async def consent_of(sent: Sent) -> Json:
    return await sent.read((await sent.request())["supportingInfo"][0]["reference"])


@pytest.mark.parametrize("changed", [{"status": "inactive"}, {"provision": {"type": "deny"}}])
async def test_an_agreement_that_is_taken_back_stops_the_sharing(sent: Sent, changed: Json) -> None:
    await sent.work("engaged")

    await sent.change(await consent_of(sent), **changed)

    view = await sent.view()
    assert (view["warnings"][0], view["referral"]["consent"]["decision"]) == (STOP_SHARING, "deny")
    assert ((await sent.events())[-1], view["status"]) == ("consent-changed", "engaged")
    assert "CONSENT REFUSED OR WITHDRAWN" in line(await sent.task())


async def test_a_new_refusal_is_heard_though_no_request_names_it(sent: Sent) -> None:
    await sent.post(consent(sent, "deny"))

    assert (await sent.view())["warnings"][0] == STOP_SHARING
    assert await sent.events() == ["submitted", "consent-changed"]


async def test_the_person_agrees_again(sent: Sent) -> None:
    refusal = await sent.post(consent(sent, "deny"))

    await sent.change(refusal, provision={"type": "permit"})

    assert STOP_SHARING not in (await sent.view())["warnings"]
    assert await sent.events() == ["submitted", "consent-changed", "consent-changed"]
    assert "CONSENT" not in line(await sent.task())


async def test_what_was_said_last_counts(sent: Sent) -> None:
    await sent.post(consent(sent, "deny"))
    await sent.post(consent(sent, "permit"))

    assert (await sent.view())["referral"]["consent"]["decision"] == "permit"


async def test_an_amendment_is_heard_while_the_consent_refuses(sent: Sent) -> None:
    await sent.post(consent(sent, "deny"))
    await sent.change(await sent.request(), priority="urgent")

    view = await sent.view()
    assert (view["referral"]["urgency"], view["warnings"][0]) == ("soon", STOP_SHARING)


def referral_of(sent: Sent, *, consented: bool) -> Json:
    """A further referral of the same stored Patient, with or without a Consent of its own."""
    bundle = referral_bundle()
    patient = {"reference": f"Patient/{sent.patient_id}"}
    left_out = {"Patient"} if consented else {"Patient", "Consent"}
    bundle["entry"] = [one for one in bundle["entry"] if one["resource"]["resourceType"] not in left_out]
    request = resource_of(bundle, "ServiceRequest")
    request |= {"subject": patient, "supportingInfo": request["supportingInfo"][0 if consented else 1 :]}
    request["contained"][0]["subject"] = patient
    resource_of(bundle, "Task")["for"] = patient
    if consented:
        resource_of(bundle, "Consent")["patient"] = patient
    return bundle


async def test_who_refused_before_is_not_referred_without_a_new_agreement(sent: Sent) -> None:
    await sent.post(consent(sent, "deny"))

    refused = await sent.fhir("POST", "", referral_of(sent, consented=False))
    agreed = await sent.fhir("POST", "", referral_of(sent, consented=True))

    assert refused.status_code == 422
    assert ("business-rule", "Consent.provision.type") in issues_of(refused)
    assert "refuses sharing" in texts(refused)
    assert agreed.status_code == 200


async def test_who_agreed_before_is_referred(sent: Sent) -> None:
    answer = await sent.fhir("POST", "", referral_of(sent, consented=False))

    assert answer.status_code == 200, answer.text


async def test_another_persons_refusal_is_not_theirs(sent: Sent) -> None:
    another = await sent.post({"resourceType": "Patient", "name": [{"family": "Testcase"}], "birthDate": "1984-05-17"})
    await sent.post(consent(sent, "deny") | {"patient": {"reference": f"Patient/{another['id']}"}})

    assert await sent.events() == ["submitted"]
    assert (await sent.fhir("POST", "", referral_of(sent, consented=False))).status_code == 200


RESEARCH = {"scope": {"coding": [{"code": "research"}]}}


@pytest.mark.parametrize("changed", [{"patient": None}, RESEARCH, {"status": "proposed"}])
async def test_a_refusal_is_not_forgotten_for_a_consent_that_is_another_matter(sent: Sent, changed: Json) -> None:
    """`patient` None: the other person's."""
    other = await sent.post({"resourceType": "Patient", "name": [{"family": "Testcase"}], "birthDate": "1984-05-17"})
    await sent.post(consent(sent, "deny"))
    theirs = {"patient": {"reference": f"Patient/{other['id']}"}} if "patient" in changed else changed
    bundle = referral_of(sent, consented=False)
    request = {"method": "POST", "url": "Consent"}
    bundle["entry"].append({"resource": consent(sent, "permit") | theirs, "request": request})

    refused = await sent.fhir("POST", "", bundle)

    assert (refused.status_code, "refuses sharing" in texts(refused)) == (422, True)


async def test_a_new_agreement_may_stand_in_the_request(sent: Sent) -> None:
    await sent.post(consent(sent, "deny"))
    bundle = referral_of(sent, consented=False)
    request = resource_of(bundle, "ServiceRequest")
    request["contained"].append(consent(sent, "permit") | {"id": "agreed"})
    request["supportingInfo"].append({"reference": "#agreed"})

    assert (await sent.fhir("POST", "", bundle)).status_code == 200


async def test_a_refusal_that_names_the_person_by_identifier_is_heard_and_remembered(sent: Sent) -> None:
    number = (await sent.read(f"Patient/{sent.patient_id}"))["identifier"][0]
    named = {"identifier": {name: number[name] for name in ("system", "value")}}

    await sent.post(consent(sent, "deny") | {"patient": named})

    assert (await sent.view())["warnings"][0] == STOP_SHARING
    assert (await sent.fhir("POST", "", referral_of(sent, consented=False))).status_code == 422


@pytest.mark.parametrize(
    "patient", [None, {"display": "A. Testcase"}, {"identifier": {"system": "urn:x", "value": "nobody"}}]
)
async def test_a_consent_that_decides_about_nobody_is_stored_with_a_warning(sent: Sent, patient: Json | None) -> None:
    given = {name: part for name, part in consent(sent, "deny").items() if name != "patient"}
    given |= {"patient": patient} if patient else {}
    outcome = {"Prefer": "return=OperationOutcome"}

    unheard = await sent.fhir("POST", "/Consent", given, **outcome)
    heard = await sent.fhir("POST", "/Consent", consent(sent, "deny"), **outcome)
    entry = {"resource": given, "request": {"method": "POST", "url": "Consent"}}
    together = await sent.fhir("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})

    assert (unheard.status_code, issues_of(unheard)) == (201, [("informational", "Consent.patient")])
    assert "decides about nobody" in texts(unheard)
    assert issues_of(heard) == [("informational", None)]
    told = together.json()["entry"][0]["response"]["outcome"]["issue"][0]
    assert (told["severity"], told["expression"]) == ("warning", ["Consent.patient"])
