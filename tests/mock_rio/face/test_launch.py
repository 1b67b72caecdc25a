"""The mock as an authorization server (SMART App Launch 2.2, EHR launch), and each way in which it refuses."""

import time
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, KeySet
from tests.mock_rio.face.launching import CALLBACK, GATEWAY, PETROV, SCOPE, Launching, query_of
from tests.mock_rio.rio import Rio, Serve

from adapters.oauth import ASSERTION_TYPE, assertion
from adapters.rio.mock import App
from adapters.signed_launch import sign

TAB = f"/clients/{PETROV}/social-prescribing"
SECRET = "whsec_" + "c2lnbmVkLWxhdW5jaGVzLW9mLXRlc3Rz"


async def test_discovery_says_what_it_can(launching: Launching) -> None:
    answer = await launching.call("GET", "/FHIR/R4/.well-known/smart-configuration")

    told, url = answer.json(), launching.rio.url
    assert answer.headers["content-type"] == "application/json"
    assert told["issuer"] == url
    assert told["authorization_endpoint"] == f"{url}/oauth2/authorize"
    assert told["token_endpoint"] == f"{url}/oauth2/token"
    assert told["jwks_uri"] == f"{url}/oauth2/jwks"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert set(told["grant_types_supported"]) == {"authorization_code", "client_credentials"}
    assert set(told["capabilities"]) == {
        "launch-ehr", "client-public", "client-confidential-asymmetric", "context-ehr-patient", "context-banner",
        "sso-openid-connect", "permission-patient", "permission-v2",
    }  # fmt: skip


async def test_the_whole_way_from_the_record_to_a_token(launching: Launching) -> None:
    launch = await launching.open()
    answer = await launching.authorize(launch)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    back = query_of(answer.headers["location"])
    assert back["state"] == launching.state
    granted = await launching.redeem(back["code"])

    told = granted.json()
    assert granted.headers["cache-control"] == "no-store"
    assert (told["token_type"].lower(), told["expires_in"], told["patient"]) == ("bearer", 900, PETROV)
    assert isinstance(told["need_patient_banner"], bool)
    assert set(told["scope"].split()) == set(SCOPE.split())

    keys = KeySet.import_key_set((await launching.call("GET", "/oauth2/jwks")).json())
    assert all("d" not in key.as_dict() for key in keys)
    token = jwt.decode(told["id_token"], keys, algorithms=["ES384"])
    assert token.claims["iss"] == launching.rio.url
    assert token.claims["aud"] == "social-prescribing-gateway"
    assert token.claims["nonce"] == "n-0S6_WzA2Mj"
    assert token.claims["fhirUser"] == f"{launching.base}/Practitioner/AOSEI"
    assert token.claims["sub"] == "AOSEI"
    assert token.claims["iat"] <= time.time() < token.claims["exp"]
    other = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384", "kid": token.header["kid"]})
    with pytest.raises(BadSignatureError):
        jwt.decode(told["id_token"], KeySet([other]), algorithms=["ES384"])


async def test_each_opening_is_a_launch_of_its_own_and_good_once(launching: Launching) -> None:
    first, second = await launching.open(), await launching.open()
    assert first != second
    await launching.authorize(first)

    again = query_of((await launching.authorize(first)).headers["location"])

    assert (again["error"], "code" in again, again["state"]) == ("invalid_request", False, launching.state)
    assert "code" in query_of((await launching.authorize(second)).headers["location"])


@pytest.mark.parametrize(
    "changed",
    [
        {"launch": "made-up"},
        {"launch": ""},
        {"response_type": "token"},
        {"aud": "http://elsewhere.example/FHIR/R4"},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": ""},
        {"code_challenge": ""},
        {"code_challenge": "short"},
        {"code_challenge": "é" * 43},
        {"state": "short"},
    ],
)
async def test_what_is_wrong_with_the_request_goes_back_without_a_code(
    launching: Launching, changed: dict[str, str]
) -> None:
    launch = await launching.open()

    answer = await launching.authorize(**{"launch": launch} | changed)

    back = query_of(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    assert (back["error"], "code" in back) == ("invalid_request", False)
    assert back["state"] == changed.get("state", launching.state)


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another-app"},
        {"redirect_uri": "https://evil.example/launch/callback"},
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": f"{CALLBACK}?to=https://evil.example"},
        {"redirect_uri": ""},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    launching: Launching, changed: dict[str, str]
) -> None:
    answer = await launching.authorize(await launching.open(), **changed)

    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_a_launch_is_for_the_user_who_opened_the_record(launching: Launching) -> None:
    launch = await launching.open()
    await launching.rio.sign_in("tor.lindqvist")
    assert "code" not in query_of((await launching.authorize(launch)).headers["location"])

    launch = await launching.open()
    launching.rio.client.cookies.clear()
    answer = await launching.authorize(launch)
    assert (answer.status_code, "location" in answer.headers) == (401, False)


async def test_a_launch_is_over_after_a_while(launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.rio.mock.smart.LAUNCH_SECONDS", -1)

    assert "code" not in query_of((await launching.authorize(await launching.open())).headers["location"])


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": "https://evil.example/launch/callback"}, "invalid_grant"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"client_id": "another-app"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),  # of systems, which have no key here
    ],
)
async def test_no_token_without_all_of_it(launching: Launching, changed: dict[str, str], error: str) -> None:
    code = await launching.code()

    answer = await launching.redeem(**{"code": code} | changed)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert "access_token" not in answer.json()


