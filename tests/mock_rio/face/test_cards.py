"""The mock as a CDS Hooks client: what the gateway says beside a record, and a record that opens whatever it says."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tests.mock_rio.face.launching import PETROV, Launching, frame_of, query_of
from tests.mock_rio.rio import Rio, Serve
from tests.serving import serving

from adapters.rio.mock import App
from adapters.rio.mock.smart import new_key

Json = dict[str, Any]

PREFETCH = {
    "who": "Patient/{{context.patientId}}",
    "needs": "Condition?patient={{context.patientId}}",
    "seen": "Observation?patient={{context.patientId}}&category=social-history",
    "team": "PractitionerRole?practitioner={{userPractitionerId}}",
    "other": "CarePlan?patient={{context.patientId}}",
}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time: the record would open without a card."""
    monkeypatch.setattr("adapters.rio.mock.cards.SECONDS", 20)


@dataclass
class Gateway:
    """A gateway whose one service answers `cards` after `seconds`; it keeps what it was asked."""

    url: str = ""
    cards: Any = None
    seconds: float = 0
    calls: list[tuple[str, str, Json]] = field(default_factory=list)  # address, token, body
    answered: int = 0

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/cds-services")
        async def discover() -> Any:
            services = [
                {"id": "orders", "hook": "order-sign"},
                {"id": "view", "hook": "patient-view", "prefetch": PREFETCH},
            ]
            return {"services": services}

        @app.post("/{path:path}")
        async def answer(path: str, request: Request) -> Response:
            token = request.headers["authorization"].removeprefix("Bearer ")
            self.calls.append((f"{self.url}/{path}", token, await request.json()))
            await asyncio.sleep(self.seconds)
            self.answered += 1
            return JSONResponse(self.cards)

        return app


def card(gateway: Gateway, **changed: Any) -> Json:
    link = {"label": "Refer", "type": "smart", "url": f"{gateway.url}/launch", "appContext": '{"reasons":["housing"]}'}
    return {
        "uuid": "6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01",
        "summary": "Feeling lonely: refer to social prescribing?",
        "indicator": "info",
        "detail": "It is **recorded**.",
        "source": {"label": "Social prescribing gateway"},
        "links": [link],
    } | changed


@pytest.fixture
def key() -> ECKey:
    return new_key()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    async with serving(gateway.app()) as gateway.url:
        gateway.cards = {"cards": [card(gateway)]}
        yield gateway


@pytest.fixture
async def rio(serve: Serve, gateway: Gateway, key: ECKey) -> AsyncIterator[Rio]:
    async with serve(face=App(gateway=gateway.url), key=key) as rio:
        await rio.sign_in("amara.osei")
        yield rio


async def overview(rio: Rio) -> str:
    answer = await rio.client.get(f"{rio.url}/clients/{PETROV}")
    assert answer.status_code == 200
    assert "PETROV, Daniel" in answer.text
    return answer.text


async def test_opening_a_record_asks_and_shows_the_cards(rio: Rio, gateway: Gateway, key: ECKey) -> None:
    page = await overview(rio)

    for words in ("Feeling lonely: refer to social prescribing?", "It is recorded.", "Social prescribing gateway"):
        assert words in page
    [(address, token, asked)] = gateway.calls
    assert address == f"{gateway.url}/cds-services/view"
    assert (asked["hook"], asked["fhirServer"]) == ("patient-view", f"{rio.url}/FHIR/R4")
    assert asked["context"] == {"userId": "Practitioner/AOSEI", "patientId": PETROV}
    told = asked["prefetch"]
    assert set(told) == set(PREFETCH) - {"other"}  # what it does not have it leaves out
    assert told["who"]["id"] == PETROV
    assert told["needs"]["entry"][0]["resource"]["code"]["coding"][0]["code"] == "267076002"
    assert told["team"]["entry"][0]["resource"]["healthcareService"][0]["display"] == "Recovery Team North"
    assert told["seen"]["total"] == 0

    proof = jwt.decode(token, KeySet([key]), algorithms=["ES384"])
    assert (proof.claims["iss"], proof.claims["aud"]) == (rio.url, address)
    assert proof.claims["iat"] <= time.time() < proof.claims["exp"] <= time.time() + 300
    assert proof.header["kid"] == key.kid
    await overview(rio)
    second = jwt.decode(gateway.calls[1][1], KeySet([key]), algorithms=["ES384"])
    assert (
        second.claims["jti"] != proof.claims["jti"],
        gateway.calls[1][2]["hookInstance"] != asked["hookInstance"],
    ) == (
        True,
        True,
    )


async def test_the_link_of_a_card_launches_with_its_context(rio: Rio, gateway: Gateway) -> None:
    [address] = re.findall(r'href="([^"]+)">Refer</a>', await overview(rio))

    page = await rio.client.get(rio.url + address)

    launching = Launching(rio)
    callback = {"redirect_uri": f"{gateway.url}/launch/callback"}
    answer = await launching.authorize(query_of(frame_of(page.text))["launch"], **callback)
    told = (await launching.redeem(query_of(answer.headers["location"])["code"], **callback)).json()
    assert (told["appContext"], told["patient"]) == ('{"reasons":["housing"]}', PETROV)


