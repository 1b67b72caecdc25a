"""EPRs that refer, one right and others wrong in one thing, as the runner judges them from what they send."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from tests.app import resource_of
from tests.contract_runner.epr import Epr, app_of
from tests.contract_runner.stage import QUIET, failed, prove, read_once, told
from tests.serving import serving

from gateway.contract.config import Config
from gateway.contract.results import Report
from gateway.contract.running import run_suite
from gateway.security import token_request

Json = dict[str, Any]


class NewNumberEachTry(Epr):
    def before_the_next_try(self, bundle: Json) -> Json:
        resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] += "0"
        return bundle


class AsksForATokenInJson(Epr):
    async def signed_in(self) -> str:
        url = f"{self.gateway}/oauth2/token"
        await self.http.post(url, json=token_request("epr-under-test", self.key, url))
        return "none"


class WaitsASecond(Epr):
    """Nothing is wrong with it: after that it sends the same again."""

    impatient = False

    async def post(self, path: str, body: Json) -> Any:
        try:
            return await asyncio.wait_for(super().post(path, body), 1)
        except TimeoutError:
            self.impatient = True
            return None


class DoublesWhatIsSlow(WaitsASecond):
    """And under another number."""

    def before_the_next_try(self, bundle: Json) -> Json:
        if self.impatient:
            resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] += "0"
        self.impatient = False
        return bundle


class GivesUp(Epr):
    async def post(self, path: str, body: Json) -> Any:
        return await super().post(path, body) or _answered(599)


class GivesUpWhenAway(Epr):
    async def post(self, path: str, body: Json) -> Any:
        answer = await super().post(path, body)
        return _answered(499) if answer is not None and answer.status_code == 503 else answer


class KeepsItsToken(Epr):
    async def signed_in(self) -> str:
        kept, self.token = self.token, ""
        self.token = getattr(self, "first", "") or await super().signed_in()
        self.first = self.token or kept
        return self.token


class TriesAgainWhatWasRefused(Epr):
    async def post(self, path: str, body: Json) -> Any:
        answer = await super().post(path, body)
        return None if answer is not None and answer.status_code == 422 else answer


class LosesZeros(Epr):
    def text(self, number: str) -> str:
        return str(int(number))


class ForgetsTheZone(Epr):
    def moment(self, at: str) -> str:
        return at.removesuffix("+01:00")


class SendsEachClick(Epr):
    async def click_twice(self, bundle: Json) -> None:
        other = json.loads(json.dumps(bundle))
        resource_of(other, "ServiceRequest")["identifier"][0]["value"] += "-2"
        await asyncio.gather(self.refer(bundle), self.refer(other))


class OneNumberForAll(Epr):
    def referral(self, given: Json) -> Json:
        bundle = super().referral(given)
        resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] = "REFERRAL"
        return bundle


class NobodyInParticular(Epr):
    def referral(self, given: Json) -> Json:
        bundle = super().referral(given)
        del resource_of(bundle, "Patient")["birthDate"]
        return bundle


class PlainJson(Epr):
    def headers(self) -> dict[str, str]:
        return super().headers() | {"Content-Type": "text/plain"}


class NumberInTheAddress(Epr):
    async def look_up(self) -> None:
        await self.call("GET", "/FHIR/R4/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C9992047186")


class AnothersNumberInTheAddress(Epr):
    async def look_up(self) -> None:
        await self.call("GET", "/FHIR/R4/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018")


class NumberInAnId(Epr):
    async def look_up(self) -> None:
        await self.call("GET", "/FHIR/R4/Task?patient=Patient/nhs9992047186")


class DeletesInstead(Epr):
    async def withdraw(self) -> None:
        await self.call("DELETE", f"/FHIR/R4/ServiceRequest/{self.sent['id']}")


class TenDigitsInAnId(Epr):
    """Nothing is wrong with it: they are nobody's number."""

    async def look_up(self) -> None:
        await self.call("GET", "/FHIR/R4/Task?focus=ServiceRequest/01a21f20-aa93-7d4a-9f7c-e4775844935c")


def _answered(status: int) -> Any:
    class Answered:
        status_code = status if status < 500 else 499

    return Answered()


