"""Platforms, one right and others wrong in one thing, as the runner judges them from what they answer and ask."""

import asyncio
import base64
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc.jwk import ECKey
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.requests import Request
from starlette.responses import Response
from tests.contract_runner.platform import ADVISOR, Platform, app_of
from tests.contract_runner.stage import failed, read_once, told
from tests.serving import serving

from gateway.contract import listening
from gateway.contract.config import Config
from gateway.contract.results import Report, Teller
from gateway.contract.running import run_suite

Json = dict[str, Any]
SECRET = "whsec_" + base64.b64encode(b"between the gateway and a platform").decode()


class WaitsToBeTold(Platform):
    """Nothing is wrong with it: it moves nothing by itself, and reads again instead of sending again."""

    async def look_into(self, event: Json) -> None:
        if event["type"].endswith(".submitted"):
            path = event["dataref"].removeprefix(self.gateway)
            self.referrals[event["subject"]] = path
            await self.tell(path)

    async def move(self, path: str, said: Json) -> None:
        for _ in range(8):
            answer = await self.ask(f"{path}/transitions", said, str(uuid4()))
            self.token = "" if answer is not None and answer.status_code == 401 else self.token
            if answer is not None and answer.status_code in {200, 422}:
                return
            await asyncio.sleep(0.5)
            read = await self.tell(path)
            if read is not None and read.json()["status"] == said["to"]:
                return


class BelievesAnything(Platform):
    def is_signed(self, body: bytes, request: Request) -> bool:
        return True


class LooksAtNoClock(Platform):
    def is_signed(self, body: bytes, request: Request) -> bool:
        named, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "0")
        moment = datetime.fromtimestamp(int(at), UTC)
        return Webhook(self.secret).sign(named, moment, body.decode()) == request.headers.get("webhook-signature")


class SignsWhatItParsed(Platform):
    """The JSON as it writes it itself, not the bytes that came."""

    def is_signed(self, body: bytes, request: Request) -> bool:
        try:
            Webhook(self.secret).verify(json.dumps(json.loads(body), indent=1), dict(request.headers))
        except (ValueError, WebhookVerificationError):
            return False
        return True


class ActsOnRepeats(Platform):
    def is_new(self, event_id: str) -> bool:
        return True

    async def go(self, path: str, *way: str) -> None:
        await self.tell(path)
        for status in way:
            await self.move(path, {"to": status})


class NeverReads(Platform):
    async def look_into(self, event: Json) -> None:
        self.referrals[event["subject"]] = event["dataref"].removeprefix(self.gateway)


class ReadsWithoutToken(Platform):
    async def ask(self, path: str, said: Json | None, request_id: str) -> httpx.Response | None:
        return await (self.http.get(f"{self.gateway}{path}") if said is None else super().ask(path, said, request_id))


class GivesUpWhenLost(Platform):
    async def ask(self, path: str, said: Json | None, request_id: str) -> httpx.Response | None:
        return await super().ask(path, said, request_id) or httpx.Response(499)


class GivesUpWhenAway(Platform):
    async def ask(self, path: str, said: Json | None, request_id: str) -> httpx.Response | None:
        answer = await super().ask(path, said, request_id)
        return httpx.Response(499) if answer is not None and answer.status_code == 503 else answer


class KeepsItsToken(Platform):
    async def signed_in(self) -> str:
        self.first = getattr(self, "first", "") or await super().signed_in()
        return str(self.first)


class MovesTwice(Platform):
    async def move(self, path: str, said: Json) -> None:
        await super().move(path, said)
        await super().move(path, said)


class JumpsAhead(Platform):
    async def go(self, path: str, *way: str) -> None:
        await self.tell(path)
        if way[-1] != "received":
            await self.move(path, {"to": "allocated", "advisor": ADVISOR})


class KnowsItsTypesOnly(Platform):
    async def hear(self, request: Request) -> Response:
        if b"something-new" in await request.body():
            return Response(status_code=500)
        return await super().hear(request)


class KnowsItsAttributesOnly(Platform):
    async def hear(self, request: Request) -> Response:
        return Response(status_code=400) if b"traceparent" in await request.body() else await super().hear(request)


class FallsOverRubbish(Platform):
    async def hear(self, request: Request) -> Response:
        answer = await super().hear(request)
        return Response(status_code=500) if answer.status_code == 400 else answer


class RefusesWithoutReason(Platform):
    async def move(self, path: str, said: Json) -> None:
        await super().move(path, {"to": said["to"]})


