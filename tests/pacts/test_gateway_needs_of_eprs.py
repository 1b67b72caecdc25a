"""What the gateway relies on when it tells an EPR of a change: pacts/gateway-epr.json, shown by the real adapter."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

from pact import Pact
from pact.interaction import HttpInteraction
from tests.app import Json
from tests.pacts.terms import FHIR, Text, like, outcome
from tests.pacts.terms import UUID as ANY_UUID
from tests.pacts.written import between, hold

from adapters.ports import Answer, Update
from adapters.rio.callback import FhirCallback

SECRET = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"
CORRELATION = "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c11"
BASE = "/FHIR/R4"
TASK = Path(__file__).parent.parent / "examples/least/task.json"


def id_of(number: int, kind: str = "9e21") -> str:
    return f"01981f3e-6b7a-7c3d-{kind}-{number:012d}"


NEW, FIRST, FILED, LATER, ELSEWHERE, LOST, UNHEARD, DISTRUSTED = (id_of(number) for number in range(11, 19))


def version(task_id: str, number: int) -> Json:
    """Of the Task that the least referral becomes."""
    task: Json = json.loads(TASK.read_text("utf-8"))
    return task | {"id": task_id, "meta": task["meta"] | {"versionId": str(number)}}


def update(url: str, task: Json, *, previous: int | None = None, unsure: bool = False, **options: bool) -> Update:
    number = int(task["meta"]["versionId"])
    return Update(
        delivery_id=id_of(int(task["id"][-12:]), "9c00"),
        task_id=task["id"],
        version=number,
        body=json.dumps(task).encode(),
        event_type="accepted",
        at=datetime.fromisoformat(task["meta"]["lastUpdated"]),
        correlation_id=CORRELATION,
        url=f"{url}{BASE}",
        secret=SECRET,
        options={"private": True} | options,
        previous=previous,
        unsure=unsure,
    )


def put(pact: Pact, what: str, state: str, task: Json, **headers: str | Text) -> HttpInteraction:
    """The signature is over `{webhook-id}.{webhook-timestamp}.{body}`: who replays this signs anew."""
    asked = pact.upon_receiving(what, "HTTP").given(state, task=task["id"])
    asked.with_request("PUT", f"{BASE}/Task/{task['id']}")
    sent = id_of(int(task["id"][-12:]), "9c00")
    named: dict[str, str | Text] = {
        "Accept": FHIR,
        "X-Request-Id": like(sent, ANY_UUID),
        "X-Correlation-Id": like(CORRELATION, ANY_UUID),
        "webhook-id": like(sent, ANY_UUID),
        "webhook-timestamp": like("1772443800", r"\d{10}"),
    }
    for name, value in (named | headers).items():
        asked.with_header(name.replace("_", "-"), value)
    asked.with_header("webhook-signature", like(f"v1,{'A' * 43}=", r"v1,[A-Za-z0-9+/]{43}="))
    return asked.with_body(task, FHIR)


def read(pact: Pact, what: str, state: str, task_id: str) -> HttpInteraction:
    asked = pact.upon_receiving(what, "HTTP").given(state, task=task_id)
    asked.with_request("GET", f"{BASE}/Task/{task_id}").with_header("Accept", FHIR)
    asked.with_header("X-Correlation-Id", like(CORRELATION, ANY_UUID))
    return asked.with_header("X-Request-Id", like(CORRELATION, ANY_UUID))


NOTHING, SECOND, THIRD = (f"the EPR holds {what} of the Task" for what in ("nothing", "version 2", "version 3"))


def describe(pact: Pact) -> None:
    put(pact, "the first version", NOTHING, version(NEW, 1)).will_respond_with(200)
    put(pact, "the next version", SECOND, version(FIRST, 3)).will_respond_with(200)
    put(pact, "a version that it holds already", THIRD, version(FILED, 3)).will_respond_with(200)
    (
        put(pact, "a version older than it holds", THIRD, version(LATER, 2))
        .will_respond_with(409)
        .with_body(outcome("conflict"), FHIR)
    )
    (
        put(pact, "over another version than it holds", THIRD, version(ELSEWHERE, 5), If_Match='W/"4"')
        .will_respond_with(412)
        .with_body(outcome("conflict"), FHIR)
    )
    (
        read(pact, "what it holds, after it refused", THIRD, ELSEWHERE)
        .will_respond_with(200)
        .with_header("ETag", 'W/"3"')
        .with_body({"resourceType": "Task", "id": ELSEWHERE, "meta": {"versionId": "3"}}, FHIR)
    )
    (
        read(pact, "whether it holds a version whose answer was lost", THIRD, LOST)
        .will_respond_with(200)
        .with_header("ETag", 'W/"3"')
        .with_body({"resourceType": "Task", "id": LOST, "meta": {"versionId": "3"}}, FHIR)
    )
    (
        read(pact, "whether it holds a version that never came", NOTHING, UNHEARD)
        .will_respond_with(404)
        .with_body(outcome("not-found"), FHIR)
    )
    put(pact, "a version that never came, again", NOTHING, version(UNHEARD, 1)).will_respond_with(200)
    (
        put(pact, "signed with another secret than it knows", "the EPR knows another secret", version(DISTRUSTED, 1))
        .will_respond_with(401)
        .with_body(outcome("login"), FHIR)
    )


async def tell(url: str) -> list[Answer]:
    """The adapter's way with each."""
    callback = FhirCallback(seconds=5)
    told = [
        update(url, version(NEW, 1)),
        update(url, version(FIRST, 3), previous=2),
        update(url, version(FILED, 3), previous=2),
        update(url, version(LATER, 2)),
        update(url, version(ELSEWHERE, 5), previous=4, conditional=True),
        update(url, version(LOST, 3), unsure=True),
        update(url, version(UNHEARD, 1), unsure=True),
        update(url, version(DISTRUSTED, 1)),
    ]
    answers = [await callback.send(one) for one in told]
    await callback.close()
    return answers


def test_the_gateway_works_with_what_it_relies_on(tmp_path: Path) -> None:
    pact = between("gateway", "epr")
    describe(pact)
    with pact.serve("127.0.0.1") as server:
        answers = asyncio.run(tell(str(server.url)))
    hold(pact, tmp_path)

    assert [(one.status, one.delivered) for one in answers] == [
        (200, True),
        (200, True),
        (200, True),
        (409, False),
        (412, False),
        (200, True),
        (200, True),
        (401, False),
    ]
    assert "now holds version 3: it was changed there" in answers[4].answer
    assert answers[5].answer == "Read back: it is there."
