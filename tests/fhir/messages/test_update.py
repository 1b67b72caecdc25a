"""What an update may say beside the request: words in its Task, to the hub that has the referral, in its turn."""

import copy
from importlib import import_module
from typing import Any

import httpx
import pytest
from tests.app import Json, Running, message_bundle, resource_of, task_in
from tests.fhir.messages.said import answered, cancelling, encoded, issue_of, later, refer, say

from gateway.errors import VersionConflict

PROCESS = import_module("gateway.fhir.messages.process")
NORTHDALE = {"system": "https://fhir.nhs.uk/Id/dos-service-id", "value": "2000090001"}


async def told(gateway: Running, first: Json) -> list[tuple[str, str]]:
    """Who told the hub what."""
    seen = await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{task_in(first)['id']}")
    return [(one["by"], one["text"]) for one in seen.json()["messages"]]


async def test_new_words_in_the_task_are_told_once(gateway: Running) -> None:
    bundle, first = await refer(gateway)
    change = later(bundle)
    task_in(change)["description"] = "She is homeless since today."
    task_in(change)["note"] = [{"authorString": "Dr Marsh", "text": "Ring before noon."}]
    task_in(change)["input"] = [{"type": {"text": "Stays with"}, "valueString": "a friend"}]

    answer = answered(await say(gateway, copy.deepcopy(change)))
    answered(await say(gateway, later(change, hours=2)))

    words = ["She is homeless since today.", "Stays with: a friend", "Ring before noon."]
    assert [text for _, text in await told(gateway, first)] == words
    assert (await told(gateway, first))[2][0] == "Dr Marsh"
    assert [note["text"] for note in task_in(answer)["note"][:-1]] == words
    assert task_in(answer)["description"] == task_in(first)["description"]
    assert [entry["resource"]["resourceType"] for entry in answer["entry"]].count("Task") == 1


async def test_a_task_that_says_nothing_new_tells_nothing(gateway: Running) -> None:
    bundle, first = await refer(gateway)

    answered(await say(gateway, later(bundle)))

    assert await told(gateway, first) == []


def by_destination(change: Json) -> dict[str, str]:
    change["entry"][0]["resource"]["destination"] = [{"endpoint": "|".join(NORTHDALE.values())}]
    return {}


def by_header(change: Json) -> dict[str, str]:
    del change["entry"][0]["resource"]["destination"]
    return {"NHSD_Target_Identifier": encoded(NORTHDALE)}


@pytest.mark.parametrize("kind", [later, cancelling])
@pytest.mark.parametrize("address", [by_destination, by_header])
async def test_a_change_is_addressed_to_the_hub_that_has_the_referral(
    gateway: Running, kind: Any, address: Any
) -> None:
    bundle, first = await refer(gateway)
    change = kind(bundle)

    answer = await say(gateway, change, **address(change))

    assert issue_of(answer)[:3] == (422, "REC_UNPROCESSABLE_ENTITY", "business-rule")
    assert "names another hub" in answer.json()["issue"][0]["diagnostics"]
    task = await gateway.call("demo-epr", "GET", f"/FHIR/R4/Task/{task_in(first)['id']}")
    assert task.json() == task_in(first)


async def test_without_meta_last_updated_the_time_of_the_message_counts(gateway: Running) -> None:
    bundle = message_bundle()
    del bundle["meta"]["lastUpdated"]
    answered(await say(gateway, copy.deepcopy(bundle)))
    changes = []
    for hour in (12, 13):
        change = copy.deepcopy(bundle) | {"timestamp": f"2026-01-12T{hour}:30:00Z"}
        change["entry"][0]["resource"]["reason"]["coding"][0]["code"] = "update"
        resource_of(change, "ServiceRequest")["reasonCode"][0]["text"] = f"As it was at {hour}"
        changes.append(change)
        answered(await say(gateway, copy.deepcopy(change)))

    assert issue_of(await say(gateway, changes[0]))[:3] == (409, "REC_CONFLICT", "conflict")
    assert issue_of(await say(gateway, changes[1]))[:3] == (409, "REC_CONFLICT", "duplicate")


@pytest.mark.parametrize(("kind", "expected"), [(later, 422), (cancelling, 200)])
async def test_without_any_time_nothing_is_amended(gateway: Running, kind: Any, expected: int) -> None:
    """It may be an old message again. What cancels may: a referral ends once."""
    bundle, _ = await refer(gateway)
    change = kind(bundle)
    del change["meta"]["lastUpdated"], change["timestamp"]

    answer = await say(gateway, change)

    assert answer.status_code == expected, answer.text
    if expected == 422:
        assert issue_of(answer)[2:] == ("required", "Bundle.meta.lastUpdated")


async def test_a_cancellation_that_an_update_overtakes_is_judged_again(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, _ = await refer(gateway)
    amending: list[httpx.Response] = []
    cancel = PROCESS.cancel

    async def cancel_after_an_update(*given: Any) -> Any:
        planned = await cancel(*given)
        if not amending:
            amending.append(await say(gateway, later(bundle)))
        return planned

    monkeypatch.setattr(PROCESS, "cancel", cancel_after_an_update)
    answer = answered(await say(gateway, cancelling(bundle, hours=2)))

    assert [one.status_code for one in amending] == [200]
    request = resource_of(answer, "ServiceRequest")
    assert (request["status"], request["meta"]["versionId"]) == ("revoked", "3")
    assert task_in(answer)["status"] == "cancelled"


async def test_who_is_overtaken_twice_is_told(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, _ = await refer(gateway)

    async def overtaken(*_given: Any) -> Any:
        raise VersionConflict

    monkeypatch.setattr(PROCESS, "cancel", overtaken)

    assert issue_of(await say(gateway, cancelling(bundle)))[:3] == (409, "REC_CONFLICT", "conflict")
