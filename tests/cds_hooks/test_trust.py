"""Whose calls are answered: those that a registered EPR has signed, for this address, now, once."""

import time
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlalchemy import select
from tests.app import BASE, Json
from tests.cds_hooks.calling import (
    ISSUER,
    ORIGIN,
    OTHER_ISSUER,
    OTHER_KEY,
    OTHER_SIGNER,
    SIGN,
    SIGNER,
    USER,
    VIEW,
    Hooks,
    claims,
    parties_of,
    sign,
    view,
)

from gateway.parties import PartiesError, read_parties, register
from gateway.store.schema import audit, card_feedback

STRANGER = ECKey.generate_key("P-384", {"kid": "cds-1"})
RSA = RSAKey.generate_key(2048, {"kid": "cds-1"})
SHARED = OctKey.import_key("a secret that both might know, as long as it must be")
MOMENT = int(time.time())


async def test_a_call_that_the_epr_has_signed_is_answered(hooks: Hooks) -> None:
    answer = await hooks.post(VIEW, view(), None)

    assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"iss": "https://elsewhere.example"}, "`iss` is not registered"),
        ({"iss": None}, "`iss` is not registered"),
        ({"iss": ["x"]}, "`iss` is not registered"),
        ({"iss": OTHER_SIGNER}, "`iss` is not registered"),  # another EPR's, by this EPR's key
        ({"aud": f"{BASE}/cds-services/{SIGN}"}, "`aud` must be"),
        ({"aud": None}, "`aud` must be"),
        ({"aud": [{}]}, "`aud` must be"),
        ({"exp": MOMENT - 1}, "has expired"),
        ({"exp": MOMENT + 3600}, "5 minutes ahead"),
        ({"exp": None}, "`exp` is missing"),
        ({"iat": MOMENT + 86_400}, "`iat` is in the future"),
        ({"iat": None}, "`iat` is missing"),
        ({"jti": None}, "`jti` must be"),
        ({"jti": "a\x00b"}, "`jti` must be"),
    ],
)
async def test_claims_that_do_not_hold_are_refused(hooks: Hooks, changed: Json, text: str) -> None:
    answer = await hooks.post(VIEW, view(), sign(claims(VIEW, **changed)))

    assert answer.status_code == 401
    assert text in answer.text
    assert answer.headers["www-authenticate"] == 'Bearer realm="cds-services", error="invalid_token"'


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (STRANGER, "ES384"),
        (OTHER_KEY, "ES384"),
        (RSA, "RS384"),
        (SHARED, "HS256"),
    ],
)
async def test_a_signature_by_another_key_is_refused(hooks: Hooks, key: Any, alg: str) -> None:
    answer = await hooks.post(VIEW, view(), sign(claims(VIEW), key, alg))

    assert answer.status_code == 401


async def test_a_key_is_named_by_kid_and_never_fetched(hooks: Hooks) -> None:
    by_another_name = await hooks.post(VIEW, view(), sign(claims(VIEW), kid="cds-2"))
    elsewhere = sign(claims(VIEW), STRANGER, jku="https://attacker.example/jwks.json")
    from_elsewhere = await hooks.post(VIEW, view(), elsewhere)
    with_address = await hooks.post(VIEW, view(), sign(claims(VIEW), jku=f"{ORIGIN}/jwks.json"))

    assert (by_another_name.status_code, from_elsewhere.status_code, with_address.status_code) == (401, 401, 200)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "eyJhbGciOiJub25lIiwia2lkIjoiY2RzLTEifQ.e30."])
async def test_what_is_no_signed_jwt_is_refused(hooks: Hooks, token: str) -> None:
    answer = await hooks.running.http.post(
        f"/cds-services/{VIEW}", headers=[(b"authorization", f"Bearer {token}".encode())]
    )

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="cds-services"')


async def test_a_jwt_is_good_once(hooks: Hooks) -> None:
    token = sign(claims(VIEW))

    first, again = await hooks.post(VIEW, view(), token), await hooks.post(VIEW, view(), token)

    assert (first.status_code, again.status_code) == (200, 401)
    assert "used before" in again.text


