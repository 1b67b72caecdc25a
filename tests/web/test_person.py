"""/app/p/{session}: whose referrals it shows, how, and what it says where there is nothing to show."""

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update
from tests.app import Json, reference_in, resource_of
from tests.web.conftest import ORIGIN, PRIYA, Web, margaret

from gateway.ids import now
from gateway.store.schema import delivery

KEY = "6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e0f"
SCRIPT = "<script>alert(1)</script>"
DOUBT = "There may be referrals under another record of this person; check with the hub."


async def test_it_shows_the_persons_referral_and_who_it_is_about(web: Web) -> None:
    task = await web.refer()
    page = await web.open()

    shown = await page.read()

    assert reference_in(task) in shown
    for text in (
        "Ms Margaret Anne Harrow",
        "14 June 1971",
        "999 204 7186",
        "Female",
        "Sent to Northdale Wellbeing Hub",
    ):
        assert text in shown
    assert f'href="{page.path}/refer"' in shown
    assert "Refer again, beside the open support" in shown


async def test_the_record_shows_who_it_is_about_itself_and_the_name_stays(web: Web) -> None:
    shown = await (await web.open(needs_banner=False)).read()

    assert "Ms Margaret Anne Harrow" in shown
    assert "14 June 1971" not in shown


async def test_headings_come_in_order_and_nothing_is_inline(web: Web) -> None:
    task = await web.refer()
    await to_support(web, task)
    await web.tell(task, "measures", tool="swemwbs", stage="baseline", items=[3] * 7)
    answer = await (await web.open(token="t")).get()

    levels = [int(one) for one in re.findall(r"<h([1-6])", answer.text)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert not re.search(r"<script(?![^>]* src=)|<style|style=|\son\w+=", answer.text)
    ids = re.findall(r'\bid="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))
    policy = answer.headers["content-security-policy"]
    assert f"frame-ancestors {ORIGIN}" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["cache-control"] == "no-store"


async def test_nothing_to_show_says_so_and_offers_to_refer(web: Web) -> None:
    shown = await (await web.open()).read()

    assert "There is no social prescribing referral of this person." in shown
    assert "Refer to social prescribing" in shown
    assert DOUBT not in shown


async def test_another_organisations_referral_never_shows(web: Web) -> None:
    theirs = await web.refer(client="demo-epr-2")
    own = await web.refer()

    here = await (await web.open()).read()
    there = await (await web.open(organisation="XSH01", team_name="RTN")).read()

    assert reference_in(own) in here
    assert reference_in(theirs) not in here
    assert reference_in(theirs) in there
    assert reference_in(own) not in there


@pytest.mark.parametrize(
    "changed",
    [
        {"birthDate": "1985-01-02"},
        {"name": [{"family": "Okafor", "given": ["Blessing"]}]},
        {"active": False},
    ],
)
async def test_what_is_in_doubt_is_not_shown_but_said(web: Web, changed: Json) -> None:
    task = await web.refer()

    shown = await (await web.open(margaret(**changed))).read()

    assert DOUBT in shown
    assert "There is no social prescribing referral of this person that is certainly theirs." in shown
    assert reference_in(task) not in shown


async def test_somebody_else_sees_nothing_and_no_doubt(web: Web) -> None:
    await web.refer()
    other = margaret(
        id="0099999",
        identifier=[{"system": "https://northdale.example/rio/client-id", "value": "0099999"}],
        name=[{"family": "Okafor", "given": ["Blessing"]}],
        birthDate="1985-01-02",
    )

    shown = await (await web.open(other)).read()

    assert "There is no social prescribing referral of this person." in shown
    assert DOUBT not in shown


async def test_an_open_question_about_the_person_is_said_beside_what_is_certain(web: Web) -> None:
    task = await web.refer()

    def of_another_birthday(bundle: Json) -> None:
        resource_of(bundle, "Patient")["birthDate"] = "1985-01-02"

    other = await web.refer(of_another_birthday)

    shown = await (await web.open()).read()

    assert reference_in(task) in shown
    assert reference_in(other) not in shown
    assert DOUBT in shown


async def test_open_support_stands_first_and_what_ended_is_folded(web: Web) -> None:
    opened = await web.refer()
    ended = await web.refer()
    await web.move(ended, "received", "not-accepted", reason="outside-area", alternative="Ask Eastmere.")

    shown = await (await web.open()).read()

    assert shown.index(f'Open referral <span class="nhsuk-u-nowrap">{reference_in(opened)}') < shown.index(
        "Earlier referrals"
    )
    assert f'<span class="nhsuk-details__summary-text"><span class="nhsuk-u-nowrap">{reference_in(ended)}' in shown


async def test_the_last_referral_shows_when_none_is_open_with_the_actions_on_top(web: Web) -> None:
    task = await web.refer()
    await web.move(task, "received", "accepted")
    closure = {"reason": "moved-away", "summary": "She moved.", "actions_for_referrer": "Update her address"}
    await web.move(task, "closed-other", closure=closure)

    shown = await (await web.open()).read()

    assert "No support is open now" in shown
    actions = shown.index("Actions for you")
    assert actions < shown.index("Update her address") < shown.index("She moved.") < shown.index("What happened so far")


async def test_entered_in_error_is_hidden_but_in_the_history(web: Web) -> None:
    task = await web.refer()
    wrong = task | {"status": "entered-in-error"}
    etag = {"If_Match": f'W/"{task["meta"]["versionId"]}"'}
    answer = await web.running.call("demo-epr", "PUT", f"/FHIR/R4/Task/{task['id']}", wrong, **etag)
    assert answer.status_code == 200, answer.text

    shown = await (await web.open()).read()

    assert "There is no social prescribing referral of this person" in shown
    assert "Entered in error: 1" in shown
    assert f"{reference_in(task)}, sent on" in shown
    assert "What happened so far" not in shown


async def to_support(web: Web, task: Json, **changed: Any) -> None:
    await web.move(task, "received", "accepted", "allocated", advisor=PRIYA)
    await web.tell(task, "contacts", mechanism="telephone", outcome="spoke")
    support = {
        "kind": "referral",
        "categories": ["debt-advice"],
        "provider": "Northdale Money Advice",
        "service": "Debt advice",
        "goal": "A plan",
        "planned_sessions": 4,
    }
    await web.tell(task, "prescriptions", **(support | changed))


async def test_a_withdrawn_consent_hides_all_and_says_so(web: Web) -> None:
    task = await web.refer()
    await to_support(web, task)
    refusal = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"text": "Sharing"}],
        "patient": {"reference": task["for"]["reference"]},
        "policyRule": {"text": "Direct care"},
        "provision": {"type": "deny"},
    }
    answer = await web.running.call("demo-epr", "POST", "/FHIR/R4/Consent", refusal)
    assert answer.status_code == 201, answer.text

    page = await web.open(token="t")
    shown = await page.read()

    assert "consent to this referral was refused or withdrawn" in shown
    assert reference_in(task) in shown
    assert "01632 960100" in shown
    for hidden in ("Debt advice", "Priya", "What happened so far", "Progress note", "Send a message"):
        assert hidden not in shown
    refused = await page.post(f"/referrals/{task['id']}/answer", text="Hello", key=KEY)
    assert refused.status_code == 404


