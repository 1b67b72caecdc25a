"""What is agreed with a sender decides which findings refuse its referrals."""

from typing import Any

import pytest
from tests.app import Running, referral_bundle, resource_of

from gateway.demo.parties import demo_parties
from gateway.parties import Parties, register

Json = dict[str, Any]


async def agree(gateway: Running, folder: Any, **agreed: Any) -> None:
    """An agreement with the demo's first trust."""
    document = demo_parties(folder / "keys").model_dump()
    document["organisations"][0] |= agreed
    await register(gateway.store, Parties.model_validate(document))


async def send(gateway: Running, client: str = "demo-epr", **patient: Any) -> tuple[int, str]:
    bundle = referral_bundle()
    resource_of(bundle, "Patient").update(patient)
    answer = await gateway.call(client, "POST", "/FHIR/R4", bundle)
    return answer.status_code, answer.text


DIED = "The record sent says that the person has died."
NUMBER = {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990001015"}]}


async def test_who_has_died_is_flagged_or_refused_as_agreed(gateway: Running, tmp_path: Any) -> None:
    await agree(gateway, tmp_path, rules={"alive": "error"})
    status, text = await send(gateway, deceasedBoolean=True)
    assert (status, DIED in text) == (422, True)
    status, text = await send(gateway, client="demo-epr-2", deceasedBoolean=True)
    assert (status, DIED in text) == (200, True)


@pytest.mark.parametrize(("check", "statuses"), [("warn", (200, 422)), ("off", (200, 422)), (None, (422, 422))])
async def test_numbers_are_checked_as_agreed(gateway: Running, tmp_path: Any, check: Any, statuses: Any) -> None:
    await agree(gateway, tmp_path, nhs_number_check=check)
    answers = [await send(gateway, client, **NUMBER) for client in ("demo-epr", "demo-epr-2")]
    assert tuple(status for status, _ in answers) == statuses
    assert ("fails its check" in answers[0][1]) is (check != "off")


async def test_consent_where_the_agreement_asks_for_it(gateway: Running, tmp_path: Any) -> None:
    await agree(gateway, tmp_path, rules={"consent": "error"})
    bundle = referral_bundle()
    resource_of(bundle, "Consent")["status"] = "draft"
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 422
    assert "No consent was sent that counts" in answer.text
    assert (await send(gateway))[0] == 200


async def test_what_is_only_a_warning_as_agreed_is_kept_for_the_advisor(gateway: Running, tmp_path: Any) -> None:
    await agree(gateway, tmp_path, rules={"reason": "warning"})
    bundle = referral_bundle()
    del resource_of(bundle, "ServiceRequest")["reasonCode"]
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text
    (shown,) = (await gateway.call("demo-platform", "GET", "/platform/v1/referrals")).json()["referrals"]
    whole = (await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{shown['id']}")).json()
    assert [text for text in whole["warnings"] if text.startswith("ServiceRequest.reasonCode needs")]
