"""What the gateway relies on is done by the mock EPR and by the platform of these tests, and whoever does not do it is
found out."""

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.pacts.platform_side import platform
from tests.pacts.providing import States, Values, verify
from tests.pacts.signing import ANOTHER, SECRET, Signing
from tests.pacts.terms import FHIR
from tests.pacts.written import FOLDER

from adapters.rio.mock import build_mock
from adapters.webhook.events import CLOUD_EVENT

OF_EPRS, OF_PLATFORMS = FOLDER / "gateway-epr.json", FOLDER / "gateway-platform.json"
LEAST = Path(__file__).parent.parent / "examples/least/task.json"


def states_of_epr(signing: Signing) -> States:
    async def nothing() -> Values:
        signing.secret = SECRET
        assert (await signing.send("DELETE", "/record")).status_code == 204
        return {}

    async def holds(number: int, task_id: str) -> Values:
        await nothing()
        task = json.loads(LEAST.read_text("utf-8"))
        task |= {"id": task_id, "meta": task["meta"] | {"versionId": str(number)}}
        answer = await signing.send("PUT", f"/FHIR/R4/Task/{task_id}", json.dumps(task).encode(), FHIR)
        assert answer.status_code == 200, answer.text
        return {}

    return {
        "the EPR holds nothing of the Task": lambda _: nothing(),
        "the EPR holds version 2 of the Task": lambda given: holds(2, given["task"]),
        "the EPR holds version 3 of the Task": lambda given: holds(3, given["task"]),
        "the EPR knows another secret": lambda _: with_secret(signing, ANOTHER),
    }


def states_of_platform(signing: Signing) -> States:
    async def has_had(id_: str) -> Values:
        signing.secret = SECRET
        body = json.dumps({"specversion": "1.0", "id": id_}).encode()
        answer = await signing.send("POST", "/hooks/referrals", body, CLOUD_EVENT, id_)
        assert answer.status_code == 204
        return {}

    return {
        "the platform has not had this event": lambda _: with_secret(signing, SECRET),
        "the platform has had this event": lambda given: has_had(given["event"]),
        "the platform knows another secret": lambda _: with_secret(signing, ANOTHER),
    }


async def with_secret(signing: Signing, secret: str) -> Values:
    signing.secret = secret
    return {}


async def test_the_mock_epr_keeps_the_pact() -> None:
    signing = Signing(build_mock(SECRET))

    await verify("epr", signing.app, states_of_epr(signing), OF_EPRS)


async def test_the_platform_of_these_tests_keeps_the_pact() -> None:
    app, acted_on = platform(SECRET)
    signing = Signing(app)

    await verify("platform", signing.app, states_of_platform(signing), OF_PLATFORMS)

    assert len(acted_on) == len(set(acted_on)) == 2  # the new one, and once the one that came twice


async def test_an_epr_that_believes_anything_is_found_out() -> None:
    async def take(request: Request) -> Response:
        return Response(status_code=204 if request.method == "DELETE" else 200, media_type=FHIR)

    methods = ["PUT", "GET", "DELETE"]
    careless = Starlette(routes=[Route("/{path:path}", take, methods=methods)])
    signing = Signing(careless)

    with pytest.raises(AssertionError) as found:
        await verify("epr", signing.app, states_of_epr(signing), OF_EPRS)

    told = str(found.value)
    assert "expected 409 but was 200" in told
    assert "expected 412 but was 200" in told
    assert "expected 401 but was 200" in told


async def test_a_platform_that_checks_no_signature_is_found_out() -> None:
    app, _ = platform(SECRET)
    trusting = Signing(app)
    states = dict(states_of_platform(trusting))
    states["the platform knows another secret"] = lambda _: with_secret(trusting, SECRET)

    with pytest.raises(AssertionError, match="expected 401 but was 204"):
        await verify("platform", trusting.app, states, OF_PLATFORMS)