# Judged by the tests that must see it: who never sends what can be accepted fails the others, too.
BROKEN = [
    (AsksForATokenInJson, ["SND-01"]),
    (DoublesWhatIsSlow, ["SND-10"]),
    (NewNumberEachTry, ["SND-08", "SND-09", "SND-11"]),
    (GivesUp, ["SND-08"]),
    (GivesUpWhenAway, ["SND-09"]),
    (KeepsItsToken, ["SND-11"]),
    (TriesAgainWhatWasRefused, ["SND-12"]),
    (LosesZeros, ["SND-04"]),
    (ForgetsTheZone, ["SND-05"]),
    (SendsEachClick, ["SND-07"]),
    (OneNumberForAll, ["SND-06"]),
    (NobodyInParticular, ["SND-03"]),
    (PlainJson, ["SND-02"]),
    (NumberInTheAddress, ["SND-14"]),
    (AnothersNumberInTheAddress, ["SND-14"]),
    (NumberInAnId, ["SND-14"]),
    (DeletesInstead, ["SND-13"]),
]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, Config]:
    """The EPR's private key, and a configuration that knows its public half."""
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    file: Path = tmp_path_factory.mktemp("keys") / "epr.jwks.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return key.as_dict(private=True), Config(keys_file=file, patience=3)


async def judged(
    epr: Epr, config: Config, *only: str, at: tuple[str, int] = ("127.0.0.1", 0), base_url: str | None = None
) -> Report:
    async with serving(app_of(epr), lifespan="on") as url:
        return await run_suite(read_once("epr-sender"), None, config, QUIET, only, at, f"{url}/cues", base_url)


async def test_no_false_alarm(keys: tuple[Json, Config]) -> None:
    report = await judged(Epr(keys[0]), keys[1].model_copy(update={"patience": 60}))
    assert not failed(report), told(report)
    assert report.count("pass") == len(report.suite.tests)


async def test_an_epr_is_free_to_wait_a_second_only(keys: tuple[Json, Config]) -> None:
    """The repeat is answered first, with the code duplicate."""
    report = await judged(WaitsASecond(keys[0]), keys[1].model_copy(update={"patience": 60}), "SND-08", "SND-10")
    assert not failed(report), told(report)


async def test_other_numbers_may_stand_in_addresses(keys: tuple[Json, Config]) -> None:
    report = await judged(TenDigitsInAnId(keys[0]), keys[1], "SND-14")
    assert not failed(report), told(report)


@pytest.mark.parametrize(("broken", "caught_by"), BROKEN, ids=lambda one: getattr(one, "__name__", None))
async def test_a_broken_one_is_caught(broken: type[Epr], caught_by: list[str], keys: tuple[Json, Config]) -> None:
    report = await judged(broken(keys[0]), keys[1], *caught_by)
    assert failed(report) == caught_by, told(report)


def test_each_test_catches_somebody() -> None:
    caught = {id_ for _, caught_by in BROKEN for id_ in caught_by}
    assert caught == {test.id for test in read_once("epr-sender").tests}


async def test_without_its_keys_no_epr_can_be_judged() -> None:
    report = await prove("epr-sender", None, Config())
    assert report.count("skip") == len(report.suite.tests)
    assert report.results[0].failures == ["The configuration has no keys_file."]


async def test_what_came_and_is_wrong_is_told_at_once(keys: tuple[Json, Config]) -> None:
    """Nobody waits for another: it could not be the one that was meant."""
    patient = keys[1].model_copy(update={"patience": 60})
    report = await judged(PlainJson(keys[0]), patient, "SND-02")
    assert failed(report) == ["SND-02"]
    assert report.results[0].milliseconds < 20_000


async def test_it_listens_to_all_that_reach_it(keys: tuple[Json, Config]) -> None:
    """SND-07 asks the runner's own gateway, too."""
    report = await judged(Epr(keys[0]), keys[1], "SND-01", "SND-07", at=("0.0.0.0", 0))
    assert not failed(report), told(report)
    assert report.target.startswith("http://127.0.0.1:")


async def test_it_is_reached_at_another_address(keys: tuple[Json, Config]) -> None:
    """The cue names it, and the assertion is meant for it."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    base_url = f"http://localhost:{port}"
    report = await judged(Epr(keys[0]), keys[1], "SND-01", "SND-07", at=("127.0.0.1", port), base_url=base_url)
    assert not failed(report), told(report)
    assert report.target == base_url
