"""Codes that no map knows: kept, flagged, and counted for the analyst who keeps the maps."""

from typing import Any

from tests.app import Json, Running, referral_bundle, resource_of

from gateway.store.schema import unmapped_code
from gateway.unmapped import count_unmapped


async def unmapped(gateway: Running) -> list[tuple[str, str, str]]:
    async with gateway.store.reading() as connection:
        rows = await connection.execute(unmapped_code.select().order_by(unmapped_code.c.code))
        return [(row.organisation, row.system, row.code) for row in rows]


async def refer_with(gateway: Running, client: str = "demo-epr", **elements: Any) -> Json:
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest").update(elements)
    answer = await gateway.call(client, "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text
    found: Json = resource_of(answer.json(), "Task")
    return found


LOCAL = "https://codes.northdale.example/reasons"
RR17 = {"coding": [{"system": LOCAL, "code": "RR17", "display": "Neighbour trouble"}]}
HOBBY = {"coding": [{"system": LOCAL, "code": "HOB"}], "text": "Wants a hobby"}


async def test_unknown_reasons_and_categories_are_kept_flagged_and_counted(gateway: Running) -> None:
    task = await refer_with(gateway, reasonCode=[RR17], category=[HOBBY])
    referral = (await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{task['id']}")).json()

    assert referral["referral"]["reasons"][0]["label"] == "Neighbour trouble"
    assert referral["referral"]["categories"][0] == {"label": "Wants a hobby"}
    flagged = [text for text in referral["warnings"] if "no map here knows" in text]
    assert {text.split()[0] for text in flagged} == {"ServiceRequest.reasonCode[0]", "ServiceRequest.category[0]"}
    assert await unmapped(gateway) == [("XND01", LOCAL, "HOB"), ("XND01", LOCAL, "RR17")]


async def test_words_without_a_code_are_kept_and_not_counted(gateway: Running) -> None:
    task = await refer_with(gateway, reasonCode=[{"text": "Would like company"}])
    referral = (await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{task['id']}")).json()

    assert referral["referral"]["reasons"] == [
        {"label": "Would like company", "text": "Would like company", "primary": True}
    ]
    assert any("has words but no code" in text for text in referral["warnings"])
    assert await unmapped(gateway) == []


async def test_codes_that_no_map_knows_are_counted_for_the_analyst(gateway: Running) -> None:
    await refer_with(gateway, reasonCode=[RR17])
    await refer_with(gateway, reasonCode=[RR17, HOBBY])
    await refer_with(gateway, "demo-epr-2", reasonCode=[RR17])

    counted = await count_unmapped(gateway.store)

    assert [(one.system, one.code, one.referrals, one.organisations) for one in counted] == [
        (LOCAL, "RR17", 3, ["XND01", "XSH01"]),
        (LOCAL, "HOB", 1, ["XND01"]),
    ]
    since = await count_unmapped(gateway.store, since=counted[0].last_seen)
    assert [(one.code, one.referrals, one.organisations) for one in since] == [("RR17", 1, ["XSH01"])]


async def test_a_code_too_long_to_be_counted_is_still_kept(gateway: Running) -> None:
    await refer_with(gateway, reasonCode=[{"coding": [{"system": LOCAL, "code": "x" * 600}], "text": "Company"}])

    assert await unmapped(gateway) == []


async def test_what_an_amendment_brings_is_counted_once(gateway: Running) -> None:
    task = await refer_with(gateway, reasonCode=[RR17])
    at = f"/FHIR/R4/{task['focus']['reference']}"
    request = (await gateway.call("demo-epr", "GET", at)).json()

    amended = await gateway.call("demo-epr", "PUT", at, request | {"reasonCode": [RR17, HOBBY]})

    assert amended.status_code == 200, amended.text
    assert await unmapped(gateway) == [("XND01", LOCAL, "HOB"), ("XND01", LOCAL, "RR17")]
