"""Reads the parties file: a JSON document that says who may send, who receives, and with which keys.

Every mistake in it is told in one go, each with its place and what was expected.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.parties.destinations import Webhook
from gateway.parties.shapes import Client, Parties

DOORS = {"epr": "system/", "platform": "platform/", "operator": "operations/"}  # what their scopes start with


class PartiesError(ValueError):
    """The parties file cannot be used; the text has a line for each mistake: file, place, and what was expected."""


def load_parties(path: Path) -> Parties:
    """Reads the file, and the key files it names (`keys_file`, a JWK set beside it). Raises PartiesError."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as trouble:
        raise PartiesError(f"{path} cannot be read: {trouble.strerror}") from trouble
    except ValueError as trouble:
        raise PartiesError(f"{path} is not JSON: {trouble}") from trouble
    clients = document.get("clients") if isinstance(document, dict) else None
    for number, client in enumerate(clients if isinstance(clients, list) else []):
        if isinstance(client, dict) and "keys_file" in client and "jwks" not in client:
            try:
                client["jwks"] = json.loads((path.parent / str(client.pop("keys_file"))).read_text("utf-8"))
            except (OSError, ValueError) as trouble:
                place = f"{path}: clients[{number}].keys_file"
                raise PartiesError(f"{place}: expected a JWK set in a file beside this one: {trouble}") from trouble
    return read_parties(document, str(path))


def read_parties(document: object, name: str) -> Parties:
    """The checked parties of a JSON document. Raises PartiesError, whose lines start with the name."""
    try:
        parties = Parties.model_validate(document)
        mistakes = list(_misfits(parties))
    except ValidationError as trouble:
        mistakes = [_told(dict(error)) for error in trouble.errors()]
    if mistakes:
        raise PartiesError("\n".join(f"{name}: {mistake}" for mistake in mistakes))
    return parties


def _told(error: dict[str, Any]) -> str:
    way = list(error["loc"])
    if way[:1] == ["destinations"] and len(way) > 2:
        del way[2]  # the kind, by which its shape was chosen
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in way).lstrip(".")
    if error["type"] == "value_error":
        text = str(error["ctx"]["error"])
    elif error["type"] == "extra_forbidden":
        text = "there is no such entry here; is it misspelt?"
        if place.endswith(".keys_file"):
            text = "give either jwks or keys_file"
    elif error["type"] == "missing":
        text = "is missing" + (" (give jwks, or keys_file)" if place.endswith(".jwks") else "")
    else:
        text = error["msg"].replace("Input should be", "expected")
    return f"{place}: {text}" if place else text


def _misfits(parties: Parties) -> Iterator[str]:
    """What is right in itself but does not fit the rest of the file."""
    organisations = {organisation.ods_code for organisation in parties.organisations}
    hubs = {hub.id for hub in parties.hubs}
    yield from _twice("organisations", "ods_code", [organisation.ods_code for organisation in parties.organisations])
    yield from _twice("hubs", "id", [hub.id for hub in parties.hubs])
    yield from _twice("clients", "id", [client.id for client in parties.clients])
    yield from _twice("destinations", "id", [one.id for one in parties.destinations])
    named: dict[str, str] = {}
    for number, hub in enumerate(parties.hubs):
        for identifier in hub.identifiers:
            if named.setdefault(identifier, hub.id) != hub.id:
                yield f"hubs[{number}].identifiers: {identifier} names {named[identifier]} already"
    for number, organisation in enumerate(parties.organisations):
        if organisation.default_hub_id and organisation.default_hub_id not in hubs:
            yield f"organisations[{number}].default_hub_id: {organisation.default_hub_id} is not in the file"
    yield from _feed_misfits(parties)
    yield from _epr_misfits(parties)
    for number, client in enumerate(parties.clients):
        yield from _client_misfits(client, f"clients[{number}]", organisations, hubs)
    for number, destination in enumerate(parties.destinations):
        if destination.organisation not in organisations:
            yield f"destinations[{number}].organisation: {destination.organisation} is not in the file"
        if isinstance(destination, Webhook) and destination.hubs:
            yield from _hub_misfits(destination, f"destinations[{number}].hubs", parties)


def _epr_misfits(parties: Parties) -> Iterator[str]:
    clients = {client.id: client for client in parties.clients}
    named: set[str] = set()
    for number, organisation in enumerate(parties.organisations):
        for which, epr in enumerate(organisation.eprs):
            place = f"organisations[{number}].eprs[{which}]"
            client = clients.get(epr.client)
            if client is None or (client.organisation, client.role) != (organisation.ods_code, "epr"):
                yield f"{place}.client: {epr.client} is no epr client of this organisation"
            cds = [("cds.issuer", epr.cds.issuer)] if epr.cds else []
            for name, value in (("issuer", epr.issuer), ("id", epr.id), *cds):
                if f"{name} {value}" in named:
                    yield f"{place}.{name}: another EPR has the same"
                named.add(f"{name} {value}")
            if epr.cds:
                yield from _twice(f"{place}.cds.keys", "kid", [str(key["kid"]) for key in epr.cds.keys])


def _feed_misfits(parties: Parties) -> Iterator[str]:
    clients = {client.id: client for client in parties.clients}
    named: set[tuple[str, str]] = set()
    for number, organisation in enumerate(parties.organisations):
        for which, feed in enumerate(organisation.hl7v2):
            place = f"organisations[{number}].hl7v2[{which}]"
            client = clients.get(feed.client)
            if client is None or (client.organisation, client.role) != (organisation.ods_code, "epr"):
                yield f"{place}.client: {feed.client} is no epr client of this organisation"
            name = feed.sending_application, feed.sending_facility
            if name in named:
                yield f"{place}: another feed has the same sending_application and sending_facility"
            named.add(name)


def _client_misfits(client: Client, place: str, organisations: set[str], hubs: set[str]) -> Iterator[str]:
    if client.organisation not in organisations:
        yield f"{place}.organisation: {client.organisation} is not in the file"
    for number, hub_id in enumerate(client.hubs):
        if hub_id not in hubs:
            yield f"{place}.hubs[{number}]: {hub_id} is not in the file"
    if (client.role == "platform") != bool(client.hubs):
        yield f"{place}.hubs: a platform client names the hubs it works for, any other none"
    door = DOORS[client.role]
    for number, scope in enumerate(client.scopes):
        if not scope.startswith(door):
            yield f"{place}.scopes[{number}]: the scopes of the role {client.role} start with {door}"
    yield from _twice(f"{place}.jwks.keys", "kid", [str(key["kid"]) for key in client.jwks.keys])


def _hub_misfits(webhook: Webhook, place: str, parties: Parties) -> Iterator[str]:
    """News of a hub goes to whom one of its systems' organisations answers for, and to nobody else."""
    hubs = {hub.id for hub in parties.hubs}
    served = {hub for client in parties.clients if client.organisation == webhook.organisation for hub in client.hubs}
    for number, hub_id in enumerate(webhook.hubs or ()):
        if hub_id not in hubs:
            yield f"{place}[{number}]: {hub_id} is not in the file"
        elif hub_id not in served:
            yield f"{place}[{number}]: no platform client of {webhook.organisation} works for {hub_id}"


def _twice(place: str, key: str, values: list[str]) -> Iterator[str]:
    for number, value in enumerate(values):
        if value in values[:number]:
            yield f"{place}[{number}].{key}: {value} stands there twice"
