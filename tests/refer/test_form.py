"""A clinician writes a referral, looks at it once more and sends it; without script, for the pages need none."""

import asyncio
import re
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select
from tests.launch.launcher import Launcher, Window

from gateway.store.schema import delivery, draft, form_use, referral, resource

ANSWERS: dict[str, Any] = {
    "reason": "financial-and-debt-advice",
    "situation": "Behind with rent since October; a bailiff's letter came.",
    "risk": "none-known",
    "leave-message": "yes",
    "consent": "permit",
    "urgency": "routine",
}


def field(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, name
    return found[1]


async def written(window: Window, **changed: Any) -> dict[str, Any]:
    """The form as a browser would send it, filled in."""
    page = await window.get("/refer")
    assert page.status_code == 200, page.text
    hidden = {name: field(page, name) for name in ("proof", "draft")}
    return hidden | {"phone": field(page, "phone")} | ANSWERS | changed


async def looked_at(window: Window) -> dict[str, Any]:
    """What the button of the review sends."""
    review = await window.get("/refer/review")
    return {name: field(review, name) for name in ("proof", "draft", "version")}


async def send(window: Window, **changed: Any) -> httpx.Response:
    """The whole way; the page that says that it was sent."""
    fields = await written(window, **changed)
    checked = await window.post("/refer", fields)
    assert (checked.status_code, checked.headers.get("location")) == (303, f"{window.path}/refer/review"), checked.text
    sent = await window.post("/refer/review", await looked_at(window))
    assert sent.status_code == 303, sent.text
    return await window.http.get(sent.headers["location"])


async def rows(launcher: Launcher, table: Any) -> list[Any]:
    async with launcher.running.store.reading() as connection:
        return list(await connection.execute(select(table)))


async def test_a_referral_is_written_checked_and_sent(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window)
    await window.post("/refer", fields)

    review = await window.get("/refer/review")
    assert "Financial and debt advice" in review.text
    assert "bailiff&#39;s letter" in review.text
    assert "Northdale Wellbeing Hub" in review.text

    sent = await window.post("/refer/review", await looked_at(window))
    page = await window.http.get(sent.headers["location"])

    [stored] = await rows(launcher, referral)
    assert stored.reference in page.text
    assert "Northdale Wellbeing Hub" in page.text
    content = orjson.loads(stored.content)
    assert content["route"] == "epr-launch"
    assert content["person"]["family_name"] == "Harrow"
    assert content["referrer"]["name"] == "Dr Amara Osei"
    assert content["reasons"][0]["domain"] == "financial-and-debt-advice"
    assert (stored.team, stored.referrer, stored.status) == ("Recovery Team North", "Dr Amara Osei", "submitted")
    assert await rows(launcher, draft) == []
    [use] = await rows(launcher, form_use)
    assert use.submitted_at is not None
    assert use.seconds is not None
    assert [one.destination_id for one in await rows(launcher, delivery)]


async def test_what_is_missing_is_told_in_one_go_and_what_was_written_stays(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window, reason="", consent="", risk="known")

    page = await window.post("/refer", fields)

    assert page.status_code == 422
    for text in (
        "Select the main reason",
        "Enter what the link worker needs to know",
        "Select whether the person agrees",
    ):
        assert text in page.text
    assert 'href="#consent"' in page.text
    assert 'id="consent"' in page.text
    assert "Behind with rent since October" in page.text
    assert "<title>Error: " in page.text
    assert "Behind with rent since October" in (await window.get("/refer")).text
    assert await rows(launcher, referral) == []


@pytest.mark.parametrize("consent", ["deny", "not-asked"])
async def test_nothing_is_sent_without_the_persons_agreement(launcher: Launcher, consent: str) -> None:
    window = await launcher.open()
    fields = await written(window, consent=consent, **{"consent-reason": "Asleep"} if consent == "not-asked" else {})

    page = await window.post("/refer", fields)
    forced = await window.post("/refer/review", {name: fields[name] for name in ("proof", "draft")})

    assert page.status_code == forced.status_code == 422
    assert "cannot be sent" in page.text
    assert await rows(launcher, referral) == []


async def test_pressed_twice_at_once_it_is_one_referral(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window)
    await window.post("/refer", fields)
    press = await looked_at(window)

    both = await asyncio.gather(*(window.post("/refer/review", press) for _ in range(4)))
    later = await window.post("/refer/review", press)

    assert {one.status_code for one in (*both, later)} == {303}
    assert len({one.headers["location"] for one in (*both, later)}) == 1
    assert len(await rows(launcher, referral)) == 1


async def test_back_after_sending_leads_to_what_was_sent(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window)
    page = await send(window)
    fields["draft"] = fields["draft"]

    again = await window.post("/refer", fields)
    saved = await window.post("/draft", fields)
    review = await window.get("/refer/review")

    assert again.headers["location"] in str(page.url)
    assert saved.json() == {"sent": True}
    assert review.headers["location"] == window.path
    assert len(await rows(launcher, referral)) == 1


async def test_the_draft_outlives_the_session_and_is_the_clinicians_own(launcher: Launcher) -> None:
    first = await launcher.open()
    saved = await first.post("/draft", await written(first, situation="Half a sentence"))
    assert saved.json()["urgent"] is False

    later = await launcher.open()
    other = await launcher.open(user="TLINDQ", name="Mr Tor Lindqvist")

    assert "Half a sentence" in (await later.get("/refer")).text
    assert "This is your draft" in (await later.get("/refer")).text
    assert "Half a sentence" not in (await other.get("/refer")).text


async def test_nobody_throws_away_another_clinicians_draft(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window, situation="Mine")
    await window.post("/draft", fields)
    other = await launcher.open(user="TLINDQ", name="Mr Tor Lindqvist")
    theirs = await written(other)

    await other.post("/draft/discard", {"proof": theirs["proof"], "draft": fields["draft"]})

    assert "Mine" in (await window.get("/refer")).text


async def test_a_draft_can_be_thrown_away(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window, situation="To be forgotten")
    await window.post("/draft", fields)

    gone = await window.post("/draft/discard", {name: fields[name] for name in ("proof", "draft")})

    assert gone.headers["location"] == window.path
    assert "To be forgotten" not in (await window.get("/refer")).text


@pytest.mark.parametrize("link", ["situation", "what-matters", "risk-detail"])
async def test_words_of_danger_bring_up_the_crisis_line(launcher: Launcher, link: str) -> None:
    window = await launcher.open()
    fields = await written(
        window, **{link: "She talked of suicide yesterday.", "risk": "known", "risk-detail": "As said: suicide."}
    )

    saved = await window.post("/draft", fields)
    page = await window.get("/refer")

    assert saved.json()["urgent"] is True
    assert 'id="crisis" role="status" hidden' not in page.text
    assert "0808 157 0142" in page.text


async def test_a_form_of_another_session_or_site_is_not_taken(launcher: Launcher) -> None:
    window = await launcher.open()
    fields = await written(window)
    strange = await window.post("/refer", fields | {"proof": "0" * 64})
    missing = await window.post("/refer", {name: value for name, value in fields.items() if name != "proof"})
    elsewhere = await window.http.post(f"{window.path}/refer", data=fields, headers={"Sec-Fetch-Site": "cross-site"})

    assert {one.status_code for one in (strange, missing, elsewhere)} == {403}
    assert await rows(launcher, referral) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": "no-such-reason"},
        {"urgency": "emergency"},
        {"hub": "no-such-hub"},
        {"situation": "x" * 4001},
        {"phone": "not a number"},
        {"risk": ["none-known", "known"]},
        {"risk": "none-known", "risk-detail": "But there is one"},
        {"interpreter": "perhaps"},
    ],
)
async def test_what_a_browser_would_not_send_is_told_not_stored(launcher: Launcher, changed: dict[str, Any]) -> None:
    window = await launcher.open()
    fields = await written(window, **changed)

    page = await window.post("/refer", fields)
    forced = await window.post("/refer/review", {name: fields[name] for name in ("proof", "draft")})

    assert page.status_code == 422, page.text
    assert "There is a problem" in page.text
    assert forced.status_code == 422
    assert await rows(launcher, referral) == []


