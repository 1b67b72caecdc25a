"""A mock of an EPR with a FHIR callback: a real small server that files what it is told and shows it. See README.md."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.rio.record import Faults, Record

FHIR_JSON = "application/fhir+json"

pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def build_mock(secret: str) -> FastAPI:
    """The mock, empty. `secret` is the one that the gateway signs with (whsec_...)."""
    app = FastAPI(title="Mock EPR", openapi_url=None)
    webhook = Webhook(secret)
    app.state.record = Record()

    @app.put("/FHIR/R4/Task/{task_id}")
    async def put_task(task_id: str, request: Request) -> Response:
        record: Record = app.state.record
        body = await request.body()
        if not _is_signed(webhook, body, request):
            record.bad_signature += 1
            return _outcome(401, "login", "The signature does not fit: check the secret and the clock.")
        if request.headers.get("content-type", "").split(";")[0].strip() != FHIR_JSON:
            return _outcome(415, "not-supported", f"Send {FHIR_JSON}.")
        fault = record.next_fault(task_id)
        if fault and not fault.stored:
            await asyncio.sleep(fault.delay_ms / 1000)
            if fault.status:
                return _broken(fault)
        answer = _file(record, task_id, body, request.headers["webhook-id"])
        if fault and fault.stored:
            await asyncio.sleep(fault.delay_ms / 1000)
            if fault.status:
                return _broken(fault)
        return answer

    @app.get("/record")
    async def read_record() -> dict[str, Any]:
        record: Record = app.state.record
        return record.as_json()

    @app.delete("/record", status_code=204)
    async def forget_record() -> None:
        app.state.record = Record()

    @app.post("/faults", status_code=204)
    async def script_faults(faults: Faults) -> None:
        app.state.record.faults = faults

    @app.get("/", response_class=HTMLResponse)
    async def show_record() -> str:
        return pages.get_template("record.html").render(record=app.state.record)

    return app


def _is_signed(webhook: Webhook, body: bytes, request: Request) -> bool:
    try:
        webhook.verify(body, dict(request.headers), json_parse=False)
    except (
        WebhookVerificationError,
        ValueError,
    ):  # ValueError: the header or the body is not even text of the right shape
        return False
    return True


def _file(record: Record, task_id: str, body: bytes, webhook_id: str) -> Response:
    try:
        task = orjson.loads(body)
        if task["resourceType"] != "Task" or task["id"] != task_id:
            return _outcome(400, "invalid", "The body must be the Task that the address names.")
        verdict = record.apply(task, webhook_id)
    except (ValueError, TypeError, KeyError, AttributeError):
        return _outcome(400, "structure", "The body must be a Task with meta.versionId, meta.lastUpdated and status.")
    if verdict == "outdated":
        return _outcome(409, "conflict", "A newer version of this Task is held already.")
    return Response(status_code=200, headers={"ETag": f'W/"{task["meta"]["versionId"]}"'})


def _broken(fault: Faults) -> Response:
    response = _outcome(fault.status or 500, "transient", "A scripted fault of the mock.")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def _outcome(status: int, code: str, text: str) -> Response:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return Response(
        orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]}), status_code=status, media_type=FHIR_JSON
    )
