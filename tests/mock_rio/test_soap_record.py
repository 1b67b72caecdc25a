"""Rules S4 ... S12 of src/adapters/rio/README.md: what the operations do to the record."""

from datetime import date, timedelta
from typing import Any

import pytest
from tests.mock_rio.rio import HER_NHS_NUMBER, MAGGIE, Rio


async def test_s4_a_client_is_found_none_once_or_twice(rio: Rio) -> None:
    by_number = await rio.call("GetClient", NHSNumber=HER_NHS_NUMBER)

    assert [one.ClientID for one in by_number] == [MAGGIE]
    assert (by_number[0].DateOfBirth, by_number[0].GPPractice.Code) == (date(1971, 6, 14), "X99001")
    assert not await rio.call("GetClient", NHSNumber="9990000018")
    assert [one.ClientID for one in await rio.call("GetClient", NHSNumber="9995007126")] == ["0020001", "0020002"]


async def test_s4_leading_zeros_count(rio: Rio) -> None:
    [short] = await rio.call("GetClient", ClientID="12345")

    assert short.FamilyName == "Petrov"  # not Harrow


@pytest.mark.parametrize(
    ("client_id", "mark"),
    [("0040004", "Deceased"), ("0050005", "Sensitive"), ("0060006", "MergedInto"), ("0070007", "Deleted")],
)
async def test_s4_what_stands_against_writing_is_flagged(rio: Rio, client_id: str, mark: str) -> None:
    [client] = await rio.call("GetClient", ClientID=client_id)

    assert client[mark]


async def test_s4_a_superseded_number_and_its_successor_lead_to_the_same_person(rio: Rio) -> None:
    old, new = [await rio.call("GetClient", NHSNumber=number) for number in ("9992615036", "9997770013")]

    assert old[0].ClientID == new[0].ClientID == "0030003"
    assert old[0].SupersedingNHSNumber == "9997770013"


@pytest.mark.parametrize(
    ("client_id", "code"),
    [
        ("999", "CLIENT_NOT_FOUND"),
        ("0050005", "ACCESS_DENIED"),
        ("0060006", "CLIENT_MERGED"),
        ("0070007", "CLIENT_DELETED"),
    ],
)
async def test_s5_nothing_is_written_for_a_client_who_is_not_there(
    rio: Rio, note: dict[str, Any], referral: dict[str, Any], document: dict[str, Any], client_id: str, code: str
) -> None:
    for operation, values in (("AddProgressNote", note), ("CreateReferral", referral), ("AddDocument", document)):
        assert await rio.refused(operation, **values | {"ClientID": client_id}) == code
    assert await rio.refused("AddAlternativeId", ClientID=client_id, System="s", Value="v") == code
    assert await rio.effects() == []


async def test_s5_the_dead_get_notes_but_no_referrals(rio: Rio, note: dict[str, Any], referral: dict[str, Any]) -> None:
    assert await rio.refused("CreateReferral", **referral | {"ClientID": "0040004"}) == "CLIENT_DECEASED"
    assert (await rio.call("AddProgressNote", **note | {"ClientID": "0040004"})).NoteNum == 1


async def test_s6_an_external_id_makes_one_referral(rio: Rio, referral: dict[str, Any]) -> None:
    made = await rio.call("CreateReferral", **referral)

    assert await rio.refused("CreateReferral", **referral) == "DUPLICATE_EXTERNAL_ID"
    [found] = await rio.call("GetReferrals", ExternalReferralId="SP-4821-0937-5564")
    assert (found.ReferralNumber, found.Status, found.Comment) == (made.ReferralNumber, "OPEN", "Behind with rent")
    rio.system = "another"
    assert not await rio.call("GetReferrals", ExternalReferralId="SP-4821-0937-5564")
    assert (await rio.call("CreateReferral", **referral)).ReferralNumber != made.ReferralNumber
    assert len(await rio.call("GetReferrals", ClientID=MAGGIE)) == 2
    assert len(await rio.call("GetCaseload", Team="SPHUB")) == len(await rio.call("GetCaseload", HCP="PNADAR")) == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ExternalReferralId": "6f3c0f62-7f0c-4a53-9d0c-2a"}, "TOO_LONG"),  # 26 characters
        ({"Comment": "x" * 151}, "TOO_LONG"),
        ({"Reason": "NOSUCH"}, "UNKNOWN_CODE"),
        ({"Source": "NOSUCH"}, "UNKNOWN_CODE"),
        ({"Urgency": "NOSUCH"}, "UNKNOWN_CODE"),
        ({"Service": "NOSUCH"}, "UNKNOWN_CODE"),
        ({"Team": "NOSUCH"}, "UNKNOWN_CODE"),
        ({"Team": "OLDT"}, "TEAM_CLOSED"),
        ({"HCP": "NOSUCH"}, "UNKNOWN_CODE"),
        ({"HCP": "JWEIR"}, "HCP_LEFT"),
    ],
)
async def test_s6_a_referral_that_does_not_fit_is_refused(
    rio: Rio, referral: dict[str, Any], changed: dict[str, Any], code: str
) -> None:
    assert await rio.refused("CreateReferral", **referral | changed) == code
    assert await rio.effects() == []


