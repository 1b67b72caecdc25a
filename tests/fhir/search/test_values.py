"""Texts, dates, numbers, references and addresses in searches (R4 search.html#ptypes)."""

from decimal import Decimal

import pytest
import time_machine
from tests.app import BASE
from tests.fhir.search.asking import meets

from gateway.errors import BadRequest

PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": "Müller-Łukasz", "given": ["Zoë", "Anne"], "prefix": ["Ms"]}, {"text": "Zoe O'Brien"}],
    "address": [{"line": ["8 Quayside Mews"], "city": "Northdale", "postalCode": "XN1 4QF"}],
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("family=muller", True),
        ("family=MÜLLER-", True),
        ("family=ukasz", False),
        ("family:contains=asz", True),
        ("family:exact=Müller-Łukasz", True),
        ("family:exact=müller-łukasz", False),
        ("given=ann,bob", True),
        ("name=zoe obrien", True),
        ("name=quayside", False),
        ("address=8 quay", True),
        ("address-postalcode=xn14qf", True),
        ("address-city=north", True),
        ("given:missing=true", False),
    ],
)
def test_r16_texts(query: str, expected: bool) -> None:
    assert meets(PATIENT, query) is expected


# Of a day, an hour's Period and an open one: what each prefix says (search.html#prefix).
DAY = {"effectiveDateTime": "2026-01-15"}
HOUR = {"effectivePeriod": {"start": "2026-01-15T09:00:00Z", "end": "2026-01-15T09:59:59Z"}}
OPEN = {"effectivePeriod": {"start": "2026-01-15T09:00:00Z"}}


@pytest.mark.parametrize(
    ("value", "day", "hour", "open_"),
    [
        ("2026-01-15", True, True, False),
        ("eq2026-01", True, True, False),
        ("2026-01-15T09:30:00Z", False, False, False),  # the value must hold all of it
        ("ne2026-01-15", False, False, True),
        ("gt2026-01-15", False, False, True),
        ("gt2026-01-15T09:30:00Z", True, True, True),
        ("lt2026-01-15", False, False, False),
        ("lt2026-01-15T09:30:00Z", True, True, True),
        ("ge2026-01-15", True, True, True),
        ("ge2026-01-16", False, False, True),
        ("le2026-01-15", True, True, False),
        ("le2026-01-14", False, False, False),
        ("sa2026-01-14", True, True, True),
        ("sa2026-01-15", False, False, False),
        ("eb2026-01-16", True, True, False),
        ("eb2026-01-15T09:59:00Z", False, False, False),
        ("2025,2026-01-15", True, True, False),
        ("ap2026-01-15", True, True, True),
        ("ap2026-01-20", True, True, True),  # two months ago, give or take a tenth
        ("ap2025-12-01", False, False, False),
    ],
)
@time_machine.travel("2026-03-15T12:00:00Z", tick=False)
def test_r16_dates(value: str, day: bool, hour: bool, open_: bool) -> None:
    stored = [{"resourceType": "Observation"} | effective for effective in (DAY, HOUR, OPEN)]

    assert [meets(one, f"date={value}") for one in stored] == [day, hour, open_]


@pytest.mark.parametrize(
    ("stored", "value", "expected"),
    [
        ("2026-06-14T00:30:00+01:00", "2026-06-14", True),  # the day as it was lived here
        ("2026-06-13T23:30:00Z", "2026-06-14", True),
        ("2026-06-13T23:30:00Z", "2026-06-13", False),
        ("2026-01-15T09:30:00.123Z", "2026-01-15T09:30:00.123Z", True),
        ("2026-01-15T09:30:00.1234567Z", "2026-01-15T09:30:00.123Z", True),
        ("2026-01-15T09:30:59Z", "2026-01-15T09:30Z", True),
        ("2026-01-15T10:30:00+01:00", "2026-01-15T09:30:00 00:00", True),  # a + that came unescaped in an address
        ("2026", "2026", True),
        ("2026", "2026-01", False),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", True),  # a leap second
        ("2026-01-15", "lt9999", True),
        ("9999-12-31", "ge2026", True),
        ("2026-03-29", "2026-03-29", True),  # a day of 23 hours
    ],
)
def test_r16_precision_and_zones(stored: str, value: str, expected: bool) -> None:
    assert meets({"resourceType": "Observation", "effectiveDateTime": stored}, f"date={value}") is expected


