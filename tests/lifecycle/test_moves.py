"""Every move of a referral and of a prescription, by every actor, against a second telling of who may do what."""

from collections.abc import Callable
from itertools import product
from typing import get_args

import pytest

from gateway.errors import IllegalMove
from gateway.lifecycle import (
    BEGUN,
    MISTAKE,
    MOVES,
    PRESCRIPTION_MOVES,
    PRESCRIPTION_NEEDS,
    REFERRAL_MOVES,
    REFERRAL_NEEDS,
    Actor,
    Kind,
    check_cancellation,
    check_move,
    moves_from,
    needs_of,
)
from mappings.translate import vocabulary
from mappings.vocabularies import CLOSURE_REASONS, NOT_ACCEPTED_REASONS

ACTORS: tuple[Actor, ...] = get_args(Actor)
REFERRAL_STATUSES = sorted(vocabulary("referral-status").displays)
PRESCRIPTION_STATUSES = sorted(vocabulary("prescription-status").displays)

# One line a move: from, to; E the referrer (EPR), H the hub (link worker or its manager), P the provider, S the system.
REFERRAL = """
draft submitted E
submitted received HS
submitted delivery-failed S
submitted withdrawn E
delivery-failed received H
delivery-failed submitted ES
delivery-failed withdrawn E
received info-requested H
received accepted H
received not-accepted H
received withdrawn E
info-requested received EH
info-requested not-accepted H
info-requested withdrawn E
accepted allocated H
accepted on-hold H
accepted withdrawn E
accepted closed-other H
allocated contacting H
allocated engaged H
allocated on-hold H
allocated accepted H
allocated withdrawn E
allocated closed-other H
contacting engaged H
contacting on-hold H
contacting closed-unable-to-contact H
contacting closed-declined H
contacting closed-other H
engaged in-support H
engaged on-hold H
engaged closed-declined H
engaged closed-disengaged H
engaged closed-completed H
engaged closed-other H
in-support on-hold H
in-support closed-completed H
in-support closed-disengaged H
in-support closed-other H
"""
PRESCRIPTION = """
proposed agreed H
proposed signposted H
proposed declined-by-person H
proposed entered-in-error H
agreed sent H
agreed signposted H
agreed declined-by-person H
agreed entered-in-error H
sent accepted HP
sent declined-by-provider HP
sent at-capacity HP
sent declined-by-person HP
sent not-started HP
sent entered-in-error H
accepted waiting HP
accepted started HP
accepted declined-by-person HP
accepted not-started HP
accepted entered-in-error H
at-capacity waiting HP
at-capacity declined-by-person HP
at-capacity not-started HP
at-capacity entered-in-error H
waiting started HP
waiting declined-by-person HP
waiting not-started HP
waiting entered-in-error H
started completed HP
started ended-early HP
started entered-in-error H
"""
NOT_IN_USE = {"transferred"}  # until the gateway itself makes the new referral at the other hub
LETTERS: dict[Actor, str] = {
    "referrer": "E",
    "referral_handler": "H",
    "hub_manager": "H",
    "provider": "P",
    "system": "S",
}


def legal(table: str) -> set[tuple[str, str, str]]:
    told = (line.split() for line in table.split("\n") if line)
    return {(status, to, letter) for status, to, letters in told for letter in letters}


@pytest.mark.parametrize(
    ("kind", "table", "statuses"),
    [("referral", REFERRAL, REFERRAL_STATUSES), ("prescription", PRESCRIPTION, PRESCRIPTION_STATUSES)],
)
def test_every_actor_from_every_status_to_every_status(kind: Kind, table: str, statuses: list[str]) -> None:
    allowed = {
        (status, to, LETTERS[actor])
        for status, to, actor in product(statuses, statuses, ACTORS)
        if not raises(check_move, kind, status, to, actor)
    }
    mistakes = {(status, "entered-in-error", "E") for status in statuses if status != "entered-in-error"}

    assert allowed == legal(table) | (mistakes if kind == "referral" else set())


