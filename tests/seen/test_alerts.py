"""Somebody is told once when a destination starts to fail, and once when it recovers: by log, e-mail and webhook."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from pydantic import SecretStr
from sqlalchemy import select
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs
from tests.seen.conftest import RECORD, Seen
from tests.serving import serving

from gateway import watching
from gateway.alerting import Alarm
from gateway.ids import now
from gateway.settings import Settings
from gateway.store.alerts import claim_alerts
from gateway.store.deliveries import Outcome, claim
from gateway.store.engine import Store
from gateway.store.outcomes import alert_row, finish
from gateway.store.schema import alert, destination

SECRET = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"


@dataclass
class Desk:
    """Whoever is told: a mail server and a webhook, both real. Each refuses as often as `refuse` says."""

    mails: list[Message] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    smtp_url: str = ""
    webhook_url: str = ""

    def refuses(self, way: str) -> bool:
        left = self.refuse.get(way, 0)
        self.refuse[way] = left - 1
        return left > 0

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuses("email"):
            return "451 Requested action aborted"
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    async def hook(self, request: Request) -> Response:
        body = await request.body()
        Webhook(SECRET).verify(body, dict(request.headers), json_parse=False)
        if self.refuses("webhook"):
            return Response(status_code=503)
        self.posts.append(json.loads(body) | {"webhook-id": request.headers["webhook-id"]})
        return Response(status_code=204)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    mail = await asyncio.get_running_loop().create_server(lambda: SMTP(desk), "127.0.0.1", 0)
    desk.smtp_url = f"smtp://127.0.0.1:{mail.sockets[0].getsockname()[1]}"
    app = Starlette(routes=[Route("/alerts", desk.hook, methods=["POST"])])
    async with serving(app) as url:
        desk.webhook_url = f"{url}/alerts"
        yield desk
    mail.close()


Told = Callable[..., Settings]


@pytest.fixture
def told(seen: Seen, desk: Desk) -> Told:
    """The settings by which the desk is told."""

    def settings(**changed: Any) -> Settings:
        known: Settings = seen.running.app.state.gateway.settings
        ways = {
            "smtp_url": SecretStr(desk.smtp_url),
            "alert_from": "gateway@gateway.example",
            "alert_to": "desk@trust.example",
            "alert_webhook_url": desk.webhook_url,
            "alert_webhook_secret": SecretStr(SECRET),
        }
        return known.model_copy(update=ways | changed)

    return settings


async def fail(seen: Seen, seconds: float) -> None:
    since = now() - timedelta(seconds=seconds)
    await seen.change_destination(
        state="failing", failures=4, failing_since=since, last_failure="answered 503", alerted_at=None
    )


async def recover(seen: Seen) -> None:
    """As when the worker's probe gets through."""
    await seen.running.refer()
    one = (await claim(seen.running.store, RECORD, 30, 1))[0]
    await finish(seen.running.store, [Outcome(one, "delivered", now(), now(), 20, "done", 200, "")])


async def test_a_failing_destination_is_told_of_once_by_each_way_and_so_is_its_recovery(
    seen: Seen, desk: Desk, told: Told
) -> None:
    await fail(seen, 61)
    alarm = Alarm(seen.running.store, told())
    with capture_logs() as logged:
        for _ in range(3):
            await alarm.tell()
        await recover(seen)
        for _ in range(3):
            await alarm.tell()
    await alarm.close()

    assert [line["kind"] for line in logged if line["event"] == "alert"] == ["failing", "recovered"]
    assert [mail["Subject"] for mail in desk.mails] == [
        f"Destination {RECORD} fails",
        f"Destination {RECORD} has recovered",
    ]
    assert [post["type"] for post in desk.posts] == ["destination.failing", "destination.recovered"]
    first = desk.posts[0]
    assert first["data"] == {
        "destination": RECORD,
        "organisation": "XND01",
        "owner": "Digital integration desk, 01632 960150",
        "reason": "It has failed for 1 min: answered 503.",
    }
    assert first["webhook-id"] == first["id"]
    mail = desk.mails[0]
    assert isinstance(mail, EmailMessage)
    assert (mail["To"], mail["Message-ID"]) == ("desk@trust.example", f"<{first['id']}@gateway.example>")
    assert "answered 503" in mail.get_content()


async def test_trouble_of_a_moment_is_no_news(seen: Seen, told: Told) -> None:
    await fail(seen, 50)
    alarm = Alarm(seen.running.store, told())
    await alarm.tell()
    await recover(seen)
    await alarm.tell()
    await alarm.close()

    assert await seen.alerts() == []


