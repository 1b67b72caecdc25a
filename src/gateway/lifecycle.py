"""The legal moves of a referral and of a prescription, as tables: from, to, who may, and what each move needs.

A terminal state has no row: someone who comes back is a new referral linked to the old one. Only that all of it was
a mistake (entered-in-error) can be said at any time, by the referrer (Gravity SDOHCC: any -> entered-in-error).
The vocabulary's `transferred` has no move here: no hub would get the referral, so the word would be untrue.
Actors: the referrer (the clinician, through the EPR), the link worker (referral_handler) and the hub's manager, the
provider of a prescribed service, and the system (the gateway itself). All here is pure.
"""

from collections.abc import Mapping
from typing import Literal

from gateway.errors import IllegalMove
from mappings.clinician import ATTEMPTS
from mappings.vocabularies import CLOSURE_REASONS, NOT_ACCEPTED_REASONS

Actor = Literal["referrer", "referral_handler", "hub_manager", "provider", "system"]
Kind = Literal["referral", "prescription"]
Moves = Mapping[str, Mapping[str, frozenset[Actor]]]

REFERRER: frozenset[Actor] = frozenset({"referrer"})
SYSTEM: frozenset[Actor] = frozenset({"system"})
HUB: frozenset[Actor] = frozenset({"referral_handler", "hub_manager"})
HUB_OR_PROVIDER: frozenset[Actor] = HUB | {"provider"}

# A requester may take back what is not yet in progress; after that it asks (Gravity SDOHCC, FHIR COW).
REFERRAL_MOVES: Moves = {
    "draft": {"submitted": REFERRER},
    "submitted": {"received": SYSTEM | HUB, "delivery-failed": SYSTEM, "withdrawn": REFERRER},
    # The hub's system could not be told; a link worker who finds it there by looking has received it all the same.
    "delivery-failed": {"received": HUB, "submitted": REFERRER | SYSTEM, "withdrawn": REFERRER},
    "received": {
        "info-requested": HUB,
        "accepted": HUB,
        "not-accepted": HUB,
        "withdrawn": REFERRER,
    },
    "info-requested": {"received": REFERRER | HUB, "not-accepted": HUB, "withdrawn": REFERRER},
    "accepted": {"allocated": HUB, "on-hold": HUB, "withdrawn": REFERRER, "closed-other": HUB},
    "allocated": {
        "contacting": HUB,
        "engaged": HUB,
        "on-hold": HUB,
        "accepted": HUB,
        "withdrawn": REFERRER,
        "closed-other": HUB,
    },
    "contacting": {
        "engaged": HUB,
        "on-hold": HUB,
        "closed-unable-to-contact": HUB,
        "closed-declined": HUB,
        "closed-other": HUB,
    },
    "engaged": {
        "in-support": HUB,
        "on-hold": HUB,
        "closed-declined": HUB,
        "closed-disengaged": HUB,
        "closed-completed": HUB,
        "closed-other": HUB,
    },
    "in-support": {"on-hold": HUB, "closed-completed": HUB, "closed-disengaged": HUB, "closed-other": HUB},
    "on-hold": {},  # back to the status held before, or as that one closes
}
MISTAKE: Mapping[str, frozenset[Actor]] = {"entered-in-error": REFERRER}  # from every other status of a referral

# What was still to come: nothing of it is left when the referrer ends a referral.
TO_COME: Mapping[str, None] = {"review_date": None, "resumes_as": None, "alternative": None}

# Work has begun: the referrer asks to cancel, and the hub answers. To agree is the one way from here to withdrawn.
BEGUN = frozenset({"contacting", "engaged", "in-support", "on-hold"})
ASK_TO_CANCEL = (
    "Work has begun: to cancel now, POST a Task with code abort (http://hl7.org/fhir/CodeSystem/task-code), status "
    "requested, intent order and this Task as its focus. The link worker answers it."
)

