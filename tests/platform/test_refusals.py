"""What the platform's door refuses, and that nothing is stored then."""

import asyncio
import base64
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from tests.platform.conftest import EPR, HUB, Connect, Platform, Refer, platform_caller

from gateway.store.engine import Store
from gateway.store.schema import audit, contact, event, message


async def count(store: Store, table: Any) -> int:
    async with store.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def test_an_illegal_move_is_refused_with_what_is_allowed_and_changes_nothing(
    platform: Platform, refer: Refer, store: Store
) -> None:
    id_ = await refer()
    before = await platform.read(f"/{id_}")

    refused = await platform.post(f"{id_}/transitions", {"to": "closed-completed"})

    assert refused.status_code == 422
    issue = refused.json()["issue"][0]
    assert issue["code"] == "business-rule"
    assert "From submitted it may go to: received" in issue["diagnostics"]
    assert await platform.read(f"/{id_}") == before
    assert await count(store, event) == 1
    assert await count(store, message) == 0


@pytest.mark.parametrize(
    ("path", "change", "element"),
    [
        ("transitions", {"to": "gone"}, "to"),
        ("transitions", {"to": "received", "bye": "Jo"}, "bye"),
        ("transitions", {"to": "received", "by": "Jo\x00"}, "by"),
        ("contacts", {"mechanism": "pigeon", "outcome": "spoke"}, "mechanism"),
        ("contacts", {"mechanism": "letter", "outcome": "spoke", "at": "2026-03-02T10:00:00"}, "at"),  # no zone
        ("contacts", {"mechanism": "letter", "outcome": "spoke", "at": "0001-01-01T00:00:00+14:00"}, "at"),
        ("contacts", {"mechanism": "letter", "outcome": "spoke", "by": "\u200b"}, "by"),
        ("measures", {"tool": "swemwbs", "stage": "baseline", "items": [1, 2, 3]}, "items"),
        ("prescriptions", {"kind": "referral", "categories": [], "provider": "P", "service": "S"}, "categories"),
    ],
)
async def test_a_change_that_does_not_fit_names_the_element(
    platform: Platform, refer: Refer, path: str, change: dict[str, Any], element: str
) -> None:
    refused = await platform.post(f"{await refer()}/{path}", change)

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/fhir+json"
    assert refused.json()["issue"][0]["expression"] == [element]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"\xff",
        b"[" * 10_000,
        '{"to": "received"}'.encode("utf-16"),
        b'{"to": "not-accepted", "to": "received"}',
        b'{"to": "received", "closure": {"reason": "a", "reason": "b"}}',
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(platform: Platform, refer: Refer, body: bytes) -> None:
    path = f"/platform/v1/referrals/{await refer()}/transitions"

    refused = await platform.http.post(path, content=body, headers={"Content-Type": "application/json"})

    assert refused.status_code in {400, 422}


async def test_another_hubs_referral_is_not_found(platform: Platform, connect: Connect, refer: Refer) -> None:
    id_ = await refer()
    stranger = connect(platform_caller("eastmere"))

    for path in ("", "/events", "/deliveries", "/trace"):
        assert (await stranger.http.get(f"/platform/v1/referrals/{id_}{path}")).status_code == 404
    assert (await stranger.post(f"{id_}/transitions", {"to": "received"})).status_code == 404
    assert (await stranger.read(""))["referrals"] == []
    assert (await platform.read(f"/{id_}"))["version"] == 1


@pytest.mark.parametrize("id_", ["01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10", "1"])
async def test_an_unknown_referral_is_not_found(platform: Platform, id_: str) -> None:
    assert (await platform.http.get(f"/platform/v1/referrals/{id_}")).status_code == 404


async def test_each_client_does_what_its_token_says(connect: Connect, refer: Refer) -> None:
    id_ = await refer()
    reader = connect(platform_caller("northdale", scopes="platform/referrals.read"))

    assert (await reader.read(f"/{id_}"))["id"] == id_
    assert (await reader.post(f"{id_}/transitions", {"to": "received"})).status_code == 403
    assert (await reader.http.get(f"/platform/v1/referrals/{id_}/deliveries")).status_code == 403
    assert (await connect(EPR).http.get(f"/platform/v1/referrals/{id_}")).status_code == 403
    nobody = connect(EPR).http
    del nobody.headers["Authorization"]
    assert (await nobody.get(f"/platform/v1/referrals/{id_}")).status_code == 401


async def test_a_change_on_a_stale_version_is_refused(platform: Platform, refer: Refer) -> None:
    id_ = await refer()
    read = await platform.http.get(f"/platform/v1/referrals/{id_}")
    assert read.headers["etag"] == 'W/"1"'

    first = await platform.post(f"{id_}/transitions", {"to": "received"}, If_Match='W/"1"')
    second = await platform.post(f"{id_}/transitions", {"to": "accepted"}, If_Match='W/"1"')
    third = await platform.post(f"{id_}/transitions", {"to": "accepted"}, If_Match="2")

    assert (first.status_code, first.headers["etag"]) == (200, 'W/"2"')
    assert second.status_code == 412
    assert third.status_code == 400


