"""A question about who is who: raised by a referral, decided by a person, and taken back."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select
from tests.app import Running, resource_of, task_in
from tests.identity.conftest import MARGARET, nhs, patient, referral_of, rio

from gateway import referrals
from gateway.people import find_people
from gateway.store.schema import audit, identity_item, person, person_key, referral

Json = dict[str, Any]

BORN_OTHERWISE = patient(nhs(), rio("0099"), birthDate="1990-01-01")
TOLD = "Somebody with the same identifier has another date of birth."


async def refer(gateway: Running, who: Json, hub: str = "2000090001") -> Json:
    """The referral's Task; the hub is that of Northdale unless told."""
    bundle = referral_of(who)
    resource_of(bundle, "ServiceRequest")["performer"][0]["identifier"]["value"] = hub
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle, Prefer="return=representation")
    assert answer.status_code == 200, answer.text
    return {"answer": answer.json(), **task_in(answer.json())}


async def get(gateway: Running, path: str, client: str = "demo-platform") -> Json:
    answer = await gateway.call(client, "GET", f"/platform/v1/{path}")
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def questions(gateway: Running, query: str = "") -> list[Json]:
    found: list[Json] = (await get(gateway, f"identity{query}"))["questions"]
    return found


async def post(gateway: Running, path: str, client: str = "demo-platform", **change: Any) -> httpx.Response:
    headers = {"X_Request_Id": change.pop("request_id", str(uuid4()))}
    change = {"note": "She rang to say so.", "by": "Priya Nadar"} | change
    return await gateway.call(client, "POST", f"/platform/v1/identity/{path}", change, **headers)


async def belongs(gateway: Running) -> Json:
    """Referral or key -> person, and person -> whom they were found to be."""
    async with gateway.store.reading() as connection:
        return {
            "referrals": {row.id: row.person_id for row in await connection.execute(select(referral))},
            "keys": {row.key: row.person_id for row in await connection.execute(select(person_key))},
            "merged": {row.id: row.merged_into for row in await connection.execute(select(person))},
        }


async def clash(gateway: Running) -> tuple[Json, Json, Json]:
    """Two referrals with one NHS number and two birth dates, and the question."""
    first, second = await refer(gateway, patient(nhs(), rio())), await refer(gateway, BORN_OTHERWISE)
    (question,) = await questions(gateway)
    return first, second, question


async def test_the_same_person_again_is_no_question(gateway: Running) -> None:
    first, second = [await refer(gateway, patient(nhs(), rio())) for _ in range(2)]
    held = await belongs(gateway)
    assert held["referrals"][first["id"]] == held["referrals"][second["id"]] is not None
    assert await questions(gateway) == []
    assert await gateway.count(person) == 1


async def test_a_clash_is_told_to_the_sender_and_to_the_advisor(gateway: Running) -> None:
    _, second, _ = await clash(gateway)
    outcomes = [entry["response"].get("outcome", {}) for entry in second["answer"]["entry"]]
    told = [
        (issue["severity"], issue["expression"])
        for outcome in outcomes
        for issue in outcome.get("issue", [])
        if issue["diagnostics"].startswith(TOLD)
    ]
    assert told == [("warning", ["Bundle.entry[0].resource.birthDate"])]
    shown = await get(gateway, f"referrals/{second['id']}")
    assert [text for text in shown["warnings"] if text.startswith(TOLD)]


async def test_a_question_shows_both_sides_without_their_whole_numbers(gateway: Running) -> None:
    first, second, question = await clash(gateway)
    assert (question["kind"], question["text"], question["state"]) == ("birth-date-differs", TOLD, "open")
    assert (question["sender"], question["referral_id"]) == ("XND01", second["id"])
    person_, other = question["person"], question["other"]
    assert [one["id"] for one in person_["referrals"]] == [second["id"]]
    assert [one["id"] for one in other["referrals"]] == [first["id"]]
    assert (person_["birth_date"], other["birth_date"]) == ("1990-01-01", "1971-06-14")
    assert other["referrals"][0]["person"]["family_name"] == "Harrow"
    assert sorted(one["value"] for one in other["identifiers"]) == ["*******014", "****345"]
    assert [one["value"] for one in person_["identifiers"]] == ["*099"]
    assert MARGARET not in str(question)
    assert question == await get(gateway, f"identity/{question['id']}")


