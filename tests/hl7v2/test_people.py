"""What ADT messages mean for the people who were referred: A31, A40 and A37, A01 and A03."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.hl7v2.conftest import MARGARET, Trust, code, example, faults, message, pid
from tests.identity.conftest import OTHER, nhs, rio

from gateway.store.schema import message as stored_message
from gateway.store.schema import person, referral, resource

Json = dict[str, Any]

MOVED = "|||1 New Street^^Eastmere^^XN2 1AA^^H||07700900999^PRN^CP" + "|" * 19 + "NSTS01"
OLD = "0098765"
A40 = message("ADT^A40", pid(), f"MRG|{OLD}^^^RIO^MR")
TURNED_ROUND = message("ADT^A40", f"PID|1||{OLD}^^^RIO^MR", "MRG|0012345^^^RIO^MR")
A37 = message("ADT^A37", pid(), f"PID|2||{OLD}^^^RIO^MR")
LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


async def view(trust: Trust, referred: Json) -> Json:
    return await trust.platform(f"referrals/{referred['Task']['id']}")


async def events(trust: Trust, referred: Json) -> list[str]:
    found = await trust.platform(f"referrals/{referred['Task']['id']}/events")
    return [one["type"] for one in found["events"]]


async def stored_patient(trust: Trust, referred: Json) -> Json:
    return await trust.read(f"Patient/{referred['Patient']['id']}")


async def whose(trust: Trust, referred: Json) -> str:
    async with trust.running.store.reading() as connection:
        query = select(referral.c.person_id).filter_by(id=referred["Task"]["id"])
        found: str = (await connection.execute(query)).scalar_one()
    return found


async def everything_stored(trust: Trust) -> str:
    async with trust.running.store.reading() as connection:
        texts = []
        for table in (resource, stored_message, referral):
            texts += [str(tuple(row)) for row in await connection.execute(select(table))]
    return " ".join(texts)


async def test_a_new_address_reaches_the_record_and_the_link_worker(trust: Trust) -> None:
    referred = await trust.refer(*MARGARET)

    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))

    kept = await stored_patient(trust, referred)
    assert (kept["address"][0]["city"], kept["meta"]["versionId"]) == ("Eastmere", "2")
    shown = await view(trust, referred)
    assert shown["referral"]["person"]["phones"][0]["value"] == "07700900999"
    assert await events(trust, referred) == ["submitted", "amended"]
    assert shown["amendments"][-1]["by"] == "Northdale Mental Health NHS Foundation Trust"


async def test_the_same_again_in_another_message_makes_no_version(trust: Trust) -> None:
    referred = await trust.refer(*MARGARET)
    for _ in range(2):
        await trust.accepts(message("ADT^A31", pid(rest=MOVED)))
    assert (await stored_patient(trust, referred))["meta"]["versionId"] == "2"
    assert await events(trust, referred) == ["submitted", "amended"]


async def test_an_old_message_does_not_bring_an_old_address_back(trust: Trust) -> None:
    """An engine's error queue is sent again days later."""
    referred = await trust.refer(*MARGARET)
    late = message("ADT^A31", pid(rest=MOVED.replace("Eastmere", "Oldtown"))).replace(
        "20260302101500", "20260301080000"
    )
    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))

    ack = await trust.send(late)

    assert (code(ack), faults(ack)[0][:9]) == ("AE", "EVN-2 102")
    assert (await stored_patient(trust, referred))["address"][0]["city"] == "Eastmere"
    later = late.replace("20260301080000", "20260303080000").replace("Oldtown", "Westmere")
    await trust.accepts(later.replace("|P|2.4", "9|P|2.4"))
    assert (await stored_patient(trust, referred))["address"][0]["city"] == "Westmere"


async def test_a_clock_that_runs_ahead_shuts_nothing_out(trust: Trust) -> None:
    referred = await trust.refer(*MARGARET)
    for year, town in ((2999, "Eastmere"), (2998, "Westmere")):
        sent = message("ADT^A31", pid(rest=MOVED.replace("Eastmere", town)))
        await trust.accepts(sent.replace("20260302101500", f"{year}0302101500"))
    assert (await stored_patient(trust, referred))["address"][0]["city"] == "Westmere"


async def test_a_death_warns_the_link_worker(trust: Trust) -> None:
    referred = await trust.refer(*MARGARET)
    await trust.accepts(example("death"))
    assert any("has died" in text for text in (await view(trust, referred))["warnings"])


async def test_every_record_of_the_person_is_updated_and_nobody_elses(trust: Trust) -> None:
    one, two = await trust.refer(*MARGARET), await trust.refer(*MARGARET)
    other = await trust.refer(nhs(OTHER), rio("0099"))
    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))
    for referred, city in ((one, "Eastmere"), (two, "Eastmere"), (other, "Northdale")):
        assert (await stored_patient(trust, referred))["address"][0]["city"] == city


async def test_a_verified_number_finds_the_record_where_the_trust_has_no_other(trust: Trust) -> None:
    referred = await trust.refer(nhs())
    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))
    kept = await stored_patient(trust, referred)
    assert kept["address"][0]["city"] == "Eastmere"
    assert {one["value"] for one in kept["identifier"]} == {"9990001014", "0012345"}


