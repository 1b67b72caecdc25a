"""Which cards a call gets."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson

from gateway.arrival import Gateway
from gateway.cds_hooks.asked import Asked
from gateway.cds_hooks.cards import Support, draft_card, duplicate_card, offer_card, support_cards
from gateway.cds_hooks.prefetch import needs_in
from gateway.ids import instant, now
from gateway.lifecycle import REFERRAL_MOVES
from gateway.people import find_people, identity_of_record
from gateway.privacy import is_restricted
from gateway.store.cards import referrals_about
from gateway.store.referrals import load
from mappings.translate import code_map
from mappings.view import withheld

Json = dict[str, Any]

OPEN = frozenset(REFERRAL_MOVES) - {"draft"}  # all others are ends
LATELY = timedelta(days=90)  # what was referred within so long is not offered again
MOST_OPEN = 10  # whose cards are made, to show the three that matter most


async def cards_about(gateway: Gateway, organisation: str, issuer: str, asked: Asked) -> list[Json]:
    """For patient-view: what is open, else an offer to refer for what is coded and was not referred lately."""
    rows = await _referrals(gateway, organisation, asked)
    base_url, id_ = gateway.settings.base_url, asked.patient["id"]
    if supports := await _open(gateway, organisation, asked, rows):
        return support_cards(supports, base_url)
    since = now() - LATELY
    lately = [orjson.loads(one["content"]) for one in rows if one["submitted_at"] >= since]
    referred = {reason.get("domain") for content in lately for reason in content["reasons"]}
    needs = needs_in(asked.prefetch, id_, issuer)
    left = {domain: found for domain, found in needs.items() if domain not in referred}
    return [offer_card(left, asked.user, id_, base_url)] if left else []


async def cards_for_orders(gateway: Gateway, organisation: str, asked: Asked) -> list[Json]:
    """For order-select and order-sign: a warning when support is open, else what the drafts lack."""
    if not asked.orders:
        return []
    rows = await _referrals(gateway, organisation, asked)
    base_url = gateway.settings.base_url
    if supports := await _open(gateway, organisation, asked, rows):
        return [duplicate_card(supports, base_url)]
    lacks = sorted({lack for order in asked.orders for lack in _lacks(order)}, reverse=True)
    return [draft_card(lacks, _domains(asked.orders), base_url)] if lacks else []


async def _referrals(gateway: Gateway, organisation: str, asked: Asked) -> Sequence[Json]:
    """The person's, where it is certain who that is: in doubt nothing is said of anybody."""
    identity = identity_of_record(asked.patient, instant(now())[:10])
    [whose] = await find_people(gateway.store, organisation, [identity])
    if whose.new or whose.doubts:
        return []
    async with gateway.store.reading() as connection:
        return await referrals_about(connection, organisation, whose.person_id, OPEN, now() - LATELY)


async def _open(gateway: Gateway, organisation: str, asked: Asked, rows: Sequence[Json]) -> list[Support]:
    supports = []
    async with gateway.store.reading() as connection:
        for row in [one for one in rows if one["status"] in OPEN][:MOST_OPEN]:
            if stored := await load(connection, organisation, row["id"]):
                standing = stored.standing.model_dump(exclude_none=True)
                hidden = withheld(standing, orjson.loads(row["content"]), is_restricted(asked.patient))
                supports.append(Support(standing, hidden is not None))
    return supports


def _lacks(order: Json) -> list[str]:
    reasons = [one for one in order.get("reasonCode", []) if "coding" in one or "text" in one]
    consents = [one for one in order.get("contained", []) if one["resourceType"] == "Consent"]
    consents += [
        one
        for one in order.get("supportingInfo", [])
        if one.get("type") == "Consent" or "Consent/" in one.get("reference", "")
    ]
    missing = {"a reason": not reasons and not order.get("reasonReference"), "the person's consent": not consents}
    return [what for what, is_missing in missing.items() if is_missing]


def _domains(orders: Sequence[Json]) -> list[str]:
    """Of the reasons that the drafts give."""
    found = [code_map("referral-reason").concept(one) for order in orders for one in order.get("reasonCode", [])]
    return list(dict.fromkeys(one.code for one in found if one))
