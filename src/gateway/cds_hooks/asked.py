"""What an EPR asks in one call, checked (CDS Hooks 2.0, HTTP request; hooks patient-view, order-select, order-sign)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gateway.cds_hooks.prefetch import is_about, is_ours, objects
from gateway.cds_hooks.services import Service
from gateway.errors import GatewayError, Issue, Rejected
from gateway.telemetry import UUID
from gateway.validation import check, parse

Json = dict[str, Any]

USER = re.compile(r"(Patient|Practitioner|PractitionerRole|RelatedPerson)/[A-Za-z0-9.-]{1,64}")
ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
MOST_ORDERS = 50


class PrefetchMissing(GatewayError):
    """The gateway cannot have what it needs (CDS Hooks 2.0: 412 Precondition Failed)."""

    status: ClassVar[int] = 412
    code: ClassVar[str] = "required"
    nhs_code: ClassVar[str] = "REC_BAD_REQUEST"
    text: ClassVar[str] = (
        "prefetch.patient is missing. Send the Patient that discovery asks for: the gateway does not fetch by "
        "fhirAuthorization."
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """`orders` are the draft ServiceRequests for social prescribing that the call is about."""

    user: str  # Practitioner/id
    patient: Json
    prefetch: Json
    orders: list[Json] = field(default_factory=list)


def read_call(body: bytes, service: Service, issuer: str) -> Asked:
    """Raises Unreadable; Rejected with all findings of one step; PrefetchMissing without the Patient."""
    call = parse(body)
    _refuse(_misfits(call, service, issuer))
    context, prefetch = call["context"], call.get("prefetch") or {}
    if prefetch.get("patient") is None:
        raise PrefetchMissing(expression="prefetch.patient")
    patient, id_ = prefetch["patient"], context["patientId"]
    _refuse(_patient_misfits(patient, id_))
    orders = _orders(context) if "draftOrders" in service.needs else []
    _refuse(_order_misfits(orders, id_, issuer))
    return Asked(context["userId"], patient, prefetch, [order for _, order in orders])


def _refuse(issues: Iterator[Issue]) -> None:
    if found := list(issues):
        raise Rejected(issues=found)


def _misfits(call: Json, service: Service, issuer: str) -> Iterator[Issue]:
    if call.get("hook") != service.hook:
        yield Issue("value", f"hook must be {service.hook}: that is what this service answers.", "hook")
    if not _fits(UUID, call.get("hookInstance")):
        yield Issue("value", "hookInstance must be a UUID, new for each time the hook is triggered.", "hookInstance")
    server = call.get("fhirServer")
    if server is not None and (not isinstance(server, str) or server.rstrip("/") != issuer):
        yield Issue(
            "business-rule", "fhirServer is not the one that is registered for you. Leave it out.", "fhirServer"
        )
    if not isinstance(call.get("prefetch"), dict | None):
        yield Issue(
            "structure", "prefetch must be an object: the keys that discovery names, and resources.", "prefetch"
        )
    context = call.get("context")
    if not isinstance(context, dict):
        yield Issue("required", "context is missing: an object as the hook defines it.", "context")
        return
    for name in service.needs:
        if not FITS[name](context.get(name)):
            yield Issue("value", f"context.{name} must be {WANTED[name]}.", f"context.{name}")


def _fits(shape: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None


FITS: dict[str, Callable[[Any], bool]] = {
    "userId": lambda value: _fits(USER, value),
    "patientId": lambda value: _fits(ID, value),
    "selections": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "draftOrders": lambda value: (
        isinstance(value, dict) and value.get("resourceType") == "Bundle" and isinstance(value.get("entry", []), list)
    ),
}
WANTED = {
    "userId": "the current user, e.g. Practitioner/abc",
    "patientId": "the FHIR id of the current patient",
    "selections": "a list of references to draft orders, e.g. ServiceRequest/abc",
    "draftOrders": "a Bundle of the draft orders",
}


def _patient_misfits(patient: Any, id_: str) -> Iterator[Issue]:
    place = "prefetch.patient"
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        yield Issue("structure", f"{place} must be a FHIR R4 Patient.", place)
        return
    yield from check(patient, place)
    if patient.get("id") != id_:
        yield Issue("business-rule", f"{place}.id is not context.patientId: this is somebody else.", f"{place}.id")


def _orders(context: Json) -> list[tuple[str, Json]]:
    """Where each stands, and the draft: of those selected, when the hook tells; others are no business of ours."""
    selected = context.get("selections")
    return [
        (f"context.draftOrders.entry[{index}].resource", order)
        for index, entry in enumerate(context["draftOrders"].get("entry", []))
        for order in objects([entry.get("resource") if isinstance(entry, dict) else None])
        if is_ours(order) and (selected is None or f"ServiceRequest/{order.get('id')}" in selected)
    ]


def _order_misfits(orders: list[tuple[str, Json]], patient_id: str, issuer: str) -> Iterator[Issue]:
    if len(orders) > MOST_ORDERS:
        yield Issue("too-costly", f"{MOST_ORDERS} draft referrals at most.", "context.draftOrders")
        return
    for place, order in orders:
        yield from check(order, place)
        if not is_about(order, patient_id, issuer):
            text = f"{place}.subject must be the Patient of context.patientId."
            yield Issue("business-rule", text, f"{place}.subject")
