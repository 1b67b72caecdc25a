"""POST /oauth2/token: whose assertion gets a token, and the reason that everybody else is given."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey, import_key
from sqlalchemy import select

from gateway.ids import now
from gateway.security import Caller, Gatekeeper, assertion, token_request
from gateway.store.engine import Store
from gateway.store.schema import jti

Claims = dict[str, Any]
Jwk = dict[str, Any]

TOKEN_URL = "https://gateway.example/oauth2/token"


def good_claims(**changes: Any) -> Claims:
    """A valid assertion's claims; a change to None leaves the claim out."""
    claims = {
        "iss": "aldmoor-epr",
        "sub": "aldmoor-epr",
        "aud": TOKEN_URL,
        "exp": int(time.time()) + 240,
        "jti": str(uuid4()),
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def sign(claims: Claims, key: Jwk, alg: str = "ES384", **header: Any) -> str:
    header |= {"alg": alg, "kid": key["kid"], "typ": "JWT"}
    return jws.serialize_compact(header, json.dumps(claims), import_key(key), algorithms=[alg])


def form(signed: str, scope: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signed,
        "scope": scope,
    }


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def post(office: httpx.AsyncClient, signed: str, scope: str = "system/Task.rs") -> httpx.Response:
    return await office.post("/oauth2/token", data=form(signed, scope))


def assert_refused(response: httpx.Response, status: int, error: str, words: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert words in response.json()["error_description"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("alg", ["RS384", "ES384", "RS512"])
async def test_a_registered_client_gets_a_token_that_says_who_it_is(
    office: httpx.AsyncClient, gatekeeper: Gatekeeper, ec_key: Jwk, rsa_key: Jwk, alg: str
) -> None:
    key = ec_key if alg == "ES384" else rsa_key
    signed = assertion("aldmoor-epr", key, TOKEN_URL, alg)

    response = await post(office, signed, scope="system/ServiceRequest.rs system/Task.crus")

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    answer = response.json()
    token = answer.pop("access_token")
    assert answer == {"token_type": "bearer", "expires_in": 300, "scope": "system/ServiceRequest.rs system/Task.crus"}
    assert gatekeeper.caller(f"Bearer {token}") == Caller(
        "aldmoor-epr", "XAA01", "epr", frozenset({"system/ServiceRequest.rs", "system/Task.crus"})
    )


async def test_a_platform_token_names_its_hubs(office: httpx.AsyncClient, gatekeeper: Gatekeeper, ec_key: Jwk) -> None:
    response = await office.post("/oauth2/token", data=token_request("platform", ec_key, TOKEN_URL))

    caller = gatekeeper.caller(f"Bearer {response.json()['access_token']}")
    assert caller.role == "platform"
    assert caller.hubs == {"aldmoor", "birchley"}


REFUSED_CLAIMS: dict[str, tuple[Callable[[], Claims], str]] = {
    "expired": (lambda: good_claims(exp=int(time.time()) - 1), "expired"),
    "lives too long": (lambda: good_claims(exp=int(time.time()) + 400), "5 minutes"),
    "no exp": (lambda: good_claims(exp=None), "`exp` is missing"),
    "exp is a text": (lambda: good_claims(exp="soon"), "not a number"),
    "exp is true": (lambda: good_claims(exp=True), "not a number"),
    "exp is NaN": (lambda: good_claims(exp=float("nan")), "not a number"),
    "exp is endless": (lambda: good_claims(exp=float("inf")), "not a number"),
    "exp is beyond all floats": (lambda: good_claims(exp=10**400), "not a number"),
    "for somebody else": (lambda: good_claims(aud="https://elsewhere.example/token"), f"`aud` must be {TOKEN_URL}"),
    "for nobody": (lambda: good_claims(aud=None), "`aud`"),
    "signed tomorrow": (lambda: good_claims(iat=int(time.time()) + 86_400), "`iat`"),
    "good from tomorrow": (lambda: good_claims(nbf=int(time.time()) + 86_400), "`nbf`"),
    "no jti": (lambda: good_claims(jti=None), "`jti`"),
    "jti is a number": (lambda: good_claims(jti=7), "`jti`"),
    "jti too long": (lambda: good_claims(jti="x" * 256), "`jti`"),
    "jti no database stores": (lambda: good_claims(jti="a\x00b"), "`jti`"),
    "jti with half a character": (lambda: good_claims(jti="\ud800"), "`jti`"),
    "sub is another": (lambda: good_claims(sub="platform"), "`iss` and `sub`"),
    "no iss": (lambda: good_claims(iss=None, sub=None), "`iss` and `sub`"),
    "iss is a list": (lambda: good_claims(iss=["aldmoor-epr"], sub=["aldmoor-epr"]), "`iss` and `sub`"),
}


@pytest.mark.parametrize(("claims", "words"), REFUSED_CLAIMS.values(), ids=REFUSED_CLAIMS.keys())
async def test_an_assertion_is_refused_for_its_claims(
    office: httpx.AsyncClient, ec_key: Jwk, claims: Callable[[], Claims], words: str
) -> None:
    assert_refused(await post(office, sign(claims(), ec_key)), 401, "invalid_client", words)


async def test_the_token_address_may_be_one_of_several_audiences(office: httpx.AsyncClient, ec_key: Jwk) -> None:
    response = await post(office, sign(good_claims(aud=["https://elsewhere.example", TOKEN_URL]), ec_key))

    assert response.status_code == 200


async def test_who_has_no_registered_key_learns_nothing_about_clients_and_keys(
    office: httpx.AsyncClient, ec_key: Jwk, rsa_key: Jwk
) -> None:
    stranger = ECKey.generate_key("P-384", {"kid": "ec-1"}).as_dict(private=True)
    weak = RSAKey.generate_key(2048, {"kid": "ec-1"}).as_dict(private=True)
    body, _, signature = sign(good_claims(), ec_key).rpartition(".")
    attempts = [
        sign(good_claims(iss="nobody", sub="nobody"), ec_key),
        sign(good_claims(), ec_key | {"kid": "unknown"}),
        sign(good_claims(), stranger),
        sign(good_claims(), weak, "RS384"),  # the kid of an EC key
        sign(good_claims(iss="platform", sub="platform"), rsa_key, "RS384"),  # the key of another client
        f"{body}.{signature[::-1]}",
        f"{body}.",
    ]

    answers = [await post(office, signed) for signed in attempts]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["error"] == "invalid_client"


async def test_only_the_three_algorithms_are_taken(office: httpx.AsyncClient, rsa_key: Jwk) -> None:
    public_key = import_key(rsa_key).as_dict(private=False)
    as_secret = OctKey.import_key(json.dumps(public_key))  # the classic confusion of public key and HMAC secret
    unsigned = f"{segment({'alg': 'none', 'kid': 'ec-1'})}.{segment(good_claims())}."
    for signed in (
        unsigned,
        jwt.encode({"alg": "HS256", "kid": "rsa-1"}, good_claims(), as_secret),
        sign(good_claims(), rsa_key, "RS256"),
    ):
        assert_refused(await post(office, signed), 401, "invalid_client", "RS384, ES384, RS512")


async def test_keys_from_elsewhere_are_refused(office: httpx.AsyncClient, ec_key: Jwk) -> None:
    signed = sign(good_claims(), ec_key, jku="https://elsewhere.example/jwks.json")

    assert_refused(await post(office, signed), 401, "invalid_client", "`jku`")


NO_JWT = {
    "a word": "hello",
    "three words": "a.b.c",
    "nothing between the dots": "..",
    "not ASCII": "é.é.é",
    "header is a text": f"{segment('alg kid')}.{segment({})}.",
    "header is a list": f"{segment(['alg', 'kid'])}.{segment({})}.",
    "header has no kid": f"{segment({'alg': 'ES384'})}.{segment({})}.",
    "alg is a list": f"{segment({'alg': ['ES384'], 'kid': 7})}.{segment({})}.",
    "claims are a list": f"{segment({'alg': 'ES384', 'kid': 'ec-1'})}.{segment([])}.",
    "claims nested 3,000 deep": f"{segment({'alg': 'ES384', 'kid': 'ec-1'})}.{'W1tb' * 1000}.",
}


@pytest.mark.parametrize("signed", NO_JWT.values(), ids=NO_JWT.keys())
async def test_what_is_no_jwt_is_refused(office: httpx.AsyncClient, signed: str) -> None:
    assert_refused(await post(office, signed), 401, "invalid_client", "must be a JWT")


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": False}, {"crit": 7}, {"crit": ["exp"], "exp": 1}])
async def test_no_extension_of_the_signature_is_understood(office: httpx.AsyncClient, header: dict[str, Any]) -> None:
    signed = f"{segment({'alg': 'ES384', 'kid': 'ec-1', **header})}.{segment(good_claims())}."

    assert (await post(office, signed)).json()["error"] == "invalid_client"


async def test_an_assertion_is_good_once(office: httpx.AsyncClient, ec_key: Jwk) -> None:
    signed = sign(good_claims(), ec_key)

    assert (await post(office, signed)).status_code == 200
    assert_refused(await post(office, signed), 401, "invalid_client", "used before")


async def test_of_the_same_assertion_sent_many_times_at_once_one_gets_a_token(
    office: httpx.AsyncClient, ec_key: Jwk
) -> None:
    signed = sign(good_claims(), ec_key)

    answers = await asyncio.gather(*(post(office, signed) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_two_clients_may_choose_the_same_jti(office: httpx.AsyncClient, ec_key: Jwk) -> None:
    first = await post(office, sign(good_claims(jti="1"), ec_key))
    second = await post(
        office, sign(good_claims(jti="1", iss="platform", sub="platform"), ec_key), scope="platform/referrals.read"
    )

    assert (first.status_code, second.status_code) == (200, 200)


async def test_what_has_expired_is_forgotten(office: httpx.AsyncClient, ec_key: Jwk, store: Store) -> None:
    await store.write([(jti, [{"client_id": "aldmoor-epr", "jti": "long ago", "expires_at": now()}])])

    await post(office, sign(good_claims(jti="today"), ec_key))

    async with store.reading() as connection:
        assert (await connection.execute(select(jti.c.jti))).scalars().all() == ["today"]
