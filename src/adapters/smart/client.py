"""The client's side of a SMART EHR launch, and of the EPR's FHIR server. What it answers is checked, never trusted."""

import base64
import hashlib
import json
import re
import time
from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from adapters.http import DestinationError, Neighbours, Reply, check_destination
from adapters.oauth import ASSERTION_TYPE, BEARER, assertion

Json = dict[str, Any]

SCOPE = "launch openid fhirUser patient/*.rs user/Practitioner.rs user/PractitionerRole.rs patient/DocumentReference.c"
MOST = 1_000_000  # bytes of one answer
KEPT_SECONDS = 300  # how long a configuration and its keys are taken as read
ALGORITHMS = ["RS256", "ES256", "RS384", "ES384"]
LEEWAY = 60  # seconds between two clocks
URL = re.compile(r"[!-~]{1,2000}")  # visible ASCII: it may stand in a header


class EprTrouble(Exception):
    """The EPR did not do its part; the text says which, in words for whoever looks after the connection."""


class EprSilent(EprTrouble):
    """The EPR did not say whether it did what was asked: it may have."""


@dataclass(frozen=True, slots=True)
class Configuration:
    authorize: str
    token: str
    issuer: str | None
    keys: KeySet | None


@dataclass(frozen=True, slots=True)
class Granted:
    """What the token endpoint gave. `fhir_user` is Type/id or an address, from the checked id_token."""

    token: str
    scopes: frozenset[str]
    patient: str | None
    needs_banner: bool
    fhir_user: str
    context: tuple[str, ...]  # what else it is about: references of fhirContext
    app_context: str | None  # what a CDS Hooks card gave its link, for us alone to understand


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class SmartEprs:
    """The EPRs that launch us, by their registered entry (gateway.parties.shapes.Epr)."""

    def __init__(self, seconds: float) -> None:
        self._neighbours = Neighbours(seconds, connections=4)
        self._known: dict[str, tuple[float, Configuration]] = {}

    async def authorize_url(
        self, epr: Json, redirect_uri: str, launch: str, state: str, verifier: str, nonce: str
    ) -> str:
        """Where the browser goes to next. Raises EprTrouble."""
        configuration = await self._configuration(epr)
        asked = {
            "response_type": "code",
            "client_id": epr["client_id"],
            "redirect_uri": redirect_uri,
            "launch": launch,
            "scope": SCOPE,
            "state": state,
            "aud": epr["issuer"],
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            "nonce": nonce,
        }
        return f"{configuration.authorize}{'&' if '?' in configuration.authorize else '?'}{urlencode(asked)}"

    async def redeem(self, epr: Json, redirect_uri: str, code: str, verifier: str, nonce: str) -> Granted:
        """The token and the context for a code. Raises EprTrouble."""
        configuration = await self._configuration(epr)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": epr["client_id"],
        }
        if epr.get("key_file"):
            form |= await _signed(epr, configuration.token)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        reply = await self._call(epr, "POST", configuration.token, "", headers, urlencode(form).encode())
        told = _object(reply, "The token endpoint")
        user = _fhir_user(told.get("id_token"), epr, configuration, nonce)
        token = told.get("access_token")
        if not isinstance(token, str) or not BEARER.fullmatch(token) or str(told.get("token_type")).lower() != "bearer":
            raise EprTrouble("The token endpoint gave no bearer token.")
        patient = told.get("patient")
        if patient is not None and _id(patient) is None:  # it must not pass for a launch about nobody
            raise EprTrouble("The token endpoint gave a patient that is no id.")
        return Granted(
            token,
            frozenset(str(told.get("scope", "")).split()),
            patient,
            told.get("need_patient_banner") is not False,
            user,
            _references(told.get("fhirContext")),
            _text(told.get("appContext")),
        )

    async def read(self, epr: Json, token: str, type_: str, id_: str) -> Json:
        """The resource. Raises EprTrouble."""
        reply = await self._get(epr, token, f"{type_}/{quote(id_, safe='')}")
        found = _object(reply, f"Reading {type_}")
        if found.get("resourceType") != type_:
            raise EprTrouble(f"Reading {type_} gave something else.")
        return found

    async def search(self, epr: Json, token: str, type_: str, **given: str) -> list[Json]:
        """The resources of the first page. Raises EprTrouble."""
        found = _object(await self._get(epr, token, f"{type_}?{urlencode(given)}"), f"Searching {type_}")
        entries = found.get("entry", [])
        if found.get("resourceType") != "Bundle" or not isinstance(entries, list):
            raise EprTrouble(f"Searching {type_} gave no Bundle.")
        resources = [one.get("resource") for one in entries if isinstance(one, dict)]
        return [one for one in resources if isinstance(one, dict) and one.get("resourceType") == type_]

    async def create(self, epr: Json, token: str, resource: Json) -> str | None:
        """Creates it as the token's user, once for its identifier; its address there. Raises EprTrouble, and
        EprSilent when it may stand there all the same."""
        identifier = resource["identifier"][0]
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/fhir+json",
            "Accept": "application/fhir+json",
            "If-None-Exist": urlencode({"identifier": f"{identifier['system']}|{identifier['value']}"}),
        }
        type_ = resource["resourceType"]
        reply = await self._call(epr, "POST", epr["issuer"], type_, headers, orjson.dumps(resource))
        if reply.status in {200, 201}:
            return reply.headers.get("location")
        what = f"Filing {type_} failed ({reply.status or reply.phase})."
        raise EprSilent(what) if reply.in_doubt else EprTrouble(what)

    async def close(self) -> None:
        await self._neighbours.close()

    async def _get(self, epr: Json, token: str, path: str) -> Reply:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
        return await self._call(epr, "GET", epr["issuer"], path, headers)

    async def _configuration(self, epr: Json) -> Configuration:
        until, known = self._known.get(epr["issuer"], (0.0, None))
        if known and time.monotonic() < until:
            return known
        headers = {"Accept": "application/json"}
        reply = await self._call(epr, "GET", epr["issuer"], ".well-known/smart-configuration", headers)
        told = _object(reply, "The SMART configuration")
        methods = told.get("code_challenge_methods_supported")
        if not isinstance(methods, list) or "S256" not in methods:
            raise EprTrouble("The SMART configuration does not offer PKCE with S256.")
        keys = None
        if jwks := told.get("jwks_uri"):
            reply = await self._call(epr, "GET", _endpoint(jwks, "jwks_uri"), "", headers)
            try:
                keys = KeySet.import_key_set({"keys": _object(reply, "The key set")["keys"]})
            except (JoseError, ValueError, TypeError, KeyError):
                raise EprTrouble("The key set of the SMART configuration cannot be read.") from None
        configuration = Configuration(
            _endpoint(told.get("authorization_endpoint"), "authorization_endpoint"),
            _endpoint(told.get("token_endpoint"), "token_endpoint"),
            told.get("issuer"),
            keys,
        )
        self._known[epr["issuer"]] = (time.monotonic() + KEPT_SECONDS, configuration)
        return configuration

    async def _call(
        self, epr: Json, method: str, url: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        try:
            return await self._neighbours.exchange(url, epr, method, path, headers, body, MOST)
        except DestinationError as refusal:
            raise EprTrouble(str(refusal)) from None


async def _signed(epr: Json, token_url: str) -> dict[str, str]:
    try:
        key = json.loads(await to_thread(Path(epr["key_file"]).read_text, "utf-8"))
        signed = assertion(epr["client_id"], key, token_url)
    except (OSError, ValueError, KeyError, TypeError, JoseError):
        raise EprTrouble("The private key that is registered for it cannot be used.") from None
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}