async def test_s7_a_referral_is_changed_by_who_has_read_it_last(rio: Rio, referral: dict[str, Any]) -> None:
    made = await rio.call("CreateReferral", **referral)
    number = {"ReferralNumber": made.ReferralNumber}
    newer = await rio.call("UpdateReferral", **number, TimeStamps=made.TimeStamps, Urgency="SOON")

    assert await rio.refused("UpdateReferral", **number, TimeStamps=made.TimeStamps) == "RECORD_LOCKED"
    discharge = number | {"DischargeDateTime": "2026-04-14T15:20:00Z", "DischargeReason": "COMPLETE"}
    wrong = discharge | {"DischargeReason": "NOSUCH"}
    assert await rio.refused("DischargeReferral", **wrong, TimeStamps=newer) == "UNKNOWN_CODE"
    last = await rio.call("DischargeReferral", **discharge, TimeStamps=newer)
    assert await rio.refused("UpdateReferral", **number, TimeStamps=last) == "REFERRAL_DISCHARGED"
    assert await rio.refused("UpdateReferral", ReferralNumber="77", TimeStamps="1") == "REFERRAL_NOT_FOUND"
    [held] = await rio.call("GetReferrals", ClientID=MAGGIE)
    assert (held.Status, held.Urgency, held.DischargeReason) == ("DISCHARGED", "SOON", "COMPLETE")
    assert not await rio.call("GetCaseload", Team="SPHUB")


async def test_s8_a_note_lands_unvalidated_and_grows_by_versions(rio: Rio, note: dict[str, Any]) -> None:
    added = await rio.call("AddProgressNote", **note, Significant=True)
    assert (added.NoteNum, added.SubNum, added.Validated) == (1, 1, False)

    this: dict[str, Any] = {"ClientID": MAGGIE, "NoteNum": 1}
    await rio.call("AmendProgressNote", **this, SubNum=1, NoteText="Corrected. [SP-4821-0937-5564/2]")
    assert await rio.refused("AmendProgressNote", **this, SubNum=1, EnteredInError=True) == "NOTE_CHAIN_CONFLICT"
    await rio.call("AmendProgressNote", **this, SubNum=2, EnteredInError=True)

    notes = await rio.call("GetProgressNotes", ClientID=MAGGIE)
    assert [(one.SubNum, one.Current, one.EnteredInError, one.Significant) for one in notes] == [
        (1, False, False, True),
        (2, False, False, True),
        (3, True, True, True),
    ]
    assert notes[0].NoteText == note["NoteText"]  # nothing is overwritten
    assert await rio.refused("AmendProgressNote", **this | {"NoteNum": 9}, SubNum=1) == "NOTE_NOT_FOUND"
    assert await rio.refused("AmendProgressNote", ClientID="12345", NoteNum=1, SubNum=3) == "NOTE_NOT_FOUND"


async def test_s8_a_note_is_refused_with_a_type_or_referral_that_is_not_there(rio: Rio, note: dict[str, Any]) -> None:
    assert await rio.refused("AddProgressNote", **note | {"NoteType": "SPOLD"}) == "UNKNOWN_CODE"
    assert await rio.refused("AddProgressNote", **note, SubNoteType="NOSUCH") == "UNKNOWN_CODE"
    assert await rio.refused("AddProgressNote", **note, ReferralNumber="5") == "REFERRAL_NOT_FOUND"


