"""From the resources of one request to an Arrival: addresses given, references resolved, referrals found."""

import re
from datetime import datetime
from typing import Any

from gateway.arrival import Arrival, Asked
from gateway.errors import Issue, Rejected, VersionConflict
from gateway.fhir.conditions import LONGEST_IDENTIFIER, condition, match_identifier
from gateway.fhir.exchange import Exchange
from gateway.fhir.references import Found, name_of, names_by_entry, rewrite, servers_of, unknown_reference
from gateway.ids import new_id, next_moment
from gateway.messages import Received
from gateway.privacy import refuse_lost_label
from gateway.revise import asks_to_cancel
from gateway.sources import Known
from gateway.store.resources import Resource, identifiers, load, load_around, read
from gateway.validation import SUPPORTED, parse
from mappings.systems import REFERENCE_SYSTEM

Json = dict[str, Any]

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
KEPT = SUPPORTED - {"Bundle", "Parameters", "OperationOutcome", "MessageHeader", "Subscription"}  # of a referral
SERVED = KEPT | {"Subscription"}
FULFIL = ("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")

UNSENT = Issue(
    "informational",
    "Stored, but not sent: this ServiceRequest becomes a referral when you POST a Task whose focus it is.",
    "ServiceRequest",
    "warning",
)

UNHEARD = {
    "Communication": Issue(
        "informational",
        "Stored, but told to nobody: name the Task of the referral in about, by its address or its identifier.",
        "Communication.about",
        "warning",
    ),
    "Consent": Issue(
        "informational",
        "Stored, but it decides about nobody: name in Consent.patient a Patient that you have sent, by its address or "
        "by an identifier that it carries.",
        "Consent.patient",
        "warning",
    ),
}


def unheard(arrival: Arrival, kept: Resource) -> list[Issue]:
    """What to tell the sender of a resource that was stored, and that nobody will hear of."""
    return [UNHEARD[kept.type]] if kept.reference in arrival.unheard else []


def new_resource(content: Json, received: Received) -> Resource:
    """The first version of what was sent; the sender's own id and version are not kept (R4 http.html#create)."""
    kept = Resource(content["resourceType"], new_id(), 1, received.at, content)
    kept.stamp()
    _keep_reference(content, [])
    return kept


def next_version(content: Json, before: Json, method: str) -> Resource:
    """The version after `before`, stamped; with the reference of the referral as it was. Raises Rejected when it would
    lift a person's restriction without saying so."""
    refuse_lost_label(content, before, before["resourceType"])
    last = stored(f"{before['resourceType']}/{before['id']}", before)
    # Not older than the version before it, whatever the clock says.
    kept = Resource(last.type, last.id, last.version + 1, max(next_moment(), last.updated_at), content, method)
    kept.stamp()
    _keep_reference(content, [one for one in before.get("identifier", []) if one.get("system") == REFERENCE_SYSTEM])
    return kept


def _keep_reference(content: Json, own: list[Json]) -> None:
    """A reference is this gateway's to give: one that was sent may be another referral's."""
    if content["resourceType"] not in {"ServiceRequest", "Task"}:
        return
    sent = content.get("identifier", [])
    if [one for one in sent if one.get("system") == REFERENCE_SYSTEM] == own:
        return
    content["identifier"] = [one for one in sent if one.get("system") != REFERENCE_SYSTEM] + own
    if not content["identifier"]:
        del content["identifier"]


def bundle_names(entries: list[Json], addresses: dict[int, str]) -> dict[str, str]:
    """fullUrl -> address here, for the entries that get one; also the sender's Type/id, where all are of one server.

    Raises Rejected when two entries have the same fullUrl: a reference might mean either.
    """
    names: dict[str, str] = {}
    for index, address in addresses.items():
        full_url = entries[index].get("fullUrl")
        if full_url and names.setdefault(name_of(full_url), address) != address:
            at = f"Bundle.entry[{index}].fullUrl"
            text = f"{at}: another entry has the same fullUrl. Name each by a urn:uuid of its own."
            raise Rejected(issues=[Issue("duplicate", text, at)])
    servers = set(servers_of(names).values())
    if len(servers) == 1:
        server = servers.pop()
        names |= {name.removeprefix(server): address for name, address in names.items()}
    return names


async def resolve(
    exchange: Exchange, resources: list[tuple[Resource, str]], names: dict[str, str], *, from_store: bool = True
) -> Known:
    """Rewrites all references among the resources (each with its place) and loads what they lead to in the store.

    Without `from_store` (messages) Type/id is the sender's own name: a Patient that the message does not carry is
    refused, anything else stays as it came. Raises Rejected for each reference that leads nowhere, or to what is not
    this organisation's; VersionConflict (412) for a conditional reference that does not match exactly one.
    """
    found, used = Found(), names_by_entry(names)
    for kept, at in resources:
        rewrite(kept.content, used.get(kept.reference, used[""]), exchange.base_url, at, found)
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
        place = f"{at}.reference"
        named = condition(type_, query, place)
        if type_ in KEPT:
            exchange.require(f"system/{type_}.s")
        id_ = await match_identifier(exchange, type_, named, place)
        if id_ is None:
            text = f"{place} matches no resource; a conditional reference must match exactly one."
            raise VersionConflict(text, expression=place)
        reference["reference"] = f"{type_}/{id_}"
        found.local[reference["reference"]].append(at)


async def current(exchange: Exchange, reference: str) -> Json | None:
    """The current version of this organisation's resource at Type/id; None when it has none."""
    type_, _, id_ = reference.partition("/")
    if not ID.fullmatch(id_):
        return None
    async with exchange.gateway.store.reading() as connection:
        found = await read(connection, exchange.caller.organisation, type_, id_)
    return parse(found[2].encode()) if found else None


async def load_with_neighbours(exchange: Exchange, references: set[str]) -> Known:
    """The stored resources, and three steps of what they refer to: request, its people, their organisations."""
    organisation = exchange.caller.organisation
    async with exchange.gateway.store.reading() as connection:
        known = await load(connection, organisation, references)
        return known | await load_around(connection, organisation, known.values(), steps=2)


def find_referrals(arrival: Arrival, places: dict[str, str], *, tasks_needed: bool) -> None:
    """Adds what is asked for: each Task that fulfils a ServiceRequest, and each active request without a Task.

    `places` gives where each new resource stood in what was received. With `tasks_needed` a request alone is not
    yet a referral (its Task comes next).
    """
    issues: list[Issue] = []
    tasks: dict[str, Resource] = {}
    for task in [kept for kept in arrival.resources if kept.type == "Task" and not asks_to_cancel(kept.content)]:
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
        text = f"{at}.code: a new Task asks to fulfill a ServiceRequest, or to abort the Task of a referral."
        return Issue("not-supported", text, f"{at}.code")
    if "focus" not in task:
        return Issue("required", f"{at}.focus must refer to the ServiceRequest that this Task sends.", f"{at}.focus")
    focus = known.get(task["focus"].get("reference", ""))
    if focus is None or focus["resourceType"] != "ServiceRequest":
        text = f"{at}.focus must be a ServiceRequest in this Bundle or one that you sent to this gateway before."
        if "://" in task["focus"].get("reference", ""):
            text += " To have it fetched from your own server, POST the Task alone, to [base]/Task."
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
