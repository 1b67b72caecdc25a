"""Access tokens for destinations that ask for them: kept, renewed, asked for once, and never by a wrong way."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.routing import Route
from tests.delivery.conftest import epr_of
from tests.delivery.neighbours import Asked, answer, neighbour

from adapters.ports import Update
from adapters.rio.callback import FhirCallback
from adapters.rio.mock import build_mock
from gateway.parties import Directory, read_parties, register
from gateway.security import Gatekeeper, token_endpoint
from gateway.store.engine import Store

TASK = b'{"resourceType":"Task","id":"t1","meta":{"versionId":"1"}}'
KEY = ECKey.generate_key("P-384", {"kid": "gateway-1"})


@dataclass
class Trust:
    """An EPR that takes only the newest token, and the office that gives them out."""

    url: str = ""
    office: str = ""
    seconds: float = 300  # life of a token
    delay: float = 0
    given: int = 0
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    bearers: list[str] = field(default_factory=list)
    says: tuple[int, dict[str, Any]] | None = None  # the office, instead of a token

    @property
    def good(self) -> str:
        return f"token-{self.given}"


@pytest.fixture
async def trust() -> AsyncIterator[Trust]:
    trust = Trust()

    async def give(asked: Asked, writer: Any) -> None:
        await asyncio.sleep(trust.delay)
        trust.forms.append(parse_qs(asked.body.decode()))
        if trust.says:
            answer(writer, trust.says[0], json.dumps(trust.says[1]).encode())
            return
        trust.given += 1
        told = {"access_token": trust.good, "token_type": "bearer", "expires_in": trust.seconds}
        answer(writer, 200, json.dumps(told).encode())

    async def take(asked: Asked, writer: Any) -> None:
        trust.bearers.append(asked.headers.get("authorization", ""))
        answer(writer, 200 if trust.bearers[-1] == f"Bearer {trust.good}" else 401)

    async with neighbour(give) as office, neighbour(take) as trust.url:
        trust.office = f"{office}/oauth2/token"
        yield trust


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.jwk.json"
    path.write_text(json.dumps(KEY.as_dict(private=True)))
    return path


@pytest.fixture
def update(trust: Trust, secret: str, key_file: Path) -> Update:
    return an_update(trust, secret, key_file)


def an_update(trust: Trust, secret: str, key_file: Path, **oauth: str) -> Update:
    office = {"token_url": trust.office, "client_id": "gateway", "key_file": str(key_file), "scope": "system/Task.u"}
    options = {"private": True, "oauth": office | oauth}
    return Update("d1", "t1", 1, TASK, "submitted", datetime.now(UTC), "c1", trust.url, secret, options)


@pytest.fixture
async def callback() -> AsyncIterator[FhirCallback]:
    callback = FhirCallback(seconds=10)
    yield callback
    await callback.close()


async def test_a_token_is_asked_for_once_and_kept(trust: Trust, callback: FhirCallback, update: Update) -> None:
    answers = [await callback.send(update) for _ in range(3)]

    assert [one.delivered for one in answers] == [True] * 3
    [form] = trust.forms
    assert trust.bearers == ["Bearer token-1"] * 3
    assert form["grant_type"] == ["client_credentials"]
    assert form["scope"] == ["system/Task.u"]
    proof = jwt.decode(form["client_assertion"][0], KEY, algorithms=["ES384"])
    assert proof.header["kid"] == "gateway-1"
    assert (proof.claims["iss"], proof.claims["sub"], proof.claims["aud"]) == ("gateway", "gateway", trust.office)


async def test_those_who_need_the_first_token_at_once_ask_once(
    trust: Trust, callback: FhirCallback, update: Update
) -> None:
    trust.delay = 0.1

    answers = await asyncio.gather(*(callback.send(update) for _ in range(8)))

    assert [one.delivered for one in answers] == [True] * 8
    assert len(trust.forms) == 1


async def test_who_no_longer_waits_leaves_the_others_their_token(
    trust: Trust, callback: FhirCallback, update: Update
) -> None:
    trust.delay = 0.1
    impatient, patient = (asyncio.create_task(callback.send(update)) for _ in range(2))
    await asyncio.sleep(0.02)
    impatient.cancel()

    assert (await patient).delivered
    assert len(trust.forms) == 1


async def test_it_is_renewed_before_its_end(trust: Trust, callback: FhirCallback, update: Update) -> None:
    trust.seconds = 0.25
    await callback.send(update)
    await asyncio.sleep(0.21)  # a fifth of its life is left
    await callback.send(update)

    assert trust.bearers == ["Bearer token-1", "Bearer token-2"]  # the first was never refused


async def test_a_token_that_is_refused_is_replaced_once(trust: Trust, callback: FhirCallback, update: Update) -> None:
    await callback.send(update)
    trust.given += 1  # the office has taken the first one back

    assert (await callback.send(update)).delivered
    assert trust.bearers[1:] == ["Bearer token-1", "Bearer token-3"]


async def test_when_no_token_is_taken_the_attempt_has_failed(
    trust: Trust, callback: FhirCallback, update: Update, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trust, "good", property(lambda trust: f"token-{len(trust.bearers)}-{trust.given}"))

    answered = await callback.send(update)

    assert (answered.delivered, answered.status, len(trust.bearers)) == (False, 401, 2)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ((400, {"error": "invalid_client", "error_description": "Jane"}), "answered 400: invalid_client."),
        ((503, {}), "answered 503."),
        ((302, {}), "answered 302."),
        ((200, {"access_token": "a\r\nX-Evil: 1", "expires_in": 60}), "gave no token that can be used."),
        ((200, {"access_token": "a", "expires_in": "soon"}), "gave no token that can be used."),
        ((200, {"token": "a"}), "gave no token that can be used."),
    ],
)
async def test_without_a_token_nothing_is_sent(
    trust: Trust, callback: FhirCallback, update: Update, says: Any, told: str
) -> None:
    trust.says = says

    answered = await callback.send(update)
    trust.says = None

    assert (answered.delivered, answered.phase, answered.status) == (False, "connect", None)
    assert answered.answer == f"The token address {told}"
    assert trust.bearers == []
    assert (await callback.send(update)).delivered  # a refusal is not kept


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://epr.example/token", "must start with https://"),
        ("http://127.0.0.1:9/token", "gave no answer (connect)"),
        ("https://169.254.169.254/token", "an address that the gateway does not call"),
    ],
)
async def test_the_token_address_is_held_to_the_rules_of_destinations(
    trust: Trust, callback: FhirCallback, secret: str, key_file: Path, url: str, told: str
) -> None:
    answered = await callback.send(an_update(trust, secret, key_file, token_url=url))

    assert (answered.delivered, answered.phase) == (False, "connect")
    assert told in answered.answer


@pytest.mark.parametrize("content", [None, "not JSON", "[]", '{"kty": "EC"}', '{"kty": "oct", "k": "aa", "kid": "x"}'])
async def test_a_key_that_cannot_be_used_fails_the_attempt(
    trust: Trust, callback: FhirCallback, secret: str, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "key.json"
    if content:
        path.write_text(content)

    answered = await callback.send(an_update(trust, secret, path))

    assert answered.answer == "The private key registered for it cannot be used."
    assert trust.forms == []


async def test_nhs_england_wants_rs512(trust: Trust, callback: FhirCallback, secret: str, tmp_path: Path) -> None:
    key = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    (tmp_path / "rsa.json").write_text(json.dumps(key.as_dict(private=True)))

    assert (await callback.send(an_update(trust, secret, tmp_path / "rsa.json", alg="RS512"))).delivered
    assert jwt.decode(trust.forms[0]["client_assertion"][0], key, algorithms=["RS512"]).claims["iss"] == "gateway"


async def test_the_mock_epr_takes_updates_with_token_version_and_provenance(
    due: Any, working: Any, until: Any, secret: str, key_file: Path
) -> None:
    """Client and mock agree on all that may be agreed, through lost answers."""
    mock = build_mock(secret, jwks=KeySet([KEY]))
    async with epr_of(mock) as epr:
        office = {
            "token_url": f"{epr.url.removesuffix('/FHIR/R4')}/oauth2/token",
            "client_id": "gateway",
            "key_file": str(key_file),
        }
        await due.destination(epr.url, oauth=office, conditional=True, provenance=True)
        await due.referral("SP-1111-2222-3333", versions=3)
        await epr.fail(fail_next=2, stored=True, status=504)

        async def all_there() -> bool:
            return set(await due.states()) == {"delivered"}

        async with working():
            await until(all_there)

        record = await epr.record()

    updates = record["referrals"]["SP-1111-2222-3333"]
    assert [one["version"] for one in updates] == [1, 2, 3]
    assert {one["provenance"]["resourceType"] for one in updates} == {"Provenance"}
    assert (record["repeats"], record["out_of_order"], record["bad_signature"]) == (0, 0, 0)


async def test_our_own_token_office_takes_what_we_send(
    trust: Trust, callback: FhirCallback, update: Update, store: Store
) -> None:
    """Client and server of this project are judged by each other, on a real registered key."""
    client = {
        "id": "gateway",
        "organisation": "XAA01",
        "role": "epr",
        "scopes": ["system/Task.u"],
        "jwks": {"keys": [KEY.as_dict(private=False)]},
    }
    await register(
        store,
        read_parties(
            {"organisations": [{"ods_code": "XAA01", "name": "Trust"}], "hubs": [], "clients": [client]}, "test"
        ),
    )
    await callback.send(update)
    [form] = trust.forms
    issuer = trust.office.removesuffix("/oauth2/token")
    endpoint = token_endpoint(store, Directory(store), Gatekeeper("a secret of the tests, forty characters..", issuer))
    office = Starlette(routes=[Route("/oauth2/token", endpoint, methods=["POST"])])

    async with httpx.AsyncClient(transport=httpx.ASGITransport(office), base_url=issuer) as http:
        answered = await http.post("/oauth2/token", data={name: value[0] for name, value in form.items()})

    assert answered.status_code == 200
    assert answered.json()["scope"] == "system/Task.u"
