"""Who did what: a row for each request of a known caller, written before the answer leaves."""

import re
from datetime import datetime
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.ids import now
from gateway.security import Caller
from gateway.store.schema import audit
from gateway.telemetry import RequestContext, template
from gateway.validation.schema import schemas

# What the gateway calls its records and their versions.
GIVEN = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|SP-\d{4}-\d{4}-\d{4}|\d{1,8}", re.ASCII)
MOST_FINDINGS = 50  # of a refusal that are kept


class Audit:
    """ASGI middleware. A door puts the Caller into `scope["state"]["caller"]`; what it has audited itself, in the
    transaction of its change, it marks with `scope["state"]["audited"]`. No row, no answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["state"]

        async def send_when_audited(message: Message) -> None:
            caller = state.get("caller")
            if message["type"] == "http.response.start" and caller and not state.get("audited"):
                found = findings_of(state.get("refused"))
                row = audit_row(
                    caller, state["context"], _action(scope), _target(scope), message["status"], findings=found
                )
                await scope["app"].state.gateway.store.write([(audit, [row])])
            await send(message)

        await self.app(scope, receive, send_when_audited)


def audit_row(
    caller: Caller,
    context: RequestContext,
    action: str,
    target: str | None,
    outcome: int,
    at: datetime | None = None,
    findings: str | None = None,
) -> dict[str, Any]:
    """`action` is method and route template, `target` a Type/id: neither names a person. `outcome` is HTTP's;
    `findings` as `findings_of` writes them."""
    return {
        "at": at or now(),
        "organisation": caller.organisation,
        "client_id": caller.client_id,
        "role": caller.role,
        "person": caller.person,
        "action": action,
        "target": target,
        "request_id": context.request_id,
        "correlation_id": context.correlation_id,
        "outcome": outcome,
        "findings": findings,
    }


def findings_of(refused: GatewayError | None) -> str | None:
    """Why a request was refused, as JSON. Nothing else of it is kept, so whoever asks later must see it here."""
    if refused is None or not 400 <= refused.status < 500:
        return None
    issues = refused.issues[:MOST_FINDINGS]
    told = [[one.severity, one.code, (one.expression or "")[:300], one.text[:600]] for one in issues]
    return orjson.dumps(told).decode()


def _action(scope: Scope) -> str:
    return f"{scope['method']} {template(scope)}"


def _target(scope: Scope) -> str | None:
    """What the address names, unless a door says it better in `scope["state"]["target"]`."""
    if told := scope["state"].get("target"):
        return str(told)[:200]
    named = scope.get("path_params", {})
    target = "/".join(_named(name, str(value)) for name, value in named.items())
    return target[:200] if target and target.isprintable() else None  # PostgreSQL stores no NUL


def _named(parameter: str, value: str) -> str:
    """A part of an address. Where an id stands, callers put NHS numbers and names, too: those are not kept."""
    registered = value in schemas()["x-resources"] if parameter == "type" else parameter == "destination_id"
    return value if registered or GIVEN.fullmatch(value) else "(not an id of ours)"