PRESCRIPTION_MOVES: Moves = {
    "proposed": {"agreed": HUB, "signposted": HUB, "declined-by-person": HUB, "entered-in-error": HUB},
    "agreed": {"sent": HUB, "signposted": HUB, "declined-by-person": HUB, "entered-in-error": HUB},
    "sent": {
        "accepted": HUB_OR_PROVIDER,
        "declined-by-provider": HUB_OR_PROVIDER,
        "at-capacity": HUB_OR_PROVIDER,
        "declined-by-person": HUB_OR_PROVIDER,
        "not-started": HUB_OR_PROVIDER,
        "entered-in-error": HUB,
    },
    "accepted": {
        "waiting": HUB_OR_PROVIDER,
        "started": HUB_OR_PROVIDER,
        "declined-by-person": HUB_OR_PROVIDER,
        "not-started": HUB_OR_PROVIDER,
        "entered-in-error": HUB,
    },
    "at-capacity": {
        "waiting": HUB_OR_PROVIDER,
        "declined-by-person": HUB_OR_PROVIDER,
        "not-started": HUB_OR_PROVIDER,
        "entered-in-error": HUB,
    },
    "waiting": {
        "started": HUB_OR_PROVIDER,
        "declined-by-person": HUB_OR_PROVIDER,
        "not-started": HUB_OR_PROVIDER,
        "entered-in-error": HUB,
    },
    "started": {"completed": HUB_OR_PROVIDER, "ended-early": HUB_OR_PROVIDER, "entered-in-error": HUB},
}

MOVES: Mapping[Kind, Moves] = {"referral": REFERRAL_MOVES, "prescription": PRESCRIPTION_MOVES}

# Nobody is given up after one unanswered call: ATTEMPTS stand on as many different days, by so many mechanisms.
MECHANISMS = 2

CLOSING = {
    "prescriptions": "each one ended (completed, ended-early, not-started, ...): closing ends the support",
    "closure.summary": "what was done and what changed",
    "closure.actions_for_referrer": "what the clinician should do now; say 'No action needed' when there is nothing",
}

# What must be said with a move, or have happened before it: element -> what to give.
REFERRAL_NEEDS: Mapping[str, Mapping[str, str]] = {
    "info-requested": {"text": "the question for the referrer"},
    "not-accepted": {
        "reason": f"one of {', '.join(NOT_ACCEPTED_REASONS)}",
        "alternative": "what the clinician should do instead",
    },
    "withdrawn": {"text": "why it is no longer wanted"},
    "allocated": {"advisor": "the name of the link worker, and a phone number"},
    "contacting": {"contacts": "an attempt; recording it as a contact makes this move"},
    "engaged": {"contacts": "a contact that reached the person; recording it makes this move"},
    "in-support": {"prescriptions": "a prescription agreed with the person; issuing it makes this move"},
    "on-hold": {"text": "why it is paused", "review_date": "the day to look again, today or later"},
    **{
        status: {"closure.reason": f"one of {', '.join(reasons)}", **CLOSING}
        for status, reasons in CLOSURE_REASONS.items()
    },
    "closed-unable-to-contact": {
        "contacts": f"{ATTEMPTS} attempts on different days, by {MECHANISMS} mechanisms or more",
        "closure.reason": f"one of {', '.join(CLOSURE_REASONS['closed-unable-to-contact'])}",
        **CLOSING,
    },
}
PRESCRIPTION_NEEDS: Mapping[str, Mapping[str, str]] = {
    "declined-by-provider": {"text": "what the provider said"},
    "declined-by-person": {"text": "what the person said"},
    "not-started": {"text": "why it did not begin"},
    "ended-early": {"text": "why it ended"},
}


def moves_from(kind: Kind, status: str, resumes_as: str | None = None) -> Mapping[str, frozenset[Actor]]:
    """Where it may go now, and who may take it there.

    `resumes_as` is the status that a referral on hold was in before.
    """
    moves = MOVES[kind].get(status, {})
    if status == "on-hold" and resumes_as:
        held = MOVES[kind][resumes_as]
        moves = {resumes_as: HUB, **{to: actors for to, actors in held.items() if to in CLOSURE_REASONS}}
    return moves if kind == "prescription" or status in MISTAKE else {**moves, **MISTAKE}


