"""A Task whose focus stands on the sender's own server (Gravity SDOHCC, indirect referral: the sender POSTs the Task,
the Coordination Platform GETs the ServiceRequest and what it refers to from the sender).
"""

from adapters.source.address import locate
from gateway.arrival import Arrival
from gateway.details import await_details
from gateway.errors import Issue, Rejected
from gateway.fhir.answers import written
from gateway.fhir.arrivals import FULFIL
from gateway.fhir.exchange import Exchange, Json
from gateway.messages import Answer
from gateway.store.resources import Resource

AWAITED = Issue(
    "informational",
    "Stored, but not sent yet: the ServiceRequest and what it refers to are fetched from your server. "
    "Follow this Task: businessStatus says when the referral was sent, or why it could not be.",
    "Task.focus",
    "warning",
)
NEEDED = ("for", "authoredOn", "requester", "code")  # 1..1 in SDOHCC Task For Referral Management
NOT_REGISTERED = (
    "Task.focus is an address from which this gateway does not fetch: it must be [base]/ServiceRequest/[id] on a FHIR "
    "server that is registered for your organisation. Send the referral as a transaction, or have the server's base "
    "registered."
)


def is_elsewhere(exchange: Exchange, content: Json) -> bool:
    """Whether this is a Task whose focus is an absolute URL that is not one of ours."""
    focus = content.get("focus", {}).get("reference", "") if content["resourceType"] == "Task" else ""
    return "://" in focus and not focus.startswith(f"{exchange.base_url}/")


async def create_awaited(exchange: Exchange, arrival: Arrival, task: Resource) -> Answer:
    """201 at once; the worker fetches. Raises Rejected when this is no such Task as the Gravity guide describes, or
    its focus is on a server that is not registered for the sender's organisation."""
    exchange.require("system/ServiceRequest.c", "system/Patient.c")  # as if they were sent
    place = locate(
        task.content["focus"]["reference"], exchange.gateway.directory.fhir_servers(exchange.caller.organisation)
    )
    issues = _issues(task.content)
    if place is None or place.type != "ServiceRequest":
        issues.append(Issue("value", NOT_REGISTERED, "Task.focus.reference"))
    if issues or place is None:
        raise Rejected(issues=issues)

    def answer(kept: Resource) -> Answer:
        return written(exchange, kept, 201, [AWAITED])

    return await await_details(exchange.gateway, exchange.caller, exchange.context, arrival, task, place.url, answer)


def _issues(task: Json) -> list[Issue]:
    issues = [
        Issue("required", f"Task.{name} is missing: a Task that is sent alone needs it.", f"Task.{name}")
        for name in NEEDED
        if name not in task
    ]
    codes = [(coding.get("system"), coding.get("code")) for coding in task.get("code", {}).get("coding", [])]
    if "code" in task and FULFIL not in codes:
        issues.append(Issue("value", f"Task.code must be {FULFIL[1]} of {FULFIL[0]}.", "Task.code"))
    if task["intent"] != "order":
        issues.append(Issue("value", "Task.intent must be order.", "Task.intent"))
    if task["status"] != "requested":
        text = "Task.status must be requested when a referral is sent; later states are set by the receiver."
        issues.append(Issue("business-rule", text, "Task.status"))
    return issues
