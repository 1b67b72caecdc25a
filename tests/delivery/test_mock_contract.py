"""The mock EPR keeps the contract that src/adapters/rio/README.md states, rule by rule."""

import json
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, KeySet
from standardwebhooks import Webhook
from tests.certificates import certificate
from tests.serving import serving

import adapters.rio
from adapters.rio.mock import build_mock
from gateway.security import token_request

Task = dict[str, Any]
Make = Callable[..., Task]


@pytest.fixture
def put(epr: Any, secret: str) -> Callable[..., Any]:
    """PUTs a Task as the gateway does, or with what a test changes about it."""

    async def send(
        task: Task, webhook_id: str | None = None, at: datetime | None = None, key: str = secret, **headers: str
    ) -> httpx.Response:
        body = json.dumps(task)
        at = at or datetime.now(UTC)
        webhook_id = webhook_id or f"{task['id']}-{task['meta']['versionId']}"
        signed = {
            "Content-Type": "application/fhir+json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(key).sign(webhook_id, at, body),
        }
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: httpx.Response = await epr.client.put(
            f"/FHIR/R4/Task/{task['id']}", content=body, headers=signed | given
        )
        return answer

    return send


async def read_page(epr: Any) -> str:
    """The caseload as the records desk sees it."""
    await epr.client.post("/sign-in", data={"name": "records", "password": "demo"})
    page: str = (await epr.client.get("/")).text
    return page


def issue_code(answer: httpx.Response) -> str:
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    code: str = body["issue"][0]["code"]
    return code


def test_each_rule_of_the_readme_has_its_test() -> None:
    readme = (Path(adapters.rio.__file__).parent / "README.md").read_text()
    rules = set(re.findall(r"^\| (R\d+) \|", readme, re.MULTILINE))

    assert rules == {found[1].upper() for name in globals() if (found := re.match(r"test_(r\d+)_", name))}


async def test_r1_it_takes_a_task_and_nothing_else(epr: Any, put: Any, a_task: Make) -> None:
    assert (await put(a_task())).status_code == 200
    assert (await put(a_task(), Content_Type="application/json")).status_code == 415
    for wrong in (
        {"resourceType": "Patient"},
        {"status": None},
        {"meta": {"versionId": "one", "lastUpdated": "today"}},
        {"meta": {"versionId": "9" * 30, "lastUpdated": "2026-01-12T10:12:00Z"}},
        {"for": ["Patient/1"]},
    ):
        answer = await put(a_task() | wrong, webhook_id="d1")
        assert (answer.status_code, issue_code(answer)) in ((400, "structure"), (400, "invalid"))
    assert len((await epr.record())["referrals"]) == 1
    odd = {"businessStatus": {"coding": [{"code": {}}]}, "note": [{"text": ["x"]}]}  # it files what it can
    assert (await put(a_task(reference="SP-2") | odd)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "whsec_YW5vdGhlci1zZWNyZXQtYWx0b2dldGhlcg=="},
        {"at": -timedelta(minutes=6)},
        {"at": timedelta(minutes=6)},
        {"webhook_signature": "v1,AAAA"},
        {"webhook_signature": "nonsense"},
        {"webhook_timestamp": "yesterday"},
    ],
    ids="-".join,
)
async def test_r2_it_believes_only_what_is_signed(epr: Any, put: Any, a_task: Make, changed: Task) -> None:
    if "at" in changed:
        changed = {"at": datetime.now(UTC) + changed["at"]}

    answer = await put(a_task(), **changed)

    assert (answer.status_code, issue_code(answer)) == (401, "login")
    assert await epr.record() == {"referrals": {}, "repeats": 0, "out_of_order": 0, "bad_signature": 1}


async def test_r2_a_request_without_signature_is_refused(epr: Any) -> None:
    answer = await epr.client.put("/FHIR/R4/Task/t1", content=b"{}")

    assert answer.status_code == 401


