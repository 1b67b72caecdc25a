"""Who sits in front of a page: an operator who has given an access token, which the session is, and ends with.

The token is the cookie, out of reach of scripts and of other sites (HttpOnly, SameSite=Strict). A form carries a proof
made from it, so that no other site's form is taken for ours.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Forbidden, GatewayError, Unauthorised
from gateway.operations.exchange import READ, Operation, admit
from gateway.prefix import here
from gateway.web.page import go, show

COOKIE = "gateway-session"
MOST_BYTES = 16_384
TOKEN = re.compile(r"[\w-]{1,4000}\.[\w-]{1,8000}\.[\w-]{1,1000}", re.ASCII)

Page = Callable[[Request], Awaitable[Response]]


def admit_session(request: Request, scope: str) -> Operation:
    """Raises Unauthorised without a session that is still good, Forbidden when its token lacks the scope."""
    token = request.cookies.get(COOKIE, "")
    if not TOKEN.fullmatch(token):
        raise Unauthorised
    return admit(request, f"Bearer {token}", scope)


def proof_of(request: Request) -> str:
    """What our own forms carry."""
    return hmac.new(request.cookies.get(COOKIE, "").encode(), b"form", hashlib.sha256).hexdigest()


def refuse_other_sites(request: Request) -> None:
    """Raises Forbidden for a form that another site has sent, as browsers say in Sec-Fetch-Site."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Forbidden("This form was sent from another site.")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises Forbidden when another site has sent it, or it is too large."""
    refuse_other_sites(request)
    body = await request.body()
    try:
        if len(body) > MOST_BYTES:
            raise ValueError
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise Forbidden("This form cannot be read. Go back and send it again.") from None


async def read_our_form(request: Request) -> dict[str, str]:
    """As `read_form`, of whoever is signed in. Raises Forbidden unless the form is one that we gave them."""
    form = await read_form(request)
    if not hmac.compare_digest(form.get("proof", "").encode(), proof_of(request).encode()):
        raise Forbidden("This form is not of your session. Go back, read the page again and repeat it.")
    return form


def page(make: Page) -> Page:
    """Tells a refusal as a page; whoever is not signed in, or no more, comes to the sign-in page."""

    @wraps(make)
    async def shown(request: Request) -> Response:
        try:
            return await make(request)
        except Unauthorised:
            return go(here("/app/sign-in?ended=1" if COOKIE in request.cookies else "/app/sign-in"))
        except GatewayError as refusal:
            return show("refused.html", refusal.status, text=refusal.issues[0].text)

    return shown


@page
async def ask_token(request: Request) -> Response:
    return show("sign-in.html", problem=None, ended="ended" in request.query_params)


@page
async def sign_in(request: Request) -> Response:
    token = (await read_form(request)).get("token", "").strip()
    if not TOKEN.fullmatch(token):
        return show(
            "sign-in.html", 422, problem="Enter the whole token: three parts with dots between them", ended=False
        )
    try:
        admit(request, f"Bearer {token}", READ)
    except Unauthorised:
        return show("sign-in.html", 401, problem="This token is not one of ours, or has expired", ended=False)
    except Forbidden as refusal:
        return show("sign-in.html", 403, problem=str(refusal), ended=False)
    answer = go(here("/app/deliveries"))
    secure = request.app.state.gateway.settings.base_url.startswith("https://")
    answer.set_cookie(COOKIE, token, path=here("/app"), secure=secure, httponly=True, samesite="strict")
    return answer


@page
async def sign_out(request: Request) -> Response:
    await read_our_form(request)
    answer = go(here("/app/sign-in"))
    answer.delete_cookie(COOKIE, path=here("/app"), httponly=True, samesite="strict")
    return answer
