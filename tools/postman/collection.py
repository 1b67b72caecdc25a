"""Folders by tag; each request with its number, in the order of the story, which a run of the whole collection follows."""

import json
from typing import Any
from urllib.parse import quote

from tools.postman import scripts
from tools.postman.ids import Ids
from tools.postman.outline import outline

from gateway.reference.contract import Door, Operation, Sent, doors_of
from gateway.reference.samples import FORM, PLACE, REQUEST_ID, Call

Json = dict[str, Any]

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
CLIENTS = {"demo-epr": "epr", "demo-platform": "platform", "demo-operator": "operator"}
ABOUT = """\
Every request that the contract (openapi/) shows, with the ids handed on by scripts.

Set `baseUrl`, and for each client either its key (`epr_client`, `epr_kid`, and `epr_key`: the private key as PEM; the same \
for `platform` and `operator`), with which the folder *Sign in* gets a token, or a token itself \
(`epr_token`, from `gateway token --client demo-epr`). For the cards: `cds_issuer`, `cds_kid`, `cds_key`.

Run the whole collection and it goes by the numbers, from one folder to another, as one story: a referral by each way in, \
worked on to its end. It wants a gateway that never heard it (a new database), with the worker off. A single request \
works once those have run whose ids it takes.
"""


def collection(documents: dict[str, Json]) -> str:
    """The file's text. `documents`: the two of openapi/, by door."""
    read = doors_of(documents)
    operations = [(door, one) for door in read.values() for one in door.operations.values()]
    told = sorted(((sent, door, one) for door, one in operations for sent in one.sent), key=lambda each: each[0].step)
    ids = Ids(sent for sent, _, _ in told)
    names = {
        sent.step: f"{number:03} {operation.id}: {sent.summary or 'a step between'}"
        for number, (sent, _, operation) in enumerate(told, 1)
    }
    following = dict(zip(names.values(), [*list(names.values())[1:], None], strict=True))
    folders: dict[str, Json] = {}
    for door in read.values():
        for tag in door.document["tags"]:
            about = f"{door.label}: {tag['description']}"
            folders[f"{door.name} {tag['name']}"] = {"name": about, "item": []}
    for sent, door, operation in told:
        name = names[sent.step]
        item = _item(door, operation, sent, ids, name, following[name])
        folders[f"{door.name} {operation.tag}"]["item"].append(item)
    first = next(iter(names.values()))
    made = {
        "info": {"name": "Social prescribing gateway", "description": ABOUT, "schema": SCHEMA},
        "variable": [{"key": "baseUrl", "value": "http://127.0.0.1:8000"}],
        "item": [{"name": "Sign in", "item": list(_signing_in(first))}, *folders.values()],
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _signing_in(first: str) -> list[Json]:
    signed = [*((f"Sign in as the {one}", one, one) for one in CLIENTS.values()), (scripts.ASSERTION, "epr", "")]
    items = []
    for at, (name, one, token) in enumerate(signed):
        then = signed[at + 1][0] if at + 1 < len(signed) else first
        claims = {"iss": f"{{{{{one}_client}}}}", "sub": f"{{{{{one}_client}}}}", "aud": "{{baseUrl}}/oauth2/token"}
        request = {"method": "GET", "url": _url("/_ping", {}), "auth": _signed(claims, one), "header": []}
        test = scripts.take_token(token, then) if token else scripts.keep_assertion(then)
        items.append({"name": name, "event": _events(scripts.need_key(one, then), test), "request": request})
    return items


def _item(door: Door, operation: Operation, sent: Sent, ids: Ids, name: str, then: str | None) -> Json:
    call = sent.call
    before: list[str] = []
    if call.secret == "CDS_JWT":
        before = scripts.need_key("cds", then)
    elif call.signed:
        before = scripts.need("assertion", then)
    content = operation.said["responses"][sent.status].get("content", {})
    schema = next((one["schema"] for kind, one in content.items() if kind.endswith("json")), None)
    shape = outline(door.document, schema) if schema else None
    test = scripts.check(int(sent.status), shape, ids.got.get(sent.step, []), then)
    headers = {"Content-Type": call.media_type} if call.media_type and call.media_type != FORM else {}
    headers |= {REQUEST_ID: "{{$guid}}"} if call.named else {}
    request: Json = {
        "method": call.method,
        "description": operation.summary,
        "auth": _auth(call, sent.client),
        "header": [{"key": key, "value": ids.put_in(value)} for key, value in (headers | dict(call.headers)).items()],
        "url": _url(ids.put_in(_filled(call)), {key: ids.put_in(str(one)) for key, one in call.query.items()}),
    }
    if call.media_type == FORM:
        fields = {key: f"{{{{{call.signed[key].lower()}}}}}" if key in call.signed else one for key, one in call.body.items()}
        request["body"] = {"mode": "urlencoded", "urlencoded": [{"key": key, "value": one} for key, one in fields.items()]}
    elif call.body is not None:
        raw = ids.put_in(json.dumps(call.body, indent=2, ensure_ascii=False))
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return {"name": name, "event": _events(before, test), "request": request}


def _filled(call: Call) -> str:
    return PLACE.sub(lambda found: quote(call.at[found[1]]), call.path)


def _url(path: str, query: dict[str, str]) -> Json:
    said = f"?{'&'.join(f'{key}={quote(one, safe=SAFE)}' for key, one in query.items())}" if query else ""
    url: Json = {"raw": f"{{{{baseUrl}}}}{path}{said}", "host": ["{{baseUrl}}"], "path": path.split("/")[1:]}
    asked = [{"key": key, "value": quote(one, safe=SAFE)} for key, one in query.items()]
    return url | ({"query": asked} if asked else {})


SAFE = "{}/:,"  # Postman's own {{variables}}, and what need not be encoded in a query


def _auth(call: Call, client: str | None) -> Json:
    if call.secret == "CDS_JWT":
        return _signed({"iss": "{{cds_issuer}}", "aud": f"{{{{baseUrl}}}}/cds-services/{call.at['id']}"}, "cds")
    if call.secret:
        return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{CLIENTS[client or '']}_token}}}}"}]}
    return {"type": "noauth"}


def _signed(claims: Json, who: str) -> Json:
    """Postman signs: a JWT as bearer token."""
    payload = json.dumps(claims | {"jti": "{{$guid}}"})[:-1] + ', "iat": {{$timestamp}}, "exp": {{exp}}}'
    given = {
        "algorithm": "ES384",
        "privateKey": f"{{{{{who}_key}}}}",
        "header": json.dumps({"kid": f"{{{{{who}_kid}}}}"}),
        "payload": payload,
        "addTokenTo": "header",
        "headerPrefix": "Bearer",
    }
    return {"type": "jwt", "jwt": [{"key": key, "value": one, "type": "string"} for key, one in given.items()]}


def _events(before: list[str], after: list[str]) -> list[Json]:
    both = (("prerequest", before), ("test", after))
    return [{"listen": when, "script": {"type": "text/javascript", "exec": lines}} for when, lines in both if lines]
