"""A referral on the platform side, from receipt to closing, and what the EPR will be told of each step."""

import orjson
from sqlalchemy import select
from tests.platform.conftest import Platform, Refer

from gateway.platform.models import Deliveries, Events, ReferralView, Trace
from gateway.store.engine import Store
from gateway.store.schema import delivery, referral, resource

BASELINE = [2, 3, 2, 2, 3, 3, 2]
CLOSURE = [3, 4, 3, 3, 4, 4, 3]


async def all_the_way(platform: Platform, id_: str) -> dict[str, object]:
    await platform.tell(f"{id_}/transitions", to="received")
    await platform.tell(f"{id_}/transitions", to="accepted", by="Jo Lead")
    advisor = {"name": "Sam Okafor", "phone": "01632 960002"}
    await platform.tell(f"{id_}/transitions", to="allocated", advisor=advisor, by="Jo Lead")
    for mechanism in ("telephone", "text-message"):
        await platform.tell(f"{id_}/contacts", mechanism=mechanism, outcome="no-answer", by="Sam Okafor")
    await platform.tell(
        f"{id_}/contacts", mechanism="telephone", outcome="spoke", by="Sam Okafor", note="Keen to start."
    )
    await platform.tell(f"{id_}/measures", tool="swemwbs", stage="baseline", items=BASELINE)
    debt, course = "Northdale Money Advice", "Life Rooms"
    await platform.tell(
        f"{id_}/prescriptions", kind="referral", categories=["debt-advice"], provider=debt, service="Debt advice"
    )
    shown = await platform.tell(
        f"{id_}/prescriptions",
        kind="internal-course",
        categories=["mental-wellbeing", "education-and-training"],
        provider=course,
        service="Managing stress",
        planned_sessions=2,
    )
    for prescription in shown["prescriptions"]:
        await platform.tell(f"{id_}/prescriptions/{prescription['id']}/transitions", to="accepted")
    last = shown["prescriptions"][1]["id"]
    await platform.tell(f"{id_}/prescriptions/{last}/sessions", attendance="attended")
    await platform.tell(f"{id_}/prescriptions/{last}/sessions", attendance="did-not-attend")
    await platform.tell(f"{id_}/prescriptions/{last}/transitions", to="completed")
    first, why = shown["prescriptions"][0]["id"], "She has paid what she owed."
    await platform.tell(f"{id_}/prescriptions/{first}/transitions", to="not-started", text=why)
    await platform.tell(f"{id_}/measures", tool="swemwbs", stage="closure", items=CLOSURE)
    closure = {"reason": "goals-met", "summary": "Debts in hand.", "actions_for_referrer": "No action needed."}
    return await platform.tell(f"{id_}/transitions", to="closed-completed", closure=closure, by="Sam Okafor")


async def test_the_whole_journey(platform: Platform, refer: Refer) -> None:
    id_ = await refer()

    shown = await all_the_way(platform, id_)

    closed = ReferralView.model_validate(shown)
    assert (closed.status, closed.version, closed.allowed_moves) == ("closed-completed", 18, [])
    assert [contact.outcome for contact in closed.contacts] == ["no-answer", "no-answer", "spoke"]
    assert [prescription.status for prescription in closed.prescriptions] == ["not-started", "completed"]
    assert [session.attendance for session in closed.prescriptions[1].sessions] == ["attended", "did-not-attend"]
    assert [(measure.stage, measure.score) for measure in closed.measures] == [("baseline", 16.88), ("closure", 21.54)]
    assert await platform.read(f"/{id_}") == shown


async def test_each_event_has_one_task_version_and_one_delivery_for_each_destination(
    platform: Platform, refer: Refer, store: Store
) -> None:
    id_ = await refer()
    await all_the_way(platform, id_)

    events = Events.model_validate(await platform.read(f"/{id_}/events")).events
    assert [event.number for event in events] == list(range(1, 19))
    assert [event.type for event in events] == [
        *("submitted", "received", "accepted", "allocated"),
        *("contact", "contact", "contact", "measure", "prescription", "prescription"),
        *("prescription-move", "prescription-move", "session", "session"),
        *("prescription-move", "prescription-move", "measure", "closed-completed"),
    ]
    async with store.reading() as connection:
        tasks = (
            await connection.execute(
                select(resource.c.version, resource.c.content)
                .where(resource.c.type == "Task", resource.c.id == id_)
                .order_by(resource.c.version)
            )
        ).all()
        sent = (
            await connection.execute(
                select(delivery.c.number, delivery.c.destination_id)
                .where(delivery.c.referral_id == id_)
                .order_by(delivery.c.number, delivery.c.destination_id)
            )
        ).all()
    numbers = [event.number for event in events]
    assert [task.version for task in tasks] == numbers
    assert [orjson.loads(task.content)["meta"]["versionId"] for task in tasks] == [str(number) for number in numbers]
    assert [tuple(row) for row in sent] == [(number, to) for number in numbers for to in ("portal", "rio")]


