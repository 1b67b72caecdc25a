"""R6, R7, R12, R29, R34: reading one version, unless the caller has it; and what an address does not take."""

import asyncio
from datetime import datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import httpx
import pytest
from tests.app import Json, Running
from tests.fhir.rest.calls import patient, send, stored


async def get(gateway: Running, kept: Json, **headers: str) -> httpx.Response:
    return await send(gateway, "GET", f"Patient/{kept['id']}", **headers)


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ('W/"1"', 304),
        ('"1"', 304),
        ('W/"7", W/"1"', 304),
        ("*", 304),
        ('W/"2"', 200),
        ('W/"11"', 200),
        ("1", 200),
        ("rubbish", 200),
        ("", 200),
    ],
)
async def test_r06_what_the_caller_has_is_not_sent_again(gateway: Running, known: str, status: int) -> None:
    kept = await stored(gateway, patient())

    answer = await get(gateway, kept, If_None_Match=known)

    assert answer.status_code == status
    assert answer.headers["etag"] == 'W/"1"'
    assert bool(answer.content) == (status == 200)


async def test_r06_nor_what_has_not_changed_since(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    changed = datetime.fromisoformat(kept["meta"]["lastUpdated"])
    seen = (await get(gateway, kept)).headers["last-modified"]
    before, after = (format_datetime(changed + timedelta(seconds=seconds), usegmt=True) for seconds in (-2, 2))

    answers = [await get(gateway, kept, If_Modified_Since=since) for since in (seen, after, before)]

    assert [answer.status_code for answer in answers] == [304, 304, 200]
    both = await get(gateway, kept, If_Modified_Since=after, If_None_Match='W/"7"')
    assert both.status_code == 200  # RFC 9110, 13.1.3: the ETag is what counts


@pytest.mark.parametrize(
    "since", ["rubbish", "", "2026-03-02", "Mon, 99 Mar 2026 09:30:00 GMT", "Mon, 02 Mar 99999999999999 09:30:00 GMT"]
)
async def test_r06_a_date_that_is_none_is_ignored(gateway: Running, since: str) -> None:
    kept = await stored(gateway, patient())

    assert (await get(gateway, kept, If_Modified_Since=since)).status_code == 200


async def test_r06_two_versions_of_one_second_are_told_apart(gateway: Running) -> None:
    """An HTTP date cannot: who read the first has the date of the second too."""
    kept = await stored(gateway, patient())
    statuses = []
    for number in range(2):  # at most one of the two crosses into another second
        seen = (await get(gateway, kept)).headers["last-modified"]
        put = await send(gateway, "PUT", f"Patient/{kept['id']}", kept | {"multipleBirthInteger": number})
        if put.headers["last-modified"] == seen:
            statuses.append((await get(gateway, kept, If_Modified_Since=seen)).status_code)
    assert 200 in statuses
    assert 304 not in statuses


async def test_r06_what_is_not_here_is_404(gateway: Running) -> None:
    for path in (
        f"Patient/{uuid4()}",
        "Patient/under_score",
        f"Patient/{'a' * 65}",
        "Patient/é",
        "Wombat/1",
    ):
        answer = await send(gateway, "GET", path)
        assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome"), path


@pytest.mark.parametrize("version", ["2", "0", "-1", "01x", "x", "²", "99999999999999999999", "1.0"])
async def test_r07_a_version_that_is_not_there(gateway: Running, version: str) -> None:
    kept = await stored(gateway, patient())

    answer = await send(gateway, "GET", f"Patient/{kept['id']}/_history/{version}")

    assert answer.status_code == 404


async def test_r07_each_version_stays(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    await send(gateway, "PUT", f"Patient/{kept['id']}", kept | {"active": True})

    answer = await send(gateway, "GET", f"Patient/{kept['id']}/_history/1")

    assert (answer.json(), answer.headers["etag"]) == (kept, 'W/"1"')


@pytest.mark.parametrize("path", ["Patient/{id}", "Patient/{id}/_history/1", "Patient/{id}/_history", "metadata"])
async def test_r34_head_has_the_headers_of_get(gateway: Running, path: str) -> None:
    kept = await stored(gateway, patient())

    head, read = [await send(gateway, method, path.format(id=kept["id"])) for method in ("HEAD", "GET")]

    own = {"x-request-id", "x-correlation-id"}
    assert head.status_code == read.status_code == 200
    assert {key: value for key, value in head.headers.items() if key not in own} == {
        key: value for key, value in read.headers.items() if key not in own
    }


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("Patient/{id}", "GET, HEAD, PATCH, PUT"),
        ("Patient/{id}/_history/1", "GET, HEAD"),
        ("Patient/{id}/_history", "GET, HEAD"),
    ],
)
async def test_r12_nothing_is_deleted(gateway: Running, path: str, allowed: str) -> None:
    kept = await stored(gateway, patient())

    answer = await send(gateway, "DELETE", path.format(id=kept["id"]))

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert "entered-in-error" in answer.json()["issue"][0]["diagnostics"]
    assert (await get(gateway, kept)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "Patient", {"GET", "HEAD", "POST", "PUT"}),
        ("PATCH", "Patient?identifier=a|b", {"GET", "HEAD", "POST", "PUT"}),
        ("POST", "Patient/1", {"GET", "HEAD", "PATCH", "PUT"}),
        ("OPTIONS", "Patient/1", {"GET", "HEAD", "PATCH", "PUT"}),
        ("PUT", "", {"POST"}),
    ],
)
async def test_r29_a_405_tells_what_the_address_takes(
    gateway: Running, method: str, path: str, allowed: set[str]
) -> None:
    answer = await send(gateway, method, path)

    assert answer.status_code == 405
    assert allowed <= set(answer.headers["allow"].split(", "))
    assert method not in answer.headers["allow"]


async def test_r02_format_goes_before_accept(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    xml = {"Accept": "application/fhir+xml"}
    expected = {
        "_format=json": 200,
        "_format=application/fhir%2Bjson": 200,
        "_format=application/fhir+json": 200,
        "_format=text/json&_pretty=true": 200,
        "_format=xml": 406,
        "_format=application/fhir%2Bxml": 406,
        "_format=application/fhir%2Bjson;fhirVersion=3.0": 406,
        "_format=": 406,
        "_pretty=true": 406,
    }

    answers = await asyncio.gather(*(send(gateway, "GET", f"Patient/{kept['id']}?{one}", **xml) for one in expected))

    assert [answer.status_code for answer in answers] == list(expected.values())
