"""The SQL of what a sender asked for, for adapters that answer in the sender's own words."""

from typing import Any

import orjson
from sqlalchemy import select

from adapters.ports import Request
from gateway.store.deliveries import Claimed
from gateway.store.engine import Store
from gateway.store.schema import message, referral, resource


async def asked_by(store: Store, claimed: Claimed) -> Request | None:
    """What brought the referral of a delivery, as its sender named it; None while its details are awaited."""
    its_message = (message.c.organisation == referral.c.organisation) & (message.c.id == referral.c.message_id)
    its_request = (resource.c.organisation == referral.c.organisation) & (
        resource.c.id == referral.c.service_request_id
    )
    query = (
        select(resource.c.content, message.c.body, message.c.request_id)
        .join_from(referral, message, its_message)
        .join(resource, its_request & (resource.c.type == "ServiceRequest"))
        .where(
            referral.c.organisation == claimed.organisation,
            referral.c.id == claimed.referral_id,
            resource.c.updated_at <= claimed.at,  # as it was then: what is sent again must be the same
        )
        .order_by(resource.c.version.desc())
        .limit(1)
    )
    async with store.reading() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    received = orjson.loads(row.body)
    bundle = received if received.get("resourceType") == "Bundle" else {}
    first: dict[str, Any] = next((entry.get("resource", {}) for entry in bundle.get("entry", [])), {})
    header = first if first.get("resourceType") == "MessageHeader" else {}
    return Request(
        orjson.loads(row.content),
        bundle.get("id") or header.get("id") or row.request_id,
        header.get("source", {}).get("endpoint"),
    )
