"""What a team sees of its referrals, and its manager of how the service is taken up."""

import csv
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from tests.app import referral_bundle, resource_of
from tests.launch.launcher import Launcher, Window, launching
from tests.refer.test_form import send, written

from gateway.ids import now
from gateway.store.schema import form_use, referral
from gateway.web.team.adoption import reply_was_due


@pytest.fixture
async def launcher(database_url: str, tmp_path: Path) -> AsyncIterator[Launcher]:
    async with launching(database_url, tmp_path) as launcher:
        yield launcher


async def team_of(launcher: Launcher, **changed: Any) -> Window:
    window = await launcher.open(patient=None, **changed)
    return Window(window.http, window.path.removesuffix("/team"))


async def move(launcher: Launcher, referral_id: str, *steps: str, **more: Any) -> None:
    for step in steps:
        told = {"to": step, "by": "Priya Nadar"} | (more if step == steps[-1] else {})
        path = f"/platform/v1/referrals/{referral_id}/transitions"
        answer = await launcher.running.call("demo-platform", "POST", path, told)
        assert answer.status_code == 200, answer.text


async def refer(launcher: Launcher, **changed: Any) -> str:
    page = await send(await launcher.open(**changed))
    return page.url.path.rpartition("/")[2]


async def test_what_needs_the_clinician_comes_first(launcher: Launcher) -> None:
    asked = await refer(launcher)
    other = await refer(launcher, patient="12345")
    await move(launcher, asked, "received", "info-requested", text="Is it safe to ring in the evening?")
    await move(launcher, other, "received", "accepted")

    page = (await (await team_of(launcher)).get("/team")).text

    assert "Needs you" in page
    assert page.index("HARROW, Margaret Anne") < page.index("PETROV, Daniel")
    assert "Is it safe to ring in the evening?" in page
    assert "Record number 0012345" in page
    assert "Accepted by Northdale Wellbeing Hub" in page


async def test_what_the_hub_has_let_lie_is_overdue(launcher: Launcher) -> None:
    referral_id = await refer(launcher)
    async with launcher.running.store.transaction() as connection:
        old = update(referral).where(referral.c.id == referral_id).values(submitted_at=now() - timedelta(days=20))
        await connection.execute(old)

    page = (await (await team_of(launcher)).get("/team")).text

    assert "Overdue at the hub" in page


async def test_actions_at_the_end_stay_until_they_are_old(launcher: Launcher) -> None:
    referral_id = await refer(launcher)
    await move(
        launcher, referral_id, "received", "not-accepted", reason="outside-area", alternative="Refer to Eastmere."
    )
    team = await team_of(launcher)

    assert "Refer to Eastmere." in (await team.get("/team")).text
    async with launcher.running.store.transaction() as connection:
        await connection.execute(update(referral).values(updated_at=now() - timedelta(days=40)))

    assert "Refer to Eastmere." not in (await team.get("/team")).text
    assert "Refer to Eastmere." in (await team.get("/team?show=ended")).text


async def test_only_mine(launcher: Launcher) -> None:
    await refer(launcher)
    await refer(launcher, user="JDOE", name="Jo Doe", patient="12345")
    team = await team_of(launcher)

    assert "PETROV" in (await team.get("/team")).text
    mine = (await team.get("/team?of=me")).text
    assert "HARROW" in mine
    assert "PETROV" not in mine


