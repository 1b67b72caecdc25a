"""Where a referral stands after a change that the social-prescribing side makes. Pure."""

from collections.abc import Mapping
from datetime import datetime

from gateway.changes import (
    CancellationAnswered,
    Change,
    ContactMade,
    MeasureTaken,
    Move,
    OfPrescription,
    PrescriptionIssued,
    SessionHeld,
)
from gateway.errors import IllegalMove, Issue
from gateway.ids import instant
from gateway.lifecycle import (
    CLOSING,
    MECHANISMS,
    REFERRAL_MOVES,
    TO_COME,
    Actor,
    check_cancellation,
    check_move,
    needs_of,
)
from gateway.work import (
    UNPLANNED,
    Applied,
    find_prescription,
    hold_session,
    issue_prescription,
    move_prescription,
    open_prescriptions,
    record_contact,
    take_measure,
)
from mappings.clinician import ATTEMPTS, uk_moment
from mappings.referral import Closure, Standing, StatedReason
from mappings.vocabularies import CLOSURE_REASONS, NOT_ACCEPTED_REASONS, TWO_WAY, UNANSWERED


def apply(standing: Standing, change: Change, actor: Actor, at: datetime) -> Applied:
    """Raises IllegalMove when the change is not allowed now, to this actor, or lacks what it needs; NotFound for a
    prescription that the referral does not have. `at` is the present time."""
    match change:
        case Move():
            return _move(standing, change, actor, at)
        case ContactMade():
            return record_contact(standing, change, actor, at)
        case PrescriptionIssued():
            return issue_prescription(standing, change, actor, at)
        case MeasureTaken():
            return take_measure(standing, change, actor, at)
        case CancellationAnswered():
            return _answer_cancellation(standing, change, actor, at)
        case OfPrescription(id_, one):
            which = find_prescription(standing, id_)
            if isinstance(one, SessionHeld):
                return hold_session(standing, which, one, actor, at)
            return move_prescription(standing, which, one, actor)


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
        return f"{text} Not ended yet: {open_prescriptions(standing)}."
    return text


def _is_given(standing: Standing, move: Move, element: str, at: datetime) -> bool:
    match element.split("."):
        case ["contacts"]:
            return _has_been_contacted(standing, move.to)
        case ["prescriptions"] if move.to in CLOSURE_REASONS:
            return not open_prescriptions(standing)
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


def _answer_cancellation(standing: Standing, given: CancellationAnswered, actor: Actor, at: datetime) -> Applied:
    asked = standing.cancellation
    if asked is None or asked.decision is not None:
        raise IllegalMove("The referrer does not ask to cancel this referral, or was answered.")
    check_cancellation(standing.status, actor)
    answered = asked.model_copy(
        update={"decision": given.decision, "answered_at": instant(at), "answer": given.text or None}
    )
    if given.decision == "declined":
        if not given.text:
            raise IllegalMove("To decline needs text: why the support goes on, for the referrer.", expression="text")
        return Applied(standing.model_copy(update={"cancellation": answered}), "cancellation-declined")
    if still_open := open_prescriptions(standing):
        raise IllegalMove(
            f"To agree needs prescriptions: {CLOSING['prescriptions']}. Not ended yet: {still_open}.",
            expression="decision",
        )
    reason = StatedReason(code="withdrawn", text=asked.text)
    ended = {"status": "withdrawn", "reason": reason, "closed_at": instant(at), "cancellation": answered, **TO_COME}
    return Applied(standing.model_copy(update=ended), "withdrawn")
