"""The mock put together: its doors, its pages, and the addresses that steer it. Contract: ../README.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel, ConfigDict, Field
from standardwebhooks import Webhook

from adapters.rio.mock import tasks
from adapters.rio.mock.chart import chart
from adapters.rio.mock.events import Events, UnknownClient, send, tell
from adapters.rio.mock.face import Face
from adapters.rio.mock.faults import Faults, Rule, RuleFile, read_faults
from adapters.rio.mock.fhir_door import fhir_door
from adapters.rio.mock.fhir_reads import fhir_reads
from adapters.rio.mock.filing import filing_door
from adapters.rio.mock.mistakes import MockError
from adapters.rio.mock.oauth import Signers, Tokens, oauth_door
from adapters.rio.mock.pages import pages
from adapters.rio.mock.records import records
from adapters.rio.mock.smart import App, Smart, new_key, smart_door
from adapters.rio.mock.soap_door import soap_door
from adapters.rio.mock.state import Mock, sessions
from adapters.rio.mock.store import Row, Store

USERS = {"gateway": "mock-rio-password"}  # public, so good for nothing else
DEVICES = ("mock-rio-device",)
MOST_BYTES_OF_RULES = 65_536


class NextFault(BaseModel):
    """The next `fail_next` updates (of one Task, when `task_id` is given) go wrong, after a wait of `delay_ms`.

    With a `status` that is the answer, an OperationOutcome that tells of an error (inside a 200 too), with
    `retry_after` in seconds beside it; without one the answer is only late.
    `stored` says that the update is applied all the same, so that only its answer is lost.
    """

    model_config = ConfigDict(extra="forbid")

    fail_next: int = Field(ge=0)
    status: int | None = Field(503, ge=200, le=599)
    delay_ms: int = Field(0, ge=0, le=60_000)
    retry_after: int | None = None
    stored: bool = False
    task_id: str | None = None

    def as_rule(self) -> Rule:
        return Rule(
            operations=("put-task",),
            fault="http-error" if self.status else "slow",
            target=self.task_id,
            times=self.fail_next,
            seconds=self.delay_ms / 1000,
            status=self.status or 503,
            retry_after=self.retry_after,
            committed=self.stored,
        )


class LookupEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=20)
    text: str
    active: bool = True


def build_mock(
    secret: str,
    *,
    store: Path | None = None,
    faults: Faults | None = None,
    jwks: KeySet | None = None,
    users: Mapping[str, str] = USERS,
    devices: Sequence[str] = DEVICES,
    session_seconds: float = 1200,
    mutual: bool = False,
    mllp: tuple[str, int] | None = None,
    face: App | None = None,
    key: ECKey | None = None,
) -> FastAPI:
    """The mock, with the seed alone when its `store` file is new. `secret` is the one that the gateway signs with
    (whsec_...); with `jwks` the FHIR door asks for bearer tokens; `mutual`: the doors ask for a client certificate;
    `mllp` is where events are sent; `face` the app that its pages launch, `key` what the mock signs with towards it.
    """
    app = FastAPI(title="Mock EPR", openapi_url=None)
    mock = Mock(
        store=Store(store),
        webhook=Webhook(secret),
        sessions=sessions(dict(users), list(devices), session_seconds),
        faults=faults or Faults(),
        tokens=Tokens(Signers(jwks)) if jwks else None,
        smart=Smart(face or App(), key or new_key()),
        mutual=mutual,
        mllp=mllp,
    )
    smart = smart_door(mock.smart, lambda request: mock.sign_ins.user(mock.store, request))
    systems = (fhir_door(mock), soap_door(mock), oauth_door(mock.tokens, mock.smart), steering(mock))
    launched = (smart, fhir_reads(mock.store, mock.smart), filing_door(mock.store, mock.smart))
    for door in (*systems, *launched, pages(Face(mock)), records(Face(mock))):
        app.include_router(door)
    return app


def steering(mock: Mock) -> APIRouter:
    """What tests and integration engineers use; nobody is asked who they are."""
    door = APIRouter()

    @door.get("/record")
    async def read_record() -> dict[str, Any]:
        return tasks.record(mock.store)

    @door.get("/record/clients/{client_id}")
    async def read_client(client_id: str) -> dict[str, Any]:
        found = chart(mock.store, client_id)
        if found is None:
            raise HTTPException(404, "No client has this ClientID.")
        return found

    @door.get("/effects")
    async def list_effects() -> list[Row]:
        return mock.store.all("SELECT * FROM Effect ORDER BY Number")

    @door.post("/events")
    async def tell_of_events(told: Events) -> dict[str, Any]:
        try:
            messages = tell(mock.store, told)
        except UnknownClient as why:
            raise HTTPException(422, str(why)) from None
        answers = None
        if mock.mllp:
            try:
                answers = await send(messages, *mock.mllp)
            except OSError as trouble:
                raise HTTPException(502, f"Nobody takes messages at {mock.mllp} ({trouble.strerror}).") from None
        return {"messages": messages, "answers": answers}

    @door.delete("/record", status_code=204)
    async def forget_record() -> None:
        mock.store.start_anew()
        mock.faults = Faults()

    @door.post("/faults", status_code=204)
    async def script_next_faults(fault: NextFault) -> None:
        mock.faults = Faults.of(RuleFile(rules=(fault.as_rule(),)))

    @door.put("/faults", status_code=204, response_model=None)
    async def script_faults(request: Request) -> PlainTextResponse | None:
        text = await request.body()
        if len(text) > MOST_BYTES_OF_RULES:
            return PlainTextResponse(f"The rules hold at most {MOST_BYTES_OF_RULES} bytes.", 413)
        try:
            mock.faults = read_faults(text, "the rules")
        except MockError as why:
            return PlainTextResponse(str(why), 422)
        return None

    @door.put("/lookups/{name}", status_code=204)
    async def replace_lookup(
        name: Literal[
            "NoteType", "SubNoteType", "DocumentType", "ReferralReason", "ReferralSource", "Urgency", "Service",
            "DischargeReason",
        ],
        entries: list[LookupEntry],
    ) -> None:  # fmt: skip
        with mock.store.transaction():
            mock.store.change("DELETE FROM Lookup WHERE Name = ?", name)
            for entry in {one.code: one for one in entries}.values():
                row = {"Name": name, "Code": entry.code, "Text": entry.text, "Active": entry.active}
                mock.store.insert("Lookup", row)
            mock.store.change("UPDATE LookupVersion SET Version = Version + 1 WHERE Name = ?", name)

    return door
