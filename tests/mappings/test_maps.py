"""The maps are real FHIR, whole, and watched by check_maps."""

import copy

import pytest
from fhir.resources.R4B.codesystem import CodeSystem
from fhir.resources.R4B.conceptmap import ConceptMap

from mappings.check import check_concept_map, check_fields, check_maps, check_vocabulary
from mappings.systems import SNOMED, canonical, is_nhs_number_system, is_ods_system
from mappings.translate import PACKAGED, code_map, names, read, vocabulary


def test_the_maps_have_no_gaps() -> None:
    assert check_maps(PACKAGED) == []


@pytest.mark.parametrize("name", names("ConceptMap"))
def test_concept_maps_are_valid_fhir(name: str) -> None:
    assert (
        ConceptMap.model_validate(read(name, "ConceptMap")).url == f"urn:social-prescribing-gateway:ConceptMap:{name}"
    )


@pytest.mark.parametrize("name", names("CodeSystem"))
def test_vocabularies_are_valid_fhir(name: str) -> None:
    assert (
        CodeSystem.model_validate(read(name, "CodeSystem")).url == f"urn:social-prescribing-gateway:CodeSystem:{name}"
    )


def test_there_are_24_domains() -> None:
    assert len(vocabulary("referral-reason").displays) == 24
    assert all(concept["definition"] for concept in read("referral-reason", "CodeSystem")["concept"])


def test_translating_a_code() -> None:
    reasons = code_map("referral-reason")
    lonely = reasons.translate("267076002", SNOMED)
    assert lonely is not None
    assert (lonely.code, lonely.display) == ("social-interaction", "Social interaction")
    assert reasons.translate("267076002", "urn:somebody-else") is None
    assert reasons.translate("161152002", SNOMED) is None  # in the map as `unmatched`
    assert code_map("priority").translate("asap") is not None  # a FHIR code element has no system


def test_a_code_of_the_target_vocabulary_stands_for_itself() -> None:
    housing = code_map("referral-reason").translate("housing", vocabulary("referral-reason").url)
    assert housing is not None
    assert housing.display == "Housing"
    assert code_map("referral-reason").translate("bungalow", vocabulary("referral-reason").url) is None


def test_the_first_coding_that_is_known_wins() -> None:
    concept = {
        "coding": [
            {"code": "no system"},
            {"system": SNOMED, "code": "32911000"},
            {"system": SNOMED, "code": "73438004"},
        ]
    }
    found = code_map("referral-reason").concept(concept)
    assert found is not None
    assert found.code == "housing"


def test_a_concept_map_with_gaps_is_noticed() -> None:
    content = copy.deepcopy(read("business-status", "ConceptMap"))
    rows = content["group"][0]["element"]
    rows.append(rows.pop(0) | {"code": "imagined"})
    rows.append(rows[0])
    del rows[1]["display"]
    rows[2]["target"][0]["code"] = "nowhere"
    rows[3]["target"] = [{"equivalence": "unmatched"}]
    assert [str(gap) for gap in check_concept_map("business-status", content, PACKAGED)] == [
        "business-status.ConceptMap.json: submitted stands there twice; only one of them can count.",
        "business-status.ConceptMap.json: delivery-failed has no display.",
        "business-status.ConceptMap.json: nowhere with the words 'Received, waiting for a decision' is not in "
        "business-status.CodeSystem.",
        "business-status.ConceptMap.json: info-requested has no target; say `unmatched`, and why in a comment.",
        "business-status.ConceptMap.json: imagined with the words 'Draft' is not in referral-status.CodeSystem.",
        "business-status.ConceptMap.json: no row for draft.",
    ]


def test_a_field_map_with_gaps_is_noticed() -> None:
    content = copy.deepcopy(read("referral", "fields"))
    rows = {row["id"]: row for row in content["rows"]}
    rows["person-gender"]["target"] = "person.shoe_size"
    del rows["person-emails"]["take"]
    content["rows"] += [rows["urgency"] | {"id": "urgency-again"}, rows["person-deceased"]]
    assert [str(gap) for gap in check_fields("referral.fields.json", content["rows"])] == [
        "referral.fields.json: person-deceased stands there twice; only one of them can count.",
        "referral.fields.json: row person-gender fills person.shoe_size, which the referral does not have.",
        "referral.fields.json: row person-emails takes one value for person.emails, which is a list.",
        "referral.fields.json: row urgency-again is never reached: rows above it always decide urgency first.",
        "referral.fields.json: row person-deceased is never reached: rows above it always decide person.deceased "
        "first.",
        "referral.fields.json: no row fills person.gender.",
    ]


def test_a_vocabulary_without_words_is_noticed() -> None:
    content = {"concept": [{"code": "a", "display": "A"}, {"code": "a", "display": ""}]}
    assert [str(gap) for gap in check_vocabulary("v", content)] == [
        "v.CodeSystem.json: a stands there twice; only one of them can count.",
        "v.CodeSystem.json: a has no display.",
    ]


@pytest.mark.parametrize(
    ("written", "tidy"),
    [
        ("https://fhir.nhs.uk/id/ods-organization-code", "https://fhir.nhs.uk/Id/ods-organization-code"),
        ("http://fhir.nhs.uk/Id/dos-service-id", "https://fhir.nhs.uk/Id/dos-service-id"),
        ("https://fhir.hl7.org.uk/Id/GMC-Number", "https://fhir.hl7.org.uk/Id/gmc-number"),
        ("https://fhirXnhs.uk/Id/nhs-number", "https://fhirXnhs.uk/Id/nhs-number"),
        ("https://elsewhere.example/Id/nhs-number", "https://elsewhere.example/Id/nhs-number"),
    ],
)
def test_systems_get_their_canonical_spelling(written: str, tidy: str) -> None:
    assert canonical(written) == tidy


def test_which_systems_are_which() -> None:
    assert is_nhs_number_system("HTTP://FHIR.NHS.UK/ID/NHS-NUMBER")
    assert not is_nhs_number_system(None)
    assert is_ods_system("https://fhir.nhs.uk/id/ods-site-code")
    assert not is_ods_system("https://fhir.nhs.uk/Id/nhs-number")
