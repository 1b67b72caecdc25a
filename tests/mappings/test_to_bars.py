"""Where a referral stands, as the servicerequest-response that a BaRS sender receives."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from tests.mappings.test_to_task import CLOSURES, STATUSES, closed, standing

from gateway.validation import check
from mappings.awaited import awaited_task
from mappings.to_bars import REJECTED, Envelope, response_from
from mappings.to_task import task_from

Json = dict[str, Any]

DOS = "https://fhir.nhs.uk/Id/dos-service-id"
ENVELOPE = Envelope(
    id="0198f2a4-7c00-7000-8000-0000000000d1",
    version="1.0.0",
    answers="3f0b6d1e-7c1b-4f6e-8a36-5b6f1c2d7a10",
    source=f"{DOS}|2000090001",
    destination=f"{DOS}|2000090002",
    sender=("XNH01", "Northdale Wellbeing Hub"),
    receiver=("XND01", "Northdale Mental Health NHS Foundation Trust"),
    first=True,
)
REQUEST = {
    "resourceType": "ServiceRequest",
    "id": "0198f2a4-7c00-7000-8000-0000000000a1",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/BaRS-Identifier", "value": "theirs-1"}],
    "status": "active",
    "intent": "plan",
    "subject": {"reference": "Patient/p1"},
    "authoredOn": "2026-01-30T10:15:02Z",
    "reasonCode": [{"text": "Housing"}],
    "note": [{"text": "Her brother must not know."}],
}
PERSON: Json = {
    "family_name": "Okafor",
    "given_names": ["Denise"],
    "birth_date": "1971-04-02",
    "nhs_number": "9993105627",
    "local_identifiers": [{"system": "https://trust.example/id", "value": "0012345"}],
    "address": {"postcode": "XN7 1AA"},
    "phones": [{"value": "07700 900456"}],
}


def respond(stands: Json, request: Json | None = REQUEST, person: Json = PERSON, **envelope: Any) -> Json:
    task = task_from(None, "sr1", "p1", stands)
    bundle = response_from(task, request, person, replace(ENVELOPE, **envelope))
    assert_valid(bundle)
    return bundle


def assert_valid(bundle: Json) -> None:
    """By two independent judges, and with references that lead to something in the message."""
    assert check(bundle) == []
    Bundle.model_validate(copy.deepcopy(bundle))
    names = [entry["fullUrl"] for entry in bundle["entry"]]
    header = bundle["entry"][0]["resource"]
    assert len(names) == len(set(names))
    assert header["focus"][0]["reference"] in names
    assert header["sender"]["reference"] in names
    assert header["destination"][0]["receiver"]["reference"] in names


def of_type(bundle: Json, type_: str) -> Json:
    found: Json = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == type_)
    return found


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_gives_a_valid_message(status: str) -> None:
    encounter = of_type(respond(standing(status)), "Encounter")

    assert encounter["status"] != "unknown"
    if encounter["status"] == "cancelled":
        [why] = encounter["reasonCode"]
        assert why["coding"][0]["system"] == REJECTED
        assert why["text"]  # mandatory with OTH


@pytest.mark.parametrize(("status", "reason"), CLOSURES)
def test_every_closure_gives_a_valid_message(status: str, reason: str) -> None:
    assert of_type(respond(closed(status, reason)), "Encounter")["status"] in {"finished", "cancelled"}


@pytest.mark.parametrize(
    ("status", "contacts", "says"),
    [
        ("submitted", [], "planned"),
        ("received", [], "planned"),
        ("info-requested", [], "planned"),
        ("accepted", [], "in-progress"),
        ("contacting", [{"at": "2026-02-02T09:00:00.000Z", "outcome": "no-answer"}], "in-progress"),
        ("engaged", [{"at": "2026-02-02T09:00:00.000Z", "outcome": "spoke"}], "arrived"),
        ("in-support", [{"at": "2026-02-02T09:00:00.000Z", "outcome": "spoke"}], "arrived"),
        ("on-hold", [{"at": "2026-02-02T09:00:00.000Z", "outcome": "spoke"}], "arrived"),
        ("entered-in-error", [], "entered-in-error"),
    ],
)
def test_the_status_goes_from_planned_to_arrived(status: str, contacts: list[Json], says: str) -> None:
    made = [{"mechanism": "telephone", "by": "Priya Nadar"} | one for one in contacts]

    assert of_type(respond(standing(status, contacts=made)), "Encounter")["status"] == says


@pytest.mark.parametrize(
    ("stands", "code"),
    [
        (standing("not-accepted", reason={"code": "at-capacity", "text": "Full until May."}), "RRNA"),
        (standing("not-accepted", reason={"code": "outside-area", "text": "Not ours."}), "OTH"),
        (standing("withdrawn", reason={"code": "other", "text": "She is moving."}), "OTH"),
        (closed("closed-unable-to-contact", "unable-to-contact"), "FC"),
        (closed("closed-disengaged", "disengaged"), "OTH"),
        (closed("closed-other", "service-ended"), "RRNA"),
    ],
)
def test_why_it_was_cancelled(stands: Json, code: str) -> None:
    encounter = of_type(respond(stands), "Encounter")

    assert encounter["status"] == "cancelled"
    assert [one["code"] for one in encounter["reasonCode"][0]["coding"]] == [code]


def test_a_refusal_says_what_to_do_instead() -> None:
    why = {"code": "outside-area", "text": "Lives <outside> the area & county."}
    encounter = of_type(respond(standing("not-accepted", reason=why, alternative="Ask Eastmere.")), "Encounter")

    line = "NOT ACCEPTED: Lives <outside> the area & county. What to do instead: Ask Eastmere."
    assert encounter["reasonCode"][0]["text"] == line
    assert "Lives &lt;outside&gt; the area &amp; county." in encounter["text"]["div"]


def test_the_header_names_what_it_answers_and_both_sides() -> None:
    bundle = respond(standing())
    header = bundle["entry"][0]["resource"]

    assert (bundle["id"], bundle["type"], bundle["meta"]["versionId"]) == (ENVELOPE.id, "message", "1.0.0")
    assert header["resourceType"] == "MessageHeader"
    assert header["eventCoding"]["code"] == "servicerequest-response"
    assert header["reason"]["coding"][0]["code"] == "new"
    assert header["response"] == {"identifier": ENVELOPE.answers, "code": "ok"}
    assert header["source"]["endpoint"] == f"{DOS}|2000090001"
    assert header["destination"][0]["endpoint"] == f"{DOS}|2000090002"
    assert all(entry["resource"]["meta"]["lastUpdated"] for entry in bundle["entry"])
    later = respond(standing(), first=False)["entry"][0]["resource"]
    assert later["reason"]["coding"][0]["code"] == "update"


def test_the_sender_is_told_no_more_of_the_person_than_it_takes_to_know_who_is_meant() -> None:
    bundle = respond(standing())
    patient, request = of_type(bundle, "Patient"), of_type(bundle, "ServiceRequest")

    assert patient.keys() == {"resourceType", "id", "meta", "identifier", "birthDate"}
    assert [one["value"] for one in patient["identifier"]] == ["9993105627", "0012345"]
    assert request["identifier"] == REQUEST["identifier"]
    assert "reasonCode" not in request
    assert "brother" not in str(bundle)


def test_a_person_without_a_number_is_named() -> None:
    nameless = PERSON | {"nhs_number": None, "local_identifiers": []}

    patient = of_type(respond(standing(), person=nameless), "Patient")

    assert patient["name"] == [{"family": "Okafor", "given": ["Denise"]}]


def test_the_same_of_the_same() -> None:
    """BaRS: a retry has the same body. And the Encounter is the same one in every message."""
    first, again = respond(standing("accepted")), respond(standing("accepted"))
    other = respond(standing("engaged"), id="0198f2a4-7c00-7000-8000-0000000000d2")

    assert first == again
    assert first["entry"][1]["fullUrl"] == other["entry"][1]["fullUrl"]
    assert first["entry"][0]["fullUrl"] != other["entry"][0]["fullUrl"]


@pytest.mark.parametrize("state", ["details-awaited", "details-not-received", "details-refused"])
def test_a_request_whose_details_are_awaited_is_told_of_too(state: Any) -> None:
    sent = {"resourceType": "Task", "id": "0198f2a4-7c00-7000-8000-000000000005", "intent": "order"}
    at = "2026-02-04T11:30:01.000Z"
    there = {"for": {"reference": "https://epr.example/FHIR/R4/Patient/p1"}}
    task = awaited_task(sent | there | {"authoredOn": "2026-02-04"}, 1, at, at, state, "It cannot be read.")

    bundle = response_from(task, None, {}, replace(ENVELOPE, receiver=(None, None)))

    assert_valid(bundle)
    encounter = of_type(bundle, "Encounter")
    assert encounter["status"] == ("planned" if state == "details-awaited" else "cancelled")
