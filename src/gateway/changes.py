"""What can happen to a referral after it was received. Each change is one request, one event and one Task version."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, StringConstraints

from mappings.referral import Advisor, Shape
from mappings.vocabularies import Attendance, CodeOf, ContactMechanism, ContactOutcome, PrescriptionKind


def _to_milliseconds(moment: datetime) -> datetime:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:  # the first and the last day there is, from another zone
        raise ValueError("is out of range") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


INVISIBLE = frozenset({"Cf", "Zl", "Zp", "Zs"})  # Unicode categories: format characters, separators


def _seen(text: str) -> str:
    """What can be seen of it: a zero-width space alone is as blank as nothing."""
    while text and unicodedata.category(text[-1]) in INVISIBLE:
        text = text[:-1].rstrip()
    while text and unicodedata.category(text[0]) in INVISIBLE:
        text = text[1:].lstrip()
    return text


def _some(text: str) -> str:
    if not text:
        raise ValueError("is blank")
    return text


def _written(moment: object) -> object:
    """A number would be seconds since 1970 to pydantic, also as text: 0.5 is a slip of somebody's, not a time."""
    seconds = isinstance(moment, str) and moment.strip().lstrip("+-").replace(".", "", 1).isdigit()
    if seconds or isinstance(moment, int | float):
        raise ValueError("not a date and time")
    return moment


# As FHIR string: no control characters but tab and line ends.
_PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=4000, pattern=_PRINTABLE), AfterValidator(_seen)
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PRINTABLE),
    AfterValidator(_seen),
    AfterValidator(_some),
]
Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_to_milliseconds)]


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Recorded(Shape):
    by: Name | None = Field(
        default=None, description="The link worker who did this, as the referrer should see the name."
    )


class ClosureGiven(Shape):
    reason: Words | None = Field(default=None, description="A closure reason that fits the status, e.g. goals-met.")
    summary: Words | None = Field(default=None, description="What was done and what changed.")
    actions_for_referrer: Words | None = Field(
        None, description="Never blank: say 'No action needed' when there is none."
    )


class AdvisorGiven(Advisor):
    name: Name
    phone: Name | None = None


class Move(Recorded):
    """Takes the referral to another status. What a move needs is told by `allowed_moves` of the referral."""

    model_config = _example(
        to="not-accepted",
        reason="outside-area",
        alternative="Refer to the Eastmere Wellbeing Hub: 01632 960200.",
        by="Priya Nadar",
    )

    to: Annotated[str, CodeOf("referral-status")]
    reason: Words | None = Field(
        default=None, description="A code, e.g. outside-area; needed when a referral is not accepted."
    )
    text: Words | None = Field(default=None, description="The reason in words, as the clinician will read it.")
    alternative: Words | None = Field(default=None, description="What to do instead, when a referral is not accepted.")
    advisor: AdvisorGiven | None = None
    review_date: date | None = None
    closure: ClosureGiven | None = None


class ContactMade(Recorded):
    """An attempt to reach the person, or a conversation. The first moves the referral on by itself."""

    model_config = _example(
        at="2026-03-04T10:15:00Z",
        mechanism="telephone",
        outcome="no-answer",
        by="Priya Nadar",
        note="Will try after 5 pm.",
    )

    at: Moment | None = Field(default=None, description="When it happened; now, unless told.")
    mechanism: ContactMechanism
    outcome: ContactOutcome
    note: Words | None = None


class PrescriptionIssued(Recorded):
    """A social prescription. From the moment it is agreed with the person the referral is in support."""

    model_config = _example(
        kind="supported-referral",
        categories=["debt-advice"],
        provider="Northdale Money Advice",
        service="Debt advice appointment",
        goal="A repayment plan I can keep to",
        planned_sessions=4,
        by="Priya Nadar",
    )

    kind: PrescriptionKind
    categories: list[Annotated[str, CodeOf("prescription-category")]] = Field(min_length=1, max_length=10)
    provider: Name
    service: Name
    goal: Words | None = None
    planned_sessions: int | None = Field(default=None, ge=1, le=200)
    status: Literal["proposed", "agreed", "sent"] = Field(
        default="sent", description="How far it is; a signpost is always signposted, which is no referral."
    )


class PrescriptionMove(Recorded):
    """Takes a prescription to another status."""

    model_config = _example(to="accepted", by="Priya Nadar")

    to: Annotated[str, CodeOf("prescription-status")]
    text: Words | None = Field(default=None, description="Why, as the clinician will read it.")


class SessionHeld(Recorded):
    """A session of a prescription, attended or not. The first attended one starts the prescription."""

    model_config = _example(at="2026-03-18T13:00:00Z", attendance="attended")

    at: Moment | None = Field(default=None, description="When it was; now, unless told.")
    attendance: Attendance


class MeasureTaken(Recorded):
    """The person's answers to an outcome measure. SWEMWBS: 7 answers, each 1 to 5, none missing."""

    model_config = _example(tool="swemwbs", stage="baseline", items=[2, 3, 2, 2, 3, 3, 2])

    tool: Literal["swemwbs"]
    stage: Annotated[str, CodeOf("measure-stage")]
    at: Moment | None = Field(default=None, description="When it was taken; now, unless told.")
    items: list[Annotated[int, Field(ge=1, le=5)]] = Field(min_length=7, max_length=7)


class CancellationAnswered(Recorded):
    """The link worker's answer to a referrer who asks to cancel after work began. To agree ends the referral."""

    model_config = _example(decision="declined", text="She asks to go on with the course.", by="Priya Nadar")

    decision: Literal["agreed", "declined"]
    text: Words | None = Field(
        default=None, description="For the referrer, in plain words; needed when the request is declined."
    )


@dataclass(frozen=True, slots=True)
class OfPrescription:
    """A change of one prescription of the referral."""

    prescription_id: str
    change: PrescriptionMove | SessionHeld


Change = Move | ContactMade | PrescriptionIssued | MeasureTaken | CancellationAnswered | OfPrescription
