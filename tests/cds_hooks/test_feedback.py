"""What became of a card is kept once, whatever an EPR sends again."""

import json
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.app import BASE, Json, issues_of
from tests.cds_hooks.calling import OTHER_KEY, OTHER_SIGNER, VIEW, Hooks, claims, sign

from gateway.store.schema import card_feedback

PATH = f"{VIEW}/feedback"
SYSTEM = "urn:social-prescribing-gateway:CodeSystem:card-override-reason"


def overridden(card: str, /, **changed: Any) -> Json:
    reason = {"reason": {"code": "not-now", "system": SYSTEM}, "userComment": "After her operation"}
    said = {"card": card, "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": "2026-03-02T09:30:00Z"}
    return {name: value for name, value in (said | changed).items() if value is not None}


def accepted(card: str, /, **changed: Any) -> Json:
    suggestions = {"outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid4())}], "overrideReason": None}
    return overridden(card, **(suggestions | changed))


async def kept(hooks: Hooks) -> list[Any]:
    async with hooks.running.store.reading() as connection:
        return list(await connection.execute(select(card_feedback).order_by(card_feedback.c.at)))


async def test_feedback_is_kept_as_sent(hooks: Hooks) -> None:
    one, other = overridden(str(uuid4())), accepted(str(uuid4()), outcomeTimestamp="2026-03-02T10:30:00+01:00")

    answer = await hooks.post(PATH, {"feedback": [one, other]}, None)

    assert (answer.status_code, answer.content) == (200, b"")
    rows = {row.card: row for row in await kept(hooks)}
    assert {card: (row.organisation, row.service, row.outcome) for card, row in rows.items()} == {
        one["card"]: ("XND01", VIEW, "overridden"),
        other["card"]: ("XND01", VIEW, "accepted"),
    }
    assert json.loads(rows[one["card"]].content) == one
    assert rows[one["card"]].at == rows[other["card"]].at


async def test_the_same_again_changes_nothing_and_the_latest_stays(hooks: Hooks) -> None:
    card = str(uuid4())
    first, later = overridden(card), accepted(card.upper(), outcomeTimestamp="2026-03-02T09:31:00Z")

    for told in ([first], [first], [later, first], [first]):
        assert (await hooks.post(PATH, {"feedback": told}, None)).status_code == 200

    [row] = await kept(hooks)
    assert (row.outcome, json.loads(row.content)) == ("accepted", later)


async def test_each_organisation_keeps_its_own(hooks: Hooks) -> None:
    card = str(uuid4())
    theirs = sign(claims(VIEW, iss=OTHER_SIGNER), OTHER_KEY)

    await hooks.post(PATH, {"feedback": [overridden(card)]}, None)
    await hooks.post(PATH, {"feedback": [overridden(card)]}, theirs)

    assert sorted(row.organisation for row in await kept(hooks)) == ["XND01", "XSH01"]


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"card": "1"}, "card"),
        ({"card": None}, "card"),
        ({"outcome": "ignored", "overrideReason": None}, "outcome"),
        ({"outcomeTimestamp": None}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-03-02T09:30:00"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "0001-01-01T00:00:00+14:00"}, "outcomeTimestamp"),
        ({"outcome": "accepted", "overrideReason": None}, "acceptedSuggestions"),
        ({"outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid4())}]}, "overrideReason"),
        ({"overrideReason": []}, "overrideReason"),
        ({"overrideReason": {"reason": {"code": "x"}}}, "overrideReason"),
        ({"overrideReason": {"userComment": 1}}, "overrideReason"),
    ],
)
async def test_what_is_no_feedback_is_refused_and_nothing_kept(hooks: Hooks, changed: Json, place: str) -> None:
    told = [overridden(str(uuid4())), overridden(str(uuid4()), **changed)]

    answer = await hooks.post(PATH, {"feedback": told}, None)

    assert answer.status_code == 422
    assert [found for _, found in issues_of(answer)] == [f"feedback[1].{place}"]
    assert await kept(hooks) == []


@pytest.mark.parametrize("body", [{}, {"feedback": []}, {"feedback": {}}, {"feedback": [1]}, {"feedback": [{}] * 101}])
async def test_feedback_is_a_list(hooks: Hooks, body: Json) -> None:
    assert (await hooks.post(PATH, body, None)).status_code == 422


async def test_the_jwt_may_be_meant_for_the_feedback_address(hooks: Hooks) -> None:
    body = {"feedback": [overridden(str(uuid4()))]}
    here = sign(claims(VIEW, aud=f"{BASE}/cds-services/{PATH}"))

    assert (await hooks.post(PATH, body, here)).status_code == 200
    assert (await hooks.post(PATH, body, "")).status_code == 401