async def test_rubbish_is_refused_with_words(launcher: Launcher) -> None:
    window = await launcher.open()
    for body in (b"\xff\xfe", b"a=1&" * 500, b"x" * 250_000, b"proof", b"proof=%00&situation=%ED%A0%80"):
        answer = await window.http.post(f"{window.path}/refer", content=body)
        assert answer.status_code in {400, 403, 413}, body[:20]
        assert "<h1" in answer.text


SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}"


async def test_script_in_any_field_is_shown_as_it_was_written_and_does_nothing(launcher: Launcher) -> None:
    window = await launcher.open(name=f"Dr {SCRIPT}")
    texts = {
        link: f"{SCRIPT} {link}"
        for link in ("situation", "what-matters", "risk-detail", "contact-times", "language", "communication-needs")
    }
    fields = await written(window, **texts, risk="known", services=f"{SCRIPT} services")
    await window.post("/refer", fields)
    shown = [await window.get("/refer"), await window.get("/refer/review"), await send(window, **texts, risk="known")]

    for page in shown:
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown[1].text
    [stored] = await rows(launcher, referral)
    assert SCRIPT in orjson.loads(stored.content)["presenting_text"]


async def test_the_page_of_what_was_sent_shows_only_ones_own(launcher: Launcher) -> None:
    one, other = await launcher.open(), await launcher.open(user="TLINDQ", name="Mr Tor Lindqvist", patient="0045678")
    page = await send(one)
    referral_id = page.url.path.rpartition("/")[2]

    strange = await other.get(f"/refer/sent/{referral_id}")
    unknown = await one.get("/refer/sent/no-such-id")

    assert strange.status_code == unknown.status_code == 404


async def test_what_is_sent_is_what_an_epr_would_have_sent(launcher: Launcher) -> None:
    window = await launcher.open()
    await send(window)

    types = sorted({row.type for row in await rows(launcher, resource)})

    assert types == [
        "Consent",
        "Organization",
        "Patient",
        "PractitionerRole",
        "QuestionnaireResponse",
        "ServiceRequest",
        "Task",
    ]
