"""What makes an open referral unsafe is told to the hub, and never refused: whatever the sender's agreement says of a
new referral."""

from pathlib import Path
from typing import Any

import pytest
from tests.app import issues_of
from tests.identity.test_agreements import agree
from tests.later.conftest import Sent
from tests.later.test_consent import consent_of

Json = dict[str, Any]

DIED = "The record sent says that the person has died."


async def warned(sent: Sent, start: str) -> bool:
    return any(text.startswith(start) for text in (await sent.view())["warnings"])


async def test_a_death_is_told_where_the_dead_are_not_referred(sent: Sent, tmp_path: Path) -> None:
    await agree(sent.running, tmp_path, rules={"alive": "error"})

    await sent.change(await sent.read(f"Patient/{sent.patient_id}"), deceasedDateTime="2026-01-05")

    assert await warned(sent, DIED)
    assert await sent.events() == ["submitted", "amended"]


@pytest.mark.parametrize("status", ["entered-in-error", "inactive"])
async def test_a_consent_is_taken_back_where_consent_is_needed(sent: Sent, tmp_path: Path, status: str) -> None:
    await agree(sent.running, tmp_path, rules={"consent": "error"})

    await sent.change(await consent_of(sent), status=status)

    assert await warned(sent, "STOP SHARING" if status == "inactive" else "No consent was sent that counts")
    assert (await sent.view())["referral"].get("consent", {}).get("decision") != "permit"


async def test_a_consent_that_turns_out_to_be_another_persons_permits_nothing(sent: Sent) -> None:
    other = await sent.post({"resourceType": "Patient", "name": [{"family": "Testcase"}], "birthDate": "1984-05-17"})

    await sent.change(await consent_of(sent), patient={"reference": f"Patient/{other['id']}"})

    assert await warned(sent, "Consent.patient and ServiceRequest.subject must be the same person")
    assert (await sent.view())["referral"].get("consent", {}).get("decision") != "permit"


async def test_a_record_without_a_name_is_told(sent: Sent) -> None:
    patient = await sent.read(f"Patient/{sent.patient_id}")
    del patient["name"]

    await sent.change(patient)

    assert await warned(sent, "Patient.name needs a current family or given name")


async def test_a_request_is_refused_for_what_it_breaks_itself_alone(sent: Sent, tmp_path: Path) -> None:
    await agree(sent.running, tmp_path, rules={"alive": "error"})
    await sent.change(await sent.read(f"Patient/{sent.patient_id}"), deceasedBoolean=True)

    amended = await sent.change(await sent.request(), priority="urgent")
    del amended["reasonCode"]
    refused = await sent.put(amended)

    assert (await sent.view())["referral"]["urgency"] == "soon"
    assert issues_of(refused) == [("required", "ServiceRequest.reasonCode")]
