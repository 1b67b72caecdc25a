"""The platform's side of the story: a referral from receipt to goals met, one not accepted, one cancelled, who is who,
and each refusal."""

from datetime import timedelta
from typing import Any

from tools.contract.stage import EPR, OTHER_PLATFORM, PLATFORM
from tools.contract.telling import MONDAY, Json, Teller

from gateway.changes import (
    CancellationAnswered,
    ContactMade,
    MeasureTaken,
    Move,
    PrescriptionIssued,
    PrescriptionMove,
    SessionHeld,
)
from gateway.platform.identity_models import Decision, Undoing

REFERRALS, IDENTITY = "/platform/v1/referrals", "/platform/v1/identity"
ADVISOR = {"name": "Priya Nadar", "phone": "01632 960101"}
USED = {"X-Request-Id": "5a7c0f6e-0000-4000-8000-999999999999"}


def shown(model: type[Any]) -> Json:
    """The example that the model itself carries, as of now: so it can be sent about a referral of any day."""
    example_: Json = model.model_config["json_schema_extra"]["examples"][0]
    return {name: value for name, value in example_.items() if name != "at"}


async def work_on(teller: Teller, id_: str) -> None:
    """The first referral, from receipt to goals met."""
    at = {"referral_id": id_}
    one = f"POST {REFERRALS}/{{referral_id}}"
    moves, prescription = f"{one}/transitions", f"{one}/prescriptions/{{prescription_id}}"
    by = {"by": "Priya Nadar"}
    new = {"status": "submitted", "limit": 1}
    await teller.call("submitted: What is new, one at a time", PLATFORM, f"GET {REFERRALS}", query=new)
    await teller.call("received: Seen by the hub", PLATFORM, moves, {"to": "received", "by": "Hub desk"}, at=at)
    accepted = await teller.call("", PLATFORM, moves, {"to": "accepted", "by": "Hub desk"}, at=at)
    allocation = {"to": "allocated", "advisor": ADVISOR, "by": "Hub desk"}
    seen = {"If-Match": f'W/"{accepted["version"]}"'}
    await teller.call("allocated: To a link worker", PLATFORM, moves, allocation, given=seen, at=at)
    teller.clock.move_to(MONDAY + timedelta(days=2, hours=2))
    await teller.call("no-answer: An attempt", PLATFORM, f"{one}/contacts", shown(ContactMade), at=at)
    spoke = {"mechanism": "telephone", "outcome": "spoke"} | by
    await teller.call("spoke: The first contact", PLATFORM, f"{one}/contacts", spoke, at=at)
    await teller.call("baseline: SWEMWBS at the start", PLATFORM, f"{one}/measures", shown(MeasureTaken), at=at)
    issued = await teller.call(
        "debt-advice: Agreed and sent", PLATFORM, f"{one}/prescriptions", shown(PrescriptionIssued), at=at
    )
    at_prescription = at | {"prescription_id": issued["prescriptions"][0]["id"]}
    attended, moved = shown(SessionHeld), f"{prescription}/transitions"
    await teller.call("accepted: By the provider", PLATFORM, moved, shown(PrescriptionMove), at=at_prescription)
    teller.clock.move_to(MONDAY + timedelta(days=16, hours=5))
    await teller.call("attended: The first session", PLATFORM, f"{prescription}/sessions", attended, at=at_prescription)
    await teller.call("", PLATFORM, moved, {"to": "completed"}, at=at_prescription)
    closure = {
        "reason": "goals-met",
        "summary": "A repayment plan is in place and the rent arrears are being cleared.",
        "actions_for_referrer": "No action needed.",
    }
    closing = {"to": "closed-completed", "closure": closure} | by
    await teller.call("closed: With goals met", PLATFORM, moves, closing, at=at)
    read = f"GET {REFERRALS}/{{referral_id}}"
    closed = await teller.call("closed: A referral at its end", PLATFORM, read, at=at)
    of_person = {"person": closed["person_id"], "updated_since": "2026-03-02T09:00:00Z"}
    await teller.call("person: All referrals of one person", PLATFORM, f"GET {REFERRALS}", query=of_person)
    for part, summary in {
        "events": "From submitted to closed",
        "deliveries": "Each update, still waiting for the EPR",
        "trace": "Where each field came from",
    }.items():
        await teller.call(f"{part}: {summary}", PLATFORM, f"{read}/{part}", at=at)


