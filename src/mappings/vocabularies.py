"""The codes a link worker chooses from. Those with a CodeSystem in `maps/` are read from there; the rest stands here.

The numbers beside attendance are the NHS Data Dictionary's; the lists follow the Social Prescribing Information
Standard v1.1 (PRSB / NHS England), made short. A status says where something is, a vocabulary why or how.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic_core import CoreSchema, core_schema

from mappings.translate import vocabulary


class CodeOf:
    """Makes a pydantic type of a CodeSystem in `maps/`: `Annotated[str, CodeOf("referral-status")]` takes its codes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.literal_schema(list(vocabulary(self.name).displays))


ContactMechanism = Literal["telephone", "text-message", "email", "letter", "face-to-face", "home-visit", "video"]

ContactOutcome = Literal[
    "spoke",
    "attended",
    "no-answer",
    "left-message",
    "wrong-number",
    "message-sent",  # letter, text or email
    "did-not-attend",
    "cancelled-by-person",
    "cancelled-by-us",
    "too-unwell",
]
TWO_WAY: frozenset[str] = frozenset({"spoke", "attended"})
UNANSWERED: frozenset[str] = frozenset({"no-answer", "left-message", "wrong-number", "message-sent", "did-not-attend"})

Attendance = Literal[  # attended or did not attend code
    "attended",  # 5
    "attended-late",  # 6
    "late-not-seen",  # 7
    "did-not-attend",  # 3
    "cancelled-by-person",  # 2
    "cancelled-by-provider",  # 4
]
ATTENDED: frozenset[str] = frozenset({"attended", "attended-late"})

PrescriptionKind = Literal["referral", "supported-referral", "signpost", "internal-course", "one-to-one"]

NOT_ACCEPTED_REASONS: Mapping[str, str] = vocabulary("not-accepted-reason").displays

CLOSURE_REASONS: Mapping[str, tuple[str, ...]] = {  # closing status -> the closure reasons that fit it
    "closed-completed": ("goals-met", "partly-met", "information-or-signpost-only"),
    "closed-declined": ("declined-at-first-contact", "declined-later"),
    "closed-unable-to-contact": ("unable-to-contact",),
    "closed-disengaged": ("disengaged",),
    "closed-other": (
        "moved-away",
        "admitted-or-too-unwell",
        "needs-met-elsewhere",
        "safeguarding-or-statutory-lead",
        "deceased",
        "service-ended",
        "entered-in-error",
    ),
}