async def test_one_person_has_all_referrals_and_parted_again_exactly_what_was_theirs(gateway: Running) -> None:
    first, second, question = await clash(gateway)
    before = await belongs(gateway)
    decided = (await post(gateway, f"{question['id']}/decision", decision="same-person")).json()
    other = question["other"]["person_id"]
    assert decided["state"] == "same-person"
    assert decided["person"] == decided["other"]
    assert {one["id"] for one in decided["other"]["referrals"]} == {first["id"], second["id"]}
    after = await belongs(gateway)
    assert {*after["referrals"].values()} == {*after["keys"].values()} == {other}
    assert after["merged"] == {other: None, question["person"]["person_id"]: other}

    undone = (await post(gateway, f"{question['id']}/undo", note="They are sisters.")).json()
    assert await belongs(gateway) == before
    assert undone["state"] == "open"
    assert [(one["type"], one["note"], one["actor"]["person"]) for one in undone["history"]] == [
        ("merged", "She rang to say so.", "Priya Nadar"),
        ("unmerged", "They are sisters.", "Priya Nadar"),
    ]


async def test_what_was_decided_holds_for_the_next_referral(gateway: Running) -> None:
    _, _, question = await clash(gateway)
    await post(gateway, f"{question['id']}/decision", decision="same-person")
    third = await refer(gateway, BORN_OTHERWISE)
    assert (await belongs(gateway))["referrals"][third["id"]] == question["other"]["person_id"]
    assert await questions(gateway) == []


async def test_two_people_stay_two(gateway: Running) -> None:
    _, _, question = await clash(gateway)
    before = await belongs(gateway)
    decided = (await post(gateway, f"{question['id']}/decision", decision="different-people")).json()
    assert (decided["state"], decided["history"][0]["type"]) == ("different-people", "kept-apart")
    third = await refer(gateway, BORN_OTHERWISE)
    held = await belongs(gateway)
    assert held["referrals"].pop(third["id"]) == question["person"]["person_id"]
    assert held == before
    assert [one["id"] for one in await questions(gateway, "?state=different-people")] == [question["id"]]
    assert (await post(gateway, f"{question['id']}/undo")).json()["history"][1]["type"] == "reopened"


async def test_parting_is_refused_when_the_next_referral_might_be_either_s(gateway: Running) -> None:
    _, _, question = await clash(gateway)
    await post(gateway, f"{question['id']}/decision", decision="same-person")
    third = await refer(gateway, patient(nhs(), rio()))
    held = await belongs(gateway)
    refused = await post(gateway, f"{question['id']}/undo")
    assert refused.status_code == 422
    assert "referred again since" in refused.text
    assert (await get(gateway, f"referrals/{third['id']}"))["reference"] in refused.text
    assert await belongs(gateway) == held


@pytest.mark.parametrize("parted", [True, False])
async def test_what_came_since_by_one_side_s_own_record_goes_with_that_side(gateway: Running, parted: bool) -> None:
    first, second, question = await clash(gateway)
    await post(gateway, f"{question['id']}/decision", decision="same-person")
    third = await refer(gateway, BORN_OTHERWISE if parted else patient(nhs(), rio()))
    own = second if parted else first
    async with gateway.store.transaction() as connection:
        record = select(referral.c.patient_id).where(referral.c.id == own["id"]).scalar_subquery()
        await connection.execute(referral.update().where(referral.c.id == third["id"]).values(patient_id=record))
    assert (await post(gateway, f"{question['id']}/undo")).status_code == 200
    held = (await belongs(gateway))["referrals"]
    assert held[third["id"]] == held[own["id"]]
    assert held[first["id"]] != held[second["id"]]


async def test_two_who_are_different_are_not_joined_through_a_third(gateway: Running) -> None:
    _, _, apart = await clash(gateway)
    await refer(gateway, patient(nhs(), rio("0100"), name=[{"family": "Harrow", "given": ["Judith"]}]))
    await refer(gateway, patient(rio("0099"), rio("0100"), birthDate="1990-01-01"))
    await post(gateway, f"{apart['id']}/decision", decision="different-people")
    refused = []
    for one in await questions(gateway):
        answer = await post(gateway, f"{one['id']}/decision", decision="same-person")
        refused += [answer.text] * (answer.status_code == 422)
    assert refused
    assert all(f"in question {apart['id']}. Undo that first." in text for text in refused)
    held = (await belongs(gateway))["merged"]
    sides = [apart["person"]["person_id"], apart["other"]["person_id"]]
    assert len({held[side] or side for side in sides}) == 2


