"""The next deed that brings a referral nearer to the status that somebody wants. Pure.

The way is the shortest one through `lifecycle`'s moves. What a move needs is done first: attempts on different days
before a person counts as unreachable, the end of each prescription before a referral is completed.
"""

from collections import deque
from datetime import datetime
from typing import Literal

from gateway.errors import IllegalMove
from gateway.lifecycle import ASK_TO_CANCEL, BEGUN, MECHANISMS, PRESCRIPTION_MOVES, REFERRAL_MOVES, Kind, moves_from
from gateway.sandbox import deeds
from gateway.sandbox.deeds import Deed
from mappings.clinician import ATTEMPTS, uk_moment
from mappings.referral import Prescription, Standing
from mappings.translate import vocabulary
from mappings.vocabularies import CLOSURE_REASONS, UNANSWERED

STATUSES = tuple(vocabulary("referral-status").displays)
WAYS: tuple[Literal["telephone", "letter"], ...] = ("telephone", "letter")
ENDS = ("ended-early", "not-started", "declined-by-person")  # of a prescription that is not completed


def towards(standing: Standing, wanted: str, at: datetime) -> Deed | None:
    """The next deed towards a status of the referral; None when it is there. Raises IllegalMove when no move leads
    there, saying why."""
    if standing.status == wanted:
        return None
    way = shortest_way("referral", standing.status, wanted, standing.resumes_as)
    if way is None:
        raise IllegalMove(no_way(standing, wanted))
    to = way[0]
    if standing.status == "on-hold" and to == standing.resumes_as:
        return deeds.move(standing, to, at)
    match to:
        case "contacting":
            return deeds.attempt("telephone")
        case "engaged":
            return deeds.conversation()
        case "in-support":
            return deeds.prescription()
        case "closed-unable-to-contact":
            if lacking := _next_attempt(standing, at):
                return lacking
    if to in CLOSURE_REASONS and (first := end_open_one(standing, "completed" if to == "closed-completed" else None)):
        return first
    return deeds.move(standing, to, at)


def shortest_way(kind: Kind, status: str, to: str, resumes_as: str | None = None) -> list[str] | None:
    """The statuses to go through, the last one `to`; None when there is no way."""
    ways: deque[list[str]] = deque([[status]])
    seen = {status}
    while ways:
        way = ways.popleft()
        for then in moves_from(kind, way[-1], resumes_as if way[-1] == "on-hold" else None):
            if then == to:
                return [*way[1:], then]
            if then not in seen:
                seen.add(then)
                ways.append([*way, then])
    return None


def no_way(standing: Standing, wanted: str) -> str:
    """Why no move leads there."""
    if standing.status not in REFERRAL_MOVES:
        return f"This referral is {standing.status}, which is final. Send a new one."
    if wanted == "withdrawn" and standing.status in BEGUN:
        return f"Only the referrer can. {ASK_TO_CANCEL} Then: gateway trigger cancellation-agreed."
    return f"No move leads from {standing.status} to {wanted}."


def end_open_one(standing: Standing, to: str | None) -> Deed | None:
    """The next move towards the end of a prescription that is open: to `to`, else to the nearest end; None when none
    is open."""
    for one in standing.prescriptions:
        if one.status in PRESCRIPTION_MOVES:
            return _end(one, (to,) if to else ENDS)
    return None


def _end(one: Prescription, ends: tuple[str, ...]) -> Deed:
    ways = [way for end in ends if (way := shortest_way("prescription", one.status, end))]
    return deeds.prescription_move(one, min(ways, key=len)[0])


def _next_attempt(standing: Standing, at: datetime) -> Deed | None:
    """What still lacks until the person counts as unreachable: an attempt today, or a day that passes."""
    made = [one for one in standing.contacts if one.outcome in UNANSWERED]
    days = {uk_moment(one.at).date() for one in made}
    if len(days) >= ATTEMPTS and len({one.mechanism for one in made}) >= MECHANISMS:
        return None
    if uk_moment(at.isoformat()).date() in days:
        return deeds.A_DAY_PASSES
    used = {one.mechanism for one in made}
    return deeds.attempt(next((way for way in WAYS if way not in used), WAYS[0]))
