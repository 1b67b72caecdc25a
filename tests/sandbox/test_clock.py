"""Time in a sandbox: only forward, each thing at its moment, and tokens by the real clock."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook
from tests.sandbox.engineer import ACCEPTED, NOTHING, Engineer, wait_for

from gateway.sandbox.durations import read_duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("P3D", timedelta(days=3)),
        ("PT36H", timedelta(hours=36)),
        ("P1W", timedelta(weeks=1)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("PT0S", timedelta(0)),
    ],
)
def test_durations(text: str, span: timedelta) -> None:
    assert read_duration(text) == span


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "3D", "-P3D", "P-3D", "P1M", "P9999Y", "P1.5D", "P٣D", "P3D\n"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        read_duration(text)


@pytest.mark.parametrize("advance", ["P9999Y", "P3661D", "-P1D", "", 3, None, ["P1D"], {"days": 1}])
def test_the_clock_goes_forward_by_a_reasonable_duration_only(ann: Engineer, advance: object) -> None:
    clock = ann.sandbox.tenants.find(ann.tenant).clock
    before = clock.ahead
    answer = ann.control("POST", "clock", {"advance": advance})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["advance"]
    assert clock.ahead == before


def test_many_jumps_come_to_the_same_end(own: Engineer) -> None:
    own.advance("P3000D")
    answer = own.control("POST", "clock", {"advance": "P700D"})
    assert answer.status_code == 422
    assert "Reset the tenant" in answer.json()["issue"][0]["diagnostics"]


def test_what_is_stored_is_dated_by_the_tenants_clock(own: Engineer) -> None:
    own.advance("P30D")
    ahead = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    task = own.refer(NOTHING)
    assert task["lastModified"][:10] == ahead
    later = own.refer(ACCEPTED)
    assert later["id"] > task["id"]  # ids are ordered by the same clock


def test_tokens_and_signatures_stay_on_the_real_clock(ann: Engineer) -> None:
    ann.token("sandbox-epr")
    ann.advance("P30D")
    task = ann.refer(NOTHING)  # with the token of before, which has not expired
    ann.tokens.clear()
    assert ann.token("sandbox-epr")  # an assertion made by the real clock is taken
    push = wait_for(lambda: next((one for one in ann.pushes() if one["path"] == f"/Task/{task['id']}"), None))
    # A receiver compares the timestamp with its own clock: at most five minutes off.
    Webhook(ann.told["webhook_secret"]).verify(push["body"], push["headers"])


def test_an_hour_passes_quickly(ann: Engineer) -> None:
    task = ann.refer(ACCEPTED)
    ann.advance("PT1H")
    assert ann.status_of(task) == "allocated"
    assert [one["state"] for one in ann.deliveries(task)] == ["delivered"] * 4
