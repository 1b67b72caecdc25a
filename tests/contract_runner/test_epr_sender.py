"""EPRs that refer, one right and others wrong in one thing, as the runner judges them from what they send."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from tests.app import resource_of
from tests.contract_runner.epr import Epr, app_of
from tests.contract_runner.stage import failed, prove, told
from tests.serving import serving

from gateway.contract.config import Config
from gateway.contract.running import Report

Json = dict[str, Any]


class NewNumberEachTry(Epr):
    def before_the_next_try(self, bundle: Json) -> Json:
        resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] += "0"
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


class DeletesInstead(Epr):
    async def withdraw(self) -> None:
        await self.call("DELETE", f"/FHIR/R4/ServiceRequest/{self.sent['id']}")


def _answered(status: int) -> Any:
    class Answered:
        status_code = status if status < 500 else 499

    return Answered()


BROKEN = [
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
    (DeletesInstead, ["SND-13"]),
]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, Config]:
    """The EPR's private key, and a configuration that knows its public half."""
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    file: Path = tmp_path_factory.mktemp("keys") / "epr.jwks.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return key.as_dict(private=True), Config(keys_file=file, patience=3)


async def judged(epr: Epr, config: Config, *only: str) -> Report:
    async with serving(app_of(epr), lifespan="on") as url:
        return await prove("epr-sender", None, config, *only, cues=f"{url}/cues")


async def test_no_false_alarm(keys: tuple[Json, Config]) -> None:
    report = await judged(Epr(keys[0]), keys[1])
    assert not failed(report), told(report)
    assert report.count("pass") == len(report.suite.tests)


@pytest.mark.parametrize(("broken", "caught_by"), BROKEN, ids=lambda one: getattr(one, "__name__", None))
async def test_a_broken_one_is_caught(broken: type[Epr], caught_by: list[str], keys: tuple[Json, Config]) -> None:
    report = await judged(broken(keys[0]), keys[1], *caught_by)
    assert failed(report) == caught_by, told(report)