async def test_no_other_team_and_no_other_organisation(launcher: Launcher) -> None:
    bundle = referral_bundle()
    resource_of(bundle, "PractitionerRole")["healthcareService"] = [{"display": "Crisis Team"}]
    assert (await launcher.running.call("demo-epr", "POST", "/FHIR/R4", bundle)).status_code == 200
    bundle = referral_bundle()
    del resource_of(bundle, "ServiceRequest")["performer"]
    resource_of(bundle, "Organization")["identifier"][0]["value"] = "XSH01"
    answer = await launcher.running.call("demo-epr-2", "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text

    page = (await (await team_of(launcher)).get("/team")).text

    assert "HARROW" not in page
    assert "There is no open referral of this team" in page


async def test_of_whom_nothing_may_be_shown_nothing_is(launcher: Launcher) -> None:
    bundle = referral_bundle()
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    resource_of(bundle, "Patient")["meta"] = {"security": [label]}
    answer = await launcher.running.call("demo-epr", "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text

    page = (await (await team_of(launcher)).get("/team")).text

    assert "Name withheld" in page
    assert "HARROW" not in page
    assert "0012345" not in page


async def test_a_window_about_a_person_shows_nobody_else_and_the_teams_window_nobody(launcher: Launcher) -> None:
    person, team = await launcher.open(), await team_of(launcher, user="JDOE", name="Jo Doe")

    assert (await person.get("/team")).status_code == 404
    assert (await person.get("/adoption")).status_code == 404
    assert (await team.get("")).status_code == 404
    assert (await team.get("/refer")).status_code == 404


async def test_a_manager_sees_how_it_is_taken_up(launcher: Launcher) -> None:
    await refer(launcher)
    await refer(launcher, user="JDOE", name="Jo Doe", patient="12345")
    await written(await launcher.open(user="JROE", name="Jo Roe"))  # begun, not sent
    async with launcher.running.store.transaction() as connection:
        sent = form_use.c.submitted_at.isnot(None)
        await connection.execute(update(form_use).where(sent).values(seconds=250, interactions=9))
    team = await team_of(launcher)

    page = " ".join((await team.get("/adoption")).text.split())
    table = (await team.get("/adoption?as=csv&days=365")).text.splitlines()

    assert "4 min 10 s (n = 2)" in page
    assert "2 of 3 that were begun" in page
    assert "Early Intervention Team: 0 people have asked" in page
    assert table[0].startswith("team,referrals,referrers,by_form,started,measured,median_seconds")
    assert table[1].startswith("Recovery Team North,2,2,2,3,2,250")


async def test_who_asks_for_a_team_is_counted(launcher: Launcher) -> None:
    window = await launcher.open(team="EIT", user="TLINDQ", name="Mr Tor Lindqvist")
    page = await window.get("/refer")
    proof = page.text.partition('name="proof" value="')[2].partition('"')[0]
    for _ in range(2):
        asked = await window.post("/ask", {"proof": proof})
        assert "You have asked for social prescribing" in asked.text

    shown = (await (await team_of(launcher)).get("/adoption")).text

    assert "Early Intervention Team: 1 person has asked" in shown


async def test_only_managers(launcher: Launcher) -> None:
    team = await team_of(launcher, user="JDOE", name="Jo Doe")

    refused: httpx.Response = await team.get("/adoption")

    assert refused.status_code == 403
    assert "for the managers of a team" in refused.text
    assert "How the service is taken up" not in (await team.get("/team")).text


async def test_rubbish_in_the_address_changes_nothing(launcher: Launcher) -> None:
    team = await team_of(launcher)

    for query in ("?days=abc", "?days=99999999999", "?as=pdf", "?of=%00", "?show=%F0%9F%98%80"):
        assert (await team.get(f"/adoption{query}")).status_code in {200, 400}
        assert (await team.get(f"/team{query}")).status_code in {200, 400}


async def test_forms_are_counted_apart_from_what_systems_send(launcher: Launcher) -> None:
    await refer(launcher)
    assert (await launcher.running.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())).status_code == 200
    async with launcher.running.store.reading() as connection:
        teams = [row.team for row in await connection.execute(select(referral.c.team))]

    table = (await (await team_of(launcher)).get("/adoption?as=csv")).text.splitlines()

    assert teams == ["Recovery Team North"] * 2
    assert table[1].startswith("Recovery Team North,2,1,1,1,")


async def test_what_waits_the_longest_is_not_lost_behind_many_that_have_changed_since(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.teams.MOST", 2)
    monkeypatch.setattr("gateway.web.team.referrals.MOST", 2)
    waits = await refer(launcher)
    others = [await refer(launcher, patient="12345") for _ in range(3)]
    for other in others:
        await move(launcher, other, "received", "accepted")
    async with launcher.running.store.transaction() as connection:
        old = {"submitted_at": now() - timedelta(days=20), "updated_at": now() - timedelta(days=20)}
        await connection.execute(update(referral).where(referral.c.id == waits).values(old))

    page = (await (await team_of(launcher)).get("/team")).text

    assert page.index("Overdue at the hub") < page.index("HARROW, Margaret Anne")
    assert "There are more than the 2 that are shown here" in page


async def test_a_person_who_could_not_be_reached_needs_the_referrer(launcher: Launcher) -> None:
    referral_id = await refer(launcher)
    async with launcher.running.store.transaction() as connection:
        closed = update(referral).where(referral.c.id == referral_id).values(status="closed-unable-to-contact")
        await connection.execute(closed)

    assert "Needs you" in (await (await team_of(launcher)).get("/team")).text


async def test_what_a_hub_has_let_lie_is_counted_and_the_months_are_in_the_table(launcher: Launcher) -> None:
    lying, _ = await refer(launcher), await refer(launcher, patient="12345")
    async with launcher.running.store.transaction() as connection:
        old = update(referral).where(referral.c.id == lying).values(submitted_at=now() - timedelta(days=20))
        await connection.execute(old)

    table = (await (await team_of(launcher)).get("/adoption?as=csv")).text
    [figures] = csv.DictReader(table.splitlines())

    assert figures["overdue"] == "1"
    assert sum(int(count) for name, count in figures.items() if name[:2] == "20") == 2


@pytest.mark.parametrize(
    ("today", "latest"), [("2026-03-09", "2026-03-01"), ("2026-03-10", "2026-03-02"), ("2026-03-14", "2026-03-08")]
)
def test_the_days_that_a_hub_has_to_reply_are_working_days(today: str, latest: str) -> None:
    assert reply_was_due(5, date.fromisoformat(today)) == date.fromisoformat(latest)
