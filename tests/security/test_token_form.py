"""The rest of a token request: its form, its scopes, and what discovery says of it."""

from typing import Any

import httpx
import pytest

from gateway.parties import Parties, register
from gateway.security import smart_configuration, token_request
from gateway.store.engine import Store

Jwk = dict[str, Any]

TOKEN_URL = "https://gateway.example/oauth2/token"


async def post(office: httpx.AsyncClient, key: Jwk, **changes: str) -> httpx.Response:
    return await office.post("/oauth2/token", data=token_request("aldmoor-epr", key, TOKEN_URL) | changes)


def assert_refused(response: httpx.Response, status: int, error: str, words: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert words in response.json()["error_description"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type", "client_credentials"),
        ({"grant_type": ""}, "invalid_request", "grant_type is missing"),
        (
            {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
            "invalid_request",
            "jwt",
        ),
        ({"client_assertion": ""}, "invalid_request", "client_assertion is missing"),
        ({"scope": "system/Task.d"}, "invalid_scope", "system/*.rs system/Task.crus"),
        ({"scope": "openid platform/referrals.read"}, "invalid_scope", "None of this is registered"),
    ],
)
async def test_the_rest_of_the_form_is_checked(
    office: httpx.AsyncClient, ec_key: Jwk, changes: dict[str, str], error: str, words: str
) -> None:
    assert_refused(await post(office, ec_key, **changes), 400, error, words)


async def test_a_client_id_beside_the_assertion_must_agree_with_it(office: httpx.AsyncClient, ec_key: Jwk) -> None:
    assert (await post(office, ec_key, client_id="aldmoor-epr")).status_code == 200
    answer = await post(office, ec_key, client_id="platform")
    assert_refused(answer, 401, "invalid_client", "client_id")


async def test_less_than_was_asked_for_may_be_granted(office: httpx.AsyncClient, ec_key: Jwk) -> None:
    answer = await post(office, ec_key, scope="system/Task.cruds system/Patient.read openid")

    assert answer.json()["scope"] == "system/Patient.read system/Task.crus"


async def test_an_nhs_style_request_without_scope_gets_all_that_is_registered(
    office: httpx.AsyncClient, rsa_key: Jwk
) -> None:
    answer = await post(office, rsa_key, scope="")

    assert answer.json()["scope"] == "system/*.rs system/Task.crus"


async def test_a_client_without_scopes_is_shut_out(
    office: httpx.AsyncClient, ec_key: Jwk, store: Store, parties: Parties
) -> None:
    shut = parties.clients[0].model_copy(update={"scopes": []})
    await register(store, parties.model_copy(update={"clients": [shut]}))

    answer = await post(office, ec_key, scope="")

    assert answer.json()["error"] == "invalid_scope"


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b'{"grant_type": "client_credentials"}', {"Content-Type": "application/json"}, 400, "form-urlencoded"),
        (b"", {}, 400, "form-urlencoded"),
        (b"", FORM, 400, "grant_type is missing"),
        (b"\xff\xfe\x00", FORM, 400, "not application/x-www-form-urlencoded"),
        (b"grant_type=%ff", FORM, 400, "not application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(30)), FORM, 400, "not application/x-www-form-urlencoded"),
        (b"grant_type=client_credentials&grant_type=password", FORM, 400, "each parameter once"),
        (b"grant_type=" + b"x" * 20_000, FORM, 413, "16,384 bytes"),
    ],
)
async def test_a_body_that_is_no_token_request(
    office: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = await office.post("/oauth2/token", content=body, headers=headers)

    assert_refused(answer, status, "invalid_request", words)


def test_discovery_says_what_smart_requires() -> None:
    said = smart_configuration("https://gateway.example")

    assert said["token_endpoint"] == TOKEN_URL
    assert {"RS384", "ES384"} <= set(said["token_endpoint_auth_signing_alg_values_supported"])
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert not {"issuer", "jwks_uri"} & said.keys()  # only for OpenID Connect
