"""FHIR resources of one referral -> the Elemental-style Referral, with the trace of where each field came from.

What comes from where stands in `maps/referral.fields.json`, and in dialects; here is what their expressions start from.
Nothing in an R4-valid resource makes this raise: what is not understood is listed in `Translation.unknown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.consent import Judgement
from mappings.fields import Filled, Row, fill
from mappings.form.told import is_answered, is_told
from mappings.systems import is_nhs_number_system
from mappings.translate import CodeMap
from mappings.translator import FIELDS, STANDARD, Translator

Json = dict[str, Any]

NUMBER_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
VOUCHED = {"01": 0, "02": 1}  # NHS number status: present and verified, present but not traced
# What the expressions of a field map may start from: see `roots_of`.
ROOTS = frozenset({
    "Patient", "ServiceRequest", "Task", "Consent", "PractitionerRole", "Practitioner", "Organization", "%performer",
    "%practice", "%supporting", "%reasons", "%decision", "%form", "%documents", "%references", "%route",
})  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """The resources that one referral is translated from; what was not sent is None."""

    patient: Json | None = None
    record: Json | None = None  # the same Patient with what no longer holds
    service_request: Json = field(default_factory=dict)
    task: Json | None = None
    consent: Json | None = None  # the strictest, when there are several
    judgements: list[Judgement] = field(default_factory=list)  # what each Consent says, the strictest first
    requester_role: Json | None = None  # PractitionerRole
    requester: Json | None = None  # Practitioner
    organization: Json | None = None  # the requester's
    performer: Json | None = None  # Organization or HealthcareService asked to do it
    practice: Json | None = None  # the person's GP practice
    supporting: list[Json] = field(default_factory=list)  # what ServiceRequest.supportingInfo leads to
    reasons: list[Json] = field(default_factory=list)  # what ServiceRequest.reasonReference leads to
    references: list[Json] = field(default_factory=list)  # those of both that lead to nothing that was sent
    strangers: list[str] = field(default_factory=list)  # elements that should mean the subject, and do not
    route: str = "epr-api"


@dataclass(frozen=True)
class Translation:
    """A Referral as a plain dict (`mappings.referral.Referral`), and how it came about.

    rows: [target, source, row id], short for storing: `explain` makes it plain; unknown: {"expression", "system",
    "code", "text"} of each code that no map knows; missing: targets the national standard makes mandatory and that
    nothing filled; map_versions: name -> version of each map in use.
    """

    referral: Json
    rows: list[list[str]]
    unknown: list[dict[str, str | None]]
    missing: list[str]
    map_versions: dict[str, str]


def referral_from(sources: Sources, by: Translator = STANDARD) -> Translation:
    """Translates one referral. Keys without a value are left out, except person, referrer and reasons."""
    filled = Filled(values={"person": {}, "referrer": {"organisation": {}}})
    fill(by.rows, roots_of(sources, by), filled, filled.values)
    filled.values.setdefault("reasons", [])
    missing = [row.target for row in by.rows if row.required and not _filled(filled.values, row)]
    return Translation(filled.values, filled.rows, list(filled.unknown.values()), missing, dict(by.versions))


def explain(
    rows: list[list[str]], map_versions: Mapping[str, str], by: Translator = STANDARD
) -> list[dict[str, str | None]]:
    """The stored trace in full: {"target", "source", "row", "map", "version", "note"} for each field that was filled.

    `map` is the code map that was applied, or the field map. Versions are those of the day the referral came in; a
    note is that of the row as it stands now (in `by`), None when the row is gone.
    """
    explained: list[dict[str, str | None]] = []
    places: dict[str, str] = {}
    for target, source, row_id in rows:
        row = by.documents.get(row_id, {})
        used = row["convert"] if row.get("convert") in map_versions else f"{FIELDS}.fields"
        place = places.get(target.rpartition(".")[0], "") + source if source.startswith(".") else source
        places[target] = place = place.removesuffix(".$this")
        explained.append(
            {
                "target": target,
                "source": place,
                "row": row_id,
                "map": used,
                "version": map_versions.get(used),
                "note": row.get("note"),
            }
        )
    return explained


def roots_of(sources: Sources, by: Translator = STANDARD) -> dict[str, list[Any]]:
    """What each name that the map's expressions start from stands for."""
    forms = [one for one in sources.supporting if is_answered(one)]
    beside = [sources.service_request, *_one(sources.consent), *sources.supporting]
    told = [one for one in forms if is_told(one, beside)]
    return {
        "Patient": [verified_first(sources.patient, by.number_status)] if sources.patient else [],
        "ServiceRequest": _one(sources.service_request),
        "Task": _one(sources.task),
        "Consent": _one(sources.consent),
        "PractitionerRole": _one(sources.requester_role),
        "Practitioner": _one(sources.requester),
        "Organization": _one(sources.organization),
        "%performer": _one(sources.performer),
        "%practice": _one(sources.practice),
        "%supporting": sources.supporting,
        "%reasons": sources.reasons,
        "%decision": [judgement.decision for judgement in sources.judgements[:1]],
        "%form": forms,
        "%documents": [one for one in sources.supporting if not _has_a_row(one) and one not in told]
        + [one for one in sources.reasons if "code" not in one],
        "%references": sources.references,
        "%route": [sources.route],
    }


def verified_first(patient: Json, statuses: CodeMap = STANDARD.number_status) -> Json:
    """The Patient, with the NHS number that is best vouched for before all other identifiers when there are several: a
    number and the status beside it must be read from one and the same identifier."""
    identifiers = patient.get("identifier", [])
    if sum(is_nhs_number_system(one.get("system")) for one in identifiers) < 2:
        return patient
    return patient | {"identifier": sorted(identifiers, key=lambda one: _doubtfulness(one, statuses))}


def _doubtfulness(identifier: Json, statuses: CodeMap) -> int:
    told = (one for one in identifier.get("extension", []) if one.get("url") == NUMBER_STATUS)
    stated: Json = next(told, {})
    found = statuses.concept(stated.get("valueCodeableConcept"))
    is_number = is_nhs_number_system(identifier.get("system")) and "value" in identifier
    return VOUCHED.get(found.code or "", len(VOUCHED)) if is_number and found else len(VOUCHED)


def _has_a_row(resource: Json) -> bool:
    """Whether a resource sent along is a risk, a goal, the consent or a contact, which have rows of their own."""
    match resource.get("resourceType"):
        case "Flag":
            return resource.get("status") == "active"
        case "RiskAssessment":
            return resource.get("status") not in ("entered-in-error", "cancelled")
        case type_:
            return type_ in ("Goal", "Consent", "RelatedPerson")


def _one(resource: Json | None) -> list[Json]:
    return [resource] if resource else []


def _filled(values: Any, row: Row) -> bool:
    for name in row.path:
        values = values.get(name) or {}
    return bool(values)
