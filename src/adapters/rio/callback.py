"""The EPR's FHIR callback: `PUT {callback}/Task/{id}`, signed as Standard Webhooks 1.0.0 says. Contract: README.md."""

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from standardwebhooks import Webhook

from adapters.http import DestinationError, Neighbour, Reply, tls_context
from adapters.ports import Answer, TaskUpdate
from adapters.scrub import issue_codes, scrub, tells_of_failure


class FhirCallback:
    """Sends to any number of callbacks, over connections of each one's own.

    `seconds` limits one exchange, `connections` how many run at a time to one callback.
    """

    def __init__(self, seconds: float, connections: int = 8, tls: ssl.SSLContext | None = None) -> None:
        self._seconds = seconds
        self._connections = connections
        self._tls = tls or tls_context()
        self._neighbours: dict[str, Neighbour] = {}

    async def send_task(self, update: TaskUpdate) -> Answer:
        """2xx without a fault inside, or 409 with the issue code `duplicate`, is delivered; 410 is gone; all else is
        worth another try."""
        try:
            neighbour = self._neighbour(update.url)
        except DestinationError as refusal:
            return Answer("connect", 0, answer=str(refusal))
        reply = await neighbour.put(f"Task/{update.task_id}", update.body, _headers(update))
        there_already = reply.status == 409 and "duplicate" in issue_codes(reply.body)
        fine = reply.status is not None and 200 <= reply.status < 300
        fault_inside = fine and tells_of_failure(reply.body)
        delivered = there_already or (fine and not fault_inside)
        return Answer(
            "answer" if fault_inside else reply.phase,
            reply.milliseconds,
            reply.status,
            scrub(reply.body),
            delivered=delivered,
            retry_after=None if delivered else _retry_after(reply),
            gone=reply.status == 410,
        )

    async def close(self) -> None:
        for neighbour in self._neighbours.values():
            await neighbour.close()

    def _neighbour(self, url: str) -> Neighbour:
        if url not in self._neighbours:
            self._neighbours[url] = Neighbour(url, self._seconds, self._connections, self._tls)
        return self._neighbours[url]


def _headers(update: TaskUpdate) -> dict[str, str]:
    moment = datetime.now(UTC)
    return {
        "Content-Type": "application/fhir+json",
        "Accept": "application/fhir+json",
        "X-Request-Id": update.request_id,
        "X-Correlation-Id": update.correlation_id,
        "webhook-id": update.delivery_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(update.secret).sign(update.delivery_id, moment, update.body.decode()),
    }


def _retry_after(reply: Reply) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3); None when absent or not understood."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
