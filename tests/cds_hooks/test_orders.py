"""What is said of a draft referral before it is signed."""

import pytest
from tests.app import Json, reference_in
from tests.cds_hooks.calling import LINK, SELECT, SIGN, SNOMED, Hooks, are_sound, order, ordering


@pytest.mark.parametrize(("service", "hook"), [(SELECT, "order-select"), (SIGN, "order-sign")])
async def test_a_second_referral_is_warned_of(hooks: Hooks, service: str, hook: str) -> None:
    task = await hooks.refer()

    [card] = cards = await hooks.cards(service, ordering(hook, order()))

    assert are_sound(cards)
    assert card["indicator"] == "warning"
    assert card["summary"].startswith("Referred already: Social prescribing with Northdale Wellbeing Hub")
    assert reference_in(task) in card["detail"]
    assert card["links"] == [LINK | {"label": "See what is open"}]


@pytest.mark.parametrize(("service", "hook"), [(SELECT, "order-select"), (SIGN, "order-sign")])
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reasonCode": None}, "a reason"),
        ({"supportingInfo": None}, "the person's consent"),
        ({"reasonCode": None, "supportingInfo": None}, "the person's consent and a reason"),
    ],
)
async def test_a_draft_that_lacks_something_leads_to_the_form(
    hooks: Hooks, service: str, hook: str, changed: Json, said: str
) -> None:
    [card] = cards = await hooks.cards(service, ordering(hook, order(**changed)))

    assert are_sound(cards)
    assert (card["indicator"], card["summary"]) == ("info", f"This social prescribing referral lacks {said}")
    context = card["links"][0].get("appContext")
    assert context == (None if "reasonCode" in changed else '{"reasons":["social-interaction"]}')


async def test_other_orders_are_no_business_of_ours(hooks: Hooks) -> None:
    await hooks.refer()
    blood = order(id="b1", code={"coding": [{"system": SNOMED, "code": "396550006"}]}, status=7)
    tablet = {"resourceType": "MedicationRequest", "id": "m1"}
    unselected = ordering("order-select", order(), blood)
    unselected["context"]["selections"] = ["ServiceRequest/b1"]

    assert await hooks.cards(SIGN, ordering("order-sign", blood, tablet)) == []
    assert await hooks.cards(SELECT, unselected) == []
    assert await hooks.cards(SIGN, ordering("order-sign", order())) != []


async def test_a_complete_draft_needs_no_card(hooks: Hooks) -> None:
    ours = "urn:social-prescribing-gateway:CodeSystem:request-category"
    by_category = order(code=None, category=[{"coding": [{"system": ours, "code": "social-prescribing"}]}])

    assert await hooks.cards(SIGN, ordering("order-sign", order(), by_category)) == []
