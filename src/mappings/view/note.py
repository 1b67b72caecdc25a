"""The state of a referral as the text of a progress note, for a clinician to check and file."""

from collections.abc import Iterator

from mappings.clinician import uk_date, uk_moment
from mappings.view.referral import ReferralView


def progress_note(view: ReferralView, at: str) -> str:
    """Plain text; `at` is the instant at which it was so. Of a referral whose details are hidden it has none."""
    return "\n".join(_lines(view, at))


def _lines(view: ReferralView, at: str) -> Iterator[str]:
    yield f"Social prescribing, {uk_date(at)}"
    yield f"Reference: {view.reference}. Sent to {view.hub} on {view.sent}."
    yield f"Status: {view.status_words}. {view.line}"
    yield from view.undelivered
    if view.hidden:
        yield view.hidden
    if view.closing:
        yield f"Actions for the clinician: {view.closing.actions}"
    elif view.next:
        yield f"Next: {view.next.what} ({view.next.who}. {view.next.when})"
    if view.question:
        yield f"Open question from the hub: {view.question}"
    if view.cancellation:
        yield f"Cancellation: {view.cancellation}"
    for one in view.supports:
        yield f"Support: {one.service} with {one.provider}: {one.status.lower()}. Sessions: {one.sessions.lower()}."
        if one.goal:
            yield f"  Goal: {one.goal}"
    if view.chart:
        yield f"Outcome: {view.chart.title} Scores alone do not show that support caused a change."
    if view.closing and view.closing.summary:
        yield f"Summary of the hub: {view.closing.summary}"
    yield f"Source: social prescribing gateway, as at {uk_moment(at):%H:%M} on {uk_date(at)}, version {view.version}."
