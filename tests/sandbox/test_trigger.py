"""`gateway trigger`: each status and each event, by legal moves; and why not, where there is no way."""

from datetime import UTC, datetime

import pytest
from tests.sandbox.engineer import NOTHING, Engineer, reference_of

from gateway.errors import GatewayError
from gateway.lifecycle import REFERRAL_MOVES
from gateway.sandbox.events import EVENTS, OF_PRESCRIPTION, event_towards
from gateway.sandbox.walk import STATUSES, towards
from gateway.standing import apply
from gateway.undelivered import tell_undelivered
from mappings.referral import Hub, Standing

NO_WAY = {"draft", "transferred"}
NEVER = {"prescription-proposed", "prescription-agreed"}  # from what is sent, nothing leads back


def _new(status: str = "submitted") -> Standing:
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    shown = at.isoformat().replace("+00:00", "Z")
    hub = Hub(id="sandbox-hub", name="Sandbox Wellbeing Hub", phone=None, response_days=5)
    return Standing(id="1", version=1, reference="SP-1", status=status, submitted_at=shown, updated_at=shown, hub=hub)


def _walk(standing: Standing, wanted: str) -> tuple[Standing, list[str]]:
    """Towards a status, as trigger does, without a store."""
    at, words = datetime(2026, 3, 2, 9, 30, tzinfo=UTC), []
    while deed := towards(standing, wanted, at):
        words.append(deed.words)
        assert len(words) < 40, words
        at += deed.passes
        if deed.by == "system":
            applied = tell_undelivered(standing, {"hub": at})
            assert applied is not None
            standing = applied.standing
        elif deed.change:
            actor = "referrer" if deed.by == "epr" else "referral_handler"
            standing = apply(standing, deed.change, actor, at).standing  # type: ignore[arg-type]  # one of Actor
    return standing, words


@pytest.mark.parametrize("start", sorted(set(STATUSES) - NO_WAY))
def test_from_each_status_to_each_other_by_legal_moves_or_not_at_all(start: str) -> None:
    """Every pair: `apply` itself refuses a move that is not legal, so that nothing else gets through."""
    begun, _ = _walk(_new(), start)
    ends: dict[str, str | None] = {}
    for wanted in STATUSES:
        try:
            ends[wanted] = _walk(begun, wanted)[0].status
        except GatewayError:
            ends[wanted] = None
    for wanted, end in ends.items():
        no_way = wanted in NO_WAY or start not in REFERRAL_MOVES or _is_behind(start, wanted)
        assert end == wanted or (end is None and no_way), (start, wanted, end)


def _is_behind(start: str, wanted: str) -> bool:
    """What is over: a referral that was received is not submitted again, and work that has begun not undone."""
    order = ["submitted", "delivery-failed", "received", "info-requested", "accepted", "allocated", "contacting"]
    order += ["engaged", "in-support"]
    begun = order.index("contacting")
    place = order.index(start) if start in order else begun
    return wanted in {"withdrawn", "not-accepted", "closed-declined", "closed-unable-to-contact"} or (
        wanted in order and order.index(wanted) < max(place, begun + 1)
    )


@pytest.mark.parametrize("event", [*EVENTS, *OF_PRESCRIPTION])
def test_each_event_happens_to_a_new_referral_or_says_why_not(event: str) -> None:
    standing, at = _new(), datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    is_it, count = False, 0
    may_refuse = event.startswith("cancellation") or event in NEVER or event == "prescription-signposted"
    try:
        while not is_it:
            deed, is_it = event_towards(standing, event, at)
            count += 1
            assert count < 20, deed
            if deed.change:
                standing = apply(standing, deed.change, "referral_handler", at).standing
    except GatewayError:
        is_it = False
    assert is_it or may_refuse
    if is_it and event.startswith("prescription-"):
        assert standing.prescriptions[-1].status == event.removeprefix("prescription-")


@pytest.mark.parametrize("wanted", sorted(set(STATUSES) - NO_WAY))
def test_a_status_is_reached_in_the_sandbox(ann: Engineer, wanted: str) -> None:
    task = ann.refer(NOTHING)
    told = ann.trigger(wanted, reference_of(task))
    assert told["refused"] is None, told
    assert told["status"] == wanted
    assert bool(told["done"]) == (wanted != "submitted")
    assert ann.status_of(task) == wanted


def test_a_course_of_events(ann: Engineer) -> None:
    task = ann.refer(NOTHING)
    for event in ("attempt", "contact", "measure", "prescription", "session", "prescription-completed"):
        assert ann.trigger(event, task["id"])["refused"] is None
    found = ann.referral(task)
    assert [one["outcome"] for one in found["contacts"]] == ["no-answer", "spoke"]
    assert [one["status"] for one in found["prescriptions"]] == ["completed"]
    assert len(found["measures"]) == 1
    told = ann.trigger("closed-completed", task["id"])
    assert told["status"] == "closed-completed"
    assert ann.trigger("measure", task["id"])["done"] == ["measure: SWEMWBS, follow-up"]


def test_a_referrer_who_asks_to_cancel_is_answered(ann: Engineer) -> None:
    task = ann.refer(NOTHING)
    ann.trigger("in-support", task["id"])
    refused = ann.trigger("withdrawn", task["id"])["refused"]
    assert "POST a Task with code abort" in refused
    abort = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]},
        "focus": {"reference": f"Task/{task['id']}"},
        "for": task["for"],
        "requester": task["requester"],
        "authoredOn": task["authoredOn"],
    }
    answer = ann.call("sandbox-epr", "POST", "/FHIR/R4/Task", abort)
    assert answer.status_code == 201, answer.text
    told = ann.trigger("cancellation-agreed", task["id"])
    assert told["refused"] is None
    assert told["done"][-1] == "cancellation: agreed"
    assert told["status"] == "withdrawn"


@pytest.mark.parametrize("wanted", sorted(NO_WAY))
def test_where_no_move_leads_it_says_so(ann: Engineer, wanted: str) -> None:
    told = ann.trigger(wanted, ann.refer(NOTHING)["id"])
    assert told["done"] == []
    assert told["refused"] == f"No move leads from submitted to {wanted}."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "nonsense", "referral": "SP-0000-0000-0000"}, 400),
        ({"status": "accepted", "referral": "SP-4821-0937-5564"}, 404),
        ({"status": "accepted", "referral": "../../x"}, 404),
        ({"status": "accepted", "referral": "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10"}, 404),
        ({"status": "accepted"}, 422),
        ({"status": ["accepted"], "referral": 1}, 422),
        ({"status": "accepted" * 100, "referral": "x"}, 422),
    ],
)
def test_what_cannot_be_asked(ann: Engineer, body: object, status: int) -> None:
    answer = ann.control("POST", "trigger", body)
    assert answer.status_code == status, answer.text