@pytest.mark.parametrize(
    "sent",
    [
        pid(id_="777", rest=MOVED.replace("NSTS01", "NSTS03")),  # nobody vouches for the number
        pid(id_="777", rest=MOVED).replace("Harrow^Margaret^Anne", "Grady^Zoe").replace("19710614", "19990101"),
    ],
    ids=["unverified", "somebody else's name and birth date"],
)
async def test_a_number_alone_finds_nobody(trust: Trust, sent: str) -> None:
    referred = await trust.refer(nhs())
    await trust.accepts(message("ADT^A31", sent))
    assert (await stored_patient(trust, referred))["meta"]["versionId"] == "1"


async def test_where_a_restricted_person_is_is_not_stored(trust: Trust) -> None:
    referred = await trust.refer(*MARGARET, meta=LABEL)

    await trust.accepts(message("ADT^A31", pid(rest=MOVED), "NK1|1|Harrow^Jo|MTH^Mother||01632960778"))
    await trust.accepts(message("ADT^A01", pid(), "PV1|1|I|ROWAN^^^XND01^^^^^Rowan Ward"))

    everything = await everything_stored(trust)
    for where in ("Eastmere", "New Street", "07700900999", "01632960778", "Rowan", "ROWAN"):
        assert where not in everything
    kept = await stored_patient(trust, referred)
    assert "address" not in kept
    assert kept["meta"]["security"][0]["code"] == "R"
    assert "admitted to hospital." in (await view(trust, referred))["messages"][-1]["text"]


async def test_a_protection_indicator_restricts_what_was_stored_before(trust: Trust) -> None:
    await trust.refer(*MARGARET)
    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))

    await trust.accepts(message("ADT^A31", pid(rest=MOVED), "PD1|" + "|" * 11 + "Y"))

    everything = await everything_stored(trust)
    assert "Eastmere" not in everything
    assert "07700900999" not in everything


async def test_two_ids_are_merged(trust: Trust) -> None:
    given_up, kept = await trust.refer(rio(OLD)), await trust.refer(*MARGARET)
    assert await whose(trust, given_up) != await whose(trust, kept)

    await trust.accepts(A40)

    assert await whose(trust, given_up) == await whose(trust, kept)
    shown = await stored_patient(trust, given_up)
    assert [(one["value"], one.get("use")) for one in shown["identifier"] if "rio" in one["system"]] == [
        ("0012345", None),
        (OLD, "old"),
    ]
    [told] = (await view(trust, given_up))["referral"]["person"]["local_identifiers"]
    assert told["value"] == "0012345"  # by which the EPR is written to from now on
    assert (await trust.platform("identity"))["questions"] == []
    [question] = (await trust.platform("identity?state=same-person"))["questions"]
    assert "ADT^A40" in question["history"][-1]["note"]
    assert await events(trust, kept) == ["submitted"]


ZOE = {"birthDate": "1988-02-03", "name": [{"family": "Grady", "given": ["Zoe"]}]}


@pytest.mark.parametrize("undoing", [A37, TURNED_ROUND], ids=["A37", "A40 turned round"])
@pytest.mark.parametrize("who", [{}, ZOE], ids=["alike", "unlike"])
async def test_two_ids_are_merged_and_parted_as_they_were(trust: Trust, undoing: str, who: Json) -> None:
    given_up, kept = await trust.refer(rio(OLD), **who), await trust.refer(*MARGARET)
    before = await stored_patient(trust, given_up)
    owners = await whose(trust, given_up), await whose(trust, kept)
    await trust.accepts(A40)
    assert (await stored_patient(trust, given_up))["birthDate"] == "1971-06-14"

    await trust.accepts(undoing)

    assert (await whose(trust, given_up), await whose(trust, kept)) == owners
    assert await stored_patient(trust, given_up) | {"meta": 0} == before | {"meta": 0}
    asked = (await trust.platform("identity"))["questions"]
    # A link worker may still say otherwise; and is asked more where the trust merged people who contradict each other.
    assert [[one["type"] for one in q["history"]] for q in asked if q["history"]] == [["merged", "unmerged"]]
    assert (len(asked) > 1) == bool(who)


VERY = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}


@pytest.mark.parametrize("which", ["given up", "surviving"])
async def test_one_restricted_record_of_two_restricts_the_person(trust: Trust, which: str) -> None:
    given_up = await trust.refer(rio(OLD), meta=VERY if which == "given up" else None)
    kept = await trust.refer(*MARGARET, meta=VERY if which == "surviving" else None)

    await trust.accepts(message("ADT^A40", pid(rest=MOVED), f"MRG|{OLD}^^^RIO^MR"))

    everything = await everything_stored(trust)
    for where in ("Eastmere", "New Street", "07700900999", "Quayside Mews"):
        assert where not in everything
    await trust.accepts(A37)
    codes = [
        [one["code"] for one in (await stored_patient(trust, each))["meta"]["security"]] for each in (given_up, kept)
    ]
    assert sorted(codes) == [["R"], ["V"]]  # parted, both stay restricted: a person lifts that
    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))
    assert "Eastmere" not in await everything_stored(trust)


