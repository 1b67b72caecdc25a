"""Why somebody is referred, where BaRS says it: in Conditions that come along, and that the request does not name."""

import copy

from tests.app import Json, Running, message_bundle, resource_of, task_in
from tests.fhir.messages.said import answered, later, say
from tests.later.conftest import Sent
from tests.later.test_consent import consent


def beside(text: str) -> Json:
    """A message whose reason is in a Condition that its request does not name."""
    bundle = message_bundle()
    request = resource_of(bundle, "ServiceRequest")
    del request["reasonCode"]
    condition = {"resourceType": "Condition", "subject": request["subject"], "code": {"text": text}}
    bundle["entry"].append({"fullUrl": "urn:uuid:0d7c2f1a-0000-4a1e-9f65-6b1f0c5200aa", "resource": condition})
    return bundle


async def refer(gateway: Running, bundle: Json) -> Sent:
    task = task_in(answered(await say(gateway, copy.deepcopy(bundle))))
    return Sent(gateway, task["id"], *(task[name]["reference"].split("/")[1] for name in ("focus", "for")))


async def reasons(sent: Sent) -> list[str]:
    return [one["label"] for one in (await sent.view())["referral"]["reasons"]]


async def test_the_request_names_the_conditions_that_came_along(gateway: Running) -> None:
    sent = await refer(gateway, beside("Lonely since she retired"))

    (named,) = (await sent.request())["reasonReference"]

    assert (await sent.read(named["reference"]))["code"] == {"text": "Lonely since she retired"}
    assert await reasons(sent) == ["Lonely since she retired"]


async def test_the_reasons_stay_when_something_else_changes(gateway: Running) -> None:
    sent = await refer(gateway, beside("Lonely since she retired"))

    await sent.change(await sent.read(f"Patient/{sent.patient_id}"), gender="other")
    await sent.change(await sent.request(), priority="urgent")
    await sent.post(consent(sent, "deny"))

    assert await reasons(sent) == ["Lonely since she retired"]
    assert await sent.events() == ["submitted", "amended", "amended", "consent-changed"]


async def test_an_update_brings_its_own_conditions_or_leaves_them(gateway: Running) -> None:
    bundle = beside("Lonely since she retired")
    sent = await refer(gateway, bundle)
    urgent, other = later(bundle), later(bundle, hours=2)
    resource_of(urgent, "ServiceRequest")["priority"] = "urgent"
    urgent["entry"] = urgent["entry"][:-1]
    resource_of(other, "Condition")["code"] = {"text": "Arrears on the rent"}

    answered(await say(gateway, urgent))
    assert await reasons(sent) == ["Lonely since she retired"]
    answered(await say(gateway, other))

    assert await reasons(sent) == ["Arrears on the rent"]


async def test_a_condition_that_is_corrected_is_an_amendment(gateway: Running) -> None:
    sent = await refer(gateway, beside("Lonely since she retired"))
    (named,) = (await sent.request())["reasonReference"]

    await sent.change(await sent.read(named["reference"]), code={"text": "Lonely"})

    assert await reasons(sent) == ["Lonely"]