def _object(reply: Reply, what: str) -> Json:
    if reply.phase != "done" or reply.status != 200:
        raise EprTrouble(f"{what} answered {reply.status}." if reply.status else f"{what} gave no answer.")
    try:
        told = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise EprTrouble(f"{what} gave no JSON object.")
    return told


def _endpoint(url: object, name: str) -> str:
    try:
        if not isinstance(url, str) or not URL.fullmatch(url):
            raise DestinationError("An address has visible ASCII letters only.")
        check_destination(url)
    except DestinationError as refusal:
        raise EprTrouble(f"The SMART configuration has no {name} to be used: {refusal}") from None
    return url


def _id(value: object) -> str | None:
    return (
        value if isinstance(value, str) and 1 <= len(value) <= 64 and value.isascii() and value.isprintable() else None
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 2000 else None


def _references(context: object) -> tuple[str, ...]:
    """SMART App Launch 2.2, fhirContext: a list of objects, each with a reference."""
    entries = context if isinstance(context, list) else []
    references = [one.get("reference") for one in entries[:20] if isinstance(one, dict)]
    return tuple(one for one in references if isinstance(one, str) and len(one) <= 200)


def _fhir_user(id_token: object, epr: Json, configuration: Configuration, nonce: str) -> str:
    """Who the user is. Raises EprTrouble unless the EPR vouches for it: OpenID Connect Core 1.0, 3.1.3.7."""
    if not isinstance(id_token, str) or configuration.keys is None:
        raise EprTrouble("The EPR does not say who its user is (id_token with fhirUser, and jwks_uri).")
    try:
        claims = jwt.decode(id_token, configuration.keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise EprTrouble("The id_token is not signed with a key of the EPR.") from None
    audience = claims.get("aud")
    expires = claims.get("exp")
    good = (
        claims.get("iss") == (configuration.issuer or epr["issuer"])
        and (audience == epr["client_id"] or audience == [epr["client_id"]])
        and isinstance(expires, int | float)
        and expires > time.time() - LEEWAY
        and claims.get("nonce") == nonce
    )
    user = claims.get("fhirUser")
    if not good or not isinstance(user, str) or not 3 <= len(user) <= 500:
        raise EprTrouble("The id_token is not for this launch, has expired, or names no fhirUser.")
    return user
