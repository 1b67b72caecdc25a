"""Whose a referral is, as the page has to know it: found, merged, kept apart, or told by the record alone."""

from typing import Any

from sqlalchemy import update
from tests.app import Json, reference_in, resource_of
from tests.web.conftest import Web, margaret

from gateway.store.schema import referral

DOUBT = "There may be referrals under another record of this person"


def born_otherwise(bundle: Json) -> None:
    """The same identifiers, and another date of birth: a question to a human."""
    resource_of(bundle, "Patient")["birthDate"] = "1985-01-02"


async def decide(web: Web, decision: str) -> None:
    found = await web.running.call("demo-platform", "GET", "/platform/v1/identity?state=open")
    [question] = found.json()["questions"]
    path = f"/platform/v1/identity/{question['id']}/decision"
    answer = await web.running.call(
        "demo-platform", "POST", path, {"decision": decision, "note": "She rang.", "by": "Priya"}
    )
    assert answer.status_code == 200, answer.text


async def test_who_was_found_to_be_one_person_has_all_referrals(web: Web) -> None:
    first, second = await web.refer(), await web.refer(born_otherwise)
    await decide(web, "same-person")

    shown = await (await web.open()).read()

    assert reference_in(first) in shown
    assert reference_in(second) in shown
    assert DOUBT not in shown


async def test_who_was_found_to_be_two_stays_two(web: Web) -> None:
    first, second = await web.refer(), await web.refer(born_otherwise)
    await decide(web, "different-people")

    shown = await (await web.open()).read()

    assert reference_in(first) in shown
    assert reference_in(second) not in shown
    assert DOUBT not in shown


async def test_a_referral_of_nobody_known_is_theirs_when_its_record_says_all_the_same(web: Web) -> None:
    task = await web.refer()
    await of_nobody(web)

    shown = await (await web.open(margaret())).read()

    assert reference_in(task) in shown


async def test_a_referral_of_nobody_known_is_a_doubt_when_its_record_says_otherwise(web: Web) -> None:
    task = await web.refer()
    await of_nobody(web)

    shown = await (await web.open(margaret(name=[{"family": "Okafor", "given": ["Blessing"]}]))).read()

    assert reference_in(task) not in shown
    assert DOUBT in shown


async def of_nobody(web: Web) -> None:
    """As one that came before people were matched."""
    forget: Any = update(referral).values(person_id=None)
    async with web.running.store.transaction() as connection:
        await connection.execute(forget)
