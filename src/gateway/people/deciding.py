"""The use cases of a human who says who is who: two people are one, or are not; and taking that back."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping
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

    Raises NotFound for a question about nobody at the caller's hubs; IllegalMove when it is decided already, when the
    caller cannot see both sides of same-person, or when the two were found to be different elsewhere; Conflict
    when the X-Request-Id was used for something else.
    """

    async def change(connection: AsyncConnection) -> Answer:
        question = await _locked(connection, caller, question_id)
        _refuse_blind(caller, decision, question)
        person, other = question.person, question.other
        moved: Json = {"referrals": [], "keys": []}
        if other and decision == SAME and person.id != other.id:
            moved = await _join(connection, question.row["organisation"], person, other)
        told = {"person_id": person.id, "other_person_id": other.id if other else None, "note": note}
        kind = "merged" if decision == SAME else "kept-apart"
        await _settle(connection, caller, question, decision, told | {"type": kind, "moved": moved})
        return answer(await _locked(connection, caller, question_id))

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
    """Takes a decision back: the question is open again, and what changed hands is given back exactly, with what was
    referred since by the same Patient record.

    As `decide`; raises IllegalMove when nothing is decided, or too much has happened since.
    """

    async def change(connection: AsyncConnection) -> Answer:
        question = await _locked(connection, caller, question_id)
        if question.row["state"] == OPEN:
            raise IllegalMove("This question is open: there is no decision to undo.")
        await take_back(connection, caller, question, note)
        return answer(await _locked(connection, caller, question_id))

    return await once(store, caller, context, received, change)


async def join(connection: AsyncConnection, caller: Caller, one: str, other: str, note: str, at: datetime) -> None:
    """Makes one person (id) the other because their own organisation's system says so, within a transaction that holds
    the decisions. It stands as a decided question, which link workers see and can undo.

    Raises IllegalMove when a human has found the two to be different people.
    """
    sender = caller.organisation
    person, known = await people.side(connection, sender, one), await people.side(connection, sender, other)
    if person.id == known.id:
        return
    asked = await people.questions_between(connection, sender, person.id, known.id, OPEN)
    item = {
        "organisation": sender,
        "id": new_id(),
        "kind": "record-superseded",
        "referral_id": (person.referrals or known.referrals)[0]["id"],
        "person_id": person.id,
        "other_person_id": known.id,
        "found_at": at,
        "state": OPEN,
    }
    question = asked[0] if asked else await people.raise_question(connection, item)
    told = {"person_id": person.id, "other_person_id": known.id, "note": note, "type": "merged"}
    moved = await _join(connection, sender, person, known)
    await _settle(connection, caller, question, SAME, told | {"moved": moved})


async def _join(connection: AsyncConnection, sender: str, person: Side, other: Side) -> Json:
    """What changed hands."""
    apart = await people.kept_apart(connection, sender, person.id, other.id)
    if apart:
        raise IllegalMove(f"The two were found to be different people in question {apart}. Undo that first.")
    moved: Json = {"referrals": [one["id"] for one in person.referrals], "keys": person.keys}
    await people.hand_over(connection, sender, person.id, other.id, **moved)
    await people.point(connection, sender, person.id, other.id)
    return moved


async def take_back(connection: AsyncConnection, caller: Caller, question: Question, note: str) -> None:
    """Within a transaction that holds the decisions; raises IllegalMove as `undo` does."""
    last = question.history[-1]
    moved, giver, taker = orjson.loads(last["moved"]), last["other_person_id"], last["person_id"]
    if moved["referrals"] or moved["keys"]:
        sender = question.row["organisation"]
        holder = await people.side(connection, sender, giver)
        _refuse_changed(question, holder, moved)
        moved["referrals"] += _referred_since(caller, holder, last, moved)
        await people.hand_over(connection, sender, giver, taker, **moved)
        await people.point(connection, sender, taker, None)
    kind = "unmerged" if last["type"] == "merged" else "reopened"
    told = {"person_id": taker, "other_person_id": giver, "note": note, "type": kind, "moved": moved}
    await _settle(connection, caller, question, OPEN, told)


async def _locked(connection: AsyncConnection, caller: Caller, question_id: str) -> Question:
    question = await people.read_question(connection, question_id, caller.hubs, lock=True)
    if question is None:
        raise NotFound("No hub that you work for has a referral with this question.")
    return question


async def _settle(connection: AsyncConnection, caller: Caller, question: Question, state: str, told: Json) -> None:
    """Writes the question's new state, and what was done, into its history."""
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


def _refuse_blind(caller: Caller, decision: str, question: Question) -> None:
    """Raises IllegalMove when there is nothing to decide, or the caller would join one of whom they see no referral.
    Keeping two apart moves nothing: whoever sees one of them may."""
    if question.row["state"] != OPEN:
        raise IllegalMove(f"This question was decided: {question.row['state']}. Undo that first.")
    if decision == SAME and question.other is None:
        raise IllegalMove("There is nobody else in this question to be the same person. Decide different-people.")
    if decision == SAME and any(one and not one.seen_by(caller.hubs) for one in (question.person, question.other)):
        raise IllegalMove(
            "One of the two has referrals only at hubs that are not yours. Ask the organisation that referred both, "
            f"{question.row['organisation']}; or a platform that works for both hubs can decide."
        )


def _refuse_changed(question: Question, holder: Side, moved: Json) -> None:
    """Raises IllegalMove when what was handed over cannot be told from what came later."""
    merged = question.history[-1]
    if holder.id != merged["other_person_id"] or question.person.id != holder.id:
        raise IllegalMove("The person was joined with somebody else since. Undo that first.")
    if not {*moved["referrals"]} <= {one["id"] for one in holder.referrals} or not {*moved["keys"]} <= {*holder.keys}:
        raise IllegalMove("A record of the person was changed since: what was joined is no longer as it was.")


def _referred_since(caller: Caller, holder: Side, merged: RowMapping, moved: Json) -> list[str]:
    """The referrals since the joining that came by a Patient record of the one to be parted, and of nobody else.

    Raises IllegalMove, with their references, when there are some that may be either's.
    """
    since = [one for one in holder.referrals if one["submitted_at"] > merged["at"]]
    before = [one for one in holder.referrals if one["submitted_at"] <= merged["at"]]
    parted = {one["patient_id"] for one in before if one["id"] in moved["referrals"]}
    staying = {one["patient_id"] for one in before if one["id"] not in moved["referrals"]}
    stored = [one for one in since if one["person_id"] == holder.id]  # else stored under their own person all along
    unclear = [one for one in stored if (one["patient_id"] in parted) == (one["patient_id"] in staying)]
    if unclear:
        seen = [one["reference"] for one in unclear if one["hub_id"] in caller.hubs]
        elsewhere = ["others at hubs that are not yours"] if len(seen) < len(unclear) else []
        raise IllegalMove(
            f"The person was referred again since, and may be either in: {', '.join(seen + elsewhere)}. Ask the "
            f"sender, {merged['organisation']}, whose they are."
        )
    return [one["id"] for one in stored if one["patient_id"] in parted]