async def test_the_task_follows_each_step(platform: Platform, refer: Refer, store: Store) -> None:
    id_ = await refer()
    await all_the_way(platform, id_)

    async with store.reading() as connection:
        found = await connection.execute(
            select(resource.c.content).where(resource.c.id == id_).order_by(resource.c.version)
        )
        tasks = [orjson.loads(content) for content in found.scalars()]
        row = (await connection.execute(select(referral).where(referral.c.id == id_))).one()
    steps = [(task["status"], task["businessStatus"]["coding"][0]["code"]) for task in tasks]
    assert list(dict.fromkeys(steps)) == [
        ("requested", "sent-awaiting-receipt"),
        ("received", "awaiting-triage"),
        ("accepted", "awaiting-allocation"),
        ("accepted", "allocated"),
        ("in-progress", "contact-attempted"),
        ("in-progress", "engaged"),
        ("in-progress", "prescriptions-issued"),
        ("completed", "goals-met"),
    ]
    assert [len(task["note"]) for task in tasks] == [2] * 18  # what the sender wrote, and our line of the day
    assert row.task_status == "completed"
    assert (row.status, row.version) == ("closed-completed", 18)


async def test_a_referral_that_is_not_accepted_says_what_to_do_instead(platform: Platform, refer: Refer) -> None:
    id_ = await refer()
    await platform.tell(f"{id_}/transitions", to="received")
    instead = "Refer to the Eastmere hub on 01632 960003."

    shown = await platform.tell(f"{id_}/transitions", to="not-accepted", reason="outside-area", alternative=instead)

    assert (shown["status"], shown["alternative"], shown["allowed_moves"]) == ("not-accepted", instead, [])
    assert shown["reason"]["code"] == "outside-area"


async def test_the_journal_says_who_did_what(platform: Platform, refer: Refer) -> None:
    id_ = await refer()
    await platform.tell(f"{id_}/transitions", to="received", by="Jo Lead")

    event = (await platform.read(f"/{id_}/events"))["events"][1]

    assert event["actor"] == {
        "client": "platform-northdale",
        "organisation": "LIFEROOMS",
        "role": "platform",
        "person": "Jo Lead",
    }
    assert event["change"] == {"from": "submitted", "to": "received"}


async def test_deliveries_show_who_has_heard(platform: Platform, refer: Refer) -> None:
    id_ = await refer()

    deliveries = Deliveries.model_validate(await platform.read(f"/{id_}/deliveries")).deliveries

    assert [(one.number, one.destination, one.state, one.attempts) for one in deliveries] == [
        (1, "portal", "due", []),
        (1, "rio", "due", []),
    ]


async def test_the_trace_says_why(platform: Platform, refer: Refer) -> None:
    trace = Trace.model_validate(await platform.read(f"/{await refer()}/trace"))

    assert [(one.target, one.source, one.row) for one in trace.fields] == [
        ("urgency", "ServiceRequest.priority", "urgency")
    ]
    assert trace.unknown[0].code == "X9"


async def test_the_view_tells_what_may_be_done_now(platform: Platform, refer: Refer) -> None:
    id_ = await refer()
    await platform.tell(f"{id_}/transitions", to="received")

    shown = await platform.read(f"/{id_}")

    assert [move["to"] for move in shown["allowed_moves"]] == [
        "info-requested",
        "accepted",
        "not-accepted",
    ]
    assert set(shown["allowed_moves"][2]["needs"]) == {"reason", "alternative"}
    assert shown["referral"]["person"]["family_name"] == "Testcase"
    assert shown["warnings"] == ["No risk is stated. Say 'no known risks' when there is none."]
