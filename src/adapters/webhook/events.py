"""Signed webhooks: `POST {url}` with a CloudEvent that says where a referral stands. Contract: README.md."""

from datetime import UTC

import orjson

from adapters.http import DestinationError, Neighbours
from adapters.ports import Answer, Update
from adapters.replies import judge, not_called
from adapters.signature import signed_headers
from mappings.to_event import event_from

CLOUD_EVENT = "application/cloudevents+json"  # structured mode: all of it is in the body, and so is signed


class SignedEvents:
    """Sends to any number of receivers; `seconds` and `connections` as in `adapters.rio.callback`. `base_url` is where
    they reach the gateway. With the option `hubs` it links to the platform API, else to the sender's Task."""

    needs_referral = False

    def __init__(self, seconds: float, connections: int, base_url: str) -> None:
        self._neighbours = Neighbours(seconds, connections)
        self._base_url = base_url.rstrip("/")

    async def send(self, update: Update) -> Answer:
        """A repeat has the same id, so that a receiver can tell; there is nothing to read back."""
        body = orjson.dumps(self.event_of(update))
        headers = {"Content-Type": CLOUD_EVENT, **signed_headers(update, body)}
        try:
            return judge(await self._neighbours.exchange(update.url, update.options, "POST", "", headers, body))
        except DestinationError as refusal:
            return not_called(refusal)

    def event_of(self, update: Update) -> dict[str, object]:
        place = "platform/v1/referrals" if "hubs" in update.options else "FHIR/R4/Task"
        at = update.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        link = f"{self._base_url}/{place}/{update.task_id}"
        return event_from(orjson.loads(update.body), update.event_type, update.delivery_id, at, self._base_url, link)

    async def close(self) -> None:
        await self._neighbours.close()
