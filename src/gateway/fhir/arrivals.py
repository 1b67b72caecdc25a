"""From the resources of one request to an Arrival: addresses given, references resolved, referrals found."""

from datetime import datetime
from typing import Any
from urllib.parse import unquote

from gateway.arrival import Arrival, Asked
from gateway.errors import Issue, Rejected, VersionConflict
from gateway.fhir.exchange import Exchange
from gateway.fhir.references import Found, rewrite, unknown_reference
from gateway.ids import new_id
from gateway.messages import Received
from gateway.sources import Known
from gateway.store.resources import Resource, find_by_identifier, identifiers, load
from gateway.validation import SUPPORTED
from mappings.systems import REFERENCE_SYSTEM

Json = dict[str, Any]

KEPT = SUPPORTED - {"Bundle", "Parameters", "OperationOutcome", "MessageHeader", "Subscription"}
LONGEST_IDENTIFIER = 510
FULFIL = ("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")

UNSENT = Issue(
    "informational",
    "Stored, but not sent: this ServiceRequest becomes a referral when you POST a Task whose focus it is.",
    "ServiceRequest",
    "warning",
)


def new_resource(content: Json, received: Received) -> Resource:
    """The first version of what was sent; the sender's own id and version are not kept (R4 http.html#create)."""
    kept = Resource(content["resourceType"], new_id(), 1, received.at, content)
    kept.stamp()
    if kept.type in {"ServiceRequest", "Task"} and "identifier" in content:
        # A reference is this gateway's to give: one that was sent may be another referral's.
        content["identifier"] = [one for one in content["identifier"] if one.get("system") != REFERENCE_SYSTEM]
        if not content["identifier"]:
            del content["identifier"]
    return kept


def bundle_names(entries: list[Json], addresses: dict[int, str]) -> dict[str, str]:
    """fullUrl -> address here, for the entries that get one; with a RESTful fullUrl also the sender's Type/id.

    Raises Rejected when two entries have the same Type/id on different servers: a reference might mean either.
    """
    names: dict[str, str] = {}
    for index, address in addresses.items():
        full_url = entries[index].get("fullUrl")
        if not full_url:
            continue
        names[full_url] = address
        if full_url.startswith("http"):
            short = "/".join(full_url.split("/")[-2:])
            if names.setdefault(short, address) != address:
                at = f"Bundle.entry[{index}].fullUrl"
                text = f"{at}: another entry has the same type and id. Name the entries by urn:uuid."
                raise Rejected(issues=[Issue("duplicate", text, at)])
    return names


async def resolve(
    exchange: Exchange, resources: list[tuple[Resource, str]], names: dict[str, str], *, from_store: bool = True
) -> Known:
    """Rewrites all references among the resources (each with its place) and loads what they lead to in the store.

    Without `from_store` (messages) Type/id is the sender's own name: a Patient that the message does not carry is
    refused, anything else stays as it came. Raises Rejected for each reference that leads nowhere, or to what is not
    this organisation's; VersionConflict (412) for a conditional reference that does not match exactly one.
    """
    found = Found()
    for kept, at in resources:
        rewrite(kept.content, names, exchange.base_url, at, found)
        found.issues += too_long_identifiers(kept.content, at)
    await _resolve_conditional(exchange, found)
    known: Known = {kept.reference: kept.content for kept, _ in resources}
    missing = found.local.keys() - known.keys()
    if not from_store:
        missing = {reference for reference in missing if reference.startswith("Patient/")}
    elif missing:
        known |= await load_with_neighbours(exchange, missing)
    found.issues += [unknown_reference(at) for reference in missing - known.keys() for at in found.local[reference]]
    if found.issues:
        raise Rejected(issues=found.issues)
    return known


def too_long_identifiers(content: Json, at: str) -> list[Issue]:
    """A finding when an identifier is too long to be looked up by."""
    if all(len(name) <= LONGEST_IDENTIFIER for name in identifiers(content)):
        return []
    text = f"{at}.identifier: system and value together may have {LONGEST_IDENTIFIER} characters at most."
    return [Issue("too-long", text, f"{at}.identifier")]


async def _resolve_conditional(exchange: Exchange, found: Found) -> None:
    for reference, at in found.conditional:
        type_, _, query = reference["reference"].partition("?")
        ids = await match_identifier(exchange, type_, condition(type_, query, f"{at}.reference"))
        if len(ids) != 1:
            how = "no resource" if not ids else "more than one resource"
            raise VersionConflict(
                f"{at}.reference matches {how}; a conditional reference must match exactly one.",
                expression=f"{at}.reference",
            )
        reference["reference"] = f"{type_}/{ids[0]}"
        found.local[reference["reference"]].append(at)


