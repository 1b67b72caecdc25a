"""What the gateway relies on when it tells a platform of a change: pacts/gateway-platform.json, shown by the real
adapter."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from pact import Pact
from pact.interaction import HttpInteraction
from tests.app import Json
from tests.pacts.terms import INSTANT, REFERENCE, Text, exactly, like, one_of
from tests.pacts.terms import UUID as ANY_UUID
from tests.pacts.written import between, hold

from adapters.ports import Answer, Update
from adapters.webhook.events import CLOUD_EVENT, SignedEvents

SECRET = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"
CORRELATION = "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c11"
GATEWAY = "https://gateway.example"
HOOK = "/hooks/referrals"
TASK = Path(__file__).parent.parent / "examples/least/task.json"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NEW, REPEATED, DISTRUSTED = (f"01981f3e-9c00-7000-8000-{number:012d}" for number in (21, 22, 23))


def event(id_: str) -> Json:
    """The CloudEvent: where the referral stands, and nothing of the person."""
    task: Json = json.loads(TASK.read_text("utf-8"))
    kind = "social-prescribing-gateway.referral."
    link = f"{GATEWAY}/platform/v1/referrals/{task['id']}"
    return {
        "specversion": "1.0",
        "id": id_,
        "source": GATEWAY,
        "type": like(f"{kind}received", rf"{kind.replace('.', '[.]')}[a-z-]+"),
        "subject": like(task["identifier"][0]["value"], REFERENCE),
        "time": like("2026-03-02T09:30:00.000Z", INSTANT),
        "sequence": like("0000000002", r"\d{10}"),
        "dataref": like(link, r"https?://.+"),
        "datacontenttype": exactly("application/json"),
        "data": {
            "status": one_of("received", "accepted"),
            "businessStatus": like("awaiting-triage", "[a-z-]+"),
            "version": 2,
        },
    }


def post(pact: Pact, what: str, state: str, id_: str) -> HttpInteraction:
    """The signature is over `{webhook-id}.{webhook-timestamp}.{body}`: who replays this signs anew."""
    asked = pact.upon_receiving(what, "HTTP").given(state, event=id_).with_request("POST", HOOK)
    named: dict[str, str | Text] = {
        "webhook-id": id_,
        "webhook-timestamp": like("1772443800", r"\d{10}"),
        "webhook-signature": like(f"v1,{'A' * 43}=", r"v1,[A-Za-z0-9+/]{43}="),
        "X-Request-Id": like(id_, ANY_UUID),
        "X-Correlation-Id": like(CORRELATION, ANY_UUID),
    }
    for name, value in named.items():
        asked.with_header(name, value)
    return asked.with_body(event(id_), CLOUD_EVENT)


def describe(pact: Pact) -> None:
    post(pact, "a change of a referral", "the platform has not had this event", NEW).will_respond_with(204)
    post(pact, "an event that it has had, again", "the platform has had this event", REPEATED).will_respond_with(204)
    post(
        pact, "an event signed with another secret", "the platform knows another secret", DISTRUSTED
    ).will_respond_with(401)


async def tell(url: str) -> list[Answer]:
    events = SignedEvents(seconds=5, connections=1, base_url=GATEWAY)
    task = json.loads(TASK.read_text("utf-8"))
    hubs = {"private": True, "hubs": ["northdale-wellbeing-hub"]}
    answers = []
    for id_ in (NEW, REPEATED, DISTRUSTED):
        body = json.dumps(task).encode()
        version = int(task["meta"]["versionId"])
        one = Update(id_, task["id"], version, body, "received", AT, CORRELATION, f"{url}{HOOK}", SECRET, hubs)
        answers.append(await events.send(one))
    await events.close()
    return answers


def test_the_gateway_works_with_what_it_relies_on(tmp_path: Path) -> None:
    pact = between("gateway", "platform")
    describe(pact)
    with pact.serve("127.0.0.1") as server:
        answers = asyncio.run(tell(str(server.url)))
    hold(pact, tmp_path)

    assert [(one.status, one.delivered) for one in answers] == [(204, True), (204, True), (401, False)]
