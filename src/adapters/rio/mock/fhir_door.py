"""The FHIR door: PUT and GET /FHIR/R4/Task/{id}."""

import re
import time

import orjson
from fastapi import APIRouter, Request, Response
from standardwebhooks import WebhookVerificationError

from adapters.rio.mock import tasks
from adapters.rio.mock.faults import Rule
from adapters.rio.mock.state import Mock
from adapters.rio.mock.store import WriteLost
from adapters.rio.mock.trouble import carry_out

FHIR_JSON = "application/fhir+json"
TOLERANCE_SECONDS = 300  # Standard Webhooks 1.0.0
ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')

NOT_THIS_TASK = "The body must be the Task that the address names."
NOT_A_TASK = "The body must be a Task with meta.versionId, meta.lastUpdated and status."


def fhir_door(mock: Mock) -> APIRouter:
    door = APIRouter(prefix="/FHIR/R4")

    @door.put("/Task/{task_id}")
    async def put_task(task_id: str, request: Request) -> Response:
        body = await request.body()
        if refusal := check_caller(mock, request):
            return refusal
        if not is_signed(mock, body, request):
            mock.store.count("bad_signature")
            return outcome(401, "login", "The signature does not fit: check the secret and the clock.")
        if request.headers.get("content-type", "").split(";")[0].strip() != FHIR_JSON:
            return outcome(415, "not-supported", f"Send {FHIR_JSON}.")
        rule = mock.faults.next("put-task", task_id)
        return await carry_out(request, rule, lambda rule: file_task(mock, task_id, body, request, rule), refuse)

    @door.get("/Task/{task_id}")
    async def get_task(task_id: str, request: Request) -> Response:
        if refusal := check_caller(mock, request):
            return refusal
        rule = mock.faults.next("get-task", task_id)
        return await carry_out(request, rule, lambda rule: read_task(mock, task_id, request, rule), refuse)

    return door


def check_caller(mock: Mock, request: Request) -> Response | None:
    """The refusal of a caller without certificate or token, where these are asked for."""
    if refusal := mock.check_certificate(request):
        return refusal
    if mock.tokens and not mock.tokens.are_good(request.headers.get("authorization", "")):
        answer = outcome(401, "login", "A bearer token of /oauth2/token is required.")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    return None


def is_signed(mock: Mock, body: bytes, request: Request) -> bool:
    try:
        mock.webhook.verify(body, dict(request.headers), json_parse=False)
    except (
        WebhookVerificationError,
        ValueError,
    ):  # ValueError: the header or the body is not even text of the right shape
        return False
    return True


def file_task(mock: Mock, task_id: str, body: bytes, request: Request, rule: Rule | None) -> Response:
    """Applies the update and keeps it, unless the rule says otherwise."""
    if rule and (refusal := _session_over(mock, request, rule)):
        return refusal
    match, provenance = request.headers.get("if-match"), request.headers.get("x-provenance")
    etag = ETAG.fullmatch(match.strip()) if match is not None else None
    if match is not None and etag is None:
        return outcome(400, "invalid", 'If-Match must be the version that is held, as W/"3".')
    if provenance is not None and not _is_provenance(provenance):
        return outcome(400, "invalid", "X-Provenance must be a FHIR Provenance as JSON, without target.")
    try:
        task = orjson.loads(body)
        if task["resourceType"] != "Task" or task["id"] != task_id:
            return outcome(400, "invalid", NOT_THIS_TASK)
        update = tasks.read_update(task)
    except (ValueError, TypeError, KeyError, AttributeError):
        return outcome(400, "structure", NOT_A_TASK)
    verdict = "applied"
    try:
        with mock.store.transaction():
            held = int(etag[1]) if etag else None
            verdict = tasks.apply(mock.store, update, body, request.headers["webhook-id"], held, provenance)
            if rule and rule.fault == "write-lost":
                raise WriteLost
    except WriteLost:
        pass
    if verdict == "mismatched":
        return outcome(412, "conflict", "Another version of this Task is held than If-Match says.")
    if verdict == "outdated":
        return outcome(409, "conflict", "A newer version of this Task is held already.")
    return Response(status_code=200, headers={"ETag": f'W/"{update.version}"'})


def read_task(mock: Mock, task_id: str, request: Request, rule: Rule | None) -> Response:
    """The newest version held, as it came."""
    if rule and (refusal := _session_over(mock, request, rule)):
        return refusal
    held = tasks.newest_task(mock.store, task_id)
    if held is None:
        return outcome(404, "not-found", "No version of this Task is held.")
    return Response(held["Body"], media_type=FHIR_JSON, headers={"ETag": f'W/"{held["Version"]}"'})


def _session_over(mock: Mock, request: Request, rule: Rule) -> Response | None:
    if rule.fault in {"token-expired", "token-revoked"}:
        if mock.tokens:
            mock.tokens.forget(request.headers.get("authorization", ""))
        return outcome(401, "login", "The token is over: ask for another.")
    if rule.fault == "clock-skew":
        stamp = int(request.headers["webhook-timestamp"])  # it was read when the signature was checked
        if abs(time.time() + rule.skew_seconds - stamp) > TOLERANCE_SECONDS:
            return outcome(401, "login", "The signature does not fit: check the secret and the clock.")
    return None


def _is_provenance(text: str) -> bool:
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(given, dict) and given.get("resourceType") == "Provenance" and "target" not in given


def refuse(status: int, code: str, text: str) -> Response:
    """A fault of the mock in the words of FHIR."""
    if code == "READ_ONLY":
        return outcome(503, "suppressed", text)
    return outcome(status, "login" if status == 401 else "transient", text)


def outcome(status: int, code: str, text: str) -> Response:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    return Response(body, status_code=status, media_type=FHIR_JSON)
