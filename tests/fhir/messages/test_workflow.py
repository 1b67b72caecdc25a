"""What a message asks for: event, reason, status and version, each combination with its answer."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from tests.app import Json, Running, message_bundle, referral_bundle, resource_of
from tests.fhir.messages.said import answered, bars_headers, cancelling, issue_of, later, refer, say

from gateway.store.schema import message, referral, resource

EVENT = "Bundle.entry[0].resource.eventCoding"
REASON = "Bundle.entry[0].resource.reason"
STATUS = "Bundle.entry[1].resource.status"
CATEGORY = "Bundle.entry[1].resource.category"
BAD, RULE, ABSENT = (400, "REC_BAD_REQUEST"), (422, "REC_UNPROCESSABLE_ENTITY"), (404, "REC_NOT_FOUND")

Change = Callable[[Json], Any]


def of_event(code: str, **elements: Any) -> Change:
    return lambda bundle: bundle["entry"][0]["resource"].update({"eventCoding": {"code": code}, **elements})


def of_reason(*codes: str) -> Change:
    return lambda bundle: bundle["entry"][0]["resource"].update(reason={"coding": [{"code": code} for code in codes]})


def of_status(status: str, reason: str) -> Change:
    return lambda bundle: (of_reason(reason)(bundle), bundle["entry"][1]["resource"].update(status=status))


def of_category(code: str) -> Change:
    return lambda bundle: bundle["entry"][1]["resource"]["category"][0]["coding"][0].update(code=code)


def twice(index: int) -> Change:
    again = {"fullUrl": "urn:uuid:0d7c2f1a-0000-4a1e-9f65-6b1f0c529999"}
    return lambda bundle: bundle["entry"].append(
        again | {"resource": copy.deepcopy(bundle["entry"][index]["resource"])}
    )


WRONG: dict[str, tuple[Change, tuple[int, str], str, str]] = {
    "no header": (lambda bundle: bundle["entry"].pop(0), RULE, "invariant", "Bundle"),
    "header not first": (lambda bundle: bundle["entry"].append(bundle["entry"].pop(0)), RULE, "invariant", "Bundle"),
    "an entry without a resource": (
        lambda bundle: bundle["entry"].append({"fullUrl": "urn:uuid:0d7c2f1a-0000-4a1e-9f65-6b1f0c529998"}),
        RULE,
        "invariant",
        "Bundle.entry[10]",
    ),
    "a transaction": (lambda bundle: bundle.update(referral_bundle()), RULE, "value", "Bundle.type"),
    "no request": (lambda bundle: bundle["entry"].pop(1), RULE, "invariant", "Bundle.entry"),
    "two requests": (twice(1), RULE, "invariant", "Bundle.entry"),
    "a booking": (of_event("booking-request"), RULE, "not-supported", EVENT),
    "an answer to nothing": (
        of_event("servicerequest-response", response={"identifier": "86e3371d", "code": "ok"}),
        ABSENT,
        "not-found",
        "Bundle.entry[0].resource.response.identifier",
    ),
    "an answer that does not say to what": (
        of_event("servicerequest-response"),
        BAD,
        "invariant",
        "Bundle.entry[0].resource.response",
    ),
    "an unknown event": (of_event("servicerequest-wish"), BAD, "invariant", EVENT),
    "an unknown reason": (of_reason("replace"), BAD, "invariant", REASON),
    "two reasons": (of_reason("new", "update"), BAD, "invariant", REASON),
    "new, but revoked": (of_status("revoked", "new"), BAD, "invariant", STATUS),
    "new, but a draft": (of_status("draft", "new"), BAD, "invariant", STATUS),
    "an update to completed": (of_status("completed", "update"), BAD, "invariant", STATUS),
    "a deletion of what is active": (of_status("active", "delete"), BAD, "invariant", STATUS),
    "for validation": (of_category("validation"), BAD, "invariant", CATEGORY),
    "of another version": (
        lambda bundle: bundle["meta"].update(versionId="2.0.0"),
        RULE,
        "not-supported",
        "Bundle.meta.versionId",
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_message_that_asks_for_what_is_not_done_is_refused_whole(gateway: Running, name: str) -> None:
    change, answer_code, issue_code, place = WRONG[name]
    bundle = message_bundle()
    change(bundle)

    answer = await say(gateway, bundle)

    assert issue_of(answer) == (*answer_code, issue_code, place), answer.text
    assert [await gateway.count(table) for table in (referral, resource, message)] == [0, 0, 0]


async def test_what_is_allowed_is_said(gateway: Running) -> None:
    bundle = message_bundle()
    of_status("active", "delete")(bundle)

    answer = await say(gateway, bundle)

    assert "the status must be revoked or entered-in-error" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(("element", "place"), [("reason", REASON), ("category", CATEGORY)])
async def test_a_strict_sender_names_reason_and_category(strict: Running, element: str, place: str) -> None:
    bundle = message_bundle()
    for resource_ in (bundle["entry"][0]["resource"], bundle["entry"][1]["resource"]):
        resource_.pop(element, None)

    answer = await say(strict, bundle, **bars_headers())

    assert issue_of(answer) == (*BAD, "invariant", place)


async def test_others_need_not(gateway: Running) -> None:
    bundle = message_bundle()
    del bundle["entry"][0]["resource"]["reason"], bundle["entry"][1]["resource"]["category"], bundle["meta"]

    answered(await say(gateway, bundle))


async def test_a_strict_sender_names_the_version_of_its_application(strict: Running) -> None:
    bundle = message_bundle()
    del bundle["meta"]["versionId"]

    answer = await say(strict, bundle, **bars_headers())

    assert issue_of(answer) == (*BAD, "invariant", "Bundle.meta.versionId")


@pytest.mark.parametrize("version", ["1.0.0-beta", "1.5.0", "7"])
async def test_versions_that_are_taken(gateway: Running, version: str) -> None:
    """A whole number is FHIR's own use of the element: it counts what the sender stored."""
    bundle = message_bundle()
    bundle["meta"]["versionId"] = version

    answered(await say(gateway, bundle))


