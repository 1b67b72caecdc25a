"""From answers to the transaction: valid FHIR, with all that was said, and no more of the person than is needed."""

import copy
import json
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from tests.form.people import ALL, AMARA, AT, LEAST, NAME, patient

from gateway.privacy import withhold
from gateway.sources import gather
from gateway.store.resources import Resource
from gateway.validation import check, parse
from mappings.form import Answers, Referrer, Unsendable, answers_of, extract, questionnaire, response_from
from mappings.form.questionnaire import options
from mappings.referral import Referral
from mappings.to_referral import referral_from

Json = dict[str, Any]


def made(answers: Answers, person: Json | None = None, referrer: Referrer = AMARA) -> Json:
    bundle = extract(response_from(answers, at=AT), person or patient(), referrer, AT, NAME)
    assert check(parse(json.dumps(bundle).encode()), questionnaires=lambda _: questionnaire()) == []
    Bundle.model_validate(copy.deepcopy(bundle))
    return bundle


def of_type(bundle: Json, type_: str) -> Json:
    found: Json = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == type_)
    return found


def referral_of(bundle: Json) -> Json:
    known = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    request, task = (
        Resource(type_, "", 1, None, of_type(bundle, type_))  # type: ignore[arg-type]  # when it came is not asked
        for type_ in ("ServiceRequest", "Task")
    )
    translation = referral_from(gather(known, request, task, "epr-launch", AT[:10]))
    assert translation.unknown == []
    Referral.model_validate(translation.referral)
    return translation.referral


def test_each_answer_stands_in_the_referral() -> None:
    referral = referral_of(made(ALL))

    assert [one.get("domain") for one in referral["reasons"]] == ["housing", "digital", "employment"]
    assert [one.get("primary") for one in referral["reasons"]] == [True, None, None]
    assert referral["presenting_text"] == ALL["situation"][0]
    assert referral["order_details"] == ["Housing", "Northdale Law Centre"]
    assert referral["what_matters"] == "To stay near her sister."
    assert [one["text"] for one in referral["risks"]] == ["Self-neglect", "Visiting the home", "A dog that bites."]
    assert referral["safe_contact"] == {
        "phone": "07700 900123",
        "leave_message": "no",
        "times": "After 11",
        "method": "text",
    }
    assert (referral["person"]["language"], referral["person"]["interpreter_needed"]) == ("Welsh", False)
    assert referral["communication_needs"] == "Large print"
    assert referral["consent"]["decision"] == "permit"
    assert (referral["urgency"], referral["requested_hub"]) == ("urgent", "northdale-wellbeing-hub")
    assert "shared_documents" not in referral  # nothing is shown twice


def test_the_least_says_that_no_risk_is_known() -> None:
    referral = referral_of(made(LEAST))

    assert [one["text"] for one in referral["risks"]] == ["No known risks"]
    assert referral["route"] == "epr-launch"
    assert referral["referrer"] == {
        "name": "Dr Amara Osei",
        "role": "Care coordinator",
        "team": "Recovery Team North",
        "organisation": {"ods_code": "XND01", "name": "Northdale Mental Health NHS Foundation Trust"},
        "phone": "01632 960045",
        "email": "amara.osei@northdale.example",
    }


@pytest.mark.parametrize("urgency", list(options("urgency")))
def test_an_urgency_comes_back_as_it_was_said(urgency: str) -> None:
    assert referral_of(made(LEAST | {"urgency": [urgency]}))["urgency"] == urgency


def test_only_through_the_referrer_prohibits_contact() -> None:
    referral = referral_of(made(LEAST | {"contact-method": ["through-referrer"]}))

    assert referral["contact_prohibited"] is True
    assert referral["order_details"] == ["Contact the person only through the referrer"]


@pytest.mark.parametrize("consent", ["deny", "not-asked"])
def test_without_agreement_there_is_nothing_to_send(consent: str) -> None:
    answers = LEAST | {"consent": [consent], "consent-reason": ["x"] if consent == "not-asked" else []}

    with pytest.raises(Unsendable) as refused:
        extract(response_from(answers), patient(), AMARA, AT, NAME)

    assert [one.link_id for one in refused.value.problems] == ["consent"]


def test_the_same_name_makes_the_same_bundle_and_another_name_another() -> None:
    response = response_from(ALL, at=AT)
    one, again = (extract(response, patient(), AMARA, AT, NAME) for _ in range(2))
    other = extract(response, patient(), AMARA, AT, NAME | {"value": "draft-2"})

    assert one == again
    assert not {entry["fullUrl"] for entry in one["entry"]} & {entry["fullUrl"] for entry in other["entry"]}
    assert of_type(one, "ServiceRequest")["identifier"] == [NAME]


def test_only_what_a_referral_needs_is_taken_of_the_person() -> None:
    person = patient(
        meta={"security": [{"code": "R"}], "versionId": "4"},
        text={"status": "generated", "div": "<div>Her</div>"},
        maritalStatus={"text": "Widowed"},
        photo=[{"title": "Her"}],
        contact=[{"name": {"text": "Her uncle"}}],
        managingOrganization={"reference": "Organization/1"},
        generalPractitioner=[
            {"reference": "Organization/gp", "display": "Quayside Surgery"},
            {"reference": "Practitioner/2"},
        ],
        extension=[
            {"url": "https://vendor.example/debts", "valueString": "many"},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": True},
        ],
    )

    kept = of_type(made(LEAST, person), "Patient")

    assert kept["meta"] == {"security": [{"code": "R"}]}
    assert kept["generalPractitioner"] == [{"display": "Quayside Surgery"}]
    assert [one["url"][-19:] for one in kept["extension"]] == ["interpreterRequired"]
    assert not kept.keys() & {"id", "text", "maritalStatus", "photo", "contact", "managingOrganization"}


def test_of_a_restricted_person_no_number_is_kept() -> None:
    kept = withhold(made(ALL, patient(meta={"security": [{"code": "R"}]})))

    assert not {"07700 900123", "01632 960999", "8 Quayside Mews"} & set(map(str, leaves(kept)))
    assert referral_of(kept)["safe_contact"] == {"leave_message": "no", "times": "After 11", "method": "text"}


def test_of_somebody_else_s_answers_the_number_stays() -> None:
    bundle = made(ALL)
    other = {"resourceType": "Patient", "meta": {"security": [{"code": "R"}]}}
    bundle["entry"].append({"fullUrl": "urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e99", "resource": other})

    assert answers_of(of_type(withhold(bundle), "QuestionnaireResponse"))["phone"] == ["07700 900123"]


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [one for each in value.values() for one in leaves(each)]
    return [one for each in value for one in leaves(each)] if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("change", "hidden"),
    [
        (lambda request: None, True),
        (lambda request: request.update(contained=[], supportingInfo=request["supportingInfo"][:2]), False),
        (lambda request: request.update(priority="routine"), False),
        (lambda request: request.pop("note"), False),
        (
            lambda request: request.update(supportingInfo=request["supportingInfo"][1:]),
            True,
        ),  # a Consent is found alone
    ],
)
def test_answers_that_the_request_does_not_repeat_are_shown(change: Any, hidden: bool) -> None:
    bundle = made(ALL)
    change(of_type(bundle, "ServiceRequest"))

    documents = referral_of(bundle).get("shared_documents", [])

    assert bool(documents) is not hidden
    if documents:
        assert "A dog that bites." in documents[0]["text"]
