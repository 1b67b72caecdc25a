"""Finds, around a ServiceRequest, the resources that a referral is translated from."""

from collections.abc import Iterator
from typing import Any

from gateway.store.resources import Resource
from mappings.to_referral import Sources

Json = dict[str, Any]
Known = dict[str, Json]  # Type/id (or, in a message, the sender's own name) -> resource


def gather(known: Known, service_request: Resource, task: Resource | None, route: str) -> Sources:
    """Follows the references of the request; what is not known stays None, for the rules to judge."""
    request = service_request.content

    def follow(reference: Json | None, holder: Json = request) -> Json | None:
        name = (reference or {}).get("reference", "")
        within = (one for one in holder.get("contained", []) if name == f"#{one.get('id')}")
        return known.get(name) or next(within, None)

    patient = follow(request["subject"])
    asker = follow(request.get("requester"))
    role = asker if _is(asker, "PractitionerRole") else _role_of(known, request.get("requester"), asker)
    named = [*request.get("supportingInfo", []), *request.get("reasonReference", [])]
    supporting = [found for found in map(follow, named) if found]
    practices = [follow(one, patient or {}) for one in (patient or {}).get("generalPractitioner", [])]
    return Sources(
        patient=patient if _is(patient, "Patient") else None,
        service_request=request,
        task=task.content if task else None,
        consent=_consent(supporting, known, request["subject"]),
        requester_role=role,
        requester=follow(role.get("practitioner"), role) if role else _if(asker, "Practitioner"),
        organization=follow((role or {}).get("organization"), role or {})
        or _if(asker, "Organization")
        or _sender(known),
        performer=next(filter(None, map(follow, request.get("performer", []))), None),
        practice=next((found for found in practices if _is(found, "Organization")), None),
        supporting=supporting,
        reasons=[found for found in map(follow, request.get("reasonReference", [])) if found],
        route=route,
    )


def _role_of(known: Known, reference: Json | None, asker: Json | None) -> Json | None:
    """A requester that is a Practitioner: the role in which that person is named elsewhere in the same Bundle."""
    if not _is(asker, "Practitioner"):
        return None
    name = (reference or {}).get("reference")
    return next((role for role in _all(known, "PractitionerRole") if _points_to(role, "practitioner", name)), None)


def _consent(supporting: list[Json], known: Known, subject: Json) -> Json | None:
    """The Consent that the request names, else the person's own in the same Bundle."""
    sent = [found for found in supporting if _is(found, "Consent")]
    others = [one for one in _all(known, "Consent") if _points_to(one, "patient", subject.get("reference"))]
    return next(iter(sent + others), None)


def _sender(known: Known) -> Json | None:
    """In a message, the organisation that its header names as sender."""
    header = next(_all(known, "MessageHeader"), {})
    found = known.get(header.get("sender", {}).get("reference", ""))
    return _if(found, "Organization")


def _all(known: Known, type_: str) -> Iterator[Json]:
    return (one for one in known.values() if _is(one, type_))


def _points_to(resource: Json, element: str, name: str | None) -> bool:
    return name is not None and resource.get(element, {}).get("reference") == name


def _is(resource: Json | None, type_: str) -> bool:
    return resource is not None and resource["resourceType"] == type_


def _if(resource: Json | None, type_: str) -> Json | None:
    return resource if _is(resource, type_) else None
