"""Discovery, and calls that cannot be answered: each refusal names the element, and none is a server error."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.app import Json, issues_of, without_ids
from tests.cds_hooks.calling import ID, SELECT, SIGN, VIEW, Hooks, condition, order, ordering, patient, view
from tests.fuzz.rubbish import changes, spoilt


async def test_discovery_names_the_services_and_what_they_need(hooks: Hooks) -> None:
    answer = await hooks.running.http.get("/cds-services")

    services = {one["id"]: one for one in answer.json()["services"]}
    assert answer.headers["content-type"] == "application/json"
    assert {id_: one["hook"] for id_, one in services.items()} == {
        VIEW: "patient-view",
        SELECT: "order-select",
        SIGN: "order-sign",
    }
    for one in services.values():
        assert all(one[name] for name in ("title", "description"))
        assert "roles" in one["usageRequirements"]
        assert one["prefetch"]["patient"] == "Patient/{{context.patientId}}"
    assert services[VIEW]["prefetch"]["conditions"] == "Condition?patient={{context.patientId}}"


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"hook": "order-sign"}, "hook"),
        ({"hook": None}, "hook"),
        ({"hookInstance": "1"}, "hookInstance"),
        ({"hookInstance": None}, "hookInstance"),
        ({"context": None}, "context"),
        ({"context": {"patientId": ID}}, "context.userId"),
        ({"context": {"userId": "AOSEI", "patientId": ID}}, "context.userId"),
        ({"context": {"userId": "Practitioner/AOSEI"}}, "context.patientId"),
        ({"context": {"userId": "Practitioner/AOSEI", "patientId": "a b"}}, "context.patientId"),
        ({"prefetch": []}, "prefetch"),
        ({"prefetch": {"patient": []}}, "prefetch.patient"),
        ({"prefetch": {"patient": {"resourceType": "Person", "id": ID}}}, "prefetch.patient"),
        ({"prefetch": {"patient": patient(birthDate="soon")}}, "prefetch.patient.birthDate"),
        ({"prefetch": {"patient": patient(id="somebody-else")}}, "prefetch.patient.id"),
    ],
)
async def test_a_call_that_is_wrong_is_refused_by_element(hooks: Hooks, changed: Json, place: str) -> None:
    answer = await hooks.post(VIEW, view() | changed, None)

    assert answer.status_code == 422
    assert place in [found for _, found in issues_of(answer)]
    assert "Harrow" not in answer.text


@pytest.mark.parametrize(
    ("service", "hook", "changed", "place"),
    [
        (SELECT, "order-select", {"selections": None}, "context.selections"),
        (SELECT, "order-select", {"selections": [1]}, "context.selections"),
        (SELECT, "order-select", {"draftOrders": None}, "context.draftOrders"),
        (SIGN, "order-sign", {"draftOrders": []}, "context.draftOrders"),
        (SIGN, "order-sign", {"draftOrders": {"resourceType": "Bundle", "entry": {}}}, "context.draftOrders"),
    ],
)
async def test_the_context_has_what_the_hook_defines(
    hooks: Hooks, service: str, hook: str, changed: Json, place: str
) -> None:
    call = ordering(hook, order())
    call["context"] |= changed

    answer = await hooks.post(service, call, None)

    assert (answer.status_code, [found for _, found in issues_of(answer)]) == (422, [place])


@pytest.mark.parametrize(
    ("draft", "place"),
    [
        (order(status="later"), "context.draftOrders.entry[0].resource.status"),
        (order(subject={"reference": "Patient/somebody-else"}), "context.draftOrders.entry[0].resource.subject"),
        (order(subject=None), "context.draftOrders.entry[0].resource.subject"),
    ],
)
async def test_a_draft_is_valid_and_about_the_patient(hooks: Hooks, draft: Json, place: str) -> None:
    answer = await hooks.post(SIGN, ordering("order-sign", draft), None)

    assert answer.status_code == 422
    assert place in [found for _, found in issues_of(answer)]


async def test_without_the_patient_the_precondition_fails(hooks: Hooks) -> None:
    access = {"access_token": "secret", "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}
    call = view(patient=None) | {"fhirServer": "https://rio.northdale.example/FHIR/R4", "fhirAuthorization": access}

    answer = await hooks.post(VIEW, call, None)

    assert (answer.status_code, issues_of(answer)) == (412, [("required", "prefetch.patient")])
    assert "does not fetch" in answer.text


async def test_what_is_no_service_is_not_found(hooks: Hooks) -> None:
    call, feedback = await hooks.post("nothing", view(), None), await hooks.post("nothing/feedback", {}, None)

    assert (call.status_code, issues_of(call)) == (404, [("not-found", None)])
    assert feedback.status_code in {404, 422}


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"hook": "a", "hook": "b"}', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * 5_000_001, "application/json", 413),
    ],
)
async def test_what_cannot_be_read_is_refused(hooks: Hooks, body: bytes, media_type: str, status: int) -> None:
    answer = await hooks.post(VIEW, body, None, Content_Type=media_type)

    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_the_log_says_nothing_of_the_person(hooks: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    await hooks.refer()
    capsys.readouterr()
    for call in (view(condition()), view(patient=patient(birthDate="soon")), view(roles=None), {}):
        await hooks.post(VIEW, call, None)

    logged = without_ids(capsys.readouterr().out)

    assert logged.count("route=/cds-services/{id}") == 4
    assert "no active team" in logged
    for secret in ("Harrow", "9992047186", ID, "1971", "Quayside"):
        assert secret not in logged


async def test_too_many_drafts_are_not_looked_at(hooks: Hooks) -> None:
    answer = await hooks.post(SIGN, ordering("order-sign", *[order()] * 51), None)

    assert (answer.status_code, issues_of(answer)) == (422, [("too-costly", "context.draftOrders")])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_spoilt_calls_never_break_it(hooks: Hooks, data: Any) -> None:
    service, call = data.draw(
        st.sampled_from(
            [
                (
                    VIEW,
                    view(condition(), observations={"resourceType": "Bundle", "entry": [{"resource": condition()}]}),
                ),
                (SELECT, ordering("order-select", order())),
                (SIGN, ordering("order-sign", order())),
                (f"{VIEW}/feedback", FEEDBACK),
            ]
        )
    )
    body = spoilt(copy.deepcopy(call), data.draw(st.lists(changes, min_size=1, max_size=3)))

    answer = await hooks.post(service, body, None)

    assert answer.status_code in {200, 400, 412, 413, 422}, answer.text
    assert "Harrow" not in answer.text


CARD = "0b5c4e2a-4f0f-4a52-9d2f-3c1e5a7b9d10"
FEEDBACK: Json = {
    "feedback": [
        {
            "card": CARD,
            "outcome": "overridden",
            "overrideReason": {"reason": {"code": "not-now", "system": "urn:x"}, "userComment": "Later"},
            "outcomeTimestamp": "2026-03-02T09:30:00Z",
        },
        {
            "card": CARD,
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": CARD}],
            "outcomeTimestamp": "2026-03-02T09:30:00Z",
        },
    ]
}
