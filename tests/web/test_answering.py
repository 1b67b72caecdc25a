"""Words to the hub from the page: one Communication for each form, as the API would have stored it."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import select
from tests.app import Json
from tests.web.conftest import OURS, Page, Web, margaret

from gateway.store.schema import audit, event, resource

ASKED = "Does she have a phone?"


async def asked(web: Web) -> tuple[Json, Page]:
    """A referral with an open question, and the page."""
    task = await web.refer()
    await web.move(task, "received", "info-requested", text=ASKED)
    return task, await web.open()


async def communications(web: Web) -> list[Json]:
    return await stored(web, "Communication")


async def stored(web: Web, type_: str) -> list[Json]:
    query = select(resource.c.content).where(resource.c.type == type_).order_by(resource.c.id)
    return [orjson.loads(row.content) for row in await rows(web, query)]


async def rows(web: Web, query: Any) -> list[Any]:
    async with web.running.store.reading() as connection:
        return list(await connection.execute(query))


async def events(web: Web) -> list[str]:
    return [row.type for row in await rows(web, select(event.c.type).order_by(event.c.number))]


def key_in(shown: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f-]{36})"', shown)
    assert found
    return found[1]


async def test_a_question_is_answered_in_place(web: Web) -> None:
    task, page = await asked(web)
    shown = await page.read()
    assert "Question for you from Northdale Wellbeing Hub" in shown
    assert ASKED in shown

    answer = await page.post(
        f"/referrals/{task['id']}/answer", text="Yes, mornings.\r\nNot Mondays.", key=key_in(shown)
    )

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"{page.path}?done=answered",
    )
    [sent] = await communications(web)
    assert sent["payload"] == [{"contentString": "Yes, mornings.\nNot Mondays."}]
    assert sent["about"] == [{"reference": f"Task/{task['id']}"}]
    assert sent["subject"] == {"reference": task["for"]["reference"]}
    assert sent["sender"] == {"display": "Dr Amara Osei"}
    assert await events(web) == ["submitted", "received", "info-requested", "answered"]
    after = await page.read("?done=answered")
    assert "Your answer was sent to the hub." in after
    assert "Answer to the hub&#39;s question, Dr Amara Osei" in after
    assert "Your answer</label>" not in after
    [row] = await rows(web, select(audit).where(audit.c.target == f"Communication/{sent['id']}"))
    assert (row.person, row.client_id) == ("Dr Amara Osei", "demo-epr")


async def test_pressed_twice_it_is_sent_once(web: Web) -> None:
    task, page = await asked(web)
    fields = {"text": "Yes.", "key": str(uuid4())}

    both = await asyncio.gather(*(page.post(f"/referrals/{task['id']}/answer", **fields) for _ in range(2)))
    later = await page.post(f"/referrals/{task['id']}/answer", **fields)

    assert [one.status_code for one in (*both, later)] == [303, 303, 303]
    assert len(await communications(web)) == 1
    assert (await events(web)).count("answered") == 1
    assert "information-added" not in await events(web)


async def test_pressed_again_after_the_end_it_is_still_sent_once(web: Web) -> None:
    task, page = await asked(web)
    fields = {"text": "Yes.", "key": str(uuid4())}
    await page.post(f"/referrals/{task['id']}/answer", **fields)
    await web.move(task, "not-accepted", reason="outside-area", alternative="Ask Eastmere.")

    again = await page.post(f"/referrals/{task['id']}/answer", **fields)

    assert again.status_code == 303
    assert len(await communications(web)) == 1


async def test_other_words_from_the_same_form_are_kept_and_not_sent(web: Web) -> None:
    task, page = await asked(web)
    key = str(uuid4())
    await page.post(f"/referrals/{task['id']}/answer", text="Yes.", key=key)

    again = await page.post(f"/referrals/{task['id']}/answer", text="No, I was wrong.", key=key)

    assert again.status_code == 409
    assert "You have sent a message from this form already" in again.text
    assert "No, I was wrong.</textarea>" in again.text
    assert key_in(again.text) != key
    assert len(await communications(web)) == 1


async def test_a_message_goes_to_the_link_worker_at_any_time_while_open(web: Web) -> None:
    task = await web.refer()
    page = await web.open()
    assert "Send a message to the link worker" in await page.read()

    sent = await page.post(f"/referrals/{task['id']}/answer", text="She moved.", key=str(uuid4()))

    assert sent.headers["location"].startswith(f"{page.path}?done=sent")
    assert await events(web) == ["submitted", "information-added"]
    assert "She moved." in await page.read()


async def test_what_nobody_would_read_is_told_and_kept(web: Web) -> None:
    task = await web.refer()
    page = await web.open()
    await web.move(task, "received", "not-accepted", reason="outside-area", alternative="Ask Eastmere.")

    refused = await page.post(f"/referrals/{task['id']}/answer", text="But wait.", key=str(uuid4()))

    assert refused.status_code == 422
    assert "nobody at the hub reads messages about it any more" in refused.text
    assert "<title>Error: " in refused.text
    assert await communications(web) == []
    assert "Send a message to the link worker" not in await page.read()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Enter your answer"),
        (" \n\u200b. ", "Enter your answer"),
        ("x" * 4001, "Your answer must be 4,000 characters or fewer"),
        ("\x01\x0b", "Enter your answer"),
    ],
)
async def test_what_says_nothing_or_cannot_be_read_is_not_sent(web: Web, text: str, problem: str) -> None:
    task, page = await asked(web)

    refused = await page.post(f"/referrals/{task['id']}/answer", text=text, key=str(uuid4()))

    assert refused.status_code == 422, refused.text
    assert problem in refused.text
    assert f'href="#answer-{task["id"]}"' in refused.text
    assert f'id="answer-{task["id"]}"' in refused.text
    assert await communications(web) == []


async def test_only_this_persons_referrals_take_words(web: Web) -> None:
    task, _ = await asked(web)
    theirs = await web.refer(client="demo-epr-2")
    other = margaret(
        id="0099999",
        identifier=[{"system": "https://northdale.example/rio/client-id", "value": "0099999"}],
        name=[{"family": "Okafor", "given": ["Blessing"]}],
        birthDate="1985-01-02",
    )
    page = await web.open(other)

    for id_ in (task["id"], theirs["id"], str(uuid4()), "x"):
        refused = await page.post(f"/referrals/{id_}/answer", text="Hello", key=str(uuid4()))
        assert refused.status_code == 404, id_
    assert await communications(web) == []


async def test_a_form_of_another_site_session_or_shape_does_nothing(web: Web) -> None:
    task, page = await asked(web)
    path, good = (
        f"{page.path}/referrals/{task['id']}/answer",
        {"text": "Yes.", "key": str(uuid4()), "proof": page.proof},
    )
    cookie = {"Cookie": f"session={page.secret}"}

    for fields, headers, status in (
        (good | {"proof": "0" * 64}, OURS | cookie, 403),
        (good | {"proof": ""}, OURS | cookie, 403),
        (good | {"key": "1"}, OURS | cookie, 422),
        (good, {"Sec-Fetch-Site": "cross-site"} | cookie, 403),
        (good, OURS, 401),
    ):
        refused = await web.running.http.post(path, data=fields, headers=headers)
        assert refused.status_code == status, refused.text
    assert await communications(web) == []


async def test_a_client_that_may_not_write_messages_does_not_through_the_page(web: Web) -> None:
    task, page = await asked(web)
    client = web.running.app.state.gateway.directory.client("demo-epr")
    client["scopes"] = ["system/*.rs"]

    refused = await page.post(f"/referrals/{task['id']}/answer", text="Yes.", key=str(uuid4()))

    assert refused.status_code == 403
    assert await communications(web) == []


async def test_what_cannot_be_seen_in_pasted_words_becomes_a_blank(web: Web) -> None:
    task, page = await asked(web)

    await page.post(f"/referrals/{task['id']}/answer", text="Line\x0bbreak\x00\ttab", key=str(uuid4()))

    [sent] = await communications(web)
    assert sent["payload"] == [{"contentString": "Line break \ttab"}]
