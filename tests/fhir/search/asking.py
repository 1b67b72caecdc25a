"""What the search tests ask with: one condition of one resource, or a search of the running gateway."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from tests.app import BASE, Json, Running

from gateway.search import criterion, parameter_of

FHIR = "/FHIR/R4"

Change = tuple[str, str]  # id and version


def meets(resource: Mapping[str, Any], query: str) -> bool:
    """Whether the resource meets `parameter:modifier=value`."""
    name, _, value = query.partition("=")
    name, _, modifier = name.partition(":")
    parameter = parameter_of(resource["resourceType"], name)
    assert parameter, name
    return criterion(parameter, modifier, value, f"{BASE}{FHIR}").judge(dict(resource))


async def ask(gateway: Running, query: str, client: str = "demo-epr", **headers: str) -> httpx.Response:
    """A GET below the FHIR base."""
    return await gateway.call(client, "GET", f"{FHIR}/{query}", **headers)


async def search(gateway: Running, query: str, client: str = "demo-epr") -> Json:
    answer = await ask(gateway, query, client)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def post_search(gateway: Running, path: str, parameters: Mapping[str, str], query: str = "") -> httpx.Response:
    body = urlencode(parameters).encode()
    return await gateway.call(
        "demo-epr", "POST", f"{FHIR}/{path}/_search{query}", body, Content_Type="application/x-www-form-urlencoded"
    )


async def found(gateway: Running, query: str, client: str = "demo-epr") -> list[str]:
    """The ids of the matches, in order."""
    return shown(await search(gateway, query, client))


def shown(bundle: Json, mode: str = "match") -> list[str]:
    return [one["resource"]["id"] for one in bundle.get("entry", []) if one["search"]["mode"] == mode]


def link(bundle: Json, relation: str) -> str | None:
    """The address of a link, below the FHIR base."""
    urls = (one["url"] for one in bundle["link"] if one["relation"] == relation)
    url: str | None = next(urls, None)
    return url.removeprefix(f"{BASE}{FHIR}/") if url else None


async def create(gateway: Running, resource: Json, client: str = "demo-epr") -> Json:
    answer = await gateway.call(client, "POST", f"{FHIR}/{resource['resourceType']}", resource)
    assert answer.status_code == 201, answer.text
    created: Json = answer.json()
    return created


async def create_patient(gateway: Running, family: str, client: str = "demo-epr", **elements: Any) -> Json:
    patient = {"resourceType": "Patient", "name": [{"family": family, "given": ["Jo"]}], "birthDate": "1971-06-14"}
    return await create(gateway, patient | elements, client)


def observation(patient: Json | None = None, **elements: Any) -> Json:
    about = {"subject": {"reference": f"Patient/{patient['id']}"}} if patient else {}
    return {"resourceType": "Observation", "status": "final", "code": {"text": "Wellbeing"}} | about | elements


def changes(bundle: Json) -> list[Change]:
    return [(one["resource"]["id"], one["resource"]["meta"]["versionId"]) for one in bundle.get("entry", [])]


def newest(bundle: Json, since: str) -> str:
    times: list[str] = [since, *(one["resource"]["meta"]["lastUpdated"] for one in bundle.get("entry", []))]
    return max(times)


async def move(gateway: Running, task: Json, to: str) -> None:
    path = f"/platform/v1/referrals/{task['id']}/transitions"
    answer = await gateway.call("demo-platform", "POST", path, {"to": to})
    assert answer.status_code == 200, answer.text
