"""The log of the FHIR door and of the platform's door says nothing of the person, whatever the answer was."""

import json
from pathlib import Path

import pytest
from tests.app import referral_bundle, resource_of, start, without_ids

SECRETS = ("Harrow", "Margaret", "9992047186", "0012345", "1971", "Quayside")


@pytest.mark.parametrize("refused", [False, True])
async def test_the_log_says_nothing_of_the_person(
    refused: bool, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = await start(database_url, tmp_path)
    bundle = referral_bundle()
    assert all(secret in json.dumps(bundle) for secret in SECRETS)
    if refused:
        resource_of(bundle, "Patient")["birthDate"] = "1971-06-31"
    capsys.readouterr()

    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)
    await gateway.call("demo-epr", "GET", "/FHIR/R4/Patient?family=Harrow&birthdate=1971-06-14")
    await gateway.call("demo-platform", "GET", "/platform/v1/referrals")
    await gateway.stop()
    logged = without_ids(capsys.readouterr().out)

    assert answer.status_code == (422 if refused else 200)
    assert logged.count("request_id") == 3
    for secret in SECRETS:
        assert secret not in logged
