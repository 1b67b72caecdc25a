"""What becomes of a message's entries: new resources, further versions of stored ones, or just words in the message."""

import re

from gateway.arrival import Arrival, Revision
from gateway.errors import Issue, Rejected
from gateway.fhir.arrivals import KEPT, bundle_names, new_resource, resolve, too_long_identifiers
from gateway.fhir.exchange import Exchange
from gateway.fhir.messages.workflow import Json, Message, place
from gateway.ids import instant
from gateway.messages import Received
from gateway.sources import name_reasons
from gateway.validation import SUPPORTED
from gateway.validation.checking import STU3

RESOURCE = re.compile(r"Bundle\.entry\[(\d+)\]\.resource")


def check_entries(body: Json, issues: list[Issue]) -> set[int]:
    """The entries of R4 types that have no place here: a message may bring more than a referral needs, and all of it
    is kept as it was received. Raises Rejected with all other findings."""
    without_place = {int(at[1]): issue for issue in issues if (at := RESOURCE.fullmatch(issue.expression or ""))}
    without_place = {index: issue for index, issue in without_place.items() if _has_no_place(body, index, issue)}
    issues = [issue for issue in issues if issue not in without_place.values()]
    issues += too_long_identifiers(body, "Bundle") if not issues else []
    if issues:
        raise Rejected(issues=issues)
    return set(without_place)


def _has_no_place(body: Json, index: int, issue: Issue) -> bool:
    if issue.code != "not-supported" or issue.text == STU3:  # what is no resource at all is another finding
        return False
    return body["entry"][index]["resource"]["resourceType"] not in SUPPORTED


async def arrive(
    exchange: Exchange,
    received: Received,
    message: Message,
    revised: dict[int, Revision],
    stored: dict[int, str],
    unplaced: set[int],
) -> tuple[Arrival, dict[str, str]]:
    """What the message brings, its references resolved; and where each resource of it stood.

    Of its entries, `revised` are further versions, `stored` stand for something here (Type/id) that stays as it is,
    `unplaced` stay in the message; all others are new. In a message every name is the sender's: what it does not
    carry is not looked for in the store.
    """
    others = revised.keys() | stored.keys() | unplaced
    new = {
        index: new_resource(resource, received)
        for index, resource in enumerate(message.resources)
        if index not in others and resource["resourceType"] in KEPT
    }
    kept = new | {index: revision.kept for index, revision in revised.items()}
    for one in new.values():
        if one.type == "Task" and "focus" not in one.content:
            one.content["focus"] = {"reference": kept[message.index].reference}
    addresses = {index: one.reference for index, one in kept.items()} | stored
    names = {name: name for index in unplaced for name in message.names[index]}
    names |= {name: address for index, address in addresses.items() for name in message.names[index]}
    names |= bundle_names(message.bundle["entry"], addresses)
    places = {one.reference: place(index) for index, one in kept.items()}
    known = await resolve(exchange, [(one, places[one.reference]) for one in kept.values()], names, from_store=False)
    before = revised[message.index].before if message.index in revised else {}
    name_reasons(known, kept[message.index].content, before, instant(received.at)[:10])
    sender = names.get(message.header.get("sender", {}).get("reference", ""))
    known["MessageHeader"] = message.header | ({"sender": {"reference": sender}} if sender else {})
    return Arrival(received, "epr-message", list(new.values()), known, revisions=list(revised.values())), places
