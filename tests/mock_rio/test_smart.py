"""The mock as a SMART authorization server (App Launch 2.2) and as the FHIR server of what it launches."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.mock_rio.rio import MAGGIE, Rio

from adapters.smart.client import SCOPE
from gateway.validation import check

CALLBACK = "http://127.0.0.1:8000/launch/callback"
NOTE = {
    "resourceType": "DocumentReference",
    "status": "current",
    "identifier": [{"system": "urn:test", "value": "note-1"}],
    "subject": {"reference": f"Patient/{MAGGIE}"},
    "content": [{"attachment": {"contentType": "text/plain", "data": base64.b64encode(b"<b>Seen</b> today").decode()}}],
}


@dataclass
class App:
    """The launched app, which behaves unless a test changes what it sends."""

    rio: Rio
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    async def launch(self, client_id: str = MAGGIE, user: str = "amara.osei") -> str:
        """The opaque value of the launch that the record's page begins."""
        await self.rio.sign_in(user)
        page = (await self.rio.client.get(f"{self.rio.url}/clients/{client_id}/social-prescribing")).text
        address = page.partition('src="')[2].partition('"')[0].replace("&amp;", "&")
        [launch] = parse_qs(urlsplit(address).query)["launch"]
        return launch

    async def authorize(self, launch: str, /, **changed: str) -> httpx.Response:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": "social-prescribing-gateway",
            "redirect_uri": CALLBACK,
            "launch": launch,
            "scope": SCOPE,
            "state": self.state,
            "aud": f"{self.rio.url}/FHIR/R4",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "nonce": "n" * 32,
        }
        return await self.rio.client.get(f"{self.rio.url}/oauth2/authorize", params=asked | changed)

    async def redeem(self, code: str, /, **changed: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            "client_id": "social-prescribing-gateway",
        }
        return await self.rio.client.post(f"{self.rio.url}/oauth2/token", data=form | changed)

    async def read(self, token: str, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.rio.client.get(f"{self.rio.url}/FHIR/R4/{path}", headers=headers)


@pytest.fixture
def app(rio: Rio) -> App:
    return App(rio)


def told(answer: httpx.Response) -> dict[str, str]:
    """What the redirect carries."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    return {name: value for name, [value] in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def granted(app: App, client_id: str = MAGGIE) -> dict[str, Any]:
    code = told(await app.authorize(await app.launch(client_id)))["code"]
    answer: dict[str, Any] = (await app.redeem(code)).json()
    return answer


async def test_a_launch_from_the_record_to_the_patient(app: App) -> None:
    back = told(await app.authorize(await app.launch()))
    assert back["state"] == app.state
    answer = await app.redeem(back["code"])

    given = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (given["patient"], given["token_type"], given["expires_in"]) == (MAGGIE, "Bearer", 900)
    keys = KeySet.import_key_set((await app.rio.client.get(f"{app.rio.url}/oauth2/jwks")).json())
    claims = jwt.decode(given["id_token"], keys, algorithms=["ES384"]).claims
    assert claims["fhirUser"] == f"{app.rio.url}/FHIR/R4/Practitioner/AOSEI"
    assert (claims["aud"], claims["nonce"]) == ("social-prescribing-gateway", "n" * 32)
    patient = (await app.read(given["access_token"], f"Patient/{MAGGIE}")).json()
    assert patient["name"][0]["family"] == "Harrow"


async def test_what_is_read_is_valid_r4(app: App) -> None:
    for client_id in (MAGGIE, "12345", "0020001", "0050005"):
        token = (await granted(app, client_id))["access_token"]
        for path in (
            f"Patient/{client_id}",
            "Practitioner/AOSEI",
            "PractitionerRole?practitioner=Practitioner/AOSEI",
            f"Condition?patient={client_id}",
            f"Flag?patient={client_id}",
            f"Observation?patient={client_id}",
        ):
            answer = await app.read(token, path)
            assert answer.status_code == 200, path
            assert check(answer.json()) == [], path


@pytest.mark.parametrize("changed", [{"client_id": "another"}, {"redirect_uri": "https://evil.example/callback"}])
async def test_nobody_is_sent_to_an_address_that_is_not_registered(app: App, changed: dict[str, str]) -> None:
    answer = await app.authorize(await app.launch(), **changed)

    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "changed",
    [
        {"launch": "unknown"},
        {"aud": "https://another.example/FHIR/R4"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"state": "short"},
    ],
)
async def test_what_is_not_granted_is_told_to_the_app(app: App, changed: dict[str, str]) -> None:
    back = told(await app.authorize(await app.launch(), **changed))

    assert back["error"] == "invalid_request"
    assert "code" not in back


async def test_a_launch_is_the_users_own_and_used_once(app: App) -> None:
    launch = await app.launch()
    await app.rio.sign_in("tor.lindqvist")
    assert told(await app.authorize(launch))["error"] == "invalid_request"
    launch = await app.launch()
    assert "code" in told(await app.authorize(launch))
    assert told(await app.authorize(launch))["error"] == "invalid_request"


async def test_whoever_is_not_signed_in_gets_no_code(app: App) -> None:
    launch = await app.launch()
    app.rio.client.cookies.clear()

    assert (await app.authorize(launch)).status_code == 401


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code": "unknown"}, "invalid_grant"),
        ({"code_verifier": "another"}, "invalid_grant"),
        ({"redirect_uri": "https://evil.example"}, "invalid_grant"),
        ({"client_id": "another"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_a_code_is_good_for_whom_it_was_given(app: App, changed: dict[str, str], error: str) -> None:
    code = told(await app.authorize(await app.launch()))["code"]

    answer = await app.redeem(code, **changed)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_code_that_comes_again_ends_the_token_it_gave(app: App) -> None:
    code = told(await app.authorize(await app.launch()))["code"]
    token = (await app.redeem(code)).json()["access_token"]
    assert (await app.read(token, f"Patient/{MAGGIE}")).status_code == 200

    assert (await app.redeem(code)).json()["error"] == "invalid_grant"
    assert (await app.read(token, f"Patient/{MAGGIE}")).status_code == 401


async def test_a_token_is_for_one_patient_and_for_what_was_asked(app: App) -> None:
    token = (await granted(app))["access_token"]
    launch = await app.launch()
    code = told(await app.authorize(launch, scope="launch openid fhirUser"))["code"]
    poor = (await app.redeem(code)).json()["access_token"]

    assert (await app.read(token, "Patient/12345")).status_code == 403
    assert (await app.read(token, "Condition?patient=12345")).status_code == 403
    assert (await app.read(token, "Practitioner/TLINDQ")).status_code == 404
    assert (await app.read(poor, f"Patient/{MAGGIE}")).status_code == 403
    assert (await app.read("made-up", f"Patient/{MAGGIE}")).status_code == 401
    assert (await app.read(token, "Encounter?patient=1")).status_code == 404


async def test_a_token_ends(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.rio.mock.smart.ACCESS_SECONDS", 0)
    token = (await granted(app))["access_token"]

    assert (await app.read(token, f"Patient/{MAGGIE}")).status_code == 401


async def test_a_note_is_filed_once_as_the_user_and_shown_inert(app: App, rio: Rio) -> None:
    token = (await granted(app))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{rio.url}/FHIR/R4/DocumentReference"
    first = await rio.client.post(address, json=NOTE, headers=headers)
    again = await rio.client.post(address, json=NOTE, headers=headers)
    other = await rio.client.post(address, json=NOTE | {"subject": {"reference": "Patient/12345"}}, headers=headers)
    broken = await rio.client.post(address, json={"resourceType": "DocumentReference"}, headers=headers)

    assert [one.status_code for one in (first, again, other, broken)] == [201, 200, 403, 400]
    assert await rio.texts() == ["<b>Seen</b> today"]
    page = await rio.page()
    assert "&lt;b&gt;Seen&lt;/b&gt; today" in page
    assert "by Dr Amara Osei" in page
    assert "Not validated" in page
    await rio.sign_in("amara.osei")
    await rio.client.post(f"{rio.url}/clients/{MAGGIE}/notes/1/validate")
    assert "Validated by Dr Amara Osei" in await rio.page()
