"""One resource with all it holds: what the gateway takes at all, then structure, then rules."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from gateway.errors import Issue, quoted, shown
from gateway.validation.answers import Lookup, questionnaire_of, unanswered
from gateway.validation.references import contained, contained_faults, entry_types, misled
from gateway.validation.rules import broken
from gateway.validation.schema import SUPPORTED, Json, schemas
from gateway.validation.structure import MOST, expression, structure
from gateway.validation.survey import locate, survey

STU3 = "This looks like FHIR STU3 (3.0); send R4 (4.0.1)."
# Types of earlier versions that R4 no longer has.
_OLD_TYPES = """
BodySite Conformance DataElement DeviceComponent DeviceUseRequest DiagnosticOrder EligibilityRequest
EligibilityResponse ExpansionProfile ImagingManifest ImagingObjectSelection MedicationOrder Order OrderResponse
ProcedureRequest ProcessRequest ProcessResponse ReferralRequest Sequence ServiceDefinition
"""
BEFORE_R4 = frozenset(_OLD_TYPES.split())
MOST_CONTAINED = 200  # each is checked against all
MOST_RESPONSES = 50  # of one body are judged by their Questionnaires, which may be large


@dataclass(frozen=True, slots=True)
class _Around:
    """What a resource is in, and where to look Questionnaires up."""

    look_up: Lookup | None
    bundle: Json | None = None
    named: dict[str, str] = field(default_factory=dict)  # fullUrl -> type, of the Bundle's entries
    container: Json | None = None  # of a contained resource
    responses: Iterator[int] = field(default_factory=lambda: iter(range(MOST_RESPONSES)))  # still to be judged


def check(resource: Json, at: str | None = None, questionnaires: Lookup | None = None) -> list[Issue]:
    """The findings in a parsed resource and in those inside it (contained, Bundle entries); none when it is valid R4.

    All of them, unless there are more than a hundred (or the resource is so large, thousands of elements, that making
    them would take seconds: then the first of its structure). Expressions are FHIRPath with indexes, such as
    Bundle.entry[2].resource.subject; `at` takes the place of the type that they start with. A QuestionnaireResponse
    is judged by its Questionnaire when that is contained, in the same Bundle, or found by `questionnaires`, which is
    asked with the canonical that the response names (url or url|version). Never raises.
    """
    found = _check(resource, _Around(questionnaires))[:MOST]
    found = next(([issue] for issue in found if issue.text == STU3), found)
    return [_moved(issue, resource, at) for issue in found] if at else found


def _check(resource: Json, around: _Around) -> list[Issue]:
    if issue := _refused(resource, inside=around.container is not None):
        return [issue]
    if len(contained(resource)) > MOST_CONTAINED:
        place = f"{resource['resourceType']}.contained"
        return [Issue("too-costly", f"{place}: {MOST_CONTAINED} at most. Send the others as entries.", place)]
    seen = survey(resource)
    found = structure(resource, seen.weight) if resource["resourceType"] in SUPPORTED else []
    told = {(issue.code, issue.expression) for issue in found}
    container = around.container or resource
    more = chain(broken(resource, seen), misled(resource, seen, container, around.named))
    if resource["resourceType"] == "QuestionnaireResponse" and next(around.responses, None) is not None:
        questionnaire = questionnaire_of(resource, container, around.bundle, around.look_up)
        more = chain(more, unanswered(resource, questionnaire) if questionnaire else ())
    found += [issue for issue in islice(more, MOST) if (issue.code, issue.expression) not in told]
    if "contained" in resource and around.container is None:
        found += contained_faults(resource, seen)
    if not seen.inner:
        return found
    if resource["resourceType"] == "Bundle":
        around = replace(around, bundle=resource, named=entry_types(resource))
    beside, inside = replace(around, container=None), replace(around, container=container)
    for element, inner in seen.inner:
        if len(found) >= MOST:
            break
        if below := _check(inner, inside if element == "contained" else beside):
            place = expression(resource["resourceType"], locate(resource, inner))
            found += [_moved(issue, inner, place) for issue in below]
    return found


def _refused(resource: Json, *, inside: bool) -> Issue | None:
    """Why the gateway does not even look into a resource; one `inside` another may be of any R4 type."""
    named = resource.get("resourceType")
    if not isinstance(named, str):
        return Issue("structure", "resourceType is missing. Say which FHIR R4 resource this is.")
    if named in BEFORE_R4 or _is_stu3(resource):
        return Issue("not-supported", STU3, shown(named))
    if named in SUPPORTED:
        return None
    known: list[str] = schemas()["x-resources"]
    if named in known:
        if inside:
            return None
        text = f"The gateway does not take {named}. It takes: {', '.join(sorted(SUPPORTED))}."
        return Issue("not-supported", text, named)
    meant = [each for each in known if each.lower() == named.lower()]
    hint = (
        f"Did you mean {meant[0]}? Names are case-sensitive."
        if meant
        else "See https://hl7.org/fhir/R4/resourcelist.html."
    )
    return Issue("structure", f"{quoted(named)} is no FHIR R4 resource type. {hint}")


def _is_stu3(resource: Json) -> bool:
    if str(resource.get("fhirVersion", "")).startswith("3."):
        return True
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return isinstance(profiles, list) and any(isinstance(each, str) and "/STU3/" in each for each in profiles)


def _moved(issue: Issue, resource: Json, place: str) -> Issue:
    """The same finding, its expression starting at `place` instead of at the type of its own resource."""
    return replace(issue, expression=place + (issue.expression or "").removeprefix(str(resource.get("resourceType"))))