async def test_a_card_of_somebody_else_gives_no_context(rio: Rio, gateway: Gateway) -> None:
    [address] = re.findall(r'href="([^"]+)">Refer</a>', await overview(rio))

    page = await rio.client.get(rio.url + address.replace(PETROV, "0012345"))

    launching = Launching(rio)
    callback = {"redirect_uri": f"{gateway.url}/launch/callback"}
    answer = await launching.authorize(query_of(frame_of(page.text))["launch"], **callback)
    told = (await launching.redeem(query_of(answer.headers["location"])["code"], **callback)).json()
    assert ("appContext" in told, told["patient"]) == (False, "0012345")


async def test_not_now_is_told_and_the_card_does_not_come_again(rio: Rio, gateway: Gateway, key: ECKey) -> None:
    [address] = re.findall(r'action="([^"]+/dismiss)"', await overview(rio))
    gateway.calls.clear()

    answer = await rio.client.post(rio.url + address)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/clients/{PETROV}")
    [(where, token, told)] = gateway.calls
    assert where == f"{gateway.url}/cds-services/view/feedback"
    assert jwt.decode(token, KeySet([key]), algorithms=["ES384"]).claims["aud"] == where
    [feedback] = told["feedback"]
    assert (feedback["card"], feedback["outcome"]) == ("6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01", "overridden")
    assert feedback["outcomeTimestamp"].endswith("Z")
    assert "Feeling lonely" not in await overview(rio)
    await rio.sign_in("records")  # who has not said so
    assert "Feeling lonely" in await overview(rio)


async def test_feedback_is_given_on_what_one_was_shown_alone(rio: Rio, gateway: Gateway) -> None:
    [address] = re.findall(r'action="([^"]+/dismiss)"', await overview(rio))
    gateway.calls.clear()

    await rio.client.post(rio.url + address.replace("6b1f0c52", "00000000"))
    await rio.sign_in("records")
    await rio.client.post(rio.url + address)
    await rio.client.post(f"{rio.url}/sign-out")
    assert (await rio.client.post(rio.url + address)).status_code == 401

    assert not gateway.calls


async def test_script_in_a_card_is_shown_inert(rio: Rio, gateway: Gateway) -> None:
    script = '"><script>alert(1)</script>'
    link = {"label": script, "type": "smart", "url": f"{gateway.url}/launch"}
    source = {"label": script}
    gateway.cards = {"cards": [card(gateway, uuid=script, summary=script, detail=script, source=source, links=[link])]}

    page = await overview(rio)

    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") == 4


async def test_a_link_elsewhere_does_not_launch(rio: Rio, gateway: Gateway) -> None:
    links = [
        {"label": "Elsewhere", "type": "smart", "url": "https://evil.example/launch"},
        {"label": "Elsewhere", "type": "absolute", "url": "javascript:alert(1)"},
    ]
    gateway.cards = {"cards": [card(gateway, links=links)]}

    page = await overview(rio)

    assert "Feeling lonely" in page
    assert "Elsewhere" not in page


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "cards",
        {"cards": None},
        {"cards": {}},
        {"cards": [5, None, "text", []]},
        {"cards": [{"summary": {}, "indicator": ["x"], "detail": 5, "source": "us", "links": 5, "uuid": 7}]},
        {"cards": [{"summary": "Shown", "links": [5, {"type": "smart", "url": [], "label": {}}]}]},
    ],
)
async def test_the_record_opens_whatever_the_answer(rio: Rio, gateway: Gateway, told: Any) -> None:
    gateway.cards = told

    page = await overview(rio)

    assert gateway.calls
    assert page.count('aria-label="Advice"') == page.count("<h2>Shown</h2>") == ("Shown" in str(told))


async def test_the_record_opens_in_time_when_the_gateway_does_not_answer(
    rio: Rio, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.seconds = 8
    monkeypatch.setattr("adapters.rio.mock.cards.SECONDS", 1)

    page = await overview(rio)

    assert (len(gateway.calls), gateway.answered) == (1, 0)
    assert "Feeling lonely" not in page
    assert 'role="alert"' not in page
    gateway.seconds = 0
    monkeypatch.setattr("adapters.rio.mock.cards.SECONDS", 20)
    assert "Feeling lonely" in await overview(rio)


@asynccontextmanager
async def nobody_there() -> AsyncIterator[str]:
    """An address where somebody was a moment ago."""
    async with serving(FastAPI()) as url:
        pass
    yield url


async def test_the_record_opens_when_there_is_no_gateway(serve: Serve) -> None:
    async with nobody_there() as url, serve(face=App(gateway=url)) as rio:
        await rio.sign_in("amara.osei")

        assert 'aria-label="Advice"' not in await overview(rio)
