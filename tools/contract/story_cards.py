"""CDS Hooks: an offer to refer, support that is open, a draft, and what became of a card."""

from tests.cds_hooks.calling import (
    HOUSING,
    LONELY,
    SIGN,
    VIEW,
    claims,
    condition,
    order,
    ordering,
    patient,
    sign,
    view,
)
from tools.contract.story_refer import refer_quietly
from tools.contract.telling import Json, Teller

CALL, FEEDBACK = "POST /cds-services/{id}", "POST /cds-services/{id}/feedback"
INSTANCE = {"hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"}
PERSON = {"identifier": [{"system": "https://northdale.example/rio/client-id", "value": "0012399"}]}


async def show_cards(teller: Teller) -> None:
    await teller.call("services: All there are", None, "GET /cds-services")
    record = view(condition(LONELY), condition(HOUSING), patient=patient(**PERSON))
    [offer] = (await _call(teller, "offer: Needs are coded in the record, and nothing is open", VIEW, record))["cards"]
    await refer_quietly(teller, "REF-2026-000123", **PERSON)
    await _call(teller, "open-support: The same record after the person was referred", VIEW, record)
    draft = ordering("order-sign", order(), patient=patient(**PERSON))
    await _call(teller, "duplicate: Another referral is about to be signed", SIGN, draft)
    await _call(teller, "no-patient: The Patient did not come", VIEW, view(patient=None))
    await teller.call("unsigned: No JWT", None, CALL, record, at={"id": VIEW})

    [suggestion] = offer["suggestions"]
    told = {"card": offer["uuid"], "outcomeTimestamp": "2026-03-02T09:30:00Z"}
    followed = told | {"outcome": "accepted", "acceptedSuggestions": [{"id": suggestion["uuid"]}]}
    await _call(teller, "followed: The draft was created", VIEW, {"feedback": [followed]}, FEEDBACK)
    reason = {"reason": offer["overrideReasons"][0]}
    put_aside = told | {"outcome": "overridden", "overrideReason": reason}
    await _call(teller, "put-aside: With a reason of the card's", VIEW, {"feedback": [put_aside]}, FEEDBACK)


async def _call(teller: Teller, title: str, service: str, body: Json, request: str = CALL) -> Json:
    said = body if "feedback" in body else body | INSTANCE
    given = {"Authorization": f"Bearer {sign(claims(service))}"}
    answer: Json = await teller.call(title, None, request, said, at={"id": service}, given=given)
    return answer
