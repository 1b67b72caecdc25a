"""A request of the contract as Postman has it: address, headers, body, and who signs it."""

import json
from typing import Any
from urllib.parse import quote

from tools.postman.ids import Ids, variable

from gateway.reference.contract import Operation, Sent
from gateway.reference.samples import FORM, PLACE, REQUEST_ID, Call

Json = dict[str, Any]

CLIENTS = {"demo-epr": "epr", "demo-platform": "platform", "demo-operator": "operator"}
BASE = variable("baseUrl")
SAFE = "{}/:,"  # Postman's own {{variables}}, and what need not be encoded in a query


def request_of(operation: Operation, sent: Sent, ids: Ids) -> Json:
    call = sent.call
    path = ids.put_in(PLACE.sub(lambda found: quote(call.at[found[1]]), call.path))
    query = {name: ids.put_in(str(value)) for name, value in call.query.items()}
    body = _body(call, ids)
    return {
        "method": call.method,
        "description": operation.summary,
        "auth": _auth(call, sent.client),
        "header": _pairs({name: ids.put_in(value) for name, value in _headers(call).items()}),
        "url": address(path, query),
    } | ({"body": body} if body else {})


def address(path: str, query: dict[str, str]) -> Json:
    asked = {name: quote(value, safe=SAFE) for name, value in query.items()}
    raw = f"{BASE}{path}" + (f"?{'&'.join(f'{name}={value}' for name, value in asked.items())}" if asked else "")
    url = {"raw": raw, "host": [BASE], "path": path.split("/")[1:]}
    return url | ({"query": _pairs(asked)} if asked else {})


def signed(claims: Json, who: str) -> Json:
    """Postman signs a JWT with `who`'s key and sends it as bearer token; its scripts cannot sign."""
    payload = json.dumps(claims | {"jti": variable("$guid")})[:-1] + ', "iat": {{$timestamp}}, "exp": {{exp}}}'
    given = {
        "algorithm": "ES384",
        "privateKey": variable(f"{who}_key"),
        "header": json.dumps({"kid": variable(f"{who}_kid")}),
        "payload": payload,
        "addTokenTo": "header",
        "headerPrefix": "Bearer",
    }
    return {"type": "jwt", "jwt": [one | {"type": "string"} for one in _pairs(given)]}


def _headers(call: Call) -> dict[str, str]:
    typed = {"Content-Type": call.media_type} if call.media_type and call.media_type != FORM else {}
    return typed | ({REQUEST_ID: variable("$guid")} if call.named else {}) | dict(call.headers)


def _body(call: Call, ids: Ids) -> Json | None:
    if call.body is None:
        return None
    if call.media_type == FORM:
        filled = {name: variable(secret.lower()) for name, secret in call.signed.items()}
        fields = {name: filled.get(name, value) for name, value in call.body.items()}
        return {"mode": "urlencoded", "urlencoded": _pairs(fields)}
    raw = ids.put_in(json.dumps(call.body, indent=2, ensure_ascii=False))
    return {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}


def _auth(call: Call, client: str | None) -> Json:
    if call.secret == "CDS_JWT":
        return signed({"iss": variable("cds_issuer"), "aud": f"{BASE}/cds-services/{call.at['id']}"}, "cds")
    if call.secret:
        return {"type": "bearer", "bearer": _pairs({"token": variable(f"{CLIENTS[client or '']}_token")})}
    return {"type": "noauth"}


def _pairs(values: dict[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in values.items()]
