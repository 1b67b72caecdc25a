"""The referrer amends what was sent: the referral is translated anew, and the hub is told what changed."""

from uuid import uuid4

import pytest
from tests.app import Running, issues_of, message_bundle, referral_bundle, resource_of, task_in
from tests.later.conftest import Refer, Sent, texts


async def test_the_hub_is_told_what_changed(sent: Sent) -> None:
    await sent.work("engaged")
    request = await sent.request()

    amended = await sent.change(request, priority="urgent", reasonCode=request["reasonCode"][:1])

    view = await sent.view()
    assert (amended["meta"]["versionId"], view["referral"]["urgency"], view["status"]) == ("2", "soon", "engaged")
    assert view["amendments"][0]["by"] == "Northdale Mental Health NHS Foundation Trust"
    assert view["amendments"][0]["fields"] == [
        {"field": "urgency", "before": "routine", "after": "soon"},
        {
            "field": "reasons",
            "before": "Mental health and wellbeing; Financial and debt advice",
            "after": "Mental health and wellbeing",
        },
    ]
    assert (await sent.events())[-1] == "amended"


async def test_the_journal_names_the_fields_and_not_what_stands_in_them(sent: Sent) -> None:
    patient = await sent.read(f"Patient/{sent.patient_id}")
    await sent.change(patient, telecom=[{"system": "phone", "value": "07700 900999"}])

    path = f"/platform/v1/referrals/{sent.id}/events"
    events = (await sent.running.call("demo-platform", "GET", path)).json()["events"]

    assert events[-1]["change"] == {"fields": ["person.phones", "person.emails"]}
    assert (await sent.view())["amendments"][0]["fields"] == [
        {"field": "person.phones", "before": "07700 900123", "after": "07700 900999"},
        {"field": "person.emails", "before": "maggie.harrow@example.net"},
    ]


async def test_what_changes_nothing_for_the_hub_is_no_event(sent: Sent) -> None:
    await sent.change(await sent.request(), occurrenceDateTime="2026-04-01")

    assert (await sent.request())["meta"]["versionId"] == "2"
    assert await sent.events() == ["submitted"]


async def test_what_stood_around_a_message_is_not_lost(gateway: Running) -> None:
    answer = await gateway.call(
        "demo-epr", "POST", "/FHIR/R4/$process-message", message_bundle(), X_Request_Id=str(uuid4())
    )
    task = task_in(answer.json())
    sent = Sent(gateway, task["id"], task["focus"]["reference"].split("/")[1], "")

    await sent.change(await sent.request(), occurrenceDateTime="2026-04-01")
    await sent.change(await sent.request(), priority="urgent")

    fields = [[one["field"] for one in amendment["fields"]] for amendment in (await sent.view())["amendments"]]
    assert fields == [["urgency"]]


async def test_the_lists_and_the_trace_say_the_new_version(sent: Sent) -> None:
    await sent.change(await sent.request(), priority="urgent", reasonCode=[{"text": "Pets"}])

    listed = await sent.running.call("demo-platform", "GET", "/platform/v1/referrals")
    trace = await sent.running.call("demo-platform", "GET", f"/platform/v1/referrals/{sent.id}/trace")

    shown = next(one for one in listed.json()["referrals"] if one["id"] == sent.id)
    assert (shown["urgency"], shown["reasons"], shown["version"]) == ("soon", ["Pets"], 2)
    assert [one["text"] for one in trace.json()["unknown"]] == ["Pets"]
    assert any("has words but no code" in warning for warning in (await sent.view())["warnings"])


async def test_what_makes_it_unworkable_is_refused(sent: Sent) -> None:
    refused = await sent.put({name: value for name, value in (await sent.request()).items() if name != "reasonCode"})

    assert (refused.status_code, issues_of(refused)) == (422, [("required", "ServiceRequest.reasonCode")])
    assert (await sent.request())["meta"]["versionId"] == "1"
    assert await sent.events() == ["submitted"]


async def test_whose_it_is_what_it_is_called_and_who_is_asked_stay(refer: Refer) -> None:
    sent, other = await refer(), await refer()
    request = await sent.request()
    eastmere = {"system": "https://fhir.nhs.uk/Id/dos-service-id", "value": "2000090002"}

    person = await sent.put(request, subject={"reference": f"Patient/{other.patient_id}"})
    name = await sent.put(request, identifier=[{"system": "urn:new", "value": "1"}])
    hub = await sent.put(request, performer=[{"identifier": eastmere}])
    taken = await sent.put(request, identifier=[*request["identifier"], (await other.request())["identifier"][0]])

    assert issues_of(person) == [("business-rule", "ServiceRequest.subject")]
    assert issues_of(name) == [("business-rule", "ServiceRequest.identifier")]
    assert issues_of(hub) == [("business-rule", "ServiceRequest.performer")]
    assert (taken.status_code, issues_of(taken)) == (409, [("conflict", "ServiceRequest.identifier")])


