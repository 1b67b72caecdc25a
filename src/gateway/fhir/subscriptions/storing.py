"""What becomes of a Subscription that a client sends: its status is decided here, and its destination kept with it."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from gateway.errors import Conflict, IllegalMove, Issue, Rejected
from gateway.fhir.exchange import Exchange
from gateway.fhir.subscriptions.asked import read_subscription
from gateway.referrals import Accepted
from gateway.store.resources import Resource
from gateway.store.subscriptions import OFF, REQUESTED, subscribe, subscriptions

Json = dict[str, Any]
Settle = Callable[[Any, list[Accepted]], Awaitable[None]]

MOST = 50  # Subscriptions of one organisation that are not off: each is judged at each change
WANTED = {"requested": "requested", "active": "requested", "off": "off"}


def keep_subscription(exchange: Exchange, kept: Resource, before: Json | None) -> Settle:
    """What is to be stored in the transaction that stores this version; its status is set to what will be true then.

    requested, and active, ask for a handshake, after which it is active (rest-hook: channels.html#rest-hook); off
    ends it. Raises Rejected with every finding, IllegalMove for another status or topic, Forbidden when the caller may
    not read what the Subscription would tell.
    """
    content, caller, directory = kept.content, exchange.caller, exchange.gateway.directory
    status = WANTED.get(content["status"])
    if status is None or (before is None and status == "off"):
        text = "Subscription.status: send requested. The gateway makes it active, or error; off ends it."
        raise IllegalMove(text, expression="Subscription.status")
    if before is not None and before["criteria"] != content.get("criteria"):
        text = "Subscription.criteria: its events are counted for one topic. Make another Subscription."
        raise IllegalMove(text, expression="Subscription.criteria")
    content["status"] = status
    content.pop("error", None)
    endpoints = directory.subscription_endpoints(caller.organisation)
    url, options = read_subscription(content, endpoints, exchange.base_url, kept.updated_at)
    exchange.require(f"system/{options['type']}.r")
    options["client_id"] = caller.client_id
    # By then each process of the gateway knows of it: from when it is active, it misses nothing.
    known_at = kept.updated_at + timedelta(seconds=exchange.gateway.settings.directory_seconds)
    columns = {
        "url": url,
        "owner": _owner(content) or (directory.organisation(caller.organisation) or {}).get("name", "nobody named"),
        "content": json.dumps(options),
        "state": REQUESTED if status == "requested" else OFF,
        "not_before": known_at,
        "probing_until": None,
    }

    async def settle(connection: Any, _accepted: list[Accepted]) -> None:
        held = await subscriptions(connection, caller.organisation)
        if status == "requested" and any(one.id == kept.id and one.state == "paused" for one in held):
            raise Conflict("The gateway's operators have paused this Subscription. Ask them.")
        if status == "requested" and sum(one.state != OFF and one.id != kept.id for one in held) >= MOST:
            text = f"Your organisation has {MOST} Subscriptions: set those that nobody needs to off."
            raise Rejected(issues=[Issue("too-costly", text, "Subscription")])
        await subscribe(connection, caller.organisation, kept.id, columns)

    return settle


def _owner(content: Json) -> str:
    """Who looks after it, as its contact says."""
    told = [f"{one.get('system', '')} {one['value']}".strip() for one in content.get("contact", []) if "value" in one]
    return ", ".join(told)
