"""Each fault of src/adapters/rio/mock/README.md acts as its table says; neither more nor less are there."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.mock_rio.rio import FOLDER, HER_NHS_NUMBER, MAGGIE, Rio
from zeep.exceptions import Fault, TransportError, XMLSyntaxError

from adapters.rio.mock.kinds import KINDS

README = (FOLDER / "mock/README.md").read_text("utf-8")
Values = dict[str, Any]


def test_readme_code_and_tests_know_the_same_faults() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \| .+ \| .+ \|$", README.partition("| Fault |")[2], re.MULTILINE)
    tested = {
        found[1].replace("_", "-") for name in globals() if (found := re.match(r"test_fault_(\w+?)(__\w+)?$", name))
    }

    assert sorted(told) == sorted(KINDS)
    assert tested == set(KINDS)


@pytest.fixture
def add_note(rio: Rio, note: Values) -> Callable[[], Any]:
    async def add() -> Any:
        return await rio.call("AddProgressNote", **note)

    return add


async def texts(rio: Rio) -> list[str]:
    """What the record's progress notes say."""
    return [chain[-1]["NoteText"] for chain in (await rio.chart())["notes"]]


# --- the way there and back ------------------------------------------------------------------------------------------


async def test_fault_slow(rio: Rio, add_note: Any) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": "slow", "seconds": 0.3, "times": 1})
    started = time.monotonic()

    slow = asyncio.create_task(add_note())
    await rio.call("GetTeams")
    others = time.monotonic() - started
    await slow

    assert others < 0.3 <= time.monotonic() - started  # one slow call holds up no other
    assert len(await texts(rio)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_fault_hang_before_commit__and_after(rio: Rio, add_note: Any, when: str) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": f"hang-{when}-commit", "seconds": 0.2})
    started = time.monotonic()

    with pytest.raises(httpx.TransportError):
        await add_note()

    assert time.monotonic() - started >= 0.2
    assert len(await texts(rio)) == (when == "after")


async def test_fault_hang_after_commit__ends_when_the_caller_goes(rio: Rio) -> None:
    await rio.script({"operations": "put-task", "fault": "hang-after-commit", "seconds": 600})
    rio.client.timeout = httpx.Timeout(0.2)

    with pytest.raises(httpx.ReadTimeout):
        await rio.put_task()

    assert await rio.effects() == ["Task/t1/1"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_fault_reset_before_commit__and_after(rio: Rio, add_note: Any, when: str) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": f"reset-{when}-commit"})

    with pytest.raises(httpx.ReadError):
        await add_note()

    assert len(await texts(rio)) == (when == "after")


async def test_fault_reset_after_commit__of_a_task(rio: Rio) -> None:
    await rio.script({"operations": "put-task", "fault": "reset-after-commit", "times": 1})

    with pytest.raises(httpx.ReadError):
        await rio.put_task()

    assert (await rio.put_task()).status_code == 200
    assert await rio.effects() == ["Task/t1/1"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
@pytest.mark.parametrize("committed", [False, True])
async def test_fault_http_error(rio: Rio, add_note: Any, status: int, committed: bool) -> None:
    fault = {"fault": "http-error", "status": status, "retry_after": 3, "committed": committed}
    await rio.script({"operations": ["AddProgressNote", "put-task"]} | fault)

    with pytest.raises(Fault):
        await add_note()

    answer = await rio.put_task()
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "3")
    assert len(await rio.effects()) == (2 if committed else 0)


async def test_fault_downtime(rio: Rio, add_note: Any) -> None:
    await rio.script({"operations": "any", "fault": "downtime", "until_second": 0.5, "retry_after": 1})

    with pytest.raises(TransportError) as caught:
        await add_note()
    assert (caught.value.status_code, b"<h1>Planned maintenance" in caught.value.content) == (503, True)
    assert (await rio.put_task()).headers["retry-after"] == "1"

    await asyncio.sleep(0.6)
    await add_note()
    assert len(await rio.effects()) == 1


async def test_fault_batch_storm(rio: Rio) -> None:
    await rio.script({"operations": "GetTeams", "fault": "batch-storm", "seconds": 0.2})
    took = []
    for _ in range(6):
        started = time.monotonic()
        await rio.call("GetTeams")
        took.append(time.monotonic() - started)

    assert max(took) - min(took) > 0.01  # now fast, now slow
    assert max(took) < 1


# --- answers that are not what they seem -----------------------------------------------------------------------------


async def test_fault_soap_fault(rio: Rio, note: Values) -> None:
    await rio.script({"operations": ["AddProgressNote", "put-task"], "fault": "soap-fault"})

    assert await rio.refused("AddProgressNote", **note) == "INTERNAL_ERROR"
    answer = await rio.put_task()
    assert (answer.status_code, answer.json()["issue"][0]["severity"]) == (200, "error")
    assert await rio.effects() == []


async def test_fault_write_lost(rio: Rio, add_note: Any) -> None:
    await rio.script(
        {"operations": ["AddProgressNote", "put-task"], "fault": "write-lost", "sequence": ["fail", "fail"]}
    )

    assert (await add_note()).NoteNum == 1  # it says
    assert (await rio.put_task()).status_code == 200

    assert await texts(rio) == []
    assert (await rio.client.get(f"{rio.url}/FHIR/R4/Task/t1")).status_code == 404
    assert await rio.effects() == []


@pytest.mark.parametrize("fault", ["malformed-xml", "truncated-xml", "wrong-encoding"])
async def test_fault_malformed_xml__and_its_like(rio: Rio, add_note: Any, fault: str) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": fault})

    with pytest.raises((TransportError, XMLSyntaxError)):
        await add_note()

    assert len(await texts(rio)) == 1


async def test_fault_truncated_xml__of_a_task(rio: Rio) -> None:
    await rio.put_task()
    await rio.script({"operations": "get-task", "fault": "truncated-xml"})

    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        (await rio.client.get(f"{rio.url}/FHIR/R4/Task/t1")).json()


async def test_fault_wrong_encoding(rio: Rio) -> None:
    await rio.put_task()
    await rio.script({"operations": "get-task", "fault": "wrong-encoding"})

    with pytest.raises(UnicodeDecodeError):
        (await rio.client.get(f"{rio.url}/FHIR/R4/Task/t1")).content.decode()


async def test_fault_namespace_change(rio: Rio, add_note: Any) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": "namespace-change"})

    with pytest.raises(Exception, match=r"rio-like:API:4\.1"):
        await add_note()

    assert len(await texts(rio)) == 1


async def test_fault_text_truncated(rio: Rio, note: Values, referral: Values) -> None:
    await rio.script({"operations": "any", "fault": "text-truncated", "text": 20, "id": 24})

    await rio.call("AddProgressNote", **note)
    await rio.call("CreateReferral", **referral | {"ExternalReferralId": "SP-4821-0937-5564-0000001"})

    chart = await rio.chart()
    assert chart["notes"][0][0]["NoteText"] == note["NoteText"][:20]
    assert chart["referrals"][0]["ExternalReferralId"] == "SP-4821-0937-5564-000000"


async def test_fault_day_shift(rio: Rio, document: Values) -> None:
    await rio.script({"operations": "any", "fault": "day-shift"})

    [summer] = await rio.call("GetClient", ClientID=MAGGIE)
    [winter] = await rio.call("GetClient", ClientID="12345")
    await rio.call("AddDocument", **document)  # of 1 July

    assert (summer.DateOfBirth, winter.DateOfBirth) == (date(1971, 6, 13), date(1964, 1, 30))
    assert (await rio.chart())["documents"][0][0]["DocumentDate"] == "2026-06-30"


async def test_fault_leading_zeros_lost(rio: Rio) -> None:
    await rio.script({"operations": "GetClient", "fault": "leading-zeros-lost"})

    [client] = await rio.call("GetClient", NHSNumber=HER_NHS_NUMBER)

    assert (client.ClientID, client.FamilyName) == ("12345", "Harrow")


async def test_fault_partial_lookups(rio: Rio) -> None:
    whole = await rio.call("GetLookups", Name="NoteType")
    await rio.script({"operations": "GetLookups", "fault": "partial-lookups", "times": 1})

    part = await rio.call("GetLookups", Name="NoteType")

    assert len(part.Entry) == len(whole.Entry) // 2
    assert await rio.call("GetLookups", Name="NoteType") == whole


# --- who asks --------------------------------------------------------------------------------------------------------


async def test_fault_certificate_refused(rio: Rio, add_note: Any) -> None:
    await rio.script({"operations": "any", "fault": "certificate-refused"})

    with pytest.raises(TransportError) as caught:
        await add_note()

    assert (caught.value.status_code, (await rio.put_task()).status_code) == (403, 403)
    assert await rio.effects() == []


@pytest.mark.parametrize(
    ("fault", "code"), [("token-expired", "SESSION_EXPIRED"), ("token-revoked", "SESSION_REVOKED")]
)
async def test_fault_token_expired__or_revoked_between_two_calls(rio: Rio, note: Values, fault: str, code: str) -> None:
    await rio.script({"operations": ["AddProgressNote", "put-task"], "fault": fault, "after": 1, "times": 1})
    await rio.call("AddProgressNote", **note)

    assert await rio.refused("AddProgressNote", **note) == code
    assert await rio.refused("AddProgressNote", **note) == code  # it is over for good
    await rio.authenticate()
    await rio.call("AddProgressNote", **note)
    assert len(await rio.effects()) == 2


async def test_fault_token_revoked(rio: Rio) -> None:
    await rio.script({"operations": "put-task", "fault": "token-revoked", "times": 1})

    assert [(await rio.put_task()).status_code for _ in range(2)] == [401, 200]


async def test_fault_clock_skew(rio: Rio, note: Values) -> None:
    await rio.script({"operations": "any", "fault": "clock-skew", "skew_seconds": 7200})

    assert await rio.refused("AddProgressNote", **note) == "SESSION_EXPIRED"
    ends = (await rio.authenticate()).ExpiresAt
    assert ends - datetime.now(UTC) > timedelta(minutes=100)
    assert (await rio.put_task()).status_code == 401


async def test_fault_device_not_registered(rio: Rio) -> None:
    await rio.script({"operations": ["Authenticate", "GetTeams"], "fault": "device-not-registered"})

    assert await rio.refused("Authenticate", authenticationType="DEVICE", token="mock-rio-device") == (
        "DEVICE_NOT_REGISTERED"
    )
    assert await rio.refused("GetTeams") == "DEVICE_NOT_REGISTERED"


async def test_fault_read_only(rio: Rio, note: Values) -> None:
    await rio.script({"operations": "any", "fault": "read-only"})

    assert await rio.refused("AddProgressNote", **note) == "READ_ONLY"
    assert (await rio.put_task()).status_code == 503
    assert await rio.call("GetProgressNotes", ClientID=MAGGIE) == []


# --- what others do to the record meanwhile --------------------------------------------------------------------------


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