async def test_headers_come_first_then_the_version_then_the_workflow(strict: Running) -> None:
    bundle = message_bundle()
    of_status("revoked", "new")(bundle)
    bundle["meta"]["versionId"] = "2.0.0"

    assert (await say(strict, bundle)).json()["issue"][0]["expression"] == ["http.X-Correlation-Id"]
    assert issue_of(await say(strict, bundle, **bars_headers()))[3] == "Bundle.meta.versionId"
    bundle["meta"]["versionId"] = "1.0.0"
    assert issue_of(await say(strict, bundle, **bars_headers()))[3] == STATUS


@pytest.mark.parametrize("scope", ["system/ServiceRequest.crs system/Task.c", "system/ServiceRequest.u"])
async def test_a_change_needs_the_scope_to_change(gateway: Running, scope: str) -> None:
    bundle, _ = await refer(gateway)
    gatekeeper = gateway.app.state.gatekeeper
    caller = gatekeeper.caller(f"Bearer {gateway.tokens['demo-epr']}")
    gateway.tokens["demo-epr"] = gatekeeper.issue(
        type(caller)(caller.client_id, caller.organisation, caller.role, frozenset(scope.split()))
    )

    for change in (later(bundle), cancelling(bundle)):
        answer = await say(gateway, change)
        assert issue_of(answer)[:3] == (403, "REC_FORBIDDEN", "forbidden")


async def test_more_than_a_referral_needs_stays_in_the_message(gateway: Running) -> None:
    bundle = message_bundle()
    allergy = {
        "fullUrl": "urn:uuid:0d7c2f1a-0000-4a1e-9f65-6b1f0c520011",
        "resource": {
            "resourceType": "AllergyIntolerance",
            "patient": {"reference": "urn:uuid:0d7c2f1a-0000-4a1e-9f65-6b1f0c520003"},
        },
    }
    task = copy.deepcopy(bundle["entry"][8]) | {"fullUrl": "urn:uuid:0d7c2f1a-0000-4a1e-9f65-6b1f0c520012"}
    bundle["entry"] += [allergy, task]
    resource_of(bundle, "ServiceRequest")["supportingInfo"] = [{"reference": allergy["fullUrl"]}]
    resource_of(bundle, "CarePlan")["activity"].append({"reference": {"reference": task["fullUrl"]}})

    answer = answered(await say(gateway, bundle))

    told = {issue["expression"][0] for issue in resource_of(answer, "OperationOutcome")["issue"]}
    assert {"Bundle.entry[10].resource", "Bundle.entry[11].resource"} <= told
    types = [entry["resource"]["resourceType"] for entry in answer["entry"]]
    assert (types.count("Task"), types.count("AllergyIntolerance")) == (1, 0)
