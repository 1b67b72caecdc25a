"""The index never loses what the judgement accepts, and stays small."""

import itertools
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.app import example as demo

from gateway.fhir.arrivals import SERVED
from gateway.search import TABLE, Narrowing, belongs_by, criterion, keys, parameter_of, parameters_of
from gateway.search.criteria import narrowings
from gateway.search.table import is_indexed

NHS = "https://fhir.nhs.uk/Id/nhs-number"
SYSTEMS = st.sampled_from(
    [
        *(NHS, "http://fhir.nhs.net/Id/nhs-number", "https://local.example", ""),
        *("https://fhir.nhs.uk/Id/ods-organization-code", "https://fhir.hl7.org.uk/Id/gmc-number"),
    ]
)
WORDS = st.sampled_from(["Harrow", "harrow-Lee", "Hárrow", "O'Brien", "Łukasz", "x", "9992047186", "9992", "a|b", "ﬁ"])
ID = st.sampled_from(["1", "11", "0198-a", "b.c"])
ADDRESS = st.one_of(
    st.builds("{}/{}".format, st.sampled_from(["Patient", "Organization", "PractitionerRole", "Consent"]), ID),
    st.builds("Patient/{}/_history/2".format, ID),
    st.sampled_from(["https://elsewhere.example/Patient/1", "urn:uuid:1", "#risk"]),
)
DATES = st.sampled_from(["1971-06-14", "1971-06", "1971", "1971-12-01"])


def identifiers() -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda system, value: {"value": value} | ({"system": system} if system else {}), SYSTEMS, WORDS)


REFERENCES = st.one_of(
    st.builds(lambda address: {"reference": address}, ADDRESS),
    st.builds(lambda identifier: {"identifier": identifier}, identifiers()),
    st.builds(lambda address, identifier: {"reference": address, "identifier": identifier}, ADDRESS, identifiers()),
)
RESOURCES = st.one_of(
    st.fixed_dictionaries(
        {"resourceType": st.just("Patient")},
        optional={
            "identifier": st.lists(identifiers(), min_size=1, max_size=2),
            "name": st.lists(
                st.fixed_dictionaries({}, optional={"family": WORDS, "text": WORDS, "given": st.just(["Ann", None])}),
                max_size=2,
            ),
            "birthDate": DATES,
            "managingOrganization": REFERENCES,
            "generalPractitioner": st.lists(REFERENCES, max_size=1),
        },
    ),
    st.fixed_dictionaries(
        {"resourceType": st.just("ServiceRequest"), "subject": REFERENCES},
        optional={
            "identifier": st.lists(identifiers(), min_size=1, max_size=2),
            "status": st.sampled_from(["active", "on-hold"]),
            "requester": REFERENCES,
            "supportingInfo": st.lists(REFERENCES, max_size=2),
        },
    ),
    st.fixed_dictionaries(
        {"resourceType": st.just("Task"), "status": st.sampled_from(["requested", "on-hold"])},
        optional={"for": REFERENCES, "owner": REFERENCES, "focus": REFERENCES, "output": st.builds(
            lambda reference: [{"valueReference": reference}], REFERENCES)},
    ),
)  # fmt: skip
WORDS_ASKED = ["9992047186", "9992", "Harrow", r"a\|b"]
TOKENS = [f"{system}{word}" for system in ("", "|", f"{NHS}|", "https://local.example|") for word in WORDS_ASKED]
ADDRESSES = ["1", "11", "b.c", "Patient/1", "Patient/1/_history/2", "Organization/1", "urn:uuid:1"]
ADDRESSES += ["https://elsewhere.example/Patient/1", "Consent/0198-a", "Patient/11,PractitionerRole/1"]
REFERENCE = {"": ADDRESSES, "identifier": TOKENS, "Patient": ["1", "11,b.c"]}
TEXT = ["harr", "Harrow", "o brien", "O'Brien", "lukasz", "ann", "fi", "9992", "harrow,x"]
CODES = ["active", "on-hold,requested", "http://hl7.org/fhir/task-status|on-hold", "|requested"]
ASKED: dict[str, dict[str, list[str]]] = {  # parameter -> modifier -> values
    "identifier": {"": [*TOKENS, f"{NHS}|"], "missing": ["true"]},
    "family": {"": TEXT, "exact": ["Harrow", "harrow", "O'Brien", "ﬁ"], "contains": ["row"]},
    "name": {"": TEXT},
    "given": {"": TEXT, "exact": ["Ann"]},
    "birthdate": {"": ["1971", "eq1971-06", "1971-06-14", "ge1971", "ap1971-06-14", "1971-12-01,1971-06-14"]},
    "status": {"": CODES, "not": ["active"]},
    **dict.fromkeys(("patient", "subject", "requester", "organization", "general-practitioner"), REFERENCE),
    **dict.fromkeys(("owner", "focus", "output", "supporting-info"), REFERENCE),
}
CRITERIA = {
    type_: [
        criterion(parameter, modifier, value, "")
        for name, modifiers in ASKED.items()
        if (parameter := parameter_of(type_, name))
        for modifier, values in modifiers.items()
        for value in values
    ]
    for type_ in ("Patient", "ServiceRequest", "Task")
}


