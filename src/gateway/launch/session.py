"""Who sits in front of a page inside the EPR, and about whom: bound to one user, one person and one window.

The secret of a session is a cookie that goes nowhere but to the session's own address, so that windows about different
people never mix. Inside another site's frame it is a partitioned cookie (CHIPS), which browsers keep that take no
third-party cookies. A form carries a proof made from it, so that no other site's form is taken for ours.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.arrival import Gateway
from gateway.errors import Forbidden, GatewayError, NotFound
from gateway.ids import new_id, now
from gateway.platform.exchange import ID
from gateway.prefix import here
from gateway.privacy import withhold
from gateway.security import Caller
from gateway.store.launched import open_session, prolong_session, read_session
from gateway.telemetry import RequestContext

Json = dict[str, Any]
PATH = "/app/p"
COOKIE = "session"
LONGEST = 8  # times the idle time: after that the EPR must launch again, however busy somebody was
UNATTENDED = ("/events", "/state", "/live")  # what a page asks for by itself keeps no session alive
READS = "system/Task.r"  # what every page tells of
STEP = 60  # seconds by which a session must grow before that is written


@dataclass(frozen=True, slots=True)
class User:
    """The clinician, as the EPR names them: `id` is e.g. Practitioner/AOSEI."""

    id: str
    name: str
    role: str | None = None
    phone: str | None = None
    email: str | None = None
    identifier: Json | None = None  # FHIR Identifier: SDS user id, or the EPR's own


@dataclass(frozen=True, slots=True)
class LaunchSession:
    """What a launch has told. `patient` is the EPR's own FHIR Patient; None for a launch about no one person."""

    id: str
    organisation: str  # ODS code
    epr: Json  # as registered (gateway.parties.shapes.Epr)
    user: User
    team: Json | None  # as registered (Team); None when the EPR names none, or one that is not known
    team_name: str | None  # as the EPR says it
    patient: Json | None
    needs_banner: bool  # whether the page must say who it is about: the EPR does not show it
    scopes: frozenset[str]
    suggested: list[str]  # reasons that a card gave its link
    token: str | None  # the EPR's access token, sealed
    context: RequestContext
    proof: str  # what our own forms carry

    @property
    def path(self) -> str:
        return here(f"{PATH}/{self.id}")

    def receipt(self, referral_id: str) -> str:
        """Shows that a referral was sent from this window; what is in an address may be anybody's."""
        return hmac.new(self.proof.encode(), referral_id.encode(), hashlib.sha256).hexdigest()[:32]

    @property
    def is_active(self) -> bool:
        """Whether the user's team takes part."""
        return bool(self.team and self.team["active"])

    @property
    def is_manager(self) -> bool:
        return bool(self.team and self.user.id in self.team["managers"])


Why = Literal["ended", "switched", "unknown"]


class SessionOver(GatewayError):
    """The page's session has ended, or is another's: `why` says which."""

    status, code = 401, "login"
    text = "Your session has ended. Open social prescribing again from the record."

    def __init__(self, why: Why, origins: list[str] | None = None) -> None:
        super().__init__()
        self.why = why
        self.origins = origins or []  # who may frame the page that says so


async def open_for(
    request: Request,
    organisation: str,
    epr: Json,
    content: Json,
    patient_id: str | None,
    token: str | None,
    referral_id: str | None = None,
) -> Response:
    """Opens a session and sends the browser to its page, where `referral_id` comes into view. `content` has user,
    team_name, patient, needs_banner, scopes and suggested, as `LaunchSession` shows them."""
    gateway: Gateway = request.app.state.gateway
    if content["patient"]:
        content = content | {"patient": withhold(content["patient"])}  # as of whatever else is stored of a person
    request.state.caller = caller_for(request, organisation, epr, content["user"]["name"])  # whom the audit names
    secret, moment = secrets.token_urlsafe(32), now()
    row = {
        "id": new_id(),
        "organisation": organisation,
        "epr_id": epr["id"],
        "secret": digest_of(secret),
        "user_id": content["user"]["id"],
        "patient_id": patient_id,
        "content": orjson.dumps(content).decode(),
        "token": token,
        "opened_at": moment,
        "expires_at": moment + timedelta(seconds=gateway.settings.page_session_seconds),
        "ended": None,
    }
    async with gateway.store.transaction() as connection:
        await open_session(connection, row)
    path = here(f"{PATH}/{row['id']}")
    page = path if patient_id else f"{path}/team"
    page += f"#r-{referral_id}" if referral_id and patient_id else ""
    answer = Response(status_code=303, headers={"Location": page, "Cache-Control": "no-store"})
    keep_cookie(request, answer, COOKIE, secret, path, LONGEST * gateway.settings.page_session_seconds)
    return answer


