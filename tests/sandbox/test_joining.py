"""A tenant of one's own: with keys made here or there, and no other keys."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.contract_runner.stage import QUIET, told
from tests.sandbox.engineer import ACCEPTED, Engineer, Sandbox, running

from gateway.contract.config import read_config
from gateway.contract.running import run_suite
from gateway.contract.suite import suite_of
from gateway.sandbox import asked
from gateway.sandbox.client import CONTRACT, keep
from gateway.sandbox.parties import CLIENTS, new_key, public_half


def test_each_client_gets_a_key_once_and_a_token_with_it(ann: Engineer) -> None:
    assert sorted(ann.keys) == sorted(CLIENTS)
    assert len({json.dumps(key) for key in ann.keys.values()}) == len(CLIENTS)
    assert all(ann.token(client) for client in CLIENTS)
    shown = ann.control("GET").json()
    assert shown["fhir_base"] == f"{ann.told['base_url']}/FHIR/R4"
    assert not {"control_token", "private_keys", "webhook_secret"} & shown.keys()  # told once, and not again


def test_with_keys_of_ones_own_none_is_made(sandbox: Sandbox) -> None:
    key = new_key()
    ann = sandbox.join(jwks={"keys": [public_half(key)]})
    assert ann.keys == {}
    ann.keys = dict.fromkeys(CLIENTS, key)
    assert ann.refer(ACCEPTED)["status"] == "requested"


async def test_the_contract_can_be_proven_with_what_joining_has_kept(ann: Engineer, tmp_path: Path) -> None:
    """Also that another trust sees, finds and changes nothing."""
    keep(tmp_path, ann.told, ann.keys)
    known, base = read_config(tmp_path / CONTRACT), ann.told["fhir_base"]
    report = await run_suite(suite_of("gateway"), base, known, QUIET, ["GWY-28", "GWY-29", "GWY-30", "GWY-42"])
    assert report.count("pass") == 4, told(report)


def _of(key: Any, **changed: Any) -> Any:
    return {name: value for name, value in (key.as_dict(private=False) | changed).items() if value is not None}


WRONG_KEYS: list[tuple[Callable[[], Any], str]] = [
    (lambda: {"keys": [new_key()]}, "this is a private key"),
    (lambda: {"keys": [_of(ECKey.generate_key("P-384"), kid=None)]}, "give the key a kid"),
    (lambda: {"keys": [_of(ECKey.generate_key("P-256"), kid="1")]}, "expected an RSA key of at least 2048 bits"),
    (lambda: {"keys": [_of(RSAKey.generate_key(1024), kid="1")]}, "expected an RSA key of at least 2048 bits"),
    (lambda: {"keys": [OctKey.generate_key(256).as_dict() | {"kid": "1"}]}, "private key"),
    (lambda: {"keys": [{"kty": "EC", "kid": "1"}]}, "expected a JSON Web Key"),
    (lambda: {"keys": [public_half(new_key()) | {"kid": "1"}] * 2}, "twice"),
    (lambda: {"keys": []}, "expected 1 to 10 public keys"),
    (lambda: {"keys": "none"}, "valid list"),
    (lambda: "none", "valid dictionary"),
]


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(("jwks", "words"), WRONG_KEYS)
def test_a_key_that_will_not_do_is_told_why(sandbox: Sandbox, jwks: Callable[[], Any], words: str) -> None:
    answer = sandbox.http.post("/sandbox/tenants", json={"name": "Ann", "jwks": jwks()})
    assert answer.status_code == 422
    issue = answer.json()["issue"][0]
    assert words in issue["diagnostics"]
    assert issue["expression"][0].startswith("jwks")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b'{"name":"Ann","name":"Bob"}', 400),
        (b"[" * 60_000, 400),
        (b"{}", 422),
        (b'{"name":""}', 422),
        (b'{"name":"Ann","jwksx":1}', 422),
        (b'{"name":"' + b"A" * 70_000 + b'"}', 413),
        (b'{"name":"' + b"A" * 6_000_000 + b'"}', 413),
    ],
)
def test_rubbish_is_refused(sandbox: Sandbox, body: bytes, status: int) -> None:
    answer = sandbox.http.post("/sandbox/tenants", content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_body_that_never_ends_is_given_up(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "SECONDS", 0.3)
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(b"POST /sandbox/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert line.recv(1000).startswith(b"HTTP/1.1 400")


def test_there_are_so_many_tenants_and_no_more(tmp_path: Any) -> None:
    with running(tmp_path / "few", most=2) as few:
        ann = few.join()
        few.join()
        full = few.http.post("/sandbox/tenants", json={"name": "Cid"})
        assert full.status_code == 429
        assert "has its 2 tenants" in full.json()["issue"][0]["diagnostics"]
        assert "DELETE /sandbox/tenants" in full.json()["issue"][0]["diagnostics"]
        assert ann.control("DELETE").status_code == 204
        assert ann.control("GET").status_code == 404
        few.join()


def test_a_tenant_that_nobody_has_used_for_a_month_gives_way(tmp_path: Path) -> None:
    with running(tmp_path / "few", most=1) as few:
        forgotten = few.join()
        for file in (tmp_path / "few" / forgotten.tenant).glob("gateway.db*"):
            os.utime(file, (0, 0))
        assert few.join("Bob").refer(ACCEPTED)
        assert forgotten.control("GET").status_code == 404
        assert not (tmp_path / "few" / forgotten.tenant).exists()