class UsesItsOwnWords(Platform):
    async def tell(self, path: str, said: Json | None = None) -> httpx.Response | None:
        return await super().tell(path, said | {"categories": ["money"]} if said and "categories" in said else said)


class Insists(Platform):
    async def go(self, path: str, *way: str) -> None:
        await super().go(path, "received")
        for _ in range(20 if way[-1] == "accepted" else 0):
            answer = await self.tell(f"{path}/transitions", {"to": "accepted"})
            if answer is not None and answer.status_code == 200:
                return
            await asyncio.sleep(0.2)


class TakesNothing(Platform):
    async def hear(self, request: Request) -> Response:
        await super().hear(request)
        return Response(status_code=500)


# Judged by the tests that must see it: who takes no event, or never reads, fails the others, too.
BROKEN = [
    (BelievesAnything, "03 04 05 06"),
    (LooksAtNoClock, "06"),
    (SignsWhatItParsed, "01 02"),
    (ActsOnRepeats, "07"),
    (NeverReads, "02"),
    (ReadsWithoutToken, "02"),
    (GivesUpWhenLost, "13"),
    (GivesUpWhenAway, "14"),
    (KeepsItsToken, "15"),
    (MovesTwice, "11"),
    (JumpsAhead, "11"),
    (KnowsItsTypesOnly, "08 09"),
    (KnowsItsAttributesOnly, "09"),
    (FallsOverRubbish, "10"),
    (RefusesWithoutReason, "12"),
    (UsesItsOwnWords, "16"),
    (Insists, "17"),
    (TakesNothing, "01 07 08 09"),
]
# What the runner says of some, beside the number of the test.
SAID = {
    ActsOnRepeats: "Expected no such request; POST /platform/v1/referrals/",
    BelievesAnything: "Expected status 400, 401, 403; it was 202.",
    GivesUpWhenAway: "Expected of the answer: status = 'accepted'. There is",
    NeverReads: "it did not come",
}


@pytest.fixture(autouse=True)
def migrated(sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic migrates one database at a time; here several runners begin at once."""

    async def copy(database_url: str) -> None:
        shutil.copy(sqlite_template, database_url.partition(":///")[2])

    monkeypatch.setattr(listening, "migrate", copy)


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, Config]:
    """The platform's private key, and a configuration that knows its public half."""
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    file: Path = tmp_path_factory.mktemp("keys") / "platform.jwks.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return key.as_dict(private=True), Config(keys_file=file, secret=SECRET, patience=3)


async def judged(kind: type[Platform], agreed: tuple[Json, Config], *only: str) -> Report:
    platform = kind(SECRET, agreed[0])

    def know(url: str) -> None:
        platform.gateway = url

    teller = Teller(lambda _test: None, lambda _result: None, lambda _say: None, know)
    async with serving(app_of(platform), lifespan="on") as url:
        return await run_suite(read_once("platform"), f"{url}/events", agreed[1], teller, only, cues=f"{url}/cues")


@pytest.mark.parametrize("healthy", [Platform, WaitsToBeTold])
async def test_no_false_alarm(healthy: type[Platform], agreed: tuple[Json, Config]) -> None:
    ids = [test.id for test in read_once("platform").tests]
    agreed = agreed[0], agreed[1].model_copy(update={"patience": 60})
    halves = await asyncio.gather(*(judged(healthy, agreed, *half) for half in (ids[::2], ids[1::2])))
    for report in halves:
        assert not failed(report), told(report)
    assert sum(report.count("pass") for report in halves) == len(ids)


@pytest.mark.parametrize("some", [BROKEN[:6], BROKEN[6:12], BROKEN[12:]], ids=["1-6", "7-12", "13-18"])
async def test_broken_ones_are_caught(some: list[tuple[type[Platform], str]], agreed: tuple[Json, Config]) -> None:
    """A few at a time: most of each is waiting for what should not come."""
    wanted = {broken: [f"PLT-{number}" for number in caught_by.split()] for broken, caught_by in some}
    reports = await asyncio.gather(*(judged(broken, agreed, *numbers) for broken, numbers in wanted.items()))
    for broken, report in zip(wanted, reports, strict=True):
        assert failed(report) == wanted[broken], f"{broken.__name__}: {told(report)}"
        assert SAID.get(broken, "") in told(report), broken.__name__


def test_each_test_catches_somebody() -> None:
    caught = {f"PLT-{number}" for _, caught_by in BROKEN for number in caught_by.split()}
    assert caught == {test.id for test in read_once("platform").tests}
