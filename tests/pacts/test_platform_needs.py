"""What a platform relies on when it works on referrals: pacts/platform-gateway.json."""

from pathlib import Path

from pact import Pact, match
from pact.interaction import HttpInteraction
from tests.pacts.clients import Json, Platform
from tests.pacts.terms import FHIR, INSTANT, JSON, REFERENCE, TOKEN, Text, bearer, exactly, given, like, outcome
from tests.pacts.terms import UUID as ANY_UUID
from tests.pacts.written import between, hold

REFERRAL = "01981f3e-6b7a-7c3d-9e21-000000000003"
PRESCRIPTION = "01981f3e-6b7a-7c3d-9e21-000000000004"
THEIRS = "01981f3e-6b7a-7c3d-9e21-000000000009"
ALL = "/platform/v1/referrals"
CALLER = "a platform may read and work"
NEW = "a referral has been sent to a hub of the platform"
SPOKEN = "the link worker has spoken to the person"
AGREED = "a prescription was issued"

RECEIVED: Json = {"to": "received", "by": "Hub desk"}
UNTIMELY: Json = {"to": "in-support"}  # not from where it is
ON_HOLD: Json = {"to": "on-hold", "text": "Away until spring", "review_date": "2099-03-01"}
SPOKE: Json = {"mechanism": "telephone", "outcome": "spoke", "by": "Priya Nadar"}
DEBT: Json = {
    "kind": "referral",
    "categories": ["debt-advice"],
    "provider": "Northdale Money Advice",
    "service": "Debt advice appointment",
}
BASELINE: Json = {"tool": "swemwbs", "stage": "baseline", "items": [2, 3, 2, 2, 3, 3, 2]}


def referral(status: str, **more: object) -> Json:
    """What a platform reads of a referral, whoever sent it."""
    return {
        "id": like(REFERRAL, ANY_UUID),
        "version": match.integer(1),
        "reference": like("SP-4821-0937-5564", REFERENCE),
        "status": status,
        "submitted_at": like("2026-03-02T09:30:00.000Z", INSTANT),
        "hub": {"id": "northdale-wellbeing-hub", "name": match.like("Northdale Wellbeing Hub")},
        "referral": {
            "person": {"family_name": match.like("Harrow"), "sensitive": match.like(False)},
            "reasons": match.each_like(
                {"domain": match.like("financial-and-debt-advice"), "label": match.like("Debt")}
            ),
            "urgency": like("routine", "[a-z-]+"),
        },
    } | more


LISTED: Json = {
    "id": like(REFERRAL, ANY_UUID),
    "version": match.integer(1),
    "reference": like("SP-4821-0937-5564", REFERENCE),
    "status": exactly("submitted"),
    "hub": match.like("northdale-wellbeing-hub"),
    "urgency": like("routine", "[a-z-]+"),
    "submitted_at": like("2026-03-02T09:30:00.000Z", INSTANT),
    "person": {"family_name": match.like("Harrow")},
    "reasons": match.each_like("Financial and debt advice"),
}


def path(after: str = "") -> Text:
    return given(f"{ALL}/{REFERRAL}{after}", f"{ALL}/${{referral}}{after}")


def prescription(after: str) -> Text:
    of = "prescriptions"
    return given(f"{ALL}/{REFERRAL}/{of}/{PRESCRIPTION}{after}", f"{ALL}/${{referral}}/{of}/${{prescription}}{after}")


def ask(pact: Pact, what: str, state: str, method: str, at: str | Text) -> HttpInteraction:
    asked = pact.upon_receiving(what, "HTTP").given(CALLER).given(state)
    return asked.with_request(method, at).with_header("Authorization", bearer())