def test_r16_timings() -> None:
    request = {
        "resourceType": "ServiceRequest",
        "occurrenceTiming": {"event": ["2026-01-15"], "repeat": {"boundsPeriod": {"start": "2026-02-01"}}},
    }

    assert meets(request, "occurrence=2026-01-15")
    assert meets(request, "occurrence=gt2030")
    assert not meets(request, "occurrence=lt2026-01-15")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5.4", True),
        ("5", True),  # to the digits given: 4.5 to 5.5
        ("5.40", True),
        ("5.45", False),
        ("ne5.4", False),
        ("gt5.39", True),
        ("gt5.4", False),
        ("ge5.4", True),
        ("lt5.4", False),
        ("le54e-1", True),
        ("sa5.3", True),
        ("eb5.3", False),
        ("ap5", True),
        ("ap4", False),
        ("5.4|http://unitsofmeasure.org|mmol/L", True),
        ("5.4||mmol/L", True),
        ("5.4||millimole", True),
        ("5.4|http://unitsofmeasure.org|mg", False),
    ],
)
def test_r16_quantities(value: str, expected: bool) -> None:
    quantity = {"value": Decimal("5.4"), "unit": "millimole", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
    assert meets({"resourceType": "Observation", "valueQuantity": quantity}, f"value-quantity={value}") is expected


def test_r16_numbers_and_ranges() -> None:
    risk = {"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": 1}]}
    condition = {"resourceType": "Condition", "onsetRange": {"low": {"value": 40}, "high": {"value": 50}}}

    assert meets(risk, "probability=1.0")
    assert meets(risk, "probability=gt0.8")
    assert meets(condition, "onset-age=gt45")
    assert meets(condition, "onset-age=sa39")
    assert not meets(condition, "onset-age=eb45")


REQUEST = {
    "resourceType": "ServiceRequest",
    "subject": {"reference": "Patient/1/_history/2"},
    "requester": {"reference": "https://elsewhere.example/fhir/Practitioner/9"},
    "performer": [{"identifier": {"system": "https://fhir.nhs.uk/Id/dos-service-id", "value": "2000090001"}}],
    "instantiatesCanonical": ["http://example.org/PlanDefinition/a|1.0"],
    "instantiatesUri": ["http://example.org/protocols/b/1"],
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("subject=Patient/1", True),
        ("subject=1", True),
        ("subject=Patient/1/_history/7", True),
        (f"subject={BASE}/FHIR/R4/Patient/1", True),
        ("subject=https://elsewhere.example/fhir/Patient/1", False),
        ("subject:Patient=1", True),
        ("subject:Patient=Patient/1", True),
        ("subject:Group=1", False),
        ("patient=1", True),
        ("subject=Group/1,Patient/1", True),
        ("subject=Patient/11", False),
        ("requester=https://elsewhere.example/fhir/Practitioner/9", True),
        ("requester=Practitioner/9", False),
        ("performer:identifier=https://fhir.nhs.uk/Id/dos-service-id|2000090001", True),
        ("performer:identifier=2000090001", True),
        ("performer:identifier=https://fhir.nhs.uk/Id/ods-site-code|2000090001", False),
        ("subject:missing=false", True),
        ("encounter:missing=true", True),
        ("instantiates-canonical=http://example.org/PlanDefinition/a", True),
        ("instantiates-canonical=http://example.org/PlanDefinition/a\\|1.0", True),
        ("instantiates-canonical=http://example.org/PlanDefinition/a\\|2.0", False),
        ("instantiates-uri=http://example.org/protocols", False),
        ("instantiates-uri:below=http://example.org/protocols", True),
    ],
)
def test_r16_references_and_addresses(query: str, expected: bool) -> None:
    assert meets(REQUEST, query) is expected


@pytest.mark.parametrize(
    "query",
    [
        "authored=yesterday",
        "authored=2026-02-31",
        "authored=gt2026-01-15T25:00:00Z",
        "authored:exact=2026",
        "subject:Patient=Group/1",
        "subject:exact=1",
        "subject:Nobody.=1",
        "instantiates-uri:above=http://example.org",
        "status=",
    ],
)
def test_r16_what_cannot_be_asked(query: str) -> None:
    with pytest.raises(BadRequest):
        meets(REQUEST, query)


@pytest.mark.parametrize("value", ["many", "5.4|mg", "1e999999", "NaN", "9" * 50, "gt"])
def test_r16_what_is_no_quantity(value: str) -> None:
    with pytest.raises(BadRequest):
        meets({"resourceType": "Observation"}, f"value-quantity={value}")


@pytest.mark.parametrize("value", ["-", "'"])
def test_r16_a_text_without_letters_finds_nothing_on_purpose(value: str) -> None:
    with pytest.raises(BadRequest, match="letter or digit"):
        meets(PATIENT, f"family={value}")