@given(RESOURCES)
@example({"resourceType": "Patient", "name": [{"family": "x" * 600}], "identifier": [{"value": "9" * 600}]})
def test_the_index_holds_all_that_meets_a_condition(resource: dict[str, Any]) -> None:
    for asked in CRITERIA[resource["resourceType"]]:
        if asked.narrowing and (asked.judge(resource) or asked.narrowing.exact):
            assert holds(asked.narrowing, resource) is asked.judge(resource)
    both = [one for one in CRITERIA[resource["resourceType"]] if one.name in ("birthdate", "family")]
    for pair in itertools.combinations([one for one in both if one.narrowing and one.judge(resource)], 2):
        assert all(holds(narrowing, resource) for narrowing in narrowings(list(pair)))


@pytest.mark.parametrize(("query", "value"), [("family={}", "x" * 550), ("identifier=|{}", "9" * 600)])
def test_what_is_too_long_for_the_index_is_found_by_its_beginning(query: str, value: str) -> None:
    patient = {"resourceType": "Patient", "name": [{"family": "x" * 600}], "identifier": [{"value": "9" * 600}]}
    name, _, asked = query.format(value).partition("=")
    parameter = parameter_of("Patient", name)
    assert parameter

    condition = criterion(parameter, "", asked, "")

    assert condition.judge(patient)
    assert condition.narrowing
    assert holds(condition.narrowing, patient)
    assert not condition.narrowing.exact


def holds(narrowing: Narrowing, resource: dict[str, Any]) -> bool:
    """As the store would say."""
    entries = [value for parameter, value in keys(resource) if parameter == narrowing.parameter]
    return any(
        value in narrowing.values or any(value.startswith(begins) for begins in narrowing.beginnings)
        for value in entries
    )


def test_a_referral_leaves_few_entries() -> None:
    resources = [entry["resource"] for entry in demo("referral.json")["entry"]]

    assert sum(len(keys(resource)) for resource in resources) <= 20  # each is a row to write
    assert ("status", "requested") in keys(resources[-1])


def test_what_is_searched_is_what_is_stored() -> None:
    assert TABLE.keys() == SERVED
    for type_ in TABLE:
        for name in parameters_of(type_):
            parameter = parameter_of(type_, name)
            assert parameter
            assert parameter.values({"resourceType": type_}) in ([], [False])


def test_what_is_about_a_patient_is_found_by_the_index() -> None:
    assert belongs_by("Task") == ["patient", "focus"]
    assert all(is_indexed(type_, name) for type_ in TABLE for name in belongs_by(type_))


def test_no_entry_is_longer_than_the_store_takes() -> None:
    long = string.ascii_letters * 20
    patient = {"resourceType": "Patient", "identifier": [{"system": long, "value": long}], "name": [{"family": long}]}

    assert max(len(value) for _, value in keys(patient)) == 512