async def test_a_further_name_leads_to_the_referral_too(sent: Sent) -> None:
    request = await sent.request()
    await sent.change(request, identifier=[*request["identifier"], {"system": "urn:new", "value": "N1"}])
    bundle = referral_bundle()
    resource_of(bundle, "ServiceRequest")["identifier"] = [{"system": "urn:new", "value": "N1"}]

    again = await sent.fhir("POST", "", bundle)

    assert (again.status_code, again.headers["location"]) == (409, f"Task/{sent.id}")


@pytest.mark.parametrize("status", ["draft", "on-hold", "unknown"])
async def test_a_request_of_an_open_referral_stays_active(sent: Sent, status: str) -> None:
    refused = await sent.put(await sent.request(), status=status)

    assert (refused.status_code, issues_of(refused)) == (422, [("business-rule", "ServiceRequest.status")])
    assert "To ask for a pause send a Communication" in texts(refused)


async def test_after_the_end_nothing_is_amended(sent: Sent) -> None:
    await sent.work("closed-completed")

    refused = await sent.put(await sent.request(), priority="urgent")
    patient = await sent.change(await sent.read(f"Patient/{sent.patient_id}"), gender="other")

    assert "it can no longer be amended. Send a new ServiceRequest" in texts(refused)
    assert patient["gender"] == "other"
    assert (await sent.view())["referral"]["person"]["gender"] == "female"


async def test_a_request_that_is_no_referral_yet_is_a_plain_resource(sent: Sent) -> None:
    request = {"resourceType": "ServiceRequest", "status": "draft", "intent": "plan"}
    stored = await sent.post(request | {"subject": {"reference": f"Patient/{sent.patient_id}"}})

    changed = await sent.change(stored, status="on-hold", intent="order", subject={"display": "Somebody"})

    assert (changed["status"], changed["meta"]["versionId"]) == ("on-hold", "2")


async def test_those_around_the_request_are_part_of_it(sent: Sent) -> None:
    request = await sent.request()
    role = await sent.read(request["requester"]["reference"])
    organisation = await sent.read(role["organization"]["reference"])

    await sent.change(role, telecom=[{"system": "phone", "value": "01632 960046"}])
    await sent.change(organisation, name="Northdale Mental Health Trust")

    amendments = (await sent.view())["amendments"]
    assert [[one["field"] for one in amendment["fields"]] for amendment in amendments] == [
        ["referrer.phone", "referrer.email"],
        ["referrer.organisation.name"],
    ]


async def test_one_change_of_a_person_reaches_each_open_referral(sent: Sent) -> None:
    bundle = referral_bundle()
    bundle["entry"] = [one for one in bundle["entry"] if one["resource"]["resourceType"] not in {"Patient", "Consent"}]
    request = resource_of(bundle, "ServiceRequest")
    request["subject"] = {"reference": f"Patient/{sent.patient_id}"}
    request["supportingInfo"] = [{"reference": "#risk"}]
    request["contained"][0]["subject"] = request["subject"]
    resource_of(bundle, "Task")["for"] = request["subject"]
    answer = await sent.fhir("POST", "", bundle)
    assert answer.status_code == 200, answer.text
    second = Sent(sent.running, task_in(answer.json())["id"], "", sent.patient_id)

    await sent.change(await sent.read(f"Patient/{sent.patient_id}"), gender="other")

    assert [await one.events() for one in (sent, second)] == [["submitted", "amended"]] * 2


async def test_amended_and_answered_in_one_transaction_are_two_events(sent: Sent) -> None:
    await sent.work("info-requested")
    request = await sent.request() | {"priority": "urgent"}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": sent.communication(), "request": {"method": "POST", "url": "Communication"}},
            {"resource": request, "request": {"method": "PUT", "url": f"ServiceRequest/{sent.request_id}"}},
        ],
    }

    answer = await sent.fhir("POST", "", bundle)

    assert answer.status_code == 200, answer.text
    assert (await sent.events())[-2:] == ["amended", "answered"]
    assert (await sent.task())["meta"]["versionId"] == "5"