@pytest.mark.parametrize(
    ("held", "closings"),
    [
        ("accepted", {"closed-other"}),
        ("allocated", {"closed-other"}),
        ("contacting", {"closed-declined", "closed-unable-to-contact", "closed-other"}),
        ("engaged", {"closed-completed", "closed-declined", "closed-disengaged", "closed-other"}),
        ("in-support", {"closed-completed", "closed-disengaged", "closed-other"}),
    ],
)
def test_a_paused_referral_resumes_where_it_was_or_closes_as_it_could_have_there(held: str, closings: set[str]) -> None:
    for to, actor in product(REFERRAL_STATUSES, ACTORS):
        if (to in {held, *closings} and LETTERS[actor] == "H") or (to, actor) == ("entered-in-error", "referrer"):
            check_move("referral", "on-hold", to, actor, resumes_as=held)
        else:
            with pytest.raises(IllegalMove):
                check_move("referral", "on-hold", to, actor, resumes_as=held)


@pytest.mark.parametrize(
    "status",
    ["not-accepted", "withdrawn", "transferred", "entered-in-error", *CLOSURE_REASONS],
)
def test_nothing_leaves_a_terminal_state_but_that_it_was_a_mistake(status: str) -> None:
    left = {} if status == "entered-in-error" else {"entered-in-error": frozenset({"referrer"})}
    assert moves_from("referral", status, resumes_as="engaged") == left
    with pytest.raises(IllegalMove, match=r"which is final\. Start a new referral instead"):
        check_move("referral", status, "received", "referral_handler")


def test_a_refusal_says_what_is_allowed_now_and_by_whom() -> None:
    with pytest.raises(IllegalMove) as refusal:
        check_move("referral", "allocated", "closed-completed", "referral_handler")

    assert str(refusal.value) == (
        "This referral cannot go from allocated to closed-completed. From allocated it may go to: "
        "contacting (hub manager or referral handler), engaged (hub manager or referral handler), "
        "on-hold (hub manager or referral handler), accepted (hub manager or referral handler), "
        "withdrawn (referrer), closed-other (hub manager or referral handler), entered-in-error (referrer)."
    )
    assert refusal.value.issues[0].code == "business-rule"
    assert refusal.value.issues[0].expression == "to"


def test_a_move_of_somebody_else_says_whose_it_is() -> None:
    with pytest.raises(IllegalMove, match="Only the referrer may take this referral from received to withdrawn"):
        check_move("referral", "received", "withdrawn", "referral_handler")


@pytest.mark.parametrize("status", ["contacting", "engaged", "in-support", "on-hold"])
def test_after_work_began_the_referrer_is_told_how_to_ask(status: str) -> None:
    with pytest.raises(IllegalMove, match=r"POST a Task with code abort .* The link worker answers it\."):
        check_move("referral", status, "withdrawn", "referrer", resumes_as="accepted", element="Task.status")


def test_only_the_hub_answers_a_request_to_cancel_and_only_once_work_began() -> None:
    answering = {
        (status, LETTERS[actor])
        for status, actor in product(REFERRAL_STATUSES, ACTORS)
        if not raises(check_cancellation, status, actor)
    }

    assert answering == {(status, "H") for status in ("contacting", "engaged", "in-support", "on-hold")}


def raises(check: Callable[..., None], *arguments: str) -> bool:
    try:
        check(*arguments)
    except IllegalMove:
        return True
    return False


def test_the_tables_speak_of_known_statuses_only() -> None:
    for kind, statuses in (("referral", REFERRAL_STATUSES), ("prescription", PRESCRIPTION_STATUSES)):
        moves = MOVES[kind]  # type: ignore[index]
        named = set(moves) | {to for row in moves.values() for to in row}
        assert named == set(statuses) - NOT_IN_USE - (set(MISTAKE) if kind == "referral" else set())
    assert set(MISTAKE) | BEGUN < set(REFERRAL_STATUSES)
    assert set(REFERRAL_NEEDS) < {to for row in REFERRAL_MOVES.values() for to in row}
    assert set(PRESCRIPTION_NEEDS) < {to for row in PRESCRIPTION_MOVES.values() for to in row}


def test_each_closure_reason_closes_in_one_status() -> None:
    listed = [reason for reasons in CLOSURE_REASONS.values() for reason in reasons]

    assert sorted(listed) == sorted(vocabulary("closure-reason").displays)


def test_needs_name_what_to_give() -> None:
    assert needs_of("received", "not-accepted")["reason"] == f"one of {', '.join(NOT_ACCEPTED_REASONS)}"
    assert "No action needed" in needs_of("in-support", "closed-completed")["closure.actions_for_referrer"]
    assert "3 attempts on different days" in needs_of("contacting", "closed-unable-to-contact")["contacts"]
    assert needs_of("on-hold", "allocated") == {}