async def not_accept(teller: Teller, id_: str) -> None:
    moves = f"POST {REFERRALS}/{{referral_id}}/transitions"
    await teller.call("", PLATFORM, moves, {"to": "received"}, given=USED, at={"referral_id": id_})
    name = "not-accepted: With what to do instead"
    await teller.call(name, PLATFORM, moves, shown(Move), at={"referral_id": id_})


async def ask(teller: Teller, id_: str) -> None:
    """The second referral: a question to the referrer."""
    moves = f"POST {REFERRALS}/{{referral_id}}/transitions"
    await teller.call("", PLATFORM, moves, {"to": "received"}, at={"referral_id": id_})
    question = {"to": "info-requested", "text": "On which number can we reach her?", "by": "Hub desk"}
    await teller.call("info-requested: A question to the referrer", PLATFORM, moves, question, at={"referral_id": id_})


async def take_in(teller: Teller, id_: str) -> None:
    one = f"POST {REFERRALS}/{{referral_id}}"
    spoke = {"mechanism": "telephone", "outcome": "spoke"}
    for part, change in (
        ("transitions", {"to": "accepted"}),
        ("transitions", {"to": "allocated", "advisor": ADVISOR}),
        ("contacts", spoke),
    ):
        await teller.call("", PLATFORM, f"{one}/{part}", change, at={"referral_id": id_})


async def decline(teller: Teller, id_: str) -> None:
    at = {"referral_id": id_}
    asked = await teller.call(
        "cancellation-requested: The referrer asks to cancel", PLATFORM, f"GET {REFERRALS}/{{referral_id}}", at=at
    )
    seen = {"If-Match": f'W/"{asked["version"]}"'}
    answer, given = f"POST {REFERRALS}/{{referral_id}}/cancellation", shown(CancellationAnswered)
    await teller.call("declined: The work goes on", PLATFORM, answer, given, given=seen, at=at)
    await teller.call("not-asked: There is nothing to answer", PLATFORM, answer, given, at=at)


async def agree(teller: Teller, id_: str) -> None:
    answer = f"POST {REFERRALS}/{{referral_id}}/cancellation"
    agreed = {"decision": "agreed", "by": "Priya Nadar"}
    await teller.call("agreed: The referral ends", PLATFORM, answer, agreed, at={"referral_id": id_})


async def say_who_is_who(teller: Teller) -> None:
    listing, one = f"GET {IDENTITY}", f"{IDENTITY}/{{question_id}}"
    found = await teller.call("open: What nobody has decided", PLATFORM, listing, query={"state": "open", "limit": 10})
    at = {"question_id": found["questions"][0]["id"]}
    await teller.call("birth-date: One number, two birth dates", PLATFORM, f"GET {one}", at=at)
    await teller.call(
        "same-person: Their referrals are together", PLATFORM, f"POST {one}/decision", shown(Decision), at=at
    )
    await teller.call("decided: It was decided before", PLATFORM, f"POST {one}/decision", shown(Decision), at=at)
    await teller.call("undone: It is open again", PLATFORM, f"POST {one}/undo", shown(Undoing), at=at)
    await teller.call("no-question: At another hub, or nowhere", OTHER_PLATFORM, f"GET {one}", at=at)


async def be_refused(teller: Teller, id_: str) -> None:
    at = {"referral_id": id_}
    listing, read = f"GET {REFERRALS}", f"GET {REFERRALS}/{{referral_id}}"
    moves = f"POST {REFERRALS}/{{referral_id}}/transitions"
    received = {"to": "received"}
    await teller.call("cursor: Not one of ours", PLATFORM, listing, query={"cursor": "2"})
    await teller.call("broken-json: Cut off on its way", PLATFORM, moves, b'{"to": "rec', at=at)
    await teller.call("no-token: No token", None, listing)
    await teller.call("wrong-door: An EPR's token", EPR, listing)
    await teller.call("not-yours: At another hub, or nowhere", OTHER_PLATFORM, read, at=at)
    await teller.call("final: A move that is not allowed now", PLATFORM, moves, received, at=at)
    await teller.call("used-id: X-Request-Id used before", PLATFORM, moves, {"to": "on-hold"}, given=USED, at=at)
    await teller.call("stale: Changed by somebody else", PLATFORM, moves, received, given={"If-Match": 'W/"1"'}, at=at)
    await teller.call("misfit: No such status", PLATFORM, moves, {"to": "gone"}, at=at)
    await teller.call("too-large: Over five million bytes", PLATFORM, moves, b" " * 5_000_001, at=at)