async def test_s9_notes_are_found_by_part_of_their_text_and_by_when_they_came(rio: Rio, note: dict[str, Any]) -> None:
    await rio.call("AddProgressNote", **note)
    await rio.call("AddProgressNote", **note | {"NoteText": "Another"})

    [found] = await rio.call("GetProgressNotes", ClientID=MAGGIE, Containing="[SP-4821-0937-5564/2]")
    assert found.NoteText == note["NoteText"]
    assert len(await rio.call("GetProgressNotes", ClientID=MAGGIE, Since=found.EnteredAt)) == 2
    later = found.EnteredAt + timedelta(minutes=1)
    assert not await rio.call("GetProgressNotes", ClientID=MAGGIE, Since=later)
    assert not await rio.call("GetProgressNotes", ClientID="12345")


async def test_s10_a_document_keeps_its_serial_number_and_gains_revisions(rio: Rio, document: dict[str, Any]) -> None:
    first = await rio.call("AddDocument", **document | {"Final": False})
    second = await rio.call("AddDocument", **document, SerialNumber=first.SerialNumber)
    other = await rio.call("AddDocument", **document)

    assert [(one.SerialNumber, one.RevisionID) for one in (first, second, other)] == [(1, 1), (1, 2), (2, 1)]
    held = await rio.call("GetDocuments", ClientID=MAGGIE)
    assert [(one.Final, one.FileSize, one.Content) for one in held][:2] == [(False, 22, None), (True, 22, None)]
    [newest] = (await rio.call("GetDocuments", ClientID=MAGGIE, WithContent=True))[2:]
    assert (newest.Content, newest.DocumentDate) == (document["Content"], date(2026, 7, 1))


async def test_s10_a_document_that_does_not_fit_is_refused(rio: Rio, document: dict[str, Any]) -> None:
    assert await rio.refused("AddDocument", **document, SerialNumber=9) == "DOCUMENT_NOT_FOUND"
    assert await rio.refused("AddDocument", **document | {"Type": "NOSUCH"}) == "UNKNOWN_CODE"
    assert await rio.refused("AddDocument", **document | {"Title": "x" * 151}) == "TOO_LONG"
    assert await rio.refused("AddDocument", **document | {"Content": bytes(5_000_001)}) == "DOCUMENT_TOO_LARGE"


async def test_s11_an_alternative_id_is_added_once(rio: Rio) -> None:
    given = {"ClientID": MAGGIE, "System": "https://platform.example", "Value": "P-77"}

    assert await rio.call("AddAlternativeId", **given) is True
    assert await rio.call("AddAlternativeId", **given) is False
    [held] = await rio.call("GetAlternativeIds", ClientID=MAGGIE)
    assert (held.System, held.Value) == ("https://platform.example", "P-77")
    assert len(await rio.effects()) == 1


async def test_s12_lists_change_while_the_mock_runs(rio: Rio, note: dict[str, Any]) -> None:
    before = await rio.call("GetLookups", Name="NoteType")
    assert {one.Code: one.Active for one in before.Entry}["SPOLD"] is False

    changed = [{"code": "SPNEW", "text": "Social prescribing"}]
    (await rio.client.put(f"{rio.url}/lookups/NoteType", json=changed)).raise_for_status()

    after = await rio.call("GetLookups", Name="NoteType")
    assert ([one.Code for one in after.Entry], after.Version) == (["SPNEW"], before.Version + 1)
    assert await rio.refused("AddProgressNote", **note) == "UNKNOWN_CODE"
    assert await rio.refused("GetLookups", Name="Colour") == "UNKNOWN_CODE"


async def test_s12_teams_coordinators_and_alerts_are_read(rio: Rio) -> None:
    teams = {team.Code: team for team in await rio.call("GetTeams")}

    assert (teams["OLDT"].Open, [one.Active for one in teams["RTN"].HCP]) == (False, [True, False])
    assert (await rio.call("GetCareCoordinator", ClientID=MAGGIE)).Name == "Dr Amara Osei"
    assert await rio.call("GetCareCoordinator", ClientID="12345") is None
    assert [alert.Type for alert in await rio.call("GetAlerts", ClientID="0045678")] == ["VISIT"]


async def test_s5_of_a_sensitive_record_no_referral_is_told_either(rio: Rio, referral: dict[str, Any]) -> None:
    await rio.call("CreateReferral", **referral)
    await rio.script({"operations": "GetAlerts", "fault": "sensitive-meanwhile"})
    await rio.refused("GetAlerts", ClientID=MAGGIE)

    assert await rio.refused("GetReferrals", ExternalReferralId="SP-4821-0937-5564") == "ACCESS_DENIED"
    assert not await rio.call("GetCaseload", Team="SPHUB")
