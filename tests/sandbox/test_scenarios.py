"""Whose NHS number it is decides what happens: each scenario, played by the sandbox itself."""

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.engineer import DEAD, Engineer, Sandbox, task_in

from gateway import errors
from gateway.errors import kebab
from gateway.profile import RULES
from gateway.sandbox import gate
from gateway.sandbox.scenarios import scenarios

NUMBERS = {one.key: one.number for one in scenarios().values()}
DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"

ENDS = {
    "accepted": "allocated",
    "question": "info-requested",
    "not-accepted": "not-accepted",
    "unable-to-contact": "closed-unable-to-contact",
    "full-course": "closed-completed",
    "declined": "closed-declined",
    "on-hold": "accepted",
    "identity-clash": "submitted",
    "restricted": "submitted",
    "deceased": "closed-other",
    "delivery-dead": "received",
    "nothing": "submitted",
}
WARNED = {
    "identity-clash": "Somebody with the same identifier has another date of birth",
    "restricted": "The record is restricted",
    "deceased": "The record sent says that the person has died",
}


@pytest.fixture(scope="module")
def played(sandbox: Sandbox) -> tuple[Engineer, dict[str, Any]]:
    """A tenant in which all were referred, and a month has passed."""
    ann = sandbox.join()
    tasks = {key: ann.refer(NUMBERS[key]) for key in ENDS}
    for span in ("P1D", "P1D", "P5D", "P23D"):  # each jump has its own while to let all happen
        ann.advance(span)
    ann.tokens.clear()
    return ann, tasks


@pytest.mark.parametrize("key", ENDS)
def test_a_scenario_ends_as_it_says(played: tuple[Engineer, dict[str, Any]], key: str) -> None:
    ann, tasks = played
    found = ann.referral(tasks[key])
    assert found["status"] == ENDS[key]
    assert len(found["warnings"]) == (key in WARNED)
    assert all(WARNED[key] in one for one in found["warnings"])


def test_each_step_happened_at_its_own_moment(played: tuple[Engineer, dict[str, Any]]) -> None:
    ann, tasks = played
    contacts = ann.referral(tasks["unable-to-contact"])["contacts"]
    assert len({one["at"][:10] for one in contacts}) == 3
    course = ann.referral(tasks["full-course"])
    sessions = course["prescriptions"][0]["sessions"]
    assert sessions[0]["at"][:10] < sessions[1]["at"][:10] < course["updated_at"][:10]
    assert [one["stage"] for one in course["measures"]] == ["baseline", "closure"]


def test_an_update_that_is_never_taken_dies_by_the_gateways_own_schedule(
    played: tuple[Engineer, dict[str, Any]],
) -> None:
    ann, tasks = played
    first = ann.deliveries(tasks["delivery-dead"])[0]
    assert first["state"] == "dead"
    assert len(first["attempts"]) == 12
    assert {one["status"] for one in first["attempts"]} == {422}
    moments = [datetime.fromisoformat(one["at"]) for one in first["attempts"]]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] > timedelta(minutes=10)  # by the tenant's clock; each wait is drawn by lot
    others = [one for key, task in tasks.items() if key != "delivery-dead" for one in ann.deliveries(task)]
    assert {one["state"] for one in others} == {"delivered"}  # the receiver itself is well


def test_a_duplicate_is_answered_with_the_first(ann: Engineer) -> None:
    again = ann.call("sandbox-epr", "POST", "/FHIR/R4", ann.bundle(NUMBERS["duplicate"]))
    assert again.status_code == 409
    first = ann.call("sandbox-epr", "GET", f"/FHIR/R4/{again.headers['location']}").json()
    assert first["businessStatus"]["coding"][0]["code"] == "sent-awaiting-receipt"
    other = ann.bundle(NUMBERS["duplicate"])
    next(one["resource"] for one in other["entry"] if one["resource"]["resourceType"] == "ServiceRequest")[
        "identifier"
    ][0]["value"] = "ANOTHER"
    task = task_in(ann.call("sandbox-epr", "POST", "/FHIR/R4", other).json())
    ann.advance("PT5S")
    assert ann.status_of(task) == "not-accepted"


def test_an_identity_clash_raises_a_question(ann: Engineer) -> None:
    task = ann.refer(NUMBERS["identity-clash"])
    questions = ann.call("sandbox-platform", "GET", "/platform/v1/identity").json()["questions"]
    assert [(one["kind"], one["referral_id"]) for one in questions] == [("birth-date-differs", task["id"])]


@pytest.mark.parametrize(
    ("key", "rule"), [("consent-refused", "consent-refused"), ("wrong-check-digit", "nhs-number-check")]
)
def test_what_must_be_refused_is(ann: Engineer, key: str, rule: str) -> None:
    answer = ann.call("sandbox-epr", "POST", "/FHIR/R4", ann.bundle(NUMBERS[key]))
    assert answer.status_code == 422
    assert f"#rule-{rule}>" in answer.headers["link"]
    assert "#error-rejected>" in answer.headers["link"]


def test_a_slow_answer_is_late_once_and_the_repeat_gets_it_at_once(
    ann: Engineer, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = NUMBERS["slow-answer"]
    quicker = scenarios()[number].model_copy(update={"answer_after": 0.5})
    monkeypatch.setattr(gate, "scenarios", lambda: {number: quicker})
    held, after = list[float](), gate._after

    def hold(seconds: float, *rest: Any) -> Any:
        held.append(seconds)
        return after(seconds, *rest)

    monkeypatch.setattr(gate, "_after", hold)
    bundle, started = ann.bundle(number), time.monotonic()
    request_id = "0b8a1a52-6f0e-4a8e-9d55-3f1b1f0d7a01"
    first = ann.call("sandbox-epr", "POST", "/FHIR/R4", bundle, X_Request_Id=request_id)
    assert time.monotonic() - started > 0.5
    again = ann.call("sandbox-epr", "POST", "/FHIR/R4", bundle, X_Request_Id=request_id)
    assert held == [0.5]
    assert again.json() == first.json()


def test_a_step_that_is_not_possible_any_more_ends_the_scenario(ann: Engineer) -> None:
    task = ann.refer(NUMBERS["on-hold"])
    ann.advance("PT5S")
    assert ann.status_of(task) == "on-hold"
    assert ann.trigger("accepted", task["id"])["refused"] is None
    assert ann.trigger("closed-other", task["id"])["refused"] is None
    ann.advance("P20D")
    assert ann.status_of(task) == "closed-other"


def test_the_list_of_scenarios_leads_to_people_and_rules(sandbox: Sandbox) -> None:
    listed = sandbox.http.get("/sandbox/scenarios").json()["scenarios"]
    assert [one["nhs_number"] for one in listed] == list(scenarios())
    assert DEAD in scenarios()
    for one in listed:
        bundle = sandbox.http.get(one["referral"]).json()
        assert bundle["entry"][0]["resource"]["identifier"][0]["value"] == one["nhs_number"]
    anchors = {f"rule-{rule.key}" for rule in RULES} | {
        f"error-{kebab(one.__name__)}" for one in vars(errors).values() if isinstance(one, type)
    }
    for scenario in scenarios().values():
        assert scenario.rules, scenario.key
        assert set(scenario.rules) <= anchors, scenario.key


def test_the_documentation_has_a_row_for_each() -> None:
    rows = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| 999")]
    assert rows == [
        f"| {one.number} | {' '.join([*one.name.given, one.name.family])} | {one.title} | {one.tells} |"
        for one in scenarios().values()
    ]
