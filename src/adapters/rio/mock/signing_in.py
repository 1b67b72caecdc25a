"""Who sits in front of the mock's pages: an invented user, by a cookie. The passwords are public: good for nothing."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from adapters.rio.mock.store import Row, Store

COOKIE = "mock-rio"

USER = """
  SELECT EprUser.*, HCP.Name, HCP.Team, Team.Name AS TeamName FROM EprUser
  JOIN HCP ON HCP.Code = EprUser.HCP JOIN Team ON Team.Code = HCP.Team WHERE HCP.Active AND
"""


@dataclass
class SignIns:
    """The sessions; all end when the mock restarts."""

    _users: dict[str, str] = field(default_factory=dict)

    def begin(self, store: Store, name: str, password: str) -> str | None:
        """The cookie of a new session; None when they do not fit."""
        user = store.one(f"{USER} UserName = ?", name)
        if user is None or not secrets.compare_digest(user["Password"].encode(), password.encode()):
            return None
        cookie = secrets.token_urlsafe(24)
        self._users[cookie] = name
        return cookie

    def end(self, request: Request) -> None:
        self._users.pop(request.cookies.get(COOKIE, ""), None)

    def user(self, store: Store, request: Request) -> Row | None:
        """Who it is, with their role, Name, Team and TeamName."""
        name = self._users.get(request.cookies.get(COOKIE, ""))
        return store.one(f"{USER} UserName = ?", name) if name else None


def user_of(store: Store, hcp: str) -> Row | None:
    return store.one(f"{USER} EprUser.HCP = ?", hcp)


def may_open(store: Store, user: Row, client_id: str) -> bool:
    """Whether the person is in the caseload of the user's team."""
    held = store.one("SELECT Team FROM ClientDetail WHERE ClientID = ?", client_id)
    return bool(user["SeesAll"]) or (held is not None and held["Team"] == user["Team"])


def sign_in_door(store: Store, sign_ins: SignIns, ask: Callable[[int], Response]) -> APIRouter:
    door = APIRouter()

    @door.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        cookie = sign_ins.begin(store, form.get("name", [""])[0], form.get("password", [""])[0])
        if cookie is None:
            return ask(401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="lax")
        return answer

    @door.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        sign_ins.end(request)
        return RedirectResponse("/", 303)

    return door
