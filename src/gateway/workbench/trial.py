"""Translates as the gateway would, and stores nothing: its own doors, held shut, on a database that is thrown away."""

import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request

from gateway.arrival import Gateway
from gateway.errors import GatewayError, Issue
from gateway.fhir.exchange import Exchange, keep, refuse_invalid
from gateway.fhir.messages import process
from gateway.fhir.transaction import transact
from gateway.ids import new_id
from gateway.messages import Received
from gateway.parties import Directory, Parties, read_parties, register
from gateway.referrals import Accepted, Judged, Untenable
from gateway.security import Caller
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.migrate import migrate
from gateway.store.schema import referral
from gateway.telemetry import RequestContext
from gateway.validation import parse
from gateway.workbench.files import Sent
from mappings.translate import Maps

Json = dict[str, Any]

TRIED = "XTRY1"  # the organisation that things are tried for when none is named
SCOPES = frozenset({"system/*.cruds"})


@dataclass(frozen=True, slots=True)
class Reading:
    """How one referral would read: as `mappings.to_referral.Translation`, without what is missing."""

    referral: Json
    rows: list[list[str]]
    unknown: list[dict[str, str | None]]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one request: its referrals, the findings, and whether it was refused."""

    name: str
    readings: list[Reading] = field(default_factory=list)
    findings: list[Issue] = field(default_factory=list)
    refused: bool = False


@asynccontextmanager
async def trial_gateway(settings: Settings, maps: Maps, parties: Parties) -> AsyncIterator[Gateway]:
    """A gateway of its own with these maps and parties, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gateway-trial-") as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'trial.db'}"
        await migrate(url)
        store = Store(url, connections=1)
        try:
            await register(store, parties)
            directory = Directory(store)
            await directory.refresh()
            chosen = settings.model_copy(update={"database_url": url})
            yield Gateway(chosen, store, directory, trial=True, maps=maps)
        finally:
            await store.close()


def invented_parties() -> Parties:
    """An organisation, and the hub that all of its referrals go to."""
    hub = {"id": "trial-hub", "name": "The hub of this trial"}
    organisation = {"ods_code": TRIED, "name": "The organisation of this trial", "default_hub_id": "trial-hub"}
    return read_parties({"organisations": [organisation], "hubs": [hub], "clients": []}, "trial")


def with_dialect(parties: Parties, organisation: str, dialect: str | None) -> Parties:
    """The organisation speaks this dialect, wherever that is found (not only where registered ones must be)."""
    speaking = [
        one.model_copy(update={"dialect": dialect}) if one.ods_code == organisation else one
        for one in parties.organisations
    ]
    return parties.model_copy(update={"organisations": speaking})


async def try_out(gateway: Gateway, organisation: str, sent: Sent) -> Tried:
    """Sends it through the door that it is for."""
    caller = Caller("maps-try", organisation, "epr", SCOPES)
    try:
        if sent.door == "hl7v2":
            from gateway.workbench.hl7v2 import refer  # noqa: PLC0415 - what reads messages may not be installed

            await refer(gateway, caller, sent.body)
        else:
            await _send(gateway, caller, sent)
    except Judged as judged:
        findings = [issue for one in judged.accepted for issue in one.warnings]
        return Tried(sent.name, [_reading(one) for one in judged.accepted], findings)
    except Untenable as refused:
        translation = refused.translated.translation
        reading = Reading(translation.referral, translation.rows, translation.unknown, translation.map_versions)
        return Tried(sent.name, [reading], refused.issues, refused=True)
    except GatewayError as refused:
        return Tried(sent.name, [], refused.issues, refused=True)
    return Tried(sent.name)


def _send(gateway: Gateway, caller: Caller, sent: Sent) -> Awaitable[object]:
    path = "/FHIR/R4" if sent.door == "transaction" else "/FHIR/R4/$process-message"
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
    exchange = Exchange(Request(scope), gateway, caller, RequestContext(new_id(), new_id()))
    received = Received(f"POST {path}", path, sent.body)
    return process(exchange, received, None) if sent.door == "message" else _transact(exchange, received)


async def _transact(exchange: Exchange, received: Received) -> None:
    bundle = parse(received.body)
    await refuse_invalid(exchange, bundle)
    await transact(exchange, *keep(received, bundle))


def _reading(accepted: Accepted) -> Reading:
    row = next(rows[0] for table, rows in accepted.rows if table is referral)
    trace = orjson.loads(row["trace"])
    return Reading(orjson.loads(row["content"]), trace["rows"], trace["unknown"], trace["maps"])
