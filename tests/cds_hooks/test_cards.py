"""What a clinician is shown: where support stands, an offer, a warning; and nothing of anybody else."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from tests.app import Json, reference_in
from tests.cds_hooks.calling import (
    ASLEEP,
    DIABETES,
    HOUSING,
    ID,
    LINK,
    LONELY,
    OTHER_ISSUER,
    OTHER_KEY,
    OTHER_SIGNER,
    SELECT,
    SIGN,
    SNOMED,
    USER,
    VIEW,
    Hooks,
    are_sound,
    claims,
    condition,
    order,
    ordering,
    patient,
    role,
    searchset,
    sign,
    view,
)

from gateway.ids import now
from gateway.validation import check

ADVISOR = {"name": "Priya Nadar", "phone": "01632 960101"}
RECEIVED, ACCEPTED = {"to": "received"}, {"to": "accepted"}
ASKED = {
    "to": "info-requested",
    "text": "Is <b>she</b> safe at home? See http://evil.example or [this](www.evil.example)",
}
REFUSED = {"to": "not-accepted", "reason": "outside-area", "alternative": "Ask the hub of her borough."}
RESTRICTED = {
    "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "71802-3"}]},
    "subject": {"reference": f"Patient/{ID}"},
    "valueCodeableConcept": {"coding": [{"system": SNOMED, "code": HOUSING}]},
}


async def test_open_support_is_told_as_the_record_tells_it(hooks: Hooks) -> None:
    task = await hooks.refer()
    await hooks.move(task, RECEIVED, ACCEPTED, {"to": "allocated", "advisor": ADVISOR})

    [card] = cards = await hooks.cards(VIEW, view(condition()))

    assert are_sound(cards)
    assert card["indicator"] == "info"
    assert card["summary"] == "Social prescribing with Northdale Wellbeing Hub: allocated"
    line = "With Priya Nadar, Pathways Advisor at Northdale Wellbeing Hub, 01632 960101."
    assert card["detail"] == f"**{reference_in(task)}**: {line}"
    assert card["links"] == [LINK]
    assert card["source"] == {
        "label": "Social prescribing gateway",
        "topic": {
            "system": "urn:social-prescribing-gateway:CodeSystem:card-topic",
            "code": "support",
            "display": "Support that is open",
        },
    }


async def test_a_question_is_a_warning_and_comes_first_at_most_three(hooks: Hooks) -> None:
    asked, *_ = [await hooks.refer() for _ in range(5)]
    await hooks.move(asked, RECEIVED, ASKED)

    cards = await hooks.cards(VIEW, view())

    assert are_sound(cards)
    assert [card["indicator"] for card in cards] == ["warning", "info", "info"]
    assert cards[0]["summary"] == "Northdale Wellbeing Hub has a question for you about a social prescribing referral"
    assert reference_in(asked) in cards[0]["detail"]
    assert "There is more" in cards[2]["detail"]
    assert "There is more" not in cards[0]["detail"]


async def test_what_a_link_worker_writes_makes_no_link_and_no_html(hooks: Hooks) -> None:
    await hooks.move(await hooks.refer(), RECEIVED, ASKED)

    [card] = await hooks.cards(VIEW, view())

    assert r"\<b\>she\</b\>" in card["detail"]
    assert r"http\://evil.example or \[this\](www\.evil.example)" in card["detail"]


async def test_what_is_over_is_not_told(hooks: Hooks) -> None:
    await hooks.move(await hooks.refer(), RECEIVED, REFUSED)

    assert await hooks.cards(VIEW, view()) == []


async def test_another_organisations_referral_makes_no_card(hooks: Hooks) -> None:
    await hooks.refer("demo-epr")
    theirs = {"iss": OTHER_SIGNER}

    for service, call in (
        (VIEW, view()),
        (SELECT, ordering("order-select", order())),
        (SIGN, ordering("order-sign", order())),
    ):
        assert await hooks.cards(service, call, sign(claims(service, **theirs), OTHER_KEY)) == []
        assert await hooks.cards(service, call) != []


async def test_another_person_gets_no_card(hooks: Hooks) -> None:
    await hooks.refer()
    somebody = {"identifier": [{"system": "https://northdale.example/rio/client-id", "value": "7"}]}

    assert await hooks.cards(VIEW, view(patient=patient(**somebody))) == []


@pytest.mark.parametrize("changed", [{"birthDate": "1980-02-03"}, {"name": [{"family": "Smith", "given": ["Ann"]}]}])
async def test_in_doubt_about_who_it_is_nothing_is_claimed(hooks: Hooks, changed: Json) -> None:
    await hooks.refer()

    assert await hooks.cards(VIEW, view(patient=patient(**changed))) == []
    assert await hooks.cards(SIGN, ordering("order-sign", order(), patient=patient(**changed))) == []


@pytest.mark.parametrize("where", ["here", "there"])
async def test_of_a_restricted_person_only_that_there_is_a_referral(hooks: Hooks, where: str) -> None:
    labelled: Json = RESTRICTED if where == "here" else {}
    task = await hooks.refer(**labelled)
    shown = patient(**(RESTRICTED if where == "there" else {}))

    cards = await hooks.cards(VIEW, view(patient=shown))
    [warning] = await hooks.cards(SIGN, ordering("order-sign", order(), patient=shown))

    [card] = cards
    assert are_sound(cards)
    assert card["summary"] == "There is a social prescribing referral whose details are not shared"
    assert warning["summary"] == card["summary"]
    for told in (card, warning):
        assert reference_in(task) not in json.dumps(told)
        assert "Northdale" not in json.dumps(told)


async def test_after_consent_was_refused_no_details_are_told(hooks: Hooks) -> None:
    task = await hooks.refer()
    call = hooks.running.call
    request = (await call("demo-epr", "GET", f"/FHIR/R4/{task['focus']['reference']}")).json()
    consent = (await call("demo-epr", "GET", f"/FHIR/R4/{request['supportingInfo'][0]['reference']}")).json()
    consent["provision"] = {"type": "deny"}
    changed = await call("demo-epr", "PUT", f"/FHIR/R4/Consent/{consent['id']}", consent)
    assert changed.status_code == 200, changed.text

    [card] = await hooks.cards(VIEW, view())

    assert card["summary"] == "There is a social prescribing referral whose details are not shared"
    assert reference_in(task) not in json.dumps(card)


async def test_coded_needs_are_an_offer_to_refer(hooks: Hooks) -> None:
    call = view(condition(LONELY), condition(DIABETES), observations=searchset(OBSERVATION))

    [card] = cards = await hooks.cards(VIEW, call)

    assert are_sound(cards)
    assert card["summary"] == "Refer to social prescribing? Social interaction, Housing"
    assert "\n- Social interaction\n- Housing\n" in card["detail"]
    assert card["links"] == [
        LINK | {"label": "Write the referral", "appContext": '{"reasons":["social-interaction","housing"]}'}
    ]
    assert card["selectionBehavior"] == "at-most-one"
    assert card["overrideReasons"][0]["code"] == "person-declined"
    assert all(one["display"] and one["system"] for one in card["overrideReasons"])
    [suggestion] = card["suggestions"]
    [action] = suggestion["actions"]
    draft = action["resource"]
    assert (action["type"], bool(action["description"])) == ("create", True)
    assert check(draft) == []
    assert (draft["status"], draft["intent"]) == ("draft", "proposal")
    assert draft["code"]["coding"][0]["code"] == "871731000000106"
    assert draft["subject"] == {"reference": f"Patient/{ID}"}
    assert draft["requester"] == {"reference": USER}
    assert [[coding["code"] for coding in reason["coding"]] for reason in draft["reasonCode"]] == [
        ["social-interaction", LONELY],
        ["housing", HOUSING],
    ]
    assert "Harrow" not in json.dumps(card)


REASONS = "urn:social-prescribing-gateway:CodeSystem:referral-reason"
STATES = "http://terminology.hl7.org/CodeSystem/condition-"


@pytest.mark.parametrize(
    "said",
    [
        condition(DIABETES),
        condition(clinicalStatus={"coding": [{"system": f"{STATES}clinical", "code": "resolved"}]}),
        condition(verificationStatus={"coding": [{"system": f"{STATES}ver-status", "code": "refuted"}]}),
        condition(subject={"reference": "Patient/somebody-else"}),
        condition(onsetDateTime="soon"),  # not valid
        OBSERVATION | {"status": "entered-in-error"},
        OBSERVATION | {"valueCodeableConcept": {"coding": [{"system": SNOMED, "code": DIABETES}]}},
        {name: value for name, value in OBSERVATION.items() if name != "valueCodeableConcept"}
        | {"code": {"coding": [{"system": SNOMED, "code": LONELY}]}, "valueBoolean": False},
        {"resourceType": "OperationOutcome"},
    ],
)
async def test_what_is_no_need_of_this_person_now_is_no_offer(hooks: Hooks, said: Json) -> None:
    assert await hooks.cards(VIEW, view(said, observations=searchset(said))) == []


@pytest.mark.parametrize(("days", "offered"), [(0, ["housing"]), (91, ["financial-and-debt-advice", "housing"])])
async def test_what_was_referred_lately_is_not_offered_again(hooks: Hooks, days: int, offered: list[str]) -> None:
    with time_machine.travel(now() - timedelta(days=days)):
        await hooks.move(await hooks.refer(), RECEIVED, REFUSED)

    debt = {"coding": [{"system": REASONS, "code": "financial-and-debt-advice"}]}
    [card] = await hooks.cards(VIEW, view(condition(code=debt), condition(HOUSING)))

    assert json.loads(card["links"][0]["appContext"])["reasons"] == offered


@pytest.mark.parametrize(
    "roles",
    [
        None,
        searchset(),
        searchset(role(ASLEEP)),
        searchset(role(user="Practitioner/somebody-else")),
        searchset(role() | {"active": False}),
        searchset(role() | {"period": "ever"}),  # not valid
        searchset({"resourceType": "PractitionerRole", "healthcareService": [[]], "practitioner": {"reference": USER}}),
    ],
)
async def test_who_is_in_no_active_team_gets_no_card(hooks: Hooks, roles: Any) -> None:
    await hooks.refer()

    assert await hooks.cards(VIEW, view(condition(), roles=roles)) == []
    assert await hooks.cards(SIGN, ordering("order-sign", order(), roles=roles)) == []


async def test_a_role_may_come_alone(hooks: Hooks) -> None:
    call = view(condition(), roles=role())
    call["context"]["userId"] = "PractitionerRole/r1"

    assert len(await hooks.cards(VIEW, call)) == 1


async def test_a_need_of_the_other_epr_names_its_own_server(hooks: Hooks) -> None:
    call = view(condition(subject={"reference": f"{OTHER_ISSUER}/Patient/{ID}"}))
    theirs = sign(claims(VIEW, iss=OTHER_SIGNER), OTHER_KEY)

    assert len(await hooks.cards(VIEW, call, theirs)) == 1
    assert await hooks.cards(VIEW, call) == []
