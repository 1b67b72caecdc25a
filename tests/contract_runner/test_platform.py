"""Platforms, one right and others wrong in one thing, as the runner judges them from what they answer and ask."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from tests.contract_runner.platform import DEBT_ADVICE, Platform, app_of
from tests.contract_runner.serving import serving
from tests.contract_runner.stage import SUITE_OF, failed, told

from gateway.contract.config import Config
from gateway.contract.running import Report, Teller, run_suite

Json = dict[str, Any]
SECRET = "whsec_" + base64.b64encode(b"between the gateway and a platform").decode()


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, Config]:
    """The platform's private key, and a configuration that knows its public half."""
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    file: Path = tmp_path_factory.mktemp("keys") / "platform.jwks.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return key.as_dict(private=True), Config(keys_file=file, secret=SECRET, patience=4)


async def judged(kind: type[Platform], agreed: tuple[Json, Config], *only: str) -> Report:
    platform = kind(SECRET, agreed[0])

    def know(url: str) -> None:
        platform.gateway = url

    teller = Teller(lambda _test: None, lambda _result: None, lambda _say: None, know)
    async with serving(app_of(platform)) as url:
        return await run_suite(SUITE_OF("platform"), f"{url}/events", agreed[1], teller, only, cues=f"{url}/cues")


async def test_no_false_alarm(agreed: tuple[Json, Config]) -> None:
    report = await judged(Platform, agreed)
    assert not failed(report), told(report)
    assert report.count("pass") == len(report.suite.tests)
