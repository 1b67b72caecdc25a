"""What a neighbour's answer means for an update: taken, taken before, never, or again later."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from adapters.http import DestinationError, Reply
from adapters.ports import Answer
from adapters.scrub import issue_codes, scrub, tells_of_failure


def judge(reply: Reply, milliseconds: int = 0) -> Answer:
    """2xx without a fault inside, or 409 with the issue code `duplicate`, is delivered; 410 is gone; all else is worth
    another try. `milliseconds` went by before the request that this is the reply to."""
    there_already = reply.status == 409 and "duplicate" in issue_codes(reply.body)
    fine = reply.status is not None and 200 <= reply.status < 300
    fault_inside = fine and tells_of_failure(reply.body)
    delivered = there_already or (fine and not fault_inside)
    return Answer(
        "fault" if fault_inside else reply.phase,
        milliseconds + reply.milliseconds,
        reply.status,
        scrub(reply.body),
        delivered=delivered,
        retry_after=None if delivered else retry_after(reply),
        gone=reply.status == 410,
    )


def not_called(refusal: DestinationError) -> Answer:
    """The address, or what is registered beside it, cannot be used: nothing was sent."""
    return Answer("connect", 0, answer=str(refusal))


def retry_after(reply: Reply) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3); None when absent or not understood."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # years and zones of twenty digits
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
