"""`gateway listen`: the gateway's own signed pushes on a laptop, whose answer is what the gateway is answered."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx
import orjson
import pytest
from tests.sandbox.engineer import NOTHING, Engineer, Sandbox, wait_for
from tests.sandbox.receiver import receiving

from gateway.sandbox import listening, pushes
from gateway.sandbox.client import Joined, Trouble
from gateway.sandbox.listening import Listener


@contextmanager
def listens(engineer: Engineer, forward_to: str) -> Iterator[list[str]]:
    """A listener in a thread of its own; what it says."""
    said: list[str] = []
    loop = asyncio.new_event_loop()
    made: list[asyncio.Task[None]] = []

    async def run() -> None:
        made.append(asyncio.create_task(Listener(engineer.joined, forward_to, said.append).run()))
        await asyncio.wait(made)

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    wait_for(lambda: engineer.control("GET").json()["listening"])
    try:
        yield said
    finally:
        loop.call_soon_threadsafe(made[0].cancel)
        thread.join(20)
        loop.close()


def test_a_push_arrives_as_it_was_signed_and_its_answer_counts(own: Engineer) -> None:
    with receiving(own.told["webhook_secret"]) as receiver, listens(own, f"{receiver.url}/FHIR/R4") as said:
        receiver.answers = [503]
        task = own.refer(NOTHING)
        own.trigger("allocated", task["id"])
        wait_for(lambda: [one["state"] for one in own.deliveries(task)] == ["delivered"] * 4)
        puts = [one for one in receiver.got if one[0] == "PUT"]
        assert receiver.forged == 0
        assert {path for _, path, _, _ in puts} == {f"/FHIR/R4/Task/{task['id']}"}
        versions = [int(orjson.loads(body)["meta"]["versionId"]) for *_, body in puts]
        assert versions == [1, 1, 2, 3, 4]  # the first again, in order
        assert puts[0][2]["webhook-id"] == puts[1][2]["webhook-id"]
        attempts = own.deliveries(task)[0]["attempts"]
        assert [one["status"] for one in attempts] == [503, 200]
        assert attempts[0]["answer"] == "(4 bytes, no OperationOutcome)"
        seen = own.pushes()
        assert {one["taken_by"] for one in seen} == {"listener"}
        assert seen[-1]["status"] == 503
        assert any("->  503" in line for line in said)
        assert not any(task["id"] not in line for line in said if line.startswith("PUT"))
    assert own.control("GET").json()["listening"] is False
    other = own.refer(NOTHING)  # without a listener the sandbox takes it itself
    wait_for(lambda: [one["state"] for one in own.deliveries(other)] == ["delivered"])
    assert own.pushes()[0]["taken_by"] == "sandbox"


def test_redirects_are_not_followed(own: Engineer) -> None:
    with receiving(own.told["webhook_secret"]) as receiver, listens(own, receiver.url) as said:
        receiver.answers = [302]
        task = own.refer(NOTHING)
        wait_for(lambda: any("redirects are not followed" in line for line in said))
        wait_for(lambda: [one["state"] for one in own.deliveries(task)] == ["delivered"])
        assert own.deliveries(task)[0]["attempts"][0]["status"] == 302
        assert not [path for _, path, _, _ in receiver.got if "elsewhere" in path]


def test_a_target_that_hangs_is_no_answer(own: Engineer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "TARGET_SECONDS", 0.3)
    with receiving(own.told["webhook_secret"]) as receiver, listens(own, receiver.url) as said:
        receiver.hangs = 1
        own.refer(NOTHING)
        wait_for(lambda: any("no answer (answer)" in line for line in said))


def test_a_listener_that_dies_has_given_no_answer(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushes, "PATIENCE", 0.5)
    monkeypatch.setattr(pushes, "SEND_SECONDS", 2.5)
    own = sandbox.join()
    listener = uuid4()
    headers = {"Authorization": f"Bearer {own.told['control_token']}"}
    place = f"/sandbox/tenants/{own.tenant}/pushes"
    with httpx.Client(base_url=own.sandbox.url, timeout=60) as http:
        asked = threading.Thread(
            target=http.get, args=(f"{place}/next?listener={listener}&wait=10",), kwargs={"headers": headers}
        )
        asked.start()
        wait_for(lambda: own.control("GET").json()["listening"])
        task = own.refer(NOTHING)
        asked.join()  # it has the push, and says nothing any more
        wait_for(own.pushes)
        assert own.pushes()[-1]["status"] is None
        assert http.post(f"{place}/1/answer", headers=headers, json={}).status_code == 422
        wait_for(lambda: own.deliveries(task)[0]["attempts"])
    first = own.deliveries(task)[0]["attempts"][0]
    assert (first["status"], first["phase"]) == (None, "answer")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_content_brings_none(
    own: Engineer, status: int, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    server = logging.getLogger("uvicorn.error")
    server.addHandler(caplog.handler)
    request.addfinalizer(lambda: server.removeHandler(caplog.handler))
    listener = uuid4()
    with ThreadPoolExecutor(1) as asking:
        question = asking.submit(own.next_push, listener)
        wait_for(lambda: own.control("GET").json()["listening"])
        task = own.refer(NOTHING)
        number = question.result().json()["number"]
    said = {"status": status, "headers": {"content-type": "text/plain"}, "body": "c2FpZA=="}
    assert own.control("POST", f"pushes/{number}/answer", said).status_code == 204
    attempts = wait_for(lambda: own.deliveries(task)[0]["attempts"])
    assert (attempts[0]["status"], attempts[0]["phase"]) == (status, "done")
    assert caplog.messages == []


def test_one_listens_at_a_time(own: Engineer) -> None:
    other = Listener(own.joined, "http://127.0.0.1:9", print)
    with listens(own, "http://127.0.0.1:9"), pytest.raises(Trouble, match="Another `gateway listen`"):
        asyncio.run(other.run())


@pytest.mark.parametrize(
    "target",
    [
        "http://example.org/x",
        "ftp://127.0.0.1/",
        "127.0.0.1:9000",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1:99999",
        "http://127.0.0.1/?a=1",
        "",
        "http://[::1",
    ],
)
def test_a_target_that_cannot_be_is_told_at_once(ann: Engineer, target: str) -> None:
    with pytest.raises(Trouble, match="--forward-to"):
        Listener(ann.joined, target, print)


def test_it_asks_again_when_the_sandbox_does_not_answer(ann: Engineer) -> None:
    said: list[str] = []
    away = Joined("http://127.0.0.1:9", ann.tenant, ann.told["control_token"], ann.told)

    async def listen() -> None:
        twice = asyncio.Event()

        def tell(line: str) -> None:
            said.append(line)
            if len(said) == 2:
                twice.set()

        listening = asyncio.create_task(Listener(away, "http://127.0.0.1:9", tell).run())
        async with asyncio.timeout(60):
            await twice.wait()
        listening.cancel()
        await asyncio.wait([listening])

    asyncio.run(listen())
    assert said == [
        "The sandbox does not answer; asking again in 0.5 s.",
        "The sandbox does not answer; asking again in 1.0 s.",
    ]


def test_whoever_is_not_known_is_told(sandbox: Sandbox, ann: Engineer) -> None:
    stranger = Joined(sandbox.url, ann.tenant, "not-the-token", ann.told)
    with pytest.raises(Trouble, match="control token"):
        asyncio.run(Listener(stranger, "http://127.0.0.1:9", print).run())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "pushes/next", None, 400),
        ("GET", "pushes/next?listener=x", None, 400),
        ("GET", "pushes/next?listener=0b8a1a52-6f0e-4a8e-9d55-3f1b1f0d7a01&wait=9999", None, 400),
        ("GET", "pushes/next?listener=0b8a1a52-6f0e-4a8e-9d55-3f1b1f0d7a01&wait=-1", None, 400),
        ("GET", f"pushes/next?listener=0b8a1a52-6f0e-4a8e-9d55-3f1b1f0d7a01&wait={'1' * 5000}", None, 400),
        ("POST", "pushes/9/answer", {"status": 200, "headers": {}, "body": ""}, 404),
        ("POST", "pushes/x/answer", {"status": 200, "headers": {}, "body": ""}, 404),
        ("POST", "pushes/9/answer", {"status": 1000, "headers": {}, "body": ""}, 422),
        ("POST", "pushes/9/answer", {"status": 200, "headers": {"a": "b\r\nc: d"}, "body": ""}, 422),
        ("POST", "pushes/9/answer", {"status": 200, "headers": {"a\r\nb": "c"}, "body": ""}, 422),
        ("POST", "pushes/9/answer", {"status": 200, "headers": {}, "body": "%%%"}, 422),
    ],
)
def test_a_listeners_questions_are_checked(ann: Engineer, method: str, path: str, body: object, status: int) -> None:
    answer = ann.control(method, path, body)
    assert answer.status_code == status, answer.text
