"""The EPR's side of the story: it has its own server told of changes, and asks after that."""

import copy

from tests.app import resource_of
from tools.contract.stage import EPR, HOOK
from tools.contract.story_change import READ, UPDATE, at
from tools.contract.story_refer import CREATE, TRANSACTION, referral
from tools.contract.telling import Json, Teller

from mappings.subscription import CONTENT, FILTER, TOPICS

PATH = "/FHIR/R4/Subscription"
WANTED: Json = {
    "resourceType": "Subscription",
    "status": "requested",
    "reason": "To show in the record how the referral goes",
    "criteria": next(iter(TOPICS)),
    "_criteria": {"extension": [{"url": FILTER, "valueString": "Task?intent=order"}]},
    "contact": [{"system": "phone", "value": "01632 960150"}],
    "channel": {
        "type": "rest-hook",
        "endpoint": f"{HOOK}/tasks",
        "payload": "application/fhir+json",
        "_payload": {"extension": [{"url": CONTENT, "valueCode": "id-only"}]},
        "header": ["Authorization: Bearer invented"],
    },
}


async def subscribe(teller: Teller) -> None:
    bundle = referral("REF-2026-000130")
    request = resource_of(await teller.call("", EPR, TRANSACTION, bundle), "ServiceRequest")
    where = {"type": "Subscription"}
    kept = await teller.call(
        "subscription: Told of each change of a Task, by its address", EPR, CREATE, WANTED, at=where
    )
    unknown = copy.deepcopy(WANTED) | {"criteria": "https://topics.example/all"}
    await teller.call("unknown-topic: What nobody tells of", EPR, CREATE, unknown, at=where)
    amended = request | {"note": [{"text": "Mornings suit best."}]}
    await teller.call("", EPR, UPDATE, amended, at=at(f"ServiceRequest/{request['id']}"))

    given = {"resourceType": "Parameters", "parameter": [{"name": "status", "valueCode": "requested"}]}
    await teller.call(
        "requested: Those that wait for their handshake", EPR, f"GET {PATH}/$status", query={"status": "requested"}
    )
    await teller.call("requested: The same", EPR, f"POST {PATH}/$status", given)
    one = {"id": kept["id"]}
    await teller.call(
        "one-event: Its handshake is to come, and one event waits", EPR, f"GET {PATH}/{{id}}/$status", at=one
    )
    await teller.call("nothing-given: It needs no parameters", EPR, f"POST {PATH}/{{id}}/$status", EMPTY, at=one)
    since = {"eventsSinceNumber": "1", "content": "id-only"}
    await teller.call("first: From the first on", EPR, f"GET {PATH}/{{id}}/$events", query=since, at=one)
    given = {"resourceType": "Parameters", "parameter": [{"name": "content", "valueCode": "empty"}]}
    await teller.call("numbers: No more than their numbers", EPR, f"POST {PATH}/{{id}}/$events", given, at=one)
    await teller.call("subscription: As it stands now", EPR, READ, at=at(f"Subscription/{kept['id']}"))
    off = kept | {"status": "off"}
    await teller.call("subscription-off: No longer wanted", EPR, UPDATE, off, at=at(f"Subscription/{kept['id']}"))


EMPTY: Json = {"resourceType": "Parameters"}
