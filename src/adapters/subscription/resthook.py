"""Tells the endpoint of a FHIR Subscription by POST (backport 1.1.0, channel rest-hook). Contract: README.md."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.http import DestinationError, Neighbours
from adapters.ports import Answer, Update
from adapters.replies import retry_after
from adapters.scrub import scrub
from mappings.subscription import Event, Subscriber, Type, notification

CONNECTIONS = 2  # an endpoint hears one event after the other


class RestHook:
    """Sends to any number of endpoints; `base_url` is the gateway's FHIR base, `seconds` the most that one may take.

    An endpoint's options are what `gateway.fhir.subscriptions` keeps of its Subscription.
    """

    needs_referral = False

    def __init__(self, base_url: str, seconds: float) -> None:
        self._base_url = base_url
        self._seconds = seconds
        self._neighbours: dict[float, Neighbours] = {}

    async def send(self, update: Update) -> Answer:
        """An event. Its id stays the same through every retry, and so does its number. 2xx is delivered."""
        options, number = update.options, update.event_number or 0
        text = update.focus or update.body
        seen = orjson.loads(text)
        at, version = _instant(update.at), int(seen["meta"]["versionId"])
        event = Event(number, at, seen["resourceType"], seen["id"], version, orjson.Fragment(text))
        about = Subscriber(options["id"], options["topic"], "active", number, options["level"])
        return await self._post(update.url, options, about, "event-notification", update.delivery_id, [event])

    async def tell(
        self, url: str, options: Mapping[str, Any], type_: Type, id_: str, status: str, events: int
    ) -> Answer:
        """A handshake or a heartbeat, which count as no events."""
        about = Subscriber(options["id"], options["topic"], status, events, options["level"])
        return await self._post(url, options, about, type_, id_, [])

    async def _post(
        self,
        url: str,
        options: Mapping[str, Any],
        about: Subscriber,
        type_: Type,
        id_: str,
        events: list[Event],
    ) -> Answer:
        body = orjson.dumps(notification(self._base_url, about, type_, id_, _instant(datetime.now(UTC)), events))
        seconds = min(self._seconds, options.get("timeout") or self._seconds)
        neighbours = self._neighbours.setdefault(seconds, Neighbours(seconds, CONNECTIONS))
        try:
            neighbour = await neighbours.at(url, options)
        except DestinationError as refusal:
            return Answer("connect", 0, answer=str(refusal), down=True)
        headers = {"X-Request-Id": id_, **options["headers"], "Content-Type": options["payload"]}
        reply = await neighbour.post("", body, headers)
        if reply.phase in {"connect", "tls"}:
            await neighbours.forget(neighbour)
        delivered = reply.status is not None and 200 <= reply.status < 300
        return Answer(
            reply.phase,
            reply.milliseconds,
            reply.status,
            scrub(reply.body),
            delivered=delivered,
            retry_after=None if delivered else retry_after(reply),
            down=not delivered,  # whatever it answers: the next event would fare no better
        )

    async def close(self) -> None:
        for neighbours in self._neighbours.values():
            await neighbours.close()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