async def test_a_wrong_verifier_uses_the_code_up(launching: Launching) -> None:
    code = await launching.code()
    await launching.redeem(code, code_verifier="x" * 43)

    assert (await launching.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_code_is_good_once_and_its_second_use_ends_the_token(launching: Launching) -> None:
    code = await launching.code()
    token = (await launching.redeem(code)).json()["access_token"]
    assert (await launching.call("GET", f"/FHIR/R4/Patient/{PETROV}", token)).status_code == 200

    again = await launching.redeem(code)

    assert again.json()["error"] == "invalid_grant"
    assert (await launching.call("GET", f"/FHIR/R4/Patient/{PETROV}", token)).status_code == 401


@pytest.mark.parametrize("seconds", ["CODE_SECONDS", "ACCESS_SECONDS"])
async def test_codes_and_tokens_end(launching: Launching, monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setattr(f"adapters.rio.mock.smart.{seconds}", -1)

    granted = await launching.redeem(await launching.code())

    if seconds == "CODE_SECONDS":
        assert granted.json()["error"] == "invalid_grant"
    else:
        token = granted.json()["access_token"]
        assert (await launching.call("GET", f"/FHIR/R4/Patient/{PETROV}", token)).status_code == 401


async def test_only_what_is_asked_for_and_offered_is_granted(launching: Launching) -> None:
    told = await launching.token(scope="launch patient/*.rs patient/*.cruds offline_access user/*.rs", nonce="")

    assert set(told["scope"].split()) == {"launch", "patient/*.rs"}
    assert "id_token" not in told


@pytest.fixture
def key() -> ECKey:
    return ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)


async def test_an_app_with_a_registered_key_must_use_it(serve: Serve, key: ECKey) -> None:
    async with serve(face=App(keys=KeySet([key]))) as rio:
        launching = Launching(rio)
        where = f"{rio.url}/oauth2/token"
        other = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)

        async def redeem(client_id: str, used: ECKey, **changed: str) -> dict[str, Any]:
            signed = assertion(client_id, used.as_dict(private=True), where)
            form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed} | changed
            told: dict[str, Any] = (await launching.redeem(await launching.code(), **form)).json()
            return told

        us = "social-prescribing-gateway"
        assert (await launching.redeem(await launching.code())).json()["error"] == "invalid_request"
        assert (await redeem(us, other))["error"] == "invalid_client"
        assert (await redeem("another-app", key))["error"] == "invalid_client"
        assert (await redeem(us, key, client_assertion="a.b.c"))["error"] == "invalid_client"
        used = assertion(us, key.as_dict(private=True), where)
        assert (await redeem(us, key, client_assertion=used))["patient"] == PETROV
        assert (await redeem(us, key, client_assertion=used))["error"] == "invalid_client"  # good once


async def test_a_team_is_a_launch_about_nobody(launching: Launching) -> None:
    rio = launching.rio
    assert (await rio.client.get(f"{rio.url}/team")).status_code == 401
    await rio.sign_in("amara.osei")
    assert 'href="/team"' in (await rio.client.get(rio.url)).text

    opened = await rio.client.get(f"{rio.url}/team")

    assert (opened.status_code, opened.headers["location"].startswith(f"{GATEWAY}/launch?")) == (303, True)
    asked = query_of(opened.headers["location"])
    assert asked["iss"] == launching.base
    code = query_of((await launching.authorize(asked["launch"])).headers["location"])["code"]
    told = (await launching.redeem(code)).json()
    assert "patient" not in told
    assert (await launching.call("GET", f"/FHIR/R4/Patient/{PETROV}", told["access_token"])).status_code == 403
    assert (await launching.call("GET", "/FHIR/R4/Practitioner/AOSEI", told["access_token"])).status_code == 200


async def test_signed_addresses_are_offered_where_there_is_a_secret(serve: Serve) -> None:
    async with serve(face=App(gateway="https://gateway.example", launch_secret=SECRET)) as rio:
        await rio.sign_in("amara.osei")
        assert f'href="{TAB}/signed"' in (await rio.client.get(rio.url + TAB)).text

        answer = await rio.client.get(f"{rio.url}{TAB}/signed")

        assert answer.headers["location"].startswith("https://gateway.example/launch/signed?")
        given = query_of(answer.headers["location"])
        signature = given.pop("signature")
        assert signature == sign(SECRET, given)
        assert abs(time.time() - int(given["issued"])) < 30
        told = {name: given[name] for name in ("epr", "user", "name", "role", "team", "patient")}
        assert told == {
            "epr": "northdale-rio-pages",
            "user": "AOSEI",
            "name": "Dr Amara Osei",
            "role": "Care coordinator",
            "team": "RTN",
            "patient": PETROV,
        }
        again = query_of((await rio.client.get(f"{rio.url}{TAB}/signed")).headers["location"])
        assert again["nonce"] != given["nonce"]


async def test_signed_addresses_are_not_offered_without_one(rio: Rio) -> None:
    await rio.sign_in("amara.osei")

    assert "/signed" not in (await rio.client.get(rio.url + TAB)).text
    assert (await rio.client.get(f"{rio.url}{TAB}/signed")).status_code == 404


async def test_the_frame_is_named_and_launches_the_gateway_that_was_set(serve: Serve) -> None:
    async with serve(face=App(gateway="https://gateway.example", client_id="ours")) as rio:
        await rio.sign_in("amara.osei")
        answer: httpx.Response = await rio.client.get(rio.url + TAB)

        assert 'src="https://gateway.example/launch?iss=' in answer.text
        assert 'title="Social prescribing of this person"' in answer.text
        assert "frame-src 'self' https://gateway.example" in answer.headers["content-security-policy"]