async def test_two_signers_may_choose_the_same_jti(hooks: Hooks) -> None:
    other = sign(claims(VIEW, iss=OTHER_SIGNER, jti="1"), OTHER_KEY)

    first = await hooks.post(VIEW, view(), sign(claims(VIEW, jti="1")))
    second = await hooks.post(VIEW, view(), other)

    assert (first.status_code, second.status_code) == (200, 200)


async def test_a_token_of_the_gateways_own_is_none(hooks: Hooks) -> None:
    answer = await hooks.running.call("demo-epr", "POST", f"/cds-services/{VIEW}", view())

    assert answer.status_code == 401


@pytest.mark.parametrize(("server", "status"), [(ISSUER, 200), (f"{ISSUER}/", 200), (OTHER_ISSUER, 422), (1, 422)])
async def test_the_fhir_server_is_the_registered_one(hooks: Hooks, server: Any, status: int) -> None:
    answer = await hooks.post(VIEW, view() | {"fhirServer": server}, None)

    assert answer.status_code == status, answer.text


async def test_an_epr_whose_client_may_not_read_gets_no_cards(hooks: Hooks, tmp_path: Any) -> None:
    parties = parties_of(tmp_path / "keys")
    clients = [one.model_copy(update={"scopes": ["system/Task.c"]}) for one in parties.clients if one.id == "demo-epr"]
    await register(hooks.running.store, parties.model_copy(update={"clients": clients}))

    answer = await hooks.post(VIEW, view(), None)

    assert answer.status_code == 403


async def test_each_call_leaves_its_row_in_the_audit(hooks: Hooks) -> None:
    feedback = {"card": str(USER), "outcome": "accepted"}
    await hooks.post(VIEW, view(), None)
    await hooks.post(VIEW, {}, None)
    await hooks.post(f"{VIEW}/feedback", {"feedback": [feedback]}, None)
    await hooks.post(VIEW, view(), "")

    async with hooks.running.store.reading() as connection:
        columns = (audit.c.organisation, audit.c.client_id, audit.c.role, audit.c.person, audit.c.action)
        rows = (await connection.execute(select(*columns, audit.c.target, audit.c.outcome).order_by(audit.c.at))).all()
    whose = ("XND01", "demo-epr", "epr")
    assert [tuple(row) for row in rows] == [
        (*whose, USER, "POST /cds-services/{id}", VIEW, 200),
        (*whose, None, "POST /cds-services/{id}", VIEW, 422),
        (*whose, None, "POST /cds-services/{id}/feedback", VIEW, 422),
    ]
    assert await hooks.running.count(card_feedback) == 0


async def test_a_page_of_a_registered_epr_may_call(hooks: Hooks) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    http, path = hooks.running.http, f"/cds-services/{VIEW}"

    mine = await http.options(path, headers={"Origin": ORIGIN, **asked})
    strange = await http.options(path, headers={"Origin": "https://elsewhere.example", **asked})
    answered = await hooks.post(VIEW, view(), None, Origin=ORIGIN)
    refused = await hooks.post(VIEW, view(), "", Origin=ORIGIN)
    strangers = await hooks.post(VIEW, view(), None, Origin="https://elsewhere.example")

    allowed = "access-control-allow-origin"
    assert (mine.status_code, mine.headers[allowed]) == (200, ORIGIN)
    assert "POST" in mine.headers["access-control-allow-methods"]
    assert (strange.status_code, strange.headers.get(allowed)) == (400, None)
    assert (answered.headers[allowed], refused.headers[allowed]) == (ORIGIN, ORIGIN)
    assert allowed not in strangers.headers
    assert "access-control-allow-credentials" not in answered.headers


async def test_any_page_may_discover_and_nothing_else(hooks: Hooks) -> None:
    elsewhere = {"Origin": "https://elsewhere.example"}

    services = await hooks.running.http.get("/cds-services", headers=elsewhere)
    other = await hooks.running.http.get("/FHIR/R4/metadata", headers={"Origin": ORIGIN})

    assert services.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in other.headers


def test_two_eprs_cannot_sign_as_one(tmp_path: Any) -> None:
    document = parties_of(tmp_path / "keys").model_dump(mode="json")
    document["organisations"][1]["eprs"][0]["cds"]["issuer"] = SIGNER

    with pytest.raises(PartiesError, match=r"organisations\[1\]\.eprs\[0\]\.cds\.issuer: another EPR has the same"):
        read_parties(document, "file")
