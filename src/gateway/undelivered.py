"""What it makes of a referral that somebody has been without its latest for too long. Pure.

The hub's system was not told, or the referrer's record system was not. A referral that no hub was told of at all
has not been received, and says so.
"""

from collections.abc import Mapping
from datetime import datetime

from gateway.ids import instant
from gateway.lifecycle import check_move
from gateway.work import Applied
from mappings.referral import Standing, Undelivered


def tell_undelivered(standing: Standing, since: Mapping[str, datetime]) -> Applied | None:
    """The referral when these readers (hub, record) have been without the latest since then; None when it says so."""
    before = {one.to for one in standing.undelivered}
    status = standing.status
    if "hub" in since and status == "submitted":
        status = "delivery-failed"
    elif "hub" not in since and status == "delivery-failed":
        status = "submitted"
    if since.keys() == before and status == standing.status:
        return None
    if status != standing.status:
        check_move("referral", standing.status, status, "system")
    undelivered = [Undelivered.model_validate({"to": to, "since": instant(at)}) for to, at in sorted(since.items())]
    changed = standing.model_copy(update={"status": status, "undelivered": undelivered})
    worse = bool(since.keys() - before)
    if "hub" in since.keys() ^ before or status != standing.status:
        return Applied(changed, "delivery-failed" if worse else "delivery-recovered")
    # An event of its own: what is written into a record for good must not say that the hub lacks something.
    return Applied(changed, "record-behind" if worse else "record-caught-up")


def received_by_hub(standing: Standing) -> Standing:
    """The referral once the hub has acted on it: whoever acts has read all of it."""
    return standing.model_copy(update={"undelivered": [one for one in standing.undelivered if one.to != "hub"]})
