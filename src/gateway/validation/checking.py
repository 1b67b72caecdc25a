"""One resource with all it holds: what the gateway takes at all, then structure, then rules."""

from dataclasses import replace
from itertools import chain, islice

from gateway.errors import Issue
from gateway.validation.reading import shown
from gateway.validation.rules import broken, contained, contained_faults, entries, unresolved
from gateway.validation.structure import MOST, SUPPORTED, expression, schemas, structure
from gateway.validation.survey import Json, locate, survey

STU3 = "This looks like FHIR STU3 (3.0); send R4 (4.0.1)."
# Types of earlier versions that R4 no longer has.
_OLD_TYPES = """
BodySite Conformance DataElement DeviceComponent DeviceUseRequest DiagnosticOrder EligibilityRequest
EligibilityResponse ExpansionProfile ImagingManifest ImagingObjectSelection MedicationOrder Order OrderResponse
ProcedureRequest ProcessRequest ProcessResponse ReferralRequest Sequence ServiceDefinition
"""
BEFORE_R4 = frozenset(_OLD_TYPES.split())
# Bundles in which every urn: has to lead to an entry, because the ids of others are not known yet (http.html#trules).
MOST_CONTAINED = 200  # each is checked against all
SELF_CONTAINED = frozenset({"batch", "transaction"})


def check(resource: Json, at: str | None = None) -> list[Issue]:
    """The findings in a parsed resource and in those inside it (contained, Bundle entries); none when it is valid R4.

    All of them, unless there are more than a hundred. Expressions are FHIRPath with indexes, such as
    Bundle.entry[2].resource.subject; `at` takes the place of the type that they start with. Never raises.
    """
    found = _check(resource, None, None)[:MOST]
    found = next(([issue] for issue in found if issue.text == STU3), found)
    return [_moved(issue, resource, at) for issue in found] if at else found


def _check(resource: Json, container: Json | None, urls: set[str] | None) -> list[Issue]:
    """`container`: of a contained resource; `urls`: the fullUrls of the Bundle it is in, where urn: must resolve."""
    if issue := _refused(resource):
        return [issue]
    if len(contained(resource)) > MOST_CONTAINED:
        place = f"{resource['resourceType']}.contained"
        return [Issue("too-costly", f"{place}: {MOST_CONTAINED} at most. Send the others as entries.", place)]
    seen = survey(resource)
    found = structure(resource, seen.size)
    named = {(issue.code, issue.expression) for issue in found}
    more = chain(broken(resource, seen), unresolved(resource, seen, container or resource, urls))
    found += [issue for issue in islice(more, MOST) if (issue.code, issue.expression) not in named]
    if "contained" in resource and container is None:
        found += contained_faults(resource, seen)
    if resource["resourceType"] == "Bundle":
        whole = str(resource.get("type")) in SELF_CONTAINED
        urls = {str(entry.get("fullUrl")) for entry in entries(resource)} if whole else None
    for element, inner in seen.inner:
        if len(found) >= MOST:
            break
        below = _check(inner, (container or resource) if element == "contained" else None, urls)
        if below:
            place = expression(resource["resourceType"], locate(resource, inner))
            found += [_moved(issue, inner, place) for issue in below]
    return found


def _refused(resource: Json) -> Issue | None:
    """Why the gateway does not even look into a resource."""
    named = resource.get("resourceType")
    if not isinstance(named, str):
        return Issue("structure", "resourceType is missing. Say which FHIR R4 resource this is.")
    if named in BEFORE_R4 or _is_stu3(resource):
        return Issue("not-supported", STU3, shown(named))
    if named in SUPPORTED:
        return None
    known: list[str] = schemas()["x-resources"]
    if named in known:
        text = f"The gateway does not take {named}. It takes: {', '.join(sorted(SUPPORTED))}."
        return Issue("not-supported", text, named)
    meant = [each for each in known if each.lower() == named.lower()]
    hint = (
        f"Did you mean {meant[0]}? Names are case-sensitive."
        if meant
        else "See https://hl7.org/fhir/R4/resourcelist.html."
    )
    return Issue("structure", f"'{shown(named)}' is no FHIR R4 resource type. {hint}")


def _is_stu3(resource: Json) -> bool:
    if str(resource.get("fhirVersion", "")).startswith("3."):
        return True
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return isinstance(profiles, list) and any(isinstance(each, str) and "/STU3/" in each for each in profiles)


def _moved(issue: Issue, resource: Json, place: str) -> Issue:
    """The same finding, its expression starting at `place` instead of at the type of its own resource."""
    return replace(issue, expression=place + (issue.expression or "").removeprefix(str(resource.get("resourceType"))))
