"""What the record suggests, row by row; and what is never suggested."""

import copy
from typing import Any

import pytest
from tests.form.people import AT, about_her, coded, flag, patient
from tests.mappings.test_fhirpath import second_opinion

from gateway.validation import check
from mappings.form import answers_of, populate, questionnaire
from mappings.form.answers import POPULATED_BY
from mappings.form.populate import CONSTANTS, PICKED, ROWS, RULES, _roots
from mappings.form.questionnaire import questions

Json = dict[str, Any]

PREFERENCE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ContactPreference"
METHOD = "https://fhir.hl7.org.uk/CodeSystem/UKCore-PreferredContactMethod"
FULL = [
    patient(
        telecom=[
            {"system": "phone", "value": "01632 960111", "use": "home"},
            {"system": "phone", "value": "07700 900111", "use": "mobile"},
            {"system": "phone", "value": "07700 900222", "use": "old", "rank": 1},
        ],
        communication=[{"language": {"text": "Polish"}, "preferred": True}],
        extension=[
            {
                "url": PREFERENCE,
                "extension": [
                    {"url": "PreferredContactMethod", "valueCodeableConcept": coded("4", METHOD)},
                    {"url": "PreferredContactTimes", "valueString": "Evenings"},
                ],
            },
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": True},
        ],
    ),
    about_her("Condition", code=coded("81877007")),
    about_her("Condition", code=coded("73438004"), clinicalStatus=coded("resolved", "urn:any")),
    about_her("Condition", code=coded("133932002"), clinicalStatus=coded("active", "urn:any")),
    about_her("Observation", status="final", code=coded("105529008"), valueBoolean=True),
    about_her("Observation", status="final", code=coded("33553000"), valueBoolean=False),
    about_her("Observation", status="preliminary", code=coded("713458007")),
    about_her("Observation", status="final", code={"text": "Housing"}, valueCodeableConcept=coded("32911000")),
    flag("History of violence to staff"),
    flag("Needs large print", category=[coded("NRAF", "https://fhir.nhs.uk/England/CodeSystem/RA-FlagCategory")]),
    flag("Research participant", category=[coded("research", "urn:any")]),
    flag("Suicide attempt", period={"end": "2024-01-01"}),
    about_her("Flag", status="active", code=coded("766561000000109")),
]


def suggested(*resources: Json) -> dict[str, Any]:
    return dict(answers_of(populate(resources, AT)))


def test_what_a_full_record_suggests() -> None:
    response = populate(FULL, AT)

    assert check(response, questionnaires=lambda _: questionnaire()) == []
    assert (response["status"], response["subject"]) == ("in-progress", {"reference": "Patient/p1"})
    assert answers_of(response) == {
        "reason": ["housing"],
        "other-reasons": ["carer-support", "social-interaction"],
        "risk": ["known"],
        "risk-types": ["safeguarding-adult", "harm-to-others"],
        "risk-detail": ["History of violence to staff\n\n766561000000109"],
        "phone": ["07700 900111"],
        "contact-times": ["Evenings"],
        "contact-method": ["email"],
        "language": ["Polish"],
        "interpreter": [True],
        "communication-needs": ["Needs large print"],
    }


def test_each_suggestion_names_its_rows() -> None:
    known = {row["id"]: row["target"] for row in RULES["rows"]}
    items = [item for group in populate(FULL, AT)["item"] for item in group["item"]]

    assert items
    for item in items:
        rows = [one["valueString"] for one in item["extension"] if one["url"] == POPULATED_BY]
        assert rows
        assert {known[row] for row in rows} == {item["linkId"]}


def test_nothing_is_suggested_by_nothing() -> None:
    response = populate([], AT)

    assert "item" not in response
    assert check(response) == []


@pytest.mark.parametrize(
    "words", ["No known risks", "No known risk", "No identified risks", "no current safeguarding concerns"]
)
def test_no_known_risks_is_never_suggested(words: str) -> None:
    assert not {"risk", "risk-types", "risk-detail"} & suggested(patient(), flag(words)).keys()


def test_what_must_be_asked_is_never_suggested() -> None:
    targets = {row.target for row in ROWS}

    assert not targets & {"consent", "consent-reason", "urgency", "leave-message", "hub"}
    assert targets <= set(questions())


@pytest.mark.parametrize(
    ("telecom", "number"),
    [
        ([{"system": "phone", "value": "1"}, {"system": "phone", "value": "2", "use": "mobile"}], "2"),
        ([{"system": "phone", "value": "1", "rank": 2}, {"system": "sms", "value": "2", "rank": 1}], "2"),
        ([{"system": "phone", "value": "1", "use": "mobile"}, {"system": "phone", "value": "2", "rank": 3}], "2"),
        ([{"system": "phone", "value": "1", "use": "old"}, {"system": "email", "value": "a@example.com"}], None),
        ([{"system": "phone", "value": "1", "period": {"end": "2025-12-31"}}], None),
    ],
)
def test_which_number_is_suggested(telecom: list[Json], number: str | None) -> None:
    assert suggested(patient(telecom=telecom)).get("phone") == ([number] if number else None)


def test_where_a_restricted_person_is_reached_is_not_suggested() -> None:
    restricted = patient(meta={"security": [{"code": "R"}]}, communication=[{"language": {"text": "Polish"}}])

    assert suggested(restricted) == {"language": ["Polish"]}


def test_records_of_somebody_else_are_left_out() -> None:
    other = about_her("Condition", code=coded("81877007")) | {"subject": {"reference": "Patient/p2"}}
    same = about_her("Condition", code=coded("33553000")) | {"subject": {"reference": "https://epr.example/Patient/p1"}}

    assert suggested(patient(telecom=None), other, same) == {"reason": ["bereavement"]}


def test_long_alerts_fit_the_form() -> None:
    long = suggested(patient(), flag("Risk of falls. " + "x" * 5000))

    assert len(long["risk-detail"][0]) == 4000


def test_every_expression_means_what_fhirpath_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By another engine; what is picked out under a name is written out for it."""
    monkeypatch.setattr("tests.mappings.test_fhirpath.CONSTANTS", CONSTANTS)
    roots = _roots(copy.deepcopy(FULL), AT[:10])
    expressions = [expression for _, expression in PICKED] + [one for row in ROWS for one in row.sources]
    for expression in expressions:
        if nodes := roots[expression.root]:
            assert expression.run(nodes) == second_opinion(expression, nodes), expression.text