async def test_a_restricted_record_keeps_the_persons_other_records_without_a_place(trust: Trust) -> None:
    await trust.refer(*MARGARET)
    await trust.refer(*MARGARET, meta=LABEL)
    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))
    await trust.accepts(message("ADT^A01", pid(), "PV1|1|I|ROWAN^^^XND01^^^^^Rowan Ward"))
    everything = await everything_stored(trust)
    for where in ("Eastmere", "07700900999", "ROWAN", "Rowan"):
        assert where not in everything


async def test_a_link_worker_can_undo_what_the_trust_merged(trust: Trust) -> None:
    given_up, kept = await trust.refer(rio(OLD)), await trust.refer(*MARGARET)
    owner = await whose(trust, given_up)
    await trust.accepts(A40)
    [question] = (await trust.platform("identity?state=same-person"))["questions"]
    answer = await trust.running.call(
        "demo-platform",
        "POST",
        f"/platform/v1/identity/{question['id']}/undo",
        {"note": "They are two.", "by": "Priya"},
    )
    assert answer.status_code == 200, answer.text
    assert await whose(trust, given_up) == owner != await whose(trust, kept)


async def test_people_whom_a_human_kept_apart_are_not_merged(trust: Trust) -> None:
    given_up = await trust.refer(nhs(), rio(OLD), birthDate="1988-02-03")
    kept = await trust.refer(*MARGARET)
    [question] = (await trust.platform("identity"))["questions"]
    body = {"decision": "different-people", "note": "Mother and daughter.", "by": "Priya"}
    path = f"/platform/v1/identity/{question['id']}/decision"
    assert (await trust.running.call("demo-platform", "POST", path, body)).status_code == 200

    ack = await trust.send(A40)

    assert code(ack) == "AE"
    assert "different people" in faults(ack)[0]
    assert await whose(trust, given_up) != await whose(trust, kept)
    assert (await stored_patient(trust, given_up))["meta"]["versionId"] == "1"


async def test_an_update_after_merging_reaches_both_records(trust: Trust) -> None:
    given_up, kept = await trust.refer(rio(OLD)), await trust.refer(*MARGARET)
    await trust.accepts(A40)
    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))
    for referred in (given_up, kept):
        assert (await stored_patient(trust, referred))["address"][0]["city"] == "Eastmere"


async def test_a_number_that_changes_without_a_second_record_is_followed(trust: Trust) -> None:
    given_up = await trust.refer(rio(OLD))
    await trust.accepts(A40)
    [told] = (await view(trust, given_up))["referral"]["person"]["local_identifiers"]
    assert told["value"] == "0012345"
    assert await trust.running.count(person) == 1


async def test_an_admission_is_told_on_each_open_referral(trust: Trust) -> None:
    one, two = await trust.refer(*MARGARET), await trust.refer(*MARGARET)
    other = await trust.refer(rio("0099"), birthDate="1988-02-03")

    await trust.accepts(example("admitted"))

    for referred in (one, two):
        assert (await view(trust, referred))["messages"][-1]["text"] == (
            "Northdale Mental Health NHS Foundation Trust: admitted to hospital (Rowan Ward) on 3 March 2026. "
            "Consider putting this referral on hold, with a date to look at it again."
        )
        assert await events(trust, referred) == ["submitted", "information-added"]
    assert await events(trust, other) == ["submitted"]


@pytest.mark.parametrize(
    ("type_", "pv1", "words"),
    [
        ("ADT^A03", "PV1|1|I" + "|" * 43 + "20260309110000", "discharged from hospital on 9 March 2026. Check how"),
        ("ADT^A03", "PV1|1|I" + "|" * 34 + "4", "discharged from hospital. It says that the person has died"),
        ("ADT^A11", "PV1|1|I", "the admission that was told before was recorded in error"),
        ("ADT^A13", "PV1|1|I", "the discharge that was told before was recorded in error"),
    ],
)
async def test_what_else_is_told(trust: Trust, type_: str, pv1: str, words: str) -> None:
    referred = await trust.refer(*MARGARET)
    await trust.accepts(message(type_, pid(), pv1))
    assert words in (await view(trust, referred))["messages"][-1]["text"]


async def test_an_outpatient_is_not_admitted(trust: Trust) -> None:
    referred = await trust.refer(*MARGARET)
    await trust.accepts(message("ADT^A01", pid(), "PV1|1|O"))
    assert await events(trust, referred) == ["submitted"]


async def test_another_trusts_people_are_out_of_reach(trust: Trust) -> None:
    """The same identifiers, in a record that another organisation sent."""
    referred = await trust.refer(*MARGARET, client="demo-epr-2")
    await trust.accepts(message("ADT^A31", pid(rest=MOVED)))
    await trust.accepts(example("admitted"))
    assert (await trust.read(f"Patient/{referred['Patient']['id']}", "demo-epr-2"))["meta"]["versionId"] == "1"
    assert (await trust.read(f"Task/{referred['Task']['id']}", "demo-epr-2"))["meta"]["versionId"] == "1"
