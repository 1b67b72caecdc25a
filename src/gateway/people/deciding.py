"""The use cases of a human who says who is who: two people are one, or are not; and taking that back."""

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import IllegalMove, NotFound
from gateway.ids import new_id, now
from gateway.journal import actor_of
from gateway.messages import Answer, Received
from gateway.once import once
from gateway.security import Caller
from gateway.store import people
from gateway.store.engine import Store
from gateway.store.people import Question, Side
from gateway.telemetry import RequestContext

Json = dict[str, Any]

SAME, DIFFERENT, OPEN = "same-person", "different-people", "open"


async def decide(
    store: Store,
    caller: Caller,
    context: RequestContext,
    question_id: str,
    decision: str,
    note: str,
    received: Received,
    answer: Callable[[Question], Answer],
) -> Answer:
    """Decides an open question, and gives the answer made by `answer` once that is durable; the same request again
    gets the first answer. By same-person the referrals and keys of the person whose referral raised the question go
    to the other, who was known before.

    Raises NotFound for a question about no referral at the caller's hubs; IllegalMove when it is decided already, or
    the caller cannot see both sides; Conflict when the X-Request-Id was used for something else.
    """

    async def change(connection: AsyncConnection) -> Answer:
        question = await _locked(connection, caller, question_id)
        _refuse_blind(caller, decision, question)
        person, other = question.person, question.other
        moved: Json = {"referrals": [], "keys": []}
        if other and decision == SAME and person.id != other.id:
            moved = {"referrals": [one["id"] for one in person.referrals], "keys": person.keys}
            await people.hand_over(connection, question.row["organisation"], person.id, other.id, **moved)
            await people.point(connection, question.row["organisation"], person.id, other.id)
        told = {"person_id": person.id, "other_person_id": other.id if other else None, "note": note}
        kind = "merged" if decision == SAME else "kept-apart"
        return answer(await _settle(connection, caller, question, decision, told | {"type": kind, "moved": moved}))

    return await once(store, caller, context, received, change)


async def undo(
    store: Store,
    caller: Caller,
    context: RequestContext,
    question_id: str,
    note: str,
    received: Received,
    answer: Callable[[Question], Answer],
) -> Answer:
    """Takes a decision back: the question is open again, and what changed hands is given back exactly.

    As `decide`; raises IllegalMove when nothing is decided, or too much has happened since.
    """

    async def change(connection: AsyncConnection) -> Answer:
        question = await _locked(connection, caller, question_id)
        if question.row["state"] == OPEN:
            raise IllegalMove("This question is open: there is no decision to undo.")
        last = question.history[-1]
        moved, giver, taker = orjson.loads(last["moved"]), last["other_person_id"], last["person_id"]
        if moved["referrals"] or moved["keys"]:
            sender = question.row["organisation"]
            _refuse_changed(question, await people.side(connection, sender, giver), moved)
            await people.hand_over(connection, sender, giver, taker, **moved)
            await people.point(connection, sender, taker, None)
        kind = "unmerged" if last["type"] == "merged" else "reopened"
        told = {"person_id": taker, "other_person_id": giver, "note": note, "type": kind, "moved": moved}
        return answer(await _settle(connection, caller, question, OPEN, told))

    return await once(store, caller, context, received, change)


async def _locked(connection: AsyncConnection, caller: Caller, question_id: str) -> Question:
    question = await people.read_question(connection, question_id, caller.hubs, lock=True)
    if question is None:
        raise NotFound("No hub that you work for has a referral with this question.")
    return question


async def _settle(connection: AsyncConnection, caller: Caller, question: Question, state: str, told: Json) -> Question:
    """Writes the question's new state, and what was done, into its history; the question as it then stands."""
    row = question.row
    event = told | {
        "organisation": row["organisation"],
        "id": new_id(),
        "item_id": row["id"],
        "at": now(),
        "moved": orjson.dumps(told["moved"]).decode(),
        "actor": actor_of(caller),
    }
    await people.set_state(connection, row["organisation"], row["id"], state)
    await people.add_event(connection, event)
    return await _locked(connection, caller, row["id"])


def _refuse_blind(caller: Caller, decision: str, question: Question) -> None:
    """Raises IllegalMove when there is nothing to decide, or the caller can see no referral of one of the two."""
    if question.row["state"] != OPEN:
        raise IllegalMove(f"This question was decided: {question.row['state']}. Undo that first.")
    if decision == SAME and question.other is None:
        raise IllegalMove("There is nobody else in this question to be the same person. Decide different-people.")
    if any(one and not one.seen_by(caller.hubs) for one in (question.person, question.other)):
        raise IllegalMove(
            "One of the two has referrals only at hubs that are not yours. A platform that works for both can decide."
        )


def _refuse_changed(question: Question, holder: Side, moved: Json) -> None:
    """Raises IllegalMove when what was handed over cannot be told from what came later."""
    merged = question.history[-1]
    if holder.id != merged["other_person_id"] or question.person.id != holder.id:
        raise IllegalMove("The person was joined with somebody else since. Undo that first.")
    if not {*moved["referrals"]} <= {one["id"] for one in holder.referrals} or not {*moved["keys"]} <= {*holder.keys}:
        raise IllegalMove("A record of the person was changed since: what was joined is no longer as it was.")
    if any(one["submitted_at"] > merged["at"] for one in holder.referrals):
        raise IllegalMove("The person was referred again since, and that referral may be either's. Tell the sender.")
