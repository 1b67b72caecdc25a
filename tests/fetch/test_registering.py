"""What may stand in the parties file of a server to fetch from; each mistake is told, and no secret with it."""

import json
from typing import Any

import pytest

from gateway.parties import PartiesError, read_parties

SECRET = "Bearer aGVsbG8gd29ybGQ"


def parties(server: dict[str, Any]) -> dict[str, Any]:
    organisation = {"ods_code": "XND01", "name": "Northdale", "fhir_servers": [server]}
    return {"organisations": [organisation], "hubs": [], "clients": []}


def test_a_server_with_its_secret() -> None:
    read = read_parties(parties({"base_url": "https://epr.example/FHIR/R4/", "authorization": SECRET}), "file")

    [server] = read.organisations[0].fhir_servers
    assert (server.base_url, server.authorization, server.private) == ("https://epr.example/FHIR/R4", SECRET, False)


@pytest.mark.parametrize(
    ("server", "mistake"),
    [
        ({}, "organisations[0].fhir_servers[0].base_url: is missing"),
        (
            {"base_url": "http://epr.example"},
            "organisations[0].fhir_servers[0].base_url: The address must start with https",
        ),
        (
            {"base_url": "https://epr.example/a b"},
            "organisations[0].fhir_servers[0].base_url: The address must be a plain one",
        ),
        (
            {"base_url": "https://a:b@epr.example"},
            "organisations[0].fhir_servers[0].base_url: The address must not carry",
        ),
        (
            {"base_url": "https://epr.example", "authorization": "Basic dXNlcjpwYXNz"},
            "fhir_servers[0].authorization: expected Bearer",
        ),
        (
            {"base_url": "https://epr.example", "authorization": f"{SECRET}\r\nX: y"},
            "fhir_servers[0].authorization: expected Bearer",
        ),
        ({"base_url": "https://epr.example", "privat": True}, "fhir_servers[0].privat: there is no such entry here"),
    ],
)
def test_each_mistake_is_told_without_the_secret(server: dict[str, Any], mistake: str) -> None:
    with pytest.raises(PartiesError) as told:
        read_parties(json.loads(json.dumps(parties(server))), "file")

    assert mistake in str(told.value)
    assert server.get("authorization", SECRET) not in str(told.value)
