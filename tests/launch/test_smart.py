"""A SMART launch that goes well: what the browser gets, what the database keeps, and when it ends."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import time_machine
from sqlalchemy import select, update
from tests.launch.smart_epr import PATIENT, Launched

from gateway.ids import now
from gateway.launch.session import LONGEST
from gateway.store.schema import launch, launch_session

TOKEN = "a-token-nobody-else-may-see"


async def test_the_browser_is_sent_with_pkce_and_a_state(launched: Launched) -> None:
    begun = await launched.begin(launched.browser())

    address = urlsplit(begun.headers["location"])
    asked = {name: value for name, [value] in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{launched.epr.base}/authorize"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["aud"] == launched.epr.base
    assert asked["redirect_uri"] == "http://gateway.example/launch/callback"
    assert {"launch", "openid", "fhirUser"} <= set(asked["scope"].split())
    assert len(asked["state"]) >= 43
    assert len(asked["code_challenge"]) == 43


async def test_the_token_is_nowhere_but_encrypted_in_the_database(launched: Launched) -> None:
    launched.epr.granted = {"access_token": TOKEN}
    http, answer = await launched.launch()
    pages = [answer, await http.get(answer.headers["location"]), await http.get(f"{answer.headers['location']}/refer")]

    assert pages[1].status_code == pages[2].status_code == 200
    assert TOKEN not in " ".join(f"{page.text}{page.headers}{page.url}" for page in pages)
    assert TOKEN not in str(list(http.cookies.jar))
    async with launched.running.store.reading() as connection:
        [row] = (await connection.execute(select(launch_session))).all()
        assert (await connection.execute(select(launch))).all() == []
    assert TOKEN not in str(row)
    assert launched.running.app.state.seal.open(row.token) == TOKEN


async def test_a_state_is_the_browsers_own_and_good_once(launched: Launched) -> None:
    http = launched.browser()
    begun = await launched.begin(http)
    sent = {name: value for name, [value] in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    launched.epr.nonce = sent["nonce"]
    back = {"state": sent["state"], "code": "c"}

    stolen = await launched.browser().get("/launch/callback", params=back)
    spent = await http.get("/launch/callback", params=back)
    http, answer = await launched.launch(http)

    assert stolen.status_code == spent.status_code == 400  # whoever tried to use it has ended it
    assert answer.status_code == 303


async def test_a_state_is_over_after_two_minutes(launched: Launched) -> None:
    http = launched.browser()
    begun = await launched.begin(http)
    [state] = parse_qs(urlsplit(begun.headers["location"]).query)["state"]
    async with launched.running.store.transaction() as connection:
        await connection.execute(update(launch).values(expires_at=now() - timedelta(seconds=1)))

    answer = await http.get("/launch/callback", params={"state": state, "code": "c"})

    assert answer.status_code == 400


@pytest.mark.parametrize(("after", "why"), [(1799, None), (1861, "Your session has ended")])
async def test_a_session_ends_when_it_lies_idle(launched: Launched, after: int, why: str | None) -> None:
    window = await launched.open()
    with time_machine.travel(now() + timedelta(seconds=after), tick=True):
        page = await window.get("/refer")

    assert page.status_code == (401 if why else 200)
    assert why is None or why in page.text


async def test_however_busy_a_session_ends_after_some_hours(launched: Launched) -> None:
    window, began = await launched.open(), now()
    statuses = []
    for step in range(1, LONGEST + 2):
        with time_machine.travel(began + timedelta(seconds=1790 * step), tick=True):
            statuses.append((await window.get("/refer")).status_code)

    assert statuses == [200] * LONGEST + [401]


async def test_over_https_the_cookies_are_partitioned(launched: Launched) -> None:
    launched.running.app.state.gateway.settings.base_url = "https://gateway.example"
    transport = httpx.ASGITransport(launched.running.app)
    http = httpx.AsyncClient(transport=transport, base_url="https://gateway.example")

    begun = await launched.begin(http)
    _, opened = await launched.launch(http)

    how = "HttpOnly; Secure; SameSite=None; Partitioned"
    assert begun.headers["set-cookie"].endswith(f"; Path=/launch/callback; {how}")
    assert opened.headers["set-cookie"].endswith(f"; Path={opened.headers['location']}; {how}")


async def test_what_the_epr_does_not_allow_is_said_and_over(launched: Launched) -> None:
    http = launched.browser()
    begun = await launched.begin(http)
    [state] = parse_qs(urlsplit(begun.headers["location"]).query)["state"]
    back = {"state": state, "error": "access_denied", "error_description": "<b>Called away</b>"}

    refused = await http.get("/launch/callback", params=back)
    again = await http.get("/launch/callback", params=back | {"code": "c"})

    assert (refused.status_code, again.status_code) == (403, 400)
    assert "did not allow the launch" in refused.text
    assert "Called away" not in refused.text
    assert "token" not in launched.epr.asked


async def test_without_a_patient_the_teams_page_opens(launched: Launched) -> None:
    launched.epr.granted = {"patient": None}
    _, answer = await launched.launch()

    assert answer.headers["location"].endswith("/team")


async def test_a_task_that_the_epr_has_open_comes_into_view(launched: Launched) -> None:
    task = "0198f2a4-7c00-7000-8000-000000000001"
    launched.epr.granted = {"fhirContext": [{"reference": "Encounter/1"}, {"reference": f"Task/{task}"}]}
    _, answer = await launched.launch()

    assert answer.headers["location"].endswith(f"#r-{task}")


@pytest.mark.parametrize(
    ("told", "chosen"),
    [
        (json.dumps({"reasons": ["housing", "no-such-reason", "employment", 5]}), "housing"),
        ("not JSON", None),
        ("[]", None),
        (json.dumps({"reasons": "housing"}), None),
        ({"reasons": ["housing"]}, None),
        ("x" * 5000, None),
    ],
)
async def test_what_a_card_has_offered_is_chosen_in_the_form(launched: Launched, told: Any, chosen: str | None) -> None:
    launched.epr.granted = {"appContext": told}
    window = await launched.open()

    page = (await window.get("/refer")).text

    assert ('<option value="housing" selected' in page) == (chosen == "housing")
    assert ('value="employment" checked' in " ".join(page.split())) == (chosen == "housing")


async def test_the_same_user_who_opens_somebody_else_closes_the_first(launched: Launched) -> None:
    first = await launched.open()
    launched.epr.says["Patient/0045678"] = PATIENT | {"id": "0045678"}
    launched.epr.granted = {"patient": "0045678"}
    second = await launched.open()

    over = await first.get("")

    assert over.status_code == 401
    assert "Another person's record was opened" in over.text
    assert (await second.get("")).status_code == 200
    async with launched.running.store.reading() as connection:
        rows = (await connection.execute(select(launch_session).order_by(launch_session.c.opened_at))).all()
    assert [row.token is None for row in rows] == [True, False]  # what is over keeps no token
