"""The reference referral, from the record to what comes of it: debt and low mood, two sentences, no known risks."""

import time
from collections.abc import Iterator

import pytest
from playwright.async_api import Frame, Page, expect
from sqlalchemy import select
from tests.app import Json
from tests.browser.epr import launch, reason_in, sign_in
from tests.browser.look import check_axe, check_fits, shoot
from tests.browser.pace import Pace
from tests.browser.stage import Scene, play
from tests.browser.test_person import PRIYA, move

from gateway.store.engine import Store
from gateway.store.schema import form_use

SITUATION = (
    "Margaret is three months behind with her rent and leaves letters unopened. "
    "She sleeps badly, and has not seen her friends since the summer."
)
MOST_INTERACTIONS, MOST_SECONDS = 12, 60


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Of its own, so that whoever refers here is new."""
    with play(tmp_path_factory.mktemp("scene")) as scene:
        yield scene


async def begin(page: Page, scene: Scene, family_name: str) -> tuple[Frame, Pace]:
    frame = await launch(page, scene, family_name)
    pace = Pace(pages=1)
    await pace.press(frame.get_by_role("button", name="Refer"))
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Refer to social prescribing")
    pace.read()
    return frame, pace


async def choose_rest(frame: Frame, pace: Pace) -> None:
    await pace.press(frame.get_by_label("No known risks"))
    await pace.press(frame.get_by_role("group", name="Is it safe to leave a message?").get_by_label("Yes"))
    await pace.press(frame.get_by_label("Yes, they agree"))
    await pace.press(frame.get_by_label("Routine"))
    await pace.press(frame.get_by_role("button", name="Continue to check the referral"))
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Check the referral, then send it")
    pace.read()


async def send(frame: Frame, pace: Pace) -> str:
    """The reference."""
    await pace.press(frame.get_by_role("button", name="Send the referral"))
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Referral sent")
    return (await frame.locator(".nhsuk-panel strong").inner_text()).strip()


async def uses(scene: Scene) -> list[Json]:
    """What the gateway has kept of the forms, the newest last."""
    store = Store(scene.database_url, 1)
    try:
        async with store.reading() as connection:
            rows = (await connection.execute(select(form_use).order_by(form_use.c.opened_at))).mappings().all()
    finally:
        await store.close()
    return [dict(row) for row in rows]


def check_use(told: Json, pace: Pace, began: float) -> None:
    """The gateway's own measure is what was done, but for the buttons that are not on the form (Refer, Send)."""
    assert abs(told["interactions"] - (pace.interactions - 2)) <= 1, told
    assert abs(told["keystrokes"] - pace.keystrokes) <= 1, told
    assert 0 < told["seconds"] <= time.monotonic() - began + 1, told


async def look(page: Page, frame: Frame, name: str) -> None:
    await check_axe(page)
    await check_fits(page)
    await shoot(page, f"{name}-framed")
    whole = await page.context.new_page()  # a frame is seen in part only
    await whole.goto(frame.url)
    await check_fits(whole)
    await shoot(whole, name)
    await whole.close()


async def test_a_clinician_who_is_new_refers_and_sees_what_comes_of_it(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    began = time.monotonic()
    frame, pace = await begin(page, scene, "Harrow")
    reason = reason_in(frame)
    await pace.write(reason, "debt")
    await expect(frame.get_by_role("option", name="Financial and debt advice")).to_be_visible()
    await shoot(page, "refer-reason-framed")
    await pace.press(frame.get_by_role("option", name="Financial and debt advice"))
    await pace.press(frame.locator("summary", has_text="Are there other reasons?"))
    await pace.press(frame.get_by_label("Mental health and wellbeing"))
    await pace.write(frame.get_by_label("What is happening?"), SITUATION, free=True)
    await choose_rest(frame, pace)
    await expect(frame.get_by_text(SITUATION)).to_be_visible()
    took = time.monotonic() - began
    await look(page, frame, "refer-review")
    resumed = time.monotonic()
    reference = await send(frame, pace)
    took += time.monotonic() - resumed
    await look(page, frame, "refer-sent")

    pace.tell("new clinician, by mouse", took)
    assert pace.interactions <= MOST_INTERACTIONS
    assert pace.seconds_without_free_text < MOST_SECONDS
    told = (await uses(scene))[-1]
    check_use(told, pace, began)
    assert not told["experienced"]

    await frame.get_by_role("link", name="See the person's social support").click()
    await expect(frame.get_by_text(reference).first).to_be_visible()
    [task] = scene.call("demo-platform", "GET", "/platform/v1/referrals")["referrals"]
    assert task["reference"] == reference
    move(scene, task, "received", "accepted", "allocated", advisor=PRIYA)
    await expect(frame.get_by_text("Priya Nadar").first).to_be_visible()
    await look(page, frame, "person-referred")


async def test_a_clinician_who_knows_the_form_types_ahead(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    began = time.monotonic()
    frame, pace = await begin(page, scene, "Petrov")
    reason = reason_in(frame)
    await expect(reason).to_have_value("Social interaction")  # as the record says; typing replaces it
    await reason.click()
    await pace.write(reason, "debt")
    await pace.key(page, "Enter")
    await expect(reason).to_have_value("Financial and debt advice")
    await pace.press(frame.locator("summary", has_text="Are there other reasons?"))
    await pace.press(frame.get_by_label("Mental health and wellbeing"))
    await pace.write(frame.get_by_label("What is happening?"), SITUATION, free=True)
    await choose_rest(frame, pace)
    await send(frame, pace)

    pace.tell("returning clinician, typing ahead", time.monotonic() - began)
    assert pace.interactions <= MOST_INTERACTIONS
    assert pace.seconds_without_free_text < MOST_SECONDS
    told = (await uses(scene))[-1]
    check_use(told, pace, began)
    assert told["experienced"]


async def test_a_draft_is_there_at_the_next_launch_and_only_its_rest_is_asked(scene: Scene, page: Page) -> None:
    await sign_in(page, scene)
    frame, _ = await begin(page, scene, "Yusuf")
    await reason_in(frame).press_sequentially("debt")
    await page.keyboard.press("Enter")
    await frame.get_by_label("What is happening?").press_sequentially(SITUATION)
    await expect(frame.get_by_text("Draft saved")).to_be_visible()

    began = time.monotonic()
    frame, pace = await begin(page, scene, "Yusuf")
    await expect(frame.get_by_text("This is your draft")).to_be_visible()
    await expect(frame.get_by_label("What is happening?")).to_have_value(SITUATION)
    await look(page, frame, "refer-draft")
    await choose_rest(frame, pace)
    await send(frame, pace)

    pace.tell("returning clinician, from a draft", time.monotonic() - began)
    assert pace.interactions <= MOST_INTERACTIONS
    assert pace.seconds < MOST_SECONDS
