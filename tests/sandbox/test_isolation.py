"""What one engineer does, no other sees."""

import pytest
from tests.sandbox.engineer import ACCEPTED, Engineer, Sandbox, wait_for


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
    assert bob.control("GET").json()["now"][:16] == before[:16] or bob.control("GET").json()["now"] > before
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
