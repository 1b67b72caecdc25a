"""Looks parties up in memory: they are few, change seldom, and every request asks."""

import asyncio
import json
import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from adapters.source.address import Server
from adapters.subscription.endpoint import Endpoint
from gateway.errors import Issue, Rejected
from gateway.hearing import Heard, Listener, Written, heard_by
from gateway.store import schema
from gateway.store.engine import Store
from gateway.store.referrals import listeners
from mappings.systems import HUB_SYSTEM, canonical

Party = dict[str, Any]
"""The JSON of a registered party, as in the parties file (`gateway.parties.file`)."""

POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})?")

NO_HUB = Issue(
    "business-rule",
    "No hub is registered for this person's address, and your organisation has no default hub. "
    "Name the hub in ServiceRequest.performer by one of its registered identifiers.",
    "ServiceRequest.performer",
)


class Directory:
    """What is registered, read again when it has changed, and after so many `seconds` in case that was not heard of.
    Call `refresh()` once a request, before the look-ups."""

    def __init__(self, store: Store, seconds: float = 10) -> None:
        self._store = store
        self._seconds = seconds
        self._stale_at = float("-inf")
        self._registrations = store.registrations
        self._reading = asyncio.Lock()
        self._organisations: dict[str, Party] = {}
        self._hubs: dict[str, Party] = {}
        self._named: dict[tuple[str, str], Party] = {}
        self._clients: dict[str, Party] = {}
        self._listeners: list[Listener] = []

    async def refresh(self) -> None:
        if self._is_fresh():
            return
        async with self._reading:
            if not self._is_fresh():
                known = self._store.registrations  # before: what is told meanwhile may not have been read
                await self._read()
                self._registrations = known
                self._stale_at = time.monotonic() + self._seconds

    def _is_fresh(self) -> bool:
        return self._registrations == self._store.registrations and time.monotonic() < self._stale_at

    async def _read(self) -> None:
        async with self._store.reading() as connection:
            organisations = (await connection.execute(select(schema.organisation))).all()
            hubs = (await connection.execute(select(schema.hub).order_by(schema.hub.c.id))).all()
            clients = (await connection.execute(select(schema.client))).all()
            self._listeners = await listeners(connection)
        self._organisations = {row.id: json.loads(row.content) for row in organisations}
        self._hubs = {row.id: json.loads(row.content) for row in hubs}
        self._named = {name: hub for hub in self._hubs.values() for name in _names(hub)}
        self._clients = {
            row.id: {
                "id": row.id,
                "organisation": row.organisation,
                "role": row.role,
                "scopes": row.scope.split(),
                "hubs": json.loads(row.hubs),
                "jwks": json.loads(row.jwks),
            }
            for row in clients
        }

    def organisation(self, ods_code: str) -> Party | None:
        return self._organisations.get(ods_code)

    def fhir_servers(self, organisation: str) -> list[Server]:
        """The servers that this organisation's referrals may be fetched from."""
        return [Server(**one) for one in self._organisations.get(organisation, {}).get("fhir_servers", [])]

    def subscription_endpoints(self, organisation: str) -> list[Endpoint]:
        """Where the organisation's Subscriptions may send to."""
        return [Endpoint(**one) for one in self._organisations.get(organisation, {}).get("subscription_endpoints", [])]

    def hl7v2_feed(self, application: str, facility: str) -> tuple[Party, Party] | None:
        """The organisation, and the entry of its feed (`Hl7v2Feed`) that is registered with this MSH-3 and MSH-4."""
        wanted = {"sending_application": application, "sending_facility": facility}
        for organisation in self._organisations.values():
            for feed in organisation.get("hl7v2", []):
                if feed.items() >= wanted.items():
                    return organisation, feed
        return None

    def epr(self, name: str) -> tuple[Party, Party] | None:
        """The organisation, and its EPR (`Epr`) of this issuer or id."""
        for organisation in self._organisations.values():
            for epr in organisation.get("eprs", []):
                if name in (epr["issuer"], epr["id"]):
                    return organisation, epr
        return None

    def cds_client(self, issuer: str) -> tuple[Party, Party] | None:
        """The organisation, and its EPR whose CDS Hooks calls are signed by this issuer."""
        for organisation in self._organisations.values():
            for epr in organisation.get("eprs", []):
                if epr["cds"] and epr["cds"]["issuer"] == issuer:
                    return organisation, epr
        return None

    @property
    def origins(self) -> list[str]:
        """The web origins of all EPRs: who may show our pages in a frame, and call us from a browser."""
        eprs = (epr for one in self._organisations.values() for epr in one.get("eprs", []))
        return sorted({origin for epr in eprs for origin in epr["origins"]})

    def hub(self, hub_id: str) -> Party | None:
        return self._hubs.get(hub_id)

    def hubs_for(self, organisation: str) -> list[Party]:
        """Those in the boroughs of the organisation's agreement (everywhere, when it names none), by name."""
        boroughs = self._organisations.get(organisation, {}).get("boroughs")
        hubs = [hub for hub in self._hubs.values() if not boroughs or hub["borough"] in boroughs]
        return sorted(hubs, key=lambda hub: str(hub["name"]))

    def client(self, client_id: str) -> Party | None:
        return self._clients.get(client_id)

    def runs_platform(self, ods_code: str) -> bool:
        """Whether link workers' systems are registered with this organisation."""
        return any((one["role"], one["organisation"]) == ("platform", ods_code) for one in self._clients.values())

    def heard_by(self, organisation: str, hub_id: str | None, written: Sequence[Written]) -> list[Heard]:
        """Who hears of a change of a referral that this organisation sent to this hub, and that wrote this."""
        return heard_by(self._listeners, organisation, hub_id, written)

    def named_hub(self, performers: Iterable[tuple[str, str]], requested_hub: str | None = None) -> Party | None:
        """The hub that the sender named: by (system, value) pairs of ServiceRequest.performer, else by its name."""
        return _first(hub for one in performers if (hub := self._named.get(_token(*one)))) or _first(
            hub for hub in self._hubs.values() if requested_hub and _plain(hub["name"]) == _plain(requested_hub)
        )

    def find_hub(
        self,
        organisation: str,
        performers: Iterable[tuple[str, str]] = (),
        requested_hub: str | None = None,
        places: Iterable[str | None] = (),
        postcode: str | None = None,
    ) -> Party:
        """The hub that a referral goes to, as `mappings.referral.Hub`.

        The first that is found: by `performers`, the (system, value) pairs of ServiceRequest.performer; by its name;
        by the person's postcode, then by `places` (address district, city), both within the boroughs of the
        organisation's agreement; the organisation's default. Raises Rejected when there is none.
        """
        home = self._organisations.get(organisation, {})
        hubs = list(self._hubs.values())
        nearby = [hub for hub in hubs if not home.get("boroughs") or hub["borough"] in home["boroughs"]]
        outward = _outward(postcode)
        boroughs = {_plain(place) for place in places if place}
        hub = (
            self.named_hub(performers, requested_hub)
            or _first(hub for hub in nearby if outward in hub["postcode_areas"])
            or _first(hub for hub in nearby if hub["borough"] and _plain(hub["borough"]) in boroughs)
            or self._hubs.get(home.get("default_hub_id") or "")
        )
        if hub is None:
            raise Rejected(issues=[NO_HUB])
        return {part: hub[part] for part in ("id", "name", "phone", "response_days")}


def _first(hubs: Iterable[Party]) -> Party | None:
    return next(iter(hubs), None)


def _names(hub: Party) -> list[tuple[str, str]]:
    """All by which `performer` may name the hub: our own id of it, and its registered identifiers."""
    return [_token(HUB_SYSTEM, hub["id"]), *(_token(*text.split("|", 1)) for text in hub["identifiers"])]


def _token(system: str, value: str) -> tuple[str, str]:
    return canonical(system), _plain(value)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _outward(postcode: str | None) -> str | None:
    """The first half of a postcode, written with or without its space, or alone."""
    match = POSTCODE.fullmatch("".join((postcode or "").split()).upper())
    return match[1] if match else None