async def test_a_referral_that_comes_while_its_person_is_joined_is_not_lost(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, question = await clash(gateway)
    before = await belongs(gateway)

    async def find_and_wait(*asked: Any) -> Any:
        found = await find_people(*asked)
        assert (await post(gateway, f"{question['id']}/decision", decision="same-person")).status_code == 200
        return found

    monkeypatch.setattr(referrals, "find_people", find_and_wait)
    third = await refer(gateway, BORN_OTHERWISE)
    everything = {one["id"] for one in (first, second, third)}
    for side in ("person", "other"):
        shown = await get(gateway, f"identity/{question['id']}")
        assert {one["id"] for one in shown[side]["referrals"]} == everything
        listed = await get(gateway, f"referrals?person={question[side]['person_id']}")
        assert {one["id"] for one in listed["referrals"]} == everything
    assert (await post(gateway, f"{question['id']}/undo")).status_code == 200
    held = await belongs(gateway)
    assert held["referrals"].pop(third["id"]) == question["person"]["person_id"]
    assert held == before


async def test_joined_on_with_somebody_else_the_last_is_parted_first(gateway: Running) -> None:
    _, _, question = await clash(gateway)
    await refer(gateway, patient(nhs(), rio("0012345"), name=[{"family": "Harrow", "given": ["Judith"]}]))
    (last,) = [one for one in await questions(gateway) if one["kind"] == "name-differs"]
    await post(gateway, f"{question['id']}/decision", decision="same-person")
    before = await belongs(gateway)
    await post(gateway, f"{last['id']}/decision", decision="same-person")
    assert {*(await belongs(gateway))["referrals"].values()} == {question["other"]["person_id"]}
    assert (await post(gateway, f"{last['id']}/undo")).status_code == 200
    assert await belongs(gateway) == before


async def test_a_decision_is_made_once(gateway: Running) -> None:
    _, _, question = await clash(gateway)
    at, sent = f"{question['id']}/decision", {"decision": "same-person", "request_id": str(uuid4())}
    first, again = await post(gateway, at, **sent), await post(gateway, at, **sent)
    assert first.content == again.content
    assert len((await get(gateway, f"identity/{question['id']}"))["history"]) == 1
    assert (await post(gateway, at, decision="different-people")).status_code == 422
    reused = await post(gateway, at, decision="different-people", request_id=sent["request_id"])
    assert reused.status_code == 409
    async with gateway.store.reading() as connection:
        rows = await connection.execute(select(audit.c.action, audit.c.person, audit.c.outcome))
        made = [row for row in rows if row.action.endswith("/decision")]
    assert [(row.person, row.outcome) for row in made if row.outcome == 200][:1] == [("Priya Nadar", 200)]


@pytest.mark.parametrize(
    ("path", "change", "status"),
    [
        ("decision", {"decision": "maybe"}, 422),
        ("decision", {"decision": "same-person", "note": " "}, 422),
        ("decision", {"decision": "same-person", "by": ""}, 422),
        ("undo", {}, 422),
    ],
)
async def test_what_is_no_decision(gateway: Running, path: str, change: Json, status: int) -> None:
    _, _, question = await clash(gateway)
    assert (await post(gateway, f"{question['id']}/{path}", **change)).status_code == status
    assert (await questions(gateway))[0]["history"] == []


async def test_a_question_about_nobody_else_can_only_be_closed(gateway: Running) -> None:
    await refer(gateway, patient(nhs(), active=False))
    (question,) = await questions(gateway)
    assert question["other"] is None
    assert (await post(gateway, f"{question['id']}/decision", decision="same-person")).status_code == 422
    assert (await post(gateway, f"{question['id']}/decision", decision="different-people")).status_code == 200


async def test_questions_come_in_pages(gateway: Running) -> None:
    for day in (1, 2, 3):
        await refer(gateway, patient(nhs(), birthDate=f"1990-01-0{day}"))
    first = await get(gateway, "identity?limit=1")
    second = await get(gateway, f"identity?limit=1&cursor={first['next_cursor']}")
    assert second["next_cursor"] is None
    assert [one["person"]["birth_date"] for one in (*first["questions"], *second["questions"])] == [
        "1990-01-02",
        "1990-01-03",
    ]
    assert await gateway.count(identity_item) == 2


async def test_referrals_of_one_person(gateway: Running) -> None:
    first, _, question = await clash(gateway)
    again = await refer(gateway, patient(nhs(), rio()))
    listed = await get(gateway, f"referrals?person={question['other']['person_id']}")
    assert [one["id"] for one in listed["referrals"]] == [first["id"], again["id"]]
    assert {one["person_id"] for one in listed["referrals"]} == {question["other"]["person_id"]}
    shown = await get(gateway, f"referrals/{again['id']}")
    assert shown["person_id"] == question["other"]["person_id"]
