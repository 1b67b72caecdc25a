"""What was there before the engineer came: sent as any EPR sends it, through the tenant's own door."""

from uuid import NAMESPACE_URL, uuid5

import orjson
from fastapi import FastAPI
from starlette.types import Message

from gateway.sandbox.bundles import bundle_of
from gateway.sandbox.parties import EPR, TRUST
from gateway.sandbox.scenarios import Scenario, scenarios
from gateway.security import Caller


async def seed(app: FastAPI) -> list[str]:
    """Refers those whom a scenario knows from before; returns the ids of their referrals. Safe to run again."""
    return [await _refer(app, one) for one in scenarios().values() if one.before is not None]


async def _refer(app: FastAPI, scenario: Scenario) -> str:
    name = scenario.identifier or f"SANDBOX-BEFORE-{scenario.key}"
    body = orjson.dumps(bundle_of(scenario.model_copy(update={"identifier": name}), scenario.before))
    status, answer = await _post(app, "/FHIR/R4", body, str(uuid5(NAMESPACE_URL, name)))
    if status != 200:
        raise RuntimeError(f"scenario {scenario.key}: its referral from before was answered {status}")
    entries = orjson.loads(answer)["entry"]
    return next(str(one["resource"]["id"]) for one in entries if one.get("resource", {}).get("resourceType") == "Task")


async def _post(app: FastAPI, path: str, body: bytes, request_id: str) -> tuple[int, bytes]:
    """One request, without a network between."""
    token = app.state.gatekeeper.issue(Caller(EPR, TRUST, "epr", frozenset({"system/*.crus"})))
    headers = {"content-type": "application/fhir+json", "authorization": f"Bearer {token}", "x-request-id": request_id}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    answer: dict[str, int] = {}
    came = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        answer.setdefault("status", message.get("status", 0))
        came.extend(message.get("body", b""))

    await app(scope, receive, send)
    return answer["status"], bytes(came)
