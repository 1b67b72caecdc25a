"""One trace tells all of a referral: what came in, was found, mapped, stored and told. The page and the JSON alike."""

import re
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, event
from tests.app import reference_in, referral_bundle, resource_of, task_in
from tests.tracing.conftest import OPERATOR, RECORD, Asking

from gateway.security import Caller
from gateway.tracing import gathering

CONVERSATION = "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c11"


async def refer(asking: Asking, **headers: str) -> dict[str, Any]:
    """A referral with a code that no map knows; its Task."""
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest")["reasonCode"].append({"coding": [{"system": "urn:local", "code": "X9"}]})
    answer = await asking.running.call("demo-epr", "POST", "/FHIR/R4", bundle, **headers)
    assert answer.status_code == 200, answer.text
    return task_in(answer.json())


async def test_each_part_of_a_referral_is_told(asking: Asking) -> None:
    task = await refer(asking, X_Correlation_Id=CONVERSATION)
    await asking.move(task["id"], to="received", by="Priya Nadar")
    lost = await asking.lose(2)
    reference = reference_in(task)

    told = await asking.trace(reference)

    assert (told["key"], told["masked"]) == (reference, True)
    assert told["stands"] == {"tone": "red", "words": f"1 update did not arrive at {RECORD}: answered 422"}
    assert [(one["title"], one["tone"]) for one in told["way"]] == [
        ("Came in", "green"),
        ("Checked", "amber"),
        ("Mapped", "amber"),
        ("Stored", "green"),
        ("Told", "red"),
    ]
    assert (told["referral"]["status"], told["referral"]["correlation_id"]) == ("received", CONVERSATION)
    came, moved = told["received"]
    assert (came["client"], came["action"], came["status"]) == ("demo-epr", "POST /FHIR/R4", 200)
    assert came["body"]["entry"][0]["resource"]["name"][0]["family"] == "[hidden: short text]"
    assert came["answer"]["type"] == "transaction-response"
    assert moved["body"] == {"to": "received", "by": "[hidden: short text]"}
    [unknown] = [one for one in told["findings"] if one["code"] == "code-invalid" or "no map" in one["text"]]
    assert (unknown["severity"], unknown["element"]) == ("warning", "Bundle.entry[4].resource.reasonCode[2]")
    assert told["unknown"][0]["code"] == "X9"
    fields = {one["target"]: one for one in told["fields"]}
    assert fields["urgency"]["value"] == "routine"
    assert (fields["urgency"]["source"], fields["urgency"]["map"]) == ("ServiceRequest.priority", "priority")
    assert fields["person.nhs_number"]["value"] == "[hidden: 10 digits]"
    assert fields["person.phones[0].value"]["row"] == "phone-value"
    types = {one["type"] for one in told["stored"]["resources"]}
    assert {"Task", "ServiceRequest", "Patient", "PractitionerRole", "Consent"} <= types
    assert next(one["version"] for one in told["stored"]["resources"] if one["type"] == "Task") == 2
    assert [(one["number"], one["type"], one["actor"]["client"]) for one in told["events"]] == [
        (1, "submitted", "demo-epr"),
        (2, "received", "demo-platform"),
    ]
    assert told["events"][1]["change"] == {"to": "received", "from": "submitted"}
    [dead] = [one for one in told["deliveries"] if one["state"] == "dead"]
    assert (dead["id"], dead["destination"], dead["number"]) == (lost, RECORD, 2)
    assert [(one["phase"], one["status"], one["answer"]) for one in dead["attempts"]] == [
        ("done", 422, "invariant: wants an …")
    ]


async def test_the_page_tells_the_same_from_top_to_bottom(asking: Asking) -> None:
    task = await refer(asking)
    await asking.move(task["id"], to="received", by="Priya Nadar")
    lost = await asking.lose(2)
    await asking.sign_in()

    shown = await asking.page(f"/app/trace/{reference_in(task)}")

    for words in (
        "1 update did not arrive at northdale-rio: answered 422",
        "a code that no map here knows",
        "The registered name, else the usual one, else any.",
        "demo-platform of XNP01",
        "Out of retries",
        "invariant: wants an …",
        f'action="/app/deliveries/{lost}/replay"',
        "operations/traces.unmask",
    ):
        assert words in shown, words
    steps = ["received", "requests", "findings", "fields", "stored", "events", "deliveries", "unmask"]
    assert [one for one in re.findall(r'id="([a-z]+)"', shown) if one in steps] == steps
    assert f'href="/app/trace/{lost}"' in await asking.page("/app/deliveries")


async def test_sending_again_comes_back_to_the_trace(asking: Asking) -> None:
    task = await refer(asking)
    lost = await asking.lose(1)
    await asking.sign_in()

    pressed = await asking.press(f"/app/deliveries/{lost}/replay", trace=reference_in(task))

    assert pressed.headers["location"] == f"/app/trace/{reference_in(task)}?sent=1#deliveries"
    assert "1 update is due again" in await asking.page(f"/app/trace/{reference_in(task)}?sent=1")
    assert "did not arrive" not in (await asking.trace(reference_in(task)))["stands"]["words"]
    elsewhere = await asking.press(f"/app/deliveries/{lost}/replay", trace="//evil.example")
    assert elsewhere.headers["location"].startswith("/app/deliveries?")


async def test_any_name_of_it_leads_there(asking: Asking) -> None:
    task = await refer(asking, X_Correlation_Id=CONVERSATION)
    reference = reference_in(task)
    delivery = (await asking.trace(reference))["deliveries"][0]["id"]
    typed = reference.lower().replace("-", "")

    for key in (task["id"], delivery, CONVERSATION, typed, f" {reference} "):
        assert (await asking.trace(key.strip()))["key"] == reference, key


