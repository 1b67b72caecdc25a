"""The EPR's FHIR callback: `PUT {callback}/Task/{id}`, signed as Standard Webhooks 1.0.0 says. Contract: README.md."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from standardwebhooks import Webhook

from adapters.http import DestinationError, Neighbours, Reply
from adapters.ports import Answer, Update
from adapters.scrub import issue_codes, scrub, tells_of_failure


class FhirCallback:
    """Sends to any number of callbacks, over connections of each one's own.

    `seconds` limits one exchange, `connections` how many run at a time to one callback.
    """

    needs_referral = False

    def __init__(self, seconds: float, connections: int = 8) -> None:
        self._neighbours = Neighbours(seconds, connections)

    async def send(self, update: Update) -> Answer:
        """2xx without a fault inside, or 409 with the issue code `duplicate`, is delivered; 410 is gone; all else is
        worth another try."""
        try:
            neighbour = await self._neighbours.at(update.url, update.options)
        except DestinationError as refusal:
            return Answer("connect", 0, answer=str(refusal))
        reply = await neighbour.put(f"Task/{update.task_id}", update.body, _headers(update))
        if reply.phase in {"connect", "tls"}:
            await self._neighbours.forget(neighbour)
        there_already = reply.status == 409 and "duplicate" in issue_codes(reply.body)
        fine = reply.status is not None and 200 <= reply.status < 300
        fault_inside = fine and tells_of_failure(reply.body)
        delivered = there_already or (fine and not fault_inside)
        return Answer(
            "fault" if fault_inside else reply.phase,
            reply.milliseconds,
            reply.status,
            scrub(reply.body),
            delivered=delivered,
            retry_after=None if delivered else retry_after(reply),
            gone=reply.status == 410,
        )

    async def close(self) -> None:
        await self._neighbours.close()


def _headers(update: Update) -> dict[str, str]:
    moment = datetime.now(UTC)
    return {
        "Content-Type": "application/fhir+json",
        "Accept": "application/fhir+json",
        "X-Request-Id": update.delivery_id,
        "X-Correlation-Id": update.correlation_id,
        "webhook-id": update.delivery_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(update.secret).sign(update.delivery_id, moment, update.body.decode()),
    }


def retry_after(reply: Reply) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3); None when absent or not understood."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
