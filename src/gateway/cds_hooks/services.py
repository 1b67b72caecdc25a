"""The services that an EPR may call, as discovery tells them (CDS Hooks 2.0, Discovery)."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

PATH = "/cds-services"
PATIENT = "Patient/{{context.patientId}}"
ROLES = "PractitionerRole?practitioner={{userPractitionerId}}"
CONDITIONS = "Condition?patient={{context.patientId}}"
OBSERVATIONS = "Observation?patient={{context.patientId}}&category=social-history,sdoh"
USAGE = (
    "Send `patient` and `roles` as prefetch: fhirAuthorization is not used, nothing is fetched. Cards are shown to "
    "members of active teams only; the team is read from PractitionerRole.healthcareService or specialty in `roles`."
)


@dataclass(frozen=True, slots=True)
class Service:
    """`prefetch` has the templates by key; `needs` names the fields of the hook's context that must come."""

    id: str
    hook: str
    title: str
    description: str
    prefetch: dict[str, str]
    needs: tuple[str, ...]

    def shown(self) -> Json:
        return {
            "hook": self.hook,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "usageRequirements": USAGE,
            "prefetch": self.prefetch,
        }


SERVICES = {
    one.id: one
    for one in (
        Service(
            "social-prescribing-patient-view",
            "patient-view",
            "Social prescribing: open support",
            "Shows where the person's social prescribing stands, or offers to refer for needs coded in the record.",
            {"patient": PATIENT, "roles": ROLES, "conditions": CONDITIONS, "observations": OBSERVATIONS},
            ("userId", "patientId"),
        ),
        Service(
            "social-prescribing-order-select",
            "order-select",
            "Social prescribing: a referral is chosen",
            "Warns when support is open already, and leads to the form when a draft referral lacks what it needs.",
            {"patient": PATIENT, "roles": ROLES},
            ("userId", "patientId", "selections", "draftOrders"),
        ),
        Service(
            "social-prescribing-order-sign",
            "order-sign",
            "Social prescribing: a referral is signed",
            "Warns when support is open already, and leads to the form when a draft referral lacks what it needs.",
            {"patient": PATIENT, "roles": ROLES},
            ("userId", "patientId", "draftOrders"),
        ),
    )
}