def describe(pact: Pact) -> None:
    (
        ask(pact, "the referrals that are new", NEW, "GET", ALL)
        .with_query_parameters({"status": "submitted", "limit": "50"})
        .will_respond_with(200)
        .with_body({"referrals": match.each_like(LISTED)}, JSON)
    )
    (
        ask(pact, "one referral, with the moves that are allowed now", NEW, "GET", path())
        .will_respond_with(200)
        .with_header("ETag", like('W/"1"', r'W/"\d+"'))
        .with_body(referral("submitted", allowed_moves=match.each_like({"to": match.like("received")})), JSON)
    )
    (
        ask(pact, "the hub has received it", NEW, "POST", path("/transitions"))
        .with_header("If-Match", 'W/"1"')
        .with_body(RECEIVED, JSON)
        .will_respond_with(200)
        .with_header("ETag", 'W/"2"')
        .with_body(referral("received", version=2), JSON)
    )
    (
        ask(pact, "a move over a version that is gone by", SPOKEN, "POST", path("/transitions"))
        .with_header("If-Match", 'W/"1"')
        .with_body(ON_HOLD, JSON)
        .will_respond_with(412)
        .with_body(outcome("conflict"), FHIR)
    )
    (
        ask(pact, "a move that is not allowed", NEW, "POST", path("/transitions"))
        .with_body(UNTIMELY, JSON)
        .will_respond_with(422)
        .with_body(outcome("business-rule", "to"), FHIR)
    )
    (
        ask(
            pact,
            "the link worker has spoken to the person",
            "a link worker has been allocated",
            "POST",
            path("/contacts"),
        )
        .with_body(SPOKE, JSON)
        .will_respond_with(201)
        .with_body(
            {"contacts": match.each_like({"mechanism": match.like("telephone"), "outcome": match.like("spoke")})}, JSON
        )
    )
    (
        ask(pact, "a prescription is agreed", SPOKEN, "POST", path("/prescriptions"))
        .with_body(DEBT, JSON)
        .will_respond_with(201)
        .with_body(
            {"prescriptions": match.each_like({"id": like(PRESCRIPTION, ANY_UUID), "status": match.like("sent")})}, JSON
        )
    )
    (
        ask(pact, "the provider has accepted", AGREED, "POST", prescription("/transitions"))
        .with_body({"to": "accepted"}, JSON)
        .will_respond_with(200)
        .with_body(
            {"prescriptions": match.each_like({"id": like(PRESCRIPTION, ANY_UUID), "status": exactly("accepted")})},
            JSON,
        )
    )
    (
        ask(pact, "a baseline is measured", SPOKEN, "POST", path("/measures"))
        .with_body(BASELINE, JSON)
        .will_respond_with(201)
        .with_body(
            {
                "measures": match.each_like(
                    {"tool": match.like("swemwbs"), "stage": match.like("baseline"), "raw": match.integer(17)}
                )
            },
            JSON,
        )
    )
    (
        ask(
            pact,
            "a referral of another platform's hub",
            "another platform's hub has a referral",
            "GET",
            given(f"{ALL}/{THEIRS}", f"{ALL}/${{referral}}"),
        )
        .will_respond_with(404)
        .with_body(outcome("not-found"), FHIR)
    )


def test_a_platform_works_with_what_it_relies_on(tmp_path: Path) -> None:
    pact = between("platform", "gateway")
    describe(pact)
    with pact.serve("127.0.0.1") as server, Platform(str(server.url), TOKEN) as platform:
        [new] = platform.new_referrals().json()["referrals"]
        shown = platform.read(new["id"])
        assert [move["to"] for move in shown.json()["allowed_moves"]] == ["received"]
        assert platform.move(new["id"], RECEIVED, version=1).json()["version"] == 2
        refused = platform.move(new["id"], UNTIMELY)
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "business-rule")
        assert platform.move(new["id"], ON_HOLD, version=1).status_code == 412
        assert platform.add(new["id"], "contacts", SPOKE).json()["contacts"][0]["outcome"] == "spoke"
        [issued] = platform.add(new["id"], "prescriptions", DEBT).json()["prescriptions"]
        accepted = platform.add(new["id"], f"prescriptions/{issued['id']}/transitions", {"to": "accepted"})
        assert accepted.json()["prescriptions"][0]["status"] == "accepted"
        assert platform.add(new["id"], "measures", BASELINE).json()["measures"][0]["raw"] == 17
        assert platform.read(THEIRS).status_code == 404
    hold(pact, tmp_path)
