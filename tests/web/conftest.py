"""A gateway with an EPR and a team, and pages opened as a launch of that EPR opens them."""

import copy
import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from tests.app import Json, Running, referral_bundle, resource_of, task_in

from gateway.demo.parties import demo_parties
from gateway.ids import new_id, now
from gateway.parties import read_parties, register
from gateway.store.launched import open_session

OURS = {"Sec-Fetch-Site": "same-origin"}
ORIGIN = "https://rio.northdale.example"
EPRS = {"XND01": "northdale-epr", "XSH01": "southholme-epr"}
SCOPES = ["launch", "patient/*.rs", "patient/DocumentReference.c"]


@dataclass
class Page:
    """A page that a launch has opened, as one window has it."""

    running: Running
    path: str
    secret: str

    async def get(self, under: str = "") -> httpx.Response:
        return await self.running.http.get(f"{self.path}{under}", headers={"Cookie": f"session={self.secret}"})

    async def read(self, under: str = "") -> str:
        answer = await self.get(under)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def post(self, under: str, **fields: str) -> httpx.Response:
        """With the proof that the page's forms carry, unless another is given."""
        fields.setdefault("proof", self.proof)
        headers = OURS | {"Cookie": f"session={self.secret}"}
        return await self.running.http.post(f"{self.path}{under}", data=fields, headers=headers)

    @property
    def proof(self) -> str:
        return hmac.new(self.secret.encode(), b"form", hashlib.sha256).hexdigest()


@dataclass
class Web:
    running: Running
    folder: Path

    async def open(self, patient: Json | None = None, organisation: str = "XND01", **told: Any) -> Page:
        """What a launch about this person leaves behind (gateway.launch.session.open_for)."""
        secret, moment, id_ = uuid4().hex, now(), new_id()
        content: Json = {
            "user": {"id": "Practitioner/AOSEI", "name": "Dr Amara Osei", "role": "Care coordinator"},
            "team_name": "RTN",
            "patient": patient or margaret(),
            "needs_banner": True,
            "scopes": SCOPES,
        }
        content |= {name: value for name, value in told.items() if name != "token"}
        row = {
            "id": id_,
            "organisation": organisation,
            "epr_id": EPRS[organisation],
            "secret": hashlib.sha256(secret.encode()).hexdigest(),
            "user_id": content["user"]["id"],
            "patient_id": content["patient"]["id"],
            "content": orjson.dumps(content).decode(),
            "token": self.running.app.state.seal.close(told["token"]) if told.get("token") else None,
            "opened_at": moment,
            "expires_at": moment + timedelta(minutes=15),
            "ended": None,
        }
        async with self.running.store.transaction() as connection:
            await open_session(connection, row)
        return Page(self.running, f"/app/p/{id_}", secret)

    async def refer(self, change: Any = None, client: str = "demo-epr") -> Json:
        """Sends the demo's referral, after `change` has changed its Bundle; its Task."""
        bundle = referral_bundle()
        if change:
            change(bundle)
        answer = await self.running.call(client, "POST", "/FHIR/R4", bundle)
        assert answer.status_code == 200, answer.text
        return task_in(answer.json())

    async def tell(self, task: Json, what: str, **body: Any) -> Json:
        """What the link worker does: `what` is transitions, contacts, prescriptions ..."""
        path = f"/platform/v1/referrals/{task['id']}/{what}"
        answer = await self.running.call("demo-platform", "POST", path, body)
        assert answer.status_code in {200, 201}, answer.text
        shown: Json = answer.json()
        return shown

    async def move(self, task: Json, *statuses: str, **body: Any) -> None:
        """To each of these statuses; the last with `body`."""
        for status in statuses[:-1]:
            await self.tell(task, "transitions", to=status, **({"advisor": PRIYA} if status == "allocated" else {}))
        await self.tell(task, "transitions", to=statuses[-1], **body)


PRIYA = {"name": "Priya Nadar", "phone": "01632 960101"}


def margaret(**changed: Any) -> Json:
    """The person of the demo's referral as their EPR knows them."""
    sent = copy.deepcopy(resource_of(referral_bundle(), "Patient"))
    return sent | {"id": "0012345"} | changed


async def with_eprs(running: Running, folder: Path, issuer: str = "https://rio.northdale.example/FHIR/R4") -> None:
    document = orjson.loads(demo_parties(folder / "keys").model_dump_json())
    for organisation in document["organisations"]:
        if organisation["ods_code"] in EPRS:
            id_ = EPRS[organisation["ods_code"]]
            organisation["eprs"] = [
                {
                    "id": id_,
                    "issuer": issuer if id_ == "northdale-epr" else "https://epr.southholme.example/FHIR",
                    "client_id": "gateway",
                    "client": "demo-epr" if id_ == "northdale-epr" else "demo-epr-2",
                    "origins": [ORIGIN],
                    "private": True,
                }
            ]
            organisation["teams"] = [
                {"code": "RTN", "name": "Recovery Team North", "active": True},
                {"code": "RTS", "name": "Recovery Team South", "active": False},
            ]
    await register(running.store, read_parties(document, "parties of a test"))
    running.app.state.gateway.directory._stale_at = 0  # as ten seconds later


@pytest.fixture
async def web(gateway: Running, tmp_path: Path) -> Web:
    await with_eprs(gateway, tmp_path)
    return Web(gateway, tmp_path)