async def test_r3_newer_versions_are_filed_in_turn(epr: Any, put: Any, a_task: Make) -> None:
    task = a_task()
    for number in (1, 2, 3):
        answer = await put(a_task(number, task["id"]))
        assert (answer.status_code, answer.headers["etag"]) == (200, f'W/"{number}"')

    assert await epr.versions("SP-1111-2222-3333") == [1, 2, 3]


async def test_r4_a_repeat_changes_nothing(epr: Any, put: Any, a_task: Make) -> None:
    task = a_task()
    await put(task, "d1")
    await put(a_task(2, task["id"]), "d2")

    assert (await put(task, "d1")).status_code == 200  # known id, though older by now
    assert (await put(a_task(2, task["id"]), "d3")).status_code == 200  # same version under another id
    assert await epr.versions("SP-1111-2222-3333") == [1, 2]
    assert (await epr.record())["repeats"] == 2


async def test_r5_an_older_version_is_a_conflict(epr: Any, put: Any, a_task: Make) -> None:
    task = a_task(number=2)
    await put(task, "d2")

    answer = await put(a_task(1, task["id"]), "d1")

    assert (answer.status_code, issue_code(answer)) == (409, "conflict")
    assert await epr.versions("SP-1111-2222-3333") == [2]
    assert (await epr.record())["out_of_order"] == 1


async def test_r6_the_record_and_its_page_show_what_was_filed(epr: Any, put: Any, a_task: Make) -> None:
    task = a_task() | {"businessStatus": {"coding": [{"code": "paused"}], "text": "Paused: <b>in hospital</b>"}}
    await put(task)

    [update] = (await epr.record())["referrals"]["SP-1111-2222-3333"]
    assert (update["status"], update["business_status"]) == ("accepted", "paused")
    assert update["line"] == "Paused: <b>in hospital</b>"
    assert update["lag_ms"] >= 0
    page = await read_page(epr)
    assert "SP-1111-2222-3333" in page
    assert "Paused: &lt;b&gt;in hospital&lt;/b&gt;" in page

    await epr.client.delete("/record")
    assert "No referral" in await read_page(epr)


async def test_r7_scripted_faults_happen_as_often_as_asked(epr: Any, put: Any, a_task: Make) -> None:
    task = a_task()
    await epr.fail(fail_next=1, status=503, retry_after=7, task_id=task["id"])

    assert (await put(a_task(reference="SP-9999-8888-7777"))).status_code == 200  # not the Task that was meant
    refused = await put(task)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
    assert (await put(task)).status_code == 200


async def test_r7_an_answer_may_be_lost_after_the_update_is_filed(epr: Any, put: Any, a_task: Make) -> None:
    await epr.fail(fail_next=1, status=504, stored=True)

    assert (await put(a_task())).status_code == 504
    assert await epr.versions("SP-1111-2222-3333") == [1]


async def test_r8_a_fault_may_come_inside_a_200(epr: Any, put: Any, a_task: Make) -> None:
    await epr.fail(fail_next=1, status=200)

    answer = await put(a_task())

    assert (answer.status_code, answer.json()["issue"][0]["severity"]) == (200, "error")
    assert (await epr.record())["referrals"] == {}


async def test_r9_what_it_holds_can_be_read_back(epr: Any, put: Any, a_task: Make) -> None:
    task = a_task()
    assert (await epr.client.get(f"/FHIR/R4/Task/{task['id']}")).status_code == 404
    await put(task)
    newer = a_task(2, task["id"]) | {"note": [{"text": "Zoë"}]}
    await put(newer)

    held = await epr.client.get(f"/FHIR/R4/Task/{task['id']}")

    assert (held.status_code, held.headers["etag"], held.json()) == (200, 'W/"2"', newer)