async def test_two_workers_through_restarts_tell_each_alert_once(
    seen: Seen, desk: Desk, told: Told, database_url: str
) -> None:
    await fail(seen, 61)
    stores = [seen.running.store, Store(database_url)]
    for step in (None, recover):
        if step:
            await step(seen)
        stop = asyncio.Event()
        workers = []
        for store in stores:
            part = seen.running.app.state.gateway
            working = type(part)(told(alert_after_seconds=0.2), store, part.directory)
            workers.append(asyncio.create_task(watching.run(working, stop)))
        async with asyncio.timeout(60):
            while any(row.sent_at is None for row in await seen.alerts()) or not await seen.alerts():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)  # each looks again
        stop.set()
        await asyncio.gather(*workers)
    await stores[1].close()

    assert [post["type"] for post in desk.posts] == ["destination.failing", "destination.recovered"]
    assert len(desk.mails) == 2


async def test_a_way_that_fails_is_tried_again_and_the_others_are_not_repeated(
    seen: Seen, desk: Desk, told: Told
) -> None:
    desk.refuse = {"email": 1, "webhook": 2}
    await fail(seen, 61)
    alarm = Alarm(seen.running.store, told())
    with capture_logs() as logged:
        for _ in range(3):
            await alarm.tell()
            await seen.execute(alert.update().values(due_at=now()))
    await alarm.close()

    assert [line["failure"] for line in logged if line["event"] == "alert not sent"] == [
        "the mail server: SMTPDataError",
        "the webhook: 503",
        "the webhook: 503",
    ]
    assert (len(desk.mails), len(desk.posts)) == (1, 1)
    assert [line["event"] for line in logged].count("alert") == 1
    row = (await seen.alerts())[0]
    assert (row.attempts, row.told) == (3, "email log webhook")
    assert row.sent_at


async def test_a_worker_that_died_is_replaced_once_its_lease_is_over(seen: Seen, desk: Desk, told: Told) -> None:
    await seen.running.store.write([(alert, [alert_row(RECORD, "failing", "It has failed.", now())])])
    assert len(await claim_alerts(seen.running.store, 60, 5)) == 1
    alarm = Alarm(seen.running.store, told())
    assert await alarm.tell() == 0
    await seen.execute(alert.update().values(due_at=now()))
    assert await alarm.tell() == 1
    await alarm.close()

    assert (len(desk.mails), len(desk.posts)) == (1, 1)


async def test_nobody_hears_of_a_recovery_first(seen: Seen, desk: Desk, told: Told) -> None:
    earlier = now() - timedelta(minutes=5)
    rows = [alert_row(RECORD, "failing", "Because.", earlier), alert_row(RECORD, "recovered", "Because.", now())]
    rows[0]["due_at"] = now() + timedelta(hours=1)
    await seen.running.store.write([(alert, rows)])
    alarm = Alarm(seen.running.store, told())
    await alarm.tell()
    assert desk.posts == []
    await seen.execute(alert.update().values(due_at=now()))
    for _ in range(2):
        await alarm.tell()
    await alarm.close()

    assert [post["type"] for post in desk.posts] == ["destination.failing", "destination.recovered"]


async def test_after_days_a_destination_is_given_up_and_told_so(seen: Seen, desk: Desk, told: Told) -> None:
    await fail(seen, 5 * 86_400 + 1)
    alarm = Alarm(seen.running.store, told())
    for _ in range(3):
        await alarm.tell()
    await alarm.close()

    assert [post["type"] for post in desk.posts] == ["destination.failing", "destination.disabled"]
    row = (await seen.rows(select(destination.c.state).where(destination.c.id == RECORD)))[0]
    assert row.state == "disabled"


async def test_without_mail_and_webhook_the_log_is_told(seen: Seen) -> None:
    await fail(seen, 61)
    alarm = Alarm(seen.running.store, seen.running.app.state.gateway.settings)
    with capture_logs() as logged:
        await alarm.tell()
    await alarm.close()

    assert [line["event"] for line in logged] == ["alert"]
    assert (await seen.alerts())[0].sent_at


@pytest.mark.parametrize(
    "given",
    [
        {"smtp_url": "smtp://mail.example"},
        {"alert_webhook_url": "https://desk.example/x"},
        {"smtp_url": "http://mail.example", "alert_from": "a@b.example", "alert_to": "c@d.example"},
        {"alert_webhook_url": "http://desk.example/x", "alert_webhook_secret": SECRET},
        {"alert_webhook_url": "https://desk.example/x", "alert_webhook_secret": "secret"},
    ],
)
def test_half_a_way_or_an_unsafe_one_is_refused_at_the_start(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="GATEWAY_"):
        Settings.model_validate(given)
