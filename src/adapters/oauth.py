"""The client's side of SMART Backend Services (SMART App Launch 2.2, client-confidential-asymmetric): access tokens
for neighbours that ask for them, each kept until shortly before its end."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, import_key

from adapters.http import MOST_READ, DestinationError, Neighbours, Reply
from adapters.ports import Answer, Phase
from adapters.replies import retry_after

Jwk = dict[str, Any]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1: nothing that could end a header
ERROR = re.compile(r"[a-z_]{1,40}")  # RFC 6749, 5.2
UNSAID_SECONDS = 60.0  # how long a token holds when its office does not say


def assertion(client_id: str, private_key: Jwk, token_url: str, alg: str | None = None) -> str:
    """A client assertion (RFC 7523), good once and for a minute. Unless told, `alg` is ES384 or RS384, by the key."""
    key = import_key(private_key)
    moment = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": token_url,
        "iat": moment,
        "exp": moment + 60,
        "jti": str(uuid4()),
    }
    alg = alg or ("ES384" if isinstance(key, ECKey) else "RS384")
    return jwt.encode({"alg": alg, "kid": private_key["kid"]}, claims, key, algorithms=[alg])


def token_request(
    client_id: str, private_key: Jwk, token_url: str, scope: str | None = None, alg: str | None = None
) -> dict[str, str]:
    """The form to post to the token address; without `scope` it asks for all that is registered."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(client_id, private_key, token_url, alg),
    }
    return form | {"scope": scope} if scope else form


class NoToken(Exception):
    """No token was to be had, so nothing was sent; `answer` is the attempt that failed by it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.answer)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Token:
    value: str
    until: float  # on the monotonic clock: renewed from then on


class Authorised:
    """Neighbours, called with an access token where `oauth` is registered for them."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._asked: dict[str, asyncio.Task[Token]] = {}

    async def exchange(
        self,
        url: str,
        options: Mapping[str, Any],
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        most: int = MOST_READ,
    ) -> Reply:
        """As `Neighbours.exchange`; when the token is refused (401), once again with another. Raises NoToken too."""
        if not options.get("oauth"):
            return await self._neighbours.exchange(url, options, method, path, headers, body, most)
        first = await self._once(url, options, method, path, headers, body, most)
        if first.status != 401:
            return first
        again = await self._once(url, options, method, path, headers, body, most)
        return replace(again, milliseconds=first.milliseconds + again.milliseconds)

    async def _once(
        self,
        url: str,
        options: Mapping[str, Any],
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        most: int,
    ) -> Reply:
        token = await self._token(options)
        bearer = {**headers, "Authorization": f"Bearer {token.value}"}
        reply = await self._neighbours.exchange(url, options, method, path, bearer, body, most)
        if reply.status == 401:
            self._drop(options, token)
        return reply

    async def close(self) -> None:
        for asking in self._asked.values():
            asking.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    async def _token(self, options: Mapping[str, Any]) -> Token:
        """The token there is; else one is asked for, once for all who wait for it. Raises NoToken."""
        key = _key(options)
        asking = self._asked.get(key)
        if asking is None or (asking.done() and not _holds(asking)):
            asking = self._asked[key] = asyncio.create_task(self._ask(options))
            asking.add_done_callback(lambda one: one.cancelled() or one.exception())  # perhaps nobody waits any more
        return await asyncio.shield(asking)  # who waits no longer leaves the others waiting

    def _drop(self, options: Mapping[str, Any], token: Token) -> None:
        asked = self._asked.get(_key(options))
        if asked and asked.done() and _holds(asked) and asked.result() is token:  # else another is there already
            del self._asked[_key(options)]

    async def _ask(self, options: Mapping[str, Any]) -> Token:
        office = options["oauth"]
        started = time.monotonic()
        try:
            key = json.loads(await asyncio.to_thread(Path(office["key_file"]).read_text, "utf-8"))
            form = token_request(office["client_id"], key, office["token_url"], office.get("scope"), office.get("alg"))
        except (OSError, ValueError, KeyError, TypeError, JoseError):
            raise NoToken(Answer("connect", 0, answer="The private key registered for it cannot be used.")) from None
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        content = urlencode(form).encode()
        try:
            reply = await self._neighbours.exchange(office["token_url"], options, "POST", "", headers, content)
        except DestinationError as refusal:
            raise NoToken(Answer("connect", 0, answer=f"Token address: {refusal}")) from None
        return _read(reply, started)


def _key(options: Mapping[str, Any]) -> str:
    return repr((options["oauth"], options.get("private"), options.get("tls")))


def _holds(asked: "asyncio.Task[Token]") -> bool:
    return not asked.cancelled() and asked.exception() is None and time.monotonic() < asked.result().until


def _read(reply: Reply, started: float) -> Token:
    """The token of an answer to a request that began at `started`. Raises NoToken."""
    try:
        told = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        told = {}
    told = told if isinstance(told, dict) else {}
    value, seconds = told.get("access_token"), told.get("expires_in", UNSAID_SECONDS)
    lasts = isinstance(seconds, int | float) and seconds > 0
    if reply.phase == "done" and reply.status == 200 and lasts and isinstance(value, str) and BEARER.fullmatch(value):
        # A fifth of its life early, half a minute at most: a request under way with it must still arrive in time.
        return Token(value, started + seconds - min(30.0, seconds / 5))
    said = told.get("error")
    error = f": {said}" if isinstance(said, str) and ERROR.fullmatch(said) else ""
    what = f"answered {reply.status}{error}" if reply.status else f"gave no answer ({reply.phase})"
    if reply.status == 200:
        what = "gave no token that can be used"
    phase: Phase = "tls" if reply.phase == "tls" else "connect"  # to the neighbour itself nothing was sent
    raise NoToken(
        Answer(phase, reply.milliseconds, answer=f"The token address {what}.", retry_after=retry_after(reply))
    )
