"""Of a refused request it is kept who asked for what, when, and why it was refused; never a value, never its body."""

import json
from pathlib import Path
from typing import Any

from tests.app import referral_bundle, resource_of, task_in
from tests.hl7v2.conftest import message, pid
from tests.tracing.conftest import OPERATOR, Asking

from adapters.hl7v2.listener import Block
from gateway.hl7v2 import take
from gateway.store.schema import message as received
from gateway.store.schema import referral

CONVERSATION = "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c11"
SECRET = "Zyxmark"


async def refused(asking: Asking, bundle: Any, status: int = 422, **headers: str) -> None:
    headers.setdefault("X_Correlation_Id", CONVERSATION)
    answer = await asking.running.call("demo-epr", "POST", "/FHIR/R4", bundle, **headers)
    assert answer.status_code == status, answer.text


async def test_why_is_told_with_element_and_rule(asking: Asking) -> None:
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest")["status"] = "draft"
    resource_of(bundle, "Patient")["name"][0]["family"] = SECRET
    await refused(asking, bundle)

    told = await asking.trace(CONVERSATION)

    assert told["stands"] == {"tone": "red", "words": "The request was refused (422), and nothing of it was kept"}
    assert told["received"] == []
    assert told["referral"] is None
    [request] = told["requests"]
    assert (request["client"], request["action"], request["outcome"]) == ("demo-epr", "POST /FHIR/R4", 422)
    found = {one["element"]: one for one in told["findings"] if one["severity"] == "error"}
    assert found["Bundle.entry[4].resource.status"]["rule"] == "request-active"
    assert found["Bundle.entry[4].resource.status"]["text"].startswith("ServiceRequest.status must be active")
    assert SECRET not in json.dumps(told)
    assert await asking.running.count(referral) == await asking.running.count(received) == 0

    await asking.sign_in()
    page = await asking.page(f"/app/trace/{CONVERSATION}")
    assert "its body is not kept" in page
    assert 'href="/docs/rules#rule-request-active"' in page
    assert "See what is hidden" not in page


async def test_it_stands_beside_what_was_taken_later(asking: Asking) -> None:
    bundle = referral_bundle()
    resource_of(bundle, "Patient")["gender"] = SECRET
    await refused(asking, bundle)
    resource_of(bundle, "Patient")["gender"] = "female"
    taken = await asking.running.call("demo-epr", "POST", "/FHIR/R4", bundle, X_Correlation_Id=CONVERSATION)
    assert taken.status_code == 200, taken.text

    told = await asking.trace(CONVERSATION)

    assert told["referral"]["id"] == task_in(taken.json())["id"]
    assert [one["outcome"] for one in told["requests"]] == [422, 200]
    assert told["way"][1] == {"step": "findings", "title": "Checked", "tone": "amber", "words": "1 request refused"}
    assert told["findings"][0]["element"] == "Bundle.entry[0].resource.gender"
    assert SECRET not in json.dumps(told)


async def test_what_cannot_be_read_and_who_may_not(asking: Asking) -> None:
    await refused(asking, b"{", 400)
    moved = await asking.running.call(
        "demo-platform", "POST", "/platform/v1/referrals/x/transitions", {"to": SECRET}, X_Correlation_Id=CONVERSATION
    )
    assert moved.status_code == 422, moved.text
    shut = await asking.running.call("demo-platform", "GET", "/FHIR/R4/Task", X_Correlation_Id=CONVERSATION)
    assert shut.status_code == 403

    told = await asking.trace(CONVERSATION)

    assert [one["outcome"] for one in told["requests"]] == [400, 422, 403]
    assert [one["findings"][0]["element"] for one in told["requests"]] == [None, "to", None]
    assert told["stands"]["words"] == "3 of 3 requests were refused (403), and nothing of it was kept"
    assert SECRET not in json.dumps(told)


async def test_of_an_hl7_v2_message(asking: Asking) -> None:
    text = message("REF^I12", pid(rest="")).replace("Harrow", SECRET)
    acknowledged = await take(asking.running.app.state.gateway, Block(text.replace("\n", "\r").encode(), frozenset()))
    assert acknowledged is not None
    assert b"MSA|AE" in acknowledged
    [found] = (await asking.running.call(OPERATOR, "GET", "/platform/v1/traces")).json()["traces"]

    told = await asking.trace(found["key"])

    assert (found["action"], found["outcome"]) == ("HL7v2 REF^I12", 422)
    assert told["findings"]
    assert all(one["severity"] in {"error", "warning"} for one in told["findings"])
    assert SECRET not in json.dumps(told)


async def test_very_many_findings_are_cut_short(asking: Asking) -> None:
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest")["note"] = [{"text": 1} for _ in range(500)]
    await refused(asking, bundle)

    [row] = [one for one in await asking.audited("POST /FHIR/R4") if one.outcome == 422]

    assert 1 <= len(json.loads(row.findings)) <= 50
    assert len(row.findings) < 60_000


async def test_what_a_sender_names_by_a_persons_data_is_hidden(asking: Asking) -> None:
    """As the name of an element, as a code, and where an id belongs."""
    bundle = referral_bundle()
    patient = resource_of(bundle, "Patient")
    patient[SECRET] = "x"
    patient["contact"] = [{SECRET.lower(): [{"deep": 1}], "name": {f"{SECRET}-{SECRET}": 1}}]
    resource_of(bundle, "ServiceRequest")["note"] = [{"text": "fine", f"{SECRET} 9990001014": 1}]
    await refused(asking, bundle)
    own = {"X_Correlation_Id": CONVERSATION}
    for name in ("9990001014", SECRET, SECRET.lower()):
        answer = await asking.running.call("demo-epr", "GET", f"/FHIR/R4/Patient/{name}", **own)
        assert answer.status_code == 404, answer.text
    await asking.running.call("demo-epr", "GET", f"/FHIR/R4/{SECRET}/1", **own)

    told = json.dumps(await asking.trace(CONVERSATION))
    await asking.sign_in()
    page = await asking.page(f"/app/trace/{CONVERSATION}")

    for shown in (told, page):
        assert "[hidden: name]" in shown
        for word in (SECRET, SECRET.lower(), "9990001014"):
            assert word not in shown
    rows = await asking.audited("GET /FHIR/R4/{type}/{id}")
    assert {row.target for row in rows} == {"Patient/(not an id of ours)", "(not an id of ours)/1"}


async def test_what_was_taken_keeps_no_findings_in_the_audit(asking: Asking, tmp_path: Path) -> None:
    await asking.running.refer()
    [row] = await asking.audited("POST /FHIR/R4")
    assert row.findings is None