def keep_cookie(request: Request, answer: Response, name: str, value: str, path: str, seconds: int) -> None:
    """A cookie that works inside another site's frame, for so long: a browser is not closed for days, and those of one
    launch after the other fill the header. Over http, where only this machine is trusted, browsers take no partitioned
    ones: there the EPR must be of the same site."""
    if request.app.state.gateway.settings.base_url.startswith("https://"):
        how = "Secure; SameSite=None; Partitioned"
    else:
        how = "SameSite=Lax"
    answer.headers.append("set-cookie", f"{name}={value}; Max-Age={seconds}; Path={path}; HttpOnly; {how}")


class TeamNotActive(GatewayError):
    """The user's team does not take part yet: they see nothing of the service but a way to ask for it."""

    status, code = 403, "forbidden"
    text = "Your team does not use social prescribing yet."

    def __init__(self, session: LaunchSession) -> None:
        super().__init__()
        self.session = session


async def admit(request: Request, *, active: bool = True) -> LaunchSession:
    """The session of the page that is asked for, of somebody whose team is active unless that is not asked.

    Raises SessionOver without one that is good, Forbidden when the EPR's client may not read, TeamNotActive.
    """
    session = await _read(request)
    request.state.caller = caller = caller_of(request, session)
    about = f"Patient/{session.patient['id']}" if session.patient else f"team {session.team_name}"
    # By the EPR's own ids: names are shared, and the session in the address is forgotten after a day.
    request.state.target = f"{session.epr['id']}: {about} by {session.user.id}"
    if not caller.allows(READS):
        raise Forbidden(f"The client that is registered for this record system may not read referrals ({READS}).")
    if active and not session.is_active:
        raise TeamNotActive(session)
    return session


async def _read(request: Request) -> LaunchSession:
    gateway: Gateway = request.app.state.gateway
    await gateway.directory.refresh()
    id_ = str(request.path_params["session"])
    async with gateway.store.reading() as connection:
        row = await read_session(connection, id_) if ID.fullmatch(id_) else None
    known = gateway.directory.epr(row["epr_id"]) if row else None
    if row is None or known is None or known[0]["ods_code"] != row["organisation"]:
        raise SessionOver("unknown")
    organisation, epr = known
    secret = request.cookies.get(COOKIE, "")
    if not hmac.compare_digest(digest_of(secret), row["secret"]):
        raise SessionOver("unknown", epr["origins"])
    moment = now()
    if row["ended"] or row["expires_at"] < moment:
        raise SessionOver("switched" if row["ended"] == "switched" else "ended", epr["origins"])
    idle = timedelta(seconds=gateway.settings.page_session_seconds)
    until = min(moment + idle, row["opened_at"] + LONGEST * idle)
    if until - row["expires_at"] > timedelta(seconds=STEP) and not request.url.path.endswith(UNATTENDED):
        async with gateway.store.transaction() as connection:
            await prolong_session(connection, id_, until)
    told = orjson.loads(row["content"])
    teams = [one for one in organisation.get("teams", []) if told["team_name"] in (one["code"], one["name"])]
    return LaunchSession(
        id_,
        row["organisation"],
        epr,
        User(**told["user"]),
        teams[0] if teams else None,
        told["team_name"],
        told["patient"],
        told["needs_banner"],
        frozenset(told["scopes"]),
        told.get("suggested", []),
        row["token"],
        request.state.context,
        hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest(),
    )


def caller_of(request: Request, session: LaunchSession) -> Caller:
    """On whose behalf a page reads and writes: the EPR's registered client, with the clinician as the person."""
    return caller_for(request, session.organisation, session.epr, session.user.name)


def caller_for(request: Request, organisation: str, epr: Json, person: str | None = None) -> Caller:
    """The client that is registered for the EPR. Raises Forbidden when that is not known."""
    client = request.app.state.gateway.directory.client(epr["client"])
    if client is None:
        raise Forbidden("The client that is registered for this record system is not known.")
    return Caller(client["id"], organisation, "epr", frozenset(client["scopes"]), person=person)


def require_patient(session: LaunchSession) -> Json:
    """The person whom the session is about. Raises NotFound in one that is about nobody."""
    if session.patient is None:
        raise NotFound("This page is about a person. Open it from a person's record.")
    return session.patient


def digest_of(secret: str) -> str:
    """What is stored of a secret: whoever reads the store cannot use it."""
    return hashlib.sha256(secret.encode()).hexdigest()
