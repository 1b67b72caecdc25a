"""The mock as a CDS Hooks client: what the gateway says beside a record that is being opened (CDS Hooks 2.0)."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from adapters.http import DestinationError, Neighbours
from adapters.rio.mock.fhir_reads import bundle, conditions, flags, patient_of, role_of
from adapters.rio.mock.smart import Smart
from adapters.rio.mock.store import Row, Store

Json = dict[str, Any]

SERVICES = "cds-services"
SECONDS = 1.0  # for all of it: a record opens, whoever does not answer
MOST = 100_000  # bytes of cards
MOST_REMEMBERED = 500
KEPT_SECONDS = 300  # how long the list of services is taken as read
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")  # of a service or a card, as it stands in an address


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown of a card, all of it text. `link` is the label of the first link that launches the app."""

    uuid: str
    service: str
    summary: str
    indicator: str
    detail: str
    source: str
    link: str | None
    app_context: str | None


class Cards:
    def __init__(self, smart: Smart) -> None:
        self._smart = smart
        self._neighbours = Neighbours(SECONDS, connections=2)
        self._services: tuple[float, list[Json]] = (0, [])  # until when, and those of patient-view
        self._shown: dict[str, tuple[str, str, Card]] = {}  # by uuid: HCP, ClientID, the card
        self._dismissed: set[tuple[str, str, str]] = set()  # HCP, ClientID, summary

    async def ask(self, store: Store, user: Row, client: Row, base: str) -> list[Card]:
        """The cards for this user who opens this client; none when there is no answer that can be used."""
        cards = []
        try:
            async with asyncio.timeout(SECONDS):
                for service in await self._discover():
                    cards += await self._call(service, store, user, client, base)
        except TimeoutError:
            pass
        whose = user["HCP"], client["ClientID"]
        cards = [card for card in cards if (*whose, card.summary) not in self._dismissed]
        self._shown |= {card.uuid: (*whose, card) for card in cards}
        while len(self._shown) > MOST_REMEMBERED:
            del self._shown[next(iter(self._shown))]
        return cards

    def shown(self, uuid: str, user: Row, client_id: str) -> Card | None:
        """A card that this user was shown beside this client."""
        hcp, about, card = self._shown.get(uuid, ("", "", None))
        return card if (hcp, about) == (user["HCP"], client_id) else None

    async def dismiss(self, card: Card, user: Row, client_id: str, base: str) -> None:
        """Shows it to this user no more, and says so to whoever sent it."""
        self._dismissed.add((user["HCP"], client_id, card.summary))
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        told: Json = {"card": card.uuid, "outcome": "overridden", "outcomeTimestamp": at}
        told["overrideReason"] = {"userComment": "Not now"}
        await self._exchange("POST", f"{SERVICES}/{card.service}/feedback", base, {"feedback": [told]})

    async def _discover(self) -> list[Json]:
        until, services = self._services
        if time.monotonic() < until:
            return services
        told = await self._exchange("GET", SERVICES)
        listed = told.get("services") if isinstance(told, dict) else None
        if not isinstance(listed, list):
            return []
        services = [one for one in listed if isinstance(one, dict) and one.get("hook") == "patient-view"]
        services = [one for one in services if NAME.fullmatch(str(one.get("id")))]
        self._services = time.monotonic() + KEPT_SECONDS, services
        return services

    async def _call(self, service: Json, store: Store, user: Row, client: Row, base: str) -> list[Card]:
        call = {
            "hook": "patient-view",
            "hookInstance": str(uuid4()),
            "fhirServer": f"{base}/FHIR/R4",
            "context": {"userId": f"Practitioner/{user['HCP']}", "patientId": client["ClientID"]},
            "prefetch": prefetch(service.get("prefetch"), store, user, client),
        }
        told = await self._exchange("POST", f"{SERVICES}/{service['id']}", base, call)
        cards = told.get("cards") if isinstance(told, dict) else None
        launch = f"{self._smart.app.gateway}/launch"
        read = [read_card(one, service["id"], launch) for one in cards] if isinstance(cards, list) else []
        return [card for card in read if card.summary]

    async def _exchange(self, method: str, path: str, base: str = "", body: Json | None = None) -> Any:
        gateway, moment = self._smart.app.gateway, int(time.time())
        headers, sent = {"Accept": "application/json"}, None
        if body is not None:
            claims = {"iss": base, "aud": f"{gateway}/{path}", "iat": moment, "exp": moment + 60, "jti": str(uuid4())}
            headers |= {"Authorization": f"Bearer {self._smart.sign(claims)}", "Content-Type": "application/json"}
            sent = orjson.dumps(body)
        try:
            reply = await self._neighbours.exchange(gateway, {"private": True}, method, path, headers, sent, MOST)
            return orjson.loads(reply.body) if reply.status == 200 else None
        except (DestinationError, orjson.JSONDecodeError):
            return None


def prefetch(templates: object, store: Store, user: Row, client: Row) -> Json:
    """What discovery asks for, of what the mock has: the questions themselves are read as far as the type alone."""
    id_ = client["ClientID"]
    held: dict[str, Callable[[], Json]] = {
        "Patient": lambda: patient_of(store, client),
        "Condition": lambda: bundle(conditions(store, id_)),
        "Flag": lambda: bundle(flags(store, id_)),
        "Observation": lambda: bundle([]),
        "PractitionerRole": lambda: bundle([role_of(user)]),
    }
    asked = templates.items() if isinstance(templates, dict) else ()
    types = {key: re.split("[/?]", str(template))[0] for key, template in asked}
    return {key: held[type_]() for key, type_ in types.items() if type_ in held}


def read_card(told: Any, service: str, launch: str) -> Card:
    """A card, whatever stands in it: what is no text is left out. Only a link to `launch` launches."""
    given = told if isinstance(told, dict) else {}
    source, links = given.get("source"), given.get("links")
    uuid = _text(given.get("uuid"))
    label, app_context = None, None
    for one in links if isinstance(links, list) else []:
        if label is None and isinstance(one, dict) and (one.get("type"), one.get("url")) == ("smart", launch):
            label, app_context = _text(one.get("label")) or "Open", _text(one.get("appContext")) or None
    return Card(
        uuid=uuid if NAME.fullmatch(uuid) else str(uuid4()),
        service=service,
        summary=_text(given.get("summary")),
        indicator=_text(given.get("indicator")),
        detail=_text(given.get("detail")),
        source=_text(source.get("label")) if isinstance(source, dict) else "",
        link=label,
        app_context=app_context,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
