"""Changes as signed events: from a referral that came over HTTP to the receiver's socket."""

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from tests.app import Running, reference_in, referral_bundle, task_in
from tests.delivery.kinds.told import Receiver, is_so, telling
from tests.waiting import Until


async def test_a_platform_hears_of_its_hubs_referrals_by_signed_events(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until, secret: str
) -> None:
    hook = {"kind": "webhook", "secret": secret, "organisation": "XNP01"}
    bundle = referral_bundle()
    base = {"base_url": "https://gateway.example"}
    chosen = settings.model_copy(update=base)
    async with telling(gateway, tmp_path, chosen, url=f"{receiver.url}/hook", hubs=["northdale-wellbeing-hub"], **hook):
        task = task_in((await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)).json())
        await gateway.call(
            "demo-platform", "POST", f"/platform/v1/referrals/{task['id']}/transitions", {"to": "received"}
        )
        await until(lambda: is_so(len(receiver.asked) == 2))

    for asked in receiver.asked:
        assert asked.path == "/hook"
        assert asked.headers["content-type"] == "application/cloudevents+json"
        Webhook(secret).verify(asked.body, asked.headers)
        assert asked.headers["webhook-id"] == json.loads(asked.body)["id"]
    first, second = receiver.bodies
    assert [one["type"].rpartition(".")[2] for one in (first, second)] == ["submitted", "received"]
    assert first["subject"] == second["subject"] == reference_in(task)
    assert second["dataref"] == f"https://gateway.example/platform/v1/referrals/{task['id']}"
    assert first["sequence"] < second["sequence"]
    sent = json.dumps(bundle)
    for secret_word in re.findall(r'"(?:family|value|text|line|birthDate)": "([^"]{5,})"', sent):
        assert secret_word not in receiver.asked[0].body.decode()


async def test_a_platform_hears_nothing_of_other_hubs(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until, secret: str
) -> None:
    hook = {"kind": "webhook", "secret": secret, "organisation": "XSP01"}
    async with telling(gateway, tmp_path, settings, url=receiver.url, hubs=["southholme-link-hub"], **hook):
        answered = await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())
        assert answered.status_code == 200
        await asyncio.sleep(0.3)

    assert receiver.asked == []


async def test_a_sender_may_have_events_too_which_lead_to_its_task(
    gateway: Running, receiver: Receiver, settings: Any, tmp_path: Path, until: Until, secret: str
) -> None:
    hook = {"kind": "webhook", "secret": secret, "organisation": "XND01"}
    async with telling(gateway, tmp_path, settings, url=receiver.url, **hook):
        task = task_in((await gateway.call("demo-epr", "POST", "/FHIR/R4", referral_bundle())).json())
        await until(lambda: is_so(len(receiver.asked) == 1))

    assert receiver.bodies[0]["dataref"].endswith(f"/FHIR/R4/Task/{task['id']}")


@pytest.mark.parametrize("spoilt", ["body", "id", "time", "nothing"])
def test_the_snippet_of_the_readme_verifies_an_event(secret: str, spoilt: str) -> None:
    readme = (Path(__file__).parents[3] / "src/adapters/webhook/README.md").read_text("utf-8")
    [snippet] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    room: dict[str, Any] = {}
    exec(snippet, room)
    now = datetime.now(UTC)
    body = b'{"specversion":"1.0","id":"d1"}'
    headers = {
        "webhook-id": "d1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("d1", now, body.decode()),
    }
    if spoilt == "id":
        headers["webhook-id"] = "d2"
    if spoilt == "time":
        headers["webhook-timestamp"] = str(int(now.timestamp()) - 3600)

    taken = room["is_ours"](secret, headers, body + b" " if spoilt == "body" else body)

    assert taken is (spoilt == "nothing")
    if spoilt == "nothing":
        Webhook(secret).verify(body, headers)
    else:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body + b" " if spoilt == "body" else body, headers)
