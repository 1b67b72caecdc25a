"""Where a referral stands after a change: pure, and the one place where one thing leads to another.

An attempt to contact moves an allocated referral to contacting, a contact that reaches the person to engaged, a
prescription agreed to in-support, an attended session starts its prescription.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Table

from gateway.changes import (
    Change,
    ContactMade,
    MeasureTaken,
    Move,
    OfPrescription,
    PrescriptionIssued,
    PrescriptionMove,
    SessionHeld,
)
from gateway.errors import IllegalMove, Issue, NotFound
from gateway.ids import instant, new_id
from gateway.lifecycle import (
    MECHANISMS,
    PRESCRIPTION_MOVES,
    PRESCRIPTION_NEEDS,
    REFERRAL_MOVES,
    Actor,
    check_move,
    check_work,
    needs_of,
)
from gateway.store.schema import contact, measure, prescription, session
from mappings.clinician import ATTEMPTS, uk_date, uk_moment
from mappings.measures import swemwbs
from mappings.referral import Closure, Contact, Measure, Prescription, Session, Standing, StatedReason
from mappings.vocabularies import ATTENDED, CLOSURE_REASONS, NOT_ACCEPTED_REASONS, TWO_WAY, UNANSWERED

CLOCKS_DIFFER = timedelta(minutes=5)
BASELINE_BEFORE = timedelta(days=28)  # a clinician may have taken it with the person, on the way to the referral
UNPLANNED = frozenset({"proposed", "signposted", "declined-by-person", "entered-in-error"})
SESSIONS_AFTER = frozenset({"accepted", "waiting", "started", "completed", "ended-early"})


@dataclass(frozen=True, slots=True)
class Applied:
    """The referral after a change, the type of its event, and the new row it brings (without the referral's keys)."""

    standing: Standing
    event_type: str
    row: tuple[Table, dict[str, Any]] | None = None


def apply(standing: Standing, change: Change, actor: Actor, at: datetime) -> Applied:
    """Raises IllegalMove when the change is not allowed now, to this actor, or lacks what it needs; NotFound for a
    prescription that the referral does not have. `at` is the present time."""
    match change:
        case Move():
            return _move(standing, change, actor, at)
        case ContactMade():
            return _contact(standing, change, actor, at)
        case PrescriptionIssued():
            return _issue(standing, change, actor, at)
        case MeasureTaken():
            return _measure(standing, change, actor, at)
        case OfPrescription(id_, one):
            which = _prescription(standing, id_)
            if isinstance(one, SessionHeld):
                return _session(standing, which, one, actor, at)
            return _move_prescription(standing, which, one, actor)


def _move(standing: Standing, move: Move, actor: Actor, at: datetime) -> Applied:
    check_move("referral", standing.status, move.to, actor, standing.resumes_as)
    needs = needs_of(standing.status, move.to)
    _check_needs(standing, move, needs, at)
    reason = None
    if "text" in needs or "reason" in needs:
        text = move.text or NOT_ACCEPTED_REASONS[move.reason or ""]
        reason = StatedReason(code=move.reason or move.to, text=text)
    moved = {
        "status": move.to,
        "advisor": move.advisor or (None if move.to == "accepted" else standing.advisor),
        "reason": reason,
        "alternative": move.alternative,
        "review_date": move.review_date.isoformat() if move.review_date else None,
        "resumes_as": standing.status if move.to == "on-hold" else None,
        "closure": Closure.model_validate(move.closure.model_dump()) if move.closure else None,
        "closed_at": None if move.to in REFERRAL_MOVES else instant(at),
    }
    return Applied(standing.model_copy(update=moved), move.to)


def _check_needs(standing: Standing, move: Move, needs: Mapping[str, str], at: datetime) -> None:
    issues = [
        Issue("required", _lack(standing, move, element, what), element)
        for element, what in needs.items()
        if not _is_given(standing, move, element, at)
    ]
    wanted = {element.partition(".")[0] for element in needs}
    issues += [
        Issue("business-rule", f"{element} does not go with {move.to}, and would be lost. Leave it out.", element)
        for element in ("alternative", "advisor", "review_date", "closure")
        if getattr(move, element) is not None and element not in wanted
    ]
    if issues:
        raise IllegalMove(issues=issues)


def _lack(standing: Standing, move: Move, element: str, what: str) -> str:
    text = f"A referral that goes to {move.to} needs {element}: {what}."
    if element == "prescriptions" and move.to in CLOSURE_REASONS:
        return f"{text} Not ended yet: {_open_prescriptions(standing)}."
    return text


def _is_given(standing: Standing, move: Move, element: str, at: datetime) -> bool:
    match element.split("."):
        case ["contacts"]:
            return _has_been_contacted(standing, move.to)
        case ["prescriptions"] if move.to in CLOSURE_REASONS:
            return not _open_prescriptions(standing)
        case ["prescriptions"]:
            return any(one.status not in UNPLANNED for one in standing.prescriptions)
        case ["reason"]:
            return move.reason in NOT_ACCEPTED_REASONS
        case ["review_date"]:
            return move.review_date is not None and move.review_date >= at.date()
        case ["closure", "reason"]:
            return move.closure is not None and move.closure.reason in CLOSURE_REASONS[move.to]
        case ["closure", part]:
            return bool(getattr(move.closure, part, None))
    return bool(getattr(move, element))


def _has_been_contacted(standing: Standing, to: str) -> bool:
    if to == "contacting":
        return bool(standing.contacts)
    if to == "engaged":
        return any(one.outcome in TWO_WAY for one in standing.contacts)
    unanswered = [one for one in standing.contacts if one.outcome in UNANSWERED]
    days = {uk_moment(one.at).date() for one in unanswered}
    return len(days) >= ATTEMPTS and len({one.mechanism for one in unanswered}) >= MECHANISMS


def _open_prescriptions(standing: Standing) -> int:
    return sum(one.status in PRESCRIPTION_MOVES for one in standing.prescriptions)


def _contact(standing: Standing, made: ContactMade, actor: Actor, at: datetime) -> Applied:
    check_work("contact", standing.status, actor, standing.resumes_as)
    when = _happened(standing, made.at, at)
    by = made.by or (standing.advisor.name if standing.advisor else "link worker")
    new = Contact(at=instant(when), mechanism=made.mechanism, outcome=made.outcome, by=by, note=made.note)
    contacts = sorted([*standing.contacts, new], key=lambda one: one.at)
    row = new.model_dump() | {"id": new_id(), "at": when}
    if standing.status == "on-hold":  # the work goes on from where the contact brought it
        resumes_as = _contacted(standing.resumes_as or "allocated", made)
        after = standing.model_copy(update={"contacts": contacts, "resumes_as": resumes_as})
    else:
        after = _go(standing, _contacted(standing.status, made), actor, contacts=contacts)
    return Applied(after, "contact", (contact, row))


def _contacted(status: str, made: ContactMade) -> str:
    """The status that a contact brings work to."""
    if status not in {"allocated", "contacting"}:
        return status
    return "engaged" if made.outcome in TWO_WAY else "contacting"


def _issue(standing: Standing, issued: PrescriptionIssued, actor: Actor, at: datetime) -> Applied:
    check_work("prescription", standing.status, actor, standing.resumes_as)
    told = issued.model_dump(exclude={"by", "status"})
    status = "signposted" if issued.kind == "signpost" else issued.status
    new = Prescription(**told, id=new_id(), status=status, issued_at=instant(at))
    row = new.model_dump(exclude={"sessions"}) | {"categories": orjson.dumps(new.categories).decode(), "issued_at": at}
    after = _go(standing, _supported(standing, new), actor, prescriptions=[*standing.prescriptions, new])
    return Applied(after, "prescription", (prescription, row))


def _move_prescription(standing: Standing, which: Prescription, move: PrescriptionMove, actor: Actor) -> Applied:
    check_work("prescription move", standing.status, actor, standing.resumes_as)
    check_move("prescription", which.status, move.to, actor)
    if move.to in PRESCRIPTION_NEEDS and not move.text:
        raise IllegalMove(
            f"A prescription that goes to {move.to} needs text: {PRESCRIPTION_NEEDS[move.to]}.", expression="text"
        )
    moved = which.model_copy(update={"status": move.to, "status_reason": move.text or None})
    after = _go(standing, _supported(standing, moved), actor, prescriptions=_with(standing, moved))
    return Applied(after, "prescription-move")


def _session(standing: Standing, which: Prescription, held: SessionHeld, actor: Actor, at: datetime) -> Applied:
    check_work("session", standing.status, actor, standing.resumes_as)
    if which.status not in SESSIONS_AFTER:
        raise IllegalMove(
            f"A session belongs to a prescription that the provider has accepted; this one is {which.status}. "
            "Record the provider's answer first."
        )
    when = _happened(standing, held.at, at)
    status = which.status
    if held.attendance in ATTENDED and status in {"accepted", "waiting"}:
        status = "started"
    sessions = sorted([*which.sessions, Session(at=instant(when), attendance=held.attendance)], key=lambda one: one.at)
    after = _go(
        standing,
        standing.status,
        actor,
        prescriptions=_with(standing, which.model_copy(update={"status": status, "sessions": sessions})),
    )
    row = {"id": new_id(), "prescription_id": which.id, "at": when, "attendance": held.attendance}
    return Applied(after, "session", (session, row))


def _measure(standing: Standing, taken: MeasureTaken, actor: Actor, at: datetime) -> Applied:
    work = "follow-up measure" if taken.stage == "follow-up" else "measure"
    check_work(work, standing.status, actor, standing.resumes_as)
    when = _happened(standing, taken.at, at, BASELINE_BEFORE if taken.stage == "baseline" else timedelta(0))
    raw, score = swemwbs(taken.items)
    new = Measure(tool=taken.tool, stage=taken.stage, at=instant(when), raw=raw, score=score)
    row = new.model_dump() | {"id": new_id(), "at": when, "items": orjson.dumps(taken.items).decode()}
    measures = sorted([*standing.measures, new], key=lambda one: one.at)
    return Applied(standing.model_copy(update={"measures": measures}), "measure", (measure, row))


def _go(standing: Standing, status: str, actor: Actor, **changed: object) -> Standing:
    """The standing with what changed, in the status that follows from it."""
    if status != standing.status:
        check_move("referral", standing.status, status, actor)
    return standing.model_copy(update={"status": status, **changed})


def _supported(standing: Standing, changed: Prescription) -> str:
    return "in-support" if standing.status == "engaged" and changed.status not in UNPLANNED else standing.status


def _prescription(standing: Standing, prescription_id: str) -> Prescription:
    for one in standing.prescriptions:
        if one.id == prescription_id:
            return one
    raise NotFound("This referral has no prescription of that id.")


def _with(standing: Standing, changed: Prescription) -> list[Prescription]:
    return [changed if one.id == changed.id else one for one in standing.prescriptions]


def _happened(standing: Standing, given: datetime | None, now: datetime, before: timedelta = timedelta(0)) -> datetime:
    """When it happened: now unless told, not ahead, and at most `before` earlier than the UK day of the referral."""
    if given is None:
        return now
    if given > now + CLOCKS_DIFFER:
        raise IllegalMove("`at` lies in the future. Record it when it has happened.", expression="at")
    first = uk_moment(standing.submitted_at).replace(hour=0, minute=0, second=0, microsecond=0) - before
    if given < first:  # `given` itself may be too early to be told in UK time
        raise IllegalMove(
            f"`at` lies before {uk_date(first.isoformat())}. What is recorded on a referral happened on the day it was "
            f"sent or later; a baseline measure up to {BASELINE_BEFORE.days} days earlier.",
            expression="at",
        )
    return given
