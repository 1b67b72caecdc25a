"""A referral that a trust sent over HTTP, and both sides of it: the EPR that changes it, the hub that works on it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.app import Running

Json = dict[str, Any]

ADVISOR = {"name": "Priya Nadar", "phone": "01632 960101"}
SPOKE = {"mechanism": "telephone", "outcome": "spoke"}
WORK: dict[str, list[tuple[str, Json]]] = {  # status -> what the hub does to bring a new referral there
    "submitted": [],
    "received": [("transitions", {"to": "received"})],
    "info-requested": [
        ("transitions", {"to": "received"}),
        ("transitions", {"to": "info-requested", "text": "Has she a phone?"}),
    ],
}
WORK["accepted"] = [*WORK["received"], ("transitions", {"to": "accepted"})]
WORK["allocated"] = [*WORK["accepted"], ("transitions", {"to": "allocated", "advisor": ADVISOR})]
WORK["contacting"] = [*WORK["allocated"], ("contacts", SPOKE | {"outcome": "no-answer"})]
WORK["engaged"] = [*WORK["allocated"], ("contacts", SPOKE)]
WORK["on-hold"] = [
    *WORK["engaged"],
    ("transitions", {"to": "on-hold", "text": "Admitted.", "review_date": "2999-01-01"}),
]
CLOSED = {"reason": "goals-met", "summary": "Advice given.", "actions_for_referrer": "No action needed."}
WORK["closed-completed"] = [*WORK["engaged"], ("transitions", {"to": "closed-completed", "closure": CLOSED})]
WORK["not-accepted"] = [
    *WORK["received"],
    ("transitions", {"to": "not-accepted", "reason": "outside-area", "alternative": "Ask Eastmere."}),
]


@dataclass
class Sent:
    """One referral over its two doors."""

    running: Running
    id: str
    request_id: str
    patient_id: str

    async def fhir(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        headers = {"X_Request_Id": str(uuid4())} | headers
        return await self.running.call("demo-epr", method, f"/FHIR/R4{path}", body, **headers)

    async def read(self, reference: str) -> Json:
        answer = await self.fhir("GET", f"/{reference}")
        assert answer.status_code == 200, answer.text
        shown: Json = answer.json()
        return shown

    async def task(self) -> Json:
        return await self.read(f"Task/{self.id}")

    async def request(self) -> Json:
        return await self.read(f"ServiceRequest/{self.request_id}")

    async def put(self, resource: Json, **changed: Any) -> httpx.Response:
        body = resource | changed
        return await self.fhir("PUT", f"/{body['resourceType']}/{body['id']}", body)

    async def change(self, resource: Json, **changed: Any) -> Json:
        """A PUT that must succeed."""
        answer = await self.put(resource, **changed)
        assert answer.status_code == 200, answer.text
        shown: Json = answer.json()
        return shown

    async def post(self, resource: Json, status: int = 201) -> Json:
        answer = await self.fhir("POST", f"/{resource['resourceType']}", resource)
        assert answer.status_code == status, answer.text
        shown: Json = answer.json()
        return shown

    async def at_hub(self, part: str, change: Json) -> httpx.Response:
        path = f"/platform/v1/referrals/{self.id}/{part}"
        return await self.running.call("demo-platform", "POST", path, change, X_Request_Id=str(uuid4()))

    async def work(self, status: str) -> "Sent":
        """The hub brings a new referral to this status."""
        for part, change in WORK[status]:
            answer = await self.at_hub(part, change)
            assert answer.status_code in {200, 201}, answer.text
        return self

    async def view(self) -> Json:
        """The referral as the hub sees it."""
        answer = await self.running.call("demo-platform", "GET", f"/platform/v1/referrals/{self.id}")
        shown: Json = answer.json()
        return shown

    async def events(self) -> list[str]:
        answer = await self.running.call("demo-platform", "GET", f"/platform/v1/referrals/{self.id}/events")
        return [event["type"] for event in answer.json()["events"]]

    async def statuses(self) -> tuple[str, str]:
        """Of Task and ServiceRequest."""
        return (await self.task())["status"], (await self.request())["status"]

    def abort(self, **changed: Any) -> Json:
        return {
            "resourceType": "Task",
            "status": "requested",
            "intent": "order",
            "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]},
            "focus": {"reference": f"Task/{self.id}"},
            "statusReason": {"text": "She moves house."},
        } | changed

    def communication(self, text: str = "Yes: 01632 960999.", **changed: Any) -> Json:
        return {
            "resourceType": "Communication",
            "status": "completed",
            "about": [{"reference": f"Task/{self.id}"}],
            "payload": [{"contentString": text}],
        } | changed


def line(task: Json) -> str:
    """What the clinician reads."""
    text: str = task["note"][-1]["text"]
    return text


def texts(answer: httpx.Response) -> str:
    return " ".join(issue["diagnostics"] for issue in answer.json()["issue"])


Refer = Callable[[], Awaitable[Sent]]


@pytest.fixture
def refer(gateway: Running) -> Refer:
    async def send() -> Sent:
        task = await gateway.refer()
        ids = [task[name]["reference"].split("/")[1] for name in ("focus", "for")]
        return Sent(gateway, task["id"], *ids)

    return send


@pytest.fixture
async def sent(refer: Refer) -> Sent:
    return await refer()
