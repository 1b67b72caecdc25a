"""A tenant that is reset, removed or stopped in the middle of something: nothing breaks, nothing goes back in time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.sandbox.engineer import ACCEPTED, DEAD, NOTHING, Engineer, Sandbox, reference_of, running, task_in, wait_for

from gateway.sandbox import passing, pushes
from gateway.sandbox.kept import read_kept


def test_resets_break_nothing_that_goes_on_meanwhile(own: Engineer) -> None:
    answers: list[httpx.Response] = []
    over = threading.Event()

    def refer() -> None:
        while not over.is_set():
            answers.append(own.call("sandbox-epr", "POST", "/FHIR/R4", own.bundle(NOTHING)))

    def trigger() -> None:
        while not over.is_set():
            answer = own.call("sandbox-epr", "POST", "/FHIR/R4", own.bundle(NOTHING))
            if answer.status_code == 200:
                asked = {"status": "closed-unable-to-contact", "referral": reference_of(task_in(answer.json()))}
                answers.append(own.control("POST", "trigger", asked))

    own.token("sandbox-epr")
    with ThreadPoolExecutor(4) as at_once:
        doing = [at_once.submit(one) for one in (refer, refer, trigger)]
        resets = [own.control("POST", "reset") for _ in range(3)]
        over.set()
    assert [one.result() for one in doing] == [None] * 3
    assert {one.status_code for one in resets} == {200}
    assert {one.status_code for one in answers} <= {200, 404, 409}, [one.text for one in answers]
    assert own.control("POST", "reset").status_code == 200
    assert own.refer(ACCEPTED)


def test_the_clock_is_kept_before_it_goes_forward(own: Engineer, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, ahead, settle = own.sandbox.tenants.find(own.tenant), list[tuple[float, float]](), passing._settle

    async def look(*given: Any) -> None:
        ahead.append((read_kept(tenant.folder).ahead_seconds, tenant.clock.ahead.total_seconds()))
        await settle(*given)

    monkeypatch.setattr(passing, "_settle", look)
    own.refer("9990100039")
    own.advance("P5D")
    assert len(ahead) > 5
    assert [kept for kept, _ in ahead] == [goes_by for _, goes_by in ahead]


def test_a_reset_leaves_the_listener_where_it_is(own: Engineer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushes, "GRACE", 20.0)
    listener = uuid4()
    with ThreadPoolExecutor(1) as asking:
        first = asking.submit(own.next_push, listener)
        wait_for(lambda: own.control("GET").json()["listening"])
        own.refer(NOTHING)
        number = first.result().json()["number"]
        own.control("POST", f"pushes/{number}/answer", {"status": 200, "headers": {}, "body": ""})
        second = asking.submit(own.next_push, listener)
        assert own.control("POST", "reset").json()["listening"]
        assert own.pushes() == []
        task = own.refer(NOTHING)
        pushed = second.result().json()
    assert pushed["path"] == f"/Task/{task['id']}"
    assert pushed["number"] > number  # an answer to one of before is none to this


def test_a_push_that_nobody_waits_for_any_more_is_not_handed_out(
    own: Engineer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushes, "GRACE", 20.0)
    monkeypatch.setattr(pushes, "PATIENCE", 0.3)  # and the worker's own is 15
    listener = uuid4()
    assert own.next_push(listener, 0).status_code == 204
    own.refer(NOTHING)
    taken = own.sandbox.tenants.find(own.tenant).pushes
    wait_for(lambda: taken.kept and taken.kept[0].is_late)
    assert own.next_push(listener, 0).status_code == 204


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "reset")])
def test_nobody_waits_for_a_laptop_that_says_nothing(sandbox: Sandbox, method: str, path: str) -> None:
    own, listener = sandbox.join(), uuid4()
    with ThreadPoolExecutor(1) as asking:
        question = asking.submit(own.next_push, listener)
        wait_for(lambda: own.control("GET").json()["listening"])
        own.refer(NOTHING)
        assert question.result().status_code == 200
    started = time.monotonic()
    assert own.control(method, path).status_code < 300
    assert time.monotonic() - started < 10  # and not PATIENCE


def test_what_it_sends_ends_before_its_port_closes(tmp_path: Path) -> None:
    """While the last answer is awaited, for a second, there is nobody to send to."""
    with ThreadPoolExecutor(1) as asking:
        with running(tmp_path / "tenants") as first:
            own = first.join()
            slow = asking.submit(own.call, "sandbox-epr", "POST", "/FHIR/R4", own.bundle("9990100055"))
            tasks = [own.refer(number) for number in (DEAD, ACCEPTED, ACCEPTED)]
        assert slow.exception()
    with running(tmp_path / "tenants") as second:
        own.at(second)
        for task in tasks:
            attempts = [one for told in own.deliveries(task) for one in told["attempts"]]
            assert {one["phase"] for one in attempts} <= {"done"}, attempts
