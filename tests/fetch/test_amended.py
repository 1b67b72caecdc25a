"""A referral that was fetched is amended as any other: its Task had versions before there was a referral."""

from typing import Any

from tests.fetch.sender import Sender
from tests.later.conftest import Sent
from tests.later.test_consent import consent

Json = dict[str, Any]


async def fetched(sender: Sender) -> Sent:
    task_id = await sender.send()
    await sender.fetch()
    task = await sender.read(task_id)
    return Sent(sender.running, task_id, *(task[name]["reference"].split("/")[1] for name in ("focus", "for")))


async def test_what_was_fetched_is_amended(sender: Sender) -> None:
    sent = await fetched(sender)
    assert "NOT SENT YET" not in (await sent.view())["referral"]["presenting_text"]

    await sent.change(await sent.request(), priority="urgent")
    await sent.change(await sent.read(f"Patient/{sent.patient_id}"), gender="other")

    fields = [[one["field"] for one in amendment["fields"]] for amendment in (await sent.view())["amendments"]]
    assert fields == [["urgency"], ["person.gender"]]


async def test_a_refusal_is_heard(sender: Sender) -> None:
    sent = await fetched(sender)

    await sent.post(consent(sent, "deny"))

    assert (await sent.events())[-1] == "consent-changed"
