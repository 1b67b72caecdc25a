"""The record of one person, with its tabs, and what its user does there."""

import secrets
import time
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from adapters.rio.mock.cards import Cards
from adapters.rio.mock.chart import validate_note
from adapters.rio.mock.face import Face, go
from adapters.rio.mock.smart import App, base_of
from adapters.rio.mock.store import Row, Store
from adapters.signed_launch import sign


def records(face: Face) -> APIRouter:
    door = APIRouter(prefix="/clients/{client_id}")
    store, smart = face.mock.store, face.mock.smart
    cards = Cards(smart)

    @door.get("")
    async def show_overview(client_id: str, request: Request) -> Response:
        opened = face.record(request, client_id)
        if isinstance(opened, Response):
            return opened
        user, found = opened
        told = await cards.ask(store, user, found["client"], base_of(request))
        return face.show("client.html", user=user, tab="overview", **found, **_words(store), cards=told)

    @door.get("/notes")
    async def show_notes(client_id: str, request: Request) -> Response:
        opened = face.record(request, client_id)
        if isinstance(opened, Response):
            return opened
        user, found = opened
        return face.show("notes.html", user=user, tab="notes", **found, **_words(store))

    @door.post("/notes/{number}/validate")
    async def validate(client_id: str, number: int, request: Request) -> Response:
        opened = face.record(request, client_id)
        if isinstance(opened, Response):
            return opened
        validate_note(store, client_id, number, opened[0]["HCP"])
        return go(f"/clients/{client_id}/notes")

    @door.get("/social-prescribing")
    async def show_social(client_id: str, request: Request, card: str = "") -> Response:
        opened = face.record(request, client_id)
        if isinstance(opened, Response):
            return opened
        user, found = opened
        advised = cards.shown(card, user, client_id)
        launch = smart.launch(user, client_id, base_of(request), advised.app_context if advised else None)
        signs = smart.app.launch_secret is not None
        return face.show("social.html", user=user, tab="social", **found, launch=launch, signs=signs)

    @door.get("/social-prescribing/signed")
    async def open_signed(client_id: str, request: Request) -> Response:
        opened = face.record(request, client_id)
        if isinstance(opened, Response):
            return opened
        if smart.app.launch_secret is None:
            return face.show("unknown.html", 404, user=opened[0])
        return go(signed_address(smart.app, smart.app.launch_secret, opened[0], client_id))

    @door.post("/cards/{uuid}/dismiss")
    async def dismiss_card(client_id: str, uuid: str, request: Request) -> Response:
        opened = face.record(request, client_id)
        if isinstance(opened, Response):
            return opened
        if card := cards.shown(uuid, opened[0], client_id):
            await cards.dismiss(card, opened[0], client_id, base_of(request))
        return go(f"/clients/{client_id}")

    return door


def _words(store: Store) -> dict[str, Any]:
    lists = {(row["Name"], row["Code"]): row["Text"] for row in store.all("SELECT * FROM Lookup")}
    sql = "SELECT Code, Name FROM HCP UNION SELECT Code, Name FROM Team"
    return {"lists": lists, "staff": {row["Code"]: row["Name"] for row in store.all(sql)}}


def signed_address(app: App, secret: str, user: Row, client_id: str) -> str:
    """The address of a launch without SMART."""
    given = {
        "epr": app.epr_id,
        "user": user["HCP"],
        "name": user["Name"],
        "role": user["Role"],
        "team": user["Team"],
        "patient": client_id,
        "issued": str(int(time.time())),
        "nonce": secrets.token_urlsafe(16),
    }
    return f"{app.gateway}/launch/signed?{urlencode(given | {'signature': sign(secret, given)})}"
