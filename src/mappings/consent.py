"""What a Consent says about this referral, read strictly: in doubt it does not permit.

Sources: R4 consent.html (status, scope, provision), v3 ActCode (consent directives).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mappings.current import holds

Json = dict[str, Any]

OPTED_OUT = frozenset({"OPTOUT", "OPTOUTE", "EMRGONLY"})  # v3 ActCode: nothing is shared, save in an emergency
OTHER_MATTERS = frozenset({"research", "adr"})  # consentscope: research, an advance decision
STRICTEST_FIRST = ("deny", "exceptions", "permit", "not-asked")


@dataclass(frozen=True, slots=True)
class Judgement:
    """`decision` is a code of the vocabulary consent-decision; `finding` says in words what somebody has to know, and
    `element` where in the Consent it was found."""

    decision: str
    finding: str | None = None
    element: str = "Consent"

    @property
    def rank(self) -> int:
        """Of several consents the one of the lowest rank decides; one with exceptions comes before a plain permit."""
        exceptions = self.decision == "permit" and self.finding
        return STRICTEST_FIRST.index("exceptions" if exceptions else self.decision)


PERMITTED = Judgement("permit")
EXCEPTIONS = Judgement(
    "permit", "The consent has exceptions: read them before anything is shared.", "Consent.provision.provision"
)


def judge(consent: Json, day: str) -> Judgement:
    """Reads one Consent as it stands on the day (ISO date)."""
    status, provision = consent.get("status"), consent.get("provision") or {}
    scopes = _codes(consent.get("scope"))
    stated, rules = list(_rules(provision)), list(_rules(provision, day))
    if status == "entered-in-error":
        return _not_asked("Consent.status", "was entered in error")
    if scopes and scopes <= OTHER_MATTERS:
        return _not_asked(
            "Consent.scope", "is about research or an advance decision, not about sharing for this referral"
        )
    if status in ("inactive", "rejected"):
        return _refused("Consent.status", "was withdrawn or rejected")
    if not holds(provision.get("period"), day) or (stated and not rules):
        return _not_asked("Consent.provision.period", "is not in force on the day of receipt")
    if _codes(consent.get("policyRule")) & OPTED_OUT:
        return _refused("Consent.policyRule", "opts out of sharing")
    if provision.get("type") == "deny" or ("deny" in rules and "permit" not in rules):
        return _refused("Consent.provision.type", "refuses sharing")
    if status != "active":
        return _not_asked("Consent.status", "is not active yet")
    if any(one.get("verified") is False for one in consent.get("verification", [])):
        return _not_asked("Consent.verification", "was not verified with the person")
    if scopes == {"treatment"}:
        return _not_asked("Consent.scope", "is about a treatment, not about sharing for this referral")
    return EXCEPTIONS if "deny" in rules else PERMITTED


def _rules(provision: Json, day: str | None = None) -> Iterator[str]:
    """The types of a provision and of those in it; with a day, only of those that hold on it."""
    if day and not holds(provision.get("period"), day):
        return
    if "type" in provision:
        yield provision["type"]
    for inner in provision.get("provision", []):
        yield from _rules(inner, day)


def _codes(concept: Json | None) -> set[str]:
    return {coding["code"] for coding in (concept or {}).get("coding", []) if coding.get("code")}


def _refused(element: str, what: str) -> Judgement:
    return Judgement(
        "deny",
        f"A consent sent with this referral {what}. Do not refer without the person's agreement: once they agree, "
        "send a Consent that permits it, and leave out one that no longer stands or is about something else.",
        element,
    )


def _not_asked(element: str, what: str) -> Judgement:
    return Judgement("not-asked", f"A consent sent with this referral {what}: it does not count as agreement.", element)