def condition(type_: str, query: str, expression: str) -> str:
    """The system|value of `identifier=system|value`, with or without the type before it (http.html#ccreate).

    Raises Rejected for any other condition.
    """
    name, _, value = unquote(query).removeprefix(f"{type_}?").partition("=")
    system, _, code = value.partition("|")
    if name != "identifier" or not system or not code or "&" in value or len(value) > LONGEST_IDENTIFIER:
        text = f"{expression}: the only condition this gateway matches is identifier=system|value."
        raise Rejected(issues=[Issue("not-supported", text, expression)])
    return value


def condition_of(content: Json, query: str, expression: str) -> str:
    """The condition of a conditional create. Raises Rejected too when what is to be created would not meet it."""
    named = condition(content["resourceType"], query, expression)
    if named not in identifiers(content):
        text = f"{expression} names an identifier that the resource does not carry: it could never be found by it."
        raise Rejected(issues=[Issue("invariant", text, expression)])
    return named


async def match_identifier(exchange: Exchange, type_: str, named: str) -> list[str]:
    """The ids of this organisation's resources of the type that carry system|value."""
    async with exchange.gateway.store.reading() as connection:
        return await find_by_identifier(connection, exchange.caller.organisation, type_, named)


async def load_with_neighbours(exchange: Exchange, references: set[str]) -> Known:
    """The stored resources, and three steps of what they refer to: request, its people, their organisations."""
    known: Known = {}
    async with exchange.gateway.store.reading() as connection:
        for _ in range(3):
            wanted = references - known.keys()
            if not wanted:
                break
            loaded = await load(connection, exchange.caller.organisation, wanted)
            known |= loaded
            neighbours = Found()
            for content in loaded.values():
                rewrite(content, {}, exchange.base_url, "", neighbours)
            references = set(neighbours.local)
    return known


def find_referrals(arrival: Arrival, places: dict[str, str], *, tasks_needed: bool) -> None:
    """Adds what is asked for: each Task that fulfils a ServiceRequest, and each active request without a Task.

    `places` gives where each new resource stood in what was received. With `tasks_needed` a request alone is not
    yet a referral (its Task comes next).
    """
    issues: list[Issue] = []
    tasks: dict[str, Resource] = {}
    for task in [kept for kept in arrival.resources if kept.type == "Task"]:
        at = places[task.reference]
        problem = _task_problem(task.content, at, arrival.known)
        focus = task.content.get("focus", {}).get("reference", "")
        if problem:
            issues.append(problem)
        elif focus in tasks:
            issues.append(Issue("business-rule", f"{at}.focus: two Tasks send the same request.", f"{at}.focus"))
        else:
            tasks[focus] = task
    if issues:
        raise Rejected(issues=issues)
    own = {kept.reference: kept for kept in arrival.resources}
    for focus, task in tasks.items():
        request = own.get(focus) or stored(focus, arrival.known[focus])
        arrival.asked.append(_asked(request, task, arrival.known, places))
    if not tasks_needed:
        arrival.asked += [
            _asked(kept, None, arrival.known, places)
            for kept in arrival.resources
            if kept.type == "ServiceRequest" and kept.reference not in tasks and kept.content.get("status") == "active"
        ]


def _task_problem(task: Json, at: str, known: Known) -> Issue | None:
    codes = [(coding.get("system"), coding.get("code")) for coding in task.get("code", {}).get("coding", [])]
    actions = [code for system, code in codes if system == FULFIL[0]]
    if actions and FULFIL[1] not in actions:
        return Issue("not-supported", f"{at}.code: a new Task can ask to fulfill a request only.", f"{at}.code")
    if "focus" not in task:
        return Issue("required", f"{at}.focus must refer to the ServiceRequest that this Task sends.", f"{at}.focus")
    focus = known.get(task["focus"].get("reference", ""))
    if focus is None or focus["resourceType"] != "ServiceRequest":
        text = f"{at}.focus must be a ServiceRequest in this Bundle or one that you sent to this gateway before."
        return Issue("value", text, f"{at}.focus")
    return None


def stored(reference: str, content: Json) -> Resource:
    """A resource that was sent before."""
    type_, id_ = reference.split("/")
    meta = content["meta"]
    return Resource(type_, id_, int(meta["versionId"]), datetime.fromisoformat(meta["lastUpdated"]), content)


def _asked(request: Resource, task: Resource | None, known: Known, places: dict[str, str]) -> Asked:
    at = {reference.split("/")[0]: place for reference, place in places.items() if reference in known}
    at["ServiceRequest"] = places.get(request.reference, "ServiceRequest")
    if task:
        at["Task"] = places[task.reference]
    subject = request.content["subject"].get("reference", "")
    if subject in places:
        at["Patient"] = places[subject]
    return Asked(request, task, at)
