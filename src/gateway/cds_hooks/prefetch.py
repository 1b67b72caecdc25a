"""What is read of the resources that come with a call. They are an EPR's, and unchecked: anything may stand in them.

Pure.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from gateway.launch.epr import teams_of
from gateway.validation import check
from mappings.systems import SNOMED, code_system
from mappings.translate import code_map

Json = dict[str, Any]

SOCIAL_PRESCRIBING = {
    "system": SNOMED,
    "code": "871731000000106",
    "display": "Referral to social prescribing service",
}
OURS = {
    (SNOMED, SOCIAL_PRESCRIBING["code"]),
    (code_system("request-category"), "social-prescribing"),
}
ACTIVE = {"active", "recurrence", "relapse"}
UNTRUE = {"refuted", "entered-in-error", "differential"}
SEEN = {"final", "amended", "corrected", "preliminary"}
MOST_CHECKED = 200  # each costs a tenth of a millisecond or more


def objects(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def codings(concept: Any) -> list[Json]:
    """Those with a system and a code, of a CodeableConcept or of several."""
    concepts = concept if isinstance(concept, list) else [concept]
    found = [coding for one in objects(concepts) for coding in objects(one.get("coding"))]
    return [one for one in found if isinstance(one.get("system"), str) and isinstance(one.get("code"), str)]


def is_ours(order: Json) -> bool:
    """Whether a draft order asks for social prescribing."""
    if order.get("resourceType") != "ServiceRequest":
        return False
    said = [*codings(order.get("code")), *codings(order.get("category"))]
    return any((one["system"], one["code"]) in OURS for one in said)


def is_about(resource: Json, patient_id: str, issuer: str) -> bool:
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    return reference in (f"Patient/{patient_id}", f"{issuer}/Patient/{patient_id}")


def is_of_active_team(prefetch: Json, user: str, teams: Collection[Json]) -> bool:
    """Whether the user's roles, as the EPR tells them, name a team that takes part."""
    active = {name for team in teams if team["active"] for name in (team["code"], team["name"])}
    roles = (one for one in _resources(prefetch.get("roles"), "PractitionerRole") if _is_of(one, user))
    return any(not active.isdisjoint(teams_of(one)) for one in islice(roles, MOST_CHECKED) if not check(one))


def _is_of(role: Json, user: str) -> bool:
    practitioner = role.get("practitioner")
    reference = str(practitioner.get("reference")) if isinstance(practitioner, dict) else ""
    mine = user == f"PractitionerRole/{role.get('id')}" or f"/{reference}".endswith(f"/{user}")
    return mine and role.get("active") is not False


def needs_in(prefetch: Json, patient_id: str, issuer: str) -> dict[str, list[Json]]:
    """Each domain of social prescribing (code of referral-reason) that the record has a code of, with its codings."""
    coded = (
        (coding, target.code, one)
        for one in (
            *_resources(prefetch.get("conditions"), "Condition"),
            *_resources(prefetch.get("observations"), "Observation"),
        )
        if is_about(one, patient_id, issuer)
        for coding in _stated(one)
        if (target := code_map("referral-reason").translate(coding["code"], coding["system"]))
    )
    needs: dict[str, list[Json]] = {}
    for coding, domain, resource in islice(coded, MOST_CHECKED):
        known = needs.get(domain, [])
        told: Json = {name: coding[name] for name in ("system", "code", "display") if name in coding}
        if told not in known and not check(resource):
            needs[domain] = [*known, told]
    return needs


def _stated(resource: Json) -> list[Json]:
    """The codings of what holds: a problem that is active, an observation that says so."""
    if resource["resourceType"] == "Condition":
        clinical, verified = (_codes(resource.get(name)) for name in ("clinicalStatus", "verificationStatus"))
        holds = (not clinical or clinical & ACTIVE) and not verified & UNTRUE
        return codings(resource.get("code")) if holds else []
    if resource.get("status") not in SEEN:
        return []
    if "valueCodeableConcept" in resource:
        return codings(resource["valueCodeableConcept"])
    values = [name for name in resource if name.startswith("value")]
    says_yes = values == ["valueBoolean"] and resource["valueBoolean"] is True
    absent = "dataAbsentReason" in resource
    return codings(resource.get("code")) if says_yes or not (values or absent) else []


def _codes(concept: Any) -> set[str]:
    return {one["code"] for one in codings(concept)}


def _resources(value: Any, type_: str) -> Iterator[Json]:
    """The resources of this type in a Bundle, or the one that came alone."""
    if not isinstance(value, dict):
        return
    inside = [one.get("resource") for one in objects(value.get("entry"))]
    yield from (one for one in objects([value, *inside]) if one.get("resourceType") == type_)
