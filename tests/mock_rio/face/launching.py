"""The gateway's side of a launch, and the browser in between: what a test says goes over the wire as it is."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from tests.mock_rio.rio import Rio

PETROV = "12345"  # of Recovery Team North, as Dr Amara Osei is
GATEWAY = "http://127.0.0.1:8000"
CALLBACK = f"{GATEWAY}/launch/callback"
SCOPE = "launch openid fhirUser patient/*.rs user/Practitioner.rs user/PractitionerRole.rs patient/DocumentReference.c"

Query = dict[str, str]


def query_of(address: str) -> Query:
    return dict(parse_qsl(urlsplit(address).query))


def frame_of(page: str) -> str:
    """The address of the page's one frame."""
    [found] = re.findall(r'<iframe [^>]*src="([^"]*)"', page)
    return unescape(found)


@dataclass
class Launching:
    """`rio.client` is the browser, signed in as `user`; calls of the gateway carry no cookie."""

    rio: Rio
    user: str = "amara.osei"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def base(self) -> str:
        return f"{self.rio.url}/FHIR/R4"

    async def open(self, path: str = f"/clients/{PETROV}/social-prescribing") -> str:
        """Signs in and opens a tab of a record; the value of launch."""
        await self.rio.sign_in(self.user)
        page = await self.rio.client.get(self.rio.url + path)
        assert page.status_code == 200, page.text
        return query_of(frame_of(page.text))["launch"]

    def asked(self, launch: str, **changed: str) -> Query:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "response_type": "code",
            "client_id": "social-prescribing-gateway",
            "redirect_uri": CALLBACK,
            "launch": launch,
            "scope": SCOPE,
            "state": self.state,
            "aud": self.base,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "nonce": "n-0S6_WzA2Mj",
        } | changed

    async def authorize(self, launch: str, **changed: str) -> httpx.Response:
        """What the browser is answered that the gateway sent to the EPR."""
        return await self.rio.client.get(f"{self.rio.url}/oauth2/authorize", params=self.asked(launch, **changed))

    async def code(self, path: str = f"/clients/{PETROV}/social-prescribing", **changed: str) -> str:
        answer = await self.authorize(await self.open(path), **changed)
        return query_of(answer.headers["location"])["code"]

    async def redeem(self, code: str, **changed: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            "client_id": "social-prescribing-gateway",
        } | changed
        return await self.call("POST", "/oauth2/token", data=form)

    async def token(self, path: str = f"/clients/{PETROV}/social-prescribing", **changed: str) -> dict[str, Any]:
        answer = await self.redeem(await self.code(path, **changed))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def call(self, method: str, path: str, token: str | None = None, **options: Any) -> httpx.Response:
        """A call of the gateway."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(base_url=self.rio.url, headers=headers, trust_env=False, timeout=30) as http:
            return await http.request(method, path, **options)
