"""The same message again: processed once, whatever it asks for, and a failure stays a failure."""

import copy
from typing import Any
from uuid import uuid4

import pytest
from tests.app import Json, Running, message_bundle, resource_of
from tests.fhir.messages.said import cancelling, issue_of, later, refer, say

from gateway.store.schema import message, referral, resource

DUPLICATE = (409, "REC_CONFLICT", "duplicate")


def as_it_was(bundle: Json) -> Json:
    return bundle


@pytest.mark.parametrize("kind", [later, cancelling])
async def test_a_retry_of_a_change_is_a_duplicate(gateway: Running, kind: Any) -> None:
    bundle, _ = await refer(gateway)
    change, ids = kind(bundle), {"X_Request_Id": str(uuid4()), "X_Correlation_Id": str(uuid4())}
    assert (await say(gateway, change, **ids)).status_code == 200
    before = [await gateway.count(table) for table in (resource, message)]

    again = await say(gateway, change, **ids)

    assert issue_of(again)[:3] == DUPLICATE
    assert again.headers["x-request-id"] == ids["X_Request_Id"]
    assert [await gateway.count(table) for table in (resource, message)] == before


@pytest.mark.parametrize("kind", [as_it_was, later, cancelling])
async def test_the_same_message_under_a_new_request_id_is_a_duplicate(gateway: Running, kind: Any) -> None:
    bundle, first = await refer(gateway)
    change = kind(bundle)
    await say(gateway, change)

    again = await say(gateway, change)

    assert issue_of(again)[:3] == DUPLICATE
    reference = next(one["value"] for one in resource_of(first, "Task")["identifier"] if one["value"].startswith("SP-"))
    assert reference in again.json()["issue"][0]["diagnostics"]


async def test_a_duplicate_is_one_whatever_holds_by_now(gateway: Running) -> None:
    """An update whose referral was cancelled since: the retry learns that it arrived, not that it is too late."""
    bundle, _ = await refer(gateway)
    change, request_id = later(bundle), str(uuid4())
    await say(gateway, change, X_Request_Id=request_id)
    await say(gateway, cancelling(bundle, hours=2))

    assert issue_of(await say(gateway, change, X_Request_Id=request_id))[:3] == DUPLICATE


async def test_a_request_id_used_for_something_else_is_no_duplicate(gateway: Running) -> None:
    """A sender reads `duplicate` as success; this message would be lost."""
    request_id = str(uuid4())
    await say(gateway, message_bundle(), X_Request_Id=request_id)

    answer = await say(gateway, message_bundle(), X_Request_Id=request_id)

    assert issue_of(answer)[:3] == (409, "REC_CONFLICT", "conflict")
    assert await gateway.count(referral) == 1


async def test_names_used_for_something_else_are_no_duplicate(gateway: Running) -> None:
    bundle, _ = await refer(gateway)
    resource_of(bundle, "ServiceRequest")["reasonCode"][0]["text"] = "Arrears on the rent"

    answer = await say(gateway, bundle)

    assert issue_of(answer)[:3] == (409, "REC_CONFLICT", "conflict")
    assert "reason update" in answer.json()["issue"][0]["diagnostics"]


async def test_a_failure_is_judged_the_same_again(gateway: Running) -> None:
    bundle, request_id = message_bundle(), str(uuid4())
    wrong = copy.deepcopy(bundle)
    del resource_of(wrong, "ServiceRequest")["reasonCode"]

    answers = [await say(gateway, wrong, X_Request_Id=request_id) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    assert await gateway.count(message) == 0
    assert (await say(gateway, bundle, X_Request_Id=request_id)).status_code == 200