async def test_a_conversation_about_two_referrals_leads_to_both(asking: Asking) -> None:
    tasks = [await refer(asking, X_Correlation_Id=CONVERSATION) for _ in range(2)]

    told = await asking.trace(CONVERSATION)

    assert told["referral"] is None
    assert {one["reference"] for one in told["others"]} == {reference_in(task) for task in tasks}
    assert told["stands"]["tone"] == "green"
    assert len(told["received"]) == 2
    await asking.sign_in()
    shown = await asking.page(f"/app/trace/{CONVERSATION}")
    assert all(f'href="/app/trace/{reference_in(task)}"' in shown for task in tasks)


async def test_what_made_no_referral_has_a_trace_too(asking: Asking) -> None:
    patient = {"resourceType": "Patient", "name": [{"family": "Harrow"}], "birthDate": "1971-06-14"}
    made = await asking.running.call("demo-epr", "POST", "/FHIR/R4/Patient", patient, X_Correlation_Id=CONVERSATION)
    assert made.status_code == 201, made.text

    told = await asking.trace(CONVERSATION)

    assert told["referral"] is None
    assert told["others"] == []
    assert told["received"][0]["body"]["birthDate"] == "[hidden: date]"


async def test_a_key_of_nothing_is_404(asking: Asking) -> None:
    await asking.sign_in()
    known = {"SP-4821-0937-5564", "01a21c60-d85d-7bc2-959f-cc6ab9283027"}  # keys, but of nothing
    wrong = "SP-4821-0937-5565"  # its check digit
    strange = {"nothing", wrong, "x" * 10_240, "..%2f..%2fetc", "%F0%9F%92%A9", "SP-%EF%BC%94821-0937-5564"}
    for key in known | strange | {"%00", "a%00b"}:
        answer = await asking.running.call(OPERATOR, "GET", f"/platform/v1/traces/{key}")
        page = await asking.running.http.get(f"/app/trace/{key}")
        expected = {400} if "%00" in key else {404}
        assert {answer.status_code, page.status_code} == expected, (key, answer.text)
        assert answer.json()["resourceType"] == "OperationOutcome"
    rows = await asking.audited("GET /platform/v1/traces/{key}") + await asking.audited("GET /app/trace/{key}")
    assert {row.target for row in rows} == known | {wrong, "(not an id of ours)"}


async def test_what_it_does_not_look_at_it_does_not_call_well(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_DELIVERIES", 1)
    task = await refer(asking)
    told = await asking.trace(task["id"])
    assert (told["more_deliveries"], len(told["deliveries"])) == (False, 1)
    await asking.move(task["id"], to="received", by="Priya Nadar")
    await asking.lose(2)

    told = await asking.trace(task["id"])
    await asking.sign_in()

    assert (told["more_deliveries"], len(told["deliveries"])) == (True, 1)
    assert told["stands"] == {
        "tone": "amber",
        "words": "There are more than 1 update, and the newest are not looked at here",
    }
    assert told["way"][4]["words"] == "0 of the first 1 updates arrived"
    assert "These are the first 1 updates. There are newer ones" in await asking.page(f"/app/trace/{task['id']}")


async def test_it_is_for_operators_whose_token_allows_it(asking: Asking) -> None:
    """A trace shows what other systems sent and answered: EPRs and platforms see their own side of it elsewhere."""
    watcher = Caller("demo-watcher", "XNP01", "operator", frozenset({"operations/deliveries.read"}))
    asking.running.tokens["demo-watcher"] = asking.running.app.state.gatekeeper.issue(watcher)
    reference = reference_in(await refer(asking))
    asked = [("GET", ""), ("GET", f"/{reference}"), ("GET", f"/{uuid4()}"), ("POST", "/_search")]

    for client in ("demo-epr", "demo-epr-2", "demo-platform", "demo-platform-2", "demo-watcher"):
        for method, path in (*asked, ("POST", f"/{reference}/unmask")):
            body: Any = {} if method == "POST" else None
            answer = await asking.running.call(client, method, f"/platform/v1/traces{path}", body)
            assert answer.status_code == 403, (client, path, answer.text)
            assert reference not in answer.text
    assert (await asking.running.call(None, "GET", f"/platform/v1/traces/{reference}")).status_code == 401
    assert (await asking.running.http.get(f"/app/trace/{reference}")).headers["location"] == "/app/sign-in"
    await asking.sign_in("demo-watcher")
    for path in ("", f"/{reference}"):
        assert (await asking.running.http.get(f"/app/trace{path}")).status_code == 403
    assert "/app/trace" not in await asking.page("/app/deliveries")


async def test_however_much_happened_it_takes_as_many_queries(asking: Asking) -> None:
    task = await refer(asking)
    reference = reference_in(task)
    asked: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_others: Any) -> None:
        asked.extend([statement] if statement.lstrip().startswith("SELECT") else [])

    event.listen(asking.running.store.engine.sync_engine, "before_cursor_execute", note)
    await asking.trace(reference)
    few = len(asked)
    for status in ("received", "accepted", *("on-hold", "accepted") * 4):
        why = {"text": "She is away.", "review_date": "2099-01-01"} if status == "on-hold" else {}
        await asking.move(task["id"], to=status, by="Priya Nadar", **why)
    asked.clear()

    assert len((await asking.trace(reference))["events"]) == 11
    assert len(asked) == few <= 12, asked
