"""What /sandbox is asked, and how it is read: small JSON, within seconds, each mistake told with its place."""

import asyncio
from base64 import b64decode
from binascii import Error
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import jiter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request

from gateway.changes import Name
from gateway.errors import BadRequest, Issue, Rejected, TooLarge, Unreadable
from gateway.parties.shapes import KeySet
from gateway.sandbox.durations import read_duration

Json = dict[str, Any]

MOST_BYTES = 65_536
MOST_KEYS = 10
MOST_ANSWER = 2_000_000  # of a listener's target, in base64
SECONDS = 10.0


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _tell_apart(jwks: KeySet) -> KeySet:
    kids = [key["kid"] for key in jwks.keys]
    if not 1 <= len(kids) <= MOST_KEYS:
        raise ValueError(f"expected 1 to {MOST_KEYS} public keys; leave jwks out to have keys made")
    if len(set(kids)) < len(kids):
        raise ValueError("a kid stands there twice: it must tell the keys apart")
    return jwks


class Joining(_Asked):
    """`jwks` are your own public keys (RSA of 2048 bits or more, or EC P-384); without them the sandbox makes some."""

    name: Name
    jwks: Annotated[KeySet, AfterValidator(_tell_apart)] | None = None


class Advance(_Asked):
    advance: Annotated[timedelta, BeforeValidator(lambda text: read_duration(text) if isinstance(text, str) else None)]


class Trigger(_Asked):
    status: Annotated[str, Field(max_length=64)]
    referral: Annotated[str, Field(max_length=64)]


def _bytes(text: object) -> bytes:
    try:
        return b64decode(str(text), validate=True)
    except (Error, ValueError):
        raise ValueError("expected base64") from None


HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]  # RFC 9110, 5.6.2
HeaderValue = Annotated[str, Field(max_length=4000, pattern=r"^[\x20-\x7e]*$")]


class PushAnswered(_Asked):
    """What the listener's target has answered."""

    status: Annotated[int, Field(ge=200, le=599)]
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=40)]
    body: Annotated[bytes, BeforeValidator(_bytes)]


Shape = TypeVar("Shape", bound=_Asked)


async def read_asked(request: Request, shape: type[Shape], most: int = MOST_BYTES) -> Shape:
    """Raises TooLarge, Unreadable, BadRequest (too slow) or Rejected, with each finding."""
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise TooLarge(f"The body may hold {most:,} bytes at most here.")
    except TimeoutError:
        raise BadRequest(f"The body did not arrive within {SECONDS:.0f} seconds. Send it again.") from None
    try:
        asked = jiter.from_json(bytes(body), catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError:
        raise Unreadable("The body must be one JSON object in UTF-8 that says each key once.") from None
    if not isinstance(asked, dict):
        raise Unreadable("The body must be one JSON object.")
    try:
        return shape.model_validate(asked)
    except ValidationError as trouble:
        raise Rejected(issues=[_told(dict(one)) for one in trouble.errors()]) from None


def _told(error: Json) -> Issue:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    if error["type"] == "value_error":
        text = str(error["ctx"]["error"])
    elif error["type"] == "extra_forbidden":
        text = "there is no such entry here; is it misspelt?"
    elif error["type"] == "missing":
        text = "is missing"
    else:
        text = str(error["msg"]).replace("Input should be", "expected")
    code = "required" if error["type"] == "missing" else "value"
    return Issue(code, f"{place}: {text}." if place else f"{text}.", place or None)
