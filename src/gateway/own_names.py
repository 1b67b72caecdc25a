"""By what a sender knows its referrals: its own names, of which each is used once, and the reference given here."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from gateway.arrival import Arrival, Asked
from gateway.errors import Duplicate, Issue, Rejected
from gateway.ids import new_reference
from gateway.store.engine import Rows, Store
from gateway.store.resources import identifiers
from gateway.store.schema import own_name, referral
from mappings.systems import REFERENCE_SYSTEM

Json = dict[str, Any]


class AlreadyReferred(Duplicate):
    """The sender has used this name for a referral before."""

    def __init__(self, referral_id: str, reference: str, message_id: str) -> None:
        super().__init__(
            f"This referral was received before: it is {reference}, followed at Task/{referral_id}.",
            headers={"Location": f"Task/{referral_id}"},
        )
        self.referral_id = referral_id
        self.message_id = message_id


def name_referral(service_request: Json) -> str:
    """The reference of the referral in its ServiceRequest; written there when it is new."""
    named = service_request.setdefault("identifier", [])
    for given in named:
        if given.get("system") == REFERENCE_SYSTEM:
            return str(given["value"])
    reference = new_reference()
    named.append({"system": REFERENCE_SYSTEM, "value": reference})
    return reference


def own_names(organisation: str, arrival: Arrival, asked: Asked, referral_id: str) -> list[Json]:
    """The rows of all by which the sender names a referral."""
    names = {asked.service_request.reference, *identifiers(asked.service_request.content), *arrival.names}
    if asked.task:
        names |= identifiers(asked.task.content)
    return [_row(organisation, name, referral_id) for name in sorted(names) if not name.startswith(REFERENCE_SYSTEM)]


def refuse_same_names(arrival: Arrival) -> None:
    """Raises Rejected when two referrals of one request carry the same identifier."""
    seen: set[str] = set()
    for asked in arrival.asked:
        names = identifiers(asked.service_request.content)
        if names & seen:
            at = f"{asked.at['ServiceRequest']}.identifier"
            raise Rejected(issues=[Issue("duplicate", f"{at}: another request of this Bundle has it too.", at)])
        seen |= names


def _row(organisation: str, name: str, target: str) -> Json:
    return {"organisation": organisation, "name": name, "target": target}


def claim_rows(organisation: str, arrival: Arrival) -> Rows:
    return own_name, [_row(organisation, claim, arrival.received.id) for claim in sorted(arrival.claims)]


async def raise_if_referred(store: Store, organisation: str, arrival: Arrival) -> None:
    names = [name["name"] for asked in arrival.asked for name in own_names(organisation, arrival, asked, "")]
    found = await find_referral(store, organisation, names)
    if found:
        raise AlreadyReferred(*found)


async def find_referral(store: Store, organisation: str, names: Sequence[str]) -> tuple[str, str, str] | None:
    """(id, reference, id of the message that brought it) of the referral that has one of the sender's names."""
    async with store.reading() as connection:
        row = (
            await connection.execute(
                select(referral.c.id, referral.c.reference, referral.c.message_id)
                .join(
                    own_name,
                    (own_name.c.organisation == referral.c.organisation) & (own_name.c.target == referral.c.id),
                )
                .where(own_name.c.organisation == organisation, own_name.c.name.in_(names))
                .limit(1)
            )
        ).one_or_none()
    return (row.id, row.reference, row.message_id) if row else None
