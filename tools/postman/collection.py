"""Folders by tag; each request has its number in the story, which a run of the whole collection follows."""

import json
from collections.abc import Callable
from typing import Any

from tools.postman import scripts
from tools.postman.ids import MADE, Ids, variable
from tools.postman.outline import outline
from tools.postman.requests import BASE, CLIENTS, address, request_of, signed

from gateway.reference.contract import Door, Operation, Sent, doors_of

Json = dict[str, Any]

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
ABOUT = """\
Every request that the contract (openapi/) shows, with the ids handed on by scripts.

Set `baseUrl`, and for each client either its key (`epr_client`, `epr_kid`, and `epr_key`: the private key as PEM; the
same for `platform`, `operator` and `investigator`), with which the folder *Sign in* gets a token, or a token itself
(`epr_token`, from `gateway token --client demo-epr`). For the cards: `cds_issuer`, `cds_kid`, `cds_key`. Keys are EC,
on P-384.

Run the whole collection and it goes by the numbers, from one folder to another, as one story: a referral by each way
in, worked on to its end. It wants a gateway that never heard it (a new database), with the worker off. A single
request works once those have run whose ids it takes.
"""


def collection(documents: dict[str, Json]) -> str:
    """The file's text. `documents`: the two of openapi/, by door."""
    read = doors_of(documents)
    operations = [(door, one) for door in read.values() for one in door.operations.values()]
    sent_here = [(sent, door, one) for door, one in operations for sent in one.sent]
    had = {value for sent, _, _ in sent_here for value in sent.call.headers.values()}
    told = sorted((each for each in sent_here if _can_be_told(each[0], had)), key=lambda each: each[0].step)
    ids = Ids([sent for sent, _, _ in told])
    names = [
        f"{number:03} {operation.id}: {sent.summary or 'a step between'}"
        for number, (sent, _, operation) in enumerate(told, 1)
    ]
    folders: dict[tuple[str, str], Json] = {
        (door.name, tag["name"]): {"name": f"{door.label}: {tag['description']}", "item": []}
        for door in read.values()
        for tag in door.document["tags"]
    }
    for (sent, door, operation), name, then in zip(told, names, [*names[1:], None], strict=True):
        item = {"name": name, "event": _events(door, operation, sent, ids, then)}
        folders[door.name, operation.tag]["item"].append(item | {"request": request_of(operation, sent, ids)})
    made = {
        "info": {"name": "Social prescribing gateway", "description": ABOUT, "schema": SCHEMA},
        "variable": [{"key": "baseUrl", "value": "http://127.0.0.1:8000"}],
        "item": [{"name": "Sign in", "item": _signing_in(names[0])}, *folders.values()],
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _can_be_told(sent: Sent, had: set[str]) -> bool:
    """Not when it asks for the conversation of a request that was refused: the collection sends none of those."""
    return all(MADE.fullmatch(id_) or id_ in had for id_ in sent.call.ids.values())


def _signing_in(first: str) -> list[Json]:
    """A token for each client, and an assertion for the request that shows how one is got."""
    ways: list[tuple[str, str, Callable[[str, str], list[str]]]]
    ways = [(f"Sign in as the {one}", one, scripts.take_token) for one in CLIENTS.values()]
    ways.append(("Sign an assertion, for the request that shows how a token is got", "epr", scripts.keep_assertion))
    items = []
    for (name, who, take), then in zip(ways, [*(name for name, *_ in ways[1:]), first], strict=True):
        client = variable(f"{who}_client")
        auth = signed({"iss": client, "sub": client, "aud": f"{BASE}/oauth2/token"}, who)
        request = {"method": "GET", "url": address("/_ping", {}), "auth": auth, "header": []}
        events = _listening(scripts.need_key(who, then), take(who, then))
        items.append({"name": name, "event": events, "request": request})
    return items


def _events(door: Door, operation: Operation, sent: Sent, ids: Ids, then: str | None) -> list[Json]:
    before: list[str] = []
    if sent.call.secret == "CDS_JWT":
        before = scripts.need_key("cds", then)
    elif sent.call.signed:
        before = scripts.need("assertion", then)
    content = operation.said["responses"][sent.status].get("content", {})
    schema = next((one["schema"] for kind, one in content.items() if kind.endswith("json")), None)
    shape = outline(door.document, schema) if schema else None
    return _listening(
        before, scripts.check(int(sent.status) if sent.name else None, shape, ids.got.get(sent.step, []), then)
    )


def _listening(before: list[str], after: list[str]) -> list[Json]:
    both = (("prerequest", before), ("test", after))
    return [{"listen": when, "script": {"type": "text/javascript", "exec": lines}} for when, lines in both if lines]
