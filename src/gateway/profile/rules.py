"""What a rule of the profile is, and what it is held against."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mappings.to_referral import Sources

Json = dict[str, Any]

Fault = tuple[str, str]
"""Where a rule is broken (FHIRPath), and the words of this finding."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One referral as it came and as it was translated; `sender` is the ODS code of the organisation that sends it,
    `today` the day of receipt (ISO date), `addressed` whether it names a hub, and `hub_known` whether that hub is
    registered here."""

    referral: Json
    given: Sources
    unknown: list[dict[str, str | None]]
    sender: str
    today: str
    addressed: bool = True
    hub_known: bool = True

    @property
    def person(self) -> Json:
        person: Json = self.referral["person"]
        return person

    @property
    def referrer(self) -> Json:
        referrer: Json = self.referral["referrer"]
        return referrer

    @property
    def task(self) -> Json:
        return self.given.task or {}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the profile.

    `severity` is error (the referral is refused) or warning (it is kept, and the advisor is shown the text), unless
    the sender's agreement says otherwise; a `fixed` rule is the same for every sender. `check` answers whether the
    rule holds; or, where it can be broken in several places, with each of them: then `text` says what they are.
    """

    key: str
    severity: str
    code: str  # http://hl7.org/fhir/issue-type
    expression: str
    text: str
    source: str
    check: Callable[[Sent], bool | list[Fault]]
    fixed: bool = False
