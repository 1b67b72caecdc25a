"""The one line a clinician reads about a referral in the EPR, in plain words (NHS content style).

One row of LINES for each referral status. A line says where things stand, since when or until when, and what the
clinician may have to do. Dates are UK dates.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mappings.translate import vocabulary
from mappings.vocabularies import ATTENDED, TWO_WAY, UNANSWERED

Json = dict[str, Any]

UK = ZoneInfo("Europe/London")
BEHIND = re.compile(r"^NOT UP TO DATE - .*? for the latest\. ")
ATTEMPTS = 3  # at least so many before a referral may be closed as unable to contact
PUT_OFF = {  # contacts that are neither an attempt nor a conversation
    "cancelled-by-person": "The person cancelled",
    "cancelled-by-us": "The hub cancelled",
    "too-unwell": "The person was too unwell",
}


def clinician_line(standing: Json) -> str:
    """The line for a Standing (a dict in the shape of `mappings.referral.Standing`)."""
    line = LINES[standing["status"]](standing)
    later = _later(standing) if standing["status"] not in ENDED else ()
    return " ".join([*_undelivered(standing), line, *later])


def without_lateness(line: str) -> str:
    """A line as it is written into the record itself, which is up to date by that."""
    return BEHIND.sub("", line)


def is_asked_to_cancel(standing: Json) -> bool:
    """Whether the referrer waits for an answer to a request to cancel."""
    cancellation = standing.get("cancellation")
    return cancellation is not None and cancellation.get("decision") is None


def uk_moment(moment: str) -> datetime:
    """An ISO 8601 date or time as UK local time; a time without a zone is UTC."""
    at = datetime.fromisoformat(moment)
    return at.replace(tzinfo=UK) if len(moment) == 10 else at.astimezone(UK)


def uk_day(moment: datetime) -> date:
    return moment.astimezone(UK).date()


def uk_date(moment: str) -> str:
    """31 January 2026."""
    at = uk_moment(moment)
    return f"{at.day} {at:%B %Y}"


def _uk_time(moment: str) -> str:
    """31 January 2026 at 9:05am."""
    return f"{uk_date(moment)} at " + f"{uk_moment(moment):%I:%M%p}".lstrip("0").lower()


def reply_by(standing: Json) -> str:
    """`reply_day` in words."""
    return uk_date(reply_day(standing).isoformat())


def reply_day(standing: Json) -> date:
    """The day the hub has promised an answer: `response_days` working days after it was sent; bank holidays count."""
    day: date = uk_moment(standing["submitted_at"]).date()
    for _ in range(standing["hub"].get("response_days", 5)):
        day += timedelta(days=1)
        while day.weekday() > 4:
            day += timedelta(days=1)
    return day


def first_contact(standing: Json) -> str | None:
    """When the person and the advisor first spoke."""
    return min((one["at"] for one in standing.get("contacts") or [] if one["outcome"] in TWO_WAY), default=None)


def closed_at(standing: Json) -> str:
    """When it came to its end, for a referral that has."""
    return str(standing.get("closed_at") or standing["updated_at"])


def scores(standing: Json) -> list[tuple[Json, Json]]:
    """For each outcome measure its first and its latest result; the same one twice when there is only one."""
    results: dict[str, list[Json]] = {}
    for measure in sorted(standing.get("measures") or [], key=lambda one: str(one["at"])):
        results.setdefault(measure["tool"], []).append(measure)
    return [(taken[0], taken[-1]) for taken in results.values()]


def attended(prescription: Json) -> int:
    return sum(session["attendance"] in ATTENDED for session in prescription.get("sessions") or [])


def reason_text(standing: Json) -> str:
    """Why it stands as it does, in words; the words of the status when nobody gave any."""
    reason, closure = standing.get("reason") or {}, standing.get("closure") or {}
    if closure and standing["status"].startswith("closed-"):
        return vocabulary("closure-reason").display(closure["reason"])
    return reason.get("text") or reason.get("code") or vocabulary("referral-status").display(standing["status"])


def _hub(standing: Json) -> str:
    return str(standing["hub"]["name"])


def _call(party: Json) -> str:
    return f" on {party['phone']}" if party.get("phone") else ""


def _undelivered(standing: Json) -> Iterator[str]:
    """What whoever reads this must know first: that somebody has not had the latest, and whom to ask."""
    for one in standing.get("undelivered") or []:
        since = _uk_time(one["since"])
        if one["to"] == "record":
            phone = f"Phone {_hub(standing)}{_call(standing['hub'])} for the latest."
            yield f"NOT UP TO DATE - the record system has not received changes since {since}. {phone}"  # see BEHIND
        elif standing["status"] != "delivery-failed":  # whose own line says it
            yield f"{_not_received(standing)} What you sent on {since} has not reached them."


def _later(standing: Json) -> Iterator[str]:
    """What became of what the clinician said later, while the referral is open."""
    cancellation = standing.get("cancellation") or {}
    if is_asked_to_cancel(standing):
        yield f"You asked to cancel on {uk_date(cancellation['asked_at'])}; the link worker has not answered yet."
    elif cancellation.get("decision") == "declined":
        asked, answered = uk_date(cancellation["asked_at"]), uk_date(cancellation["answered_at"])
        answer = _sentence(cancellation["answer"])
        yield f"You asked to cancel on {asked}; {_hub(standing)} declined on {answered}: {answer}"
    if standing.get("consent_refused_at"):
        refused = uk_date(standing["consent_refused_at"])
        yield f"CONSENT REFUSED OR WITHDRAWN on {refused}: {_hub(standing)} was told to stop sharing."


def _received(standing: Json) -> str:
    answered = [one["at"] for one in standing.get("messages") or [] if one.get("answers") and not one.get("in_error")]
    if answered:
        return f"Question answered on {uk_date(answered[-1])}. {_hub(standing)} will decide next."
    return f"Received by {_hub(standing)}. Reply due by {reply_by(standing)}."


def _sent(standing: Json) -> str:
    return f"Sent to {_hub(standing)} on {_uk_time(standing['submitted_at'])}. Not yet confirmed as received."


def _not_received(standing: Json) -> str:
    return f"NOT RECEIVED - phone {_hub(standing)}{_call(standing['hub'])}."


def _allocated(standing: Json) -> str:
    advisor = standing.get("advisor")
    if not advisor:
        return f"With a Pathways Advisor at {_hub(standing)}."
    phone = f", {advisor['phone']}" if advisor.get("phone") else ""
    return f"With {advisor['name']}, Pathways Advisor at {_hub(standing)}{phone}."


def _contacting(standing: Json) -> str:
    contacts = sorted(standing.get("contacts") or [], key=lambda one: str(one["at"]))
    tried = [one["at"] for one in contacts if one["outcome"] in UNANSWERED]
    count = f"{len(tried)} of {ATTEMPTS} attempts" if len(tried) <= ATTEMPTS else f"{len(tried)} attempts"
    if contacts and (put_off := PUT_OFF.get(contacts[-1]["outcome"])):
        so_far = f": {count} so far" if tried else ""
        return f"Trying to contact the person{so_far}. {put_off} on {uk_date(contacts[-1]['at'])}."
    if not tried:
        return "Trying to contact the person."
    return f"{count} to contact the person, no answer yet. Last tried on {uk_date(tried[-1])}."


def _engaged(standing: Json) -> str:
    return f"In contact with the person since {uk_date(first_contact(standing) or standing['updated_at'])}."


def _in_support(standing: Json) -> str:
    supports = [_support(one) for one in standing.get("prescriptions") or [] if one["status"] != "entered-in-error"]
    if not supports:
        return "In support, but there is no current social prescription."
    return f"Support under way: {'; '.join(supports)}."


def _support(prescription: Json) -> str:
    status = vocabulary("prescription-status").display(prescription["status"]).lower()
    line = f"{prescription['service']} with {prescription['provider']}, {status}"
    count, planned = attended(prescription), prescription.get("planned_sessions")
    if planned and count <= planned:
        return f"{line}, {count} of {planned} session{_s(planned)} attended"
    if planned:
        return f"{line}, {count} sessions attended ({planned} planned)"
    return f"{line}, {count} session{_s(count)} attended" if prescription.get("sessions") else line


def _on_hold(standing: Json) -> str:
    review = f" To be reviewed on {uk_date(standing['review_date'])}." if standing.get("review_date") else ""
    return f"Paused: {_sentence(reason_text(standing))}{review}"


def _not_accepted(standing: Json) -> str:
    instead = standing.get("alternative") or f"Phone {_hub(standing)}{_call(standing['hub'])} to ask."
    return f"NOT ACCEPTED: {_sentence(reason_text(standing))} What to do instead: {_sentence(instead)}"


def _withdrawn(standing: Json) -> str:
    return f"Withdrawn on {_ended(standing)}: {_sentence(reason_text(standing))}"


def _completed(standing: Json) -> str:
    closure = standing.get("closure") or {}
    outcome = vocabulary("closure-reason").display(closure.get("reason") or "goals-met").lower()
    return f"Completed on {_ended(standing)}: {outcome}.{_changes(standing)}{_action(standing)}"


def _unable(standing: Json) -> str:
    count = sum(one["outcome"] in UNANSWERED for one in standing.get("contacts") or [])
    tried = f" after {count} attempt{_s(count)}" if count else ""
    return f"Could not reach the person{tried}. Closed on {_ended(standing)}.{_action(standing)}"


def _disengaged(standing: Json) -> str:
    return f"The person stopped taking part. Closed on {_ended(standing)}.{_changes(standing)}{_action(standing)}"


def _changes(standing: Json) -> str:
    pairs = [(first["tool"], first["score"], last["score"]) for first, last in scores(standing) if first is not last]
    name = vocabulary("measure-tool").display
    return "".join(
        f" {name(tool)} {before:.2f} to {after:.2f} ({after - before:+.2f})." for tool, before, after in pairs
    )


def _action(standing: Json) -> str:
    action = (standing.get("closure") or {}).get("actions_for_referrer")
    return f" For you: {_sentence(action)}" if action else ""


def _ended(standing: Json) -> str:
    return uk_date(closed_at(standing))


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."


LINES: dict[str, Callable[[Json], str]] = {
    "draft": lambda _: "Not sent. Open it again to finish and send it.",
    "submitted": _sent,
    "delivery-failed": _not_received,
    "received": _received,
    "info-requested": lambda standing: f"Question for you from {_hub(standing)}: {_sentence(reason_text(standing))}",
    "accepted": lambda standing: f"Accepted by {_hub(standing)}. A Pathways Advisor will be named next.",
    "allocated": _allocated,
    "contacting": _contacting,
    "engaged": _engaged,
    "in-support": _in_support,
    "on-hold": _on_hold,
    "not-accepted": _not_accepted,
    "withdrawn": _withdrawn,
    "transferred": lambda standing: f"Moved to another hub on {_ended(standing)}: {_sentence(reason_text(standing))}",
    "closed-completed": _completed,
    "closed-declined": lambda standing: f"The person declined on {_ended(standing)}.{_action(standing)}",
    "closed-unable-to-contact": _unable,
    "closed-disengaged": _disengaged,
    "closed-other": lambda standing: (
        f"Closed on {_ended(standing)}: {_sentence(reason_text(standing))}{_changes(standing)}{_action(standing)}"
    ),
    "entered-in-error": lambda _: "Entered in error. Do not use.",
}
# Of these nobody asks any more what was said on the way.
ENDED = frozenset(status for status in LINES if status.startswith("closed-")) | {
    "not-accepted",
    "withdrawn",
    "transferred",
    "entered-in-error",
}
