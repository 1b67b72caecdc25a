"""How the endpoint of a Subscription goes wrong: each fault around the healthy mock."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response
from tests.contract_runner.between import Call, Fault, Pass, Seen

HEADERS = {"Authorization": "Bearer agreed-upon", "X-Subscriber": "northdale"}


def status_of(call: Call) -> dict[str, Any]:
    """What the first entry says, by name; empty when it is no notification."""
    entries = call.json.get("entry") or [{}]
    parameters = entries[0].get("resource", {}).get("parameter", [])
    return {one["name"]: next((one[key] for key in one if key.startswith("value")), one) for one in parameters}


def subscription_of(call: Call) -> str:
    """Empty when it is no notification."""
    return str(status_of(call).get("subscription", {}).get("reference", ""))


def is_(type_: str) -> Callable[[Call], bool]:
    return lambda call: status_of(call).get("type") == type_


def numbers(call: Call) -> list[int]:
    """Of its events."""
    parameters = call.json["entry"][0]["resource"]["parameter"] if status_of(call) else []
    events = [one["part"] for one in parameters if one["name"] == "notification-event"]
    return [int(part["valueString"]) for parts in events for part in parts if part["name"] == "event-number"]


def level_of(call: Call) -> str | None:
    """Of an event's content; None when it is no event."""
    if not numbers(call):
        return None
    if len(call.json["entry"]) == 1:
        return "empty"
    return "id-only" if lacks_a_resource(call) else "full-resource"


def lacks_a_resource(call: Call) -> bool:
    return any("resource" not in entry for entry in call.json.get("entry", []))


def key_of(call: Call) -> object:
    """Subscription and number, by which an event is known."""
    return subscription_of(call), *numbers(call)


def is_good(call: Call) -> bool:
    return call.headers.get("authorization") == HEADERS["Authorization"] and bool(status_of(call))


def knowing_repeats(by: Callable[[Call], object], status: int) -> Fault:
    async def answer_repeat(call: Call, pass_on: Pass, seen: Seen) -> Response:
        if is_good(call) and numbers(call):
            if str(by(call)) in seen:
                return Response(status_code=status)
            seen[str(by(call))] = True
        return await pass_on(call)

    return answer_repeat


async def want_every_number(call: Call, pass_on: Pass, seen: Seen) -> Response:
    """Refuses what does not follow the number before."""
    subscription = subscription_of(call)
    for number in numbers(call) if is_good(call) else []:
        if number > seen.get(subscription, 0) + 1:
            return Response(status_code=409)
        seen[subscription] = max(number, seen.get(subscription, 0))
    return await pass_on(call)


async def take_one_handshake(call: Call, pass_on: Pass, seen: Seen) -> Response:
    subscription = subscription_of(call)
    if is_("handshake")(call) and subscription in seen:
        return Response(status_code=409)
    seen[subscription] = True
    return await pass_on(call)


async def trip_over_two_at_once(call: Call, pass_on: Pass, seen: Seen) -> Response:
    id_ = call.json.get("id", "none")
    if id_ in seen:
        return Response(status_code=500)
    seen[id_] = True
    await asyncio.sleep(0.1)
    answer = await pass_on(call)
    del seen[id_]
    return answer


def believing(headers: Callable[[Call], bool]) -> Fault:
    async def believe(call: Call, pass_on: Pass, _seen: Seen) -> Response:
        if not headers(call):
            return await pass_on(call)
        agreed = {name.lower(): HEADERS[name] for name in HEADERS}
        return await pass_on(replace(call, headers=dict(call.headers) | agreed))

    return believe


async def hang(call: Call, pass_on: Pass, _seen: Seen) -> Response:
    await asyncio.sleep(1 if status_of(call) else 0)
    return await pass_on(call)


def has_a_token(call: Call) -> bool:
    return "authorization" in call.headers


def says_its_characters(call: Call) -> bool:
    return ";" in call.headers.get("content-type", "")


def is_post(call: Call) -> bool:
    return call.method == "POST"


def is_cut(call: Call) -> bool:
    return call.body.endswith(b"[")


def answered(status: int, when: Callable[[Call], bool] = lambda _call: True) -> Callable[[Call, Response], bool]:
    """When the healthy one answers so."""
    return lambda call, answer: answer.status_code == status and when(call)


def took_an_empty_one(call: Call, answer: Response) -> bool:
    return answer.status_code == 200 and level_of(call) == "empty"
