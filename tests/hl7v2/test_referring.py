"""REF^I12 becomes a referral, as one that came over FHIR."""

import asyncio
from typing import Any

from tests.hl7v2.conftest import MARGARET, Trust, code, example, faults, message, pid
from tests.identity.conftest import OTHER

from gateway.store.schema import delivery, person, referral, resource
from gateway.store.schema import message as stored_message

Json = dict[str, Any]


def reference_in(text: str) -> str:
    return text.removeprefix("Referral ")


async def referred(trust: Trust, sent: str) -> Json:
    """The referral as the hub sees it, by the reference in the acknowledgement."""
    ack = await trust.accepts(sent)
    reference = reference_in(ack.segments("MSA")[0].text(3))
    found = (await trust.platform("referrals"))["referrals"]
    [one] = [each for each in found if each["reference"] == reference]
    return await trust.platform(f"referrals/{one['id']}")


async def test_a_referral_has_all_that_the_message_says(trust: Trust) -> None:
    shown = await referred(trust, example("referred"))

    said, who = shown["referral"], shown["referral"]["person"]
    assert said["route"] == "epr-hl7v2"
    assert (who["family_name"], who["nhs_number"], who["nhs_number_status"]) == ("Harrow", "9990001014", "01")
    assert who["local_identifiers"][0]["value"] == "0012345"
    assert (said["referrer"]["name"], said["referrer"]["team"]) == ("Dr Amara Osei", "Recovery Team North")
    assert said["referrer"]["organisation"]["ods_code"] == "XND01"
    assert said["referrer"]["phone"] == "01632960045"
    assert [one["label"] for one in said["reasons"]] == [
        "Behind with rent, and lonely",
        "Financial and debt advice",
        "Stress",
    ]
    assert said["reasons"][1]["domain"] == "financial-and-debt-advice"
    assert [one["text"] for one in said["risks"]] == ["No known risks"]
    assert said["consent"]["decision"] == "permit"
    assert "It is safe to leave a message." in said["presenting_text"]
    assert "segments AL1" in said["presenting_text"]  # nothing is dropped unseen
    assert "PHQ-9 score: 11 score" in said["shared_documents"][0]["text"]
    assert shown["hub"]["id"] == "northdale-wellbeing-hub"


async def test_the_referral_tells_its_news_like_any_other(trust: Trust) -> None:
    await trust.accepts(example("referred"))
    assert await trust.running.count(delivery) == 1


async def test_what_a_pas_sends_by_its_own_habits_is_understood(trust: Trust) -> None:
    shown = await referred(trust, example("referred-least"))
    who = shown["referral"]["person"]
    assert (who["given_names"], who["gender"], who["emails"]) == (["JOAN"], "female", ["test@example.com"])
    assert [one["use"] for one in who["phones"]] == ["home", "mobile"]
    assert any("NHS number is not said to be verified" in text for text in shown["warnings"])


async def test_who_is_known_is_referred_under_the_same_record(trust: Trust) -> None:
    before = await trust.refer(*MARGARET)
    shown = await referred(trust, example("referred"))
    task = await trust.read(f"Task/{shown['id']}")
    assert task["for"]["reference"] == f"Patient/{before['Patient']['id']}"
    assert await trust.running.count(person) == 1
    kept = await trust.read(f"Patient/{before['Patient']['id']}")
    assert kept["telecom"][0] == before["Patient"]["telecom"][0]  # told again: the preference stays with it
    assert (await trust.platform(f"referrals/{before['Task']['id']}"))["amendments"] != []


async def test_an_own_number_is_used_once(trust: Trust) -> None:
    await trust.accepts(example("referred"))
    ack = await trust.send(example("referred").replace("RIO0000000005", "RIO0000000099"))
    assert (code(ack), faults(ack)[0].partition(":")[0]) == ("AE", "MSH- 205")
    assert "was received before" in faults(ack)[0]
    assert await trust.running.count(referral) == 1


async def test_a_refused_referral_leaves_nothing(trust: Trust) -> None:
    ack = await trust.send(example("referred").replace("CONSENT^Consent to share||Y", "CONSENT^Consent to share||N"))
    assert (code(ack), faults(ack)[0][:6]) == ("AE", "OBX-5 ")
    for table in (referral, resource, person, stored_message):
        assert await trust.running.count(table) == 0
    assert await trust.audited() == [("HL7v2 REF^I12", 422)]


async def test_two_people_with_a_number_each_stay_two(trust: Trust) -> None:
    sent = "RF1||R||||%s||||LONELY^Lonely^L"
    await trust.accepts(message("REF^I12", sent % "R1", pid()))
    await trust.accepts(message("REF^I12", sent % "R2", pid("0099", OTHER)))
    assert await trust.running.count(person) == 2


async def test_many_referrals_of_one_new_person_at_once_make_one_record(trust: Trust) -> None:
    engines = [await trust.connect() for _ in range(4)]
    sent = [message("REF^I12", f"RF1||R||||R{number}||||LONELY^Lonely^L", pid()) for number in range(len(engines))]
    acks = await asyncio.gather(*(engine.send(one) for engine, one in zip(engines, sent, strict=True)))
    assert [code(ack) for ack in acks] == ["AA"] * 4, [faults(ack) for ack in acks]
    assert await trust.running.count(person) == 1
    assert await trust.running.count(referral) == 4
