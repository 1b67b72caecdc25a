"""Seeing what is hidden takes a scope and a reason, is written down first, and leaves nothing behind."""

from typing import Any

import pytest
from tests.app import reference_in, referral_bundle, resource_of
from tests.tracing.conftest import INVESTIGATOR, OPERATOR, REASON, Asking

from gateway.operations.exchange import UNMASK
from gateway.security import Caller

FAMILY = "Harrow"
ACTION = "unmask trace"


async def test_it_is_audited_and_holds_for_one_answer(asking: Asking) -> None:
    task = await asking.running.refer()
    reference = reference_in(task)
    path = f"/platform/v1/traces/{reference}/unmask"

    answer = await asking.running.call(INVESTIGATOR, "POST", path, {"reason": f"  {REASON}\n"})

    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["masked"] is False
    assert FAMILY in told["received"][0]["raw"]
    assert {"value": FAMILY}.items() <= next(
        one.items() for one in told["fields"] if one["target"] == "person.family_name"
    )
    [row] = await asking.audited(ACTION)
    assert (row.client_id, row.organisation, row.outcome) == (INVESTIGATOR, "XNP01", 200)
    assert row.target == f"Task/{task['id']}: {REASON}"
    again = await asking.running.call(INVESTIGATOR, "GET", f"/platform/v1/traces/{reference}")
    assert again.headers["cache-control"] == "no-store"
    assert FAMILY not in again.text
    seen = again.json()["requests"][-1]
    assert (seen["client"], seen["action"], seen["target"]) == (INVESTIGATOR, ACTION, f"Task/{task['id']}")
    assert REASON not in again.text  # people write of people
    assert REASON in (await asking.running.call(INVESTIGATOR, "POST", path, {"reason": "To see why it was."})).text


async def test_on_the_page_too(asking: Asking) -> None:
    reference = reference_in(await asking.running.refer())
    await asking.sign_in(INVESTIGATOR)

    shown = await asking.press(f"/app/trace/{reference}/unmask", reason=REASON)

    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    assert FAMILY in shown.text
    assert "People&#39;s data is shown" in shown.text or "People's data is shown" in shown.text
    assert len(await asking.audited(ACTION)) == 1
    after = await asking.page(f"/app/trace/{reference}")
    assert FAMILY not in after
    assert REASON not in after
    assert reference in await asking.page()  # the search stands, though the audit now tells of people


async def test_no_reason_no_data_and_no_row(asking: Asking) -> None:
    reference = reference_in(await asking.running.refer())
    await asking.sign_in(INVESTIGATOR)
    texts = ["", "   ", "short", "becausebecause", "x y\x00 and more words", "why " * 60]
    reasons: list[Any] = [*texts, None, 5, ["a reason given"]]
    for reason in reasons:
        path = f"/platform/v1/traces/{reference}/unmask"
        answer = await asking.running.call(INVESTIGATOR, "POST", path, {"reason": reason})
        assert answer.status_code == 422, (reason, answer.text)
        assert "reason" in answer.json()["issue"][0]["diagnostics"]
        assert FAMILY not in answer.text
    for reason in texts:
        page = await asking.press(f"/app/trace/{reference}/unmask", reason=reason)
        assert page.status_code == 422, reason
        assert "why you must see it" in page.text
        assert FAMILY not in page.text
    assert await asking.audited(ACTION) == []


async def test_the_scope_is_needed_and_the_form_must_be_ours(asking: Asking) -> None:
    reference = reference_in(await asking.running.refer())
    path = f"/platform/v1/traces/{reference}/unmask"
    assert (await asking.running.call(OPERATOR, "POST", path, {"reason": REASON})).status_code == 403
    await asking.sign_in(OPERATOR)
    assert (await asking.press(f"/app/trace/{reference}/unmask", reason=REASON)).status_code == 403
    await asking.sign_in(INVESTIGATOR)
    forged = await asking.running.http.post(
        f"/app/trace/{reference}/unmask", data={"reason": REASON, "proof": "0" * 64}
    )
    assert forged.status_code == 403
    assert FAMILY not in forged.text
    assert (await asking.running.http.get(f"/app/trace/{reference}/unmask")).status_code == 405
    nothing = await asking.running.call(INVESTIGATOR, "POST", f"{path[:-19]}5564/unmask", {"reason": REASON})
    assert nothing.status_code == 404
    assert await asking.audited(ACTION) == []


async def test_who_may_not_see_a_trace_may_not_unmask_one(asking: Asking) -> None:
    reference = reference_in(await asking.running.refer())
    half = Caller("demo-half", "XNP01", "operator", frozenset({UNMASK}))
    asking.running.tokens["demo-half"] = asking.running.app.state.gatekeeper.issue(half)
    answer = await asking.running.call(
        "demo-half", "POST", f"/platform/v1/traces/{reference}/unmask", {"reason": REASON}
    )
    assert answer.status_code == 403
    assert "operations/traces.read" in answer.text
    assert FAMILY not in answer.text
    assert await asking.audited(ACTION) == []


async def test_without_the_audit_nothing_is_shown(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = reference_in(await asking.running.refer())

    async def fail(*_rows: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(asking.running.store, "write", fail)
    answer = await asking.running.call(
        INVESTIGATOR, "POST", f"/platform/v1/traces/{reference}/unmask", {"reason": REASON}
    )

    assert answer.status_code == 503
    assert FAMILY not in answer.text


async def test_where_restricted_people_are_stays_withheld(asking: Asking) -> None:
    bundle = referral_bundle()
    patient = resource_of(bundle, "Patient")
    patient.setdefault("meta", {})["security"] = [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    ]
    city, line = patient["address"][0]["city"], patient["address"][0]["line"][0]
    sent = await asking.running.call("demo-epr", "POST", "/FHIR/R4", bundle)
    assert sent.status_code == 200, sent.text
    key = (await asking.running.call(OPERATOR, "GET", "/platform/v1/traces")).json()["traces"][0]["key"]

    answer = await asking.running.call(INVESTIGATOR, "POST", f"/platform/v1/traces/{key}/unmask", {"reason": REASON})

    assert FAMILY in answer.text
    assert line not in answer.text
    assert f'"city":"{city}"' not in answer.text
