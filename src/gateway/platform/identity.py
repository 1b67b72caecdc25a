"""`/platform/v1/identity`: questions about who is who, and what people decide."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from gateway.errors import NotFound
from gateway.messages import Answer, Received
from gateway.people.deciding import decide, undo
from gateway.platform.exchange import ID, Bearer, Exchange, ToRead, ToWrite
from gateway.platform.identity_models import (
    Decision,
    QuestionPage,
    QuestionState,
    QuestionView,
    Undoing,
    show_question,
)
from gateway.platform.routes import REFUSALS, WRITE_REFUSALS
from gateway.store import people
from gateway.store.people import Question
from gateway.telemetry import template

router = APIRouter(prefix="/platform/v1/identity", tags=["identity"], dependencies=[Bearer])


@router.get("", response_model=QuestionPage, responses=REFUSALS)
async def list_questions(
    exchange: ToRead,
    state: Annotated[QuestionState, Query(description="Open ones, or those decided so.")] = "open",
    cursor: Annotated[
        str | None, Query(description="The `next_cursor` of the page before.", pattern=ID.pattern)
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Questions on a page.")] = 50,
) -> Response:
    """Lists the questions that referrals at your hubs have raised, the oldest first."""
    hubs = exchange.caller.hubs
    async with exchange.gateway.store.reading() as connection:
        found = await people.list_questions(connection, hubs, state, cursor or "", limit + 1)
    shown = [show_question(one, hubs) for one in found[:limit]]
    return _json({"questions": shown, "next_cursor": shown[-1]["id"] if len(found) > limit else None})


@router.get("/{question_id}", response_model=QuestionView, responses=REFUSALS)
async def read_question(exchange: ToRead, question_id: str) -> Response:
    """Reads a question: what is known of both sides, and what was decided."""
    async with exchange.gateway.store.reading() as connection:
        found = await people.read_question(connection, _id(question_id), exchange.caller.hubs)
    if found is None:
        raise NotFound("No hub that you work for has a referral with this question.")
    return _json(show_question(found, exchange.caller.hubs))


@router.post("/{question_id}/decision", response_model=QuestionView, responses=WRITE_REFUSALS)
async def decide_question(exchange: ToWrite, question_id: str, decision: Decision) -> Response:
    """Decides that both are one person, whose referrals are then together, or that they are two."""
    received, answer = await _received(exchange), _answer(exchange)
    caller, store, context = replace(exchange.caller, person=decision.by), exchange.gateway.store, exchange.context
    given = await decide(store, caller, context, _id(question_id), decision.decision, decision.note, received, answer)
    return _given(exchange, given)


@router.post("/{question_id}/undo", response_model=QuestionView, responses=WRITE_REFUSALS)
async def undo_decision(exchange: ToWrite, question_id: str, undoing: Undoing) -> Response:
    """Takes the decision back: what was joined is parted again exactly as it was, and the question is open."""
    received, answer = await _received(exchange), _answer(exchange)
    caller, store, context = replace(exchange.caller, person=undoing.by), exchange.gateway.store, exchange.context
    return _given(exchange, await undo(store, caller, context, _id(question_id), undoing.note, received, answer))


async def _received(exchange: Exchange) -> Received:
    request = exchange.request
    return Received(f"{request.method} {template(request.scope)}", request.url.path, await request.body())


def _answer(exchange: Exchange) -> Callable[[Question], Answer]:
    def answer(question: Question) -> Answer:
        shown = show_question(question, exchange.caller.hubs)
        return Answer(200, orjson.dumps(shown), target=f"identity/{question.row['id']}")

    return answer


def _given(exchange: Exchange, given: Answer) -> Response:
    exchange.request.state.audited = given.audited
    return Response(given.body, given.status, given.headers, "application/json")


def _id(question_id: str) -> str:
    if not ID.fullmatch(question_id):
        raise NotFound
    return question_id


def _json(shown: dict[str, object]) -> Response:
    return Response(orjson.dumps(shown), media_type="application/json")
