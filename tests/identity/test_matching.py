"""Whose a referral is: who is joined, who is not, and what is asked."""

from typing import Any

import pytest
from tests.identity.conftest import OTHER, nhs, patient, rio

from gateway.people.identity import Identity, fold, identity_of
from gateway.people.matching import Known, Placed, place_each
from mappings.current import current
from mappings.to_referral import Sources, referral_from

Json = dict[str, Any]


def identity(record: Json, known: dict[str, Json] | None = None) -> Identity:
    holds = current(record, "2026-03-02")
    sources = Sources(patient=holds, record=record, service_request={"subject": {"reference": "Patient/1"}})
    return identity_of(sources, referral_from(sources).referral["person"], known or {})


def refer(*records: Json) -> list[Placed]:
    """Each referral in turn, and whose it is."""
    people: dict[str, Known] = {}
    return [placed for record in records for placed in place_each([identity(record)], people)]


def asked(placed: Placed) -> list[str]:
    return sorted(kind for kind, _ in placed.doubts)


def named(*names: tuple[str, str], **more: Any) -> Json:
    return patient(nhs(), name=[{"family": family, "given": [given]} for given, family in names], **more)


SAME: dict[str, tuple[Json, Json]] = {
    "number, birth date and name": (patient(nhs()), patient(nhs())),
    "number of status 02": (patient(nhs()), patient(nhs(status="02"))),
    "number in another spelling": (patient(nhs()), patient(nhs("999 000 1014", system="HTTP://fhir.nhs.net/id/NHS-number/"))),
    "name in another spelling": (named(("Zoë", "O'Brien-Łee")), named(("ZOE", "OBRIEN ŁEE"))),
    "married": (named(("Margaret", "Harrow")), named(("Margaret", "Marsh"))),
    "given name cut short": (named(("Christopher", "Harrow")), named(("Chris", "Harrow"))),
    "nickname": (named(("Margaret", "Harrow"), ("Peggy", "Harrow")), named(("Peggy", "Harrow"))),
    "name as text": (named(("Margaret", "Harrow")), patient(nhs(), name=[{"text": "Margaret Harrow"}])),
    "maiden name": (
        patient(nhs(), name=[{"family": "Marsh"}, {"use": "maiden", "family": "Harrow"}]),
        patient(nhs(), name=[{"family": "Harrow"}]),
    ),
    "local identifier": (patient(rio()), patient(rio())),
    "local identifier, married": (patient(rio()), patient(rio(), name=[{"family": "Marsh", "given": ["Margaret"]}])),
    "local identifier, birth date not known": (patient(rio()), patient(rio(), birthDate=None)),
    "local identifier, number not verified": (patient(nhs(), rio()), patient(nhs(status=None), rio())),
    "number, and a local identifier of another kind": (
        patient(nhs(), rio()), patient(nhs(), {"system": "urn:pas", "value": "7"}),
    ),
    "local identifier that the sender says replaced another": (
        patient(nhs(), rio("1")), patient(nhs(), rio("2"), rio("1", use="old")),
    ),
    "a year of birth": (patient(nhs()), patient(nhs(), birthDate="1971")),
    "the same record, by its own id": (patient(), patient()),
}  # fmt: skip
ASKED: dict[str, tuple[Json, Json, list[str]]] = {
    "same number, another birth date": (patient(nhs()), patient(nhs(), birthDate="1990-01-01"), ["birth-date-differs"]),
    "same number, no birth date": (patient(nhs()), patient(nhs(), birthDate=None), ["birth-date-missing"]),
    "same number, another name": (named(("Margaret", "Harrow")), named(("Colin", "Marsh")), ["name-differs"]),
    "a twin": (named(("Anna", "Harrow")), named(("Alice", "Harrow")), ["name-differs"]),
    "number not verified": (patient(nhs()), patient(nhs(status="03")), ["number-unverified"]),
    "number verified by nobody": (patient(nhs(status=None)), patient(nhs(status=None)), ["number-unverified"]),
    "two numbers in one record": (patient(nhs()), patient(nhs(), nhs(OTHER)), ["number-unverified"]),
    "number superseded": (patient(nhs()), patient(nhs(OTHER), nhs(use="old")), ["number-differs"]),
    "record inactive": (patient(nhs()), patient(nhs(), active=False), ["record-superseded"]),
    "record replaced": (
        patient(nhs()),
        patient(rio(), link=[{"type": "replaced-by", "other": {"identifier": nhs()}}]),
        ["record-superseded"],
    ),
    "record replaces another": (
        patient(rio("1")),
        patient(rio("2"), link=[{"type": "replaces", "other": {"identifier": rio("1")}}]),
        ["identifier-superseded"],
    ),
    "two local identifiers": (patient(nhs(), rio("1")), patient(nhs(), rio("2")), ["two-local-identifiers"]),
    "local identifier, another birth date": (patient(rio()), patient(rio(), birthDate="1990"), ["birth-date-differs"]),
    "local identifier, another name": (
        patient(rio()), patient(rio(), name=[{"family": "Marsh", "given": ["Maggie"]}]), ["name-differs"],
    ),
    "a twin with the local identifier of the household": (
        patient(rio()), patient(rio(), name=[{"family": "Harrow", "given": ["Colin"]}]), ["name-differs"],
    ),
    "local identifier, another number": (patient(nhs(), rio()), patient(nhs(OTHER), rio()), ["number-differs"]),
    "local identifier, neither birth date nor name": (
        patient(rio(), birthDate=None), patient(rio(), birthDate=None, name=[{"text": "Colin"}]), ["name-differs"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_joined(case: str) -> None:
    first, second = refer(*SAME[case])
    assert second.person_id == first.person_id
    assert (first.new, second.new, second.doubts) == (True, False, [])


@pytest.mark.parametrize("case", ASKED)
def test_asked_and_never_joined(case: str) -> None:
    before, after, kinds = ASKED[case]
    first, second = refer(before, after)
    assert second.new
    assert asked(second) == kinds
    assert {other for _, other in second.doubts} == {first.person_id}
    assert not {*first.keys} & {*second.keys}


@pytest.mark.parametrize("case", ASKED)
def test_a_question_is_asked_once(case: str) -> None:
    before, after, _ = ASKED[case]
    _, second, third, fourth = refer(before, after, after, before)
    assert (third.person_id, third.doubts, third.keys) == (second.person_id, [], [])
    assert fourth.doubts == []


def test_number_and_local_identifier_of_two_people() -> None:
    first, second, third = refer(patient(nhs()), patient(rio()), patient(nhs(), rio()))
    assert third.new
    assert sorted(third.doubts) == sorted([("two-people", first.person_id), ("two-people", second.person_id)])


def test_people_without_anything_in_common() -> None:
    first, second = refer(patient(nhs(), rio("1")), patient(nhs(OTHER), rio("2")))
    assert first.person_id != second.person_id
    assert not second.doubts


def test_an_inactive_record_alone_is_asked_about_and_its_keys_join_nobody() -> None:
    first, second = refer(patient(nhs(), active=False), patient(nhs()))
    assert first.doubts == [("record-superseded", None)]
    assert second.person_id != first.person_id


def test_what_a_known_person_brings_besides_is_theirs() -> None:
    first, second, third = refer(patient(rio()), patient(nhs(), rio()), patient(nhs()))
    assert second.keys == ["https://fhir.nhs.uk/Id/nhs-number|9990001014"]
    assert first.person_id == second.person_id == third.person_id


def test_records_that_are_linked_are_found_where_they_were_sent() -> None:
    record = patient(rio("2"), link=[{"type": "replaces", "other": {"reference": "Patient/9"}}])
    people: dict[str, Known] = {}
    (first,) = place_each([identity(patient(rio("1")))], people)
    (second,) = place_each([identity(record, {"Patient/9": patient(rio("1"))})], people)
    assert second.doubts == [("identifier-superseded", first.person_id)]


@pytest.mark.parametrize("number", ["9990001015", "9999999999"])
def test_a_number_that_fails_its_check_tells_nothing(number: str) -> None:
    assert identity(patient(nhs(number))).firm == {"Patient/1"}


@pytest.mark.parametrize("value", ["UNKNOWN", "n/a", "None", "0", "TBC", "000000", "XXX", "-", "Not known"])
def test_what_stands_for_no_identifier_joins_nobody(value: str) -> None:
    assert identity(patient(rio(value))).firm == {"Patient/1"}


def test_names_are_compared_without_accents_case_and_punctuation() -> None:
    assert fold(" O'Brien-Lés ") == "obrienles"
