"""What one engineer does, no other sees."""

from pathlib import Path

import httpx
import pytest
from tests.sandbox.engineer import ACCEPTED, Engineer, Sandbox, running, wait_for
from tests.subscriptions.hooks import subscription
from typer.testing import CliRunner

from gateway.__main__ import app


def test_tenants_share_nothing(sandbox: Sandbox, own: Engineer) -> None:
    ann, bob = own, sandbox.join("Bob")
    task = ann.refer(ACCEPTED)
    wait_for(ann.pushes)
    assert ann.call("sandbox-epr", "GET", f"/FHIR/R4/Task/{task['id']}").status_code == 200
    assert bob.call("sandbox-epr", "GET", f"/FHIR/R4/Task/{task['id']}").status_code == 404
    assert bob.call("sandbox-platform", "GET", f"/platform/v1/referrals/{task['id']}").status_code == 404
    assert bob.pushes() == []
    bob.tokens = ann.tokens  # a token is good for the gateway that gave it
    assert bob.call("sandbox-epr", "GET", f"/FHIR/R4/Task/{task['id']}").status_code == 401


def test_the_clock_of_one_is_not_that_of_another(sandbox: Sandbox, ann: Engineer) -> None:
    bob = sandbox.join("Bob")
    before = bob.control("GET").json()["now"]
    ann.advance("P30D")
    assert ann.control("GET").json()["now"][:10] > bob.control("GET").json()["now"][:10]
    assert bob.refer(ACCEPTED)["lastModified"][:10] == before[:10]


def test_a_control_token_is_good_for_its_own_tenant(sandbox: Sandbox, ann: Engineer) -> None:
    bob = sandbox.join("Bob")
    for method, path in (("GET", ""), ("GET", "pushes"), ("POST", "reset"), ("POST", "clock"), ("POST", "trigger")):
        assert bob.control(method, path, {}, token=ann.told["control_token"]).status_code == 401
    nobody = sandbox.http.get(f"/sandbox/tenants/{ann.tenant}")
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    assert sandbox.http.get("/sandbox/tenants/aaaaaaaaaaaa", headers={"Authorization": "Bearer x"}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/t",
        "/t/",
        "/t/aaaaaaaaaaaa/FHIR/R4/metadata",
        "/t/../sandbox/tenants",
        "/t/..%2f..%2fetc/passwd",
        "/t/%2e%2e/x",
        "/t/AAAAAAAAAAAA/x",
        "/t/aaaaaaaaaaaa%00/x",
        "/t/" + "a" * 5000 + "/x",
        "/sandbox/tenants/..%2fx",
        "/sandbox/tenants/%00",
        "/sandbox/scenarios/9434765919/referral",
    ],
)
def test_other_addresses_lead_nowhere(sandbox: Sandbox, path: str) -> None:
    answer = sandbox.http.get(path)
    assert answer.status_code in {400, 404, 405}, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_push_is_taken_from_the_tenants_own_gateway_alone(sandbox: Sandbox, ann: Engineer) -> None:
    key = sandbox.tenants.find(ann.tenant).kept.receiver_key
    at = f"/t/{ann.tenant}/receiver/{{}}/Task/1"
    assert sandbox.http.put(at.format("x"), content=b"{}").status_code == 404
    assert sandbox.http.put(at.format(key), content=b"{}").status_code == 401  # not signed
    assert [one["status"] for one in ann.pushes()] == []


def _wish(own: Engineer, endpoint: str) -> httpx.Response:
    """A Subscription to be sent there."""
    return own.call("sandbox-epr", "POST", "/FHIR/R4/Subscription", subscription(endpoint, header=["X-Mine: 1"]))


def test_whoever_joins_a_sandbox_of_others_makes_it_call_nobody(tmp_path: Path) -> None:
    with running(tmp_path / "tenants") as alone:
        own = alone.join()
        answer = _wish(own, "http://127.0.0.1:9/hooks")  # one's own machine
        assert answer.status_code == 201, answer.text
        kept = f"/FHIR/R4/Subscription/{answer.json()['id']}"
    with running(tmp_path / "tenants", local=False) as shared:
        own.at(shared)
        for host in ("http://127.0.0.1:9", shared.url, "http://localhost", "http://[::1]", "https://10.0.0.1"):
            answer = _wish(own, f"{host}/hooks")
            assert answer.status_code == 422, (host, answer.text)
        assert own.call("sandbox-epr", "GET", kept).json()["status"] == "off"  # that of when it was local


@pytest.mark.parametrize(
    ("host", "base_url", "local"),
    [
        ("127.0.0.1", None, True),
        ("localhost", "http://localhost:8000", True),
        ("0.0.0.0", None, False),
        ("127.0.0.1", "https://sandbox.example/x", False),  # behind a proxy
    ],
)
def test_a_sandbox_that_others_reach_is_not_local(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, base_url: str | None, local: bool
) -> None:
    built: list[bool] = []

    def build(*_: object, local: bool) -> None:
        built.append(local)
        raise OSError

    monkeypatch.setattr("gateway.sandbox.app.build_sandbox", build)
    words = ["sandbox", "--host", host, "--port", "0", "--folder", str(tmp_path)]
    CliRunner().invoke(app, words + (["--base-url", base_url] if base_url else []))
    assert built == [local]
