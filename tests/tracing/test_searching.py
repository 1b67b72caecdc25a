"""Traces are found by what is known of them; what is searched by stands in no address, no audit row and no log."""

import json
from datetime import timedelta
from typing import Any

from structlog.testing import capture_logs
from tests.app import reference_in, referral_bundle, resource_of, task_in
from tests.tracing.conftest import OPERATOR, Asking

from gateway.ids import instant, now
from gateway.store.schema import audit

NUMBER = "9990001014"
NHS = "https://fhir.nhs.uk/Id/nhs-number"


async def find(asking: Asking, **query: Any) -> Any:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    answer = await asking.running.call(OPERATOR, "GET", f"/platform/v1/traces?{asked}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refer(asking: Asking, number: str, own: str) -> str:
    bundle = referral_bundle()
    resource_of(bundle, "Patient")["identifier"][0]["value"] = number
    resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] = own
    answer = await asking.running.call("demo-epr", "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text
    return reference_in(task_in(answer.json()))


async def test_by_an_identifier_of_the_person_or_the_request(asking: Asking) -> None:
    first, second = await refer(asking, NUMBER, "own-1"), await refer(asking, NUMBER, "own-2")
    own_system = resource_of(referral_bundle(), "ServiceRequest")["identifier"][0]["system"]

    for identifier, expected in (
        (NUMBER, {first, second}),
        (f"{NHS}|{NUMBER}", {first, second}),
        (f"http://fhir.nhs.net/Id/nhs-number|{NUMBER}", {first, second}),  # another spelling of the same
        ("own-2", {second}),
        (f"{own_system}|own-1", {first}),
        (first, {first}),
        ("own", set()),
        ("9990001", set()),
        (f"urn:other|{NUMBER}", set()),
        ("|", set()),
        ("%", set()),
        ("x" * 200, set()),
    ):
        answer = await asking.running.call(OPERATOR, "POST", "/platform/v1/traces/_search", {"identifier": identifier})
        assert answer.status_code == 200, answer.text
        assert {one["reference"] for one in answer.json()["traces"]} == expected, identifier


async def test_what_is_searched_by_is_nowhere(asking: Asking) -> None:
    await refer(asking, NUMBER, "own-1")
    await asking.sign_in()
    with capture_logs() as logs:
        searched = await asking.running.call(
            OPERATOR, "POST", "/platform/v1/traces/_search", {"identifier": f"{NHS}|{NUMBER}"}
        )
        pressed = await asking.press("/app/trace", what=NUMBER)

    assert searched.json()["traces"]
    assert pressed.status_code == 200
    assert "Referrals of this identifier: 1" in pressed.text
    assert NUMBER not in str(pressed.url)
    assert NUMBER not in json.dumps(logs, default=str)
    async with asking.running.store.reading() as connection:
        rows = [tuple(row) for row in await connection.execute(audit.select())]
    assert NUMBER not in str(rows)


async def test_by_time_page_after_page(asking: Asking) -> None:
    for number in range(5):
        await refer(asking, NUMBER, f"own-{number}")
    await asking.running.call("demo-epr", "GET", "/FHIR/R4/Task")  # changes nothing: not among them
    await asking.running.call("demo-epr", "GET", "/FHIR/R4/Task/nothing")  # was refused: among them

    seen, cursor = [], None
    while True:
        page = await find(asking, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += page["traces"]
        if not (cursor := page["next_cursor"]):
            break

    assert [one["outcome"] for one in seen] == [404, 200, 200, 200, 200, 200]
    assert len({one["key"] for one in seen}) == 6
    assert [one["at"] for one in seen] == sorted((one["at"] for one in seen), reverse=True)
    soon, before = instant(now() + timedelta(hours=1)), instant(now() - timedelta(hours=1))
    assert len((await find(asking, since=before, until=soon))["traces"]) == 6
    assert (await find(asking, since=soon))["traces"] == []
    assert (await find(asking, until=before))["traces"] == []


async def test_on_the_page(asking: Asking) -> None:
    reference = await refer(asking, NUMBER, "own-1")
    await asking.sign_in()
    assert f'href="/app/trace/{reference}"' in await asking.page()

    known = await asking.press("/app/trace", what=f" {reference.lower()} ")
    assert (known.status_code, known.headers["location"]) == (303, f"/app/trace/{reference}")
    for what in ("SP-4821-0937-5564", "01a21c60-d85d-7bc2-959f-cc6ab9283027", "<b>nobody</b>", "é" * 300, "\x00"):
        nothing = await asking.press("/app/trace", what=what)
        assert nothing.status_code == 200, what
        assert "Nothing is kept that fits" in nothing.text, what
        assert "<b>nobody" not in nothing.text
    timed = await asking.press("/app/trace", since="2020-01-01T00:00", until="2099-01-01T00:00", cursor="rubbish")
    assert reference in timed.text
    for field in ("since", "until"):
        for wrong in ("yesterday", "0001-01-01T00:00", "9999-12-31T23:59", "2026-13-01T00:00", "1" * 300):
            refused = await asking.press("/app/trace", **{field: wrong})
            assert refused.status_code in {200, 422}, wrong
            assert refused.status_code == 200 or "Enter a day and time" in refused.text


async def test_rubbish_is_told_so(asking: Asking) -> None:
    for query, status in (
        ("since=yesterday", 422),
        ("since=2026-03-02T09:30:00", 422),  # no time zone
        ("until=9999-12-31T23:59:59-23:59", 422),
        ("limit=0", 422),
        ("limit=201", 422),
        ("cursor=rubbish", 400),
        ("cursor=1-1", 400),
        ("cursor=" + "1" * 65, 422),
        ("since=%00", 400),
        ("cursor=%EF%BC%91", 400),
    ):
        answer = await asking.running.call(OPERATOR, "GET", f"/platform/v1/traces?{query}")
        assert answer.status_code == status, (query, answer.text)
        assert answer.json()["resourceType"] == "OperationOutcome"
    bodies: list[tuple[Any, int]] = [
        ({}, 422),
        ({"identifier": ""}, 422),
        ({"identifier": "x" * 201}, 422),
        ({"identifier": "a\x00b"}, 422),
        ({"identifier": NUMBER, "name": "Harrow"}, 422),
        ({"identifier": [NUMBER]}, 422),
        (b'{"identifier": "a", "identifier": "b"}', 400),
        (b"{", 400),
        (b"\xff", 400),
    ]
    for body, status in bodies:
        answer = await asking.running.call(OPERATOR, "POST", "/platform/v1/traces/_search", body)
        assert answer.status_code == status, (body, answer.text)
        assert "Harrow" not in answer.text
