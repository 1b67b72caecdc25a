"""Faults that are what others do to the record meanwhile."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.mock_rio.rio import HER_NHS_NUMBER, MAGGIE, Rio
from zeep.exceptions import Fault

Values = dict[str, Any]


async def test_fault_record_locked(rio: Rio, referral: Values) -> None:
    made = await rio.call("CreateReferral", **referral)
    await rio.script({"operations": "UpdateReferral", "fault": "record-locked", "times": 1})
    change = {"ReferralNumber": made.ReferralNumber, "Urgency": "SOON"}

    assert await rio.refused("UpdateReferral", **change, TimeStamps=made.TimeStamps) == "RECORD_LOCKED"
    [now] = await rio.call("GetReferrals", ClientID=MAGGIE)
    await rio.call("UpdateReferral", **change, TimeStamps=now.TimeStamps)


async def test_fault_note_chain_conflict(rio: Rio, add_note: Any) -> None:
    await add_note()
    await rio.script({"operations": "AmendProgressNote", "fault": "note-chain-conflict", "times": 1})
    change: Values = {"ClientID": MAGGIE, "NoteNum": 1, "NoteText": "Corrected"}

    assert await rio.refused("AmendProgressNote", **change, SubNum=1) == "NOTE_CHAIN_CONFLICT"
    assert (await rio.call("AmendProgressNote", **change, SubNum=2)).SubNum == 3


async def test_fault_validation_needed(rio: Rio, add_note: Any) -> None:
    await add_note()
    await rio.script({"operations": "AmendProgressNote", "fault": "validation-needed", "times": 1})
    change: Values = {"ClientID": MAGGIE, "NoteNum": 1, "SubNum": 1, "NoteText": "Corrected"}

    assert await rio.refused("AmendProgressNote", **change) == "VALIDATION_NEEDED"
    assert (await rio.call("AmendProgressNote", **change)).SubNum == 2


@pytest.mark.parametrize("operation", ["AddProgressNote", "AddDocument", "CreateReferral"])
async def test_fault_lookup_code_retired(
    rio: Rio, note: Values, document: Values, referral: Values, operation: str
) -> None:
    values = {"AddProgressNote": note, "AddDocument": document, "CreateReferral": referral}[operation]
    name = {"AddProgressNote": "NoteType", "AddDocument": "DocumentType", "CreateReferral": "ReferralReason"}[operation]
    before = await rio.call("GetLookups", Name=name)
    await rio.script({"operations": operation, "fault": "lookup-code-retired", "times": 1})

    assert await rio.refused(operation, **values) == "UNKNOWN_CODE"

    after = await rio.call("GetLookups", Name=name)
    retired = {one.Code for one in before.Entry if one.Active} - {one.Code for one in after.Entry if one.Active}
    assert (len(retired), after.Version) == (1, before.Version + 1)
    assert await rio.refused(operation, **values) == "UNKNOWN_CODE"  # for good


async def test_fault_referral_discharged(rio: Rio, referral: Values, note: Values) -> None:
    made = await rio.call("CreateReferral", **referral)
    await rio.script({"operations": "UpdateReferral", "fault": "referral-discharged", "times": 1})
    change = {"ReferralNumber": made.ReferralNumber, "TimeStamps": made.TimeStamps}

    assert await rio.refused("UpdateReferral", **change) == "REFERRAL_DISCHARGED"
    await rio.call("AddProgressNote", **note, ReferralNumber=made.ReferralNumber)  # a late entry is welcome


async def test_fault_team_closed(rio: Rio, referral: Values) -> None:
    await rio.script({"operations": "CreateReferral", "fault": "team-closed", "times": 1})

    assert await rio.refused("CreateReferral", **referral) == "TEAM_CLOSED"
    assert {team.Code for team in await rio.call("GetTeams") if not team.Open} == {"OLDT", "SPHUB"}


async def test_fault_hcp_left(rio: Rio, referral: Values) -> None:
    await rio.script({"operations": "CreateReferral", "fault": "hcp-left", "times": 1})

    assert await rio.refused("CreateReferral", **referral) == "HCP_LEFT"
    del referral["HCP"]
    await rio.call("CreateReferral", **referral)


async def test_fault_duplicate_client(rio: Rio) -> None:
    await rio.script({"operations": "GetClient", "fault": "duplicate-client", "times": 1})

    first, second = await rio.call("GetClient", NHSNumber=HER_NHS_NUMBER)

    assert first.ClientID != second.ClientID
    assert len(await rio.call("GetClient", NHSNumber=HER_NHS_NUMBER)) == 2  # it stays


async def test_fault_two_nhs_numbers(rio: Rio) -> None:
    await rio.script({"operations": "GetClient", "fault": "two-nhs-numbers", "times": 1})

    first, second = await rio.call("GetClient", ClientID=MAGGIE)

    assert first.ClientID == second.ClientID
    assert first.NHSNumber != second.NHSNumber


async def test_fault_nhs_number_superseded(rio: Rio) -> None:
    await rio.script({"operations": "GetClient", "fault": "nhs-number-superseded", "times": 1})

    [client] = await rio.call("GetClient", NHSNumber=HER_NHS_NUMBER)

    assert client.SupersedingNHSNumber
    assert (await rio.call("GetClient", NHSNumber=client.SupersedingNHSNumber))[0].ClientID == MAGGIE


async def test_fault_merged_meanwhile(rio: Rio, note: Values) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": "merged-meanwhile", "times": 1})

    with pytest.raises(Fault) as caught:
        await rio.call("AddProgressNote", **note)

    lives_on = caught.value.detail.findtext(".//{*}Reference")
    assert (await rio.call("GetClient", ClientID=MAGGIE))[0].MergedInto == lives_on
    await rio.call("AddProgressNote", **note | {"ClientID": lives_on})


async def test_fault_unmerged(rio: Rio, note: Values) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": "unmerged", "after": 1})
    note |= {"ClientID": "0060006"}

    assert await rio.refused("AddProgressNote", **note) == "CLIENT_MERGED"
    await rio.call("AddProgressNote", **note)


async def test_fault_deceased_meanwhile(rio: Rio, referral: Values) -> None:
    await rio.script({"operations": "CreateReferral", "fault": "deceased-meanwhile", "times": 1})

    assert await rio.refused("CreateReferral", **referral) == "CLIENT_DECEASED"
    assert (await rio.call("GetClient", ClientID=MAGGIE))[0].DateOfDeath == datetime.now(UTC).date()


async def test_fault_sensitive_meanwhile(rio: Rio, note: Values) -> None:
    await rio.script({"operations": "GetAlerts", "fault": "sensitive-meanwhile", "times": 1})

    assert await rio.refused("GetAlerts", ClientID=MAGGIE) == "ACCESS_DENIED"
    assert await rio.refused("AddProgressNote", **note) == "ACCESS_DENIED"


async def test_fault_document_too_large(rio: Rio, document: Values) -> None:
    await rio.script({"operations": "AddDocument", "fault": "document-too-large", "bytes": 21})

    assert await rio.refused("AddDocument", **document) == "DOCUMENT_TOO_LARGE"
    await rio.call("AddDocument", **document | {"Content": b"x" * 21})