async def test_r10_a_version_is_filed_only_upon_the_one_it_was_made_from(epr: Any, put: Any, a_task: Make) -> None:
    task = a_task()
    await put(task)

    missed = await put(a_task(3, task["id"]), If_Match='W/"2"')
    assert (missed.status_code, issue_code(missed)) == (412, "conflict")
    assert (await put(a_task(2, task["id"]), If_Match='W/"1"')).status_code == 200
    assert (await put(a_task(2, task["id"]), If_Match='W/"1"')).status_code == 200  # a repeat, though 2 is held now
    assert (await put(a_task(3, task["id"]), If_Match="two")).status_code == 400
    assert await epr.versions("SP-1111-2222-3333") == [1, 2]
    assert (await put(a_task(1), If_Match='W/"0"')).status_code == 200  # none is held


async def test_r11_the_provenance_is_kept_with_the_version(epr: Any, put: Any, a_task: Make) -> None:
    provenance = {"resourceType": "Provenance", "recorded": "2026-01-12T10:12:00Z"}

    assert (await put(a_task(), X_Provenance=json.dumps(provenance))).status_code == 200
    for wrong in ("Dr Osei", "[]", '{"resourceType": "Task"}', json.dumps(provenance | {"target": []})):
        assert (await put(a_task(), X_Provenance=wrong)).status_code == 400

    [update] = (await epr.record())["referrals"]["SP-1111-2222-3333"]
    assert update["provenance"] == provenance
    assert "with Provenance" in await read_page(epr)


@pytest.fixture
def key() -> ECKey:
    return ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)


async def test_r12_where_tokens_are_asked_for_they_are_given_for_a_key(
    secret: str, key: ECKey, a_task: Make, put: Any, epr: Any
) -> None:
    mock = build_mock(secret, jwks=KeySet([key]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock), base_url="http://epr.test") as client:
        epr.client = client
        refused = await put(a_task())
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert (await client.get("/FHIR/R4/Task/t1")).status_code == 401

        where = (await client.get("/FHIR/R4/.well-known/smart-configuration")).json()["token_endpoint"]
        form = token_request("gateway", key.as_dict(private=True), where)
        given = (await client.post(where, data=form)).json()
        authorization = f"Bearer {given['access_token']}"

        assert (await put(a_task(), Authorization=authorization)).status_code == 200
        again = await client.post(where, data=form)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_client")  # an assertion is good once


async def test_r12_no_token_for_another_key_or_another_place(secret: str, key: ECKey) -> None:
    mock = build_mock(secret, jwks=KeySet([key]))
    other = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    where = "http://epr.test/oauth2/token"
    right, wrong = key.as_dict(private=True), other.as_dict(private=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock), base_url="http://epr.test") as client:
        for form in (
            token_request("gateway", wrong, where),
            token_request("gateway", right, "http://elsewhere.test/oauth2/token"),
            token_request("gateway", right, where) | {"client_assertion": "a.b.c"},
            token_request("gateway", right, where) | {"grant_type": "password"},
            {},
        ):
            answer = await client.post(where, data=form)
            assert (answer.status_code, "access_token" in answer.json()) == (400, False)


async def test_r12_where_certificates_are_asked_for_none_is_refused(
    secret: str, tmp_path: Path, put: Any, epr: Any, a_task: Make
) -> None:
    ours, theirs = certificate(tmp_path, "epr"), certificate(tmp_path, "gateway")
    tls: dict[str, Any] = {"ssl_certfile": ours[0], "ssl_keyfile": ours[1]}
    tls |= {"ssl_ca_certs": str(theirs[0]), "ssl_cert_reqs": ssl.CERT_OPTIONAL}
    async with serving(build_mock(secret, mutual=True), **tls) as url:
        for shown, status in ((None, 403), (theirs, 200)):
            known = ssl.create_default_context(cafile=ours[0])
            if shown:
                known.load_cert_chain(*shown)
            async with httpx.AsyncClient(base_url=url, verify=known, trust_env=False, timeout=30) as client:
                epr.client = client
                assert (await put(a_task())).status_code == status
                soap = await client.post("/API/4.0/ApiService")
                assert soap.status_code == (status if status == 403 else 415)
                assert (await client.get("/")).status_code == 200  # whoever looks needs none
