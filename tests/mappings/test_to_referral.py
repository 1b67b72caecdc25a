"""FHIR in, referral out: the examples, the order of sources, and what is never done."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mappings.referral import Referral
from mappings.to_referral import MAP_VERSIONS, Sources, explain, referral_from

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
        "version": MAP_VERSIONS["referral-reason"],
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
        ([{"use": "old", "family": "X"}, {"use": "usual", "family": "U", "given": ["a", "b"]}], "U", ["a", "b"]),
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


def test_the_current_home_is_the_address() -> None:
    past = {"use": "home", "line": ["Then"], "period": {"end": "2020-01-01"}}
    assert person(address=[past, {"use": "temp", "line": ["Now"]}])["address"] == {"lines": ["Now"]}
    assert person(address=[past])["address"] == {"lines": ["Then"]}
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


@pytest.mark.parametrize(
    ("consent", "decision"),
    [
        ({"status": "active", "provision": {"type": "permit"}}, "permit"),
        ({"status": "active", "provision": {"type": "deny"}}, "deny"),
        ({"status": "active"}, "permit"),
        ({"status": "inactive", "provision": {"type": "permit"}}, "deny"),
        ({"status": "rejected"}, "deny"),
        ({"status": "proposed", "provision": {"type": "permit"}}, "not-asked"),
    ],
)
def test_what_the_person_agreed_to(consent: Json, decision: str) -> None:
    translation = referral_from(Sources(consent={"resourceType": "Consent", **consent}))
    assert translation.referral["consent"]["decision"] == decision


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
