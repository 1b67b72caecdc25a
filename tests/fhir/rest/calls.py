"""What the REST tests send: a patient of their own, stored or not, and entries of Bundles."""

from typing import Any
from uuid import uuid4

import httpx
from tests.app import Json, Running

from gateway.security import Caller

FHIR = "/FHIR/R4"
SYSTEM = "https://northdale.example/rio/client-id"


def patient(number: str | None = None, **elements: Any) -> Json:
    """A Patient with a local identifier that no other has, unless told."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": number or uuid4().hex}],
        "name": [{"family": "Harrow", "given": ["Jo"]}],
        "birthDate": "1971-06-14",
    } | elements


def observation(value: bytes) -> bytes:
    """An Observation with this decimal, as text."""
    return b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":%s}}' % value


def named(resource: Json) -> str:
    """Its first identifier as system|value."""
    first = resource["identifier"][0]
    return f"{first['system']}|{first['value']}"


async def send(gateway: Running, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """As the first trust's EPR; `path` below the FHIR base."""
    return await gateway.call("demo-epr", method, f"{FHIR}/{path}".rstrip("/"), body, **headers)


async def stored(gateway: Running, content: Json | bytes) -> Json:
    """The resource as the gateway stored it."""
    type_ = content["resourceType"] if isinstance(content, dict) else "Observation"
    answer = await send(gateway, "POST", type_, content)
    assert answer.status_code == 201, answer.text
    kept: Json = answer.json()
    return kept


async def read(gateway: Running, resource: Json, version: int | None = None) -> Json:
    path = f"{resource['resourceType']}/{resource['id']}" + (f"/_history/{version}" if version else "")
    answer = await send(gateway, "GET", path)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def may(gateway: Running, *scopes: str) -> str:
    """The name of a client of the first trust that has these scopes only."""
    name = " ".join(scopes)
    caller = Caller("demo-epr", "XND01", "epr", frozenset(scopes))
    gateway.tokens[name] = gateway.app.state.gatekeeper.issue(caller)
    return name


def bundle(type_: str, *entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries)}


def asks(method: str, url: str, resource: Json | None = None, full_url: str | None = None, **request: str) -> Json:
    entry: Json = {"request": {"method": method, "url": url, **request}}
    if full_url:
        entry["fullUrl"] = full_url
    return entry | ({"resource": resource} if resource else {})


def statuses(answer: httpx.Response) -> list[str]:
    """The HTTP status of each entry of a batch's or a transaction's answer."""
    return [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
