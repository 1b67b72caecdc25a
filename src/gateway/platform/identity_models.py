"""What the identity part of the platform API takes and answers, and how stored rows become it."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import ConfigDict, Field

from gateway.changes import Name, Recorded, Words
from gateway.ids import instant
from gateway.people import KINDS
from gateway.platform.models import Actor, PersonName, ReferralStatus
from gateway.platform.view import show_name
from gateway.store.people import Question, Side
from mappings.referral import Identifier, Shape

Json = dict[str, Any]
Row = Mapping[Any, Any]
QuestionState = Literal["open", "same-person", "different-people"]
Note = Annotated[Words, Field(min_length=1, description="Why, for whoever asks later.")]

LEFT_OPEN = 3  # characters of an identifier that are shown


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Decided(Recorded):
    note: Note
    by: Name = Field(description="Who decided.")


class Decision(Decided):
    model_config = _example(
        decision="same-person", note="She confirmed her date of birth on the telephone.", by="Priya Nadar"
    )

    decision: Literal["same-person", "different-people"]


class Undoing(Decided):
    model_config = _example(note="The other Margaret rang: they are sisters.", by="Priya Nadar")


class ReferralOf(Shape):
    """A referral at one of your hubs, and whom it names."""

    id: str
    reference: str
    hub: str
    status: ReferralStatus
    submitted_at: str
    person: PersonName


class Somebody(Shape):
    """One side of a question, as far as it is for you to see: of a person without a referral at your hubs, nothing.

    `identifiers` show their last characters only; `elsewhere` says that there are referrals at hubs not yours.
    """

    person_id: str
    birth_date: str | None = None
    identifiers: list[Identifier]
    referrals: list[ReferralOf]
    elsewhere: bool


class QuestionEvent(Shape):
    at: str
    type: Literal["merged", "kept-apart", "unmerged", "reopened"]
    note: str
    actor: Actor


class QuestionView(Shape):
    """Are these one person? `person` is whose referral raised it, `other` who was known before."""

    model_config = _example(
        id="01981f41-0000-7000-8000-000000000001",
        kind="birth-date-differs",
        text=KINDS["birth-date-differs"][1],
        state="open",
        found_at="2026-03-02T09:30:00.000Z",
        sender="XND01",
        referral_id="01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10",
        person={
            "person_id": "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d11",
            "birth_date": "1984-05-17",
            "identifiers": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "*******014"}],
            "referrals": [],
            "elsewhere": False,
        },
        other=None,
        history=[],
    )

    id: str
    kind: str
    text: str
    state: QuestionState
    found_at: str
    sender: str
    referral_id: str
    person: Somebody
    other: Somebody | None = None
    history: list[QuestionEvent]


class QuestionPage(Shape):
    """The oldest first. Ask again with `cursor` = `next_cursor` until there is none."""

    questions: list[QuestionView]
    next_cursor: str | None = None


def show_question(question: Question, hubs: Collection[str]) -> Json:
    row = question.row
    return {
        "id": row["id"],
        "kind": row["kind"],
        "text": KINDS[row["kind"]][1],
        "state": row["state"],
        "found_at": instant(row["found_at"]),
        "sender": row["organisation"],
        "referral_id": row["referral_id"],
        "person": _show_side(question.person, hubs),
        "other": _show_side(question.other, hubs) if question.other else None,
        "history": [_show_event(event) for event in question.history],
    }


def _show_event(row: Row) -> Json:
    return {
        "at": instant(row["at"]),
        "type": row["type"],
        "note": row["note"],
        "actor": orjson.loads(row["actor"]),
    }


def _show_side(side: Side, hubs: Collection[str]) -> Json:
    seen = [one for one in side.referrals if one["hub_id"] in hubs]
    firm = [key.split("|", 1) for key in side.keys if "|" in key and not key.startswith("~")]
    return {
        "person_id": side.id,
        "birth_date": side.birth_date if seen else None,
        "identifiers": [{"system": system, "value": _masked(value)} for system, value in firm] if seen else [],
        "referrals": [_show_referral(one) for one in seen],
        "elsewhere": len(seen) < len(side.referrals),
    }


def _masked(value: str) -> str:
    return "*" * (len(value) - LEFT_OPEN) + value[-LEFT_OPEN:] if len(value) > LEFT_OPEN else "*" * len(value)


def _show_referral(row: Row) -> Json:
    return {
        "id": row["id"],
        "reference": row["reference"],
        "hub": row["hub_id"],
        "status": row["status"],
        "submitted_at": instant(row["submitted_at"]),
        "person": show_name(orjson.loads(row["content"])["person"]),
    }