async def test_a_sensitive_record_hides_all_and_says_so(web: Web) -> None:
    task = await web.refer()
    await to_support(web, task)
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}

    shown = await (await web.open(margaret(meta={"security": [label]}))).read()

    assert "marked as sensitive" in shown
    assert reference_in(task) in shown
    assert "Debt advice" not in shown


async def test_how_far_the_record_has_come_is_always_there(web: Web) -> None:
    task = await web.refer()
    page = await web.open()
    assert "The record system (FHIR) is being updated" in await page.read()

    await change_deliveries(web, state="delivered", delivered_at=now())
    assert re.search(r"The record system \(FHIR\) updated \d\d:\d\d\.", await page.read())

    await web.move(task, "received")
    await change_deliveries(web, number=2, created_at=now() - timedelta(seconds=400))
    shown = await page.read()
    assert "The record system (FHIR) has NOT received changes since" in shown
    assert "app-late" in shown
    assert "with version 1" in shown

    await change_deliveries(web, number=2, state="dead", created_at=now())
    assert "has NOT received changes since" in await page.read()


async def change_deliveries(web: Web, number: int | None = None, **values: Any) -> None:
    statement = update(delivery).values(values)
    async with web.running.store.transaction() as connection:
        await connection.execute(statement.where(delivery.c.number == number) if number else statement)


async def test_script_in_each_text_is_inert(web: Web) -> None:
    task = await web.refer()
    await web.move(task, "received", "info-requested", text=f"Question {SCRIPT}")
    page = await web.open(user={"id": "Practitioner/1", "name": f"Dr {SCRIPT}"})
    answered = await page.post(f"/referrals/{task['id']}/answer", text=f"Answer {SCRIPT}", key=KEY)
    assert answered.status_code == 303, answered.text
    await web.move(task, "accepted", "allocated", advisor={"name": f"Priya {SCRIPT}", "phone": f"1{SCRIPT}"})
    await web.tell(task, "contacts", mechanism="telephone", outcome="spoke", by=f"By {SCRIPT}")
    await web.tell(
        task,
        "prescriptions",
        kind="referral",
        categories=["debt-advice"],
        provider=f"Provider {SCRIPT}",
        service=f"Service {SCRIPT}",
        goal=f"Goal {SCRIPT}",
    )

    shown = await page.read()

    assert "<script>" not in shown
    inert = "&lt;script&gt;alert(1)&lt;/script&gt;"
    for name in ("Question", "Answer", "Dr", "Priya", "By", "Provider", "Service", "Goal"):
        assert f"{name} {inert}" in shown, name


async def test_a_whole_journey_has_words_for_all_of_it(web: Web) -> None:
    task = await web.refer()
    await to_support(web, task)

    shown = await (await web.open()).read()

    assert "Recorded:" not in shown
    for text in ("Spoke with the person", "Prescribed Debt advice with Northdale Money Advice", "0 of 4 attended"):
        assert text in shown
