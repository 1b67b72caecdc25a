"""What a Task lacks when its request stands on the sender's own server: read from there, and made an Arrival as if
the sender had sent it all in one transaction.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.source.address import Place, Server, locate
from adapters.source.client import NotFetched, Source
from gateway.arrival import Arrival, Asked
from gateway.details import FETCH
from gateway.errors import Unreadable
from gateway.fhir.arrivals import KEPT, new_resource, too_long_identifiers
from gateway.messages import Received
from gateway.privacy import withhold
from gateway.store.resources import Resource
from gateway.validation import check, dump, parse

Json = dict[str, Any]

MOST = 30  # resources of one referral
FINDINGS = 3  # told of a resource that is not valid

PEOPLE = {  # the elements that lead to those without whom there is no referral; read first
    "Task": ("for", "requester"),
    "ServiceRequest": ("subject", "requester", "performer"),
    "Patient": ("generalPractitioner",),
    "PractitionerRole": ("practitioner", "organization"),
}
MATTERS = {"ServiceRequest": ("supportingInfo", "reasonReference")}
NEVER = frozenset({"ServiceRequest", "Task"})  # another request than the one that was sent is none of ours
NEEDED = frozenset({"ServiceRequest", "Patient"})


async def collect(source: Source, servers: Sequence[Server], task: Json, request: Place) -> dict[Place, Json]:
    """The request and what it and the Task refer to, by where each was read. Raises NotFetched.

    What the server has not, or not for us, is left out unless there is no referral without it; so is what comes after
    the first 30. No way through the elements that are followed is longer than four steps.
    """
    found: dict[Place, Json] = {}
    asked: set[Place] = set()
    wanted = deque([request, *_led_to(PEOPLE, task, servers)])
    while wanted and len(asked) < MOST:
        place = wanted.popleft()
        if place in asked:
            continue
        asked.add(place)
        try:
            content = found[place] = await _read(source, place)
        except NotFetched as trouble:
            if place.type in NEEDED or not trouble.refused:
                raise
            continue
        wanted.extendleft(_led_to(PEOPLE, content, servers, place.server))
        wanted.extend(_led_to(MATTERS, content, servers, place.server))
    return found


def _led_to(
    elements: Mapping[str, Sequence[str]], content: Json, servers: Sequence[Server], holder: Server | None = None
) -> Iterator[Place]:
    for element in elements.get(content["resourceType"], ()):
        value = content.get(element, [])
        for reference in value if isinstance(value, list) else [value]:
            place = locate(reference.get("reference", ""), servers, holder)
            if place and place.type in KEPT - NEVER:
                yield place


async def _read(source: Source, place: Place) -> Json:
    body = await source.read(place)
    try:
        content = parse(body)
    except Unreadable as trouble:
        raise NotFetched(f"its {place.type} cannot be read: {trouble}") from None
    if (content.get("resourceType"), content.get("id")) != tuple(place.name.split("/")):
        raise NotFetched(f"it sent something else than the {place.type} that was asked for")
    issues = check(content) or too_long_identifiers(content, place.type)
    if issues:
        texts = " ".join(issue.text for issue in issues[:FINDINGS])
        raise NotFetched(f"its {place.type} was no valid FHIR R4: {texts.removesuffix('.')}")
    return content


def arrival_of(task: Resource, request: Place, found: dict[Place, Json], servers: Sequence[Server]) -> Arrival:
    """All of it as one arrival: addresses given here, references made to them, and to their own servers where they
    lead to what was not read. `task` is the stored Task's next version, whose references are rewritten too."""
    entries = [{"fullUrl": place.url, "resource": content} for place, content in found.items()]
    bundle = withhold({"resourceType": "Bundle", "type": "collection", "entry": entries})
    held = [entry["resource"] for entry in bundle["entry"]]
    received = Received(FETCH, f"/FHIR/R4/{task.reference}", dump(bundle))
    new = {
        place: new_resource(content, received)
        for place, content in zip(found, held, strict=True)
        if content.keys() > {"resourceType", "id"}  # the rest was withheld
    }
    for place, kept in new.items():
        _point(kept.content, new, servers, place.server)
    _point(task.content, new, servers)
    known = {kept.reference: kept.content for kept in [*new.values(), task]}
    return Arrival(received, "epr-api", list(new.values()), known, asked=[Asked(new[request], task, {})])


def _point(value: Any, new: dict[Place, Resource], servers: Sequence[Server], holder: Server | None = None) -> None:
    """Makes each reference inside lead, from here, to where it led from there."""
    if isinstance(value, list):
        for each in value:
            _point(each, new, servers, holder)
    elif isinstance(value, dict):
        for each in value.values():
            _point(each, new, servers, holder)
        reference = value.get("reference")
        if isinstance(reference, str) and (place := locate(reference, servers, holder)):
            value["reference"] = new[place].reference if place in new else place.url
