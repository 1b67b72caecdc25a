"""Faults of who asks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.mock_rio.rio import MAGGIE, Rio
from zeep.exceptions import TransportError

Values = dict[str, Any]


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