async def test_the_same_request_again_gets_the_first_answer_and_stores_nothing(
    platform: Platform, refer: Refer, store: Store
) -> None:
    id_, request_id = await allocated(platform, refer), str(uuid4())
    tried = {"mechanism": "telephone", "outcome": "no-answer"}

    first = await platform.post(f"{id_}/contacts", tried, X_Request_Id=request_id)
    await platform.tell(f"{id_}/contacts", mechanism="telephone", outcome="spoke")
    again = await platform.post(f"{id_}/contacts", tried, X_Request_Id=request_id)
    other = await platform.post(f"{id_}/contacts", tried | {"note": "x"}, X_Request_Id=request_id)

    assert first.status_code == again.status_code == 201
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert other.status_code == 409
    assert await count(store, contact) == 2


async def test_the_same_request_twice_at_once_is_stored_once(platform: Platform, refer: Refer, store: Store) -> None:
    id_, request_id = await allocated(platform, refer), str(uuid4())
    tried = {"mechanism": "telephone", "outcome": "no-answer"}

    answers = await asyncio.gather(
        *(platform.post(f"{id_}/contacts", tried, X_Request_Id=request_id) for _ in range(4))
    )

    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert await count(store, contact) == 1


async def test_racing_changes_take_turns(platform: Platform, refer: Refer) -> None:
    id_ = await refer()
    await platform.tell(f"{id_}/transitions", to="received")

    moves = [{"to": "accepted"}, {"to": "not-accepted", "reason": "duplicate", "alternative": "See the open one."}]
    raced = await asyncio.gather(*(platform.post(f"{id_}/transitions", move) for move in moves))

    assert sorted(answer.status_code for answer in raced) == [200, 422]
    events = (await platform.read(f"/{id_}/events"))["events"]
    assert [event["number"] for event in events] == [1, 2, 3]


async def test_racing_contacts_are_all_kept_with_contiguous_versions(platform: Platform, refer: Refer) -> None:
    id_ = await allocated(platform, refer)

    answers = await asyncio.gather(
        *(platform.post(f"{id_}/contacts", {"mechanism": "telephone", "outcome": "no-answer"}) for _ in range(6))
    )

    assert sorted(answer.json()["version"] for answer in answers) == [5, 6, 7, 8, 9, 10]
    assert len((await platform.read(f"/{id_}"))["contacts"]) == 6


async def test_the_list_pages_through_all_of_a_hubs_referrals(connect: Connect, refer: Refer) -> None:
    eastmere = HUB | {"id": "eastmere"}
    ids = [await refer() for _ in range(3)]
    elsewhere = await refer(eastmere)
    both = connect(platform_caller("northdale", "eastmere"))
    await both.tell(f"{ids[0]}/transitions", to="received")

    seen: list[tuple[str, str]] = []
    cursor: dict[str, str | None] = {}
    for _ in range(3):
        page = await both.read("", hub="northdale", limit=1, **cursor)
        seen += [(one["id"], one["status"]) for one in page["referrals"]]
        cursor = {"cursor": page["next_cursor"]}

    assert cursor == {"cursor": None}
    assert seen == [(ids[1], "submitted"), (ids[2], "submitted"), (ids[0], "received")]
    assert [one["id"] for one in (await both.read("", status="received"))["referrals"]] == [ids[0]]
    assert elsewhere in [one["id"] for one in (await both.read(""))["referrals"]]
    changed = (await both.read(f"/{ids[0]}"))["updated_at"]
    assert [one["id"] for one in (await both.read("", updated_since=changed))["referrals"]] == [ids[0]]


NUL = base64.urlsafe_b64encode(b"2026-03-02T09:30:00+00:00|\0").decode()


@pytest.mark.parametrize("cursor", ["x", "////", "bm90IGEgY3Vyc29y", "MDAwMS0wMS0wMVQwMDowMDowMCswOTowMHx4", NUL, "\0"])
async def test_a_made_up_cursor_is_refused(platform: Platform, cursor: str) -> None:
    answer = await platform.http.get("/platform/v1/referrals", params={"cursor": cursor})

    assert answer.status_code == 400


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_any_time_may_be_asked_for(platform: Platform, refer: Refer, at: str) -> None:
    await refer()

    assert len((await platform.read("", updated_since=at))["referrals"]) == (at < "2")


async def test_a_contact_of_the_year_1_is_refused(platform: Platform, refer: Refer) -> None:
    id_ = await allocated(platform, refer)
    made = {"mechanism": "telephone", "outcome": "spoke", "at": "0001-01-01T00:00:00Z"}

    refused = await platform.post(f"{id_}/contacts", made)

    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (422, ["at"])


async def test_every_access_leaves_one_audit_row(platform: Platform, refer: Refer, store: Store) -> None:
    id_ = await refer()
    await platform.read(f"/{id_}")
    await platform.tell(f"{id_}/transitions", to="received", by="Jo Lead")
    await platform.post(f"{id_}/transitions", {"to": "submitted"})

    async with store.reading() as connection:
        rows = (await connection.execute(select(audit).order_by(audit.c.id))).all()
    base = "/platform/v1/referrals/{referral_id}"
    assert [(row.action, row.outcome, row.person) for row in rows] == [
        (f"GET {base}", 200, None),
        (f"POST {base}/transitions", 200, "Jo Lead"),
        (f"POST {base}/transitions", 422, None),
    ]


async def allocated(platform: Platform, refer: Refer) -> str:
    id_ = await refer()
    await platform.tell(f"{id_}/transitions", to="received")
    await platform.tell(f"{id_}/transitions", to="accepted")
    await platform.tell(f"{id_}/transitions", to="allocated", advisor={"name": "Sam Okafor"})
    return id_
