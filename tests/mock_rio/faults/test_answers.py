"""Faults of answers that are not what they seem."""

from datetime import date
from typing import Any

import pytest
from tests.mock_rio.rio import HER_NHS_NUMBER, MAGGIE, Rio
from zeep.exceptions import TransportError, XMLSyntaxError

Values = dict[str, Any]


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

    assert await rio.texts() == []
    assert (await rio.client.get(f"{rio.url}/FHIR/R4/Task/t1")).status_code == 404
    assert await rio.effects() == []


@pytest.mark.parametrize("fault", ["malformed-xml", "truncated-xml", "wrong-encoding"])
async def test_fault_malformed_xml__and_its_like(rio: Rio, add_note: Any, fault: str) -> None:
    await rio.script({"operations": "AddProgressNote", "fault": fault})

    with pytest.raises((TransportError, XMLSyntaxError)):
        await add_note()

    assert len(await rio.texts()) == 1


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

    assert len(await rio.texts()) == 1


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
