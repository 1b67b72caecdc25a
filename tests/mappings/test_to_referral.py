"""FHIR in, referral out: the examples, the order of sources, and what is never done."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mappings.consent import Judgement
from mappings.referral import Referral
from mappings.to_referral import Sources, explain, referral_from
from mappings.translator import STANDARD

Json = dict[str, Any]


def person(**patient: Any) -> Json:
    made: Json = referral_from(Sources(patient={"resourceType": "Patient", **patient})).referral["person"]
    return made


def translated_request(**request: Any) -> Json:
    return referral_from(Sources(service_request={"resourceType": "ServiceRequest", **request})).referral


def test_example_becomes_its_referral(example: Any) -> None:
    referral = referral_from(example.sources).referral
    assert referral == example.read("referral")
    Referral.model_validate(referral)


def leaves(values: Any, at: str = "") -> Iterator[str]:
    match values:
        case dict():
            for name, value in values.items():
                yield from leaves(value, f"{at}.{name}" if at else name)
        case [dict(), *_]:
            for index, value in enumerate(values):
                yield from leaves(value, f"{at}[{index}]")
        case _:
            yield at


def test_every_field_tells_where_it_came_from(example: Any) -> None:
    translation = referral_from(example.sources)
    explained = explain(translation.rows, translation.map_versions)
    assert set(leaves(translation.referral)) <= {row["target"] for row in explained}
    assert all(row["version"] and row["note"] and not str(row["source"]).startswith(".") for row in explained)


def test_the_trace_of_a_coded_reason(examples: Any) -> None:
    translation = referral_from(examples["wellbeing-and-debt"].sources)
    explained = {row["target"]: row for row in explain(translation.rows, translation.map_versions)}
    assert explained["reasons[1].domain"] == {
        "target": "reasons[1].domain",
        "source": "ServiceRequest.reasonCode[1]",
        "row": "reason-domain",
        "map": "referral-reason",
        "version": STANDARD.versions["referral-reason"],
        "note": "One of the 24 domains. Words without a code are never guessed at: "
        "the domain stays empty and the advisor sees the words.",
    }
    assert explained["reasons[0].primary"]["source"] == "ServiceRequest.reasonCode[0]"


def test_a_trace_keeps_its_versions_and_outlives_its_rows() -> None:
    old = {"referral.fields": "0.9.0", "priority": "0.3.0"}
    urgency, gone = explain([["urgency", "ServiceRequest.priority", "urgency"], ["x", "Patient.x", "gone"]], old)
    assert (urgency["map"], urgency["version"]) == ("priority", "0.3.0")
    assert (gone["map"], gone["version"], gone["note"]) == ("referral.fields", "0.9.0", None)


def test_each_code_that_no_map_knows_is_listed_once(examples: Any) -> None:
    assert [
        tuple(unknown.values())[1:] for unknown in referral_from(examples["codes-not-understood"].sources).unknown
    ] == [
        ("https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland", "99", None),
        ("https://ethnicity.example.org", "X9", "Cornish and Welsh"),
        ("https://codes.northdale.example/reasons", "RR17", "Neighbour trouble"),
        (None, None, "Feels unsafe at night"),
        ("http://snomed.info/sct", "161152002", "Social problem"),
    ]


def test_what_the_standard_makes_mandatory_and_nobody_sent(examples: Any) -> None:
    assert referral_from(examples["wellbeing-and-debt"].sources).missing == []
    assert "risks" in referral_from(examples["least"].sources).missing


def test_where_a_sensitive_person_can_be_found_is_not_copied(examples: Any) -> None:
    sources = examples["sensitive-person"].sources
    translation = referral_from(sources)
    everything = json.dumps([translation.referral, translation.rows])
    hidden = ("A safe house", "XN3", "07700 900321", "alex@example.com", "N83999", "Invented Surgery")
    assert [value for value in hidden if value in everything] == []
    explained = {row["target"]: row["source"] for row in explain(translation.rows, translation.map_versions)}
    assert explained["person.address"] == "not copied, because of person.sensitive"

    sources.patient.pop("meta")
    assert referral_from(sources).referral["person"]["address"]["postcode"] == "XN3 1AA"


@pytest.mark.parametrize(
    ("names", "family", "given"),
    [
        (
            [{"use": "usual", "family": "U", "given": ["a"]}, {"use": "official", "family": "O", "given": ["b"]}],
            "O",
            ["b"],
        ),
        ([{"family": "X"}, {"use": "usual", "family": "U", "given": ["a", "b"]}], "U", ["a", "b"]),
        ([{"family": "Plain", "given": ["c"]}], "Plain", ["c"]),
        ([{"text": "Only Words"}], "Only Words", None),
        ([{"use": "official", "family": "O", "given": [None, "b"], "_given": [{"id": "x"}]}], "O", ["b"]),
    ],
)
def test_which_name_is_used(names: list[Json], family: str, given: list[str] | None) -> None:
    made = person(name=names)
    assert (made["family_name"], made.get("given_names")) == (family, given)


@pytest.mark.parametrize(
    "system",
    [
        "https://fhir.nhs.uk/Id/nhs-number",
        "http://fhir.nhs.uk/id/NHS-number",
        "http://fhir.nhs.net/Id/nhs-number/",
        "urn:oid:2.16.840.1.113883.2.1.4.1",
    ],
)
def test_any_spelling_of_the_nhs_number_system(system: str) -> None:
    made = person(identifier=[{"system": system, "value": "999 000-1014"}])
    assert made["nhs_number"] == "9990001014"
    assert "local_identifiers" not in made


def test_a_local_identifier_keeps_its_zeros_and_gets_the_tidy_system() -> None:
    made = person(identifier=[{"system": "http://fhir.nhs.uk/id/ubrn", "value": "000123"}])
    assert made["local_identifiers"] == [{"system": "https://fhir.nhs.uk/Id/UBRN", "value": "000123"}]


def test_where_the_person_stays_now_comes_before_the_home() -> None:
    home, refuge = {"use": "home", "line": ["Home"]}, {"use": "temp", "line": ["Refuge"]}
    assert person(address=[home, refuge])["address"] == {"lines": ["Refuge"]}
    assert person(address=[{"line": ["Somewhere"]}, home])["address"] == {"lines": ["Home"]}
    assert "address" not in person(address=[{"use": "billing", "line": ["Bills"]}])


def test_a_person_who_has_died() -> None:
    assert person(deceasedDateTime="2026-01-01")["deceased"] == "2026-01-01"
    assert person(deceasedBoolean=True)["deceased"] == "yes"
    assert "deceased" not in person(deceasedBoolean=False)


@pytest.mark.parametrize(
    ("priority", "urgency"),
    [("routine", "routine"), ("urgent", "soon"), ("asap", "urgent"), ("stat", "urgent"), (None, "routine")],
)
def test_urgency_is_never_an_emergency(priority: str | None, urgency: str) -> None:
    assert translated_request(priority=priority)["urgency"] == urgency


def test_the_first_reason_is_primary_wherever_it_stands() -> None:
    homeless = {"coding": [{"system": "http://snomed.info/sct", "code": "32911000"}]}
    condition = {"resourceType": "Condition", "code": homeless}
    only_referenced = referral_from(Sources(service_request={"reasonReference": [{}]}, reasons=[condition])).referral
    assert only_referenced["reasons"] == [{"domain": "housing", "label": "Housing", "primary": True}]
    both = referral_from(Sources(service_request={"reasonCode": [{"text": "Debts"}]}, reasons=[condition])).referral
    assert [(reason["label"], reason.get("primary", False)) for reason in both["reasons"]] == [
        ("Debts", True),
        ("Housing", False),
    ]


def test_of_several_consents_the_strictest_is_told() -> None:
    consent = {"resourceType": "Consent", "scope": {"text": "Sharing"}, "dateTime": "2026-01-30"}
    translation = referral_from(Sources(consent=consent, judgements=[Judgement("deny"), Judgement("permit")]))
    assert translation.referral["consent"] == {"scope": "Sharing", "decision": "deny", "given_at": "2026-01-30"}


def test_an_order_not_to_contact_the_person() -> None:
    coded = {"system": "urn:any", "code": "contacting-subject-prohibited", "display": "Contacting subject prohibited"}
    made = translated_request(orderDetail=[{"coding": [coded]}, {"text": "Ring her sister instead"}])
    assert made["contact_prohibited"] is True
    assert made["order_details"] == ["Contacting subject prohibited", "Ring her sister instead"]
    assert translated_request(orderDetail=[{"text": "Mornings"}])["contact_prohibited"] is False


def test_every_word_meant_for_the_advisor_is_in_the_presenting_text() -> None:
    request = {"note": [{"text": "Note."}], "patientInstruction": "Told.", "code": {"text": "Asked for."}}
    task = {
        "description": "Described.",
        "note": [{"text": "Please ring after 5pm."}],
        "input": [
            {"type": {"text": "Care plan"}, "valueString": "On the shared drive"},
            {"type": {"text": "Sessions"}, "valueQuantity": {"value": 6, "unit": "weeks"}},
        ],
    }
    text = referral_from(Sources(service_request=request, task=task)).referral["presenting_text"]
    assert text.split("\n\n") == [
        "Note.",
        "Told.",
        "Asked for.",
        "Described.",
        "Please ring after 5pm.",
        "Care plan: On the shared drive",
        "Sessions: 6 weeks",
    ]


def test_the_people_around_the_person() -> None:
    mother = {
        "relationship": [{"coding": [{"code": "N", "display": "Next-of-Kin"}]}],
        "name": {"given": ["Ada"], "family": "Example"},
        "telecom": [{"system": "email", "value": "ada@example.com"}, {"system": "phone", "value": "01632 960111"}],
    }
    carer = {"resourceType": "RelatedPerson", "name": [{"text": "Bo"}], "relationship": [{"text": "Carer"}]}
    patient = {"resourceType": "Patient", "contact": [mother]}
    made = referral_from(Sources(patient=patient, supporting=[carer])).referral["person"]
    assert made["contacts"] == [
        {"name": "Ada Example", "relationship": "Next-of-Kin", "phone": "01632 960111"},
        {"name": "Bo", "relationship": "Carer"},
    ]
    restricted = patient | {"meta": {"security": [{"code": "R"}]}}
    assert "contacts" not in referral_from(Sources(patient=restricted, supporting=[carer])).referral["person"]


def test_language_and_interpreter_as_uk_core_has_them() -> None:
    url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSCommunication"
    parts = [
        {"url": "language", "valueCodeableConcept": {"coding": [{"code": "bn", "display": "Bengali"}]}},
        {"url": "interpreterRequired", "valueBoolean": True},
    ]
    made = person(extension=[{"url": url, "extension": parts}])
    assert (made["language"], made["interpreter_needed"]) == ("Bengali", True)


def test_all_that_a_risk_assessment_says() -> None:
    assessment = {
        "resourceType": "RiskAssessment",
        "status": "final",
        "prediction": [{"outcome": {"text": "Falls"}}, {"outcome": {"coding": [{"display": "Self-neglect"}]}}],
        "note": [{"text": "Lives alone."}],
        "mitigation": "Pendant alarm",
    }
    bare = {"resourceType": "RiskAssessment", "status": "final", "code": {"text": "Risk of falling"}}
    risks = referral_from(Sources(supporting=[assessment, bare])).referral["risks"]
    assert [risk["text"] for risk in risks] == [
        "Falls\n\nSelf-neglect\n\nLives alone.\n\nPendant alarm",
        "Risk of falling",
    ]


def test_nothing_sent_along_is_dropped_unseen() -> None:
    answer = {"answer": [{"valueCoding": {"display": "Never"}}, {"valueBoolean": True}]}
    supporting: list[Json] = [
        {"resourceType": "Condition", "code": {"coding": [{"display": "Asthma"}]}},
        {"resourceType": "Condition", "code": {"text": "X"}, "verificationStatus": {"coding": [{"code": "refuted"}]}},
        {"resourceType": "Observation", "status": "final", "code": {"text": "PHQ-9"}, "valueInteger": 14},
        {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [{"text": "Feels safe?", **answer}]},
        {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"title": "Letter"}}]},
        {"resourceType": "Flag", "status": "inactive", "code": {"text": "Dog"}},
        {"resourceType": "Observation", "status": "entered-in-error", "code": {"text": "Wrong"}},
        {"resourceType": "List", "status": "current"},
    ]
    references = [{"type": "CarePlan", "display": "Plan of March"}, {"reference": "https://elsewhere.example/List/1"}]
    made = referral_from(Sources(supporting=supporting, references=references)).referral
    assert [tuple(document.values()) for document in made["shared_documents"]] == [
        ("Condition", "Asthma"),
        ("Condition", "X (refuted)"),
        ("Observation", "PHQ-9: 14"),
        ("QuestionnaireResponse", "Feels safe?: Never, yes"),
        ("DocumentReference", "Letter"),
        ("Flag", "Dog (inactive)"),
        ("Observation", "Entered in error: do not use."),
        ("List", "Sent without words: ask the referrer."),
        ("CarePlan", "Plan of March"),
        ("https://elsewhere.example/List/1",),
    ]


def test_nothing_at_all_still_gives_a_referral() -> None:
    translation = referral_from(Sources())
    Referral.model_validate(translation.referral)
    assert translation.referral == {
        "person": {},
        "referrer": {"organisation": {}},
        "route": "epr-api",
        "urgency": "routine",
        "reasons": [],
    }


def paths(value: Any) -> Iterator[list[Any]]:
    """The way to every element."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield [key]
        yield from ([key, *rest] for rest in paths(value[key]))


def test_no_element_is_needed_to_get_an_answer(example: Any) -> None:
    """Takes out each element in turn: what is left still becomes a referral in shape."""
    for name in ("patient", "service_request", "consent", "requester_role", "requester", "organization", "supporting"):
        whole = getattr(example.sources, name)
        for path in paths(whole):
            sources = copy.deepcopy(example.sources)
            at = getattr(sources, name)
            for key in path[:-1]:
                at = at[key]
            del at[path[-1]]
            Referral.model_validate(referral_from(sources).referral)
