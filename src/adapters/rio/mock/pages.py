"""The first pages: sign-in, and the caseload of the user's team."""

from fastapi import APIRouter, Request, Response

from adapters.rio.mock import tasks
from adapters.rio.mock.chart import caseload, client_of
from adapters.rio.mock.face import Face, go
from adapters.rio.mock.signing_in import may_open, sign_in_door
from adapters.rio.mock.smart import base_of

MOST_SHOWN = 50


def pages(face: Face) -> APIRouter:
    door = APIRouter()
    store, smart = face.mock.store, face.mock.smart
    door.include_router(sign_in_door(store, face.mock.sign_ins, face.ask))

    @door.get("/")
    async def show_caseload(request: Request) -> Response:
        user = face.user(request)
        if user is None:
            return face.ask()
        referrals = list(reversed(tasks.by_referral(store).values()))
        told = [(versions, client_of(store, versions[-1])) for versions in referrals]
        shown = [one for one in told if user["SeesAll"] or (one[1] and may_open(store, user, one[1]["ClientID"]))]
        return face.show(
            "caseload.html",
            user=user,
            referrals=shown[:MOST_SHOWN],
            more=len(shown) - MOST_SHOWN,
            clients=[one for one in caseload(store) if may_open(store, user, one["ClientID"])],
        )

    @door.get("/team")
    async def open_team(request: Request) -> Response:
        user = face.user(request)
        # Made at the click, as each is good for a moment and once: a caseload stays open for hours.
        return go(smart.launch(user, None, base_of(request))) if user else face.ask(401)

    return door