def check_move(
    kind: Kind, status: str, to: str, actor: Actor, resumes_as: str | None = None, element: str = "to"
) -> None:
    """Raises IllegalMove, saying what is allowed now and by whom, unless this actor may make this move. `element` is
    the one that asks for it."""
    moves = moves_from(kind, status, resumes_as)
    if actor in moves.get(to, ()):
        return
    if status not in MOVES[kind]:
        raise IllegalMove(f"This {kind} is {status}, which is final. Start a new {kind} instead.", expression=element)
    wrong = (
        f"Only the {_names(moves[to])} may take this {kind} from {status} to {to}."
        if to in moves
        else f"This {kind} cannot go from {status} to {to}."
    )
    allowed = ", ".join(f"{move} ({_names(actors)})" for move, actors in moves.items())
    ask = f" {ASK_TO_CANCEL}" if (to, actor) == ("withdrawn", "referrer") and status in BEGUN else ""
    raise IllegalMove(f"{wrong} From {status} it may go to: {allowed}.{ask}", expression=element)


def check_cancellation(status: str, actor: Actor) -> None:
    """Raises IllegalMove unless this actor may answer a request to cancel a referral that stands so."""
    if status not in BEGUN or actor not in HUB:
        raise IllegalMove(f"A request to cancel is answered by the {_names(HUB)}, once work has begun.")


def needs_of(status: str, to: str) -> Mapping[str, str]:
    """What a referral needs to go there: element -> what to give. Coming back from a pause needs nothing."""
    return {} if status == "on-hold" and to not in CLOSURE_REASONS else REFERRAL_NEEDS.get(to, {})


def _names(actors: frozenset[Actor]) -> str:
    return " or ".join(sorted(actor.replace("_", " ") for actor in actors))


# What is recorded on a referral: in which statuses, and by whom. What is paused may still hear news.
WORK: Mapping[str, tuple[frozenset[str], frozenset[Actor]]] = {
    "contact": (frozenset({"allocated", "contacting", "engaged", "in-support"}), HUB),
    "prescription": (frozenset({"engaged", "in-support"}), HUB),
    "prescription move": (frozenset({"engaged", "in-support"}), HUB_OR_PROVIDER),
    "session": (frozenset({"engaged", "in-support"}), HUB_OR_PROVIDER),
    "measure": (frozenset({"engaged", "in-support"}), HUB),
    "follow-up measure": (frozenset(CLOSURE_REASONS), HUB),
}
NOT_WHILE_PAUSED = frozenset({"prescription"})
FIRST = {
    "submitted": "Take it in first: received, accepted, allocated.",
    "delivery-failed": "Take it in first: received, accepted, allocated.",
    "received": "Accept and allocate it first.",
    "info-requested": "Take it back to received, accept and allocate it first.",
    "accepted": "Allocate it to a link worker first.",
    "allocated": "Record the first contact that reaches the person.",
    "contacting": "Record the first contact that reaches the person.",
    "on-hold": "Take it off hold first.",
}


def check_work(work: str, status: str, actor: Actor, resumes_as: str | None = None) -> None:
    """Raises IllegalMove, saying what to do first, unless this actor may record such work on the referral now."""
    statuses, actors = WORK[work]
    paused = status == "on-hold" and work not in NOT_WHILE_PAUSED
    if (resumes_as if paused else status) not in statuses:
        remedy = FIRST.get(status, "Nothing of this kind can be recorded on it any more.")
        raise IllegalMove(
            f"A {work} is recorded while a referral is {' or '.join(sorted(statuses))}; this one is {status}. {remedy}"
        )
    if actor not in actors:
        raise IllegalMove(f"A {work} is recorded by the {_names(actors)}.")
