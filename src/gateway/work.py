"""What is done on a referral, and what each thing leads to: contacts, prescriptions, sessions, measures. Pure.

An attempt to contact moves an allocated referral to contacting, a contact that reaches the person to engaged, a
prescription agreed to in-support, an attended session starts its prescription.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Table

from gateway.changes import ContactMade, MeasureTaken, PrescriptionIssued, PrescriptionMove, SessionHeld
from gateway.errors import IllegalMove, NotFound
from gateway.ids import instant, new_id
from gateway.lifecycle import PRESCRIPTION_MOVES, PRESCRIPTION_NEEDS, Actor, check_move, check_work
from gateway.store.schema import contact, measure, prescription, session
from mappings.clinician import uk_date, uk_moment
from mappings.measures import swemwbs
from mappings.referral import Contact, Measure, Prescription, Session, Standing
from mappings.vocabularies import ATTENDED, TWO_WAY

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


def open_prescriptions(standing: Standing) -> int:
    return sum(one.status in PRESCRIPTION_MOVES for one in standing.prescriptions)


def record_contact(standing: Standing, made: ContactMade, actor: Actor, at: datetime) -> Applied:
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


def issue_prescription(standing: Standing, issued: PrescriptionIssued, actor: Actor, at: datetime) -> Applied:
    check_work("prescription", standing.status, actor, standing.resumes_as)
    told = issued.model_dump(exclude={"by", "status"})
    status = "signposted" if issued.kind == "signpost" else issued.status
    new = Prescription(**told, id=new_id(), status=status, issued_at=instant(at))
    row = new.model_dump(exclude={"sessions"}) | {"categories": orjson.dumps(new.categories).decode(), "issued_at": at}
    after = _go(standing, _supported(standing, new), actor, prescriptions=[*standing.prescriptions, new])
    return Applied(after, "prescription", (prescription, row))


def move_prescription(standing: Standing, which: Prescription, move: PrescriptionMove, actor: Actor) -> Applied:
    check_work("prescription move", standing.status, actor, standing.resumes_as)
    check_move("prescription", which.status, move.to, actor)
    if move.to in PRESCRIPTION_NEEDS and not move.text:
        raise IllegalMove(
            f"A prescription that goes to {move.to} needs text: {PRESCRIPTION_NEEDS[move.to]}.", expression="text"
        )
    moved = which.model_copy(update={"status": move.to, "status_reason": move.text or None})
    after = _go(standing, _supported(standing, moved), actor, prescriptions=_with(standing, moved))
    return Applied(after, "prescription-move")


def hold_session(standing: Standing, which: Prescription, held: SessionHeld, actor: Actor, at: datetime) -> Applied:
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


def take_measure(standing: Standing, taken: MeasureTaken, actor: Actor, at: datetime) -> Applied:
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


def find_prescription(standing: Standing, prescription_id: str) -> Prescription:
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
